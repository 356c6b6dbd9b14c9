"""Looks measured over decorrelated ground, simulated and in Amsterdam's water."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from minewatch import insar, simulate


def everywhere(layer: xr.DataArray) -> xr.DataArray:
    return xr.ones_like(layer.isel(pair=0, drop=True), dtype=bool)


def truth(value: float, shape: tuple[int, int], pairs: int = 1) -> xr.DataArray:
    times = pd.date_range("2022-06-01", periods=pairs + 1, freq="12D")
    ends = {"reference_time": ("pair", times[:-1]), "secondary_time": ("pair", times[1:])}
    return xr.DataArray(np.full((pairs, *shape), value), dims=("pair", "y", "x"), coords=ends)


def test_a_band_limited_field_has_the_looks_of_its_spectrum():
    # 8 pairs of 8000 blocks: standard error of 1/mean 0.4 %. The correlated field is not quite
    # the model of independent looks, 18.2 by Monte Carlo where the formula gives 17.8.
    bandwidth = (0.62, 0.742)
    slc = simulate.slc_stack(truth(0.0, (600, 400), pairs=8), bandwidth=bandwidth, seed=8)
    pairs = insar.select_pairs(slc, max_perpendicular_baseline=None)
    gamma = insar.coherence(slc, pairs, mode="multilook")
    model = insar.effective_looks((3, 10), spacing=bandwidth, resolution=(1, 1))
    assert model == pytest.approx(18.4, abs=0.7)
    looks = insar.calibrated_looks(gamma, everywhere(gamma))
    assert looks == pytest.approx(18.2, abs=0.4)
    assert looks == pytest.approx(model, rel=0.04)


@pytest.mark.parametrize("looks", [2.5, 9.3, 18.14])
def test_the_looks_of_the_sampler_come_back(looks):
    cube = simulate.coherence_cube(truth(0.0, (100, 200), pairs=3), looks=looks, seed=3)
    # 60,000 draws: standard error below 0.5 %
    assert insar.calibrated_looks(cube, everywhere(cube)) == pytest.approx(looks, rel=0.02)


def test_only_the_marked_and_the_known_count_in_any_chunks(rng):
    values = rng.random((2, 40, 50)).astype("float32")
    values[0, 10:20] = np.nan
    values[1, 3, 3] = np.inf
    gamma = xr.DataArray(values, dims=("pair", "y", "x"))
    where = everywhere(gamma)
    where[:, 25:] = False
    marked = values[:, :, :25].astype(float)
    expected = 1 / np.mean(marked[np.isfinite(marked)] ** 2)
    assert insar.calibrated_looks(gamma, where) == pytest.approx(expected, rel=1e-12)
    for chunks in ({"pair": 1, "y": 7, "x": 9}, {"y": 40}):
        lazy = insar.calibrated_looks(gamma.chunk(chunks), where.chunk(y=11))
        assert lazy == pytest.approx(expected, rel=1e-9)


def test_few_estimates_are_told(rng):
    gamma = xr.DataArray(rng.random((1, 90, 100)).astype("f4"), dims=("pair", "y", "x"))
    sliding = gamma.assign_attrs(mode="sliding", window=[3, 10])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        insar.calibrated_looks(gamma, everywhere(gamma))
    with pytest.warns(UserWarning, match="9000 values, worth about 300 .* about 6 %.*more water"):
        insar.calibrated_looks(sliding, everywhere(gamma))
    few = everywhere(gamma).where(gamma.x < 5, other=False)
    with pytest.warns(UserWarning, match="450 values, worth about 450"):
        insar.calibrated_looks(gamma, few)


def test_errors(rng):
    gamma = xr.DataArray(rng.random((1, 4, 5)), dims=("pair", "y", "x"))
    nowhere = ~everywhere(gamma)
    with pytest.raises(ValueError, match=r"found 0 known values .*\(0 pixels\).*open water"):
        insar.calibrated_looks(gamma, nowhere)
    with pytest.raises(ValueError, match=r"found 0 known .*\(20 pixels\)"):
        insar.calibrated_looks(gamma * np.nan, everywhere(gamma))
    with pytest.raises(TypeError, match=r"calibrated_looks \(where\) needs dtype bool"):
        insar.calibrated_looks(gamma, nowhere.astype(int))
    with pytest.raises(ValueError, match="one grid"):
        insar.calibrated_looks(gamma, everywhere(gamma)[:, :3])


SPACING = (13.859, 2.3296)
"""Azimuth and slant range of the Amsterdam crop, metres."""


@pytest.fixture(scope="module")
def amsterdam(real_data) -> xr.DataArray:
    with np.load(real_data / "s1-slc-pair-amsterdam" / "slc_pair.npz") as pair:
        images = np.stack([pair["sec_20230319"], pair["ref_20230331"]])
    times = np.array(["2023-03-19", "2023-03-31"], "datetime64[ns]")
    return xr.DataArray(images, {"time": times}, ("time", "y", "x"))


def darkest(slc: xr.DataArray, window: tuple[int, int], share: float) -> xr.DataArray:
    """Windows whose brighter date is among the darkest of the scene; whole windows only.

    Nothing dry in a city is that dark on both days: it is water, or radar shadow, and neither
    keeps its phase for twelve days. The choice never looks at coherence.
    """
    power = (abs(slc) ** 2).rolling(y=window[0], x=window[1], center=True).mean().max("time")
    return power <= power.quantile(share)


@pytest.fixture(scope="module")
def canals(amsterdam) -> float:
    """Looks over Amsterdam's canals, as a share of those that the unweighted spectrum has.

    The canals are some 25 m wide: a window of 1 × 5 pixels, 14 by 19 m, fits into them; one of
    3 × 10 reaches over both quays.
    """
    pairs = insar.select_pairs(amsterdam, max_perpendicular_baseline=None)
    gamma = insar.coherence(amsterdam, pairs, window=(1, 5))
    with pytest.warns(UserWarning, match="uncertain by about 1[34] %"):
        looks = insar.calibrated_looks(gamma, darkest(amsterdam, (1, 5), 0.01))
    return looks / insar.effective_looks((1, 5), spacing=SPACING)


@pytest.mark.data
def test_looks_calibrated_on_the_canals_are_somewhat_fewer_than_the_ideal_ones(canals):
    # Spectral weighting (Hamming, 0.75 in range) and the quays' side lobes lower it; some 55
    # independent windows leave it uncertain by 14 %.
    assert 0.65 < canals < 1.05


@pytest.mark.data
def test_windows_that_reach_over_the_quays_give_only_a_lower_bound(amsterdam, canals):
    pairs = insar.select_pairs(amsterdam, max_perpendicular_baseline=None)
    gamma = insar.coherence(amsterdam, pairs)
    ideal = insar.effective_looks((3, 10), spacing=SPACING)
    with pytest.warns(UserWarning, match="more water"):
        mixed = insar.calibrated_looks(gamma, darkest(amsterdam, (3, 11), 0.01))
    assert 2 < mixed < canals * ideal
    # Chosen by its coherence any ground promises looks that are not there.
    low = (gamma <= gamma.quantile(0.01)).isel(pair=0, drop=True)
    with pytest.warns(UserWarning, match="more water"):
        assert insar.calibrated_looks(gamma, low) > 1.2 * ideal


@pytest.mark.data
def test_the_pair_is_debiased_with_these_looks(amsterdam, canals):
    pairs = insar.select_pairs(amsterdam, max_perpendicular_baseline=None)
    looks = canals * insar.effective_looks((3, 10), spacing=SPACING)
    gamma = insar.coherence(amsterdam, pairs, looks=looks).isel(pair=0)
    true = insar.debias(gamma, looks=looks)
    known = np.isfinite(gamma)
    assert (np.isfinite(true) == known).all()
    assert (true <= gamma + 1e-6).where(known, other=True).all()
    floor = insar.expected_coherence(0.0, looks)
    assert (true.where(gamma < floor - 1e-4, 0) == 0).all()
    # Buildings keep their coherence of 0.82; what is dark loses a part that it never had.
    assert float(true.median()) == pytest.approx(float(gamma.median()), abs=0.01)
    water = darkest(amsterdam, (3, 11), 0.001)
    assert float(true.where(water).mean()) < float(gamma.where(water).mean()) - 0.05
