r"""The improved sigma filter of Lee et al. (2009).

A sigma filter averages the neighbours that lie within a range about the pixel. Three things make
it unbiased and keep targets: the range is about a first guess of the backscatter instead of the
noisy pixel, it is cut so that the mean of speckle within it is 1, and strong targets are found
first and left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import xarray as xr

from minewatch import kernels
from minewatch._apply import windowed
from minewatch.conventions import conform, require, require_power
from minewatch.speckle._layers import named, over_layers, require_looks

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["lee_sigma", "sigma_range"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)


def sigma_range(looks: float, *, sigma: float = 0.9) -> tuple[float, float, float]:
    r"""The range that holds a share ξ of speckle and whose mean is 1.

    Solves, for the gamma density p of mean 1 and shape L,

    .. math:: \int_{I_1}^{I_2} p(v)\,dv = \xi, \qquad
              \frac{1}{\xi} \int_{I_1}^{I_2} v\,p(v)\,dv = 1, \qquad
              \eta'^2 = \frac{1}{\xi} \int_{I_1}^{I_2} (v - 1)^2 p(v)\,dv

    Parameters
    ----------
    looks : float
        Equivalent number of looks L > 0, not necessarily whole.
    sigma : float
        Share ξ of speckle in the range, in (0, 1).

    Returns
    -------
    (float, float, float)
        I1, I2 and η′, the standard deviation within the range; all relative to the mean.

    Raises
    ------
    ValueError
        If `looks` or `sigma` is out of range.

    References
    ----------
    Lee et al. (2009), Improved sigma filter for speckle filtering of SAR imagery, IEEE TGRS
    47(1), doi:10.1109/TGRS.2008.2002881

    Examples
    --------
    >>> low, high, spread = sigma_range(4, sigma=0.9)
    >>> [round(value, 4) for value in (low, high, spread)]
    [0.3772, 2.0888, 0.399]
    """
    from scipy.optimize import brentq
    from scipy.special import gammainc, gammaincinv

    require_looks(looks, by="sigma_range")
    if not 0 < sigma < 1:
        message = f"sigma_range needs a share in (0, 1), got sigma={sigma}; use 0.8, 0.9 or 0.95"
        raise ValueError(message)

    # v p(v) of shape L is the density of shape L + 1 and the same scale, and so on.
    def share(limits: npt.NDArray[np.float64], moment: int) -> float:
        below, above = gammainc(looks + moment, limits)
        return float(above - below)

    def limits(skipped: float) -> npt.NDArray[np.float64]:
        return np.asarray(gammaincinv(looks, [skipped, min(skipped + sigma, 1.0)]))

    skipped = brentq(lambda at: share(limits(at), 1) - sigma, 0.0, 1.0 - sigma, xtol=1e-15)
    found = limits(skipped)
    variance = (1 + 1 / looks) * share(found, 2) / sigma - 1
    return float(found[0] / looks), float(found[1] / looks), float(np.sqrt(max(variance, 0.0)))


def lee_sigma(
    backscatter: XarrayT,
    *,
    looks: float,
    strong: float | Mapping[str, float],
    sigma: float = 0.9,
    window: int = 9,
    target_window: int = 3,
    min_bright: int = 7,
) -> XarrayT:
    r"""Improved Lee sigma filter.

    1. Strong targets stay as they are: where a pixel of at least `strong` has `min_bright` such
       pixels in the small window around it, all of these.
    2. A first guess x̃ of each other pixel's backscatter: :func:`lee` in the small window.
    3. Neighbours z in the large window with :math:`I_1 \tilde x \le z \le I_2 \tilde x`, a range
       that holds the share `sigma` of speckle and has its mean at x̃ (:func:`sigma_range`).
    4. Of these the mean and variance, and :math:`\hat x = \bar z + b (z - \bar z)` with

       .. math:: b = \frac{s^2 - \bar z^2 \eta'^2}{s^2 (1 + \eta'^2)} \in [0, 1]

    5. Where no neighbour is in the range, x̃.

    Parameters
    ----------
    backscatter : xarray.DataArray or xarray.Dataset
        Linear power, dims (..., y, x); in a Dataset every floating variable is filtered and the
        others are kept.
    looks : float
        Equivalent number of looks L, e.g. 4.4 for Sentinel-1 IW GRD.
    strong : float or mapping of str to float
        Power from which on a pixel may belong to a strong target, one for all or one for each
        variable: what :func:`strong_target_level` found in the whole scene. ``float("inf")``
        filters targets like everything else.
    sigma : float
        Share ξ of speckle in the range, in (0, 1).
    window : int
        Rows and columns of the large window, odd.
    target_window : int
        Rows and columns of the small window of steps 1 and 2, odd.
    min_bright : int
        Strong pixels in the small window that make a target.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Filtered power, float32, same names, lazy if the input is. NaN where the pixel is NaN, or
        is no strong target and has less than half of either window valid.

    Raises
    ------
    ValueError
        If the units say dB, or the settings make no filter.
    KeyError
        If `strong` lacks a variable.

    See Also
    --------
    lee, refined_lee : filters without a range.
    minewatch.kernels.sigma_filter, minewatch.kernels.strong_targets : the loops.

    Notes
    -----
    Speckle of 4.4 looks comes out with 92 (69 for ``window=7``). The guess is noisy, so its range
    holds somewhat more of the dark side: the mean of even ground falls by 0.5 %, of one look by
    2 %. More is lost where bright texture lies outside of the ranges.

    References
    ----------
    Lee et al. (2009), Improved sigma filter for speckle filtering of SAR imagery, IEEE TGRS
    47(1), doi:10.1109/TGRS.2008.2002881

    Examples
    --------
    >>> power = xr.DataArray(np.random.default_rng(1).gamma(4, size=(99, 99)), dims=("y", "x"))
    >>> power[40:43, 50:53] = 80
    >>> from minewatch.speckle import strong_target_level
    >>> filtered = lee_sigma(power, looks=4, strong=strong_target_level(power))
    >>> filtered[41, 48:55].round(1).values
    array([ 4. ,  5.8, 80. , 80. , 80. ,  6.6,  4.2], dtype=float32)
    """
    by = "lee_sigma"
    for setting, size in (("window", window), ("target_window", target_window)):
        if size < 3 or size % 2 == 0:
            message = f"{by} needs odd windows with a centre, got {setting}={size}; use 3, 7 or 9"
            raise ValueError(message)
    if not 1 <= min_bright <= target_window**2:
        message = (
            f"{by} finds 1 to {target_window**2} bright pixels in a window of {target_window}, "
            f"got min_bright={min_bright}; use 7 with target_window=3"
        )
        raise ValueError(message)
    low, high, spread = sigma_range(looks, sigma=sigma)
    if isinstance(backscatter, xr.Dataset):
        return over_layers(
            backscatter,
            lambda layer: lee_sigma(
                layer,
                looks=looks,
                strong=strong,
                sigma=sigma,
                window=window,
                target_window=target_window,
                min_bright=min_bright,
            ),
        )
    require(backscatter, ..., "y", "x", by=by, dtype="floating")
    require_power(backscatter, by=by)
    level = _level(backscatter, strong)
    # What is bright two small half windows away decides whether a pixel belongs to a target.
    halo = max(window, 2 * target_window - 1)
    filtered = windowed(
        _sigma,
        backscatter.astype("float32"),
        window=(halo, halo),
        arguments=(float(looks), level, window, low, high, spread, target_window, min_bright),
    )
    return conform(
        filtered,
        named(backscatter),
        speckle_filter=by,
        looks=float(looks),
        strong=level if np.isfinite(level) else "none",
        sigma=float(sigma),
        window=window,
        target_window=target_window,
        min_bright=min_bright,
    )


def _sigma(
    power: npt.NDArray[np.float32],
    looks: float,
    level: float,
    window: int,
    low: float,
    high: float,
    spread: float,
    target_window: int,
    min_bright: int,
) -> npt.NDArray[np.float32]:
    """The five steps on one block."""
    prior = kernels.lee(power, target_window, target_window, looks, 0)
    filtered = kernels.sigma_filter(power, prior, window, low, high, spread)
    targets = kernels.strong_targets(power, level, target_window, min_bright)
    return np.where(targets == 1, power, filtered)


def _level(layer: xr.DataArray, strong: float | Mapping[str, float]) -> float:
    """The level of strong targets of one layer."""
    if isinstance(strong, Mapping):
        if layer.name not in strong:
            message = (
                f"lee_sigma knows strong targets of {sorted(strong)}, not of {layer.name!r}; "
                "pass strong_target_level(backscatter)"
            )
            raise KeyError(message)
        strong = strong[str(layer.name)]
    if not strong > 0:
        message = (
            f"lee_sigma needs a power above 0, got strong={strong}; use strong_target_level, "
            "or float('inf') to filter targets too"
        )
        raise ValueError(message)
    return float(strong)
