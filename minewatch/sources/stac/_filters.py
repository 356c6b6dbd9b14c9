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
    max_cloud_cover : float, optional
        Largest ``eo:cloud_cover`` in percent; an item that does not say it passes.
    """

    collections: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    area: Any = None
    period: tuple[pd.Timestamp | None, pd.Timestamp | None] | None = None
    filter: Mapping[str, Any] | None = None
    max_cloud_cover: float | None = None

    @property
    def expression(self) -> dict[str, Any] | None:
        """Filter and cloud limit as one expression, CQL2-JSON."""
        parts = [part for part in (self.filter, _clear(self.max_cloud_cover)) if part is not None]
        if len(parts) < 2:
            return dict(parts[0]) if parts else None
        return {"op": "and", "args": parts}

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
            tests[_place(area)] = lambda item: _touches(item, area)
        if self.period is not None:
            start, end = self.period
            label = f"datetime={_told(start)}/{_told(end)}"
            tests[label] = lambda item: _within(item, start, end)
        if self.filter is not None:
            tests[f"filter={_expr(self.filter).to_text()}"] = _matching(self.filter)
        cloudless = _clear(self.max_cloud_cover)
        if cloudless is not None:
            tests[f"max_cloud_cover={self.max_cloud_cover:g}"] = _matching(cloudless)
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


def _place(area: Any) -> str:
    """The area as it is asked for: a box by its edges, west > east across the antimeridian."""
    parts = list(getattr(area, "geoms", [area]))
    if not all(part.equals(part.envelope) for part in parts):
        edges = ", ".join(f"{edge:.6g}" for edge in area.bounds)
        return f"intersects={area.geom_type} within ({edges})"
    west, south, east, north = area.bounds
    if len(parts) == 2 and (west, east) == (-180, 180):
        west, east = max(p.bounds[0] for p in parts), min(p.bounds[2] for p in parts)
    return f"bbox=({west:.6g}, {south:.6g}, {east:.6g}, {north:.6g})"


def _told(moment: pd.Timestamp | None) -> str:
    """A moment as a person writes it: the day alone where it begins or ends there."""
    if moment is None:
        return ".."
    day = moment.normalize()
    whole = moment in (day, day + pd.Timedelta(days=1) - pd.Timedelta(1, "ns"))
    return f"{moment:%Y-%m-%d}" if whole else f"{moment:%Y-%m-%dT%H:%M:%S}"


def _clear(max_cloud_cover: float | None) -> dict[str, Any] | None:
    """The cloud limit, CQL2-JSON."""
    if max_cloud_cover is None:
        return None
    cover = {"property": "eo:cloud_cover"}
    clear = {"op": "<=", "args": [cover, float(max_cloud_cover)]}
    return {"op": "or", "args": [{"op": "isNull", "args": [cover]}, clear]}


def _expr(filter: Mapping[str, Any]) -> Any:
    import cql2

    return cql2.Expr(dict(filter))


def _matching(filter: Mapping[str, Any]) -> Callable[[pystac.Item], bool]:
    expr = _expr(filter)
    return lambda item: _matches(item, expr)


def _matches(item: pystac.Item, expr: Any) -> bool:
    try:
        return bool(expr.matches(item.to_dict(include_self_link=False, transform_hrefs=False)))
    except Exception as error:
        # cql2 raises where a property is missing; as in SQL, unknown is no match.
        if "reduce expression" not in str(error):
            raise
        return False
