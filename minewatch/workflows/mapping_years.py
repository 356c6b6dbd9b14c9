"""Which yearly mosaics a season calls for, and the earlier and later dates of a series."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from minewatch.sources.stac._arguments import interval

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pystac
    import xarray as xr

__all__ = ["days_of", "epochs", "mosaics_of", "year_of"]


def year_of(item: pystac.Item) -> int:
    """The year in which a mosaic begins.

    Parameters
    ----------
    item : pystac.Item
        With ``datetime`` or ``start_datetime``.

    Returns
    -------
    int
        The year.
    """
    return int(days_of(item)[:4])


def days_of(item: pystac.Item) -> str:
    """The day of an item, or the first and the last of a mosaic.

    Parameters
    ----------
    item : pystac.Item
        With ``datetime`` or ``start_datetime``.

    Returns
    -------
    str
        ``"2022-06-03"`` or ``"2021-01-01/2021-12-31"``.
    """
    facts = item.common_metadata
    moments = (facts.start_datetime or item.datetime, facts.end_datetime or item.datetime)
    return "/".join(dict.fromkeys(str(moment)[:10] for moment in moments if moment is not None))


def mosaics_of(
    items: Iterable[pystac.Item], datetime: str | None, *, before: bool
) -> list[pystac.Item]:
    """Mosaics of the latest year that is not after a season, else of the earliest after it.

    A year of which tiles are missing that others have is not taken.

    Parameters
    ----------
    items : iterable of pystac.Item
        Yearly mosaics of any year.
    datetime : str, optional
        The season, as STAC writes it; without it the latest year is taken.
    before : bool
        Whether the next earlier year is wanted too, to compare with.

    Returns
    -------
    list of pystac.Item
        The earlier year first.

    Examples
    --------
    >>> import datetime as dt
    >>> import pystac
    >>> mosaics = [
    ...     pystac.Item(str(year), None, None, dt.datetime(year, 1, 1, tzinfo=dt.UTC), {})
    ...     for year in (2019, 2020, 2021)
    ... ]
    >>> [item.id for item in mosaics_of(mosaics, "2020-04/2020-10", before=True)]
    ['2019', '2020']
    """
    by_year = sorted(items, key=lambda item: (days_of(item), item.id))
    tiles = Counter(map(year_of, by_year))
    years = sorted(year for year, count in tiles.items() if count == max(tiles.values()))
    if not years:
        return []
    ends = interval(datetime)
    last = None if ends is None else ends[1]
    past = [year for year in years if last is None or year <= last.year]
    chosen = past[-1] if past else years[0]
    wanted = {chosen, *([year for year in years if year < chosen][-1:] if before else [])}
    return [item for item in by_year if year_of(item) in wanted]


def epochs(cube: xr.Dataset, sensor: str) -> list[xr.Dataset]:
    """The earlier and the later half of a series; of yearly mosaics the first and last year.

    Parameters
    ----------
    cube : xarray.Dataset
        Dims (time, y, x).
    sensor : str
        ``"palsar"`` has yearly mosaics.

    Returns
    -------
    list of xarray.Dataset
        Two, with their first and last day in ``attrs["period"]``; none where there is one date.
    """
    if sensor == "palsar":
        years = cube["time"].dt.year.to_numpy()
        first, last = years == years.min(), years == years.max()
    else:
        place = np.arange(cube.sizes["time"])
        first, last = place < place.size // 2, place >= place.size // 2
    if (first & last).any() or not first.any():
        return []
    return [_over(cube, cube.isel(time=np.flatnonzero(part))) for part in (first, last)]


def _over(cube: xr.Dataset, part: xr.Dataset) -> xr.Dataset:
    ends = [str(part["time"].to_numpy()[at])[:10] for at in (0, -1)]
    return part.assign_attrs(cube.attrs, period="/".join(ends))
