"""What a run finds in a catalogue."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from laziness import nothing_computes
from pyproj import Transformer

from minewatch import grids, simulate, vectors
from minewatch.workflows import MappingSettings
from minewatch.workflows.mapping_images import clear_counts
from minewatch.workflows.mapping_inputs import covariates, find_items, map_grid


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> MappingSettings:
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=1, size=128)
    simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    return MappingSettings(
        catalog=str(folder / "stac" / "catalog.json"),
        reference=str(folder / "reference.geojson"),
        datetime="2022",
    )


def test_heights_have_no_season(settings: MappingSettings) -> None:
    reference = vectors.read_polygons(settings.reference)
    assert "elevation" not in find_items(settings, reference)
    found = find_items(dataclasses.replace(settings, elevation=True), reference)
    assert [item.datetime.year for item in found["elevation"]] == [2021]
    assert {item.datetime.year for item in found["sentinel2"]} == {2022}


def test_mosaics_have_no_season_either(settings: MappingSettings) -> None:
    reference = vectors.read_polygons(settings.reference)
    found = find_items(settings, reference)  # the season is 2022
    assert [item.common_metadata.start_datetime.year for item in found["palsar"]] == [2021]
    alone = dataclasses.replace(settings, collections=("alos-palsar-mosaic",))
    assert set(find_items(alone, reference)) == {"palsar"}
    # A season without any image stays an error, whatever mosaics there are.
    with pytest.raises(ValueError, match="found no item"):
        find_items(dataclasses.replace(settings, datetime="1990"), reference)


def test_a_catalogue_without_heights_is_told(settings: MappingSettings, tmp_path: Path) -> None:
    root = Path(settings.catalog)
    content = json.loads(root.read_text())
    content["links"] = [link for link in content["links"] if "dem" not in link["href"]]
    flat = root.with_name("flat.json")
    flat.write_text(json.dumps(content))
    how = dataclasses.replace(settings, catalog=str(flat), elevation=True)
    with pytest.raises(ValueError, match="leave elevation out"):
        find_items(how, vectors.read_polygons(settings.reference))


EARTH_SEARCH = {
    "B02": "blue", "B03": "green", "B04": "red", "B05": "rededge1", "B06": "rededge2",
    "B07": "rededge3", "B08": "nir", "B8A": "nir08", "B11": "swir16", "B12": "swir22", "SCL": "scl",
}  # fmt: skip


def test_names_of_earth_search_make_the_same_covariates(settings: MappingSettings) -> None:
    how = dataclasses.replace(settings, collections=("sentinel-2-l2a",))
    reference = vectors.read_polygons(settings.reference)
    items, box = find_items(how, reference), map_grid(how, reference)
    renamed = []
    for item in items["sentinel2"]:
        other = item.to_dict(include_self_link=False, transform_hrefs=False)
        other["assets"] = {
            EARTH_SEARCH[name]: asset.to_dict() | {"href": asset.get_absolute_href()}
            for name, asset in item.assets.items()
        }
        other |= {"collection": "sentinel-2-c1-l2a", "links": []}
        for key in ("s2:mean_solar_zenith", "s2:mean_solar_azimuth", "sat:relative_orbit"):
            del other["properties"][key]
        other["properties"] |= {"view:sun_elevation": 50.0, "view:sun_azimuth": 40.0}
        renamed.append(pystac.Item.from_dict(other))
    catalog = Path(settings.catalog).with_name("earth_search.json")
    catalog.write_text(json.dumps(pystac.ItemCollection(renamed).to_dict()))
    there = dataclasses.replace(settings, catalog=str(catalog))
    found = find_items(there, reference)
    assert {item.collection_id for item in found["sentinel2"]} == {"sentinel-2-c1-l2a"}
    names = ["s2_nir", "s2_bsi"]
    xr.testing.assert_equal(
        covariates(found, box, there)[names].compute(), covariates(items, box, how)[names].compute()
    )


def test_sensors_that_are_not_there_are_left_out_of_the_fusion(settings: MappingSettings) -> None:
    how = dataclasses.replace(
        settings,
        collections=("sentinel-2-l2a", "sentinel-1-rtc"),
        covariates="fusion",
        speckle="none",
    )
    reference = vectors.read_polygons(settings.reference)
    items, box = find_items(how, reference), map_grid(how, reference)
    assert set(items) == {"sentinel1", "sentinel2"}
    stack = covariates(items, box, how)
    # 19 of Sentinel-2 and 5 of Sentinel-1; 16 of Landsat and 5 of PALSAR are left out.
    assert len(stack) == 24
    assert len(stack.attrs["left_out"]) == 21
    assert {name.split("_")[0] for name in stack} == {"s1", "s2"}
    assert all(bool(layer.notnull().any()) for layer in stack[["s1_ndi", "s1_dpsvi"]].values())
    with nothing_computes():
        optical = covariates({"sentinel2": items["sentinel2"]}, box, how)
    assert len(optical) == 19


def ground(x: np.ndarray, y: np.ndarray, crs: str) -> np.ndarray:
    """Reflectance that is a plane in degrees, whatever the zone it is seen in."""
    east, north = Transformer.from_crs(crs, 4326, always_xy=True).transform(*np.meshgrid(x, y))
    return 0.3 + 2 * (east + 54) + 1.5 * (north + 9)


def piece(folder: Path, name: str, day: int, bounds: tuple[float, ...], crs: str) -> pystac.Item:
    """An item of one zone, whose ground is that of both."""
    box = grids.geobox(bounds, crs=crs, resolution=50, bounds_crs="EPSG:4326")
    when = dt.datetime(2022, 5, day, 13, 40, tzinfo=dt.UTC)
    properties = {"s2:processing_baseline": "05.11", "proj:code": crs}
    coords = grids.coordinates(box)
    item = pystac.Item(name, None, list(bounds), when, properties, collection="sentinel-2-c1-l2a")
    item.geometry = None
    truth = ground(coords["x"].values, coords["y"].values, crs)
    numbers = np.rint(truth * 1e4 + 1000).astype("uint16")
    for asset, values in {"nir": numbers, "scl": np.full(box.shape, 5, "uint8")}.items():
        path = folder / f"{name}_{asset}.tif"
        layer = xr.DataArray(values, coords, ("y", "x")).rio.write_nodata(0)
        layer.rio.to_raster(path)
        item.add_asset(asset, pystac.Asset(str(path)))
    return item


def test_zones_and_pieces_of_a_day_meet_on_one_grid(tmp_path: Path) -> None:
    """Two pieces a day, one on either side of a zone's edge, with an overlap: two dates, not four.

    The ground is a plane, which interpolation keeps: what remains is the rounding to 1e-4, and at
    the edge of a piece, where GDAL has pixels on one side alone, the slope over half a pixel.
    """
    west, east = (-54.03, -9.03, -53.995, -8.97), (-54.005, -9.03, -53.97, -8.97)
    items = [
        piece(tmp_path, f"S2B_{side}_{day}", day, bounds, crs)
        for day in (3, 8)
        for side, bounds, crs in (("west", west, "EPSG:32721"), ("east", east, "EPSG:32722"))
    ]
    box = grids.geobox(
        (-54.02, -9.02, -53.98, -8.98), crs="EPSG:32721", resolution=50, bounds_crs="EPSG:4326"
    )
    how = MappingSettings(catalog="", reference="")
    stack = covariates({"sentinel2": items}, box, how)
    expected = ground(stack.x.values, stack.y.values, "EPSG:32721")
    apart = abs(stack.s2_nir - expected).values
    assert np.quantile(apart, 0.99) < 1.01e-4
    assert apart.max() < 0.5 * (9.2e-4 + 6.8e-4)
    assert (clear_counts({"sentinel2": items}, box, how)["sentinel2"] == 2).all()
    assert len(stack.attrs["items"]) == 4


def test_what_a_catalogue_has_twice_is_taken_once(settings: MappingSettings) -> None:
    how = dataclasses.replace(settings, collections=("sentinel-2-l2a",))
    reference = vectors.read_polygons(settings.reference)
    items = find_items(how, reference)["sentinel2"]
    copies = []
    for item in items:
        copy = item.to_dict(include_self_link=False, transform_hrefs=False)
        copy |= {"id": f"{item.id}_c1", "collection": "sentinel-2-c1-l2a", "links": []}
        copies.append(copy)
    both = [item.to_dict(include_self_link=False) | {"links": []} for item in items] + copies
    catalog = Path(settings.catalog).with_name("twice.json")
    catalog.write_text(json.dumps({"type": "FeatureCollection", "features": both}))
    there = dataclasses.replace(settings, catalog=str(catalog))
    taken = find_items(there, reference)["sentinel2"]
    assert [item.id for item in taken] == [copy["id"] for copy in copies]
    asked = dataclasses.replace(there, collections=("sentinel-2-l2a", "sentinel-2-c1-l2a"))
    assert len(find_items(asked, reference)["sentinel2"]) == 2 * len(items)
