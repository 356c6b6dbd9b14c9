"""Processes that are killed in the midst of a chosen block, once or every time it is made."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from killing import ledgers

from minewatch.store import filling

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 120.0


@contextlib.contextmanager
def struck(
    store: str, block: int, folder: Path, *, side: int, victim: int | None = None
) -> Iterator[list[str]]:
    """Kill a process in the midst of a block, when those before it are noted and none after it.

    Blocks after the chosen one are begun when the kill has come, so that what is done by then
    does not depend on who is faster.

    Parameters
    ----------
    store : str
        Which one, e.g. ``tai``.
    block : int
        Which one of it, counted from 0.
    folder : pathlib.Path
        Of the run.
    side : int
        Rows of a block.
    victim : int, optional
        Process that is killed; the worker that makes the block if not given.

    Yields
    ------
    list of str
        Blocks that were noted as done at the kill; empty until then.
    """
    write, us = filling.write_strip, os.getpid()
    noted: list[str] = []

    def write_strip(cube: Any, path: Path, strip: Any) -> None:
        this = _number(strip, path, store, side)
        if this == block and not kill.exists():
            _wait(lambda: len(ledgers(folder).get(store, [])) == block)
            noted[:] = ledgers(folder)[store]
            cube = _deadly(cube, kill, us, victim)
        elif this > block:
            _wait(kill.exists)
        write(cube, path, strip)

    with tempfile.TemporaryDirectory() as name:
        kill = Path(name) / "killed"
        with mock.patch.object(filling, "write_strip", write_strip):
            yield noted
        assert kill.exists(), f"block {block} of {store} was not made"


@contextlib.contextmanager
def deadly(store: str, block: int, folder: Path, *, side: int) -> Iterator[list[str]]:
    """Kill whatever worker makes a block, every time, while the ``with`` block lasts.

    Blocks before it are noted by then; those after it are begun when it has failed for good, or
    the scheduler would hold them for guilty where they waited on a worker that was killed.

    Parameters
    ----------
    store, block, folder, side
        As in :func:`struck`.

    Yields
    ------
    list of str
        Numbers of the processes that were killed; empty until the block ends.
    """
    write, us, over = filling.write_strip, os.getpid(), threading.Event()
    victims: list[str] = []

    def write_strip(cube: Any, path: Path, strip: Any) -> None:
        this = _number(strip, path, store, side)
        if this > block:
            assert over.wait(PATIENCE), f"block {block} of {store} does not fail"
        if this != block:
            write(cube, path, strip)
            return
        _wait(lambda: len(ledgers(folder).get(store, [])) == block)
        try:
            write(_killing(cube, killed, us), path, strip)
        finally:
            over.set()

    with tempfile.TemporaryDirectory() as name:
        killed = Path(name)
        try:
            with mock.patch.object(filling, "write_strip", write_strip):
                yield victims
        finally:
            victims += sorted(path.name for path in killed.iterdir())


def _number(strip: Any, path: Path, store: str, side: int) -> int:
    """Which block of the store it is; -1 for one of another store."""
    rows = strip if isinstance(strip, slice) else strip["y"]
    return int(rows.start) // side if path.name.startswith(f".{store}.") else -1


def _killing(cube: Any, killed: Path, us: int) -> Any:
    """The same numbers, of which nobody lives to make a chunk of the first columns."""

    def mortal(chunk: Any, block_id: Any = None) -> Any:
        # Made of nothing but what workers have: this file is not on their path.
        if block_id[-1] == 0:
            if os.getpid() == us:
                message = "the block is made in the process of the test"
                raise RuntimeError(message)
            (killed / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return chunk

    return _through(mortal, cube)


def _through(gate: Any, cube: Any) -> Any:
    """The cube, one variable of which passes through a gate chunk by chunk."""
    name = next(key for key, each in cube.data_vars.items() if each.chunks is not None)
    data = cube[name].data
    return cube.assign(
        {name: cube[name].copy(data=data.map_blocks(gate, dtype=data.dtype, meta=data._meta))}
    )


def _deadly(cube: Any, kill: Path, us: int, victim: int | None) -> Any:
    """The same numbers, of which the first block to be made kills."""

    def struck(block: Any) -> Any:
        # Made of nothing but what workers have: this file is not on their path.
        target = os.getpid() if victim is None else victim
        with contextlib.suppress(FileExistsError):
            os.close(os.open(kill, os.O_CREAT | os.O_EXCL))
            if target == us:
                message = "the block is made in the process of the test"
                raise RuntimeError(message)
            os.kill(target, signal.SIGKILL)
        return block

    return _through(struck, cube)


def _wait(ready: Any) -> None:
    until = time.monotonic() + PATIENCE
    while not ready():
        assert time.monotonic() < until, "what is waited for does not come"
        time.sleep(0.02)
