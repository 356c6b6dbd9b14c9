"""Which addresses an item may give: those of plain files, here or on a server.

GDAL opens far more than files: a name may hold a whole VRT, call a driver (``NETCDF:…``), or reach
through archives and networks (``/vsizip/vsicurl/…``). None of that is for a catalogue to say.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pystac

__all__ = ["REMOTE_SCHEMES", "is_remote", "refuse_local_assets", "require_plain"]

REMOTE_SCHEMES = frozenset({"http", "https", "s3", "gs", "az", "abfs", "abfss"})
"""What a remote catalogue may point its assets at."""

PREFIX = re.compile(r"([A-Za-z][\w.+-]+):")
"""A scheme, or the driver that GDAL should take; a single letter is a disk."""


def is_remote(href: str) -> bool:
    """Whether a catalogue is read over the network.

    Parameters
    ----------
    href : str
        Address or path.

    Returns
    -------
    bool
        True for http and https.
    """
    return urlsplit(href).scheme in {"http", "https"}


def refuse_local_assets(items: Iterable[pystac.Item], origin: str) -> None:
    """Refuse items from elsewhere that point at files of this machine, or at no files.

    Parameters
    ----------
    items : iterable of pystac.Item
        From a remote catalogue.
    origin : str
        Its address, for the message.

    Raises
    ------
    ValueError
        If an asset's address is none of :data:`REMOTE_SCHEMES`.
    """
    for item in items:
        for name, asset in item.assets.items():
            if urlsplit(asset.href).scheme not in REMOTE_SCHEMES:
                message = (
                    f"item {item.id!r} of {origin} points asset {name!r} at {asset.href!r}: a "
                    "remote catalogue may not name files of this machine, nor anything but "
                    f"{', '.join(sorted(REMOTE_SCHEMES))}; if you trust it, save the items to a "
                    "file and search that"
                )
                raise ValueError(message)


def require_plain(href: str, *, item: str, asset: str) -> str:
    """Refuse what is no plain file, here or on a server, whoever says it.

    Parameters
    ----------
    href : str
        Address or path.
    item, asset : str
        Whose it is, for the message.

    Returns
    -------
    str
        The address as GDAL reads it: of a ``file:`` URI the path; of an ``abfs:`` one the blob's.

    Raises
    ------
    ValueError
        If it is of another kind.

    Examples
    --------
    >>> require_plain("file:///data/pit%201/B04.tif", item="S2A", asset="B04")
    '/data/pit 1/B04.tif'
    >>> require_plain("https://example.org/B04.tif", item="S2A", asset="B04")
    'https://example.org/B04.tif'
    >>> require_plain("abfs://pit@mines.dfs.core.windows.net/B04.tif", item="S2A", asset="B04")
    'https://mines.blob.core.windows.net/pit/B04.tif'
    >>> require_plain("vrt:///data/B04.tif?scale=0", item="S2A", asset="B04")
    Traceback (most recent call last):
    ...
    ValueError: asset 'B04' of item 'S2A' lies at 'vrt:///data/B04.tif?scale=0', and only ...
    """
    prefix = PREFIX.match(href)
    scheme = prefix[1].lower() if prefix else ""
    if scheme in REMOTE_SCHEMES and urlsplit(href).netloc:
        return _as_blob(href) if scheme in {"abfs", "abfss"} else href
    path = _path_of(href) if scheme == "file" else href
    if not PREFIX.match(path) and not re.match(r"/vsi|\s*[{\[]|$", path) and "<" not in path:
        return path
    message = (
        f"asset {asset!r} of item {item!r} lies at {href!r}, and only paths and addresses with "
        f"file, {', '.join(sorted(REMOTE_SCHEMES))} are read; put the path of the file itself there"
    )
    raise ValueError(message)


def _as_blob(href: str) -> str:
    """An address of Hadoop's for Azure as one that GDAL reads.

    ``abfs://container@account.dfs.core.windows.net/path`` says its account: it is a blob over
    https. ``abfs://container/path`` does not: GDAL has it from AZURE_STORAGE_ACCOUNT and its like.
    """
    parts = urlsplit(href)
    container, at, host = parts.netloc.partition("@")
    if not at:
        return f"az://{parts.netloc}{parts.path}"
    server = host.replace(".dfs.", ".blob.", 1)
    query = f"?{parts.query}" if parts.query else ""
    return f"https://{server}/{container}{parts.path}{query}"


def _path_of(uri: str) -> str:
    """The path in a ``file:`` URI; many are written without the escapes that they need."""
    rest = re.sub(r"(?i)^file:(//(localhost(?=/))?)?", "", uri)
    return rest if os.path.lexists(rest) else url2pathname(rest)
