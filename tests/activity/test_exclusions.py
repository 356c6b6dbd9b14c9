"""Hectares per reason add up, on the map and on the ellipsoid."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from minewatch import masks
from minewatch.activity import activity_areas, excluded_areas, tai

NAMES = [
    "kept", "vegetation", "water", "radar_shadow", "layover", "low_backscatter", "outside",
    "unknown",
]  # fmt: skip
CODES = [0, 1, 2, 3, 4, 5, 6, 255]


def layer(values: np.ndarray, crs: str = "EPSG:32721", step: float = 20.0) -> xr.DataArray:
    rows, columns = values.shape
    coords = {"y": 61.0 - step * np.arange(rows), "x": step * np.arange(columns)}
    return xr.DataArray(values, coords, ("y", "x")).rio.write_crs(crs)


def test_hectares_of_every_reason(rng):
    codes = rng.choice(np.array(CODES, "u1"), (24, 18))
    got = excluded_areas(layer(codes))
    pixels = np.array([(codes == code).sum() for code in CODES])
    np.testing.assert_array_equal(got.reason, CODES)
    assert got.name.values.tolist() == NAMES
    np.testing.assert_array_equal(got.pixels, pixels)
    np.testing.assert_allclose(got.area, pixels * 0.04)
    np.testing.assert_allclose(got.share, pixels / codes.size)
    assert got.area.attrs["units"] == "ha"
    assert got.reason.attrs["flag_meanings"].split() == NAMES
    lazy = excluded_areas(layer(codes).chunk(y=7, x=5))
    xr.testing.assert_identical(lazy, got)


def test_pixels_in_degrees_are_measured_on_the_ellipsoid(rng):
    activity = layer(rng.choice(np.array([0, 1, 2, 255], "u1"), (24, 18)), "EPSG:4326", 0.01)
    # Codes 0, 1, 2 and 255 mean something to both.
    wanted = activity_areas(activity).area.values
    got = excluded_areas(activity).set_index(reason="name").area
    names = ["kept", "vegetation", "water", "unknown"]
    np.testing.assert_allclose(got.sel(reason=names), wanted)


def test_masks_and_areas_fit():
    wet = layer(np.uint8([[0, 1], [255, 0]]))
    out = layer(np.array([[False, False], [False, True]]))
    areas = excluded_areas(masks.exclusion(water=wet, outside=out)).set_index(reason="name").area
    left = areas[areas > 0]
    assert left.reason.values.tolist() == ["kept", "water", "outside", "unknown"]
    np.testing.assert_allclose(left, 0.04)


def test_an_activity_map_has_no_class_where_it_is_excluded(rng):
    dates = np.datetime64("2022-06-01", "ns") + 12 * np.arange(13).astype("timedelta64[D]")
    times = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    codes = layer(rng.choice(np.array(CODES, "u1"), (24, 18)))
    gamma = xr.concat([xr.full_like(codes, 0.9, "f4")] * 12, "pair").assign_coords(times)
    means = {"stable_mean": ("pair", np.full(12, 0.9)), "keep": ("pair", np.ones(12, bool))}
    ledger = xr.Dataset(means, times)
    found = tai(gamma, ledger, threshold=0.2, mask=codes > 0)
    np.testing.assert_array_equal(found.activity == 255, codes > 0)
    kept = excluded_areas(codes).area.sel(reason=0)
    np.testing.assert_allclose(activity_areas(found).area.sel(activity=1), kept)


def test_what_is_no_exclusion_is_refused():
    with pytest.raises(ValueError, match=r"2 pixels with others.*masks\.exclusion"):
        excluded_areas(layer(np.uint8([[7, 0], [9, 255]])))
    with pytest.raises(ValueError, match="CRS"):
        excluded_areas(layer(np.zeros((2, 2), "u1")).drop_vars("spatial_ref"))
    with pytest.raises(TypeError, match="integer"):
        excluded_areas(layer(np.zeros((2, 2), "f4")))
