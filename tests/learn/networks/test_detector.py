"""A network asked about patches and about blocks: the same answers, unknown where unknown."""

from __future__ import annotations

import pickle
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from dask.base import tokenize
from oracles_networks import forward, random_network, random_weights, scene_like

from minewatch.learn.networks import Network


def windows_of(block: np.ndarray, size: int, step: int) -> np.ndarray:
    """Every window, cut out: (rows, columns, channels, size, size)."""
    seen = np.lib.stride_tricks.sliding_window_view(block, (size, size), axis=(1, 2))
    return seen[:, ::step, ::step].transpose(1, 2, 0, 3, 4)


def one_by_one(network: Network, block: np.ndarray, step: int) -> np.ndarray:
    windows = windows_of(block, network.size, step)
    flat = windows.reshape(-1, *windows.shape[2:])
    return network.predict_proba(flat).reshape(windows.shape[:2])


@pytest.mark.cnn
@pytest.mark.parametrize("count", [0, 1, 8, 11])
def test_each_patch_is_asked_by_itself(count: int) -> None:
    network, patches = random_network(size=20), scene_like(count, 3, 20, 20)
    told = {"padding": "same", "mean": network.mean_, "std": network.std_}
    expected = [forward(patch, random_weights(), **told)[1] for patch in patches]
    for given in (patches, patches.astype("f8")):
        found = network.predict_proba(given)
        assert found.dtype == np.float32
        assert found.shape == (count,)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.cnn
@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_a_patch_with_an_unknown_pixel_is_unknown_and_harms_no_other(unknown: float) -> None:
    network, patches = random_network(size=16), scene_like(20, 3, 16, 16)
    sure = network.predict_proba(patches)
    patches[[2, 3, 19], [0, 1, 2], 5, [0, 15, 7]] = unknown
    found = network.predict_proba(patches)
    assert np.flatnonzero(np.isnan(found)).tolist() == [2, 3, 19]
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], sure[known], rtol=0, atol=1e-6)
    assert np.isnan(network.predict_proba(np.full((9, 3, 16, 16), unknown))).all()


@pytest.mark.cnn
@pytest.mark.parametrize(
    ("size", "step", "shape"),
    [
        (104, 52, (3, 264, 331)),  # more than one tile, with a rest
        (104, 52, (3, 104, 207)),
        (104, 104, (3, 312, 209)),
        (104, 4, (3, 112, 111)),
        (23, 12, (3, 60, 95)),
        (18, 4, (3, 30, 31)),
    ],
)
def test_a_block_at_once_is_its_windows_one_by_one(
    size: int, step: int, shape: tuple[int, int, int]
) -> None:
    network, block = random_network("valid", size), scene_like(*shape)
    block[:, :90, :90] += np.array([4, 5, 1])[:, None, None]  # some contrast
    found, expected = network.predict_windows(block, step), one_by_one(network, block, step)
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    assert np.ptp(expected) > 1e-3
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)  # what was promised
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)  # what float32 can do


@pytest.mark.cnn
def test_unknown_pixels_make_just_their_windows_unknown() -> None:
    network, block = random_network("valid", 24), scene_like(3, 300, 120)
    block[0, 0, 0] = block[2, 299, 119] = np.nan  # in the corners
    block[1, 140, 60] = np.inf
    block[:, 200:230, :50] = np.nan
    before = block.copy()
    found, expected = network.predict_windows(block, 12), one_by_one(network, block, 12)
    assert np.isnan(expected).sum() > 10
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(block, before)
    block[:] = np.nan
    assert np.isnan(network.predict_windows(block, 12)).all()


@pytest.mark.cnn
def test_a_block_smaller_than_a_window_holds_none() -> None:
    network = random_network("valid")
    assert network.predict_windows(np.zeros((3, 103, 104))).shape == (0, 1)
    assert network.predict_windows(np.zeros((3, 20, 20))).shape == (0, 0)


@pytest.mark.cnn
def test_threads_may_ask_at_once() -> None:
    network, patches = random_network(size=32), scene_like(40, 3, 32, 32)
    alone = network.predict_proba(patches)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(network.predict_proba, [patches] * 16))
    assert all(np.array_equal(alone, found) for found in together)
    np.testing.assert_allclose(network.predict_proba(patches, threads=2), alone, atol=1e-6)


@pytest.mark.cnn
def test_a_network_travels_as_bytes() -> None:
    network, patches = random_network("valid", 24), scene_like(3, 3, 24, 24)
    before = network.predict_proba(patches)
    there = pickle.loads(pickle.dumps(network))
    assert np.array_equal(there.predict_proba(patches), before)
    assert tokenize(there) == tokenize(network)
    assert tokenize(random_network("same", 24)) != tokenize(network)


@pytest.mark.cnn
def test_many_patches_take_no_more_memory_than_a_few() -> None:
    network = random_network(size=16)
    patches = np.broadcast_to(scene_like(3, 16, 16), (10_000, 3, 16, 16))
    network.predict_proba(patches[:8])
    tracemalloc.start()
    network.predict_proba(patches)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6  # all at once would be 31 MB


@pytest.mark.cnn
@pytest.mark.slow
def test_a_block_at_once_takes_half_the_time_of_its_windows_or_less() -> None:
    network, block = random_network("valid"), scene_like(3, 1040, 1040)

    def best(ask: object, times: int) -> float:
        spent = []
        for _ in range(times):
            before = time.thread_time()  # of this thread, whatever else the machine does
            ask()
            spent.append(time.thread_time() - before)
        return min(spent)

    network.predict_windows(block[:, :104, :104])
    whole = best(lambda: network.predict_windows(block), 3)
    single = best(lambda: one_by_one(network, block, 52), 2)
    assert whole < single / 2


def test_what_does_not_fit_is_told() -> None:
    network = random_network("valid")
    for shape in ((3, 104, 104), (1, 3, 104, 100), (1, 2, 104, 104)):
        with pytest.raises(
            ValueError, match=r"takes patches of shape \(n, 3, 104, 104\).*size=104"
        ):
            network.predict_proba(np.zeros(shape))
    for shape in ((104, 104), (2, 104, 104), (1, 3, 104, 104)):
        with pytest.raises(ValueError, match=r"takes a block \(3, y, x\) with channels vv, vh, pa"):
            network.predict_windows(np.zeros(shape))
    for step in (0, -4, 2, 50, 54):
        with pytest.raises(ValueError, match=f"multiple of 4 pixels, got {step}; use step=52"):
            network.predict_windows(np.zeros((3, 104, 104)), step)
    with pytest.raises(ValueError, match=r"needs a network without padding.*padding='valid'"):
        random_network("same").predict_windows(np.zeros((3, 104, 104)))


def test_it_says_what_it_is() -> None:
    network = random_network()
    assert repr(network) == "Network(104 × 104, vv, vh, pa, padding='same')"
    assert network.classes_.tolist() == [0, 1]
