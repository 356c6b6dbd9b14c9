"""What a run left, and where it came from, told to a reader."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.workflows.identities import identity
from minewatch.workflows.origins import read_origin
from minewatch.workflows.outputs import Result
from minewatch.workflows.provenance import RECORD, find_record, read_record
from minewatch.workflows.updating_records import updates_spelled

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["report_run"]


def report_run(path: str, *, provenance: bool = False) -> Result:
    """Tell what a run left and whether that is still what it wrote; or what it was made of.

    Parameters
    ----------
    path : str
        Folder of a run, or any result in it: a map, a table, a store. A GeoTIFF, Zarr store,
        GeoPackage or GeoJSON tells its settings, versions, inputs and what was left out alone, too.
    provenance : bool
        Tell all of the record: every setting, every version, every input with its digest, all that
        was left out and why.

    Returns
    -------
    Result
        With a summary to print.

    Raises
    ------
    FileNotFoundError
        If no run is recorded there, and the file tells of none.
    ValueError
        If its record, or what the file tells, cannot be read.

    See Also
    --------
    minewatch.workflows.rerun_run : make it again.

    Examples
    --------
    >>> report_run("nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no nowhere; give a result of a run, or its folder
    """
    try:
        folder = find_record(Path(path))
    except FileNotFoundError:
        if (origin := read_origin(Path(path))) is None:
            raise
        return _alone(Path(path), origin, provenance=provenance)
    record = read_record(folder)
    if record is None:
        return Result(folder, _without(folder), {})
    rows = _about(Path(path).resolve(), folder, record)
    rows |= {**_run(record), **_made_of(record, provenance=provenance)}
    rows |= {row["name"]: _state(row, folder) for row in record["results"]}
    page = folder / "report.html"
    files = {"page that explains it all": page} if page.exists() else {}
    return Result(folder, rows, {**files, "record, as JSON": folder / RECORD})


def _alone(path: Path, origin: Mapping[str, Any], *, provenance: bool) -> Result:
    """What a file tells by itself, that lies beside no record of a run."""
    rows = {"told by": f"{path.name} itself: no run is recorded beside it"}
    rows |= {**_run(origin), **_made_of(origin, provenance=provenance)}
    return Result(path.resolve().parent, rows, {})


def _made_of(record: Mapping[str, Any], *, provenance: bool) -> dict[str, str]:
    """Settings, versions, inputs and what was left out, or how many."""
    if not provenance:
        return {"inputs": str(len(record["inputs"])), "left out": str(len(record["dropped"]))}
    return {
        **_parameters(record),
        **{f"version of {key}": str(value) for key, value in record["versions"].items()},
        **{f"input {_named(row)}": _input(row) for row in record["inputs"]},
        **{f"left out {_named(row)}": str(row.get("reason", "")) for row in record["dropped"]},
        **updates_spelled(record),
    }


def _about(path: Path, folder: Path, record: Mapping[str, Any]) -> dict[str, str]:
    """The result that was asked about, before all others."""
    if path == folder or path.name in ("run.toml", RECORD):
        return {}
    for row in record["results"]:
        if path.is_relative_to(folder / row["name"]):
            return {"asked about": f"{row['name']}, {_state(row, folder)}"}
    name = path.relative_to(folder)
    return {"asked about": f"{name}, which is none of the results that the run recorded"}


def _run(record: Mapping[str, Any]) -> dict[str, str]:
    versions = record["versions"]
    return {
        "run": str(record.get("settings", "")).removesuffix("Settings"),
        **({"finished": str(versions["finished"])} if "finished" in versions else {}),
        "made with": f"minewatch {versions.get('minewatch', 'unknown')}",
    }


def _parameters(record: Mapping[str, Any]) -> dict[str, str]:
    return {
        f"setting {key}": "not set" if value is None else _spelled(value)
        for key, value in record["parameters"].items()
    }


def _spelled(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value)


def _named(row: Mapping[str, Any]) -> str:
    what = str(row.get("what", ""))
    return f"({what}) {row['name']}" if what else str(row["name"])


def _input(row: Mapping[str, Any]) -> str:
    size = row.get("bytes")
    told = [str(row.get("digest") or "not digested")]
    if isinstance(size, int):
        told.append(f"{size:,} bytes")
    return ", ".join([*told, *([str(row["at"])] if row.get("at") else [])])


def _state(row: Mapping[str, Any], folder: Path) -> str:
    # What lies outside of the folder is not looked at, whatever a record says.
    path = (folder / row["name"]).resolve()
    if not path.is_relative_to(folder) or not path.exists():
        return "gone"
    return "as it was written" if identity(path) == row.get("digest") else "altered since"


def _without(folder: Path) -> dict[str, str]:
    """What ``run.toml`` tells, of a run of an earlier version."""
    try:
        content = tomllib.loads((folder / "run.toml").read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{folder / 'run.toml'} is not valid TOML: {error}"
        raise ValueError(message) from error
    told = content.pop("provenance", {})
    rows = {"record": f"no {RECORD}: run.toml alone tells of this run; its inputs are not digested"}
    if isinstance(told, dict):
        rows |= {str(key): _spelled(value) for key, value in told.items()}
    return rows | {f"setting {key}": _spelled(value) for key, value in content.items()}
