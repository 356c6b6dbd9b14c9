"""Stable ground and threshold found anew, and how far they have drifted from the frozen ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from minewatch.activity.activity_index import tai as count_all
from minewatch.activity.additions import grouping, least
from minewatch.activity.areas import activity_areas
from minewatch.activity.differences import mean_ndai
from minewatch.activity.intervals import CLASSES
from minewatch.activity.records import COUNTED, SUPERSEDED, pair_index, read_record, spelled
from minewatch.activity.screening import screen_pairs
from minewatch.activity.series import judged_means
from minewatch.activity.settling import settle_pairs
from minewatch.activity.stable import GIVEN, stable_pixels
from minewatch.activity.summaries import SETTINGS
from minewatch.activity.thresholds import ndai_threshold
from minewatch.conventions import crs_of, plain_attrs, require, require_same_grid

__all__ = ["refreshed"]


def refreshed(
    frozen: xr.Dataset,
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    stable: xr.DataArray,
    *,
    mask: xr.DataArray | None,
    within: xr.DataArray | None,
    domain: xr.DataArray | None,
) -> xr.Dataset:
    """The index of all pairs by stable pixels and a threshold of their own.

    Parameters
    ----------
    frozen : xarray.Dataset
        The index of the same pairs under the frozen ones.
    coherence, ledger, stable, mask, within, domain
        As in :func:`~minewatch.activity.update_tai`.

    Returns
    -------
    xarray.Dataset
        As from :func:`~minewatch.activity.tai`, with ``stable`` and attributes ``drift_*``.

    Raises
    ------
    ValueError
        If a pair of `frozen` is not in `coherence`, or settings are not known.
    """
    require(stable, "y", "x", dtype="bool", by="update_tai (stable)")
    require_same_grid(coherence, stable, by="update_tai")
    series = _all_pairs(frozen, coherence)
    ground, judged = _ground(series, ledger, stable, within)
    threshold = _threshold(frozen, series, judged, domain)
    by, assign = grouping(frozen)
    fresh = count_all(
        series,
        judged,
        threshold=threshold,
        by=by,
        assign=assign,
        mask=mask,
        min_count=least(frozen),
        **{name: frozen.attrs[name] for name in SETTINGS},
    )
    if "superseded_pairs" in frozen.attrs:
        fresh.attrs["superseded_pairs"] = frozen.attrs["superseded_pairs"]
    drift: dict[str, Any] = {
        "threshold": fresh.attrs["threshold"] - frozen.attrs["threshold"],
        **_drift_of_ground(frozen, series, judged, stable, ground),
        **_drift_of_classes(frozen, fresh),
    }
    fresh = fresh.assign_attrs(plain_attrs({f"drift_{name}": each for name, each in drift.items()}))
    others = {name: frozen[name] for name in frozen.data_vars if name not in fresh}
    return fresh.assign({**others, "stable": ground})


def _all_pairs(frozen: xr.Dataset, coherence: xr.DataArray) -> xr.DataArray:
    """Coherence of the pairs that are in the index and not superseded."""
    record = read_record(frozen, by="update_tai")
    wanted = record.index[record["use"] != SUPERSEDED]
    given = pair_index(coherence, by="update_tai")
    lacking = wanted[~wanted.isin(given)]
    if len(lacking):
        message = (
            f"update_tai(refresh=True) reads all pairs again, and {len(lacking)} of {len(wanted)} "
            f"are not in coherence ({spelled(lacking)}); pass the whole series, or refresh=False"
        )
        raise ValueError(message)
    inside = given.isin(wanted)
    return coherence if inside.all() else coherence.isel(pair=np.flatnonzero(inside))


def _ground(
    series: xr.DataArray, ledger: xr.Dataset, stable: xr.DataArray, within: xr.DataArray | None
) -> tuple[xr.DataArray, xr.Dataset]:
    """Stable pixels and ledger, found with the settings that the frozen ones record."""
    find, judge = stable.attrs, ledger.attrs
    if not {"minimum", "maximum_std", "min_count"} <= set(find) or "minimum" not in judge:
        message = (
            "update_tai(refresh=True) finds stable pixels and pairs by the settings in the "
            "attributes of stable and ledger, which are not there; pass what stable_pixels and "
            "screen_pairs returned"
        )
        raise ValueError(message)
    if find.get("domain") == "given by within" and within is None:
        message = (
            "update_tai(refresh=True) needs within=..., in which stable pixels were looked for"
        )
        raise ValueError(message)
    own: dict[str, Any] = {
        "minimum": find.get("asked_minimum", find["minimum"]),
        "maximum_std": find["maximum_std"],
        "within": within,
        "min_count": find["min_count"] if find.get("min_count_is") == GIVEN else None,
    }
    limits: dict[str, Any] = {
        "max_perpendicular_baseline": judge.get("max_perpendicular_baseline"),
        "min_pixels": judge.get("min_pixels", 30),
    }
    spread = judge.get("maximum_std")
    if "rounds" in find:
        return settle_pairs(
            series,
            **own,
            **limits,
            pair_minimum=judge["minimum"],
            pair_maximum_std=spread,
            max_rounds=find.get("max_rounds", 5),
            fallback=find.get("fallback"),
        )
    ground = stable_pixels(series, **own)
    return ground, screen_pairs(
        series, ground, minimum=judge["minimum"], maximum_std=spread, **limits
    )


def _threshold(
    frozen: xr.Dataset, series: xr.DataArray, judged: xr.Dataset, domain: xr.DataArray | None
) -> xr.DataArray | float:
    """A threshold of the same method, or the number that was given."""
    method = frozen.attrs.get("threshold_method")
    if method not in ("kde_valley", "otsu"):
        return float(frozen.attrs["threshold"])
    if frozen.attrs.get("threshold_domain") == "given by domain" and domain is None:
        message = "update_tai(refresh=True) needs domain=..., from which the threshold was taken"
        raise ValueError(message)
    return ndai_threshold(mean_ndai(series, judged), method=method, domain=domain)


def _drift_of_ground(
    frozen: xr.Dataset,
    series: xr.DataArray,
    judged: xr.Dataset,
    stable: xr.DataArray,
    ground: xr.DataArray,
) -> dict[str, Any]:
    before, after = (mask.drop_vars(mask.coords) for mask in (stable, ground))
    pixels = xr.Dataset({"gained": (after & ~before).sum(), "lost": (before & ~after).sum()})
    pixels = pixels.compute()
    record = read_record(frozen, by="update_tai")
    frozen_means = record["stable_mean"].where(record["use"] == COUNTED)
    old = frozen_means.reindex(pair_index(series, by="update_tai")).to_numpy()
    new = judged_means(series, judged, by="update_tai")
    both = np.isfinite(old) & np.isfinite(new)
    return {
        "stable_gained": int(pixels["gained"]),
        "stable_lost": int(pixels["lost"]),
        "stable_mean": float((new - old)[both].mean()) if both.any() else None,
        "pairs_gained": int((np.isfinite(new) & ~np.isfinite(old)).sum()),
        "pairs_lost": int((np.isfinite(old) & ~np.isfinite(new)).sum()),
    }


def _drift_of_classes(frozen: xr.Dataset, fresh: xr.Dataset) -> dict[str, Any]:
    by, _ = grouping(frozen)
    before, after = xr.align(frozen["activity"], fresh["activity"], join="inner")
    active = CLASSES["active"]
    counts = xr.Dataset(
        {
            "before": (before == active).sum(),
            "after": (after == active).sum(),
            "changed": (before != after).sum(),
        }
    ).compute()
    drift: dict[str, Any] = {
        "active_pixels": int(counts["after"]) - int(counts["before"]),
        "changed_pixels": int(counts["changed"]),
    }
    if by is None and crs_of(fresh) is not None:
        areas = [activity_areas(each).area.sel(activity=active) for each in (after, before)]
        drift["active_ha"] = float(areas[0]) - float(areas[1])
    return drift
