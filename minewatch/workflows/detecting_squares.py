"""From windows to cells: of each date or of all, when they were seen, and where anyone looked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import detections, grids, vectors

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

    from minewatch.workflows.detecting_settings import DetectSettings

__all__ = ["cells_of", "combined", "seen_ground"]


def combined(windows: xr.DataArray, how: str) -> xr.DataArray:
    """Windows of each date, or the highest or mean of all dates that know a window.

    Parameters
    ----------
    windows : xarray.DataArray
        Dims (time, y, x).
    how : {"each", "max", "mean"}
        Which.

    Returns
    -------
    xarray.DataArray
        Dims (time, y, x), or (y, x).

    Examples
    --------
    >>> windows = xr.DataArray([[[0.2, np.nan]], [[0.9, 0.4]]], dims=("time", "y", "x"))
    >>> combined(windows, "max").values
    array([[0.9, 0.4]])
    """
    if how == "each":
        return windows
    one = windows.max("time") if how == "max" else windows.mean("time")
    meaning = {"max": "highest", "mean": "mean"}[how]
    told = f"probability of a mine in the window, {meaning} of {windows.sizes['time']} dates"
    return one.assign_attrs(windows.attrs | {"long_name": told})


def cells_of(windows: xr.DataArray, settings: DetectSettings) -> gpd.GeoDataFrame:
    """Cells in which the detector saw a mine, and when.

    Parameters
    ----------
    windows : xarray.DataArray
        Of all dates, dims (time, y, x).
    settings : DetectSettings
        ``threshold``, ``grid``, ``rule``, ``combine``, and the rule for isolated cells.

    Returns
    -------
    geopandas.GeoDataFrame
        ``probability``, ``windows`` (of ``grid="index"``: how many saw it), ``area_ha``, geometry;
        with ``combine="each"`` ``date``, else ``dates`` (on how many it was seen), ``first`` and
        ``last``. The likeliest come first. A mean of windows that are the highest of several dates
        can be above the threshold where it is so on no date: ``dates`` is 0, no first, no last.
    """
    import pandas as pd

    days = [str(np.datetime_as_string(time, unit="D")) for time in windows["time"].values]
    single = [_single(windows.isel(time=at), settings) for at in range(len(days))]
    if settings.combine == "each":
        dated = [
            _kept(table, settings).assign(date=day) for table, day in zip(single, days, strict=True)
        ]
        table = pd.concat([one for one in dated if len(one)] or dated[:1], ignore_index=True)
    else:
        table = _kept(_single(combined(windows, settings.combine), settings), settings)
        table = _with_dates(table, single, days, float(windows.attrs["cell_size"]))
    table = table.assign(area_ha=vectors.areas_ha(table) if len(table) else 0.0)
    order = [name for name in table.columns if name != "geometry"]
    ranked: gpd.GeoDataFrame = table[[*order, "geometry"]].sort_values(
        "probability", ascending=False, kind="stable", ignore_index=True
    )
    return ranked


def _single(windows: xr.DataArray, settings: DetectSettings) -> gpd.GeoDataFrame:
    if settings.grid == "index":
        return detections.cells(windows, threshold=settings.threshold, rule=settings.rule)
    squares = detections.window_squares(windows, threshold=settings.threshold)
    return detections.merge_cells(squares)


def _kept(table: gpd.GeoDataFrame, settings: DetectSettings) -> gpd.GeoDataFrame:
    if settings.isolated is None:
        return table
    return detections.drop_isolated(
        table,
        threshold=settings.threshold,
        isolated_threshold=settings.isolated,
        neighbours=settings.neighbours,
        distance=settings.distance,
    )


def _with_dates(
    table: gpd.GeoDataFrame, single: list[gpd.GeoDataFrame], days: list[str], cell: float
) -> gpd.GeoDataFrame:
    """On how many dates each cell was seen, the first and the last."""
    when: dict[tuple[int, int], list[str]] = {}
    for one, day in zip(single, days, strict=True):
        for place in _places(one, cell):
            when.setdefault(place, []).append(day)
    known = [when.get(place, []) for place in _places(table, cell)]
    return table.assign(
        dates=[len(one) for one in known],
        first=[min(one, default=None) for one in known],
        last=[max(one, default=None) for one in known],
    )


def _places(table: gpd.GeoDataFrame, cell: float) -> list[tuple[int, int]]:
    """Upper left corners in whole hundredths of a cell."""
    bounds = table.geometry.bounds.to_numpy().reshape(-1, 4)
    corners = np.round(bounds[:, [0, 3]] / (cell / 100)).astype(np.int64)
    return [(int(west), int(north)) for west, north in corners]


def seen_ground(windows: xr.DataArray) -> gpd.GeoDataFrame:
    """Ground that lies in a window of known probability, on any date.

    Parameters
    ----------
    windows : xarray.DataArray
        Dims (time, y, x), with ``cell_size``.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons, none if nothing is known.
    """
    import geopandas as gpd
    import shapely

    half = float(windows.attrs["cell_size"])
    known = np.isfinite(windows.to_numpy()).any(axis=0)
    x, y = (windows[dim].to_numpy() for dim in ("x", "y"))
    boxes = []
    for row, centre in zip(known, y, strict=True):
        for start, end in _runs(row):
            boxes.append((x[start] - half, centre - half, x[end] + half, centre + half))
    outline = shapely.union_all(shapely.box(*np.array(boxes).reshape(-1, 4).T))
    parts = [part for part in shapely.get_parts(outline) if not part.is_empty]
    return gpd.GeoDataFrame(geometry=gpd.GeoSeries(parts, crs=grids.geobox_of(windows).crs))


def _runs(row: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last place of each run of True."""
    change = np.diff(np.r_[0, row.astype(np.int8), 0])
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1) - 1
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
