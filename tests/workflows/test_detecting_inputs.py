"""Points, images and the grid of a detector."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pystac
import pytest
from shapely.geometry import Point, box

from minewatch.workflows import DetectSettings
from minewatch.workflows.detecting_inputs import (
    check_images,
    find_images,
    ground_of,
    widened,
)
from minewatch.workflows.detecting_points import read_points


def written(path: Path, geometry: list[Any], crs: str | None = "EPSG:4326", **columns: Any) -> str:
    gpd.GeoDataFrame(columns, geometry=geometry, crs=crs).to_file(path)
    return str(path)


def test_points_come_with_labels_of_any_spelling_of_0_and_1(tmp_path: Path) -> None:
    places = [Point(-57, -7), Point(-57.1, -7)]
    for number, label in enumerate(([1, 0], [True, False], [1.0, 0.0])):
        path = written(tmp_path / f"{number}.gpkg", places, mine=label, name=["a", "b"])
        found = read_points(path, "mine")
        assert found.label.tolist() == [1, 0]
        assert found.label.dtype == "int8"
        assert found.name.tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("geometry", "label", "said"),
    [
        ([Point(0, 0), Point(1, 1)], [1, 1], "all 2 points of .* add points of 0"),
        ([Point(0, 0), Point(1, 1)], [0, 0], "all 2 points of .* add points of 1"),
        ([Point(0, 0), Point(1, 1)], [1, 2], "holds 1, 2; it must hold 1"),
        ([Point(0, 0), Point(1, 1)], ["mine", "no"], "holds mine, no; it must hold 1"),
        ([Point(0, 0), Point(1, 1)], [1.0, None], "it must hold 1"),
        ([box(0, 0, 1, 1), box(1, 1, 2, 2)], [1, 0], "holds 2 Polygon, .*representative_point"),
        ([Point(0, 0), None], [1, 0], "must hold points"),
    ],
)
def test_points_that_cannot_teach(
    tmp_path: Path, geometry: list[Any], label: list[Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        read_points(written(tmp_path / "points.gpkg", geometry, label=label), "label")


def test_a_file_that_is_none_and_one_without_the_column(tmp_path: Path) -> None:
    (tmp_path / "notes.geojson").write_text("milk")
    with pytest.raises(ValueError, match="no vector file"):
        read_points(str(tmp_path / "notes.geojson"), "label")
    path = written(tmp_path / "points.gpkg", [Point(0, 0)], kind=["mine"])
    with pytest.raises(KeyError, match=r"no column 'label'; it has \['kind'\]"):
        read_points(path, "label")


def item(name: str, collection: str, bbox: list[float]) -> pystac.Item:
    west, south, east, north = bbox
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return pystac.Item(
        id=name,
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=bbox,
        datetime=np.datetime64("2024-05-01").astype("datetime64[s]").item(),
        properties={},
        collection=collection,
    )


@pytest.fixture
def catalogue(tmp_path: Path) -> str:
    items = [
        item("grd", "sentinel-1-grd", [-58.0, -8.0, -56.0, -6.0]),
        item("rtc", "sentinel-1-rtc", [-57.0, -7.0, -56.5, -6.5]),
        item("later", "sentinel-1-rtc", [-57.0, -7.5, -56.4, -6.5]),
        item("optical", "sentinel-2-l2a", [-57.0, -7.0, -56.5, -6.5]),
    ]
    path = tmp_path / "items.json"
    pystac.ItemCollection(items).save_object(str(path))
    return str(path)


def settings(catalog: str, **given: Any) -> DetectSettings:
    return DetectSettings(catalog, "detector.zip", **given)


def names(found: list[pystac.Item]) -> set[str]:
    return {one.id for one in found}


def test_the_two_kinds_of_images_are_never_mixed(catalogue: str) -> None:
    assert names(find_images(settings(catalogue), None)) == {"rtc", "later"}
    assert names(find_images(settings(catalogue), None, prefer="sentinel-1-grd")) == {"grd"}
    grd = settings(catalogue, collections=("sentinel-1-grd",))
    assert names(find_images(grd, None, prefer="sentinel-1-rtc")) == {"grd"}
    with pytest.raises(ValueError, match="one of them, since they measure differently"):
        check_images(settings(catalogue, collections=("sentinel-1-rtc", "sentinel-1-grd")))


def test_ground_is_around_all_images(catalogue: str) -> None:
    found = find_images(settings(catalogue), None)
    assert ground_of(found, catalogue) == (-57.0, -7.5, -56.4, -6.5)


def test_grids_of_two_runs_lie_on_one_lattice() -> None:
    boxes = [
        widened(bounds, crs="EPSG:32721", resolution=10, step=52, rim=rim)
        for bounds, rim in (((-57.0, -7.1, -56.9, -7.0), 0), ((-56.93, -7.04, -56.8, -6.9), 57))
    ]
    for one in boxes:
        left, bottom, right, top = one.boundingbox
        assert all(edge % 520 == 0 for edge in (left, bottom, right, top))
    first = gpd.GeoSeries([box(-57.0, -7.1, -56.9, -7.0)], crs="EPSG:4326").to_crs("EPSG:32721")
    left, bottom, right, top = boxes[0].boundingbox
    assert box(left, bottom, right, top).covers(first.iloc[0])


def placed(name: str, bbox: list[float]) -> pystac.Item:
    when = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    return pystac.Item(name, None, bbox, when, {})


def test_a_box_with_heights_lies_where_it_lies() -> None:
    high = placed("high", [-57, -7.5, 100, -56.5, -7, 900])
    flat = placed("flat", [-57.5, -7.2, -57, -6.8])
    assert ground_of([high], "items.json") == (-57, -7.5, -56.5, -7)
    assert ground_of([high, flat], "items.json") == (-57.5, -7.5, -56.5, -6.8)


def test_an_image_across_the_antimeridian_is_named_and_not_left_out() -> None:
    west = placed("west", [179, -17, 179.5, -16.9])
    for box_of in ([179.9, -17, -179.9, -16.9], [179.9, -17, 0, -179.9, -16.9, 9]):
        with pytest.raises(ValueError, match=r"item 'across' of items.json crosses the antimer"):
            ground_of([west, placed("across", box_of)], "items.json")
