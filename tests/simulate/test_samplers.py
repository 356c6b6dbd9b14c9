"""Direct samplers against closed-form moments."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from minewatch.simulate import annual_ndai, coherence_cube, speckle


def flat(value, shape=(300, 400), **attrs):
    return xr.DataArray(np.full(shape, value), dims=("y", "x"), attrs=attrs)


# Mean of the estimate for true coherence D and L looks (Touzi 1999), five digits.
@pytest.mark.parametrize(
    ("true", "looks", "mean"),
    [
        (0.0, 2, 0.66667),
        (0.3, 7, 0.42304),
        (0.6, 20, 0.60924),
        (0.9, 14, 0.90082),
        (0.0, 100, 0.08873),
        (0.95, 4, 0.95117),
    ],
)
def test_mean_coherence_is_the_known_one(true, looks, mean):
    estimate = coherence_cube(flat(true), looks=looks, seed=0)
    # 120 000 draws of standard deviation below 0.24: the mean is known to 7e-4, allow 3 sigma.
    assert float(estimate.mean()) == pytest.approx(mean, abs=2.1e-3)


def test_coherence_of_nothing_has_the_closed_distribution():
    estimate = coherence_cube(flat(0.0), looks=18, seed=1).values
    for d in (0.1, 0.2, 0.3):
        # P(γ̂ < d) = 1 − (1 − d²)^(L−1); binomial standard error below 0.0015.
        assert (estimate < d).mean() == pytest.approx(1 - (1 - d**2) ** 17, abs=0.005)
    assert (estimate**2).mean() == pytest.approx(1 / 18, rel=0.01)


def test_spread_of_coherence_at_high_coherence():
    estimate = coherence_cube(flat(0.9), looks=14, seed=2)
    # .03774 by Monte Carlo of 2e5 windows; (1 − D²)/√(2L) to first order.
    assert float(estimate.std()) == pytest.approx(0.0377, abs=0.0005)


def test_certain_and_unknown_coherence(rng):
    true = xr.DataArray([[1.0, np.nan, 0.0]], dims=("y", "x"), coords={"x": [5.0, 15.0, 25.0]})
    estimate = coherence_cube(true, looks=2.5, seed=rng)
    assert estimate.dtype == "float32"
    assert estimate.values[0, 0] == 1
    assert np.isnan(estimate.values[0, 1])
    assert 0 < estimate.values[0, 2] < 1
    npt.assert_array_equal(estimate.x, true.x)
    assert estimate.attrs["looks"] == 2.5
    assert np.isnan(true.values[0, 1])


def test_speckle_keeps_the_mean_and_has_the_variance_of_its_looks():
    noisy = speckle(flat(0.1, units="1"), looks=4.4, seed=0)
    # Relative standard error of a mean of 120 000: 0.0014; of their variance: 0.006.
    assert float(noisy.mean()) == pytest.approx(0.1, rel=0.005)
    assert float(noisy.var()) == pytest.approx(0.01 / 4.4, rel=0.025)


def test_textured_speckle_is_k_distributed():
    noisy = speckle(flat(2.0), looks=4.4, texture=4, seed=0)
    contrast = float(noisy.var() / noisy.mean() ** 2)
    assert contrast == pytest.approx(1 / 4.4 + 1 / 4 + 1 / (4.4 * 4), rel=0.04)
    assert noisy.attrs["texture"] == 4


def test_two_classes_of_speckle_overlap_as_they_must():
    # Gamma speckle of 4.4 looks, 3 dB apart: the best threshold 1.3848 errs on 23.928 %.
    low, high = (speckle(flat(power), looks=4.4, seed=3) for power in (1.0, 10**0.3))
    error = (float((low > 1.3848).mean()) + float((high < 1.3848).mean())) / 2
    assert error == pytest.approx(0.23928, abs=0.004)


def test_the_same_seed_gives_the_same_draws_and_nan_stays():
    power = flat(0.1, (4, 5)).where(flat(1, (4, 5)).cumsum("x") > 1)
    once, again = (speckle(power, looks=4.4, seed=7) for _ in range(2))
    xr.testing.assert_identical(once, again)
    npt.assert_array_equal(np.isnan(once), np.isnan(power))


def test_annual_ndai_is_active_in_the_years_of_its_code():
    codes = xr.DataArray([[0, 1, 2, 3, 4], [5, 6, 7, 255, 0]], dims=("y", "x"))
    ndai = annual_ndai(codes, years=(2020, 2021, 2022), threshold=0.19, seed=0)
    assert ndai.dims == ("year", "y", "x")
    active = (ndai > 0.19).transpose("y", "x", "year").values @ [1, 2, 4]
    known = codes.values != 255
    npt.assert_array_equal(active[known], codes.values[known])
    assert np.isnan(ndai.values[:, ~known]).all()
    stretched = ndai.values[:, known] / 0.38
    assert (
        ((stretched >= 0) & (stretched <= 0.25)) | ((stretched >= 0.75) & (stretched <= 1))
    ).all()


@pytest.mark.parametrize("draw", [coherence_cube, speckle])
def test_lazy_input_is_refused_because_chunks_must_not_decide(draw):
    with pytest.raises(TypeError, match=r"use \.compute\(\) first"):
        draw(flat(0.5, (4, 4)).chunk(), looks=4, seed=0)


def test_errors_say_what_to_type():
    with pytest.raises(ValueError, match=r"use e\.g\. looks=18"):
        coherence_cube(flat(0.5, (2, 2)), looks=1, seed=0)
    with pytest.raises(ValueError, match=r"got 0\.5 to 1\.5; clip it"):
        coherence_cube(xr.DataArray([[0.5, 1.5]], dims=("y", "x")), looks=4, seed=0)
    with pytest.raises(TypeError, match="wrap it"):
        coherence_cube(np.zeros((2, 2)), looks=4, seed=0)
    with pytest.raises(ValueError, match="from_db first"):
        speckle(flat(-7.0, (2, 2), units="dB"), looks=4.4, seed=0)
    with pytest.raises(ValueError, match=r"use e\.g\. texture=4\.4"):
        speckle(flat(1.0, (2, 2)), looks=4.4, texture=0, seed=0)
    codes = flat(9, (2, 2))
    with pytest.raises(ValueError, match=r"first \+ 2·second"):
        annual_ndai(codes, years=(1, 2, 3), threshold=0.2, seed=0)
    with pytest.raises(ValueError, match=r"years=\(2020, 2021, 2022\)"):
        annual_ndai(codes, years=(1, 2), threshold=0.2, seed=0)
