"""What a plan says of a map of activity and of its updates, against what then happens."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import pytest
import xarray as xr

from minewatch import cluster, simulate, store
from minewatch.workflows import (
    ActivityPlanSettings,
    ActivitySettings,
    UpdateSettings,
    plan,
    plan_run,
)
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.planning_loads import ActivityLoad
from minewatch.workflows.planning_memory import activity_memory
from minewatch.workflows.planning_probes import ActivityRates, _chunks

STAGES = ("stable ground and pairs", "mean NDAI", "threshold", "activity", "maps and report")
RATES = ActivityRates(
    coherence=1e-7, stages=dict.fromkeys(STAGES, 1e-8), fixed=dict.fromkeys(STAGES, 0.5), threads=2
)


@pytest.fixture(scope="module")
def slc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate.write_slc(simulate.mine_world(seed=42, size=128), tmp_path_factory.mktemp("w"))


def of(slc: Path, **more: Any) -> ActivitySettings:
    return ActivitySettings(input=str(slc), choices=False, **more)


def test_a_rate_of_another_run_is_refused(slc: Path) -> None:
    with pytest.raises(TypeError, match=r"rate is ActivityRates, got 'mines'; leave it out"):
        plan(of(slc), rate="mines")


def test_scenes_tasks_and_blocks_are_those_of_the_run(slc: Path, tmp_path: Path) -> None:
    planned = plan(of(slc), rate=RATES)
    (reading,) = planned.readings
    images = sorted(slc.glob("*.tif"))
    assert (reading.sensor, reading.scenes, reading.files) == ("SLC", len(images), len(images))
    assert reading.stored == sum(path.stat().st_size for path in images)
    coherence = open_coherence(of(slc))
    totals: list[int] = []
    with cluster.watch(None, lambda done, total: totals.append(total)):
        store.to_zarr(coherence, tmp_path / "coherence.zarr", name="coherence", resume="x")
    assert planned.load.stages["coherence"] == max(totals)
    done = (tmp_path / "coherence.blocks.jsonl").read_text().splitlines()[1:]
    assert planned.blocks["coherence.zarr"] == len(done)
    assert planned.load.pairs == coherence.sizes["pair"]
    # Eight bytes of each sample of each image.
    pixels = coherence.sizes["y"] * coherence.sizes["x"]
    assert reading.decoded == 8 * len(images) * pixels


def test_ready_coherence_counts_its_pairs(slc: Path, tmp_path: Path) -> None:
    ready = store.to_zarr(open_coherence(of(slc)), tmp_path / "made.zarr", name="coherence")
    planned = plan(of(tmp_path / "made.zarr"), rate=RATES)
    (reading,) = planned.readings
    assert reading.scenes == ready.sizes["pair"]
    assert reading.decoded == 4 * ready.size
    assert planned.readings[0].sensor == "coherence"


@pytest.mark.slow
def test_seasons_and_years_are_counted(slc: Path) -> None:
    """March to August of one year: three quarters, DJF left out, and one year."""
    plain, years, seasons = (plan(of(slc, by=by), rate=RATES) for by in (None, "year", "season"))
    assert (plain.load.periods, years.load.periods, seasons.load.periods) == (0, 1, 2)
    assert seasons.output > years.output > plain.output
    assert set(years.blocks) - set(plain.blocks) == {"tai_by_year.zarr"}
    assert years.load.tasks > plain.load.tasks


def test_an_update_makes_what_is_new_alone(slc: Path, tmp_path: Path) -> None:
    """The folder of a run over all images but two, without the run: its record and its series."""
    images = sorted(slc.glob("*.tif"))
    some, pit = tmp_path / "some", tmp_path / "pit"
    for folder in (some, pit):
        folder.mkdir()
    for image in [*images[:-2], slc / "perpendicular_baselines.csv"]:
        shutil.copy2(image, some)
    store.to_zarr(open_coherence(of(some)), pit / "coherence.zarr", name="coherence")
    (pit / "tai.zarr").mkdir()
    (pit / "run.toml").write_text(f"input = {json.dumps(str(slc))}\n")
    planned = plan(UpdateSettings(folder=str(pit)), rate=RATES)
    assert "13 pairs, 2 of them new" in planned.grid
    assert planned.readings[0].scenes == 3  # two pairs of three images
    whole = plan(of(slc), rate=RATES)
    assert planned.seconds["coherence"] == pytest.approx(whole.seconds["coherence"] * 2 / 13)
    assert planned.seconds["activity"] == whole.seconds["activity"]
    assert planned.load.stages["coherence"] < whole.load.stages["coherence"]
    nothing = plan(UpdateSettings(folder=str(pit), input=str(some)), rate=RATES)
    assert nothing.load.tasks == 0
    assert sum(nothing.seconds.values()) == 0
    assert sorted(path.name for path in pit.iterdir()) == ["coherence.zarr", "run.toml", "tai.zarr"]


@pytest.mark.slow
def test_an_update_of_too_few_pairs_for_a_map_is_timed(slc: Path, tmp_path: Path) -> None:
    """One pair says nothing of a spread over time: what counts all pairs is timed on the stored."""
    images = sorted(slc.glob("*.tif"))
    some, pit = tmp_path / "some", tmp_path / "pit"
    for folder in (some, pit):
        folder.mkdir()
    for image in [*images[:-1], slc / "perpendicular_baselines.csv"]:
        shutil.copy2(image, some)
    store.to_zarr(open_coherence(of(some)), pit / "coherence.zarr", name="coherence")
    (pit / "tai.zarr").mkdir()
    (pit / "run.toml").write_text(f"input = {json.dumps(str(slc))}\n")
    planned = plan(UpdateSettings(folder=str(pit)))
    assert "13 pairs, 1 of them new" in planned.grid
    assert set(planned.seconds) == {"coherence", *STAGES}
    assert sum(planned.seconds.values()) > 0


def test_a_part_of_a_chunk_is_all_of_it() -> None:
    """1920 columns in chunks of 1024: their middle 512 lie in two, one whole chunk is taken."""
    like = xr.DataArray(da.zeros((20, 960, 1920), chunks=(1, 1024, 1024)), dims=("pair", "y", "x"))
    assert dict(_chunks(like).sizes) == {"pair": 16, "y": 960, "x": 1024}
    fine = like.chunk(y=100, x=100)
    assert dict(_chunks(fine).sizes) == {"pair": 16, "y": 600, "x": 600}
    assert _chunks(like.isel(y=slice(0, 9))).sizes["y"] == 9


def scene(day: int) -> dict[str, Any]:
    """A burst over a point, as ASF's search tells of it."""
    date = f"2022-06-{day:02d}"
    name = f"S1_372326_IW3_{date.replace('-', '')}T151558_VV_6BD3-BURST"
    return {
        "properties": {
            "sceneName": name, "startTime": f"{date}T15:15:59Z", "processingLevel": "BURST",
            "pathNumber": 174, "polarization": "VV", "burst": {"fullBurstID": "174_372326_IW3"},
        },
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*baseline")
def test_coherence_that_is_ordered_has_a_price(tmp_path: Path) -> None:
    """Five bursts, four pairs, a credit each; of 20 m around a box of a hundredth of a degree."""
    listed = tmp_path / "search.geojson"
    listed.write_text(json.dumps({"features": [scene(day) for day in (1, 7, 13, 19, 30)]}))
    settings = ActivityPlanSettings(
        input=str(listed), bbox=(30.0, 0.0, 30.01, 0.01), margin=0.0, looks="5x1"
    )
    planned = plan(settings, rate=RATES)
    assert planned.credits == {"credits": 4, "jobs": 4, "months": 1}
    assert planned.summary["HyP3 credits"] == "4 for 4 jobs, 1 month of a free account"
    assert planned.readings[0].scenes == 5
    # 1113 m and 1106 m of 20 m pixels, widened to whole ones of the zone's grid.
    assert planned.load.pixels == pytest.approx(1113 / 20 * 1106 / 20, rel=0.05)
    short = dataclasses.replace(settings, max_temporal_baseline=6.0)
    assert plan(short, rate=RATES).credits == {"credits": 3, "jobs": 3, "months": 1}
    with pytest.raises(ValueError, match="give site=polygons or bbox="):
        plan(dataclasses.replace(settings, bbox=None), rate=RATES)


def test_memory_follows_blocks_pairs_and_pixels() -> None:
    load = ActivityLoad(4096, 4096, 8, 7, 0, 2, 1, 1000, {})
    before = activity_memory(load, "threads")["main"]
    more = activity_memory(dataclasses.replace(load, threads=4), "threads")["main"]
    assert more["stable ground and pairs"] > 1.3 * before["stable ground and pairs"]
    # Pairs beyond the eight that are read at once wait in the store.
    eight, many = (
        activity_memory(dataclasses.replace(load, pairs=pairs), "threads") for pairs in (8, 80)
    )
    assert eight == many
    apart = activity_memory(load, "local:2")
    assert apart["main"]["maps and report"] < before["maps and report"]


RUN = """
import json, sys
from minewatch.workflows import ActivitySettings, activity_run
from minewatch.workflows.mapping_costs import peak_memory

totals = {}

def count(stage, done, total):
    totals[stage] = max(totals.get(stage, 0), total)

if __name__ == "__main__":
    activity_run(ActivitySettings(**json.loads(sys.argv[1])), notify=count)
    print(json.dumps({"peak": peak_memory(), "totals": totals}))
"""


@pytest.mark.slow
def test_a_run_takes_what_was_planned(slc: Path, tmp_path: Path) -> None:
    """Tasks to the last one where no pair is dropped; memory within 1.5; bytes within a half."""
    settings = {
        "input": str(slc), "output": str(tmp_path / "pit"), "stable_minimum": 0.3,
        "stable_maximum_std": 0.5, "max_perpendicular_baseline": 1e6,
    }  # fmt: skip
    planned = plan(ActivitySettings(**settings), rate=RATES)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    call = [sys.executable, "-c", RUN, json.dumps(settings)]
    done = subprocess.run(call, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert planned.load.stages == {name: found["totals"][name] for name in planned.load.stages}
    assert found["peak"] <= planned.peak["main"] <= 1.5 * found["peak"]
    bytes_there = sum(p.stat().st_size for p in (tmp_path / "pit").rglob("*") if p.is_file())
    assert bytes_there / 2 < planned.output < 2 * bytes_there
    for name, blocks in planned.blocks.items():
        ledger = (tmp_path / "pit" / name).with_suffix(".blocks.jsonl")
        assert len(ledger.read_text().splitlines()) == 1 + blocks


@pytest.mark.slow
def test_a_rate_is_measured_on_the_input(slc: Path, tmp_path: Path) -> None:
    settings = ActivityPlanSettings(
        input=str(slc), output=str(tmp_path / "pit"), json=str(tmp_path / "plan.json")
    )
    result = plan_run(settings)
    assert "block of the input" in result.summary["rate"]
    content = json.loads((tmp_path / "plan.json").read_text())
    assert set(content["seconds"]) == {"coherence", *STAGES}
    assert all(0 <= seconds < 600 for seconds in content["seconds"].values())
    assert not (tmp_path / "pit").exists()
