"""What a run will read, hold, write and take, as it is told to people and to programs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.workflows.outputs import write_json

if TYPE_CHECKING:
    from minewatch.workflows.planning_reading import Reading

__all__ = ["GB", "KEPT", "Plan", "workers_of"]

GB = 1e9

KEPT = 0.85
"""What packing leaves of float32 layers: their noise does not shrink."""

SIZES = ("decoded", "stored")
NAMES = {"worker": "a worker", "main": "the main process"}


@dataclass(frozen=True)
class Plan:
    """What a run will read, hold, write and take.

    Parameters
    ----------
    grid : str
        The map.
    readings : tuple of Reading
        What is read, by sensor.
    load : object
        What it has to carry: a dataclass with at least ``tasks``, what the graphs hold.
    processes : int
        Workers; 1 with ``cluster="threads"``, where the main process does it all.
    output : float
        Bytes of the results.
    memory : dict
        Kind of process → stage → GiB.
    seconds : dict of str to float
        Stage → expected seconds.
    rate : str
        Where the rate is from.
    blocks : dict of str to int
        Store that is filled block by block → its blocks, one of which is lost when a run is
        stopped.
    credits : dict, optional
        What HyP3 asks for coherence that must be ordered: ``credits``, ``jobs`` and ``months`` of
        a free account; None where none is ordered.
    told : dict of str to str
        More lines of the summary.
    """

    grid: str
    readings: tuple[Reading, ...]
    load: Any
    processes: int
    output: float
    memory: dict[str, dict[str, float]]
    seconds: dict[str, float]
    rate: str
    blocks: dict[str, int] = dataclasses.field(default_factory=dict)
    credits: dict[str, int] | None = None
    told: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def peak(self) -> dict[str, float]:
        """The most memory of each kind of process, GiB."""
        return {kind: max(stages.values()) for kind, stages in self.memory.items()}

    @property
    def summary(self) -> dict[str, str]:
        """The plan as a person reads it."""
        decoded, stored = (sum(getattr(one, key) for one in self.readings) for key in SIZES)
        minutes = sum(self.seconds.values()) / 60
        slowest = max(self.seconds, key=lambda name: self.seconds[name])
        lines = {
            "scenes": ", ".join(f"{one.sensor} {one.scenes}" for one in self.readings),
            "to read": f"{_size(stored)} in {sum(one.files for one in self.readings)} files, "
            f"{_size(decoded)} unpacked",
            "map": self.grid,
            "results": _size(self.output),
            "blocks": ", ".join(f"{store} {number}" for store, number in self.blocks.items()),
            "tasks": f"{self.load.tasks:,}",
            "peak memory": ", ".join(
                f"{NAMES[kind]} {peak:.2f} GiB" for kind, peak in self.peak.items()
            )
            + (f" ({_workers(self.processes)})" if "worker" in self.memory else ""),
            "expected time": f"{minutes:.1f} minutes, most of it for {slowest}; files from afar "
            "come at the speed of the network",
            "rate": self.rate,
            "HyP3 credits": self._credits(),
            **self.told,
        }
        return {name: text for name, text in lines.items() if text}

    def _credits(self) -> str:
        if self.credits is None:
            return ""
        asked, jobs, months = (self.credits[name] for name in ("credits", "jobs", "months"))
        return (
            f"{asked:,} for {jobs:,} jobs, {months} month{'s' if months > 1 else ''} of a free "
            "account"
        )

    def write(self, path: str | Path) -> Path:
        """Write all numbers as JSON.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.

        Returns
        -------
        pathlib.Path
            The file.
        """
        content = dataclasses.asdict(self) | {"peak_gib": self.peak}
        return write_json(Path(path), content)


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"


def _size(count: float) -> str:
    """Bytes as a person reads them."""
    return f"{count / GB:.2f} GB" if count >= GB / 10 else f"{count / 1e6:.1f} MB"


def workers_of(cluster: str) -> tuple[int, int]:
    """Processes that compute images, and threads of each.

    Parameters
    ----------
    cluster : str
        As a setting of a run.

    Returns
    -------
    (int, int)
        Of a cluster at an address 1 and 1: how many answer there is not asked.

    Raises
    ------
    ValueError
        If it is no cluster.

    Examples
    --------
    >>> workers_of("local:3")
    (3, 1)
    """
    import dask
    from dask.system import CPU_COUNT

    if cluster == "threads":
        return 1, int(dask.config.get("num_workers", None) or CPU_COUNT)
    if cluster == "local":
        return int(CPU_COUNT), 1
    name, _, count = cluster.partition(":")
    if name == "local" and count.isdecimal() and int(count) > 0:
        return int(count), 1
    if "://" in cluster:
        return 1, 1
    message = (
        f"cluster {cluster!r} is not known; use 'threads', 'local', 'local:8' or 'tcp://host:8786'"
    )
    raise ValueError(message)
