"""Windows on a lattice: each is seen once, whole, by the block that it begins in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import _apply

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 7


def weighed(weights: Any, block: Any, tops: Sequence[int], lefts: Sequence[int]) -> Any:
    """Sum of each window times its own weights: any shift or gap changes it."""
    out = np.empty((*block.shape[1:-2], len(tops), len(lefts)))
    for i, top in enumerate(tops):
        for j, left in enumerate(lefts):
            window = block[..., top : top + SIZE, left : left + SIZE]
            assert window.shape[-2:] == (SIZE, SIZE)
            out[..., i, j] = (window * weights).sum(axis=(0, -2, -1))
    return out


def cut(rng: np.random.Generator, length: int) -> tuple[int, ...]:
    """Blocks of any sizes."""
    edges = np.unique(rng.integers(1, length, rng.integers(1, 9)))
    return tuple(int(size) for size in np.diff([0, *edges, length]))


@pytest.mark.parametrize("seed", range(12))
def test_any_cut_gives_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (2, 3, *(int(length) for length in rng.integers(SIZE, 60, 2)))
    # Whole numbers, whose sums are exact in any order.
    values = rng.integers(0, 9, shape).astype(float)
    coords = {
        "time": [1, 2, 3],
        "y": -np.arange(shape[2]),
        "spatial_ref": 0,
        "side": ("x", values[0, 0, 0]),
    }
    array = xr.DataArray(values, coords, ("channel", "time", "y", "x"))
    weights = rng.integers(0, 9, (2, 1, SIZE, SIZE)).astype(float)
    starts = [
        np.unique(rng.integers(0, length - SIZE + 1, rng.integers(1, 12))).tolist()
        for length in shape[2:]
    ]
    given = {"tops": starts[0], "lefts": starts[1], "size": SIZE, "dtype": "float64"}
    expected = weighed(weights, values, *starts)
    whole = _apply.over_lattice(weighed, weights, array, **given)
    npt.assert_array_equal(whole, expected)
    chunks = {"channel": int(rng.integers(1, 3)), "time": cut(rng, 3)}
    chunks |= {dim: cut(rng, array.sizes[dim]) for dim in ("y", "x")}
    with nothing_computes():
        lazy = _apply.over_lattice(weighed, weights, array.chunk(chunks), **given)
    xr.testing.assert_identical(lazy.compute(), whole)
    assert lazy.dims == ("time", "y", "x")
    assert set(lazy.coords) == {"time", "spatial_ref"}


def test_a_block_reads_its_neighbours_below_and_to_the_right_alone() -> None:
    """Of 6 × 6 blocks the corner one is asked: 4 blocks, what 3 of them show, and the function."""
    array = xr.DataArray(np.ones((1, 60, 60)), dims=("channel", "y", "x")).chunk(y=10, x=10)
    starts = list(range(0, 54, 2))
    given = {"tops": starts, "lefts": starts, "size": SIZE}
    found = _apply.over_lattice(weighed, np.ones((1, SIZE, SIZE)), array, **given)
    assert found.data.numblocks == (6, 6)
    one = found.data.blocks[2, 2]
    read = {
        key
        for key in one.__dask_graph__().cull(one.__dask_keys__()[0])
        if key[0] == array.data.name
    }
    assert read == {(array.data.name, 0, row, column) for row in (2, 3) for column in (2, 3)}
    npt.assert_array_equal(one, SIZE**2)
