"""Runs in processes of their own that are killed at random moments, and then gone on with."""

from __future__ import annotations

import bisect
import contextlib
import dataclasses
import functools
import json
import multiprocessing
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from minewatch.workflows.resuming import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRELOAD = [
    "minewatch.workflows", "minewatch.activity", "minewatch.insar", "minewatch.plots",
    "minewatch.sources.slc", "minewatch.sources.stac", "minewatch.learn", "geopandas",
    "matplotlib.figure", "rasterio.warp", "stackstac", "sklearn.ensemble", "zarr",
]  # fmt: skip
"""What a run imports: imported once, so that kills fall into the run."""


def kill_and_resume(
    run: Callable[[Any], Any], settings: Any, folder: Path, *, kills: int, seed: int
) -> list[Path]:
    """Kill runs until there were so many kills; each goes on where the one before was.

    Parameters
    ----------
    run : callable
        Takes the settings; must be importable by its name.
    settings : dataclass instance
        With ``output`` and ``resume``.
    folder : pathlib.Path
        Where the runs have their folders.
    kills : int
        How many.
    seed : int
        Of the moments.

    Returns
    -------
    list of pathlib.Path
        Folders of the runs that came to their end, each after some kills.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    chance = random.Random(seed)
    done: list[Path] = []
    began = time.perf_counter()
    whole = dataclasses.replace(settings, output=str(folder / "whole"))
    assert _ended(context, run, whole, None), "a run that nobody stops comes to its end"
    length = time.perf_counter() - began
    while kills > 0:
        output = folder / f"run-{len(done)}"
        while True:
            # A quarter of the moments lie in the first tenth of a run, the rest anywhere.
            wait = chance.uniform(0, length / 10 if chance.random() < 0.25 else length)
            one = dataclasses.replace(settings, output=str(output), resume=True)
            if _ended(context, run, one, wait if kills > 0 else None):
                break
            kills -= 1
        done.append(output)
    return done


def _ended(context: Any, run: Callable[[Any], Any], settings: Any, wait: float | None) -> bool:
    process = context.Process(target=run, args=(settings,))
    process.start()
    process.join(wait)
    return _is_over(process, Path(settings.output))


def _is_over(process: Any, output: Path) -> bool:
    """Whether a run came to its end; if not, it is killed."""
    if process.is_alive():
        process.kill()
        process.join()
        # It may have been killed on its way out, with everything done.
        return (output / "run.toml").is_file() and not (output / MARKER).exists()
    assert process.exitcode == 0, f"the run ended with {process.exitcode}"
    return True


@contextlib.contextmanager
def small_blocks(side: int) -> Iterator[None]:
    """Fill stores in blocks of so many rows and columns: a small world then has several strips."""
    from minewatch.store import cubes
    from minewatch.workflows import mapping, mapping_images

    places = ((cubes, "CHUNK"), (mapping, "LARGEST"), (mapping_images, "LARGEST"))
    with contextlib.ExitStack() as stack:
        for module, name in places:
            stack.enter_context(mock.patch.object(module, name, side))
        yield


def in_small_blocks(side: int, run: Callable[[Any], Any], settings: Any) -> None:
    """A run that fills its stores in small blocks."""
    with small_blocks(side):
        run(settings)


def ledgers(folder: Path) -> dict[str, list[str]]:
    """Blocks that are noted as done, in their order, of each store that has a ledger."""
    found = {}
    for path in sorted(folder.glob("*.blocks.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]
        blocks = [json.loads(line) for line in lines if line.endswith("\n")]
        found[path.name.split(".")[0]] = [
            block["name"] for block in blocks if block.get("status") == "done"
        ]
    return found


def done(folder: Path) -> int:
    """How many blocks are noted as done, of all stores."""
    return sum(map(len, ledgers(folder).values()))


@dataclass(frozen=True)
class Kill:
    """A run that was killed.

    Attributes
    ----------
    folder : pathlib.Path
        Of the run.
    noted : dict of str to list of str
        What its ledgers held then, from :func:`ledgers`.
    """

    folder: Path
    noted: dict[str, list[str]]

    def within(self, blocks: int) -> bool:
        """Whether it fell between the blocks of a store: two or more done, two or more to do."""
        return any(2 <= len(names) <= blocks - 2 for names in self.noted.values())


def kill_between_blocks(
    run: Callable[[Any], Any],
    settings: Any,
    folder: Path,
    *,
    kills: int,
    side: int,
    blocks: int,
    seed: int,
) -> tuple[list[Path], list[Kill]]:
    """Kill runs after so many blocks are noted as done; each goes on where the one before was.

    How many is drawn, and what part of the next block's time passes before the kill. That none of
    them hits another moment than the drawn one is not asked for, nor needed: what each kill fell
    on is told, and there are more of them until a quarter of `kills` fell between blocks.

    Parameters
    ----------
    run : callable
        Takes the settings; must be importable by its name.
    settings : dataclass instance
        With ``output`` and ``resume``.
    folder : pathlib.Path
        Where the runs have their folders; ``whole`` is one that nobody stopped.
    kills : int
        How many at least.
    side : int
        Rows and columns of a block.
    blocks : int
        That each store has below each other, then.
    seed : int
        Of the moments.

    Returns
    -------
    ended : list of pathlib.Path
        Folders of the runs that came to their end, each after some kills.
    killed : list of Kill
        All of them, in their order.
    """
    start = functools.partial(_started, functools.partial(in_small_blocks, side, run), settings)
    chance = random.Random(seed)
    times = _times(start(folder / "whole"), folder / "whole")
    ended: list[Path] = []
    killed: list[Kill] = []
    within = 0
    while len(killed) < kills or within < kills // 4:
        output = folder / f"run-{len(ended)}"
        before = done(output)
        wanted = min(before + chance.choice((0, 1, 2, 2, 3, 5)), times[-2][0])
        process = start(output)
        while process.is_alive() and done(output) < wanted:
            time.sleep(0.005)
        # Until the next block was noted, in the run that nobody stopped.
        first = 0 if wanted == before else bisect.bisect_left(times, (wanted,))
        wait = chance.uniform(0, times[first + 1][1] - times[first][1])
        # With all blocks done it is killed once or twice more, then it may end.
        process.join(None if before == times[-2][0] and chance.random() < 0.5 else wait)
        if _is_over(process, output):
            ended.append(output)
        else:
            killed.append(Kill(output, ledgers(output)))
            within += killed[-1].within(blocks)
    if output not in ended:
        process = start(output)
        process.join()
        assert process.exitcode == 0, f"the run ended with {process.exitcode}"
        ended.append(output)
    return ended, killed


def _started(run: Callable[[Any], Any], settings: Any, output: Path) -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    one = dataclasses.replace(settings, output=str(output), resume=True)
    process = context.Process(target=run, args=(one,))
    process.start()
    return process


def _times(process: Any, output: Path) -> list[tuple[int, float]]:
    """When how many blocks of a run were noted first, seconds from its start; last its end."""
    began = time.perf_counter()
    times = [(0, 0.0)]
    while process.is_alive():
        if (count := done(output)) > times[-1][0]:
            times.append((count, time.perf_counter() - began))
        time.sleep(0.005)
    assert process.exitcode == 0, "a run that nobody stops comes to its end"
    return [*times, (times[-1][0] + 1, time.perf_counter() - began)]


def assert_kept(ended: list[Path], killed: list[Kill]) -> None:
    """What was noted at a kill stands first in the ledgers of the end, and no block twice."""
    final = {folder: ledgers(folder) for folder in ended}
    for kill in killed:
        for store, names in kill.noted.items():
            assert final[kill.folder][store][: len(names)] == names, (kill.folder.name, store)
    for folder, stores in final.items():
        for store, names in stores.items():
            assert len(set(names)) == len(names), (folder.name, store)


def assert_same_stores(folder: Path, whole: Path) -> None:
    """The Zarr stores of two folders have the same files, to the bit; names those that differ."""
    ours, theirs = stored(folder), stored(whole)
    names = sorted(ours.keys() | theirs.keys())
    assert [name for name in names if ours.get(name) != theirs.get(name)] == []


def stored(folder: Path) -> dict[str, bytes]:
    """Every file of the Zarr stores in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for store in sorted(folder.glob("*.zarr"))
        for path in sorted(store.rglob("*"))
        if path.is_file()
    }
