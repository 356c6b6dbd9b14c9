"""SLC stacks have the coherence they were asked for, and the statistics of real estimates."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr

from minewatch.simulate import decorrelation, slc_stack
from minewatch.simulate.fields import box_mean


def pairs_of(rho):
    """Coherence (pair, y, x) of consecutive dates, 12 days apart."""
    rho = np.asarray(rho, float)
    dates = np.datetime64("2022-03-05", "ns") + np.arange(len(rho) + 1) * np.timedelta64(12, "D")
    return xr.DataArray(
        rho,
        dims=("pair", "y", "x"),
        coords={"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])},
    )


def likeness(a, b):
    """Coherence over all samples at once."""
    a, b = np.asarray(a), np.asarray(b)
    return abs((a * b.conj()).sum()) / np.sqrt((abs(a) ** 2).sum() * (abs(b) ** 2).sum())


def estimate(a, b, window):
    """Coherence in a moving window, away from the border of the images."""
    cross, one, two = (
        box_mean(product, window) for product in (a * b.conj(), abs(a) ** 2, abs(b) ** 2)
    )
    rows, columns = window
    return (abs(cross) / np.sqrt(one * two))[rows:-rows, columns:-columns]


def test_coherence_of_any_two_dates_is_the_product_of_the_steps():
    steps = [0.9, 0.6, 0.8]
    slc = slc_stack(pairs_of(np.broadcast_to(np.reshape(steps, (3, 1, 1)), (3, 200, 300))), seed=0)
    # 28 000 independent samples: standard deviation (1 − γ²)/√(2N) below 0.004.
    assert likeness(slc[0], slc[1]) == pytest.approx(0.9, abs=0.012)
    assert likeness(slc[1], slc[3]) == pytest.approx(0.48, abs=0.012)
    assert likeness(slc[0], slc[3]) == pytest.approx(0.432, abs=0.012)


def test_noise_persistence_and_power():
    rho = pairs_of(np.full((3, 200, 300), 0.6))
    noisy = slc_stack(rho, power=2.0, noise=1.0, seed=1)
    assert float((abs(noisy) ** 2).mean()) == pytest.approx(3, rel=0.02)
    assert likeness(noisy[0], noisy[1]) == pytest.approx(0.6 * 2 / 3, abs=0.012)
    lasting = slc_stack(rho, persistent=0.3, seed=1)
    assert likeness(lasting[0], lasting[3]) == pytest.approx(0.3 + 0.7 * 0.6**3, abs=0.012)


def test_phase_is_written_and_can_be_taken_off_again():
    rho = pairs_of(np.full((1, 40, 60), 0.9))
    ramp = xr.DataArray(np.zeros((2, 40, 60)), dims=("time", "y", "x"))
    ramp[1] = 2 * np.pi * 0.05 * np.arange(60)
    plain, turned = slc_stack(rho, seed=2), slc_stack(rho, phase=ramp, seed=2)
    npt.assert_allclose(turned.values * np.exp(-1j * ramp.values), plain.values, atol=1e-6)
    # A ramp of f cycles a sample leaves γ · sin(πNf) / (N sin πf) in a window of N = 10: .5753.
    kept = 0.9 * np.sin(np.pi * 0.5) / (10 * np.sin(np.pi * 0.05))
    wide = slc_stack(
        pairs_of(np.full((1, 150, 400), 0.9)),
        phase=xr.DataArray(
            np.broadcast_to(2 * np.pi * 0.05 * np.arange(400) * [[[0]], [[1]]], (2, 150, 400)),
            dims=("time", "y", "x"),
        ),
        seed=3,
    ).values
    # The estimate is biased up by about .01 at 18 looks and this coherence.
    assert estimate(wide[0], wide[1], (3, 10)).mean() == pytest.approx(kept, abs=0.03)


def test_estimates_have_the_bias_and_spread_of_eighteen_looks():
    slc = slc_stack(pairs_of(np.zeros((1, 400, 600))), bandwidth=(0.62, 0.742), seed=4).values
    nothing = estimate(slc[0], slc[1], (3, 10))
    # Effective looks of a 3 × 10 window at these bandwidths: 17.8 by the autocorrelation, 18.2 by
    # Monte Carlo; the mean .2093. 8 000 independent windows: standard errors .0012 and .2 looks.
    assert 1 / (nothing**2).mean() == pytest.approx(18.0, abs=0.8)
    assert nothing.mean() == pytest.approx(0.2093, abs=0.005)


def test_ground_that_changes_leaves_its_neighbour_alone():
    rho = np.full((2, 120, 200), 0.9)
    rho[1, :, 100:] = 0.1
    slc = slc_stack(pairs_of(rho), seed=5).values
    assert likeness(slc[1][:, :100], slc[2][:, :100]) == pytest.approx(0.9, abs=0.02)
    assert likeness(slc[1][:, 100:], slc[2][:, 100:]) == pytest.approx(0.1, abs=0.03)


def test_the_stack_says_what_it_is():
    rho = pairs_of(np.full((2, 8, 9), 0.5)).assign_coords(
        x=np.arange(9.0) * 5, y=np.arange(8.0)[::-1] * 10, spatial_ref=0
    )
    slc = slc_stack(rho, perpendicular_baseline=[0, 30.0, -60.0], seed=6)
    assert slc.dtype == "complex64"
    assert slc.name == "slc"
    npt.assert_array_equal(slc.time[1:], rho.secondary_time)
    npt.assert_array_equal(slc.perpendicular_baseline, [0, 30, -60])
    npt.assert_array_equal(slc.x, rho.x)
    assert "spatial_ref" in slc.coords
    xr.testing.assert_identical(
        slc, slc_stack(rho, perpendicular_baseline=[0, 30.0, -60.0], seed=6)
    )
    assert not np.array_equal(slc, slc_stack(rho, seed=7))


def test_decorrelation_factors():
    assert decorrelation(12.0, initial=0.93, time_constant=400.0) == pytest.approx(0.902515)
    assert decorrelation(0.0, perpendicular_baseline=-121.0) == pytest.approx(0.98102, abs=1e-5)
    assert decorrelation(0.0, perpendicular_baseline=7000.0) == 0
    assert decorrelation(6.0, weather=0.75, active=1.0) == pytest.approx(0.075)
    # Temporal decorrelation telescopes over uneven steps.
    days = np.array([12.0, 24.0, 6.0])
    steps = decorrelation(days, time_constant=15.0)
    assert steps.prod() == pytest.approx(np.exp(-42 / 15))


def test_errors_say_what_to_type():
    rho = pairs_of(np.full((2, 4, 4), 0.5))
    with pytest.raises(ValueError, match="assign_coords"):
        slc_stack(rho.drop_vars("reference_time"), seed=0)
    with pytest.raises(ValueError, match="sort them"):
        slc_stack(rho.isel(pair=[1, 0]), seed=0)
    with pytest.raises(ValueError, match="fill what is unknown"):
        slc_stack(rho.where(rho.pair > 0), seed=0)
    with pytest.raises(ValueError, match="needs dims"):
        slc_stack(rho.isel(pair=0), seed=0)
