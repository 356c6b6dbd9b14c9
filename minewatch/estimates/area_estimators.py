r"""Areas with their errors, from a sample of a map that has been labelled.

Everything here is a ratio of two totals that a stratified random sample estimates. With N pixels in
stratum h, n of them drawn, and two values y and x of each pixel,

.. math::
   \hat R = \frac{\sum_h N_h \bar y_h}{\sum_h N_h \bar x_h}, \qquad
   V(\hat R) = \frac{1}{\hat X^2} \sum_h N_h^2 \left(1 - \frac{n_h}{N_h}\right)
               \frac{s^2_{h}(y - \hat R x)}{n_h}

after Stehman (2014), Estimating area and map accuracy for stratified random sampling when the
strata are different from the map classes, https://doi.org/10.1080/01431161.2014.930207 (eqs. 25 and
28). Where the strata are the classes of the map and few of all pixels are drawn, these are the
formulas of Olofsson et al. (2014), https://doi.org/10.1016/j.rse.2014.02.015 (eqs. 1–11).
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from minewatch.estimates.labelled_points import points_and_strata, sample_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from minewatch.estimates.labelled_points import Sample

__all__ = ["stratified_area"]

BROKEN = 2.0
"""Times the standard error that a cautious one may be before the normal interval is distrusted."""


def stratified_area(
    points: pd.DataFrame | xr.DataArray,
    *,
    design: pd.DataFrame | Mapping[Any, float] | None = None,
    confidence: float = 0.95,
    interval: str = "normal",
) -> pd.DataFrame:
    """Area of each class, and the accuracy of the map, from a labelled stratified sample.

    Unbiased whatever the map is worth, where pixels were drawn at random within strata: a better
    map only makes the errors smaller.

    Intervals are ± z standard errors. They break down where a large stratum shows no error by
    chance: with 250 points in the 98 % that are mapped as free of mines and mines on 0.2 % of them,
    only two in five samples hold one, and the other three claim to know the area exactly; of 1,000
    such samples 39 % of the 95 % intervals hold the truth. ``interval="cautious"`` takes each
    stratum's variance as if it had shown one point more where the class is and one where it is not
    (Agresti and Coull 1998); the estimates stay as they are. There it holds the truth in all
    samples, where errors are many it makes no difference. More points, or a stratum around the
    mines, are better than either.

    Parameters
    ----------
    points : pandas.DataFrame or xarray.DataArray
        Points of :func:`sample_design` with their column ``reference`` filled (missing: not known;
        left out with a warning), or of any stratified random sample with columns ``stratum`` and
        ``reference``, and ``map_class`` where strata are not the classes of the map. Or counts of
        such points, as of :func:`minewatch.metrics.confusion`, where strata are the classes.
    design : pandas.DataFrame or mapping, optional
        Area (ha) of each stratum: a mapping, or a table with the strata as index and the columns
        ``area_ha`` and, where known, ``pixels``, e.g. of :func:`class_area`. Not needed with points
        of :func:`sample_design`, which carry it.
    confidence : float
        Of the intervals.
    interval : {"normal", "cautious"}
        As above; of areas and overall accuracy.

    Returns
    -------
    pandas.DataFrame
        A row for each class: ``area_ha``, ``area_se_ha``, ``area_low_ha``, ``area_high_ha``,
        ``share``, ``share_se``, ``users_accuracy`` (of what is mapped as the class, the share that
        is), ``users_se``, ``producers_accuracy`` (of what is the class, the share mapped as it),
        ``producers_se`` and ``points`` (labelled so). NaN where nothing was mapped or found.
        ``attrs``: ``overall_accuracy``, ``overall_se``, ``overall_low``, ``overall_high``,
        ``confusion`` (shares of the area: a list for each reference class, the mapped classes along
        it, both in the order of the rows), ``total_ha``, ``confidence``,
        ``interval``, ``left_out``.

    Raises
    ------
    TypeError
        If a table of confusion comes without the design behind it: its rows say how many points
        were drawn, not of how much ground, and no area follows from that.
    ValueError
        If columns or strata are lacking, a stratum has fewer than two labelled points, or classes
        of map and reference have nothing in common.

    Warns
    -----
    UserWarning
        If points without a label are left out, harmless only if they are like the others; or if
        normal intervals break down as above (the cautious standard error is twice as large).

    See Also
    --------
    sample_design : draws the points.
    class_area : counted areas, biased.

    References
    ----------
    Olofsson et al. (2014), https://doi.org/10.1016/j.rse.2014.02.015

    Stehman (2014), https://doi.org/10.1080/01431161.2014.930207

    Agresti and Coull (1998), Approximate is better than "exact" for interval estimation of binomial
    proportions. https://doi.org/10.1080/00031305.1998.10480550

    Examples
    --------
    >>> points = pd.DataFrame(
    ...     {"stratum": [1] * 10 + [0] * 10, "reference": [1] * 8 + [0] * 2 + [0] * 9 + [1]}
    ... )
    >>> table = stratified_area(points, design={1: 100.0, 0: 900.0})
    >>> table[["area_ha", "area_se_ha", "users_accuracy", "producers_accuracy"]].round(3)
           area_ha  area_se_ha  users_accuracy  producers_accuracy
    class
    0        830.0      90.982             0.9               0.976
    1        170.0      90.982             0.8               0.471
    """
    if not 0 < confidence < 1:
        message = f"stratified_area needs a confidence between 0 and 1, got {confidence}; use 0.95"
        raise ValueError(message)
    if interval not in ("normal", "cautious"):
        message = f"interval is 'normal' or 'cautious', got {interval!r}; use 'normal'"
        raise ValueError(message)
    table, areas = points_and_strata(points, design)
    unknown = table["reference"].isna()
    if unknown.any():
        warnings.warn(
            f"{int(unknown.sum())} of {len(table)} points have no reference and are left out, as "
            "if they were like the others of their stratum",
            UserWarning,
            stacklevel=2,
        )
    sample = sample_of(table[~unknown].reset_index(drop=True), areas)
    result, thin = _estimates(sample, float(areas["area_ha"].sum()), confidence, interval)
    if thin and interval == "normal":
        warnings.warn(
            f"the intervals of classes {thin} are too short: hardly a point of some large stratum "
            "differs from the rest; use interval='cautious', or draw more points there",
            UserWarning,
            stacklevel=2,
        )
    result.attrs["left_out"] = int(unknown.sum())
    return result


def _estimates(
    sample: Sample, total: float, confidence: float, interval: str
) -> tuple[pd.DataFrame, list[Any]]:
    """The table, and the classes whose intervals break down."""
    from scipy import stats

    z = float(stats.norm.ppf((1 + confidence) / 2))
    found = set(sample.mapped) | set(sample.reference)
    classes = sorted(found, key=lambda code: (isinstance(code, str), code))
    rows, thin = [], []
    for code in classes:
        mapped, truly = sample.mapped == code, sample.reference == code
        share, error, cautious = sample.share(truly)
        low, high = _bounds(share, z * (error if interval == "normal" else cautious))
        users, producers = sample.ratio(mapped & truly, mapped), sample.ratio(mapped & truly, truly)
        areas = (total * share, total * error, total * low, total * high, share, error)
        rows.append((*areas, *users, *producers, int(truly.sum())))
        if cautious > BROKEN * error:
            thin.append(code)
    names = ["area_ha", "area_se_ha", "area_low_ha", "area_high_ha", "share", "share_se"]
    names += ["users_accuracy", "users_se", "producers_accuracy", "producers_se", "points"]
    table = pd.DataFrame(rows, columns=names, index=pd.Index(classes, name="class"))
    overall, error, cautious = sample.share(sample.mapped == sample.reference)
    low, high = _bounds(overall, z * (error if interval == "normal" else cautious))
    table.attrs = {
        "overall_accuracy": overall,
        "overall_se": error,
        "overall_low": low,
        "overall_high": high,
        "confusion": [
            [
                sample.share((sample.reference == one) & (sample.mapped == other))[0]
                for other in classes
            ]
            for one in classes
        ],
        "total_ha": total,
        "confidence": confidence,
        "interval": interval,
    }
    return table, thin


def _bounds(share: float, half: float) -> tuple[float, float]:
    return float(np.clip(share - half, 0, 1)), float(np.clip(share + half, 0, 1))
