"""How much ground and how many days a run is asked for, without a look at any image."""

from __future__ import annotations

import calendar
import datetime
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["METRES", "days_of", "square_of", "unit_of"]

METRES = 111_320.0
"""Of a degree of latitude."""

YEAR = 365.0
"""Days, where no season is set."""


def square_of(bounds: Iterable[float]) -> float:
    """Square metres of a rectangle in degrees.

    Parameters
    ----------
    bounds : (float, float, float, float)
        West, south, east, north.

    Returns
    -------
    float
        Of a sphere, as wide all over as in the middle.

    Raises
    ------
    ValueError
        If it is no rectangle, or lies across the antimeridian, where no run can be.

    Examples
    --------
    >>> round(square_of((30.0, -0.05, 30.1, 0.05)) / 1e6)
    124
    """
    west, south, east, north = bounds
    if not (west < east and south < north):
        message = f"bounds {west:g} {south:g} {east:g} {north:g} are none; give west < east"
        raise ValueError(message)
    narrow = math.cos(math.radians((south + north) / 2))
    return (east - west) * (north - south) * METRES**2 * narrow


def unit_of(crs: str | None) -> float:
    """Metres of a unit of a CRS.

    Parameters
    ----------
    crs : str or None
        Of a map; UTM without it.

    Returns
    -------
    float
        Of degrees those of latitude, else 1.

    Examples
    --------
    >>> unit_of(None), unit_of("EPSG:4326")
    (1.0, 111320.0)
    """
    if crs is None:
        return 1.0
    from pyproj import CRS

    return METRES if CRS(crs).is_geographic else 1.0


def days_of(season: str | None) -> float:
    """Days of a season as a catalogue takes it.

    Parameters
    ----------
    season : str or None
        A day, month or year, or two of them with a slash between.

    Returns
    -------
    float
        A year where an end is open.

    Examples
    --------
    >>> days_of("2022-04-01/2022-04-30"), days_of("2022-04"), days_of("2023/2024"), days_of(None)
    (30.0, 30.0, 731.0, 365.0)
    """
    begin, slash, end = (season or "").partition("/")
    try:
        return float((_last_day(end if slash else begin) - _first_day(begin)).days + 1)
    except ValueError:
        return YEAR


def _first_day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(f"{text}-01-01"[:10])


def _last_day(text: str) -> datetime.date:
    first = _first_day(text)
    if len(text) == len("2022"):
        return first.replace(month=12, day=31)
    if len(text) == len("2022-04"):
        return first.replace(day=calendar.monthrange(first.year, first.month)[1])
    return first
