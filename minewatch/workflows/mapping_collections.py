"""Which collections become covariates, and which of two that hold the same images is taken."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from minewatch.workflows.mapping_years import days_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pystac

__all__ = ["ELEVATION", "MOSAIC", "SENSORS", "without_copies"]

ELEVATION = "cop-dem-glo-30"
"""Collection of heights; it has one date, which no season need hold."""

MOSAIC = "alos-palsar-mosaic"
"""Collection of yearly mosaics; a season takes that of its own year, or the nearest there is."""

SENSORS = {
    "sentinel-2-l2a": "sentinel2",
    "sentinel-2-c1-l2a": "sentinel2",
    "landsat-c2-l2": "landsat8",
    "sentinel-1-rtc": "sentinel1",
    MOSAIC: "palsar",
}
"""Collections that become covariates → the argument of :func:`minewatch.features.feature_stack`."""

COPIES = ("sentinel-2-c1-l2a", "sentinel-2-l2a")
"""Collections of the same images: ESA's Collection 1, of one processing, and as they came."""


def without_copies(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """Items without those of a collection whose images another holds too.

    Earth Search has Sentinel-2 twice, and either archive lacks scenes of the other. The one with
    more scenes (tiles and days) there is taken whole; of two with as many Collection 1, all of
    which went through one processing.

    Parameters
    ----------
    items : iterable of pystac.Item
        What a search found.

    Returns
    -------
    list of pystac.Item
        The others as they are, in their order.

    Examples
    --------
    >>> import datetime as dt
    >>> import pystac
    >>> when = dt.datetime(2025, 7, 31, tzinfo=dt.UTC)
    >>> items = [pystac.Item(name, None, None, when, {}, collection=name) for name in COPIES]
    >>> [item.id for item in without_copies(items)]
    ['sentinel-2-c1-l2a']
    """
    found = list(items)
    scenes = {
        (item.collection_id, days_of(item), _tile(item))
        for item in found
        if item.collection_id in COPIES
    }
    count = Counter(collection for collection, _, _ in scenes)
    chosen = max(COPIES, key=lambda name: count[name])
    left = {name for name in COPIES if name != chosen}
    return [item for item in found if item.collection_id not in left]


def _tile(item: pystac.Item) -> str:
    """The square of Sentinel-2's tiling, e.g. 20EPT, as either kind of catalogue tells it."""
    text = item.properties.get("grid:code") or item.properties.get("s2:mgrs_tile") or ""
    return str(text).removeprefix("MGRS-")
