"""Statistics of a layer over zones, e.g. the maximum NDAI of a pit at every date."""

from __future__ import annotations

import re
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply import along
from minewatch.conventions import Layer, conform, require
from minewatch.vectors._grid import grid_of
from minewatch.vectors.areas import outside_share
from minewatch.vectors.pixels import pixels_inside

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

__all__ = [
    "check_statistic",
    "off_grid_share",
    "over_zones",
    "require_zones",
    "zonal_series",
    "zonal_statistics",
    "zone_pixels",
]

PLAIN = ("mean", "std", "min", "median", "max", "sum")


def zonal_series(
    layer: xr.DataArray,
    zones: gpd.GeoDataFrame,
    *,
    statistic: str = "max",
    min_valid: float = 0.5,
) -> xr.DataArray:
    """One statistic over the pixels of each zone, for every pair or date of a stack.

    A pixel is in a zone if its centre is; pixels outside the grid are not counted. The maximum of
    a zone grows with its size under pure noise: compare zones of different size by ``"q95"``.

    Parameters
    ----------
    layer : xarray.DataArray
        Dims (..., y, x) with a CRS; NaN is unknown.
    zones : geopandas.GeoDataFrame
        Polygons in any CRS; they may overlap.
    statistic : str
        ``"mean"``, ``"std"`` (of the sample, ddof 1), ``"min"``, ``"median"``, ``"max"``,
        ``"sum"`` or a quantile ``"q05"`` … ``"q95"`` (linear, type 7).
    min_valid : float
        Share of a zone's pixels that must be finite, else NaN.

    Returns
    -------
    xarray.DataArray
        Dims (..., zone), float32, lazy if `layer` is; ``zone`` is the index of `zones`.

    Raises
    ------
    ValueError
        If the statistic is not known, the CRS or the zones are missing or `min_valid` is not in
        [0, 1].

    See Also
    --------
    zonal_statistics : many statistics of one layer, as a table.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> from shapely.geometry import box
    >>> ndai = xr.DataArray(
    ...     np.array([[[0.1, 0.2], [0.3, np.nan]], [[0.5, np.nan], [np.nan, np.nan]]]),
    ...     dims=("pair", "y", "x"),
    ...     coords={"y": [15.0, 5.0], "x": [5.0, 15.0]},
    ... ).rio.write_crs("EPSG:32721")
    >>> pit = gpd.GeoDataFrame(geometry=[box(0, 0, 20, 20)], crs="EPSG:32721")
    >>> zonal_series(ndai, pit).values
    array([[0.3],
           [nan]], dtype=float32)
    """
    require(layer, ..., "y", "x", by="zonal_series")
    check_statistic(statistic, min_valid)
    require_zones(zones, by="zonal_series")
    series = over_zones(
        zone_pixels(layer, zones), statistic, [min_valid] * len(zones), np.asarray(zones.index)
    )
    name = f"{statistic}_{layer.name}" if layer.name is not None else statistic
    long_name = f"zonal {statistic} of {layer.attrs.get('long_name', layer.name or 'the layer')}"
    kind = Layer(name, long_name, units=str(layer.attrs.get("units", "1")))
    return conform(series, kind, statistic=statistic, min_valid=min_valid)


def require_zones(zones: gpd.GeoDataFrame, *, by: str) -> None:
    """Refuse to answer for no zone at all."""
    if not len(zones):
        message = f"{by} needs a zone, got no polygons; check how they were selected"
        raise ValueError(message)


def check_statistic(statistic: str, min_valid: float) -> None:
    """Refuse a statistic that is not known, and a share that is none."""
    if statistic not in PLAIN and not re.fullmatch(r"q\d\d", statistic):
        message = (
            f"zonal statistics are {', '.join(PLAIN)} or a quantile such as q05, q95; "
            f"got {statistic!r}"
        )
        raise ValueError(message)
    if not 0 <= min_valid <= 1:
        message = f"min_valid is a share of the zone's pixels, 0 to 1, got {min_valid}; use 0.5"
        raise ValueError(message)


def over_zones(
    pixels: Sequence[xr.DataArray], statistic: str, min_valid: Sequence[float], names: Any
) -> xr.DataArray:
    """One statistic of the pixels of each zone, dims (..., zone); lazy if they are."""
    parts = [
        along(_reduced, values, "pixel", dtype="float64", arguments=(statistic, least))
        for values, least in zip(pixels, min_valid, strict=True)
    ]
    series = xr.concat(parts, "zone", coords="minimal", compat="override", join="override")
    return series.transpose(..., "zone").assign_coords(zone=names)


def zone_pixels(layer: xr.DataArray, zones: gpd.GeoDataFrame) -> list[xr.DataArray]:
    """The pixels of each zone, dims (..., pixel), without their y and x; lazy if `layer` is."""
    which, rows, columns = pixels_inside(zones, like=layer)
    bare = layer.drop_vars(["y", "x"])
    ends = np.searchsorted(which, np.arange(len(zones) + 1))
    taken = []
    for start, stop in pairwise(ends):
        at = {
            dim: xr.DataArray(place[start:stop], dims="pixel")
            for dim, place in (("y", rows), ("x", columns))
        }
        taken.append(bare.isel(at).transpose(..., "pixel"))
    return taken


def off_grid_share(
    zones: gpd.GeoDataFrame, *, like: xr.DataArray | xr.Dataset, by: str = "zonal statistics"
) -> npt.NDArray[np.float64]:
    """Share of each zone's area that lies off a grid; NaN for empty outlines."""
    import geopandas as gpd
    import shapely

    grid = grid_of(like, by=by)
    corners = [grid.transform @ at for at in ((0, 0), grid.shape[::-1])]
    (left, one), (right, other) = corners
    outline = shapely.box(min(left, right), min(one, other), max(left, right), max(one, other))
    frame = gpd.GeoDataFrame(geometry=[outline], crs=grid.crs)
    share = outside_share(zones.to_crs(grid.crs), frame)
    # A zone along the edge is not off the grid by a rounding.
    return np.where(share < 1e-9, 0.0, share)


def _reduced(pixels: Any, statistic: str, min_valid: float) -> Any:
    """A statistic over the last axis, NaN where too few pixels are known."""
    pixels = np.where(np.isfinite(pixels), pixels, np.nan).astype(np.float64)
    count = np.count_nonzero(~np.isnan(pixels), axis=-1)
    fewest = max(2 if statistic == "std" else 1, min_valid * pixels.shape[-1])
    out = np.full(count.shape, np.nan)
    enough = count >= fewest
    if enough.any():
        out[enough] = _function(statistic)(pixels[enough], axis=-1)
    return out


def _function(statistic: str) -> Any:
    if statistic == "std":
        return partial(np.nanstd, ddof=1)
    if statistic in PLAIN:
        return getattr(np, f"nan{statistic}")
    return partial(np.nanquantile, q=int(statistic[1:]) / 100)


def zonal_statistics(
    layer: xr.DataArray,
    zones: gpd.GeoDataFrame,
    *,
    statistics: Sequence[str] = ("mean", "std", "min", "median", "max", "q95"),
    min_valid: float = 0.5,
) -> pd.DataFrame:
    """Statistics of one layer over each zone, as a table. Computes, reading each pixel once.

    Parameters
    ----------
    layer : xarray.DataArray
        Dims (y, x) with a CRS; NaN is unknown.
    zones : geopandas.GeoDataFrame
        Polygons in any CRS; they may overlap.
    statistics : sequence of str
        As in :func:`zonal_series`.
    min_valid : float
        Share of a zone's pixels that must be finite, else the statistics are NaN.

    Returns
    -------
    pandas.DataFrame
        Index of `zones`; ``pixels`` (centres inside), ``valid_share`` and a column for each
        statistic.

    Raises
    ------
    ValueError
        If a statistic is not known, dims are others or the CRS is missing.

    See Also
    --------
    zonal_series : one statistic for every date of a stack.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray
    >>> from shapely.geometry import box
    >>> tai = xr.DataArray(
    ...     [[0.2, 0.4], [0.6, np.nan]],
    ...     dims=("y", "x"),
    ...     coords={"y": [15.0, 5.0], "x": [5.0, 15.0]},
    ... ).rio.write_crs("EPSG:32721")
    >>> pit = gpd.GeoDataFrame(geometry=[box(0, 0, 20, 20)], crs="EPSG:32721")
    >>> zonal_statistics(tai, pit, statistics=["mean", "max"])
       pixels  valid_share  mean  max
    0       4         0.75   0.4  0.6
    """
    import dask
    import pandas as pd

    require(layer, "y", "x", by="zonal_statistics")
    for statistic in statistics:
        check_statistic(statistic, min_valid)
    table = []
    for values in dask.compute(*(pixels.data for pixels in zone_pixels(layer, zones))):
        share = float(np.isfinite(values).mean()) if values.size else np.nan
        found = {name: float(_reduced(values, name, min_valid)) for name in statistics}
        table.append({"pixels": values.size, "valid_share": share, **found})
    columns_wanted = ["pixels", "valid_share", *statistics]
    return pd.DataFrame(table, index=zones.index, columns=columns_wanted)
