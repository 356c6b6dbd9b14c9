"""From counts to an index: share, interval and class of each pixel, and which pairs it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import xarray as xr

from minewatch import _apply
from minewatch.activity.intervals import CLASSES, INTERVALS, class_table, share_table
from minewatch.activity.records import COUNTED, record_attrs
from minewatch.activity.series import group_labels, stack_groups
from minewatch.activity.stable import DERIVED, GIVEN, enough_observations
from minewatch.conventions import Layer, conform, plain_attrs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    import pandas as pd

__all__ = ["index_of_counts", "summary_of_counts"]

TAI = Layer("tai", "temporal activity index")
EXCEEDED = Layer("exceeded", "observations above the threshold", dtype="uint16")
OBSERVED = Layer("observed", "observations", dtype="uint16")
LOWER = Layer("lower", "lower end of the interval of the temporal activity index")
UPPER = Layer("upper", "upper end of the interval of the temporal activity index")
ACTIVITY = Layer("activity", "activity class", dtype="uint8", flags=CLASSES)

LAYERS = ("tai", "exceeded", "observed", "lower", "upper", "activity")
ORIGIN = ("threshold_method", "threshold_domain")
SETTINGS = ("confidence", "interval", "rule", "active_minimum", "stable_maximum")


def index_of_counts(
    counts: Sequence[tuple[Any, xr.DataArray, xr.DataArray]],
    record: pd.DataFrame,
    *,
    by: str | None,
    assign: str,
    threshold: float,
    origin: Mapping[str, object],
    masked: bool,
    min_count: int | None,
    **settings: Any,
) -> xr.Dataset:
    """The index of counts that were made of the pairs of a record.

    Parameters
    ----------
    counts : sequence of (label, xarray.DataArray, xarray.DataArray)
        Exceedances and observations of each group.
    record : pandas.DataFrame
        From :func:`~minewatch.activity.records.pair_record`.
    by, assign, threshold, min_count
        As in :func:`~minewatch.activity.tai`.
    origin : mapping
        Where the threshold comes from: method and domain.
    masked : bool
        Whether pixels were left out.
    **settings
        Those of :func:`summary_of_counts`.

    Returns
    -------
    xarray.Dataset
        What :func:`~minewatch.activity.tai` gives.
    """
    kept = record.index[record["use"] == COUNTED]
    first, last = (kept.get_level_values(level) for level in (0, 1))
    labels = group_labels(first, last, by, caller="tai", assign=assign)
    parts = [
        summary_of_counts(
            exceeded,
            observed,
            pairs=len(kept) if labels is None else int((labels == label).sum()),
            min_count=min_count,
            **settings,
        )
        for label, exceeded, observed in counts
    ]
    result: xr.Dataset = stack_groups(parts, [label for label, *_ in counts], by)
    facts: dict[str, object] = {
        "threshold": threshold,
        **{name: origin.get(name) for name in ORIGIN},
        "masked": masked,
        "pairs": len(kept),
        "first_date": f"{first.min():%Y-%m-%d}",
        "last_date": f"{last.max():%Y-%m-%d}",
        "min_count_is": DERIVED if min_count is None else GIVEN,
        **record_attrs(record),
    }
    if by is not None:
        facts["pairs"] = [part.attrs["pairs"] for part in parts]
        facts["min_count"] = [part.attrs["min_count"] for part in parts]
        facts["assign"] = assign
    result = result.assign_attrs(plain_attrs({"long_name": "temporal activity", **facts}))
    for layer in result.data_vars.values():
        layer.attrs["threshold"] = threshold
    return result


def summary_of_counts(
    exceeded: xr.DataArray,
    observed: xr.DataArray,
    *,
    pairs: int,
    confidence: float = 0.95,
    interval: str = "clopper-pearson",
    min_count: int | None = None,
    rule: str = "interval",
    active_minimum: float = 0.5,
    stable_maximum: float = 0.3,
) -> xr.Dataset:
    """Index, interval and class of counts; counts of several series may be added up first.

    Parameters
    ----------
    exceeded, observed : xarray.DataArray
        Counts, unsigned integers, same dims.
    pairs : int
        How many observations there can be at most.
    confidence, interval, min_count, rule, active_minimum, stable_maximum
        As in :func:`tai`.

    Returns
    -------
    xarray.Dataset
        The six layers of :func:`tai`.

    Raises
    ------
    ValueError
        If a setting is unknown or out of range.

    Examples
    --------
    >>> import numpy as np
    >>> e, n = (xr.DataArray(np.uint16([[count]]), dims=("y", "x")) for count in (12, 12))
    >>> summary_of_counts(e, n, pairs=12).lower.values
    array([[0.735]], dtype=float32)
    """
    _check(confidence, interval, rule, active_minimum, stable_maximum)
    enough = enough_observations(pairs) if min_count is None else min_count
    shares = share_table(pairs, enough, confidence=confidence, interval=interval)
    classes = class_table(
        shares, rule=rule, active_minimum=active_minimum, stable_maximum=stable_maximum
    )
    settings: dict[str, Any] = {
        "pairs": pairs,
        "min_count": enough,
        "confidence": confidence,
        "interval": interval,
        "rule": rule,
        "active_minimum": active_minimum,
        "stable_maximum": stable_maximum,
    }
    of: dict[str, dict[str, Any]] = {
        "exceeded": {},
        "observed": {},
        "tai": {"min_count": enough},
        "lower": {"confidence": confidence, "interval": interval},
        "upper": {"confidence": confidence, "interval": interval},
        "activity": {name: settings[name] for name in ("rule", "active_minimum", "stable_maximum")},
    }
    counts = [exceeded, observed]
    layers = [
        (TAI, _apply.with_shared(_look_up, shares[0], counts)),
        (EXCEEDED, exceeded),
        (OBSERVED, observed),
        (LOWER, _apply.with_shared(_look_up, shares[1], counts)),
        (UPPER, _apply.with_shared(_look_up, shares[2], counts)),
        (ACTIVITY, _apply.with_shared(_look_up, classes, counts, dtype="uint8")),
    ]
    return xr.Dataset(
        {layer.name: conform(data, layer, **of[layer.name]) for layer, data in layers},
        attrs=plain_attrs(settings),
    )


def _look_up(
    table: npt.NDArray[Any], exceeded: npt.NDArray[Any], observed: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = table[exceeded, observed]
    return found


def _check(
    confidence: float, interval: str, rule: str, active_minimum: float, stable_maximum: float
) -> None:
    if interval not in INTERVALS:
        message = f"tai knows the intervals {', '.join(INTERVALS)}, got interval={interval!r}"
        raise ValueError(message)
    if rule not in ("interval", "paper"):
        message = f"tai knows the rules 'interval' and 'paper', got rule={rule!r}"
        raise ValueError(message)
    if not 0 < confidence < 1:
        message = f"tai needs a confidence between 0 and 1, got {confidence}; 0.95 is usual"
        raise ValueError(message)
    if not 0 <= stable_maximum < active_minimum <= 1:
        message = (
            f"tai needs 0 <= stable_maximum < active_minimum <= 1, got {stable_maximum} and "
            f"{active_minimum}; 0.3 and 0.5 are usual"
        )
        raise ValueError(message)
