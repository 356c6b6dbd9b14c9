"""What Dask costs around the loops: coherence of a stored pair, and blocks that do nothing.

``coherence`` stores two images of 16384 × 16384 complex64 in chunks of 1024 × 1024 and computes
their coherence, window 3 × 10, into a store, on two worker processes; in turn with its floor, which
reads the same blocks, multiplies them sample by sample and writes as much, without a halo. The
ratio of the two is what the seams and the sums cost together. ``blocks`` sends blocks in which
nothing is done, at once and in a window, and tells what one costs scheduler and client. By hand:

    python -m benchmarks.plumbing coherence scratch/            # 7 GB for a while
    python -m benchmarks.plumbing blocks scratch/ --most 100000

Aimed at: twice the floor, 500 MB a worker, two tasks a block.
"""

from __future__ import annotations

import argparse
import functools
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch import insar, store
from minewatch.cluster import connect
from minewatch.store.pacing import as_they_come

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from distributed import Client

CHUNK = 1024
MB = 1e6


def drawn(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """One block of speckle, by its number alone."""
    rng = np.random.default_rng(int(numbers.flat[0]))
    parts = rng.standard_normal((1, CHUNK, CHUNK, 2), "float32")
    return parts.view("complex64")[..., 0]


def images(size: int) -> xr.DataArray:
    """Two lazy images."""
    import dask.array as da

    across = size // CHUNK
    numbers = da.from_array(np.arange(2 * across**2).reshape(2, across, across), chunks=1)
    data = da.map_blocks(
        drawn,
        numbers,
        chunks=((1, 1), *((CHUNK,) * across,) * 2),
        dtype="complex64",
        meta=np.empty((0, 0, 0), "complex64"),
    )
    times = pd.to_datetime(["2022-06-01", "2022-06-13"])
    return xr.DataArray(data, {"time": times}, ("time", "y", "x"), name="slc")


def coherence(path: Path, size: int) -> xr.DataArray:
    """What is measured."""
    slc = store.open_cube(path, name="slc")
    if size < slc.sizes["y"]:
        slc = slc.isel(y=slice(size), x=slice(size))
    pairs = insar.select_pairs(slc, max_perpendicular_baseline=None)
    return insar.coherence(slc, pairs, window=(3, 10))


def floor(path: Path, size: int) -> xr.DataArray:
    """Reads the same, writes as much, knows no neighbours: one task a block."""
    import dask.array as da

    across = (CHUNK,) * (size // CHUNK)
    data = da.map_blocks(
        product,
        path=str(path),
        chunks=((1,), across, across),
        dtype="float32",
        meta=np.empty((0, 0, 0), "float32"),
    )
    return xr.DataArray(data, dims=("pair", "y", "x"), name="coherence")


def product(path: str, block_info: Any = None) -> npt.NDArray[Any]:
    """Sample by sample, as many different numbers as coherence has."""
    _, rows, columns = (slice(*ends) for ends in block_info[None]["array-location"])
    first, second = (images_in(path)[time, rows, columns] for time in range(2))
    found: npt.NDArray[Any] = (first.real * second.real)[None].astype("float32")
    return found


@functools.cache
def images_in(path: str) -> Any:
    """The stored images, opened once in each process."""
    import zarr

    return zarr.open_group(path, mode="r")["slc"]


def held(client: Client) -> tuple[float, float, float]:
    """Most memory of a worker since it began, MB; bytes spilled, MB; CPU seconds of all."""

    def ask(dask_worker: Any) -> tuple[float, float, float]:
        import os
        from pathlib import Path

        status = Path("/proc/self/status").read_text()
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        spilled = dask_worker.data.spilled_total.disk if hasattr(dask_worker.data, "slow") else 0
        return float(peak.split()[1]) * 1024, float(spilled), sum(os.times()[:2])

    found = list(client.run(ask).values())
    return (
        max(each[0] for each in found) / MB,
        sum(e[1] for e in found) / MB,
        sum(e[2] for e in found),
    )


def tasks_of(layer: xr.DataArray) -> int:
    """Tasks as they are sent to the scheduler."""
    import dask

    (found,) = dask.optimize(layer.data)
    return len(found.__dask_graph__())


def measured(folder: Path, size: int, rounds: int, memory: float | None) -> pd.DataFrame:
    """Floor and coherence in turn, each with workers of its own, so that peaks are its own."""
    stack = folder / f"slc-{size}.zarr"
    if not stack.exists():
        store.to_zarr(images(size), stack)
        told("images written")
    rows = []
    for turn in range(rounds):
        for name, way in (("floor", floor), ("coherence", coherence)):
            with connect("local:2", memory=memory) as client:
                assert client is not None
                way(stack, 2 * CHUNK).compute()  # imports and compiles
                layer = way(stack, size)
                before = held(client)[2]
                began = time.perf_counter()
                store.to_zarr(layer, folder / "out.zarr", overwrite=True)
                seconds = time.perf_counter() - began
                peak, spilled, used = held(client)
            rows.append(
                {
                    "what": name,
                    "turn": turn,
                    "tasks": tasks_of(layer),
                    "tasks a block": tasks_of(layer) / (size // CHUNK) ** 2,
                    "s": seconds,
                    "ns a pixel": seconds * 1e9 / size**2,
                    "CPU ns a pixel": (used - before) * 1e9 / size**2,
                    "peak MB a worker": peak,
                    "spilled MB": spilled,
                }
            )
            told(pd.DataFrame(rows[-1:]).round(2).to_string(index=False))
    return pd.DataFrame(rows)


def compared(rows: pd.DataFrame) -> str:
    """Medians, and how far the one is from the other."""
    middle = rows.drop(columns="turn").groupby("what").median()
    ratio = middle.loc["coherence"] / middle.loc["floor"]
    return f"{middle.round(2).to_string()}\ncoherence / floor\n{ratio.round(2).to_string()}"


def nothing(block: int) -> int:
    """A block in which nothing is done."""
    return block


def at_once(blocks: int) -> None:
    """One graph of all of them, a task each."""
    import dask

    block = dask.delayed(nothing)
    dask.compute(*(block(at) for at in range(blocks)))


def in_a_window(blocks: int) -> None:
    """Strips of a hundred, ten of them at a time, as stores are filled on fifty workers."""
    for _ in as_they_come(lambda _: at_once(100), range(0, blocks, 100), lambda: 10):
        pass


def scheduled(most: int) -> pd.DataFrame:
    """Seconds and scheduler time a block, for more and more of them."""
    rows = []
    for name, way in (("at once", at_once), ("in a window", in_a_window)):
        for blocks in (1_000, 5_000, 10_000, 25_000, 100_000):
            if blocks > most:
                continue
            with connect("local:2") as client:
                assert client is not None
                way(100)
                most_tasks, stop = [0], threading.Event()
                watcher = threading.Thread(target=counted, args=(client, most_tasks, stop))
                watcher.start()
                # Client and scheduler live in this process, workers in others.
                before, began = time.process_time(), time.perf_counter()
                way(blocks)
                seconds = time.perf_counter() - began
                used = time.process_time() - before
                stop.set()
                watcher.join()
            rows.append(
                {
                    "sent": name,
                    "blocks": blocks,
                    "s": seconds,
                    "ms a block": 1e3 * seconds / blocks,
                    "CPU ms a block, client and scheduler": 1e3 * used / blocks,
                    "most tasks known": most_tasks[0],
                }
            )
            told(pd.DataFrame(rows[-1:]).round(3).to_string(index=False))
    return pd.DataFrame(rows)


def counted(client: Client, most: list[int], stop: threading.Event) -> None:
    """The most tasks that the scheduler ever knew."""

    def tasks(dask_scheduler: Any) -> int:
        return len(dask_scheduler.tasks)

    while not stop.wait(0.5):
        most[0] = max(most[0], client.run_on_scheduler(tasks))


def told(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure one or the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["coherence", "blocks"])
    parser.add_argument("folder", type=Path, help="scratch folder")
    parser.add_argument("--size", type=int, default=16384, help="rows and columns, of 1024 each")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory", type=float, help="GiB a worker may take")
    parser.add_argument("--most", type=int, default=100_000, help="blocks of the longest run")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    ways: dict[str, Callable[[], str]] = {
        "coherence": lambda: compared(
            measured(given.folder, given.size, given.rounds, given.memory)
        ),
        "blocks": lambda: scheduled(given.most).round(3).to_string(index=False),
    }
    told(ways[given.what]())
    for name in (f"slc-{given.size}.zarr", "out.zarr"):  # nothing else that lies there
        shutil.rmtree(given.folder / name, ignore_errors=True)


if __name__ == "__main__":
    main()
