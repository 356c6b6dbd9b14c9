"""Archives from strangers: how large they may grow, and what goes wrong when they are read."""

from __future__ import annotations

import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["UNREADABLE", "require_modest"]

UNREADABLE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,  # an array whose header promises more than it holds
    OSError,
    RuntimeError,  # encrypted, packed by other means, or nested too deep
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
"""What reading a file that is no model, or a damaged one, may raise."""
GROWTH = 50
"""Times that a model may grow when it is unpacked. Forests grow two to fifteen times."""
SMALL = 2**24
"""Bytes that are no matter."""


def require_modest(path: Path) -> None:
    """Refuse an archive that grows out of all proportion when it is unpacked.

    Parameters
    ----------
    path : pathlib.Path
        A zip archive.

    Raises
    ------
    ValueError
        If it does.
    zipfile.BadZipFile
        If it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        grown = sum(member.file_size for member in archive.infolist())
    size = path.stat().st_size
    if grown > GROWTH * size + SMALL:
        message = f"it would grow from {size} to {grown} bytes when unpacked, which no model does"
        raise ValueError(message)
