"""An update that was stopped at any moment goes on, and ends as if nothing had happened."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import random
import shutil
import time
from functools import partialmethod
from pathlib import Path

import pytest
from killing import PRELOAD, assert_same_stores

from minewatch import _files, simulate, store
from minewatch._files import is_left_behind
from minewatch.store import filling
from minewatch.workflows import (
    ActivitySettings,
    UpdateSettings,
    activity_run,
    plan,
    update_run,
    updating_parts,
    updating_progress,
)
from minewatch.workflows.outputs import Result
from minewatch.workflows.updating_progress import (
    UNFINISHED,
    Progress,
    begin_update,
    counted_update,
    end_update,
    staged,
    take_up,
)
from minewatch.workflows.updating_records import updates_of

NAMES = ("alerts.geojson", "tai_by_year.zarr", "tai.zarr")
PLACES = ("report.html", "run.toml", "provenance.json")
"""Results that tell when and where they were made."""


class Stopped(BaseException):
    """As if the process ended here."""


def write(place: Path, text: str) -> None:
    if place.suffix == ".zarr":
        place.mkdir()
        place = place / "zarr.json"
    place.write_text(text)


def read(place: Path) -> str:
    return (place / "zarr.json" if place.suffix == ".zarr" else place).read_text()


def counting(folder: Path) -> None:
    """A small update: three results that belong together."""
    progress = take_up(folder) or Progress()
    if not progress.counted:
        begin_update(folder, progress)
        for name in NAMES:
            write(staged(folder / name), "new")
        counted_update(folder, progress, {"pairs": ["one"]})
    end_update(folder)


def test_results_that_belong_together_appear_as_one_wherever_it_stops(tmp_path, monkeypatch):
    """At each rename in turn: what a reader finds after the next start is all old or all new."""
    found = []
    for stop in range(1, 30):
        folder = tmp_path / f"{stop}"
        folder.mkdir()
        for name in NAMES:
            write(folder / name, "old")
        left = iter(range(stop - 1))

        def until(path, to, left=left, *, original):
            if next(left, None) is None:
                raise Stopped
            return original(path, to)

        with monkeypatch.context() as patch:
            for verb in ("rename", "replace"):
                patch.setattr(Path, verb, partialmethod(until, original=getattr(Path, verb)))
            try:
                counting(folder)
            except Stopped:
                pass
            else:
                break
        _files.sweep(folder)
        progress = take_up(folder)
        kinds = {read(folder / name) for name in NAMES}
        assert kinds == ({"new"} if progress is not None and progress.counted else {"old"})
        found.append(kinds)
        counting(folder)
        assert sorted(path.name for path in folder.iterdir()) == sorted(NAMES)
        assert {read(folder / name) for name in NAMES} == {"new"}
    assert {"old"} in found
    assert {"new"} in found
    assert 8 < stop < 29


def test_what_an_earlier_version_left_is_taken_up(tmp_path):
    (tmp_path / UNFINISHED).touch()
    assert take_up(tmp_path) == Progress()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Path:
    """A run by years, and images that came since."""
    folder = tmp_path_factory.mktemp("prepared")
    world = simulate.mine_world(seed=42, size=128)
    late = sorted(simulate.write_slc(world, folder / "slc").glob("*.tif"))[10:]
    for image in late:
        image.rename(folder / image.name)
    settings = ActivitySettings(
        input=str(folder / "slc"), output=str(folder / "pit"), choices=False, by="year"
    )
    activity_run(settings)
    for image in late:
        (folder / image.name).rename(image)
    return folder / "pit"


def unseen(folder: Path) -> list[str]:
    """Hidden files that a finished update leaves, locks left out."""
    return [path.name for path in folder.glob(".*") if path.suffix != ".lock"]


@pytest.mark.slow
def test_a_refresh_that_was_stopped_goes_on_from_each_of_its_files(prepared, tmp_path, monkeypatch):
    """With refresh and without: begun is begun, and before it has begun it is an update."""

    def fast(_settings, folder, *_):
        return Result(folder, {}, {})

    monkeypatch.setattr(updating_parts, "write_results", fast)
    whole = {}
    for refresh in (False, True):
        whole[refresh] = shutil.copytree(prepared, tmp_path / f"whole-{refresh}")
        update_run(UpdateSettings(folder=str(whole[refresh]), refresh=refresh))
    put, stops = _files.put_in_place, []
    for stop in range(1, 40):
        folder = shutil.copytree(prepared, tmp_path / f"{stop}")
        left = iter(range(stop - 1))

        def until(partial, target, left=left):
            if next(left, None) is None:
                stops.append(target.name)
                raise Stopped
            put(partial, target)

        with monkeypatch.context() as patch:
            for module in (_files, filling, updating_progress):
                patch.setattr(module, "put_in_place", until)
            try:
                update_run(UpdateSettings(folder=str(folder), refresh=True))
            except Stopped:
                pass
            else:
                break
        begun = (folder / UNFINISHED).exists()
        again = bool(stop % 2)
        update_run(UpdateSettings(folder=str(folder), refresh=again))
        reference = whole[again or begun]
        assert_same_stores(folder, reference)
        assert (folder / "alerts.geojson").read_bytes() == (
            reference / "alerts.geojson"
        ).read_bytes()
        assert unseen(folder) == []
        shutil.rmtree(folder)
    assert {"coherence.zarr", "tai.zarr", "tai_by_year.zarr", ".tai.update.zarr"} <= set(stops)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("tai.zarr", "update"),
        ("coherence.zarr", "update"),
        ("tai.zarr", "plan"),
        ("coherence.zarr", "open_cube"),
    ],
)
def test_a_folder_killed_between_two_renames_is_whole_for_whoever_comes(
    prepared, tmp_path, name, reader
):
    folder = shutil.copytree(prepared, tmp_path / "pit")
    partial = folder / f".{Path(name).stem}.0123abca.zarr"
    shutil.copytree(folder / name, partial)
    (folder / name).rename(folder / f"{partial.name}.old")
    half = folder / ".ledger.0123abca.zarr"
    half.mkdir()
    settings = UpdateSettings(folder=str(folder))
    if reader == "update":
        assert update_run(settings).summary["new pairs"] == "4"
        assert unseen(folder) == []
    elif reader == "plan":
        assert "4 of them new" in plan(settings).grid
    else:
        assert store.open_cube(folder / name).sizes == store.open_cube(prepared / name).sizes
    assert half.exists() == (reader != "update")
    assert (folder / name).is_dir()


def assert_same_results(folder: Path, whole: Path) -> None:
    """The same files to the byte, but for moments and places."""
    ours, theirs = (
        {
            str(path.relative_to(each)): path.read_bytes()
            for path in each.rglob("*")
            if path.is_file() and not path.name.startswith(".") and path.name not in PLACES
        }
        for each in (folder, whole)
    )
    names = sorted(ours.keys() | theirs.keys())
    assert [name for name in names if ours.get(name) != theirs.get(name)] == []
    records = [json.loads((each / "provenance.json").read_text()) for each in (folder, whole)]
    for record in records:
        for told in (record["versions"], *record["updates"]):
            del told["finished"]
        del record["parameters"]["output"]
        record["results"] = [row for row in record["results"] if row["name"] not in PLACES]
    differing = [key for key in records[0] if records[0][key] != records[1].get(key)]
    assert differing == []


def kill_and_repeat(settings, prepared: Path, folder: Path, *, kills: int, seed: int) -> list[Path]:
    """Copies that updates changed which were killed, and ``whole``, which one changed at once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    chance = random.Random(seed)

    def ended(copy: Path, wait: float | None) -> bool:
        one = dataclasses.replace(settings, folder=str(copy))
        process = context.Process(target=update_run, args=(one,))
        process.start()
        process.join(wait)
        if process.is_alive():
            process.kill()
            process.join()
            # It may have been killed on its way out, with everything done.
            return bool(updates_of(copy)) and not (copy / UNFINISHED).exists()
        assert process.exitcode == 0
        return True

    assert ended(shutil.copytree(prepared, folder / "first"), None)  # loads what is loaded once
    whole = shutil.copytree(prepared, folder / "whole")
    began = time.perf_counter()
    assert ended(whole, None)
    length = time.perf_counter() - began
    done: list[Path] = []
    while kills > 0:
        copy = shutil.copytree(prepared, folder / f"run-{len(done)}")
        while not ended(copy, chance.uniform(0, length) if kills > 0 else None):
            kills -= 1
        done.append(copy)
    return done


@pytest.mark.slow
@pytest.mark.parametrize(("refresh", "kills"), [(False, 10), (True, 10)])
def test_an_update_survives_twenty_kills(prepared, tmp_path, refresh, kills):
    settings = UpdateSettings(folder="", refresh=refresh)
    ended = kill_and_repeat(settings, prepared, tmp_path, kills=kills, seed=4 + refresh)
    for folder in ended:
        last = dataclasses.replace(settings, folder=str(folder), refresh=False)
        assert update_run(last).summary["new pairs"].startswith("0")
        assert_same_results(folder, tmp_path / "whole")
        assert unseen(folder) == []
        assert not [path for path in folder.rglob("*") if is_left_behind(path)]
