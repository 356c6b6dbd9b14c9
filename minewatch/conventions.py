"""What every layer agrees on: names, units, dtypes, missing values, flags, grids.

:func:`require` stands at the door of a public function and refuses what it cannot work on with
an error that says what came, why it will not do and what would. :func:`conform` stands at the
exit: it gives a result its name, units, flags and the parameters that made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import EllipsisType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "Layer",
    "conform",
    "crs_of",
    "describe_grid",
    "NO_CLASS",
    "plain_attrs",
    "require",
    "require_power",
    "require_same_grid",
    "SPATIAL_REF",
]

NO_CLASS = 255
"""The missing value of every class map (uint8)."""

SPATIAL_REF = "spatial_ref"
"""The scalar coordinate that carries the CRS (CF grid mapping, as rioxarray writes it)."""

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)


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


def require(
    value: object,
    *dims: str | EllipsisType,
    by: str,
    dtype: str | None = None,
) -> None:
    """Refuse anything but a DataArray with just these dims, in this order.

    Parameters
    ----------
    value : object
        What the user passed.
    *dims : str or Ellipsis
        Expected dims in order. A leading ``...`` allows any further dims in front.
    by : str
        The function that asks, for the message.
    dtype : str, optional
        Expected dtype, or a kind: ``"bool"``, ``"floating"``, ``"integer"``, ``"complexfloating"``.

    Raises
    ------
    TypeError
        If `value` is no DataArray, or its dtype is another.
    ValueError
        If its dims are others or in another order.

    Examples
    --------
    >>> require(xr.DataArray(np.zeros((2, 3)), dims=("y", "x")), ..., "y", "x", by="lee")
    >>> require(xr.DataArray(np.zeros((2, 3)), dims=("y", "x")), "pair", "y", "x", by="ndai")
    Traceback (most recent call last):
    ...
    ValueError: ndai needs dims ('pair', 'y', 'x'), got ('y', 'x'); ...
    """
    if not isinstance(value, xr.DataArray):
        message = (
            f"{by} needs an xarray.DataArray with dims {_spell(dims)}, got {type(value).__name__}"
        )
        if isinstance(value, xr.Dataset):
            message += f"; pick one of its variables, e.g. dataset[{next(iter(value), 'name')!r}]"
        elif isinstance(value, np.ndarray):
            message += "; wrap it: xr.DataArray(array, dims=...)"
        raise TypeError(message)
    named = tuple(dim for dim in dims if dim is not ...)
    got = value.dims[len(value.dims) - len(named) :] if dims and dims[0] is ... else value.dims
    if got != named:
        name = f" of {value.name!r}" if value.name is not None else ""
        fix = (
            f"use .transpose({', '.join(map(repr, named))})"
            if set(named) == set(value.dims)
            else "see docs/data-model.md for the dims of each kind of layer"
        )
        message = f"{by} needs dims {_spell(dims)}, got {value.dims}{name}; {fix}"
        raise ValueError(message)
    if dtype is not None and not _is_dtype(value.dtype, dtype):
        message = (
            f"{by} needs dtype {dtype}, got {value.dtype}; use .astype({dtype!r}) if that is meant"
        )
        raise TypeError(message)


def _spell(dims: tuple[str | EllipsisType, ...]) -> str:
    return "(" + ", ".join("..." if dim is ... else repr(dim) for dim in dims) + ")"


def _is_dtype(dtype: np.dtype[Any], wanted: str) -> bool:
    kind = getattr(np, wanted, None)
    if isinstance(kind, type) and issubclass(kind, np.generic):
        return bool(np.issubdtype(dtype, kind))
    return bool(dtype == np.dtype(wanted))


def require_power(backscatter: xr.DataArray, *, by: str) -> None:
    """Refuse decibels where linear power is needed.

    Parameters
    ----------
    backscatter : xarray.DataArray
        Backscatter with a ``units`` attribute (none is taken as linear power).
    by : str
        The function that asks, for the message.

    Raises
    ------
    ValueError
        If the units say dB.

    Examples
    --------
    >>> require_power(xr.DataArray([-7.0], attrs={"units": "dB"}), by="lee")
    Traceback (most recent call last):
    ...
    ValueError: lee needs linear power, got units 'dB'; convert with minewatch.radar.from_db first
    """
    units = str(backscatter.attrs.get("units", "1"))
    if units.strip().lower() in {"db", "decibel", "decibels"}:
        name = f" for {backscatter.name!r}" if backscatter.name is not None else ""
        message = (
            f"{by} needs linear power, got units {units!r}{name}; "
            "convert with minewatch.radar.from_db first"
        )
        raise ValueError(message)


def crs_of(data: xr.DataArray | xr.Dataset) -> str | None:
    """The CRS of a layer as WKT, from its ``spatial_ref`` coordinate, or None.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        A layer.

    Returns
    -------
    str or None
        Well-known text, None where no CRS is known.

    Examples
    --------
    >>> crs_of(xr.DataArray([1.0])) is None
    True
    """
    if SPATIAL_REF not in data.coords:
        return None
    attrs = data.coords[SPATIAL_REF].attrs
    text = attrs.get("crs_wkt") or attrs.get("spatial_ref")
    return str(text) if text else None


def describe_grid(data: xr.DataArray | xr.Dataset) -> str:
    """Say a grid in words: size, spacing, first pixel centre, CRS.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        A layer with dims y and x.

    Returns
    -------
    str
        For messages.

    Examples
    --------
    >>> describe_grid(xr.DataArray(np.zeros((2, 3)), dims=("y", "x")))
    '2×3 (no x, y coordinates, no CRS)'
    """
    sizes = f"{data.sizes.get('y', 0)}×{data.sizes.get('x', 0)}"
    if "x" not in data.indexes or "y" not in data.indexes:
        where = "no x, y coordinates"
    else:
        x, y = data.indexes["x"], data.indexes["y"]
        step_x = float(x[1] - x[0]) if len(x) > 1 else float("nan")
        step_y = float(y[1] - y[0]) if len(y) > 1 else float("nan")
        where = (
            f"spacing y {step_y:g}, x {step_x:g}, first centre y {float(y[0]):.10g}, "
            f"x {float(x[0]):.10g}"
            if len(x) and len(y)
            else "empty"
        )
    wkt = crs_of(data)
    crs = "no CRS" if wkt is None else _crs_name(wkt)
    return f"{sizes} ({where}, {crs})"


def _crs_name(wkt: str) -> str:
    from pyproj import CRS

    crs = CRS.from_user_input(wkt)
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.name)


def require_same_grid(
    first: xr.DataArray | xr.Dataset,
    second: xr.DataArray | xr.Dataset,
    *,
    by: str,
) -> None:
    """Refuse two layers on different grids: nothing is ever aligned silently.

    Parameters
    ----------
    first, second : xarray.DataArray or xarray.Dataset
        Layers with dims y and x.
    by : str
        The function that asks, for the message.

    Raises
    ------
    ValueError
        If sizes, x or y coordinates or the CRS differ; names both grids.

    Examples
    --------
    >>> a = xr.DataArray(np.zeros((2, 3)), dims=("y", "x"))
    >>> require_same_grid(a, a, by="ndai")
    >>> require_same_grid(a, a.isel(x=slice(2)), by="ndai")
    Traceback (most recent call last):
    ...
    ValueError: ndai needs both inputs on one grid, got 2×3 (...) and 2×2 (...); ...
    """
    same = all(first.sizes.get(dim) == second.sizes.get(dim) for dim in ("y", "x"))
    for dim in ("y", "x"):
        if same and dim in first.indexes and dim in second.indexes:
            same = bool(first.indexes[dim].equals(second.indexes[dim]))
    one, other = crs_of(first), crs_of(second)
    if same and one is not None and other is not None and one != other:
        from pyproj import CRS

        same = CRS.from_user_input(one) == CRS.from_user_input(other)
    if not same:
        message = (
            f"{by} needs both inputs on one grid, got {describe_grid(first)} and "
            f"{describe_grid(second)}; bring one onto the other with minewatch.grids.resample"
        )
        raise ValueError(message)


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
    >>> coherence = Layer("coherence", "interferometric coherence")
    >>> conform(xr.DataArray([0.5]), coherence, window=(3, 10)).attrs
    {'long_name': 'interferometric coherence', 'units': '1', 'window': [3, 10]}
    """
    if result.dtype != np.dtype(layer.dtype):
        result = result.astype(layer.dtype)
    result = result.rename(layer.name)
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
