"""A map, and areas from its points, are made again to the byte."""

from __future__ import annotations

import csv
import json
import os
import shutil
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest

from minewatch import simulate
from minewatch.workflows import (
    AreaSettings,
    MappingSettings,
    RerunSettings,
    area_run,
    mapping_run,
    rerun_run,
)

if TYPE_CHECKING:
    from pathlib import Path

    from minewatch.workflows.outputs import Result


def differing(again: Result) -> dict[str, str]:
    with (again.folder / "comparison.csv").open() as stream:
        rows = {row["name"]: row["same"] for row in csv.DictReader(stream)}
    assert len(rows) > 1
    return {name: same for name, same in rows.items() if same != "yes"}


def with_another_item(catalog: Path) -> None:
    """A copy of an image on another date joins a collection."""
    collection = catalog.parent / "sentinel-2-l2a" / "collection.json"
    told = json.loads(collection.read_text())
    link = next(one for one in told["links"] if one["rel"] == "item")
    path = collection.parent / link["href"]
    item = json.loads(path.read_text())
    item["id"] += "_later"
    later = path.with_name(f"{item['id']}.json")
    later.write_text(json.dumps(item))
    href = os.path.relpath(later, collection.parent)
    told["links"].append({**link, "href": href})
    collection.write_text(json.dumps(told))


@pytest.mark.slow
def test_a_map_and_its_areas_come_out_again(tmp_path: Path, monkeypatch) -> None:
    world = simulate.mine_world(seed=42, size=128)
    simulate.write_stac(world, tmp_path / "stac")
    simulate.write_vectors(world, tmp_path)
    monkeypatch.chdir(tmp_path)  # paths are given as one gives them, and recorded in full
    settings = MappingSettings(
        catalog="stac/catalog.json", reference="reference.geojson", output="mines", trees=10,
        max_per_polygon=30, points=40, outlines="gpkg",
    )  # fmt: skip
    first = mapping_run(settings)
    with_another_item(tmp_path / "stac" / "catalog.json")
    monkeypatch.chdir("/")
    again = rerun_run(RerunSettings(str(first.folder / "mines.tif"), str(tmp_path / "again")))
    assert differing(again) == {}
    assert "_later" in (tmp_path / "stac" / "sentinel-2-l2a" / "collection.json").read_text()
    record = json.loads((again.folder / "provenance.json").read_text())
    assert not [row["name"] for row in record["inputs"] if row["name"].endswith("_later")]

    points = gpd.read_file(first.folder / "points.gpkg")
    points["label"] = range(len(points))
    points["label"] %= 2
    points.to_file(tmp_path / "labelled.geojson", driver="GeoJSON")
    areas = area_run(
        AreaSettings(str(tmp_path / "labelled.geojson"), output=str(tmp_path / "areas"))
    )
    again = rerun_run(RerunSettings(str(areas.folder), str(tmp_path / "areas-again")))
    assert differing(again) == {}

    shutil.rmtree(tmp_path / "stac" / "sentinel-1-rtc")
    with pytest.raises((ValueError, FileNotFoundError)) as told:
        rerun_run(RerunSettings(str(first.folder), str(tmp_path / "third")))
    assert "\n" not in str(told.value)
