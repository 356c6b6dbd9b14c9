"""From SLCs or coherence rasters to a map of where a mine was active and where it stood still."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minewatch import activity, store, vectors
from minewatch.cluster import connect
from minewatch.workflows.activity_inputs import stored_coherence
from minewatch.workflows.activity_layers import exclusion_of, site_of
from minewatch.workflows.activity_parts import Findings
from minewatch.workflows.activity_results import write_results
from minewatch.workflows.activity_settings import PRESETS, ActivitySettings, whole_numbers
from minewatch.workflows.outputs import Notify, Result, open_folder, quiet, stage

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PRESETS", "ActivitySettings", "activity_run"]

METHODS: dict[str, Literal["kde_valley", "otsu"]] = {"kde_valley": "kde_valley", "otsu": "otsu"}


def activity_run(settings: ActivitySettings, *, notify: Notify = quiet) -> Result:
    """Make a mine activity map and write everything that explains it.

    SLCs become coherence, coherence is judged against stable ground, what is left of it is
    compared pair by pair, and the share of pairs with activity (TAI) is classed with its interval.
    Written beside each other: ``coherence.zarr``, ``tai.zarr``, ``tai.tif``, ``activity.tif``,
    ``activity.geojson``, ``stability.geojson``, ``pairs.csv``, ``dropped_pairs.csv``,
    ``choices.csv``, ``quicklook.png``, ``report.html``, ``summary.json`` and ``run.toml``. What
    else is given adds to them: masks ``excluded.tif``; zones ``zones.csv``, ``zone_series.csv``
    and ``zone_boxes.csv``; years ``rgb.tif``, ``colours.tif``, ``colour_counts.csv``,
    ``production.csv``, ``emissions.csv`` and ``climate_trace.csv``.

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
    _check(settings)
    folder = open_folder(settings.output, overwrite=settings.overwrite)
    replace = settings.overwrite
    with connect(settings.cluster) as client:
        step = functools.partial(stage, client=client, notify=notify)
        with step("coherence"):
            coherence = stored_coherence(settings, folder)
        with step("masks"):
            exclusion = exclusion_of(settings, coherence)
            if exclusion is not None:
                exclusion = exclusion.compute()  # a byte a pixel
        with step("stable ground and pairs"):
            stable, ledger = _judged(settings, coherence)
        with step("mean NDAI"):
            mean_ndai = activity.mean_ndai(coherence, ledger)
            mean_ndai = store.to_zarr(mean_ndai, folder / "mean_ndai.zarr", overwrite=replace)
        with step("threshold"):
            threshold = _threshold(settings, mean_ndai)
        count: dict[str, Any] = {
            "threshold": threshold,
            "confidence": settings.confidence,
            "interval": settings.interval,
            "rule": settings.rule,
            "min_count": settings.min_count,
            "mask": None if exclusion is None else exclusion > 0,
        }
        with step("activity"):
            tai = activity.tai(coherence, ledger, **count).assign(stable=stable)
            tai = store.to_zarr(tai, folder / "tai.zarr", overwrite=replace)
        periods = None
        if settings.by is not None:
            with step(f"activity by {settings.by}"):
                periods = activity.tai(coherence, ledger, by=settings.by, **count)
                place = folder / f"tai_by_{settings.by}.zarr"
                periods = store.to_zarr(periods, place, overwrite=replace)
        with step("maps and report"):
            found = Findings(coherence, exclusion, ledger, mean_ndai, threshold, tai, periods)
            return write_results(settings, folder, found)


def _check(settings: ActivitySettings) -> None:
    """Find what is wrong with the settings before anything is read or written."""
    if not Path(settings.input).exists():
        message = f"input {settings.input!r} does not exist; give a folder of SLCs or coherence"
        raise FileNotFoundError(message)
    _fixed(settings.threshold)
    whole_numbers(settings.months, setting="months")
    years = whole_numbers(settings.years, setting="years")
    if years is not None and len(years) != 3:
        message = (
            f"years {settings.years!r} name {len(years)} of them; a colour map has three, one for "
            "red, one for green and one for blue, e.g. 2020-2022"
        )
        raise ValueError(message)
    if (settings.dsm_before is None) != (settings.dsm_after is None):
        message = "a comparison of elevation needs both dsm_before and dsm_after"
        raise ValueError(message)
    if settings.stable_within == "site" and settings.site is None and settings.bbox is None:
        message = (
            "stable_within='site' needs to know the site; give site=polygons, bbox=... or "
            "stable_within='scene'"
        )
        raise ValueError(message)
    for setting in FILES:
        path = getattr(settings, setting)
        if path is not None and not Path(path).exists():
            message = f"{setting} {path!r} does not exist; give the path of a file"
            raise FileNotFoundError(message)
    site_of(settings)


FILES = (
    "site", "ndvi", "mndwi", "water", "backscatter", "elevation", "outlines", "zones",
    "concessions", "other_track", "dsm_before", "dsm_after", "displacement", "production",
    "inventory", "factors",
)  # fmt: skip


def _judged(settings: ActivitySettings, coherence: xr.DataArray) -> tuple[xr.DataArray, xr.Dataset]:
    """Stable pixels (in memory: a byte a pixel) and the ledger of pairs."""
    site = site_of(settings) if settings.stable_within == "site" else None
    within = None if site is None else vectors.rasterize(site, like=coherence.isel(pair=0))
    find: dict[str, Any] = {
        "minimum": settings.stable_minimum,
        "maximum_std": settings.stable_maximum_std,
        "within": within,
    }
    judge: dict[str, Any] = {
        "max_perpendicular_baseline": settings.max_perpendicular_baseline,
        "min_pixels": settings.min_pixels,
    }
    if settings.settle:
        stable, ledger = activity.settle_pairs(
            coherence, **find, pair_maximum_std=settings.pair_maximum_std, **judge
        )
        return stable.compute(), ledger
    stable = activity.stable_pixels(coherence, **find).compute()
    ledger = activity.screen_pairs(
        coherence,
        stable,
        minimum=settings.stable_minimum,
        maximum_std=settings.pair_maximum_std,
        **judge,
    )
    return stable, ledger


def _threshold(settings: ActivitySettings, mean_ndai: xr.DataArray) -> xr.DataArray:
    fixed = _fixed(settings.threshold)
    if fixed is not None:
        return activity.ndai_threshold(mean_ndai, method="fixed", fixed=fixed)
    return activity.ndai_threshold(mean_ndai, method=METHODS[settings.threshold])


def _fixed(text: str) -> float | None:
    """Read the threshold setting: a number, or None for a method."""
    if text in METHODS:
        return None
    try:
        return float(text)
    except ValueError:
        message = f"threshold {text!r} is not known; use 'kde_valley', 'otsu' or a number like 0.2"
        raise ValueError(message) from None
