"""One run with every option, and what follows from its folder: files that agree, areas, sensors."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt

from minewatch import learn, simulate, store
from minewatch.simulate import World
from minewatch.workflows import (
    MAP_PRESETS,
    AblationSettings,
    AreaSettings,
    MappingSettings,
    Result,
    ablation_run,
    area_run,
    mapping_run,
    read_settings,
)
from minewatch.workflows.mapping_ablation import PAPER, published_rows
from minewatch.workflows.mapping_parts import mine_map

pytestmark = pytest.mark.slow

MIN_AREA = 0.1


@pytest.fixture(scope="module")
def world() -> World:
    return simulate.mine_world(seed=42, size=128)


@pytest.fixture(scope="module")
def there(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    return folder


@pytest.fixture(scope="module")
def settings(there: Path) -> MappingSettings:
    return MappingSettings(
        catalog=str(there / "stac" / "catalog.json"),
        reference=str(there / "reference.geojson"),
        held_out=str(there / "held_out.geojson"),
        output=str(there / "mines"),
        max_per_polygon=10,
        folds=3,
        search=True,
        select=True,
        permutation=1,
        threshold="precision:0.8",
        beta=0.5,
        min_area=MIN_AREA,
        outlines="gpkg",
        points=160,
        counts=True,
    )


@pytest.fixture(scope="module")
def run(settings: MappingSettings) -> Result:
    return mapping_run(settings)


@pytest.fixture(scope="module")
def numbers(run: Result) -> dict:
    return json.loads((run.folder / "metrics.json").read_text())


def test_every_file_says_the_same(run: Result, numbers: dict) -> None:
    chance = store.open_cube(run.folder / "probability.zarr", name="probability").sel({"class": 1})
    with rasterio.open(run.folder / "mines.tif") as file:
        mines = file.read(1)
        colours = file.colormap(1)
        cell = abs(file.transform.determinant) / 1e4
    assert colours[0][:3] != colours[1][:3]
    assert set(np.unique(mines)) <= {0, 1, 255}
    cut = mine_map(chance, numbers["threshold"]).values
    # The minimum mapping unit only takes away.
    assert ((mines == 1) <= (cut == 1)).all()
    assert (mines == 1).sum() < (cut == 1).sum()
    npt.assert_array_equal(mines == 255, cut == 255)
    outlines = gpd.read_file(run.folder / "mines.gpkg")
    assert outlines.area_ha.min() >= MIN_AREA
    hectares = (mines == 1).sum() * cell
    assert outlines.area_ha.sum() == pytest.approx(hectares)
    assert numbers["mine_ha"] == pytest.approx(hectares)
    sizes = pd.read_csv(run.folder / "sizes.csv").set_index("size class")
    assert sizes.hectares.sum() == pytest.approx(hectares, abs=1e-3)
    for size, group in outlines.groupby("size_class"):
        assert sizes.loc[size, "areas"] == len(group)
        assert sizes.loc[size, "hectares"] == pytest.approx(group.area_ha.sum(), abs=1e-3)


def test_each_file_that_is_named_is_there(run: Result) -> None:
    for path in run.files.values():
        assert path.exists(), path
    for name in (
        "search.csv", "permutation.csv", "domain.tif", "points.gpkg", "importances.csv",
        "clear_count.tif",
    ):  # fmt: skip
        assert run.folder / name in run.files.values()
    page = (run.folder / "report.html").read_text()
    for heading in (
        "Where the mines are", "How good the map is", "What the probabilities are worth",
        "Forests that were tried", "What it would miss", "Points to label", "Images used",
        "Clear views",
    ):  # fmt: skip
        assert heading in page


def test_scores_have_intervals_that_hold_them(numbers: dict) -> None:
    for name in ("cross_validation", "held_out"):
        scores = numbers[name]
        for score, (low, high) in scores["intervals"].items():
            assert 0 <= low <= scores[score] <= high <= 1, score
            assert high - low > 0.001  # polygons differ
    assert set(numbers["cross_validation"]["intervals"]) >= {"precision", "recall", "f_beta", "mcc"}


def test_calibrated_probabilities_are_no_worse_and_nearly_right(numbers: dict) -> None:
    before, after = (numbers["calibration"][when] for when in ("before", "after"))
    assert after["brier"] <= before["brier"] * 1.02
    assert after["calibration_error"] <= 0.03
    assert numbers["calibration"]["held_out"]["calibration_error"] <= 0.03


def test_the_model_is_the_one_that_was_chosen(run: Result, numbers: dict) -> None:
    model = learn.load_model(run.folder / "model.npz")
    assert isinstance(model, learn.CalibratedModel)
    assert list(model.feature_names_in_) == numbers["covariates"]
    table = pd.read_csv(run.folder / "search.csv")
    assert len(table) == 72
    best = table.loc[table["accuracy"].idxmax()]
    assert numbers["forest"]["bag"] == pytest.approx(best["bag"])
    assert numbers["forest"]["trees"] == best["trees"]
    stack = store.open_cube(run.folder / "features.zarr")
    assert len(stack.data_vars) == len(numbers["covariates"]) + len(numbers["covariates_left_out"])
    with rasterio.open(run.folder / "domain.tif") as file:
        npt.assert_allclose(file.read(1), learn.outside_domain(model, stack), atol=1e-6)


def labelled_by_truth(run: Result, world: World, path: Path) -> gpd.GeoDataFrame:
    points = gpd.read_file(run.folder / "points.gpkg")
    truth = world.land_cover == simulate.LAND_COVER["mine"]
    at = {name: xr.DataArray(points[name].values) for name in ("x", "y")}
    points["label"] = truth.sel(at, method="nearest").values.astype(int)
    points.to_file(path, driver="GPKG")
    return points


@pytest.mark.filterwarnings("ignore:the intervals of classes")
def test_labelled_points_give_the_true_area(run: Result, world: World, tmp_path: Path) -> None:
    points = labelled_by_truth(run, world, tmp_path / "points.gpkg")
    with rasterio.open(run.folder / "mines.tif") as file:
        mines = file.read(1)
    drawn = points.groupby("stratum").size()
    assert drawn.sum() == 160
    assert drawn.min() >= 40
    assert points["total_ha"].iloc[0] == pytest.approx((mines != 255).sum() / 100)
    assert points["weight"].sum() == pytest.approx(points["total_ha"].iloc[0])
    result = area_run(
        AreaSettings(
            points=str(tmp_path / "points.gpkg"),
            output=str(tmp_path / "areas"),
            interval="cautious",
        )
    )
    found = pd.read_csv(result.folder / "area.csv").set_index("name").loc["mine"]
    stack = store.open_cube(run.folder / "features.zarr")
    cover = world.land_cover.reindex_like(stack, method="nearest", tolerance=1.0)
    truth = cover == simulate.LAND_COVER["mine"]
    area = float((truth.values & (mines != 255)).sum()) / 100
    # One sample, whose cautious 95 % interval holds the truth nearly always.
    assert found.area_low_ha <= area <= found.area_high_ha
    assert found.area_high_ha - found.area_low_ha > 0


def test_sensors_are_compared_on_the_samples_of_the_run(run: Result) -> None:
    result = ablation_run(AblationSettings(folder=str(run.folder), repeats=300))
    table = pd.read_csv(run.folder / "ablation.csv").set_index("set")
    assert list(table.index) == ["S2 only", "L8 only", "S1 only", "PALSAR only", "all"]
    stack = store.open_cube(run.folder / "features.zarr")
    assert table.covariates["all"] == len(stack.data_vars)
    assert (table.lower <= table.f_beta).all()
    assert (table.f_beta <= table.upper).all()
    # The world is made so that no sensor tells mines from bare soil alone.
    assert table.f_beta["all"] > table.f_beta.drop("all").max()
    assert "unseen polygons all" in result.summary["verdict"]
    assert "searched on all covariates" in (run.folder / "ablation.html").read_text()
    for path in result.files.values():
        assert path.exists()
    with pytest.raises(FileExistsError, match="holds a comparison already; say overwrite"):
        ablation_run(AblationSettings(folder=str(run.folder)))


def test_a_folder_without_a_map_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no run\.toml and features\.zarr"):
        ablation_run(AblationSettings(folder=str(tmp_path)))


def test_published_tables_are_recomputed() -> None:
    rows = pd.DataFrame(published_rows()).set_index(["map", "score"])
    fusion, single = PAPER
    assert rows.loc[(fusion, "MCC"), "recomputed"] == pytest.approx(0.59375, abs=5e-5)
    assert rows.loc[(single, "accuracy"), "recomputed"] == pytest.approx(0.78395, abs=5e-5)
    assert rows.loc[(single, "F0.5"), "recomputed"] == pytest.approx(0.81476, abs=5e-5)
    assert len(rows) == 14


def test_another_run_takes_away_what_it_does_not_make(
    run: Result, settings: MappingSettings
) -> None:
    """Runs last: it replaces the folder of the others."""
    (run.folder / "notes.txt").write_text("mine")
    points = gpd.read_file(run.folder / "points.gpkg")
    points.assign(label=1).to_file(run.folder / "points.gpkg", driver="GPKG")
    with pytest.raises(FileExistsError, match="160 labels that somebody gave; move it"):
        mapping_run(dataclasses.replace(settings, overwrite=True))
    points.to_file(run.folder / "points.gpkg", driver="GPKG")
    again = dataclasses.replace(
        settings, overwrite=True, search=False, select=False, permutation=0, points=0, trees=10,
        counts=False, outlines="geojson", calibration="none", threshold="0.5", max_per_polygon=5,
    )  # fmt: skip
    result = mapping_run(again)
    assert not (run.folder / "run.earlier.toml").exists()
    for name in (
        "search.csv", "permutation.csv", "points.gpkg", "mines.gpkg", "ablation.csv",
        "clear_count.tif",
    ):  # fmt: skip
        assert not (run.folder / name).exists(), name
    assert (run.folder / "mines.geojson") in result.files.values()
    assert (run.folder / "notes.txt").read_text() == "mine"
    assert not isinstance(learn.load_model(run.folder / "model.npz"), learn.CalibratedModel)


@pytest.mark.filterwarnings("ignore:palsar_ndi repeat")  # one mosaic, no earlier one
def test_the_published_way_runs_on_all_sensors(there: Path, tmp_path: Path) -> None:
    published = read_settings(
        MappingSettings,
        preset=MAP_PRESETS["nursamsi"],
        catalog=str(there / "stac" / "catalog.json"),
        reference=str(there / "reference.geojson"),
        output=str(tmp_path / "mines"),
        trees=20,
        max_per_polygon=10,
    )
    result = mapping_run(published)
    found = json.loads((result.folder / "metrics.json").read_text())
    stack = store.open_cube(result.folder / "features.zarr")
    assert len(stack.data_vars) == 45
    # The season is of 2022, the mosaic of 2021.
    days = pd.read_csv(result.folder / "items.csv").groupby("sensor")["date"].unique()
    assert list(days["palsar"]) == ["2021-01-01/2021-12-31"]
    assert all(day.startswith("2022") for day in days["sentinel2"])
    assert "yearly mosaics: 2021 was taken" in (result.folder / "report.html").read_text()
    assert found["beta"] == 0.5
    assert found["forest"]["mode"] == "smile"
    assert 0 < len(found["covariates"]) <= 25
    assert found["cross_validation"]["f_beta"] > 0.7
