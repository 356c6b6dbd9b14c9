"""Pairs of a season: those whose second acquisition falls into some months."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.insar.identity import label_values

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["calendar_months", "in_months", "month_numbers"]

Pairs = TypeVar("Pairs", xr.DataArray, xr.Dataset)


def in_months(pairs: Pairs, months: Iterable[int]) -> Pairs:
    """Pairs of a season, by the month of their second acquisition.

    Snow, frozen ground and wet leaves cost coherence that no mine has taken: Kavats et al. (2025)
    leave the winter out. A pair counts by its later date, as it is labelled; one that spans the
    winter and ends in May is of May, unless a longest temporal baseline has left it out before.

    Parameters
    ----------
    pairs : xarray.DataArray or xarray.Dataset
        Anything along ``pair`` with ``secondary_time``: coherence, NDAI, a pair table, a ledger.
    months : iterable of int
        Months to keep, 1 to 12, e.g. ``range(5, 10)`` for May to September.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The pairs of these months in their order and with their numbers, lazy if the input is;
        ``months`` is added to its attributes.

    Raises
    ------
    ValueError
        If a month is none, there is no ``secondary_time``, or no pair is left.

    See Also
    --------
    select_pairs : ``months=`` before any image is read.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> dates = pd.to_datetime(["2022-04-25", "2022-05-07", "2022-05-19"])
    >>> coherence = xr.DataArray(
    ...     np.zeros((3, 1, 1)), dims=("pair", "y", "x"), coords={"secondary_time": ("pair", dates)}
    ... )
    >>> in_months(coherence, range(5, 10)).secondary_time.dt.day.values
    array([ 7, 19])
    """
    wanted = month_numbers(months, by="in_months")
    if "secondary_time" not in pairs.coords:
        message = (
            "in_months goes by the second acquisition, and there is no coordinate secondary_time; "
            "use .assign_coords(secondary_time=('pair', dates))"
        )
        raise ValueError(message)
    month = calendar_months(label_values(pairs.coords["secondary_time"]))
    here = np.flatnonzero(np.isin(month, wanted))
    if not len(here):
        message = (
            f"in_months finds no pair that ends in months={wanted}; the {len(month)} pairs end in "
            f"months {sorted(set(month.tolist()))}; use some of these"
        )
        raise ValueError(message)
    return pairs.isel(pair=here).assign_attrs(months=wanted)


def month_numbers(months: Iterable[int], *, by: str) -> list[int]:
    """Months as a sorted list without repetition.

    Parameters
    ----------
    months : iterable of int
        1 to 12.
    by : str
        The function that asks, for the message.

    Returns
    -------
    list of int
        The same months.

    Raises
    ------
    ValueError
        If there is none, or one is no month.

    Examples
    --------
    >>> month_numbers((9, 5, 9), by="in_months")
    [5, 9]
    """
    given = list(months)
    if not given or any(month not in range(1, 13) for month in given):
        message = f"{by} needs months of 1 to 12, got {given}; range(5, 10) keeps May to September"
        raise ValueError(message)
    return sorted({int(month) for month in given})


def calendar_months(times: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """The month of each time, 1 to 12; 0 where it is unknown.

    Parameters
    ----------
    times : numpy.ndarray
        datetime64.

    Returns
    -------
    numpy.ndarray
        Month numbers.

    Examples
    --------
    >>> calendar_months(np.array(["2022-05-07", "NaT"], "datetime64[ns]"))
    array([5, 0])
    """
    month = pd.DatetimeIndex(times).month.to_numpy("float64")
    return np.asarray(np.nan_to_num(month), "int64")
