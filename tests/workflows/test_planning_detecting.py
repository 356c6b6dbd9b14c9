"""What a plan says of teaching a detector and of a search with it, against what then happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

from minewatch import simulate
from minewatch.workflows import (
    DetectSettings,
    DetectTrainSettings,
    detect_run,
    detect_train_run,
    plan,
    planning_detecting,
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=3, size=128)
    simulate.write_stac(world, folder / "stac")
    places = world.polygons.iloc[::8].to_crs(world.polygons.estimate_utm_crs())
    inside = places.geometry.representative_point().to_crs("EPSG:4326")
    points = gpd.GeoDataFrame({"label": places["label"].to_numpy()}, geometry=inside.to_numpy())
    points.set_crs("EPSG:4326").to_file(folder / "points.geojson")
    return folder


def teaching(world: Path, **more: Any) -> DetectTrainSettings:
    return DetectTrainSettings(
        catalog=str(world / "stac" / "catalog.json"),
        points=str(world / "points.geojson"),
        kind="texture",
        size=16,
        **more,
    )


def test_patches_are_points_times_dates(world: Path) -> None:
    planned = plan(teaching(world), rate=1e-6)
    (reading,) = planned.readings
    points = len(gpd.read_file(world / "points.geojson"))
    assert (reading.sensor, reading.scenes, reading.files) == ("sentinel1", 7, 14)
    assert planned.load.patches == 7 * points
    assert planned.output == pytest.approx(0.85 * 7 * points * 3 * 16**2 * 4 + 6e5)
    assert planned.seconds["patches"] > 0
    with pytest.raises(TypeError, match="seconds for a pixel"):
        plan(teaching(world), rate="mines")


def test_more_than_memory_holds_is_planned_all_the_same(
    world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patches are laid out before they are read, and no machine here has room for these."""
    extract = planning_detecting.learn.patches.extract
    asked: list[int] = []

    def little_room(scene: Any, points: Any, **settings: Any) -> Any:
        asked.append(len(points))
        if len(points) > 1:
            raise MemoryError
        return extract(scene, points, **settings)

    monkeypatch.setattr(planning_detecting.learn.patches, "extract", little_room)
    planned = plan(teaching(world), rate=1e-6)
    assert asked == [planned.load.patches // 7, 1]
    assert planned.load.tasks >= asked[0]


@pytest.mark.slow
def test_a_search_takes_what_was_planned(world: Path, tmp_path: Path) -> None:
    """Tasks and blocks to the last one; windows too; bytes within a factor of three."""
    totals: dict[str, int] = {}

    def count(stage: str, done: int, total: int) -> None:
        totals[stage] = max(totals.get(stage, 0), total)

    told = teaching(world, output=str(tmp_path / "detector"))
    planned = plan(told, rate=1e-6)
    detect_train_run(told, notify=count)
    assert planned.load.tasks <= totals["patches"] <= planned.load.tasks + 10  # and the store's
    settings = DetectSettings(
        catalog=str(world / "stac" / "catalog.json"),
        detector=str(tmp_path / "detector" / "detector.zip"),
        output=str(tmp_path / "cells"),
    )
    search = plan(settings, rate=1e-6)
    detect_run(settings, notify=count)
    assert search.load.tasks == totals["windows"]
    assert search.blocks == {"dates": 7}
    there = sum(p.stat().st_size for p in (tmp_path / "cells").rglob("*") if p.is_file())
    assert there / 3 < search.output < 3 * there
    measured = plan(settings)
    assert "block of the input" in measured.rate
    assert measured.seconds["windows"] > 0


def test_a_search_needs_its_detector(world: Path) -> None:
    missing = DetectSettings(catalog=str(world / "stac" / "catalog.json"), detector="none.zip")
    with pytest.raises(FileNotFoundError, match=r"no file none\.zip"):
        plan(missing, rate=1e-6)
