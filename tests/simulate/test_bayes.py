"""The Bayes classifier of the simulator: calibrated, better with more sensors, and a fair bar."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from rasterio import Affine, features

from minewatch.simulate import LAND_COVER, best_f1, mine_probability
from minewatch.simulate.fields import box_mean


def held_out(world, probability):
    east = np.s_[:, world.size :]
    return probability[east], (world.land_cover.values == LAND_COVER["mine"])[east]


def test_best_f1_equals_the_obvious_search(rng):
    score = rng.integers(0, 12, 300) / 12
    truth = rng.random(300) < score / 2
    f1, threshold = best_f1(score, truth)
    naive = {}
    for t in np.unique(score):
        taken = score >= t
        naive[t] = 2 * (taken & truth).sum() / (taken.sum() + truth.sum())
    assert f1 == pytest.approx(max(naive.values()))
    assert naive[threshold] == pytest.approx(f1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [42, 1, 7])
def test_mines_are_neither_trivial_nor_hopeless(seed, districts):
    world = districts[seed]
    f1, _ = best_f1(*held_out(world, world.bayes_probability.values))
    assert 0.85 < f1 < 0.95


@pytest.mark.slow
def test_every_sensor_helps(district):
    def score(*sensors):
        return best_f1(*held_out(district, mine_probability(district, sensors=sensors).values))[0]

    optical = score("sentinel2", "landsat8")
    fused = score("sentinel2", "landsat8", "sentinel1")
    assert score("sentinel1", "palsar") < optical
    assert fused > optical + 0.08
    assert best_f1(*held_out(district, district.bayes_probability.values))[0] > fused


def test_probability_is_calibrated_inside_outlines(district):
    """Away from outlines, where its densities hold, p of what it calls p is mine."""
    probability, truth = held_out(district, district.bayes_probability.values)
    cover = district.land_cover.values[:, district.size :]
    pure = np.ones(cover.shape, bool)
    for code in LAND_COVER.values():
        share = box_mean((cover == code).astype(float), (11, 11))
        pure &= (share < 1e-9) | (share > 1 - 1e-9)
    p, t = probability[pure], truth[pure]
    # Patches share their look: about 100 of them carry the doubt, so the bins are wide.
    assert t.mean() == pytest.approx(p.mean(), abs=0.01)
    sure = (p > 0.9) | (p < 0.1)
    assert (t[sure] == (p[sure] > 0.5)).mean() > 0.99


def test_layer_and_errors(world):
    probability = world.bayes_probability
    assert probability.dims == ("y", "x")
    assert probability.dtype == "float32"
    assert np.isfinite(probability).all()
    assert 0 <= float(probability.min()) <= float(probability.max()) <= 1
    assert world.bayes_probability is probability
    npt.assert_array_equal(mine_probability(world), probability)
    with pytest.raises(ValueError, match="use one or more of these"):
        mine_probability(world, sensors=["sentinel3"])
    with pytest.raises(ValueError, match="use one or more of these"):
        mine_probability(world, sensors=[])


def lee(power, looks):
    """Adaptive mean of a 7 × 7 window."""
    mean = box_mean(power, (7, 7))
    variance = (box_mean(power**2, (7, 7)) - mean**2) * 49 / 48
    weight = np.clip((variance - mean**2 / looks) / (variance * (1 + 1 / looks)), 0, 1)
    return mean + weight * (power - mean)


def covariates(world):
    """Median composites of what is clear, and filtered radar."""
    layers = []
    for series in (world.sentinel2, world.landsat8):
        hidden = (world.cloud | world.shadow).sel(time=series.time).values
        clear = (~hidden).sum(axis=0)
        for band in series.drop_vars("quality").data_vars:
            # Hidden dates sort last; the (upper) middle of the others, the darkest where none is.
            ranked = np.sort(np.where(hidden, np.inf, series[band].values), axis=0)
            middle = np.take_along_axis(ranked, clear[None] // 2, axis=0)[0]
            layers.append(np.where(clear > 0, middle, 0))
    for name in ("vv", "vh"):
        dates = world.sentinel1[name].values.astype(float)
        layers.append(np.mean([lee(image, 4.4) for image in dates], axis=0))
    layers += [lee(world.palsar[name].values[0].astype(float), 16.0) for name in ("hh", "hv")]
    return np.stack(layers, axis=-1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [42, 1, 7])
def test_a_forest_of_ordinary_covariates_comes_close(seed, districts):
    """Train on the west, weigh by area, judge in the east: within .05 of the Bayes classifier."""
    from sklearn.ensemble import RandomForestClassifier

    world = districts[seed]
    stack = covariates(world)
    polygons = world.polygons[world.polygons.region == "train"]
    west, north = world.regions.total_bounds[0], world.regions.total_bounds[3]
    number = features.rasterize(
        zip(polygons.geometry, polygons.id, strict=True),
        out_shape=stack.shape[:2],
        transform=Affine(10, 0, west, 0, -10, north),
        dtype="int32",
    )
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(np.flatnonzero(number))
    order = shuffled[np.argsort(number.flat[shuffled], kind="stable")]
    sizes = np.bincount(number.flat[order])[number.flat[order]]
    first = np.searchsorted(number.flat[order], number.flat[order])
    chosen = np.arange(len(order)) - first < 60  # at most 60 pixels of a polygon
    at, weight = order[chosen], (sizes / np.minimum(sizes, 60))[chosen]
    label = np.isin(number.flat[at], polygons.id[polygons.label == 1])
    x = stack.reshape(-1, stack.shape[-1])
    forest = RandomForestClassifier(100, max_samples=0.6, n_jobs=2, random_state=0)
    forest.fit(x[at], label, sample_weight=weight)
    probability = forest.predict_proba(x)[:, 1].reshape(number.shape)
    reached = best_f1(*held_out(world, probability))[0]
    bar = best_f1(*held_out(world, world.bayes_probability.values))[0]
    assert reached > bar - 0.05
