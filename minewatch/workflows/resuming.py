"""A run that was stopped goes on: what tells that it is the same run, and what it had begun."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.store.filling import forget
from minewatch.workflows.outputs import open_folder, write_json

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["begin", "finish", "key_of"]

MARK = ".unfinished.json"
"""Stands in a folder while a run is at work there, or after it was stopped."""
ELSEWHERE = ("output", "overwrite", "resume", "cluster", "memory")
"""Settings that no number depends on."""


def key_of(settings: Any, inputs: Iterable[str] = ()) -> str:
    """All that the numbers of a run depend on, as text.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    inputs : iterable of str
        Identities of what is read.

    Returns
    -------
    str
        The same for the same settings and inputs, wherever results go and whoever computes.

    Examples
    --------
    >>> from minewatch.workflows import ActivitySettings
    >>> one = key_of(ActivitySettings(input="slc", output="here"), ["a.tif"])
    >>> one == key_of(ActivitySettings(input="slc", output="there", cluster="local"), ["a.tif"])
    True
    >>> one == key_of(ActivitySettings(input="slc", threshold="0.2"), ["a.tif"])
    False
    """
    told = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if field.name not in ELSEWHERE
    }
    return json.dumps([type(settings).__name__, told, list(inputs)], sort_keys=True, default=str)


def begin(settings: Any, *, stores: Iterable[str]) -> Path:
    """Make the folder of a run, or take up the one that it was stopped in.

    Parameters
    ----------
    settings : dataclass instance
        The run, with ``output``, ``overwrite`` and ``resume``.
    stores : iterable of str
        Stores that the run fills block by block.

    Returns
    -------
    pathlib.Path
        The folder, absolute.

    Raises
    ------
    FileExistsError
        If something is there, and neither may be replaced nor gone on with.
    ValueError
        If the run that was stopped there had other settings.
    """
    mark = Path(settings.output).resolve() / MARK
    digest = hashlib.sha256(key_of(settings).encode()).hexdigest()
    if settings.resume and mark.is_file():
        if _digest_in(mark) != digest:
            message = (
                f"the run that was stopped in {mark.parent} had other settings; say overwrite to "
                "begin anew, or give the settings of then"
            )
            raise ValueError(message)
        return mark.parent
    try:
        folder = open_folder(settings.output, overwrite=settings.overwrite)
    except FileExistsError as error:
        if not mark.is_file():
            raise
        message = f"{mark.parent} holds a run that was stopped; say resume to go on, or overwrite"
        raise FileExistsError(message) from error
    for name in stores:
        forget(folder / name)
    write_json(mark, {"settings": type(settings).__name__, "digest": digest})
    return folder


def _digest_in(mark: Path) -> str | None:
    try:
        content = json.loads(mark.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content.get("digest") if isinstance(content, dict) else None


def finish(folder: Path) -> None:
    """Note that the run in a folder is complete.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    (folder / MARK).unlink(missing_ok=True)
