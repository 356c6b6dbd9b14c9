"""A guard that turns any dask computation inside it into a failure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import dask

if TYPE_CHECKING:
    from collections.abc import Iterator


class ComputedTooEarly(AssertionError):
    """Something that promised to be lazy was not."""


@contextlib.contextmanager
def nothing_computes() -> Iterator[None]:
    """Fail if dask computes anything within this block."""

    def refuse(dsk: object, keys: object, **_: object) -> None:
        message = f"dask was asked to compute {str(keys)[:200]}"
        raise ComputedTooEarly(message)

    with dask.config.set(scheduler=refuse):
        yield
