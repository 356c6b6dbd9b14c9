"""What a map of activity will take: headers are opened, graphs are drawn, and one block is read."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from minewatch import activity
from minewatch.store.cubes import CHUNK
from minewatch.workflows.activity_checks import check_ground, check_settings
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.outputs import Notify, quiet, stage
from minewatch.workflows.planning_counting import counted_store, first_computation
from minewatch.workflows.planning_loads import is_slc, load_of, plan_of, reading_of_folder
from minewatch.workflows.planning_orders import is_order, plan_order
from minewatch.workflows.planning_plans import Plan
from minewatch.workflows.planning_probes import ActivityRates, activity_rates

__all__ = ["counted_of", "plan_activity"]

COUNTED = 4
"""Stored blocks along each edge of a map whose graphs are drawn whole; else a corner is."""

MASKS = ("ndvi", "mndwi", "water", "backscatter", "elevation", "site", "bbox")
"""Settings that leave pixels out."""


def plan_activity(
    settings: ActivitySettings, *, rate: ActivityRates | None = None, notify: Notify = quiet
) -> Plan:
    """Say what a map of activity will take. Opens headers, and reads one block to find the rate.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    rate : ActivityRates, optional
        How fast it goes; measured on a block of the input if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        What it will take.
    """
    if is_order(settings):
        return plan_order(settings, count=counted_of, rate=rate, notify=notify)
    check_settings(settings)
    with stage("headers", None, notify):
        coherence = open_coherence(settings)
        check_ground(settings, coherence)
    with stage("graph", None, notify):
        stages, blocks = counted_of(coherence, settings)
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            rate = activity_rates(coherence, settings)
        told = "measured just now on a block of the input"
    reading = reading_of_folder(coherence, settings)
    load = load_of(
        coherence, settings, stages, images=reading.scenes if is_slc(coherence, settings) else 0
    )
    planned = plan_of(coherence, reading, load, settings.cluster, rate=rate, told=told)
    return dataclasses.replace(planned, blocks=blocks)


def counted_of(
    coherence: xr.DataArray, settings: ActivitySettings
) -> tuple[dict[str, int], dict[str, int]]:
    """Draw the graphs of a run and count their tasks and blocks; none is computed.

    All pairs are taken to be kept: some more tasks pick pairs out where one is not. Settled pairs
    (``settle``) are judged once or more; once is counted.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), lazy.
    settings : ActivitySettings
        The run.

    Returns
    -------
    (dict, dict)
        Stage → tasks; store → blocks.
    """
    edges = [-(-coherence.sizes[dim] // CHUNK) for dim in ("y", "x")]
    drawn = [min(edge, COUNTED) for edge in edges]
    part = coherence.isel(y=slice(0, drawn[0] * CHUNK), x=slice(0, drawn[1] * CHUNK))
    share = edges[0] * edges[1] / (drawn[0] * drawn[1])
    tasks: dict[str, int] = {}
    blocks: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="minewatch-plan-") as name:
        folder = Path(name)

        def keep(what: str, store: str, layers: Any) -> Any:
            laid_out, tasks[what], rows = counted_store(
                layers, folder / store, name="coherence" if store == "coherence.zarr" else None
            )
            blocks[store] = rows * edges[0] // drawn[0] if drawn[0] < edges[0] else rows
            return laid_out

        stored = keep("coherence", "coherence.zarr", part)
        ledger, stable = _all_kept(stored)
        found = activity.stable_pixels(stored, minimum=settings.stable_minimum)
        tasks["stable ground and pairs"] = first_computation(found.compute) + first_computation(
            lambda: activity.screen_pairs(stored, stable, max_perpendicular_baseline=None)
        )
        keep("mean NDAI", "mean_ndai.zarr", activity.mean_ndai(stored, ledger))
        count: dict[str, Any] = {
            "threshold": 0.3,
            "interval": settings.interval,
            "rule": settings.rule,
            "mask": ~stable if any(getattr(settings, mask) for mask in MASKS) else None,
        }
        index = activity.tai(stored, ledger, **count).assign(stable=stable)
        keep("activity", "tai.zarr", index)
        if settings.by is not None:
            periods = activity.tai(stored, ledger, by=settings.by, **count)
            keep(f"activity by {settings.by}", f"tai_by_{settings.by}.zarr", periods)
    return {what: round(number * share) for what, number in tasks.items()}, blocks


def _all_kept(coherence: xr.DataArray) -> tuple[xr.Dataset, xr.DataArray]:
    """A ledger that keeps every pair, and ground that is stable everywhere."""
    pairs = coherence.sizes["pair"]
    coords = {name: c for name, c in coherence.coords.items() if c.dims == ("pair",)}
    ledger = xr.Dataset(
        {
            "stable_mean": ("pair", np.ones(pairs)),
            "keep": ("pair", np.ones(pairs, bool)),
        },
        coords=coords,
    )
    like = coherence.isel(pair=0, drop=True)
    stable = like.copy(data=np.ones(like.shape, bool))
    return ledger, stable.rename("stable")
