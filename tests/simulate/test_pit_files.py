"""The files of the open-pit mine read back as what was written, and hold no truth."""

from __future__ import annotations

import hashlib
import json

import geopandas as gpd
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import rasterio

from minewatch import simulate

RASTERS = ("elevation", "dsm_before", "dsm_after", "ndvi", "mndwi", "sigma0", "displacement")


@pytest.fixture(scope="module")
def pit() -> simulate.OpenPit:
    return simulate.open_pit(seed=42, size=96, years=(2020, 2021, 2022))


@pytest.fixture(scope="module")
def paths(pit, tmp_path_factory):
    return simulate.write_open_pit(pit, tmp_path_factory.mktemp("pit") / "new")


def digests(folder):
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_every_file_is_named_and_there(paths):
    assert set(paths) == {
        "slc", "zones", "concession", *RASTERS, "production", "inventory", "factors"
    }  # fmt: skip
    assert all(path.exists() for path in paths.values())
    folder = paths["zones"].parent
    assert {path.name for path in folder.iterdir()} == {path.name for path in paths.values()}


def test_images_are_complex_and_have_their_baselines(pit, paths):
    dates = pit.slc.indexes["time"].strftime("%Y%m%d")
    files = sorted(paths["slc"].glob("slc_VV_*.tif"))
    assert [file.stem[-8:] for file in files] == list(dates)
    with rasterio.open(files[3]) as source:
        assert source.dtypes == ("complex64",)
        assert source.crs.to_epsg() == 32635
        npt.assert_array_equal(source.read(1), pit.slc.values[3])
    table = pd.read_csv(paths["slc"] / "perpendicular_baselines.csv")
    npt.assert_array_equal(pd.to_datetime(table.time), pit.slc.time)
    npt.assert_allclose(table.perpendicular_baseline, pit.slc.perpendicular_baseline)


@pytest.mark.parametrize("name", RASTERS)
def test_rasters_are_float32_on_their_grid(pit, paths, name):
    layer = getattr(pit, name)
    with rasterio.open(paths[name]) as source:
        assert source.dtypes == ("float32",)
        assert np.isnan(source.nodata)
        assert source.crs.to_epsg() == 32635
        npt.assert_array_equal(source.read(1), layer.values)
        npt.assert_allclose(source.xy(0, 0), [layer.x[0], layer.y[0]])
        npt.assert_allclose(source.xy(7, 11), [layer.x[11], layer.y[7]])


def test_outlines_are_degrees_and_hold_no_truth(pit, paths):
    zones = gpd.read_file(paths["zones"])
    assert zones.crs.to_epsg() == 4326
    assert list(zones.columns) == ["name", "kind", "geometry"]
    assert zones.name.tolist() == ["A1", "A2", "A3", "S1", "S2"]
    # Degrees are rounded to a centimetre, outlines are 100 m wide.
    npt.assert_allclose(zones.to_crs(32635).area / 1e4, pit.zones.area_ha, rtol=1e-3)
    lease = gpd.read_file(paths["concession"]).to_crs(32635)
    npt.assert_allclose(lease.area, pit.concession.area, rtol=1e-3)
    assert "crs" not in json.loads(paths["zones"].read_text())


def test_tables_hold_what_was_reported(pit, paths):
    production = pd.read_csv(paths["production"])
    assert list(production.columns) == ["mine", "year", "production_t"]
    assert production.year.tolist() == [2020, 2022]
    truth = pit.production.set_index("year").production_t
    npt.assert_allclose(production.production_t, truth[[2020, 2022]])
    inventory = pd.read_csv(paths["inventory"])
    assert "reported" not in inventory
    npt.assert_array_equal(inventory.production_t.notna(), pit.inventory.reported)
    pd.testing.assert_frame_equal(pd.read_csv(paths["factors"]), pit.factors)


def test_same_mine_same_bytes(pit, paths, tmp_path):
    simulate.write_open_pit(simulate.open_pit(42, 96, years=pit.years), tmp_path)
    assert digests(tmp_path) == digests(paths["zones"].parent)


def test_writing_again_replaces(pit, tmp_path):
    first = digests(simulate.write_open_pit(pit, tmp_path)["zones"].parent)
    simulate.write_open_pit(pit, tmp_path)
    assert digests(tmp_path) == first
