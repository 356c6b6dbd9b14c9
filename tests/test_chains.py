"""Both whole chains compute nothing while they are built, and do not see chunks or clusters."""

from __future__ import annotations

import dataclasses
from typing import Any

import dask
import pytest
import xarray as xr
from chains import activity_maps, chunked, coherence_of, covariates, probability_map
from distributed import Client, LocalCluster
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import activity, learn, simulate

# Rows × columns of the site are 100 × 200, of the world 160 × 320: 7 × 5 chunks, all odd sizes.
ODD_SLC = {"time": 1, "y": 15, "x": 41}
ODD_WORLD = {"time": 1, "y": 23, "x": 65}
PROCESS_SLC = {"time": 1, "y": 51, "x": 77}
PROCESS_WORLD = {"time": 1, "y": 81, "x": 161}
ONE = {"time": -1, "y": -1, "x": -1}


@pytest.fixture(scope="module")
def world() -> simulate.World:
    """Few dates and bands: the graphs of 7 x 5 chunks are what takes time."""
    whole = simulate.mine_world(seed=7, size=160)
    optical = ["blue", "red", "nir", "swir16", "quality"]
    return dataclasses.replace(
        whole,
        sentinel2=whole.sentinel2[optical].isel(time=slice(3)),
        landsat8=whole.landsat8[optical].isel(time=slice(2)),
        sentinel1=whole.sentinel1.isel(time=slice(2)),
        slc=whole.slc.isel(time=slice(8)),
    )


@pytest.fixture(scope="module")
def ledger(world: simulate.World) -> xr.Dataset:
    coherence = coherence_of(world.slc)
    return activity.screen_pairs(coherence, activity.stable_pixels(coherence))


@pytest.fixture(scope="module")
def model(world: simulate.World) -> Any:
    polygons = world.polygons[world.polygons.region == "train"]
    samples = learn.draw(covariates(world, None), polygons, max_per_polygon=20)
    return learn.fit_forest(samples, trees=10)


def same(one: Any, other: Any) -> None:
    """Equal to 1e-6, counts and classes exactly, wherever both are known."""
    one, other = (each.to_dataset(name="layer") if isinstance(each, xr.DataArray) else each
                  for each in (one, other))  # fmt: skip
    for name in one.data_vars:
        first, second = one[name].values, other[name].values
        if first.dtype.kind == "f":
            npt.assert_allclose(first, second, rtol=1e-6, atol=1e-6)
        else:
            npt.assert_array_equal(first, second)


@pytest.fixture(scope="module")
def expected_activity(world: simulate.World, ledger: xr.Dataset) -> Any:
    return activity_maps(world.slc, ledger, 0.19)


@pytest.mark.parametrize("chunks", [ONE, ODD_SLC], ids=["one chunk", "7 x 5 chunks"])
def test_activity_chain_is_lazy_and_does_not_see_chunks(
    world: simulate.World, ledger: xr.Dataset, expected_activity: Any, chunks: dict[str, int]
) -> None:
    slc = chunked(world.slc, chunks)
    with nothing_computes():
        results = activity_maps(slc, ledger, 0.19)
    if chunks is ODD_SLC:
        assert [len(sizes) for sizes in slc.chunks[1:]] == [7, 5]
    for result, expected in zip(results, expected_activity, strict=True):
        same(result, expected)


@pytest.mark.parametrize(
    "chunks",
    [ONE, pytest.param(ODD_WORLD, marks=pytest.mark.slow)],
    ids=["one chunk", "7 x 5 chunks"],
)
def test_mapping_chain_is_lazy_and_does_not_see_chunks(
    world: simulate.World, model: Any, chunks: dict[str, int]
) -> None:
    with nothing_computes():
        result = probability_map(world, model, chunks)
        stack = covariates(world, chunks)
    same(stack, covariates(world, None))
    same(result, probability_map(world, model, None))


def test_barriers_do_not_see_chunks(world: simulate.World, ledger: xr.Dataset) -> None:
    for chunks in (ONE, ODD_SLC):
        coherence = coherence_of(chunked(world.slc, chunks))
        again = activity.screen_pairs(coherence, activity.stable_pixels(coherence))
        same(again, ledger)
        thresholds = [
            float(activity.ndai_threshold(activity.mean_ndai(coherence, ledger)))
            for coherence in (coherence, coherence.compute())
        ]
        # Streamed through a histogram of 4096 bins on [-1, 1] against exact: within two bins.
        assert abs(thresholds[0] - thresholds[1]) <= 3 * 2 / 4096


@pytest.mark.slow
def test_any_number_of_threads_gives_the_same_bits(
    world: simulate.World, ledger: xr.Dataset, model: Any
) -> None:
    def made(threads: int) -> list[Any]:
        with dask.config.set(scheduler="threads", num_workers=threads):
            maps = activity_maps(chunked(world.slc, ODD_SLC), ledger, 0.19)
            probability = probability_map(world, model, ODD_WORLD)
            return [result.compute() for result in (*maps, probability)]

    # More threads than cores finish their blocks in another order each time.
    alone = made(1)
    for threads in (2, 9):
        for result, expected in zip(made(threads), alone, strict=True):
            xr.testing.assert_identical(result, expected)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Sending large graph")  # the world is in memory, not on disk
def test_processes_give_what_threads_give(
    world: simulate.World, ledger: xr.Dataset, model: Any, expected_activity: Any
) -> None:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as processes,
        Client(processes) as client,
    ):
        assert len(client.scheduler_info()["workers"]) == 2
        results = activity_maps(chunked(world.slc, PROCESS_SLC), ledger, 0.19)
        computed = [result.compute() for result in results]
        probability = probability_map(world, model, PROCESS_WORLD).compute()
    for result, expected in zip(computed, expected_activity, strict=True):
        same(result, expected)
    same(probability, probability_map(world, model, None))
