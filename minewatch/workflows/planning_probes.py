"""How fast this machine makes and maps coherence: a block of the real input is run through."""

from __future__ import annotations

import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch import store
from minewatch.workflows.activity import activity_run
from minewatch.workflows.activity_settings import ActivitySettings

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ActivityRates", "activity_rates"]

BLOCK = 512
"""Rows and columns of the block that is run through; its coherence is made in whole chunks."""

SMALL = 64
"""Of one that compiles what is not compiled, and tells what is needed however small a map is."""

PAIRS = 16
"""Most pairs of the block."""


@dataclass(frozen=True)
class ActivityRates:
    """What this machine needs for a map of activity, all its threads together.

    Parameters
    ----------
    coherence : float
        Seconds for a pixel of a pair: read, made or resampled, and stored.
    stages : dict of str to float
        Later stage → seconds for a pixel of a pair.
    fixed : dict of str to float
        Later stage → seconds that it takes however small the map is.
    threads : int
        That worked on it.
    """

    coherence: float
    stages: dict[str, float]
    fixed: dict[str, float]
    threads: int


def activity_rates(
    coherence: xr.DataArray, settings: ActivitySettings, *, counted: xr.DataArray | None = None
) -> ActivityRates:
    """Run the middle of a series through the whole chain, and tell how long each stage took.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), lazy, as a run opens it.
    settings : ActivitySettings
        The run. Files that are laid over its map are left out.
    counted : xarray.DataArray, optional
        Another series that the later stages are run on: of an update, what is stored already.

    Returns
    -------
    ActivityRates
        The rates.
    """
    import dask
    from dask.system import CPU_COUNT

    threads = int(dask.config.get("num_workers", None) or CPU_COUNT)
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="minewatch-plan-") as name:
        warnings.simplefilter("ignore", UserWarning)  # a scrap of a scene may be strange
        folder = Path(name)
        whole = _chunks(coherence)
        whole.isel(pair=slice(0, 1)).compute()  # which compiles what is not compiled
        began = time.perf_counter()
        made = store.to_zarr(whole, folder / "made.zarr", name="coherence")
        making = time.perf_counter() - began
        series = made if counted is None else counted
        (few, fixed), (many, spent) = (
            _run_through(_middle(series, side), settings, folder / str(side))
            for side in (SMALL, BLOCK)
        )
    more = max(many - few, 1)
    stages = {stage: max(spent[stage] - fixed[stage], 0.0) / more for stage in spent}
    return ActivityRates(making / made.size, stages, fixed, threads)


def _chunks(coherence: xr.DataArray) -> xr.DataArray:
    """Whole chunks in the middle of the scene: of a part of one, all of it would be made."""
    at = {}
    for dim, chunks in zip(coherence.dims, coherence.chunks or (), strict=False):
        if dim != "pair":
            size = coherence.sizes[dim]
            first, last = max(0, (size - BLOCK) // 2), min(size, (size + BLOCK) // 2)
            edges = np.cumsum([0, *chunks])
            begin = edges[edges <= first].max()
            end = edges[edges >= min(begin + BLOCK, last)].min()
            at[dim] = slice(int(begin), int(end))
    return coherence.isel(at).isel(pair=slice(0, PAIRS))


def _middle(coherence: xr.DataArray, side: int) -> xr.DataArray:
    """A square in the middle of the scene."""
    at = {}
    for dim in ("y", "x"):
        size = coherence.sizes[dim]
        first = max(0, (size - side) // 2)
        at[dim] = slice(first, min(first + side, size))
    return coherence.isel(at).isel(pair=slice(0, PAIRS))


def _run_through(
    block: xr.DataArray, settings: ActivitySettings, folder: Path
) -> tuple[int, dict[str, float]]:
    """Samples, and seconds of the later stages."""
    folder.mkdir()
    made = store.to_zarr(block, folder / "made.zarr", name="coherence")
    scrap = ActivitySettings(
        input=str(folder / "made.zarr"),
        output=str(folder / "run"),
        # Any ground will do, and the cut between active and not: this is about seconds.
        stable_minimum=0.001,
        stable_maximum_std=1.0,
        min_pixels=1,
        max_perpendicular_baseline=1e9,
        threshold="0.3",
        by=settings.by,
        choices=settings.choices,
        interval=settings.interval,
        rule=settings.rule,
    )
    spent: dict[str, float] = {}
    latest = [time.perf_counter()]

    def notify(stage: str, done: int, total: int) -> None:
        now = time.perf_counter()
        if total == 0:
            latest[0] = now
        elif done == total:
            spent[stage] = now - latest[0]

    activity_run(scrap, notify=notify)
    later = {stage: spent[stage] for stage in spent if stage not in ("masks", "coherence")}
    return int(made.size), later
