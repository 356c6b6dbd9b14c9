"""From SLCs or coherence rasters to a map of where a mine was active and where it stood still."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import xarray as xr

from minewatch import activity, grids, insar, plots, store, vectors
from minewatch.cluster import connect
from minewatch.conventions import crs_of
from minewatch.report import Section, write_report
from minewatch.sources import coherence as coherence_source
from minewatch.sources import slc as slc_source
from minewatch.workflows.outputs import (
    Notify,
    Result,
    open_folder,
    quiet,
    stage,
    versions,
    write_json,
    write_table,
)
from minewatch.workflows.settings import option, write_settings

if TYPE_CHECKING:
    import geopandas as gpd
    from distributed import Client

__all__ = ["ActivitySettings", "activity_run"]


@dataclass(frozen=True)
class ActivitySettings:
    """How a mine activity map is made; each field is a key of the TOML file and an option."""

    input: str = option(
        dataclasses.MISSING, "folder of co-registered SLCs or of coherence rasters", path=True
    )
    output: str = option("activity", "folder for the results", path=True)
    kind: Literal["auto", "slc", "coherence"] = option("auto", "what the input folder holds")
    polarization: str | None = option(None, "polarisation to read where a file holds several")
    window: tuple[int, int] = option((3, 10), "coherence window: rows (azimuth), columns (range)")
    max_temporal_baseline: float | None = option(None, "longest pair in days")
    max_perpendicular_baseline: float = option(250.0, "longest perpendicular baseline in metres")
    next_images: int = option(1, "pairs of each image with so many following ones")
    stable_minimum: float = option(0.8, "mean coherence above which a pixel may be stable")
    stable_maximum_std: float = option(0.2, "standard deviation below which it may be stable")
    min_pixels: int = option(30, "fewest stable pixels to judge pairs by")
    threshold: str = option("kde_valley", "NDAI threshold: kde_valley, otsu or a number")
    confidence: float = option(0.95, "level of the interval of TAI")
    rule: Literal["interval", "paper"] = option(
        "interval", "active and stable by the interval of TAI, or by TAI itself as published"
    )
    min_count: int | None = option(None, "fewest observations a pixel needs")
    outlines: str | None = option(None, "polygons to draw over the maps", path=True)
    resolution: float = option(20.0, "metres, for slant-range input that must be geocoded")
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")


def activity_run(settings: ActivitySettings, *, notify: Notify = quiet) -> Result:
    """Make a mine activity map and write everything that explains it.

    SLCs become coherence, coherence is judged against stable ground, what is left of it is
    compared pair by pair, and the share of pairs with activity (TAI) is classed with its interval.
    Written beside each other: ``coherence.zarr``, ``tai.zarr``, ``tai.tif``, ``activity.tif``,
    ``activity.geojson``, ``stability.geojson``, ``pairs.csv``, ``dropped_pairs.csv``,
    ``quicklook.png``, ``report.html``, ``summary.json`` and ``run.toml``.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    notify : callable
        Is told how it gets on: ``notify(stage, done, total)``.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    ValueError
        If the input cannot be used; says why and what would do.
    FileExistsError
        If the output folder holds something and `overwrite` is False.

    References
    ----------
    Kavats, Khramov, Sergieieva (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216

    Examples
    --------
    >>> activity_run(ActivitySettings(input="nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: input 'nowhere' does not exist; ...
    """
    source = Path(settings.input)
    if not source.exists():
        message = f"input {settings.input!r} does not exist; give a folder of SLCs or coherence"
        raise FileNotFoundError(message)
    _check_threshold(settings.threshold)
    folder = open_folder(settings.output, overwrite=settings.overwrite)
    with connect(settings.cluster) as client:
        return _Run(settings, folder, client, notify).result()


def _check_threshold(text: str) -> str | float:
    if text in {"kde_valley", "otsu"}:
        return text
    try:
        return float(text)
    except ValueError:
        message = f"threshold {text!r} is not known; use 'kde_valley', 'otsu' or a number like 0.2"
        raise ValueError(message) from None
