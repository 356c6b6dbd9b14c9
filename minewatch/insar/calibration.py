r"""How many looks an estimate is worth, measured where nothing is coherent.

Where the true coherence is 0 the squared estimate has mean :math:`1/L` exactly, whatever the
spectrum, its weighting and the resampling have made of the looks.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from minewatch.conventions import require, require_same_grid

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["calibrated_looks"]

ENOUGH = 1000
"""Independent estimates that settle the looks to 3 %."""


def calibrated_looks(coherence: xr.DataArray, where: xr.DataArray) -> float:
    r"""Effective looks of a coherence estimate, from ground that is wholly decorrelated.

    .. math:: L = 1 / \langle \hat\gamma^2 \rangle \qquad (\gamma = 0)

    Choose the ground by what it is, deep water on a map or in the radar's brightness, never by
    its low coherence: that picks the low half of the noise and promises looks that are not there.
    Anything coherent in it, a quay or a boat, lowers L. Computes.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (..., y, x), of one window and not debiased; all pairs count.
    where : xarray.DataArray
        True where the ground is decorrelated: bool, dims (y, x), on the same grid.

    Returns
    -------
    float
        Effective looks, for :func:`debias` and for ``looks=`` of :func:`coherence`.

    Raises
    ------
    ValueError
        If no coherence is known there, all of it is 0, or the grids differ.

    Warns
    -----
    UserWarning
        If there are fewer than 1000 independent estimates, which leave L uncertain by more than
        3 %. Sliding windows share samples: of R × C pixels they count as one in RC.

    See Also
    --------
    effective_looks : from window, spacing and resolution.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146.

    Examples
    --------
    >>> import numpy as np, xarray as xr
    >>> squares = np.random.default_rng(0).beta(1, 17, (50, 40))  # 18 looks, no coherence
    >>> water = xr.DataArray(np.sqrt(squares), dims=("y", "x"))
    >>> round(calibrated_looks(water, water >= 0))
    18
    """
    require(coherence, ..., "y", "x", dtype="floating", by="calibrated_looks")
    require(where, "y", "x", dtype="bool", by="calibrated_looks (where)")
    require_same_grid(coherence, where, by="calibrated_looks")
    bare = coherence.drop_vars(coherence.coords).astype("float64")
    here = bare.where(where.drop_vars(where.coords) & (abs(bare) < math.inf))
    sums = (here**2).sum().to_dataset(name="power").assign(count=here.count()).compute()
    count, power = int(sums["count"]), float(sums["power"])
    if not power > 0:
        message = (
            f"calibrated_looks found {count} known values that add up to nothing where `where` is "
            f"True ({int(where.sum())} pixels); mark decorrelated ground that coherence covers, "
            "e.g. open water"
        )
        raise ValueError(message)
    independent = count / _shared(coherence)
    if independent < ENOUGH:
        warnings.warn(
            f"calibrated_looks has {count} values, worth about {independent:.0f} independent ones: "
            f"the looks are uncertain by about {100 / math.sqrt(max(independent, 1)):.0f} %; "
            f"{ENOUGH} would make 3 %, so mark more water or pass more pairs",
            UserWarning,
            stacklevel=2,
        )
    return count / power


def _shared(coherence: xr.DataArray) -> int:
    """How many pixels a sample appears in."""
    if coherence.attrs.get("mode") != "sliding" or "window" not in coherence.attrs:
        return 1
    rows, columns = coherence.attrs["window"]
    return int(rows) * int(columns)
