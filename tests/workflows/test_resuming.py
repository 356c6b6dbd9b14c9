"""A run that was stopped at any moment goes on, and ends as if nothing had happened."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import geopandas as gpd
import pytest
import rasterio
import shapely
from killing import (
    assert_kept,
    assert_same_stores,
    kill_and_resume,
    kill_between_blocks,
    ledgers,
    stored,
)

from minewatch import simulate, store
from minewatch.store import filling
from minewatch.workflows import (
    ActivitySettings,
    DetectSettings,
    DetectTrainSettings,
    MappingSettings,
    activity,
    activity_run,
    detect_run,
    detect_train_run,
    mapping_run,
)
from minewatch.workflows.resuming import MARKER


@pytest.fixture(scope="module")
def slc(tmp_path_factory) -> Path:
    world = simulate.mine_world(seed=42, size=128)
    return simulate.write_slc(world, tmp_path_factory.mktemp("slc"))


def of(slc: Path, output: Path, **settings) -> ActivitySettings:
    return ActivitySettings(input=str(slc), output=str(output), choices=False, **settings)


@pytest.mark.slow
def test_activity_survives_twenty_kills(slc, tmp_path):
    settings = of(slc, tmp_path, by="year")
    ended, killed = kill_between_blocks(
        activity_run, settings, tmp_path, kills=20, side=16, blocks=5, seed=1
    )
    whole = stored(tmp_path / "whole")
    blocks = {store: len(names) for store, names in ledgers(tmp_path / "whole").items()}
    assert blocks == {"coherence": 5, "mean_ndai": 5, "tai": 5, "tai_by_year": 5}
    assert_kept(ended, killed)
    assert {name.split("/")[0] for name in whole} == {
        "coherence.zarr", "ledger.zarr", "mean_ndai.zarr", "tai.zarr", "tai_by_year.zarr",
    }  # fmt: skip
    for folder in ended:
        assert_same_stores(folder, tmp_path / "whole")
        assert not (folder / MARKER).exists()
        for name in ("activity.tif", "tai.tif", "activity.geojson", "pairs.csv"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.fixture
def stopped(slc, tmp_path, monkeypatch):
    """A run that was stopped after its coherence was stored."""
    settings = of(slc, tmp_path / "pit")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(activity, "_judged", interrupted)
        with pytest.raises(KeyboardInterrupt):
            activity_run(settings)
    return settings


def test_what_was_stopped_is_told_and_not_mixed_with_another_run(stopped):
    with pytest.raises(FileExistsError, match="was stopped; say resume to go on, or overwrite"):
        activity_run(stopped)
    other = dataclasses.replace(stopped, resume=True, stable_minimum=0.7)
    with pytest.raises(ValueError, match="other settings"):
        activity_run(other)


@pytest.fixture
def written(monkeypatch):
    """Names of the stores whose strips are written, in turn."""
    names = []
    write = filling.write_strip

    def noted(cube, path, rows):
        names.append(path.name)
        write(cube, path, rows)

    monkeypatch.setattr(filling, "write_strip", noted)
    return names


def test_what_is_done_is_not_done_again(stopped, written):
    activity_run(dataclasses.replace(stopped, resume=True))
    assert written == [".mean_ndai.unfinished.zarr", ".tai.unfinished.zarr"]


@pytest.mark.slow
def test_what_a_kill_left_half_written_goes(stopped):
    pit = Path(stopped.output)
    chunk = pit / "coherence.zarr" / "coherence" / "c" / "0" / "0"
    halves = [
        pit / ".ledger.0123abcd.zarr" / "zarr.json",
        pit / ".tai.0123abcd.tif",
        pit / ".tai.unfinished.zarr" / "tai" / f"0.{'0123abcd' * 4}.partial",
    ]
    assert chunk.is_dir()
    for half in halves:
        half.parent.mkdir(parents=True, exist_ok=True)
        half.write_text("half")
    activity_run(dataclasses.replace(stopped, resume=True))
    assert not [half for half in halves if half.exists()]
    assert not [path for path in pit.rglob("*") if path.suffix == ".partial"]
    assert chunk.is_dir()


@pytest.mark.slow
def test_a_run_killed_at_its_first_file_can_be_begun_again(slc, tmp_path):
    (tmp_path / "pit").mkdir()
    (tmp_path / "pit" / "..unfinished.0123abcd.json").write_text("{")
    result = activity_run(of(slc, tmp_path / "pit"))
    assert (result.folder / "tai.zarr").is_dir()
    assert not list(result.folder.glob("*0123abcd*"))


@pytest.mark.slow
def test_to_resume_where_nothing_was_begun_is_a_run(slc, tmp_path):
    result = activity_run(of(slc, tmp_path / "pit", resume=True))
    assert (result.folder / "tai.zarr").is_dir()
    with pytest.raises(FileExistsError, match="nothing to resume"):
        activity_run(of(slc, tmp_path / "pit", resume=True))


@pytest.mark.slow
def test_a_mask_that_changed_meanwhile_is_not_mixed_with_what_it_was(slc, tmp_path, monkeypatch):
    # All is stored; then the run stops, and the file of the mask is replaced by another.
    water = tmp_path / "water.geojson"
    with rasterio.open(next(slc.glob("*.tif"))) as image:
        (left, bottom, right, top), crs = image.bounds, image.crs

    def flood(share: float) -> None:
        lake = shapely.box(left, bottom, left + share * (right - left), top)
        gpd.GeoDataFrame(geometry=[lake], crs=crs).to_crs("EPSG:4326").to_file(water)

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    def unknown(pit: Path) -> float:
        return float(store.open_cube(pit / "tai.zarr").tai.isnull().mean())

    settings = of(slc, tmp_path / "pit", water=str(water))
    flood(0.5)
    with monkeypatch.context() as patch:
        patch.setattr(activity, "write_results", interrupted)
        with pytest.raises(KeyboardInterrupt):
            activity_run(settings)
    before = unknown(tmp_path / "pit")
    flood(0.25)
    activity_run(dataclasses.replace(settings, resume=True))
    after = unknown(tmp_path / "pit")
    assert before == pytest.approx(0.5, abs=0.05)
    assert after == pytest.approx(0.25, abs=0.05)


@pytest.mark.slow
def test_an_image_that_changed_meanwhile_is_not_mixed_with_what_it_was(stopped, written):
    image = sorted(Path(stopped.input).glob("*.tif"))[0]
    before = image.read_bytes()
    try:
        with rasterio.open(image, "r+") as file:
            file.write(file.read() * 2)
        activity_run(dataclasses.replace(stopped, resume=True))
    finally:
        image.write_bytes(before)
    assert written[0] == ".coherence.unfinished.zarr"


@pytest.mark.slow
def test_to_overwrite_begins_anew(stopped, written):
    activity_run(dataclasses.replace(stopped, overwrite=True))
    assert written[0] == ".coherence.unfinished.zarr"


@pytest.mark.slow
def test_a_map_survives_twenty_kills(tmp_path):
    world = simulate.mine_world(seed=42, size=128)
    simulate.write_stac(world, tmp_path / "stac")
    simulate.write_vectors(world, tmp_path)
    settings = MappingSettings(
        catalog=str(tmp_path / "stac" / "catalog.json"),
        reference=str(tmp_path / "reference.geojson"),
        collections=("sentinel-1-rtc", "landsat-c2-l2"),
        trees=10,
        max_per_polygon=30,
    )
    ended, killed = kill_between_blocks(
        mapping_run, settings, tmp_path, kills=20, side=32, blocks=5, seed=2
    )
    whole = stored(tmp_path / "whole")
    blocks = {store: len(names) for store, names in ledgers(tmp_path / "whole").items()}
    assert blocks == {"features": 5, "probability": 5}
    assert_kept(ended, killed)
    assert {name.split("/")[0] for name in whole} == {"features.zarr", "probability.zarr"}
    for folder in ended:
        assert_same_stores(folder, tmp_path / "whole")
        assert not (folder / MARKER).exists()
        for name in ("mines.tif", "probability.tif", "mines.geojson", "items.csv", "sizes.csv"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_a_search_for_mines_survives_kills(tmp_path):
    world = simulate.mine_world(seed=42, size=128)
    simulate.write_stac(world, tmp_path / "stac")
    simulate.write_vectors(world, tmp_path)
    polygons = gpd.read_file(tmp_path / "reference.geojson")
    points = polygons.set_geometry(polygons.representative_point())[["label", "geometry"]]
    points.to_file(tmp_path / "points.geojson")
    images = {
        "catalog": str(tmp_path / "stac" / "catalog.json"),
        "collections": ("sentinel-1-rtc",),
    }
    lesson = DetectTrainSettings(
        **images, points=str(tmp_path / "points.geojson"), output=str(tmp_path / "detector"),
        kind="texture", size=16,
    )  # fmt: skip
    detector = detect_train_run(lesson).folder / "detector.zip"
    settings = DetectSettings(**images, detector=str(detector), threshold=0.5)
    ended = kill_and_resume(detect_run, settings, tmp_path, kills=6, seed=3)
    whole = stored(tmp_path / "whole")
    assert {name.split("/")[0] for name in whole} == {"windows.zarr"}
    for folder in ended:
        assert_same_stores(folder, tmp_path / "whole")
        assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]
        for name in ("windows.tif", "cells.geojson", "scanned.geojson", "items.csv"):
            assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
