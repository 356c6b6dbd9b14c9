"""A disk that is full, whoever runs the tests: no file grows beyond a size."""

from __future__ import annotations

import contextlib
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["files_end_at"]


@contextlib.contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: the system refuses, as where the disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
