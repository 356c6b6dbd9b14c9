"""What a patch detector sees of a radar scene: VV, VH and a third channel made of both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import xarray as xr

from minewatch.conventions import Layer, conform, require, require_power, require_same_grid
from minewatch.radar import polarisation_average, to_db
from minewatch.speckle import lee

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["channels"]

CHANNELS = Layer("channels", "radar channels of a patch detector", units="dB")
NAMES = ("vv", "vh", "pa")
AVERAGING = ("difference", "mean", "linear")


def channels(
    backscatter: xr.Dataset,
    *,
    looks: float = 4.4,
    window: int | None = 3,
    averaging: Literal["difference", "mean", "linear"] = "difference",
    floor: float | None = None,
) -> xr.DataArray:
    r"""The channels VV, VH and PA of a scene, in dB.

    Speckle is filtered in linear power, as ESA SNAP's Lee filter does, and the result turned into
    decibels; the other way round bright pixels would count too little. A pixel that is known keeps
    its own power where less than half of its window is. The third channel is

    - ``difference``: :math:`(VH - VV)/2` of the decibels, as printed under the name of an average;
    - ``mean``: :math:`(VH + VV)/2` of the decibels;
    - ``linear``: the decibels of the mean power.

    The first two are linear combinations of the other channels.

    Parameters
    ----------
    backscatter : xarray.Dataset
        ``vv`` and ``vh``, linear power, dims (y, x) or (time, y, x). Nodata is NaN.
    looks : float
        Equivalent number of looks: 4.4 for Sentinel-1 IW GRD.
    window : int or None
        Rows and columns of the filter's window, odd; None leaves the filter out.
    averaging : {"difference", "mean", "linear"}
        The third channel.
    floor : float, optional
        Darkest value in dB, e.g. -40: what is darker, or has no power at all, becomes that. Without
        it, pixels whose power is 0 or less are unknown, also to the filter.

    Returns
    -------
    xarray.DataArray
        ``channels`` in dB, float32, dims (channel, y, x) or (channel, time, y, x), ``channel``
        being vv, vh, pa; lazy if the input is, all channels in one chunk. NaN where one of the
        polarisations is unknown.

    Raises
    ------
    TypeError
        If the backscatter is no Dataset of floats.
    KeyError
        If it has no ``vv`` or ``vh``.
    ValueError
        If units say dB, the grids differ or a setting means nothing.

    See Also
    --------
    extract : cut patches of them.
    minewatch.speckle.lee : the filter.
    minewatch.radar.polarisation_average : the third channel as printed.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> import numpy as np
    >>> power = xr.DataArray(np.full((3, 3), 0.1, "f4"), dims=("y", "x"))
    >>> scene = channels(xr.Dataset({"vv": power, "vh": power / 10}))
    >>> scene[:, 1, 1].values.round(3)
    array([-10., -20.,  -5.], dtype=float32)
    """
    _require_settings(averaging, floor)
    powers = {name: _power(backscatter, name, floor) for name in NAMES[:2]}
    vv, vh = powers["vv"], powers["vh"]
    require_same_grid(vv, vh, by="channels")
    vv, vh = xr.align(vv, vh, join="exact", copy=False)
    known = vv.notnull() & vh.notnull()
    filtered = [_filtered(power, looks, window) for power in (vv, vh)]
    vv, vh = (_decibels(power.where(known), floor) for power in filtered)
    third = {
        "difference": lambda: polarisation_average(vv, vh),
        "mean": lambda: (vv + vh) / 2,
        "linear": lambda: _decibels(((filtered[0] + filtered[1]) / 2).where(known), floor),
    }[averaging]()
    stacked = xr.concat(
        [vv, vh, third],
        dim=xr.Variable("channel", list(NAMES)),
        coords="minimal",
        compat="override",
        join="override",
        combine_attrs="drop",
    )
    if stacked.chunks is not None:
        stacked = stacked.chunk({"channel": -1})
    return conform(
        stacked.transpose("channel", ...),
        CHANNELS,
        looks=None if window is None else float(looks),
        window=window,
        averaging=averaging,
        floor=None if floor is None else float(floor),
    )


def _require_settings(averaging: str, floor: float | None) -> None:
    if averaging not in AVERAGING:
        message = f"channels has no averaging {averaging!r}; use one of {', '.join(AVERAGING)}"
        raise ValueError(message)
    if floor is not None and not math.isfinite(floor):
        message = f"channels needs a floor in dB, got {floor}; use e.g. -40, or None"
        raise ValueError(message)


def _power(backscatter: object, name: str, floor: float | None) -> xr.DataArray:
    if not isinstance(backscatter, xr.Dataset):
        message = (
            "channels needs an xarray.Dataset with the variables vv and vh, got "
            f"{type(backscatter).__name__}"
        )
        raise TypeError(message)
    if name not in backscatter.data_vars:
        message = f"channels needs the variables vv and vh, got {list(backscatter.data_vars)}; "
        message += "rename them: backscatter.rename(VV='vv', VH='vh')"
        raise KeyError(message)
    power = backscatter[name]
    if power.ndim == 3:
        require(power, "time", "y", "x", by="channels", dtype="floating")
    else:
        require(power, "y", "x", by="channels", dtype="floating")
    require_power(power, by="channels")
    return power if floor is not None else power.where(power > 0).assign_attrs(power.attrs)


def _filtered(power: xr.DataArray, looks: float, window: int | None) -> xr.DataArray:
    if window is None:
        return power
    smooth = lee(power, looks=looks, window=window, variant="snap")
    # What is alone among the unknown, as the corners of a scene, keeps its own power.
    return smooth.where(smooth.notnull(), power.astype(smooth.dtype))


def _decibels(power: xr.DataArray, floor: float | None) -> xr.DataArray:
    if floor is None:
        return to_db(power)
    return to_db(power.clip(min=10 ** (floor / 10)))
