"""Optical series: moments of clear ground, exact clouds, shadows where the sun puts them."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from minewatch.simulate import optical_series
from minewatch.simulate.optical import landsat_quality, sentinel2_quality


def ground(shape=(200, 200), **bands):
    rows, columns = shape
    return xr.Dataset(
        {name: (("y", "x"), np.full(shape, value)) for name, value in bands.items()},
        coords={"y": 1e6 - 10.0 * np.arange(rows), "x": 5e5 + 10.0 * np.arange(columns)},
    )


DATES = ["2022-06-01", "2022-07-01"]


def test_clear_ground_is_lognormal_about_its_reflectance():
    series = optical_series(ground(red=0.1), times=DATES, noise=0.05, cloud_cover=0, seed=0)
    logs = np.log(series.red.values)
    # 80 000 values: mean known to 1.8e-4, standard deviation to 1.3e-4; four of these allowed.
    assert logs.mean() == pytest.approx(np.log(0.1), abs=7e-4)
    assert logs.std() == pytest.approx(0.05, abs=5e-4)
    assert not series.cloud.any()
    between = np.corrcoef(logs[0].ravel(), logs[1].ravel())[0, 1]
    assert abs(between) < 0.02


def test_clouds_take_an_exact_share_of_each_date():
    series = optical_series(ground(nir=0.3), times=DATES, cloud_cover=[0.25, 0.1], seed=1)
    npt.assert_allclose(series.cloud.mean(("y", "x")), [0.25, 0.1])
    assert not (series.cloud & series.shadow).any()
    assert float(series.nir.where(series.cloud).mean()) == pytest.approx(0.45, rel=0.02)


def test_shadow_lies_away_from_the_sun_and_leaves_two_fifths():
    series = optical_series(
        ground(nir=0.3),
        times=DATES[:1],
        noise=0,
        cloud_cover=0.1,
        cloud_height=500,
        sun_zenith=45,
        sun_azimuth=90,
        seed=2,
    )
    cloud, shadow = series.cloud.values[0], series.shadow.values[0]
    # Sun in the east at 45°: the shadow of a cloud at 500 m falls 500 m to the west, 50 pixels.
    npt.assert_array_equal(shadow, np.roll(cloud, -50, axis=1) & ~cloud)
    npt.assert_allclose(series.nir.values[0][shadow], 0.12, rtol=1e-6)
    npt.assert_allclose(series.nir.values[0][~shadow & ~cloud], 0.3, rtol=1e-6)
    north = optical_series(
        ground(nir=0.3), times=DATES[:1], cloud_height=500, sun_zenith=45, sun_azimuth=0, seed=2
    )
    npt.assert_array_equal(
        north.shadow[0], np.roll(north.cloud[0], 50, axis=0) & ~north.cloud.values[0]
    )


def test_coarse_bands_and_masks_are_constant_over_their_own_pixels():
    series = optical_series(
        ground((31, 40), red=0.1, swir16=0.3),
        times=DATES,
        blocks={"swir16": 2},
        mask_block=2,
        seed=3,
    )
    for name in ("swir16", "cloud", "shadow"):
        values = series[name].values
        npt.assert_array_equal(values[:, :30:2], values[:, 1:30:2])
        npt.assert_array_equal(values[:, :, ::2], values[:, :, 1::2])
    assert not np.array_equal(series.red[0, 0, ::2], series.red[0, 0, 1::2])


def test_the_same_seed_gives_the_same_series():
    once, again = (optical_series(ground((20, 30), red=0.1), times=DATES, seed=4) for _ in range(2))
    xr.testing.assert_identical(once, again)
    assert once.red.dtype == "float32"
    assert once.red.dims == ("time", "y", "x")
    assert once.sun_zenith.dims == ("time",)


def test_cloud_shares_must_match_the_dates():
    with pytest.raises(ValueError, match=r"use e\.g\. cloud_cover=0\.2"):
        optical_series(ground((20, 30), red=0.1), times=DATES, cloud_cover=[0.1], seed=0)
    with pytest.raises(ValueError, match="for each of 2 dates"):
        optical_series(ground((20, 30), red=0.1), times=DATES, cloud_cover=1.5, seed=0)


def test_scene_classification_codes():
    cloud = np.array([[[True, False, False, False, False]]])
    shadow = np.array([[[False, True, False, False, False]]])
    water, green = np.array([[False, False, True, False, False]]), np.array([[0, 0, 0, 1, 0]], bool)
    codes = sentinel2_quality(cloud, shadow, water, green, seed=0)[0, 0]
    assert codes[0] in (8, 9)
    npt.assert_array_equal(codes[1:], [3, 6, 4, 5])


def test_landsat_bits():
    def mask(i):
        return np.arange(6).reshape(1, 1, 6) == i

    water = mask(4)[0] | mask(3)[0]
    codes = landsat_quality(mask(0), mask(1), mask(2) | mask(3), water)[0, 0]
    npt.assert_array_equal(codes, [22280, 23888, 21762, 21890, 21952, 21824])
    bits = (codes[:, None] >> np.arange(16)) & 1
    npt.assert_array_equal(bits[:, 3], [1, 0, 0, 0, 0, 0])  # cloud
    npt.assert_array_equal(bits[:, 4], [0, 1, 0, 0, 0, 0])  # shadow
    npt.assert_array_equal(bits[:, 1], [0, 0, 1, 1, 0, 0])  # dilated cloud
    npt.assert_array_equal(bits[:, 7], [0, 0, 0, 1, 1, 0])  # water
    npt.assert_array_equal(bits[:, 6], [0, 1, 0, 0, 1, 1])  # "clear", set on shadow too
