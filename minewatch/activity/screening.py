"""Which pairs can be trusted: each is judged by what it shows over stable ground.

Where even stable rock loses coherence, rain, snow or a long baseline speaks and not the mine.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import xarray as xr

from minewatch._apply import is_lazy
from minewatch.activity.stable import enough_observations, temporal_moments
from minewatch.conventions import Layer, conform, plain_attrs, require, require_same_grid
from minewatch.insar.identity import label_values

__all__ = ["screen_pairs", "TooFewStablePixels"]

REASONS = {
    "kept": 0,
    "low_stable_coherence": 1,
    "too_few_stable_pixels_seen": 2,
    "spread_too_wide": 3,
    "baseline_too_long": 4,
}
REASON = Layer("reason", "why a pair is kept or dropped", dtype="uint8", flags=REASONS)
KEEP = Layer("keep", "pair is kept", dtype="bool")
MEAN = Layer("stable_mean", "mean coherence of stable pixels", dtype="float64")
STD = Layer("stable_std", "standard deviation over stable pixels", dtype="float64")
SHARE = Layer("valid_share", "share of stable pixels with a value", dtype="float64")

LEAST_SHARE = 0.5  # of the stable pixels must be seen on a date


class TooFewStablePixels(ValueError):
    """There is too little stable ground to measure a scene against.

    The message holds how many pixels there are, how many are needed, and which setting of
    :func:`stable_pixels` would find enough.
    """


def screen_pairs(
    coherence: xr.DataArray,
    stable: xr.DataArray,
    *,
    minimum: float = 0.8,
    maximum_std: float | None = None,
    max_perpendicular_baseline: float | None = 250.0,
    min_pixels: int = 30,
) -> xr.Dataset:
    r"""Judge each pair by the stable pixels; computes one pass over coherence.

    A pair is kept if the mean coherence g of the stable pixels is at least `minimum`, half of
    them were seen, their spread is no more than `maximum_std` and its perpendicular baseline no
    longer than `max_perpendicular_baseline`.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    stable : xarray.DataArray
        From :func:`stable_pixels`, bool, dims (y, x).
    minimum : float
        Least mean coherence over stable pixels; exactly this much is kept.
    maximum_std : float, optional
        Largest standard deviation over stable pixels of a date; None sets no limit.
    max_perpendicular_baseline : float, optional
        Longest perpendicular baseline in metres, of either sign; None sets no limit. A pair whose
        baseline is unknown is kept, with a warning.
    min_pixels : int
        Fewest stable pixels to go by.

    Returns
    -------
    xarray.Dataset
        Ledger along ``pair``: ``stable_mean``, ``stable_std`` (n − 1), ``valid_share``, ``keep``
        and ``reason``, with the coordinates of the pairs. In memory. Where a pair fails on
        several counts, the reason is the first of: baseline, pixels seen, coherence, spread.

    Raises
    ------
    TooFewStablePixels
        If there are fewer than `min_pixels`; names the setting that would give enough.

    See Also
    --------
    stable_pixels : finds the stable ground.
    settle_pairs : finds both until neither changes.
    tai, mean_ndai : use the ledger.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216; Jolleys and
    Duddy (2023), Climate TRACE methodology (baselines).

    Examples
    --------
    >>> coherence = xr.DataArray(np.full((3, 6, 6), 0.9, "float32"), dims=("pair", "y", "x"))
    >>> coherence[1] = 0.6  # rain
    >>> stable = xr.DataArray(np.ones((6, 6), bool), dims=("y", "x"))
    >>> ledger = screen_pairs(coherence, stable, max_perpendicular_baseline=None)
    >>> ledger.keep.values, ledger.reason.values
    (array([ True, False,  True]), array([0, 1, 0], dtype=uint8))
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="screen_pairs")
    require(stable, "y", "x", dtype="bool", by="screen_pairs (stable)")
    require_same_grid(coherence, stable, by="screen_pairs")
    pixels, seen, mean, std = _over_stable(coherence, stable)
    if pixels < min_pixels:
        raise TooFewStablePixels(_advice(coherence, stable, pixels, min_pixels))
    share = seen / max(pixels, 1)
    baseline, unknown = _baselines(coherence)
    reason = np.zeros(len(mean), "uint8")
    # The gravest last, so that it is the one that is recorded.
    if maximum_std is not None:
        reason[~(std <= maximum_std)] = REASONS["spread_too_wide"]
    reason[~(mean >= minimum)] = REASONS["low_stable_coherence"]
    reason[share < LEAST_SHARE] = REASONS["too_few_stable_pixels_seen"]
    if max_perpendicular_baseline is not None:
        reason[baseline > max_perpendicular_baseline] = REASONS["baseline_too_long"]
        if unknown:
            warnings.warn(
                f"screen_pairs does not know the perpendicular baseline of {unknown} of "
                f"{len(mean)} pairs and keeps them; give coherence a coordinate "
                "perpendicular_baseline (pair) in metres, or pass "
                "max_perpendicular_baseline=None to say that it does not matter",
                UserWarning,
                stacklevel=2,
            )
    coords = {
        name: (coord.dims, label_values(coord), coord.attrs)
        for name, coord in coherence.coords.items()
        if coord.dims == ("pair",)
    }
    columns = zip(
        (MEAN, STD, SHARE, KEEP, REASON), (mean, std, share, reason == 0, reason), strict=True
    )
    ledger = xr.Dataset(
        {layer.name: conform(xr.DataArray(data, dims="pair"), layer) for layer, data in columns},
        coords=coords,
    )
    record = {
        "long_name": "pairs, judged by stable pixels",
        "minimum": minimum,
        "maximum_std": maximum_std,
        "max_perpendicular_baseline": max_perpendicular_baseline,
        "min_pixels": min_pixels,
        "stable_pixels": pixels,
        "kept": int((reason == 0).sum()),
    }
    return ledger.assign_attrs(plain_attrs(record))


def _over_stable(coherence: xr.DataArray, stable: xr.DataArray) -> tuple[int, Any, Any, Any]:
    """Stable pixels, and per pair: how many were seen, their mean, their standard deviation."""
    cube = coherence.drop_vars(coherence.coords)
    mask = stable.drop_vars(stable.coords)
    if is_lazy(cube):
        known = (abs(cube) < np.inf) & mask
        double = cube.where(known, 0).astype("float64")
        sums = xr.Dataset(
            {
                "pixels": mask.sum(),
                "seen": known.sum(("y", "x")),
                "total": double.sum(("y", "x"), skipna=False),
                "squares": (double * double).sum(("y", "x"), skipna=False),
            }
        ).compute()
        pixels = int(sums["pixels"])
        seen, total, squares = (sums[name].values for name in ("seen", "total", "squares"))
    else:  # pair by pair, so that no second cube is made
        pixels = int(mask.sum())
        where = mask.values
        picked = (image[where].astype("float64") for image in cube.values)
        known_only = (values[np.isfinite(values)] for values in picked)
        seen, total, squares = np.array(
            [(len(values), values.sum(), values @ values) for values in known_only]
        ).T
    mean = total / np.where(seen > 0, seen, np.nan)
    variance = (squares - total * mean) / np.where(seen > 1, seen - 1, np.nan)
    return pixels, seen, mean, np.sqrt(np.clip(variance, 0, None))


def _baselines(coherence: xr.DataArray) -> tuple[Any, int]:
    if "perpendicular_baseline" not in coherence.coords:
        return np.full(coherence.sizes["pair"], np.nan), coherence.sizes["pair"]
    baseline = abs(np.asarray(label_values(coherence["perpendicular_baseline"]), "float64"))
    return baseline, int(np.isnan(baseline).sum())


def _advice(coherence: xr.DataArray, stable: xr.DataArray, pixels: int, min_pixels: int) -> str:
    """What came, and the nearest setting of stable_pixels that finds enough."""
    found = f"screen_pairs needs min_pixels={min_pixels} stable pixels, got {pixels}"
    if pixels:
        found += f" (min_pixels={pixels} would take them as they are)"
    settings = stable.attrs
    if not {"minimum", "maximum_std"} <= set(settings):
        return f"{found}; give a mask with more pixels"
    enough = settings.get("min_count", enough_observations(coherence.sizes["pair"]))
    above = _steady_above(coherence, settings["maximum_std"], enough)
    where = "" if settings.get("domain") == "the whole scene" else " over the whole scene"
    helps = np.flatnonzero(above >= min_pixels)
    if helps.size and helps[-1] > 0:
        best = helps[-1]
        return f"{found}; stable_pixels(minimum={best / 100:g}) would find {above[best]}{where}"
    return (
        f"{found}; no minimum gives enough with maximum_std={settings['maximum_std']:g}{where}: "
        f"only {above[0]} pixels are that steady; use a larger scene, a larger window or "
        "settle_pairs(fallback='top_k')"
    )


def _steady_above(coherence: xr.DataArray, maximum_std: float, min_count: int) -> Any:
    """How many steady pixels have a mean above 0, 0.01, … 1; one pass."""
    count, mean, std = temporal_moments(coherence)
    # Bins are closed below; of negative means they are so above.
    negative = -mean.where((std < maximum_std) & (count >= min_count)).data
    edges = -np.arange(101, -1, -1) / 100
    if is_lazy(mean):
        import dask.array as da

        counts = da.histogram(negative, bins=edges)[0].compute()
    else:
        counts = np.histogram(negative, bins=edges)[0]
    return np.cumsum(counts)[::-1]
