r"""What a coherence estimate of L looks is worth: bias, spread, distribution.

For circular Gaussian speckle of true coherence D the squared estimate is a mixture,

.. math:: K \sim \mathrm{NegBin}(L, 1 - D^2), \qquad
          \hat\gamma^2 \mid K \sim \mathrm{Beta}(K + 1, L - 1),

all of whose terms are positive. It equals the hypergeometric series of Touzi et al. (1999,
doi:10.1109/36.739146) and, unlike it, loses no digits at high coherence or many looks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from minewatch import _apply
from minewatch.conventions import Layer, conform, require
from minewatch.insar.provenance import carried

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["COHERENCE", "coherence_cdf", "debias", "effective_looks", "expected_coherence"]

COHERENCE = Layer("coherence", "interferometric coherence")

# Sentinel-1 IW2, (azimuth, range) in metres: nominal values of the product specification.
SENTINEL1_SPACING = (14.1, 2.33)
SENTINEL1_RESOLUTION = (22.6, 3.1)

_MOST_TERMS = 20_000  # beyond this many terms the mixture is summed in strides
_NEARLY_ONE = 0.9995  # beyond this true coherence the mean is interpolated to its limit, 1
_NODES = 512


def effective_looks(
    window: tuple[int, int],
    *,
    spacing: tuple[float, float] = SENTINEL1_SPACING,
    resolution: tuple[float, float] = SENTINEL1_RESOLUTION,
) -> float:
    r"""Independent looks in a window of oversampled, hence correlated, pixels.

    .. math:: L = \frac{NM}{\sum_{p,q} (1 - |p|/N)(1 - |q|/M)\, |\rho(p, q)|^2}, \qquad
              \rho = \mathrm{sinc}(p f_x)\, \mathrm{sinc}(q f_y),

    where f is pixel spacing over resolution: the ideal, unweighted spectrum. Spectral weighting
    lowers L; measured over ground that is wholly decorrelated, e.g. deep water,
    :math:`1 / \langle\hat\gamma^2\rangle` is exact.

    Parameters
    ----------
    window : (int, int)
        Rows (azimuth) and columns (range).
    spacing, resolution : (float, float)
        Pixel spacing and resolution in metres, azimuth first; Sentinel-1 IW2 by default.

    Returns
    -------
    float
        Effective number of looks, at most rows × columns where pixels are not finer than the
        resolution.

    Raises
    ------
    ValueError
        If the window or a spacing is not positive.

    See Also
    --------
    calibrated_looks : measured over decorrelated ground.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146.

    Examples
    --------
    >>> round(effective_looks((3, 10)), 2), round(effective_looks((2, 7)), 2)
    (18.14, 9.30)
    """
    if min(window) < 1 or min(*spacing, *resolution) <= 0:
        message = (
            f"effective_looks needs a positive window, spacing and resolution, got "
            f"window={window}, spacing={spacing}, resolution={resolution}; "
            "e.g. window=(3, 10), spacing=(14.1, 2.33), resolution=(22.6, 3.1)"
        )
        raise ValueError(message)
    shared = 1.0
    for size, step, width in zip(window, spacing, resolution, strict=True):
        lag = np.arange(1 - size, size)
        shared *= float(((1 - abs(lag) / size) * np.sinc(lag * step / width) ** 2).sum())
    return window[0] * window[1] / shared


def expected_coherence(true: npt.ArrayLike, looks: float) -> Any:
    r"""Mean of the coherence estimate over ground of a given true coherence.

    .. math:: E[\hat\gamma] = \sum_k P(K = k)\,
              \frac{\Gamma(k + 3/2)\, \Gamma(k + L)}{\Gamma(k + L + 1/2)\, \Gamma(k + 1)}

    Never 0: decorrelated ground reads about :math:`\sqrt{\pi / 4L}`.

    Parameters
    ----------
    true : array_like
        True coherence, 0 to 1.
    looks : float
        Independent looks, above 1 (not necessarily whole).

    Returns
    -------
    float or numpy.ndarray
        Expected estimate, float64, shape of `true`; NaN where `true` is NaN.

    Raises
    ------
    ValueError
        If a coherence is outside 0 to 1 or `looks` is not above 1.

    See Also
    --------
    debias : the inverse, on a coherence layer.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146.

    Examples
    --------
    >>> round(expected_coherence(0.0, 14), 5)
    0.23898
    >>> expected_coherence([0.5, 1.0], 30).round(5)
    array([0.5099, 1. ])
    """
    coherence = np.asarray(true, "float64")
    _check(coherence, looks, by="expected_coherence")
    distinct, back = np.unique(coherence, return_inverse=True)
    mean = np.array([_mean(float(value), looks) for value in distinct])[back]
    return _plain(mean.reshape(coherence.shape))


def coherence_cdf(value: npt.ArrayLike, true: npt.ArrayLike, looks: float) -> Any:
    r"""Probability that the coherence estimate stays below a value.

    .. math:: F(d) = \sum_k P(K = k)\, I_{d^2}(k + 1, L - 1)

    with I the regularised incomplete beta function. At the coherence threshold of an activity
    index it is the rate at which ground of true coherence D is called active.

    Parameters
    ----------
    value : array_like
        Estimates, 0 to 1.
    true : array_like
        True coherence, 0 to 1; broadcast against `value`.
    looks : float
        Independent looks, above 1.

    Returns
    -------
    float or numpy.ndarray
        Probability, float64; NaN where an input is NaN.

    Raises
    ------
    ValueError
        If a true coherence is outside 0 to 1 or `looks` is not above 1.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146.

    Examples
    --------
    >>> round(coherence_cdf(0.68, 0.8, 14.3), 3)
    0.055
    >>> round(coherence_cdf(0.5, 0.0, 4), 6) == round(1 - 0.75**3, 6)
    True
    """
    below, coherence = np.broadcast_arrays(
        np.asarray(value, "float64"), np.asarray(true, "float64")
    )
    _check(coherence, looks, by="coherence_cdf")
    shape, below, coherence = below.shape, below.ravel(), coherence.ravel()
    squared = np.clip(below, 0, 1) ** 2
    probability = np.full(below.shape, np.nan)
    for level in np.unique(coherence[np.isfinite(coherence)]):
        here = np.flatnonzero(coherence == level)
        if level == 1:
            probability[here] = np.where(below[here] < 1, 0.0, 1.0)
            continue
        terms, weights = _mixture(float(level), looks)
        for i in here:
            probability[i] = weights @ scipy.special.betainc(terms + 1, looks - 1, squared[i])
    return _plain(np.where(np.isnan(below), np.nan, probability).reshape(shape))


def debias(coherence: xr.DataArray, *, looks: float) -> xr.DataArray:
    """True coherence whose expected estimate is the one that was measured.

    Inverts :func:`expected_coherence` pixel by pixel. Estimates below the floor become 0. The
    spread grows at low coherence, and thresholds that were set on plain estimates (the 0.8 of
    stable pixels) do not carry over.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (..., y, x).
    looks : float
        Independent looks, e.g. ``coherence.attrs["looks"]``.

    Returns
    -------
    xarray.DataArray
        ``coherence``, same dims, float32, in [0, 1], lazy if the input is.

    Raises
    ------
    ValueError
        If `looks` is not above 1.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146.

    Examples
    --------
    >>> import xarray as xr
    >>> measured = xr.DataArray([[0.60454, 0.2]], dims=("y", "x"))
    >>> debias(measured, looks=4).values
    array([[0.5, 0. ]], dtype=float32)
    """
    require(coherence, ..., "y", "x", dtype="floating", by="debias")
    nodes = np.linspace(0, 1, _NODES)
    curve = scipy.interpolate.PchipInterpolator(expected_coherence(nodes, looks), nodes)
    result = _apply.with_shared(_inverted, curve, [coherence])
    record = {**carried(coherence), "looks": looks, "looks_source": "given", "debiased": True}
    return conform(result, COHERENCE, **record)


def _inverted(
    curve: scipy.interpolate.PchipInterpolator, block: npt.NDArray[Any]
) -> npt.NDArray[np.float32]:
    floor, top = curve.x[[0, -1]]
    true = curve(np.clip(block, floor, top))
    return np.where(np.isfinite(block), true, np.nan).astype("float32")


def _plain(values: npt.NDArray[np.float64]) -> Any:
    return values if values.ndim else float(values)


def _check(coherence: npt.NDArray[np.float64], looks: float, *, by: str) -> None:
    if not looks > 1:
        message = (
            f"{by} needs more than 1 look, got looks={looks}; one look always reads coherence 1. "
            "See effective_looks(window)"
        )
        raise ValueError(message)
    outside = (coherence < 0) | (coherence > 1)
    if outside.any():
        message = (
            f"{by} needs a true coherence of 0 to 1, got {coherence[outside].flat[0]:g}; "
            "clip it first"
        )
        raise ValueError(message)


def _mean(true: float, looks: float) -> float:
    if np.isnan(true) or true == 1:
        return true
    if true > _NEARLY_ONE:
        excess = _mean(_NEARLY_ONE, looks) - _NEARLY_ONE
        return true + excess * (1 - true) / (1 - _NEARLY_ONE)
    terms, weights = _mixture(true, looks)
    gain = scipy.special.gammaln(terms + 1.5) - scipy.special.gammaln(terms + looks + 0.5)
    loss = scipy.special.gammaln(terms + looks) - scipy.special.gammaln(terms + 1)
    return float(weights @ np.exp(gain + loss))


def _mixture(true: float, looks: float) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Values of K that matter and their probabilities."""
    success = 1 - true**2
    if true == 0:
        return np.zeros(1), np.ones(1)
    low, high = (float(scipy.stats.nbinom.ppf(q, looks, success)) for q in (1e-15, 1 - 1e-14))
    step = max(1, int((high - low) // _MOST_TERMS))
    terms = np.arange(max(low, 0), high + step, step)
    weights = scipy.stats.nbinom.pmf(terms, looks, success)
    return terms, weights / weights.sum()
