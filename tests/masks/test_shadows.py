"""Cloud shadows against clouds of known height, the obvious loop, and real reference masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import masks
from minewatch.conventions import crs_of

BANDS = ("nir", "swir16", "swir22")
TIMES = np.array(["2022-05-01", "2022-05-13", "2022-05-25"], "datetime64[ns]")


def on_map(values, step=20.0):
    values = np.asarray(values)
    rows, columns = values.shape[-2:]
    coords = {"y": 9e6 - step * np.arange(rows), "x": 5e5 + step * np.arange(columns)}
    dims = ("time", "y", "x")[-values.ndim :]
    if values.ndim == 3:
        coords["time"] = TIMES[: len(values)]
    return xr.DataArray(values, coords, dims).rio.write_crs("EPSG:32721")


def image(brightness, **settings):
    return xr.Dataset({name: on_map(brightness, **settings) for name in BANDS})


def cloudy(*, zenith, azimuth, height, shape=(120, 140), step=20.0):
    """Round clouds at one height over bright ground with a dark pond; the true shadow."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    clouds = np.zeros(shape, bool)
    shadow = np.zeros(shape, bool)
    length, away = height * math.tan(math.radians(zenith)) / step, math.radians(azimuth + 180)
    for row, column, radius in ((50, 60, 8), (80, 90, 6), (60, 100, 10)):
        clouds |= (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        i, j = row - length * math.cos(away), column + length * math.sin(away)
        shadow |= (rows - i) ** 2 + (columns - j) ** 2 <= radius**2
    pond = (rows < 8) & (columns < 8)
    brightness = np.where(shadow | pond, 0.05, 0.25)
    brightness[clouds] = 0.6
    return image(brightness, step=step), on_map(clouds, step), shadow & ~clouds, pond


@pytest.mark.parametrize("azimuth", [30, 130, 200, 275])
@pytest.mark.parametrize("zenith", [20, 45])
def test_clouds_of_one_height_cast_what_they_should(zenith, azimuth):
    """Every true pixel is found but those of the rim that rounding to whole pixels takes."""
    scene, clouds, truth, pond = cloudy(zenith=zenith, azimuth=azimuth, height=1000)
    sun = {"sun_zenith": zenith, "sun_azimuth": azimuth}
    found = masks.cloud_shadow(scene, clouds, **sun, heights=(500, 1000)).values == 1
    assert not (found & ~truth).any()
    assert (found & truth).sum() > 0.93 * truth.sum()
    assert not found[pond].any()


def test_away_from_the_sun_and_not_towards_it():
    """Sun in the south-east: dark ground in the north-west of a cloud is shadow."""
    clouds = np.zeros((21, 21), bool)
    clouds[10, 10] = True
    dark = image(np.full((21, 21), 0.05))
    found = masks.cloud_shadow(
        dark, on_map(clouds), sun_zenith=45, sun_azimuth=135, heights=(20 * 5 * math.sqrt(2),)
    )
    assert list(zip(*np.nonzero(found.values), strict=True)) == [(5, 5)]
    assert found.attrs["flag_meanings"] == "none shadow"
    assert crs_of(found)


def obvious(brightness, clouds, zenith, azimuth, heights, step):
    """Look from each dark pixel towards the sun, to every height."""
    result = np.zeros(clouds.shape, np.uint8)
    towards = math.radians(azimuth)
    for row, column in np.ndindex(clouds.shape):
        for height in heights:
            length = height * math.tan(math.radians(zenith)) / step
            i = row - round(length * math.cos(towards))
            j = column + round(length * math.sin(towards))
            inside = 0 <= i < clouds.shape[0] and 0 <= j < clouds.shape[1]
            if inside and clouds[i, j] == 1 and 3 * brightness[row, column] < 0.35:
                result[row, column] = 1
    result[clouds == 1] = 0
    result[(clouds == 255) | (np.isnan(brightness) & (clouds != 1))] = 255
    return result


HEIGHTS = (40, 130, 150, 400)


@pytest.fixture
def noisy(rng):
    clouds = (rng.random((3, 25, 33)) < 0.05).astype("u1")
    clouds[:, 3:5, 7:9] = 255
    brightness = rng.uniform(0, 0.3, clouds.shape)
    brightness[rng.random(clouds.shape) < 0.03] = np.nan
    return brightness, clouds


def test_it_is_the_obvious_loop(noisy):
    brightness, clouds = noisy
    for day, (zenith, azimuth) in enumerate(((30, 50), (55, 310), (0, 100))):
        found = masks.cloud_shadow(
            image(brightness[day]),
            on_map(clouds[day]),
            sun_zenith=zenith,
            sun_azimuth=azimuth,
            heights=HEIGHTS,
        )
        expected = obvious(brightness[day], clouds[day], zenith, azimuth, HEIGHTS, 20)
        npt.assert_array_equal(found, expected)


def suns(zeniths, azimuths=(50.0, 310.0, 100.0)):
    coords = {"time": TIMES}
    return {
        "sun_zenith": xr.DataArray(list(zeniths), coords, ("time",)),
        "sun_azimuth": xr.DataArray(list(azimuths), coords, ("time",)),
    }


def test_each_date_has_its_own_sun_or_all_the_same(noisy):
    brightness, clouds = noisy
    scene, layer = image(brightness), on_map(clouds)
    series = masks.cloud_shadow(scene, layer, **suns((30.0, 55.0, np.nan)), heights=HEIGHTS)
    for day, (zenith, azimuth) in enumerate(((30, 50), (55, 310))):
        expected = obvious(brightness[day], clouds[day], zenith, azimuth, HEIGHTS, 20)
        npt.assert_array_equal(series[day], expected)
    assert (series[2] == 255).all()
    assert series.dims == ("time", "y", "x")
    npt.assert_array_equal(series.time, TIMES)
    alike = masks.cloud_shadow(scene, layer, sun_zenith=30, sun_azimuth=50, heights=HEIGHTS)
    npt.assert_array_equal(alike[0], series[0])


@pytest.mark.parametrize("chunks", [{"time": 1, "y": 4, "x": 33}, {"time": 2, "y": 9, "x": 7}])
def test_chunks_change_nothing_and_nothing_is_computed(noisy, chunks):
    scene, layer = image(noisy[0]), on_map(noisy[1])
    for sun in (suns((30.0, 55.0, np.nan)), {"sun_zenith": 55, "sun_azimuth": 310}):
        with nothing_computes():
            lazy = masks.cloud_shadow(scene.chunk(chunks), layer.chunk(chunks), **sun)
        assert lazy.chunks is not None
        expected = masks.cloud_shadow(scene, layer, **sun)
        npt.assert_array_equal(lazy, expected)
        xr.testing.assert_identical(lazy.compute(), expected)


def test_clouds_may_be_bool(noisy):
    scene, clouds = image(noisy[0]), on_map(noisy[1] == 1)
    sun = {"sun_zenith": 40, "sun_azimuth": 70, "heights": HEIGHTS}
    expected = masks.cloud_shadow(scene, clouds.astype("u1"), **sun)
    npt.assert_array_equal(masks.cloud_shadow(scene, clouds, **sun), expected)


def test_errors_say_what_to_type(noisy):
    scene, clouds = image(noisy[0]), on_map(noisy[1])
    sun = {"sun_zenith": 40, "sun_azimuth": 70}
    with pytest.raises(TypeError, match=r"minewatch\.masks\.cloud\(score\)"):
        masks.cloud_shadow(scene, clouds.astype("f4"), **sun)
    with pytest.raises(KeyError, match="load or rename them"):
        masks.cloud_shadow(scene.drop_vars("swir22"), clouds, **sun)
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        masks.cloud_shadow(scene, clouds.assign_coords(x=clouds.x + 7), **sun)
    with pytest.raises(ValueError, match=r"\.sel\(time=cloud\.time\)"):
        masks.cloud_shadow(scene.isel(time=slice(2)), clouds, **sun)
    with pytest.raises(ValueError, match=r"\.sel\(time=cloud\.time\)"):
        masks.cloud_shadow(
            scene,
            clouds,
            **suns((30.0, 30.0, 30.0))
            | {"sun_zenith": xr.DataArray([30.0], {"time": TIMES[:1]}, ("time",))},
        )
    with pytest.raises(ValueError, match="90 minus the sun's elevation"):
        masks.cloud_shadow(scene, clouds, sun_zenith=86, sun_azimuth=70)
    lazy = {name: angle.chunk() for name, angle in suns((30.0, 30.0, 30.0)).items()}
    with pytest.raises(TypeError, match=r"sun_zenith\.compute\(\)"):
        masks.cloud_shadow(scene, clouds, **lazy)
    with pytest.raises(ValueError, match=r"e\.g\. \(500, 1000\)"):
        masks.cloud_shadow(scene, clouds, **sun, heights=())
    with pytest.raises(ValueError, match="name its CRS with"):
        masks.cloud_shadow(scene.drop_vars("spatial_ref"), clouds.drop_vars("spatial_ref"), **sun)
