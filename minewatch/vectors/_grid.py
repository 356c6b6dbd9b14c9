"""What a pixel grid and a set of polygons must know about each other."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import crs_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt
    from affine import Affine
    from odc.geo.geobox import GeoBox

__all__ = ["GDAL_LOCK", "Grid", "grid_of", "on_crs", "require_polygons"]

GDAL_LOCK = threading.Lock()
"""Held around rasterio's rasterize and shapes: inside, rasterio changes the warning filters, which
all threads share; two at once leave them changed or let a harmless warning out."""

SPACING_TOLERANCE = 1e-3
"""Share of a pixel by which coordinates may stray from an even spacing (float32 ones do)."""


@dataclass(frozen=True)
class Grid:
    """Rows and columns of pixel centres, evenly spaced, and their CRS."""

    y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    steps: tuple[float, float]
    crs: str
    coords: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.y), len(self.x)

    @property
    def transform(self) -> Affine:
        """Column and row of a pixel corner → x and y."""
        from affine import Affine

        dy, dx = self.steps
        return Affine(dx, 0.0, self.x[0] - dx / 2, 0.0, dy, self.y[0] - dy / 2)

    def window(self, bounds: npt.NDArray[np.float64]) -> tuple[slice, slice]:
        """Rows and columns that a rectangle (left, bottom, right, top) may touch."""
        spans = []
        for first, step, size, ends in (
            (self.y[0], self.steps[0], len(self.y), bounds[[1, 3]]),
            (self.x[0], self.steps[1], len(self.x), bounds[[0, 2]]),
        ):
            at = np.sort((ends - first) / step)
            start, stop = np.clip([np.floor(at[0] - 0.5), np.ceil(at[1] + 0.5) + 1], 0, size)
            spans.append(slice(int(start), int(stop)))
        return spans[0], spans[1]

    def part(self, rows: slice, columns: slice) -> Grid:
        """A rectangle of this grid."""
        return Grid(self.y[rows], self.x[columns], self.steps, self.crs, {})


def grid_of(like: xr.DataArray | xr.Dataset | GeoBox, *, by: str) -> Grid:
    """The grid of a layer or of a GeoBox.

    Raises
    ------
    ValueError
        If it has no x, y coordinates, no even spacing or no CRS.
    """
    if not isinstance(like, xr.DataArray | xr.Dataset):
        from odc.geo.xr import xr_coords

        dims = like.dimensions
        found = xr_coords(like)
        given = {"y": ("y", found[dims[0]].data), "x": ("x", found[dims[1]].data)}
        return grid_of(xr.Dataset(coords={**given, "spatial_ref": found["spatial_ref"]}), by=by)
    if "y" not in like.indexes or "x" not in like.indexes:
        message = (
            f"{by} needs a layer with y and x coordinates (pixel centres), got dims "
            f"{tuple(like.sizes)} with coordinates {tuple(like.coords)}; arrays in slant range "
            "come onto a map grid with minewatch.grids.geocode"
        )
        raise ValueError(message)
    wkt = crs_of(like)
    if wkt is None:
        message = (
            f"{by} needs to know the CRS of the grid, got none; use "
            'layer.rio.write_crs("EPSG:32721") with the right code'
        )
        raise ValueError(message)
    y, x = (np.asarray(like.indexes[dim], dtype=np.float64) for dim in ("y", "x"))
    dy, dx = _spacing(y, "y", by), _spacing(x, "x", by)
    # A single row or column has the spacing of the other axis.
    dy, dx = dy or -abs(dx), dx or abs(dy)
    if not dy or not dx:
        message = f"{by} cannot tell the pixel size of a grid of {len(y)}×{len(x)} pixels"
        raise ValueError(message)
    coords: dict[str, Any] = {name: like.coords[name] for name in ("y", "x", "spatial_ref")}
    return Grid(y, x, (dy, dx), wkt, coords)


def _spacing(centres: npt.NDArray[np.float64], name: str, by: str) -> float:
    if len(centres) < 2:
        return 0.0
    step = float(centres[-1] - centres[0]) / (len(centres) - 1)
    even = centres[0] + step * np.arange(len(centres))
    if not np.abs(centres - even).max() <= SPACING_TOLERANCE * abs(step):
        message = (
            f"{by} needs evenly spaced {name} coordinates, got steps from "
            f"{np.diff(centres).min():g} to {np.diff(centres).max():g}; "
            "use minewatch.grids.resample"
        )
        raise ValueError(message)
    return step


def require_polygons(polygons: gpd.GeoDataFrame, *, by: str) -> None:
    """Refuse anything but a GeoDataFrame of polygons with a CRS.

    Raises
    ------
    TypeError
        If it is no GeoDataFrame, or holds points or lines.
    ValueError
        If its CRS is not known.
    """
    import geopandas as gpd

    if not isinstance(polygons, gpd.GeoDataFrame):
        message = (
            f"{by} needs a geopandas.GeoDataFrame of polygons, got {type(polygons).__name__}; "
            "read a file with minewatch.vectors.read_polygons"
        )
        raise TypeError(message)
    if polygons.crs is None:
        message = (
            f"{by} got polygons without a CRS; use polygons.set_crs('EPSG:4326') if they are "
            "longitude and latitude"
        )
        raise ValueError(message)
    kinds = set(polygons.geom_type.dropna()) - {"Polygon", "MultiPolygon"}
    if kinds:
        message = (
            f"{by} needs polygons, got geometries of type {sorted(kinds)}; keep "
            "polygons[polygons.geom_type.isin(['Polygon', 'MultiPolygon'])] or buffer them first"
        )
        raise TypeError(message)


def on_crs(polygons: gpd.GeoDataFrame, crs: Any) -> Any:
    """The geometries, as an array, in another CRS."""
    return polygons.geometry.to_crs(crs).to_numpy()
