"""A store filled block by block, so that whatever stops the job, the blocks in flight are lost.

Blocks are strips of rows. Each is noted in a ledger beside the store when it is written; the store
stands under a hidden name until all are, then it is renamed. A job that is run again with the same
key leaves out what is done. Threads of this process make one strip after the other; a cluster has
several before it, a window that moves on as they are done, and never the whole job.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import shutil
import time
from typing import TYPE_CHECKING

from minewatch._files import alone, put_in_place, sweep
from minewatch.store.ledgers import (
    Block,
    begin_ledger,
    close_ledger,
    closed_with,
    difference,
    note,
    read_ledger,
    reason_of,
)
from minewatch.store.pacing import as_they_come, room
from minewatch.store.strips import blocks_of, write_strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import xarray as xr

    from minewatch.store.strips import Strip

__all__ = ["BlocksMissing", "disown", "fill", "forget", "is_finished", "ledger_of", "unfinished"]

logger = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often a block is tried in one run before it is left out."""
PAUSE = 1.0
"""Seconds before the second attempt; four times as many before each further one."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""What the system says where nothing more can be written: to try again is no help."""
IN_A_ROW = 4
"""Blocks that fail one after the other before a run gives up: it is not the blocks then.

Under a filter, which reads the blocks above and below, a part of one image fails three."""


class BlocksMissing(RuntimeError):
    """Blocks of a store could not be read; all others are kept, and a later run makes these.

    Attributes
    ----------
    missing : int
        Blocks that are not done, with those that were not tried any more.
    made : int
        Blocks that this run had made before.
    reason : str
        Why one of them failed.
    """

    missing = made = 0
    reason = ""


def ledger_of(target: Path) -> Path:
    """Where the ledger of a store lies: beside it.

    Parameters
    ----------
    target : pathlib.Path
        The store.

    Returns
    -------
    pathlib.Path
        The file.

    Examples
    --------
    >>> from pathlib import Path
    >>> ledger_of(Path("features.zarr")).name
    'features.blocks.jsonl'
    """
    return target.with_name(f"{target.stem}.blocks.jsonl")


def unfinished(target: Path) -> Path:
    """Where a store stands while it is being filled.

    Parameters
    ----------
    target : pathlib.Path
        The store.

    Returns
    -------
    pathlib.Path
        The hidden folder.
    """
    return target.with_name(f".{target.stem}.unfinished{target.suffix}")


def forget(target: Path) -> None:
    """Remove what a job that was stopped left of a store, and its ledger; the store itself stays.

    Parameters
    ----------
    target : pathlib.Path
        The store.

    Raises
    ------
    BlockingIOError
        If another process is filling it.
    """
    if ledger_of(target).exists() or unfinished(target).exists():
        with alone(target, "filling"):
            _forget(target)


def _forget(target: Path) -> None:
    ledger_of(target).unlink(missing_ok=True)
    shutil.rmtree(unfinished(target), ignore_errors=True)


def disown(target: Path) -> None:
    """Remove the ledger of a store that something else takes the place of, or changes.

    One that tells of a store that is still being filled stays with that.

    Parameters
    ----------
    target : pathlib.Path
        The store.
    """
    if not unfinished(target).exists():
        ledger_of(target).unlink(missing_ok=True)


def is_finished(target: Path, strips: Sequence[Strip], *, key: str) -> bool:
    """Whether a store is there that this very job has filled, and that nothing changed since.

    Parameters
    ----------
    target : pathlib.Path
        The store.
    strips : sequence of mapping
        Blocks of the job.
    key : str
        As in :func:`fill`.

    Returns
    -------
    bool
        Whether it is; a store of another job, or without a ledger, is not, nor is one whose files
        are not those that the job wrote.
    """
    names, ledger = _names(strips), ledger_of(target)
    known = read_ledger(ledger, key, names)
    if known is None or _missing(names, known) or not target.is_dir():
        return False
    return closed_with(ledger) == _contents(target)


def _contents(target: Path) -> str:
    """Names, sizes and times of the files of a store: as much as a look without reading tells."""
    files = {path.relative_to(target).as_posix(): path.stat() for path in target.rglob("*")}
    told = [f"{name} {at.st_size} {at.st_mtime_ns}" for name, at in sorted(files.items())]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def fill(
    cube: xr.Dataset,
    target: Path,
    strips: Sequence[Strip],
    *,
    key: str,
    lay_out: Callable[[Path], None],
) -> None:
    """Fill a store, or go on with it. Computes.

    Parameters
    ----------
    cube : xarray.Dataset
        What is stored.
    target : pathlib.Path
        The store; what stands there is replaced at the end.
    strips : sequence of mapping
        Blocks: the rows of each, by dim.
    key : str
        All that the numbers depend on, as text. What was left under another key is discarded.
    lay_out : callable
        Writes the empty store to the path that it is given.

    Raises
    ------
    BlockingIOError
        If another process is filling the same store.
    BlocksMissing
        If blocks could not be made after three attempts each. All others are kept.
    OSError
        If the disk is full or cannot be written to. All blocks that were done are kept.
    """
    names = _names(strips)
    partial, ledger = unfinished(target), ledger_of(target)
    with alone(target, "filling"):
        known = read_ledger(ledger, key, names) if partial.is_dir() else None
        if known is None:
            if told := difference(ledger, key, names):
                logger.warning("%s is made anew from its first block: %s", target.name, told)
            # In this order: a ledger never speaks of a store that is not laid out.
            _forget(target)
            lay_out(partial)
            begin_ledger(ledger, key, names)
            known = {}
        in_a_row = made = 0
        mistake: Exception | None = None

        def wanted() -> Iterator[tuple[str, Strip, int]]:
            for name, strip in zip(names, strips, strict=True):
                earlier = known.get(name)
                if mistake is not None or in_a_row >= IN_A_ROW:
                    return
                if earlier is None or earlier.status != "done":
                    yield name, strip, earlier.attempts if earlier else 0

        def make(block: tuple[str, Strip, int]) -> tuple[Block, Exception | None]:
            name, strip, tried = block
            return _made(cube, partial, name, strip, tried=tried)

        blocks = blocks_of(cube)
        for block, error in as_they_come(make, wanted(), lambda: room(blocks)):
            known[block.name] = block
            # On a disk that is full the error itself is to be told, not that it cannot be noted.
            with contextlib.suppress(OSError) if error else contextlib.nullcontext():
                note(ledger, block)
            mistake = error if mistake is None else mistake
            in_a_row = 0 if block.status == "done" else in_a_row + 1
            made += block.status == "done"
        if mistake is not None:
            raise mistake
        missing = _missing(names, known)
        if missing:
            why = next(known[name].reason for name in missing if name in known)
            message = (
                f"{len(missing)} of {len(names)} blocks of {target.name} are missing ({why}); "
                f"the others are kept, {ledger.name} tells each: run it again to make what is "
                "missing"
            )
            left_out = BlocksMissing(message)
            left_out.missing, left_out.made, left_out.reason = len(missing), made, why
            raise left_out
        sweep(partial)  # of processes that were killed in the middle of a chunk
        close_ledger(ledger, _contents(partial))
        put_in_place(partial, target)


def _names(strips: Sequence[Strip]) -> list[str]:
    return [
        ", ".join(f"{dim} {rows.start}:{rows.stop}" for dim, rows in strip.items())
        for strip in strips
    ]


def _missing(names: Sequence[str], known: dict[str, Block]) -> list[str]:
    """Blocks that are not done, those that failed first."""
    left = [name for name in names if name not in known or known[name].status != "done"]
    return sorted(left, key=lambda name: name not in known)


def _made(
    cube: xr.Dataset, partial: Path, name: str, strip: Strip, *, tried: int
) -> tuple[Block, Exception | None]:
    """Make one block; what fails as reading fails is tried again after a while, else is given."""
    for attempt in range(1, ATTEMPTS + 1):
        began = time.perf_counter()
        mistake: Exception | None = None
        try:
            write_strip(cube, partial, strip)
        except (OSError, RuntimeError) as error:
            reason = reason_of(error)
            mistake = error if getattr(error, "errno", None) in NO_ROOM else None
        except Exception as error:
            reason, mistake = reason_of(error), error
        else:
            seconds = round(time.perf_counter() - began, 3)
            return Block(name, "done", tried + attempt, seconds), None
        if mistake is not None:
            break
        if attempt < ATTEMPTS:
            time.sleep(PAUSE * 4 ** (attempt - 1))
    seconds = round(time.perf_counter() - began, 3)
    return Block(name, "failed", tried + attempt, seconds, reason), mistake
