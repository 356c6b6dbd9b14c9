"""What a cluster breaks with, in words that tell what to do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Client

__all__ = ["answers", "explained"]


@contextlib.contextmanager
def explained(client: Client) -> Iterator[None]:
    """Say of a scheduler that is gone, or of a task that ends its workers, what happened.

    Parameters
    ----------
    client : distributed.Client
        Where the ``with`` block computes.

    Yields
    ------
    None

    Raises
    ------
    OSError
        Whatever the block failed with, if the scheduler cannot be reached any more.
    RuntimeError
        If workers ended, one after the other, over the same task.
    """
    from distributed import KilledWorker

    try:
        yield
    except KilledWorker as error:
        message = (
            f"a worker ended, and others after it, over the same task ({error.task}), most likely "
            "because it took more memory than a worker has; take fewer workers with more memory "
            "each ('local:2'), or smaller blocks, then resume; what is stored stays"
        )
        raise RuntimeError(message) from error
    except Exception as error:
        # A client that has lost its scheduler cancels what it waits for: that is all it says.
        if answers(client):
            raise
        message = (
            f"the Dask scheduler at {_address(client)} is gone or cannot be reached any more; what "
            "is stored stays: start a scheduler and its workers again, then resume"
        )
        raise OSError(message) from error


def answers(client: Client) -> bool:
    """Whether the scheduler is there; a client that has just lost it may not know yet.

    Parameters
    ----------
    client : distributed.Client
        Its client.

    Returns
    -------
    bool
        Whether it answered just now.
    """
    if client.status != "running":
        return False
    try:
        client.nthreads()
    except Exception:  # whatever it is, there was no answer
        return False
    return True


def _address(client: Client) -> str:
    scheduler = client.scheduler
    return str(scheduler.address if scheduler is not None else "its address")
