"""From SLCs or coherence rasters to a map of where a mine was active and where it stood still."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from minewatch import activity, store
from minewatch._origins import carrying
from minewatch.cluster import connect
from minewatch.workflows.activity_checks import check_ground, check_settings
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.activity_layers import exclusion_of, stable_domain
from minewatch.workflows.activity_pairs import dropped_pairs, ledger_rows
from minewatch.workflows.activity_parts import OPTIONAL, Findings
from minewatch.workflows.activity_results import write_results
from minewatch.workflows.activity_settings import PRESETS, ActivitySettings
from minewatch.workflows.activity_thresholds import threshold_of
from minewatch.workflows.origins import origin_of
from minewatch.workflows.outputs import Notify, Result, quiet, remove_stale, stage
from minewatch.workflows.provenance import inputs_of
from minewatch.workflows.resuming import begin, contents_of, key_of, mark

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PRESETS", "ActivitySettings", "activity_run"]

STORES = (
    "coherence.zarr", "mean_ndai.zarr", "tai.zarr", "tai_by_year.zarr", "tai_by_season.zarr",
)  # fmt: skip
"""What is filled block by block, so that a run that was stopped goes on."""


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
        If the output folder holds something, and neither `overwrite` nor `resume` is True.

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
    check_settings(settings)
    with (
        begin(settings) as folder,
        connect(settings.cluster, report=settings.dask_report) as client,
        carrying() as carry,
    ):
        step = functools.partial(stage, client=client, notify=notify)
        with step("masks"):  # first: they need the grid alone, and may not fit it
            coherence = open_coherence(settings)
            check_ground(settings, coherence)
            exclusion = exclusion_of(settings, coherence)
        with step("coherence"):
            mark(settings, folder, stores=STORES)
            shaping = contents_of(settings.site, settings.baselines)
            names = coherence.attrs.get("files", [])
            inputs = inputs_of(settings, folder, names=names)
            carry(origin_of(settings, inputs))
            images = [row["digest"] for row in inputs if row["what"] == "input"]
            told = [*names, *images, *shaping]
            keep: dict[str, Any] = {"overwrite": True, "resume": key_of(settings, told)}
            coherence = store.to_zarr(
                coherence, folder / "coherence.zarr", name="coherence", **keep
            )
        with step("stable ground and pairs"):
            stable, ledger = _judged(settings, coherence)
            carry(origin_of(settings, inputs, dropped=dropped_pairs(ledger_rows(ledger))))
        with step("mean NDAI"):
            mean_ndai = activity.mean_ndai(coherence, ledger)
            mean_ndai = store.to_zarr(mean_ndai, folder / "mean_ndai.zarr", **keep)
        with step("threshold"):
            threshold = threshold_of(settings, mean_ndai)
        count: dict[str, Any] = {
            "threshold": threshold,
            "confidence": settings.confidence,
            "interval": settings.interval,
            "rule": settings.rule,
            "min_count": settings.min_count,
            "mask": None if exclusion is None else exclusion > 0,
        }
        with step("activity"):
            masks = ("ndvi", "mndwi", "water", "backscatter", "elevation")
            told += contents_of(*(getattr(settings, name) for name in masks))
            keep["resume"] = key_of(settings, told)
            tai = activity.tai(coherence, ledger, **count).assign(stable=stable)
            tai = store.to_zarr(tai, folder / "tai.zarr", **keep)
        periods = None
        if settings.by is not None:
            with step(f"activity by {settings.by}"):
                # A count asked of all dates is more than one year or season may have.
                each = {**count, "min_count": None}
                periods = activity.tai(coherence, ledger, by=settings.by, **each)
                place = folder / f"tai_by_{settings.by}.zarr"
                periods = store.to_zarr(periods, place, **keep)
        with step("maps and report"):
            found = Findings(coherence, exclusion, ledger, mean_ndai, threshold, tai, periods)
            result = write_results(settings, folder, found, inputs)
        remove_stale(folder, OPTIONAL, result.files.values())
    return result


def _judged(settings: ActivitySettings, coherence: xr.DataArray) -> tuple[xr.DataArray, xr.Dataset]:
    """Stable pixels (in memory: a byte a pixel) and the ledger of pairs."""
    find: dict[str, Any] = {
        "minimum": settings.stable_minimum,
        "maximum_std": settings.stable_maximum_std,
        "within": stable_domain(settings, coherence.isel(pair=0)),
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
