"""Runs in processes of their own that are killed at random moments, and then gone on with."""

from __future__ import annotations

import dataclasses
import multiprocessing
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.workflows.resuming import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable

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
    if process.is_alive():
        process.kill()
        process.join()
        # It may have been killed on its way out, with everything done.
        output = Path(settings.output)
        return (output / "run.toml").is_file() and not (output / MARKER).exists()
    assert process.exitcode == 0, f"the run ended with {process.exitcode}"
    return True


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
