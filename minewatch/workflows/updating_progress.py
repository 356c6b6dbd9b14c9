"""How far an update has come: what it counts appears in the folder as one, also if it is killed.

What is counted is written beside its place under a hidden name, first of all; then it is noted that
it is complete, and only then put in place. So an update that was stopped finds the run as it was,
or all that it had counted, and never one index with new pairs beside another without.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minewatch._files import discard, put_in_place
from minewatch.workflows.outputs import write_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Progress", "begin_update", "counted_update", "end_update", "staged", "take_up"]

UNFINISHED = ".update.unfinished"
"""Stands in the folder until all of an update is written."""
COUNTED = ("alerts.geojson", "tai_by_year.zarr", "tai_by_season.zarr", "tai.zarr")
"""What appears as one."""


@dataclass(frozen=True)
class Progress:
    """How far an update came that was stopped.

    Parameters
    ----------
    refresh : bool
        Whether it finds stable ground and threshold anew.
    counted : bool
        Whether what it counts is in place.
    updates : tuple of dict
        What is told of those before, and of itself once it has counted.
    """

    refresh: bool = False
    counted: bool = False
    updates: tuple[dict[str, Any], ...] = ()


def staged(path: Path) -> Path:
    """Where a result stands until all that belongs to it is there.

    Parameters
    ----------
    path : pathlib.Path
        Its place.

    Returns
    -------
    pathlib.Path
        A hidden name beside it.

    Examples
    --------
    >>> from pathlib import Path
    >>> staged(Path("tai.zarr")).name
    '.tai.update.zarr'
    """
    return path.with_name(f".{path.stem}.update{path.suffix}")


def take_up(folder: Path) -> Progress | None:
    """What an update that was stopped left; all that it had counted is put in place.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, in which no other process is at work.

    Returns
    -------
    Progress or None
        None if none was stopped there.
    """
    path = folder / UNFINISHED
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        progress = Progress(bool(told["refresh"]), bool(told["counted"]), tuple(told["updates"]))
    except (ValueError, KeyError, TypeError):
        progress = Progress()  # an earlier version left an empty file
    if progress.counted:
        _place(folder)
    return progress


def begin_update(folder: Path, progress: Progress) -> None:
    """Note that an update begins; what another had staged and not completed goes.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    progress : Progress
        What to note.
    """
    _note(folder, progress)
    for name in COUNTED:
        discard(staged(folder / name))


def counted_update(folder: Path, progress: Progress, told: dict[str, Any]) -> Progress:
    """Put in place what an update has counted and staged.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    progress : Progress
        As it began.
    told : dict
        What is told of it.

    Returns
    -------
    Progress
        How far it came by this.
    """
    now = dataclasses.replace(progress, counted=True, updates=(*progress.updates, told))
    _note(folder, now)
    _place(folder)
    return now


def end_update(folder: Path) -> None:
    """Note that all of an update is written.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    """
    (folder / UNFINISHED).unlink()


def _note(folder: Path, progress: Progress) -> None:
    write_json(folder / UNFINISHED, dataclasses.asdict(progress))


def _place(folder: Path) -> None:
    for name in COUNTED:
        if staged(folder / name).exists():
            put_in_place(staged(folder / name), folder / name)
