"""Scenes sample one and the same ground."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.simulate import scenes
from minewatch.simulate.classes import BANDS, NOISE, log_means
from minewatch.simulate.fields import block_mean
from minewatch.simulate.terrain import lay_ground


@pytest.fixture(scope="module")
def ground():
    return lay_ground(160, seed=42)


@pytest.fixture(scope="module")
def look(ground):
    return scenes.look_of(ground, seed=42)


def test_patches_and_pixels_have_the_spread_they_were_given(ground, look):
    means = log_means()[ground.cover - 1]
    for i, band in enumerate(BANDS):
        away = look.reflectance[band] - means[..., i]
        count = np.bincount(ground.patch.ravel())
        patch = np.bincount(ground.patch.ravel(), away.ravel()) / count
        within = away - patch[ground.patch]
        large = count > 20
        # 51 200 pixels; over a thousand patches, whose means keep σ²/n of the pixels.
        inside = np.sqrt((within**2).sum() / (count - 1).sum())
        assert inside == pytest.approx(NOISE["pixel"], rel=0.03)
        between = patch[large].var() - (NOISE["pixel"] ** 2 / count[large]).mean()
        assert np.sqrt(between) == pytest.approx(NOISE["patch"], rel=0.1)


def test_radar_is_constant_over_a_patch_before_speckle(ground, look):
    decibel = 10 * np.log10(look.power["vv"])
    first = decibel.ravel()[np.unique(ground.patch, return_index=True)[1]]
    npt.assert_allclose(decibel, first[ground.patch])
    means = (log_means()[ground.cover - 1][..., 6] * 10 / np.log(10)).ravel()
    away = first - means[np.unique(ground.patch, return_index=True)[1]]
    assert away.std() == pytest.approx(NOISE["c_band"], rel=0.1)


def test_sensors_average_the_ground_over_their_own_pixels(ground, look):
    """Without noise the bands are block means: the mean over dates comes close to that."""
    series = scenes.sentinel2(ground, look, seed=42)
    clear = ~(series.cloud | series.shadow).values
    swir = np.where(clear, np.log(series.swir16.values), np.nan)
    truth = np.log(block_mean(np.exp(look.reflectance["swir16"]), 2))
    error = (swir - truth.repeat(2, 0).repeat(2, 1))[np.isfinite(swir)]
    assert error.mean() == pytest.approx(0, abs=0.002)
    assert error.std() == pytest.approx(NOISE["date"], rel=0.03)
    edge = np.where(clear, np.log(series.rededge1.values), np.nan)
    mixed = 0.65 * look.reflectance["red"] + 0.35 * look.reflectance["nir"]
    truth = np.log(block_mean(np.exp(mixed), 2))
    error = (edge - truth.repeat(2, 0).repeat(2, 1))[np.isfinite(edge)]
    assert error.std() == pytest.approx(NOISE["date"], rel=0.03)


def test_sentinel1_speckle_is_independent_by_date_with_its_looks(look):
    radar = scenes.sentinel1(look, seed=42)
    speckle = radar.vv.values / look.power["vv"]
    assert speckle.mean() == pytest.approx(1, abs=0.005)
    assert speckle.var() == pytest.approx(1 / 4.4, rel=0.03)
    assert abs(np.corrcoef(speckle[0].ravel(), speckle[1].ravel())[0, 1]) < 0.02
    other = radar.vh.values[0] / look.power["vh"]
    assert abs(np.corrcoef(speckle[0].ravel(), other.ravel())[0, 1]) < 0.02


def test_palsar_speckle_has_sixteen_looks_where_ground_is_even(look):
    even = scenes.Look(look.reflectance, {name: np.full((160, 320), 0.1) for name in look.power})
    mosaic = scenes.palsar(even, seed=1).hh.values[0]
    own = np.unique(mosaic)  # one value for each of about 8 400 mosaic pixels
    assert 8000 < len(own) < 9200
    assert own.mean() == pytest.approx(0.1, rel=0.01)
    assert own.var() == pytest.approx(0.01 / 16, rel=0.06)
