"""How NDAI ran in each pit, dump or concession: a few numbers a zone and pair.

Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, follow the greatest NDAI of each zone through
a season and draw it as box plots. No cube of NDAI is made: the coherence of the zones' own pixels
is picked out first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import _apply, kernels
from minewatch.activity.series import kept_means, only_counted
from minewatch.conventions import Layer, conform, require
from minewatch.vectors.zones import (
    check_statistic,
    off_grid_share,
    over_zones,
    require_zones,
    zone_pixels,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt

__all__ = ["box_statistics", "zone_names", "zone_series"]

OF_MEAN = "of_mean"
"""NDAI of a zone's mean coherence, beside the statistics over its pixels' NDAI."""

BOX = {
    "minimum": "least value",
    "q1": "first quartile",
    "median": "median",
    "q3": "third quartile",
    "maximum": "greatest value",
    "iqr": "interquartile range",
    "whisker_low": "last value within 1.5 interquartile ranges below the first quartile",
    "whisker_high": "last value within 1.5 interquartile ranges above the third quartile",
    "count": "pairs with a value",
}
REACH = 1.5
"""Interquartile ranges that a whisker spans at most (Tukey 1977, Exploratory data analysis)."""


def zone_series(
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    zones: gpd.GeoDataFrame,
    *,
    statistics: Sequence[str] = ("max", "q95", "median"),
    min_valid: float = 0.5,
) -> xr.Dataset:
    """NDAI of each zone for every pair that the ledger keeps.

    A pixel is in a zone if its centre is; zones may overlap. **The maximum grows with the zone**:
    of pure noise, many pixels reach further than few. It compares the dates of one zone; compare
    zones of different size by ``"q95"`` or ``"median"``.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x), with a CRS.
    ledger : xarray.Dataset
        From :func:`screen_pairs`; pairs are matched by their dates.
    zones : geopandas.GeoDataFrame
        Polygons in any CRS, named by a column ``name``, or by their index where there is none.
    statistics : sequence of str
        Over the NDAI of the zone's pixels: ``"mean"``, ``"std"``, ``"min"``, ``"median"``,
        ``"max"``, ``"sum"`` or a quantile ``"q05"`` … ``"q95"`` (linear, type 7). Or
        ``"of_mean"``: the NDAI of the zone's mean coherence, as in Jolleys and Duddy (2023);
        NDAI is convex in coherence, so that this is less than the ``"mean"`` of its pixels.
    min_valid : float
        Share of the zone that must have been seen, else NaN. What lies off the grid was not.

    Returns
    -------
    xarray.Dataset
        A variable a statistic, dims (pair, zone), float32, lazy if `coherence` is. Coordinates:
        those of the kept pairs; ``zone``, the names; ``pixels`` (zone), how many centres lie inside
        and on the grid, 0 for a zone smaller than a pixel that lies between them; ``on_grid``
        (zone), the share of the zone's area on the grid.

    Raises
    ------
    ValueError
        If the ledger keeps no pair, a statistic is unknown, the CRS or the zones are missing or a
        name is there twice.
    KeyError
        If the ledger lacks a pair of `coherence`.

    See Also
    --------
    box_statistics : each zone's box plot.
    zone_table : hectares of each zone.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import geopandas as gpd, pandas as pd, rioxarray
    >>> from shapely.geometry import box
    >>> dates = pd.date_range("2022-06-01", periods=3, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coherence = xr.DataArray(
    ...     np.float32([[[0.9, 0.6]], [[0.3, 0.9]]]),
    ...     dims=("pair", "y", "x"),
    ...     coords={**coords, "y": [5.0], "x": [5.0, 15.0]},
    ... ).rio.write_crs("EPSG:32735")
    >>> ledger = xr.Dataset(
    ...     {"stable_mean": ("pair", [0.9, 0.9]), "keep": ("pair", [True, True])}, coords=coords
    ... )
    >>> pit = gpd.GeoDataFrame({"name": ["A1"]}, geometry=[box(0, 0, 20, 10)], crs="EPSG:32735")
    >>> series = zone_series(coherence, ledger, pit, statistics=["max", "of_mean"])
    >>> series["max"].sel(zone="A1").values.round(3)
    array([0.2, 0.5], dtype=float32)
    >>> series["of_mean"].sel(zone="A1").values.round(3)
    array([0.091, 0.2  ], dtype=float32)
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="zone_series")
    require_zones(zones, by="zone_series")
    for statistic in statistics:
        check_statistic("mean" if statistic == OF_MEAN else statistic, min_valid)
    names = zone_names(zones, by="zone_series")
    means = kept_means(coherence, ledger, by="zone_series")
    series, levels = only_counted(coherence.astype("float32", copy=False), means)
    kept = np.isfinite(levels)
    pixels = [values.isel(pair=kept) for values in zone_pixels(series, zones)]
    indices = [_index(values, levels[kept]) for values in pixels]
    on_grid = 1 - off_grid_share(zones, like=coherence, by="zone_series")
    least = np.divide(min_valid, on_grid, out=np.full(len(zones), np.inf), where=on_grid > 0)
    least *= 1 - 1e-9  # half a zone on the grid is half, whatever its area was rounded to
    found = {}
    for statistic in statistics:
        if statistic == OF_MEAN:
            layer = Layer(OF_MEAN, "NDAI of the zone's mean coherence")
            values = _index(over_zones(pixels, "mean", least.tolist(), names), levels[kept])
        else:
            layer = Layer(statistic, f"zonal {statistic} of NDAI")
            values = over_zones(indices, statistic, least.tolist(), names)
        found[statistic] = conform(values, layer, statistic=statistic, min_valid=min_valid)
    sizes = [values.sizes["pixel"] for values in pixels]
    return xr.Dataset(found, attrs={"long_name": "NDAI of zones"}).assign_coords(
        pixels=("zone", sizes, {"long_name": "pixels of the zone", "units": "1"}),
        on_grid=("zone", on_grid, {"long_name": "share of the zone on the grid", "units": "1"}),
    )


def _index(coherence: xr.DataArray, levels: npt.NDArray[np.float64]) -> xr.DataArray:
    """NDAI of coherence with dims (pair, any)."""
    column: Any = levels[:, None]
    if _apply.is_lazy(coherence):
        import dask.array as da

        column = da.from_array(column, chunks=(coherence.data.chunks[0], 1))
    return coherence.copy(data=kernels.ndai(coherence.astype("float32").data, column))


def zone_names(zones: gpd.GeoDataFrame, *, by: str) -> npt.NDArray[Any]:
    """The name of each zone: its ``name``, or where there is none the label of its row.

    Parameters
    ----------
    zones : geopandas.GeoDataFrame
        Polygons.
    by : str
        The function that asks, for the message.

    Returns
    -------
    numpy.ndarray
        Text, each once.

    Raises
    ------
    ValueError
        If two zones have one name.

    Examples
    --------
    >>> import pandas as pd
    >>> zone_names(pd.DataFrame({"name": ["A1", None]}, index=[7, 8]), by="zone_table")
    array(['A1', '8'], dtype='<U2')
    """
    labels = zones.index.astype(str)
    if "name" in zones.columns:
        given = zones["name"]
        labels = np.where(given.notna(), given.astype(str), labels)
    names = np.asarray(labels, dtype=str)
    found, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        message = (
            f"{by} tells zones apart by their names, got {str(found[counts > 1][0])!r} "
            f"{counts.max()} times; join such polygons with zones.dissolve('name', as_index=False) "
            "or number them with zones.drop(columns='name').reset_index()"
        )
        raise ValueError(message)
    return names


def box_statistics(series: xr.DataArray) -> xr.Dataset:
    """What a box plot of each zone shows: quartiles, extremes, whiskers over the pairs.

    Quartiles are linear between values (type 7, as numpy and R have them). A whisker ends at the
    last value within 1.5 interquartile ranges of the box, and never inside the box.

    Parameters
    ----------
    series : xarray.DataArray
        Dims (pair, zone), e.g. ``zone_series(...)["max"]``; NaN is left out.

    Returns
    -------
    xarray.Dataset
        Along ``zone``: ``minimum``, ``q1``, ``median``, ``q3``, ``maximum``, ``iqr``,
        ``whisker_low``, ``whisker_high`` (float64, NaN where no pair has a value) and ``count``
        (int64); lazy if `series` is.

    See Also
    --------
    zone_series : the series.

    References
    ----------
    Tukey (1977), Exploratory data analysis; Kavats et al. (2025),
    doi:10.1144/gslspecpub2023-216, fig. 14.

    Examples
    --------
    >>> series = xr.DataArray([[0.1], [0.2], [0.3], [0.4], [2.0]], dims=("pair", "zone"))
    >>> boxes = box_statistics(series)
    >>> float(boxes.q1[0]), float(boxes.q3[0]), float(boxes.iqr[0])
    (0.2, 0.4, 0.2)
    >>> float(boxes.whisker_high[0]), float(boxes.maximum[0]), int(boxes["count"][0])
    (0.4, 2.0, 5)
    """
    require(series, "pair", "zone", dtype="floating", by="box_statistics")
    units = str(series.attrs.get("units", "1"))
    of = series.attrs.get("long_name", series.name or "the series")
    aside = [name for name, coord in series.coords.items() if coord.dims != ("zone",)]
    series = series.drop_vars(aside)
    boxes = {}
    for name, meaning in BOX.items():
        values = _apply.along(_box, series, "pair", dtype="float64", arguments=(name,))
        dtype = "int64" if name == "count" else "float64"
        layer = Layer(name, f"{meaning}: {of}", "1" if name == "count" else units, dtype)
        boxes[name] = conform(values, layer)
    return xr.Dataset(boxes, attrs={"long_name": f"box plots: {of}"})


def _box(values: npt.NDArray[np.floating[Any]], name: str) -> npt.NDArray[np.float64]:
    """One number of each row's box plot."""
    return np.array([_box_of(row[np.isfinite(row)].astype("float64"), name) for row in values])


def _box_of(values: npt.NDArray[np.float64], name: str) -> float:
    if name == "count":
        return len(values)
    if not len(values):
        return np.nan
    low, q1, median, q3, high = (float(v) for v in np.quantile(values, (0, 0.25, 0.5, 0.75, 1)))
    iqr = q3 - q1
    if name == "whisker_low":
        return min(q1, float(values[values >= q1 - REACH * iqr].min()))
    if name == "whisker_high":
        return max(q3, float(values[values <= q3 + REACH * iqr].max()))
    return {"minimum": low, "q1": q1, "median": median, "q3": q3, "maximum": high, "iqr": iqr}[name]
