"""What e exceedances in n observations say: share, interval, class, as tables of all (e, n).

A series has few dates, so that every pair of counts that can occur fits a small table, computed
once and looked up per pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from minewatch.conventions import NO_CLASS

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["class_table", "CLASSES", "clopper_pearson", "share_table", "wilson"]

CLASSES = {"undecided": 0, "stable": 1, "active": 2}


def clopper_pearson(
    successes: npt.ArrayLike, trials: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    r"""Exact two-sided interval of a binomial proportion; covers at least at its level.

    .. math:: \left[ B^{-1}(\tfrac{\alpha}{2};\, e,\, n - e + 1),\;
              B^{-1}(1 - \tfrac{\alpha}{2};\, e + 1,\, n - e) \right]

    Parameters
    ----------
    successes, trials : array_like
        Counts e and n.
    confidence : float
        Level, between 0 and 1.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        Lower and upper end.

    References
    ----------
    Clopper and Pearson (1934), doi:10.1093/biomet/26.4.404.

    Examples
    --------
    >>> lower, upper = clopper_pearson(0, 11)
    >>> float(lower), round(float(upper), 3)
    (0.0, 0.285)
    """
    e, n = np.broadcast_arrays(np.asarray(successes, "float64"), np.asarray(trials, "float64"))
    tail = (1 - confidence) / 2
    # A beta distribution needs positive parameters; where it has none the end is 0 or 1.
    lower = scipy.stats.beta.ppf(tail, np.where(e > 0, e, 1), n - e + 1)
    upper = scipy.stats.beta.ppf(1 - tail, e + 1, np.where(e < n, n - e, 1))
    return np.where(e > 0, lower, 0.0), np.where(e < n, upper, 1.0)


def wilson(
    successes: npt.ArrayLike, trials: npt.ArrayLike, *, confidence: float = 0.95
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    r"""Wilson's interval of a binomial proportion: shorter, covers its level on average.

    .. math:: \frac{p + z^2/2n \pm z \sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}

    Parameters
    ----------
    successes, trials : array_like
        Counts e and n.
    confidence : float
        Level, between 0 and 1.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        Lower and upper end; of no trials 0 and 1.

    References
    ----------
    Wilson (1927), doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> lower, upper = wilson(5, 10)
    >>> round(float(lower), 4), round(float(upper), 4)
    (0.2366, 0.7634)
    """
    e, n = np.broadcast_arrays(np.asarray(successes, "float64"), np.asarray(trials, "float64"))
    some = np.where(n > 0, n, 1)
    p = e / some
    z = float(scipy.stats.norm.ppf((1 + confidence) / 2))
    middle = p + z**2 / (2 * some)
    reach = z * np.sqrt(p * (1 - p) / some + z**2 / (4 * some**2))
    scale = 1 + z**2 / some
    # At e = 0 and e = n the ends are exactly 0 and 1, but for rounding.
    lower = np.where(e > 0, (middle - reach) / scale, 0.0)
    upper = np.where(e < n, (middle + reach) / scale, 1.0)
    return np.where(n > 0, lower, 0.0), np.where(n > 0, upper, 1.0)


INTERVALS = {"clopper-pearson": clopper_pearson, "wilson": wilson}


def share_table(
    pairs: int, min_count: int, *, confidence: float, interval: str
) -> npt.NDArray[np.float32]:
    """Share and interval for every count that `pairs` pairs can give.

    Parameters
    ----------
    pairs : int
        Largest number of observations.
    min_count : int
        Fewest observations; below it everything is NaN.
    confidence : float
        Level of the interval.
    interval : {"clopper-pearson", "wilson"}
        Kind of interval.

    Returns
    -------
    numpy.ndarray
        float32 of shape (3, pairs + 1, pairs + 1): share, lower and upper end at [:, e, n].

    Examples
    --------
    >>> table = share_table(4, 3, confidence=0.95, interval="wilson")
    >>> table[0, 1, 4], table[0, 1, 2]
    (np.float32(0.25), np.float32(nan))
    """
    e, n = np.mgrid[: pairs + 1, : pairs + 1]
    possible = (n >= max(min_count, 1)) & (e <= n)
    e, n = np.where(possible, e, 0), np.where(possible, n, 1)
    table = np.stack([e / n, *INTERVALS[interval](e, n, confidence=confidence)])
    return np.where(possible, table, np.nan).astype("float32")


def class_table(
    shares: npt.NDArray[np.float32], *, rule: str, active_minimum: float, stable_maximum: float
) -> npt.NDArray[np.uint8]:
    """Class for every count: 0 undecided, 1 stable, 2 active, 255 none.

    Parameters
    ----------
    shares : numpy.ndarray
        From :func:`share_table`.
    rule : {"interval", "paper"}
        ``"interval"``: active where the whole interval is at or above `active_minimum`, stable
        where it is at or below `stable_maximum`. ``"paper"``: active where the share is, stable
        where it is 0.
    active_minimum, stable_maximum : float
        The two limits.

    Returns
    -------
    numpy.ndarray
        uint8 of shape (pairs + 1, pairs + 1) at [e, n].

    Examples
    --------
    >>> shares = share_table(12, 3, confidence=0.95, interval="clopper-pearson")
    >>> limits = {"active_minimum": 0.5, "stable_maximum": 0.3}
    >>> class_table(shares, rule="interval", **limits)[[0, 0, 6, 12, 0], [12, 10, 12, 12, 2]]
    array([  1,   0,   0,   2, 255], dtype=uint8)
    >>> class_table(shares, rule="paper", **limits)[[0, 0, 6, 12, 0], [12, 10, 12, 12, 2]]
    array([  1,   1,   2,   2, 255], dtype=uint8)
    """
    share, lower, upper = shares
    e, n = np.mgrid[: share.shape[0], : share.shape[1]]
    if rule == "paper":  # on the counts themselves, which are exact
        active, stable = e >= np.ceil(active_minimum * n - 1e-9), e == 0
    else:
        active, stable = lower >= active_minimum, upper <= stable_maximum
    table = np.full(share.shape, CLASSES["undecided"], "uint8")
    table[stable] = CLASSES["stable"]
    table[active] = CLASSES["active"]
    table[np.isnan(share)] = NO_CLASS
    return table
