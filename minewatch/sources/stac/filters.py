"""The conditions of a STAC search, judged here where no server judges them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
import shapely.geometry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import pystac

__all__ = ["area_of", "Conditions", "conditions", "expression", "interval", "observed"]

OPEN = {"", ".."}


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

            expr = cql2.Expr(dict(self.filter))
            tests[f"filter={expr.to_text()}"] = lambda item: _matches(item, expr)
        return tests


def conditions(
    *,
    collections: str | Iterable[str] | None = None,
    bbox: Sequence[float] | None = None,
    intersects: Any = None,
    datetime: Any = None,
    ids: str | Iterable[str] | None = None,
    filter: str | Mapping[str, Any] | None = None,
    max_cloud_cover: float | None = None,
) -> Conditions:
    """Bring the arguments of a search into one normal form, or say what is wrong with them.

    Parameters
    ----------
    collections, bbox, intersects, datetime, ids, filter, max_cloud_cover
        See :func:`minewatch.sources.search`.

    Returns
    -------
    Conditions
        The same, normalised.

    Raises
    ------
    ValueError
        If an argument cannot be read, or both `bbox` and `intersects` are given.

    Examples
    --------
    >>> asked = conditions(collections="sentinel-1-rtc", datetime="2023-01/..")
    >>> asked.collections, asked.period
    (('sentinel-1-rtc',), (Timestamp('2023-01-01 00:00:00'), None))
    """
    if bbox is not None and intersects is not None:
        message = "search takes bbox or intersects, got both; leave one out"
        raise ValueError(message)
    return Conditions(
        collections=_names(collections),
        ids=_names(ids),
        area=area_of(bbox, intersects),
        period=interval(datetime),
        filter=expression(filter, max_cloud_cover=max_cloud_cover),
    )


def _names(names: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def area_of(bbox: Sequence[float] | None, intersects: Any) -> Any:
    """The area asked for, as a geometry in longitude and latitude.

    Parameters
    ----------
    bbox : sequence of float, optional
        West, south, east, north in degrees; west > east crosses the antimeridian.
    intersects : geometry, optional
        GeoJSON mapping, shapely geometry, or anything with ``__geo_interface__``.

    Returns
    -------
    shapely geometry or None
        None if neither is given.

    Raises
    ------
    ValueError
        If `bbox` is no box in degrees.

    Examples
    --------
    >>> area_of([170, -20, -170, -10], None).bounds
    (-180.0, -20.0, 180.0, -10.0)
    """
    if intersects is not None:
        mapping = intersects if isinstance(intersects, dict) else intersects.__geo_interface__
        if mapping.get("type") == "Feature":
            mapping = mapping["geometry"]
        if mapping.get("type") == "FeatureCollection":
            shapes = [shapely.geometry.shape(part["geometry"]) for part in mapping["features"]]
            return shapely.union_all(shapes)
        return shapely.geometry.shape(mapping)
    if bbox is None:
        return None
    box = tuple(float(edge) for edge in bbox)
    if len(box) == 6:
        box = (box[0], box[1], box[3], box[4])
    if (
        len(box) != 4
        or box[1] >= box[3]
        or max(abs(box[0]), abs(box[2])) > 180
        or max(abs(box[1]), abs(box[3])) > 90
    ):
        message = (
            f"bbox={tuple(bbox)} is no (west, south, east, north) in degrees; for a projected "
            "grid use its footprint: geobox.geographic_extent.boundingbox"
        )
        raise ValueError(message)
    west, south, east, north = box
    if west <= east:
        return shapely.box(west, south, east, north)
    return shapely.union_all(
        [shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)]
    )


def interval(
    datetime: Any,
) -> tuple[pd.Timestamp | None, pd.Timestamp | None] | None:
    """First and last moment of a STAC datetime; a bare year, month or day is all of it.

    Parameters
    ----------
    datetime : str, date, or a pair of them, optional
        ``"2023"``, ``"2023-01/2023-03"``, ``"../2023-01-31"``, ``(start, None)``.

    Returns
    -------
    (Timestamp or None, Timestamp or None) or None
        UTC without a zone; None where open.

    Raises
    ------
    ValueError
        If it cannot be read, or ends before it begins.

    Examples
    --------
    >>> interval("2023-02")
    (Timestamp('2023-02-01 00:00:00'), Timestamp('2023-02-28 23:59:59.999999999'))
    """
    if datetime is None:
        return None
    if isinstance(datetime, str):
        ends: list[Any] = datetime.split("/")
    elif isinstance(datetime, list | tuple):
        ends = list(datetime)
    else:
        ends = [datetime]
    try:
        if len(ends) == 1:
            first = last = ends[0]
        else:
            first, last = ends
        start, end = _moment(first, 0), _moment(last, 1)
    except (ValueError, TypeError) as error:
        message = (
            f"datetime={datetime!r} is no STAC datetime ({error}); use '2023-01-01/2023-12-31', "
            "'2023-06', '2023-06/..' or a pair of dates"
        )
        raise ValueError(message) from None
    if start is not None and end is not None and end < start:
        message = f"datetime={datetime!r} ends before it begins; swap the two"
        raise ValueError(message)
    return start, end


def _moment(value: Any, end: int) -> pd.Timestamp | None:
    """Start (0) or end (1) of what a date names; None where open."""
    if value is None or (isinstance(value, str) and value.strip() in OPEN):
        return None
    bare = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    if bare or (isinstance(value, str) and "T" not in value.upper() and ":" not in value):
        period = pd.Period(str(value))
        return period.end_time if end else period.start_time
    return _utc(value)


def _utc(value: Any) -> pd.Timestamp:
    stamp = pd.Timestamp(value)
    if stamp is pd.NaT:
        message = "not a time"
        raise ValueError(message)
    return stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo is not None else stamp


def expression(
    filter: str | Mapping[str, Any] | None, *, max_cloud_cover: float | None = None
) -> dict[str, Any] | None:
    """A CQL2 filter as CQL2-JSON, with the cloud limit added.

    Parameters
    ----------
    filter : str or mapping, optional
        CQL2 text or CQL2-JSON.
    max_cloud_cover : float, optional
        Largest ``eo:cloud_cover`` in percent.

    Returns
    -------
    dict or None
        CQL2-JSON.

    Raises
    ------
    ValueError
        If the filter is no CQL2.

    Examples
    --------
    >>> expression(None, max_cloud_cover=40)
    {'op': '<=', 'args': [{'property': 'eo:cloud_cover'}, 40.0]}
    """
    parts: list[dict[str, Any]] = []
    if filter is not None:
        import cql2

        try:
            expr = cql2.Expr(filter if isinstance(filter, str) else dict(filter))
            expr.validate()
        except Exception as error:
            message = (
                f"filter={filter!r} is no CQL2 ({str(error).strip()}); "
                "write e.g. \"eo:cloud_cover < 40 AND platform = 'sentinel-2a'\""
            )
            raise ValueError(message) from None
        parts.append(expr.to_json())
    if max_cloud_cover is not None:
        clouds = {"op": "<=", "args": [{"property": "eo:cloud_cover"}, float(max_cloud_cover)]}
        parts.append(clouds)
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else {"op": "and", "args": parts}


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
    return _utc(start).to_datetime64(), _utc(end).to_datetime64()


def _touches(item: pystac.Item, area: Any) -> bool:
    if item.geometry is not None:
        return bool(shapely.geometry.shape(item.geometry).intersects(area))
    return item.bbox is not None and bool(area_of(item.bbox, None).intersects(area))


def _within(item: pystac.Item, start: pd.Timestamp | None, end: pd.Timestamp | None) -> bool:
    first, last = observed(item)
    return (start is None or last >= start.to_datetime64()) and (
        end is None or first <= end.to_datetime64()
    )


def _matches(item: pystac.Item, expr: Any) -> bool:
    try:
        return bool(expr.matches(item.to_dict(include_self_link=False, transform_hrefs=False)))
    except Exception as error:
        # cql2 raises where a property is missing; as in SQL, unknown is no match.
        if "reduce expression" not in str(error):
            raise
        return False
