"""A run that was made is made again elsewhere, and compared with what it gave."""

from __future__ import annotations

import contextlib
import dataclasses
import tomllib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.sources._pins import only
from minewatch.workflows.activity import ActivitySettings, activity_run
from minewatch.workflows.comparing import BUT_FOR_ORIGIN, compared
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
from minewatch.workflows.outputs import Notify, Result, in_short, quiet, write_table
from minewatch.workflows.provenance import BESIDE, RECORD, altered_inputs, find_record, read_record
from minewatch.workflows.settings import option, read_settings
from minewatch.workflows.updating_records import refuse_updated

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

    Every result that the first run recorded is compared with that of the second, byte by byte, but
    its settings and its page, which tell when and where it was made, and the seconds that it took;
    ``comparison.csv`` beside the new results tells each. A result of the first run that is not
    there any more is compared by its digest; a file with the same data that tells of another
    origin, as of other versions, is told apart.

    The inputs are those of then: what has come since to the folder or the catalogue is not read,
    what was altered is named, and what is gone is an error.

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
        If there is no such file, or no record beside it; or a file that the run read is gone.
    ValueError
        If the record does not say what kind of run it is, or the run was updated since; or an
        image that it read is in the catalogue no more.

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
    refuse_updated(record.resolve().parent)
    given: dict[str, Any] = {"output": settings.output, "overwrite": False}
    fields = {field.name for field in dataclasses.fields(kind)}
    if "cluster" in fields:
        given["cluster"] = settings.cluster
    if "resume" in fields:
        given["resume"] = False
    again: Any = read_settings(kind, record, **given)
    if "dask_report" in fields:  # of how the first run went, perhaps on another cluster
        again = dataclasses.replace(again, dask_report=None)
    with _as_then(read_record(record.resolve().parent)):
        result = run(again, notify=notify)
    rows = compared(record.resolve().parent, result.folder)
    table = write_table(result.folder / "comparison.csv", rows, ["name", "same"])
    inputs = _inputs(record.resolve().parent, result.folder)
    return Result(
        result.folder,
        {"the same as then": _told(rows), "inputs": inputs, **result.summary},
        {"what is the same": table, **result.files},
    )


def _told(rows: list[dict[str, object]]) -> str:
    names: dict[str, list[str]] = {}
    for row in rows:
        names.setdefault(str(row["same"]), []).append(str(row["name"]))
    told = f"{len(names.pop('yes', []))} of {len(rows)} to the byte"
    if only := names.pop(BUT_FOR_ORIGIN, []):
        told += f"; {', '.join(only)} but for the origin that the file tells"
    differing = sorted(name for each in names.values() for name in each)
    return told + (f"; not {', '.join(differing)}" if differing else "")


def _record_of(file: Path) -> Path:
    return file if file.suffix == ".toml" else find_record(file) / "run.toml"


def _as_then(record: dict[str, Any] | None) -> contextlib.AbstractContextManager[None]:
    """Within it folders and catalogues have what the run found in them, and no more."""
    if record is None:
        return contextlib.nullcontext()
    items = [one["name"] for one in record["inputs"] if _is_item(one)]
    lying = [
        Path(str(one["at"])) for one in record["inputs"] if one.get("at") and not _is_item(one)
    ]
    gone = [str(path) for path in lying if not path.exists() and path.suffix not in BESIDE]
    if gone:
        message = (
            f"inputs of the run are gone: {in_short(gone)}; put them back where they were, or give "
            "the command of then for a run from what is there"
        )
        raise FileNotFoundError(message)
    return only(lying, items)


def _is_item(row: dict[str, Any]) -> bool:
    return str(row.get("digest", "")).startswith("item-")


def _inputs(first: Path, second: Path) -> str:
    """Whether both runs read the same, told and warned of."""
    before, now = read_record(first), read_record(second)
    if before is None or now is None:
        return f"not known to be those of then: the first run left no {RECORD}"
    if not (altered := altered_inputs(before, now)):
        return f"{len(now['inputs'])}, all as they were"
    told = in_short(altered)
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
