"""How many points a sample of a map takes, and how they are shared out among its strata.

After Olofsson et al. (2014), Good practices for estimating area and assessing accuracy of land
change. https://doi.org/10.1016/j.rse.2014.02.015
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["allocated", "sample_size"]


def sample_size(
    areas: pd.DataFrame | Mapping[Any, float],
    *,
    users_accuracy: Mapping[Any, float],
    standard_error: float = 0.01,
) -> int:
    r"""Number of points that an overall accuracy of a given standard error takes.

    .. math:: n = \left( \frac{\sum_i W_i \sqrt{U_i (1 - U_i)}}{S(\hat O)} \right)^2

    with the share W of each stratum in the area, the user's accuracy U that is expected of it and
    the standard error S of overall accuracy (Olofsson et al. 2014, eq. 13; the size of the
    population is left out).

    Parameters
    ----------
    areas : pandas.DataFrame or mapping
        Of :func:`class_area`, or the area of each class in any unit.
    users_accuracy : mapping
        Expected user's accuracy of each class, 0 to 1; a guess will do.
    standard_error : float
        Of overall accuracy, as wanted.

    Returns
    -------
    int
        Points in all strata together, rounded up.

    Raises
    ------
    ValueError
        If accuracies are lacking or no shares, or the standard error is not positive.

    See Also
    --------
    sample_design : draws them.

    Examples
    --------
    >>> areas = {"loss": 20.0, "gain": 15.0, "forest": 320.0, "other": 645.0}
    >>> guess = {"loss": 0.7, "gain": 0.6, "forest": 0.9, "other": 0.95}
    >>> sample_size(areas, users_accuracy=guess)
    641
    """
    given = areas["area_ha"].to_dict() if isinstance(areas, pd.DataFrame) else dict(areas)
    if lacking := [name for name in given if name not in users_accuracy]:
        message = (
            f"sample_size needs a user's accuracy for every class, none is given for {lacking}"
        )
        raise ValueError(message + "; a guess will do, e.g. 0.8")
    hectares = np.array(list(given.values()), np.float64)
    expected = np.array([users_accuracy[name] for name in given], np.float64)
    if not ((expected >= 0) & (expected <= 1)).all() or not standard_error > 0:
        message = (
            "sample_size needs accuracies from 0 to 1 and a positive standard error, got "
            f"{expected.tolist()} and {standard_error}; 0.01 is usual"
        )
        raise ValueError(message)
    spread = float(hectares @ np.sqrt(expected * (1 - expected)) / hectares.sum())
    return math.ceil((spread / standard_error) ** 2)


def allocated(
    pixels: pd.Series[int], size: int | None, allocation: str | Mapping[int, int], minimum: int
) -> npt.NDArray[np.int64]:
    """Points in each stratum.

    Parameters
    ----------
    pixels : pandas.Series
        Pixels in each stratum.
    size : int, optional
        Points in all.
    allocation : str or mapping
        Rule, or points of each stratum.
    minimum : int
        Least points in a stratum that has so many pixels.

    Returns
    -------
    array of int64
        In the order of `pixels`; they add up to `size`.

    Raises
    ------
    ValueError
        If the size does not suffice or the allocation fits no strata.

    Examples
    --------
    >>> allocated(pd.Series({0: 900, 1: 100}), 200, "proportional", 50)
    array([150,  50])
    """
    there = np.asarray(pixels, np.int64)
    if isinstance(allocation, Mapping):
        if set(allocation) != set(pixels.index) or size not in (None, sum(allocation.values())):
            message = (
                f"sample_design was given points for the strata {sorted(allocation)} and size="
                f"{size}, the map has {pixels.index.tolist()}; give each its number and no size"
            )
            raise ValueError(message)
        wanted = np.array([allocation[stratum] for stratum in pixels.index], np.int64)
        if (wanted > there).any() or (wanted < np.minimum(2, there)).any():
            message = (
                f"sample_design needs from 2 points in a stratum to all its pixels {there.tolist()}"
                f", got {wanted.tolist()} in strata {pixels.index.tolist()}; give others"
            )
            raise ValueError(message)
        return wanted
    if allocation not in ("proportional", "equal"):
        message = (
            "sample_design knows the allocations 'proportional' and 'equal' or a mapping of stratum"
            f" to number of points, got {allocation!r}"
        )
        raise ValueError(message)
    least = np.clip(there, 0, max(minimum, 2))
    if size is None or not least.sum() <= size <= there.sum():
        message = (
            f"sample_design needs a size from {least.sum()} ({len(there)} strata of at least "
            f"{minimum} points or all their pixels) to {there.sum()}, got {size}; give more points "
            "or a smaller minimum="
        )
        raise ValueError(message)
    share = there / there.sum() if allocation == "proportional" else np.ones(len(there))
    return _shared_out(share, least, there, size)


def _shared_out(
    share: npt.NDArray[np.float64],
    least: npt.NDArray[np.int64],
    most: npt.NDArray[np.int64],
    size: int,
) -> npt.NDArray[np.int64]:
    """Whole numbers in proportion to `share` within bounds, which add up to `size`."""
    low, high = 0.0, float((most / share).max())
    for _ in range(100):  # halving finds the scale at which they do, to the last bit
        scale = (low + high) / 2
        if np.clip(scale * share, least, most).sum() > size:
            high = scale
        else:
            low = scale
    exact = np.clip(high * share, least, most)
    wanted = np.floor(exact + 1e-9).astype(np.int64)
    # The largest remainders get what rounding down left.
    for at in np.argsort(-(exact - wanted), kind="stable"):
        if wanted.sum() < size and wanted[at] < most[at]:
            wanted[at] += 1
    return wanted
