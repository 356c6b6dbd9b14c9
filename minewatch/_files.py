"""Files and folders that appear whole or not at all, written by one process at a time."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["alone", "discard", "heal", "is_left_behind", "put_in_place", "sweep", "whole"]

LEFT_BEHIND = re.compile(
    r"\..+\.[0-9a-f]{7}[a-f]([.-]\w+)*|\..+\.(unfinished|update)\.zarr(\.old|\.gone|\.old\.gone)"
)
"""Names that :func:`whole` and :func:`put_in_place`, and GDAL beside them, use while at work.

The last digit is a letter: in a name of one's own eight figures are a date."""
ASIDE = re.compile(r"\.(.+)\.(?:[0-9a-f]{7}[a-f]|unfinished|update)((?:\.\w+)?)\.old")
"""Names of folders that :func:`put_in_place` has moved aside, with those that they had."""
ENDS = {".geojson": re.compile(rb"\]\s*\}\s*\Z")}
"""How a file of a kind ends: GDAL does not tell when the disk is full as it writes the last."""
IN_WRITING = re.compile(r".+\.[0-9a-f]{32}\.partial")
"""Names under which Zarr writes a chunk before it has its own."""
DATE, NO_DATE = "OGR_CURRENT_DATE", "1970-01-01T00:00:00.000Z"
"""What GDAL takes for the time of writing of a GeoPackage, and what it is given."""
WAITS = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before a folder is removed again: other threads of a job that failed may write there."""
_dating = threading.RLock()  # an option of GDAL is one of the whole process


@contextlib.contextmanager
def whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    r"""Write a file or folder under a hidden name beside its own, then rename it into place.

    A GeoPackage that is written meanwhile tells no time of writing, unless GDAL is told one by
    ``OGR_CURRENT_DATE``: the same tables give the same bytes.

    Parameters
    ----------
    path : str or path-like
        What is to appear; what stands there is replaced only when the new one is complete.

    Yields
    ------
    pathlib.Path
        A name in the same folder, with the same suffix, to write to.

    Raises
    ------
    FileNotFoundError
        If the folder that is to hold it does not exist.
    FileExistsError
        If a folder stands where a file is to appear, or a file where a folder is: that is not
        replaced.
    OSError
        If a file of a known kind lacks its end.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with whole(Path(folder) / "areas.csv") as partial:
    ...         _ = partial.write_text("class,hectares\\n")
    ...     print([path.name for path in Path(folder).iterdir()])
    ['areas.csv']
    """
    target = Path(path)
    if not target.parent.is_dir():
        message = f"{target.parent} is no folder, so {target.name} cannot be written; make it first"
        raise FileNotFoundError(message)
    partial = target.with_name(f".{target.stem}.{uuid.uuid4().hex[:7]}a{target.suffix}")
    try:
        with _undated(target):
            yield partial
        _require_end(partial, target)
        put_in_place(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):  # what went wrong is to be told, not this
            _remove(partial)
        raise


@contextlib.contextmanager
def _undated(target: Path) -> Iterator[None]:
    if target.suffix != ".gpkg":
        yield
        return
    import pyogrio

    with _dating:
        if pyogrio.get_gdal_config_option(DATE) is not None:
            yield
            return
        pyogrio.set_gdal_config_options({DATE: NO_DATE})
        try:
            yield
        finally:
            pyogrio.set_gdal_config_options({DATE: None})


def _require_end(partial: Path, target: Path) -> None:
    if target.suffix not in ENDS or not partial.is_file():
        return
    with partial.open("rb") as file:
        file.seek(max(partial.stat().st_size - 64, 0))
        ended = ENDS[target.suffix].search(file.read())
    if not ended:
        message = f"{target} was not written to its end: is the disk full? make room and run again"
        raise OSError(message)


def put_in_place(partial: Path, target: Path) -> None:
    """Rename a complete file or folder; what stood there goes when the new one is in its place.

    Parameters
    ----------
    partial : pathlib.Path
        What is complete, in the same folder.
    target : pathlib.Path
        Its name from now on.

    Raises
    ------
    FileExistsError
        If one is a folder and the other a file.
    """
    if target.exists() and partial.exists() and target.is_dir() != partial.is_dir():
        kind = "folder" if target.is_dir() else "file"
        message = f"{target} is a {kind} and is not overwritten; choose another path"
        raise FileExistsError(message)
    if not target.is_dir():
        partial.replace(target)
        return
    old = partial.with_name(f"{partial.name}.old")
    target.rename(old)
    try:
        partial.rename(target)
    except OSError:
        if partial.exists():  # else another process has found this half done, and done it
            old.rename(target)
            raise
    discard(old)


def heal(folder: Path) -> None:
    """Do what processes left half done that were killed in the midst of :func:`put_in_place`.

    Nothing is there then under its own name: the old folder has been moved aside, the new one,
    which is complete, not yet moved in. It is now. Another process may be just as far; whichever
    comes first does it.

    Parameters
    ----------
    folder : pathlib.Path
        A folder of results.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in (".tai.0123abca.zarr", ".tai.0123abca.zarr.old"):
    ...         (Path(folder) / name).mkdir()
    ...     heal(Path(folder))
    ...     print(sorted(path.name for path in Path(folder).iterdir()))
    ['tai.zarr']
    """
    for old in sorted(folder.glob(".*.old")):
        aside = ASIDE.fullmatch(old.name)
        if aside is None or not old.is_dir():
            continue
        target, partial = folder / "".join(aside.groups()), old.with_suffix("")
        if not target.exists():
            with contextlib.suppress(OSError):
                (partial if partial.exists() else old).rename(target)
        if target.exists():
            discard(old)


def discard(path: Path) -> None:
    """Remove a file or folder under a name of which nobody thinks that it is whole.

    Parameters
    ----------
    path : pathlib.Path
        One of the names that :func:`is_left_behind` knows with ``.gone`` after them; it need not
        be there.
    """
    gone = path.with_name(f"{path.name}.gone")
    with contextlib.suppress(FileNotFoundError):
        _remove(gone)  # what is left of an earlier one
        _remove(path.rename(gone))


def is_left_behind(path: Path) -> bool:
    """Whether a name is that of something half written.

    Parameters
    ----------
    path : pathlib.Path
        A file or folder.

    Returns
    -------
    bool
        Whether :func:`whole` or :func:`put_in_place` made it, or is making it.

    Examples
    --------
    >>> is_left_behind(Path(".tai.0123abcd.tif")), is_left_behind(Path("tai.tif"))
    (True, False)
    """
    return LEFT_BEHIND.fullmatch(path.name) is not None


def sweep(folder: Path) -> None:
    """Remove what processes that were killed had half written into a folder, after :func:`heal`.

    Parameters
    ----------
    folder : pathlib.Path
        A folder of results, or a Zarr store with all below it. Nobody may be writing into it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("tai.tif", ".tai.0123abcd.tif", ".tai.lock"):
    ...         _ = (Path(folder) / name).write_text("half a map")
    ...     sweep(Path(folder))
    ...     print(sorted(path.name for path in Path(folder).iterdir()))
    ['.tai.lock', 'tai.tif']
    """
    heal(folder)
    left = [path for path in folder.iterdir() if is_left_behind(path)]
    if folder.suffix == ".zarr":
        left += [path for path in folder.rglob("*.partial") if IN_WRITING.fullmatch(path.name)]
    for path in left:
        _remove(path)


@contextlib.contextmanager
def alone(target: Path, doing: str) -> Iterator[None]:
    """Hold the lock of a file or folder; the system lets go of it however the process ends.

    Parameters
    ----------
    target : pathlib.Path
        What is held; the lock is a hidden file beside it.
    doing : str
        What is done with it, for the message: "filling".

    Yields
    ------
    None

    Raises
    ------
    BlockingIOError
        If another process holds it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, alone(Path(folder) / "pit.zarr", "filling"):
    ...     with alone(Path(folder) / "pit.zarr", "filling"):
    ...         pass
    Traceback (most recent call last):
    ...
    BlockingIOError: another run is filling ...pit.zarr; wait until it ends, ...
    """
    from filelock import FileLock, Timeout

    lock = FileLock(target.with_name(f".{target.stem}.lock"), is_singleton=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        message = (
            f"another run is {doing} {target}; wait until it ends, or give this one another output"
        )
        raise BlockingIOError(message) from None
    try:
        yield
    finally:
        if os.name == "posix":  # elsewhere it goes with the lock
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _remove(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    for wait in WAITS:
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(wait)
    shutil.rmtree(path)
