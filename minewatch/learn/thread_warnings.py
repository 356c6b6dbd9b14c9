"""The warnings of a process, kept from threads that change them for all."""

from __future__ import annotations

import contextlib
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
    made. Also a decorator.

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
    told: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as told:
            yield
    finally:
        for one in told:
            if not str(one.message).startswith(SPURIOUS):
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
