"""One reason a pixel, and unknown where nobody can say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind

from minewatch import masks

NAMES = ("vegetation", "water", "shadow", "layover", "low_backscatter", "outside")
CODE = {
    "vegetation": 1,
    "water": 2,
    "shadow": 3,
    "layover": 4,
    "low_backscatter": 5,
    "outside": 6,
}
FIRST = ("outside", "shadow", "layover", "water", "vegetation", "low_backscatter")


def of_layers(*layers: xr.DataArray) -> xr.DataArray:
    given = dict(zip(NAMES, layers, strict=True))
    geometry = xr.Dataset({name: given.pop(name) for name in ("shadow", "layover")})
    return masks.exclusion(geometry=geometry, **given)


def obvious(codes: dict[str, int]) -> int:
    for name in FIRST:
        if codes[name] == 1:
            return CODE[name]
    return 255 if 255 in codes.values() else 0


def test_every_combination_has_the_reason_that_was_promised() -> None:
    combinations = list(itertools.product((0, 1, 255), repeat=6))
    stack = np.array(combinations, "u1").T.reshape(6, 27, 27)
    got = lazy_and_blind(of_layers, *(layer(part) for part in stack))
    wanted = [obvious(dict(zip(NAMES, codes, strict=True))) for codes in combinations]
    npt.assert_array_equal(got.values.ravel(), wanted)
    assert got.attrs["flag_meanings"].split() == [
        "kept", "vegetation", "water", "radar_shadow", "layover", "low_backscatter", "outside",
    ]  # fmt: skip
    assert got.attrs["flag_values"] == [0, 1, 2, 3, 4, 5, 6]


def test_bool_masks_are_never_unknown() -> None:
    inside = layer(np.array([[True, False]]))
    green = layer(np.uint8([[1, 1]]))
    got = masks.exclusion(vegetation=green, outside=~inside)
    npt.assert_array_equal(got, [[1, 6]])
    assert got.attrs["masks"] == ["outside", "vegetation"]


def test_the_mask_of_an_activity_map_leaves_the_unknown_out() -> None:
    got = masks.exclusion(water=layer(np.uint8([[0, 1, 255]])))
    npt.assert_array_equal(got > 0, [[False, True, True]])
    npt.assert_array_equal(got.isin(range(1, 7)), [[False, True, False]])


def test_layers_in_memory_and_lazy_ones_meet() -> None:
    wet, green = layer(np.uint8([[0, 1, 255]])), layer(np.uint8([[1, 1, 0]]))
    got = masks.exclusion(water=wet, vegetation=green.chunk(x=1))
    assert got.chunks is not None
    npt.assert_array_equal(got, [[1, 2, 255]])


def test_the_crs_is_that_of_whoever_has_one() -> None:
    bare = layer(np.uint8([[0, 1]])).drop_vars("spatial_ref")
    got = masks.exclusion(outside=bare, water=layer(np.uint8([[0, 0]])))
    assert "spatial_ref" in got.coords


def test_what_is_no_mask_is_refused() -> None:
    green = layer(np.uint8([[0, 1]]))
    with pytest.raises(ValueError, match=r"masks\.vegetation\(ndvi\)"):
        masks.exclusion()
    with pytest.raises(TypeError, match=r"ndvi > 0\.4"):
        masks.exclusion(vegetation=green.astype("f4"))
    with pytest.raises(ValueError, match=r"grids\.resample"):
        masks.exclusion(vegetation=green, water=layer(np.uint8([[0, 1, 1]])))
    with pytest.raises(ValueError, match="transpose"):
        masks.exclusion(vegetation=green.T)
    for wrong in (xr.Dataset({"shadow": green}), green):
        with pytest.raises(KeyError, match=r"masks\.radar_geometry"):
            masks.exclusion(geometry=wrong)  # type: ignore[arg-type]
