"""Rasters that lie on the wanted grid but for a shift by whole pixels: read, not warped.

Most bands do where the grid follows the tiles of one UTM zone. Interpolation then gives each
pixel its own number, and GDAL's warper takes three times as long to say so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio.enums import MaskFlags
from rasterio.windows import Window

if TYPE_CHECKING:
    from affine import Affine

__all__ = ["whole_shift", "reach_of", "masked_by_nodata", "Shifted"]

SAME_SIZE = 1e-9
"""Relative difference of two pixel sizes that are the same but for rounding."""

WHOLE = 1e-6
"""Of a pixel: the error that warping may make too."""


def whole_shift(raster: Affine, grid: Affine, *, across: int = 1) -> tuple[int, int] | None:
    """Which pixel of a raster, or which part of one, is the first of a grid.

    Parameters
    ----------
    raster, grid : affine.Affine
        Transforms in the same CRS.
    across : int
        Pixels of the grid along the side of one of the raster.

    Returns
    -------
    (int, int) or None
        Row and column in pixels of the grid, negative where it begins outside the raster; None
        where its pixels are not the raster's, so divided.

    Examples
    --------
    >>> from affine import Affine
    >>> tile = Affine(10, 0, 300000, 0, -10, 2500020)
    >>> whole_shift(tile, Affine(10, 0, 300200, 0, -10, 2500030))
    (-1, 20)
    >>> whole_shift(tile, Affine(10, 0, 300205, 0, -10, 2500030)) is None
    True
    >>> whole_shift(Affine(20, 0, 300000, 0, -20, 2500020), tile, across=2)
    (0, 0)
    """
    if any((raster.b, raster.d, grid.b, grid.d)):
        return None
    if not all(
        math.isclose(a, across * b, rel_tol=SAME_SIZE, abs_tol=0)
        for a, b in ((raster.a, grid.a), (raster.e, grid.e))
    ):
        return None
    row, column = (grid.f - raster.f) / grid.e, (grid.c - raster.c) / grid.a
    if max(abs(row - round(row)), abs(column - round(column))) > WHOLE:
        return None
    return round(row), round(column)


def reach_of(window: Any, shift: tuple[int, int]) -> tuple[list[int], list[int]]:
    """Where a window of the grid begins and ends on the raster, in pixels of the grid.

    Parameters
    ----------
    window : rasterio.windows.Window
        On the grid.
    shift : (int, int)
        From :func:`whole_shift`.

    Returns
    -------
    (list of int, list of int)
        First row and column, and those behind the last.

    Examples
    --------
    >>> reach_of(Window(0, 10, 5, 7), (-1, 20))
    ([9, 20], [16, 25])
    """
    starts = [int(start) + by for (start, _), by in zip(window.toranges(), shift, strict=True)]
    sizes = int(window.height), int(window.width)
    return starts, [start + size for start, size in zip(starts, sizes, strict=True)]


def masked_by_nodata(dataset: Any, nodata: float | None) -> bool:
    """Whether a raster has a mask of its own beside a nodata value, of which one must rule.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The raster.
    nodata : float, optional
        What stands for unknown.

    Returns
    -------
    bool
        Warping heeds the nodata value, reading heeds the mask: they differ where this is True.
    """
    return nodata is not None and MaskFlags.per_dataset in dataset.mask_flag_enums[0]


class Shifted:
    """A raster of one band on a grid that is shifted by whole pixels.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The raster.
    shift : (int, int)
        From :func:`whole_shift`.
    """

    def __init__(self, dataset: Any, shift: tuple[int, int]) -> None:
        self.dataset, self.shift = dataset, shift

    def read(self, *, window: Any, **options: Any) -> Any:
        """Stored numbers of one window of the grid, masked where unknown.

        Parameters
        ----------
        window : rasterio.windows.Window
            On the grid; it may reach beyond the raster, or lie off it.
        **options
            For :meth:`rasterio.DatasetReader.read`.

        Returns
        -------
        numpy.ma.MaskedArray
            Dims (band, y, x), in the raster's own dtype.
        """
        starts, stops = reach_of(window, self.shift)
        shape = stops[0] - starts[0], stops[1] - starts[1]
        known = [
            (max(start, 0), min(stop, size))
            for start, stop, size in zip(starts, stops, self.dataset.shape, strict=True)
        ]
        values = np.ma.MaskedArray(np.zeros((1, *shape), self.dataset.dtypes[0]), mask=True)
        if all(first < last for first, last in known):
            part = self.dataset.read(window=Window.from_slices(*known), **options)
            if part.shape == values.shape:
                return part
            rows, columns = (
                slice(first - start, last - start)
                for (first, last), start in zip(known, starts, strict=True)
            )
            values[:, rows, columns] = part
        return values
