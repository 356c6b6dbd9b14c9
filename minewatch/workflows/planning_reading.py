"""How much a mapping run will read, from what items say of their files: none is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minewatch.sources.collections import QUALITY, Collection, asset_of, collection_of
from minewatch.sources.stac._extents import extent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

__all__ = ["Reading", "reading_of"]

STORED_SHARE = {1: 0.1, 2: 0.8, 4: 0.9, 8: 0.9}
"""Bytes of a number → what compression leaves of it: class codes shrink, noise does not."""

DEGREE = 111_320.0
"""Metres of a degree of latitude."""


@dataclass(frozen=True)
class Reading:
    """What one sensor's images are.

    Parameters
    ----------
    sensor : str
        Its name.
    scenes, files : int
        Items, and the assets of them that are read.
    decoded, stored : float
        Bytes of the pixels within the map, and of them as they lie compressed in the archive, as
        often as they are read.
    samples : float
        Values on the grid of the map: pixels · bands · dates.
    """

    sensor: str
    scenes: int
    files: int
    decoded: float
    stored: float
    samples: float


def reading_of(
    sensor: str,
    items: Sequence[pystac.Item],
    box: GeoBox,
    *,
    passes: float = 1.0,
    names: Sequence[str] | None = None,
) -> Reading:
    """Count what lies within a map.

    Pixels are counted from ``proj:transform`` (else ``gsd``) and the bounds of each asset, bytes
    from its data type. The compressed size is ``file:size`` where the item tells it; elsewhere it
    is assumed: 10 % of class codes, 80 % of 16-bit numbers, 90 % of floats.

    Parameters
    ----------
    sensor : str
        Name.
    items : sequence of pystac.Item
        Its items, of one collection.
    box : odc.geo.geobox.GeoBox
        The grid of the map.
    passes : float
        How often the files are read, on average.
    names : sequence of str, optional
        What is read of each item; all that is known of it if not given.

    Returns
    -------
    Reading
        Sums over the items.
    """
    row = collection_of(str(items[0].collection_id))
    files, decoded, stored, samples = 0, 0.0, 0.0, 0.0
    for item in items:
        for name in row.names if names is None else names:
            key = asset_of(row, name, item.assets)
            if key is None:
                continue
            files += 1
            fields = item.assets[key].extra_fields
            share, area = _overlap(extent(item, key, box), box)
            size = _bytes_of_number(fields, row, name)
            inside = size * area / _pixel_area(fields, item.properties, box)
            decoded += inside
            told = fields.get("file:size")
            stored += float(told) * share if told else inside * STORED_SHARE[size]
            samples += area / (_metres(box) ** 2 * abs(box.resolution.x * box.resolution.y))
    return Reading(sensor, len(items), files, passes * decoded, passes * stored, samples)


def _overlap(bounds: tuple[float, float, float, float], box: GeoBox) -> tuple[float, float]:
    """Share of an asset that lies within the map, and that in square metres."""
    left, bottom, right, top = bounds
    edge = box.boundingbox
    width = max(0.0, min(right, edge.right) - max(left, edge.left))
    height = max(0.0, min(top, edge.top) - max(bottom, edge.bottom))
    whole = (right - left) * (top - bottom)
    return width * height / whole if whole > 0 else 0.0, width * height * _metres(box) ** 2


def _metres(box: GeoBox) -> float:
    """Metres of a unit of the grid, near enough to count bytes."""
    if box.crs is None or not box.crs.geographic:
        return 1.0
    edge = box.boundingbox
    return DEGREE * math.sqrt(math.cos(math.radians((edge.bottom + edge.top) / 2)))


def _pixel_area(fields: Mapping[str, Any], properties: Mapping[str, Any], box: GeoBox) -> float:
    """Square metres of a pixel of the file."""
    transform = fields.get("proj:transform") or properties.get("proj:transform")
    if transform:
        a, b, _, d, e, f = (float(number) for number in transform[:6])
        area = abs(a * e - b * d)
        if area < 1e-2:  # degrees
            return area * DEGREE**2 * math.cos(math.radians(min(abs(f), 89.0)))
        return area
    spacing = (
        _raster(fields).get("spatial_resolution")
        or fields.get("raster:spatial_resolution")
        or fields.get("gsd")
        or properties.get("gsd")
    )
    if spacing:
        return float(spacing) ** 2
    return float(abs(box.resolution.x * box.resolution.y)) * _metres(box) ** 2


def _raster(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """What STAC 1.0 or 1.1 says of the only band."""
    bands = fields.get("raster:bands") or fields.get("bands") or [{}]
    first: Mapping[str, Any] = bands[0]
    return first


def _bytes_of_number(fields: Mapping[str, Any], row: Collection, name: str) -> int:
    kind = _raster(fields).get("data_type") or fields.get("data_type")
    if kind is None:
        integer = row.quantity == "reflectance" or row.conversion.exponent != 1
        kind = row.quality_dtype if name == QUALITY else "uint16" if integer else "float32"
    return max(1, int("".join(filter(str.isdigit, str(kind))) or 16) // 8)
