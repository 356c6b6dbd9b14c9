"""Rows against recorded items of real catalogues, and conversions against their formulas."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pytest

from minewatch import radar
from minewatch.sources import collections
from minewatch.sources.collections import (
    ALOS_PALSAR_MOSAIC,
    COLLECTIONS,
    COP_DEM_GLO_30,
    ESA_WORLDCOVER,
    LANDSAT_C2_L2,
    QUALITY,
    SENTINEL_1_RTC,
    SENTINEL_2_L2A,
    Collection,
    Conversion,
    asset_of,
    collection_of,
    conversion,
    layer_of,
    processing_baseline,
)
from minewatch.sources.collections.rows import REFLECTANCE_NAMES

OPTICAL = [*REFLECTANCE_NAMES, QUALITY]
PC_BANDS = "B02,B03,B04,B05,B06,B07,B08,B8A,B11,B12,SCL"


def recorded(folder: Path, pattern: str) -> list[dict]:
    paths = sorted((folder / "stac-recorded").glob(pattern))
    assert paths, pattern
    return [json.loads(path.read_text()) for path in paths]


def assets_by_variable(item: dict) -> dict[str, str | None]:
    row = collection_of(item["collection"])
    return {name: asset_of(row, name, item["assets"]) for name in row.names}


def test_every_row_is_whole() -> None:
    seen: set[str] = set()
    for row in COLLECTIONS.values():
        assert not seen & {row.id, *row.aliases}
        seen |= {row.id, *row.aliases}
        assert set(row.long_names) >= set(row.variables)
        assert QUALITY not in row.variables
        for name in row.names:
            assert layer_of(row, name).name == name
        for alias in row.aliases:
            assert collection_of(alias) is row
    with pytest.raises(dataclasses.FrozenInstanceError):
        SENTINEL_2_L2A.id = "other"  # type: ignore[misc]


def test_public_names_are_reachable() -> None:
    assert all(hasattr(collections, name) for name in collections.__all__)


def test_codes_are_flags_that_xarray_and_zarr_can_write() -> None:
    for row in COLLECTIONS.values():
        for name, classes in row.classes.items():
            layer = layer_of(row, name)
            assert layer.flags == classes
            assert all(" " not in meaning for meaning in classes)  # one word each, by CF
            assert len(set(classes.values())) == len(classes)
            assert max(classes.values()) <= np.iinfo(layer.dtype).max
            assert row.coded(name)
            assert name == QUALITY or 255 not in classes.values()  # unknown, in a class layer
    cover = layer_of(ESA_WORLDCOVER, "cover")
    assert (cover.dtype, cover.units, len(cover.flags)) == ("uint8", "1", 11)
    assert (cover.flags["tree_cover"], cover.flags["moss_and_lichen"]) == (10, 100)
    assert not SENTINEL_1_RTC.coded("vv")


def agrees(row: Collection, name: str, stated: dict) -> None:
    """What a catalogue states of an asset's numbers, against the row."""
    if name == QUALITY:
        assert stated.get("data_type", row.quality_dtype) == row.quality_dtype
        return
    numbers = row.conversion
    assert stated.get("scale", numbers.scale) == numbers.scale
    if row.id != SENTINEL_1_RTC.id:  # 0 at AWS, -32768 at the Planetary Computer: load asks
        assert stated.get("nodata", numbers.nodata) == numbers.nodata
    if row.id != SENTINEL_2_L2A.id:  # whose offset is that of the item
        assert stated.get("offset", numbers.offset) == numbers.offset


@pytest.mark.data
@pytest.mark.parametrize(
    "pattern",
    [
        "pc/collections/sentinel-2-l2a.json",
        "pc/collections/landsat-c2-l2.json",
        "pc/collections/sentinel-1-rtc.json",
        "pc/collection_templates/sentinel-1-rtc.json",
        "pc/collections/sentinel-1-grd.json",
        "pc/collections/alos-palsar-mosaic.json",
        "pc/collection_templates/alos-palsar-mosaic.json",
        "pc/collections/cop-dem-glo-30.json",
        "earthsearch/collections/sentinel-2-l2a.json",
        "earthsearch/collections/sentinel-2-c1-l2a.json",
        "earthsearch/collections/landsat-c2-l2.json",
        "earthsearch/collections/sentinel-1-grd.json",
        "earthsearch/collections/cop-dem-glo-30.json",
        "stactools-sentinel1/grd_collection.json",
        "odc-stac/sentinel-2-l2a.collection.json",
    ],
)
def test_recorded_collections_have_what_the_rows_say(real_data: Path, pattern: str) -> None:
    (described,) = recorded(real_data, pattern)
    row, assets = collection_of(described["id"]), described["item_assets"]
    found = {name: asset_of(row, name, assets) for name in row.names}
    assert None not in found.values()
    for name, asset in found.items():
        for stated in assets[asset].get("raster:bands", []):
            agrees(row, name, stated)
        if row.calibration:
            assert row.calibration.format(name) in assets
        if name in row.classes and "classification:classes" in assets[asset]:
            stated_codes = {c["value"] for c in assets[asset]["classification:classes"]}
            assert stated_codes == set(row.classes[name].values())


@pytest.mark.data
def test_every_recorded_item_that_a_row_is_for_has_its_assets_and_numbers(
    real_data: Path,
) -> None:
    """From all catalogues at once; radar items may have one polarisation of four."""
    seen: Counter[str] = Counter()
    for item in recorded(real_data, "*/items/*/*.json") + recorded(real_data, "*/*_*.json"):
        # One raw item has not been put into its collection yet.
        identity = item.get("collection") or ("sentinel-1-grd" if "GRD" in item["id"] else None)
        if item["type"] != "Feature" or identity in NOT_OURS or item["id"] == OLD_NAMES:
            continue
        row = collection_of(identity)
        found = {name: asset_of(row, name, item["assets"]) for name in row.names}
        known = {name: asset for name, asset in found.items() if asset is not None}
        wanted = [p.lower() for p in item["properties"].get("sar:polarizations", row.names)]
        assert list(known) == [name for name in row.names if name in wanted], item["id"]
        for name, asset in known.items():
            for stated in item["assets"][asset].get("raster:bands", []):
                agrees(row, name, stated)
            if row.calibration:
                assert row.calibration.format(name) in item["assets"]
        seen[row.id] += 1
    assert seen == SEEN


NOT_OURS = {None, "sentinel1-slc", "lidar_collection", "fc_percentile_albers_annual"}
OLD_NAMES = "LC08_L2SR_081119_20200101_20200823_02_T2"  # assets SR_B2.TIF, since given up by USGS
SEEN = {
    "cop-dem-glo-30": 3,
    "landsat-c2-l2": 15,
    "sentinel-1-grd": 6,
    "sentinel-1-rtc": 2,
    "sentinel-2-l2a": 24,
}


@pytest.mark.data
def test_sentinel2_items_of_the_planetary_computer(real_data: Path) -> None:
    for item in recorded(real_data, "pc/items/sentinel-2-l2a/*.json"):
        found = assets_by_variable(item)
        assert list(found) == OPTICAL
        assert ",".join(map(str, found.values())) == PC_BANDS
        # The catalogue's own centre wavelength says which band an asset is (µm).
        assert item["assets"][found["nir"]]["eo:bands"][0]["center_wavelength"] == 0.842
        assert item["assets"][found["nir08"]]["eo:bands"][0]["center_wavelength"] == 0.865
        numbers = conversion(SENTINEL_2_L2A, item["properties"], item=item["id"])
        assert numbers == Conversion(scale=1e-4, offset=0.0, nodata=0)  # baseline 02.12
        later = {**item["properties"], "s2:processing_baseline": "04.00"}
        assert conversion(SENTINEL_2_L2A, later).offset == -0.1


@pytest.mark.data
def test_sentinel2_items_of_earth_search(real_data: Path) -> None:
    for item in recorded(real_data, "earthsearch/items/sentinel-2-l2a/*.json"):
        assert None not in assets_by_variable(item).values()
        assert item["properties"]["earthsearch:boa_offset_applied"] is True
        # The item's raster:bands still lists -0.1, although the offset has been taken off.
        assert item["assets"]["red"]["raster:bands"][0]["offset"] == -0.1
        assert conversion(SENTINEL_2_L2A, item["properties"]).offset == 0
        as_delivered = {**item["properties"], "earthsearch:boa_offset_applied": False}
        assert conversion(SENTINEL_2_L2A, as_delivered).offset == -0.1
    for item in recorded(real_data, "earthsearch/items/sentinel-2-c1-l2a/*.json"):
        assert None not in assets_by_variable(item).values()
        assert conversion(SENTINEL_2_L2A, item["properties"]).offset == -0.1


@pytest.mark.data
@pytest.mark.parametrize(
    "pattern", ["pc/items/landsat-c2-l2/*L2SP*", "earthsearch/items/landsat-c2-l2/*"]
)
def test_landsat_numbers_are_those_that_items_state(real_data: Path, pattern: str) -> None:
    for item in recorded(real_data, pattern):
        found = assets_by_variable(item)
        assert None not in found.values()
        for name, asset in found.items():
            stated = item["assets"][asset]["raster:bands"][0]
            if name == QUALITY:
                assert stated["data_type"] == LANDSAT_C2_L2.quality_dtype
            else:
                numbers = LANDSAT_C2_L2.conversion
                assert (stated["scale"], stated["offset"]) == (numbers.scale, numbers.offset)
                assert stated["nodata"] == numbers.nodata
        assert item["assets"][found["nir"]]["eo:bands"][0]["common_name"] == "nir08"


@pytest.mark.data
def test_older_names_of_landsat_and_sentinel2(real_data: Path) -> None:
    for item in recorded(real_data, "pc/items/landsat-8-c2-l2/*.json"):
        assert assets_by_variable(item)["nir"] == "SR_B5"
        assert None not in assets_by_variable(item).values()
    for item in recorded(real_data, "odc-stac/LC08_L2SP_028030*.json"):
        assert None not in assets_by_variable(item).values()
    (item,) = recorded(real_data, "odc-stac/S2A_28QCH*.json")
    assert item["collection"] == "sentinel-s2-l2a-cogs"
    assert None not in assets_by_variable(item).values()
    # No baseline property: it stands in the product's name, ..._N0214_...
    assert processing_baseline(item["properties"], item=item["id"]) == (2, 14)


@pytest.mark.data
def test_radar_and_elevation_collections(real_data: Path) -> None:
    (rtc,) = recorded(real_data, "pc/collections/sentinel-1-rtc.json")
    for name, (asset, *_) in SENTINEL_1_RTC.variables.items():
        assert name == asset
        (band,) = rtc["item_assets"][asset]["raster:bands"]
        assert (band["nodata"], band["data_type"]) == (SENTINEL_1_RTC.conversion.nodata, "float32")
    (palsar,) = recorded(real_data, "pc/collections/alos-palsar-mosaic.json")
    assert {"HH", "HV", "mask"} <= set(palsar["item_assets"])
    assert palsar["item_assets"]["mask"]["raster:bands"][0] == {"nodata": 0, "data_type": "uint8"}
    (dem,) = recorded(real_data, "pc/collections/cop-dem-glo-30.json")
    assert asset_of(COP_DEM_GLO_30, "elevation", dem["item_assets"]) == "data"
    for item in recorded(real_data, "stactools-sentinel1/rtc_*_ASC.json"):
        assert assets_by_variable(item)["vv"] == "gamma0_vv"
    for item in recorded(real_data, "earthsearch/items/cop-dem-glo-30/*.json"):
        assert assets_by_variable(item) == {"elevation": "data"}


def test_palsar_numbers_are_decibels_minus_83() -> None:
    # science 5.3: DN 1000 → −23.00 dB, DN 7000 → −6.098 dB
    power = ALOS_PALSAR_MOSAIC.conversion.apply(np.array([1000, 7000, 0], "uint16"), "float64")
    npt.assert_allclose(10 * np.log10(power[:2]), [-23.0, -6.098], atol=5e-4)
    assert np.isnan(power[2])


def test_palsar_agrees_with_radar() -> None:
    import xarray as xr

    numbers = np.array([[1, 1000, 7000, 0, 65535]], "uint16")
    ours = ALOS_PALSAR_MOSAIC.conversion.apply(numbers, "float32")
    theirs = radar.palsar_gamma0(xr.DataArray(numbers, dims=("y", "x")))
    npt.assert_allclose(ours, theirs, rtol=1e-6)  # float32


def test_conversion_keeps_negative_reflectance_and_its_input() -> None:
    stored = np.array([0, 1, 999, 1000, 11000], "uint16")
    before = stored.copy()
    numbers = conversion(SENTINEL_2_L2A, {"s2:processing_baseline": "05.11"})
    npt.assert_allclose(
        numbers.apply(stored, "float32"), [np.nan, -0.0999, -0.0001, 0, 1], atol=1e-7
    )
    npt.assert_array_equal(stored, before)


def test_baseline_decides_and_not_the_date() -> None:
    # reprocessed (Collection 1) scenes of 2016 carry the offset too
    old_scene_new_processing = {"s2:processing_baseline": "05.00", "datetime": "2016-05-01"}
    assert conversion(SENTINEL_2_L2A, old_scene_new_processing).offset == -0.1
    assert conversion(SENTINEL_2_L2A, {"s2:processing_baseline": "03.01"}).offset == 0
    assert processing_baseline({"processing:version": "05.11"}) == (5, 11)
    assert processing_baseline({}, item="S2A_MSIL2A_20230110T050211_N0509_R019") == (5, 9)


def test_errors_say_what_to_type() -> None:
    with pytest.raises(ValueError, match=r"set item.properties\['s2:processing_baseline'\]"):
        conversion(SENTINEL_2_L2A, {}, item="S2A_without")
    with pytest.raises(KeyError, match=r"load\(\.\.\., collection=row\)"):
        collection_of("modis-09A1-061")


def test_the_documentation_tells_of_every_row() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "data-model.md").read_text(encoding="utf-8")
    assert all(f"`{row.id}`" in page for row in COLLECTIONS.values())
    told = page.split("| `cover` | ")[1].split(" |")[0]
    codes = {int(part.split()[0]) for part in told.split(", ")}
    assert codes == {*ESA_WORLDCOVER.classes["cover"].values(), 255}
