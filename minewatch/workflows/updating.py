"""New dates for a finished activity run: only what is new is read, and what changed is told."""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minewatch import activity, alerts, store, vectors
from minewatch.activity.records import pair_index
from minewatch.cluster import connect
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.activity_layers import exclusion_of, stable_domain
from minewatch.workflows.activity_parts import Findings
from minewatch.workflows.activity_results import write_results
from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.folders import held
from minewatch.workflows.outputs import Notify, Result, quiet, stage
from minewatch.workflows.settings import option, read_settings
from minewatch.workflows.updating_pairs import grown, met, split_pairs

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

__all__ = ["UpdateSettings", "run_of", "update_run"]

UNFINISHED = ".update.unfinished"
"""Stands in the folder while results are replaced, so that an update that was stopped goes on."""


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
    that the new pairs show active where the maps so far did not. The result is that of a run over
    all dates with the same stable ground and threshold, in whatever order the dates come. An
    update that brings nothing new changes no file; one that was stopped is gone on with by calling
    it again.

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
    ):
        step = functools.partial(stage, client=client, notify=notify)
        with step("new pairs"):
            before = store.open_cube(folder / "tai.zarr")
            incoming = open_coherence(run)
            series, added = grown(folder / "coherence.zarr", incoming)
            fresh = met(before, series)["new"]
            if not fresh.any() and not settings.refresh and not (folder / UNFINISHED).exists():
                return Result(folder, {"new pairs": "0: nothing was changed"}, {})
            (folder / UNFINISHED).touch()
            exclusion = exclusion_of(run, series)
        mask = None if exclusion is None else exclusion > 0
        with step("stable ground and pairs"):
            stable = before.stable.compute()
            ledger = _judged(run, series, stable)
            gone = split_pairs(before, series, incoming, settings.superseded)
            taken_out = series.isel(pair=gone & ~fresh).coords.to_dataset()
        with step("alerts"):
            told = alerts.new_activity(
                before, series.isel(pair=fresh), ledger, min_area_ha=settings.min_area, mask=mask
            )
            if fresh.any():
                vectors.to_geojson(told, folder / "alerts.geojson")
        with step("activity"):
            add: dict[str, Any] = {"superseded": taken_out, "mask": mask}
            if settings.refresh:
                within = stable_domain(run, series.isel(pair=0))
                add |= {"refresh": True, "stable": stable, "within": within}
            periods = _periods(run, folder, series, ledger, add)
            tai = activity.update_tai(before, series, ledger, **add)
            tai = store.to_zarr(tai, folder / "tai.zarr", overwrite=True)
        with step("maps and report"):
            series = series.isel(pair=~gone)
            ledger = _judged(run, series, tai.stable.compute())
            mean_ndai = activity.mean_ndai(series, ledger)
            mean_ndai = store.to_zarr(mean_ndai, folder / "mean_ndai.zarr", overwrite=True)
            threshold = activity.ndai_threshold(
                mean_ndai, method="fixed", fixed=float(tai.attrs["threshold"])
            )
            found = Findings(series, exclusion, ledger, mean_ndai, threshold, tai, periods)
            result = write_results(_recorded(settings, run, series, incoming), folder, found)
        (folder / UNFINISHED).unlink()
    summary = {"new pairs": f"{added}", "alerts": _counted(told, folder, any_new=bool(fresh.any()))}
    return _told(result, folder, summary, tai)


def run_of(settings: UpdateSettings, folder: Path) -> ActivitySettings:
    """The settings of the run that is updated, as it would read its images now."""
    record = folder / "run.toml"
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


def _recorded(
    settings: UpdateSettings, run: ActivitySettings, series: xr.DataArray, incoming: xr.DataArray
) -> ActivitySettings:
    """What the record tells: a folder of new images alone is not what the run can be made of."""
    whole = pair_index(series, by="update").isin(pair_index(incoming, by="update")).all()
    if settings.input is None or whole:
        return run
    record = Path(settings.folder).resolve() / "run.toml"
    return dataclasses.replace(run, input=read_settings(ActivitySettings, record).input)


def _judged(run: ActivitySettings, series: xr.DataArray, stable: xr.DataArray) -> xr.Dataset:
    return activity.screen_pairs(
        series,
        stable,
        minimum=run.stable_minimum,
        maximum_std=run.pair_maximum_std,
        max_perpendicular_baseline=run.max_perpendicular_baseline,
        min_pixels=run.min_pixels,
    )


def _periods(
    run: ActivitySettings,
    folder: Path,
    series: xr.DataArray,
    ledger: xr.Dataset,
    add: dict[str, Any],
) -> xr.Dataset | None:
    """The index of each year or season, if the run had one."""
    if run.by is None:
        return None
    place = folder / f"tai_by_{run.by}.zarr"
    periods = activity.update_tai(store.open_cube(place), series, ledger, **add)
    return store.to_zarr(periods, place, overwrite=True)


def _counted(told: gpd.GeoDataFrame, folder: Path, *, any_new: bool) -> str:
    """How many alerts; where no pair is new, how many the file still holds.

    An update that was stopped after it had counted its pairs has written its alerts before.
    """
    path = folder / "alerts.geojson"
    if not any_new and path.exists():
        held = len(json.loads(path.read_text(encoding="utf-8"))["features"])
        return f"0; alerts.geojson holds {held} of the last update that counted new pairs"
    kinds = told.kind.value_counts()
    return (
        f"{len(told)}: {kinds.get('new', 0)} new, {kinds.get('expanded', 0)} expanded, "
        f"{int(told.confirmed.sum())} confirmed by a second pair"
    )


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
    files = {"alerts": folder / "alerts.geojson"} if (folder / "alerts.geojson").exists() else {}
    return Result(folder, summary | result.summary, files | result.files)
