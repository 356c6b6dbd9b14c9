"""Backscatter at one angle of incidence."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind, pixel
from oracles_speckle import gamma

from minewatch import radar, speckle


@pytest.mark.parametrize(("angle", "change"), [(45, 1.057), (30, -0.704), (37, 0.0)])
def test_incidence_correction_in_decibels(angle: float, change: float) -> None:
    got = speckle.incidence_correction(pixel(0.1, "vv"), pixel(angle))
    npt.assert_allclose(radar.to_db(got) + 10, change, atol=5e-4)  # the table's last digit


def test_incidence_correction_is_lazy_and_ends_at_grazing(rng: np.random.Generator) -> None:
    power = gamma(rng, (2, 23, 19))
    angle = layer(np.linspace(30, 95, 23 * 19).reshape(23, 19), units="degree")
    angle[0, 0] = np.nan
    got = lazy_and_blind(speckle.incidence_correction, power, angle)
    npt.assert_array_equal(np.isnan(got[0]), ~(angle < 89))
    codes = xr.full_like(power, 4, dtype="u1")
    whole = speckle.incidence_correction(xr.Dataset({"vv": power, "quality": codes}), angle)
    xr.testing.assert_identical(whole.vv, got)
    npt.assert_array_equal(whole.quality, codes)
    series = angle.expand_dims(time=power.time)
    xr.testing.assert_identical(speckle.incidence_correction(power, series), got)
    assert speckle.incidence_correction(power[0], series).dims == ("time", "y", "x")
    later = series.assign_coords(time=series.time + np.timedelta64(1, "s"))
    with pytest.raises(ValueError, match="cannot align"):
        speckle.incidence_correction(power, later)
    with pytest.raises(ValueError, match="centred near 37"):
        speckle.incidence_correction(power, angle, reference_angle=90)
    with pytest.raises(ValueError, match="from_db first"):
        speckle.incidence_correction(radar.to_db(power), angle)
    with pytest.raises(ValueError, match=r"grids\.resample"):
        speckle.incidence_correction(power, angle[1:])
