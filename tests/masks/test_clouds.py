"""The cloud score at its ramps' ends, on grounds that are no cloud, and on real reference masks."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import masks
from minewatch.conventions import crs_of

BANDS = ("blue", "green", "red", "nir", "swir16")
CLOUD = (0.6, 0.6, 0.6, 0.65, 0.45)
GROUNDS = {  # means of the simulated world, and what else is bright
    "forest": (0.02, 0.04, 0.03, 0.30, 0.15),
    "mine": (0.09, 0.13, 0.17, 0.24, 0.33),
    "bare soil": (0.08, 0.12, 0.17, 0.25, 0.35),
    "dry tailings": (0.30, 0.36, 0.42, 0.48, 0.60),
    "river": (0.07, 0.11, 0.13, 0.09, 0.03),
    "water": (0.03, 0.03, 0.02, 0.01, 0.005),
    "snow": (0.90, 0.88, 0.86, 0.75, 0.08),
}


def scene(rng, shape=(2, 9, 11)):
    coords = {"y": 9e6 - 10.0 * np.arange(shape[1]), "x": 5e5 + 10.0 * np.arange(shape[2])}
    values = rng.uniform(0, 0.8, (5, *shape))
    layers = zip(BANDS, values, strict=True)
    image = {name: xr.DataArray(v, coords, ("time", "y", "x")) for name, v in layers}
    return xr.Dataset(image).rio.write_crs("EPSG:32721")


def pixel(values):
    return xr.Dataset(dict(zip(BANDS, map(float, values), strict=True)))


def obvious(blue, green, red, nir, swir):
    moist, snow = (nir - swir) / (nir + swir), (green - swir) / (green + swir)
    ramps = (
        (blue - 0.1) / 0.4,
        (blue + green + red - 0.2) / 0.6,
        (moist + 0.1) / 0.2,
        (0.8 - snow) / 0.2,
    )
    return min(1.0, max(0.0, min(ramps)))


def test_it_is_the_smallest_ramp(rng):
    image = scene(rng)
    expected = np.vectorize(obvious)(*(image[name].values for name in BANDS))
    score = masks.cloud_score(image)
    npt.assert_allclose(score, expected, atol=1e-6)  # float32
    assert score.dtype == np.float32
    assert crs_of(score)


@pytest.mark.parametrize("name", GROUNDS)
def test_ground_that_is_no_cloud(name):
    assert masks.cloud_score(pixel(GROUNDS[name])) < 0.2


def test_a_cloud_is_one():
    assert masks.cloud_score(pixel(CLOUD)) == 1


def test_unknown_bands_and_black_pixels_have_no_score():
    for at in range(5):
        values = list(CLOUD)
        values[at] = np.nan
        assert np.isnan(masks.cloud_score(pixel(values)))
    assert np.isnan(masks.cloud_score(pixel((0.5, 0, 0.5, 0.3, 0))))
    assert np.isnan(masks.cloud_score(pixel((0.5, 0.1, 0.5, 0, 0))))


def test_the_mask_keeps_what_is_unknown(rng):
    score = masks.cloud_score(scene(rng)).copy()
    score[0, 0, 0] = np.nan
    found = masks.cloud(score, threshold=0.3)
    npt.assert_array_equal(found, np.where(np.isnan(score), 255, score > 0.3))
    assert found.attrs["flag_meanings"] == "clear cloud"
    assert found.attrs["threshold"] == 0.3
    npt.assert_array_equal(masks.cloud(xr.DataArray(np.float32([0.1, 0.3]))), [0, 1])


@pytest.mark.parametrize("chunks", [{"time": 1}, {"time": 2, "y": 4, "x": 3}])
def test_chunks_change_nothing_and_nothing_is_computed(rng, chunks):
    image = scene(rng).astype("f4")
    with nothing_computes():
        score = masks.cloud_score(image.chunk(chunks))
        found = masks.cloud(score)
    npt.assert_array_equal(score, masks.cloud_score(image))
    npt.assert_array_equal(found, masks.cloud(masks.cloud_score(image)))


def test_errors_say_what_to_type(rng):
    image = scene(rng)
    with pytest.raises(KeyError, match="it lacks green, nir, and has blue, red, swir16"):
        masks.cloud_score(image.drop_vars(["green", "nir"]))
    with pytest.raises(TypeError, match=r"minewatch\.sources\.load"):
        masks.cloud_score(image.blue)
    with pytest.raises(TypeError, match=r"astype\('float32'\)"):
        masks.cloud(image.blue > 0.3)
