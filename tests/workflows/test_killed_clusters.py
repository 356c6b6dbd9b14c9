"""Whole runs whose workers or scheduler are killed in the midst of a block, of several a store."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask
import pytest
from distributed import KilledWorker
from killing import assert_same_stores, ledgers, small_blocks
from schedulers import scheduler
from striking import deadly, struck

from minewatch import simulate
from minewatch.workflows import ActivitySettings, MappingSettings, activity_run, mapping_run

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = {
    "activity": ("activity.tif", "tai.tif", "activity.geojson", "pairs.csv"),
    "map": ("mines.tif", "probability.tif", "mines.geojson", "items.csv", "sizes.csv"),
}
SIDES = {"activity": 24, "map": 32}
"""Of a block: stores of an activity run have four strips then, those of a map five."""
RUNS: dict[str, Callable[[Any], Any]] = {"activity": activity_run, "map": mapping_run}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world")
    made = simulate.mine_world(seed=42, size=128)
    simulate.write_slc(made, folder / "slc")
    simulate.write_stac(made, folder / "stac")
    simulate.write_vectors(made, folder)
    return folder


@pytest.fixture(scope="module")
def settings(world: Path) -> dict[str, Any]:
    return {
        "activity": ActivitySettings(input=str(world / "slc"), choices=False),
        "map": MappingSettings(
            catalog=str(world / "stac" / "catalog.json"),
            reference=str(world / "reference.geojson"),
            collections=("sentinel-1-rtc",),
            trees=5,
            max_per_polygon=20,
        ),
    }


@pytest.fixture(scope="module")
def plain(
    settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Folders of runs that nobody disturbed, each made once."""
    folder = tmp_path_factory.mktemp("plain")

    def made(name: str) -> Path:
        if not (folder / name).exists():
            with small_blocks(SIDES[name]):
                RUNS[name](dataclasses.replace(settings[name], output=str(folder / name)))
        return folder / name

    return made


def assert_as_if_nothing_had_happened(name: str, output: Path, plain: Path) -> None:
    assert_same_stores(output, plain)
    differ = [
        file for file in FILES[name] if (output / file).read_bytes() != (plain / file).read_bytes()
    ]
    assert differ == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "store", "blocks"), [("activity", "tai", 4), ("map", "features", 5)]
)
def test_a_worker_that_is_killed_in_a_whole_run_is_replaced(
    settings: dict[str, Any],
    plain: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    store: str,
    blocks: int,
) -> None:
    """In the midst of the third block of a store: two are done, and the run goes on."""
    output = tmp_path / "run"
    one = dataclasses.replace(settings[name], output=str(output), cluster="local:2")
    with small_blocks(SIDES[name]), struck(store, 2, output, side=SIDES[name]) as noted:
        RUNS[name](one)
    assert len(noted) == 2
    after = ledgers(output)[store]
    assert after[:2] == noted
    assert len(after) == len(set(after)) == blocks
    assert_as_if_nothing_had_happened(name, output, plain(name))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "store", "blocks", "failures"), [("activity", "tai", 4, 3), ("map", "features", 5, 1)]
)
def test_a_block_that_ends_its_worker_every_time_is_told_and_healed(
    settings: dict[str, Any],
    plain: Callable[[str], Path],
    tmp_path: Path,
    name: str,
    store: str,
    blocks: int,
    failures: int,
) -> None:
    """The third block of a store, until Dask gives it up; the next run makes what is missing."""
    output, side = tmp_path / "run", SIDES[name]
    one = dataclasses.replace(settings[name], output=str(output), cluster="local:2")
    guilty = f"y {2 * side}:{3 * side}"
    with small_blocks(side):
        with (
            # How many workers a task may end before Dask gives it up at the next; 3 by default.
            dask.config.set({"distributed.scheduler.allowed-failures": failures}),
            deadly(store, 2, output, side=side) as killed,
            pytest.raises(RuntimeError, match=r"over the same task .* then resume") as got,
        ):
            RUNS[name](one)
        # Fewer than it allows where Dask hands the block to one of whose end it has not heard.
        assert 1 <= len(killed) <= failures + 1
        assert "\n" not in str(got.value)
        lines = (output / f"{store}.blocks.jsonl").read_text().splitlines()[1:]
        (failed,) = [each for each in map(json.loads, lines) if each["status"] == "failed"]
        assert (failed["name"], failed["attempts"]) == (guilty, 1)
        assert failed["reason"].startswith(f"{KilledWorker.__name__}: Attempted to run task ")
        kept = ledgers(output)[store]
        assert kept[:2] == [f"y 0:{side}", f"y {side}:{2 * side}"]
        assert guilty not in kept
        assert not (output / f"{store}.zarr").exists()
        assert not (output / "run.toml").exists()
        RUNS[name](dataclasses.replace(settings[name], output=str(output), resume=True))
    after = ledgers(output)[store]
    assert after[: len(kept)] == kept
    assert len(after) == len(set(after)) == blocks
    assert_as_if_nothing_had_happened(name, output, plain(name))


@pytest.mark.slow
def test_a_scheduler_that_is_killed_in_a_block_of_a_map_costs_that_block(
    settings: dict[str, Any], plain: Callable[[str], Path], tmp_path: Path
) -> None:
    output = tmp_path / "run"
    gone = r"the Dask scheduler at tcp://.* is gone .* then resume"
    with small_blocks(SIDES["map"]), scheduler(tmp_path / "one", workers=1) as first:
        one = dataclasses.replace(settings["map"], output=str(output), cluster=first.address)
        with (
            pytest.raises(OSError, match=gone),
            struck("features", 2, output, side=SIDES["map"], victim=first.process.pid) as noted,
        ):
            mapping_run(one)
        assert len(noted) == 2
        assert ledgers(output)["features"] == noted
        assert not (output / "features.zarr").exists()
        mapping_run(dataclasses.replace(one, cluster="threads", resume=True))
    after = ledgers(output)["features"]
    assert after[:2] == noted
    assert len(after) == len(set(after)) == 5
    assert_as_if_nothing_had_happened("map", output, plain("map"))
