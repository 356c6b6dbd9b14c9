"""What an update will read, hold, write and take: only pairs that are new are made."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import store
from minewatch.activity.records import pair_index
from minewatch.conventions import require_same_grid
from minewatch.store.cubes import CHUNK
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.outputs import Notify, quiet, stage
from minewatch.workflows.planning_activity import counted_of
from minewatch.workflows.planning_counting import counted_store
from minewatch.workflows.planning_loads import images_of, load_of, plan_of, reading_of_folder
from minewatch.workflows.planning_probes import activity_rates
from minewatch.workflows.updating import run_of

if TYPE_CHECKING:
    from minewatch.workflows.planning_plans import Plan
    from minewatch.workflows.planning_probes import ActivityRates
    from minewatch.workflows.updating import UpdateSettings

__all__ = ["plan_update"]


def plan_update(
    settings: UpdateSettings, *, rate: ActivityRates | None = None, notify: Notify = quiet
) -> Plan:
    """Say what an update of a map of activity will take.

    Parameters
    ----------
    settings : UpdateSettings
        The update.
    rate : ActivityRates, optional
        How fast it goes; measured on a block of the input if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        What it will take: pairs that are new are made, the index and the page of all pairs. Where
        none is new, and `refresh` is not asked for, nothing.
    """
    folder = Path(settings.folder).resolve()
    run = run_of(settings, folder)
    with stage("new pairs", None, notify):
        stored = store.open_cube(folder / "coherence.zarr", name="coherence")
        incoming = open_coherence(run)
        require_same_grid(stored, incoming, by="plan")
        known = pair_index(incoming, by="plan").isin(pair_index(stored, by="plan"))
        fresh = incoming.isel(pair=np.flatnonzero(~known))
    new = fresh.sizes["pair"]
    idle = new == 0 and not settings.refresh
    series = _series(stored, fresh)
    stages: dict[str, int] = {}
    if not idle:
        with stage("graph", None, notify):
            stages, _ = counted_of(series, run)
            stages["coherence"] = _made(fresh) if new else 0
    told = "given"
    if rate is None and not idle:
        with stage("rate", None, notify):
            rate = activity_rates(fresh if new else stored, run, counted=stored)
        told = "measured just now on a block of the input"
    whole = reading_of_folder(incoming, run)
    images = images_of(fresh) if whole.sensor == "SLC" else new
    share = images / max(whole.scenes, 1)
    reading = dataclasses.replace(
        whole,
        scenes=images,
        files=round(whole.files * share),
        decoded=whole.decoded * share,
        stored=whole.stored * share,
        samples=whole.samples * share,
    )
    load = load_of(series, run, stages, images=images)
    if idle:
        rate, told = None, "nothing is new, nothing will be done"
    planned = plan_of(series, reading, load, settings.cluster, rate=rate, told=told, fresh=new)
    return dataclasses.replace(planned, grid=f"{planned.grid}, {new} of them new")


def _made(fresh: xr.DataArray) -> int:
    """Tasks of pairs that are new."""
    with tempfile.TemporaryDirectory(prefix="minewatch-plan-") as name:
        return counted_store(fresh, Path(name) / "new.zarr", name="coherence")[1]


def _series(stored: xr.DataArray, fresh: xr.DataArray) -> xr.DataArray:
    """Known and new pairs on their grid, in the order of their dates; it holds nothing."""
    import dask.array as da

    ends = {
        name: np.concatenate([each[name].values for each in (stored, fresh)])
        for name in ("reference_time", "secondary_time")
    }
    order = np.lexsort((ends["secondary_time"], ends["reference_time"]))
    like = stored.isel(pair=0, drop=True)
    grid = {name: like[name] for name in like.coords if not like[name].dims or name in ("y", "x")}
    shape = (len(order), *like.shape)
    nothing = da.zeros(shape, chunks=(1, CHUNK, CHUNK), dtype="float32")
    times = {name: ("pair", values[order]) for name, values in ends.items()}
    coords: dict[Any, Any] = {"pair": np.arange(len(order)), **times, **grid}
    return xr.DataArray(nothing, coords, ("pair", "y", "x"), "coherence", stored.attrs)
