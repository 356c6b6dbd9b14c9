"""Which pairs an index rests on: kept in its attributes, so that it can be added to after years.

A pair is named by its two dates as an ISO 8601 interval (``2022-06-01T00:00:00/…``),
never by a number: a result that was stored, reordered and reopened still knows what it has counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from minewatch.insar.identity import label_values, match_pairs

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt
    import xarray as xr

__all__ = [
    "COUNTED",
    "DROPPED",
    "ENDS",
    "SUPERSEDED",
    "pair_index",
    "pair_record",
    "read_record",
    "record_attrs",
    "spelled",
]

COUNTED, DROPPED, SUPERSEDED = "counted", "dropped", "superseded"
ENDS = ("reference_time", "secondary_time")


def pair_index(pairs: xr.DataArray | xr.Dataset, *, by: str) -> pd.MultiIndex:
    """The dates of pairs as an index, each pair once.

    Parameters
    ----------
    pairs : xarray.DataArray or xarray.Dataset
        With ``reference_time`` and ``secondary_time``.
    by : str
        The function that asks, for the message.

    Returns
    -------
    pandas.MultiIndex
        Levels ``reference_time`` and ``secondary_time``.

    Raises
    ------
    ValueError
        If there are no dates or a pair is there twice.
    """
    match_pairs(pairs, pairs, by=by)  # complains of what is wrong with them
    dates = [pd.DatetimeIndex(np.atleast_1d(label_values(pairs.coords[name]))) for name in ENDS]
    return pd.MultiIndex.from_arrays([each.as_unit("ns") for each in dates], names=ENDS)


def pair_record(
    pairs: xr.DataArray | xr.Dataset, means: npt.NDArray[np.float64], *, by: str = "tai"
) -> pd.DataFrame:
    """What became of each pair, in the order of their dates.

    Parameters
    ----------
    pairs : xarray.DataArray or xarray.Dataset
        With the dates of its pairs.
    means : numpy.ndarray
        Mean stable coherence of each pair, NaN for those that do not count.
    by : str
        The function that asks, for the message.

    Returns
    -------
    pandas.DataFrame
        ``stable_mean`` and ``use`` (counted, dropped, superseded) by the two dates.

    Examples
    --------
    >>> import xarray as xr
    >>> dates = pd.date_range("2022-06-01", periods=3, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> record = pair_record(xr.Dataset(coords=coords), np.array([0.9, np.nan]))
    >>> record["use"].tolist()
    ['counted', 'dropped']
    """
    use = np.where(np.isfinite(means), COUNTED, DROPPED)
    index = pair_index(pairs, by=by)
    return pd.DataFrame({"stable_mean": means, "use": use}, index=index).sort_index()


def record_attrs(record: pd.DataFrame) -> dict[str, object]:
    """A record as lists that Zarr and JSON write; lists that would be empty are left out.

    Parameters
    ----------
    record : pandas.DataFrame
        From :func:`pair_record`.

    Returns
    -------
    dict
        ``counted_pairs``, ``counted_stable_means``, ``dropped_pairs``, ``superseded_pairs``.

    Examples
    --------
    >>> index = pd.MultiIndex.from_arrays(
    ...     [pd.to_datetime(["2022-06-01"]), pd.to_datetime(["2022-06-13"])]
    ... )
    >>> record_attrs(pd.DataFrame({"stable_mean": [0.9], "use": ["counted"]}, index=index))
    {'counted_pairs': ['2022-06-01T00:00:00/2022-06-13T00:00:00'], 'counted_stable_means': [0.9]}
    """
    attrs: dict[str, object] = {}
    for use in (COUNTED, DROPPED, SUPERSEDED):
        rows = record[record["use"] == use]
        if len(rows):
            attrs[f"{use}_pairs"] = [f"{a.isoformat()}/{b.isoformat()}" for a, b in rows.index]
        if use == COUNTED:
            attrs["counted_stable_means"] = rows["stable_mean"].tolist()
    return attrs


def read_record(tai: xr.Dataset, *, by: str) -> pd.DataFrame:
    """The record of an index, from its attributes.

    Parameters
    ----------
    tai : xarray.Dataset
        From :func:`~minewatch.activity.tai`, stored and reopened or not.
    by : str
        The function that asks, for the message.

    Returns
    -------
    pandas.DataFrame
        As :func:`pair_record` makes it.

    Raises
    ------
    ValueError
        If the attributes are not there.

    Examples
    --------
    >>> import xarray as xr
    >>> read_record(xr.Dataset(), by="update_tai")
    Traceback (most recent call last):
    ...
    ValueError: update_tai needs to know which pairs were counted, ...
    """
    if not {"counted_pairs", "counted_stable_means"} <= set(tai.attrs):
        message = (
            f"{by} needs to know which pairs were counted, and the attributes of this Dataset do "
            "not say (counted_pairs, counted_stable_means); pass what activity.tai returned, with "
            "its attributes, or compute it again from all pairs"
        )
        raise ValueError(message)
    means = np.atleast_1d(tai.attrs["counted_stable_means"]).astype("float64").tolist()
    rows = []
    for use in (COUNTED, DROPPED, SUPERSEDED):
        for position, text in enumerate(_listed(tai.attrs.get(f"{use}_pairs", []))):
            first, last = (pd.Timestamp(part) for part in text.split("/"))
            rows.append((first, last, means[position] if use == COUNTED else np.nan, use))
    table = pd.DataFrame(rows, columns=[*ENDS, "stable_mean", "use"])
    for name in ENDS:
        table[name] = table[name].astype("datetime64[ns]")
    return table.set_index(list(ENDS)).sort_index()


def spelled(pairs: Iterable[tuple[pd.Timestamp, pd.Timestamp]]) -> str:
    """Name the first few pairs by their dates.

    Parameters
    ----------
    pairs : iterable of (pandas.Timestamp, pandas.Timestamp)
        Pairs.

    Returns
    -------
    str
        For messages.

    Examples
    --------
    >>> spelled([(pd.Timestamp("2022-06-01"), pd.Timestamp("2022-06-13"))])
    '2022-06-01/2022-06-13'
    """
    names = [f"{first:%Y-%m-%d}/{last:%Y-%m-%d}" for first, last in pairs]
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _listed(value: object) -> list[str]:
    """A list of one may come back from a file as its element."""
    return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]
