"""The command line as a newcomer meets it: help, a run, and mistakes told in one line."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

import pytest
import xarray as xr
from rich.console import Console

COMMANDS = [
    "demo", "activity", "update", "map", "plan", "area", "ablation", "detect", "report", "rerun",
    "simulate",
    "info",
]  # fmt: skip


def minewatch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process: an interpreter for each would cost seconds."""
    from minewatch.cli import commands

    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["minewatch", *arguments]),
        mock.patch.dict("os.environ", {"COLUMNS": "200"}),
        mock.patch.object(commands, "console", Console(width=200)),
        mock.patch.object(sys.modules["__main__"], "__package__", None),  # its name is argv's
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("default")
        try:
            commands.main()
        except SystemExit as end:
            code = end.code
    return subprocess.CompletedProcess(arguments, int(code), out.getvalue(), err.getvalue())


def installed(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script that was installed."""
    command = [str(Path(sys.executable).with_name("minewatch")), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "200", "HOME": str(Path.home())},
    )  # fmt: skip


def test_the_script_that_was_installed_is_this_command_line() -> None:
    shown = installed("--help")
    assert shown.returncode == 0
    assert shown.stdout == minewatch("--help").stdout
    for command in COMMANDS:
        assert command in shown.stdout
    wrong = installed("activity", "nowhere")
    here = minewatch("activity", "nowhere")
    assert (wrong.returncode, wrong.stderr) == (here.returncode, here.stderr)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    result = minewatch(command, "--help")
    assert result.returncode == 0
    assert "Usage: minewatch" in result.stdout


@pytest.mark.parametrize("command", ["train", "run", "score"])
def test_each_part_of_detect_explains_itself(command: str) -> None:
    result = minewatch("detect", command, "--help")
    assert result.returncode == 0
    assert f"Usage: minewatch detect {command}" in result.stdout
    assert f"Example: minewatch detect {command}" in result.stdout


@pytest.mark.parametrize("kind", ["activity", "update", "map", "detect-run", "detect-train"])
def test_each_kind_of_plan_explains_itself(kind: str) -> None:
    result = minewatch("plan", kind, "--help")
    assert result.returncode == 0
    assert f"Usage: minewatch plan {kind}" in result.stdout
    assert f"Example: minewatch plan {kind}" in result.stdout


def test_a_plan_without_its_kind_is_that_of_a_map_or_of_the_record(tmp_path: Path) -> None:
    named, bare = (
        minewatch("plan", *kind, "nowhere.json", "--reference", "a.geojson")
        for kind in (["map"], [])
    )
    assert (bare.returncode, bare.stderr) == (named.returncode, named.stderr)
    assert "catalog 'nowhere.json' does not exist" in bare.stderr
    record = tmp_path / "run.toml"
    record.write_text('folder = "nowhere"\n[provenance]\nsettings = "UpdateSettings"\n')
    assert "holds no finished run of activity" in minewatch("plan", str(record)).stderr
    slip = minewatch("plan", "activty", "hyp3")
    assert slip.returncode == 2
    assert "No such command 'activty'" in slip.stderr


def test_every_setting_is_an_option_with_its_default() -> None:
    shown = minewatch("activity", "--help").stdout
    assert "--max-perpendicular-baseline" in shown
    assert "[default: 250.0]" in shown
    assert "[default: 3 10]" in shown


def test_info_tells_versions() -> None:
    result = minewatch("info")
    assert result.returncode == 0
    assert xr.__version__ in result.stdout
    assert "CPU cores" in result.stdout
    assert "extra cnn-train" in result.stdout
    for line in result.stdout.splitlines():
        if ": pip install" in line:
            assert "'minewatch[" in line  # brackets are not markup


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["activity", "nowhere"], "input 'nowhere' does not exist; give a folder of SLCs"),
        (["activity"], "needs 'input'"),
        (["activity", ".", "--threshold", "high"], "use 'kde_valley', 'otsu' or a number"),
        (["map", "catalog.json"], "needs 'reference'"),
        (["map", "nowhere.json", "--reference", "a.geojson"], "catalog 'nowhere.json' does not"),
        (["map", "https://example.org", "--reference", "nowhere.geojson"], "nowhere.geojson"),
        (["map", "catalog.json", "--preset", "nursami"], "is not known; use 'nursamsi'"),
        (["area"], "needs 'points'"),
        (["area", "nowhere.geojson"], "there is no file nowhere.geojson; give the points that"),
        (["update", "nowhere"], "nowhere holds no finished run of activity (no run.toml)"),
        (["rerun", "nowhere/run.toml"], "there is no nowhere/run.toml; give the run.toml of"),
        (["ablation", "nowhere"], "nowhere has no run.toml and features.zarr"),
        (["detect", "train"], "needs 'catalog', 'points'"),
        (["detect", "train", "nowhere.json", "--points", "a.geojson"], "catalog 'nowhere.json' do"),
        (["detect", "train", "https://example.org", "--points", "a.geojson"], "no file a.geojson"),
        (["detect", "run", "https://example.org", "--detector", "a.zip"], "there is no file a.zip"),
        (
            ["detect", "run", "https://example.org", "--detector", "a", "--threshold", "1.5"],
            "threshold=1.5 is out of range; use a probability from 0",
        ),
        (["detect", "run", "x", "--detector", "a", "--preset", "b"], "use 'lemes' or 'amazon-min"),
        (["detect", "score", "cells.gpkg", "--reference", "a.geojson"], "no file cells.gpkg; give"),
        (["info", "nowhere.zarr"], "nowhere.zarr does not exist; give a Zarr store"),
    ],
)
def test_a_mistake_is_one_line_and_a_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = minewatch(*arguments)
    assert result.returncode == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stderr.startswith("error: ")
    assert list(tmp_path.iterdir()) == []


def test_too_little_memory_is_one_line_too(monkeypatch: pytest.MonkeyPatch) -> None:
    from minewatch.cli import commands

    def run(settings: object, *, notify: object) -> None:
        raise MemoryError("Unable to allocate 297. GiB")

    monkeypatch.setattr(commands, "activity_run", run)
    result = minewatch("activity", "slc")
    assert result.returncode == 1
    assert "not enough memory (Unable to allocate 297. GiB); minewatch plan tells" in result.stderr
    assert "Traceback" not in result.stderr


def test_points_without_a_design_are_refused(tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    points.write_text("point,label\n1,1\n2,0\n")
    result = minewatch("area", str(points), "--output", str(tmp_path / "areas"))
    assert result.returncode == 1
    assert "without the design by which they were drawn" in result.stderr
    assert len(result.stderr.splitlines()) == 2  # what is wrong, and how to see where
    assert not (tmp_path / "areas").exists()


def test_areas_are_printed(tmp_path: Path) -> None:
    points = tmp_path / "points.csv"
    rows = [f"1,100,1000,{label}" for label in [1] * 8 + [0] * 2]
    rows += [f"0,900,1000,{label}" for label in [0] * 9 + [1]]
    points.write_text("\n".join(["stratum,stratum_ha,total_ha,label", *rows]) + "\n")
    result = minewatch("area", str(points), "--output", str(tmp_path / "areas"))
    assert result.returncode == 0, result.stderr
    assert "170.0 ± 91.0 ha (95 %" in result.stdout
    assert "area.csv" in result.stdout


def test_an_unknown_option_is_a_usage_error() -> None:
    result = minewatch("activity", "pit", "--windw", "3", "10")
    assert result.returncode == 2
    assert "No such option" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["map", "x", "--speckle", "leee"], "'leee' is not one of 'lee', 'refined_lee'"),
        (["map", "x", "--bbox", "1", "2"], "Option '--bbox' requires 4 arguments"),
        (["mapp"], "No such command 'mapp'"),
    ],
)
def test_an_option_that_is_not_understood_is_one_line_too(arguments: list[str], said: str) -> None:
    result = minewatch(*arguments)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert said in line
    assert line.endswith(" --help")


def test_an_unknown_key_in_a_file_says_what_was_meant(tmp_path: Path) -> None:
    settings = tmp_path / "run.toml"
    settings.write_text('input = "slc"\nwindw = [3, 10]\n')
    result = minewatch("activity", str(settings))
    assert result.returncode == 1
    assert "no setting 'windw'; did you mean 'window'?" in result.stderr
