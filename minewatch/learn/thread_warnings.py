"""The warnings of a process, kept from threads that change them for all."""

from __future__ import annotations

import contextlib
import sys
import threading
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["kept_warnings"]

SPURIOUS = "`sklearn.utils.parallel.delayed` should be used with"


@contextlib.contextmanager
def kept_warnings() -> Iterator[None]:
    """Leave the filters of warnings as they were, and tell of all warnings but a spurious one.

    A forest with ``n_jobs`` grows and asks its trees in threads. scikit-learn sets the filters anew
    in each of them, but before Python 3.14 there is one set for the whole process: the threads
    leave it cut short or empty, and where it is empty each tree warns of a mistake that nobody
    made. Of several threads that do so at once the first to come notes the filters and the last to
    leave restores them. Also a decorator.

    Yields
    ------
    None

    References
    ----------
    https://docs.python.org/3/library/warnings.html#concurrent-safety-of-context-managers

    Examples
    --------
    >>> before = list(warnings.filters)
    >>> with kept_warnings():
    ...     warnings.resetwarnings()
    >>> warnings.filters == before
    True
    """
    if getattr(sys.flags, "context_aware_warnings", False):  # each thread has its own
        yield
        return
    _GUARD.enter()
    try:
        yield
    finally:
        told = {
            (str(one.message), one.category, one.filename, one.lineno): one.message
            for one in _GUARD.leave()
        }
        for (text, category, filename, line), message in told.items():
            if not text.startswith(SPURIOUS):
                warnings.warn_explicit(message, category, filename, line)


class _Guard:
    """The filters of the process, noted by the first of several threads, restored by the last."""

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.told: list[warnings.WarningMessage] = []

    def enter(self) -> None:
        with self.lock:
            if not self.inside:
                self.caught = warnings.catch_warnings(record=True)
                self.told = self.caught.__enter__()
                # Noted, whatever the filters say: they are asked when it is told again, below.
                warnings.simplefilter("always")
            self.inside += 1

    def leave(self) -> list[warnings.WarningMessage]:
        """What was told meanwhile, to the last one."""
        with self.lock:
            self.inside -= 1
            if self.inside:
                return []
            self.caught.__exit__(None, None, None)
            return self.told


_GUARD = _Guard()
