"""The record of a run tells of its updates, and what grew is not made again at once."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys

import pytest

from minewatch import simulate, store
from minewatch.cli import main
from minewatch.workflows import (
    ActivitySettings,
    UpdateSettings,
    activity_run,
    report_run,
    update_run,
)
from minewatch.workflows.identities import identity
from minewatch.workflows.provenance import FORMAT

UPDATE = {
    "finished": "2026-01-01T00:00:00+00:00", "input": None, "refresh": False, "threshold": 0.12,
    "pairs": ["2022-06-01/2022-06-13"], "taken_out": [], "stable": "sha256:12",
    "inputs": [{"what": "input", "name": f"slc_{day}.tif", "digest": ""} for day in range(5)],
}  # fmt: skip


def test_an_updated_run_is_not_made_again_and_its_updates_are_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "run.toml").write_text('input = "slc"\n[provenance]\nsettings = "ActivitySettings"')
    updates = [UPDATE, {**UPDATE, "refresh": True, "inputs": []}]
    lists = {"inputs": [], "dropped": [], "results": [], "updates": updates}
    record = {"format": FORMAT, "settings": "ActivitySettings", "parameters": {}, "versions": {}}
    (tmp_path / "provenance.json").write_text(json.dumps({**record, **lists}))
    order = ["minewatch", "rerun", str(tmp_path), "--output", str(tmp_path / "again")]
    monkeypatch.setattr(sys, "argv", order)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    said = " ".join(capsys.readouterr().err.split())
    told = "1. slc_0.tif, slc_1.tif, slc_2.tif and 2 more; 2. known images, refreshed"
    assert f"is a run and 2 updates ({told}), which are not made again at once" in said
    assert not (tmp_path / "again").exists()
    rows = report_run(str(tmp_path), provenance=True).summary
    assert rows["update 1"].startswith("2026-01-01T00:00:00+00:00: 1 pairs of slc_0.tif")
    assert rows["update 2"].endswith("threshold 0.12, found anew, stable pixels sha256:12")


@pytest.mark.slow
def test_the_record_tells_what_each_update_brought(tmp_path):
    slc = simulate.write_slc(simulate.mine_world(seed=42, size=128), tmp_path / "slc")
    images = sorted(slc.glob("*.tif"))
    later = tmp_path / "later"
    later.mkdir()
    shutil.copy2(slc / "perpendicular_baselines.csv", later)
    for image in images[9:]:
        image.rename(later / image.name)
    pit = tmp_path / "pit"
    activity_run(ActivitySettings(input=str(slc), output=str(pit), choices=False))
    before = store.open_cube(pit / "tai.zarr").load()
    shutil.copy2(images[8], later)
    update_run(UpdateSettings(folder=str(pit), input=str(later)))
    shutil.copy2(later / images[9].name, slc)
    update_run(UpdateSettings(folder=str(pit), refresh=True))
    record = json.loads((pit / "provenance.json").read_text())
    first, second = record["updates"]
    added = {row["name"]: row["digest"] for row in first["inputs"]}
    assert added == {image.name: identity(later / image.name) for image in images[9:]}
    assert (first["threshold"], first["refresh"]) == (before.attrs["threshold"], False)
    ground = before.stable.values.astype("u1").tobytes()
    assert first["stable"] == f"sha256:{hashlib.sha256(ground).hexdigest()}"
    assert len(first["pairs"]) == 5
    assert (second["inputs"], second["refresh"]) == ([], True)
    now = store.open_cube(pit / "tai.zarr")
    assert second["threshold"] == now.attrs["threshold"] != first["threshold"]
    names = [row["name"] for row in record["results"]]
    assert names.count("alerts.geojson") == 1
    assert report_run(str(pit / "alerts.geojson")).summary["alerts.geojson"] == "as it was written"
