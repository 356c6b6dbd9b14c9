"""Catalogues that lie still: files, folders, and what a server hands out as one."""

from __future__ import annotations

import contextlib
import json
import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from minewatch.sources.stac._addresses import is_remote
from minewatch.sources.stac._filters import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import pystac

__all__ = ["as_items", "local_items", "no_news", "no_stac", "parsed", "walked"]


def no_stac(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """What goes wrong where something that should be STAC is not.

    Parameters
    ----------
    *others : type
        What else may.

    Returns
    -------
    tuple of type
        Exceptions, without a plain ValueError: those tell what is wrong by themselves.
    """
    from pystac import STACError, STACTypeError

    stac = (STACError, STACTypeError)
    usual = (json.JSONDecodeError, KeyError, TypeError, AttributeError, RecursionError)
    return (*usual, *stac, *others)


def as_items(source: Iterable[Any], *, origin: str = "the list") -> list[pystac.Item]:
    """Items from whatever holds them.

    Parameters
    ----------
    source : iterable
        Items, their dicts, a feature collection, or a catalogue of pystac.
    origin : str
        Where they come from, for messages.

    Returns
    -------
    list of pystac.Item
        In the order given.

    Raises
    ------
    ValueError
        If one is no item that can be placed in time; names it.
    """
    import pystac

    if isinstance(source, pystac.Catalog):
        return list(source.get_items(recursive=True))
    if isinstance(source, dict):
        source = source["features"] if source.get("type") == "FeatureCollection" else [source]
    with no_news():
        return [
            item if isinstance(item, pystac.Item) else _item_of(item, origin) for item in source
        ]


def _item_of(record: Any, origin: str, **how: Any) -> pystac.Item:
    """An item of its dict, of which nothing is taken on trust."""
    import pystac

    name = record.get("id") if isinstance(record, dict) else record
    try:
        item = pystac.Item.from_dict(record, **how)
        flaw = _flaw(item)
    except no_stac(ValueError, IndexError) as error:
        flaw = f"{type(error).__name__}: {error}"
    if flaw:
        if isinstance(record, dict) and not _dated(record.get("properties")):
            flaw = "it has no datetime and no start_datetime, so it cannot be ordered"
        message = (
            f"item {str(name)[:80]!r} of {origin} is no STAC item ({flaw}); leave it out, or tell "
            "those who made it"
        )
        raise ValueError(message)
    return item


def _dated(properties: Any) -> bool:
    return isinstance(properties, dict) and any(
        properties.get(key) for key in ("datetime", "start_datetime")
    )


def _flaw(item: pystac.Item) -> str:
    """What keeps an item from being placed; empty where nothing does."""
    import shapely.geometry

    if not isinstance(item.id, str) or not item.id:
        return "it has no id"
    if item.bbox is not None and (
        len(item.bbox) not in (4, 6) or not all(math.isfinite(edge) for edge in item.bbox)
    ):
        return f"its bbox is {item.bbox}"
    if item.geometry is not None:
        shapely.geometry.shape(item.geometry)
    observed(item)
    return ""


@contextlib.contextmanager
def no_news() -> Iterator[None]:
    """While items are read, keep from the user what pystac could not modernise in them.

    It rewrites old items for the newest STAC and warns where a storage address, which nothing here
    reads, is not of the form it expects: every item of Earth Search's Collection 1.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Could not parse bucket/account from href", UserWarning)
        yield


def _path(source: str | Path) -> Path:
    parts = urlsplit(str(source))
    path = Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(source)
    if path.is_dir():
        found = [path / name for name in ("catalog.json", "collection.json")]
        path = next((file for file in found if file.is_file()), path)
    if not path.is_file():
        message = (
            f"no STAC catalogue at {source}; give the address of an API, or the path of a "
            "catalog.json, an item collection or a stac-geoparquet file"
        )
        raise FileNotFoundError(message)
    return path


def local_items(source: str | Path) -> list[pystac.Item]:
    """All items of a local catalogue.

    Parameters
    ----------
    source : str or pathlib.Path
        ``catalog.json``, item collection, item, stac-geoparquet, or the folder of a catalogue.

    Returns
    -------
    list of pystac.Item
        With absolute addresses.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    path = _path(source)
    if path.suffix in {".parquet", ".geoparquet"}:
        try:
            import rustac
        except ImportError as error:
            message = f"reading {path} needs rustac: pip install 'minewatch[geoparquet]'"
            raise ImportError(message) from error
        try:
            records = rustac.read_sync(str(path))
        except rustac.RustacError as error:
            message = f"{path} is no stac-geoparquet: {error}; get it anew"
            raise ValueError(message) from error
        return as_items(records, origin=str(path))
    text = path.read_bytes().decode("utf-8", errors="replace")
    return walked(parsed(text, path), str(path.resolve()), None)


def parsed(text: str, origin: object) -> dict[str, Any]:
    """STAC JSON as a dict.

    Parameters
    ----------
    text : str
        What was read.
    origin : object
        From where, for the message.

    Returns
    -------
    dict
        With its ``type``.

    Raises
    ------
    ValueError
        If it is no STAC, e.g. a web page.
    """
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        content = None
    if not isinstance(content, dict) or "type" not in content:
        message = f"{origin} is no STAC: it starts {text[:40]!r}; check the address"
        raise ValueError(message)
    return content


def walked(
    content: dict[str, Any], href: str, read: Callable[[str], str] | None
) -> list[pystac.Item]:
    """All items of a static catalogue, an item collection or an item.

    Parameters
    ----------
    content : dict
        The JSON of its root.
    href : str
        Where it was read.
    read : callable or None
        How to read the text at an address; None as pystac does.

    Returns
    -------
    list of pystac.Item
        With absolute addresses.

    Raises
    ------
    ValueError
        If something in it is no STAC, its links never end, or a catalogue from the network leads to
        files of this machine.
    """
    import pystac

    with no_news():
        if content["type"] == "FeatureCollection":
            items = as_items(content.get("features") or [], origin=href)
            for item in items:
                if item.get_self_href() is None:
                    item.set_self_href(href)
                elif not is_remote(href):
                    _bring_home(item, href)
        elif content["type"] == "Feature":
            items = [_item_of(content, href, href=href)]
        else:
            try:
                kind = pystac.Collection if content["type"] == "Collection" else pystac.Catalog
                root = kind.from_dict(content, href=href)
                root.set_root(root)
                root._stac_io = _reader(href, read)
                items = list(root.get_items(recursive=True))
            except no_stac() as error:
                cause: BaseException = error
                while cause.__cause__ is not None:
                    cause = cause.__cause__
                if type(cause) is ValueError:  # told below
                    raise cause from None
                reason = f"{type(cause).__name__}: {cause}"
                if isinstance(cause, RecursionError):
                    reason = "its links lead round in a circle"
                message = f"{href} is no STAC catalogue that can be walked ({reason}); get it anew"
                raise ValueError(message) from error
    return [item.make_asset_hrefs_absolute() for item in items]


def _bring_home(item: pystac.Item, href: str) -> None:
    """Files of this machine that one's own list names are not to be sought on the server.

    An item keeps the link to where it came from, and its assets may have been fetched since.
    """
    here = {
        name: asset.href
        for name, asset in item.assets.items()
        if Path(asset.href).is_absolute() or urlsplit(asset.href).scheme == "file"
    }
    if here and is_remote(str(item.get_self_href())):
        item.make_asset_hrefs_absolute()
        item.set_self_href(href)
        for name, at in here.items():
            item.assets[name].href = at


def _reader(href: str, read: Callable[[str], str] | None) -> Any:
    """How the rest of a catalogue is read; what cannot be is named."""
    from pystac.stac_io import DefaultStacIO

    class Reader(DefaultStacIO):  # type: ignore[misc]
        def read_text(self, source: Any, *args: Any, **how: Any) -> str:
            at = source if isinstance(source, str) else source.get_absolute_href()
            if is_remote(href) and not is_remote(at):
                message = f"{href} leads to {at}: a remote catalogue may not name files of this "
                message += "machine; if you trust it, get it here and search that"
                raise ValueError(message)
            return str(super().read_text(source, *args, **how) if read is None else read(at))

        def read_stac_object(self, source: Any, *args: Any, **how: Any) -> Any:
            try:
                found = super().read_stac_object(source, *args, **how)
                flaw = _flaw(found) if isinstance(found, pystac.Item) else ""
            except no_stac(UnicodeDecodeError) as error:
                flaw = f"{type(error).__name__}: {error}"
            if flaw:
                at = source if isinstance(source, str) else source.get_absolute_href()
                message = f"{at}, to which {href} leads, is no STAC ({flaw}); get it anew"
                raise ValueError(message)
            return found

    import pystac

    return Reader()
