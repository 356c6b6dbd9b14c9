from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.kernels._windows import sums_along, third, whole_vectors, window_sums


@pytest.mark.parametrize("span", range(1, 71))
def test_sums_along_a_row_are_a_convolution_with_ones(rng, span):
    row = rng.normal(size=100)
    scratch = np.zeros((3, 100 + span))
    scratch[0, :100] = row
    got = sums_along(scratch, 100, span)
    # In float64 the order of at most 70 additions moves 1e-14.
    npt.assert_allclose(got[: 101 - span], np.convolve(row, np.ones(span), "valid"), atol=1e-12)


@pytest.mark.parametrize("rows", range(1, 8))
def test_window_sums_add_the_rows_that_the_ring_holds(rng, rows):
    image = rng.normal(size=(20, 64))
    slots, last = 7, 13
    ring = np.zeros((slots, 64))
    for i in range(last - slots, last):
        ring[i % slots] = image[i]
    got = window_sums(ring, last - rows, last, 3, 64, np.zeros((3, 67)))
    down = image[last - rows : last].sum(axis=0)
    npt.assert_allclose(got[:62], np.convolve(down, np.ones(3), "valid"), atol=1e-12)


def test_what_lies_beyond_the_used_places_is_not_written(rng):
    scratch = np.zeros((3, 80))
    scratch[0, :64] = rng.normal(size=64)
    sums_along(scratch, 64, 16)
    assert not scratch[:, 64:].any()


def test_rows_are_padded_to_whole_vectors():
    assert [whole_vectors(n) for n in (1, 64, 65, 4105)] == [64, 64, 128, 4160]
    assert [third(0, -1), third(1, 0), third(0, 0), third(2, 1)] == [1, 2, 1, 0]
