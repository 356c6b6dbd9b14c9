"""Where files come from, told in the files themselves: what is written meanwhile carries it."""

from __future__ import annotations

import contextlib
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["ORIGIN", "carried", "carrying", "geojson_options", "geopackage_options"]

ORIGIN = "minewatch_origin"
"""Tag, attribute or member of a file, whose value is JSON."""

_carried: ContextVar[list[str | None] | None] = ContextVar("carried", default=None)


@contextlib.contextmanager
def carrying() -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Let files that are written meanwhile carry an origin, as soon as one is told.

    GeoTIFF, Zarr stores, GeoPackage and GeoJSON do; other files stay as they are. Files of other
    threads carry none.

    Yields
    ------
    callable
        Takes the origin of all files from there on: a mapping that JSON can hold.

    Examples
    --------
    >>> with carrying() as carry:
    ...     carry({"settings": "ActivitySettings"})
    ...     carried()
    '{"settings":"ActivitySettings"}'
    >>> carried() is None
    True
    """
    told: list[str | None] = [None]

    def carry(origin: Mapping[str, Any]) -> None:
        told[0] = json.dumps(origin, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    token = _carried.set(told)
    try:
        yield carry
    finally:
        _carried.reset(token)


def carried() -> str | None:
    """What a file that is written now shall carry.

    Returns
    -------
    str or None
        JSON; None outside of :func:`carrying`, or before an origin is told.

    Examples
    --------
    >>> carried() is None
    True
    """
    told = _carried.get()
    return None if told is None else told[0]


def geojson_options() -> dict[str, str]:
    """How GDAL is told to write a GeoJSON file that carries its origin.

    Returns
    -------
    dict of str to str
        Options of its driver, which write a member of the collection beside ``features``; none if
        nothing is to be carried.

    References
    ----------
    RFC 7946, section 6.1: foreign members. https://www.rfc-editor.org/rfc/rfc7946

    Examples
    --------
    >>> geojson_options()
    {}
    """
    text = carried()
    if text is None:
        return {}
    native = f'{{"type":"FeatureCollection","{ORIGIN}":{text}}}'
    return {"NATIVE_DATA": native, "NATIVE_MEDIA_TYPE": "application/vnd.geo+json"}


def geopackage_options() -> dict[str, dict[str, str]]:
    """How pyogrio is told to write a GeoPackage that carries its origin.

    Returns
    -------
    dict
        ``layer_metadata``, which goes into the table ``gpkg_metadata``; nothing if nothing is to be
        carried. Of the dataset's own GDAL leaves an ``.aux.xml`` beside it whenever it is read.

    Examples
    --------
    >>> geopackage_options()
    {}
    """
    text = carried()
    return {} if text is None else {"layer_metadata": {ORIGIN: text}}
