"""New dates for a finished activity run: only what is new is read, and what changed is told."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from minewatch import store
from minewatch._files import heal, sweep
from minewatch._origins import carrying
from minewatch.cluster import connect
from minewatch.workflows.activity_layers import exclusion_of
from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.folders import held
from minewatch.workflows.origins import origin_of
from minewatch.workflows.outputs import Notify, Result, quiet, stage
from minewatch.workflows.settings import option, read_settings
from minewatch.workflows.updating_alerts import ALERTS, counted
from minewatch.workflows.updating_parts import Arrivals, arrived, count_arrivals, written_anew
from minewatch.workflows.updating_progress import Progress, end_update, take_up
from minewatch.workflows.updating_records import tell_updates, updates_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["UpdateSettings", "run_of", "update_run"]


@dataclass(frozen=True)
class UpdateSettings:
    """How new dates join a finished activity run; each field is a key and an option."""

    folder: str = option(dataclasses.MISSING, "folder of a finished run of activity", path=True)
    input: str | None = option(
        None, "folder that holds the new images; by default that of the run", path=True
    )
    superseded: Literal["auto", "drop", "keep"] = option(
        "auto",
        "counted pairs that a late date splits: auto drops those that the input gives no more",
    )
    refresh: bool = option(
        False, "find stable ground and threshold anew in all pairs, and tell the drift"
    )
    min_area: float = option(0.5, "hectares; smaller alerts are left out")
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    dask_report: str | None = option(
        None, "HTML file of Dask's performance report; not with threads", path=True
    )


def update_run(settings: UpdateSettings, *, notify: Notify = quiet) -> Result:
    """Add the dates that came since to a finished activity run.

    The input of the run is listed again; coherence is computed of the pairs that the run has not
    met, and of no other. They are judged by the stable ground and the threshold of the run, join
    its counts, and its maps, tables and page are written anew. ``alerts.geojson`` holds the patches
    that became active since the first update, as all pairs since then tell, and still are. The
    result is that of a run over all dates with the same stable ground and threshold, in whatever
    order the dates come. An update that brings nothing new changes no file; one that was stopped is
    gone on with by calling it again.

    Parameters
    ----------
    settings : UpdateSettings
        The update.
    notify : callable
        Is told how it gets on: ``notify(stage, done, total)``.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    FileNotFoundError
        If the folder holds no finished activity run.
    ValueError
        If the new images lie on another grid, or a setting makes no sense.
    BlockingIOError
        If another run is writing to the folder.

    References
    ----------
    Kavats, Khramov, Sergieieva (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216

    Examples
    --------
    >>> update_run(UpdateSettings(folder="nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere holds no finished run of activity (no run.toml); ...
    """
    folder = Path(settings.folder).resolve()
    run = run_of(settings, folder)
    with (
        connect(settings.cluster, report=settings.dask_report) as client,
        held(folder),
        carrying() as carry,
    ):
        step = functools.partial(stage, client=client, notify=notify)
        with step("new pairs"):
            sweep(folder)
            stopped = take_up(folder)
            come = arrived(settings, folder, run, carry)
            if not come.fresh.any() and not settings.refresh and stopped is None:
                return Result(folder, {"new pairs": "0: nothing was changed"}, {})
            carry(origin_of(come.recorded, come.sources(come.recorded)))
            come = dataclasses.replace(come, exclusion=exclusion_of(run, come.series))
        progress = stopped or Progress(updates=updates_of(folder))
        if not _has_counted(progress, come):
            refresh = settings.refresh or progress.refresh
            progress = dataclasses.replace(progress, counted=False, refresh=refresh)
            progress = count_arrivals(come, progress, step)
        with step("maps and report"):
            tai = store.open_cube(folder / "tai.zarr")
            result = written_anew(come, tai, carry)
            written = [path for path in (folder / ALERTS,) if path.exists()]
            tell_updates(folder, progress.updates, written)
        end_update(folder)
    summary = {"new pairs": f"{len(progress.updates[-1]['pairs'])}"}
    summary["alerts"] = counted(folder / ALERTS)
    return _told(result, folder, summary, tai)


def run_of(settings: UpdateSettings, folder: Path) -> ActivitySettings:
    """The settings of the run that is updated, as it would read its images now."""
    record = folder / "run.toml"
    heal(folder)
    if not record.is_file() or not (folder / "tai.zarr").is_dir():
        lacking = "run.toml" if not record.is_file() else "tai.zarr"
        message = (
            f"{folder} holds no finished run of activity (no {lacking}); give the output folder of "
            "minewatch activity"
        )
        raise FileNotFoundError(message)
    if settings.min_area < 0:
        message = f"min_area is hectares, 0 or more, got {settings.min_area}; use 0.5"
        raise ValueError(message)
    run = read_settings(ActivitySettings, record, input=settings.input)
    return dataclasses.replace(run, output=str(folder), cluster=settings.cluster)


def _has_counted(progress: Progress, come: Arrivals) -> bool:
    """Whether an update that was stopped has counted all that this one would."""
    asked = come.settings.refresh and not progress.refresh
    return progress.counted and not come.fresh.any() and not asked


def _told(result: Result, folder: Path, summary: dict[str, str], tai: xr.Dataset) -> Result:
    """What the update found, in front of what the maps say now."""
    summary = {
        **summary,
        **{
            f"drift of {key.removeprefix('drift_').replace('_', ' ')}": f"{value:g}"
            for key, value in tai.attrs.items()
            if key.startswith("drift_") and isinstance(value, int | float)
        },
    }
    files = {"alerts": folder / ALERTS} if (folder / ALERTS).exists() else {}
    return Result(folder, summary | result.summary, files | result.files)
