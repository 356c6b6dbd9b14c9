"""One run at a time writes into a folder: others are told so."""

from __future__ import annotations

import dataclasses
import multiprocessing
import subprocess
import sys
from pathlib import Path

import pytest
from killing import PRELOAD

from minewatch import simulate
from minewatch.workflows import ActivitySettings, activity_run
from minewatch.workflows.demo import DemoSettings, demo_run
from minewatch.workflows.folders import LOCK, open_folder, require_free
from minewatch.workflows.resuming import begin, require_begin
from minewatch.workflows.worlds import simulate_run

HOLDS = """
import sys
from minewatch.workflows.resuming import begin
from minewatch.workflows import ActivitySettings
with begin(ActivitySettings(input="slc", output=sys.argv[1])):
    print("begun", flush=True)
    sys.stdin.read()
"""
BUSY = "another run is writing to .*pit; wait until it ends, or choose another output folder"


def test_a_folder_that_another_process_writes_to_is_refused_until_that_ends_or_is_killed(tmp_path):
    pit = tmp_path / "pit"
    run = ActivitySettings(input=str(tmp_path), output=str(pit))
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(pit)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"begun\n"
        for ways in ({}, {"resume": True}, {"overwrite": True}):
            settings = dataclasses.replace(run, **ways)
            with pytest.raises(BlockingIOError, match=BUSY):
                require_begin(settings)
            with pytest.raises(BlockingIOError, match=BUSY), begin(settings):
                pass
        for overwrite in (False, True):
            with pytest.raises(BlockingIOError, match=BUSY):
                require_free(str(pit), overwrite=overwrite)
            with pytest.raises(BlockingIOError, match=BUSY):
                simulate_run(pit, seed=1, size=16, overwrite=overwrite)
            with pytest.raises(BlockingIOError, match=BUSY):
                demo_run(DemoSettings(output=str(pit), overwrite=overwrite))
        other.kill()
    # The file of one that was killed is no result, and nobody holds it.
    assert [path.name for path in pit.iterdir()] == [LOCK]
    with open_folder(str(pit), overwrite=False):
        assert [path.name for path in pit.iterdir()] == [LOCK]
    assert not list(pit.iterdir())


def test_a_folder_is_free_again_when_a_run_fails(tmp_path):
    settings = ActivitySettings(input="slc", output=str(tmp_path / "pit"))
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), begin(settings) as folder:
            folder / str(1 // 0)
    assert not list((tmp_path / "pit").iterdir())


def run_until_maps(settings, reached):
    """Make an activity map, but stop for ever before its maps are written."""

    def wait(stage, done, total):
        if stage == "maps and report":
            reached.set()
            multiprocessing.Event().wait()

    activity_run(settings, notify=wait)


@pytest.mark.slow
def test_an_activity_run_does_not_take_up_what_another_is_at_work_on(tmp_path):
    slc = simulate.write_slc(simulate.mine_world(seed=42, size=128), tmp_path / "slc")
    settings = ActivitySettings(input=str(slc), output=str(tmp_path / "pit"), choices=False)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    reached = context.Event()
    other = context.Process(target=run_until_maps, args=(settings, reached))
    other.start()
    try:
        assert reached.wait(120)
        stood = {path: path.stat().st_mtime_ns for path in Path(settings.output).rglob("*")}
        again = dataclasses.replace(settings, resume=True)
        with pytest.raises(BlockingIOError, match=BUSY):
            activity_run(again)
        now = {path: path.stat().st_mtime_ns for path in Path(settings.output).rglob("*")}
        assert [path for path in stood | now if stood.get(path) != now.get(path)] == []
    finally:
        other.kill()
        other.join()
    result = activity_run(again)
    assert (result.folder / "activity.tif").is_file()
    assert not (result.folder / LOCK).exists()
