"""What went wrong, in one line of plain words."""

from __future__ import annotations

import errno

__all__ = ["MISTAKES", "one_line"]

MISTAKES = (
    ValueError, KeyError, TypeError, OSError, ImportError, RuntimeError, MemoryError,
)  # fmt: skip
"""What is told in one line, without a traceback."""

FIXES = {
    errno.ENOSPC: "the disk is full; make room and run it again",
    errno.EDQUOT: "the quota of this disk is used up; make room and run it again",
    errno.EFBIG: "it is larger than files may be here; write to another disk",
    errno.EROFS: "the disk cannot be written to; choose another output folder",
    errno.EACCES: "the system does not allow it; choose another place, or ask for the right",
    errno.EPERM: "the system does not allow it; choose another place, or ask for the right",
    errno.EISDIR: "it is a folder, and a file is needed; give the path of a file",
    errno.ENOTDIR: "part of the path is a file, and a folder is needed; check the path",
    errno.ENOENT: "there is no such file or folder; check the path",
}
"""What the system says by number, in words, and what may be done."""


def one_line(error: BaseException) -> str:
    """The words of an error as one line that a terminal can show.

    Parameters
    ----------
    error : BaseException
        What happened.

    Returns
    -------
    str
        Without line breaks and control characters, whatever a file or a server put in.

    Examples
    --------
    >>> one_line(OSError(28, "No space left on device", "mines/tai.tif"))
    'mines/tai.tif: the disk is full; make room and run it again'
    >>> one_line(MemoryError())
    'there is not enough memory; minewatch plan tells how much a run needs'
    >>> one_line(KeyError("no item has 'nir'"))
    "no item has 'nir'"
    """
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, OSError) and error.strerror and number in FIXES:
        where = f"{error.filename}: " if error.filename is not None else ""
        text = where + FIXES[number]
    elif isinstance(error, MemoryError):
        told = f" ({error})" if str(error) else ""
        text = f"there is not enough memory{told}; minewatch plan tells how much a run needs"
    else:
        text = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    line = " ".join(text.split()) or type(error).__name__
    return "".join(letter if letter.isprintable() else "�" for letter in line)
