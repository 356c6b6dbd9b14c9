"""What GDAL's warper must be told to give the same pixel whatever window is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from affine import Affine

__all__ = ["WARP_TOLERANCE", "warp_scale"]

WARP_TOLERANCE = 1e-6
"""By how much of a pixel GDAL may be off where it interpolates coordinates instead of projecting.

GDAL's own 0.125 gives another image for every chunking. Within one CRS this costs nothing; from
another it takes about a second per million pixels.
"""


def warp_scale(
    dataset: Any, crs: str, transform: Affine, shape: tuple[int, int]
) -> dict[str, float]:
    """How many pixels of a target grid one pixel of a raster fills, in the middle of the grid.

    GDAL widens its interpolation kernel where it thins an image out. Left alone it reckons by how
    much anew for every window, so that the same pixel differs from one chunking to another.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        The raster.
    crs : str
        Of the target.
    transform : affine.Affine
        Of the target.
    shape : (int, int)
        Of the target.

    Returns
    -------
    dict of str to float
        ``XSCALE`` and ``YSCALE`` for GDAL's warper; empty where the middle of the target cannot be
        projected into the raster's CRS.
    """
    from pyproj import Transformer

    t, inverse = transform, ~dataset.transform
    rows, columns = (np.array([size / 2, size / 2, size / 2]) for size in shape)
    columns[1] += 1
    rows[2] += 1
    x, y = t.a * columns + t.b * rows + t.c, t.d * columns + t.e * rows + t.f
    to_raster = Transformer.from_crs(crs, dataset.crs.to_wkt(), always_xy=True)
    x, y = (np.asarray(axis) for axis in to_raster.transform(x, y))
    column = inverse.a * x + inverse.b * y + inverse.c
    row = inverse.d * x + inverse.e * y + inverse.f
    # Raster pixels per target pixel: how far a step of one row and of one column leads.
    wide, high = (float(np.hypot(axis[1] - axis[0], axis[2] - axis[0])) for axis in (column, row))
    if not (np.isfinite(wide) and np.isfinite(high) and wide > 0 and high > 0):
        return {}
    return {"XSCALE": 1 / wide, "YSCALE": 1 / high}
