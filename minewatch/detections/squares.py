"""The same cells by geometry: four squares around the centre of each window, merged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.detections.lattice import kept_windows

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

__all__ = ["merge_cells", "window_squares"]


def window_squares(windows: xr.DataArray, *, threshold: float = 0.8) -> gpd.GeoDataFrame:
    """Four squares around the centre of each window that saw a mine. Computes.

    Parameters
    ----------
    windows : xarray.DataArray
        As in :func:`minewatch.detections.cells`; where ``cell_size`` tells half a window, windows
        may lie anywhere in rows and columns, e.g. the last ones flush with the edge of a scene.
    threshold : float
        A window counts if its probability is strictly greater.

    Returns
    -------
    geopandas.GeoDataFrame
        Four rows for each window: geometry (a quarter of the window) and its ``probability``.

    Raises
    ------
    ValueError
        As :func:`minewatch.detections.cells`.

    See Also
    --------
    merge_cells : makes one of those that lie on each other.

    Examples
    --------
    >>> import rioxarray, xarray as xr
    >>> windows = xr.DataArray([[0.9, 0.5]], {"y": [1560.0], "x": [520.0, 1040.0]}, ("y", "x"))
    >>> squares = window_squares(windows.rio.write_crs("EPSG:32721"))
    >>> len(squares), squares.total_bounds.tolist()
    (4, [0.0, 1040.0, 1040.0, 2080.0])
    """
    values, half, (x, y), crs = kept_windows(windows, threshold, by="window_squares")
    import geopandas as gpd
    import shapely

    row, column = np.nonzero(np.isfinite(values))
    x, y = x[column], y[row]
    west = np.stack([x - half, x, x - half, x], axis=1).ravel()
    south = np.stack([y, y, y - half, y - half], axis=1).ravel()
    return gpd.GeoDataFrame(
        {"probability": np.repeat(values[row, column], 4)},
        geometry=shapely.box(west, south, west + half, south + half),
        crs=crs,
    )


def merge_cells(squares: gpd.GeoDataFrame, *, minimum_overlap: float = 0.9) -> gpd.GeoDataFrame:
    """One square of those that lie on each other: the likeliest.

    Greedy: from the likeliest to the least likely, each is kept unless it overlaps one that was
    kept before.

    Parameters
    ----------
    squares : geopandas.GeoDataFrame
        Polygons in a projected CRS with a column ``probability``, e.g. of :func:`window_squares`.
    minimum_overlap : float
        Share of the smaller one's area that makes them one; above 0, up to 1.

    Returns
    -------
    geopandas.GeoDataFrame
        A selection of the rows, the likeliest first; those of one probability keep their order.

    Raises
    ------
    KeyError
        If there is no column ``probability``.
    ValueError
        If `minimum_overlap` is out of range or the CRS is missing or geographic.

    See Also
    --------
    minewatch.detections.cells : without geometry, for windows on a lattice.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> shapes = [box(0, 0, 520, 520), box(10, 0, 530, 520), box(520, 0, 1040, 520)]
    >>> squares = gpd.GeoDataFrame({"probability": [0.8, 0.9, 0.85]}, geometry=shapes)
    >>> merge_cells(squares.set_crs("EPSG:32721")).probability.tolist()
    [0.9, 0.85]
    """
    import shapely

    if "probability" not in squares.columns:
        message = (
            f"merge_cells needs a column 'probability', got {list(squares.columns)}; "
            "it decides which of two squares is kept"
        )
        raise KeyError(message)
    if not 0 < minimum_overlap <= 1:
        message = f"minimum_overlap is a share above 0, up to 1, got {minimum_overlap}; use 0.9"
        raise ValueError(message)
    if squares.crs is None or not squares.crs.is_projected:
        message = f"merge_cells needs a projected CRS, got {squares.crs}; use to_crs of a UTM zone"
        raise ValueError(message)
    ranked = squares.sort_values("probability", ascending=False, kind="stable", ignore_index=True)
    shapes = ranked.geometry.to_numpy()
    area = shapely.area(shapes)
    first, second = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    later = first < second
    first, second = first[later], second[later]
    shared = shapely.area(shapely.intersection(shapes[first], shapes[second]))
    # A share that is 0.9 but for rounding counts as 0.9.
    alike = shared >= minimum_overlap * (1 - 1e-12) * np.minimum(area[first], area[second])
    kept = np.ones(len(shapes), bool)
    order = np.argsort(first[alike], kind="stable")
    for one, other in zip(first[alike][order], second[alike][order], strict=True):
        if kept[one]:
            kept[other] = False
    return ranked[kept].reset_index(drop=True)
