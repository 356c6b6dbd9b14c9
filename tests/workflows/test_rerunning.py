"""A run is made again from its own record, and what differs is told."""

from __future__ import annotations

import csv

import pytest

from minewatch import simulate
from minewatch.workflows import ActivitySettings, RerunSettings, activity_run, rerun_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerun")
    slc = simulate.write_slc(simulate.mine_world(seed=42, size=128), folder / "slc")
    return activity_run(
        ActivitySettings(
            input=str(slc), output=str(folder / "pit"), choices=False, stable_minimum=0.75
        )
    )


def told(result) -> dict[str, str]:
    with (result.folder / "comparison.csv").open() as stream:
        return {row["name"]: row["same"] for row in csv.DictReader(stream)}


def test_the_same_comes_out_to_the_byte(run, tmp_path):
    again = rerun_run(RerunSettings(file=str(run.folder), output=str(tmp_path / "again")))
    rows = told(again)
    assert {"coherence.zarr", "tai.zarr", "activity.tif", "activity.geojson", "pairs.csv"} <= set(
        rows
    )
    assert set(rows.values()) == {"yes"}
    assert again.summary["the same as then"] == f"{len(rows)} of {len(rows)} to the byte"
    assert "stable_minimum = 0.75" in (again.folder / "run.toml").read_text()


def test_what_was_altered_is_told(run, tmp_path):
    import shutil

    altered = shutil.copytree(run.folder, tmp_path / "altered")
    (altered / "pairs.csv").write_text("altered\n")
    (altered / "extra.csv").write_text("of an earlier version\n")
    next(
        path for path in (altered / "tai.zarr" / "tai" / "c").rglob("*") if path.is_file()
    ).unlink()
    again = rerun_run(RerunSettings(file=str(altered / "run.toml"), output=str(tmp_path / "again")))
    differing = {name: same for name, same in told(again).items() if same != "yes"}
    assert differing == {"pairs.csv": "no", "extra.csv": "lacking", "tai.zarr": "no"}
    assert "extra.csv, pairs.csv, tai.zarr" in again.summary["the same as then"]


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (None, FileNotFoundError, "there is no"),
        ("input = ", ValueError, "not valid TOML"),
        ('input = "slc"', ValueError, "does not say what kind"),
        ('[provenance]\nsettings = "os.system"', ValueError, "settings = 'os.system'"),
    ],
)
def test_a_record_that_cannot_be_used_is_refused(tmp_path, content, error, said):
    if content is not None:
        (tmp_path / "run.toml").write_text(content)
    with pytest.raises(error, match=said):
        rerun_run(RerunSettings(file=str(tmp_path / "run.toml"), output=str(tmp_path / "again")))
