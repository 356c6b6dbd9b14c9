"""A store filled block by block, so that whatever stops the job, the blocks in flight are lost.

Blocks are strips of rows. Each is noted in a ledger beside the store when it is written; the store
stands under a hidden name until all are, then it is renamed. A job that is run again with the same
key leaves out what is done. Threads of this process make one strip after the other; a cluster has
several before it, a window that moves on as they are done, and never the whole job.
"""

from __future__ import annotations

import errno
import shutil
import time
from typing import TYPE_CHECKING

from minewatch._files import alone, put_in_place, sweep
from minewatch.store.ledgers import Block, begin_ledger, note, read_ledger, reason_of
from minewatch.store.pacing import as_they_come, room
from minewatch.store.strips import blocks_of, write_strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import xarray as xr

__all__ = ["fill", "forget", "is_finished", "ledger_of", "unfinished"]

ATTEMPTS = 3
"""How often a block is tried in one run before it is left out."""
PAUSE = 1.0
"""Seconds before the second attempt; four times as many before each further one."""
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""What the system says where nothing more can be written: to try again is no help."""
IN_A_ROW = 3
"""Blocks that fail one after the other before a run gives up: it is not the blocks then."""


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


def is_finished(target: Path, strips: Sequence[slice], *, key: str) -> bool:
    """Whether a store is there that this very job has filled.

    Parameters
    ----------
    target : pathlib.Path
        The store.
    strips : sequence of slice
        Blocks of the job.
    key : str
        As in :func:`fill`.

    Returns
    -------
    bool
        Whether it is; a store of another job, or without a ledger, is not.
    """
    names = _names(strips)
    known = read_ledger(ledger_of(target), key, names)
    return target.is_dir() and known is not None and not _missing(names, known)


def fill(
    cube: xr.Dataset,
    target: Path,
    strips: Sequence[slice],
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
    strips : sequence of slice
        Blocks: the rows of each.
    key : str
        All that the numbers depend on, as text. What was left under another key is discarded.
    lay_out : callable
        Writes the empty store to the path that it is given.

    Raises
    ------
    BlockingIOError
        If another process is filling the same store.
    RuntimeError
        If blocks could not be made after three attempts each. All others are kept.
    OSError
        If the disk is full or cannot be written to. All blocks that were done are kept.
    """
    names = _names(strips)
    partial, ledger = unfinished(target), ledger_of(target)
    with alone(target, "filling"):
        known = read_ledger(ledger, key, names) if partial.is_dir() else None
        if known is None:
            # In this order: a ledger never speaks of a store that is not laid out.
            _forget(target)
            lay_out(partial)
            begin_ledger(ledger, key, names)
            known = {}
        in_a_row = 0

        def wanted() -> Iterator[tuple[str, slice, int]]:
            for name, rows in zip(names, strips, strict=True):
                earlier = known.get(name)
                if in_a_row >= IN_A_ROW:
                    return
                if earlier is None or earlier.status != "done":
                    yield name, rows, earlier.attempts if earlier else 0

        def make(block: tuple[str, slice, int]) -> Block:
            name, rows, tried = block
            return _made(cube, partial, name, rows, tried=tried)

        blocks = blocks_of(cube)
        for block in as_they_come(make, wanted(), lambda: room(blocks)):
            known[block.name] = block
            note(ledger, block)
            in_a_row = 0 if block.status == "done" else in_a_row + 1
        missing = _missing(names, known)
        if missing:
            why = next(known[name].reason for name in missing if name in known)
            message = (
                f"{len(missing)} of {len(names)} blocks of {target.name} are missing ({why}); "
                f"the others are kept, {ledger.name} tells each: run it again to make what is "
                "missing"
            )
            raise RuntimeError(message)
        sweep(partial)  # of processes that were killed in the middle of a chunk
        put_in_place(partial, target)


def _names(strips: Sequence[slice]) -> list[str]:
    return [f"y {rows.start}:{rows.stop}" for rows in strips]


def _missing(names: Sequence[str], known: dict[str, Block]) -> list[str]:
    """Blocks that are not done, those that failed first."""
    left = [name for name in names if name not in known or known[name].status != "done"]
    return sorted(left, key=lambda name: name not in known)


def _made(cube: xr.Dataset, partial: Path, name: str, rows: slice, *, tried: int) -> Block:
    """Make one block; what fails as reading fails is tried again after a while."""
    for attempt in range(1, ATTEMPTS + 1):
        began = time.perf_counter()
        try:
            write_strip(cube, partial, rows)
        except (OSError, RuntimeError) as error:
            if getattr(error, "errno", None) in NO_ROOM:
                raise
            reason = reason_of(error)
        else:
            return Block(name, "done", tried + attempt, round(time.perf_counter() - began, 3))
        if attempt < ATTEMPTS:
            time.sleep(PAUSE * 4 ** (attempt - 1))
    seconds = round(time.perf_counter() - began, 3)
    return Block(name, "failed", tried + ATTEMPTS, seconds, reason)
