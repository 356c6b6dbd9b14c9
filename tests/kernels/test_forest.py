"""The compiled forest gives scikit-learn's probabilities to the last bit, for whatever comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy import testing as npt
from sklearn.ensemble import RandomForestClassifier

from minewatch.kernels import forest_proba
from minewatch.kernels.forest import BLOCK, pack_trees, too_large

TINY = np.finfo("f4").smallest_subnormal
HUGE = np.finfo("f4").max


def packed(forest: Any) -> tuple[Any, ...]:
    trees = [each.tree_ for each in forest.estimators_]
    starts = np.cumsum([0, *(tree.node_count for tree in trees)])
    shift = np.repeat(starts[:-1], np.diff(starts))

    def joined(name: str) -> Any:
        return np.concatenate([getattr(tree, name) for tree in trees])

    leaf = joined("children_left") == -1
    return pack_trees(
        starts=starts,
        left=joined("children_left") + shift,
        right=joined("children_right") + shift,
        feature=np.where(leaf, -1, joined("feature")),
        threshold=joined("threshold"),
        leaf_value=joined("value")[leaf][:, 0],
        features=forest.n_features_in_,
    )


def stump(threshold: float) -> tuple[Any, ...]:
    """Class 0 at or below the threshold."""
    return pack_trees(
        starts=np.array([0, 3]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        feature=np.array([0, -1, -1]),
        threshold=np.array([threshold, -2.0, -2.0]),
        leaf_value=np.eye(2),
        features=1,
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    features=st.integers(1, 20),
    classes=st.integers(1, 5),
    depth=st.sampled_from([None, 1, 2, 6]),
    trees=st.integers(1, 7),
    leaf=st.sampled_from([1, 3, 40]),
    count=st.integers(1, 70),
    digits=st.integers(0, 7),
)
def test_it_equals_scikit_learn(
    seed: int,
    features: int,
    classes: int,
    depth: int | None,
    trees: int,
    leaf: int,
    count: int,
    digits: int,
) -> None:
    """Rounded features make ties; samples lie on, just below and just above thresholds too."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(150, features)).round(digits)
    label = rng.integers(0, classes, 150) * (table[:, 0] > 0)
    forest = RandomForestClassifier(
        trees, max_depth=depth, min_samples_leaf=leaf, random_state=seed % 1000
    ).fit(table, label)
    samples = rng.normal(size=(count, features)).round(digits).astype("f4")
    at = np.concatenate([each.tree_.threshold for each in forest.estimators_]).astype("f4")
    edge = rng.choice(at, samples.shape)
    with np.errstate(under="ignore"):
        edge = np.nextafter(edge, rng.choice(np.array([-np.inf, 0, np.inf], "f4"), edge.shape))
    samples = np.where(rng.random(samples.shape) < 0.5, edge, samples)
    npt.assert_array_equal(forest_proba(samples, *packed(forest)), forest.predict_proba(samples))


NUMBERS = st.floats(width=32, allow_nan=False) | st.sampled_from(
    [0.0, -0.0, float(TINY), -float(TINY), float(HUGE), -float(HUGE), np.inf, -np.inf]
)


@settings(max_examples=300, deadline=None)
@given(st.floats(allow_nan=False) | NUMBERS, st.lists(NUMBERS, min_size=1, max_size=20))
def test_a_threshold_of_64_bits_divides_floats_of_32_as_it_should(
    threshold: float, values: list[float]
) -> None:
    near = np.array([threshold], "f8").clip(-HUGE, HUGE).astype("f4")
    with np.errstate(over="ignore", under="ignore"):
        steps = [np.nextafter(near, np.float32(way)) for way in (-np.inf, np.inf)]
    samples = np.concatenate([np.array(values, "f4"), near, *steps])[:, np.newaxis]
    below = samples[:, 0].astype("f8") <= threshold
    npt.assert_array_equal(forest_proba(samples, *stump(threshold))[:, 0], below)


def test_zeros_of_both_signs_are_equal() -> None:
    zeros = np.array([[0.0], [-0.0], [TINY], [-TINY]], "f4")
    for threshold in (0.0, -0.0, 1e-60):
        npt.assert_array_equal(forest_proba(zeros, *stump(threshold))[:, 0], [1, 1, 0, 1])
    npt.assert_array_equal(forest_proba(zeros, *stump(-1e-60))[:, 0], [0, 0, 0, 1])


def test_a_gap_is_unknown_whatever_its_sign_and_no_other_sample_is() -> None:
    samples = np.zeros((2 * BLOCK + 3, 1), "f4")
    gaps = [0, 7, BLOCK - 1, BLOCK, 2 * BLOCK + 2]
    samples[gaps] = np.nan
    samples[gaps[1]] = -np.float32(np.nan)
    found = forest_proba(samples, *stump(0.5))
    assert np.flatnonzero(np.isnan(found).any(axis=1)).tolist() == gaps
    assert np.isnan(found[gaps]).all()


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_a_sample_does_not_see_its_neighbours(rng: np.random.Generator, count: int) -> None:
    table = rng.normal(size=(300, 6)).astype("f4")
    forest = RandomForestClassifier(5, random_state=0).fit(table, rng.integers(0, 3, 300))
    samples = rng.normal(size=(count, 6)).astype("f4")
    found = forest_proba(samples, *packed(forest))
    assert found.shape == (count, 3)
    expected = forest.predict_proba(samples) if count else np.empty((0, 3))
    npt.assert_array_equal(found, expected)


def test_a_tree_may_be_a_single_leaf_or_a_long_chain(rng: np.random.Generator) -> None:
    one = RandomForestClassifier(3, random_state=0).fit(rng.normal(size=(20, 2)), np.ones(20))
    npt.assert_array_equal(forest_proba(np.zeros((4, 2), "f4"), *packed(one)), np.ones((4, 1)))
    # Each node cuts off the lowest number that is left: 500 levels.
    depth = 500
    left = np.full(2 * depth + 1, -1)
    left[: 2 * depth : 2] = np.arange(1, 2 * depth, 2)
    inner = left != -1
    chain = pack_trees(
        starts=np.array([0, 2 * depth + 1]),
        left=left,
        right=np.where(inner, left + 1, -1),
        feature=np.where(inner, 0, -1),
        threshold=np.where(inner, np.arange(2 * depth + 1) / 2, 0.0),
        leaf_value=np.arange(depth + 1.0)[:, np.newaxis],
        features=1,
    )
    values = np.arange(-1, depth + 2).astype("f4")
    expected = values.clip(0, depth)
    npt.assert_array_equal(forest_proba(values[:, np.newaxis], *chain)[:, 0], expected)


def test_leading_dims_are_kept(rng: np.random.Generator) -> None:
    samples = rng.normal(size=(2, 3, 5, 1)).astype("f4")
    found = forest_proba(samples, *stump(0.1))
    npt.assert_array_equal(found[..., 0], samples[..., 0] <= 0.1)


def test_what_does_not_fit_is_refused() -> None:
    starts = np.array([0, 2**20 + 1])
    assert too_large(starts, 4096)
    assert not too_large(starts, 2048)
    nothing = np.full(2**20 + 1, -1)
    with pytest.raises(ValueError, match="grow smaller trees"):
        pack_trees(
            starts=starts,
            left=nothing,
            right=nothing,
            feature=nothing,
            threshold=nothing,
            leaf_value=nothing,
            features=4096,
        )
