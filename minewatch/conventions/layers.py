"""Results as they leave a function: name, units, dtype, missing value, flags, parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["Layer", "NO_CLASS", "conform", "plain_attrs"]

NO_CLASS = 255
"""The missing value of every class map (uint8)."""


@dataclass(frozen=True)
class Layer:
    """What a kind of result is called and how it is stored.

    Parameters
    ----------
    name : str
        Name of the DataArray.
    long_name : str
        What a figure's colour bar says.
    units : str
        Units, ``"1"`` where the quantity has none.
    dtype : str
        Storage dtype; floats are float32 and their missing value is NaN.
    flags : mapping of str to int
        Meaning → code, for class maps. Missing is 255 and is not listed.
    """

    name: str
    long_name: str
    units: str = "1"
    dtype: str = "float32"
    flags: Mapping[str, int] = field(default_factory=dict)


def plain_attrs(attrs: Mapping[str, object]) -> dict[str, object]:
    """Attributes in the few types that Zarr, netCDF and JSON all write.

    Parameters
    ----------
    attrs : mapping
        Any attributes. None is left out; tuples and arrays become lists, booleans integers,
        numpy scalars Python numbers, dates ISO text.

    Returns
    -------
    dict
        Attributes of str, int, float and lists of these.

    Examples
    --------
    >>> plain_attrs({"window": (3, 10), "looks": np.float32(18), "mask": None, "clip": True})
    {'window': [3, 10], 'looks': 18.0, 'clip': 1}
    """
    return {key: _plain(value) for key, value in attrs.items() if value is not None}


def _plain(value: object) -> object:
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, np.datetime64):
        return str(value)
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | int | float):
        return value
    return str(value)


def conform(result: xr.DataArray, layer: Layer, **attrs: object) -> xr.DataArray:
    """Give a result its name, dtype, units, flags and the parameters that made it.

    Parameters
    ----------
    result : xarray.DataArray
        What a method computed; coordinates (with the CRS) are kept.
    layer : Layer
        The kind of result.
    **attrs
        Parameters of the method, e.g. ``window=(3, 10)``; None is left out.

    Returns
    -------
    xarray.DataArray
        The same values, lazily cast; old attributes are gone.

    Examples
    --------
    >>> import xarray as xr
    >>> coherence = Layer("coherence", "interferometric coherence")
    >>> conform(xr.DataArray([0.5]), coherence, window=(3, 10)).attrs
    {'long_name': 'interferometric coherence', 'units': '1', 'window': [3, 10]}
    """
    # A copy: renaming alone would share the attributes with what may be the user's own layer.
    result = result.astype(layer.dtype, copy=False).copy(deep=False).rename(layer.name)
    flags: dict[str, object] = {}
    if layer.flags:
        flags = {
            "flag_values": list(layer.flags.values()),
            "flag_meanings": " ".join(layer.flags),
        }
    result.attrs = {
        "long_name": layer.long_name,
        "units": layer.units,
        **flags,
        **plain_attrs(attrs),
    }
    return result
