"""Ground that nobody touched: high mean coherence with little spread over time.

After Moon and Lee, as used by Kavats et al. (2025, doi:10.1144/gslspecpub2023-216), who measure
every date against such pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import _apply, kernels
from minewatch.conventions import Layer, conform, require, require_same_grid

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = [
    "DERIVED",
    "GIVEN",
    "STABLE",
    "enough_observations",
    "inside",
    "stable_pixels",
    "temporal_moments",
]

DERIVED, GIVEN = "half the pairs, at least 3", "given"
STABLE = Layer("stable", "stable pixels", dtype="bool")


def stable_pixels(
    coherence: xr.DataArray,
    *,
    minimum: float = 0.8,
    maximum_std: float = 0.2,
    within: xr.DataArray | None = None,
    min_count: int | None = None,
) -> xr.DataArray:
    r"""Pixels whose coherence is high on average and steady over time.

    .. math:: \bar\gamma > \gamma_{min} \;\wedge\; s_\gamma < s_{max} \;\wedge\; n \ge n_{min}

    with the sample standard deviation (n − 1). Found on the whole series, before any pair is
    dropped.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    minimum : float
        Mean coherence that a stable pixel exceeds; 0.8 and a spread of 0.2 follow Moon and Lee,
        0.9 and 0.1 are the stricter choice of Wang et al.
    maximum_std : float
        Standard deviation over time that a stable pixel stays below.
    within : xarray.DataArray, optional
        Where to look: bool, dims (y, x); by default the whole scene.
    min_count : int, optional
        Fewest observations of a pixel; by default half the pairs and at least 3.

    Returns
    -------
    xarray.DataArray
        ``stable``, dims (y, x), bool, lazy if `coherence` is. False also where too little was
        observed to say.

    Raises
    ------
    ValueError
        If there are fewer than three pairs.

    See Also
    --------
    screen_pairs : judges each pair by these pixels.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import xarray as xr
    >>> series = [[[0.9, 0.9]], [[0.8, 0.2]], [[0.9, 0.9]]]
    >>> coherence = xr.DataArray(np.float32(series), dims=("pair", "y", "x"))
    >>> stable_pixels(coherence).values
    array([[ True, False]])
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="stable_pixels")
    pairs = coherence.sizes["pair"]
    if pairs < 3:
        message = (
            f"stable_pixels needs at least 3 pairs to speak of a spread over time, got {pairs}; "
            "add acquisitions"
        )
        raise ValueError(message)
    enough = enough_observations(pairs) if min_count is None else min_count
    count, mean, std = temporal_moments(coherence)
    stable = (mean > minimum) & (std < maximum_std) & (count >= enough)
    return conform(
        inside(stable, within, by="stable_pixels"),
        STABLE,
        minimum=minimum,
        maximum_std=maximum_std,
        min_count=enough,
        min_count_is=DERIVED if min_count is None else GIVEN,
        domain="the whole scene" if within is None else "given by within",
    )


def inside(pixels: xr.DataArray, within: xr.DataArray | None, *, by: str) -> xr.DataArray:
    """Those pixels that lie where one looks.

    Parameters
    ----------
    pixels : xarray.DataArray
        Bool, dims (y, x).
    within : xarray.DataArray or None
        Where to look, bool on the same grid; None is everywhere.
    by : str
        The function that asks, for the message.

    Returns
    -------
    xarray.DataArray
        Bool, dims (y, x).

    Examples
    --------
    >>> import xarray as xr
    >>> some = xr.DataArray([[True, True]], dims=("y", "x"))
    >>> inside(some, xr.DataArray([[True, False]], dims=("y", "x")), by="stable_pixels").values
    array([[ True, False]])
    """
    if within is None:
        return pixels
    require(within, "y", "x", dtype="bool", by=f"{by} (within)")
    require_same_grid(pixels, within, by=by)
    return pixels & within.drop_vars(within.coords)


def enough_observations(pairs: int) -> int:
    """Fewest observations of a pixel by default: half the pairs, and at least 3.

    Parameters
    ----------
    pairs : int
        Number of pairs in the series.

    Returns
    -------
    int
        The least number of observations.

    Examples
    --------
    >>> enough_observations(4), enough_observations(25)
    (3, 13)
    """
    return max(3, math.ceil(pairs / 2))


def temporal_moments(
    coherence: xr.DataArray,
) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """Number, mean and sample standard deviation of the finite values of each pixel's series.

    Sums are kept in float64 and added over blocks of pairs, so that ``pair`` may be chunked.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).

    Returns
    -------
    (xarray.DataArray, xarray.DataArray, xarray.DataArray)
        Count (uint16), mean and standard deviation (float64, NaN where the count is too small).

    Examples
    --------
    >>> import xarray as xr
    >>> series = np.float32([[[0.5]], [[np.nan]], [[0.7]]])
    >>> count, mean, std = temporal_moments(xr.DataArray(series, dims=("pair", "y", "x")))
    >>> count.item(), round(mean.item(), 4), round(std.item(), 4)
    (2, 0.6, 0.1414)
    """
    every = np.zeros(coherence.sizes["pair"])
    single = coherence.astype("float32", copy=False)
    _, count = _apply.tally(kernels.count_exceedances, single, every)
    total, squares = _apply.tally(power_sums, single, every, dtype="float64")
    mean = total / count.where(count > 0)
    variance = (squares - total * mean) / (count.astype("float64").where(count > 1) - 1)
    return count, mean, variance.clip(min=0) ** 0.5


def power_sums(
    block: npt.NDArray[Any], _: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum and sum of squares over the first axis, NaN left out, one image at a time."""
    total = np.zeros(block.shape[1:])
    squares = np.zeros(block.shape[1:])
    for image in block:
        value = np.where(np.isfinite(image), image, 0).astype("float64")
        total += value
        squares += value * value
    return total, squares
