"""A run that was stopped goes on: what tells that it is the same run, and what it had begun."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch._files import heal, sweep
from minewatch.store.filling import forget
from minewatch.workflows.folders import held, require_empty, require_unheld
from minewatch.workflows.identities import identity
from minewatch.workflows.outputs import write_json
from minewatch.workflows.settings import set_aside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["begin", "contents_of", "key_of", "mark", "require_begin"]

MARKER = ".unfinished.json"
"""Stands in a folder while a run is at work there, or after it was stopped."""
ELSEWHERE = ("output", "overwrite", "resume", "cluster", "dask_report", "memory")
"""Settings that no number depends on."""


def key_of(settings: Any, inputs: Iterable[str] = ()) -> str:
    """All that the numbers of a run depend on, as text.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    inputs : iterable of str
        Identities of what is read.

    Returns
    -------
    str
        The same for the same settings and inputs, wherever results go and whoever computes.

    Examples
    --------
    >>> from minewatch.workflows import ActivitySettings
    >>> one = key_of(ActivitySettings(input="slc", output="here"), ["a.tif"])
    >>> one == key_of(ActivitySettings(input="slc", output="there", cluster="local"), ["a.tif"])
    True
    >>> one == key_of(ActivitySettings(input="slc", threshold="0.2"), ["a.tif"])
    False
    """
    told = {
        field.name: getattr(settings, field.name)
        for field in dataclasses.fields(settings)
        if field.name not in ELSEWHERE
    }
    key = {"settings": [type(settings).__name__, told], "inputs": list(inputs)}
    return json.dumps(key, sort_keys=True, default=str)


def contents_of(*paths: str | None) -> list[str]:
    """What is in some files, for :func:`key_of`: one of another content has the same name.

    Parameters
    ----------
    paths : str or None
        Files, folders; of that of a run its ``run.toml``, which each run writes anew.

    Returns
    -------
    list of str
        :func:`~minewatch.workflows.identities.identity` of each, empty where there is none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "run.toml"
    ...     _ = file.write_text("seed = 1")
    ...     one = contents_of(folder)
    ...     _ = file.write_text("seed = 2")
    ...     one == contents_of(str(file)), contents_of(None, "nowhere.tif")
    (False, ['', ''])
    """
    return [_content_of(Path(path)) if path else "" for path in paths]


def _content_of(path: Path) -> str:
    settings = path / "run.toml"
    return identity(settings if settings.is_file() else path)


@contextlib.contextmanager
def begin(settings: Any) -> Iterator[Path]:
    """Make the folder of a run, or take up the one that it was stopped in, and keep others out.

    Where the ``with`` block ends without an error, the run is complete: what was half written
    before it is removed, and nothing is left to resume.

    Parameters
    ----------
    settings : dataclass instance
        The run, with ``output``, ``overwrite`` and ``resume``.

    Yields
    ------
    pathlib.Path
        The folder, absolute.

    Raises
    ------
    FileExistsError
        If something is there, and neither may be replaced nor gone on with.
    ValueError
        If the run that was stopped there had other settings.
    BlockingIOError
        If another run is writing there.
    """
    folder = require_begin(settings)
    folder.mkdir(parents=True, exist_ok=True)
    with held(folder):
        _require_begin(settings, folder)
        heal(folder)
        yield folder
        sweep(folder)
        (folder / MARKER).unlink(missing_ok=True)


def require_begin(settings: Any) -> Path:
    """Refuse what :func:`begin` refuses, before any work is done.

    Parameters
    ----------
    settings : dataclass instance
        The run, with ``output``, ``overwrite`` and ``resume``.

    Returns
    -------
    pathlib.Path
        The folder, absolute, which need not be there yet.

    Raises
    ------
    FileExistsError, ValueError, BlockingIOError
        As :func:`begin`.
    """
    folder = Path(settings.output).resolve()
    require_unheld(folder)
    _require_begin(settings, folder)
    return folder


def _require_begin(settings: Any, folder: Path) -> None:
    marker = folder / MARKER
    if settings.resume and marker.is_file():
        if _digest_in(marker) != _digest(settings):
            message = (
                f"the run that was stopped in {marker.parent} had other settings; say overwrite to "
                "begin anew, or give the settings of then"
            )
            raise ValueError(message)
        return
    try:
        require_empty(folder, overwrite=settings.overwrite)
    except FileExistsError as error:
        if not marker.is_file():
            if not settings.resume:
                raise
            message = (
                f"{marker.parent} is not empty and holds no run that was stopped, so there is "
                "nothing to resume; choose another output folder or say overwrite"
            )
            raise FileExistsError(message) from error
        message = f"{marker.parent} holds a run that was stopped; say resume to go on, or overwrite"
        raise FileExistsError(message) from error


def mark(settings: Any, folder: Path, *, stores: Iterable[str]) -> None:
    """Note that a run begins to write into its folder.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    folder : pathlib.Path
        From :func:`begin`.
    stores : iterable of str
        Stores that the run fills block by block: what others left of them is removed, unless the
        run goes on.
    """
    marker = folder / MARKER
    if settings.resume and marker.is_file():
        return
    for name in stores:
        forget(folder / name)
    set_aside(folder / "run.toml")
    write_json(marker, {"settings": type(settings).__name__, "digest": _digest(settings)})


def _digest(settings: Any) -> str:
    return hashlib.sha256(key_of(settings).encode()).hexdigest()


def _digest_in(marker: Path) -> str | None:
    try:
        content = json.loads(marker.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return content.get("digest") if isinstance(content, dict) else None
