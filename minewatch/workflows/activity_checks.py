"""What is wrong with a run is told before its images are read, not when the report is written."""

from __future__ import annotations

import datetime
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from minewatch import activity, estimates, grids, vectors
from minewatch.workflows.activity_layers import layer_on, read_zones, site_of
from minewatch.workflows.activity_settings import whole_numbers
from minewatch.workflows.activity_thresholds import fixed_threshold

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["check_ground", "check_settings", "read_table"]

POLYGONS = ("water", "outlines", "concessions")
RASTERS = (
    "ndvi", "mndwi", "backscatter", "elevation", "dsm_before", "dsm_after", "displacement",
)  # fmt: skip
TABLES = ("production", "inventory", "factors")
FILES = ("site", *POLYGONS, *RASTERS, *TABLES, "zones", "baselines", "other_track")

NEEDS = {
    "concessions": ("zones", "how much lies outside of them is told for each zone"),
    "production": ("years", "ore is told by the area of three years, e.g. years=2020-2022"),
    "inventory": ("production", "other mines stand in for what this one did not report"),
    "factors": ("production", "emissions are ore times a factor"),
    "dsm_before": ("dsm_after", "a change of elevation has two dates"),
    "dsm_after": ("dsm_before", "a change of elevation has two dates"),
    "dsm_dates": ("dsm_before", "these are the dates of two elevation models"),
    "elevation": (
        "look_azimuth",
        "where the radar looks, in degrees from north: for Sentinel-1 about 78 on ascending "
        "tracks and 282 on descending ones",
    ),
}
"""Setting → another that it says nothing without, and why."""


def check_settings(settings: ActivitySettings) -> None:
    """Find what is wrong with the settings and the files they name.

    Parameters
    ----------
    settings : ActivitySettings
        The run.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    ValueError
        If a setting is out of range or lacks another, or a file cannot be used.
    """
    for setting, (other, why) in NEEDS.items():
        if getattr(settings, setting) is not None and getattr(settings, other) is None:
            message = f"{setting} needs {other} as well: {why}"
            raise ValueError(message)
    for setting in ("input", *FILES):
        path = getattr(settings, setting)
        if path is not None and not Path(path).exists():
            wanted = "a folder of SLCs or coherence" if setting == "input" else "the path of a file"
            message = f"{setting} {path!r} does not exist; give {wanted}"
            raise FileNotFoundError(message)
    _check_numbers(settings)
    if settings.stable_within == "site" and settings.site is None and settings.bbox is None:
        message = (
            "stable_within='site' needs to know the site; give site=polygons, bbox=... or "
            "stable_within='scene'"
        )
        raise ValueError(message)
    site_of(settings)
    for setting in POLYGONS:
        if (path := getattr(settings, setting)) is not None:
            vectors.read_polygons(path)
    for setting in RASTERS:
        if (path := getattr(settings, setting)) is not None:
            layer_on(path, None)
    if settings.other_track is not None and not (Path(settings.other_track) / "tai.zarr").is_dir():
        message = (
            f"other_track {settings.other_track!r} holds no tai.zarr; give the folder that "
            "minewatch activity made of the other track"
        )
        raise FileNotFoundError(message)
    _check_tables(settings)


def _check_numbers(settings: ActivitySettings) -> None:
    months = whole_numbers(settings.months, setting="months")
    if not set(months or ()) <= set(range(1, 13)):
        message = f"months {settings.months!r} are 1 to 12; write e.g. 5-9 or 11,12,1"
        raise ValueError(message)
    years = whole_numbers(settings.years, setting="years")
    if years is not None and (len(years) != 3 or len(set(years)) != 3):
        message = (
            f"years {settings.years!r} name {len(set(years))} of them; a colour map has three, one "
            "for red, one for green and one for blue, e.g. 2020-2022"
        )
        raise ValueError(message)
    fixed = fixed_threshold(settings.threshold)
    ranges = {
        "threshold": (0.2 if fixed is None else fixed, -1.0, 1.0),
        "confidence": (settings.confidence, 0.0, 1.0),
        "incidence": (settings.incidence, 0.0, 90.0),
        "margin": (settings.margin, -1e-9, math.inf),
        "resolution": (settings.resolution, 0.0, math.inf),
        "pixel_area": (settings.pixel_area, 0.0, math.inf),
    }
    for setting, (value, low, high) in ranges.items():
        if value is not None and not low < value < high:
            above = "0 or more" if low < 0 and high == math.inf else f"above {low:g}"
            above += "" if high == math.inf else f" and below {high:g}"
            message = f"{setting} = {value:g} is out of range; give a number {above}"
            raise ValueError(message)
    for date in settings.dsm_dates or ():
        try:
            datetime.date.fromisoformat(date)
        except ValueError:
            message = f"dsm_dates has {date!r}, which is no date; write e.g. 2022-06-06 2022-09-06"
            raise ValueError(message) from None


def read_table(path: str, columns: list[str]) -> pd.DataFrame:
    """A table of the user, with the columns that it must have.

    Parameters
    ----------
    path : str
        CSV file with a header.
    columns : list of str
        Columns that it must have.

    Returns
    -------
    pandas.DataFrame
        The table; mines and keys as text.

    Raises
    ------
    ValueError
        If it is no table, or lacks a column.
    """
    try:
        table: pd.DataFrame = pd.read_csv(Path(path), dtype={"mine": str, "key": str})
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        message = f"{path} is no table ({error}); give a CSV file with the header {columns}"
        raise ValueError(message) from None
    missing = [name for name in columns if name not in table]
    if missing:
        message = f"{path} lacks the columns {missing}; it has {list(table)}, it needs {columns}"
        raise ValueError(message)
    return table


def _check_tables(settings: ActivitySettings) -> None:
    """Let the tables be used once, on areas of one square metre: they complain by themselves."""
    zones = None if settings.zones is None else read_zones(settings.zones)
    if settings.production is None:
        return
    reported = read_table(settings.production, ["mine", "year", "production_t"])
    mines = sorted(set(reported["mine"]))
    named = set() if zones is None else set(zones["name"]) & set(mines)
    if settings.mine is None and not named and len(mines) != 1:
        message = (
            f"{settings.production} reports of {mines}; say which of them the map shows with "
            "mine=..., or give zones with these names"
        )
        raise ValueError(message)
    areas = reported[["mine", "year"]].assign(area_m2=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        made = estimates.production(areas, reported, method=settings.ratio)
        if settings.factors is not None:
            estimates.emissions(
                made,
                read_table(settings.factors, ["level", "key", "factor_tco2e_per_t"]),
                method=settings.uncertainty,
                country=settings.country,
                region=settings.region,
            )
    if settings.inventory is not None:
        read_table(settings.inventory, ["mine", "area_m2", "production_t"])


def check_ground(settings: ActivitySettings, coherence: xr.DataArray) -> None:
    """Find what does not meet the map: zones and rasters elsewhere, years without pairs.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    coherence : xarray.DataArray
        Dims (pair, y, x); only its grid and its dates are read.

    Raises
    ------
    ValueError
        If something asked for has no place or no time in it.

    Warns
    -----
    UserWarning
        If some of the zones lie off the map.
    """
    times = coherence["secondary_time"].values
    there = sorted({int(year) for year in times.astype("datetime64[Y]").astype(int) + 1970})
    years = whole_numbers(settings.years, setting="years") or ()
    if missing := [year for year in years if year not in there]:
        message = f"years {missing} have no pair; there are {there}, choose three of them"
        raise ValueError(message)
    if settings.dsm_dates is not None:
        activity.pairs_between(coherence.coords.to_dataset(), *settings.dsm_dates)
    like = coherence.isel(pair=0, drop=True)
    if settings.zones is not None:
        _check_zones(settings.zones, like)
    box = grids.geobox_of(like)
    for setting in ("dsm_before", "dsm_after", "displacement"):
        path = getattr(settings, setting)
        if path is None:
            continue
        extent = grids.geobox_of(layer_on(path, None)).extent.to_crs(box.crs)
        if not extent.intersects(box.extent):
            message = (
                f"{setting} {path!r} does not meet the map: it lies at {_place(extent)}, the map "
                f"at {_place(box.extent)}; give another file, or check its CRS"
            )
            raise ValueError(message)


def _check_zones(path: str, like: xr.DataArray) -> None:
    zones = read_zones(path)
    inside, _, _ = vectors.pixels_inside(zones, like=like)
    empty = zones["name"][np.bincount(inside, minlength=len(zones)) == 0].tolist()
    if len(empty) == len(zones):
        box = grids.geobox_of(like)
        message = (
            f"none of the zones of {path} meets the map: they lie at "
            f"{_place(zones.to_crs(box.crs))}, the map at {_place(box.extent)}; give other zones, "
            "or check their CRS"
        )
        raise ValueError(message)
    if empty:
        message = (
            f"{len(empty)} of {len(zones)} zones hold no pixel of the map, {empty[:3]} among them: "
            "their areas are unknown"
        )
        warnings.warn(message, UserWarning, stacklevel=3)


def _place(shape: object) -> str:
    """Where something lies, in words."""
    bounds = getattr(shape, "total_bounds", None)
    left, bottom, right, top = shape.boundingbox if bounds is None else bounds  # type: ignore[attr-defined]
    return f"x {left:.7g} to {right:.7g}, y {bottom:.7g} to {top:.7g}"
