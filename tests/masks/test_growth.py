"""Growth against the distance of every pixel to every other, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from scipy import ndimage

from minewatch import masks
from minewatch.conventions import crs_of
from minewatch.masks.growth import disk, spread


def on_map(values, *, step=(10.0, 10.0)):
    values = np.asarray(values)
    rows, columns = values.shape[-2:]
    coords = {"y": 9e6 - step[0] * np.arange(rows), "x": 5e5 + step[1] * np.arange(columns)}
    dims = ("time", "y", "x")[-values.ndim :]
    return xr.DataArray(values, coords, dims, "cloud").rio.write_crs("EPSG:32721")


@pytest.fixture
def seeds(rng):
    return on_map(rng.random((2, 30, 41)) < 0.01)


def obvious(mask, distance, step):
    """Every pixel whose centre lies within the distance of one that is set."""
    rows, columns = np.mgrid[: mask.shape[0], : mask.shape[1]]
    result = np.zeros(mask.shape, bool)
    for row, column in zip(*np.nonzero(mask), strict=True):
        apart = ((rows - row) * step[0]) ** 2 + ((columns - column) * step[1]) ** 2
        result |= apart <= distance**2 * (1 + 1e-9)
    return result


@pytest.mark.parametrize("distance", [0.5, 1, 1.5, 3.5, 5, 12.2, 60])
def test_pixels_within_a_distance_of_the_mask(seeds, distance):
    grown = masks.grow(seeds, pixels=distance)
    for before, after in zip(seeds.values, grown.values, strict=True):
        npt.assert_array_equal(after, obvious(before, distance, (1, 1)))
    assert grown.dtype == bool
    assert crs_of(grown)
    assert grown.attrs["grown_pixels"] == distance
    assert "grown_metres" not in grown.attrs


@pytest.mark.parametrize("distance", [9, 50, 100])
def test_metres_are_metres_on_pixels_that_are_not_square(rng, distance):
    mask = on_map(rng.random((30, 41)) < 0.01, step=(20.0, 10.0))
    grown = masks.grow(mask, metres=distance)
    npt.assert_array_equal(grown, obvious(mask.values, distance, (20, 10)))


def test_it_is_scipys_dilation(seeds):
    rows, columns = np.mgrid[-3:4, -3:4]
    structure = rows**2 + columns**2 <= 3.5**2
    expected = ndimage.binary_dilation(seeds[0], structure)
    npt.assert_array_equal(spread(seeds.values[0], disk(3.5)), expected)


def test_disks_are_those_of_the_papers():
    """Radius 1.5 is the 3×3 square; 3.5 has 37 pixels: dx² + dy² ≤ r²."""
    assert disk(1.5) == [1, 1]
    assert disk(3.5) == [3, 3, 2, 1]
    assert 2 * sum(2 * w + 1 for w in disk(3.5)[1:]) + 2 * 3 + 1 == 37


def test_unknown_grows_into_nothing_and_is_only_lost_within_reach():
    codes = on_map(np.uint8([[255, 0, 0, 1, 255, 0, 255]]))
    codes.attrs = {"long_name": "cloud", "flag_values": [0, 1], "flag_meanings": "clear cloud"}
    grown = masks.grow(codes, pixels=1)
    npt.assert_array_equal(grown, [[255, 0, 1, 1, 1, 0, 255]])
    assert grown.dtype == np.uint8
    assert grown.name == "cloud"
    assert grown.attrs["flag_meanings"] == "clear cloud"
    assert grown.attrs["long_name"] == "cloud, grown"
    npt.assert_array_equal(codes, [[255, 0, 0, 1, 255, 0, 255]])


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 5}, {"time": 1, "y": 30, "x": 4}])
def test_chunks_change_nothing_and_nothing_is_computed(seeds, chunks):
    with nothing_computes():
        lazy = masks.grow(seeds.chunk(chunks), metres=62)
    assert lazy.chunks == seeds.chunk(chunks).chunks
    npt.assert_array_equal(lazy, masks.grow(seeds, metres=62))


def test_errors_say_what_to_type(seeds):
    with pytest.raises(TypeError, match=r"score > 0\.2"):
        masks.grow(seeds.astype("f4"), pixels=2)
    with pytest.raises(ValueError, match=r"e\.g\. pixels=2"):
        masks.grow(seeds)
    with pytest.raises(ValueError, match=r"e\.g\. pixels=2"):
        masks.grow(seeds, metres=20, pixels=2)
    with pytest.raises(ValueError, match="masks do not shrink, invert one"):
        masks.grow(seeds, pixels=-1)
    with pytest.raises(ValueError, match="name its CRS with"):
        masks.grow(seeds.drop_vars("spatial_ref"), metres=20)
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        masks.grow(seeds.rio.write_crs("EPSG:4326"), metres=20)
    with pytest.raises(ValueError, match=r"sortby\('y', ascending=False\)"):
        masks.grow(seeds[:, ::-1], metres=20)
    with pytest.raises(ValueError, match="two or more evenly spaced x"):
        masks.grow(seeds.drop_vars("x"), metres=20)
