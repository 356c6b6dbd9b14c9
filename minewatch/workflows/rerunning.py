"""A run that was made is made again elsewhere, and compared with what it gave."""

from __future__ import annotations

import dataclasses
import filecmp
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.workflows.activity import ActivitySettings, activity_run
from minewatch.workflows.detecting import detect_run
from minewatch.workflows.detecting_scoring import score_run
from minewatch.workflows.detecting_settings import (
    DetectSettings,
    DetectTrainSettings,
    ScoreSettings,
)
from minewatch.workflows.detecting_training import detect_train_run
from minewatch.workflows.mapping import mapping_run
from minewatch.workflows.mapping_areas import AreaSettings, area_run
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.outputs import Notify, Result, quiet, write_table
from minewatch.workflows.provenance import RECORD, altered_inputs, find_record, read_record
from minewatch.workflows.settings import option, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RerunSettings", "rerun_run"]

RUNS: dict[str, tuple[type[Any], Callable[..., Result]]] = {
    kind.__name__: (kind, run)
    for kind, run in (
        (ActivitySettings, activity_run),
        (MappingSettings, mapping_run),
        (AreaSettings, area_run),
        (DetectTrainSettings, detect_train_run),
        (DetectSettings, detect_run),
        (ScoreSettings, score_run),
    )
}
DATA = (".tif", ".geojson", ".gpkg", ".csv", ".zarr", ".npz")
"""What is compared. Pages, pictures and settings name dates and places, which differ."""

SHOWN = 5
"""Inputs that are named."""


@dataclass(frozen=True)
class RerunSettings:
    """Which run is made again, and where; each field is a key and an option."""

    file: str = option(
        dataclasses.MISSING, "any result of a finished run, its run.toml or its folder", path=True
    )
    output: str = option("again", "folder for the results of the repetition", path=True)
    cluster: str | None = option(
        None, "threads, local, local:8 or tcp://host:8786; by default as then"
    )


def rerun_run(settings: RerunSettings, *, notify: Notify = quiet) -> Result:
    """Make a run again from its own record, and say what of it came out the same.

    Every store, raster and table of the first run is compared with that of the second, byte by
    byte; ``comparison.csv`` beside the new results tells each. Inputs that are not what they were
    are named.

    Parameters
    ----------
    settings : RerunSettings
        Which run.
    notify : callable
        Is told how it gets on: ``notify(stage, done, total)``.

    Returns
    -------
    Result
        Folder, summary and files of the repetition, with what differs.

    Raises
    ------
    FileNotFoundError
        If there is no such file, or no record beside it.
    ValueError
        If the record does not say what kind of run it is.

    Warns
    -----
    UserWarning
        If inputs are not what they were.

    Examples
    --------
    >>> rerun_run(RerunSettings(file="nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere...
    """
    record = _record_of(Path(settings.file))
    kind, run = _run_of(record)
    given: dict[str, Any] = {"output": settings.output, "overwrite": False}
    fields = {field.name for field in dataclasses.fields(kind)}
    if "cluster" in fields:
        given["cluster"] = settings.cluster
    if "resume" in fields:
        given["resume"] = False
    again: Any = read_settings(kind, record, **given)
    if "dask_report" in fields:  # of how the first run went, perhaps on another cluster
        again = dataclasses.replace(again, dask_report=None)
    result = run(again, notify=notify)
    rows = _compared(record.resolve().parent, result.folder)
    same = sum(row["same"] == "yes" for row in rows)
    differing = [str(row["name"]) for row in rows if row["same"] != "yes"]
    told = f"{same} of {len(rows)} to the byte" + (
        f"; not {', '.join(differing)}" if differing else ""
    )
    table = write_table(result.folder / "comparison.csv", rows, ["name", "same"])
    inputs = _inputs(record.resolve().parent, result.folder)
    return Result(
        result.folder,
        {"the same as then": told, "inputs": inputs, **result.summary},
        {"what is the same": table, **result.files},
    )


def _record_of(file: Path) -> Path:
    return file if file.suffix == ".toml" else find_record(file) / "run.toml"


def _inputs(first: Path, second: Path) -> str:
    """Whether both runs read the same, told and warned of."""
    before, now = read_record(first), read_record(second)
    if before is None or now is None:
        return f"not known to be those of then: the first run left no {RECORD}"
    if not (altered := altered_inputs(before, now)):
        return f"{len(now['inputs'])}, all as they were"
    told = ", ".join(altered[:SHOWN]) + (
        f" and {len(altered) - SHOWN} more" * (len(altered) > SHOWN)
    )
    warnings.warn(f"inputs are not what they were: {told}", UserWarning, stacklevel=3)
    return told


def _run_of(record: Path) -> tuple[type[Any], Callable[..., Result]]:
    if not record.is_file():
        message = f"there is no {record}; give the run.toml of a finished run, or its folder"
        raise FileNotFoundError(message)
    try:
        content = tomllib.loads(record.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{record} is not valid TOML: {error}"
        raise ValueError(message) from error
    provenance = content.get("provenance")
    kind = provenance.get("settings") if isinstance(provenance, dict) else None
    if kind not in RUNS:
        message = (
            f"{record} does not say what kind of run it is ([provenance] settings = {kind!r}); use "
            "a run.toml of this version, or the command that made it"
        )
        raise ValueError(message)
    return RUNS[kind]


def _compared(first: Path, second: Path) -> list[dict[str, object]]:
    names = sorted(
        path.name
        for path in first.iterdir()
        if path.suffix in DATA and not path.name.startswith(".") and path.name != "comparison.csv"
    )
    return [{"name": name, "same": _same(first / name, second / name)} for name in names]


def _same(first: Path, second: Path) -> str:
    if not second.exists():
        return "lacking"
    if first.is_dir() != second.is_dir():
        return "no"
    if not first.is_dir():
        return "yes" if filecmp.cmp(first, second, shallow=False) else "no"
    one, other = (
        {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        for folder in (first, second)
    )
    if one.keys() != other.keys():
        return "no"
    alike = all(filecmp.cmp(one[name], other[name], shallow=False) for name in one)
    return "yes" if alike else "no"
