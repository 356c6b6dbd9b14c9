"""A store that is filled block by block survives what stops the job, to the bit."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from filelock import FileLock

from minewatch import store
from minewatch.store import filling
from minewatch.store.filling import ledger_of, unfinished

ROWS, STEP = 6 * 1024, 1024


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(filling, "PAUSE", 0.0)


def cube(task):
    """A lazy layer of six blocks, each made by ``task(first row)``."""

    def block(block_info=None):
        ((low, high), (_, columns)) = block_info[None]["array-location"]
        return (task(low) + np.arange(columns) + np.zeros((high - low, 1))).astype("f4")

    data = da.map_blocks(block, chunks=((STEP,) * 6, (5,)), dtype="f4", meta=np.empty((0, 0), "f4"))
    y = np.arange(ROWS, 0, -1) * 10.0
    layer = xr.DataArray(data, {"y": y, "x": np.arange(5) * 10.0}, ("y", "x"), name="tai")
    return layer.assign_attrs(units="1")


def stored(folder, key, task=float, **how):
    with_files = folder / "tai.zarr"
    return store.to_zarr(cube(task), with_files, resume=key, **how)


def files_of(path):
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


def test_the_store_is_that_of_a_job_in_one_go(tmp_path):
    stored(tmp_path, "a")
    store.to_zarr(cube(float), tmp_path / "plain.zarr")
    assert files_of(tmp_path / "tai.zarr") == files_of(tmp_path / "plain.zarr")
    assert not unfinished(tmp_path / "tai.zarr").exists()


def test_what_is_finished_is_not_made_again(tmp_path):
    stored(tmp_path, "a")

    def never(low):
        message = f"row {low} was computed again"
        raise AssertionError(message)

    again = stored(tmp_path, "a", never)
    assert float(again.isel(y=0, x=0)) == 0.0


def test_a_chunk_half_written_by_a_process_that_was_killed_does_not_stay(tmp_path):
    target = tmp_path / "tai.zarr"
    whole = stored(tmp_path, "a")
    files = files_of(target)
    target.rename(unfinished(target))
    half = next(unfinished(target).rglob("0")).with_name(f"0.{'0123abcd' * 4}.partial")
    half.write_bytes(b"half a chunk")
    again = stored(tmp_path, "a")
    assert files_of(target) == files
    assert again.identical(whole)


def test_another_key_is_another_job(tmp_path):
    stored(tmp_path, "a")
    with pytest.raises(FileExistsError, match="overwrite"):
        stored(tmp_path, "b", lambda low: low + 0.5)
    other = stored(tmp_path, "b", lambda low: low + 0.5, overwrite=True)
    assert float(other.isel(y=0, x=0)) == 0.5


@pytest.mark.parametrize("error", [OSError("HTTP 503"), RuntimeError("not a TIFF")])
def test_blocks_that_cannot_be_read_are_told_and_healed(tmp_path, error):
    tried = []

    def broken(low):
        tried.append(low)
        if low in (1024, 3072):
            raise error
        return float(low)

    with pytest.raises(RuntimeError, match=f"2 of 6 blocks of tai.zarr are missing .*{error}"):
        stored(tmp_path, "a", broken)
    assert tried.count(1024) == filling.ATTEMPTS
    assert not (tmp_path / "tai.zarr").exists()
    tried.clear()

    def healed(low):
        tried.append(low)
        return float(low)

    stored(tmp_path, "a", healed)
    assert tried == [1024, 3072]
    store.to_zarr(cube(float), tmp_path / "plain.zarr")
    assert files_of(tmp_path / "tai.zarr") == files_of(tmp_path / "plain.zarr")
    lines = ledger_of(tmp_path / "tai.zarr").read_text().splitlines()
    assert len(lines) == 1 + 6 + 2


def test_a_block_that_fails_once_is_tried_again_at_once(tmp_path):
    tried = []

    def once(low):
        tried.append(low)
        if len(tried) == 3:
            message = "HTTP 500"
            raise OSError(message)
        return float(low)

    stored(tmp_path, "a", once)
    assert len(tried) == 7


def test_a_run_gives_up_when_everything_fails(tmp_path):
    tried = []

    def dead(low):
        tried.append(low)
        message = "no route to host"
        raise OSError(message)

    with pytest.raises(RuntimeError, match=r"6 of 6 blocks .*no route to host"):
        stored(tmp_path, "a", dead)
    assert sorted(set(tried)) == [0, 1024, 2048, 3072]


def mistaken(low):
    if low == 2048:
        message = "bands differ"
        raise ValueError(message)
    return float(low)


def test_a_mistake_is_not_tried_again_and_keeps_what_is_done(tmp_path):
    tried = []

    def mistaken(low):
        tried.append(low)
        if low == 2048:
            message = "bands differ"
            raise ValueError(message)
        return float(low)

    with pytest.raises(ValueError, match="bands differ"):
        stored(tmp_path, "a", mistaken)
    assert tried == [0, 1024, 2048]
    tried.clear()
    stored(tmp_path, "a", lambda low: tried.append(low) or float(low))
    assert tried == [2048, 3072, 4096, 5120]


@pytest.mark.parametrize("by", ["to_zarr", "append", "another program", "a region"])
def test_a_store_that_is_no_longer_that_of_its_ledger_is_made_again(tmp_path, by):
    def images(number):
        layer = cube(lambda low: low + number).expand_dims(time=np.array([number], "M8[D]"))
        return layer.assign_coords(time=layer.time.astype("M8[ns]"))

    target = tmp_path / "tai.zarr"
    one = store.to_zarr(images(1), target, resume="a").load()
    if by == "to_zarr":
        store.to_zarr(images(2), target, overwrite=True)
    elif by == "append":
        store.append(images(2), target, dim="time")
    elif by == "another program":
        store.to_zarr(images(2), tmp_path / "other.zarr")
        shutil.rmtree(target)
        shutil.copytree(tmp_path / "other.zarr", target)
    else:
        region = images(2).drop_vars(["time", "x", "y"]).isel(y=slice(STEP)).to_dataset()
        region.to_zarr(target, region={"y": slice(STEP)}, consolidated=False)
    assert ledger_of(target).exists() is (by not in ("to_zarr", "append"))
    again = store.to_zarr(images(1), target, resume="a", overwrite=True)
    assert again.load().identical(one)


def test_a_store_written_in_one_go_leaves_the_job_that_fills_it(tmp_path):
    with pytest.raises(ValueError, match="bands differ"):
        stored(tmp_path, "a", mistaken)
    store.to_zarr(cube(float) * 3, tmp_path / "tai.zarr")
    stored(tmp_path, "a", overwrite=True)
    assert float(store.open_cube(tmp_path / "tai.zarr", name="tai")[0, 0]) == 0.0
    assert made_again(tmp_path) == set()


class Ended(Exception):
    """As that of a scheduler that lost its workers over a task: no kind of RuntimeError."""


@pytest.mark.parametrize("error", [ValueError("bands differ"), Ended("three workers"), KeyError(7)])
def test_whatever_ends_a_job_leaves_a_line_with_its_reason(tmp_path, error):
    def dead(low):
        if low == 1024:
            raise error
        return float(low)

    for attempts in (1, 2):
        with pytest.raises(type(error)) as got:
            stored(tmp_path, "a", dead)
        assert got.value is error
        last = json.loads(ledger_of(tmp_path / "tai.zarr").read_text().splitlines()[-1])
        assert (last["name"], last["status"]) == ("y 1024:2048", "failed")
        assert last["attempts"] == attempts
        assert last["reason"] == f"{type(error).__name__}: {error}"


def test_blocks_that_are_thrown_away_are_told_with_what_changed(tmp_path, caplog):
    def key(**parts):
        return json.dumps({"settings": ["Run", {"window": 5}], "inputs": ["a", "b"], **parts})

    stored(tmp_path, key())
    stored(tmp_path, key())
    assert caplog.messages == []
    stored(tmp_path, key(inputs=["a", "c", "d"]), overwrite=True)
    assert caplog.messages == [
        "tai.zarr is made anew from its first block: inputs changed (2 new, 1 gone)"
    ]


def test_layers_on_lattices_of_their_own_are_filled_by_their_rows(tmp_path):
    """A picture of 24 rows and windows of 8 over the same ground, of which the last need none."""
    tried = []

    def block(block_info=None):
        low = block_info[None]["array-location"][0][0]
        tried.append(low)
        if len(tried) == 1:
            message = "HTTP 500"
            raise OSError(message)
        return np.full(block_info[None]["chunk-shape"], low, "f4")

    def lazy(*chunks):
        return da.map_blocks(block, chunks=chunks, dtype="f4", meta=np.empty((0, 0), "f4"))

    both = xr.Dataset(
        {
            "view": (("view_row", "view_column"), lazy((12, 12), (5,))),
            "windows": (("row", "column"), lazy((4, 1), (3, 2))),
        }
    )
    rows = {"row": 2, "view_row": 6}
    found = store.to_zarr(both, tmp_path / "date.zarr", rows=rows, resume="a").load()
    assert found.view.values[:, 0].tolist() == [0] * 12 + [12] * 12
    assert found.windows.values[:, 0].tolist() == [0] * 4 + [4]
    names = [
        (line["name"], line["attempts"])
        for line in map(json.loads, ledger_of(tmp_path / "date.zarr").read_text().splitlines()[1:])
    ]
    assert names == [
        ("row 0:2, view_row 0:6", 2),
        ("row 2:4, view_row 6:12", 1),
        ("row 4:5, view_row 12:18", 1),
        ("row 5:5, view_row 18:24", 1),
    ]
    plain = store.to_zarr(both.compute(), tmp_path / "plain.zarr")
    assert found.identical(plain.load())


def test_an_old_store_stands_until_the_new_one_is_whole(tmp_path):
    stored(tmp_path, "a")

    def broken(low):
        if low == 5120:
            message = "HTTP 403"
            raise OSError(message)
        return low + 0.5

    with pytest.raises(RuntimeError, match="1 of 6"):
        stored(tmp_path, "b", broken, overwrite=True)
    assert float(store.open_cube(tmp_path / "tai.zarr", name="tai")[0, 0]) == 0.0
    new = stored(tmp_path, "b", lambda low: low + 0.5, overwrite=True)
    assert float(new[0, 0]) == 0.5


def test_what_was_stopped_is_to_be_gone_on_with_and_a_lock_is_nothing(tmp_path):
    (tmp_path / ".tai.lock").touch()
    with pytest.raises(FileNotFoundError, match=r"store it with minewatch"):
        store.open_cube(tmp_path / "tai.zarr")

    def stopped(low):
        message = f"bands differ in row {low}"
        raise ValueError(message)

    with pytest.raises(ValueError, match="bands differ"):
        stored(tmp_path, "a", stopped)
    with pytest.raises(FileNotFoundError, match=r"left \.tai\.unfinished\.zarr: go on with resume"):
        store.open_cube(tmp_path / "tai.zarr")


def test_two_jobs_do_not_fill_one_store(tmp_path):
    with FileLock(tmp_path / ".tai.lock"), pytest.raises(BlockingIOError, match="another run"):
        stored(tmp_path, "a")
    stored(tmp_path, "a")


def test_what_another_job_fills_is_not_forgotten(tmp_path):
    with pytest.raises(ValueError, match="bands differ"):
        stored(tmp_path, "a", mistaken)
    target = tmp_path / "tai.zarr"
    with FileLock(tmp_path / ".tai.lock"), pytest.raises(BlockingIOError, match="another run"):
        filling.forget(target)
    assert unfinished(target).is_dir()
    assert ledger_of(target).is_file()
    filling.forget(target)
    assert not unfinished(target).exists()
    assert not ledger_of(target).exists()


def test_layers_in_memory_are_stored_as_well(tmp_path):
    layer = cube(float).compute()
    assert store.to_zarr(layer, tmp_path / "tai.zarr", resume="a").load().identical(layer)


@pytest.fixture
def many_threads():
    """A cluster of six threads in this process: twelve strips of one block are before it."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=6, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster),
    ):
        yield


def test_a_cluster_is_given_several_strips_and_any_order_gives_the_same_store(
    tmp_path, many_threads
):
    last = tmp_path / "last"  # tasks travel, so they meet on the disk

    def backwards(low):
        # The first strip ends after the last has begun: all six must be at work together.
        until = time.monotonic() + 60
        while low == 0 and not last.exists():
            assert time.monotonic() < until
            time.sleep(0.01)
        if low == ROWS - STEP:
            last.touch()
        return float(low)

    stored(tmp_path, "a", backwards)
    lines = ledger_of(tmp_path / "tai.zarr").read_text().splitlines()[1:]
    names = [json.loads(line)["name"] for line in lines]
    assert sorted(names) == sorted(f"y {low}:{low + STEP}" for low in range(0, ROWS, STEP))
    store.to_zarr(cube(float).compute(), tmp_path / "plain.zarr")
    assert files_of(tmp_path / "tai.zarr") == files_of(tmp_path / "plain.zarr")


def test_what_a_cluster_had_at_work_beside_a_mistake_is_kept(tmp_path, many_threads):
    with pytest.raises(ValueError, match="bands differ"):
        stored(tmp_path, "a", mistaken)
    assert made_again(tmp_path) == {2048}


def made_again(folder):
    """Which blocks a second run makes."""

    def told(low):
        (folder / f"made-{low}").touch()
        return float(low)

    stored(folder, "a", told)
    return {int(path.name.removeprefix("made-")) for path in folder.glob("made-*")}


def test_blocks_that_a_cluster_cannot_read_are_told_and_healed(tmp_path, many_threads):
    def broken(low):
        if low in (1024, 3072):
            message = "HTTP 503"
            raise OSError(message)
        return float(low)

    with pytest.raises(RuntimeError, match=r"2 of 6 blocks of tai.zarr are missing .*HTTP 503"):
        stored(tmp_path, "a", broken)
    assert made_again(tmp_path) == {1024, 3072}


JOB = """
import os, sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from store_job import cube
from minewatch import store

folder = Path(sys.argv[1])

def slow(low):
    with open(folder / "made.txt", "a") as file:
        file.write(f"{{low}}\\n")
    time.sleep(0.15)
    return float(low)

print("ready", flush=True)
store.to_zarr(cube(slow), folder / "tai.zarr", resume="a")
"""


@pytest.mark.slow
def test_killed_at_any_moment_loses_what_is_in_flight_alone(tmp_path):
    """Twenty kills at random moments: the store is bit-equal, and each kill costs one block."""
    here = os.path.dirname(__file__)  # noqa: PTH120
    (tmp_path / "store_job.py").write_text(
        f"import sys; sys.path.insert(0, {here!r})\nfrom test_filling import cube\n"
    )
    script = tmp_path / "job.py"
    script.write_text(JOB.format(tests=str(tmp_path)))
    chance = random.Random(3)
    kills = 0
    while kills < 20:
        job = subprocess.Popen(
            [sys.executable, script, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert job.stdout.readline() == b"ready\n"
        # A whole job takes 0.9 s or more.
        time.sleep(chance.uniform(0.0, 0.8))
        job.send_signal(signal.SIGKILL)
        job.communicate()
        kills += 1
        if (tmp_path / "tai.zarr").exists():
            made = sorted(map(int, (tmp_path / "made.txt").read_text().split()))
            (tmp_path / "made.txt").unlink()
            (tmp_path / "tai.zarr").rename(tmp_path / f"tai{kills}.zarr")
            assert set(made) == set(range(0, ROWS, STEP))
    subprocess.run([sys.executable, script, tmp_path], check=True, capture_output=True)
    store.to_zarr(cube(float), tmp_path / "plain.zarr")
    assert files_of(tmp_path / "tai.zarr") == files_of(tmp_path / "plain.zarr")
    made = list(map(int, (tmp_path / "made.txt").read_text().split()))
    assert set(made) == set(range(0, ROWS, STEP))
    assert len(made) <= 6 + kills


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced(tmp_path):
    """Killed in the midst of each of three blocks: others take over, and nothing shows."""
    from distributed import Client, LocalCluster

    def slow(low):
        time.sleep(1.0)
        return float(low)

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        killed = []

        def killer():
            for _ in range(3):
                time.sleep(1.5)
                pid = next(iter(client.run(os.getpid).values()))
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

        thread = threading.Thread(target=killer)
        thread.start()
        stored(tmp_path, "a", slow)
        thread.join()
    assert len(set(killed)) == 3
    store.to_zarr(cube(float), tmp_path / "plain.zarr")
    assert files_of(tmp_path / "tai.zarr") == files_of(tmp_path / "plain.zarr")
