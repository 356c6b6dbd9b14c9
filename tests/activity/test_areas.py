"""Hectares of classes on projected and geographic grids."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from pyproj import Geod

from minewatch.activity import activity_areas


def layer(crs: str, step: float, x0: float, y0: float, rng) -> xr.DataArray:
    values = rng.choice(np.array([0, 1, 2, 255], "uint8"), (12, 9))
    data = xr.DataArray(
        values,
        dims=("y", "x"),
        coords={"y": y0 - step * np.arange(12), "x": x0 + step * np.arange(9)},
        name="activity",
    )
    return data.rio.write_crs(crs)


def test_projected_pixels_have_one_area(rng):
    activity = layer("EPSG:32721", 20.0, 4e5, 9e6, rng)
    got = activity_areas(activity.to_dataset())
    pixels = np.array([(activity.values == code).sum() for code in (0, 1, 2, 255)])
    np.testing.assert_array_equal(got.pixels, pixels)
    np.testing.assert_allclose(got.area, pixels * 0.04)
    np.testing.assert_allclose(got.share[:3], pixels[:3] / pixels[:3].sum())
    assert np.isnan(got.share[3])
    assert got.activity.attrs["flag_meanings"] == "undecided stable active none"
    assert got.area.attrs["units"] == "ha"


def test_geographic_pixels_are_measured_on_the_ellipsoid(rng):
    activity = layer("EPSG:4326", 0.01, -50.0, 61.0, rng)
    got = activity_areas(activity)
    geod = Geod(ellps="WGS84")
    expected = dict.fromkeys((0, 1, 2, 255), 0.0)
    for i, y in enumerate(activity.y.values):
        for j, x in enumerate(activity.x.values):
            corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
            area, _ = geod.polygon_area_perimeter(
                [x + 0.01 * dx for dx, _ in corners], [y + 0.01 * dy for _, dy in corners]
            )
            expected[int(activity[i, j])] += area / 1e4
    # Edges along geodesics, not parallels: a millionth of the area.
    np.testing.assert_allclose(got.area, list(expected.values()), rtol=1e-5)


def test_stacks_and_chunks(rng):
    activity = layer("EPSG:32721", 20.0, 4e5, 9e6, rng)
    stack = xr.concat([activity, activity[::-1].assign_coords(y=activity.y)], "year")
    got = activity_areas(stack.chunk(y=5, x=4))
    assert got.area.dims == ("year", "activity")
    for k in range(2):
        np.testing.assert_allclose(got.area[k], activity_areas(stack[k]).area)


def test_nothing_classed_has_no_share(rng):
    activity = xr.full_like(layer("EPSG:32721", 20.0, 4e5, 9e6, rng), 255)
    assert activity_areas(activity).share.isnull().all()


def test_slant_range_layers_must_be_geocoded_first(rng):
    bare = layer("EPSG:32721", 20.0, 4e5, 9e6, rng).drop_vars("spatial_ref")
    with pytest.raises(ValueError, match="CRS"):
        activity_areas(bare)
