"""Does the index rank ground as a measurement of movement does: correlation, curve and table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import xarray as xr

from minewatch.conventions import Layer, conform

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["area_under_curve", "against_movement", "confusion_of", "nmad", "spearman"]

CALLS = {"zero": 0, "between": 1, "active": 2}
MOVES = {"still": 0, "moved": 1}
CONFUSION = Layer("confusion", "pixels by TAI and by movement", dtype="int64")


def spearman(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> float:
    """Spearman's rank correlation, ties by their mean rank.

    Parameters
    ----------
    first, second : numpy.ndarray
        Finite values, one dim, of one length.

    Returns
    -------
    float
        −1 to 1; NaN of fewer than two values or where one never varies.

    Examples
    --------
    >>> spearman(np.array([0.0, 0.1, 0.9]), np.array([0.0, 2.0, 5.0]))
    1.0
    """
    if len(first) < 2:
        return float("nan")
    ranks = [scipy.stats.rankdata(values) for values in (first, second)]
    one, other = (rank - rank.mean() for rank in ranks)
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(np.clip(one @ other / size, -1, 1)) if size > 0 else float("nan")


def area_under_curve(score: npt.NDArray[Any], positive: npt.NDArray[np.bool_]) -> float:
    r"""Area under the receiver operating characteristic, by the rank sum of Mann and Whitney.

    .. math:: \mathrm{AUC} = \frac{R_+ - n_+ (n_+ + 1) / 2}{n_+ n_-}

    the probability that a positive scores above a negative; a tie counts one half.

    Parameters
    ----------
    score : numpy.ndarray
        Finite values, one dim.
    positive : numpy.ndarray
        Which are positive, bool.

    Returns
    -------
    float
        0 to 1; NaN if all or none are positive.

    References
    ----------
    Hanley and McNeil (1982), doi:10.1148/radiology.143.1.7063747.

    Examples
    --------
    >>> area_under_curve(np.array([0.0, 0.5, 0.5, 0.9]), np.array([False, False, True, True]))
    0.875
    """
    count = int(positive.sum())
    rest = len(positive) - count
    if not count or not rest:
        return float("nan")
    rank_sum = float(scipy.stats.rankdata(score)[positive].sum())
    return (rank_sum - count * (count + 1) / 2) / (count * rest)


def nmad(values: npt.NDArray[Any]) -> tuple[float, float]:
    r"""Median, and the normalised median absolute deviation about it.

    .. math:: \mathrm{NMAD} = 1.4826 \, \mathrm{med}\, |v - \mathrm{med}\, v|

    the standard deviation of normal values, whatever a few wild ones among them.

    Parameters
    ----------
    values : numpy.ndarray
        Finite values.

    Returns
    -------
    (float, float)
        Median and NMAD.

    References
    ----------
    Höhle and Höhle (2009), doi:10.1016/j.isprsjprs.2009.02.003.

    Examples
    --------
    >>> nmad(np.array([1.0, 2.0, 3.0, 900.0]))
    (2.5, 1.4826)
    """
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - values.dtype.type(middle))))


def confusion_of(
    tai: npt.NDArray[Any], moved: npt.NDArray[np.bool_], *, active_minimum: float
) -> xr.DataArray:
    """How many pixels of TAI zero, between and active moved, and how many were still.

    Parameters
    ----------
    tai : numpy.ndarray
        Finite values, float32.
    moved : numpy.ndarray
        Whether each moved.
    active_minimum : float
        TAI from which on a pixel is active.

    Returns
    -------
    xarray.DataArray
        ``confusion``, dims (called, movement), int64, both with flags.

    Examples
    --------
    >>> index = np.float32([0, 0, 0.3, 0.5, 1])
    >>> moved = np.array([False, True, False, True, True])
    >>> confusion_of(index, moved, active_minimum=0.5).values
    array([[1, 1],
           [1, 0],
           [0, 2]])
    """
    called = np.where(tai >= np.float32(active_minimum), 2, np.where(tai > 0, 1, 0))
    counts = np.bincount(called * 2 + moved, minlength=6).reshape(3, 2)
    table = xr.DataArray(counts, dims=("called", "movement")).assign_coords(
        called=("called", np.arange(3, dtype="uint8"), _flags("call by TAI", CALLS)),
        movement=("movement", np.arange(2, dtype="uint8"), _flags("movement", MOVES)),
    )
    return conform(table, CONFUSION, active_minimum=active_minimum)


def _flags(meaning: str, flags: dict[str, int]) -> dict[str, Any]:
    names = " ".join(flags)
    return {"long_name": meaning, "flag_values": list(flags.values()), "flag_meanings": names}


def against_movement(
    tai: npt.NDArray[Any],
    movement: npt.NDArray[Any],
    *,
    level: float,
    active_minimum: float,
) -> tuple[xr.DataArray, dict[str, float | int]]:
    """TAI beside a movement that was measured otherwise, over the pixels that know both.

    Parameters
    ----------
    tai, movement : numpy.ndarray
        Values of one shape; NaN is unknown. Movement counts by its size, whatever its sign.
    level : float
        Movement above it is real.
    active_minimum : float
        TAI from which on a pixel is active.

    Returns
    -------
    (xarray.DataArray, dict)
        The table of :func:`confusion_of`, and numbers: ``pixels``, ``moved_pixels``, ``spearman``,
        ``auc``, of the ground with TAI at or above `active_minimum` ``active_precision`` (share
        that moved) and ``active_recall`` (share of what moved), of the ground with TAI 0
        ``stable_precision`` (share that was still), ``stable_recall`` (share of what was still)
        and ``moved_called_stable`` (share of what moved). NaN where they divide by nothing.

    Examples
    --------
    >>> index = np.array([0.0, 0.0, 0.3, 0.5, 1.0, np.nan])
    >>> table, numbers = against_movement(
    ...     index, np.array([0.0, 2, 0, -3, 5, 9]), level=1, active_minimum=0.5
    ... )
    >>> numbers["active_precision"], numbers["moved_called_stable"], numbers["pixels"]
    (1.0, 0.333, 5)
    """
    known = np.isfinite(tai) & np.isfinite(movement)
    index, size = tai[known], np.abs(movement[known])
    moved = size > level
    table = confusion_of(index, moved, active_minimum=active_minimum)
    (zero_still, zero_moved), _, (_, active_moved) = table.values.tolist()
    rows, columns = table.values.sum(1).tolist(), table.values.sum(0).tolist()
    return table, {
        "pixels": int(known.sum()),
        "moved_pixels": columns[1],
        "spearman": spearman(index, size),
        "auc": area_under_curve(index, moved),
        "active_precision": _share(active_moved, rows[2]),
        "active_recall": _share(active_moved, columns[1]),
        "stable_precision": _share(zero_still, rows[0]),
        "stable_recall": _share(zero_still, columns[0]),
        "moved_called_stable": _share(zero_moved, columns[1]),
    }


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
