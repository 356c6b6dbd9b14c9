"""The demonstration reaches the truth of its world, on worker processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from minewatch.workflows import DemoSettings, Result, demo_run, simulate_run
from minewatch.workflows.demo import BAYES, DUMP, F1, PIT, ROCK, WORKED


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Result:
    return demo_run(DemoSettings(output=str(tmp_path_factory.mktemp("demo"))))


@pytest.mark.slow
def test_both_maps_reach_the_truth(run: Result) -> None:
    scores = json.loads((run.folder / "scores.json").read_text())
    assert scores[PIT] >= 0.95
    assert abs(scores[DUMP] - scores[WORKED]) <= 0.1
    assert scores[ROCK] >= 0.99
    # Within 0.05 of the classifier that knows the simulator's densities; the forest may be a
    # little better, since the Lee filter looks at neighbours as a whole.
    assert abs(scores[F1] - scores[BAYES]) <= 0.05


@pytest.mark.slow
def test_the_demonstration_leaves_maps_and_pages(run: Result) -> None:
    for name in (
        "report.html", "activity/activity.tif", "activity/activity.geojson",
        "activity/report.html", "mines/mines.geojson", "mines/probability.tif",
        "mines/report.html", "mines/run.toml", "activity/dropped_pairs.csv",
    ):  # fmt: skip
        assert (run.folder / name).stat().st_size > 0


def test_a_world_can_be_written_alone(tmp_path: Path) -> None:
    result = simulate_run(tmp_path / "world", seed=3, size=128)
    assert len(list((tmp_path / "world" / "slc").glob("*.tif"))) == 14
    catalog = json.loads((tmp_path / "world" / "stac" / "catalog.json").read_text())
    children = [link["href"] for link in catalog["links"] if link["rel"] == "child"]
    assert len(children) == 5
    for path in result.files.values():
        assert path.exists()


def test_a_world_is_not_written_over_something_else(tmp_path: Path) -> None:
    (tmp_path / "zones.geojson").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty; choose another output folder"):
        simulate_run(tmp_path, kind="open-pit", size=96)
    assert (tmp_path / "zones.geojson").read_text() == "mine"
