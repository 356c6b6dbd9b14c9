"""Stable ground and good pairs, each found with the other, until neither changes.

A pair of rain lowers the mean of every pixel and widens its spread, so that rock fails as stable
ground because of pairs that are about to be dropped. Finding the pixels again without these pairs,
and judging all pairs again by these pixels, usually settles in two or three rounds.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minewatch import _apply
from minewatch.activity.screening import TooFewStablePixels, screen_pairs
from minewatch.activity.stable import (
    DERIVED,
    GIVEN,
    STABLE,
    enough_observations,
    inside,
    stable_pixels,
    temporal_moments,
)
from minewatch.conventions import conform, require
from minewatch.insar.identity import label_values

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["settle_pairs"]

TOP_SHARE = 0.005
BINS = 10_000


def settle_pairs(
    coherence: xr.DataArray,
    *,
    minimum: float = 0.8,
    maximum_std: float = 0.2,
    within: xr.DataArray | None = None,
    min_count: int | None = None,
    pair_minimum: float | None = None,
    pair_maximum_std: float | None = None,
    max_perpendicular_baseline: float | None = 250.0,
    min_pixels: int = 30,
    fallback: Literal["top_k"] | None = None,
    max_rounds: int = 5,
) -> tuple[xr.DataArray, xr.Dataset]:
    """Stable pixels and the pairs that they keep, each by the other; computes a few passes.

    The fixed point of :func:`stable_pixels` and :func:`screen_pairs`: the first round finds the
    pixels in all pairs whose baseline is allowed, each further one in the pairs that the round
    before kept. Every pair is judged anew in every round, so that one may come back.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    minimum, maximum_std, within, min_count
        Of stable pixels, as in :func:`stable_pixels`.
    pair_minimum : float, optional
        Least mean coherence of a pair over stable pixels; by default `minimum`.
    pair_maximum_std : float, optional
        Largest standard deviation of a pair over stable pixels; None sets no limit.
    max_perpendicular_baseline, min_pixels
        As in :func:`screen_pairs`.
    fallback : {"top_k"}, optional
        What to do with fewer than `min_pixels` stable pixels: nothing, which is an error, or take
        the 0.5 % of the steady pixels (spread below `maximum_std`) that are the most coherent,
        with a warning.
    max_rounds : int
        Rounds at most; 1 finds pixels and judges pairs once.

    Returns
    -------
    (xarray.DataArray, xarray.Dataset)
        ``stable`` (y, x) and the ledger (pair), both as those functions make them; `stable` is
        lazy if `coherence` is. Attributes of both: ``rounds``, and ``settled`` (1, or 0 where the
        last round still changed something); of `stable` where it applies ``fallback``.

    Raises
    ------
    TooFewStablePixels
        If there are fewer than `min_pixels` and no `fallback`.
    ValueError
        If fewer than three pairs are kept to find stable pixels in.

    Warns
    -----
    UserWarning
        If the rounds come back to pairs that they kept before (a cycle) or do not settle; the last
        round is handed out.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216, without
    iterating.

    Examples
    --------
    >>> import xarray as xr
    >>> series = np.full((6, 6, 6), 0.84, "float32")
    >>> series[1] = 0.5  # rain: no pixel is above 0.8 on average until this pair has gone
    >>> coherence = xr.DataArray(series, dims=("pair", "y", "x"))
    >>> settings = {"minimum": 0.78, "pair_minimum": 0.6, "max_perpendicular_baseline": None}
    >>> stable, ledger = settle_pairs(coherence, **settings)
    >>> int(stable.sum()), ledger.keep.values, ledger.attrs["rounds"]
    (36, array([ True, False,  True,  True,  True,  True]), 2)
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="settle_pairs")
    if max_rounds < 1:
        message = f"settle_pairs needs at least one round, got max_rounds={max_rounds}; 5 is usual"
        raise ValueError(message)
    find: dict[str, Any] = {"minimum": minimum, "maximum_std": maximum_std, "within": within}
    keep = _short_enough(coherence, max_perpendicular_baseline)
    met: list[npt.NDArray[np.bool_]] = []
    settled, cycle = False, False
    for _ in range(max_rounds):
        met.append(keep)
        some = coherence.isel(pair=np.flatnonzero(keep))
        if len(some) < 3:
            message = (
                f"settle_pairs keeps {len(some)} of {len(keep)} pairs, and stable pixels need 3; "
                "lower pair_minimum, allow longer baselines or add acquisitions"
            )
            raise ValueError(message)
        stable = stable_pixels(some, min_count=min_count, **find)
        with warnings.catch_warnings():
            if len(met) > 1:  # of unknown baselines once is enough
                warnings.filterwarnings("ignore", message="screen_pairs does not know")
            judge: dict[str, Any] = {
                "minimum": minimum if pair_minimum is None else pair_minimum,
                "maximum_std": pair_maximum_std,
                "max_perpendicular_baseline": max_perpendicular_baseline,
                "min_pixels": min_pixels,
            }
            try:
                ledger = screen_pairs(coherence, stable, **judge)
            except TooFewStablePixels as error:
                if fallback is None:
                    raise
                stable = _top_pixels(some, maximum_std, within, min_count, str(error))
                stable.attrs["asked_minimum"] = minimum
                ledger = screen_pairs(coherence, stable, **judge)
        keep = np.asarray(ledger["keep"].values)
        settled = bool((keep == met[-1]).all())
        cycle = not settled and any((keep == each).all() for each in met)
        if settled or cycle:
            break
    if not settled and max_rounds > 1:
        _warn(ledger, keep, met[-1], cycle=cycle)
    facts = {"rounds": len(met), "settled": int(settled), "max_rounds": max_rounds}
    return stable.assign_attrs(facts), ledger.assign_attrs(facts)


def _short_enough(coherence: xr.DataArray, longest: float | None) -> npt.NDArray[np.bool_]:
    """Pairs whose baseline is allowed or unknown."""
    if longest is None or "perpendicular_baseline" not in coherence.coords:
        return np.ones(coherence.sizes["pair"], bool)
    baseline = np.asarray(label_values(coherence.coords["perpendicular_baseline"]), "float64")
    return ~(abs(baseline) > longest)


def _top_pixels(
    coherence: xr.DataArray,
    maximum_std: float,
    within: xr.DataArray | None,
    min_count: int | None,
    why: str,
) -> xr.DataArray:
    """The most coherent of the steady pixels; computes a histogram of their means."""
    enough = enough_observations(coherence.sizes["pair"]) if min_count is None else min_count
    count, mean, std = temporal_moments(coherence)
    steady = inside((std < maximum_std) & (count >= enough), within, by="settle_pairs")
    candidates = mean.where(steady).data
    edges = np.linspace(0, 1, BINS + 1)
    if _apply.is_lazy(mean):
        import dask.array as da

        counts = da.histogram(candidates, bins=edges)[0].compute()
    else:
        counts = np.histogram(candidates, bins=edges)[0]
    above = np.cumsum(counts[::-1])[::-1]
    reaching = np.flatnonzero(above >= max(1.0, TOP_SHARE * counts.sum()))
    least = float(edges[reaching[-1]]) if len(reaching) else 1.0
    warnings.warn(
        f"settle_pairs: {why}. It takes the {100 * TOP_SHARE:g} % most coherent of the steady "
        f"pixels, with a mean of {least:.3f} and more; what is measured against them is less sure",
        UserWarning,
        stacklevel=3,
    )
    return conform(
        steady & (mean >= least),
        STABLE,
        minimum=least,
        maximum_std=maximum_std,
        min_count=enough,
        min_count_is=DERIVED if min_count is None else GIVEN,
        domain="the whole scene" if within is None else "given by within",
        fallback="top_k",
    )


def _warn(
    ledger: xr.Dataset,
    keep: npt.NDArray[np.bool_],
    before: npt.NDArray[np.bool_],
    *,
    cycle: bool,
) -> None:
    """Say which pairs the last round still judged otherwise than the one before."""
    torn = np.flatnonzero(keep != before)
    names = [str(position) for position in torn]
    if "secondary_time" in ledger.coords:
        dates = label_values(ledger.coords["secondary_time"])[torn]
        names = [np.datetime_as_string(date, unit="D") for date in dates]
    what = "goes round in a circle" if cycle else "has not settled"
    warnings.warn(
        f"settle_pairs {what}: the last round judges {len(torn)} pairs otherwise "
        f"({', '.join(names[:3])}{', …' if len(names) > 3 else ''}); they lie at the limit, so "
        "move pair_minimum a little, or take max_rounds=1",
        UserWarning,
        stacklevel=3,
    )
