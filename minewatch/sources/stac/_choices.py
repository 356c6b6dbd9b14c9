"""What a cube is made of: which items, row, variables, grid, resampling and addresses.

Each argument of :func:`minewatch.sources.load` is brought into the form that the rest works with,
or refused.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from minewatch.grids import geobox_of
from minewatch.sources.collections import (
    QUALITY,
    Collection,
    asset_of,
    collection_of,
    conversion,
)
from minewatch.sources.stac._addresses import is_remote, refuse_local_assets, require_plain
from minewatch.sources.stac._contents import as_items
from minewatch.sources.stac._filters import observed
from minewatch.sources.stac._stacking import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

__all__ = [
    "method_of",
    "north_up",
    "ordered",
    "row_of",
    "signer_of",
    "sources_of",
    "variables_of",
]

RADAR_METHODS = ("rms", "average", "bilinear", "nearest")
"""Resamplings that products in radar geometry can have."""


def ordered(items: Iterable[pystac.Item | dict[str, Any]]) -> list[pystac.Item]:
    """The items by time, each checked and with absolute addresses."""
    import pystac

    if isinstance(items, pystac.Item | dict):
        items = [items]
    pieces = as_items(items)
    if not pieces:
        message = "load got no items; see minewatch.sources.search"
        raise ValueError(message)
    repeated = [name for name, n in Counter(item.id for item in pieces).items() if n > 1]
    if repeated:
        message = f"load got items twice: {repeated[:5]}; pass each once"
        raise ValueError(message)
    for item in pieces:
        origin = item.get_self_href()
        if origin is not None and is_remote(origin):
            refuse_local_assets([item], origin)
    return sorted(pieces, key=lambda item: (observed(item)[0], item.id))


def row_of(pieces: Sequence[pystac.Item], collection: str | Collection | None) -> Collection:
    """The one collection that all items are of."""
    if isinstance(collection, Collection):
        return collection
    if collection is not None:
        return collection_of(collection)
    named = sorted({str(item.collection_id) for item in pieces})
    if named == ["None"]:
        message = "the items do not say their collection; say it: load(..., collection='...')"
        raise ValueError(message)
    rows = {collection_of(name).id for name in named}
    if len(rows) > 1:
        message = (
            f"load stacks one collection, got items of {named}; load each by itself on the same "
            "grid: load([i for i in items if i.collection_id == '...'], like=grid)"
        )
        raise ValueError(message)
    return collection_of(named[0])


def variables_of(
    pieces: Sequence[pystac.Item], row: Collection, variables: Iterable[str] | None
) -> list[str]:
    """The variables to load; each must be an asset of some item."""
    have = [
        name
        for name in row.names
        if any(asset_of(row, name, item.assets) is not None for item in pieces)
    ]
    if variables is None:
        names = have
    else:
        names = [variables] if isinstance(variables, str) else list(dict.fromkeys(variables))
    lacking = [name for name in names if name not in have]
    if lacking or not names:
        assets = sorted({name for item in pieces for name in item.assets})
        message = (
            f"no item of {row.id!r} has {lacking or list(row.names)}; the items have the "
            f"variables {have} (assets {assets})"
        )
        raise KeyError(message)
    return names


def north_up(like: Any) -> GeoBox:
    """The grid asked for, which stackstac must be able to draw."""
    grid = geobox_of(like, by="load")
    t = grid.transform
    if not (t.b == 0 == t.d and t.a > 0 > t.e) or grid.crs is None or grid.crs.to_epsg() is None:
        message = (
            f"load needs a north-up grid in a CRS with an EPSG code, got {grid.crs} with "
            f"transform {tuple(t)[:6]}; use minewatch.grids.geobox(bounds, crs='EPSG:...')"
        )
        raise ValueError(message)
    return grid


def method_of(resampling: str | Mapping[str, str] | None, name: str, row: Collection) -> str:
    """How a variable is brought to the grid; codes and bits, which have no mean, by the nearest."""
    from rasterio.enums import Resampling

    one_for_each = not (isinstance(resampling, str) or resampling is None)
    if one_for_each and (strange := sorted(set(resampling) - set(row.names))):  # type: ignore[arg-type]
        message = f"resampling names {strange}; {row.id!r} has the variables {list(row.names)}"
        raise KeyError(message)
    default = "nearest" if row.coded(name) else row.resampling
    if isinstance(resampling, str):
        # Said of all variables, it is meant for those that it can be done to.
        method = default if name == QUALITY else resampling
    else:
        method = (resampling or {}).get(name, default)
    if row.coded(name) and method != "nearest":
        message = (
            f"resampling={method!r} of {name!r} would mix codes, which have no mean; leave it "
            "out, or use 'nearest'"
        )
        raise ValueError(message)
    if row.calibration and method not in RADAR_METHODS:
        message = (
            f"resampling={method!r} of {name!r} cannot be done from radar geometry; use one of "
            f"{', '.join(RADAR_METHODS)}"
        )
        raise ValueError(message)
    if method not in Resampling.__members__:
        known = ", ".join(Resampling.__members__)
        message = f"resampling={method!r} of {name!r} is none that GDAL knows; use one of {known}"
        raise ValueError(message)
    return method


def signer_of(sign: str | Callable[[str], str] | None) -> Callable[[str], str] | None:
    """What signs an address when it is opened; None where nothing does."""
    if sign is None or callable(sign):
        return sign
    if sign != "planetary-computer":
        message = f"sign={sign!r} is unknown; use 'planetary-computer', a callable or None"
        raise ValueError(message)
    try:
        import planetary_computer
    except ImportError as error:
        message = "sign='planetary-computer' needs pip install 'minewatch[pc]'"
        raise ImportError(message) from error
    signer: Callable[[str], str] = planetary_computer.sign_url
    return signer


def sources_of(
    pieces: Sequence[pystac.Item],
    row: Collection,
    name: str,
    method: str,
    sign: Callable[[str], str] | None,
    missing: str,
) -> list[Source | None]:
    """Where each item keeps a variable; None where it lacks it."""
    found: list[Source | None] = []
    for item in pieces:
        asset = asset_of(row, name, item.assets)
        if asset is None:
            found.append(None)
            continue
        numbers = None
        if not row.coded(name):
            numbers = conversion(row, item.properties, item=item.id)
            if (unknown := _stated_nodata(item.assets[asset])) is not None:
                numbers = dataclasses.replace(numbers, nodata=unknown)
        href, table = _address(item, asset), ""
        if row.calibration:
            annotation = row.calibration.format(name)
            if annotation not in item.assets:
                message = (
                    f"item {item.id!r} has no asset {annotation!r}, without which {name!r} is no "
                    "sigma nought; leave the variable or the item out"
                )
                raise KeyError(message)
            table = _address(item, annotation)
        found.append(Source(href, item.id, asset, numbers, method, sign, missing, table))
    return found


def _stated_nodata(asset: pystac.Asset) -> float | None:
    """The number that means unknown, where an item says it: one archive of RTC has another."""
    bands = asset.extra_fields.get("raster:bands") or [{}]
    stated = bands[0].get("nodata")
    return stated if isinstance(stated, int | float) else None


def _address(item: pystac.Item, asset: str) -> str:
    href = str(item.assets[asset].get_absolute_href() or item.assets[asset].href)
    return require_plain(href, item=item.id, asset=asset)
