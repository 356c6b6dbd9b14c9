"""Which pairs of a series count, with which stable mean, and in which group of time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch._apply import is_lazy
from minewatch.insar.identity import label_values, match_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["group_labels", "grouped", "judged_means", "kept_means", "only_counted", "stack_groups"]

NONE_KEPT = (
    "{by}: the ledger keeps none of the {total} pairs ({reasons}); relax "
    "screen_pairs(minimum=..., max_perpendicular_baseline=...) or add acquisitions"
)


def kept_means(coherence: xr.DataArray, ledger: xr.Dataset, *, by: str) -> npt.NDArray[np.float64]:
    """Mean stable coherence of each pair of the series, NaN where the ledger drops it.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), with the dates of its pairs.
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs`; matched by dates.
    by : str
        The function that asks, for the message.

    Returns
    -------
    numpy.ndarray
        One float64 for each pair of `coherence`.

    Raises
    ------
    ValueError
        If no pair is left.
    KeyError
        If the ledger lacks a pair of `coherence`.

    Examples
    --------
    >>> dates = pd.date_range("2022-06-01", periods=4, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coherence = xr.DataArray(np.ones((3, 1, 1)), dims=("pair", "y", "x"), coords=coords)
    >>> ledger = xr.Dataset(
    ...     {"stable_mean": ("pair", [0.9, 0.6, 0.85]), "keep": ("pair", [True, False, True])},
    ...     coords=coords,
    ... )
    >>> kept_means(coherence, ledger, by="tai")
    array([0.9 ,  nan, 0.85])
    """
    mean = judged_means(coherence, ledger, by=by)
    if not np.isfinite(mean).any():
        raise ValueError(NONE_KEPT.format(by=by, total=len(mean), reasons=_reasons(ledger)))
    return mean


def judged_means(
    pairs: xr.DataArray | xr.Dataset, ledger: xr.Dataset, *, by: str
) -> npt.NDArray[np.float64]:
    """Mean stable coherence of each pair, NaN where the ledger drops it; there may be none left.

    Parameters
    ----------
    pairs : xarray.DataArray or xarray.Dataset
        With the dates of its pairs.
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs`; matched by dates.
    by : str
        The function that asks, for the message.

    Returns
    -------
    numpy.ndarray
        One float64 for each pair.

    Raises
    ------
    KeyError
        If the ledger lacks a pair.

    Examples
    --------
    >>> dates = pd.date_range("2022-06-01", periods=2, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> ledger = xr.Dataset({"stable_mean": ("pair", [0.6]), "keep": ("pair", [False])}, coords)
    >>> judged_means(ledger, ledger, by="update_tai")
    array([nan])
    """
    at = match_pairs(pairs, ledger, by=by)
    keep = np.asarray(label_values(ledger["keep"]), bool)[at]
    mean = np.asarray(label_values(ledger["stable_mean"]), "float64")[at]
    return np.where(keep, mean, np.nan)


def grouped(
    coherence: xr.DataArray,
    means: npt.NDArray[np.float64],
    by: str | None,
    *,
    caller: str,
    assign: str = "secondary",
) -> list[tuple[Any, npt.NDArray[np.float64]]]:
    """Split the pairs that count by year or season.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), with the dates of its pairs.
    means : numpy.ndarray
        A number a pair, NaN for pairs that do not count.
    by, assign, caller
        As in :func:`group_labels`.

    Returns
    -------
    list of (label, numpy.ndarray)
        For each group its label and `means` with NaN outside of it.

    Examples
    --------
    >>> dates = pd.to_datetime(["2021-11-23", "2021-12-05", "2022-01-10", "2022-07-01"])
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coherence = xr.DataArray(np.ones((3, 1, 1)), coords, ("pair", "y", "x"))
    >>> for label, means in grouped(coherence, np.full(3, 0.9), "season", caller="tai"):
    ...     print(str(label)[:10], means)
    2021-12-01 [0.9 0.9 nan]
    2022-06-01 [nan nan 0.9]
    """
    first, last = (label_values(coherence.coords[f"{x}_time"]) for x in ("reference", "secondary"))
    labels = group_labels(first, last, by, caller=caller, assign=assign)
    if labels is None:
        return [(None, means)]
    counted = np.isfinite(means)
    return [
        (label, np.where(counted & (labels == label), means, np.nan))
        for label in np.unique(labels[counted])
    ]


def group_labels(
    reference: npt.ArrayLike,
    secondary: npt.ArrayLike,
    by: str | None,
    *,
    caller: str,
    assign: str = "secondary",
) -> npt.NDArray[Any] | None:
    """The year or the season of each pair.

    Parameters
    ----------
    reference, secondary : array_like of datetime64
        Dates of the pairs.
    by : {"year", "season"} or None
        What to tell apart. A season is a quarter that begins in December, March, June or September
        and is labelled by its first day; December opens the winter of the year that follows.
    caller : str
        The function that asks, for the message.
    assign : {"secondary", "mid"}
        The date that counts: the second acquisition's or the middle of the two.

    Returns
    -------
    numpy.ndarray or None
        A label a pair: years, or first days of seasons; None without `by`.

    Raises
    ------
    ValueError
        If `by` or `assign` is unknown.

    Examples
    --------
    >>> one = np.datetime64("2021-12-26"), np.datetime64("2022-01-01")
    >>> group_labels([one[0]], [one[1]], "year", caller="tai", assign="mid")
    array([2021], dtype=int32)
    """
    if assign not in ("secondary", "mid"):
        message = f"{caller} assigns a pair by 'secondary' or 'mid', got assign={assign!r}"
        raise ValueError(message)
    if by is None:
        return None
    if by not in ("year", "season"):
        message = f"{caller} groups by 'year' or 'season' or not at all (None), got by={by!r}"
        raise ValueError(message)
    first, last = (pd.DatetimeIndex(np.asarray(dates)) for dates in (reference, secondary))
    dates = last if assign == "secondary" else first + (last - first) / 2
    years, months = dates.year.to_numpy(), dates.month.to_numpy()
    if by == "year":
        return years
    begins = months // 3 * 3
    begins, years = np.where(begins == 0, 12, begins), years - (begins == 0)
    starts = [f"{y:04d}-{m:02d}-01" for y, m in zip(years, begins, strict=True)]
    return np.array(starts, "datetime64[ns]")


def only_counted(
    coherence: xr.DataArray, vector: npt.NDArray[np.float64]
) -> tuple[xr.DataArray, npt.NDArray[np.float64]]:
    """Leave pairs that do not count out of a lazy series, so that they are never read.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).
    vector : numpy.ndarray
        A number a pair, NaN for pairs that do not count.

    Returns
    -------
    (xarray.DataArray, numpy.ndarray)
        Both without these pairs; in memory, where slicing would copy, both unchanged.

    Examples
    --------
    >>> coherence = xr.DataArray(np.ones((3, 1, 1)), dims=("pair", "y", "x")).chunk(pair=1)
    >>> some, vector = only_counted(coherence, np.array([0.9, np.nan, 0.8]))
    >>> some.sizes["pair"], vector
    (2, array([0.9, 0.8]))
    """
    counted = np.flatnonzero(np.isfinite(vector))
    if not is_lazy(coherence) or len(counted) == len(vector):
        return coherence, vector
    return coherence.isel(pair=counted), vector[counted]


def stack_groups(parts: Sequence[Any], labels: Sequence[Any], by: str | None) -> Any:
    """Stack the results of groups along a new first dim, or hand back the only one.

    Parameters
    ----------
    parts : sequence of xarray.DataArray or xarray.Dataset
        A result for each group.
    labels : sequence
        Their labels.
    by : {"year", "season"} or None
        Name of the new dim; None takes the first part as it is.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The stack.

    Examples
    --------
    >>> one = xr.DataArray([1.0], dims="x")
    >>> stack_groups([one, one], [2021, 2022], "year").year.values
    array([2021, 2022])
    """
    if by is None:
        return parts[0]
    stack = xr.concat(
        parts,
        dim=xr.DataArray(np.asarray(labels), dims=by, name=by),
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="drop_conflicts",
    )
    meaning = {"year": "year of the pairs", "season": "first day of the season"}
    stack[by].attrs["long_name"] = meaning[by]
    return stack


def _reasons(ledger: xr.Dataset) -> str:
    reason = ledger.get("reason")
    if reason is None or "flag_meanings" not in reason.attrs:
        return "no reasons recorded"
    codes = label_values(reason)
    meanings = dict(
        zip(reason.attrs["flag_values"], reason.attrs["flag_meanings"].split(), strict=True)
    )
    found, counts = np.unique(codes, return_counts=True)
    return ", ".join(
        f"{count} {meanings[code].replace('_', ' ')}"
        for code, count in zip(found, counts, strict=True)
    )
