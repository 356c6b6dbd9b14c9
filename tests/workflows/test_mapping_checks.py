"""What is wrong with a run is told before anything is read or written."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import geopandas as gpd
import pytest
from shapely.geometry import box

from minewatch import vectors
from minewatch.workflows import MappingSettings, mapping_run
from minewatch.workflows.mapping_checks import check_settings, threshold_rule


@pytest.fixture
def settings(tmp_path: Path) -> MappingSettings:
    polygons = gpd.GeoDataFrame(
        {"label": [0, 1], "kind": [3, 4]},
        geometry=[box(0, 0, 1, 1), box(2, 0, 3, 1)],
        crs="EPSG:4326",
    )
    vectors.to_geojson(polygons, tmp_path / "polygons.geojson")
    (tmp_path / "catalog.json").write_text("{}")
    return MappingSettings(
        catalog=str(tmp_path / "catalog.json"),
        reference=str(tmp_path / "polygons.geojson"),
        output=str(tmp_path / "out"),
    )


def test_the_reference_comes_with_its_labels(settings: MappingSettings) -> None:
    assert check_settings(settings)["label"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"folds": 1}, "folds=1 is too small; use 2 or more"),
        ({"trees": 0}, "trees=0 is too small"),
        ({"max_per_polygon": 0}, "max_per_polygon=0 is too small"),
        ({"permutation": -1}, "permutation=-1 is too small"),
        ({"bag": 0.0}, r"bag=0\.0 is out of range; use a share"),
        ({"bag": 1.5}, r"bag=1\.5 is out of range"),
        ({"beta": 0.0}, r"beta=0\.0 is out of range"),
        ({"min_area": -1.0}, "hectares of 0 or more"),
        ({"block": 0.0}, r"block=0\.0 is out of range"),
        ({"points": 5}, "points=5 is out of range; use 0 or at least 20"),
        ({"threshold": "high"}, "threshold 'high' is not known; use 'best'"),
        ({"threshold": "precision:2"}, "'precision:2' is out of range; use 'best', a precision"),
        ({"threshold": "2"}, "threshold '2' is out of range"),
        ({"resolution": 0.0}, r"resolution=0\.0 is out of range; use a pixel size"),
        ({"max_cloud_cover": 140.0}, r"max_cloud_cover=140\.0 is out of range; use percent"),
        ({"max_items": 0}, "max_items=0 is too small"),
        ({"crs": "moon"}, "crs 'moon' is not known; use e.g. 'EPSG:32721'"),
        ({"reducer": "mode"}, "reducer 'mode' is not known"),
        ({"catalog": "nowhere.json"}, "catalog 'nowhere.json' does not exist"),
        ({"reference": "nowhere.geojson"}, r"there is no file nowhere\.geojson"),
        ({"held_out": "nowhere.geojson"}, r"there is no file nowhere\.geojson"),
        ({"label": "kind"}, r"holds \[3, 4\], and must hold both 1 \(mine\) and 0"),
    ],
)
def test_a_mistake_is_told_before_anything_is_written(
    settings: MappingSettings, wrong: dict[str, object], said: str
) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        mapping_run(dataclasses.replace(settings, **wrong))
    assert not Path(settings.output).exists()


def test_thresholds_are_told_in_three_ways() -> None:
    rule, value = threshold_rule("best")
    assert rule == "best"
    assert math.isnan(value)
    assert threshold_rule("precision:0.95") == ("precision", 0.95)
    assert threshold_rule("0") == ("fixed", 0.0)
    for text in ("", "precision:", "recall:0.9", "precision:0", "1.5", "nan", "-0.1"):
        with pytest.raises(ValueError, match=r"is not known|is out of range"):
            threshold_rule(text)
