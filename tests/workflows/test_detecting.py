"""A detector taught, run and scored on a simulated world, as its files tell it."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
import xarray as xr
from carrying import as_recorded
from numpy import testing as npt

from minewatch import detections, learn, simulate, store
from minewatch.store import cubes
from minewatch.workflows import (
    DetectSettings,
    DetectTrainSettings,
    Result,
    ScoreSettings,
    detect_run,
    detect_train_run,
    read_settings,
    score_run,
)
from minewatch.workflows.detecting_dates import DATES
from minewatch.workflows.detecting_epochs import epoch_told

SIZE = 32
"""Pixels of a patch: 320 m, so that a small world holds many."""


@pytest.fixture(scope="module")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Radar images, points on mines and away from them, the mines."""
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=42, size=160)
    simulate.write_stac(world, folder / "stac")
    mines = world.polygons[world.polygons.label == 1]
    west, south, east, north = world.regions.total_bounds
    rng = np.random.default_rng(0)
    # Patches reach 160 m from their point, to either side.
    xy = np.column_stack([rng.uniform(west, east, 600), rng.uniform(south, north, 600)])
    away = shapely.union_all(mines.geometry.to_numpy()).buffer(240)
    others = xy[~shapely.contains_xy(away, xy[:, 0], xy[:, 1])][:36]
    geometry = [*mines.geometry.representative_point(), *map(shapely.Point, others)]
    label = [1] * len(mines) + [0] * len(others)
    points = gpd.GeoDataFrame({"label": label}, geometry=geometry, crs=mines.crs)
    points.to_crs("EPSG:4326").to_file(folder / "points.geojson")
    mines.to_file(folder / "mines.gpkg")
    return folder


@pytest.fixture(scope="module")
def lesson(world_folder: Path) -> DetectTrainSettings:
    return DetectTrainSettings(
        catalog=str(world_folder / "stac" / "catalog.json"),
        points=str(world_folder / "points.geojson"),
        output=str(world_folder / "detector"),
        datetime="2022-05-01/2022-06-10",
        size=SIZE,
        kind="texture",
    )


@pytest.fixture(scope="module")
def taught(lesson: DetectTrainSettings) -> Result:
    return detect_train_run(lesson)


@pytest.fixture(scope="module")
def search(world_folder: Path, taught: Result) -> DetectSettings:
    return DetectSettings(
        catalog=str(world_folder / "stac" / "catalog.json"),
        detector=str(taught.folder / "detector.zip"),
        output=str(world_folder / "cells"),
        datetime="2022-05-01/2022-06-10",
    )


@pytest.fixture(scope="module")
def found(search: DetectSettings) -> Result:
    return detect_run(search)


def windows_of(run: Result) -> xr.DataArray:
    return store.open_cube(run.folder / "windows.zarr", name="probability").load()


# Teaching


def test_files_of_a_lesson_say_the_same(taught: Result, lesson: DetectTrainSettings) -> None:
    assert all(path.exists() for path in taught.files.values())
    patches = store.open_cube(taught.folder / "patches.zarr").load()
    table = pd.read_csv(taught.folder / "patches.csv")
    numbers = json.loads((taught.folder / "metrics.json").read_text())
    assert len(table) == patches.sizes["patch"] == numbers["patches"]
    npt.assert_array_equal(table.label, patches.label)
    npt.assert_array_equal(table.point, patches.point)
    points = gpd.read_file(lesson.points)
    every = len(points) * numbers["dates"]
    assert numbers["dates"] == 2
    assert numbers["patches"] + numbers["dropped_edge"] + numbers["dropped_nodata"] == every
    assert not (taught.folder / "history.csv").exists()  # trees have no epochs


def test_no_point_is_on_both_sides(taught: Result) -> None:
    table = pd.read_csv(taught.folder / "patches.csv")
    assert set(table.part) == {"train", "test"}
    assert table.groupby("point").part.nunique().max() == 1
    assert set(table[table.part == "test"].label) == {0, 1}


def test_scores_are_those_of_the_table(taught: Result) -> None:
    table = pd.read_csv(taught.folder / "patches.csv").query("part == 'test'")
    numbers = json.loads((taught.folder / "metrics.json").read_text())
    assert [row["threshold"] for row in numbers["held_out"]] == [0.5, 0.8, 0.9]
    for row in numbers["held_out"]:
        called = table.probability > row["threshold"]
        assert row["tp"] == int((called & (table.label == 1)).sum())
        assert row["fp"] == int((called & (table.label == 0)).sum())
        assert row["tp"] + row["fp"] + row["fn"] + row["tn"] == len(table)
        assert row["f1_lower"] <= row["f1"] <= row["f1_upper"]
    # Mines are dark holes in forest: statistics of texture tell nearly all of them.
    assert numbers["held_out"][0]["f1"] > 0.8


def test_the_file_answers_as_the_detector_did_and_tells_how_it_saw(taught: Result) -> None:
    detector = learn.patches.load_detector(taught.folder / "detector.zip")
    patches = store.open_cube(taught.folder / "patches.zarr").load()
    table = pd.read_csv(taught.folder / "patches.csv")
    again = detector.predict_proba(patches.patches.values[:20])
    npt.assert_allclose(again, table.probability[:20], atol=1e-6)  # CSV keeps float32 whole
    told = detector.provenance_
    assert told["radar"] == {"looks": 4.4, "window": 3, "averaging": "difference", "floor": None}
    assert (told["resolution"], told["collection"]) == (10.0, "sentinel-1-rtc")


# Running


def test_cells_are_those_of_the_stored_windows(found: Result, search: DetectSettings) -> None:
    windows = windows_of(found)
    assert windows.dims == ("time", "y", "x")
    assert windows.sizes["time"] == 2
    expected = detections.cells(windows.max("time", keep_attrs=True), threshold=0.8)
    cells = gpd.read_file(found.folder / "cells.gpkg")
    assert len(cells) == len(expected) > 0
    assert cells.union_all().equals(expected.union_all())
    npt.assert_allclose(sorted(cells.probability), sorted(expected.probability))
    assert (cells.probability > search.threshold).all()
    assert (np.diff(cells.probability) <= 0).all()
    # A cell is half a window: 160 m, 2.56 ha, at multiples of its side.
    npt.assert_allclose(cells.area_ha, 2.56, rtol=1e-9)
    npt.assert_allclose(cells.bounds.to_numpy() % 160, 0, atol=1e-6)
    web = gpd.read_file(found.folder / "cells.geojson")
    assert (len(web), web.crs.to_epsg()) == (len(cells), 4326)


def test_windows_are_what_the_detector_says_of_the_images(
    found: Result, taught: Result, world_folder: Path
) -> None:
    """A window by hand: the image as it lies on disk, filtered, cut, asked about."""
    windows = windows_of(found).isel(time=0)
    detector = learn.patches.load_detector(taught.folder / "detector.zip")
    image = sorted(world_folder.glob("stac/sentinel-1-rtc/S1A*"))[0]
    bands = {}
    for name in ("vv", "vh"):
        with rasterio.open(image / f"{name}.tif") as file:
            transform, values = file.transform, file.read(1)
        y = transform.f + transform.e * (np.arange(values.shape[0]) + 0.5)
        x = transform.c + transform.a * (np.arange(values.shape[1]) + 0.5)
        bands[name] = xr.DataArray(values, {"y": y, "x": x}, ("y", "x"))
    scene = learn.patches.channels(xr.Dataset(bands)).to_numpy()
    row = round((transform.f - float(windows.y[4])) / 10) - SIZE // 2
    column = round((float(windows.x[7]) - transform.c) / 10) - SIZE // 2
    patch = scene[None, :, row : row + SIZE, column : column + SIZE]
    npt.assert_allclose(detector.predict_proba(patch)[0], windows[4, 7], atol=1e-6)


def test_each_file_carries_what_the_record_tells(taught: Result, found: Result) -> None:
    assert as_recorded(taught.folder) == {"patches.zarr"}
    files = {"cells.gpkg", "cells.geojson", "windows.zarr", "windows.tif"}
    assert files < as_recorded(found.folder)


def test_dates_of_a_cell_are_those_on_which_it_was_seen(found: Result) -> None:
    windows = windows_of(found)
    cells = gpd.read_file(found.folder / "cells.gpkg").set_index("geometry")
    seen = [
        detections.cells(windows.isel(time=at), threshold=0.8).geometry.centroid
        for at in range(windows.sizes["time"])
    ]
    days = [str(np.datetime_as_string(time, unit="D")) for time in windows.time.values]
    for shape, cell in cells.iterrows():
        on = [day for day, places in zip(days, seen, strict=True) if places.within(shape).any()]
        assert (cell["dates"], cell["first"], cell["last"]) == (len(on), on[0], on[-1])


def test_the_page_tells_places_to_the_metre(found: Result) -> None:
    cells = gpd.read_file(found.folder / "cells.gpkg")
    page = (found.folder / "report.html").read_text(encoding="utf-8")
    centres = cells.geometry.centroid.to_crs("EPSG:4326").head(20)
    assert len(centres)
    for place in centres:
        # Five decimals of a degree are a metre.
        assert f"{place.x:.5f}</td>" in page
        assert f"{place.y:.5f}</td>" in page


def test_ground_that_windows_saw(found: Result, world_folder: Path) -> None:
    windows = windows_of(found)
    ground = gpd.read_file(found.folder / "scanned.geojson").to_crs(windows.spatial_ref.crs_wkt)
    known = np.isfinite(windows.to_numpy()).any(axis=0)
    y, x = (windows[dim].to_numpy()[at] for dim, at in zip("yx", np.nonzero(known), strict=True))
    slow = shapely.union_all(shapely.box(x - 160, y - 160, x + 160, y + 160))
    # GeoJSON has 7 decimals of a degree, 1 cm.
    assert ground.union_all().symmetric_difference(slow).area < 0.1 * slow.length
    assert gpd.read_file(world_folder / "mines.gpkg").intersects(ground.union_all()).any()


def test_the_tiff_holds_the_highest_of_the_dates(found: Result) -> None:
    windows = windows_of(found)
    with rasterio.open(found.folder / "windows.tif") as file:
        npt.assert_array_equal(file.read(1), windows.max("time"))
        assert file.transform.a == 160
        # A pixel of the map lies about the centre of its window.
        assert file.transform.c + 80 == float(windows.x[0])


def test_geometry_gives_the_same_cells(
    search: DetectSettings, found: Result, tmp_path: Path
) -> None:
    other = dataclasses.replace(search, grid="geometry", output=str(tmp_path / "cells"))
    merged = gpd.read_file(detect_run(other).folder / "cells.gpkg")
    cells = gpd.read_file(found.folder / "cells.gpkg")
    assert len(merged) == len(cells)
    assert merged.union_all().symmetric_difference(cells.union_all()).area < 1


def test_a_run_by_its_own_record_on_each_date(found: Result, tmp_path: Path) -> None:
    windows = windows_of(found)
    again = read_settings(
        DetectSettings, found.folder / "run.toml", combine="each", output=str(tmp_path / "each"),
        isolated=0.95, neighbours=1, distance=500.0,
    )  # fmt: skip
    cells = gpd.read_file(detect_run(again).folder / "cells.gpkg")
    for time in windows.time.values:
        day = str(np.datetime_as_string(time, unit="D"))
        alone = detections.cells(windows.sel(time=time), threshold=0.8)
        kept = detections.drop_isolated(
            alone, threshold=0.8, isolated_threshold=0.95, neighbours=1, distance=500.0
        )
        assert int((cells.date == day).sum()) == len(kept)
    # What was seen on both dates is ground only once.
    numbers = json.loads((tmp_path / "each" / "metrics.json").read_text())
    places = {tuple(bounds) for bounds in cells.bounds.round().to_numpy()}
    assert numbers["cells_ha"] == pytest.approx(2.56 * len(places))
    assert len(places) < len(cells)


# Scoring


def test_scores_of_the_cells_against_the_mines(
    found: Result, world_folder: Path, tmp_path: Path
) -> None:
    result = score_run(
        ScoreSettings(
            detections=str(found.folder / "cells.gpkg"),
            reference=str(world_folder / "mines.gpkg"),
            output=str(tmp_path / "scores"),
        )
    )
    assert all(path.exists() for path in result.files.values())
    assert as_recorded(result.folder) == {"outcomes.gpkg"}
    scores = pd.read_csv(result.folder / "scores.csv").set_index("threshold")
    cells = gpd.read_file(found.folder / "cells.gpkg")
    # All cells were searched, so each of them counts.
    assert scores.loc[0.8, "tp"] + scores.loc[0.8, "fp"] == len(cells)
    assert scores.loc[0.9, "tp"] + scores.loc[0.9, "fp"] == (cells.probability > 0.9).sum()
    # Windows that hold a mine are found; the cells beside it in them are imagined.
    assert scores.loc[0.8, "recall"] > 0.7
    assert 0 < scores.loc[0.8, "precision"] < 1


# Mistakes


def test_what_lies_in_the_folder_is_not_replaced(
    lesson: DetectTrainSettings, search: DetectSettings, taught: Result, found: Result
) -> None:
    before = (taught.folder / "run.toml").read_text()
    with pytest.raises(FileExistsError, match="say overwrite"):
        detect_train_run(lesson)
    with pytest.raises(FileExistsError, match="say overwrite"):
        detect_run(search)
    assert (taught.folder / "run.toml").read_text() == before


def test_a_catalogue_without_radar_is_told(
    lesson: DetectTrainSettings, search: DetectSettings, tmp_path: Path
) -> None:
    for settings, run in ((lesson, detect_train_run), (search, detect_run)):
        grd = dataclasses.replace(
            settings, collections=("sentinel-1-grd",), output=str(tmp_path / "out")
        )
        with pytest.raises(ValueError, match="sentinel-1-grd"):
            run(grd)
    assert not (tmp_path / "out").exists()


def test_a_step_that_makes_no_lattice_is_told(search: DetectSettings, tmp_path: Path) -> None:
    odd = dataclasses.replace(search, step=20, output=str(tmp_path / "out"))
    with pytest.raises(ValueError, match="not half of the detector's window of 32 pixels"):
        detect_run(odd)


def test_a_file_that_is_no_detector_is_told(search: DetectSettings, tmp_path: Path) -> None:
    other = dataclasses.replace(
        search, detector=str(tmp_path / "notes.zip"), output=str(tmp_path / "out")
    )
    with pytest.raises(FileNotFoundError, match=r"there is no file .*notes\.zip"):
        detect_run(other)
    (tmp_path / "notes.zip").write_text("remember the milk")
    with pytest.raises(ValueError, match=r"notes\.zip"):
        detect_run(other)


@pytest.fixture
def stopped(search: DetectSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A search that was stopped after the first of its dates, and the stores made afterwards."""
    settings = dataclasses.replace(search, output=str(tmp_path / "cells"))
    to_zarr, done = store.to_zarr, []

    def counted(data: Any, path: Path, **how: Any) -> Any:
        if path.parent.name == DATES and done:
            raise KeyboardInterrupt
        stored = to_zarr(data, path, **how)
        if path.parent.name == DATES:
            done.append(path.name)
        return stored

    with monkeypatch.context() as patch:
        patch.setattr(store, "to_zarr", counted)
        with pytest.raises(KeyboardInterrupt):
            detect_run(settings)
    assert done == ["0000.zarr"]
    made: list[str] = []
    lay_out = cubes._lay_out

    def noted(plain: xr.Dataset, heights: Any, path: Path, **how: Any) -> None:
        made.append(path.name)
        lay_out(plain, heights, path, **how)

    monkeypatch.setattr(cubes, "_lay_out", noted)
    return settings, made


def test_a_search_that_was_stopped_goes_on(
    stopped: Any, search: DetectSettings, found: Result
) -> None:
    settings, made = stopped
    with pytest.raises(FileExistsError, match="was stopped; say resume to go on, or overwrite"):
        detect_run(settings)
    with pytest.raises(ValueError, match="other settings"):
        detect_run(dataclasses.replace(settings, resume=True, threshold=0.6))
    assert not made
    again = detect_run(dataclasses.replace(settings, resume=True))
    # The first date is not seen again; what comes last is the store of all dates.
    assert windows_of(found).sizes["time"] == 2
    assert [name.split(".")[1] for name in made] == ["0001", "windows"]
    names = ("windows.tif", "cells.geojson", "scanned.geojson", "items.csv")
    differing = [
        name
        for name in names
        if (again.folder / name).read_bytes() != (found.folder / name).read_bytes()
    ]
    assert differing == []
    npt.assert_array_equal(windows_of(again), windows_of(found))
    left = {path.name for path in again.folder.iterdir() if path.name.startswith(".")}
    assert not left
    with pytest.raises(FileExistsError, match="nothing to resume"):
        detect_run(dataclasses.replace(settings, resume=True))


def test_to_overwrite_a_search_that_was_stopped_begins_anew(stopped: Any, found: Result) -> None:
    settings, made = stopped
    again = detect_run(dataclasses.replace(settings, overwrite=True))
    assert [name.split(".")[1] for name in made] == ["0000", "0001", "windows"]
    npt.assert_array_equal(windows_of(again), windows_of(found))


@pytest.mark.cnn
def test_a_network_is_taught_and_run(lesson: DetectTrainSettings, tmp_path: Path) -> None:
    brief = dataclasses.replace(
        lesson, kind="network", padding="valid", epochs=4, best_epoch=True, augment=True,
        output=str(tmp_path / "network"),
    )  # fmt: skip
    told: list[tuple[str, int, int]] = []
    taught = detect_train_run(brief, notify=lambda *step: told.append(step))
    history = pd.read_csv(taught.folder / "history.csv")
    assert history.epoch.tolist() == [1, 2, 3, 4]
    epochs = [step for step in told if step[0].startswith("epochs")]
    assert [step[1:] for step in epochs] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [step[0] for step in epochs] == [
        f"epochs | {epoch_told(row)}" for row in history.to_dict("records")
    ]
    table = pd.read_csv(taught.folder / "patches.csv")
    # Those that chose the epoch are not those that are scored.
    assert set(table.part) == {"train", "validation", "test"}
    assert table.groupby("point").part.nunique().max() == 1
    windows = {}
    for mode in ("convolution", "windows"):
        run = detect_run(
            DetectSettings(
                catalog=brief.catalog,
                detector=str(taught.folder / "detector.zip"),
                output=str(tmp_path / mode),
                datetime="2022-05-22",
                mode=mode,
            )
        )
        windows[mode] = windows_of(run)
    npt.assert_allclose(windows["convolution"], windows["windows"], atol=1e-4)
    assert np.isfinite(windows["windows"]).any()
    # Of the network nothing stays beside a detector of texture.
    texture = dataclasses.replace(
        lesson, datetime="2022-05-22", output=brief.output, overwrite=True
    )
    assert not {"history.csv", "training.png", "run.earlier.toml"} & {
        path.name for path in detect_train_run(texture).folder.iterdir()
    }


@pytest.mark.cnn
def test_the_command_line_tells_how_well_a_network_learns(
    lesson: DetectTrainSettings, tmp_path: Path
) -> None:
    """Through a pipe, as in a log: a line each epoch, in order, of the numbers of the history."""
    command = [
        str(Path(sys.executable).with_name("minewatch")), "detect", "train", lesson.catalog,
        "--points", lesson.points, "--output", str(tmp_path / "network"), "--size", str(SIZE),
        "--datetime", str(lesson.datetime), "--epochs", "9", "--early-stopping", "1",
        "--rate", "0.03",
    ]  # fmt: skip
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    told = [line for line in run.stdout.splitlines() if re.match(r"epochs( \d+/9)?: ", line)]
    history = pd.read_csv(tmp_path / "network" / "history.csv")
    assert told[:-1] == [
        f"epochs {row['epoch']}/9: {epoch_told(row)}" for row in history.to_dict("records")
    ]
    assert re.fullmatch(r"epochs 1/9: loss \S+, validation loss \S+, validation F1 \S+", told[0])
    assert re.fullmatch(r"epochs: \S+ s", told[-1])  # also if it stopped early
