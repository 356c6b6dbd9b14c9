"""Whether those who are to do the work have the same code."""

from __future__ import annotations

import importlib.metadata
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

__all__ = ["require_same_version"]


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
