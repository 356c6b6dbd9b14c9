"""Lee's filter: a pixel and the mean of its window, weighed by how much the window varies."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import xarray as xr

from minewatch import kernels
from minewatch._apply import windowed
from minewatch.conventions import conform, require, require_power
from minewatch.speckle._layers import named, over_layers, require_looks

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["lee"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)

VARIANTS = {"mmse": 0, "snap": 1, "lee1980": 2}
"""Weights of :func:`lee` by name, with the number the kernel knows them by."""


def lee(
    backscatter: XarrayT,
    *,
    looks: float,
    window: int = 7,
    variant: Literal["mmse", "snap", "lee1980"] = "mmse",
) -> XarrayT:
    r"""Lee's adaptive speckle filter.

    Each pixel moves towards the mean of its window, the more the less the window varies beyond
    what speckle alone explains:

    .. math:: \hat x = \bar z + b (z - \bar z), \qquad 0 \le b \le 1

    With :math:`C_u^2 = 1/\text{looks}` and :math:`C_i^2 = s^2/\bar z^2` of the window, ``mmse`` has
    :math:`b = (1 - C_u^2/C_i^2)/(1 + C_u^2)` (Lee and Pottier 2009, also Kuan 1985), ``snap`` has
    :math:`b = 1 - C_u^2/C_i^2` (ESA SNAP), and ``lee1980`` the linearised
    :math:`b = (C_i^2 - C_u^2)/(C_i^2 + C_u^4)`.

    Parameters
    ----------
    backscatter : xarray.DataArray or xarray.Dataset
        Linear power, dims (..., y, x); in a Dataset every floating variable is filtered and the
        others are kept.
    looks : float
        Equivalent number of looks, e.g. 4.4 for Sentinel-1 IW GRD.
    window : int
        Rows and columns of the square window, odd.
    variant : {"mmse", "snap", "lee1980"}
        The weight.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Filtered power, float32, same names, lazy if the input is. NaN where the pixel is NaN or
        less than half of the window is valid.

    Raises
    ------
    ValueError
        If the units say dB, or `looks`, `window` or `variant` make no filter.

    See Also
    --------
    equivalent_number_of_looks : measures `looks` in a homogeneous area.
    refined_lee, lee_sigma : keep edges and targets better.
    minewatch.kernels.lee : the same on bare arrays.

    References
    ----------
    Lee (1980), Digital image enhancement and noise filtering by use of local statistics, IEEE
    TPAMI 2(2), doi:10.1109/TPAMI.1980.4766994

    Examples
    --------
    >>> power = xr.DataArray([[1.0, 2, 1], [2, 3, 1], [1, 2, 5]], dims=("y", "x"), name="vv")
    >>> float(lee(power, looks=4, window=3)[1, 1])
    2.343
    """
    if variant not in VARIANTS:
        message = f"lee has no variant {variant!r}; use one of {', '.join(map(repr, VARIANTS))}"
        raise ValueError(message)
    if window < 3 or window % 2 == 0:
        message = f"lee needs an odd window to have a centre, got window={window}; use 3, 5 or 7"
        raise ValueError(message)
    require_looks(looks, by="lee")
    if isinstance(backscatter, xr.Dataset):
        return over_layers(
            backscatter, lambda layer: lee(layer, looks=looks, window=window, variant=variant)
        )
    require(backscatter, ..., "y", "x", by="lee", dtype="floating")
    require_power(backscatter, by="lee")
    filtered = windowed(
        kernels.lee,
        backscatter.astype("float32"),
        window=(window, window),
        arguments=(window, window, float(looks), VARIANTS[variant]),
    )
    return conform(
        filtered,
        named(backscatter),
        speckle_filter="lee",
        variant=variant,
        looks=float(looks),
        window=window,
    )
