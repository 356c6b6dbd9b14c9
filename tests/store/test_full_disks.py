"""A disk that is full: what was there stands, what was done is kept, and it is said in one line.

A limit on the size of files stands for the disk: the system refuses to write in the same way, at
any byte that a test chooses.
"""

from __future__ import annotations

import errno
import json
from pathlib import Path

import dask.array as da
import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from disks import files_end_at

from minewatch import store, vectors
from minewatch._files import whole
from minewatch.grids import coordinates, geobox
from minewatch.store import filling
from minewatch.store.filling import ledger_of, unfinished

BOX = geobox((0, 0, 2560, 2560), crs="EPSG:32721", resolution=10)


def layer(seed: int) -> xr.DataArray:
    numbers = np.random.default_rng(seed).random(BOX.shape).astype("float32")
    return xr.DataArray(numbers, coordinates(BOX), ("y", "x"), name="tai")


def test_a_map_that_does_not_fit_leaves_the_old_one(tmp_path: Path) -> None:
    """Cut at its first byte, in the midst, and at its very last, of which GDAL itself is silent."""
    path = tmp_path / "tai.tif"
    store.to_cog(layer(1), path)
    old = path.read_bytes()
    full = store.to_cog(layer(2), tmp_path / "other.tif").stat().st_size
    for size in (0, full // 2, BOX.shape[0] * BOX.shape[1] * 4 + 100, full - 1):
        with (
            files_end_at(size),
            pytest.raises(OSError, match="make room and write it again") as got,
        ):
            store.to_cog(layer(2), path)
        assert "\n" not in str(got.value)
        assert path.read_bytes() == old, size
        assert sorted(file.name for file in tmp_path.iterdir()) == ["other.tif", "tai.tif"]
    with files_end_at(full + 2**20):
        store.to_cog(layer(2), path)
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), layer(2))


def test_outlines_that_do_not_fit_leave_the_old_ones(tmp_path: Path) -> None:
    path = tmp_path / "mines.geojson"
    rings = [shapely.Point(i, 0).buffer(1) for i in range(40)]
    table = gpd.GeoDataFrame({"n": range(40)}, geometry=rings, crs="EPSG:32721")
    vectors.to_geojson(table[:1], path)
    old = path.read_bytes()
    vectors.to_geojson(table, tmp_path / "whole.geojson")
    full = (tmp_path / "whole.geojson").stat().st_size
    for size in (0, full // 2, full - 5, full - 4, full - 2):
        with files_end_at(size), pytest.raises((OSError, RuntimeError)):
            vectors.to_geojson(table, path)
        assert path.read_bytes() == old, size
    with files_end_at(2), pytest.raises(OSError, match=r"."), whole(tmp_path / "a.csv") as partial:
        partial.write_text("a,b,c")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mines.geojson", "whole.geojson"]


ROWS = 4096


def heavy(task: object = None) -> xr.DataArray:
    """Four blocks; of random numbers, which do not compress, are the last two."""

    def block(block_info: dict | None = None) -> np.ndarray:
        assert block_info is not None
        ((low, high), (_, columns)) = block_info[None]["array-location"]
        made.append(low)
        shape = (high - low, columns)
        if low < ROWS // 2:
            return np.full(shape, low, "float32")
        return np.random.default_rng(low).random(shape).astype("float32")

    made: list[int] = []
    data = da.map_blocks(
        block, chunks=((1024,) * 4, (16,)), dtype="f4", meta=np.empty((0, 0), "f4")
    )
    y, x = np.arange(ROWS, 0, -1) * 10.0, np.arange(16) * 10.0
    found = xr.DataArray(data, {"y": y, "x": x}, ("y", "x"), name="tai").assign_attrs(units="1")
    found.encoding["made"] = made
    return found


def test_a_store_that_does_not_fit_keeps_its_blocks_and_goes_on(tmp_path: Path) -> None:
    store.to_zarr(heavy(), tmp_path / "plain.zarr")
    target = tmp_path / "tai.zarr"
    store.to_zarr(heavy() * 2, target)
    old = {str(path): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    cube = heavy()
    with files_end_at(40_000), pytest.raises(OSError, match="too large") as got:
        store.to_zarr(cube, target, resume="a", overwrite=True)
    assert got.value.errno in filling.NO_ROOM
    assert cube.encoding["made"] == [0, 1024, 2048]  # not tried again, and nothing after it
    assert unfinished(target).is_dir()
    noted = [json.loads(line) for line in ledger_of(target).read_text().splitlines()[1:]]
    assert [block["status"] for block in noted] == ["done", "done", "failed"]
    assert "too large" in noted[-1]["reason"]
    kept = {str(path): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert [name for name in old if kept.get(name) != old[name]] == []
    again = heavy()
    store.to_zarr(again, target, resume="a", overwrite=True)
    assert again.encoding["made"] == [2048, 3072]
    ours, theirs = (
        {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}
        for path in (target, tmp_path / "plain.zarr")
    )
    assert [
        name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)
    ] == []


def test_a_store_written_in_one_go_leaves_nothing_of_itself(tmp_path: Path) -> None:
    target = tmp_path / "tai.zarr"
    store.to_zarr(layer(1), target)
    kept = store.open_cube(target, name="tai").load()
    with files_end_at(1000), pytest.raises(OSError, match="too large"):
        store.to_zarr(layer(2), target, overwrite=True)
    assert store.open_cube(target, name="tai").identical(kept)
    assert [path.name for path in tmp_path.iterdir()] == ["tai.zarr"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_takes_no_more_ends_a_job_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The error as the system raises it, where a chunk is opened for writing."""
    cube = heavy()
    opened = Path.open

    def refuse(path: Path, mode: str = "r", *more: object, **how: object) -> object:
        if path.suffix == ".partial" and "wb" in mode.replace("x", "w") and cube.encoding["made"]:
            raise OSError(number, "refused", str(path))
        return opened(path, mode, *more, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OSError, match="refused") as got:
        store.to_zarr(cube, tmp_path / "tai.zarr", resume="a")
    monkeypatch.undo()
    assert got.value.errno == number
    assert cube.encoding["made"] == [0]
    assert not (tmp_path / "tai.zarr").exists()
    store.to_zarr(heavy(), tmp_path / "tai.zarr", resume="a")
