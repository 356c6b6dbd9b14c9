"""Which files and items are looked at where a folder or a catalogue is asked for all that it has.

A run that is made again reads what it read then, whatever has come since.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pystac

__all__ = ["Pins", "item_name", "kept_files", "kept_ids", "kept_items", "only", "pinned"]


@dataclass(frozen=True)
class Pins:
    """What may be found.

    Attributes
    ----------
    files : frozenset of pathlib.Path
        Files, and folders with all in them; empty: all that is there.
    items : frozenset of str
        Collection and id of each item, :func:`item_name`; empty: all that match.
    """

    files: frozenset[Path]
    items: frozenset[str]


_pins: ContextVar[Pins | None] = ContextVar("pins", default=None)


@contextlib.contextmanager
def only(files: Iterable[Path], items: Iterable[str]) -> Iterator[None]:
    """Let folders and catalogues that are searched meanwhile have nothing but these.

    What is named by its own path is read all the same.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Files, and folders with all in them.
    items : iterable of str
        From :func:`item_name`.

    Examples
    --------
    >>> with only([Path("slc/a.tif")], []):
    ...     [path.name for path in kept_files([Path("slc/a.tif"), Path("slc/b.tif")])]
    ['a.tif']
    """
    token = _pins.set(Pins(frozenset(path.resolve() for path in files), frozenset(items)))
    try:
        yield
    finally:
        _pins.reset(token)


def pinned() -> Pins | None:
    """What may be found now.

    Returns
    -------
    Pins or None
        None: everything.
    """
    return _pins.get()


def kept_files(paths: Iterable[Path]) -> list[Path]:
    """Those files of a folder that may be found.

    Parameters
    ----------
    paths : iterable of pathlib.Path
        What the folder has.

    Returns
    -------
    list of pathlib.Path
        In the same order.
    """
    pins = _pins.get()
    if pins is None or not pins.files:
        return list(paths)
    resolved = [(path, path.resolve()) for path in paths]
    return [path for path, at in resolved if not pins.files.isdisjoint((at, *at.parents))]


def kept_ids() -> tuple[str, ...] | None:
    """Ids of items that may be found.

    Returns
    -------
    tuple of str or None
        None: all.
    """
    pins = _pins.get()
    if pins is None or not pins.items:
        return None
    return tuple(sorted({name.partition("/")[2] for name in pins.items}))


def kept_items(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """Those items of a catalogue that may be found.

    Parameters
    ----------
    items : iterable of pystac.Item
        What matches.

    Returns
    -------
    list of pystac.Item
        In the same order.
    """
    pins = _pins.get()
    if pins is None or not pins.items:
        return list(items)
    return [item for item in items if item_name(item) in pins.items]


def item_name(item: pystac.Item) -> str:
    """What an item is called among those of all collections.

    Parameters
    ----------
    item : pystac.Item
        The item.

    Returns
    -------
    str
        Collection and id.
    """
    return f"{item.collection_id}/{item.id}"
