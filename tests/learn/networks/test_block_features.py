"""Means over windows are those of the whole block, however it is cut into tiles."""

from __future__ import annotations

import numpy as np
import pytest

from minewatch.learn.networks import block_features
from minewatch.learn.networks.block_features import REACH, STRIDE, window_means


def sums(image: np.ndarray) -> np.ndarray:
    """A feature that sees just what an unpadded feature sees: the sum of 18 × 18 pixels."""
    seen = np.lib.stride_tricks.sliding_window_view(image, (REACH, REACH), axis=(2, 3))
    return seen[:, :, ::STRIDE, ::STRIDE].sum(axis=(-1, -2)).astype(np.float32)


@pytest.mark.parametrize("tile", [3, 8, 64])
@pytest.mark.parametrize("step", [1, 5, 13, 30])
def test_means_are_those_of_each_window(
    tile: int, step: int, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(block_features, "TILE", tile)
    span = 6
    size = STRIDE * (span - 1) + REACH + 1
    rows, columns = 4, 3
    shape = [(count - 1) * step * STRIDE + size for count in (rows, columns)]
    block = rng.integers(9, size=(2, *shape)).astype(np.float32)
    known = np.ones(shape, bool)
    found = window_means(block, known, sums, span=span, step=step, filling=np.zeros(2))
    assert found.shape == (rows, columns, 2)
    for i in range(rows):
        for j in range(columns):
            top, left = i * step * STRIDE, j * step * STRIDE
            window = block[None, :, top : top + size, left : left + size]
            expected = sums(window).mean(axis=(2, 3))[0]
            # sums of small whole numbers are exact, the means of a few of them to 1e-6
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-6)


def test_a_window_alone_has_the_bits_that_it_has_among_others(rng: np.random.Generator) -> None:
    span, step = 22, 13
    size, pace = STRIDE * (span - 1) + REACH, step * STRIDE
    block = rng.normal(size=(1, size + 3 * pace, size + 2 * pace)).astype(np.float32)

    def means(part: np.ndarray) -> np.ndarray:
        sure = np.ones(part.shape[1:], bool)
        return window_means(part, sure, sums, span=span, step=step, filling=np.zeros(1))

    among = means(block)
    for (i, j), mean in np.ndenumerate(among[..., 0]):
        window = np.s_[:, i * pace : i * pace + size, j * pace : j * pace + size]
        assert means(block[window])[0, 0, 0] == mean


def test_unknown_pixels_reach_no_window_without_them(rng: np.random.Generator) -> None:
    block = rng.normal(size=(1, 62, 62)).astype(np.float32)
    sure = np.ones((62, 62), bool)
    one = {"span": 2, "step": 5, "filling": np.array([7.0])}
    before = window_means(block, sure, sums, **one)
    block[:, 0, 61] = np.nan
    after = window_means(block, np.isfinite(block[0]), sums, **one)
    changed = before != after
    assert changed[0, -1]
    assert changed.sum() == 1
    assert np.isfinite(after).all()


def test_a_block_of_another_precision_is_taken_as_it_is() -> None:
    block = np.ones((1, 22, 22))
    kinds = []

    def features(image: np.ndarray) -> np.ndarray:
        kinds.append(image.dtype)
        assert image.flags["C_CONTIGUOUS"]
        return sums(image)

    sure = np.ones((22, 22), bool)
    found = window_means(block, sure, features, span=2, step=1, filling=np.zeros(1))
    assert found.dtype == np.float32
    assert kinds == [np.float32]
