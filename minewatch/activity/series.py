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

__all__ = ["grouped", "kept_means", "only_counted", "stack_groups"]

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
    at = match_pairs(coherence, ledger, by=by)
    keep = np.asarray(label_values(ledger["keep"]), bool)[at]
    mean = np.asarray(label_values(ledger["stable_mean"]), "float64")[at]
    mean = np.where(keep, mean, np.nan)
    if not np.isfinite(mean).any():
        raise ValueError(NONE_KEPT.format(by=by, total=len(at), reasons=_reasons(ledger)))
    return mean


def grouped(
    coherence: xr.DataArray, means: npt.NDArray[np.float64], by: str | None, *, caller: str
) -> list[tuple[Any, npt.NDArray[np.float64]]]:
    """Split the pairs that count by the year or the season of their second acquisition.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), with ``secondary_time``.
    means : numpy.ndarray
        A number a pair, NaN for pairs that do not count.
    by : {"year", "season"} or None
        How to split. A season is a quarter that begins in December, March, June or September and
        is labelled by its first day; December opens the winter of the year that follows.
    caller : str
        The function that asks, for the message.

    Returns
    -------
    list of (label, numpy.ndarray)
        For each group its label and `means` with NaN outside of it.

    Raises
    ------
    ValueError
        If `by` is unknown.

    Examples
    --------
    >>> dates = pd.to_datetime(["2021-12-05", "2022-01-10", "2022-07-01"])
    >>> coherence = xr.DataArray(
    ...     np.ones((3, 1, 1)),
    ...     dims=("pair", "y", "x"),
    ...     coords={"secondary_time": ("pair", dates)},
    ... )
    >>> for label, means in grouped(coherence, np.full(3, 0.9), "season", caller="tai"):
    ...     print(str(label)[:10], means)
    2021-12-01 [0.9 0.9 nan]
    2022-06-01 [nan nan 0.9]
    """
    if by is None:
        return [(None, means)]
    if by not in ("year", "season"):
        message = f"{caller} groups by 'year' or 'season' or not at all (None), got by={by!r}"
        raise ValueError(message)
    dates = pd.DatetimeIndex(label_values(coherence.coords["secondary_time"]))
    years, months = dates.year.to_numpy(), dates.month.to_numpy()
    if by == "year":
        labels = years
    else:
        begins = months // 3 * 3
        begins, years = np.where(begins == 0, 12, begins), years - (begins == 0)
        starts = [f"{y:04d}-{m:02d}-01" for y, m in zip(years, begins, strict=True)]
        labels = np.array(starts, "datetime64[ns]")
    counted = np.isfinite(means)
    return [
        (label, np.where(counted & (labels == label), means, np.nan))
        for label in np.unique(labels[counted])
    ]


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
    meaning = {"year": "year of the second acquisition", "season": "first day of the season"}
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
