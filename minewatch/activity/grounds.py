"""One series, several ideas of stable ground: the ledger by each of them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import xarray as xr

from minewatch.activity.screening import TooFewStablePixels, screen_pairs
from minewatch.activity.settling import settle_pairs
from minewatch.activity.stable import stable_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Ground", "stable_grounds"]


class Ground(NamedTuple):
    """Stable ground by one definition: its ledger, or why there is none."""

    name: str
    ledger: xr.Dataset | None
    reason: str


def stable_grounds(
    coherence: xr.DataArray,
    definitions: Sequence[tuple[float, float]],
    *,
    ledger: xr.Dataset | None = None,
    within: xr.DataArray | None = None,
    max_perpendicular_baseline: float | None = 250.0,
    min_pixels: int = 30,
) -> list[Ground]:
    """Judge the pairs by each definition of stable ground; computes.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).
    definitions : sequence of (float, float)
        Mean coherence that stable pixels exceed, and spread that they stay below.
    ledger : xarray.Dataset, optional
        That of the first definition, if it is there already. The others are then judged by the
        limits in its attributes, and in rounds if it was.
    within : xarray.DataArray, optional
        Where to look for stable pixels.
    max_perpendicular_baseline, min_pixels
        As in :func:`~minewatch.activity.screen_pairs`; those of `ledger` come first.

    Returns
    -------
    list of Ground
        One for each definition, in their order.

    Examples
    --------
    >>> import numpy as np
    >>> coherence = xr.DataArray(np.full((3, 6, 6), 0.85, "float32"), dims=("pair", "y", "x"))
    >>> some = stable_grounds(coherence, [(0.8, 0.2), (0.9, 0.1)], max_perpendicular_baseline=None)
    >>> [(ground.name, ground.ledger is None) for ground in some]
    [('0.8/0.2', False), ('0.9/0.1', True)]
    """
    judge: dict[str, Any] = {
        "max_perpendicular_baseline": max_perpendicular_baseline,
        "min_pixels": min_pixels,
    }
    rounds = 1
    if ledger is not None:
        # What is None is not among the attributes: there was no limit.
        limits = ("minimum", "maximum_std", "max_perpendicular_baseline")
        judge |= {name: ledger.attrs.get(name) for name in limits}
        judge |= {"minimum": ledger.attrs.get("minimum", 0.8)}
        judge |= {"min_pixels": ledger.attrs.get("min_pixels", min_pixels)}
        rounds = int(ledger.attrs.get("max_rounds", 1))
    first = [] if ledger is None else [_named(definitions[0], ledger, "")]
    rest = definitions[len(first) :]
    if rounds > 1:
        pairs = {"pair_minimum": judge.pop("minimum"), "pair_maximum_std": judge.pop("maximum_std")}
        judge |= {"within": within, "max_rounds": rounds, **pairs}
        return [*first, *(_settled(coherence, each, judge) for each in rest)]
    masks = xr.Dataset(  # of all definitions in one pass
        {
            str(i): stable_pixels(coherence, minimum=least, maximum_std=most, within=within)
            for i, (least, most) in enumerate(rest)
        }
    ).compute()
    return [
        *first,
        *(
            _judged(coherence, each, masks[str(i)], judge, quiet=bool(i or first))
            for i, each in enumerate(rest)
        ),
    ]


def _judged(
    coherence: xr.DataArray,
    definition: tuple[float, float],
    stable: xr.DataArray,
    judge: dict[str, Any],
    *,
    quiet: bool,
) -> Ground:
    with warnings.catch_warnings():
        if quiet:  # the first has said what there is to say of baselines
            warnings.simplefilter("ignore", UserWarning)
        try:
            return _named(definition, screen_pairs(coherence, stable, **judge), "")
        except TooFewStablePixels as error:
            return _named(definition, None, str(error))


def _settled(
    coherence: xr.DataArray, definition: tuple[float, float], judge: dict[str, Any]
) -> Ground:
    minimum, maximum_std = definition
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            _, ledger = settle_pairs(coherence, minimum=minimum, maximum_std=maximum_std, **judge)
        except ValueError as error:
            return _named(definition, None, str(error))
    return _named(definition, ledger, "")


def _named(definition: tuple[float, float], ledger: xr.Dataset | None, reason: str) -> Ground:
    name = f"{definition[0]:g}/{definition[1]:g}"
    if ledger is not None and not ledger["keep"].values.any():
        return Ground(name, None, "no pair is coherent enough over stable ground")
    return Ground(name, ledger, reason)
