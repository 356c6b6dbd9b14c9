"""How far each kernel is from its floor, and from what people use today: ratios, not seconds.

    python -m benchmarks.ratios                 # the table of docs/performance.md, some minutes
    python -m benchmarks.ratios --size 512 --only coherence lee

In each round every way is timed once, in turn, in processor time of one thread; a ratio is the
median over rounds of what one round gave. So a busy machine moves both of its sides. Two threads
are timed by the clock, each on one half, and so is one thread on both: of thrice as many rounds the
quickest counts, because whatever else runs can only take away from two threads.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.floors import add_up, jit, read_series
from benchmarks.peers import CASES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.peers import Case

ROUNDS = 7
HEADER = (
    "| kernel | ns a pixel | times its floor | goal | peer | times faster | goal | two threads |",
    "|---|---|---|---|---|---|---|---|",
)


@dataclass(frozen=True)
class Ratios:
    """What was found of a case."""

    nanoseconds: float
    """A pixel, one thread."""
    floor: float | None
    """Times that the kernel takes of its floor."""
    peers: dict[str, float]
    """Times that each peer takes of the kernel."""
    threads: float | None = None
    """Times that two threads are faster than one."""


def compare(case: Case, rounds: int = ROUNDS, *, threads: bool = True) -> Ratios:
    """Time a case; its results were compared before, and everything is compiled."""
    case.agree()
    floor, peers, ours = [], {peer.name: [] for peer in case.peers}, []
    for run in (case.floor, case.filled):
        if run is not None:
            _seconds(run)
    for _ in range(rounds):
        if case.floor is not None and case.filled is not None:
            floor.append(1 / (_seconds(case.floor) / _seconds(case.filled)))
        ours.append(_seconds(case.run))
        for peer in case.peers:
            peers[peer.name].append(_seconds(peer.run) / peer.share / ours[-1])
    return Ratios(
        1e9 * median(ours) / case.pixels,
        median(floor) if floor else None,
        {name: median(times) for name, times in peers.items()},
        _speedup(case.halves, rounds) if threads else None,
    )


def _seconds(run: Callable[[], Any], clock: Callable[[], float] | None = None) -> float:
    clock = clock or time.process_time
    with np.errstate(all="ignore"):  # comparing NaN raises a flag that only warns
        start = clock()
        run()
        return max(clock() - start, 1e-9)


def _speedup(halves: Sequence[Callable[[], Any]], rounds: int) -> float:
    """How much faster two threads are through both halves than one."""
    first, second = halves

    def in_turn() -> None:
        first()
        second()

    with ThreadPoolExecutor(2) as pool:

        def at_once() -> None:
            for future in [pool.submit(half) for half in halves]:
                future.result()

        at_once()
        clock = time.perf_counter
        turns, both = zip(
            *((_seconds(in_turn, clock), _seconds(at_once, clock)) for _ in range(3 * rounds)),
            strict=True,
        )
    return min(turns) / min(both)


def machine(rounds: int) -> str:
    """What two threads of this machine can do for loops that only compute, and only read."""
    add, read = jit(add_up), jit(read_series)
    parts = [np.ones((100, 1 << 18), np.float32) for _ in range(2)]
    outs = [np.empty(part.shape[1], np.float32) for part in parts]
    adding = _speedup([partial(add, 1 << 24)] * 2, rounds)
    reading = _speedup([partial(read, *both) for both in zip(parts, outs, strict=True)], rounds)
    return f"two threads, arithmetic alone {adding:.1f} times one, reading alone {reading:.1f}"


def rows(case: Case, found: Ratios) -> Iterable[str]:
    """Table rows of a case, one for each peer."""
    first = [case.name, _digits(found.nanoseconds), _digits(found.floor), _most(case.goal)]
    threads = _digits(found.threads)
    for peer in case.peers:
        ratio, goal = _digits(found.peers[peer.name]), f"≥ {peer.goal}" if peer.goal else ""
        yield "| " + " | ".join([*first, peer.name, ratio, goal, threads]) + " |"
        first, threads = [""] * 4, ""


def _digits(value: float | None) -> str:
    """Two digits, or all before the point."""
    if value is None:
        return ""
    return f"{value:.1f}" if value < 20 else f"{value:,.0f}"


def _most(goal: float | None) -> str:
    return f"≤ {goal}" if goal else ""


class Distance:
    """For asv: the ratios themselves, at a size that a continuous integration can bear."""

    params = ([512], list(CASES))
    param_names = ("size", "kernel")
    timeout = 300
    unit = "times"

    def setup(self, size: int, kernel: str) -> None:
        self.case = CASES[kernel](size)
        self.case.agree()

    def track_times_its_floor(self, size: int, kernel: str) -> float:
        found = compare(self.case, 3, threads=False).floor
        return float("nan") if found is None else found

    def track_times_faster_than_the_best_peer(self, size: int, kernel: str) -> float:
        return min(compare(self.case, 3, threads=False).peers.values())

    def track_times_faster_on_two_threads(self, size: int, kernel: str) -> float:
        return _speedup(self.case.halves, 3)


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="rows and columns of an image")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="at least 7 to publish")
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES))
    given = parser.parse_args(arguments)
    sys.stdout.write(machine(given.rounds) + "\n\n" + "\n".join(HEADER) + "\n")
    for name in given.only:
        case = CASES[name](given.size)
        sys.stdout.write("\n".join(rows(case, compare(case, given.rounds))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
