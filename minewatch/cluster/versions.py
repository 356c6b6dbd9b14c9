"""Whether those who are to do the work have the same code."""

from __future__ import annotations

import contextlib
import importlib.metadata
import logging
from typing import TYPE_CHECKING, Any

from minewatch.cluster.faults import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distributed import Client

__all__ = ["of_one_version", "require_same_version"]

SENT_AWAY = "minewatch-sent-away"
"""Under this name workers are looked over as they join, and tell why they leave again."""


@contextlib.contextmanager
def of_one_version(client: Client) -> Iterator[None]:
    """Refuse workers that have another minewatch, or none; those that join later leave again.

    These are looked over before they compute anything, and the log tells of each.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.

    Yields
    ------
    None

    Raises
    ------
    RuntimeError
        If one of those that are there differs.
    """
    require_same_version(client)
    client.register_plugin(_look_over(importlib.metadata.version("minewatch")), SENT_AWAY)
    client.subscribe_topic(SENT_AWAY, lambda event: _tell(event[1]))
    try:
        yield
    finally:
        if answers(client):
            client.unsubscribe_topic(SENT_AWAY)
            client.unregister_worker_plugin(SENT_AWAY)


def require_same_version(client: Client) -> None:
    """Refuse workers that have another minewatch, or none.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster; where no worker has joined yet, the log says so.

    Raises
    ------
    RuntimeError
        If one of them differs; says how many, and names one.
    """
    ours = importlib.metadata.version("minewatch")
    found: dict[str, str | None] = client.run(_version())
    if not found:
        logging.getLogger(__name__).warning(
            "no worker has joined %s yet; what is computed waits until one does",
            client.scheduler.address,
        )
    others = {worker: theirs for worker, theirs in found.items() if theirs != ours}
    if others:
        worker, theirs = next(iter(others.items()))
        has = "no minewatch" if theirs is None else f"minewatch {theirs}"
        message = (
            f"{len(others)} of {len(found)} workers lack minewatch {ours}: {worker} has {has}; "
            "install the same there, with its extra 'worker'"
        )
        raise RuntimeError(message)


def _tell(why: str) -> None:
    logging.getLogger(__name__).warning("%s", why)


def _look_over(ours: str) -> Any:
    """A plugin that ends a worker of another version before it is given work."""
    import distributed

    version = _version()

    # Nested, so that it travels by value: a worker without minewatch could not import it.
    class LookOver(distributed.WorkerPlugin):  # type: ignore[misc]
        async def setup(self, worker: Any) -> None:
            theirs = version()
            if theirs == ours:
                return
            has = "no minewatch" if theirs is None else f"minewatch {theirs}"
            worker.log_event(
                SENT_AWAY,
                f"worker {worker.address} joined with {has} and was sent away; install {ours} "
                "there, with its extra 'worker'",
            )
            await worker.close(nanny=True, reason=f"it has {has}, the run {ours}")

    return LookOver()


def _version() -> Callable[[], str | None]:
    """A function for workers: the version of minewatch, None without."""

    # Nested, so that it travels by value: a worker without minewatch could not import it.
    def version() -> str | None:
        import importlib.metadata

        try:
            return importlib.metadata.version("minewatch")
        except importlib.metadata.PackageNotFoundError:
            return None

    return version
