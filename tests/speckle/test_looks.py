"""The looks of speckle whose statistics are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer
from oracles_speckle import gamma

from minewatch import radar, speckle


@pytest.mark.parametrize("looks", [1.0, 4.4, 18.0])
def test_looks_of_gamma_speckle_are_its_shape(rng: np.random.Generator, looks: float) -> None:
    power = gamma(rng, (400, 400), looks)
    power[:200] *= 9  # another field, masked out
    power[300, ::7] = np.nan
    within = layer(np.arange(400)[:, None] >= np.full(400, 200))
    got = speckle.equivalent_number_of_looks(power, within=within)
    # sd of mean²/var of a gamma variable over n = 80 000: about sqrt(2(1 + 1/L)/n) <= 0.7 %.
    npt.assert_allclose(got, looks, rtol=0.021)


def test_looks_are_per_image_and_unknown_without_pixels(rng: np.random.Generator) -> None:
    power = gamma(rng, (3, 40, 40))
    power[1] = np.nan
    power[2] = 0.1
    within = xr.ones_like(power[0], dtype=bool)
    got = speckle.equivalent_number_of_looks(power.chunk(y=7), within=within)
    assert got.dims == ("time",)
    assert got.chunks is None
    npt.assert_array_equal(np.isnan(got), [False, True, True])
    # The mean of equal float64 values is rounded; their spread is none all the same.
    for value in (0.1, 0.3, 1 / 3):
        constant = xr.full_like(power[0], value, dtype="f8")
        assert np.isnan(speckle.equivalent_number_of_looks(constant, within=within))
    wanted = np.mean(power[0].values, dtype="f8") ** 2 / np.var(power[0].values, ddof=1, dtype="f8")
    npt.assert_allclose(got[0], wanted, rtol=1e-9)  # of 1600 float64 terms
    with pytest.raises(ValueError, match=r"grids\.resample"):
        speckle.equivalent_number_of_looks(power, within=within[:20])
    with pytest.raises(ValueError, match="from_db first"):
        speckle.equivalent_number_of_looks(radar.to_db(power[0]), within=within)
    with pytest.raises(TypeError, match="dtype bool"):
        speckle.equivalent_number_of_looks(power[0], within=power[0])
