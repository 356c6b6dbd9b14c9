"""The eight ways that a square can lie."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt

from minewatch.learn.patches import augment, turned


@pytest.fixture
def patches(rng: np.random.Generator) -> np.ndarray:
    return rng.random((3, 2, 5, 5)).astype("f4")


def test_all_eight_ways_differ_and_are_closed_under_turning(patches: np.ndarray) -> None:
    """The symmetries of a square form a group: to turn or flip all of them gives all of them."""
    ways = augment(patches[:1])
    assert (ways.shape, ways.dtype) == ((8, 2, 5, 5), patches.dtype)
    kinds = {way.tobytes() for way in ways}
    assert len(kinds) == 8
    for again in (np.rot90(ways, axes=(2, 3)), ways[..., ::-1], ways[:, :, ::-1]):
        assert {np.ascontiguousarray(way).tobytes() for way in again} == kinds


def test_their_order_is_told(patches: np.ndarray) -> None:
    found = augment(patches)
    npt.assert_array_equal(found[:3], patches)
    for n, c, i, j in np.ndindex(3, 2, 5, 5):
        # Against the clock: what was in the last column is in the first row.
        assert found[3 + n, c, i, j] == patches[n, c, j, 4 - i]
        assert found[12 + n, c, i, j] == patches[n, c, i, 4 - j]
    npt.assert_array_equal(found[1::3], augment(patches[1:2]))


def test_each_patch_may_lie_another_way(patches: np.ndarray) -> None:
    every = augment(patches).reshape(8, 3, 2, 5, 5)
    found = turned(patches, np.array([5, 0, 3]))
    npt.assert_array_equal(found, np.stack([every[5, 0], every[0, 1], every[3, 2]]))
    before = patches.copy()
    found[:] = 0
    npt.assert_array_equal(patches, before)


def test_none_is_none() -> None:
    assert augment(np.empty((0, 3, 4, 4))).shape == (0, 3, 4, 4)
    assert turned(np.empty((0, 3, 4, 4)), np.empty(0, int)).shape == (0, 3, 4, 4)


def test_only_squares_turn() -> None:
    for wrong in (np.zeros((2, 3, 4, 5)), np.zeros((3, 4, 4))):
        with pytest.raises(ValueError, match=r"patch_set\.patches"):
            augment(wrong)
    with pytest.raises(ValueError, match=r"rng\.integers"):
        turned(np.zeros((2, 1, 3, 3)), np.array([0, 8]))
    with pytest.raises(ValueError, match=r"rng\.integers"):
        turned(np.zeros((2, 1, 3, 3)), np.array([0]))
