"""A word, an address or a client becomes a cluster that is looked over and left tidy."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

from minewatch.cluster.faults import explained
from minewatch.cluster.reports import reported
from minewatch.cluster.versions import of_one_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

__all__ = ["WORKER_ENVIRONMENT", "connect"]

WORKER_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "OMP_NUM_THREADS": "1",
}
"""What workers want in their environment.

Freed blocks go back to the pool instead of to the system: large chunks are otherwise paged in anew
for every task (twice to four times the time of a halo read). Two pools are enough: with one for
each thread that ever read or wrote, what one has freed does not serve the next (a fifth more)."""
GIB = 2**30
LEAST = 0.25
"""GiB: a worker that has imported what it needs holds nearly as much."""


@contextlib.contextmanager
def connect(
    target: str | Client = "local",
    *,
    memory: float | None = None,
    report: str | os.PathLike[str] | None = None,
) -> Iterator[Client | None]:
    """Run what stands in the ``with`` block on some Dask cluster, and leave it tidy.

    Workers that are there are asked for their version of minewatch: another one may give other
    numbers, none at all fails late. Those that join while the block runs are asked before they are
    given work; one of another version is closed, and the log says so, as it does of a scheduler
    that has no workers yet, which is waited for by what is computed.

    Parameters
    ----------
    target : str or distributed.Client
        ``"threads"``: this process's threads, no cluster. ``"local"``: one worker process for each
        core of this machine; ``"local:8"``: eight of them. ``"tcp://host:8786"`` (or ``tls://``,
        ``ws://``): a scheduler that is already up. A Client is used and left open.
    memory : float, optional
        GiB that each worker of ``"local"`` may take; by default they share those of the machine.
        From 0.6 of it a worker spills to the disk, from 0.8 it pauses, at 0.95 it is replaced.
        Other clusters have their own limits.
    report : path-like, optional
        HTML file of Dask's performance report (what each worker did when, and where the time
        went), written when the block ends without an error. It needs bokeh beside the scheduler.

    Yields
    ------
    distributed.Client or None
        The client, None for threads.

    Raises
    ------
    ValueError
        If `target` is none of these, or has no memory or report that could be asked for.
    OSError
        If no scheduler answers at the address, or none does any more, from within the block.
    RuntimeError
        If workers have another minewatch, or none; if one task ended several workers.
    ImportError
        If there is no bokeh for the report.
    FileNotFoundError
        If the folder of the report does not exist.

    Examples
    --------
    >>> with connect("threads") as client:
    ...     print(client)
    None
    >>> with connect("somewhere"):
    ...     pass
    Traceback (most recent call last):
    ...
    ValueError: cluster 'somewhere' is not known; use 'threads', 'local', 'local:8' or 'tcp://host:8786'
    """
    local = isinstance(target, str) and target.partition(":")[0] == "local"
    _check(target, local=local, memory=memory, report=report)
    if target == "threads":
        yield None
        return
    with contextlib.ExitStack() as stack:
        if not isinstance(target, str):
            client = target
        elif local:
            client = stack.enter_context(_local(_worker_count(target), memory))
        else:
            client = stack.enter_context(_remote(target))
        if not local:
            stack.enter_context(of_one_version(client))
        stack.enter_context(explained(client))
        if report is not None:
            stack.enter_context(reported(client, report))
        yield client


def _check(
    target: str | Client,
    *,
    local: bool,
    memory: float | None,
    report: str | os.PathLike[str] | None,
) -> None:
    if isinstance(target, str):
        remote = target.startswith(("tcp://", "tls://", "ws://", "wss://"))
        if not (local or remote or target == "threads"):
            message = (
                f"cluster {target!r} is not known; "
                "use 'threads', 'local', 'local:8' or 'tcp://host:8786'"
            )
            raise ValueError(message)
    if memory is not None and not local:
        message = f"memory={memory} is for workers of 'local'; cluster {target!r} sets its own"
        raise ValueError(message)
    if memory is not None and not memory >= LEAST:
        message = f"a worker needs {LEAST} GiB to begin with, got memory={memory}; use 2"
        raise ValueError(message)
    if report is not None and target == "threads":
        message = "a Dask report tells of workers, and 'threads' has none; use cluster 'local'"
        raise ValueError(message)


def _worker_count(target: str) -> int | None:
    _, colon, count = target.partition(":")
    if not colon:
        return None
    if not (count.isascii() and count.isdigit()) or int(count) < 1:
        message = f"cluster {target!r} does not say how many workers; use e.g. 'local:4'"
        raise ValueError(message)
    return int(count)


@contextlib.contextmanager
def _local(workers: int | None, memory: float | None) -> Iterator[Client]:
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    count = workers or CPU_COUNT
    settings = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
    with (
        _own_environment(),
        dask.config.set(settings),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            memory_limit="auto" if memory is None else int(memory * GIB),
            processes=True,
            dashboard_address="127.0.0.1:0",  # any free port, and for this machine only
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextlib.contextmanager
def _own_environment() -> Iterator[None]:
    """Keep Dask from taking what it left in this process's environment for the user's wish.

    It sets there what workers are to start with, leaves it, and for the next workers heeds it more
    than any setting. What somebody else has set to other values is heeded here too.
    """
    from distributed.config import defaults as distributeds

    theirs = distributeds["distributed"]["nanny"]["pre-spawn-environ"]
    before = {name: os.environ.get(name) for name in WORKER_ENVIRONMENT}
    for name, value in before.items():
        if value == str(theirs.get(name)):
            del os.environ[name]
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextlib.contextmanager
def _remote(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout="10s")
    except OSError as error:
        message = f"no Dask scheduler answers at {address}; start one with 'dask scheduler'"
        raise OSError(message) from error
    with client:
        yield client
