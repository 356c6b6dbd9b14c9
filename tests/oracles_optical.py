"""What the optical and radar tests share: small georeferenced layers and one test of laziness."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch.conventions import crs_of

if TYPE_CHECKING:
    from collections.abc import Callable

WKT = 'LOCAL_CS["pit"]'
ODD = {"y": 7, "x": 5}


def layer(values: Any, name: str = "layer", *, units: str = "1", times: Any = None) -> xr.DataArray:
    """Values on a grid of 10 m with a CRS; dims (y, x) or (time, y, x)."""
    values = np.asarray(values)
    coords: dict[str, Any] = {
        "y": 500.0 - 10 * np.arange(values.shape[-2]),
        "x": 10.0 * np.arange(values.shape[-1]),
        "spatial_ref": xr.DataArray(0, attrs={"crs_wkt": WKT}),
    }
    if values.ndim == 3:
        if times is None:
            times = np.datetime64("2022-04-01", "ns") + 12 * np.arange(len(values)).astype(
                "timedelta64[D]"
            )
        coords["time"] = np.asarray(times, "datetime64[ns]")
    dims = ("time", "y", "x")[-values.ndim :]
    return xr.DataArray(values, coords, dims, name, {"units": units, "long_name": name})


def pixel(value: float, name: str = "layer", **attrs: Any) -> xr.DataArray:
    """A layer of one pixel."""
    return xr.DataArray([[value]], dims=("y", "x"), name=name, attrs=attrs)


def lazy_and_blind(function: Callable[..., Any], *layers: Any, rtol: float = 1e-6) -> Any:
    """The eager result, after the lazy ones of odd chunks and of one chunk were found equal to it.

    Nothing may compute while the lazy ones are built, y and x keep their chunks, the CRS
    survives, and the inputs are not touched.
    """
    before = [one.copy(deep=True) for one in layers]
    eager = function(*layers)
    for chunks in ({}, ODD):
        with nothing_computes():
            result = function(*(one.chunk(**chunks) for one in layers))
        if isinstance(result, xr.Dataset):
            pairs = [(result[name], eager[name]) for name in eager]
            assert list(result) == list(eager)
        else:
            pairs = [(result, eager)]
        for lazy, wanted in pairs:
            assert lazy.chunks is not None, lazy.name
            assert lazy.dims == wanted.dims
            assert lazy.dtype == wanted.dtype == lazy.compute().dtype
            assert lazy.attrs == wanted.attrs
            assert {"long_name", "units"} <= set(wanted.attrs)
            assert crs_of(lazy) == crs_of(wanted) == WKT
            if {"y", "x"} <= set(lazy.dims) and chunks:
                assert lazy.chunksizes["x"][0] == ODD["x"]
            npt.assert_allclose(lazy.compute(), wanted, rtol=rtol)
    for one, kept in zip(layers, before, strict=True):
        xr.testing.assert_identical(one, kept)
    return eager
