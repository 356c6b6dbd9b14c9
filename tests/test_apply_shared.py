"""A large object reaches every block as one node of the graph, and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch import _apply


class Weights(dict[str, float]):
    """Stands for a fitted model."""


def weighed(weights: dict[str, float], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return weights["first"] * first + weights["second"] * second


def both(weights: dict[str, float], first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.stack([weights["first"] * first, weights["second"] * second])


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": -1, "x": 4}])
@pytest.mark.parametrize("out_dim", [None, "class"])
def test_shared_objects_do_not_see_chunks(
    rng: np.random.Generator, chunks: dict[str, int], out_dim: str | None
) -> None:
    coords = {"y": np.arange(20.0)[::-1], "x": np.arange(30.0), "spatial_ref": 0}
    first, second = (xr.DataArray(v, coords, ("y", "x")) for v in rng.random((2, 20, 30), "f4"))
    weights = {"first": 2.0, "second": -1.0}
    function = weighed if out_dim is None else both

    def run(*arrays: xr.DataArray) -> xr.DataArray:
        return _apply.with_shared(function, weights, arrays, out_dim=out_dim, out_size=2)

    whole = run(first, second)
    with nothing_computes():
        lazy = run(first.chunk(chunks), second.chunk(y=3))
        mixed = run(first, second.chunk(chunks))
    xr.testing.assert_identical(lazy.compute(), whole)
    xr.testing.assert_identical(mixed.compute(), whole)
    assert whole.dims == (("y", "x") if out_dim is None else ("class", "y", "x"))
    assert "spatial_ref" in whole.coords


def test_a_shared_object_is_one_node() -> None:
    shared = Weights(first=1.0, second=1.0)
    array = xr.DataArray(np.ones((20, 20), "f4"), dims=("y", "x")).chunk(y=2, x=2)
    found = _apply.with_shared(weighed, shared, [array, array])
    graph = dict(found.__dask_graph__())
    nodes = [key for key, task in graph.items() if getattr(task, "value", None) is shared]
    assert len(nodes) == 1
    users = [key for key, task in graph.items() if nodes[0] in getattr(task, "dependencies", ())]
    assert len(users) == 100
    assert all(str(key[0]).startswith("weighed-") for key in users)
