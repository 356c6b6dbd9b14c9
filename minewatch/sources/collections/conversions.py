"""From an item to its row, its assets and its constants."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

from minewatch.conventions import Layer
from minewatch.sources.collections.descriptions import QUALITY, Collection, Conversion
from minewatch.sources.collections.rows import COLLECTIONS, SENTINEL_2_L2A

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["asset_of", "collection_of", "conversion", "layer_of", "processing_baseline"]

BOA_OFFSET = -0.1
"""Sentinel-2 offset since baseline 04.00: -1000 DN of 1/10000 (ESA, S2 PSD 14.9)."""


def collection_of(identifier: str) -> Collection:
    """The row of a collection, by its identifier or an alias.

    Parameters
    ----------
    identifier : str
        STAC collection id.

    Returns
    -------
    Collection
        The row.

    Raises
    ------
    KeyError
        If no row knows the identifier; lists those that exist.

    Examples
    --------
    >>> collection_of("sentinel-2-c1-l2a").id
    'sentinel-2-l2a'
    """
    for row in COLLECTIONS.values():
        if identifier == row.id or identifier in row.aliases:
            return row
    message = (
        f"no row for the collection {identifier!r}; there are {', '.join(COLLECTIONS)}. "
        "For another, describe it with minewatch.sources.collections.Collection(...) and pass "
        "load(..., collection=row)"
    )
    raise KeyError(message)


def asset_of(row: Collection, variable: str, assets: Iterable[str]) -> str | None:
    """The asset of one item that holds a variable.

    Parameters
    ----------
    row : Collection
        The collection.
    variable : str
        One of ``row.names``.
    assets : iterable of str
        Asset names of the item.

    Returns
    -------
    str or None
        The preferred name that exists, or None.

    Examples
    --------
    >>> asset_of(SENTINEL_2_L2A, "nir", ["blue", "nir", "nir08"])
    'nir'
    """
    have = set(assets)
    wanted = row.quality if variable == QUALITY else row.variables[variable]
    return next((name for name in wanted if name in have), None)


def layer_of(row: Collection, variable: str) -> Layer:
    """Name, long name, units, dtype and classes of a variable.

    Parameters
    ----------
    row : Collection
        The collection.
    variable : str
        One of ``row.names``.

    Returns
    -------
    minewatch.conventions.Layer
        What :func:`minewatch.conventions.conform` wants.

    Examples
    --------
    >>> layer_of(SENTINEL_2_L2A, "quality").dtype
    'uint8'
    """
    flags = row.classes.get(variable, {})
    if variable == QUALITY:
        long_name = f"quality layer of {row.id}, as stored"
        return Layer(QUALITY, long_name, dtype=row.quality_dtype, flags=flags)
    if flags:
        return Layer(variable, row.long_names[variable], row.units, "uint8", flags)
    return Layer(variable, row.long_names[variable], row.units)


def conversion(row: Collection, properties: Mapping[str, Any], *, item: str = "") -> Conversion:
    """How one item's numbers become physical values.

    Only Sentinel-2 differs between items: -1000 DN where the processing baseline is 04.00 or
    later, unless the catalogue has already taken it off (``earthsearch:boa_offset_applied``).

    Parameters
    ----------
    row : Collection
        The collection.
    properties : mapping
        The item's properties.
    item : str
        The item's id, for messages and as the last place to look for the baseline.

    Returns
    -------
    Conversion
        Scale, offset, exponent, nodata.

    Raises
    ------
    ValueError
        If a Sentinel-2 item says nowhere which baseline it has.

    Examples
    --------
    >>> conversion(SENTINEL_2_L2A, {"s2:processing_baseline": "05.09"}).offset
    -0.1
    >>> conversion(SENTINEL_2_L2A, {"s2:processing_baseline": "02.12"}).offset
    0.0
    """
    if row.id != SENTINEL_2_L2A.id:
        return row.conversion
    for flag in ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"):
        if properties.get(flag) is True:
            return row.conversion
    if processing_baseline(properties, item=item) < (4, 0):
        return row.conversion
    return dataclasses.replace(row.conversion, offset=BOA_OFFSET)


def processing_baseline(properties: Mapping[str, Any], *, item: str = "") -> tuple[int, int]:
    """The Sentinel-2 processing baseline of an item.

    Parameters
    ----------
    properties : mapping
        The item's properties: ``s2:processing_baseline``, ``processing:version`` or a product
        name with ``_N0511_`` in it.
    item : str
        The item's id, where the product name is looked for last.

    Returns
    -------
    (int, int)
        Major and minor number.

    Raises
    ------
    ValueError
        If it is said nowhere.

    Examples
    --------
    >>> processing_baseline({"s2:product_uri": "S2A_MSIL2A_20190101T000001_N0212_R116.SAFE"})
    (2, 12)
    """
    for key in ("s2:processing_baseline", "processing:version"):
        match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", str(properties.get(key, "")))
        if match:
            return int(match[1]), int(match[2])
    for text in (
        properties.get("s2:product_uri"),
        properties.get("sentinel:product_id"),
        properties.get("s2:granule_id"),
        item,
    ):
        match = re.search(r"_N(\d{2})\.?(\d{2})(?:_|$)", str(text or ""))
        if match:
            return int(match[1]), int(match[2])
    message = (
        f"Sentinel-2 item {item!r} says nowhere which processing baseline it has, so its offset "
        "(0 or -1000 DN) is unknown; set item.properties['s2:processing_baseline'], e.g. '05.09'"
    )
    raise ValueError(message)
