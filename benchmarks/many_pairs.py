"""Memory over the number of pairs, and the price of one pair more.

Counts the activity index of 50, 100, 200 and 400 pairs of 4096 × 4096 pixels on one worker that may
use 1.5 GiB, and prints the most memory that the worker ever held. Coherence is drawn block by block
where it is needed and exists nowhere as a whole; the index goes straight into a store. At the end
one pair is added to the stored index of all others. Takes minutes; run it by hand:

    python -m benchmarks.many_pairs
    python -m benchmarks.many_pairs --pairs 50 100 --size 1024 --chunk 256

With ``--screen`` the stable pixels, the ledger and the threshold are found first, as in a real run:
four passes over coherence instead of one. The pair more has a price of its own, most of it for
writing the new index: a few per cent of counting coherence that costs nothing to read.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from minewatch import activity, store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

THRESHOLD = 0.19
STABLE = 0.87
GIB = 2**30


def series(pairs: int) -> pd.DatetimeIndex:
    """Acquisitions of so many consecutive pairs."""
    return pd.date_range("2014-10-03", periods=pairs + 1, freq="12D")


def drawn(blocks: np.ndarray, *, height: int, width: int) -> np.ndarray:
    """Coherence of one block: 0 to 1, by its place alone."""
    first = int(blocks.flat[0])
    noise = np.random.default_rng(first).random((blocks.size, height, width), dtype=np.float32)
    noise[..., : width // 64] = np.nan  # a strip without data
    rock = noise[..., width // 64 : width // 8]
    rock *= 0.04
    rock += STABLE - 0.02
    return noise


def coherence(pairs: int, size: int, chunk: int, depth: int) -> xr.DataArray:
    """A lazy cube that nobody stores."""
    import dask.array as da

    across = size // chunk
    # Every block is told its number, which seeds it.
    numbers = np.arange(pairs)[:, None, None] * across**2 + np.arange(across**2).reshape(
        1, across, across
    )
    cube = da.map_blocks(
        drawn,
        da.from_array(numbers, chunks=(depth, 1, 1)),
        height=chunk,
        width=chunk,
        chunks=(da.core.normalize_chunks(depth, (pairs,))[0], (chunk,) * across, (chunk,) * across),
        dtype="float32",
        meta=np.empty((0, 0, 0), "float32"),
    )
    times = series(pairs)
    axis = 20.0 * np.arange(size)
    return xr.DataArray(
        cube,
        dims=("pair", "y", "x"),
        coords={
            "pair": np.arange(pairs),
            "reference_time": ("pair", times[:-1]),
            "secondary_time": ("pair", times[1:]),
            "perpendicular_baseline": ("pair", np.zeros(pairs)),
            "y": 9e6 - axis,
            "x": 5e5 + axis,
        },
        name="coherence",
    )


def ledger(pairs: int) -> xr.Dataset:
    """A ledger that keeps every pair."""
    times = series(pairs)
    return xr.Dataset(
        {
            "stable_mean": ("pair", np.full(pairs, STABLE)),
            "keep": ("pair", np.full(pairs, True)),
        },
        coords={"reference_time": ("pair", times[:-1]), "secondary_time": ("pair", times[1:])},
    )


def held() -> float:
    """Most memory that this process ever held, GiB."""
    text = Path("/proc/self/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / GIB


@contextmanager
def one_worker(threads: int, limit: float) -> Iterator[Client]:
    """A fresh worker, so that its peak is its own."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=threads,
            memory_limit=int(limit * GIB),
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.run(lambda: __import__("minewatch.activity"))
        yield client


def count(pairs: int, target: Path, given: argparse.Namespace) -> float:
    """Index of so many pairs, into a store; prints peak and time, gives the time."""
    with one_worker(given.threads, given.limit) as client:
        idle = max(client.run(held).values())
        start = time.perf_counter()
        cube = coherence(pairs, given.size, given.chunk, given.depth)
        table = screened(cube) if given.screen else ledger(pairs)
        index = activity.tai(cube, table, threshold=THRESHOLD)
        stored = store.to_zarr(index, target)
        seconds = time.perf_counter() - start
        peak = max(client.run(held).values())
        check(float(stored.tai.isel(x=slice(given.chunk // 8, given.chunk)).mean()))
    told(f"{pairs:6d} pairs {peak:8.3f} GiB at most ({idle:.3f} idle) {seconds:8.1f} s")
    return seconds


def screened(cube: xr.DataArray) -> xr.Dataset:
    """The ledger by its proper way; the threshold is found too, and only read."""
    stable = activity.stable_pixels(cube).persist()
    table = activity.screen_pairs(cube, stable)
    activity.ndai_threshold(activity.mean_ndai(cube, table))
    return table


def check(share: float) -> None:
    """Coherence beside the strips is uniform, so that the index is known."""
    expected = STABLE * (1 - THRESHOLD) / (1 + THRESHOLD)
    if abs(share - expected) > 0.01:
        message = f"the mean index is {share:.4f}, not {expected:.4f}"
        raise RuntimeError(message)


def add_one(pairs: int, source: Path, target: Path, given: argparse.Namespace) -> float:
    """One pair more on the stored index of the others; prints peak and time, gives the time."""
    with one_worker(given.threads, given.limit) as client:
        start = time.perf_counter()
        cube = coherence(pairs + 1, given.size, given.chunk, given.depth)
        new = cube.isel(pair=slice(pairs, None)), ledger(pairs + 1).isel(pair=slice(pairs, None))
        index = activity.update_tai(store.open_cube(source), *new)
        store.to_zarr(index, target)
        seconds = time.perf_counter() - start
        peak = max(client.run(held).values())
    told(f"     + 1 pair  {peak:8.3f} GiB at most {seconds:22.1f} s")
    return seconds


def told(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run all sizes, then the update of the largest."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--size", type=int, default=4096, help="rows and columns")
    parser.add_argument("--chunk", type=int, default=1024, help="rows and columns of a block")
    parser.add_argument("--depth", type=int, default=8, help="pairs of a block")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--limit", type=float, default=1.5, help="memory of the worker, GiB")
    parser.add_argument("--screen", action="store_true", help="find stable pixels and ledger too")
    given = parser.parse_args()
    told(
        f"{given.size} × {given.size} pixels in blocks of {given.depth} × {given.chunk} × "
        f"{given.chunk}, one worker of {given.threads} threads and {given.limit} GiB"
    )
    with tempfile.TemporaryDirectory(prefix="minewatch-bench-") as folder:
        for pairs in given.pairs:
            target = Path(folder) / f"tai-{pairs}.zarr"
            whole = count(pairs, target, given)
        one = add_one(pairs, target, Path(folder) / "more.zarr", given)
    what = "the whole computation" if given.screen else "the count alone"
    told(f"one pair more costs {100 * one / whole:.1f} % of {what} over {pairs} pairs")


if __name__ == "__main__":
    main()
