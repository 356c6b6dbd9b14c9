"""One word chooses where the work runs, and progress is told in both cases."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import dask
import dask.array as da
import numpy as np
import pytest
import xarray as xr
from distributed import Client, LocalCluster
from killing import assert_same_stores
from schedulers import WORKER, scheduler

from minewatch import simulate, store
from minewatch.cluster import connect, watch
from minewatch.cluster.versions import SENT_AWAY
from minewatch.workflows import ActivitySettings, activity_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def work() -> int:
    return int(da.arange(400, chunks=10).map_blocks(lambda block: block % 7).sum().compute())


EXPECTED = sum(i % 7 for i in range(400))


def test_threads_need_no_cluster() -> None:
    seen: list[tuple[int, int]] = []
    with connect("threads") as client, watch(client, lambda *now: seen.append(now)):
        assert client is None
        assert work() == EXPECTED
        assert work() == EXPECTED
    done = [one for one, _ in seen]
    assert done == sorted(done)
    assert seen[-1][0] == seen[-1][1] >= 80  # 40 blocks a run, whatever dask fuses


@pytest.mark.slow
def test_local_processes_tell_their_progress_and_are_gone_afterwards() -> None:
    seen: list[tuple[int, int]] = []
    with connect("local:2") as client:
        assert client is not None
        assert len(client.scheduler_info()["workers"]) == 2
        with watch(client, lambda *now: seen.append(now), interval=0.05):
            assert work() == EXPECTED
        with connect(client) as again:
            assert again is client
    assert client.status == "closed"
    assert seen[-1][0] == seen[-1][1] >= 40


@pytest.fixture(scope="module")
def threads() -> Iterator[LocalCluster]:
    """A scheduler and a worker in this process: they answer at an address as any other."""
    with LocalCluster(
        n_workers=1, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
    ) as cluster:
        yield cluster


def test_a_scheduler_that_is_up_is_joined_by_its_address(threads: LocalCluster) -> None:
    with connect(threads.scheduler_address) as client:
        assert isinstance(client, Client)
        assert work() == EXPECTED
    assert client.status == "closed"


def test_a_client_is_used_and_left_open(threads: LocalCluster) -> None:
    with Client(threads) as client:
        with connect(client) as again:
            assert again is client
            assert work() == EXPECTED
        assert client.status == "running"


@pytest.mark.parametrize(
    ("theirs", "told"), [("0.0.1", "has minewatch 0.0.1"), (None, "has no minewatch")]
)
def test_workers_of_another_version_are_refused(
    threads: LocalCluster, monkeypatch: pytest.MonkeyPatch, theirs: str | None, told: str
) -> None:
    answers = iter(["1.2.3"])

    def version(name: str) -> str:
        # Ours is asked for first, in this process; then that of the worker, in this process too.
        answer = next(answers, theirs)
        if answer is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return answer

    monkeypatch.setattr(importlib.metadata, "version", version)
    wanted = f"1 of 1 workers lack minewatch 1.2.3: tcp://.* {told}; install the same there"
    with pytest.raises(RuntimeError, match=wanted), connect(threads.scheduler_address):
        pass


LATE = """
import importlib.metadata, sys
known, theirs = importlib.metadata.version, {theirs!r}

def version(name):
    if name == "minewatch" and theirs is None:
        raise importlib.metadata.PackageNotFoundError(name)
    return theirs if name == "minewatch" else known(name)

importlib.metadata.version = version
sys.modules["minewatch"] = None  # cannot be imported there
from distributed.cli.dask_worker import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theirs", "told"), [("0.0.1", "with minewatch 0.0.1"), (None, "with no minewatch")]
)
def test_a_worker_of_another_version_that_joins_later_is_sent_away(
    threads: LocalCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture, theirs: str, told: str
) -> None:
    gate = tmp_path / "gate"

    def step(block: np.ndarray) -> np.ndarray:
        while not gate.exists():
            time.sleep(0.02)
        return block + os.getpid()

    with (
        caplog.at_level(logging.WARNING, logger="minewatch"),
        connect(threads.scheduler_address) as client,
    ):
        assert client is not None
        # There is work for many workers, which goes on only after the late one has gone.
        blocks = da.zeros(200, chunks=1, dtype="i8")
        at_work = client.compute(blocks.map_blocks(step, meta=np.empty(0, "i8")))
        code = LATE.format(theirs=theirs)
        subprocess.run(
            [sys.executable, "-c", code, threads.scheduler_address, *WORKER, str(tmp_path)],
            check=False,
            capture_output=True,
            timeout=60,
        )
        gate.touch()
        assert set(at_work.result()) == {os.getpid()}
        assert f"{told} and was sent away; install" in caplog.text
        assert len(client.scheduler_info()["workers"]) == 1
    with Client(threads.scheduler_address) as after:
        assert SENT_AWAY not in after.run_on_scheduler(
            lambda dask_scheduler: list(dask_scheduler.worker_plugins)
        )


def test_a_cluster_without_workers_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with (
        LocalCluster(
            n_workers=0, processes=False, protocol="tcp", dashboard_address="127.0.0.1:0"
        ) as empty,
        caplog.at_level(logging.WARNING, logger="minewatch"),
        connect(empty.scheduler_address),
    ):
        pass
    assert "no worker has joined" in caplog.text


def test_a_mistake_of_the_block_is_told_as_it_is(threads: LocalCluster) -> None:
    with pytest.raises(KeyError, match="nir"), connect(threads.scheduler_address):
        raise KeyError("nir")


def test_no_scheduler_at_the_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(address: str, timeout: str) -> None:
        assert timeout == "10s"  # a real one tries for so long
        message = f"Timed out trying to connect to {address}"
        raise OSError(message)

    monkeypatch.setattr("distributed.Client", refused)
    fix = r"no Dask scheduler answers at tcp://127\.0\.0\.1:9; start one with 'dask scheduler'"
    with pytest.raises(OSError, match=fix), connect("tcp://127.0.0.1:9"):
        pass


bokeh = pytest.mark.skipif(
    importlib.util.find_spec("bokeh") is None, reason="bokeh, of the extra worker, is missing"
)


@bokeh
@pytest.mark.slow
def test_a_report_of_dask_is_written_when_the_block_ends(
    threads: LocalCluster, tmp_path: Path
) -> None:
    page = tmp_path / "dask.html"
    with connect(threads.scheduler_address, report=page):
        assert work() == EXPECTED
        assert not page.exists()
    content = page.read_text(encoding="utf-8")
    assert "<html" in content
    assert "Task Stream" in content


@bokeh
def test_no_report_is_written_of_a_block_that_fails(threads: LocalCluster, tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="bands differ"),
        connect(threads.scheduler_address, report=tmp_path / "dask.html"),
    ):
        raise ValueError("bands differ")
    assert list(tmp_path.iterdir()) == []


def test_a_report_without_bokeh_says_what_brings_it(
    threads: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "bokeh" else found(name)
    )
    with (
        pytest.raises(ImportError, match=r"pip install 'minewatch\[worker\]'"),
        connect(threads.scheduler_address, report=tmp_path / "dask.html"),
    ):
        pass


@pytest.mark.slow
def test_local_workers_have_the_memory_and_the_environment_that_is_asked_for() -> None:
    with connect("local:1", memory=0.75) as client:
        assert client is not None
        (worker,) = client.scheduler_info()["workers"].values()
        assert worker["memory_limit"] == int(0.75 * 2**30)
        (environment,) = client.run(lambda: dict(os.environ)).values()
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "1073741824"
    assert environment["MALLOC_ARENA_MAX"] == "2"
    assert environment["OMP_NUM_THREADS"] == "1"


@pytest.mark.slow
def test_what_dask_left_in_the_environment_is_no_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")  # as after any other LocalCluster
    monkeypatch.setenv("OMP_NUM_THREADS", "3")  # somebody's own
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    with connect("local:1") as client:
        assert client is not None
        (environment,) = client.run(lambda: dict(os.environ)).values()
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "1073741824"
    assert environment["MALLOC_MMAP_THRESHOLD_"] == "1073741824"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert os.environ["MALLOC_TRIM_THRESHOLD_"] == "65536"
    assert "MALLOC_MMAP_THRESHOLD_" not in os.environ


@pytest.mark.slow
def test_a_task_that_ends_its_workers_is_told() -> None:
    def deadly(block: object) -> object:
        os.kill(os.getpid(), signal.SIGKILL)
        return block

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        pytest.raises(RuntimeError, match=r"over the same task .*'local:2'"),
        connect("local:1"),
    ):
        da.zeros(1, chunks=1).map_blocks(deadly, dtype=float, meta=0.0).compute()


GONE = r"the Dask scheduler at tcp://.* is gone .* then resume"


@pytest.mark.slow
def test_a_scheduler_that_is_killed_while_a_store_is_filled_costs_the_blocks_in_flight(
    tmp_path: Path,
) -> None:
    """An error, no hanging; what was noted is not made again, and the store is the same."""
    made, go_on = tmp_path / "made", tmp_path / "go on"
    made.mkdir()

    def block(block_info: Any = None) -> Any:
        ((low, high), _) = block_info[None]["array-location"]
        (made / f"{low}-{time.monotonic_ns()}").touch()
        # Eight of two seconds each on two workers: the kill comes after the first.
        until = time.monotonic() + 2
        while time.monotonic() < until and not go_on.exists():
            time.sleep(0.02)
        return np.full((high - low, 5), low, "f4")

    def layer() -> xr.DataArray:
        chunks = ((1024,) * 8, (5,))
        data = da.map_blocks(block, chunks=chunks, dtype="f4", meta=np.empty((0, 0), "f4"))
        return xr.DataArray(data, dims=("y", "x"), name="tai")

    def noted() -> list[str]:
        ledger = tmp_path / "tai.blocks.jsonl"
        lines = ledger.read_text().splitlines()[1:] if ledger.is_file() else []
        return [json.loads(line)["name"] for line in lines if '"done"' in line]

    with scheduler(tmp_path / "one", workers=2) as first:

        def kill() -> None:
            while not noted():
                time.sleep(0.02)
            first.kill()

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        with pytest.raises(OSError, match=GONE), connect(first.address):
            store.to_zarr(layer(), tmp_path / "tai.zarr", resume="a")
        killer.join()
    assert not (tmp_path / "tai.zarr").exists()
    done = {name.split()[1].split(":")[0] for name in noted()}
    assert 0 < len(done) < 8
    for path in made.iterdir():
        path.unlink()
    go_on.touch()
    store.to_zarr(layer(), tmp_path / "tai.zarr", resume="a")
    again = {path.name.split("-")[0] for path in made.iterdir()}
    assert again == {str(low) for low in range(0, 8 * 1024, 1024)} - done
    (tmp_path / "plain").mkdir()
    store.to_zarr(layer().compute(), tmp_path / "plain" / "tai.zarr")
    assert_same_stores(tmp_path, tmp_path / "plain")


@pytest.mark.slow
def test_a_scheduler_that_is_killed_ends_an_activity_run_that_can_be_resumed(
    tmp_path: Path,
) -> None:
    slc = simulate.write_slc(simulate.mine_world(seed=42, size=128), tmp_path / "slc")
    settings = ActivitySettings(input=str(slc), output=str(tmp_path / "pit"), choices=False)

    with scheduler(tmp_path / "one", workers=1) as first:

        def kill(stage: str, done: int, total: int) -> None:
            if stage == "mean NDAI":  # coherence is stored
                first.kill()

        with pytest.raises(OSError, match=GONE):
            activity_run(dataclasses.replace(settings, cluster=first.address), notify=kill)
    stores = {path.name for path in (tmp_path / "pit").glob("*.zarr")}
    assert stores == {"coherence.zarr"}
    activity_run(dataclasses.replace(settings, resume=True))
    activity_run(dataclasses.replace(settings, output=str(tmp_path / "whole")))
    assert_same_stores(tmp_path / "pit", tmp_path / "whole")
    for name in ("activity.tif", "tai.tif", "activity.geojson", "pairs.csv"):
        same = (tmp_path / "pit" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert same, name


@pytest.mark.parametrize(
    ("target", "fix"),
    [
        ("somewhere", "use 'threads', 'local', 'local:8' or 'tcp://host:8786'"),
        ("local8", "use 'threads', 'local', 'local:8' or 'tcp://host:8786'"),
        ("local:many", "use e.g. 'local:4'"),
        ("local:", "use e.g. 'local:4'"),
        ("local:0", "use e.g. 'local:4'"),
    ],
)
def test_an_unknown_cluster_is_refused(target: str, fix: str) -> None:
    with pytest.raises(ValueError, match=fix), connect(target):
        pass


@pytest.mark.parametrize(
    ("target", "settings", "fix"),
    [
        ("threads", {"report": "dask.html"}, "use cluster 'local'"),
        ("threads", {"memory": 2}, "is for workers of 'local'"),
        ("tcp://127.0.0.1:9", {"memory": 2}, "is for workers of 'local'"),
        ("local:2", {"memory": 0.1}, "use 2"),
        ("local:2", {"memory": float("nan")}, "use 2"),
    ],
)
def test_what_a_cluster_cannot_give_is_refused(
    target: str, settings: dict[str, object], fix: str
) -> None:
    with pytest.raises(ValueError, match=fix), connect(target, **settings):  # type: ignore[arg-type]
        pass
