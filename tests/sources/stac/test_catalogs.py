"""Searches: the same answer from a list, a file, a static catalogue and an API."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import numpy.testing as npt
import pystac
import pytest
import rasterio
import rustac
import servers
from odc.geo.geobox import GeoBox
from rasterfiles import stac_item

import minewatch as mw
from minewatch.sources import search

if TYPE_CHECKING:
    from pathlib import Path

KORBA = (82.53, 22.33, 82.56, 22.35)
HERE = {"crs": "EPSG:4326", "bounds": KORBA}
THERE = {"crs": "EPSG:4326", "bounds": (10.0, 50.0, 11.0, 51.0)}
ANSWER = "https://api.stacspec.org/v1.0.0"
GEOJSON = "application/geo+json"


@pytest.fixture
def items() -> list[pystac.Item]:
    s2, s1 = "sentinel-2-l2a", "sentinel-1-rtc"
    cloud = "eo__cloud_cover"
    return [
        stac_item("late", {}, collection=s2, day="2023-03-01T05:00:00Z", **HERE, **{cloud: 80}),
        stac_item("early", {}, collection=s2, day="2023-01-10T05:00:00Z", **HERE, **{cloud: 5}),
        stac_item("radar", {}, collection=s1, day="2023-01-29T00:18:30Z", **HERE),
        stac_item("away", {}, collection=s2, day="2023-01-10T05:00:00Z", **THERE, **{cloud: 1}),
    ]


def ids(found: list[pystac.Item]) -> list[str]:
    return [item.id for item in found]


def saved(items: list[pystac.Item], folder: Path) -> Path:
    """A static catalogue with the items in their collections."""
    catalog = pystac.Catalog("test", "test")
    for name in sorted({item.collection_id for item in items}):
        own = [item.clone() for item in items if item.collection_id == name]
        collection = pystac.Collection(name, name, pystac.Extent.from_items(own))
        collection.add_items(own)
        catalog.add_child(collection)
    catalog.normalize_and_save(str(folder), pystac.CatalogType.SELF_CONTAINED)
    return folder / "catalog.json"


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["away", "early", "radar", "late"]),
    ({"collections": "sentinel-1-rtc"}, ["radar"]),
    (
        {"collections": ["sentinel-1-rtc", "sentinel-2-l2a"], "bbox": KORBA},
        ["early", "radar", "late"],
    ),
    ({"ids": ["late", "away"]}, ["away", "late"]),
    ({"datetime": "2023-01"}, ["away", "early", "radar"]),
    ({"datetime": "2023-01-29/.."}, ["radar", "late"]),
    ({"datetime": "../2023-01-10"}, ["away", "early"]),
    ({"filter": "eo:cloud_cover < 50"}, ["away", "early"]),
    ({"filter": {"op": "=", "args": [{"property": "eo:cloud_cover"}, 80]}}, ["late"]),
    ({"max_cloud_cover": 4}, ["away", "radar"]),
    ({"max_cloud_cover": 10, "filter": "eo:cloud_cover > 2"}, ["early"]),
    ({"intersects": {"type": "Point", "coordinates": [10.5, 50.5]}}, ["away"]),
]


@pytest.mark.parametrize(("asked", "expected"), CASES)
def test_a_list_is_searched(items: list, asked: dict[str, Any], expected: list[str]) -> None:
    assert ids(search(items, **asked)) == expected
    assert ids(search([item.to_dict() for item in items], **asked)) == expected


@pytest.mark.parametrize(("asked", "expected"), CASES)
def test_a_static_catalogue_is_searched(
    items: list, asked: dict[str, Any], expected: list[str], tmp_path: Path
) -> None:
    assert ids(search(saved(items, tmp_path), **asked)) == expected


def test_an_api_gives_the_same(items: list, tmp_path: Path) -> None:
    features = [item.to_dict(include_self_link=False) for item in items]
    (tmp_path / "items.json").write_text(
        json.dumps({"type": "FeatureCollection", "features": features})
    )
    files = [tmp_path / "items.json"]
    for name in ("sentinel-1-rtc", "sentinel-2-l2a"):
        collection = pystac.Collection(name, name, pystac.Extent.from_items(items))
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps(collection.to_dict(include_self_link=False)))
    with servers.stac_api(*files) as api:
        for asked, expected in CASES:
            assert ids(search(api, **asked)) == expected, asked
        with pytest.raises(ValueError, match=r"filter=platform = 'x' .*filter left 0"):
            search(api, filter="platform = 'x'")
        with pytest.raises(ValueError, match=r"0 items read\); relax collections$"):
            search(api, collections="landsat-c2-l2")
        with pytest.raises(ValueError, match="raise max_items"):
            search(api, max_items=2)


def test_other_kinds_of_files(items: list, tmp_path: Path) -> None:
    collection = pystac.ItemCollection(items)
    path = tmp_path / "items.json"
    collection.save_object(str(path))
    assert len(search(path)) == len(search(str(path))) == len(search(path.as_uri())) == 4
    assert len(search(collection)) == 4
    saved(items, tmp_path / "static")
    assert len(search(tmp_path / "static")) == 4
    one = tmp_path / "one.json"
    items[0].save_object(include_self_link=False, dest_href=str(one))
    assert ids(search(one)) == ["late"]


def test_stac_geoparquet(items: list, tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    rustac.write_sync(str(path), [item.to_dict() for item in items])
    assert ids(search(path, max_cloud_cover=4)) == ["away", "radar"]


def test_items_of_an_annual_mosaic_span_their_year() -> None:
    mosaic = stac_item("N23E082_20_MOS", {}, collection="alos-palsar-mosaic", **HERE)
    mosaic.datetime = None
    mosaic.common_metadata.start_datetime = pystac.utils.str_to_datetime("2020-01-01T00:00:00Z")
    mosaic.common_metadata.end_datetime = pystac.utils.str_to_datetime("2020-12-31T23:59:59Z")
    assert ids(search([mosaic], datetime="2020-06")) == ["N23E082_20_MOS"]
    with pytest.raises(ValueError, match="left 0"):
        search([mosaic], datetime="2021")


def test_nothing_found_names_the_condition_that_removed_all(items: list) -> None:
    with pytest.raises(
        ValueError,
        match=r"for collections=\['sentinel-2-l2a'\]; bbox=\(82.53, 22.33, 82.56, 22.35\); filter="
        r".* \(4 items read, collections left 3, bbox left 2, filter left 0\); relax filter$",
    ):
        search(items, collections="sentinel-2-l2a", bbox=KORBA, filter="platform = 'x'")
    with pytest.raises(ValueError, match="0 items read"):
        search([])


def test_too_much_is_an_error_and_never_cut(items: list) -> None:
    with pytest.raises(ValueError, match="max_items=3 items in the list; narrow bbox"):
        search(items, max_items=3)
    assert len(search(items, max_items=4)) == 4


def test_an_item_that_comes_twice_is_one(items: list) -> None:
    assert len(search([*items, *items])) == 4


def test_the_list_is_not_changed_and_the_modifier_may(items: list) -> None:
    before = [item.to_dict() for item in items]
    search(items, collections="sentinel-1-rtc", bbox=KORBA, filter="eo:cloud_cover IS NULL")
    assert [item.to_dict() for item in items] == before

    def mark(item: pystac.Item) -> None:
        item.properties["seen"] = 1

    assert all(item.properties["seen"] == 1 for item in search(items, modifier=mark))


def test_missing_catalogues_and_other_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give the address of an API, or the path"):
        search(tmp_path / "catalog.json")
    page = tmp_path / "page.json"
    page.write_text("<html>gone</html>")
    with pytest.raises(ValueError, match=r"is no STAC.*check the address"):
        search(page)


# Servers that answer as they like ---------------------------------------------------------------


def landing(url: str, *extra: str, methods: tuple[str, ...] = ("GET", "POST")) -> dict[str, Any]:
    return {
        "type": "Catalog",
        "id": "api",
        "description": "api",
        "stac_version": "1.0.0",
        "conformsTo": [f"{ANSWER}/core", f"{ANSWER}/item-search", *extra],
        "links": [
            {"rel": "search", "href": f"{url}/search", "type": GEOJSON, "method": method}
            for method in methods
        ],
    }


def page(items: list[pystac.Item], **more: Any) -> dict[str, Any]:
    features = [item.to_dict(include_self_link=False) for item in items]
    return {"type": "FeatureCollection", "features": features, "links": [], **more}


def test_an_api_that_filters_is_asked_to(items: list) -> None:
    asked: list[dict[str, Any]] = []

    def answer(path: str, body: dict[str, Any] | None) -> Any:
        if path == "/":
            return landing(where[0], f"{ANSWER}/item-search#filter")
        asked.append(body or {})
        return page(items[:1])

    with servers.json_server(answer) as url:
        where = [url]
        found = search(url, filter="eo:cloud_cover > 50", datetime="2023-03", bbox=KORBA)
    assert ids(found) == ["late"]
    (body,) = asked
    assert body["filter"] == {"op": ">", "args": [{"property": "eo:cloud_cover"}, 50.0]}
    assert body["filter-lang"] == "cql2-json"
    assert body["intersects"]["type"] == "Polygon"
    assert body["datetime"] == "2023-03-01T00:00:00.000000Z/2023-03-31T23:59:59.999999Z"


def test_an_api_that_only_knows_get(items: list) -> None:
    asked = []

    def answer(path: str, body: dict[str, Any] | None) -> Any:
        asked.append((path.split("?")[0], body))
        return landing(where[0], methods=("GET",)) if path == "/" else page(items[:1])

    with servers.json_server(answer) as url:
        where = [url]
        assert ids(search(url, bbox=KORBA)) == ["late"]
    assert ("/search", None) in asked


def test_a_server_that_repeats_its_page_for_ever_ends(items: list) -> None:
    def answer(path: str, _: object) -> Any:
        if path == "/":
            return landing(where[0])
        again = {"rel": "next", "href": f"{where[0]}/search", "method": "POST", "body": {}}
        return page(items[:2], links=[again])

    with servers.json_server(answer) as url:
        where = [url]
        assert ids(search(url, max_items=20)) == ["early", "late"]


@pytest.mark.parametrize("answer", [b"<html>portal</html>", b"[]", b'{"id": 3}'])
def test_a_server_that_is_no_catalogue(answer: bytes) -> None:
    with (
        servers.json_server(lambda *_: answer) as url,
        pytest.raises(ValueError, match=r"is no STAC.*check the address"),
    ):
        search(url)


def test_a_server_that_fails_or_stalls_is_named() -> None:
    with (
        servers.json_server(lambda *_: 404) as url,
        pytest.raises(ConnectionError, match=f"{url}.*raise timeout"),
    ):
        search(url, max_retries=0)

    def stall(*_: object) -> Any:
        time.sleep(1.5)
        return {}

    with servers.json_server(stall) as url, pytest.raises(ConnectionError, match="timed out"):
        search(url, timeout=0.2, max_retries=0)
    with pytest.raises(ConnectionError, match="check the address"):
        search(f"http://127.0.0.1:{servers.free_port()}", max_retries=0)


def test_a_server_that_is_busy_is_asked_again(items: list) -> None:
    calls = []

    def answer(path: str, _: object) -> Any:
        calls.append(path)
        if len(calls) == 1:
            return 503
        return landing(where[0]) if path == "/" else page(items[:1])

    with servers.json_server(answer) as url:
        where = [url]
        assert ids(search(url, max_retries=2)) == ["late"]


@pytest.mark.parametrize(
    "href",
    ["file:///etc/passwd", "/etc/passwd", "/vsizip//etc/x.zip", 'NETCDF:"/etc/x"', "<VRTDataset/>"],
)
def test_an_api_may_not_name_local_files(items: list, href: str) -> None:
    features = page(items)
    features["features"][0]["assets"]["B04"] = {"href": href}

    def answer(path: str, _: object) -> Any:
        return landing(where[0]) if path == "/" else features

    with servers.json_server(answer) as url:
        where = [url]
        with pytest.raises(ValueError, match="may not name files of this machine"):
            search(url)
        # Items without a catalogue around them are read relative to where they lie.
        with servers.json_server(lambda *_: features) as other:
            if href.startswith(("file", "NETCDF", "/vsi")):
                with pytest.raises(ValueError, match="may not name files of this machine"):
                    search(other)
            else:
                (late,) = search(other, ids="late")
                assert late.assets["B04"].href.startswith(other)


def test_a_file_on_this_machine_may_name_others(items: list) -> None:
    items[0].add_asset("B04", pystac.Asset("/data/B04.tif"))
    assert len(search(items)) == 4


def test_relative_addresses_become_absolute(items: list, tmp_path: Path) -> None:
    items[0].add_asset("B04", pystac.Asset("./B04.tif"))
    path = saved(items, tmp_path)
    (late,) = search(path, ids="late")
    assert late.assets["B04"].href == str(tmp_path / "sentinel-2-l2a" / "late" / "B04.tif")
    with servers.range_server(tmp_path) as url:
        (late,) = search(f"{url}/catalog.json", ids="late")
        assert late.assets["B04"].href == f"{url}/sentinel-2-l2a/late/B04.tif"


@pytest.mark.data
def test_the_korba_catalogue_gives_back_what_the_files_hold(
    real_data: Path, tmp_path: Path
) -> None:
    import korba

    catalog = korba.make_catalog(real_data, tmp_path)
    source = real_data / "s1-s2-osm-korba-openpit"
    for name, variable, file in (
        ("sentinel-2-l2a", "red", "s2_2023-01-30_B04_L2A_refl_u16.tiff"),
        ("sentinel-1-rtc", "vv", "s1_2023-01-29_VV_rtc_gamma0_dBdisplay.tiff"),
    ):
        with rasterio.open(source / file) as raster:
            numbers = raster.read(1).astype("float64")
            grid = GeoBox(raster.shape, raster.transform, raster.crs.to_wkt())
        cube = mw.sources.load(search(catalog, collections=name), like=grid)
        found = cube[variable].sel(time=file[3:13])[0].values
        if variable == "red":
            # reflectance v/65535, stored as DN/10000: half a digit
            npt.assert_allclose(found[numbers > 0], numbers[numbers > 0] / 65535, atol=5.1e-5)
        else:
            decibels = 20 * numbers[numbers > 0] / 65535 - 20
            npt.assert_allclose(10 * np.log10(found[numbers > 0]), decibels, atol=1e-5)
        known = np.isfinite(found)
        assert known[numbers > 0].all()
        assert 0.8 < known.mean() < 0.87  # the slanted outline fills five sixths of the box
    reference = gpd.read_file(tmp_path / "reference.geojson")
    assert set(reference.label) == {0, 1}
    assert set(reference.site) == {"Gevra", "Dipka", "outside"}
    hectares = reference.to_crs(korba.REFERENCE_CRS).area.groupby(reference.label).sum() / 1e4
    # OSM's outlines cover 55 % of the area (provenance of the data)
    assert hectares[1] / hectares.sum() == pytest.approx(0.55, abs=0.01)


@pytest.mark.data
def test_the_korba_cube_is_the_same_through_files_and_through_an_api(
    real_data: Path, tmp_path: Path
) -> None:
    import korba

    grid = mw.grids.geobox(
        (82.53, 22.331, 82.562, 22.349), crs="EPSG:32644", bounds_crs="EPSG:4326", resolution=20
    )
    with servers.range_server(tmp_path) as files:
        catalog = korba.make_catalog(real_data, tmp_path, base_url=files)
        own = [tmp_path / "items.json", *sorted((tmp_path / "collections").glob("*.json"))]
        with servers.stac_api(*own) as api:
            for name, times in (("sentinel-2-l2a", 2), ("sentinel-1-rtc", 3)):
                here = search(catalog, collections=name, bbox=grid)
                there = search(api, collections=name, bbox=grid)
                assert ids(here) == ids(there)
                assert all(a.href.startswith(files) for i in there for a in i.assets.values())
                local = mw.sources.load(here, like=grid).compute()
                remote = mw.sources.load(there, like=grid).compute()
                assert local.sizes["time"] == times
                assert remote.identical(local)
