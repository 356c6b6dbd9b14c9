"""Block-wise plumbing gives the same numbers for every chunking and keeps every coordinate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask
import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from scipy import ndimage

from minewatch import _apply
from minewatch.conventions import crs_of

if TYPE_CHECKING:
    from pathlib import Path

CHUNKS = [
    {"y": -1, "x": -1},
    {"y": 7, "x": 13},
    {"y": 50, "x": 3},  # thinner than the halo: merged for the work, cut apart again
    {"y": 25, "x": 59},  # a last column of 2
]


def box(block: np.ndarray, rows: float = 3, columns: float = 10) -> np.ndarray:
    size = (0,) * (block.ndim - 2) + (int(rows), int(columns))
    return ndimage.uniform_filter(np.asarray(block, "f8"), size, mode="constant").astype("f4")


def image(rng: np.random.Generator, *shape: int) -> xr.DataArray:
    dims = ("time", "y", "x")[-len(shape) :]
    spatial_ref = xr.DataArray(0, attrs={"crs_wkt": 'LOCAL_CS["pit"]'})
    coords = {"y": np.arange(shape[-2])[::-1] * 10.0, "x": np.arange(shape[-1]) * 10.0}
    array = xr.DataArray(rng.random(shape, dtype="f4"), dims=dims, coords=coords)
    return array.assign_coords(spatial_ref=spatial_ref)


@pytest.mark.parametrize("chunks", CHUNKS)
def test_windows_do_not_see_chunks(rng: np.random.Generator, chunks: dict[str, int]) -> None:
    whole = image(rng, 2, 50, 61)
    lazy = whole.chunk(time=1, **chunks)
    with nothing_computes():
        result = _apply.windowed(box, lazy, window=(3, 10), arguments=(3, 10))
    assert result.chunks == lazy.chunks
    assert crs_of(result) == crs_of(whole)
    expected = _apply.windowed(box, whole, window=(3, 10), arguments=(3, 10))
    # scipy's running sum rounds differently from another starting point: one float32 ulp of 1.
    npt.assert_allclose(result.compute(), expected, atol=2e-7)


@pytest.mark.parametrize("window", [(1, 9), (8, 1), (1, 1)])
@pytest.mark.parametrize("leading", [(), (4,), (2, 3)])
def test_windows_of_any_shape_see_the_neighbours_they_need(
    rng: np.random.Generator, window: tuple[int, int], leading: tuple[int, ...]
) -> None:
    values = rng.random((*leading, 20, 31), dtype="f4")
    whole = xr.DataArray(values, dims=("band", "time", "y", "x")[-values.ndim :])
    lazy = whole.chunk({dim: 7 if dim in "yx" else 1 for dim in whole.dims})
    settings = {"window": window, "arguments": window}
    result = _apply.windowed(box, lazy, **settings)
    npt.assert_allclose(result.compute(), _apply.windowed(box, whole, **settings), atol=2e-7)


def test_a_window_may_be_larger_than_the_image(rng: np.random.Generator) -> None:
    whole = image(rng, 2, 5, 4)
    for chunks in ({}, {"y": 2, "x": 3}):
        result = _apply.windowed(box, whole.chunk(chunks), window=(13, 15), arguments=(13, 15))
        assert result.chunks == whole.chunk(chunks).chunks
        expected = _apply.windowed(box, whole, window=(13, 15), arguments=(13, 15))
        npt.assert_allclose(result.compute(), expected, atol=2e-7)  # as above


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("with_phase", [False, True])
def test_pairs_of_a_stack_do_not_see_chunks(
    rng: np.random.Generator, chunks: dict[str, int], with_phase: bool
) -> None:
    def product(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return box((first * second.conj()).real)

    real, imaginary = image(rng, 4, 50, 61), image(rng, 4, 50, 61)
    stack = (real + 1j * imaginary).astype("complex64")
    stack = stack.assign_coords(time=np.arange(4), item=("time", list("abcd")))
    reference, secondary = np.array([0, 1, 0]), np.array([1, 3, 3])
    phase = None
    if with_phase:
        phase = xr.DataArray(rng.random((3, 50, 61), dtype="f4"), dims=("pair", "y", "x"))
    settings = {"window": (3, 10)}
    expected = _apply.paired_windows(product, stack, reference, secondary, phase=phase, **settings)
    lazy = stack.chunk(time=2, **chunks)
    with nothing_computes():
        result = _apply.paired_windows(
            product,
            lazy,
            reference,
            secondary,
            phase=None if phase is None else phase.chunk(),
            **settings,
        )
    assert result.chunks == ((1, 1, 1), *lazy.chunks[1:])
    assert set(result.coords) == {"y", "x", "spatial_ref"}
    npt.assert_allclose(result.compute(), expected, atol=3e-7)


def test_pairs_in_memory_are_taken_one_by_one(rng: np.random.Generator) -> None:
    stack = (image(rng, 5, 20, 30) + 0j).astype("complex64")
    seen = []

    def first(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        seen.append((one.shape, np.shares_memory(one, stack.values)))
        return (one * other).real

    ends = np.array([3, 0, 0]), np.array([4, 2, 1])
    got = _apply.paired_windows(first, stack, *ends, window=(3, 3))
    npt.assert_array_equal(got, (stack.values[ends[0]] * stack.values[ends[1]]).real)
    assert seen == [((20, 30), True)] * 3


def test_windows_cost_three_tasks_a_block(rng: np.random.Generator) -> None:
    """The block, its rims, the kernel; rims are cut once, however many pairs see them."""
    stack = (image(rng, 5, 60, 60) + 0j).astype("complex64").chunk(time=1, y=20, x=20)
    ends = np.array([0, 1, 2, 3, 0, 1, 2]), np.array([1, 2, 3, 4, 2, 3, 4])
    pairs = _apply.paired_windows(lambda a, b: (a * b).real, stack, *ends, window=(3, 10))
    given = len(dict(stack.data.__dask_graph__()))
    assert len(dict(pairs.data.__dask_graph__())) == given + 5 * 9 + 7 * 9
    image_alone = _apply.windowed(box, stack.real, window=(3, 10))
    given = len(dict(stack.real.data.__dask_graph__()))
    assert len(dict(image_alone.data.__dask_graph__())) == given + 2 * 5 * 9
    same = _apply.windowed(box, stack.real, window=(3, 10))
    assert same.data.name == image_alone.data.name != pairs.data.name
    none = _apply.paired_windows(box, stack, ends[0][:0], ends[1][:0], window=(3, 10))
    assert none.shape == (0, 60, 60)


@pytest.mark.parametrize("dates", [2, 5, 11])
def test_windows_over_what_rests_in_a_store_cost_two_tasks_a_block(
    rng: np.random.Generator, tmp_path: Path, dates: int
) -> None:
    """Blocks are read by whom they are for, and rims of eight images are one task."""
    stack = (image(rng, dates, 60, 50) + 0j).astype("complex64")
    plain = stack.drop_vars("spatial_ref").to_dataset(name="slc")
    cut = {"slc": {"chunks": (1, 20, 13)}}
    plain.to_zarr(tmp_path / "slc.zarr", zarr_format=3, consolidated=False, encoding=cut)
    stored = xr.open_zarr(tmp_path / "slc.zarr", consolidated=False).slc
    ends = np.arange(dates - 1)[::-1], np.arange(1, dates)[::-1]

    def product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return box((one * other).real)

    pairs = _apply.paired_windows(product, stored, *ends, window=(3, 10))
    rims, source = 3 * 4 * -(-dates // 8), 1
    (optimised,) = dask.optimize(pairs.data)
    assert len(dict(optimised.__dask_graph__())) == 3 * 4 * (dates - 1) + rims + source
    whole = _apply.paired_windows(product, stack, *ends, window=(3, 10))
    npt.assert_allclose(pairs.compute(), whole, atol=3e-7)
    alone = _apply.windowed(box, stored.real, window=(3, 10))
    npt.assert_allclose(
        alone.compute(), _apply.windowed(box, stack.real, window=(3, 10)), atol=3e-7
    )


def test_a_known_phase_is_taken_out_before_the_window_is_summed(rng: np.random.Generator) -> None:
    real, imaginary = image(rng, 1, 20, 30), image(rng, 1, 20, 30)
    first = (real + 1j * imaginary).astype("complex64")
    phase = xr.DataArray(rng.uniform(-np.pi, np.pi, (1, 20, 30)), dims=("pair", "y", "x"))
    # s2 = s1·exp(-jφ) gives s1·conj(s2) = |s1|²·exp(jφ): with φ taken out, plain power is left.
    second = first * np.exp(-1j * phase.isel(pair=0))
    stack = xr.concat([first, second.astype("complex64")], "time")

    def cross(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        return np.abs((one * two.conj()).imag).astype("f4")

    ends = np.array([0]), np.array([1])
    left = _apply.paired_windows(cross, stack, *ends, window=(1, 1), phase=phase)
    npt.assert_allclose(left, 0, atol=1e-6)  # one complex64 product of unit size


@pytest.mark.parametrize("chunks", [{"time": 1}, {"time": 3, "y": 7, "x": 13}, {"time": -1}])
def test_tallies_add_over_chunks_of_the_counted_dim(
    rng: np.random.Generator, chunks: dict[str, int]
) -> None:
    def count(block: np.ndarray, limits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        limit = limits[:, None, None]
        return (block < limit).sum(0), (np.isfinite(block) & np.isfinite(limit)).sum(0)

    series = image(rng, 5, 20, 31)
    limits = np.array([0.5, 0.1, np.nan, 0.9, 1.0])
    with nothing_computes():
        below, seen = _apply.tally(count, series.chunk(chunks), limits, dim="time")
    assert below.dtype == seen.dtype == np.uint16
    npt.assert_array_equal(below.compute(), (series < limits[:, None, None]).sum("time"))
    npt.assert_array_equal(seen.compute(), 4)
    assert crs_of(below) == crs_of(series)


@pytest.mark.parametrize("chunks", [{"time": 2, "y": 7, "x": 13}, {"time": 1}, {"time": -1}])
def test_reductions_keep_the_other_dims(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, chunks: dict[str, int]
) -> None:
    monkeypatch.setattr("minewatch._apply.reductions.STRIP", 300)  # a row or so at a time
    series, other = (image(rng, 5, 20, 31).rename(name) for name in ("vv", "vh"))
    lazy = series.chunk(chunks)
    with nothing_computes():
        middle = _apply.along(lambda block: np.median(block, axis=-1), lazy, "time")
        pair = _apply.along(both_medians, [lazy, other], "time", arguments=(2.0,), out_dim="band")
    assert middle.chunks == lazy.chunks[1:]
    assert middle.name == "vv"
    npt.assert_array_equal(middle.compute(), series.median("time"))
    assert pair.dims == ("band", "y", "x")
    assert pair.chunks == ((2,), *lazy.chunks[1:])
    wanted = np.stack([2 * series.median("time"), 2 * other.median("time")])
    npt.assert_array_equal(pair.compute(), wanted)
    assert crs_of(middle) == crs_of(pair) == crs_of(series)
    eager = _apply.along(both_medians, [series, other], "time", arguments=(2.0,), out_dim="band")
    xr.testing.assert_identical(pair.compute(), eager)
    # Any axis, also the only one there is.
    across = _apply.along(lambda block: block.max(axis=-1), lazy, "x")
    npt.assert_array_equal(across.compute(), series.max("x"))
    single = _apply.along(lambda block: block.max(axis=-1), lazy[:, 0, 0], "time")
    npt.assert_array_equal(single.compute(), series[:, 0, 0].max())


def both_medians(one: np.ndarray, other: np.ndarray, factor: float) -> np.ndarray:
    return factor * np.stack([np.median(one, axis=-1), np.median(other, axis=-1)])


@pytest.mark.parametrize("chunks", [None, *CHUNKS])
def test_points_are_read_in_order_whatever_the_chunks(
    rng: np.random.Generator, chunks: dict[str, int] | None
) -> None:
    layers = xr.Dataset({name: image(rng, 50, 61) for name in ("s2_red", "s1_vv")})
    rows, columns = rng.integers(0, 50, 40), rng.integers(0, 61, 40)
    expected = np.stack([layer.values[rows, columns] for layer in layers.values()])
    given = layers if chunks is None else layers.chunk(chunks)
    npt.assert_array_equal(_apply.at_points(given, rows, columns), expected)
    assert _apply.at_points(given, rows[:0], columns[:0]).shape == (2, 0)


def ends(block: np.ndarray) -> np.ndarray:
    """The lowest and the highest of three by three."""
    size = (1,) * (block.ndim - 2) + (3, 3)
    return np.stack([ndimage.minimum_filter(block, size), ndimage.maximum_filter(block, size)])


@pytest.mark.parametrize("chunks", CHUNKS)
@pytest.mark.parametrize("leading", [(), (2,)])
def test_a_window_may_have_several_results(
    rng: np.random.Generator, chunks: dict[str, int], leading: tuple[int, ...]
) -> None:
    whole = image(rng, *leading, 50, 61)
    lazy = whole.chunk(**chunks, **({"time": 1} if leading else {}))
    settings = {"window": (3, 3), "out_dim": "end", "out_size": 2}
    with nothing_computes():
        result = _apply.windowed(ends, lazy, **settings)
    expected = _apply.windowed(ends, whole, **settings)
    assert result.dims == expected.dims == ("end", *whole.dims)
    assert result.chunks == ((2,), *lazy.chunks)
    assert crs_of(result) == crs_of(whole)
    npt.assert_array_equal(result.compute(), expected)


def spread(block: np.ndarray) -> np.ndarray:
    return np.stack([block.min(-1), block.max(-1), block.mean(-1)])


@pytest.mark.parametrize("time", [1, 4, -1])
def test_a_reduction_may_have_several_results(rng: np.random.Generator, time: int) -> None:
    whole = image(rng, 9, 20, 13)
    settings = {"out_dim": "feature", "out_size": 3}
    with nothing_computes():
        lazy = _apply.along(spread, whole.chunk(time=time, y=7, x=5), "time", **settings)
    assert lazy.dims == ("feature", "y", "x")
    expected = _apply.along(spread, whole, "time", **settings)
    npt.assert_allclose(lazy.compute(), expected, rtol=1e-6)
    npt.assert_array_equal(expected[1], whole.max("time"))


def most(state: object, block: object) -> tuple[np.ndarray, np.ndarray, int]:
    """Largest, sum, and how many blocks went in at once at most."""
    if not isinstance(block, tuple):
        block = np.max(block, 0), np.sum(block, 0, dtype="f8"), 1
    if state is None:
        return block
    return np.maximum(state[0], block[0]), state[1] + block[1], state[2] + 1  # type: ignore[index]


def told(state: tuple[np.ndarray, np.ndarray, int], scale: float) -> np.ndarray:
    return np.stack([state[0], state[1] * scale, np.full(state[0].shape, state[2])])


@pytest.mark.parametrize("time", [1, 3, -1])
def test_a_fold_sees_all_dates_and_few_at_a_time(rng: np.random.Generator, time: int) -> None:
    whole = image(rng, 70, 20, 13)
    settings = {"out_dim": "feature", "out_size": 3, "arguments": (2.0,)}
    chunked = whole.chunk(time=time, y=7, x=5)
    with nothing_computes():
        lazy = _apply.folded(most, told, chunked, **settings)
    assert lazy.dims == ("feature", "y", "x")
    assert lazy.chunks == ((3,), *chunked.chunks[1:])
    assert crs_of(lazy) == crs_of(whole)
    found, expected = lazy.compute(), _apply.folded(most, told, whole, **settings)
    for result in (found, expected):
        npt.assert_array_equal(result[0], whole.max("time"))
        npt.assert_allclose(result[1], 2 * whole.astype("f8").sum("time"), rtol=1e-6)
        # Sixteen of the seventy in one task, and then what the four other tasks left.
        assert result[2].max() <= 16 + 4
