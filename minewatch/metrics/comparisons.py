"""Whether one map is better than another, or chance made it look so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import NO_CLASS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import xarray as xr

__all__ = ["known_rows", "mcnemar"]

EXACT_BELOW = 25
"""Elements on which the two differ, below which the binomial distribution itself is used."""


def mcnemar(
    reference: xr.DataArray | npt.ArrayLike,
    first: xr.DataArray | npt.ArrayLike,
    second: xr.DataArray | npt.ArrayLike,
    *,
    groups: xr.DataArray | npt.ArrayLike | None = None,
) -> dict[str, float | int | str]:
    r"""Whether two maps are right equally often, after McNemar. Computes.

    Only elements count on which one map is right and the other wrong: :math:`b` where the first is
    right, :math:`c` where the second is. Fewer than 25 of them: the exact binomial test, two-sided;
    else :math:`\chi^2 = (|b - c| - 1)^2 / (b + c)` with one degree of freedom.

    That test takes every element for an independent witness, which the pixels of a polygon are not:
    it calls far too many differences real. With `groups` each polygon is one witness (Durkalski et
    al. 2003), however many pixels it has:

    .. math:: \chi^2 = \frac{\left(\sum_k d_k\right)^2}{\sum_k d_k^2}, \quad
              d_k = \frac{b_k - c_k}{n_k}

    with the :math:`n_k` elements of polygon k; if each has one, that is McNemar's without its
    correction for continuity. It cannot pass the number of polygons in which the maps differ, so
    that with fewer than about ten it errs on the side of no difference.

    Parameters
    ----------
    reference : xarray.DataArray or array
        Class codes.
    first, second : xarray.DataArray or array
        Class codes mapped, the same shape. Elements where one of the three is unknown (NaN, or 255
        in uint8) are left out.
    groups : xarray.DataArray or array, optional
        Polygon of each element.

    Returns
    -------
    dict
        ``b``, ``c``, ``statistic`` (NaN where the test is exact), ``p``, ``method``
        (``"binomial"``, ``"chi2"`` or ``"durkalski"``) and, with `groups`, ``groups``: polygons in
        which the maps differ in accuracy. Where they never differ p is 1.

    Raises
    ------
    ValueError
        If shapes differ or nothing is known.

    See Also
    --------
    grouped_bootstrap : how large the difference is.

    References
    ----------
    McNemar (1947), Note on the sampling error of the difference between correlated proportions or
    percentages. https://doi.org/10.1007/BF02295996
    Durkalski et al. (2003), Analysis of clustered matched-pair data.
    https://doi.org/10.1002/sim.1438

    Examples
    --------
    >>> truth, one, other = [1] * 12, [1] * 10 + [0] * 2, [0] * 9 + [1] * 3
    >>> mcnemar(truth, one, other)
    {'b': 9, 'c': 2, 'statistic': nan, 'p': 0.065..., 'method': 'binomial'}
    >>> mcnemar(truth, one, other, groups=np.repeat([1, 2, 3, 4], 3))["p"]
    0.208...
    """
    from scipy.stats import binom, chi2

    beside = {} if groups is None else {"groups": groups}
    (truth, one, other), group = known_rows(reference, first, second, beside=beside, by="mcnemar")
    won = (one == truth) & (other != truth)
    lost = (one != truth) & (other == truth)
    b, c = int(won.sum()), int(lost.sum())
    if group:
        _, number = np.unique(group["groups"], return_inverse=True)
        balance = np.bincount(number, won.astype(float) - lost) / np.bincount(number)
        power = float((balance**2).sum())
        statistic = float(balance.sum()) ** 2 / power if power else 0.0
        p, method = float(chi2.sf(statistic, 1)), "durkalski"
    elif b + c < EXACT_BELOW:
        p, method = min(1.0, 2 * float(binom.cdf(min(b, c), b + c, 0.5))), "binomial"
        statistic = float("nan")
    else:
        statistic, method = max(abs(b - c) - 1, 0) ** 2 / (b + c), "chi2"
        p = float(chi2.sf(statistic, 1))
    found: dict[str, float | int | str] = {"b": b, "c": c, "statistic": statistic, "p": p}
    found["method"] = method
    return found | ({"groups": int((balance != 0).sum())} if group else {})


def known_rows(
    *codes: Any, beside: Mapping[str, Any], by: str
) -> tuple[list[npt.NDArray[Any]], dict[str, npt.NDArray[Any]]]:
    """Class codes as rows, and what stands beside them, without elements that one side lacks.

    Parameters
    ----------
    *codes : xarray.DataArray or array
        Class codes; NaN, and 255 in uint8, are unknown.
    beside : mapping of str to xarray.DataArray or array
        Groups, weights and the like of the same shape; only NaN is unknown.
    by : str
        The function that asks, for the message.

    Returns
    -------
    (list of array, dict of str to array)
        One-dimensional, of one length.

    Raises
    ------
    ValueError
        If shapes differ or nothing is known.

    Examples
    --------
    >>> known_rows([1.0, np.nan, 0.0], beside={"groups": [1, 1, 0]}, by="mcnemar")
    ([array([1., 0.])], {'groups': array([1, 0])})
    """
    plain = [np.asarray(array) for array in (*codes, *beside.values())]
    if len({array.shape for array in plain}) > 1:
        message = f"{by} needs arrays of one shape, got {[array.shape for array in plain]}"
        raise ValueError(message + "; give a value for each sample to all of them")
    rows = [array.ravel() for array in plain]
    known = np.ones(len(rows[0]), dtype=bool)
    for at, row in enumerate(rows):
        if np.issubdtype(row.dtype, np.floating):
            known &= ~np.isnan(row)
        elif at < len(codes) and row.dtype == np.uint8:
            known &= row != NO_CLASS
    if not known.any():
        message = f"{by} needs elements that all sides know, got none; check for NaN and 255"
        raise ValueError(message)
    kept = [row[known] for row in rows]
    return kept[: len(codes)], dict(zip(beside, kept[len(codes) :], strict=True))
