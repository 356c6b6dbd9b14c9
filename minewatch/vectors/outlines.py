"""From a class map to polygons: each patch of connected pixels becomes one outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import require
from minewatch.vectors._grid import GDAL_LOCK, grid_of
from minewatch.vectors.areas import areas_ha, size_classes

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

__all__ = ["polygonize"]


def polygonize(
    classes: xr.DataArray,
    *,
    value: int = 1,
    min_area_ha: float = 0.01,
    connectivity: int = 8,
) -> gpd.GeoDataFrame:
    """Outline the connected patches of one class. Computes.

    Outlines follow the pixel edges: nothing is simplified, so areas are those of the pixels. Lazy
    input is computed once, as a mask of one byte a pixel that must fit in memory.

    Parameters
    ----------
    classes : xarray.DataArray
        Class map or mask, dims (y, x), integer or bool, with a CRS. NaN does not occur; 255 is no
        class.
    value : int
        The class to outline; 1 is True in a mask.
    min_area_ha : float
        Smaller patches are left out, hectares.
    connectivity : int
        8 joins pixels that touch at a corner, 4 does not.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each patch, largest first: geometry in the CRS of the map, ``area_ha``,
        ``size_class``. A patch that hangs together at a corner only is a MultiPolygon.

    Raises
    ------
    TypeError
        If the map holds floats.
    ValueError
        If dims are others, the CRS is missing or `connectivity` is neither 4 nor 8.

    See Also
    --------
    rasterize : the way back.
    size_classes : what the classes mean.

    Examples
    --------
    >>> import rioxarray, xarray as xr
    >>> active = xr.DataArray(
    ...     np.array([[1, 1, 0], [0, 0, 0], [0, 0, 1]], "uint8"),
    ...     dims=("y", "x"),
    ...     coords={"y": [250.0, 150, 50], "x": [50.0, 150, 250]},
    ... )
    >>> polygonize(active.rio.write_crs("EPSG:32721"))[["area_ha", "size_class"]]
       area_ha size_class
    0      2.0      micro
    1      1.0      micro
    """
    require(classes, "y", "x", by="polygonize")
    if not (classes.dtype == bool or np.issubdtype(classes.dtype, np.integer)):
        message = (
            f"polygonize outlines classes or a mask, got dtype {classes.dtype}; make a mask of it, "
            "e.g. probability > 0.5"
        )
        raise TypeError(message)
    if connectivity not in (4, 8):
        message = f"polygonize knows connectivity 4 and 8, got {connectivity}; use 8"
        raise ValueError(message)
    grid = grid_of(classes, by="polygonize")
    import geopandas as gpd

    mask = (classes == value).compute().to_numpy()
    shapes = _outlines(mask, grid.transform, connectivity)
    found = gpd.GeoDataFrame(geometry=gpd.GeoSeries(shapes, crs=grid.crs))
    found["area_ha"] = areas_ha(found)
    found["size_class"] = size_classes(found["area_ha"])
    found = found[found["area_ha"] >= min_area_ha]
    return found.sort_values("area_ha", ascending=False, kind="stable", ignore_index=True)


def _outlines(mask: Any, transform: Any, connectivity: int) -> list[Any]:
    import shapely
    from rasterio import features
    from shapely.geometry import shape

    with GDAL_LOCK:
        found = features.shapes(
            mask.view(np.uint8), mask=mask, connectivity=connectivity, transform=transform
        )
        outlines = [shape(geometry) for geometry, _ in found]
    # Rings that touch themselves at a corner are cut there.
    return [outline if outline.is_valid else shapely.make_valid(outline) for outline in outlines]
