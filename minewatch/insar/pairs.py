"""Which acquisitions are compared with which: the pair table.

A pair is an earlier acquisition (reference) and a later one (secondary).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch.conventions import plain_attrs, require
from minewatch.insar.identity import acquisition_times, label_values
from minewatch.insar.seasons import calendar_months, month_numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["PAIR_COORDS", "select_pairs"]

PAIR_COORDS = {
    "reference_time": {"long_name": "time of the earlier acquisition"},
    "secondary_time": {"long_name": "time of the later acquisition"},
    "temporal_baseline": {"long_name": "time between the acquisitions", "units": "days"},
    "perpendicular_baseline": {
        "long_name": "perpendicular baseline, secondary minus reference",
        "units": "m",
    },
}
"""The coordinates along ``pair`` and their attributes."""

ALIKE = (
    "polarization",
    "orbit",
    "relative_orbit",
    "track",
    "orbit_direction",
    "burst",
    "subswath",
    "frame",
)
"""Coordinates along ``time`` in which both images of a pair must agree."""


def select_pairs(
    slc: xr.DataArray,
    *,
    max_temporal_baseline: float | None = None,
    max_perpendicular_baseline: float | None = 250.0,
    n_next: int | None = 1,
    months: Iterable[int] | None = None,
) -> xr.Dataset:
    r"""Pairs of acquisitions worth an interferogram.

    Each acquisition is paired with the `n_next` that follow it, which for 1 gives the series of
    consecutive pairs that an activity index counts on. Only images of one viewing geometry and
    polarization interfere: where `slc` has a coordinate along time of one of these names,
    ``polarization``, ``orbit``, ``relative_orbit``, ``track``, ``orbit_direction``, ``burst``,
    ``subswath`` or ``frame``, an acquisition is paired with those of the same value alone (so an
    absolute orbit number, new at each pass, needs another name). A pair loses coherence with its
    baseline, whatever the ground does: geometrically by :math:`1 - |B_\perp| / B_c`, with a
    critical baseline of about 6.4 km for Sentinel-1 IW, and far more from any topographic phase
    that is left in the window; hence the limit.

    Parameters
    ----------
    slc : xarray.DataArray
        Co-registered stack, dims (time, y, x), with a coordinate ``perpendicular_baseline`` (time)
        in metres relative to one common acquisition. Only its labels are read, never its pixels.
    max_temporal_baseline : float, optional
        Longest time between two acquisitions, days; None sets no limit. Passes of one orbit come
        seconds early or late, so days are compared to a tenth.
    max_perpendicular_baseline : float, optional
        Longest perpendicular baseline in metres, of either sign; None sets no limit. A pair whose
        baseline is unknown is kept, with a warning.
    n_next : int, optional
        With how many later acquisitions each one is paired; None pairs it with all that
        `max_temporal_baseline` allows.
    months : iterable of int, optional
        Season: keep pairs whose second acquisition is in these months, 1 to 12 (see
        :func:`in_months`).

    Returns
    -------
    xarray.Dataset
        Pair table: coordinates ``pair`` (number), ``reference_time``, ``secondary_time``,
        ``temporal_baseline`` (days) and ``perpendicular_baseline`` (m, secondary minus reference),
        in the order of the reference times, then of the secondary times. Its attribute
        ``mixed_pairs`` counts the pairs that were not made because a geometry or polarization
        differs.

    Raises
    ------
    ValueError
        If a time occurs twice or is missing, fewer than two acquisitions came, a setting is out
        of range, or no pair is left.

    See Also
    --------
    coherence : what the pairs are for.
    in_months : the season of pairs that exist.

    References
    ----------
    Jolleys and Duddy (2023), Mineral extraction: mining and quarrying emissions using InSAR
    retrievals, Climate TRACE methodology (the limit of 250 m).

    Examples
    --------
    >>> slc = xr.DataArray(
    ...     np.ones((3, 2, 2), "complex64"),
    ...     dims=("time", "y", "x"),
    ...     coords={
    ...         "time": pd.date_range("2022-06-01", periods=3, freq="12D"),
    ...         "perpendicular_baseline": ("time", [0.0, 80.0, -40.0]),
    ...     },
    ... )
    >>> pairs = select_pairs(slc, max_temporal_baseline=12)
    >>> pairs.perpendicular_baseline.values
    array([  80., -120.])
    """
    require(slc, "time", "y", "x", by="select_pairs")
    if n_next is not None and n_next < 1:
        message = (
            f"select_pairs needs n_next of 1 or more, got {n_next}; 1 pairs neighbours in time, "
            "None all within max_temporal_baseline"
        )
        raise ValueError(message)
    season = None if months is None else month_numbers(months, by="select_pairs")
    times = acquisition_times(slc)
    if len(times) < 2:
        message = f"select_pairs needs at least two acquisitions, got {len(times)}; add dates"
        raise ValueError(message)
    if "perpendicular_baseline" in slc.coords:
        position = np.asarray(label_values(slc.coords["perpendicular_baseline"]), "float64")
    else:
        position = np.full(len(times), np.nan)
    names = [name for name in ALIKE if name in slc.coords and slc.coords[name].dims == ("time",)]
    kinds = _kinds(slc, names)
    first, second = _following(times, kinds, n_next)
    if not len(first):
        message = (
            f"select_pairs finds no two acquisitions of one {', '.join(names)}, only "
            f"{sorted(set(kinds))}; open those of one geometry and polarization, or use "
            f"slc.drop_vars({names}) if that does not tell images apart"
        )
        raise ValueError(message)
    table = _table(times[first], times[second], position[second] - position[first])
    too_long = _beyond(table.temporal_baseline.round(1), max_temporal_baseline)
    too_wide = _beyond(table.perpendicular_baseline, max_perpendicular_baseline)
    ends = calendar_months(table.secondary_time.values)
    off_season = np.zeros(len(ends), bool) if season is None else ~np.isin(ends, season)
    out = too_long | too_wide | off_season
    if out.all():
        raise ValueError(_none_left(table, too_long, too_wide, off_season))
    table = table.isel(pair=np.flatnonzero(~out))
    table = table.assign_coords(pair=np.arange(table.sizes["pair"]))
    unknown = int(np.isnan(table.perpendicular_baseline.values).sum())
    if unknown and max_perpendicular_baseline is not None:
        warnings.warn(
            f"select_pairs kept {unknown} of {table.sizes['pair']} pairs whose perpendicular "
            "baseline is unknown; give slc a coordinate perpendicular_baseline (time) in metres, "
            "or pass max_perpendicular_baseline=None to say that it does not matter",
            UserWarning,
            stacklevel=2,
        )
    table.attrs = {
        "long_name": "interferometric pairs",
        **plain_attrs(
            {
                "max_temporal_baseline": max_temporal_baseline,
                "max_perpendicular_baseline": max_perpendicular_baseline,
                "n_next": "all" if n_next is None else n_next,
                "months": season,
                "mixed_pairs": _mixed(times, kinds, n_next),
            }
        ),
    }
    return table


def _kinds(slc: xr.DataArray, names: list[str]) -> list[tuple[str, ...]]:
    """What must be alike in both images of a pair, for each image."""
    columns = [[str(value) for value in label_values(slc.coords[name])] for name in names]
    return list(zip(*columns, strict=True)) if columns else [()] * slc.sizes["time"]


def _following(
    times: pd.DatetimeIndex, kinds: list[tuple[str, ...]], n_next: int | None
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions of both images of each pair: one, and those of its kind that follow it."""
    order = np.argsort(times.to_numpy(), kind="stable").tolist()
    found: list[tuple[int, int]] = []
    for rank, one in enumerate(order):
        later = [other for other in order[rank + 1 :] if kinds[other] == kinds[one]]
        found += [(one, other) for other in later[:n_next]]
    first, second = np.array(found, np.intp).reshape(-1, 2).T
    return first, second


def _mixed(times: pd.DatetimeIndex, kinds: list[tuple[str, ...]], n_next: int | None) -> int:
    """How many pairs there would be if all images were of one kind, but for their kinds."""
    first, second = _following(times, [()] * len(kinds), n_next)
    return sum(kinds[i] != kinds[j] for i, j in zip(first, second, strict=True))


def _table(
    reference: pd.DatetimeIndex, secondary: pd.DatetimeIndex, baseline: npt.NDArray[np.float64]
) -> xr.Dataset:
    values = (
        reference.to_numpy("datetime64[ns]"),
        secondary.to_numpy("datetime64[ns]"),
        np.asarray((secondary - reference) / pd.Timedelta(days=1), "float64"),
        baseline,
    )
    coords: dict[str, Any] = {"pair": np.arange(len(baseline))}
    for (name, attrs), value in zip(PAIR_COORDS.items(), values, strict=True):
        coords[name] = ("pair", value, attrs)
    return xr.Dataset(coords=coords)


def _beyond(baseline: xr.DataArray, limit: float | None) -> npt.NDArray[np.bool_]:
    if limit is None:
        return np.zeros(baseline.shape, bool)
    return np.asarray(abs(baseline.values) > limit)


def _none_left(
    table: xr.Dataset,
    too_long: npt.NDArray[np.bool_],
    too_wide: npt.NDArray[np.bool_],
    off_season: npt.NDArray[np.bool_],
) -> str:
    """Say how many pairs fail on what, and what the pair nearest to the limits would need."""
    days = table.temporal_baseline.values
    metres = np.nan_to_num(abs(table.perpendicular_baseline.values))
    failed = too_long.astype(int) + too_wide + off_season
    best = int(np.lexsort((metres, days, failed))[0])
    needs = []
    if too_long[best]:
        needs.append(f"max_temporal_baseline={np.ceil(days[best]):g}")
    if too_wide[best]:
        needs.append(f"max_perpendicular_baseline={np.ceil(metres[best]):g}")
    if off_season[best]:
        there = sorted(set(calendar_months(table.secondary_time.values).tolist()))
        needs.append(f"months among {there}")
    season = f", {int(off_season.sum())} end in other months" if off_season.any() else ""
    return (
        f"select_pairs leaves none of {len(days)} pairs: {int(too_long.sum())} are longer than "
        f"max_temporal_baseline, {int(too_wide.sum())} wider than max_perpendicular_baseline"
        f"{season}; the closest would pass with {', '.join(needs)}"
    )
