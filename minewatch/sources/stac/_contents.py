"""Catalogues that lie still: files, folders, and what a server hands out as one."""

from __future__ import annotations

import contextlib
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pystac

__all__ = ["as_items", "local_items", "no_news", "parsed", "walked"]


def as_items(source: Iterable[Any]) -> list[pystac.Item]:
    """Items from whatever holds them.

    Parameters
    ----------
    source : iterable
        Items, their dicts, a feature collection, or a catalogue of pystac.

    Returns
    -------
    list of pystac.Item
        In the order given.
    """
    import pystac

    if isinstance(source, pystac.Catalog):
        return list(source.get_items(recursive=True))
    if isinstance(source, dict):
        source = source["features"] if source.get("type") == "FeatureCollection" else [source]
    with no_news():
        return [
            item if isinstance(item, pystac.Item) else pystac.Item.from_dict(item)
            for item in source
        ]


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
        return as_items(rustac.read_sync(str(path)))
    return walked(parsed(path.read_text(encoding="utf-8"), path), str(path.resolve()), None)


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
    except json.JSONDecodeError:
        content = None
    if not isinstance(content, dict) or "type" not in content:
        message = f"{origin} is no STAC: it starts {text[:40]!r}; check the address"
        raise ValueError(message)
    return content


def walked(content: dict[str, Any], href: str, stac_io: Any) -> list[pystac.Item]:
    """All items of a static catalogue, an item collection or an item.

    Parameters
    ----------
    content : dict
        The JSON of its root.
    href : str
        Where it was read.
    stac_io : pystac.StacIO or None
        How to read the rest.

    Returns
    -------
    list of pystac.Item
        With absolute addresses.
    """
    import pystac

    with no_news():
        if content["type"] == "FeatureCollection":
            items = as_items(content["features"])
            for item in items:
                if item.get_self_href() is None:
                    item.set_self_href(href)
        elif content["type"] == "Feature":
            items = [pystac.Item.from_dict(content, href=href)]
        else:
            kind = pystac.Collection if content["type"] == "Collection" else pystac.Catalog
            root = kind.from_dict(content, href=href)
            root.set_root(root)
            root._stac_io = stac_io
            items = list(root.get_items(recursive=True))
    return [item.make_asset_hrefs_absolute() for item in items]
