"""Adding pairs to an index without reading the past again.

Counts add up, so that a new pair costs one pass over itself, as long as it is held against the same
stable ground and the same threshold. That freezes both; :func:`~minewatch.activity.refresh_tai`
finds them anew and says how far they have drifted.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.activity.activity_index import counted, without_coords
from minewatch.activity.records import (
    COUNTED,
    ENDS,
    SUPERSEDED,
    pair_index,
    pair_record,
    read_record,
    spelled,
)
from minewatch.activity.series import group_labels, judged_means
from minewatch.activity.summaries import DERIVED, LAYERS, SETTINGS, index_of_counts
from minewatch.conventions import require, require_same_grid

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["grouping", "update_tai"]


def update_tai(
    tai: xr.Dataset,
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    superseded: xr.Dataset | bool | None = None,
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    """Add the pairs that an index has not met yet; the others are not read.

    The result is that of :func:`~minewatch.activity.tai` over all pairs with the same stable
    pixels, threshold and settings: counts to the integer, whatever the order in which pairs
    arrive. Pairs are known by their two dates, also those that were dropped: to add the same ones
    again changes nothing.

    An acquisition that arrives late splits a pair that was counted: d1–d3 gives way to d1–d2 and
    d2–d3. It is known by a new pair that lies within the time of a counted one.

    Parameters
    ----------
    tai : xarray.Dataset
        From :func:`~minewatch.activity.tai` or this function, in memory, lazy or reopened from a
        store. Threshold, grouping and all settings are taken from it.
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x): the new pairs, with or without the old ones.
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs` with the same stable pixels as before; holds
        at least the new pairs.
    superseded : bool or xarray.Dataset, optional
        What becomes of counted pairs that a new one splits: True takes them out, which needs
        their coherence; False counts all of them, as in a list of all pairs within some time. A
        Dataset with ``reference_time`` and ``secondary_time`` names the pairs to take out. By
        default they are an error.
    mask : xarray.DataArray, optional
        The mask that `tai` was made with; needed if there was one.

    Returns
    -------
    xarray.Dataset
        As from :func:`~minewatch.activity.tai`; lazy if either input is. Further variables of
        `tai` are handed on.

    Raises
    ------
    ValueError
        If the ledger judges known pairs by other stable pixels or otherwise, a counted pair is
        split and `superseded` does not say what to do, its coherence is lacking, the grids
        differ, or there was a mask and none is given.
    KeyError
        If the ledger lacks a new pair, or `superseded` names a pair that `tai` never met.

    See Also
    --------
    refresh_tai : finds stable pixels and threshold anew.

    References
    ----------
    The index is that of Kavats et al. (2025), doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> from minewatch.activity import tai
    >>> dates = pd.date_range("2022-06-01", periods=6, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> values = np.float32([0.9, 0.3, 0.9, 0.3, 0.3]).reshape(5, 1, 1)
    >>> coherence = xr.DataArray(values, coords, ("pair", "y", "x"))
    >>> ledger = xr.Dataset(
    ...     {"stable_mean": ("pair", np.full(5, 0.9)), "keep": ("pair", np.full(5, True))}, coords
    ... )
    >>> first = tai(coherence[:4], ledger.isel(pair=slice(4)), threshold=0.2)
    >>> both = update_tai(first, coherence[4:], ledger.isel(pair=slice(4, 5)))
    >>> both.exceeded.values, both.observed.values
    (array([[3]], dtype=uint16), array([[5]], dtype=uint16))
    >>> both.identical(tai(coherence, ledger, threshold=0.2))
    True
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="update_tai")
    record = read_record(tai, by="update_tai")
    require_same_grid(tai, coherence, by="update_tai")
    bare = without_coords(mask, coherence, by="update_tai")
    masked = bool(tai.attrs["masked"])
    if masked and mask is None:
        message = (
            "update_tai needs the mask that tai was made with, or new pairs would count where "
            "nothing else does; pass mask=..."
        )
        raise ValueError(message)
    given = pair_index(coherence, by="update_tai")
    _check_judgement(record, ledger)
    new = np.flatnonzero(~given.isin(record.index))
    dates = xr.Dataset(coords={name: ("pair", given.get_level_values(name)) for name in ENDS})
    means = np.full(len(given), np.nan)
    means[new] = judged_means(dates.isel(pair=new), ledger, by="update_tai")
    gone = _taken_out(record, given[new], superseded)
    after = pd.concat([record, pair_record(dates.isel(pair=new), means[new])]).sort_index()
    after.loc[gone, "use"] = SUPERSEDED
    counts = _counts(tai, coherence, record, given, means, gone, after)
    if bare is not None:
        counts = [(label, *(each.where(~bare, 0) for each in both)) for label, *both in counts]
    by, assign = grouping(tai)
    own_count = None if tai.attrs["min_count_is"] == DERIVED else least(tai)
    result = index_of_counts(
        counts,
        after,
        by=by,
        assign=assign,
        threshold=float(tai.attrs["threshold"]),
        masked=masked or mask is not None,
        min_count=own_count,
        **{name: tai.attrs[name] for name in SETTINGS},
    )
    return result.assign({name: tai[name] for name in tai.data_vars if name not in LAYERS})


def grouping(tai: xr.Dataset) -> tuple[Any, Any]:
    """By what an index was grouped, and which date put a pair into its group."""
    by = next((name for name in ("year", "season") if name in tai["exceeded"].dims), None)
    return by, tai.attrs.get("assign", "secondary")


def least(tai: xr.Dataset) -> int:
    """The least number of observations that was asked for, the same in every group."""
    return int(np.atleast_1d(tai.attrs["min_count"])[0])


def _check_judgement(record: pd.DataFrame, ledger: xr.Dataset) -> None:
    """Refuse a ledger of other stable pixels or settings: what it says of known pairs must hold."""
    index = pair_index(ledger, by="update_tai (ledger)")
    common = index[index.isin(record.index[record["use"] != SUPERSEDED])]
    judged = pd.Series(judged_means(ledger, ledger, by="update_tai"), index)[common]
    before = record.loc[common, "stable_mean"]
    other = ~np.isclose(judged, before, rtol=1e-6, atol=0, equal_nan=True)
    if other.any():
        message = (
            f"update_tai: the ledger judges {int(other.sum())} of the {len(common)} pairs that it "
            f"shares with tai otherwise than before ({spelled(common[other])}); make it with the "
            "stable pixels and settings of then, or find both anew with refresh_tai"
        )
        raise ValueError(message)


def _taken_out(
    record: pd.DataFrame, new: pd.MultiIndex, superseded: xr.Dataset | bool | None
) -> pd.Index[Any]:
    """Counted pairs that no longer count."""
    counted_pairs = record.index[record["use"] == COUNTED]
    if isinstance(superseded, xr.Dataset):
        named = pair_index(superseded, by="update_tai (superseded)")
        unknown = named[~named.isin(record.index)]
        if len(unknown):
            message = (
                f"update_tai cannot take out {spelled(unknown)}: tai never met that pair; name "
                "pairs among tai.attrs['counted_pairs']"
            )
            raise KeyError(message)
        return named[named.isin(counted_pairs)]
    begin, end = (counted_pairs.get_level_values(level).to_numpy() for level in (0, 1))
    first, last = (new.get_level_values(level).to_numpy() for level in (0, 1))
    within = np.asarray((begin[:, None] <= first) & (last <= end[:, None]))
    split = counted_pairs[np.flatnonzero(within.any(1))]
    if superseded is None and len(split):
        inner = new[np.flatnonzero(within.any(0))]
        message = (
            f"update_tai: {spelled(inner)} within the time of {spelled(split)}, which counts "
            "already; superseded=True takes that out, superseded=False counts all"
        )
        raise ValueError(message)
    return split if superseded else split[:0]


def _counts(
    tai: xr.Dataset,
    coherence: xr.DataArray,
    record: pd.DataFrame,
    given: pd.MultiIndex,
    added: npt.NDArray[np.float64],
    gone: pd.Index[Any],
    after: pd.DataFrame,
) -> list[tuple[Any, xr.DataArray, xr.DataArray]]:
    """Old counts and new ones, without those of pairs that no longer count."""
    lacking = gone[~gone.isin(given)]
    if len(lacking):
        message = (
            f"update_tai takes out the counted pair {spelled(lacking)} and needs its coherence to "
            f"do so, which is not among the {len(given)} given pairs; add it, or keep the pair "
            "with superseded=False"
        )
        raise ValueError(message)
    removed = record["stable_mean"].reindex(given).where(given.isin(gone)).to_numpy()
    by, assign = grouping(tai)
    rows = after.index[after["use"] == COUNTED]
    if not len(rows):
        message = "update_tai would leave no pair that counts; make superseded name fewer pairs"
        raise ValueError(message)
    kinds, labels = (
        group_labels(
            index.get_level_values(0),
            index.get_level_values(1),
            by,
            caller="update_tai",
            assign=assign,
        )
        for index in (given, rows)
    )
    threshold = float(tai.attrs["threshold"])
    counts = []
    for label in [None] if labels is None else np.unique(labels):
        here = np.ones(len(given), bool) if kinds is None else kinds == label
        exceeded, observed = _earlier(tai, by, label, coherence)
        for change, means in ((operator.add, added), (operator.sub, removed)):
            some = np.where(here, means, np.nan)
            if np.isfinite(some).any():
                more, seen = counted(coherence, some, threshold)
                exceeded = change(exceeded, more.drop_vars(more.coords))
                observed = change(observed, seen.drop_vars(seen.coords))
        counts.append((label, exceeded, observed))
    return counts


def _earlier(
    tai: xr.Dataset, by: str | None, label: Any, coherence: xr.DataArray
) -> tuple[xr.DataArray, xr.DataArray]:
    """Counts of a group so far, none if it is new; with the coordinates of coherence."""
    if by is None:
        old = tai
    elif label in tai.indexes[by]:
        old = tai.sel({by: label})
    else:
        old = xr.zeros_like(tai.isel({by: 0}))
    coords = {name: coord for name, coord in coherence.coords.items() if "pair" not in coord.dims}
    exceeded, observed = (
        xr.DataArray(old[name].data, coords, ("y", "x")) for name in ("exceeded", "observed")
    )
    return exceeded, observed
