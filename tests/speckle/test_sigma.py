"""The improved Lee sigma filter, its range, and the level of its strong targets."""

from __future__ import annotations

import numpy as np
import oracles_speckle as oracles
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind
from oracles_speckle import LOOKS, gamma
from scipy import integrate, stats

from minewatch import radar, speckle

INFINITE = float("inf")
# L, ξ, I1, I2, η′
TABLE = [
    (1, 0.8, 0.1673, 3.0803, 0.6962),
    (1, 0.9, 0.0838, 3.9321, 0.8188),
    (1, 0.95, 0.0424, 4.7652, 0.8934),
    (4, 0.8, 0.4801, 1.8038, 0.3356),
    (4, 0.9, 0.3772, 2.0888, 0.3990),
    (4, 0.95, 0.3017, 2.3576, 0.4391),
    (4.4, 0.8, 0.4994, 1.7578, 0.3195),
    (4.4, 0.9, 0.3982, 2.0243, 0.3801),
    (4.4, 0.95, 0.3231, 2.2747, 0.4183),
    (5, 0.8, 0.5246, 1.7009, 0.2993),
    (5, 0.9, 0.4258, 1.9446, 0.3561),
    (5, 0.95, 0.3516, 2.1729, 0.3921),
]


@pytest.mark.parametrize("row", TABLE)
def test_the_range_is_the_tabled_one(row: tuple[float, ...]) -> None:
    looks, sigma, *wanted = row
    npt.assert_allclose(speckle.sigma_range(looks, sigma=sigma), wanted, atol=1e-4)


def test_the_range_is_that_of_the_paper() -> None:
    """Lee et al. (2009), four looks, in the digits they print."""
    npt.assert_allclose(speckle.sigma_range(4, sigma=0.9), (0.377, 2.09, 0.399), atol=5e-3)
    npt.assert_allclose(speckle.sigma_range(4, sigma=0.8), (0.480, 1.804, 0.3354), atol=5e-3)


@pytest.mark.parametrize("looks", [0.6, 4.4, 90.0])
@pytest.mark.parametrize("sigma", [0.05, 0.5, 0.99])
def test_the_range_solves_its_integrals(looks: float, sigma: float) -> None:
    low, high, spread = speckle.sigma_range(looks, sigma=sigma)
    density = stats.gamma(looks, scale=1 / looks).pdf

    def moment(power: int) -> float:
        return integrate.quad(
            lambda v: (v - 1) ** power * density(v), low, high, epsabs=1e-12, limit=200
        )[0]

    npt.assert_allclose(moment(0), sigma, rtol=1e-6)
    npt.assert_allclose(moment(1), 0, atol=1e-8)
    npt.assert_allclose(moment(2) / sigma, spread**2, rtol=1e-5)


def test_the_range_refuses() -> None:
    for sigma in (0, 1, float("nan")):
        with pytest.raises(ValueError, match=r"use 0\.8, 0\.9 or 0\.95"):
            speckle.sigma_range(4, sigma=sigma)
    for looks in (0, float("nan"), INFINITE):
        with pytest.raises(ValueError, match=r"Sentinel-1 IW GRD has 4\.4"):
            speckle.sigma_range(looks)


@pytest.mark.parametrize("percentile", [50, 98, 99.9])
def test_the_level_is_the_percentile(rng: np.random.Generator, percentile: float) -> None:
    power = gamma(rng, (200, 300))
    power[:40] = np.nan
    power[50, 50:60] = 0  # no data in some products
    power[60, 0] = np.inf
    known = power.values[np.isfinite(power) & (power > 0)]
    level = speckle.strong_target_level(power, percentile=percentile)
    # Steps of 0.01 dB are 0.23 %; the median of all differs from that by less than a gap.
    npt.assert_allclose(level, np.percentile(known, percentile), rtol=2.4e-3)
    for chunks in ({"y": 33, "x": 71}, {}):
        assert speckle.strong_target_level(power.chunk(chunks), percentile=percentile) == level
    gain = 2.0**80
    npt.assert_allclose(
        speckle.strong_target_level(power * gain, percentile=percentile) / gain, level, rtol=2.4e-3
    )


def test_levels_of_a_scene_are_those_of_its_layers(rng: np.random.Generator) -> None:
    vv = gamma(rng, (60, 60))
    scene = xr.Dataset({"vv": vv, "vh": vv / 4, "mask": xr.ones_like(vv, dtype="u1")})
    levels = speckle.strong_target_level(scene)
    assert levels == {name: speckle.strong_target_level(scene[name]) for name in ("vv", "vh")}


def test_the_level_refuses(rng: np.random.Generator) -> None:
    power = gamma(rng, (9, 9))
    for percentile in (0, 100, float("nan")):
        with pytest.raises(ValueError, match=r"use e\.g\. 98"):
            speckle.strong_target_level(power, percentile=percentile)
    with pytest.raises(ValueError, match="check the scene's nodata"):
        speckle.strong_target_level(power.where(False))
    with pytest.raises(ValueError, match="from_db first"):
        speckle.strong_target_level(radar.to_db(power))


@pytest.mark.parametrize(("window", "target_window", "min_bright"), [(9, 3, 7), (5, 5, 6)])
def test_lee_sigma_is_its_five_steps(
    rng: np.random.Generator, window: int, target_window: int, min_bright: int
) -> None:
    power = gamma(rng, (26, 23))
    power[:, 12:] *= 9
    power[4:7, 4:7] = 30
    power[20, 5] = 50
    power[12, 3:6] = np.nan
    settings = {"window": window, "target_window": target_window, "min_bright": min_bright}
    got = speckle.lee_sigma(power, looks=LOOKS, strong=20.0, **settings)
    limits = speckle.sigma_range(LOOKS)
    wanted = oracles.lee_sigma(power.values, looks=LOOKS, strong=20, limits=limits, **settings)
    assert np.isnan(wanted).sum() > 3
    npt.assert_allclose(got, wanted, rtol=2e-5)  # float32 sums of ratios
    npt.assert_array_equal(got[4:7, 4:7], power[4:7, 4:7])


# Measured over 800² pixels: looks out, and the mean that the range costs.
@pytest.mark.parametrize(
    ("looks", "window", "wanted", "mean"),
    [(1.0, 9, 23.2, 0.980), (4.4, 9, 91.7, 0.9945), (4.4, 7, 68.7, 0.9968), (18.0, 9, 343, 0.998)],
)
def test_homogeneous_speckle_keeps_its_mean_and_gains_looks(
    rng: np.random.Generator, looks: float, window: int, wanted: float, mean: float
) -> None:
    power = gamma(rng, (400, 400), looks)
    filtered = speckle.lee_sigma(power, looks=looks, strong=INFINITE, window=window)
    inner = (slice(6, -6), slice(6, -6))
    got = speckle.equivalent_number_of_looks(
        filtered[inner], within=xr.ones_like(filtered[inner], dtype=bool)
    )
    # 160 000 / 81 independent windows: sqrt(2/2000) = 3 %, times three.
    npt.assert_allclose(got, wanted, rtol=0.1)
    # Some 3 standard deviations of the mean, 0.25 % at one look and 0.12 % at 4.4, cancel in part.
    npt.assert_allclose(filtered[inner].mean() / power[inner].mean(), mean, atol=0.002)


def test_point_targets_stay_and_a_lone_bright_pixel_goes(rng: np.random.Generator) -> None:
    power = gamma(rng, (80, 90))
    power[40:43, 50:53] = [[5, 8, 5], [8, 30, 8], [5, 8, 5]]
    power[20, 20] = 1.0
    strong = speckle.strong_target_level(power)
    assert 0.1 < strong < 1
    filtered = speckle.lee_sigma(power, looks=LOOKS, strong=strong)
    npt.assert_array_equal(filtered[40:43, 50:53], power[40:43, 50:53])
    # Unless they are told not to be: then their sides are averaged away.
    without = speckle.lee_sigma(power, looks=LOOKS, strong=INFINITE)
    assert without.attrs["strong"] == "none"
    assert abs(without[41, 52] / power[41, 52] - 1) > 0.05
    lee = speckle.lee(power, looks=LOOKS)
    assert abs(lee[40, 50] / power[40, 50] - 1) > 0.05
    npt.assert_array_equal(filtered[20, 20], without[20, 20])


def test_a_step_is_kept_better_than_by_lee(rng: np.random.Generator) -> None:
    truth = np.ones((200, 120), "f4")
    truth[:, 60:] = 10
    power = layer((truth * rng.gamma(LOOKS, 1 / LOOKS, truth.shape)).astype("f4"), "vv")
    beside = (slice(5, -5), slice(57, 63))

    def error(image: xr.DataArray) -> float:
        return float(np.sqrt(((10 * np.log10(image[beside] / truth[beside])) ** 2).mean()))

    plain = error(speckle.lee(power, looks=LOOKS))
    # 2.14 against 0.89 dB in a larger draw
    assert plain > 2 * error(speckle.lee_sigma(power, looks=LOOKS, strong=INFINITE))


def test_lee_sigma_does_not_know_the_gain(rng: np.random.Generator) -> None:
    power = gamma(rng, (25, 25))
    once = speckle.lee_sigma(power, looks=LOOKS, strong=0.2)
    for gain in (2.0**-40, 2.0**40):  # powers of two: exact in float32
        scaled = speckle.lee_sigma(power * gain, looks=LOOKS, strong=0.2 * gain)
        npt.assert_allclose(scaled / gain, once, rtol=1e-6)


@pytest.mark.parametrize(("window", "target_window"), [(9, 3), (3, 5)])
def test_lee_sigma_is_lazy_and_blind_to_chunks(
    rng: np.random.Generator, window: int, target_window: int
) -> None:
    power = gamma(rng, (2, 23, 19))
    power[:, 5:9, 3:8] = 4
    power[0, 15, 4] = np.nan

    def filtered(data: xr.DataArray) -> xr.DataArray:
        return speckle.lee_sigma(
            data, looks=LOOKS, strong=2.0, window=window, target_window=target_window
        )

    got = lazy_and_blind(filtered, power)
    npt.assert_array_equal(got[:, 5:9, 3:8], 4)
    assert np.isnan(got[0, 15, 4])
    assert np.isfinite(got[0, 15, 5])
    assert got.attrs["speckle_filter"] == "lee_sigma"


def test_lee_sigma_takes_a_dataset_and_leaves_its_masks(rng: np.random.Generator) -> None:
    vv = gamma(rng, (20, 20))
    scene = xr.Dataset(
        {"vv": vv, "vh": (vv / 4).rename("vh"), "mask": xr.ones_like(vv, dtype="u1")},
        attrs={"title": "scene"},
    )
    levels = speckle.strong_target_level(scene, percentile=90)
    got = speckle.lee_sigma(scene, looks=LOOKS, strong=levels)
    for name in ("vv", "vh"):
        alone = speckle.lee_sigma(scene[name], looks=LOOKS, strong=levels[name])
        xr.testing.assert_identical(got[name], alone)
    xr.testing.assert_identical(got.mask, scene.mask)
    assert got.attrs == scene.attrs
    with pytest.raises(KeyError, match=r"not of 'vh'; pass strong_target_level"):
        speckle.lee_sigma(scene, looks=LOOKS, strong={"vv": 1.0})


def test_lee_sigma_refuses(rng: np.random.Generator) -> None:
    power = gamma(rng, (9, 9))
    with pytest.raises(ValueError, match="from_db first"):
        speckle.lee_sigma(radar.to_db(power), looks=LOOKS, strong=1.0)
    for setting in ("window", "target_window"):
        for size in (1, 4):
            with pytest.raises(ValueError, match=f"{setting}={size}; use 3, 7 or 9"):
                speckle.lee_sigma(power, looks=LOOKS, strong=1.0, **{setting: size})
    for count in (0, 10):
        with pytest.raises(ValueError, match="use 7 with target_window=3"):
            speckle.lee_sigma(power, looks=LOOKS, strong=1.0, min_bright=count)
    for strong in (0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="use strong_target_level"):
            speckle.lee_sigma(power, looks=LOOKS, strong=strong)
    with pytest.raises(ValueError, match=r"Sentinel-1 IW GRD has 4\.4"):
        speckle.lee_sigma(power, looks=0, strong=1.0)
    with pytest.raises(ValueError, match="needs dims"):
        speckle.lee_sigma(power.transpose("x", "y"), looks=LOOKS, strong=1.0)
