"""What a map of activity will take whose coherence must be ordered first, from HyP3."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import grids
from minewatch.grids.boxes import coordinates
from minewatch.sources import asf
from minewatch.store.cubes import CHUNK
from minewatch.workflows.activity_layers import site_of
from minewatch.workflows.activity_settings import whole_numbers
from minewatch.workflows.outputs import Notify, quiet, stage
from minewatch.workflows.planning_loads import load_of, plan_of
from minewatch.workflows.planning_plans import KEPT
from minewatch.workflows.planning_probes import activity_rates
from minewatch.workflows.planning_reading import Reading

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from minewatch.workflows.activity_settings import ActivitySettings
    from minewatch.workflows.planning_plans import Plan
    from minewatch.workflows.planning_probes import ActivityRates

__all__ = ["is_order", "plan_order"]

PIXEL = {"20x4": 80.0, "10x2": 40.0, "5x1": 20.0}
"""Looks → metres of HyP3's pixels."""

Counted = tuple[dict[str, int], dict[str, int]]


def is_order(settings: ActivitySettings) -> bool:
    """Whether the input is a list of scenes, of which no coherence is there yet.

    Parameters
    ----------
    settings : ActivitySettings
        The run.

    Returns
    -------
    bool
        By the name of the file.

    Examples
    --------
    >>> from minewatch.workflows import ActivitySettings
    >>> is_order(ActivitySettings("search.geojson")), is_order(ActivitySettings("hyp3"))
    (True, False)
    """
    return settings.input.endswith((".json", ".geojson"))


def plan_order(
    settings: ActivitySettings,
    *,
    count: Callable[[xr.DataArray, ActivitySettings], Counted],
    rate: ActivityRates | None = None,
    notify: Notify = quiet,
) -> Plan:
    """Say what coherence costs that must be ordered, and what the map of it will take.

    Parameters
    ----------
    settings : ActivitySettings
        The run; its input holds scenes of an ASF search. ``looks`` of a plan's settings are those
        of the jobs.
    count : callable
        ``count(coherence, settings)`` gives tasks and blocks.
    rate : ActivityRates, optional
        How fast it goes; measured on made-up coherence if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        With ``credits``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If no place is given, or no pair is within the limits.

    References
    ----------
    Alaska Satellite Facility, HyP3 documentation: credits,
    https://hyp3-docs.asf.alaska.edu/using/credits
    """
    looks = str(getattr(settings, "looks", "20x4"))
    if not Path(settings.input).is_file():
        message = f"there is no file {settings.input}; give the scenes of an ASF search as GeoJSON"
        raise FileNotFoundError(message)
    with stage("pairs", None, notify):
        pairs = asf.pair_list(
            asf.read_scenes(settings.input),
            max_temporal_baseline=settings.max_temporal_baseline,
            max_perpendicular_baseline=settings.max_perpendicular_baseline,
            n_next=settings.next_images,
            months=whole_numbers(settings.months, setting="months"),
        )
        jobs = asf.hyp3_jobs(pairs, looks=looks)
        price = asf.credits(jobs).attrs
        series = _series(pairs, settings, PIXEL[looks])
    with stage("graph", None, notify):
        stages, blocks = count(series, settings)
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            rate = activity_rates(series, settings)
        told = "measured just now on made-up coherence"
    load = load_of(series, settings, stages, images=0)
    decoded = 4.0 * series.size
    images = len(set(pairs["reference"]) | set(pairs["secondary"]))
    reading = Reading("Sentinel-1", images, len(jobs), decoded, KEPT * decoded, float(series.size))
    planned = plan_of(series, reading, load, settings.cluster, rate=rate, told=told)
    asked = {"credits": int(price["credits"]), "jobs": len(jobs), "months": price["months"]}
    return dataclasses.replace(planned, blocks=blocks, credits=asked)


def _series(pairs: pd.DataFrame, settings: ActivitySettings, pixel: float) -> xr.DataArray:
    """Coherence as it will come, of made-up values: each pair of days once, around the site."""
    import dask.array as da

    site = site_of(settings)
    if site is None:
        message = (
            "coherence that is ordered covers whole bursts or scenes; give site=polygons or "
            "bbox=west south east north, so that it is known how much of it is mapped"
        )
        raise ValueError(message)
    around = site.to_crs(site.estimate_utm_crs()).buffer(settings.margin)
    size = settings.resolution if settings.align is not None else pixel
    box = grids.geobox(tuple(around.total_bounds), crs=around.crs, resolution=size)
    days = [pairs[f"{end}_time"].dt.floor("D") for end in ("reference", "secondary")]
    ends = pairs.assign(first=days[0], last=days[1]).drop_duplicates(["first", "last"])
    ends = ends.sort_values(["first", "last"])
    times = {
        f"{end}_time": ("pair", ends[name].to_numpy("datetime64[ns]"))
        for end, name in (("reference", "first"), ("secondary", "last"))
    }
    rng = da.random.default_rng(0)
    made_up = rng.uniform(size=(len(ends), *box.shape), chunks=(1, CHUNK, CHUNK))
    coords: dict[Any, Any] = {"pair": np.arange(len(ends)), **times, **coordinates(box)}
    return xr.DataArray(made_up.astype("float32"), coords, ("pair", "y", "x"), "coherence")
