"""What a pair is: its two dates, whatever its number.

Layers of pairs are lined up by their dates alone, so that a sorted, a thinned and a stored stack
mean the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["acquisition_times", "label_values", "match_pairs", "slc_positions"]


def label_values(coordinate: xr.DataArray) -> npt.NDArray[Any]:
    """The numbers of a small coordinate, e.g. the times of its pairs, even where they are lazy.

    ``.chunk()`` and Zarr make lazy arrays of such labels too, and a graph cannot be laid out
    without knowing them. They are read where this runs; pixels are never touched.

    Parameters
    ----------
    coordinate : xarray.DataArray
        One number an element of ``time`` or ``pair``.

    Returns
    -------
    numpy.ndarray
        Its values.

    Examples
    --------
    >>> import xarray as xr
    >>> label_values(xr.DataArray([1.0, 2.0], dims="pair").chunk(pair=1))
    array([1., 2.])
    """
    if coordinate.chunks is None:
        return np.asarray(coordinate.data)
    try:
        return np.asarray(coordinate.data.compute(scheduler="synchronous"))
    except ValueError:  # persisted on a cluster: its pieces lie there, not here
        return np.asarray(coordinate.data.compute())


def match_pairs(
    data: xr.DataArray | xr.Dataset, table: xr.DataArray | xr.Dataset, *, by: str
) -> npt.NDArray[np.intp]:
    """Where each pair of one layer stands in another, by their two dates.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        The layer whose pairs are looked for, with ``reference_time`` and ``secondary_time``.
    table : xarray.DataArray or xarray.Dataset
        The layer in which they are looked up.
    by : str
        The function that asks, for the message.

    Returns
    -------
    numpy.ndarray
        For each pair of `data` its position along ``pair`` in `table`.

    Raises
    ------
    KeyError
        If `table` lacks a pair.
    ValueError
        If either names no dates, or names a pair twice.

    Examples
    --------
    >>> import xarray as xr
    >>> times = pd.date_range("2022-06-01", periods=4, freq="12D")
    >>> dates = {"reference_time": ("pair", times[:-1]), "secondary_time": ("pair", times[1:])}
    >>> table = xr.Dataset(coords=dates)
    >>> match_pairs(table.isel(pair=[2, 0]), table, by="ndai")
    array([2, 0])
    """
    wanted, known = _identity(data, by=by), _identity(table, by=by)
    position = known.get_indexer(wanted)
    if (position < 0).any():
        lacking = [f"{first:%Y-%m-%d}/{second:%Y-%m-%d}" for first, second in wanted[position < 0]]
        shown = ", ".join(lacking[:3]) + (", …" if len(lacking) > 3 else "")
        message = (
            f"{by}: {len(lacking)} of {len(wanted)} pairs have no entry among the other's "
            f"{len(known)}: {shown}; compute both from the same coherence, or select the common "
            "pairs first"
        )
        raise KeyError(message)
    return cast("npt.NDArray[np.intp]", position)


def slc_positions(
    slc: xr.DataArray, pairs: xr.Dataset, *, by: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions along time of the two acquisitions of each pair.

    Parameters
    ----------
    slc : xarray.DataArray
        Stack with a ``time`` coordinate.
    pairs : xarray.Dataset
        Pair table.
    by : str
        The function that asks, for the message.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        Positions of the reference and of the secondary acquisitions.

    Raises
    ------
    KeyError
        If the stack lacks a date of the table.

    Examples
    --------
    >>> import xarray as xr
    >>> times = pd.date_range("2022-06-01", periods=3, freq="12D")
    >>> slc = xr.DataArray(np.ones(3), dims="time", coords={"time": times})
    >>> dates = {"reference_time": ("pair", times[:-1]), "secondary_time": ("pair", times[1:])}
    >>> slc_positions(slc, xr.Dataset(coords=dates), by="coherence")
    (array([0, 1]), array([1, 2]))
    """
    times = acquisition_times(slc)
    found = []
    for name in ("reference_time", "secondary_time"):
        if name not in pairs.coords:
            message = f"{by} needs a pair table with {name}; make one with insar.select_pairs(slc)"
            raise KeyError(message)
        wanted = pd.DatetimeIndex(label_values(pairs.coords[name]))
        position = times.get_indexer(wanted)
        if (position < 0).any():
            message = (
                f"{by}: slc has no acquisition at {wanted[position < 0][0]}, which the pair table "
                "names; make the table with insar.select_pairs from this slc"
            )
            raise KeyError(message)
        found.append(position)
    return found[0], found[1]


def acquisition_times(slc: xr.DataArray) -> pd.DatetimeIndex:
    """Times of a stack, each known and each once.

    Parameters
    ----------
    slc : xarray.DataArray
        Stack with a ``time`` coordinate.

    Returns
    -------
    pandas.DatetimeIndex
        Its times, in the order of the stack.

    Raises
    ------
    ValueError
        If there are none, one is unknown, or one occurs twice.

    Examples
    --------
    >>> import xarray as xr
    >>> slc = xr.DataArray([1.0], dims="time", coords={"time": pd.to_datetime(["2022-06-01"])})
    >>> acquisition_times(slc)
    DatetimeIndex(['2022-06-01'], dtype='datetime64[ns]', ...)
    """
    times = slc.indexes.get("time")
    if not isinstance(times, pd.DatetimeIndex):
        message = (
            "the stack needs a time coordinate of dates along its dim time; "
            "use slc.assign_coords(time=pandas.to_datetime([...]))"
        )
        raise ValueError(message)
    if times.hasnans or not times.is_unique:
        again = times[times.duplicated()]
        what = f"{again[0]} twice" if len(again) else "an unknown time (NaT)"
        message = (
            f"each acquisition needs its own time, got {what}; "
            "keep one of them, e.g. slc.drop_duplicates('time')"
        )
        raise ValueError(message)
    return times.as_unit("ns")


def _identity(data: xr.DataArray | xr.Dataset, *, by: str) -> pd.MultiIndex:
    for name in ("reference_time", "secondary_time"):
        if name not in data.coords:
            message = (
                f"{by} lines pairs up by their dates, and there is no coordinate {name}; it comes "
                "with insar.coherence and sources.coherence.open_stack, "
                f"or use .assign_coords({name}=('pair', dates))"
            )
            raise ValueError(message)
    pairs = pd.MultiIndex.from_arrays(
        [
            pd.DatetimeIndex(np.atleast_1d(label_values(data.coords[name]))).as_unit("ns")
            for name in ("reference_time", "secondary_time")
        ]
    )
    if not pairs.is_unique:
        first, second = pairs[pairs.duplicated()][0]
        message = (
            f"{by} found the pair {first:%Y-%m-%d}/{second:%Y-%m-%d} twice; keep one of them, "
            "e.g. with .isel(pair=[...])"
        )
        raise ValueError(message)
    return pairs
