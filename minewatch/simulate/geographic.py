"""Grids of the simulated world: its own in UTM metres, and geographic ones as mosaics have."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pyproj import CRS, Transformer

__all__ = [
    "Affine6",
    "geographic_grid",
    "geographic_pixels",
    "nearest",
    "utm_coords",
    "WORLD_EPSG",
    "WORLD_ORIGIN",
]

WORLD_EPSG = 32721
"""UTM zone 21 south: the Tapajós basin."""

WORLD_ORIGIN = (520020.0, 9250020.0)
"""West and north edge of the world in metres, multiples of 60 as satellite tiles have them."""

Affine6 = tuple[float, float, float, float, float, float]
"""Geotransform in rasterio's order: x = c + a·column, y = f + e·row."""


def utm_coords(
    rows: int,
    columns: int,
    *,
    spacing: tuple[float, float] = (10.0, 10.0),
    offset: tuple[float, float] = (0.0, 0.0),
) -> dict[str, Any]:
    """Coordinates of a grid in the world: pixel centres and the CRS.

    Parameters
    ----------
    rows, columns : int
        Size.
    spacing : (float, float)
        Metres between rows and between columns.
    offset : (float, float)
        Metres from the world's north-west corner, down and right.

    Returns
    -------
    dict
        ``y`` (descending), ``x`` and ``spatial_ref``, to be passed as coords.

    Examples
    --------
    >>> utm_coords(2, 3)["y"][1].tolist()
    [9250015.0, 9250005.0]
    """
    crs = CRS.from_epsg(WORLD_EPSG)
    west, north = WORLD_ORIGIN
    y = north - offset[0] - spacing[0] * (np.arange(rows) + 0.5)
    x = west + offset[1] + spacing[1] * (np.arange(columns) + 0.5)
    metre = {"units": "metre"}
    return {
        "y": ("y", y, metre | {"standard_name": "projection_y_coordinate", "axis": "Y"}),
        "x": ("x", x, metre | {"standard_name": "projection_x_coordinate", "axis": "X"}),
        "spatial_ref": ((), 0, crs.to_cf() | {"spatial_ref": crs.to_wkt()}),
    }


def geographic_grid(
    rows: int, columns: int, *, arcsec: float
) -> tuple[Affine6, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Cover a world of 10 m pixels with a grid in longitude and latitude.

    Parameters
    ----------
    rows, columns : int
        Size of the world.
    arcsec : float
        Spacing in seconds of arc, the grid a multiple of it.

    Returns
    -------
    transform : tuple of float
        Geotransform of the geographic grid.
    row, column : numpy.ndarray
        Where each of its pixel centres lies in the world, in fractional pixels from the centre of
        the first; outside the world for some along the edge.

    Examples
    --------
    >>> transform, row, column = geographic_grid(160, 320, arcsec=1.0)
    >>> row.shape
    (53, 105)
    """
    west, north = WORLD_ORIGIN
    edge_x = west + 10.0 * np.array([0, columns, 0, columns])
    edge_y = north - 10.0 * np.array([0, 0, rows, rows])
    to_degrees = Transformer.from_crs(WORLD_EPSG, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(edge_x, edge_y)
    step = arcsec / 3600
    left, bottom = (int(np.floor(v.min() / step)) for v in (longitude, latitude))
    right, top = (int(np.ceil(v.max() / step)) for v in (longitude, latitude))
    transform = (step, 0.0, left * step, 0.0, -step, top * step)
    centres = np.meshgrid(
        (np.arange(left, right) + 0.5) * step, (np.arange(top, bottom, -1) - 0.5) * step
    )
    x, y = to_degrees.transform(centres[0], centres[1], direction="INVERSE")
    return transform, (north - y) / 10 - 0.5, (x - west) / 10 - 0.5


def geographic_pixels(
    shape: tuple[int, int], transform: Affine6
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each pixel of the world, the pixel of a geographic grid that holds its centre.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the world.
    transform : tuple of float
        Geotransform of the geographic grid.

    Returns
    -------
    row, column : numpy.ndarray
        (y, x) int64.

    Examples
    --------
    >>> transform, *_ = geographic_grid(20, 40, arcsec=1.0)
    >>> int(geographic_pixels((20, 40), transform)[1].max())
    13
    """
    west, north = WORLD_ORIGIN
    x, y = np.meshgrid(west + 10 * np.arange(shape[1]) + 5, north - 10 * np.arange(shape[0]) - 5)
    to_degrees = Transformer.from_crs(WORLD_EPSG, 4326, always_xy=True)
    longitude, latitude = to_degrees.transform(x, y)
    step, _, left, _, _, top = transform
    row = np.floor((top - latitude) / step).astype(np.int64)
    return row, np.floor((longitude - left) / step).astype(np.int64)


def nearest(
    array: npt.NDArray[Any], row: npt.NDArray[np.float64], column: npt.NDArray[np.float64]
) -> npt.NDArray[Any]:
    """Sample an array at the nearest pixel; beyond the edge, the edge's own value.

    Parameters
    ----------
    array : numpy.ndarray
        (..., y, x).
    row, column : numpy.ndarray
        Fractional pixel positions.

    Returns
    -------
    numpy.ndarray
        (..., *row.shape).

    Examples
    --------
    >>> nearest(np.array([[1, 2], [3, 4]]), np.array([0.6]), np.array([-5.0]))
    array([3])
    """
    at = [
        np.clip(np.rint(position).astype(int), 0, size - 1)
        for position, size in zip((row, column), array.shape[-2:], strict=True)
    ]
    return array[..., at[0], at[1]]
