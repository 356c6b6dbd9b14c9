"""The record beside results: what it holds, and what is refused."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from minewatch.sources._pins import only
from minewatch.workflows.identities import identity
from minewatch.workflows.provenance import (
    RECORD,
    altered_inputs,
    find_record,
    inputs_of,
    read_record,
    write_record,
)
from minewatch.workflows.settings import option, set_aside


@dataclasses.dataclass(frozen=True)
class Settings:
    input: str = option("", "images", path=True)
    zones: str | None = option(None, "polygons", path=True)
    catalog: str = option("https://stac.test/v1", "catalogue", path=True)
    output: str = option("", "results", path=True)
    looks: float = option(4.4, "looks")


def written(folder: Path, **how: object) -> dict:
    images = folder / "slc"
    (images / "pit").mkdir(parents=True, exist_ok=True)  # results among the inputs
    for name in ("a.tif", "b.tif", "c.tif", "notes.txt"):
        (images / name).write_text(name)
    result = images / "pit" / "activity.tif"
    result.write_text("map")
    (images / "pit" / "run.toml").write_text("")
    settings = Settings(input=str(images), output=str(images / "pit"))
    path = write_record(
        settings, images / "pit", files=[result, result, folder / "gone"],
        versions={"minewatch": "1"}, dropped=[{"what": "pair", "name": "p", "reason": "low"}],
        inputs=inputs_of(settings, images / "pit", **how),
    )  # fmt: skip
    assert path.name == RECORD
    record = read_record(images / "pit")
    assert record is not None
    return record


def test_it_tells_inputs_settings_versions_and_results(tmp_path: Path) -> None:
    record = written(tmp_path, names=["a.tif", "b.tif"])
    inputs = {row["name"]: row for row in record["inputs"]}
    # The text beside the images may tell of them; an image that was not read is no input.
    assert list(inputs) == ["a.tif", "b.tif", "notes.txt", "https://stac.test/v1"]
    assert inputs["a.tif"]["digest"] == identity(tmp_path / "slc" / "a.tif")
    assert inputs["a.tif"]["at"] == str(tmp_path / "slc" / "a.tif")
    assert inputs["a.tif"]["bytes"] == 5
    assert record["settings"] == "Settings"
    assert record["parameters"]["looks"] == 4.4
    assert record["versions"] == {"minewatch": "1"}
    assert record["dropped"] == [{"what": "pair", "name": "p", "reason": "low"}]
    (result,) = record["results"]
    assert result["name"] == "activity.tif"
    assert result["digest"] == identity(tmp_path / "slc" / "pit" / "activity.tif")


def test_images_are_found_in_subfolders_and_by_the_names_of_their_bands(tmp_path: Path) -> None:
    images = tmp_path / "slc"
    for name in ("one/a.dim", "one/a.data/i_VV.img", "one/a.txt", "two/b.dim", "two/b.txt"):
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_text(name)
    names = [row["name"] for row in written(tmp_path, names=["a.dim i_VV"])["inputs"]]
    assert names == ["notes.txt", "one/a.dim", "one/a.txt", "https://stac.test/v1"]


def test_what_came_since_is_no_input_and_what_is_gone_is_an_error(tmp_path: Path) -> None:
    then = [tmp_path / "slc" / name for name in ("a.tif", "b.tif", "notes.txt")]
    radar = {"what": "radar", "name": "c/1", "digest": "item-sha256:1"}
    with only(then, ["c/1"]):
        inputs = written(tmp_path, items=[radar])["inputs"]
        names = [row["name"] for row in inputs]
        assert names == ["a.tif", "b.tif", "notes.txt", "https://stac.test/v1", "c/1"]
        with pytest.raises(ValueError, match="has no more what the run read: c/1; it cannot"):
            written(tmp_path)


def test_results_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    names = [row["name"] for row in written(tmp_path)["inputs"]]
    assert names == ["a.tif", "b.tif", "c.tif", "notes.txt", "https://stac.test/v1"]


def test_what_was_altered_is_named(tmp_path: Path) -> None:
    before = written(tmp_path, items=[{"what": "radar", "name": "c/1", "digest": "item-sha256:1"}])
    now = json.loads(json.dumps(before))
    assert altered_inputs(before, now) == []
    now["inputs"][0]["digest"] = "sha256:other"
    del now["inputs"][1]
    now["inputs"].append({"what": "radar", "name": "c/2", "digest": ""})
    assert altered_inputs(before, now) == ["a.tif was altered", "b.tif is gone", "c/2 is new"]


def test_any_result_leads_to_its_record(tmp_path: Path) -> None:
    written(tmp_path)
    pit = tmp_path / "slc" / "pit"
    chunk = pit / "tai.zarr" / "tai" / "c" / "0"
    chunk.parent.mkdir(parents=True)
    chunk.write_text("")
    for path in (pit, pit / "activity.tif", pit / RECORD, pit / "tai.zarr", chunk):
        assert find_record(path) == pit
    # Nor does a run above take what lies below it for its own.
    (pit / "notes").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no run is recorded beside .*notes"):
        find_record(pit / "notes")


def test_a_run_that_begins_to_replace_results_takes_the_record_away(tmp_path: Path) -> None:
    written(tmp_path)
    set_aside(tmp_path / "slc" / "pit" / "run.toml")
    assert read_record(tmp_path / "slc" / "pit") is None


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"format": "minewatch-provenance-9"}', '{"format": 1}']
)
def test_what_is_no_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / RECORD).write_text(content)
    with pytest.raises(ValueError, match=r"no record of a run that this version reads; make"):
        read_record(tmp_path)


def test_a_record_with_rows_that_are_none_is_refused(tmp_path: Path) -> None:
    record = written(tmp_path)
    for key in ("inputs", "results", "dropped"):
        path = tmp_path / RECORD
        path.write_text(json.dumps({**record, key: [{"name": 3}]}))
        with pytest.raises(ValueError, match="no record"):
            read_record(tmp_path)
