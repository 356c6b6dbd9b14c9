"""The parts of an update: what came since, its counts, and the results that are written anew."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minewatch import activity, store
from minewatch.activity.records import pair_index
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.activity_layers import stable_domain
from minewatch.workflows.activity_pairs import dropped_pairs, ledger_rows
from minewatch.workflows.activity_parts import Findings
from minewatch.workflows.activity_results import write_results
from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.origins import origin_of
from minewatch.workflows.provenance import inputs_of
from minewatch.workflows.resuming import key_of
from minewatch.workflows.settings import read_settings
from minewatch.workflows.updating_alerts import ALERTS, write_alerts
from minewatch.workflows.updating_pairs import files_of, grown, lacking, met, split_pairs
from minewatch.workflows.updating_progress import Progress, begin_update, counted_update, staged
from minewatch.workflows.updating_records import told_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import xarray as xr

    from minewatch.workflows.outputs import Result
    from minewatch.workflows.updating import UpdateSettings

__all__ = ["Arrivals", "arrived", "count_arrivals", "written_anew"]


@dataclass(frozen=True, eq=False)
class Arrivals:
    """A finished run, and the pairs that came since.

    Parameters
    ----------
    settings : UpdateSettings
        The update.
    folder : pathlib.Path
        Of the run.
    run, recorded : ActivitySettings
        The run as it would read its images now, and as its record tells it.
    before : xarray.Dataset
        The index as it was, lazy.
    series : xarray.DataArray
        Coherence of known and new pairs, dims (pair, y, x), lazy.
    unmet, gone : numpy.ndarray
        Which pairs of `series` the index knows nothing of, and which a late date splits; bool.
    sources : callable
        Run → what it is made of, from :func:`minewatch.workflows.provenance.inputs_of`.
    exclusion : xarray.DataArray or None
        Why pixels are left out, if any are.
    """

    settings: UpdateSettings
    folder: Path
    run: ActivitySettings
    recorded: ActivitySettings
    before: xr.Dataset
    series: xr.DataArray
    unmet: npt.NDArray[np.bool_]
    gone: npt.NDArray[np.bool_]
    sources: Callable[[ActivitySettings], list[dict[str, Any]]]
    exclusion: xr.DataArray | None = None

    @property
    def fresh(self) -> npt.NDArray[np.bool_]:
        """Which pairs of the series join the counts, bool."""
        return self.unmet & ~self.gone

    @property
    def mask(self) -> xr.DataArray | None:
        """Where pixels are left out, whatever the reason; None if none are."""
        return None if self.exclusion is None else self.exclusion > 0

    @property
    def indices(self) -> list[Path]:
        """Stores that pairs join: that of each year or season, if the run had one, and of all."""
        by = self.run.by
        periods = [] if by is None else [self.folder / f"tai_by_{by}.zarr"]
        return [*periods, self.folder / "tai.zarr"]


def arrived(
    settings: UpdateSettings,
    folder: Path,
    run: ActivitySettings,
    carry: Callable[[Mapping[str, Any]], None],
) -> Arrivals:
    """List what the input of a run gives now, and store the coherence of pairs that it lacks.

    Parameters
    ----------
    settings : UpdateSettings
        The update.
    folder : pathlib.Path
        Of the run.
    run : ActivitySettings
        The run as it would read its images now.
    carry : callable
        From :func:`minewatch._origins.carrying`.

    Returns
    -------
    Arrivals
        What came.

    Raises
    ------
    ValueError
        If it lies on another grid.
    RuntimeError
        If blocks could not be made.
    """
    before = store.open_cube(folder / "tai.zarr")
    stored = store.open_cube(folder / "coherence.zarr", name="coherence")
    incoming = open_coherence(run)
    sources = functools.cache(
        functools.partial(inputs_of, folder=folder, names=files_of(stored, incoming))
    )
    key = ""
    if lacking(stored, incoming).size:
        carry(origin_of(run, sources(run)))
        key = key_of(run, [row["digest"] for row in sources(run)])
    series, _ = grown(folder / "coherence.zarr", incoming, key=key)
    return Arrivals(
        settings,
        folder,
        run,
        _recorded(settings, folder, run, series, incoming),
        before,
        series,
        unmet=met(before, series)["new"],
        gone=split_pairs(before, series, incoming, settings.superseded),
        sources=sources,
    )


def _recorded(
    settings: UpdateSettings,
    folder: Path,
    run: ActivitySettings,
    series: xr.DataArray,
    incoming: xr.DataArray,
) -> ActivitySettings:
    """What the record tells: a folder of new images alone is not what the run can be made of."""
    whole = pair_index(series, by="update").isin(pair_index(incoming, by="update")).all()
    if settings.input is None or whole:
        return run
    record = read_settings(ActivitySettings, folder / "run.toml")
    return dataclasses.replace(run, input=record.input)


def count_arrivals(
    come: Arrivals, progress: Progress, step: Callable[[str], AbstractContextManager[object]]
) -> Progress:
    """Judge the pairs that came, write alerts, and count them into the indices of the run.

    Parameters
    ----------
    come : Arrivals
        What came.
    progress : Progress
        How far the update has come.
    step : callable
        Name → a context in which that step is done.

    Returns
    -------
    Progress
        That all of it is in place.
    """
    begin_update(come.folder, progress)
    series, gone = come.series, come.gone
    with step("stable ground and pairs"):
        stable = come.before.stable.compute()
        ledger = _judged(come.run, series, stable)
    with step("alerts"):
        made = [row for each in progress.updates for row in each["inputs"]]
        write_alerts(
            come.folder / ALERTS,
            come.before,
            series,
            ledger,
            gone=gone,
            min_area_ha=come.settings.min_area,
            mask=come.mask,
            inputs=[*come.sources(come.run), *come.sources(come.recorded), *made],
            to=staged(come.folder / ALERTS),
        )
    with step("activity"):
        taken_out = series.isel(pair=gone & ~come.unmet).coords.to_dataset()
        add: dict[str, Any] = {"superseded": taken_out, "mask": come.mask}
        if progress.refresh:
            within = stable_domain(come.run, series.isel(pair=0))
            add |= {"refresh": True, "stable": stable, "within": within}
        counting = series.isel(pair=~(gone & come.unmet))
        for place in come.indices:
            tai = activity.update_tai(store.open_cube(place), counting, ledger, **add)
            tai = store.to_zarr(tai, staged(place))
        told = told_of(
            come.settings,
            come.folder,
            progress,
            come.sources(come.run),
            new=series.isel(pair=come.fresh),
            taken_out=taken_out,
            tai=tai,
        )
        return counted_update(come.folder, progress, told)


def written_anew(
    come: Arrivals, tai: xr.Dataset, carry: Callable[[Mapping[str, Any]], None]
) -> Result:
    """Write maps, tables and page of all pairs, old and new.

    Parameters
    ----------
    come : Arrivals
        What came.
    tai : xarray.Dataset
        The index over all pairs, new ones counted in.
    carry : callable
        From :func:`minewatch._origins.carrying`.

    Returns
    -------
    Result
        As that of :func:`minewatch.workflows.activity_run`.
    """
    series = come.series.isel(pair=~come.gone)
    ledger = _judged(come.run, series, tai.stable.compute())
    inputs = come.sources(come.recorded)
    carry(origin_of(come.recorded, inputs, dropped=dropped_pairs(ledger_rows(ledger))))
    mean_ndai = activity.mean_ndai(series, ledger)
    mean_ndai = store.to_zarr(mean_ndai, come.folder / "mean_ndai.zarr", overwrite=True)
    fixed = float(tai.attrs["threshold"])
    threshold = activity.ndai_threshold(mean_ndai, method="fixed", fixed=fixed)
    periods = next(map(store.open_cube, come.indices[:-1]), None)
    found = Findings(series, come.exclusion, ledger, mean_ndai, threshold, tai, periods)
    return write_results(come.recorded, come.folder, found, inputs)


def _judged(run: ActivitySettings, series: xr.DataArray, stable: xr.DataArray) -> xr.Dataset:
    return activity.screen_pairs(
        series,
        stable,
        minimum=run.stable_minimum,
        maximum_std=run.pair_maximum_std,
        max_perpendicular_baseline=run.max_perpendicular_baseline,
        min_pixels=run.min_pixels,
    )
