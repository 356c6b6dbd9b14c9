"""Scores of cells: counted by hand, invariant, and on polygons that another detector drew."""

from __future__ import annotations

import json
import math
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
from numpy import testing as npt
from shapely.geometry import box

from minewatch import detections
from minewatch.workflows import SCORE_PRESETS, ScoreSettings, read_settings, score_run

CRS = "EPSG:32721"
LEFT, TOP = 520_000.0, 9_250_000.0
"""A corner that is no multiple of 520 m."""


def cell(row: int, column: int, part: float = 1.0) -> object:
    """A cell of 520 m, or the western part of it."""
    west, north = LEFT + 520 * column, TOP - 520 * row
    return box(west, north - 520, west + 520 * part, north)


def write(path: Path, shapes: list[object], crs: str = CRS, **columns: object) -> str:
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return str(path)


@pytest.fixture
def cells(tmp_path: Path) -> str:
    """Three detections, the last of them twice."""
    shapes = [cell(0, 0), cell(0, 1), cell(3, 3), cell(3, 3)]
    return write(tmp_path / "cells.gpkg", shapes, probability=[0.95, 0.85, 0.9, 0.82])


@pytest.fixture
def mines(tmp_path: Path) -> str:
    """A mine of a cell and a quarter, one of a tenth of a cell, one far away."""
    shapes = [cell(0, 0), cell(0, 1, 0.25), cell(2, 0, 0.1), cell(9, 9)]
    return write(tmp_path / "mines.gpkg", shapes)


@pytest.fixture
def ground(tmp_path: Path) -> str:
    return write(tmp_path / "ground.gpkg", [box(LEFT, TOP - 2600, LEFT + 2600, TOP)])


def scores(**given: object) -> tuple[pd.DataFrame, dict[str, object]]:
    result = score_run(ScoreSettings(**given))  # type: ignore[arg-type]
    assert all(path.exists() for path in result.files.values())
    table = pd.read_csv(result.folder / "scores.csv").set_index("threshold")
    return table, json.loads((result.folder / "metrics.json").read_text())


def test_counts_by_hand(cells: str, mines: str, ground: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    table, numbers = scores(
        detections=cells, reference=mines, extent=ground, output=str(out), thresholds=(0.8, 0.9)
    )
    # The tenth of a cell is no reference cell, and the far mine was never searched.
    assert (numbers["reference_cells"], numbers["cells"]) == (2, 3)
    assert (numbers["cells_on_another_one"], numbers["cell_metres"]) == (1, 520.0)
    assert table.loc[0.8, ["tp", "fp", "fn"]].tolist() == [2, 1, 0]
    # 0.9 is not above 0.9, and the second mine cell is missed.
    assert table.loc[0.9, ["tp", "fp", "fn"]].tolist() == [1, 0, 1]
    assert table.loc[0.8, "f1"] == pytest.approx(0.8)
    assert table.loc[0.9, "reference_recall"] == 0.5
    layers = {name for name, _ in pyogrio.list_layers(out / "outcomes.gpkg")}
    assert {"tp_0.8", "fp_0.8", "fn_0.8", "tp_0.9", "reference", "ground"} <= layers
    missed = gpd.read_file(out / "outcomes.gpkg", layer="fn_0.9")
    npt.assert_allclose(missed.area, 0.25 * 520**2)


def test_the_paper_s_area_takes_smaller_cells(
    cells: str, mines: str, ground: str, tmp_path: Path
) -> None:
    given = {"detections": cells, "reference": mines, "extent": ground}
    settings = read_settings(
        ScoreSettings, preset=SCORE_PRESETS["paper_area"], output=str(tmp_path / "out"), **given
    )
    assert settings.fraction * 520**2 == 10_816  # m²
    score_run(settings)
    table = pd.read_csv(tmp_path / "out" / "scores.csv").set_index("threshold")
    assert table.loc[0.8, "fn"] == 1  # the tenth of a cell counts now


def test_ground_may_be_a_box_in_degrees(cells: str, mines: str, tmp_path: Path) -> None:
    around = gpd.GeoSeries([box(LEFT - 50, TOP - 1610, LEFT + 2650, TOP + 50)], crs=CRS)
    bounds = tuple(around.to_crs("EPSG:4326").total_bounds.tolist())
    table, numbers = scores(
        detections=cells, reference=mines, bbox=bounds, output=str(tmp_path / "out")
    )
    assert numbers["cells_outside"] == 1  # the one in row 3
    assert table.loc[0.8, ["tp", "fp", "fn"]].tolist() == [2, 0, 0]


def test_ground_without_a_known_mine_has_no_scores(cells: str, ground: str, tmp_path: Path) -> None:
    reference = write(tmp_path / "far.gpkg", [cell(9, 9)])
    with pytest.warns(UserWarning, match="so precision, recall and F1 are unknown; check bbox"):
        table, numbers = scores(
            detections=cells, reference=reference, extent=ground, output=str(tmp_path / "out")
        )
    assert numbers["reference_cells"] == 0
    assert table.loc[0.8, ["tp", "fp", "fn"]].tolist() == [0, 3, 0]
    for name in ("precision", "recall", "f1", "reference_recall"):
        assert table[name].isna().all(), name


def test_a_reference_with_other_land_in_it(cells: str, ground: str, tmp_path: Path) -> None:
    reference = write(tmp_path / "all.gpkg", [cell(0, 0), cell(3, 3)], label=[1, 0])
    table, _ = scores(
        detections=cells, reference=reference, extent=ground, label="label",
        output=str(tmp_path / "out"),
    )  # fmt: skip
    assert table.loc[0.8, ["tp", "fp", "fn"]].tolist() == [1, 2, 0]


def test_nothing_found_is_scored_too(mines: str, ground: str, tmp_path: Path) -> None:
    nothing = gpd.GeoDataFrame({"probability": np.array([], float)}, geometry=[], crs=CRS)
    nothing.to_file(tmp_path / "none.gpkg")
    (tmp_path / "metrics.json").write_text('{"cell_metres": 260.0}')
    table, numbers = scores(
        detections=str(tmp_path / "none.gpkg"), reference=mines, extent=ground,
        output=str(tmp_path / "out"),
    )  # fmt: skip
    assert numbers["cell_metres"] == 260.0
    assert math.isnan(table.loc[0.8, "precision"])
    assert table.loc[0.8, "recall"] == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"thresholds": (1.5,)}, "thresholds=.1.5,. is out of range; use probabilities"),
        ({"fraction": 20.0}, "fraction=20.0 is out of range; use a share"),
        ({"extent": None}, "there is no scanned.geojson beside .* say what was: bbox"),
        ({"bbox": (0.0, 0.0, 1.0, 1.0)}, "told twice"),
    ],
)
def test_settings_that_mean_nothing(
    cells: str, mines: str, ground: str, tmp_path: Path, given: dict[str, object], said: str
) -> None:
    base = {"detections": cells, "reference": mines, "extent": ground}
    with pytest.raises(ValueError, match=said):
        score_run(ScoreSettings(**{**base, "output": str(tmp_path / "out"), **given}))
    assert not (tmp_path / "out").exists()


def test_files_of_strangers(cells: str, mines: str, ground: str, tmp_path: Path) -> None:
    def run(detected: str, **given: object) -> None:
        base = {"reference": mines, "extent": ground, "output": str(tmp_path / "out")}
        score_run(ScoreSettings(detections=detected, **{**base, **given}))  # type: ignore[arg-type]

    (tmp_path / "text.gpkg").write_text("no cells")
    with pytest.raises(ValueError, match=r"text\.gpkg is no vector file"):
        run(str(tmp_path / "text.gpkg"))
    with pytest.raises(KeyError, match=r"no column 'score'; it has \['probability'\]"):
        run(cells, probability="score")
    bad = write(tmp_path / "bad.gpkg", [cell(0, 0)], probability=[87.0])
    with pytest.raises(ValueError, match="probabilities from 0 to 1, got 87"):
        run(bad)
    words = write(tmp_path / "words.gpkg", [cell(0, 0)], probability=["high"])
    with pytest.raises(ValueError, match="probabilities from 0 to 1, got high"):
        run(words)
    uneven = write(tmp_path / "uneven.gpkg", [cell(0, 0), cell(1, 1, 0.5)], probability=[0.9, 0.9])
    with pytest.raises(ValueError, match="no cells of one size; cut them into cells first"):
        run(uneven)


def test_a_threshold_below_that_of_the_run_is_refused(
    cells: str, mines: str, ground: str, tmp_path: Path
) -> None:
    (tmp_path / "run.toml").write_text('detector = "d.zip"\nthreshold = 0.8\n')
    with pytest.raises(ValueError, match=r"0\.5 is below the 0\.8 .* --threshold 0\.5"):
        score_run(
            ScoreSettings(
                cells, mines, extent=ground, thresholds=(0.5,), output=str(tmp_path / "o")
            )
        )


TAPAJOS = (-57.5, -7.2, -56.5, -6.2)


@pytest.mark.data
@pytest.mark.slow
def test_polygons_of_amazon_mining_watch(real_data: Path, tmp_path: Path) -> None:
    """Mines of 2023 cut into cells, against those of 2023 and against those new in 2024."""
    folder = real_data / "mines-amazon-mining-watch"
    west, south, east, north = TAPAJOS
    known = gpd.read_file(folder / "mining_202300_simplified.geojson").cx[west:east, south:north]
    grid = detections.reference_grid(known, crs=CRS, snap=True)
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.8, 1.0, len(grid))
    grid.assign(probability=chance).to_file(tmp_path / "cells.gpkg")
    tables = {}
    for year in (2023, 2024):
        tables[year], numbers = scores(
            detections=str(tmp_path / "cells.gpkg"),
            reference=str(folder / f"mining_{year}00_simplified.geojson"),
            bbox=TAPAJOS,
            thresholds=(0.8, 0.85, 0.9, 0.95),
            output=str(tmp_path / str(year)),
        )
        assert numbers["cell_metres"] == 520
        table = tables[year].sort_index()
        # On one lattice, of whole cells, the two recalls coincide; and fewer cells find less.
        npt.assert_allclose(table.recall, table.reference_recall)
        assert (np.diff(table.recall) <= 0).all()
        npt.assert_array_equal(table.tp + table.fn, numbers["reference_cells"])
        f1 = 2 * table.precision * table.recall / (table.precision + table.recall)
        npt.assert_allclose(table.f1, f1)
    # Against what they were made of all are right, and all above 0.8 are all there are.
    assert (tables[2023].precision == 1).all()
    assert tables[2023].loc[0.8, "recall"] == 1
    # A year's polygons are its new mines: they hardly share ground with those of another.
    assert tables[2024].loc[0.8, "precision"] < 0.2
