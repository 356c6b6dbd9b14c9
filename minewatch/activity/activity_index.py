r"""How often ground was active: the temporal activity index (TAI) and what it allows to say.

.. math:: \mathrm{TAI} = \frac{1}{n} \sum_t [\mathrm{NDAI}_t > th]
          = \frac{1}{n} \sum_t \left[\gamma_t < g_t \frac{1 - th}{1 + th}\right]

Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, eq. 7. The second form needs one comparison
a sample, so that coherence is read once and no cube of NDAI is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch import _apply, kernels
from minewatch.activity.differences import check_threshold, coherence_threshold
from minewatch.activity.intervals import CLASSES, INTERVALS, class_table, share_table
from minewatch.activity.series import grouped, kept_means, only_counted, stack_groups
from minewatch.activity.stable import enough_observations
from minewatch.conventions import Layer, conform, plain_attrs, require, require_same_grid
from minewatch.insar.identity import label_values

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["summary_of_counts", "tai"]

TAI = Layer("tai", "temporal activity index")
EXCEEDED = Layer("exceeded", "observations above the threshold", dtype="uint16")
OBSERVED = Layer("observed", "observations", dtype="uint16")
LOWER = Layer("lower", "lower end of the interval of the temporal activity index")
UPPER = Layer("upper", "upper end of the interval of the temporal activity index")
ACTIVITY = Layer("activity", "activity class", dtype="uint8", flags=CLASSES)


def tai(
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    threshold: float | xr.DataArray,
    by: Literal["year", "season"] | None = None,
    confidence: float = 0.95,
    interval: Literal["clopper-pearson", "wilson"] = "clopper-pearson",
    min_count: int | None = None,
    rule: Literal["interval", "paper"] = "interval",
    active_minimum: float = 0.5,
    stable_maximum: float = 0.3,
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    r"""Temporal activity index: the share of dates on which a pixel's NDAI exceeds a threshold.

    .. math:: \mathrm{TAI} = e / n, \quad e = \#\{t: \mathrm{NDAI}_t > th\}, \quad
              n = \#\{t: \gamma_t \text{ is known}\}

    over the pairs that the ledger keeps. The interval is that of a binomial share of n
    independent dates. Neighbouring pairs share an acquisition, and a machine that digs today
    digs tomorrow: dates are not quite independent, and the true interval is somewhat wider.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    ledger : xarray.Dataset
        From :func:`screen_pairs`; pairs are matched by their dates.
    threshold : float or xarray.DataArray
        NDAI threshold, e.g. from :func:`ndai_threshold`.
    by : {"year", "season"}, optional
        One index a year, or a quarter beginning in December, March, June or September, by the
        second acquisition. The index of all years is the one with None, which pools the dates,
        not the mean of the yearly ones.
    confidence : float
        Level of the interval.
    interval : {"clopper-pearson", "wilson"}
        Exact, or shorter and right on average.
    min_count : int, optional
        Fewest observations of a pixel; by default half the kept pairs (of the group), at least 3.
    rule : {"interval", "paper"}
        ``"interval"``: active where `lower` is at least `active_minimum`, stable where `upper` is
        at most `stable_maximum` (at 95 % that takes 11 dates without one exceedance), undecided
        between. ``"paper"``: active where TAI is at least `active_minimum`, stable where it is 0.
    active_minimum, stable_maximum : float
        The two limits of TAI.
    mask : xarray.DataArray, optional
        What to leave out (water, vegetation, radar shadow): bool, dims (y, x). There nothing
        counts as observed.

    Returns
    -------
    xarray.Dataset
        ``tai``, ``lower``, ``upper`` (float32, NaN where too little was observed), ``exceeded``,
        ``observed`` (uint16) and ``activity`` (uint8: 0 undecided, 1 stable, 2 active, 255 none);
        dims (y, x), (year, y, x) or (season, y, x); lazy if `coherence` is.

    Raises
    ------
    ValueError
        If the ledger keeps no pair, or a setting is unknown or out of range.
    KeyError
        If the ledger lacks a pair of `coherence`.

    See Also
    --------
    activity_areas : hectares of each class.
    minewatch.kernels.count_exceedances : the count on bare arrays.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import pandas as pd
    >>> dates = pd.date_range("2022-06-01", periods=5, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coherence = xr.DataArray(
    ...     np.float32([[[0.9, 0.3]], [[0.9, 0.3]], [[0.1, 0.1]], [[0.9, 0.9]]]),
    ...     dims=("pair", "y", "x"),
    ...     coords=coords,
    ... )
    >>> ledger = xr.Dataset(
    ...     {
    ...         "stable_mean": ("pair", [0.9, 0.9, 0.1, 0.9]),
    ...         "keep": ("pair", [True, True, False, True]),
    ...     },
    ...     coords=coords,
    ... )
    >>> index = tai(coherence, ledger, threshold=0.2, rule="paper")
    >>> index.tai.values, index.activity.values
    (array([[0. , 0.6667]], dtype=float32), array([[1, 2]], dtype=uint8))
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="tai")
    level = check_threshold(threshold, by="tai")
    means = kept_means(coherence, ledger, by="tai")
    groups = grouped(coherence, means, by, caller="tai")
    if mask is not None:
        require(mask, "y", "x", dtype="bool", by="tai (mask)")
        require_same_grid(coherence, mask, by="tai")
        mask = mask.drop_vars(mask.coords)
    single = coherence.astype("float32", copy=False)
    parts = []
    for _, stable_mean in groups:
        limits = stable_mean * coherence_threshold(1.0, level)
        exceeded, observed = _apply.tally(kernels.count_exceedances, *only_counted(single, limits))
        if mask is not None:
            exceeded, observed = exceeded.where(~mask, 0), observed.where(~mask, 0)
        part = summary_of_counts(
            exceeded,
            observed,
            pairs=int(np.isfinite(limits).sum()),
            confidence=confidence,
            interval=interval,
            min_count=min_count,
            rule=rule,
            active_minimum=active_minimum,
            stable_maximum=stable_maximum,
        )
        parts.append(part)
    result: xr.Dataset = stack_groups(parts, [label for label, _ in groups], by)
    counted = np.isfinite(means)
    dates = [label_values(coherence.coords[f"{end}_time"]) for end in ("reference", "secondary")]
    record = {
        "threshold": level,
        "masked": mask is not None,
        "pairs": int(counted.sum()),
        "first_date": np.datetime_as_string(dates[0][counted].min(), unit="D"),
        "last_date": np.datetime_as_string(dates[1][counted].max(), unit="D"),
    }
    if by is not None:
        record["pairs"] = [part.attrs["pairs"] for part in parts]
        record["min_count"] = [part.attrs["min_count"] for part in parts]
    result = result.assign_attrs(plain_attrs({"long_name": "temporal activity", **record}))
    for layer in result.data_vars.values():
        layer.attrs["threshold"] = level
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
