"""Rasters whose pixels are four of the wanted grid, as the 20 m bands of Sentinel-2 on 10 m.

Each of the four lies in the same place in its pixel, so that bilinear interpolation has the same
weights everywhere: 3/4 for the pixel itself and 1/4 for the one beside it, down and across.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.windows import Window

from minewatch.sources.stac._shifting import Shifted, reach_of

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["can_double", "Doubled"]

EXACT = ("uint8", "uint16")
"""Kinds of which sixteenths of sums are exact in float32."""


def can_double(dataset: Any, nodata: float | None, method: str) -> bool:
    """Whether a raster is one that :class:`Doubled` gives as warping does.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        Without a mask that a nodata value hides.
    nodata : float, optional
        What stands for unknown.
    method : str
        Resampling.

    Returns
    -------
    bool
        Any raster by the nearest pixel; bilinear, small positive integers where 0 is unknown.
    """
    if method == "bilinear":
        return dataset.dtypes[0] in EXACT and nodata == 0
    return method == "nearest"


class Doubled:
    """A raster of one band on a grid of half its pixel size.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The raster.
    shift : (int, int)
        From :func:`minewatch.sources.stac._shifting.whole_shift`, in pixels of the grid.
    method : str
        One that :func:`can_double`.
    """

    def __init__(self, dataset: Any, shift: tuple[int, int], method: str) -> None:
        self.raster, self.shift, self.method = Shifted(dataset, (0, 0)), shift, method

    def read(self, *, window: Any, **options: Any) -> Any:
        """Numbers of one window of the grid, masked where unknown.

        Unknown is what the pixel under it does not know; of its neighbours those count that are
        known, by their weights.

        Parameters
        ----------
        window : rasterio.windows.Window
            On the grid; it may reach beyond the raster, or lie off it.
        **options
            For :meth:`rasterio.DatasetReader.read`.

        Returns
        -------
        numpy.ma.MaskedArray
            Dims (band, y, x); float32 where interpolated, else in the raster's own dtype.
        """
        starts, stops = reach_of(window, self.shift)
        margin = 1 if self.method == "bilinear" else 0
        around = [
            (start // 2 - margin, -(-stop // 2) + margin)
            for start, stop in zip(starts, stops, strict=True)
        ]
        rows, columns = (
            slice(start % 2, start % 2 + stop - start)
            for start, stop in zip(starts, stops, strict=True)
        )
        sizes = [last - first for first, last in around]
        part = Window(around[1][0], around[0][0], sizes[1], sizes[0])
        stored = self.raster.read(window=part, **options)
        if margin == 0:
            four = stored.repeat(2, axis=1).repeat(2, axis=2)
            return four[:, rows, columns]
        numbers = np.ma.filled(stored, 0)[0].astype("float32")
        values = _halved(numbers)[rows, columns]
        known = numbers != 0
        if known.all():
            return np.ma.MaskedArray(values[np.newaxis])
        own = known[1:-1, 1:-1].repeat(2, axis=0).repeat(2, axis=1)[rows, columns]
        weights = _halved(known.astype("float32"))[rows, columns]
        np.divide(values, weights, out=values, where=own)
        return np.ma.MaskedArray(values[np.newaxis], mask=~own[np.newaxis])


def _halved(numbers: Floats) -> Floats:
    """Bilinear values at the four quarters of each pixel but the outermost."""
    height, width = numbers.shape[0] - 2, numbers.shape[1] - 2
    down = np.empty((2 * height, width + 2), "float32")
    own = np.float32(0.75) * numbers[1:-1]
    beside = np.float32(0.25) * numbers
    np.add(own, beside[:-2], out=down[0::2])
    np.add(own, beside[2:], out=down[1::2])
    four = np.empty((2 * height, 2 * width), "float32")
    own = np.float32(0.75) * down[:, 1:-1]
    down *= np.float32(0.25)
    np.add(own, down[:, :-2], out=four[:, 0::2])
    np.add(own, down[:, 2:], out=four[:, 1::2])
    return four
