"""SLC folders and GeoJSON read back as what was written."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import rasterio
from shapely import geometry

from minewatch import simulate


@pytest.fixture(scope="module")
def vectors(world, tmp_path_factory):
    return simulate.write_vectors(world, tmp_path_factory.mktemp("vectors"))


def test_slc_files_are_exact_and_named_by_date(world, tmp_path):
    folder = simulate.write_slc(world, tmp_path / "slc")
    files = sorted(folder.glob("slc_VV_*.tif"))
    dates = [file.stem.rsplit("_", 1)[1] for file in files]
    assert dates == list(world.slc.indexes["time"].strftime("%Y%m%d"))
    for file, image in zip(files, world.slc.values, strict=True):
        with rasterio.open(file) as source:
            assert source.dtypes == ("complex64",)
            assert source.crs.to_epsg() == 32721
            npt.assert_array_equal(source.read(1), image)
            npt.assert_allclose(source.xy(0, 0), [world.slc.x[0], world.slc.y[0]])
            npt.assert_allclose(source.xy(5, 7), [world.slc.x[7], world.slc.y[5]])
    table = pd.read_csv(folder / "perpendicular_baselines.csv")
    assert list(table.columns) == ["time", "perpendicular_baseline"]
    npt.assert_array_equal(pd.to_datetime(table.time), world.slc.time)
    npt.assert_allclose(table.perpendicular_baseline, world.slc.perpendicular_baseline)


def test_training_and_truth_are_kept_apart(vectors, world):
    read = {name: gpd.read_file(vectors / f"{name}.geojson") for name in ("reference", "held_out")}
    assert set(read["reference"].region) == {"train"}
    assert set(read["held_out"].region) == {"held_out"}
    assert len(read["reference"]) + len(read["held_out"]) == len(world.polygons)
    for table in read.values():
        assert table.crs.to_epsg() == 4326
        assert {"id", "label", "land_cover", "area_ha", "size_class"} <= set(table.columns)
        # Back in metres the area is the one written beside it: 1 cm on outlines of 10 m.
        npt.assert_allclose(table.to_crs(32721).area / 1e4, table.area_ha, rtol=0.003)


def test_geojson_follows_rfc_7946(vectors):
    for file in vectors.glob("*.geojson"):
        content = json.loads(file.read_text())
        assert content["type"] == "FeatureCollection"
        assert "crs" not in content
        for feature in content["features"]:
            outline = geometry.shape(feature["geometry"])
            assert outline.is_valid
            assert outline.exterior.is_ccw
            assert all(not ring.is_ccw for ring in outline.interiors)
            assert np.all(np.abs(outline.bounds) < 180)


def test_concessions_keep_their_columns(vectors, world):
    table = gpd.read_file(vectors / "concessions.geojson")
    assert list(table.name) == list(world.concessions.name)
    assert set(table.status) <= {"granted", "requested"}
    assert set(gpd.read_file(vectors / "regions.geojson").name) == {"train", "held_out"}
