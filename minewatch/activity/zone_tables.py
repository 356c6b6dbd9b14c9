"""Zones as a table: how much of each is active, how sure that is, since when and by what right."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import _apply
from minewatch.activity.differences import coherence_threshold
from minewatch.activity.intervals import CLASSES
from minewatch.activity.series import kept_means, only_counted
from minewatch.activity.zones import zone_names
from minewatch.conventions import require, require_same_grid
from minewatch.grids import cell_areas
from minewatch.insar.identity import label_values
from minewatch.vectors import areas_ha, pixels_inside
from minewatch.vectors._grid import on_crs, require_polygons
from minewatch.vectors.zones import off_grid_share, require_zones

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

__all__ = ["zone_table"]

LAYERS = ("tai", "lower", "upper", "activity")
HECTARE = 1e4
"""Square metres."""

LEAST_SEEN = 0.5
"""Share of a zone's pixels that must be seen on a date before it is called active or not."""


def zone_table(
    tai: xr.Dataset,
    zones: gpd.GeoDataFrame,
    *,
    coherence: xr.DataArray | None = None,
    ledger: xr.Dataset | None = None,
    concessions: gpd.GeoDataFrame | None = None,
    active_share: float = 0.1,
) -> pd.DataFrame:
    r"""Hectares of activity in each zone, with the interval that the dates allow. Computes.

    A pixel is in a zone if its centre is, and counts with its true area (on the ellipsoid where
    the grid is geographic). With `a` the ``active_minimum`` of `tai`, 0.5 if not said otherwise,

    .. math:: A = \sum_{x \in z} A_x [\mathrm{TAI}_x \ge a], \quad
              A_{low} = \sum_{x \in z} A_x [\mathrm{lower}_x \ge a], \quad
              A_{up} = \sum_{x \in z} A_x [\mathrm{upper}_x \ge a].

    These ends add up what each pixel allows on its own. They span what the number of dates leaves
    open, pixel by pixel, and are wider than an interval of the sum would be if pixels were
    independent.

    Parameters
    ----------
    tai : xarray.Dataset
        From :func:`~minewatch.activity.tai`, dims (y, x), with a CRS. Of yearly ones pick a year:
        ``tai.sel(year=2022)``.
    zones : geopandas.GeoDataFrame
        Polygons in any CRS, named by a column ``name``, or by their index where there is none.
        They may overlap: what they share counts in each.
    coherence : xarray.DataArray, optional
        What `tai` was made of, dims (pair, y, x), for the two dates.
    ledger : xarray.Dataset, optional
        Its ledger.
    concessions : geopandas.GeoDataFrame, optional
        Where mining is allowed; joined to one area before. An empty set allows it nowhere.
    active_share : float
        Share of the zone's seen pixels that must exceed the threshold in a pair for the zone to be
        active in it. Pixels that `tai` does not know, masked ones among them, are left out. Quiet
        rock exceeds it too, by speckle: at 18 looks 4 % of its pixels where the true coherence is
        0.8 and 0.4 % where it is 0.85 (threshold 0.13, stable ground 0.88). A tenth lies above
        both, and a zone of 50 independent windows of 0.85 reaches it in two pairs of a million. But
        one of ten windows does in 4 % of the pairs: ask for more in zones that small.

    Returns
    -------
    pandas.DataFrame
        A row a zone: ``name``; ``area_ha`` of the polygon; ``pixels`` on the grid, 0 for a zone
        smaller than a pixel that lies between the centres; ``active_ha``, ``active_ha_lower`` and
        ``active_ha_upper``; ``stable_ha`` and ``undecided_ha`` by the class in ``tai.activity``,
        that is, by the rule it was made with; ``unknown_ha``, which was not seen often enough, is
        masked or lies off the grid; ``off_grid_ha`` of it; ``outside_concession_share`` of the
        active area (NaN where none is active or no concessions are given); ``first_active_pair``
        and ``last_active_pair``, the dates (ISO) of their second acquisitions, and ``active_pairs``
        of the ``judged_pairs``, which saw half of the zone's known pixels (None and NaN without
        `coherence` and `ledger`).

        Where no pixel of a zone is known, its areas are NaN and not 0. With the rule
        ``"interval"``, lower + stable + undecided + unknown is ``area_ha`` but for the pixels that
        the outline cuts.

    Raises
    ------
    ValueError
        If a CRS or the zones are missing, a name is there twice, grids differ, `tai` has further
        dims, only one of `coherence` and `ledger` is given or `active_share` is not in (0, 1].
    KeyError
        If `tai` lacks a layer, or the ledger a pair.

    See Also
    --------
    zone_series : NDAI of each zone by pair.
    activity_areas : hectares of the whole map.
    minewatch.vectors.outside_share : the same share of polygons.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> from shapely.geometry import box
    >>> layers = {
    ...     "tai": [[0.9, 0.6], [0.0, np.nan]],
    ...     "lower": [[0.7, 0.3], [0.0, np.nan]],
    ...     "upper": [[1.0, 0.8], [0.2, np.nan]],
    ...     "activity": [[2, 0], [1, 255]],
    ... }
    >>> index = xr.Dataset(
    ...     {name: (("y", "x"), values) for name, values in layers.items()},
    ...     coords={"y": [150.0, 50.0], "x": [50.0, 150.0]},
    ...     attrs={"threshold": 0.2},
    ... ).rio.write_crs("EPSG:32735")
    >>> pit = gpd.GeoDataFrame({"name": ["A1"]}, geometry=[box(0, 0, 200, 200)], crs=32735)
    >>> lease = gpd.GeoDataFrame(geometry=[box(0, 0, 100, 200)], crs=32735)
    >>> table = zone_table(index, pit, concessions=lease)
    >>> table[["name", "area_ha", "active_ha", "active_ha_lower", "stable_ha", "unknown_ha"]]
      name  area_ha  active_ha  active_ha_lower  stable_ha  unknown_ha
    0   A1      4.0        2.0              1.0        1.0         1.0
    >>> float(table.outside_concession_share[0])
    0.5
    """
    import pandas as pd

    lacking = [name for name in LAYERS if name not in tai]
    if lacking:
        message = f"zone_table needs the layers {LAYERS} of activity.tai, and there is no {lacking}"
        raise KeyError(message)
    for name in LAYERS:
        if tai[name].ndim > 2:
            extra = tai[name].dims[0]
            message = (
                f"zone_table needs one index, dims ('y', 'x'), got {tai[name].dims}; pick one with "
                f"tai.sel({extra}=tai.{extra}[-1]), or join the tables of each by pandas.concat"
            )
            raise ValueError(message)
        require(tai[name], "y", "x", by="zone_table")
    require_zones(zones, by="zone_table")
    if not 0 < active_share <= 1:
        message = (
            f"active_share is a share of the zone's pixels, above 0, up to 1, got {active_share}; "
            "use 0.1"
        )
        raise ValueError(message)
    names = zone_names(zones, by="zone_table")
    which, rows, columns = pixels_inside(zones, like=tai)
    layers = tai[list(LAYERS)].drop_vars(list(tai.coords))
    values = dict(zip(LAYERS, _apply.at_points(layers, rows, columns), strict=True))
    hectares = _hectares(tai, rows)
    outside = _outside(tai, rows, columns, concessions)
    known = np.isfinite(values["tai"])
    level = float(tai.attrs.get("active_minimum", 0.5))
    active = values["tai"] >= np.float32(level)
    whole = areas_ha(zones)
    off = off_grid_share(zones, like=tai, by="zone_table")
    off_ha = whole * np.where(np.isfinite(off), off, 0.0)
    pixels = np.bincount(which, minlength=len(zones))
    blind = np.bincount(which[known], minlength=len(zones)) == 0

    def summed(where: Any) -> npt.NDArray[np.float64]:
        weights = np.where(where, hectares, 0.0)
        return np.bincount(which, weights=weights, minlength=len(zones)).astype("float64")

    def total(where: Any) -> npt.NDArray[np.float64]:
        return np.where(blind, np.nan, summed(where))

    areas = {
        "active_ha": total(active),
        "active_ha_lower": total(values["lower"] >= np.float32(level)),
        "active_ha_upper": total(values["upper"] >= np.float32(level)),
        "stable_ha": total(values["activity"] == CLASSES["stable"]),
        "undecided_ha": total(values["activity"] == CLASSES["undecided"]),
        "unknown_ha": np.where(pixels == 0, whole, summed(~known) + off_ha),
        "off_grid_ha": off_ha,
    }
    beyond = total(active & outside) if outside is not None else np.full(len(zones), np.nan)
    share = np.divide(
        beyond, areas["active_ha"], out=np.full(len(zones), np.nan), where=areas["active_ha"] > 0
    )
    dates = _dates(tai, coherence, ledger, (which, rows, columns), known, len(zones), active_share)
    table = {
        "name": names,
        "area_ha": whole,
        "pixels": pixels,
        **areas,
        "outside_concession_share": share,
        **dates,
    }
    return pd.DataFrame(table, index=zones.index)


def _hectares(tai: xr.Dataset, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """True area of each pixel."""
    area = cell_areas(tai).values / HECTARE
    found: npt.NDArray[np.float64] = area[rows] if area.ndim else np.full(len(rows), float(area))
    return found


def _outside(
    tai: xr.Dataset,
    rows: npt.NDArray[np.int64],
    columns: npt.NDArray[np.int64],
    concessions: gpd.GeoDataFrame | None,
) -> npt.NDArray[np.bool_] | None:
    """Whether the centre of each pixel lies outside all concessions."""
    if concessions is None:
        return None
    import shapely

    from minewatch.conventions import crs_of

    require_polygons(concessions, by="zone_table (concessions)")
    allowed = shapely.union_all(shapely.make_valid(on_crs(concessions, crs_of(tai))))
    shapely.prepare(allowed)
    x, y = tai.indexes["x"].to_numpy()[columns], tai.indexes["y"].to_numpy()[rows]
    outside: npt.NDArray[np.bool_] = ~shapely.contains_xy(allowed, x, y)
    return outside


def _dates(
    tai: xr.Dataset,
    coherence: xr.DataArray | None,
    ledger: xr.Dataset | None,
    inside: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]],
    known: npt.NDArray[np.bool_],
    zones: int,
    active_share: float,
) -> dict[str, Any]:
    """First and last pair in which each zone was active."""
    nothing: list[str | None] = [None] * zones
    unknown = np.full(zones, np.nan)
    if coherence is None and ledger is None:
        return {
            "first_active_pair": nothing,
            "last_active_pair": nothing,
            "active_pairs": unknown,
            "judged_pairs": unknown,
        }
    if coherence is None or ledger is None:
        lacking = "coherence" if coherence is None else "ledger"
        message = f"zone_table finds the active pairs from both, and {lacking} is missing; pass it"
        raise ValueError(message)
    require(coherence, "pair", "y", "x", dtype="floating", by="zone_table (coherence)")
    require_same_grid(tai, coherence, by="zone_table")
    if "threshold" not in tai.attrs:
        message = (
            "zone_table needs the NDAI threshold that tai was made with, and tai.attrs has none; "
            "use tai.assign_attrs(threshold=0.2) with the right one"
        )
        raise ValueError(message)
    means = kept_means(coherence, ledger, by="zone_table")
    limits = coherence_threshold(1.0, float(tai.attrs["threshold"])) * means
    series, limits = only_counted(coherence.astype("float32", copy=False), limits)
    counted = np.isfinite(limits)
    which, rows, columns = (place[known] for place in inside)
    exceeded, seen = _counts(series, (rows, columns), which, limits, zones)
    pixels = np.bincount(which, minlength=zones)
    judged = (seen >= LEAST_SEEN * pixels) & (seen > 0) & counted[:, None]
    active = judged & (exceeded >= np.ceil(active_share * seen - 1e-9))
    times = label_values(series.coords["secondary_time"])
    first, last = list(nothing), list(nothing)
    for zone in range(zones):
        if active[:, zone].any():
            dates = times[active[:, zone]]
            first[zone], last[zone] = (
                str(np.datetime_as_string(date, unit="D")) for date in (dates.min(), dates.max())
            )
    return {
        "first_active_pair": first,
        "last_active_pair": last,
        "active_pairs": active.sum(0).astype("float64"),
        "judged_pairs": judged.sum(0).astype("float64"),
    }


def _counts(
    series: xr.DataArray,
    at: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    which: npt.NDArray[np.int64],
    limits: npt.NDArray[np.float64],
    zones: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pixels of each zone that exceeded and that were seen, (pair, zone)."""
    import dask

    bare = series.drop_vars(list(series.coords))
    limit = xr.DataArray(limits, dims="pair")
    ends = np.searchsorted(which, np.arange(zones + 1))
    sums = []
    for start, stop in pairwise(ends):
        place = {
            dim: xr.DataArray(values[start:stop], dims="pixel")
            for dim, values in zip("yx", at, strict=True)
        }
        part = bare.isel(place)
        seen = abs(part) < np.inf
        sums.append([((part < limit) & seen).sum("pixel").data, seen.sum("pixel").data])
    counts = np.array(dask.compute(sums)[0], np.int64)  # (zone, exceeded or seen, pair)
    return counts[:, 0].T, counts[:, 1].T
