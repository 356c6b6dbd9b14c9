"""The written archive reads back as the world it came from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pystac
import pytest
import rasterio

from minewatch import simulate

KEYS = {
    "sentinel-2-l2a": {
        "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12", "SCL",
    },
    "landsat-c2-l2": {"blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel"},
    "sentinel-1-rtc": {"vv", "vh"},
    "alos-palsar-mosaic": {"HH", "HV", "mask"},
    "cop-dem-glo-30": {"data"},
}  # fmt: skip
COUNTS = {
    "sentinel-2-l2a": 6,
    "landsat-c2-l2": 5,
    "sentinel-1-rtc": 7,
    "alos-palsar-mosaic": 1,
    "cop-dem-glo-30": 1,
}


@pytest.fixture(scope="module")
def archive(world, tmp_path_factory):
    return simulate.write_stac(world, tmp_path_factory.mktemp("stac"))


def items(archive, collection):
    """Items in time order."""
    child = pystac.Catalog.from_file(str(archive)).get_child(collection)
    return sorted(child.get_items(), key=lambda item: str(item.datetime))


def read(item, key):
    with rasterio.open(item.assets[key].get_absolute_href()) as source:
        return source.read(1), source


def test_a_catalog_that_pystac_walks(archive):
    catalog = pystac.Catalog.from_file(str(archive))
    assert json.loads(archive.read_text())["stac_version"] == "1.1.0"
    assert {child.id for child in catalog.get_children()} == set(KEYS)
    for name, keys in KEYS.items():
        found = items(archive, name)
        assert len(found) == COUNTS[name]
        for item in found:
            assert set(item.assets) == keys
            assert item.collection_id == name
            assert item.get_collection().id == name


def test_every_link_is_relative_and_leads_somewhere(archive):
    for document in archive.parent.rglob("*.json"):
        content = json.loads(document.read_text())
        hrefs = [link["href"] for link in content["links"]]
        hrefs += [asset["href"] for asset in content.get("assets", {}).values()]
        for href in hrefs:
            assert not Path(href).is_absolute()
            assert (document.parent / href).exists(), (document, href)


def test_the_crs_is_declared_in_the_old_and_in_the_new_way(archive):
    # pystac drops the old key as it reads, so the documents are read as they are.
    for document in archive.parent.glob("*/*/*.json"):
        properties = json.loads(document.read_text())["properties"]
        assert properties["proj:code"] == f"EPSG:{properties['proj:epsg']}"


def test_files_are_cogs_on_the_grid_that_the_item_declares(archive):
    for name in KEYS:
        for item in items(archive, name):
            for asset in item.assets.values():
                with rasterio.open(asset.get_absolute_href()) as source:
                    tags = source.tags(ns="IMAGE_STRUCTURE")
                assert tags["LAYOUT"] == "COG"
                assert tags["COMPRESSION"] == "DEFLATE"
                assert list(source.shape) == asset.extra_fields["proj:shape"]
                assert list(source.transform)[:6] == asset.extra_fields["proj:transform"]
                assert f"EPSG:{source.crs.to_epsg()}" == item.properties["proj:code"]
                band = asset.extra_fields["raster:bands"][0]
                assert source.dtypes[0] == band["data_type"]
                assert source.nodata == band.get("nodata")


def test_footprints_hold_the_world(archive, world):
    outline = world.regions.to_crs(4326).union_all()
    for name in KEYS:
        for item in items(archive, name):
            west, south, east, north = item.bbox
            assert -58 < west < east < -56
            assert -7.5 < south < north < -6
            box = outline.buffer(-1e-5).bounds
            assert west <= box[0]
            assert south <= box[1]
            assert east >= box[2]
            assert north >= box[3]


def test_sentinel2_numbers_carry_the_offset_of_their_baseline(archive, world):
    found = items(archive, "sentinel-2-l2a")
    baselines = [item.properties["s2:processing_baseline"] for item in found]
    assert set(baselines) == {"03.00", "04.00"}
    for i, (item, baseline) in enumerate(zip(found, baselines, strict=True)):
        assert (baseline == "04.00") == (item.datetime.year >= 2022)
        offset = 1000 if baseline == "04.00" else 0
        for band, key, step in (("blue", "B02", 1), ("nir", "B08", 1), ("swir16", "B11", 2)):
            numbers, source = read(item, key)
            assert source.res == (10.0 * step, 10.0 * step)
            truth = world.sentinel2[band].values[i, ::step, ::step]
            # Rounded to 1e-4; zero is nodata, so the darkest water reads 1.
            npt.assert_allclose((numbers.astype(float) - offset) / 1e4, truth, atol=1.01e-4)
        codes, _ = read(item, "SCL")
        npt.assert_array_equal(codes, world.sentinel2.quality.values[i, ::2, ::2])
        cover = world.cloud.sel(time=world.sentinel2.time[i]).mean()
        assert item.properties["eo:cloud_cover"] == pytest.approx(100 * float(cover), abs=1e-3)


def test_landsat_numbers_scale_back(archive, world):
    for i, item in enumerate(items(archive, "landsat-c2-l2")):
        numbers, source = read(item, "nir08")
        band = item.assets["nir08"].extra_fields["raster:bands"][0]
        assert (band["scale"], band["offset"]) == (2.75e-5, -0.2)
        assert source.res == (30, 30)
        reflectance = numbers * band["scale"] + band["offset"]
        npt.assert_allclose(reflectance, world.landsat8.nir.values[i, ::3, ::3], atol=1.4e-5)
        codes, _ = read(item, "qa_pixel")
        npt.assert_array_equal(codes, world.landsat8.quality.values[i, ::3, ::3])


def test_radar_files(archive, world):
    for i, item in enumerate(items(archive, "sentinel-1-rtc")):
        power, source = read(item, "vh")
        assert source.nodata == -32768
        npt.assert_array_equal(power, world.sentinel1.vh.values[i])
    item = items(archive, "alos-palsar-mosaic")[0]
    assert item.datetime is None
    assert item.properties["start_datetime"].startswith("2021-01-01")
    numbers, source = read(item, "HV")
    assert source.crs.to_epsg() == 4326
    decibel = 20 * np.log10(numbers) - 83
    inside = np.median(decibel)
    # Most of the world is forest: −12 dB in HV.
    assert inside == pytest.approx(-12, abs=2)
    mask, _ = read(item, "mask")
    assert set(np.unique(mask)) == {50, 255}
    assert np.median(decibel[mask == 50]) < -25


def test_palsar_and_elevation_lie_where_the_world_has_them(archive, world):
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(32721, 4326, always_xy=True)
    xx, yy = np.meshgrid(world.land_cover.x[5:-5], world.land_cover.y[5:-5])
    points = to_degrees.transform(xx, yy)
    inner = (slice(5, -5), slice(5, -5))

    def at(item, key):
        values, source = read(item, key)
        column, row = ~source.transform * points
        return values[np.floor(row).astype(int), np.floor(column).astype(int)]

    numbers = at(items(archive, "alos-palsar-mosaic")[0], "HH")
    power = 10 ** ((20 * np.log10(numbers) - 83) / 10)
    # Rounding of numbers around 1000 to 8000: below 0.1 % in amplitude where it is not water.
    land = numbers > 1000
    npt.assert_allclose(power[land], world.palsar.hh.values[0][inner][land], rtol=2e-3)
    heights = at(items(archive, "cop-dem-glo-30")[0], "data")
    # Pixels of 31 m, so up to 22 m from their centre, on slopes below 0.25.
    assert abs(heights - world.dem.values[inner]).max() < 5.5
    assert abs(heights - world.dem.values[inner]).mean() < 0.5


def test_items_carry_the_keys_of_recorded_ones(archive, world, tmp_path):
    optical = items(archive, "sentinel-2-l2a")[0].properties
    assert {"platform", "instruments", "s2:mean_solar_zenith", "s2:mean_solar_azimuth"} <= set(
        optical
    )
    landsat = items(archive, "landsat-c2-l2")[0].properties
    assert landsat["view:sun_elevation"] == pytest.approx(90 - float(world.landsat8.sun_zenith[0]))
    assert {"landsat:correction", "view:off_nadir", "view:sun_azimuth"} <= set(landsat)
    assert items(archive, "sentinel-1-rtc")[0].properties["sar:polarizations"] == ["VV", "VH"]


@pytest.mark.data
def test_asset_keys_are_those_of_the_recorded_planetary_computer(archive, real_data):
    recorded = real_data / "stac-recorded" / "pc"
    for name in ("sentinel-2-l2a", "landsat-c2-l2"):
        real = json.loads(next((recorded / "items" / name).glob("*.json")).read_text())
        assert KEYS[name] <= set(real["assets"])
        ours = items(archive, name)[0].properties
        assert {key for key in ours if key.startswith(("s2:", "landsat:"))} <= set(
            real["properties"]
        )
    for name in ("sentinel-1-rtc", "alos-palsar-mosaic", "cop-dem-glo-30"):
        real = json.loads((recorded / "collections" / f"{name}.json").read_text())
        assert KEYS[name] <= set(real["item_assets"])


def test_the_files_are_the_same_every_time(archive, world, tmp_path):
    again = simulate.write_stac(world, tmp_path)
    for one in archive.parent.rglob("*.*"):
        other = again.parent / one.relative_to(archive.parent)
        assert one.read_bytes() == other.read_bytes(), one.name
