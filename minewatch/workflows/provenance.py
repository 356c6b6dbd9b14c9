"""Where results came from: a record beside them, that tells inputs, settings and versions."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.sources._pins import kept_files, pinned
from minewatch.workflows.identities import bytes_of, identity
from minewatch.workflows.origins import is_told
from minewatch.workflows.outputs import in_short, write_json
from minewatch.workflows.resuming import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

__all__ = [
    "BESIDE",
    "RECORD",
    "altered_inputs",
    "find_record",
    "inputs_of",
    "parts_read",
    "read_record",
    "write_record",
]

RECORD = "provenance.json"
"""The record, beside the results that it is of."""
FORMAT = "minewatch-provenance-1"
BESIDE = (".csv", ".json", ".par", ".txt", ".xml")
"""Files that tell of images beside them, as baselines."""


def write_record(
    settings: Any,
    folder: Path,
    *,
    files: Iterable[Path],
    versions: Mapping[str, str],
    inputs: Iterable[Mapping[str, Any]],
    dropped: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Write what the results of a run were made of. Reads the results, or pieces of them.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    folder : pathlib.Path
        Its folder.
    files : iterable of pathlib.Path
        Its results.
    versions : mapping
        What it was made with.
    inputs : iterable of mapping
        From :func:`inputs_of`.
    dropped : iterable of mapping
        What was left out: ``what``, ``name``, ``reason``.

    Returns
    -------
    pathlib.Path
        ``provenance.json``.
    """
    results = [path for path in dict.fromkeys(files) if path.exists()]
    told = {
        "format": FORMAT,
        "settings": type(settings).__name__,
        "parameters": dataclasses.asdict(settings),
        "versions": dict(versions),
        "inputs": [dict(row) for row in inputs],
        "dropped": [dict(row) for row in dropped],
        "results": [
            {"name": _name(path, folder), "digest": identity(path), "bytes": bytes_of(path)}
            for path in results
        ],
    }
    return write_json(folder / RECORD, told)


def inputs_of(
    settings: Any,
    folder: Path,
    *,
    names: Iterable[str] = (),
    items: Iterable[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """What a run is made of, as it is now. Reads it, or pieces of it.

    Parameters
    ----------
    settings : dataclass instance
        The run. Files and folders that its settings name are inputs.
    folder : pathlib.Path
        Its folder.
    names : iterable of str
        Files that are read of an input that is a folder; by default all of it.
    items : iterable of mapping
        Images of a catalogue: :func:`minewatch.workflows.identities.items_told`.

    Returns
    -------
    list of dict
        ``what`` (the setting), ``name``, ``digest``, ``bytes``, ``at`` (where it is).

    Raises
    ------
    ValueError
        If a run is made again, and an image that it read is in the catalogue no more.
    """
    names = set(names)
    rows: list[dict[str, Any]] = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if not field.metadata.get("path") or field.name in ELSEWHERE or not value:
            continue
        if "://" in str(value):
            rows.append({"what": field.name, "name": str(value), "digest": ""})
            continue
        for path in parts_read(Path(value), folder, names):
            row = {"what": field.name, "name": _within(path, Path(value)), "digest": identity(path)}
            rows.append(row | {"bytes": bytes_of(path), "at": str(path.resolve())})
    rows += map(dict, items)
    _require_items({row["name"] for row in rows})
    return rows


def _within(path: Path, root: Path) -> str:
    """The name of a file, with the folders under the one that was given."""
    inside = path != root and path.is_relative_to(root)
    return path.relative_to(root).as_posix() if inside else path.name


def _require_items(names: set[str]) -> None:
    """Refuse to make a run again without an image of then."""
    pins = pinned()
    if pins is None or not (gone := sorted(pins.items - names)):
        return
    message = (
        f"the catalogue has no more what the run read: {in_short(gone)}; it cannot be made again "
        "from less: give the command of then for a run from what is there"
    )
    raise ValueError(message)


def parts_read(path: Path, folder: Path, names: Collection[str]) -> list[Path]:
    """What was read of an input.

    Parameters
    ----------
    path : pathlib.Path
        The input.
    folder : pathlib.Path
        Of the run; it may lie in the input and is no part of it.
    names : collection of str
        Files that were read, where that is known.

    Returns
    -------
    list of pathlib.Path
        A file or store itself, of a run its settings, of another folder what has those names, in
        whatever subfolder, and the tables and texts beside it; or all in it if nothing has.
    """
    if not path.is_dir() or (path / "zarr.json").exists():
        return [path]
    if (path / "run.toml").is_file():
        return [path / "run.toml"]
    inside = [child for child in sorted(path.iterdir()) if not child.name.startswith(".")]
    inside = [child for child in inside if not folder.is_relative_to(child.resolve())]
    read = list(_named(path, folder, names))
    beside = [
        one
        for place in {path, *(one.parent for one in read)}
        for one in kept_files(place.iterdir())
        if one.suffix.lower() in BESIDE and not one.name.startswith(".")
    ]
    return sorted({*read, *beside}) if read else kept_files(inside)


def _named(path: Path, folder: Path, names: Collection[str]) -> Iterator[Path]:
    """What has one of some names, somewhere in a folder, but in that of the run."""
    # The name of a file, or that of one of its images: "stack.dim i_VV_31Mar2023".
    wanted = {name[:end] for name in names for end in (*_spaces(name), len(name))}
    for place, folders, files in os.walk(path):
        here = Path(place)
        found = [here / name for name in (*folders, *files) if name in wanted]
        yield from kept_files(found)
        folders[:] = [
            name
            for name in folders
            if name not in wanted
            and not name.startswith(".")
            and (here / name).resolve() != folder.resolve()
        ]


def _spaces(text: str) -> list[int]:
    return [at for at, letter in enumerate(text) if letter == " "]


def _name(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def find_record(path: Path) -> Path:
    """The folder of the run that a file belongs to.

    Parameters
    ----------
    path : pathlib.Path
        Any result of a run, a file within one of its stores, its settings, or its folder.

    Returns
    -------
    pathlib.Path
        The folder that holds it, and ``run.toml``.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`, or no run is recorded around it.

    Examples
    --------
    >>> find_record(Path("nowhere/activity.tif"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no nowhere/activity.tif; give a result of a run, or its folder
    """
    if not path.exists():
        message = f"there is no {path}; give a result of a run, or its folder"
        raise FileNotFoundError(message)
    inside = path.resolve()
    stores = [place for place in (inside, *inside.parents) if place.suffix == ".zarr"]
    result = stores[-1] if stores else inside
    folder = result.parent if stores or result.is_file() else result
    if (folder / "run.toml").is_file():
        return folder
    message = (
        f"no run is recorded beside {path} (no run.toml); give a result in the folder that its run "
        "wrote it to"
    )
    raise FileNotFoundError(message)


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of a run.

    Parameters
    ----------
    folder : pathlib.Path
        Its folder.

    Returns
    -------
    dict or None
        ``settings``, ``parameters``, ``versions``, ``inputs``, ``dropped`` and ``results``; None
        if the run left none, as earlier versions did.

    Raises
    ------
    ValueError
        If the file there is no such record.
    """
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        told = None
    if not is_told(told, FORMAT, ("inputs", "dropped", "results")):
        message = f"{path} is no record of a run that this version reads; make the run again"
        raise ValueError(message)
    return dict(told)


def altered_inputs(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Inputs that are not what they were, as two records tell them.

    Parameters
    ----------
    before, now : mapping
        From :func:`read_record`.

    Returns
    -------
    list of str
        A line each: which, and whether it was altered, is gone or is new.

    Examples
    --------
    >>> was = {"inputs": [{"what": "input", "name": "a.tif", "digest": "sha256:1"}]}
    >>> now = {"inputs": [{"what": "input", "name": "a.tif", "digest": "sha256:2"}]}
    >>> altered_inputs(was, was), altered_inputs(was, now)
    ([], ['a.tif was altered'])
    """
    was, is_now = (
        {(row.get("what"), row["name"]): row.get("digest") for row in one["inputs"]}
        for one in (before, now)
    )
    told = []
    for key in dict.fromkeys([*was, *is_now]):
        if key not in is_now:
            told.append(f"{key[1]} is gone")
        elif key not in was:
            told.append(f"{key[1]} is new")
        elif was[key] != is_now[key]:
            told.append(f"{key[1]} was altered")
    return told
