"""Pairs by their dates: what lies between two days."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.insar.identity import label_values

__all__ = ["pairs_between"]


@overload
def pairs_between(pairs: xr.DataArray, start: Any, end: Any) -> xr.DataArray: ...
@overload
def pairs_between(pairs: xr.Dataset, start: Any, end: Any) -> xr.Dataset: ...
def pairs_between(pairs: xr.DataArray | xr.Dataset, start: Any, end: Any) -> Any:
    """The pairs of which *both* acquisitions lie between two dates.

    What changed between two elevation models shows in these pairs, and in no other.

    Parameters
    ----------
    pairs : xarray.DataArray or xarray.Dataset
        Coherence, a ledger or a pair table, with ``reference_time`` and ``secondary_time``.
    start, end : str, datetime or numpy.datetime64
        First and last day, both included, e.g. ``"2022-06-06"``.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The same with fewer pairs, lazy if it was.

    Raises
    ------
    ValueError
        If there are no dates, `end` is before `start`, or no pair lies between them.

    See Also
    --------
    minewatch.insar.in_months : pairs of a season.
    compare_elevation : what this is for.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> dates = pd.date_range("2022-06-01", periods=4, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> pairs_between(xr.Dataset(coords=coords), "2022-06-10", "2022-07-07").sizes["pair"]
    2
    """
    for name in ("reference_time", "secondary_time"):
        if name not in pairs.coords:
            message = (
                f"pairs_between needs the dates of pairs, and there is no coordinate {name}; it "
                "comes with insar.select_pairs and insar.coherence"
            )
            raise ValueError(message)
    first, last = (pd.Timestamp(day).tz_localize(None).normalize() for day in (start, end))
    if last < first:
        message = f"pairs_between got end {last:%Y-%m-%d} before start {first:%Y-%m-%d}; swap them"
        raise ValueError(message)
    days = np.stack(
        [
            pd.DatetimeIndex(label_values(pairs.coords[name])).normalize().to_numpy()
            for name in ("reference_time", "secondary_time")
        ]
    )
    between = (days.min(0) >= first.to_datetime64()) & (days.max(0) <= last.to_datetime64())
    if not between.any():
        known = np.datetime_as_string(np.array([days.min(), days.max()]), unit="D")
        message = (
            f"no pair has both acquisitions between {first:%Y-%m-%d} and {last:%Y-%m-%d}: the "
            f"{days.shape[1]} pairs reach from {known[0]} to {known[1]}; widen the two dates"
        )
        raise ValueError(message)
    return pairs.isel(pair=np.flatnonzero(between))
