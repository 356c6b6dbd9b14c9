"""The refined Lee filter: the same weight, from the side of an edge to which a pixel belongs."""

from __future__ import annotations

from math import sqrt
from typing import TypeVar

import numpy as np
import xarray as xr

from minewatch import kernels
from minewatch._apply import windowed
from minewatch.conventions import conform, require, require_power
from minewatch.speckle._layers import named, over_layers, require_looks

__all__ = ["refined_lee"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)

WINDOW = 7
"""Rows and columns: the sub-windows and half windows are those of 7 × 7."""

SIGMAS = 3.0
"""Standard deviations by which an edge varies more than speckle: rarely met on even ground."""


def refined_lee(
    backscatter: XarrayT, *, looks: float, edge_threshold: float | None = None
) -> XarrayT:
    r"""Lee's filter in half windows along edges, 7 × 7.

    .. math:: \hat x = \bar z + b (z - \bar z), \qquad
              b = \frac{s^2 - \bar z^2 \sigma_v^2}{s^2 (1 + \sigma_v^2)} \in [0, 1]

    The noise :math:`\sigma_v^2` is found in the window: the mean of the five smallest
    :math:`s^2/\bar z^2` of nine sub-windows of 3 × 3. Where the window as a whole varies more
    than `edge_threshold`, their means say across which of four directions it changes most and
    which side of the change is nearer to the centre; :math:`\bar z` and :math:`s^2` then come
    from the 28 pixels of that side. Elsewhere, and where any of the 49 pixels is unknown, they
    come from all known pixels of the window.

    The five smallest of nine hold less than the average noise, so even ground keeps more speckle
    than under :func:`lee`: some 38 looks come of 4.4, not 133.

    Parameters
    ----------
    backscatter : xarray.DataArray or xarray.Dataset
        Linear power, dims (..., y, x); in a Dataset every floating variable is filtered and the
        others are kept.
    looks : float
        Equivalent number of looks L, e.g. 4.4 for Sentinel-1 IW GRD. It sets the default of
        `edge_threshold`, and is the noise (1/L) where no sub-window is whole.
    edge_threshold : float, optional
        Relative variance :math:`s^2/\bar z^2` of the window from which on it holds an edge. None
        stands three standard deviations above speckle,
        :math:`\frac{1}{L} (1 + 3 \sqrt{2 (1 + 1/L) / 49})`: 0.38 for 4.4 looks, which 0.7 % of
        the windows on even ground reach.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Filtered power, float32, same names, lazy if the input is. NaN where the pixel is NaN or
        less than half of the window is valid.

    Raises
    ------
    ValueError
        If the units say dB, or `looks` or `edge_threshold` make no filter.

    See Also
    --------
    lee : more looks on even ground, noise left along edges.
    minewatch.kernels.refined_lee : the same on bare arrays.

    Notes
    -----
    Other software compares the variance itself with a number, 5000 in ESA SNAP. Such a number has
    the unit of the image squared: made for digital numbers in the hundreds, it is never reached by
    calibrated power (where 0.1 is bright), and no window would hold an edge. Divided by the
    squared mean it holds for any calibration. For amplitudes of mean A, 5000 is a relative
    variance of 5000/A², in power about four times as much: 0.38 at A = 230.

    References
    ----------
    Lee (1981), Refined filtering of image noise using local statistics, Computer Graphics and
    Image Processing 15(4), doi:10.1016/S0146-664X(81)80018-4

    Examples
    --------
    >>> step = xr.DataArray(np.ones((9, 14)), dims=("y", "x"), name="vv")
    >>> step[:, 7:] = 9
    >>> refined_lee(step, looks=4.4)[4, 4:10].values
    array([1., 1., 1., 9., 9., 9.], dtype=float32)
    """
    require_looks(looks, by="refined_lee")
    if edge_threshold is None:
        edge_threshold = (1 + SIGMAS * sqrt(2 * (1 + 1 / looks) / WINDOW**2)) / looks
    if not 0 <= edge_threshold < np.inf:
        message = (
            f"refined_lee needs a relative variance, got edge_threshold={edge_threshold}; leave it "
            "out, or use e.g. 2/looks"
        )
        raise ValueError(message)
    if isinstance(backscatter, xr.Dataset):
        return over_layers(
            backscatter,
            lambda layer: refined_lee(layer, looks=looks, edge_threshold=edge_threshold),
        )
    require(backscatter, ..., "y", "x", by="refined_lee", dtype="floating")
    require_power(backscatter, by="refined_lee")
    filtered = windowed(
        kernels.refined_lee,
        backscatter.astype("float32"),
        window=(WINDOW, WINDOW),
        arguments=(float(looks), float(edge_threshold)),
    )
    return conform(
        filtered,
        named(backscatter),
        speckle_filter="refined_lee",
        looks=float(looks),
        window=WINDOW,
        edge_threshold=float(edge_threshold),
    )
