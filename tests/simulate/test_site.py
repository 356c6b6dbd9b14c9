"""The radar site gives back its truth when judged by a box mean typed here."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from scipy import ndimage

from minewatch import simulate
from minewatch.simulate.fields import box_mean

WINDOW = (3, 10)
THRESHOLD = 0.19


@pytest.fixture(scope="module", params=[42, 1, 7])
def reference_run(request, districts):
    """Coherence, ground away from borders, stable means and NDAI of one world."""
    world = districts[request.param]
    s = world.slc.values.astype("complex128")
    power = [box_mean(abs(image) ** 2, WINDOW) for image in s]
    gamma = np.stack(
        [
            abs(box_mean(s[k] * s[k + 1].conj(), WINDOW)) / np.sqrt(power[k] * power[k + 1])
            for k in range(len(s) - 1)
        ]
    )
    codes = world.slc_ground.values
    inner = {
        name: ndimage.binary_erosion(codes == code, np.ones((7, 21)), border_value=0)
        for name, code in simulate.SLC_GROUND.items()
    }
    mean, std = gamma.mean(axis=0), gamma.std(axis=0, ddof=1)
    stable = (mean > 0.8) & (std < 0.2)
    level = gamma[:, stable].mean(axis=1)
    ndai = (level[:, None, None] - gamma) / (level[:, None, None] + gamma)
    return world, inner, stable, level, ndai


def test_stable_ground_is_found_and_its_mean_is_that_of_the_reference_run(reference_run):
    world, inner, stable, level, _ = reference_run
    dropped = world.weather_dropped.values
    assert dropped.sum() == 2
    assert stable[inner["rock"]].mean() > 0.99
    assert (
        stable[~ndimage.binary_dilation(world.slc_ground.values == 1, np.ones((7, 21)))].sum() == 0
    )
    assert ((level[~dropped] > 0.86) & (level[~dropped] < 0.92)).all()
    npt.assert_allclose(level[dropped], 0.67, atol=0.03)


def test_activity_is_the_realised_one(reference_run):
    world, inner, _, level, ndai = reference_run
    kept = level >= 0.8
    npt.assert_array_equal(kept, ~world.weather_dropped.values)
    exceeded = ndai[kept] > THRESHOLD
    tai = exceeded.mean(axis=0)
    assert tai[inner["pit"]].mean() >= 0.98
    realised = world.dump_active.values[kept].mean()
    assert tai[inner["dump"]].mean() == pytest.approx(realised, abs=0.1)
    assert (tai[inner["rock"]] == 0).mean() >= 0.99
    assert tai[inner["forest"]].mean() > 0.97
    assert tai[inner["water"]].mean() > 0.97
    # Pair by pair the dump tells its own history.
    share = exceeded[:, inner["dump"]].mean(axis=1)
    npt.assert_array_equal(share > 0.5, world.dump_active.values[kept])


def test_every_ground_is_wide_enough_to_have_an_inside(reference_run):
    _, inner, *_ = reference_run
    assert all(mask.sum() > 500 for mask in inner.values())


def test_truth_follows_the_decorrelation_model(world):
    codes, true = world.slc_ground.values, world.true_coherence
    baseline = 1 - abs(true.perpendicular_baseline.values) / 6375
    weather = np.where(world.weather_dropped, 0.75, 1)
    rock = 0.93 * np.exp(-12 / 400) * baseline * weather
    codes_of = simulate.SLC_GROUND
    npt.assert_allclose(true.values[:, codes == codes_of["rock"]].T[0], rock, rtol=1e-6)
    npt.assert_allclose(true.values[:, codes == codes_of["pit"]].T[0], 0.1 * rock, rtol=1e-6)
    worked = np.where(world.dump_active, 0.1, 1)
    npt.assert_allclose(true.values[:, codes == codes_of["dump"]].T[0], worked * rock, rtol=1e-6)
    forest = 0.55 * np.exp(-12 / 15) * baseline * weather
    npt.assert_allclose(true.values[:, codes == codes_of["forest"]].T[0], forest, rtol=1e-6)
    assert (true.values[:, codes == codes_of["water"]] == 0).all()


def test_dates_baselines_and_grid(world):
    slc, true = world.slc, world.true_coherence
    assert slc.sizes["time"] == 14
    assert true.sizes["pair"] == 13
    npt.assert_array_equal(np.diff(slc.time) / np.timedelta64(1, "D"), 12)
    npt.assert_array_equal(slc.time[1:], true.secondary_time)
    npt.assert_array_equal(slc.time[:-1], true.reference_time)
    baseline = slc.perpendicular_baseline.values
    npt.assert_allclose(np.diff(baseline), true.perpendicular_baseline)
    # Drawn within two standard deviations of 60 m, so that no pair is beyond 250 m.
    assert abs(np.diff(baseline)).max() < 250
    assert baseline[0] == 0
    npt.assert_allclose(np.diff(slc.y), -10)
    npt.assert_allclose(np.diff(slc.x), 5)
    assert slc.dtype == "complex64"
    # The square lies inside the train region of the world.
    left, bottom, right, top = world.regions.set_index("name").geometry["train"].bounds
    assert left < slc.x.min() < slc.x.max() < right
    assert bottom < slc.y.min() < slc.y.max() < top


def test_pit_and_dump_are_mines_of_the_world_and_rock_is_bare_soil(world):
    cover = world.land_cover.sel(x=world.slc.x, y=world.slc.y, method="nearest").values
    ground = world.slc_ground.values
    names = {"pit": "mine", "dump": "mine", "rock": "bare_soil", "water": "sediment_river"}
    for name, land in names.items():
        assert (cover[ground == simulate.SLC_GROUND[name]] == simulate.LAND_COVER[land]).all()
    mines = world.polygons[world.polygons.label == 1]
    west = mines[mines.region == "train"]
    for name in ("pit", "dump"):
        inside = world.slc_ground == simulate.SLC_GROUND[name]
        area = float(inside.sum()) * 50 / 1e4
        # Its polygon is the one that covers the same hectares.
        assert (abs(west.area_ha - area) < 1e-6).any()
