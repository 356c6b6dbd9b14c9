"""A phase ramp in the window: what it costs, what brings it back, and what that does to noise."""

from __future__ import annotations

import numpy as np
import oracles_insar as oracles
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch import insar


def ramped(true: float, fringe: float, rng, shape=(300, 1000)) -> tuple[xr.DataArray, xr.DataArray]:
    """A pair of independent pixels with a ramp along range, and the ramp."""
    ramp = np.broadcast_to(2 * np.pi * fringe * np.arange(shape[1]), shape)
    images = oracles.coherent_pair(true, shape, rng)
    images[1] *= np.exp(-1j * ramp)
    return oracles.stack(images), xr.DataArray(ramp[None].copy(), dims=("pair", "y", "x"))


def mean(slc: xr.DataArray, **settings) -> float:
    pairs = insar.select_pairs(slc)
    return float(insar.coherence(slc, pairs, mode="multilook", **settings).mean())


def test_a_ramp_of_a_twentieth_of_a_cycle(rng):
    # 10⁴ blocks of 30 independent looks: standard errors below 0.001.
    slc, ramp = ramped(0.9, 0.05, rng)
    lost, exact, local = mean(slc), mean(slc, phase=ramp), mean(slc, demodulate="local")
    assert lost == pytest.approx(0.5886, abs=0.003)  # Monte Carlo of the definition
    factor = np.sin(np.pi * 0.5) / (10 * np.sin(np.pi * 0.05))
    # The distribution of the reduced coherence is not quite that of a true one.
    assert lost == pytest.approx(insar.expected_coherence(0.9 * factor, 30), abs=0.01)
    assert exact == pytest.approx(insar.expected_coherence(0.9, 30), abs=0.002)
    assert local == pytest.approx(exact, abs=0.001)
    # Both: what is known goes first, and nothing is left to find.
    assert mean(slc, phase=ramp, demodulate="local") == pytest.approx(exact, abs=0.001)


def test_the_floor_rises_as_told(rng):
    slc, _ = ramped(0.0, 0.0, rng)
    assert mean(slc) == pytest.approx(0.1625, abs=0.003)
    assert mean(slc, demodulate="local") == pytest.approx(0.30, abs=0.005)
    assert mean(slc, demodulate="local", max_fringe=0.5) == pytest.approx(0.41, abs=0.005)
    half, _ = ramped(0.5, 0.0, rng)
    assert mean(half, demodulate="local") == pytest.approx(0.53, abs=0.005)
    much, _ = ramped(0.7, 0.0, rng)
    assert mean(much, demodulate="local") == pytest.approx(mean(much), abs=0.006)


def test_only_ramps_within_reach_are_found(rng):
    slc, _ = ramped(0.9, 0.2, rng, shape=(60, 200))
    assert mean(slc, demodulate="local") < 0.6
    assert mean(slc, demodulate="local", max_fringe=0.25) > 0.89


@pytest.fixture
def slc(rng) -> xr.DataArray:
    images = oracles.circular_gaussian((3, 17, 34), rng)
    images[1] += 2 * images[0] * np.exp(0.4j * np.arange(34))
    images[0, 4:9, 5:20] = np.nan
    images[1, :, 30:] = 0
    return oracles.stack(images)


@pytest.mark.parametrize("mode", ["sliding", "multilook"])
@pytest.mark.parametrize("chunks", [{"time": 3}, {"time": 1, "y": 5, "x": 7}, {"y": 1, "x": 3}])
def test_it_is_lazy_and_blind_to_chunks(slc, mode, chunks):
    pairs = insar.select_pairs(slc)
    whole = insar.coherence(slc, pairs, mode=mode, demodulate="local")
    with nothing_computes():
        lazy = insar.coherence(slc.chunk(chunks), pairs, mode=mode, demodulate="local")
    xr.testing.assert_identical(lazy.compute(), whole)
    assert whole.attrs["demodulate"] == "local"
    assert whole.attrs["max_fringe"] == 0.125


def test_the_complex_one_has_the_same_modulus(slc):
    pairs = insar.select_pairs(slc)
    gamma = insar.complex_coherence(slc, pairs, demodulate="local")
    modulus = insar.coherence(slc, pairs, demodulate="local")
    np.testing.assert_allclose(abs(gamma), modulus, atol=1e-6)
    assert np.isnan(gamma[0, 6, 12])
    assert gamma.attrs["max_fringe"] == 0.125


def test_errors(slc):
    pairs = insar.select_pairs(slc)
    with pytest.raises(ValueError, match=r"demodulate=None and 'local', got demodulate='fft'"):
        insar.coherence(slc, pairs, demodulate="fft")
    for steepest in (0, 0.6, np.nan):
        with pytest.raises(ValueError, match=rf"max_fringe={steepest}; 0.125 covers most"):
            insar.coherence(slc, pairs, demodulate="local", max_fringe=steepest)
