"""What a plan says of teaching a detector and of a search with it, against what then happens."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask
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
from minewatch.workflows.planning_lessons import lesson_rate


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
    # What is left of the patches, a row of each in the table, the page.
    assert planned.output == pytest.approx(7 * points * (0.85 * 3 * 16**2 * 4 + 64) + 3e5)
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


def test_threads_share_the_blocks_of_a_date(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """128 x 256 pixels and a rim in blocks of 64; more threads than blocks wait for one of them."""
    monkeypatch.setattr(planning_detecting, "PATCH_BLOCK", 64)
    seconds = {}
    for cluster, threads in (("threads", 1), ("local:2", 1), ("threads", 1000)):
        with dask.config.set(num_workers=threads):
            planned = plan(teaching(world, cluster=cluster), rate=1e-3)
        seconds[cluster, threads] = planned.seconds["patches"]
    one, two, many = seconds.values()
    assert 0.5 * one <= two < 0.7 * one
    assert many == pytest.approx(7 * 64**2 * 1e-3)


@pytest.mark.slow
def test_a_lesson_is_timed_on_patches_that_are_made_up(world: Path) -> None:
    rate = lesson_rate(teaching(world), ("vv", "vh", "pa"))
    assert 0 < rate.fixed < 600
    assert 0 <= rate.learn < 1
    assert 0 < rate.ask < 1


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


RUN = """
import json, sys
from minewatch.workflows import DetectSettings, DetectTrainSettings, detect_run, detect_train_run
from minewatch.workflows.mapping_costs import peak_memory

if __name__ == "__main__":
    kind, run = {
        "teach": (DetectTrainSettings, detect_train_run), "search": (DetectSettings, detect_run),
    }[sys.argv[1]]
    run(kind(**json.loads(sys.argv[2])))
    print(peak_memory())
"""


@pytest.mark.slow
def test_memory_and_bytes_of_a_detector_are_as_planned(world: Path, tmp_path: Path) -> None:
    """What is needed ≤ what is planned ≤ 1.6 times that, in processes of their own."""
    teach = teaching(world, output=str(tmp_path / "detector"))
    search = DetectSettings(
        catalog=str(world / "stac" / "catalog.json"),
        detector=str(tmp_path / "detector" / "detector.zip"),
        output=str(tmp_path / "cells"),
    )
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    for name, settings in (("teach", teach), ("search", search)):
        planned = plan(settings, rate=1e-6)
        call = [sys.executable, "-c", RUN, name, json.dumps(dataclasses.asdict(settings))]
        done = subprocess.run(call, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        peak = float(done.stdout.splitlines()[-1])
        assert peak <= planned.peak["main"] <= 1.6 * peak
        folder = Path(settings.output)
        there = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        # Patches pack better than noise, tables and cells are guessed.
        assert 0.6 * there < planned.output < 1.6 * there


def test_a_search_needs_its_detector(world: Path) -> None:
    missing = DetectSettings(catalog=str(world / "stac" / "catalog.json"), detector="none.zip")
    with pytest.raises(FileNotFoundError, match=r"no file none\.zip"):
        plan(missing, rate=1e-6)
