"""A run from SLCs to maps on the simulated site: files, truth, provenance, repetition."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt

from minewatch import simulate, store
from minewatch.workflows import ActivitySettings, Result, activity_run
from minewatch.workflows.demo import judge_activity
from minewatch.workflows.settings import read_settings


@pytest.fixture(scope="module")
def world() -> simulate.World:
    return simulate.mine_world(seed=42, size=192)


@pytest.fixture(scope="module")
def slc(world: simulate.World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate.write_slc(world, tmp_path_factory.mktemp("slc"))


@pytest.fixture(scope="module")
def run(slc: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    folder = tmp_path_factory.mktemp("run") / "pit"
    return activity_run(ActivitySettings(input=str(slc), output=str(folder)))


def test_the_truth_is_reached(world: simulate.World, run: Result) -> None:
    scores = judge_activity(
        world, store.open_cube(run.folder / "tai.zarr"), store.open_cube(run.folder / "ledger.zarr")
    )
    assert scores["TAI of the pit, worked in every pair"] >= 0.95
    assert scores["share of stable rock with TAI 0"] >= 0.99
    worked = scores["share of kept pairs in which the dump was worked"]
    assert abs(scores["TAI of the dump"] - worked) <= 0.1


def test_pairs_lost_to_weather_are_told_with_their_reason(
    world: simulate.World, run: Result
) -> None:
    with (run.folder / "dropped_pairs.csv").open() as stream:
        dropped = {row["secondary"]: row["reason"] for row in csv.DictReader(stream)}
    lost = world.weather_dropped
    expected = {str(day)[:10] for day in lost.secondary_time.values[lost.values]}
    assert set(dropped) == expected
    assert all("coherence" in reason for reason in dropped.values())


def test_every_file_says_the_same(run: Result) -> None:
    tai = store.open_cube(run.folder / "tai.zarr")
    with rasterio.open(run.folder / "activity.tif") as file:
        assert file.crs.to_epsg() == tai.rio.crs.to_epsg()
        npt.assert_array_equal(file.read(1), tai.activity)
    summary = json.loads((run.folder / "summary.json").read_text())
    with (run.folder / "pairs.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == summary["pairs"]
    active = gpd.read_file(run.folder / "activity.geojson")
    cell = abs(tai.rio.transform().determinant) / 1e4
    pixels = int((tai.activity == 2).sum())
    # Components under 0.01 ha (two pixels of 50 m²) are no area; all others are exact.
    assert active.area_ha.sum() <= pixels * cell + 1e-6
    assert active.area_ha.sum() >= 0.95 * pixels * cell
    assert active.crs.to_epsg() == 4326


@pytest.mark.slow
def test_a_run_can_be_run_again_from_its_own_settings(run: Result, tmp_path: Path) -> None:
    settings = read_settings(
        ActivitySettings, run.folder / "run.toml", output=str(tmp_path / "again")
    )
    again = activity_run(settings)
    one, other = (store.open_cube(each.folder / "tai.zarr").load() for each in (run, again))
    xr.testing.assert_equal(one, other)


def test_results_of_an_earlier_run_are_not_mixed_with_new_ones(run: Result, slc: Path) -> None:
    with pytest.raises(FileExistsError, match="say overwrite"):
        activity_run(ActivitySettings(input=str(slc), output=str(run.folder)))


def test_the_page_is_self_contained(run: Result) -> None:
    page = (run.folder / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 3
    for word in ("http://", "https://", "<script"):
        assert word not in page.replace("https://doi.org/", "")


@pytest.mark.data
def test_ready_coherence_of_mexico_becomes_a_map(real_data: Path, tmp_path: Path) -> None:
    """30 GAMMA rasters of Mexico City: about 52 stable pixels, 23 of 30 pairs kept."""
    settings = ActivitySettings(
        input=str(real_data / "s1-coherence-stack-mexico"), output=str(tmp_path / "mexico")
    )
    result = activity_run(settings)
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["stable_pixels"] == pytest.approx(52, abs=2)
    assert (summary["pairs"], summary["pairs_kept"]) == (30, 23)
    tai = store.open_cube(result.folder / "tai.zarr")
    assert tai.rio.crs.to_epsg() == 4326
    assert np.isfinite(tai.tai).mean() > 0.9


@pytest.mark.data
@pytest.mark.filterwarnings("ignore:.*perpendicular baseline is unknown")
def test_slant_range_slcs_reach_a_map(real_data: Path, tmp_path: Path) -> None:
    """Two images make one pair: too few to judge by, and the error says so."""
    settings = ActivitySettings(
        input=str(real_data / "s1-slc-pair-amsterdam"), output=str(tmp_path / "amsterdam")
    )
    with pytest.raises(ValueError, match=r"1 pair|at least 3"):
        activity_run(settings)
    coherence = store.open_cube(tmp_path / "amsterdam" / "coherence.zarr", name="coherence")
    assert coherence.rio.crs.to_epsg() == 32631
    assert 0.6 < float(coherence.load().median()) < 0.9


@pytest.mark.data
@pytest.mark.slow
def test_long_pairs_of_ready_coherence_are_left_out_when_asked(
    real_data: Path, tmp_path: Path
) -> None:
    stack = str(real_data / "s1-coherence-stack-mexico")
    result = activity_run(
        ActivitySettings(
            input=stack,
            output=str(tmp_path / "short"),
            max_temporal_baseline=36,
            threshold="0.2",  # so few pairs of a city leave no valley
        )
    )
    with (result.folder / "pairs.csv").open() as stream:
        days = [float(row["days"]) for row in csv.DictReader(stream)]
    assert len(days) == 12
    assert max(days) == 36
    with pytest.raises(ValueError, match="the shortest has 12"):
        activity_run(
            ActivitySettings(input=stack, output=str(tmp_path / "none"), max_temporal_baseline=6)
        )


@pytest.mark.slow
def test_stored_bytes_are_scaled_and_baselines_come_from_a_table(tmp_path: Path) -> None:
    """Coherence as bytes, 255 for 1, as archives keep it; zeros are values here."""
    rng = np.random.default_rng(11)
    dates = np.datetime64("2022-05-01") + 12 * np.arange(13)
    rows = []
    for first, second in itertools.pairwise(dates):
        name = f"{str(first).replace('-', '')}_{str(second).replace('-', '')}_coh.tif"
        values = rng.integers(225, 245, (40, 40)).astype("uint8")
        values[:, :8] = 0
        profile = {"driver": "GTiff", "width": 40, "height": 40, "count": 1, "dtype": "uint8"}
        place = rasterio.Affine(20, 0, 5e5, 0, -20, 7e6)
        with rasterio.open(tmp_path / name, "w", crs=32635, transform=place, **profile) as file:
            file.write(values, 1)
        rows.append(f"{first},{second},{40.0 + len(rows)}")
    table = tmp_path / "baselines.csv"
    table.write_text("\n".join(["reference_time,secondary_time,perpendicular_baseline", *rows]))
    run = activity_run(
        ActivitySettings(
            input=str(tmp_path), output=str(tmp_path / "run"), kind="coherence",
            scale=1 / 255, nodata=float("nan"), baselines=str(table), threshold="0.2",
        )
    )  # fmt: skip
    tai = store.open_cube(run.folder / "tai.zarr").load()
    assert (tai.tai.values[:, :8] == 1).all()
    assert (tai.tai.values[:, 8:] == 0).all()
    ledger = store.open_cube(run.folder / "ledger.zarr").load()
    npt.assert_allclose(ledger.perpendicular_baseline, 40 + np.arange(12))
