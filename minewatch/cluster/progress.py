"""How far the work is: tasks done and known, of threads and of clusters alike."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

__all__ = ["watch"]


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
