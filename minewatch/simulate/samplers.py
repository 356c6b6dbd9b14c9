"""Direct samplers: coherence, speckle and annual NDAI with known distributions, no SLC needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_power

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["annual_ndai", "coherence_cube", "speckle"]

COHERENCE = Layer("coherence", "simulated coherence estimate")
BACKSCATTER = Layer("backscatter", "simulated backscatter with speckle")
NDAI = Layer("ndai", "simulated annual mean NDAI")


def coherence_cube(
    true: xr.DataArray, *, looks: float, seed: int | np.random.Generator
) -> xr.DataArray:
    r"""Coherence estimates drawn pixel by pixel from their exact distribution.

    What an estimator with :math:`L` independent looks reads where the true coherence is
    :math:`D`, for circular Gaussian signals:

    .. math:: K \sim \mathrm{NegBin}(L, 1-D^2), \qquad
              \hat\gamma^2 \,|\, K \sim \mathrm{Beta}(K+1, L-1)

    The marginal distribution is exact; neighbours are independent, which an estimate in a sliding
    window is not.

    Parameters
    ----------
    true : xarray.DataArray
        True coherence in [0, 1], any dims, NaN where unknown; not lazy.
    looks : float
        Independent looks L > 1, not necessarily whole.
    seed : int or numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    xarray.DataArray
        ``coherence``, dims and coordinates of `true`, float32 in [0, 1]; NaN where `true` is NaN.

    Raises
    ------
    TypeError
        If `true` is no DataArray or is lazy.
    ValueError
        If `true` leaves [0, 1] or `looks` is not above 1.

    See Also
    --------
    slc_stack : complex images whose estimates also have the correlation of a real window.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, IEEE TGRS 37(1),
    doi:10.1109/36.739146: equivalent to its density, as a mixture of positive terms.

    Examples
    --------
    >>> true = xr.DataArray(np.full((100, 100), 0.6), dims=("y", "x"))
    >>> round(float(coherence_cube(true, looks=30, seed=0).mean()), 2)
    0.61
    """
    coherence = _values(true, by="coherence_cube")
    if not looks > 1:
        message = f"coherence_cube needs more than one look, got looks={looks!r}; use e.g. looks=18"
        raise ValueError(message)
    known = np.isfinite(coherence)
    if ((coherence[known] < 0) | (coherence[known] > 1)).any():
        low, high = coherence[known].min(), coherence[known].max()
        message = f"coherence_cube needs true coherence in [0, 1], got {low:g} to {high:g}; clip it"
        raise ValueError(message)
    rng = np.random.default_rng(seed)
    certain = coherence == 1
    # D = 0 and D = 1 are limits of the mixture: K is then 0, or γ̂ is 1.
    success = np.where(known & ~certain, 1 - coherence**2, 1.0)
    more = rng.negative_binomial(looks, success)
    estimate = np.sqrt(rng.beta(more + 1.0, looks - 1.0))
    estimate = np.where(known, np.where(certain, 1.0, estimate), np.nan)
    return conform(true.copy(data=estimate), COHERENCE, looks=looks)


def speckle(
    power: xr.DataArray,
    *,
    looks: float,
    texture: float | None = None,
    seed: int | np.random.Generator,
) -> xr.DataArray:
    r"""Multiply backscatter by speckle: what a radar of a given number of looks would read.

    .. math:: I = \sigma_0 \, T \, v, \qquad v \sim \Gamma(L, 1/L), \quad T \sim \Gamma(\nu, 1/\nu)

    so that the mean is kept, the variance of pure speckle is :math:`\sigma_0^2 / L` and with
    texture (the K distribution) :math:`\sigma_0^2 (1/L + 1/\nu + 1/L\nu)`.

    Parameters
    ----------
    power : xarray.DataArray
        Backscatter free of speckle, linear power, any dims, NaN where unknown; not lazy.
    looks : float
        Equivalent number of looks L > 0, e.g. 4.4 for a Sentinel-1 GRDH image.
    texture : float, optional
        Shape ν > 0 of the gamma texture; None means none (ν → ∞).
    seed : int or numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    xarray.DataArray
        ``backscatter`` (or the name of `power`), linear power, float32, independent pixels.

    Raises
    ------
    TypeError
        If `power` is no DataArray or is lazy.
    ValueError
        If `power` is in dB, or `looks` or `texture` are not positive.

    References
    ----------
    Lee & Pottier (2009), Polarimetric Radar Imaging, CRC Press, ch. 4,
    doi:10.1201/9781420054989.

    Examples
    --------
    >>> flat = xr.DataArray(np.full((200, 200), 0.1), dims=("y", "x"))
    >>> noisy = speckle(flat, looks=4.4, seed=0)
    >>> round(float(noisy.mean() ** 2 / noisy.var()), 1)
    4.4
    """
    clean = _values(power, by="speckle")
    require_power(power, by="speckle")
    for name, value in {"looks": looks, "texture": 1.0 if texture is None else texture}.items():
        if not value > 0:
            message = f"speckle needs {name} above 0, got {value!r}; use e.g. {name}=4.4"
            raise ValueError(message)
    rng = np.random.default_rng(seed)
    noisy = clean * rng.gamma(looks, 1 / looks, clean.shape)
    if texture is not None:
        noisy *= rng.gamma(texture, 1 / texture, clean.shape)
    layer = Layer(str(power.name or BACKSCATTER.name), BACKSCATTER.long_name)
    return conform(power.copy(data=noisy), layer, looks=looks, texture=texture)


def annual_ndai(
    colours: xr.DataArray,
    *,
    years: Sequence[int],
    threshold: float,
    seed: int | np.random.Generator,
) -> xr.DataArray:
    """Annual mean NDAI of ground whose active years are known, clear of every doubtful value.

    Quiet years are uniform on [0, threshold/2], active ones on [3/2 threshold, 2 threshold]: a
    colour composite stretched from 0 to twice the threshold must give back `colours` exactly,
    whether it is read by thresholds or by hue.

    Parameters
    ----------
    colours : xarray.DataArray
        Codes 0..7, dims (y, x): 1 for activity in the first year, plus 2 for the second, plus 4 for
        the third; 255 where unknown.
    years : sequence of int
        The three years.
    threshold : float
        NDAI from which ground counts as active.
    seed : int or numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    xarray.DataArray
        ``ndai``, dims (year, y, x), float32; NaN where the code is 255.

    Raises
    ------
    ValueError
        If there are not three years or a code is neither 0..7 nor 255.

    Examples
    --------
    >>> codes = xr.DataArray(np.array([[5, 0]]), dims=("y", "x"))
    >>> ndai = annual_ndai(codes, years=(2020, 2021, 2022), threshold=0.2, seed=0)
    >>> (ndai > 0.2).isel(y=0, x=0).values.tolist()
    [True, False, True]
    """
    require(colours, "y", "x", by="annual_ndai")
    codes = _values(colours, by="annual_ndai", dtype="int64")
    if len(years) != 3:
        message = (
            f"annual_ndai needs three years, got {len(years)}; use e.g. years=(2020, 2021, 2022)"
        )
        raise ValueError(message)
    known = codes != 255
    if ((codes[known] < 0) | (codes[known] > 7)).any():
        message = (
            f"annual_ndai needs codes 0 to 7, or 255 for unknown, got {codes[known].min()} to "
            f"{codes[known].max()}; use first + 2·second + 4·third year"
        )
        raise ValueError(message)
    rng = np.random.default_rng(seed)
    active = (codes >> np.arange(3)[:, None, None]) & 1
    ndai = threshold * (1.5 * active + 0.5 * rng.random(active.shape))
    result = colours.expand_dims(year=list(years)).copy(data=np.where(known, ndai, np.nan))
    return conform(result, NDAI, threshold=threshold)


def _values(data: xr.DataArray, *, by: str, dtype: str = "float64") -> np.ndarray:
    require(data, ..., by=by)
    if data.chunks is not None:
        message = (
            f"{by} draws one stream over the whole array, so that only the seed decides; "
            "it cannot be lazy: use .compute() first"
        )
        raise TypeError(message)
    return data.values.astype(dtype)
