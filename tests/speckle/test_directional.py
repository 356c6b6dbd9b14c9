"""Refined Lee: edges that stay, speckle that goes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracles_speckle as oracles
import pytest
import rasterio
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind
from oracles_speckle import LOOKS, gamma

from minewatch import radar, speckle

# 4.4 looks: (1 + 3 sqrt(2 (1 + 1/4.4) / 49)) / 4.4
EDGE = 0.379873


def step(rng: np.random.Generator, decibels: float) -> tuple[xr.DataArray, xr.DataArray]:
    """A field half as bright as its neighbour, or less: truth and what a radar reads."""
    truth = np.ones((200, 120), "f4")
    truth[:, 60:] = 10 ** (decibels / 10)
    noisy = (truth * rng.gamma(LOOKS, 1 / LOOKS, truth.shape)).astype("f4")
    return layer(truth, "vv"), layer(noisy, "vv")


def error(image: xr.DataArray, truth: xr.DataArray) -> float:
    """Root mean square error in dB within three pixels of the edge."""
    beside = (slice(5, -5), slice(57, 63))
    return float(np.sqrt(((10 * np.log10(image[beside] / truth[beside])) ** 2).mean()))


def test_refined_lee_is_its_equations(rng: np.random.Generator) -> None:
    power = gamma(rng, (21, 24))
    power[:, 12:] *= 6
    power[12, 3:6] = np.nan
    got = speckle.refined_lee(power, looks=LOOKS)
    npt.assert_allclose(got.attrs["edge_threshold"], EDGE, atol=1e-6)
    wanted = oracles.refined_lee(power.values, LOOKS, EDGE)
    npt.assert_allclose(got, wanted, rtol=1e-6)  # one rounding to float32
    never = speckle.refined_lee(power, looks=LOOKS, edge_threshold=1e9)
    npt.assert_allclose(never, oracles.refined_lee(power.values, LOOKS, 1e9), rtol=1e-6)
    assert not np.array_equal(got, never, equal_nan=True)


def test_homogeneous_speckle_keeps_its_mean_and_gains_looks(rng: np.random.Generator) -> None:
    power = gamma(rng, (500, 500))
    filtered = speckle.refined_lee(power, looks=LOOKS)
    inner = filtered[7:-7, 7:-7]
    got = speckle.equivalent_number_of_looks(inner, within=xr.ones_like(inner, dtype=bool))
    # The docstring's number. About 250 000 / 49 independent windows: 2 % each, times three.
    npt.assert_allclose(got, 38.3, rtol=0.06)
    # One sigma of the mean is 0.1/sqrt(4.4·250000) = 0.1 % of it.
    npt.assert_allclose(filtered.mean(), power.mean(), rtol=1e-3)


@pytest.mark.parametrize("looks", [1.0, 4.4, 18.0])
def test_even_ground_rarely_holds_an_edge(rng: np.random.Generator, looks: float) -> None:
    power = gamma(rng, (300, 300), looks)
    default = speckle.refined_lee(power, looks=looks)
    never = speckle.refined_lee(power, looks=looks, edge_threshold=1e9)
    share = float((default != never)[3:-3, 3:-3].mean())
    assert 0.003 < share < 0.012  # the docstring's 0.6 to 0.9 %, of some 1800 separate windows


@pytest.mark.parametrize(("decibels", "gain"), [(6, 1.35), (10, 2.0)])
def test_a_step_is_kept_better_than_by_lee(
    rng: np.random.Generator, decibels: float, gain: float
) -> None:
    truth, noisy = step(rng, decibels)
    plain = error(speckle.lee(noisy, looks=LOOKS), truth)
    refined = error(speckle.refined_lee(noisy, looks=LOOKS), truth)
    # 1.43 against 0.94 dB, and 2.14 against 0.95, in a larger draw
    assert plain > gain * refined


def test_the_threshold_does_not_know_the_calibration(rng: np.random.Generator) -> None:
    _, noisy = step(rng, 6)
    once = speckle.refined_lee(noisy, looks=LOOKS)
    for gain in (2.0**-40, 2.0**40):  # powers of two: exact in float32
        scaled = speckle.refined_lee(noisy * gain, looks=LOOKS)
        npt.assert_allclose(scaled / gain, once, rtol=1e-6)


def test_refined_lee_is_lazy_and_blind_to_chunks(rng: np.random.Generator) -> None:
    power = gamma(rng, (2, 23, 19))
    power[:, :, 9:] *= 8
    power[0, 3, 4] = np.nan
    got = lazy_and_blind(lambda data: speckle.refined_lee(data, looks=LOOKS), power)
    assert got.name == "vv"
    assert got.attrs["speckle_filter"] == "refined_lee"
    assert np.isnan(got[0, 3, 4])
    assert np.isfinite(got[0, 3, 5])


def test_refined_lee_takes_a_dataset_and_leaves_its_masks(rng: np.random.Generator) -> None:
    vv = gamma(rng, (12, 12))
    scene = xr.Dataset({"vv": vv, "mask": xr.ones_like(vv, dtype="u1")}, attrs={"title": "scene"})
    got = speckle.refined_lee(scene, looks=LOOKS)
    xr.testing.assert_identical(got.vv, speckle.refined_lee(vv, looks=LOOKS))
    xr.testing.assert_identical(got.mask, scene.mask)
    assert got.attrs == scene.attrs


def test_refined_lee_refuses(rng: np.random.Generator) -> None:
    power = gamma(rng, (9, 9))
    with pytest.raises(ValueError, match="from_db first"):
        speckle.refined_lee(radar.to_db(power), looks=LOOKS)
    for looks in (0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"Sentinel-1 IW GRD has 4\.4"):
            speckle.refined_lee(power, looks=looks)
    for edge in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="2/looks"):
            speckle.refined_lee(power, looks=LOOKS, edge_threshold=edge)
    with pytest.raises(ValueError, match="needs dims"):
        speckle.refined_lee(power.transpose("x", "y"), looks=LOOKS)
    with pytest.raises(TypeError, match="needs dtype floating"):
        speckle.refined_lee(power.astype("i4"), looks=LOOKS)


@pytest.mark.data
@pytest.mark.parametrize(("name", "lost"), [("refined_lee", 0.04), ("lee_sigma", 0.065)])
def test_real_speckle_goes_as_an_independent_despeckler_takes_it(
    real_data: Path, name: str, lost: float
) -> None:
    """OPERA RTC-S1 and its total-variation twins, which lose a fifth to a third of the mean."""
    folder = real_data / "s1-rtc-opera-california"
    gains = []
    for smooth in sorted((folder / "tv").rglob("*292319-IW2*.tif")):
        stem, polarization = smooth.name.split("_v1.0")[0], smooth.name.split("_v1.0_")[1][:2]
        for raw in (folder / "unfiltered").rglob(f"{stem}*_{polarization}.tif"):
            with rasterio.open(raw) as noisy, rasterio.open(smooth) as peer:
                power, other = noisy.read(1), peer.read(1)
            scene = layer(power, polarization.lower())
            if name == "lee_sigma":
                strong = speckle.strong_target_level(scene)
                filtered = speckle.lee_sigma(scene, looks=LOOKS, strong=strong).values
            else:
                filtered = speckle.refined_lee(scene, looks=LOOKS).values
            known = np.isfinite(filtered) & (power > 0) & (other > 0) & (filtered > 0)
            before, after = (
                np.corrcoef(np.log(image[known]), np.log(other[known]))[0, 1]
                for image in (power, filtered)
            )
            gains.append(after - before)
            # Bright texture lies outside of the sigma range, and across the line of a half window.
            assert 1 - lost < filtered[known].mean() / power[known].mean() < 1
    assert len(gains) == 22
    assert min(gains) > 0.08  # of correlations between 0.72 and 0.80
