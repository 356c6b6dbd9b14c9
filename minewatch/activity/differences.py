r"""How far a pixel falls behind stable ground: the normalised difference activity index (NDAI).

.. math:: \mathrm{NDAI} = \frac{g - \gamma}{g + \gamma}
          = \tanh\left(\tfrac{1}{2} \ln (g / \gamma)\right)

with the mean coherence g of the stable pixels on the same date. What weather, geometry and noise
take from both alike cancels. Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, eq. 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import xarray as xr

from minewatch import _apply, kernels
from minewatch.activity.series import grouped, kept_means, only_counted, stack_groups
from minewatch.conventions import Layer, conform, plain_attrs, require
from minewatch.insar.identity import label_values, match_pairs

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["check_threshold", "coherence_threshold", "levels_of", "mean_ndai", "ndai"]

NDAI = Layer("ndai", "normalised difference activity index")
MEAN_NDAI = Layer("mean_ndai", "mean normalised difference activity index")


def ndai(
    coherence: xr.DataArray,
    stable_mean: xr.DataArray | float,
    *,
    clip_input: bool = False,
) -> xr.DataArray:
    r"""Normalised difference activity index of each pixel and pair.

    .. math:: \mathrm{NDAI} = \frac{g - \gamma}{g + \gamma}

    0 is ground as coherent as the stable pixels, 1 no coherence at all; with g ≥ 0.8 the least is
    −1/9. Ground that is wholly decorrelated stays below 1, since the estimate of coherence never
    reads 0.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    stable_mean : xarray.DataArray or float
        Mean coherence g of the stable pixels: ``ledger.stable_mean`` (pair), matched by the dates
        of the pairs, or one number for all.
    clip_input : bool
        Whether coherence outside of 0 to 1, as resampling with overshoot leaves it, is cut to that
        range first. An index above 1 means just that: coherence below 0.

    Returns
    -------
    xarray.DataArray
        ``ndai``, dims (pair, y, x), float32, lazy if `coherence` is; NaN where coherence is, or
        where g + γ is 0. Attribute ``clip_input``, and ``clipped``, the number of samples that
        were cut, where that is known without computing: of coherence in memory.

    Raises
    ------
    KeyError
        If `stable_mean` lacks a pair of `coherence`.

    See Also
    --------
    tai : counts exceedances without computing this cube.
    site_ndai : one value for a site and pair.
    log_activity : the same on an additive scale.
    minewatch.kernels.ndai : the same on bare arrays.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> coherence = xr.DataArray(np.float32([[[0.9, 0.3, 0.0]]]), dims=("pair", "y", "x"))
    >>> ndai(coherence, 0.9).values.round(6)
    array([[[0. , 0.5, 1. ]]], dtype=float32)
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="ndai")
    levels: Any = levels_of(coherence, stable_mean, by="ndai")[:, None, None]
    clipped = None
    if clip_input:
        if not _apply.is_lazy(coherence):
            clipped = int(((coherence < 0) | (coherence > 1)).sum())
        coherence = coherence.clip(0, 1, keep_attrs=True)
    if _apply.is_lazy(coherence):
        import dask.array as da

        levels = da.from_array(levels, chunks=(coherence.data.chunks[0], 1, 1))
    index = kernels.ndai(coherence.astype("float32", copy=False).data, levels)
    record = {"window": coherence.attrs.get("window"), "clip_input": clip_input or None}
    return conform(coherence.copy(data=index), NDAI, **record, clipped=clipped)


def levels_of(
    coherence: xr.DataArray, stable_mean: xr.DataArray | float, *, by: str
) -> npt.NDArray[np.float64]:
    """Mean stable coherence of each pair, matched by dates, or the same for all.

    Parameters
    ----------
    coherence : xarray.DataArray
        With the dates of its pairs.
    stable_mean : xarray.DataArray or float
        Along pair, or one number.
    by : str
        The function that asks, for the message.

    Returns
    -------
    numpy.ndarray
        A float64 for each pair.

    Examples
    --------
    >>> levels_of(xr.DataArray(np.zeros((2, 1, 1)), dims=("pair", "y", "x")), 0.9, by="ndai")
    array([0.9, 0.9])
    """
    if isinstance(stable_mean, xr.DataArray) and stable_mean.ndim:
        require(stable_mean, "pair", dtype="floating", by=f"{by} (stable_mean)")
        at = match_pairs(coherence, stable_mean, by=by)
        return np.asarray(label_values(stable_mean), "float64")[at]
    return np.full(coherence.sizes["pair"], float(stable_mean))


def mean_ndai(
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    by: Literal["year", "season"] | None = None,
    assign: Literal["secondary", "mid"] = "secondary",
    min_count: int = 3,
) -> xr.DataArray:
    """Mean NDAI of the pairs that the ledger keeps, in one pass over coherence.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    ledger : xarray.Dataset
        From :func:`screen_pairs`; pairs are matched by their dates.
    by : {"year", "season"}, optional
        One mean a year, or a quarter beginning in December, March, June or September. For the
        snow-free months of each year select these pairs first and use ``"year"``:
        ``coherence.isel(pair=coherence.secondary_time.dt.month.isin(range(5, 10)))``.
    assign : {"secondary", "mid"}
        Which date puts a pair into its year or season: the second acquisition or the middle.
    min_count : int
        Fewest observations of a pixel (in each group), else NaN.

    Returns
    -------
    xarray.DataArray
        ``mean_ndai``, dims (y, x), (year, y, x) or (season, y, x), float32, lazy if `coherence`
        is.

    Raises
    ------
    ValueError
        If the ledger keeps no pair or `by` is unknown.
    KeyError
        If the ledger lacks a pair of `coherence`.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import pandas as pd
    >>> dates = pd.date_range("2022-06-01", periods=4, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coherence = xr.DataArray(
    ...     np.float32([[[0.9, 0.3]], [[0.5, 0.5]], [[0.9, 0.3]]]),
    ...     dims=("pair", "y", "x"),
    ...     coords=coords,
    ... )
    >>> ledger = xr.Dataset(
    ...     {"stable_mean": ("pair", [0.9, 0.5, 0.9]), "keep": ("pair", [True, False, True])},
    ...     coords=coords,
    ... )
    >>> mean_ndai(coherence, ledger, min_count=2).values.round(6)
    array([[0. , 0.5]], dtype=float32)
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="mean_ndai")
    means = kept_means(coherence, ledger, by="mean_ndai")
    groups = grouped(coherence, means, by, caller="mean_ndai", assign=assign)
    single = coherence.astype("float32", copy=False)
    parts = []
    for _, level in groups:
        total, count = _apply.tally(_ndai_sums, *only_counted(single, level), dtype="float64")
        parts.append(total / count.where(count >= min_count))
    stacked = stack_groups(parts, [label for label, _ in groups], by)
    pairs = [int(np.isfinite(level).sum()) for _, level in groups]
    record = {
        "min_count": min_count,
        "pairs": pairs[0] if by is None else pairs,
        "assign": None if by is None else assign,
    }
    return conform(stacked, MEAN_NDAI, **record)


def _ndai_sums(
    block: npt.NDArray[Any], stable_means: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Sum of the index over pairs and number of its finite values."""
    total, count = np.zeros(block.shape[1:]), np.zeros(block.shape[1:])
    for image, level in zip(block, stable_means, strict=True):
        if np.isnan(level):
            continue
        index = kernels.ndai(image, level)
        seen = np.isfinite(index)
        total += np.where(seen, index, 0)
        count += seen
    return total, count


@overload
def coherence_threshold(stable_mean: float, threshold: float | xr.DataArray) -> float: ...
@overload
def coherence_threshold(
    stable_mean: xr.DataArray, threshold: float | xr.DataArray
) -> xr.DataArray: ...
def coherence_threshold(
    stable_mean: xr.DataArray | float, threshold: float | xr.DataArray
) -> xr.DataArray | float:
    r"""Coherence below which NDAI exceeds its threshold.

    .. math:: \gamma^* = g\, \frac{1 - th}{1 + th}, \qquad
              \gamma < \gamma^* \iff \mathrm{NDAI} > th

    Parameters
    ----------
    stable_mean : xarray.DataArray or float
        Mean coherence g of the stable pixels, e.g. ``ledger.stable_mean``.
    threshold : float or xarray.DataArray
        NDAI threshold, a scalar between −1 and 1.

    Returns
    -------
    xarray.DataArray or float
        Coherence threshold, like `stable_mean`.

    Raises
    ------
    ValueError
        If `threshold` is not between −1 and 1.

    See Also
    --------
    ndai_threshold : where the threshold comes from.

    References
    ----------
    Follows from Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, eq. 4.

    Examples
    --------
    >>> round(coherence_threshold(0.88322, 0.13), 3)
    0.680
    """
    level = check_threshold(threshold, by="coherence_threshold")
    ratio = (1 - level) / (1 + level)
    if not isinstance(stable_mean, xr.DataArray):
        return float(stable_mean) * ratio
    result: xr.DataArray = (stable_mean * ratio).rename("coherence_threshold")
    result.attrs = {
        "long_name": "coherence threshold",
        "units": "1",
        **plain_attrs({"threshold": level}),
    }
    return result


def check_threshold(threshold: float | xr.DataArray, *, by: str) -> float:
    """The NDAI threshold as a number between −1 and 1."""
    if isinstance(threshold, xr.DataArray):
        if threshold.ndim:
            message = (
                f"{by} needs one threshold, got one with dims {threshold.dims}; "
                "pass a number or the scalar that ndai_threshold returns"
            )
            raise ValueError(message)
        threshold = float(label_values(threshold))
    if not -1 < threshold < 1:
        message = (
            f"{by} needs an NDAI threshold between -1 and 1, got {threshold:g}; "
            "0.2 is usual, ndai_threshold(mean_ndai) finds one"
        )
        raise ValueError(message)
    return float(threshold)
