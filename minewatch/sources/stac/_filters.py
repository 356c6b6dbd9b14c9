"""The conditions of a STAC search, judged here where no server judges them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
import shapely.geometry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pystac

__all__ = ["box_of", "Conditions", "observed", "utc"]


@dataclass(frozen=True)
class Conditions:
    """What a search asks for, in one normal form; None asks for nothing.

    Parameters
    ----------
    collections, ids : tuple of str, optional
        Allowed collection and item identifiers.
    area : shapely geometry, optional
        In longitude and latitude; an item must touch it.
    period : (Timestamp or None, Timestamp or None), optional
        First and last moment, UTC; None is open.
    filter : mapping, optional
        CQL2-JSON.
    """

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    area: Any = None
    period: tuple[pd.Timestamp | None, pd.Timestamp | None] | None = None
    filter: Mapping[str, Any] | None = None

    def tests(self) -> dict[str, Callable[[pystac.Item], bool]]:
        """What each condition is called and how one item is judged by it."""
        tests: dict[str, Callable[[pystac.Item], bool]] = {}
        if self.collections is not None:
            names = set(self.collections)
            tests[f"collections={list(self.collections)}"] = lambda item: (
                item.collection_id in names
            )
        if self.ids is not None:
            ids = set(self.ids)
            tests[f"ids={list(self.ids)}"] = lambda item: item.id in ids
        if self.area is not None:
            area = self.area
            tests[f"area={shapely.to_wkt(area, rounding_precision=4)}"] = lambda item: _touches(
                item, area
            )
        if self.period is not None:
            start, end = self.period
            label = f"datetime={start if start is not None else '..'}/" + (
                f"{end}" if end is not None else ".."
            )
            tests[label] = lambda item: _within(item, start, end)
        if self.filter is not None:
            import cql2

            expr: Any = cql2.Expr(dict(self.filter))
            tests[f"filter={expr.to_text()}"] = lambda item: _matches(item, expr)
        return tests


def utc(value: Any) -> pd.Timestamp:
    """A moment in UTC, without its zone.

    Parameters
    ----------
    value : str, datetime or Timestamp
        Without a zone it is UTC already.

    Returns
    -------
    pandas.Timestamp
        Naive.

    Raises
    ------
    ValueError
        If it is no moment.
    """
    stamp = pd.Timestamp(value)
    if str(stamp) == "NaT":
        message = "not a time"
        raise ValueError(message)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo is not None else stamp


def observed(item: pystac.Item) -> tuple[np.datetime64, np.datetime64]:
    """When an item was observed: first and last moment, UTC.

    Parameters
    ----------
    item : pystac.Item
        With ``datetime``, or with ``start_datetime`` and ``end_datetime`` (annual mosaics).

    Returns
    -------
    (numpy.datetime64, numpy.datetime64)
        The same twice where one moment is given.

    Raises
    ------
    ValueError
        If the item says neither.
    """
    common = item.common_metadata
    start = common.start_datetime or item.datetime
    end = common.end_datetime or item.datetime or start
    if start is None or end is None:
        message = f"item {item.id!r} has no datetime and no start_datetime; it cannot be ordered"
        raise ValueError(message)
    return utc(start).to_datetime64(), utc(end).to_datetime64()


def _touches(item: pystac.Item, area: Any) -> bool:
    if item.geometry is not None:
        return bool(shapely.geometry.shape(item.geometry).intersects(area))
    return item.bbox is not None and bool(box_of(item.bbox).intersects(area))


def box_of(bbox: Sequence[float]) -> Any:
    """A STAC bbox as a geometry.

    Parameters
    ----------
    bbox : sequence of float
        Of 2 or 3 dimensions; west > east crosses the antimeridian.

    Returns
    -------
    shapely geometry
        One box or two.
    """
    west, south, east, north = bbox if len(bbox) == 4 else (*bbox[:2], *bbox[3:5])
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union_all(
        [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    )


def _within(item: pystac.Item, start: pd.Timestamp | None, end: pd.Timestamp | None) -> bool:
    first, last = observed(item)
    begun = end is None or bool(first <= end.to_datetime64())
    return begun and (start is None or bool(last >= start.to_datetime64()))


def _matches(item: pystac.Item, expr: Any) -> bool:
    try:
        return bool(expr.matches(item.to_dict(include_self_link=False, transform_hrefs=False)))
    except Exception as error:
        # cql2 raises where a property is missing; as in SQL, unknown is no match.
        if "reduce expression" not in str(error):
            raise
        return False
