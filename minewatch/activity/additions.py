"""Counts of new pairs on top of those of old ones, which are not read again."""

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
from minewatch.activity.stable import DERIVED
from minewatch.activity.summaries import LAYERS, SETTINGS, index_of_counts
from minewatch.conventions import require, require_same_grid

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["grouping", "least", "with_new_pairs"]


def with_new_pairs(
    tai: xr.Dataset,
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    superseded: xr.Dataset | bool | None,
    mask: xr.DataArray | None,
) -> xr.Dataset:
    """An index with the pairs that it has not met yet, under its stable ground and threshold.

    Parameters
    ----------
    tai, coherence, ledger, superseded, mask
        As in :func:`~minewatch.activity.update_tai`.

    Returns
    -------
    xarray.Dataset
        As from :func:`~minewatch.activity.tai`.
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="update_tai")
    record = read_record(tai, by="update_tai")
    _check_whole(tai, record)
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
    result = index_of_counts(
        counts,
        after,
        by=by,
        assign=assign,
        threshold=float(tai.attrs["threshold"]),
        origin=tai.attrs,
        masked=masked or mask is not None,
        min_count=least(tai),
        **{name: tai.attrs[name] for name in SETTINGS},
    )
    return result.assign({name: tai[name] for name in tai.data_vars if name not in LAYERS})


def grouping(tai: xr.Dataset) -> tuple[Any, Any]:
    """By what an index was grouped, and which date put a pair into its group."""
    by = next((name for name in ("year", "season") if name in tai["exceeded"].dims), None)
    return by, tai.attrs.get("assign", "secondary")


def least(tai: xr.Dataset) -> int | None:
    """The least number of observations that was asked for, None where it follows the pairs."""
    if tai.attrs["min_count_is"] == DERIVED:
        return None
    return int(np.atleast_1d(tai.attrs["min_count"])[0])


def _check_whole(tai: xr.Dataset, record: pd.DataFrame) -> None:
    """Refuse an index that has lost its counts or some of its groups: its record speaks of all."""
    lacking = [name for name in ("exceeded", "observed") if name not in tai]
    if lacking:
        message = (
            f"update_tai adds to counts, and tai has no {' and no '.join(lacking)}; pass all "
            "layers that activity.tai returned"
        )
        raise ValueError(message)
    by, assign = grouping(tai)
    kept = record.index[record["use"] == COUNTED]
    first, last = (kept.get_level_values(level) for level in (0, 1))
    labels = group_labels(first, last, by, caller="update_tai", assign=assign)
    found: list[Any] = [] if labels is None else list(np.unique(labels))
    there = [] if by is None else list(tai[by].values)
    if found != there or (by is None and "assign" in tai.attrs):
        message = (
            f"update_tai needs every {by or 'group'} that was counted, and tai is a part of that; "
            "pass what activity.tai returned, and select afterwards"
        )
        raise ValueError(message)


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
            "stable pixels and settings of then, or find both anew with refresh=True"
        )
        raise ValueError(message)


def _taken_out(
    record: pd.DataFrame, new: pd.MultiIndex, superseded: xr.Dataset | bool | None
) -> pd.Index[Any]:
    """Pairs that no longer count, or, if they were dropped, never will."""
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
        return named
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
