"""Tables of sigma nought: what is read, what lies between, and what is refused."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from radarfiles import calibration_xml
from scipy.interpolate import RegularGridInterpolator

from minewatch.sources.stac._calibration import parsed_calibration

LINES, PIXELS = np.array([-40.0, 160, 530]), np.array([0.0, 40, 80, 300])


def test_between_the_vectors_the_table_is_bilinear(rng: np.random.Generator) -> None:
    values = rng.uniform(200, 900, (3, 4)).round(3)
    table = parsed_calibration(calibration_xml(LINES, PIXELS, values))
    npt.assert_array_equal(table.amplitude, values)
    lines, pixels = np.arange(-40.0, 530, 31), np.arange(0.0, 300, 17)
    scipys = RegularGridInterpolator((LINES, PIXELS), values)
    expected = scipys(np.stack(np.meshgrid(lines, pixels, indexing="ij"), axis=-1))
    npt.assert_allclose(table.at(lines, pixels), expected, rtol=1e-12)
    beyond = table.at(np.array([-99.0, 900]), np.array([-5.0, 999]))
    npt.assert_array_equal(beyond, values[[[0, 0], [2, 2]], [[0, 3], [0, 3]]])


def test_vectors_may_have_pixels_of_their_own() -> None:
    def vector(line: int, pixels: str, values: str) -> str:
        return (
            f"<calibrationVector><line>{line}</line><pixel>{pixels}</pixel>"
            f"<sigmaNought>{values}</sigmaNought></calibrationVector>"
        )

    text = f"<c><l>{vector(10, '0 10', '3 5')}{vector(0, '0 4 10', '1 2 8')}</l></c>"
    table = parsed_calibration(text.encode())
    # (2 + 3.8) / 2 half way between the lines, at pixel 4; 6 and 4.6 at pixel 8
    npt.assert_allclose(table.at(np.array([0.0, 5]), np.array([4.0, 8])), [[2, 6], [2.9, 5.3]])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<html>please log in", "is no XML"),
        ("<product/>", "has no calibrationVector"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type"),
        ("<a><calibrationVector/></a>", "no numbers in"),
        (
            "<a><calibrationVector><line>0</line><pixel>0 1</pixel><sigmaNought>1</sigmaNought>"
            "</calibrationVector></a>",
            "not one sigmaNought for each pixel",
        ),
        (
            "<a><calibrationVector><line>0</line><pixel>0 1</pixel><sigmaNought>1 0</sigmaNought>"
            "</calibrationVector></a>",
            "not above 0",
        ),
        (
            "<a><calibrationVector><line>0</line><pixel>0 x</pixel><sigmaNought>1 1</sigmaNought>"
            "</calibrationVector></a>",
            "no numbers in pixel",
        ),
    ],
)
def test_what_is_no_calibration_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parsed_calibration(text.encode())


def test_two_vectors_of_one_line_are_refused() -> None:
    with pytest.raises(ValueError, match="two vectors of one line"):
        parsed_calibration(calibration_xml([3, 3], [0, 1], np.ones((2, 2))))
