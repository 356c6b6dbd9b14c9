"""Composites against the obvious loop, and geometric medians against an optimiser."""

from __future__ import annotations

import subprocess
import sys

import dask
import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind
from scipy import optimize

from minewatch.composites import block_size, composite, valid_count

TIMES = np.array(
    [
        "2021-12-03", "2022-02-28", "2022-03-01", "2022-07-15", "2022-08-31", "2022-11-30",
        "2022-12-01", "2023-01-20", "2023-02-02",
    ],
    "datetime64[ns]",
)  # fmt: skip
YEARS = {2021: [0], 2022: [1, 2, 3, 4, 5, 6], 2023: [7, 8]}
SEASONS = {
    "2021-12-01": [0, 1], "2022-03-01": [2], "2022-06-01": [3, 4], "2022-09-01": [5],
    "2022-12-01": [6, 7, 8],
}  # fmt: skip
REDUCERS = {
    "median": np.median,
    "mean": np.mean,
    0.25: lambda seen: np.quantile(seen, 0.25),
    1: np.max,
}


def cube(rng: np.random.Generator, *shape: int, name: str = "red") -> xr.DataArray:
    values = rng.uniform(0.01, 0.6, shape or (9, 23, 19)).astype("f4")
    values[rng.random(values.shape) < 0.4] = np.nan
    values[:, 2, 3] = np.nan
    return layer(values, name, times=TIMES)


def naive(series: np.ndarray, reducer: object, min_count: int) -> np.ndarray:
    out = np.full(series.shape[1:], np.nan)
    for at in np.ndindex(out.shape):
        seen = series[(slice(None), *at)].astype("f8")
        seen = seen[~np.isnan(seen)]
        if seen.size >= min_count:
            out[at] = REDUCERS[reducer](seen)  # type: ignore[index]
    return out


@pytest.mark.parametrize("min_count", [1, 4])
@pytest.mark.parametrize("reducer", REDUCERS)
def test_composite_is_the_obvious_loop(
    rng: np.random.Generator, reducer: object, min_count: int
) -> None:
    series = cube(rng)
    got = lazy_and_blind(lambda data: composite(data, reducer=reducer, min_count=min_count), series)
    assert got.dims == ("y", "x")
    npt.assert_allclose(got, naive(series.values, reducer, min_count), rtol=1e-6)
    assert got.name == "red"
    assert got.attrs["min_count"] == min_count


@pytest.mark.parametrize(("by", "groups"), [("year", YEARS), ("season", SEASONS)])
def test_composites_of_years_and_seasons(
    rng: np.random.Generator, by: str, groups: dict[object, list[int]]
) -> None:
    series = cube(rng)
    got = lazy_and_blind(lambda data: composite(data, by=by), series)
    assert got.dims == (by, "y", "x")
    labels = list(groups) if by == "year" else np.array(list(groups), "datetime64[ns]")
    npt.assert_array_equal(got[by], labels)
    for image, at in zip(got, groups.values(), strict=True):
        npt.assert_allclose(image, naive(series.values[at], "median", 1), rtol=1e-6)
    counts = lazy_and_blind(lambda data: valid_count(data, by=by), series)
    for image, at in zip(counts, groups.values(), strict=True):
        npt.assert_array_equal(image, (~np.isnan(series.values[at])).sum(0))
    assert counts.dtype == "uint16"


def test_order_of_dates_and_their_chunks_do_not_matter(rng: np.random.Generator) -> None:
    series = cube(rng)
    wanted = composite(series, by="season")
    shuffled = series.isel(time=rng.permutation(9))
    xr.testing.assert_allclose(composite(shuffled, by="season"), wanted, rtol=1e-6)
    for chunks in (1, 4):
        with nothing_computes():
            lazy = composite(series.chunk(time=chunks, y=7), by="season", reducer="mean")
        xr.testing.assert_allclose(
            lazy.compute(), composite(series, by="season", reducer="mean"), rtol=1e-6
        )
        assert lazy.chunksizes["y"][0] == 7


def test_a_dataset_keeps_its_floats_and_says_what_it_did(rng: np.random.Generator) -> None:
    red, nir = cube(rng), cube(rng, name="nir")
    scene = xr.Dataset(
        {
            "red": red,
            "nir": nir,
            "quality": red.fillna(0).astype("u1"),
            "height": layer(np.zeros((23, 19), "f4")),
        },
        attrs={"title": "season"},
    )
    got = composite(scene, min_count=2)
    assert list(got) == ["red", "nir"]
    assert got.attrs == scene.attrs
    xr.testing.assert_identical(got.red, composite(red, min_count=2))
    assert got.red.attrs == {
        "long_name": "median of red", "units": "1", "reducer": "median", "min_count": 2,
    }  # fmt: skip
    # A mask put on with where() turns quality into floats: still no image.
    masked = scene.assign(quality=scene.quality.astype("f4"))
    assert list(composite(masked)) == list(valid_count(masked)) == ["red", "nir"]
    with pytest.raises(ValueError, match=r"Dataset of \(time, y, x\) layers"):
        composite(scene[["quality", "height"]])


def tasks(lazy: xr.DataArray | xr.Dataset) -> int:
    """What the scheduler gets."""
    return len(dict(dask.optimize(lazy)[0].__dask_graph__()))


@pytest.mark.parametrize(
    ("reducer", "most"), [("median", 2), (0.25, 2), ("mean", 10), ("geomedian", 3)]
)
def test_hundreds_of_dates_cost_little_more_than_their_reading(
    rng: np.random.Generator, reducer: object, most: int
) -> None:
    dates, blocks = 130, 6
    values = rng.random((dates, 6, 6)).astype("f4")
    scene = xr.Dataset({name: layer(values, name) for name in ("red", "nir")})
    masked = scene.chunk(time=1, y=2, x=3).map(lambda band: band.where(band > 0.2))
    read = tasks(masked)
    assert read >= 2 * dates * blocks
    # For each block and layer: the reduction, its two results (means: nine sums more) and a count.
    layers = 1 if reducer == "geomedian" else 2
    lazy = composite(masked, reducer=reducer, count=True)
    assert tasks(lazy) <= read + blocks * (layers * (most + 2) + 2)


@pytest.mark.parametrize("reducer", ["median", "mean", 0.75, "geomedian"])
@pytest.mark.parametrize("by", [None, "year"])
def test_a_count_comes_along(rng: np.random.Generator, reducer: object, by: str | None) -> None:
    red, nir = cube(rng), cube(rng, name="nir")

    def reduced(red: xr.DataArray, nir: xr.DataArray) -> xr.Dataset:
        scene = xr.Dataset({"red": red, "nir": nir})
        return composite(scene, by=by, reducer=reducer, min_count=2, count=True)

    got = lazy_and_blind(reduced, red, nir)
    assert list(got) == ["red", "nir", "count"]
    assert got["count"].dtype == "uint16"
    known = xr.concat([red.notnull(), nir.notnull()], "band")
    for at, image in enumerate(got["count"] if by else [got["count"]]):
        part = known.isel(time=list(YEARS.values())[at] if by else slice(None))
        together = part.all("band").sum("time")
        wanted = together if reducer == "geomedian" else part.sum("time").min("band")
        npt.assert_array_equal(image, wanted)
    plain = composite(xr.Dataset({"red": red, "nir": nir}), by=by, reducer=reducer, min_count=2)
    xr.testing.assert_identical(got[["red", "nir"]], plain)


def test_a_count_needs_a_dataset_and_its_name(rng: np.random.Generator) -> None:
    series = cube(rng)
    with pytest.raises(ValueError, match="use valid_count, or"):
        composite(series, count=True)
    with pytest.raises(ValueError, match="rename it"):
        composite(xr.Dataset({"count": series}), count=True)


def test_blocks_fit_the_memory() -> None:
    for dates, layers, memory, threads in ((12, 9, 4, 2), (200, 9, 4, 2), (365, 12, 2, 4)):
        side = block_size(dates, layers, memory=memory, threads=threads)
        pixel = 1.2 * dates * (4 * (layers + threads) + 1) / 2**30
        needed = [n**2 * pixel + 0.5 for n in (side, side + 64)]
        assert needed[0] <= memory < needed[1]
        assert side % 64 == 0
    assert block_size(1, 1, memory=1000) == 4096
    assert block_size(60, 3, memory=4, threads=4, reducer="geomedian") == block_size(
        60, 12, memory=4, threads=4
    )
    with pytest.raises(ValueError, match=r"allow 0\.6 GiB, or composite years one by one"):
        block_size(400, 12, memory=0.5)
    for wrong in ({"memory": 0}, {"memory": 4, "threads": 0}, {"memory": float("nan")}):
        with pytest.raises(ValueError, match=r"in GiB, e\.g\. 4"):
            block_size(12, 1, **wrong)


MEASURED = """
import sys
import dask, dask.array as da, numpy as np, xarray as xr
from minewatch.composites import block_size, composite

reducer, chunk, memory, dates, threads = sys.argv[1], int(sys.argv[2]), 0.75, 60, 2
side = block_size(dates, 3, memory=memory, threads=threads, reducer=reducer)
# Not ru_maxrss, which begins at the peak of whoever started this.
status = lambda: dict(line.split(":") for line in open("/proc/self/status"))
peak = lambda: int(status()["VmHWM"].split()[0]) / 2**20

def read(block_info=None, codes=False):
    shape = [stop - start for start, stop in block_info[None]["array-location"]]
    noise = np.random.default_rng(1).random(shape, dtype="f4")
    return (noise > 0.4).astype("u1") if codes else noise

def scene(dates, side, size):
    cut = [(chunk,) * (dates // chunk), *[(side,) * (size // side)] * 2]
    lazy = lambda dtype, **more: xr.DataArray(
        da.map_blocks(read, chunks=cut, meta=np.empty((0, 0, 0), dtype), **more),
        dims=("time", "y", "x"),
    )
    clear = lazy("u1", codes=True) == 1
    return xr.Dataset({name: lazy("f4", name=name).where(clear) for name in "rgb"})

with dask.config.set(scheduler="threads", num_workers=threads):
    composite(scene(60, 8, 8), reducer=reducer, count=True).compute()  # compiles
    before = peak()
    composite(scene(dates, side, 2 * side), reducer=reducer, count=True).compute()
print(peak() - before, memory - 0.5, side)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("chunk", [1, 60])
@pytest.mark.parametrize("reducer", ["median", "mean", "geomedian"])
def test_measured_memory_keeps_the_bound(reducer: str, chunk: int) -> None:
    command = [sys.executable, "-c", MEASURED, reducer, str(chunk)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    grown, allowed, side = map(float, out.split())
    assert grown <= allowed, f"{reducer}, {chunk} dates a chunk, {side} pixels: {grown} GiB"
    if (reducer, chunk) != ("mean", 1):  # which streams
        assert grown >= 0.3 * allowed  # blocks are no smaller than they must be


def distances(point: np.ndarray, spectra: np.ndarray) -> float:
    return float(np.linalg.norm(spectra - point, axis=1).sum())


def test_geometric_median_is_nearest_to_all_dates(rng: np.random.Generator) -> None:
    names = ("red", "nir", "swir16")
    values = rng.uniform(0.01, 0.6, (3, 9, 4, 5)).astype("f4")
    values[:, rng.random((9, 4, 5)) < 0.5] = np.nan
    values[1, 2, 3] = np.nan  # one band alone: the date does not count
    values[:, :, 0, 0] = np.nan
    scene = xr.Dataset(
        {name: layer(band, name, times=TIMES) for name, band in zip(names, values, strict=True)}
    )
    got = composite(scene, reducer="geomedian")
    stack = scene.to_dataarray().transpose("y", "x", "time", "variable").values.astype("f8")
    found = got.to_dataarray().transpose("y", "x", "variable").values
    several = 0
    for at in np.ndindex(4, 5):
        spectra = stack[at][np.isfinite(stack[at]).all(1)]
        if not len(spectra):
            assert np.isnan(found[at]).all()
            continue
        several += len(spectra) > 2
        tries = [
            optimize.minimize(distances, start, (spectra,), "Nelder-Mead", tol=1e-12).fun
            for start in (spectra.mean(0), spectra[0])
        ]
        best = min(*tries, *(distances(date, spectra) for date in spectra))
        # A step of 1e-6 of the mean distance ends it: the sum is then flat to second order.
        assert distances(found[at], spectra) <= best * (1 + 1e-6)
    assert several > 12


def test_geometric_median_stays_at_a_date_that_is_the_optimum() -> None:
    # Three corners and a point inside of their triangle at more than 120 degrees to each pair.
    spectra = np.array([[0, 0], [1, 0], [0.5, 0.9], [0.5, 0.3]], "f4")
    scene = xr.Dataset(
        {
            name: layer(spectra[:, i].reshape(-1, 1, 1), name, times=TIMES[:4])
            for i, name in enumerate(("red", "nir"))
        }
    )
    got = composite(scene, reducer="geomedian")
    npt.assert_array_equal([got.red.item(), got.nir.item()], spectra[3])
    same = composite(scene.isel(time=[0, 0, 0]), reducer="geomedian")
    npt.assert_array_equal([same.red.item(), same.nir.item()], spectra[0])


def test_geometric_median_is_lazy_and_counts_whole_spectra(rng: np.random.Generator) -> None:
    red, nir = cube(rng), cube(rng, name="nir")

    def reduce(red: xr.DataArray, nir: xr.DataArray) -> xr.Dataset:
        scene = xr.Dataset({"red": red, "nir": nir})
        return composite(scene, by="year", reducer="geomedian", min_count=2)

    got = lazy_and_blind(reduce, red, nir)
    both = (red.notnull() & nir.notnull()).values
    for image, at in zip(got.red, YEARS.values(), strict=True):
        npt.assert_array_equal(np.isnan(image), both[at].sum(0) < 2)
    with pytest.raises(ValueError, match="use reducer='median'"):
        composite(red, reducer="geomedian")


def test_composite_refuses(rng: np.random.Generator) -> None:
    series = cube(rng)
    with pytest.raises(ValueError, match=r"quantile from 0 to 1, e\.g\. 0\.25"):
        composite(series, reducer="medoid")
    with pytest.raises(ValueError, match=r"quantile from 0 to 1, e\.g\. 0\.25"):
        composite(series, reducer=25)
    with pytest.raises(ValueError, match="1 keeps every pixel"):
        composite(series, min_count=0)
    with pytest.raises(ValueError, match="groups by 'year', 'season' or None"):
        composite(series, by="month")
    with pytest.raises(ValueError, match="needs dims"):
        composite(series[0])
    with pytest.raises(TypeError, match="floating"):
        composite(series.fillna(0).astype("u1"))
    with pytest.raises(ValueError, match="datetime coordinate 'time'"):
        valid_count(series.drop_vars("time"), by="year")
    times = series.time.values.copy()
    times[3] = np.datetime64("NaT")
    with pytest.raises(ValueError, match=r"cube\.time\.notnull\(\)"):
        composite(series.assign_coords(time=times), by="year")
