"""What an activity run can be told, and the two published ways of telling it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from minewatch.workflows.settings import option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PRESETS", "ActivitySettings", "whole_numbers"]


@dataclass(frozen=True)
class ActivitySettings:
    """How a mine activity map is made; each field is a key of the TOML file and an option."""

    input: str = option(
        dataclasses.MISSING, "folder of co-registered SLCs or of coherence rasters", path=True
    )
    output: str = option("activity", "folder for the results", path=True)
    site: str | None = option(None, "polygons outside which nothing is mapped", path=True)
    bbox: tuple[float, float, float, float] | None = option(
        None, "west, south, east, north in degrees, outside which nothing is mapped"
    )
    margin: float = option(1000.0, "metres around site or bbox that are read for stable ground")
    # Coherence
    kind: Literal["auto", "slc", "coherence"] = option("auto", "what the input folder holds")
    polarization: str | None = option(None, "polarisation to read where a file holds several")
    names: str | None = option(
        None, "template of coherence file names, e.g. *_{secondary}-{reference}.tif"
    )
    duplicates: Literal["error", "first", "mosaic"] = option(
        "error", "what to do where a pair comes twice: refuse, take the first, or fill its gaps"
    )
    scale: float = option(1.0, "what stored coherence is multiplied by, e.g. 0.00392157 for bytes")
    nodata: float = option(0.0, "stored coherence that means unknown; nan if 0 is a value")
    baselines: str | None = option(
        None, "table of perpendicular baselines, or folder of GAMMA's *bperp.par", path=True
    )
    align: Literal["bilinear", "average"] | None = option(
        None, "bring coherence rasters of different grids onto one around site or bbox"
    )
    window: tuple[int, int] = option((3, 10), "coherence window: rows (azimuth), columns (range)")
    demodulate: Literal["local"] | None = option(
        None, "local: take out the fringe rate of each window before it is summed"
    )
    max_temporal_baseline: float | None = option(None, "longest pair in days")
    max_perpendicular_baseline: float = option(250.0, "longest perpendicular baseline in metres")
    next_images: int = option(1, "pairs of each SLC with so many following ones")
    months: str | None = option(None, "season by the later image of a pair, e.g. 5-9 or 11,12,1")
    resolution: float = option(
        20.0, "metres, for input that is geocoded or brought onto another grid"
    )
    # Stable ground and pairs
    stable_minimum: float = option(0.8, "mean coherence above which a pixel may be stable")
    stable_maximum_std: float = option(0.2, "standard deviation below which it may be stable")
    stable_within: Literal["scene", "site"] = option("scene", "where stable ground is looked for")
    settle: bool = option(
        False, "find stable ground again without the dropped pairs, until it rests"
    )
    pair_maximum_std: float | None = option(
        None, "largest standard deviation over stable ground that a pair may have"
    )
    min_pixels: int = option(30, "fewest stable pixels to judge pairs by")
    # Activity
    threshold: str = option("kde_valley", "NDAI threshold: kde_valley, otsu or a number")
    confidence: float = option(0.95, "level of the interval of TAI")
    interval: Literal["clopper-pearson", "wilson"] = option(
        "clopper-pearson", "exact, or shorter and right on average"
    )
    rule: Literal["interval", "paper"] = option(
        "interval", "active and stable by the interval of TAI, or by TAI itself as published"
    )
    min_count: int | None = option(
        None, "fewest observations a pixel needs over all dates; half of the pairs if not said"
    )
    by: Literal["year", "season"] | None = option(None, "a map a year or a quarter as well")
    choices: bool = option(True, "tell how the active area depends on what was chosen")
    # What looks like a mine and is none
    ndvi: str | None = option(None, "raster of seasonal NDVI: plants above 0.4", path=True)
    mndwi: str | None = option(None, "raster of seasonal MNDWI: water above 0", path=True)
    water: str | None = option(None, "polygons of water", path=True)
    backscatter: str | None = option(
        None, "raster of mean VV backscatter, linear power: no signal below -20 dB", path=True
    )
    elevation: str | None = option(None, "DEM in metres, for radar shadow and layover", path=True)
    incidence: float = option(39.0, "incidence angle in degrees, for shadow and layover")
    look_azimuth: float | None = option(
        None, "where the radar looks, degrees from north: about 78 ascending, 282 descending"
    )
    # Places
    outlines: str | None = option(None, "polygons to draw over the maps", path=True)
    zones: str | None = option(None, "polygons to report one by one, by their name", path=True)
    concessions: str | None = option(None, "polygons where mining is allowed", path=True)
    other_track: str | None = option(
        None, "folder of a run over the same ground seen from the other side", path=True
    )
    # Comparison with what was measured otherwise
    dsm_before: str | None = option(None, "elevation raster at the first date, m", path=True)
    dsm_after: str | None = option(None, "elevation raster at the second date, m", path=True)
    dsm_dates: tuple[str, str] | None = option(None, "dates of the two elevation rasters")
    displacement: str | None = option(None, "displacement raster, m", path=True)
    # Years, production, emissions
    years: str | None = option(None, "three years of the colour map, e.g. 2020-2022")
    colours: Literal["binary", "hsv"] = option("binary", "how the eight colours are told apart")
    white: Literal["all", "exclude"] = option(
        "all", "whether ground that changed in all three years counts"
    )
    production: str | None = option(
        None, "table mine,year,production_t of reported ore in tonnes", path=True
    )
    inventory: str | None = option(
        None, "table mine,year,area_m2,production_t of other mines", path=True
    )
    factors: str | None = option(
        None, "table level,key,factor_tco2e_per_t,std of emission factors", path=True
    )
    mine: str | None = option(None, "name of the mine in the tables, if no zone is meant")
    country: str | None = option(None, "ISO code of the country, the key of its factor")
    region: str | None = option(None, "region, the key of its factor")
    ore: str = option("iron ore", "what is mined, as the emission table names it")
    subsector: str = option("iron-mining", "Climate TRACE's subsector of mineral extraction")
    ratio: Literal["mean_of_ratios", "ratio_of_sums"] = option(
        "mean_of_ratios", "how tonnes a square metre are averaged over years"
    )
    extrapolate: bool = option(
        False, "estimate ore for areas far beyond those that were seen with a report, too"
    )
    uncertainty: Literal["goodman", "first_order", "climatetrace_literal"] = option(
        "goodman", "how the spread of production and of the factor combine"
    )
    pixel_area: float | None = option(
        None, "square metres of a pixel where a fixed number is wanted, e.g. 100 as published"
    )
    # Running
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    dask_report: str | None = option(
        None, "HTML file of Dask's performance report; not with threads", path=True
    )
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")
    resume: bool = option(False, "go on with a run of these settings that was stopped there")


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "kavats": {
        "window": (3, 10),
        "months": "5-9",
        "max_temporal_baseline": 36.0,
        "by": "year",
        "rule": "paper",
    },
    "climate_trace": {
        "window": (2, 7),
        "max_temporal_baseline": 36.0,
        "stable_within": "site",
        "pair_maximum_std": 0.2,
        "by": "year",
        "colours": "hsv",
    },
}
"""Settings as published; what is given besides wins.

``kavats``: Kavats et al. (2025), doi:10.1144/gslspecpub2023-216. ``climate_trace``: Jolleys and
Duddy (2023), Climate TRACE methodology.
"""


def whole_numbers(text: str | None, *, setting: str) -> tuple[int, ...] | None:
    """Read months or years written as ``5-9`` or ``2019,2021``.

    Parameters
    ----------
    text : str or None
        Numbers and ranges, separated by commas.
    setting : str
        What a complaint calls it.

    Returns
    -------
    tuple of int or None
        The numbers in the order given; None stays None.

    Raises
    ------
    ValueError
        If it is not written so.

    Examples
    --------
    >>> whole_numbers("5-7,9", setting="months")
    (5, 6, 7, 9)
    """
    if text is None:
        return None
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if (
            not first.isdecimal()
            or not (last or first).isdecimal()
            or int(last or first) < int(first)
        ):
            message = f"{setting} {text!r} is not understood; write e.g. 5-9 or 2019,2021"
            raise ValueError(message)
        numbers += range(int(first), int(last or first) + 1)
    return tuple(numbers)
