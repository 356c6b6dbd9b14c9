"""Where the work runs: this machine's threads, its processes, or a Dask cluster already up."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

__all__ = ["connect", "watch"]

# Freed blocks go back to the pool instead of to the system: large chunks are otherwise paged in
# anew for every task (twice to four times the time of a halo read).
WORKER_ENVIRONMENT = {
    "MALLOC_TRIM_THRESHOLD_": "1073741824",
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "OMP_NUM_THREADS": "1",
}


@contextlib.contextmanager
def connect(target: str | Client = "local") -> Iterator[Client | None]:
    """Run what stands in the ``with`` block on some Dask cluster, and leave it tidy.

    Parameters
    ----------
    target : str or distributed.Client
        ``"threads"``: this process's threads, no cluster. ``"local"``: one worker process for each
        core of this machine; ``"local:8"``: eight of them. ``"tcp://host:8786"`` (or ``tls://``,
        ``ws://``): a scheduler that is already up. A Client is used and left open.

    Yields
    ------
    distributed.Client or None
        The client, None for threads.

    Raises
    ------
    ValueError
        If `target` is none of these.
    OSError
        If no scheduler answers at the address.

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
    if not isinstance(target, str):
        yield target
    elif target == "threads":
        yield None
    elif target == "local" or target.startswith("local:"):
        with _local(_worker_count(target)) as client:
            yield client
    elif target.startswith(("tcp://", "tls://", "ws://", "wss://")):
        with _remote(target) as client:
            yield client
    else:
        message = (
            f"cluster {target!r} is not known; "
            "use 'threads', 'local', 'local:8' or 'tcp://host:8786'"
        )
        raise ValueError(message)


def _worker_count(target: str) -> int | None:
    _, _, count = target.partition(":")
    if not count:
        return None
    if not count.isdigit() or int(count) < 1:
        message = f"cluster {target!r} does not say how many workers; use e.g. 'local:4'"
        raise ValueError(message)
    return int(count)


@contextlib.contextmanager
def _local(workers: int | None) -> Iterator[Client]:
    import dask
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster

    count = workers or CPU_COUNT
    settings = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # any free port, and for this machine only
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


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


@contextlib.contextmanager
def watch(
    client: Client | None,
    notify: Callable[[int, int], None],
    *,
    interval: float = 0.3,
) -> Iterator[None]:
    """Tell how many tasks are done and known while the ``with`` block computes.

    Parameters
    ----------
    client : distributed.Client or None
        Where the block computes; None for threads.
    notify : callable
        ``notify(done, total)``, called from time to time; `total` may grow.
    interval : float
        Seconds between two looks at a distributed scheduler.

    Yields
    ------
    None

    Examples
    --------
    >>> import dask.array as da
    >>> seen = []
    >>> with watch(None, lambda done, total: seen.append((done, total))):
    ...     _ = da.zeros(4, chunks=2).sum().compute()
    >>> seen[-1][0] == seen[-1][1]
    True
    """
    if client is None:
        with _watch_threads(notify):
            yield
        return
    stop = threading.Event()
    base, _ = client.run_on_scheduler(_counter())

    def look() -> None:
        done, waiting = client.run_on_scheduler(_counter())
        notify(done - base, done - base + waiting)

    def poll() -> None:
        while not stop.wait(interval):
            try:
                look()
            except (OSError, RuntimeError):
                return  # the scheduler is going away; the computation itself reports why

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
        look()
    finally:
        stop.set()
        thread.join()


def _counter() -> Callable[..., tuple[int, int]]:
    """A function for the scheduler: tasks ever finished, tasks still to do."""

    # Nested, so that it travels by value and the scheduler needs no minewatch.
    def count(dask_scheduler: Any) -> tuple[int, int]:
        done = waiting = 0
        for prefix in dask_scheduler.task_prefixes.values():
            done += prefix.state_counts["memory"] + prefix.state_counts["erred"]
            waiting += sum(
                prefix.states.get(state, 0)
                for state in ("waiting", "processing", "queued", "no-worker")
            )
        return done, waiting

    return count


@contextlib.contextmanager
def _watch_threads(notify: Callable[[int, int], None]) -> Iterator[None]:
    from dask.callbacks import Callback

    before = 0
    total = 0

    def start(dsk: object, state: dict[str, Any]) -> None:
        nonlocal total
        del dsk
        total = before + sum(len(state[key]) for key in ("ready", "waiting", "running"))
        notify(before, total)

    def finished(
        key: object, result: object, dsk: object, state: dict[str, Any], worker: object
    ) -> None:
        del key, result, dsk, worker
        waiting = sum(len(state[key]) for key in ("ready", "waiting", "running"))
        notify(total - waiting, total)

    def end(dsk: object, state: object, failed: bool) -> None:
        nonlocal before
        del dsk, state, failed
        before = total

    with Callback(start_state=start, posttask=finished, finish=end):
        yield
