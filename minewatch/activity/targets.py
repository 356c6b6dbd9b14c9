"""The activity index of a whole site, and the index on an additive scale.

S002 measures a site by the mean of its coherence and not pixel by pixel; since the index is not
linear, that is not the mean of the pixels' indices. Both are here, for any set of pixels: a mine,
or the stable ground itself, whose index should not depend on the baseline.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr

from minewatch.activity.differences import levels_of, ndai
from minewatch.conventions import Layer, conform, require, require_same_grid

__all__ = ["log_activity", "site_ndai"]

SITE = Layer("ndai", "normalised difference activity index of a site")
LOG_ACTIVITY = Layer("log_activity", "logarithm of coherence relative to stable ground")


def site_ndai(
    coherence: xr.DataArray,
    stable_mean: xr.DataArray | float,
    within: xr.DataArray,
    *,
    target: Literal["zone_mean", "pixel"] = "zone_mean",
    min_valid: float = 0.5,
) -> xr.DataArray:
    r"""Activity index of a site, one value a pair.

    .. math:: \mathrm{NDAI}_z = \frac{g - \bar\gamma_z}{g + \bar\gamma_z}

    with the mean coherence of the pixels of the site (``"zone_mean"``), or the mean of the indices
    of its pixels (``"pixel"``). The index is convex in coherence, so that the first is the lower.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    stable_mean : xarray.DataArray or float
        Mean coherence g of the stable pixels, e.g. ``ledger.stable_mean``, matched by dates.
    within : xarray.DataArray
        Which pixels: bool, dims (y, x), or (zone, y, x) for several sites.
    target : {"zone_mean", "pixel"}
        What is compared with stable ground: the mean coherence of the site, or each pixel.
    min_valid : float
        Least share of the site's pixels that must be seen, else NaN.

    Returns
    -------
    xarray.DataArray
        ``ndai``, dims (pair,) or (pair, zone), float32, lazy if an input is.

    Raises
    ------
    ValueError
        If the grids differ or `target` is unknown.

    See Also
    --------
    ndai : the index of each pixel.
    zone_series : the same of sites that come as polygons, with the pairs of a ledger.
    baseline_regression : of this series over stable pixels, as in Kavats et al., Fig. 6c.

    References
    ----------
    Jolleys and Duddy (2023), Climate TRACE methodology; Kavats et al. (2025),
    doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> coherence = xr.DataArray(np.float32([[[0.9, 0.3]]]), dims=("pair", "y", "x"))
    >>> site = xr.DataArray([[True, True]], dims=("y", "x"))
    >>> (
    ...     site_ndai(coherence, 0.9, site).values,
    ...     site_ndai(coherence, 0.9, site, target="pixel").values,
    ... )
    (array([0.2], dtype=float32), array([0.25], dtype=float32))
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="site_ndai")
    require(within, ..., "y", "x", dtype="bool", by="site_ndai (within)")
    require_same_grid(coherence, within, by="site_ndai")
    if target not in ("zone_mean", "pixel"):
        message = f"site_ndai knows the targets 'zone_mean' and 'pixel', got target={target!r}"
        raise ValueError(message)
    levels = levels_of(coherence, stable_mean, by="site_ndai")
    values = coherence if target == "zone_mean" else ndai(coherence, stable_mean)
    flat = [name for name, coord in values.coords.items() if {"y", "x"} & set(coord.dims)]
    values = values.drop_vars(flat)
    mask = within.drop_vars([name for name in within.coords if name not in within.dims[:-2]])
    known = np.isfinite(values)
    share = mask.astype("float64")
    seen = xr.dot(known.astype("float64"), share, dim=("y", "x"))
    total = xr.dot(values.where(known, 0).astype("float64"), share, dim=("y", "x"))
    enough = (seen > 0) & (seen >= min_valid * share.sum(("y", "x")))
    mean = total / seen.where(enough)
    if target == "zone_mean":
        level = xr.DataArray(levels, dims="pair")
        mean = ((level - mean) / (level + mean)).where(level + mean != 0)
    return conform(mean, SITE, target=target, min_valid=min_valid)


def log_activity(index: xr.DataArray) -> xr.DataArray:
    r"""The index on an additive scale: what coherence lost, as a logarithm.

    .. math:: \ln \gamma - \ln g = -2 \operatorname{artanh}(\mathrm{NDAI})

    Factors of coherence become summands: two causes of decorrelation that act together add up.

    Parameters
    ----------
    index : xarray.DataArray
        From :func:`ndai`, :func:`mean_ndai` or :func:`site_ndai`, any dims.

    Returns
    -------
    xarray.DataArray
        ``log_activity``, float32, lazy if `index` is: 0 on ground as coherent as stable ground,
        −0.69 at half its coherence. NaN where the index is 1 (no coherence at all) or beyond.

    References
    ----------
    Follows from Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, eq. 4.

    Examples
    --------
    >>> coherence = xr.DataArray(np.float32([[[0.45, 0.225, 0.0]]]), dims=("pair", "y", "x"))
    >>> log_activity(ndai(coherence, 0.9)).values.round(4)
    array([[[-0.6931, -1.3863,     nan]]], dtype=float32)
    """
    require(index, ..., dtype="floating", by="log_activity")
    double = index.astype("float64")
    logarithm: Any = np.arctanh(double.where(abs(double) < 1))
    return conform(-2 * logarithm, LOG_ACTIVITY)
