"""A wrong input is refused with the value, the reason and the fix."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from laziness import nothing_computes
from pyproj import CRS

from minewatch.conventions import crs_of, describe_grid, require, require_power, require_same_grid

UTM_21S = "EPSG:32721"


def layer(*dims: str, crs: str | None = None, dtype: str = "float32") -> xr.DataArray:
    sizes = {"time": 2, "pair": 2, "y": 3, "x": 4}
    array = xr.DataArray(
        np.zeros([sizes[dim] for dim in dims], dtype),
        dims=dims,
        coords={dim: np.arange(sizes[dim]) * 10.0 for dim in dims if dim in "yx"},
    )
    return array if crs is None else array.rio.write_crs(crs)


def test_the_right_dims_pass() -> None:
    require(layer("pair", "y", "x"), "pair", "y", "x", by="ndai", dtype="float32")
    require(layer("pair", "y", "x"), ..., "y", "x", by="lee", dtype="floating")
    require(layer("y", "x"), ..., "y", "x", by="lee")


@pytest.mark.parametrize(
    ("value", "dims", "error", "fix"),
    [
        (layer("y", "x"), ("pair", "y", "x"), ValueError, "needs dims .'pair', 'y', 'x'."),
        (layer("x", "y"), ("y", "x"), ValueError, r"use \.transpose\('y', 'x'\)"),
        (np.zeros((3, 4)), ("y", "x"), TypeError, r"wrap it: xr\.DataArray"),
        (xr.Dataset({"vv": layer("y", "x")}), ("y", "x"), TypeError, r"dataset\['vv'\]"),
    ],
)
def test_wrong_dims_or_types_are_refused(
    value: object, dims: tuple[str, ...], error: type[Exception], fix: str
) -> None:
    with pytest.raises(error, match=fix):
        require(value, *dims, by="ndai")


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(
        TypeError, match=r"coherence needs dtype complex64, got float32; use \.astype"
    ):
        require(layer("y", "x"), "y", "x", by="coherence", dtype="complex64")


@pytest.mark.parametrize("units", ["dB", "db", "decibel", " dB "])
def test_decibels_are_refused_where_power_is_asked(units: str) -> None:
    decibels = layer("y", "x").assign_attrs(units=units)
    with pytest.raises(ValueError, match=r"minewatch\.radar\.from_db"):
        require_power(decibels, by="lee")
    require_power(layer("y", "x").assign_attrs(units="1"), by="lee")
    require_power(layer("y", "x"), by="lee")


@pytest.mark.parametrize(
    ("wanted", "fix"), [("floating", "float32"), ("integer", "uint8"), ("bool", "layer == 1")]
)
def test_a_kind_of_dtype_is_told_by_one_that_exists(wanted: str, fix: str) -> None:
    given = layer("y", "x").astype("complex64")
    with pytest.raises(TypeError, match=f"needs dtype {wanted}, got complex64; use .*{fix}"):
        require(given, "y", "x", by="tai", dtype=wanted)


def test_grids_are_told_apart() -> None:
    one = layer("y", "x", crs=UTM_21S)
    require_same_grid(one, layer("pair", "y", "x", crs=UTM_21S), by="ndai")
    others = {
        "3×2": one.isel(x=slice(2)),
        "x 5": one.assign_coords(x=one.x / 2),
        "EPSG:32722": layer("y", "x", crs="EPSG:32722"),
    }
    for named, other in others.items():
        with pytest.raises(ValueError, match=rf"EPSG:32721.*{named}.*minewatch\.grids\.resample"):
            require_same_grid(one, other, by="ndai")


def test_grids_that_differ_by_a_rounding_are_told_apart_too() -> None:
    one = layer("y", "x", crs=UTM_21S)
    other = one.assign_coords(x=one.x + 1e-9)
    with pytest.raises(ValueError, match=r"which differ in x by up to 1e-09; bring"):
        require_same_grid(one, other, by="ndai")


def test_one_crs_written_in_two_ways_is_one_crs() -> None:
    one, other = layer("y", "x", crs=UTM_21S), layer("y", "x", crs=UTM_21S)
    other.spatial_ref.attrs["crs_wkt"] = CRS.from_epsg(32721).to_wkt("WKT1_GDAL")
    require_same_grid(one, other, by="ndai")


def test_looking_at_a_grid_computes_nothing() -> None:
    lazy = layer("y", "x", crs=UTM_21S).chunk(y=1)
    with nothing_computes():
        require(lazy, "y", "x", by="lee")
        require_same_grid(lazy, lazy, by="lee")
        text = describe_grid(lazy)
    assert text == "3×4 (spacing y 10, x 10, first centre y 0, x 0, EPSG:32721)"
    assert crs_of(layer("y", "x")) is None
