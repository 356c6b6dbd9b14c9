"""Patch sets are checked before anybody learns from them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from oracles_networks import patch_set

from minewatch.learn.networks.patch_arrays import arrays_of, moments


def taken(patches: object, padding: str = "same") -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    return arrays_of(patches, padding=padding, by="fit_network")


def test_a_patch_set_comes_as_arrays() -> None:
    values = np.arange(2 * 3 * 16 * 16.0).reshape(2, 3, 16, 16)
    found, labels, names = taken(patch_set(values, [1, 0]).chunk({"patch": 1}))
    assert found.dtype == np.float32
    assert (found == values).all()
    assert labels.tolist() == [1, 0]
    assert names == ("vv", "vh", "pa")


def test_what_is_no_patch_set_is_refused() -> None:
    with pytest.raises(TypeError, match="needs a patch set, got ndarray; make one with"):
        taken(np.zeros((2, 3, 16, 16)))
    with pytest.raises(TypeError, match="needs a patch set, got Dataset"):
        taken(xr.Dataset())
    good = patch_set(np.zeros((2, 3, 16, 16)), [0, 1])
    with pytest.raises(ValueError, match="needs patches with dims"):
        taken(good.transpose("channel", ...))
    with pytest.raises(ValueError, match="coordinate label"):
        taken(good.drop_vars("label"))


@pytest.mark.parametrize(
    ("shape", "padding"), [((16, 20), "same"), ((15, 15), "same"), ((17, 17), "valid")]
)
def test_patches_that_do_not_fit_the_network_are_refused(
    shape: tuple[int, int], padding: str
) -> None:
    with pytest.raises(ValueError, match=r"squares of 1[68] pixels or more"):
        taken(patch_set(np.zeros((2, 3, *shape)), [0, 1]), padding)


@pytest.mark.parametrize("labels", [[0, 2], [-1, 1]])
def test_labels_are_0_and_1(labels: list[int]) -> None:
    with pytest.raises(ValueError, match=r"label 1 .a mine. or 0"):
        taken(patch_set(np.zeros((2, 3, 16, 16)), labels))


@pytest.mark.parametrize("unknown", [np.nan, np.inf])
def test_patches_with_unknown_pixels_are_counted_and_refused(unknown: float) -> None:
    values = np.zeros((200, 1, 16, 16))
    values[[3, 150], 0, 5, 5] = unknown
    with pytest.raises(ValueError, match=r"2 of 200 patches hold unknown .* max_nodata=0"):
        taken(patch_set(values, np.arange(200) % 2))


def test_moments_are_those_of_all_pixels(rng: np.random.Generator) -> None:
    values = rng.normal([[[-12]], [[-18]]], [[[3]], [[0.1]]], (150, 2, 16, 16)).astype("f4")
    mean, std = moments(values)
    everything = values.transpose(1, 0, 2, 3).reshape(2, -1).astype("f8")
    # both are sums in float64
    np.testing.assert_allclose(mean, everything.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(std, everything.std(axis=1), rtol=1e-12)


def test_a_channel_of_one_value_is_not_divided_by_zero() -> None:
    values = np.full((3, 1, 16, 16), 0.1, np.float32)
    mean, std = moments(values)
    assert mean[0] == np.float64(np.float32(0.1))
    assert std.tolist() == [1.0]
