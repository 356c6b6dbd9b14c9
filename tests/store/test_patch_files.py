"""Patches as images lie where they were cut, and appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray
import xarray as xr
from affine import Affine
from numpy import testing as npt

from minewatch.learn.patches import extract
from minewatch.store import open_cube, patches_to_geotiff, to_zarr


def scene() -> xr.DataArray:
    values = np.random.default_rng(4).normal(-12, 2, (3, 2, 40, 50)).astype("f4")
    coords = {
        "channel": ["vv", "vh", "pa"],
        "time": np.array(["2024-01-01", "2024-01-13"], "M8[ns]"),
        "y": 9e6 - 5 - 10.0 * np.arange(40),
        "x": 5e5 + 5 + 10.0 * np.arange(50),
    }
    found = xr.DataArray(values, coords, ("channel", "time", "y", "x"), attrs={"units": "dB"})
    return found.rio.write_crs("EPSG:32721")


@pytest.fixture
def patches() -> xr.Dataset:
    where = gpd.points_from_xy([500100, 500231, 500400], [8999900, 8999763, 8999800], crs=32721)
    points = gpd.GeoDataFrame({"label": [1, 0, 1]}, geometry=where, index=[4, 11, 7])
    cut = scene()
    cut[1, 1, 20:30, 35:45] = np.nan
    return extract(cut, points, size=9, max_nodata=0.9)


def test_an_image_lies_where_its_patch_was_cut(patches: xr.Dataset, tmp_path: Path) -> None:
    files = patches_to_geotiff(patches, tmp_path / "cut")
    assert [file.name for file in files][:2] == [
        "00000-point-4-2024-01-01-mine.tif", "00001-point-4-2024-01-13-mine.tif",
    ]  # fmt: skip
    assert "00003-point-11-2024-01-13-none.tif" in {file.name for file in files}
    whole = scene()
    for number, file in enumerate(files):
        patch = patches.isel(patch=number)
        with rasterio.open(file) as image:
            assert image.transform == Affine(10, 0, float(patch.left), 0, -10, float(patch.top))
            assert image.crs.to_epsg() == 32721
            assert image.descriptions == ("vv", "vh", "pa")
            assert image.units == ("dB",) * 3
            assert np.isnan(image.nodata)
            npt.assert_array_equal(image.read(), patch.patches)
            assert image.tags()["label"] == str(int(patch.label))
        # Pixel by pixel on the scene that it comes from, through another reader.
        with rioxarray.open_rasterio(file) as opened:
            there = whole.sel(time=patch.time.values).sel(y=opened.y, x=opened.x)
            known = np.isfinite(opened.values)
            npt.assert_array_equal(opened.values[known], there.values[known])


def test_the_table_tells_what_the_images_show(patches: xr.Dataset, tmp_path: Path) -> None:
    files = patches_to_geotiff(patches.chunk(patch=2), tmp_path / "cut")
    table = pd.read_csv(tmp_path / "cut" / "patches.csv", parse_dates=["time"])
    assert [tmp_path / "cut" / name for name in table.file] == files
    for name in ("point", "label", "time", "x", "y", "left", "top"):
        npt.assert_array_equal(table[name], patches[name], err_msg=name)


def test_a_folder_is_replaced_only_if_it_holds_patches(patches: xr.Dataset, tmp_path: Path) -> None:
    folder = tmp_path / "cut"
    patches_to_geotiff(patches, folder)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        patches_to_geotiff(patches, folder)
    fewer = patches_to_geotiff(patches.isel(patch=[0]), folder, overwrite=True)
    assert sorted(folder.iterdir()) == [*fewer, folder / "patches.csv"]
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(FileExistsError, match=r"thesis\.txt"):
        patches_to_geotiff(patches, folder, overwrite=True)
    other = tmp_path / "images"
    other.mkdir()
    (other / "old.tif").write_text("not ours")
    with pytest.raises(FileExistsError, match="more than patches"):
        patches_to_geotiff(patches, other, overwrite=True)
    assert (other / "old.tif").is_file()


def test_nothing_is_left_of_a_folder_that_fails(patches: xr.Dataset, tmp_path: Path) -> None:
    def fail(block: np.ndarray) -> np.ndarray:
        raise OSError("the disk is gone")

    broken = patches.chunk(patch=2)
    data = broken.patches.data.map_blocks(fail, dtype="f4", meta=np.empty((0, 0, 0, 0), "f4"))
    with pytest.raises(OSError, match="disk"):
        patches_to_geotiff(broken.assign(patches=broken.patches.copy(data=data)), tmp_path / "cut")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_patch_set_is_refused(patches: xr.Dataset, tmp_path: Path) -> None:
    for wrong in (
        patches.patches,
        patches.drop_vars("left"),
        patches.assign_attrs({}).drop_attrs(),
    ):
        with pytest.raises(ValueError, match="extract"):
            patches_to_geotiff(wrong, tmp_path / "cut")
    with pytest.raises(ValueError, match="write_crs"):
        patches_to_geotiff(patches.drop_vars("spatial_ref"), tmp_path / "cut")


def test_a_patch_set_is_stored_as_it_is(patches: xr.Dataset, tmp_path: Path) -> None:
    stored = to_zarr(patches, tmp_path / "patches.zarr")
    assert stored.compute().identical(patches)
    many = xr.concat([patches] * 30, "patch", data_vars="minimal", coords="minimal",
                     compat="override", combine_attrs="override")  # fmt: skip
    many = xr.concat([many] * 30, "patch", data_vars="minimal", coords="minimal",
                     compat="override", combine_attrs="override")  # fmt: skip
    to_zarr(many.chunk(patch=100), tmp_path / "many.zarr")
    opened = open_cube(tmp_path / "many.zarr")
    assert opened.patches.chunksizes["patch"][0] == 64
    npt.assert_array_equal(opened.patches, many.patches)
