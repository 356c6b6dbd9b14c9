"""The arguments of a search, brought into one normal form or refused."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
import shapely.geometry

from minewatch.grids import geobox_of
from minewatch.sources.stac._filters import Conditions, box_of, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["area_of", "conditions", "expression", "interval"]

OPEN = {"", ".."}


def conditions(
    *,
    collections: str | Iterable[str] | None = None,
    bbox: Any = None,
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
        filter=expression(filter),
        max_cloud_cover=None if max_cloud_cover is None else float(max_cloud_cover),
    )


def _names(names: str | Iterable[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def area_of(bbox: Any, intersects: Any) -> Any:
    """The area asked for, as a geometry in longitude and latitude.

    Parameters
    ----------
    bbox : sequence of float, GeoBox or layer, optional
        West, south, east, north in degrees; west > east crosses the antimeridian. Of a grid its
        outline.
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
    if not isinstance(bbox, list | tuple | np.ndarray):
        from pyproj import Transformer

        grid = geobox_of(bbox, by="search")
        to_degrees = Transformer.from_crs(str(grid.crs), 4326, always_xy=True)
        bbox = to_degrees.transform_bounds(*grid.boundingbox)
    box = tuple(float(edge) for edge in bbox)
    if (
        len(box) != 4
        or not np.isfinite(box).all()
        or box[1] >= box[3]
        or max(abs(box[0]), abs(box[2])) > 180
        or max(abs(box[1]), abs(box[3])) > 90
    ):
        message = (
            f"bbox={tuple(bbox)} is no (west, south, east, north) in degrees; to search a "
            "projected grid, pass the grid itself: bbox=minewatch.grids.geobox(...)"
        )
        raise ValueError(message)
    return box_of(box)


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
    if isinstance(value, int | float):
        message = "a number is no date"
        raise TypeError(message)
    return utc(value)


def expression(filter: str | Mapping[str, Any] | None) -> dict[str, Any] | None:
    """A CQL2 filter as CQL2-JSON.

    Parameters
    ----------
    filter : str or mapping, optional
        CQL2 text or CQL2-JSON.

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
    >>> expression("platform = 'sentinel-2a'")
    {'op': '=', 'args': [{'property': 'platform'}, 'sentinel-2a']}
    """
    if filter is None:
        return None
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
    found: dict[str, Any] = expr.to_json()
    return found
