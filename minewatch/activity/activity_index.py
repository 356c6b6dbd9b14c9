r"""How often ground was active: the temporal activity index (TAI) and what it allows to say.

.. math:: \mathrm{TAI} = \frac{1}{n} \sum_t [\mathrm{NDAI}_t > th]
          = \frac{1}{n} \sum_t \left[\gamma_t < g_t \frac{1 - th}{1 + th}\right]

Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, eq. 7. The second form needs one comparison
a sample, so that coherence is read once and no cube of NDAI is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from minewatch import _apply, kernels
from minewatch.activity.differences import check_threshold, coherence_threshold
from minewatch.activity.records import pair_record
from minewatch.activity.series import grouped, kept_means, only_counted
from minewatch.activity.summaries import index_of_counts
from minewatch.conventions import require, require_same_grid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import xarray as xr

__all__ = ["counted", "tai", "without_coords"]


def tai(
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    threshold: float | xr.DataArray,
    by: Literal["year", "season"] | None = None,
    assign: Literal["secondary", "mid"] = "secondary",
    confidence: float = 0.95,
    interval: Literal["clopper-pearson", "wilson"] = "clopper-pearson",
    min_count: int | None = None,
    rule: Literal["interval", "paper"] = "interval",
    active_minimum: float = 0.5,
    stable_maximum: float = 0.3,
    mask: xr.DataArray | None = None,
) -> xr.Dataset:
    r"""Temporal activity index: the share of dates on which a pixel's NDAI exceeds a threshold.

    .. math:: \mathrm{TAI} = e / n, \quad e = \#\{t: \mathrm{NDAI}_t > th\}, \quad
              n = \#\{t: \gamma_t \text{ is known}\}

    over the pairs that the ledger keeps. The interval is that of a binomial share of n
    independent dates, and dates are not quite independent: neighbouring pairs share an
    acquisition, speckle persists, and a machine that digs today digs tomorrow. On simulated
    images (20 pairs in a chain, 30 looks, 95 %) the exact interval held the true share in 96 to
    99 % of pixels where ground is dug up on some dates of its own and rests on the others, but in
    72 to 95 % where quiet ground of coherence 0.8 to 0.9 lies so near the threshold that chance
    alone exceeds it on 5 to 50 % of dates.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x).
    ledger : xarray.Dataset
        From :func:`screen_pairs`; pairs are matched by their dates.
    threshold : float or xarray.DataArray
        NDAI threshold, e.g. from :func:`ndai_threshold`.
    by : {"year", "season"}, optional
        One index a year, or a quarter beginning in December, March, June or September. The index
        of all years is the one with None, which pools the dates, not the mean of the yearly ones.
    assign : {"secondary", "mid"}
        Which date puts a pair into its year or season: the second acquisition or the middle.
    confidence : float
        Level of the interval.
    interval : {"clopper-pearson", "wilson"}
        Exact, or shorter and right on average.
    min_count : int, optional
        Fewest observations of a pixel; by default half the kept pairs (of the group), at least 3.
    rule : {"interval", "paper"}
        ``"interval"``: active where `lower` is at least `active_minimum`, stable where `upper` is
        at most `stable_maximum` (at 95 % that takes 11 dates without one exceedance), undecided
        between. ``"paper"``: active where TAI is at least `active_minimum`, stable where it is 0.
    active_minimum, stable_maximum : float
        The two limits of TAI.
    mask : xarray.DataArray, optional
        What to leave out (water, vegetation, radar shadow): bool, dims (y, x). There nothing
        counts as observed.

    Returns
    -------
    xarray.Dataset
        ``tai``, ``lower``, ``upper`` (float32, NaN where too little was observed), ``exceeded``,
        ``observed`` (uint16) and ``activity`` (uint8: 0 undecided, 1 stable, 2 active, 255 none);
        dims (y, x), (year, y, x) or (season, y, x); lazy if `coherence` is. The attributes name
        every pair, counted or dropped, by its two dates, so that pairs can be added later.

    Raises
    ------
    ValueError
        If the ledger keeps no pair, or a setting is unknown or out of range.
    KeyError
        If the ledger lacks a pair of `coherence`.

    See Also
    --------
    update_tai : adds pairs without reading the others again.
    activity_areas : hectares of each class.
    minewatch.kernels.count_exceedances : the count on bare arrays.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import xarray as xr
    >>> dates = pd.date_range("2022-06-01", periods=5, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coherence = xr.DataArray(
    ...     np.float32([[[0.9, 0.3]], [[0.9, 0.3]], [[0.1, 0.1]], [[0.9, 0.9]]]),
    ...     dims=("pair", "y", "x"),
    ...     coords=coords,
    ... )
    >>> ledger = xr.Dataset(
    ...     {
    ...         "stable_mean": ("pair", [0.9, 0.9, 0.1, 0.9]),
    ...         "keep": ("pair", [True, True, False, True]),
    ...     },
    ...     coords=coords,
    ... )
    >>> index = tai(coherence, ledger, threshold=0.2, rule="paper")
    >>> index.tai.values, index.activity.values
    (array([[0. , 0.6667]], dtype=float32), array([[1, 2]], dtype=uint8))
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="tai")
    level = check_threshold(threshold, by="tai")
    means = kept_means(coherence, ledger, by="tai")
    groups = grouped(coherence, means, by, caller="tai", assign=assign)
    bare = without_coords(mask, coherence, by="tai")
    counts = []
    for label, stable_mean in groups:
        exceeded, observed = counted(coherence, stable_mean, level)
        if bare is not None:
            exceeded, observed = exceeded.where(~bare, 0), observed.where(~bare, 0)
        counts.append((label, exceeded, observed))
    return index_of_counts(
        counts,
        pair_record(coherence, means),
        by=by,
        assign=assign,
        threshold=level,
        origin=_origin(threshold),
        masked=mask is not None,
        min_count=min_count,
        confidence=confidence,
        interval=interval,
        rule=rule,
        active_minimum=active_minimum,
        stable_maximum=stable_maximum,
    )


def _origin(threshold: float | xr.DataArray) -> dict[str, object]:
    """Where a threshold comes from, if it says so."""
    attrs = getattr(threshold, "attrs", {})
    return {
        "threshold_method": attrs.get("method_used", "given"),
        "threshold_domain": attrs.get("domain"),
    }


def counted(
    coherence: xr.DataArray, stable_mean: npt.NDArray[np.float64], threshold: float
) -> tuple[xr.DataArray, xr.DataArray]:
    """Exceedances and observations of each pixel, in one pass over the pairs that count.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).
    stable_mean : numpy.ndarray
        Mean stable coherence of each pair, NaN for pairs that do not count.
    threshold : float
        NDAI threshold.

    Returns
    -------
    (xarray.DataArray, xarray.DataArray)
        Counts, uint16, dims (y, x).
    """
    limits = stable_mean * coherence_threshold(1.0, threshold)
    single = coherence.astype("float32", copy=False)
    return _apply.tally(kernels.count_exceedances, *only_counted(single, limits))


def without_coords(
    mask: xr.DataArray | None, coherence: xr.DataArray, *, by: str
) -> xr.DataArray | None:
    """A mask that was checked to lie on the grid of coherence, bare."""
    if mask is None:
        return None
    require(mask, "y", "x", dtype="bool", by=f"{by} (mask)")
    require_same_grid(coherence, mask, by=by)
    return mask.drop_vars(mask.coords)
