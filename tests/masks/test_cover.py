"""Cover classes stay unknown where what they are read from is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind

from minewatch import masks


@pytest.mark.parametrize(("mask", "threshold"), [(masks.water, 0.0), (masks.vegetation, 0.4)])
def test_cover_is_above_its_threshold_and_unknown_stays_unknown(
    rng: np.random.Generator, mask: object, threshold: float
) -> None:
    index = layer(rng.uniform(-1, 1, (23, 19)).astype("f4"))
    index[0, :3] = [np.nan, threshold, np.inf]
    got = lazy_and_blind(mask, index)  # type: ignore[arg-type]
    wanted = (index.values > np.float32(threshold)).astype("u1")
    wanted[0, [0, 2]] = 255
    npt.assert_array_equal(got, wanted)
    assert got.attrs["flag_values"] == [0, 1]
    assert got.attrs["threshold"] == threshold
    with pytest.raises(TypeError, match="floating"):
        mask(layer(np.zeros((2, 2), "u1")))  # type: ignore[operator]


def test_low_backscatter_is_below_its_decibels(rng: np.random.Generator) -> None:
    power = layer(rng.gamma(1, 0.02, (23, 19)).astype("f4"))
    power[0, :5] = [np.nan, np.inf, 0, -0.001, 0.0099]
    got = lazy_and_blind(masks.low_backscatter, power)
    with np.errstate(all="ignore"):
        wanted = (10 * np.log10(power.values) < -20).astype("u1")
    wanted[0, :5] = [255, 255, 255, 1, 1]
    npt.assert_array_equal(got, wanted)
    stricter = masks.low_backscatter(power, threshold_db=-23)
    assert int((stricter == 1).sum()) < int((got == 1).sum())
    assert stricter.attrs["threshold_db"] == -23


def test_water_has_a_reason_of_its_own() -> None:
    power = layer(np.float32([[0.001, 0.001, 0.001, 0.1, 0.1, np.nan]]))
    codes = layer(np.uint8([[0, 1, 255, 1, 255, 1]]))
    got = lazy_and_blind(lambda p, w: masks.low_backscatter(p, water=w), power, codes)
    # Low where water is unknown is unknown; not low is not low whatever covers it.
    npt.assert_array_equal(got, [[1, 0, 255, 0, 0, 0]])
    plain = masks.low_backscatter(power, water=codes == 1)
    npt.assert_array_equal(plain, [[1, 0, 1, 0, 0, 0]])
    assert got.attrs["water_left_out"] == 1


def test_low_backscatter_refuses_decibels_codes_and_other_grids() -> None:
    power = layer(np.full((3, 3), 0.01, "f4"))
    with pytest.raises(ValueError, match="from_db"):
        masks.low_backscatter(power.assign_attrs(units="dB"))
    with pytest.raises(TypeError, match="floating"):
        masks.low_backscatter(power.astype("u1"))
    with pytest.raises(ValueError, match=r"grids\.resample"):
        masks.low_backscatter(power, water=layer(np.zeros((3, 4), "u1")))
