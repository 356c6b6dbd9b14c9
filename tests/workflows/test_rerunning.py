"""A run is made again from its own record, and what differs is told."""

from __future__ import annotations

import csv
import json
import shutil

import pytest
from carrying import as_recorded, carried_by

from minewatch import simulate
from minewatch.workflows import (
    ActivitySettings,
    RerunSettings,
    activity_run,
    report_run,
    rerun_run,
)
from minewatch.workflows.comparing import _same
from minewatch.workflows.identities import identity


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


@pytest.fixture
def later(run):
    """Two more images in the folder of the run, which come and go with a test."""
    slc = sorted((run.folder.parent / "slc").glob("*.tif"))
    copies = [
        shutil.copy(image, image.with_name(f"pit_VV_{date}.tif"))
        for image, date in zip(slc[:2], ("20290101", "20290113"), strict=True)
    ]
    yield
    for copy in copies:
        copy.unlink()


@pytest.mark.slow
@pytest.mark.usefixtures("later")
def test_the_same_comes_out_to_the_byte_whatever_has_come_since(run, tmp_path):
    again = rerun_run(RerunSettings(file=str(run.folder), output=str(tmp_path / "again")))
    rows = told(again)
    recorded = json.loads((run.folder / "provenance.json").read_text())["results"]
    assert set(rows) == {row["name"] for row in recorded} - {"run.toml", "report.html"}
    assert {"tai.zarr", "activity.tif", "pairs.csv", "quicklook.png", "summary.json"} <= set(rows)
    assert set(rows.values()) == {"yes"}
    assert again.summary["the same as then"] == f"{len(rows)} of {len(rows)} to the byte"
    assert "stable_minimum = 0.75" in (again.folder / "run.toml").read_text()
    assert again.summary["inputs"] == "15, all as they were"


@pytest.mark.slow
def test_what_was_altered_is_told(run, tmp_path):
    altered = shutil.copytree(run.folder, tmp_path / "altered")
    record = json.loads((altered / "provenance.json").read_text())
    first = record["inputs"][0]
    first["digest"] = "sha256:of another image"
    record["results"].append({"name": "extra.csv", "digest": ""})  # of an earlier version
    record["results"].append({"name": "../pit/pairs.csv", "digest": ""})  # none of the folder
    (altered / "provenance.json").write_text(json.dumps(record))
    (altered / "pairs.csv").write_text("altered\n")
    (altered / "notes.csv").write_text("of one's own\n")
    (altered / "stability.geojson").unlink()  # its digest tells
    next(
        path for path in (altered / "tai.zarr" / "tai" / "c").rglob("*") if path.is_file()
    ).unlink()
    # From a chunk of one of its stores: any result leads to the run.
    chunk = altered / "coherence.zarr" / "coherence" / "zarr.json"
    with pytest.warns(UserWarning, match=f"not what they were: {first['name']} was altered"):
        again = rerun_run(RerunSettings(file=str(chunk), output=str(tmp_path / "again")))
    assert again.summary["inputs"] == f"{first['name']} was altered"
    assert told(again)["stability.geojson"] == "yes"
    differing = {name: same for name, same in told(again).items() if same != "yes"}
    assert differing == {"pairs.csv": "no", "extra.csv": "lacking", "tai.zarr": "no"}
    assert "extra.csv, pairs.csv, tai.zarr" in again.summary["the same as then"]


def test_what_is_gone_is_an_error(run, tmp_path):
    image = sorted((run.folder.parent / "slc").glob("*.tif"))[3]
    away = image.rename(tmp_path / image.name)
    try:
        with pytest.raises(FileNotFoundError, match=f"inputs of the run are gone: {image}; put"):
            rerun_run(RerunSettings(file=str(run.folder), output=str(tmp_path / "again")))
    finally:
        away.rename(image)
    assert not (tmp_path / "again").exists()


def test_numbers_are_the_same_whatever_they_cost(tmp_path):
    for name, seconds, score in (("a", 1.5, 0.9), ("b", 2.5, 0.9), ("c", 1.5, 0.8)):
        numbers = {"cost": {"seconds": seconds}, "f1": score}
        (tmp_path / f"{name}.json").write_text(json.dumps(numbers))
    one, other, worse = (tmp_path / f"{name}.json" for name in "abc")
    assert _same(one, other, "") == "yes"
    assert _same(one, worse, "") == "no"
    assert _same(one, tmp_path / "d.json", "") == "lacking"


def test_the_record_tells_what_each_result_was_made_of(run):
    told = report_run(str(run.folder / "activity.tif"), provenance=True).summary
    assert told["asked about"] == "activity.tif, as it was written"
    assert told["run"] == "Activity"
    assert told["setting stable_minimum"] == "0.75"
    assert told["version of minewatch"]
    assert told["tai.zarr"] == "as it was written"
    inputs = {name: text for name, text in told.items() if name.startswith("input ")}
    slc = sorted((run.folder.parent / "slc").iterdir())
    assert len(slc) == 15  # images and their baselines
    assert [name.removeprefix("input (input) ") for name in inputs] == [one.name for one in slc]
    for name, path in zip(inputs, slc, strict=True):
        assert inputs[name].startswith(identity(path))
    with (run.folder / "dropped_pairs.csv").open() as stream:
        dropped = list(csv.DictReader(stream))
    assert dropped
    for row in dropped:
        assert told[f"left out (pair) {row['reference']} {row['secondary']}"] == row["reason"]
    short = report_run(str(run.folder)).summary
    assert (short["inputs"], short["left out"]) == ("15", str(len(dropped)))


def test_each_file_carries_what_the_record_tells(run, tmp_path):
    files = {"coherence.zarr", "tai.zarr", "tai.tif", "activity.tif", "activity.geojson"}
    assert files <= as_recorded(run.folder)
    record = json.loads((run.folder / "provenance.json").read_text())
    # Pairs are judged after their coherence was stored.
    assert carried_by(run.folder / "tai.tif")["dropped"] == record["dropped"]
    assert carried_by(run.folder / "coherence.zarr")["dropped"] == []
    away = shutil.copy(run.folder / "activity.tif", tmp_path / "renamed.tif")
    told = report_run(str(away), provenance=True).summary
    beside = report_run(str(run.folder), provenance=True).summary
    for row in record["inputs"]:
        assert told[f"input (input) {row['name']}"] == row["digest"]
    for key in (key for key in beside if key.startswith(("version of ", "left out "))):
        assert key == "version of finished" or told[key] == beside[key]


def test_a_result_that_was_altered_or_is_gone_is_told(run, tmp_path):
    altered = shutil.copytree(run.folder, tmp_path / "altered")
    (altered / "pairs.csv").write_text("altered\n")
    (altered / "tai.tif").unlink()
    (altered / "extra.csv").write_text("mine\n")
    told = report_run(str(altered / "extra.csv")).summary
    assert told["asked about"] == "extra.csv, which is none of the results that the run recorded"
    states = {name: told[name] for name in ("pairs.csv", "tai.tif", "activity.tif")}
    assert states == {
        "pairs.csv": "altered since", "tai.tif": "gone", "activity.tif": "as it was written",
    }  # fmt: skip
    # A record that names a file elsewhere does not make it looked at.
    record = json.loads((altered / "provenance.json").read_text())
    record["results"] = [{"name": "../altered/../secret.txt", "digest": ""}]
    (altered / "provenance.json").write_text(json.dumps(record))
    (tmp_path / "secret.txt").write_text("")
    assert report_run(str(altered)).summary["../altered/../secret.txt"] == "gone"


def test_a_run_without_a_record_is_told_by_its_settings(run, tmp_path):
    old = shutil.copytree(run.folder, tmp_path / "old")
    (old / "provenance.json").unlink()
    told = report_run(str(old)).summary
    assert told["record"].startswith("no provenance.json")
    assert told["setting stable_minimum"] == "0.75"


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
