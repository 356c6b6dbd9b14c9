"""STAC documents: geometry, extents and the keys that readers look for."""

from __future__ import annotations

import numpy.testing as npt
import pytest

from minewatch.simulate.items import Asset, catalog_document, collection_document, item_document


@pytest.fixture
def asset():
    return Asset(
        href="B04.tif",
        epsg=4326,
        transform=(0.5, 0.0, -57.0, 0.0, -0.25, -6.0),
        shape=(4, 2),
        dtype="uint16",
        gsd=10.0,
        title="red",
        raster={"nodata": 0},
        common_name="red",
    )


def test_footprint_is_the_grid_counter_clockwise(asset):
    ring = asset.corners()
    npt.assert_allclose(ring, [[-57, -7], [-56, -7], [-56, -6], [-57, -6], [-57, -7]])
    item = item_document(
        "a", "sentinel-2-l2a", {"B04": asset}, {"datetime": "2022-05-24T00:00:00Z"}
    )
    npt.assert_allclose(item["bbox"], [-57, -7, -56, -6])
    assert item["properties"]["proj:code"] == "EPSG:4326"
    assert item["properties"]["proj:shape"] == [4, 2]
    assert item["assets"]["B04"]["raster:bands"][0] == {
        "data_type": "uint16",
        "spatial_resolution": 10.0,
        "nodata": 0,
    }


def test_bands_of_two_grids_leave_the_item_without_one(asset):
    other = Asset("B11.tif", 4326, (1.0, 0.0, -57.0, 0.0, -0.5, -6.0), (2, 1), "uint16", 20.0, "s")
    item = item_document("a", "sentinel-2-l2a", {"B04": asset, "B11": other}, {"datetime": None})
    assert "proj:shape" not in item["properties"]
    assert item["assets"]["B11"]["proj:shape"] == [2, 1]


def test_a_collection_spans_its_items(asset):
    dates = ("2022-08-27T14:01:00Z", "2021-08-12T14:01:00Z")
    items = [
        item_document(str(i), "sentinel-2-l2a", {"B04": asset}, {"datetime": date})
        for i, date in enumerate(dates)
    ]
    collection = collection_document("sentinel-2-l2a", items)
    assert collection["extent"]["temporal"]["interval"] == [[dates[1], dates[0]]]
    npt.assert_allclose(collection["extent"]["spatial"]["bbox"], [[-57, -7, -56, -6]])
    links = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    assert links == ["./0/0.json", "./1/1.json"]
    catalog = catalog_document(["sentinel-2-l2a"], seed=3)
    assert "seed 3" in catalog["description"]
