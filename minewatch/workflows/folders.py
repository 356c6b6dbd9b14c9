"""The folder of a run: its own, and its alone while it writes there."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from minewatch._files import alone, is_left_behind

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["held", "open_folder", "require_empty", "require_free", "require_unheld"]

LOCK = ".run.lock"
"""What a run holds in its folder; one that was killed leaves the file, but nobody holds it."""


@contextlib.contextmanager
def open_folder(path: str, *, overwrite: bool) -> Iterator[Path]:
    """Make the folder of a run and keep others out, or refuse to mix its files with theirs.

    Parameters
    ----------
    path : str
        The folder.
    overwrite : bool
        Whether results of an earlier run there may be replaced.

    Yields
    ------
    pathlib.Path
        The folder, absolute.

    Raises
    ------
    FileExistsError
        If something is there already and `overwrite` is False, or it is a file.
    BlockingIOError
        If another run is writing there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "notes.txt").write_text("mine")
    ...     with open_folder(folder, overwrite=False):
    ...         pass
    Traceback (most recent call last):
    ...
    FileExistsError: ... is not empty; choose another output folder or say overwrite
    """
    folder = require_free(path, overwrite=overwrite)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        require_empty(folder, overwrite=overwrite)
        yield folder


def require_free(path: str, *, overwrite: bool) -> Path:
    """Refuse a folder that holds something, before any work is done for it.

    Parameters
    ----------
    path, overwrite
        As in :func:`open_folder`.

    Returns
    -------
    pathlib.Path
        The folder, absolute, which need not be there yet.

    Raises
    ------
    FileExistsError
        If something is there already and `overwrite` is False, or it is a file.
    BlockingIOError
        If another run is writing there.
    """
    folder = Path(path).resolve()
    require_unheld(folder)
    require_empty(folder, overwrite=overwrite)
    return folder


def require_empty(folder: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, or is a file, whoever is writing to it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, which need not be there.
    overwrite : bool
        As in :func:`open_folder`.

    Raises
    ------
    FileExistsError
        If something is there already and `overwrite` is False, or it is a file.
    """
    if folder.is_file():
        message = f"{folder} is a file; the output must be a folder"
        raise FileExistsError(message)
    if overwrite or not folder.is_dir():
        return
    if not all(is_left_behind(path) or path.name == LOCK for path in folder.iterdir()):
        message = f"{folder} is not empty; choose another output folder or say overwrite"
        raise FileExistsError(message)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep other runs from a folder while one writes there; the system lets go of what is killed.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, which must be there.

    Yields
    ------
    None

    Raises
    ------
    BlockingIOError
        If another run is writing there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, held(Path(folder)):
    ...     with held(Path(folder)):
    ...         pass
    Traceback (most recent call last):
    ...
    BlockingIOError: another run is writing to ...; wait until it ends, or choose another output ...
    """
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(alone(folder / "run.toml", "writing"))
        except BlockingIOError:
            message = (
                f"another run is writing to {folder}; wait until it ends, or choose another output "
                "folder"
            )
            raise BlockingIOError(message) from None
        yield


def require_unheld(folder: Path) -> None:
    """Refuse a folder that another run is writing to, before any work is done for it.

    Parameters
    ----------
    folder : pathlib.Path
        The folder, which need not be there yet.

    Raises
    ------
    BlockingIOError
        As :func:`held`.
    """
    if (folder / LOCK).is_file():
        with held(folder):
            return
