"""Maps by radar alone: who teaches, which pixels, and what is left in the folder."""

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
from carrying import as_recorded
from numpy import testing as npt
from shapely.geometry import Point, box
from sklearn.metrics import cohen_kappa_score

from minewatch import changes, learn, metrics, simulate, store
from minewatch.workflows import AblationSettings, MappingSettings, Result, ablation_run, mapping_run
from minewatch.workflows.mapping_checks import check_settings
from minewatch.workflows.mapping_parts import majority, mine_map, without_small
from minewatch.workflows.mapping_students_checks import (
    block_side,
    check_students,
    require_sensors,
    teacher_grid,
)
from minewatch.workflows.mapping_students_pixels import draw_pixels, fold_of_pixels
from minewatch.workflows.mapping_students_scores import overlaps

SIDE = 400.0

pytestmark = pytest.mark.filterwarnings("ignore:.*let the teacher label more of it")
"""Of so few pixels the map holds darker and brighter ones."""


def small(**given: object) -> MappingSettings:
    return MappingSettings(catalog="", reference="", sar_only=True, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        (small(noise="loss"), "noise 'loss' is not known; use none, confident, soft, small_loss"),
        (small(student="svm"), "student 'svm' is not known; use forest, boosting"),
        (small(keep=0.0), "keep is 0.0; use a share above 0 and up to 1"),
        (small(student_samples=20), "student_samples=20 is too small; use 200 or more"),
        (small(permutation=3), "permutation=3 asks .* leave it out with sar_only"),
        (MappingSettings(catalog="", reference="", teacher="mines"), "say sar_only"),
    ],
)
def test_settings_that_mean_nothing_are_told(settings: MappingSettings, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        check_settings(settings)


def test_a_teacher_is_a_finished_map_of_what_can_see(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"lacks run\.toml, .*'minewatch map'"):
        check_students(small(teacher=str(tmp_path)))
    for name in ("run.toml", "features.zarr", "probability.zarr", "items.csv", "student.npz"):
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match="by radar alone itself"):
        check_students(small(teacher=str(tmp_path)))


def test_what_is_not_there_to_see_is_told() -> None:
    with pytest.raises(ValueError, match="Sentinel-1 or PALSAR, found landsat8, sentinel2"):
        require_sensors(small(), ["sentinel2", "landsat8"])
    with pytest.raises(ValueError, match="no optical image to learn a teacher from"):
        require_sensors(small(), ["sentinel1"])
    require_sensors(small(teacher="mines"), ["sentinel1"])
    require_sensors(small(), ["palsar", "landsat8"])
    require_sensors(MappingSettings(catalog="", reference=""), ["landsat8"])


# Pixels


@pytest.fixture
def layers(rng: np.random.Generator) -> xr.Dataset:
    """100 × 150 pixels of 20 m: their number, a gap, and a mine in five."""
    number = np.arange(15000, dtype=np.float32).reshape(100, 150)
    coords = {"y": 9e6 - 10 - 20 * np.arange(100), "x": 5e5 + 10 + 20 * np.arange(150)}
    chance = (rng.random((100, 150)) < 0.2).astype("f4")
    found = xr.Dataset({"s1_vv": (("y", "x"), number)}, coords).rio.write_crs("EPSG:32721")
    found["s1_vv"][:20, :20] = np.nan
    return found.assign(chance=(("y", "x"), chance))


def test_pixels_come_from_all_blocks_and_half_are_mines(layers: xr.Dataset) -> None:
    stack, chance = layers[["s1_vv"]], layers["chance"]
    drawn = draw_pixels(stack, chance, size=800, side=SIDE, seed=3)
    assert drawn.sizes["sample"] == 800
    npt.assert_array_equal(drawn.s1_vv, drawn.row * 150 + drawn.column)
    assert len(np.unique(drawn.s1_vv)) == 800
    rows, columns = (xr.DataArray(drawn[name].values, dims="sample") for name in ("row", "column"))
    npt.assert_array_equal(drawn.chance, chance.isel(y=rows, x=columns))
    npt.assert_array_equal(drawn.x, stack.x.values[drawn.column])
    assert float(drawn.chance.mean()) == 0.5
    rarely = chance.where(xr.DataArray(np.arange(150) % 4 == 0, dims="x"), np.float32(0))
    # 3,200 are looked at: of rare mines all of those.
    rare = draw_pixels(stack, rarely, size=800, side=SIDE, seed=3)
    assert 0.12 < float(rare.chance.mean()) < 0.28
    # 5 × 8 blocks, the last ones narrower, the first one unseen.
    block = np.floor(drawn.y / SIDE) * 1e6 + np.floor(drawn.x / SIDE)
    assert len(np.unique(block)) == len(np.unique(drawn.polygon)) == 39
    assert len(np.unique(np.stack([block, drawn.polygon]), axis=1).T) == 39
    _, many = np.unique(drawn.polygon, return_counts=True)
    assert many.min() > 5
    again = draw_pixels(
        stack.chunk(y=33, x=47), chance.chunk(y=50, x=50), size=800, side=SIDE, seed=3
    )
    xr.testing.assert_identical(drawn, again)
    with pytest.raises(ValueError, match="seen by teacher and radar both; widen datetime"):
        draw_pixels(stack, chance * np.nan, size=200, side=SIDE, seed=3)


def test_pixels_are_held_back_with_their_polygon_and_with_their_block(layers: xr.Dataset) -> None:
    left, top = 5e5, 9e6
    corners = [(905, 105), (345, 505), (1305, 1505), (2505, 905), (2445, 945)]
    polygons = gpd.GeoDataFrame(
        {"label": [1, 0, 1, 0, 1]},
        geometry=[box(left + x, top - y - 140, left + x + 130, top - y) for x, y in corners],
        crs="EPSG:32721",
    )
    stack = layers[["s1_vv"]]
    samples = learn.draw(stack, polygons.iloc[:4])
    split = learn.PolygonSplit(2, blocks=SIDE)
    fold = np.zeros(samples.sizes["sample"], np.int64)
    for number, (_, test) in enumerate(split.split(samples)):
        fold[test] = number
    pixels = draw_pixels(stack, layers["chance"], size=3000, side=SIDE, seed=0)
    own, around = fold_of_pixels(pixels, samples, fold, polygons.iloc[:4], stack, SIDE)
    blocks: dict[tuple[float, float], int] = {}
    of_polygon: dict[int, int] = {}
    for row in range(4):
        at = samples.polygon.values == row
        of_polygon[row] = int(fold[at][0])
        centre = tuple(float(samples[name].values[at].mean() // SIDE) for name in ("x", "y"))
        blocks[centre] = of_polygon[row]
    inside = 0
    for i, (x, y) in enumerate(zip(pixels.x.values, pixels.y.values, strict=True)):
        within = [
            row
            for row, outline in enumerate(polygons.geometry.iloc[:4])
            if outline.contains(Point(x, y))
        ]
        inside += len(within)
        assert own[i] == (of_polygon[within[0]] if within else -1)
        assert around[i] == blocks.get((x // SIDE, y // SIDE), -1)
    assert inside > 10


def test_the_majority_is_that_of_the_obvious_loop(rng: np.random.Generator) -> None:
    codes = rng.choice(np.array([0, 1, 255], "u1"), size=(30, 40), p=[0.5, 0.35, 0.15])
    expected = codes.copy()
    for i, j in np.argwhere(codes != 255):
        around = codes[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        mines, others = (around == 1).sum(), (around == 0).sum()
        expected[i, j] = codes[i, j] if mines == others else mines > others
    npt.assert_array_equal(majority(xr.DataArray(codes, dims=("y", "x"))), expected)


def test_overlaps_and_kappa_of_the_known_table(rng: np.random.Generator) -> None:
    truth = np.repeat([0, 0, 1, 1], [50, 2, 3, 45])
    said = np.repeat([0, 1, 0, 1], [50, 2, 3, 45])
    found = overlaps(metrics.confusion(truth, said, classes=(0, 1)))
    assert found["mean_iou"] == pytest.approx(
        {"default": 0.904545, "track1": 0.9, "track2": 0.904545}, abs=1e-6
    )
    assert found["iou"] == pytest.approx({"other": 0.909091, "mine": 0.9}, abs=1e-6)
    assert found["kappa"] == pytest.approx(cohen_kappa_score(truth, said))
    at_random = overlaps(metrics.confusion(truth, rng.permutation(said), classes=(0, 1)))
    assert abs(at_random["kappa"]) < 0.3


def test_blocks_are_a_kilometre_or_a_hundredth_of_the_map() -> None:
    from minewatch import grids

    large = grids.geobox((0, 0, 40_000, 40_000), crs="EPSG:32721", resolution=20)
    scrap = grids.geobox((0, 0, 2_000, 2_000), crs="EPSG:32721", resolution=20)
    assert block_side(small(), large) == 1000
    assert block_side(small(), scrap) == 200
    assert block_side(small(block=350.0), large) == 350


# Runs


@pytest.fixture(scope="module")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=42, size=128)
    simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    return folder


@pytest.fixture(scope="module")
def settings(world_folder: Path) -> MappingSettings:
    """Coarse and short: what is asked of it is that its files agree, not that it maps well."""
    return MappingSettings(
        catalog=str(world_folder / "stac" / "catalog.json"),
        reference=str(world_folder / "reference.geojson"),
        output=str(world_folder / "sar"),
        collections=("landsat-c2-l2", "sentinel-1-rtc"),
        resolution=20.0,
        sar_only=True,
        student_samples=400,
        trees=10,
        max_per_polygon=10,
        folds=2,
        noise="none",
    )


@pytest.fixture(scope="module")
def run(settings: MappingSettings) -> Result:
    return mapping_run(settings)


def numbers_of(run: Result) -> dict:
    return json.loads((run.folder / "metrics.json").read_text())


def test_each_file_carries_what_the_record_tells(run: Result) -> None:
    # The side of blocks too, which is found when the first store was not yet filled.
    assert {"features.zarr", "teacher.tif", "mines.tif"} <= as_recorded(run.folder)


def test_a_student_sees_radar_alone_and_its_file_makes_the_map(run: Result) -> None:
    student = learn.load_model(run.folder / "student.npz")
    names = [str(name) for name in student.model.feature_names_in_]
    assert {name.partition("_")[0] for name in names} == {"s1"}
    assert {"s1_vv", "s1_vh_sd", "s1_vh_std", "s1_vv_entropy", "s1_rfdi"} <= set(names)
    stack = store.open_cube(run.folder / "features.zarr")
    assert "l8_swir16" in stack
    stored = store.open_cube(run.folder / "probability.zarr", name="probability")
    npt.assert_array_equal(learn.predict_proba(student, stack), stored)
    threshold = numbers_of(run)["threshold"]
    mines, _ = without_small(majority(mine_map(stored.sel({"class": 1}), threshold)), 0.01)
    with rasterio.open(run.folder / "mines.tif") as file:
        npt.assert_array_equal(file.read(1), mines)
    facts = student.provenance_
    assert facts["noise"]["method"] == "none"
    assert facts["pixels"] == 400
    assert facts["teacher"].endswith("teacher.npz")


def test_the_teacher_sees_no_radar_and_is_left_beside(run: Result) -> None:
    teacher = learn.load_model(run.folder / "teacher.npz")
    assert {name.partition("_")[0] for name in teacher.model.feature_names_in_} == {"l8"}
    stack = store.open_cube(run.folder / "features.zarr")
    with rasterio.open(run.folder / "teacher.tif") as file:
        chance = file.read(1)
    npt.assert_array_equal(learn.predict_proba(teacher, stack).sel({"class": 1}), chance)
    assert not (run.folder / "model.npz").exists()
    assert not (run.folder / "change.tif").exists()


def test_what_is_lost_is_told_with_its_interval(run: Result) -> None:
    found = numbers_of(run)
    against = found["against_polygons"]
    for name in ("radar", "optical"):
        assert set(against[name]["mean_iou"]) == {"default", "track1", "track2"}
        assert against[name]["mean_iou"]["track1"] == pytest.approx(
            against[name]["iou"]["mine"], abs=1e-6
        )
    drop = against["drop"]["mean_iou"]
    lost = against["optical"]["mean_iou"]["default"] - against["radar"]["mean_iou"]["default"]
    assert drop["estimate"] == pytest.approx(lost)
    assert drop["interval"][0] <= lost <= drop["interval"][1]
    f1 = found["cross_validation"]["f_beta"]
    assert against["radar"]["iou"]["mine"] == pytest.approx(f1 / (2 - f1))
    pixels = np.array(found["against_teacher"]["confusion"]).sum()
    with rasterio.open(run.folder / "mines.tif") as file:
        assert 0 < pixels <= (file.read(1) != 255).sum()
    rows = np.array(found["noise"]["on_trusted_polygons"]["transition"])
    npt.assert_allclose(rows.sum(axis=1), 1)
    assert found["noise"]["rate"] is None
    page = (run.folder / "report.html").read_text()
    assert "Radar against the optical map that taught it" in page
    assert "lost against the optical map" in run.summary
    # The page says what was drawn, which side is the better, and why an interval lacks.
    assert drop["units"] == (
        "polygons" if "intervals" not in found["cross_validation"] else "blocks"
    )
    assert f"draw {drop['drawn']} {drop['units']} anew" in page
    losses = [each["estimate"] for each in against["drop"].values()]
    assert ("below 0 the radar is the better" in page) is (min(losses) < 0)
    assert ("nothing can be drawn" in page) is ("intervals" not in found["cross_validation"])


@pytest.mark.slow
def test_the_search_of_a_teacher_is_told(settings: MappingSettings, tmp_path: Path) -> None:
    searched = dataclasses.replace(
        settings, search=True, max_per_polygon=3, student_samples=200, output=str(tmp_path / "sar")
    )
    tried = pd.read_csv(mapping_run(searched).folder / "search.csv")
    assert len(tried) == 72
    assert {"trees", "bag"} <= set(tried.columns)


def test_without_an_optical_image_nobody_teaches(settings: MappingSettings, tmp_path: Path) -> None:
    blind = dataclasses.replace(
        settings, collections=("sentinel-1-rtc",), output=str(tmp_path / "blind")
    )
    with pytest.raises(ValueError, match="no optical image to learn a teacher from"):
        mapping_run(blind)
    deaf = dataclasses.replace(
        settings, collections=("landsat-c2-l2",), output=str(tmp_path / "deaf")
    )
    with pytest.raises(ValueError, match="needs images of Sentinel-1 or PALSAR"):
        mapping_run(deaf)


def test_sensors_of_a_map_by_radar_are_not_compared(run: Result) -> None:
    with pytest.raises(ValueError, match="mapped by radar alone"):
        ablation_run(AblationSettings(folder=str(run.folder)))


@pytest.fixture(scope="module")
def earlier(settings: MappingSettings, world_folder: Path) -> Result:
    return mapping_run(
        dataclasses.replace(
            settings,
            sar_only=False,
            collections=("sentinel-2-l2a",),
            datetime="2021-08-01/2021-12-31",
            output=str(world_folder / "earlier"),
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("student", ["forest", "boosting"])
def test_an_earlier_map_teaches_and_what_changed_is_mapped(
    settings: MappingSettings, earlier: Result, tmp_path: Path, student: str
) -> None:
    later = dataclasses.replace(
        settings,
        teacher=str(earlier.folder),
        collections=("sentinel-1-rtc", "sentinel-2-l2a"),
        datetime="2022-05-01/2022-08-31",
        output=str(tmp_path / "later"),
        noise="soft",
        student=student,
    )
    result = mapping_run(later)
    before, after = (
        store.open_cube(folder / "probability.zarr", name="probability").load()
        for folder in (earlier.folder, result.folder)
    )
    npt.assert_array_equal(before.x, after.x)
    expected = changes.class_change(before, after)
    for name in ("change", "new_mine"):
        with rasterio.open(result.folder / f"{name}.tif") as file:
            npt.assert_array_equal(file.read(1), expected[name])
    assert "sentinel2" not in (result.folder / "items.csv").read_text()
    suffix = "npz" if student == "forest" else "skops"
    model = learn.load_model(result.folder / f"student.{suffix}")
    assert model.provenance_["teacher"] == earlier.folder.name
    noise = numbers_of(result)["noise"]
    assert 0 <= noise["rate"] < 0.5
    npt.assert_allclose(np.sum(noise["transition"], axis=1), 1)
    assert teacher_grid(later) is not None


@pytest.mark.slow
def test_the_same_season_shows_no_change(
    settings: MappingSettings, earlier: Result, tmp_path: Path
) -> None:
    whole = dataclasses.replace(
        settings,
        teacher=str(earlier.folder),
        output=str(tmp_path / "again"),
        collections=("sentinel-1-rtc",),
    )
    assert (mapping_run(whole).folder / "change.tif").exists()
    # The teacher's images are of 2021; a teacher that looked again in 2022 knows of no before.
    items = earlier.folder / "items.csv"
    kept = items.read_text()
    try:
        items.write_text(kept + "sentinel2,later,2022-08-27\n")
        again = mapping_run(dataclasses.replace(whole, overwrite=True))
    finally:
        items.write_text(kept)
    assert not (again.folder / "change.tif").exists()
