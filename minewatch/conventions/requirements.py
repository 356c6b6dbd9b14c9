"""Inputs as they come in: dims, dtype, units and grids, or an error that says what would do."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np
import xarray as xr

__all__ = [
    "SPATIAL_REF",
    "crs_of",
    "describe_grid",
    "require",
    "require_power",
    "require_same_grid",
]

SPATIAL_REF = "spatial_ref"
"""The scalar coordinate that carries the CRS (CF grid mapping, as rioxarray writes it)."""


CASTS = {
    "floating": ".astype('float32') if that is meant",
    "integer": "codes, e.g. .fillna(255).astype('uint8')",
    "bool": "a comparison, e.g. layer == 1",
}
"""How to come to a kind of dtype; a bare cast would turn unknown into True."""


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
        fix = CASTS.get(dtype, f".astype({dtype!r}) if that is meant")
        message = f"{by} needs dtype {dtype}, got {value.dtype}; use {fix}"
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
            f"{describe_grid(second)}{_apart(first, second)}; bring one onto the other with "
            "minewatch.grids.resample"
        )
        raise ValueError(message)


def _apart(first: xr.DataArray | xr.Dataset, second: xr.DataArray | xr.Dataset) -> str:
    """How far the pixels of two grids of one size lie apart, which may be less than is printed."""
    told = []
    for dim in ("y", "x"):
        ends = [data.indexes[dim].to_numpy() for data in (first, second) if dim in data.indexes]
        if len(ends) == 2 and len(ends[0]) == len(ends[1]) and (ends[0] != ends[1]).any():
            told.append(f"{dim} by up to {np.abs(ends[0] - ends[1]).max():.2g}")
    return f", which differ in {' and '.join(told)}" if told else ""
