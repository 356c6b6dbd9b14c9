"""Which pixels lie in which polygons: a pixel belongs to a polygon if its centre lies in it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import NO_CLASS, Layer, conform
from minewatch.vectors._grid import GDAL_LOCK, Grid, grid_of, on_crs, require_polygons

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

__all__ = ["pixels_inside", "rasterize"]


def rasterize(
    polygons: gpd.GeoDataFrame,
    *,
    like: xr.DataArray | xr.Dataset | GeoBox,
    column: str | None = None,
    all_touched: bool = False,
) -> xr.DataArray:
    """Draw polygons onto a grid.

    A pixel is inside if its centre is. Where polygons overlap, the later row wins.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        Polygons in any CRS; they are brought to that of the grid.
    like : xarray.DataArray, xarray.Dataset or GeoBox
        The grid: y, x and CRS. If it is lazy, the result is, chunk for chunk.
    column : str, optional
        Column whose values are drawn; without it the result says inside or not.
    all_touched : bool
        Whether every pixel that a polygon touches counts, not only those with their centre in it.

    Returns
    -------
    xarray.DataArray
        Dims (y, x). Without `column` bool. A column of integers or booleans, codes 0 to 254, gives
        uint8 with 255 outside; a column of floats gives float32 with NaN outside.

    Raises
    ------
    ValueError
        If the polygons or the grid have no CRS, or integers are not between 0 and 254.
    KeyError
        If there is no such column.
    TypeError
        If the column is not numeric.

    See Also
    --------
    polygonize : the way back.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> from shapely.geometry import box
    >>> pit = gpd.GeoDataFrame({"label": [1]}, geometry=[box(10, 0, 30, 20)], crs="EPSG:32721")
    >>> grid = xr.Dataset(coords={"y": [35.0, 25, 15, 5], "x": [5.0, 15, 25]}).rio.write_crs(32721)
    >>> rasterize(pit, like=grid, column="label").values
    array([[255, 255, 255],
           [255, 255, 255],
           [255,   1,   1],
           [255,   1,   1]], dtype=uint8)
    """
    require_polygons(polygons, by="rasterize")
    grid = grid_of(like, by="rasterize")
    layer, fill, values = _drawn(polygons, column)
    shapes = on_crs(polygons, grid.crs)
    present = np.array([shape is not None and not shape.is_empty for shape in shapes], dtype=bool)
    shapes, values = shapes[present], values[present]
    chunks = getattr(like, "chunksizes", {})
    if "y" in chunks and "x" in chunks:
        data = _lazily(shapes, values, grid, (chunks["y"], chunks["x"]), fill, all_touched)
    else:
        data = _burn(shapes, values, grid, fill, all_touched)
    drawn = xr.DataArray(data, dims=("y", "x"), coords=grid.coords)
    return conform(drawn, layer, column=column, all_touched=all_touched)


def _drawn(polygons: gpd.GeoDataFrame, column: str | None) -> tuple[Layer, float, Any]:
    """What the result is, its value outside, the value of each polygon."""
    if column is None:
        inside = Layer("inside", "inside a polygon", dtype="bool")
        return inside, 0, np.ones(len(polygons), np.uint8)
    if column not in polygons.columns:
        message = f"the polygons have no column {column!r}; they have {_columns(polygons)}"
        raise KeyError(message)
    values = polygons[column].to_numpy()
    if np.issubdtype(values.dtype, np.floating):
        return Layer(column, column), np.nan, values.astype(np.float32)
    if not (values.dtype == bool or np.issubdtype(values.dtype, np.integer)):
        message = (
            f"rasterize draws numbers, got column {column!r} of {values.dtype}; "
            f"use pandas.factorize(polygons[{column!r}])[0]"
        )
        raise TypeError(message)
    if len(values) and not (values.min() >= 0 and values.max() < NO_CLASS):
        message = (
            f"rasterize draws integers as class codes 0 to 254, got column {column!r} from "
            f"{values.min()} to {values.max()}; use .astype(float) if they are no codes"
        )
        raise ValueError(message)
    return Layer(column, column, dtype="uint8"), NO_CLASS, values.astype(np.uint8)


def _columns(polygons: gpd.GeoDataFrame) -> list[str]:
    return [str(name) for name in polygons.columns if name != polygons.geometry.name]


def _burn(shapes: Any, values: Any, grid: Grid, fill: float, all_touched: bool) -> Any:
    from rasterio import features

    if not len(shapes) or 0 in grid.shape:
        return np.full(grid.shape, fill, values.dtype)
    with GDAL_LOCK:
        return features.rasterize(
            zip(shapes, values, strict=True),
            out_shape=grid.shape,
            transform=grid.transform,
            fill=fill,
            all_touched=all_touched,
            dtype=values.dtype,
        )


def _lazily(
    shapes: Any,
    values: Any,
    grid: Grid,
    chunks: tuple[tuple[int, ...], tuple[int, ...]],
    fill: float,
    all_touched: bool,
) -> Any:
    """Each block from the polygons whose bounds reach into it."""
    import dask
    import dask.array as da
    import shapely

    tree = shapely.STRtree(shapes)
    task = dask.delayed(_burn, pure=True)
    rows, columns = ([slice(*ends) for ends in pairwise(np.cumsum((0, *c)))] for c in chunks)
    blocks = []
    for row in rows:
        line = []
        for column in columns:
            part = grid.part(row, column)
            corners = [part.transform @ at for at in ((0, 0), part.shape[::-1])]
            (left, one), (right, other) = corners
            reach = shapely.box(left, min(one, other), right, max(one, other))
            near = np.sort(tree.query(reach)) if len(shapes) else np.array([], dtype=int)
            if len(near):
                burnt = task(shapes[near], values[near], part, fill, all_touched)
                line.append(da.from_delayed(burnt, shape=part.shape, dtype=values.dtype))
            else:
                line.append(da.full(part.shape, fill, dtype=values.dtype, chunks=part.shape))
        blocks.append(line)
    return da.block(blocks)


def pixels_inside(
    polygons: gpd.GeoDataFrame,
    *,
    like: xr.DataArray | xr.Dataset | GeoBox,
    all_touched: bool = False,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The pixels of each polygon, polygon by polygon; no map of the whole grid is made.

    Unlike in :func:`rasterize`, a pixel may be in several polygons. Memory is that of the largest
    polygon's bounding box, a byte a pixel, and 24 bytes for each pixel inside.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        Polygons in any CRS.
    like : xarray.DataArray, xarray.Dataset or GeoBox
        The grid: y, x and CRS.
    all_touched : bool
        Whether every pixel that a polygon touches counts.

    Returns
    -------
    (array, array, array)
        Position of the polygon (0 is the first row), row and column of each pixel; polygons in
        order, rows and columns in order within each.

    Raises
    ------
    ValueError
        If the polygons or the grid have no CRS.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> from shapely.geometry import box
    >>> pits = gpd.GeoDataFrame(geometry=[box(10, 0, 30, 10), box(0, 30, 10, 40)], crs=32721)
    >>> grid = xr.Dataset(coords={"y": [35.0, 25, 15, 5], "x": [5.0, 15, 25]}).rio.write_crs(32721)
    >>> [array.tolist() for array in pixels_inside(pits, like=grid)]
    [[0, 0, 1], [3, 3, 0], [1, 2, 0]]
    """
    require_polygons(polygons, by="pixels_inside")
    grid = grid_of(like, by="pixels_inside")
    one = np.ones(1, np.uint8)
    empty = np.zeros(0, np.int64)
    found = [(empty, empty, empty)]
    shapes = on_crs(polygons, grid.crs)
    for number, shape in enumerate(shapes):
        if shape is None or shape.is_empty:
            continue
        window = grid.window(np.array(shape.bounds))
        inside = _burn(np.array([shape], object), one, grid.part(*window), 0, all_touched)
        rows, columns = np.nonzero(inside)
        which = np.full(len(rows), number, np.int64)
        found.append((which, rows + window[0].start, columns + window[1].start))
    which, rows, columns = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return which, rows, columns
