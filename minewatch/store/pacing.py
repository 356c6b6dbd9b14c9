"""How many blocks of a job are at work at a time: enough for all workers, few for the scheduler."""

from __future__ import annotations

import contextvars
import math
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["as_they_come", "room"]

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Blocks that a thread of the cluster has before it: one at work, one to go on with."""
MOST = 64
"""Strips at work at most: each has its graph in this process."""


def room(blocks: int) -> int:
    """How many strips are to be at work at a time.

    Threads of this process take one strip after the other. A cluster has so many that each of its
    threads finds :data:`AHEAD` blocks: with one strip of ten blocks, thirty of forty workers
    would have nothing to do, and all would wait for the slowest block of each strip.

    Parameters
    ----------
    blocks : int
        Blocks of a strip.

    Returns
    -------
    int
        1 to :data:`MOST`; asked again while the job runs it tells of workers that joined.
    """
    import dask.base

    # The scheduler function of a distributed client is its method, and nothing else's is.
    client: Any = getattr(dask.base.get_scheduler(), "__self__", None)
    if not hasattr(client, "nthreads"):
        return 1
    threads: int = sum(client.nthreads().values())
    return min(MOST, max(1, math.ceil(AHEAD * threads / max(1, blocks))))


def as_they_come(
    work: Callable[[Item], Result], items: Iterable[Item], at_once: Callable[[], int]
) -> Iterator[Result]:
    """Results in the order in which they come; a few items are at work at a time.

    After an error no further item is begun; what is at work is finished and given first, then the
    error is raised. `items` is asked for the next one only when that is begun.

    Parameters
    ----------
    work : callable
        Is given one item; runs in this thread where one is at work at a time, else in others.
    items : iterable
        What there is to do.
    at_once : callable
        How many may be at work now; asked whenever one has ended.

    Yields
    ------
    object
        What `work` returned.

    Examples
    --------
    >>> sorted(as_they_come(abs, [-1, -2, -3], lambda: 2))
    [1, 2, 3]
    """
    left = iter(items)
    if at_once() == 1:
        for item in left:
            yield work(item)
            if at_once() > 1:
                break
    flying: set[Future[Result]] = set()
    error: BaseException | None = None
    with ThreadPoolExecutor(MOST, "strip") as pool:
        while True:
            free = 0 if error is not None else max(0, at_once() - len(flying))
            for item in islice(left, free):
                # The context knows which client is the current one.
                flying.add(pool.submit(contextvars.copy_context().run, work, item))
            if not flying:
                break
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            for each in done:
                if each.exception() is None:
                    yield each.result()
                elif error is None:
                    error = each.exception()
    if error is not None:
        raise error
