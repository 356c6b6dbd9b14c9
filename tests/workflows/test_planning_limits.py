"""A guess of how large a run is, from counts that are known, and what is asked of it."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr

from minewatch import simulate, store
from minewatch.workflows import (
    ActivitySettings,
    DetectSettings,
    DetectTrainSettings,
    MappingSettings,
    UpdateSettings,
    planning_limits,
)
from minewatch.workflows.planning_limits import CORE_SECONDS, Guess, guess_of, why_ask
from minewatch.workflows.planning_plans import workers_of

CORES = math.prod(workers_of("threads"))


def test_images_of_a_folder_are_counted(tmp_path: Path) -> None:
    folder = simulate.write_slc(simulate.mine_world(seed=1, size=128), tmp_path)
    count = len(list(folder.glob("*.tif")))
    guess = guess_of(ActivitySettings(input=str(folder)))
    assert guess is not None
    with rasterio.open(next(folder.glob("*.tif"))) as file:
        pixels = file.width * file.height
    samples = guess.seconds * CORES / CORE_SECONDS["activity"]
    assert samples == pytest.approx(pixels * (count - 1))
    assert guess.output > 3.4 * samples
    assert why_ask(ActivitySettings(input=str(folder), output=str(tmp_path / "out"))) == []


def test_pairs_of_a_store_are_those_of_a_run_and_of_its_update(tmp_path: Path) -> None:
    cube = xr.DataArray(np.ones((5, 8, 10), "float32"), dims=("pair", "y", "x"))
    store.to_zarr(cube, tmp_path / "coherence.zarr", name="coherence")
    run = guess_of(ActivitySettings(input=str(tmp_path / "coherence.zarr")))
    update = guess_of(UpdateSettings(folder=str(tmp_path)))
    assert run is not None
    assert update is not None
    assert run.seconds == update.seconds
    assert run.seconds == pytest.approx(CORE_SECONDS["activity"] * 400 / CORES)
    assert run.output - update.output == pytest.approx(3.4 * 400)


def test_a_map_is_its_ground_and_its_season() -> None:
    """A tenth of a degree at the equator: 11,132 m, 1.24 million pixels of 10 m."""
    box = (30.0, -0.05, 30.1, 0.05)
    fine, coarse, long = (
        guess_of(MappingSettings("c", "r", bbox=box, resolution=step, datetime=season))
        for step, season in (
            (10.0, "2022-04-01/2022-04-30"), (20.0, "2022-04-01/2022-04-30"), (10.0, None),
        )
    )  # fmt: skip
    assert fine is not None
    assert coarse is not None
    assert long is not None
    pixels = 1113.2**2
    images = 30 * (1 / 5 + 1 / 8 + 1 / 6)
    assert fine.seconds == pytest.approx(CORE_SECONDS["map"] * pixels * images / CORES, rel=1e-3)
    assert fine.seconds == pytest.approx(4 * coarse.seconds)
    assert long.seconds / fine.seconds == pytest.approx(365 / 30)


def test_a_detector_is_its_dates_or_its_patches(tmp_path: Path) -> None:
    points = gpd.GeoDataFrame(
        {"label": [1, 0]}, geometry=[shapely.Point(1, 1), shapely.Point(2, 1)], crs="EPSG:4326"
    )
    points.to_file(tmp_path / "points.geojson")
    season = {"datetime": "2022-06-01/2022-06-30"}
    once, many = (
        guess_of(DetectTrainSettings("c", str(tmp_path / "points.geojson"), epochs=n, **season))
        for n in (1, 30)
    )
    assert once is not None
    assert many is not None
    assert many.seconds == pytest.approx(30 * once.seconds)
    assert once.output == 12 * 104**2 * 2 * 5  # two points, a month of passes every sixth day
    scanned = guess_of(DetectSettings("c", "d", bbox=(0.0, -0.5, 1.0, 0.5), **season))
    assert scanned is not None
    dates = scanned.seconds * CORES / CORE_SECONDS["detect"] / 11132.0**2
    assert dates == pytest.approx(5, rel=1e-3)
    assert guess_of(DetectSettings("c", "d")) is None  # nobody says where


def test_what_cannot_be_guessed_is_left_to_the_run() -> None:
    assert guess_of(ActivitySettings("nowhere")) is None
    assert guess_of(MappingSettings("c", "nowhere.geojson")) is None
    assert why_ask(MappingSettings("c", "nowhere.geojson")) == []
    assert guess_of("text") is None


def test_a_folder_of_hyp3_is_as_many_pairs_as_it_has_coherence(tmp_path: Path) -> None:
    """Phase, amplitude and heights lie beside it; a zip holds them all, and is larger by that."""
    for pair in ("a", "b"):
        (tmp_path / pair).mkdir()
        for layer, size in (("corr", 20), ("unw_phase", 80), ("dem", 80)):
            profile = {"width": size, "height": 10, "count": 1, "dtype": "float32"}
            where = tmp_path / pair / f"{pair}_{layer}.tif"
            transform = rasterio.Affine(80.0, 0.0, 0.0, 0.0, -80.0, 0.0)
            with rasterio.open(where, "w", crs="EPSG:32721", transform=transform, **profile) as out:
                out.write(np.ones((1, 10, size), "float32"))
    guess = guess_of(ActivitySettings(str(tmp_path)))
    packed = tmp_path / "packed"
    packed.mkdir()
    for pair in ("a", "b"):
        with zipfile.ZipFile(packed / f"{pair}.zip", "w") as archive:
            for path in (tmp_path / pair).iterdir():
                archive.write(path, f"{pair}/{path.name}")
    assert guess is not None
    assert guess.seconds == pytest.approx(CORE_SECONDS["activity"] * 2 * 200 / CORES)
    assert guess_of(ActivitySettings(str(packed))) == guess
    (packed / "b.zip").write_bytes(b"no zip" * 10_000)
    assert guess_of(ActivitySettings(str(packed))) is None


@pytest.mark.parametrize(
    "wrong", [{"resolution": 0.0}, {"cluster": "local:0"}, {"bbox": (179.9, -1.0, -179.9, 1.0)}]
)
def test_a_wrong_setting_is_left_to_the_run(wrong: dict[str, object]) -> None:
    """The box would be 359.8 degrees wide, the wrong way round the Earth."""
    settings = {"bbox": (30.0, -0.05, 30.1, 0.05), **wrong}
    assert guess_of(MappingSettings("c", "r", **settings)) is None


def test_a_pixel_in_degrees_is_as_large_as_in_metres() -> None:
    box = (30.0, -0.05, 30.1, 0.05)
    metres = guess_of(MappingSettings("c", "r", bbox=box, resolution=11.132))
    degrees = guess_of(MappingSettings("c", "r", bbox=box, resolution=1e-4, crs="EPSG:4326"))
    assert metres is not None
    assert degrees is not None
    assert degrees.seconds == pytest.approx(metres.seconds)


def test_there_are_three_reasons_to_ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(planning_limits, "_memory_there", lambda: 8.0 * 2**30)
    monkeypatch.setattr(planning_limits, "_room_at", lambda path: 5e9)
    settings = ActivitySettings("slc", output=str(tmp_path / "not" / "yet"))
    assert why_ask(settings, Guess(3600.0, 8.0 * 2**30, 5e9)) == []
    assert why_ask(settings, Guess(3700.0, 9.0 * 2**30, 6e9)) == [
        "it may take some 1.0 hours",
        "it may need 9 GiB of memory, this machine has 8",
        "its results may be 6.0 GB, the disk has room for 5.0",
    ]
    again = ActivitySettings("slc", resume=True)
    assert why_ask(again, Guess(1e9, 0.0, 0.0)) == []  # it was asked about when it began
