"""The calibration annotation of a Sentinel-1 product: from digital numbers to sigma nought."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._documents import parsed_xml

if TYPE_CHECKING:
    from xml.etree import ElementTree

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

__all__ = ["Calibration", "parsed_calibration"]


@dataclass(frozen=True)
class Calibration:
    """The table of sigma nought: an amplitude *A* at some lines and pixels.

    Parameters
    ----------
    lines, pixels : numpy.ndarray
        Where, ascending; 0 is the centre of the first line and pixel of the image.
    amplitude : numpy.ndarray
        Dims (line, pixel).
    """

    lines: Floats
    pixels: Floats
    amplitude: Floats

    def at(self, lines: Floats, pixels: Floats) -> Floats:
        """The amplitude at each pixel of a window, bilinear; beyond the table that of its edge.

        Parameters
        ----------
        lines, pixels : numpy.ndarray
            Of the window, one dimension each.

        Returns
        -------
        numpy.ndarray
            Dims (line, pixel).

        Examples
        --------
        >>> table = Calibration(
        ...     np.array([0.0, 2]), np.array([0.0, 4]), np.array([[1.0, 5], [3, 7]])
        ... )
        >>> table.at(np.array([1.0]), np.array([0.0, 1, 9])).tolist()
        [[2.0, 3.0, 6.0]]
        """
        across = np.stack([np.interp(pixels, self.pixels, row) for row in self.amplitude])
        place = np.interp(lines, self.lines, np.arange(len(self.lines)))
        above = np.minimum(np.floor(place).astype(int), len(self.lines) - 1)
        below = np.minimum(above + 1, len(self.lines) - 1)
        share = (place - above)[:, None]
        found: Floats = (1 - share) * across[above] + share * across[below]
        return found


def parsed_calibration(content: bytes) -> Calibration:
    """The table of sigma nought that an annotation holds.

    Parameters
    ----------
    content : bytes
        XML as ESA's processor writes it, ``calibration-s1a-iw-grd-vv-….xml``.

    Returns
    -------
    Calibration
        Vectors with different pixels are brought to the pixels of all of them, which changes no
        value between.

    Raises
    ------
    ValueError
        If it is no such annotation.
    """
    try:
        root = parsed_xml(content)
    except ValueError as error:
        message = f"the calibration is no annotation of ESA: {error}"
        raise ValueError(message) from error
    vectors = [_vector(node) for node in root.iterfind(".//calibrationVector")]
    if not vectors:
        message = "the calibration has no calibrationVector: is it the annotation of another kind?"
        raise ValueError(message)
    vectors.sort(key=lambda vector: vector[0])
    lines = np.array([line for line, _, _ in vectors])
    pixels = np.unique(np.concatenate([pixels for _, pixels, _ in vectors]))
    table = np.stack([np.interp(pixels, own, values) for _, own, values in vectors])
    if not (np.diff(lines) > 0).all():
        message = "the calibration has two vectors of one line"
        raise ValueError(message)
    return Calibration(lines, pixels, table)


def _vector(node: ElementTree.Element) -> tuple[float, Floats, Floats]:
    """Line, pixels and amplitudes of one vector."""
    line = _numbers(node, "line")
    pixels, values = _numbers(node, "pixel"), _numbers(node, "sigmaNought")
    if line.size != 1 or pixels.size != values.size or not (np.diff(pixels) > 0).all():
        message = "a calibrationVector has no line, or not one sigmaNought for each pixel"
        raise ValueError(message)
    if not (np.isfinite(values) & (values > 0)).all():
        message = f"sigmaNought of line {line[0]:g} is not above 0 everywhere"
        raise ValueError(message)
    return float(line[0]), pixels, values


def _numbers(node: Any, name: str) -> Floats:
    text = node.findtext(name)
    try:
        numbers = np.array((text or "").split(), "float64")
    except ValueError:
        numbers = np.array([])
    if not numbers.size:
        message = f"a calibrationVector has no numbers in {name}"
        raise ValueError(message)
    return numbers
