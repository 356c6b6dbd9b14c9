"""Quality bits and classes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind

from minewatch import masks


@pytest.mark.parametrize(
    ("value", "clear"),
    [
        (21824, True),  # clear land
        (21952, True),  # clear water
        (22280, False),  # cloud
        (23888, False),  # shadow, with the "clear" bit set
        (1, False),  # fill
        (0, False),  # outside of the scene
        *((21824 | 1 << bit, False) for bit in range(5)),
    ],
)
def test_landsat_bits(value: int, clear: bool) -> None:
    assert masks.landsat_clear(layer(np.full((1, 1), value, "u2"))).item() is clear


def test_landsat_snow_is_a_choice() -> None:
    snow = layer(np.full((1, 1), 21824 | 1 << 5, "u2"))
    assert masks.landsat_clear(snow).item() is True
    assert masks.landsat_clear(snow, snow=False).item() is False


def test_landsat_agrees_with_each_bit_read_alone(rng: np.random.Generator) -> None:
    quality = layer(rng.integers(0, 2**16, (23, 19)).astype("u2"), "quality")
    got = lazy_and_blind(masks.landsat_clear, quality)
    wanted = [
        value != 0 and not any(value >> bit & 1 for bit in range(5))
        for value in quality.values.ravel().tolist()
    ]
    npt.assert_array_equal(got.values.ravel(), wanted)
    assert got.dtype == bool
    assert got.attrs["excluded_bits"] == 31


def test_sentinel2_classes(rng: np.random.Generator) -> None:
    quality = layer(rng.integers(0, 12, (23, 19)).astype("u1"), "quality")
    got = lazy_and_blind(masks.sentinel2_clear, quality)
    npt.assert_array_equal(got, np.isin(quality, [4, 5, 6, 7]))
    more = masks.sentinel2_clear(quality, classes=(2, 5))
    npt.assert_array_equal(more, np.isin(quality, [2, 5]))
    assert more.attrs["classes"] == [2, 5]


@pytest.mark.parametrize("classes", [(), (0, 4), (4, 12)])
def test_sentinel2_refuses_what_is_no_ground(classes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"use e\.g\. \(4, 5, 6, 7\)"):
        masks.sentinel2_clear(layer(np.zeros((1, 1), "u1")), classes=classes)


def test_palsar_codes(rng: np.random.Generator) -> None:
    codes = np.array([0, 50, 100, 150, 255], "u1")
    quality = layer(rng.choice(codes, (23, 19)), "quality")
    got = lazy_and_blind(masks.palsar_clear, quality)
    npt.assert_array_equal(got, (quality == 50) | (quality == 255))
    assert got.dtype == bool
    land = masks.palsar_clear(quality, water=False)
    npt.assert_array_equal(land, quality == 255)
    assert (got.attrs["classes"], land.attrs["classes"]) == ([50, 255], [255])


@pytest.mark.parametrize("mask", [masks.landsat_clear, masks.sentinel2_clear, masks.palsar_clear])
def test_quality_must_be_integer(mask: object) -> None:
    with pytest.raises(TypeError, match=r"fillna\(0\)\.astype"):
        mask(layer(np.full((2, 2), np.nan)))  # type: ignore[operator]
