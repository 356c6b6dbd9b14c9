"""Whole runs on bad input, bad networks and bad disks: one line and a status, or healed."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import sys
import warnings
from pathlib import Path
from typing import Any
from unittest import mock

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from disks import files_end_at
from killing import assert_same_stores, ledgers, small_blocks
from rasterfiles import stac_item
from servers import range_server

from minewatch import simulate
from minewatch.sources import _rasters
from minewatch.sources.stac._readers import StrictReader
from minewatch.store import filling
from minewatch.workflows import ActivitySettings, MappingSettings, activity_run, mapping_run
from minewatch.workflows.comparing import BUT_FOR_ORIGIN, compared

EVERYWHERE = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]


def minewatch(*arguments: str) -> tuple[int, str]:
    """Status and errors of a command."""
    from minewatch.cli import commands

    told = io.StringIO()
    with (
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.redirect_stderr(told),
        mock.patch.object(sys, "argv", ["minewatch", *arguments]),
        warnings.catch_warnings(),
        pytest.raises(SystemExit) as end,
    ):
        commands.main()
    return int(end.value.code or 0), told.getvalue()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue with an image of everywhere, polygons, and things that are others."""
    folder = tmp_path_factory.mktemp("inputs")
    item = stac_item("all", {"vv": "/no/vv.tif"}).to_dict(include_self_link=False)
    item["geometry"] = {"type": "Polygon", "coordinates": [EVERYWHERE]}
    undated = {**item, "properties": {"datetime": None}}
    for name, record in (("items", item), ("undated", undated)):
        (folder / f"{name}.json").write_text(
            json.dumps({"type": "FeatureCollection", "features": [record]})
        )
    boxes = [shapely.box(82.5, 22.3, 82.6, 22.4), shapely.box(82.7, 22.3, 82.8, 22.4)]
    table = gpd.GeoDataFrame({"label": [1, 0]}, geometry=boxes, crs="EPSG:4326")
    table.to_file(folder / "reference.geojson", driver="GeoJSON")
    (folder / "file").write_text("text")
    (folder / "folder").mkdir()
    (folder / "folder" / "kept.txt").write_text("kept")
    (folder / "file.zarr").write_text("text")
    layer = xr.DataArray(np.zeros((2, 2), "f4"), dims=("y", "x"), name="tai").to_dataset()
    for name, change in (
        ("newer", {"zarr_format": 4}),
        ("strange", {"sharding": {"must_understand": True}}),
    ):
        layer.to_zarr(folder / f"{name}.zarr", zarr_format=3, consolidated=False)
        about = folder / f"{name}.zarr" / "zarr.json"
        about.write_text(json.dumps({**json.loads(about.read_text()), **change}))
    return folder


MAP = ("map", "items.json", "--reference", "reference.geojson", "--yes", "--output", "out")
MISTAKES = {
    "polygons are a folder": (
        ("map", "items.json", "--reference", "folder"), "folder is no vector file",
    ),
    "a catalogue is a folder": (
        ("map", "folder", "--reference", "reference.geojson"), "no STAC catalogue at folder",
    ),
    "a catalogue is a text": (
        ("map", "file", "--reference", "reference.geojson"), "file is no STAC: it starts 'text'",
    ),
    "an image has no date": (
        ("map", "undated.json", *MAP[2:]), "undated.json is no STAC item (it has no datetime",
    ),
    "the output is a file": ((*MAP[:-1], "file"), "file is a file; the output must be a folder"),
    "the output is below a file": ((*MAP[:-1], "file/out"), "part of the path is a file"),
    "the output cannot be made": ((*MAP[:-1], "/proc/minewatch"), "/proc/minewatch: "),
    "nothing is found": (
        (*MAP, "--datetime", "1999"),
        "datetime=1999-01-01/1999-12-31 (1 items read, collections left 1, bbox left 1, datetime "
        "left 0); relax datetime",
    ),
    "the box holds a pole": (
        (*MAP, "--bbox", "-10", "88", "10", "90"), "no UTM; use a polar CRS",
    ),
    "the box crosses the antimeridian": (
        (*MAP, "--bbox", "179.9", "-17", "-179.9", "-16.9"), "across the antimeridian in two",
    ),
    "the box is none": ((*MAP, "--bbox", "nan", "1", "2", "3"), "is no (west, south, east, north)"),
    "settings are not there": (("map", "newer.zarr/zarr.toml"), "zarr.toml"),
    "a folder of SLCs is empty": (("activity", "folder", "--output", "out"), "holds neither SLCs"),
    "a finished run is a file": (("update", "file"), "file holds no finished run of activity"),
    "a store is a file": (("info", "file.zarr"), "file.zarr is no STAC"),
    "a store is of Zarr 4": (("info", "newer.zarr"), "newer.zarr is of Zarr format 4, and Zarr"),
    "a store needs what is not known": (("info", "strange.zarr"), "of a newer version than Zarr"),
    "a detector is a text": (
        ("detect", "run", "items.json", "--detector", "file"), "no archive of a network",
    ),
}  # fmt: skip


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("mistake", MISTAKES)
def test_bad_input_is_one_line_and_a_status_and_harms_nothing(
    inputs: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    monkeypatch.chdir(inputs)
    arguments, said = MISTAKES[mistake]
    before = files(inputs)
    status, told = minewatch(*arguments)
    assert status == 1
    wrong = [line for line in told.splitlines() if not line.startswith("warning: ")]
    assert len(wrong) == 2, told  # what is wrong, and how to see where
    assert wrong[0].startswith("error: ")
    assert said in wrong[0]
    after = files(inputs)
    assert [name for name in before | after if before.get(name) != after.get(name)] == []


def test_what_a_stranger_writes_does_not_steer_the_terminal(
    inputs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(inputs)
    record = json.loads((inputs / "undated.json").read_text())
    record["features"][0]["id"] = "\x1b]0;owned\x07\nerror: [red]all is well[/red]"
    monkeypatch.setattr(Path, "read_bytes", lambda _: json.dumps(record).encode())
    status, told = minewatch("map", "undated.json", *MAP[2:])
    assert status == 1
    assert len(told.splitlines()) == 2
    assert "\x1b" not in told
    assert "[red]all is well[/red]" in told


# Whole runs --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A district whose images have names that would lead elsewhere, or run in a page."""
    folder = tmp_path_factory.mktemp("world")
    made = simulate.mine_world(seed=42, size=128)
    simulate.write_stac(made, folder / "stac")
    simulate.write_vectors(made, folder)
    simulate.write_slc(made, folder / "slc")
    for number, path in enumerate(sorted((folder / "stac").rglob("*.json"))):
        content = json.loads(path.read_text())
        if content["type"] == "Feature":
            content["id"] = f"../../../evil-{number}<script>alert(1)</script>"
            path.write_text(json.dumps(content))
    return folder


def mapping(world: Path, catalog: str, output: Path) -> MappingSettings:
    return MappingSettings(
        catalog=catalog,
        reference=str(world / "reference.geojson"),
        collections=("sentinel-1-rtc",),
        output=str(output),
        trees=5,
        max_per_polygon=20,
    )


@pytest.mark.slow
def test_a_map_over_a_bad_network_is_told_and_healed(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One image is refused (403) until the run has ended; the next one goes on and is the same."""
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    before = files(world)
    home = tmp_path / "a" / "b" / "c"
    home.mkdir(parents=True)
    mapping_run(mapping(world, str(world / "stac" / "catalog.json"), home / "plain"))
    struck, refused = [""], [True]

    def refuse(path: str) -> int | None:
        if path.endswith(".tif") and not struck[0]:
            struck[0] = path
        return 403 if refused[0] and path == struck[0] else None

    with range_server(world / "stac", before=refuse) as url:
        settings = mapping(world, f"{url}/catalog.json", home / "mines")
        with pytest.raises(RuntimeError, match=r"1 of 1 blocks of features\.zarr.*403") as got:
            mapping_run(settings)
        assert "\n" not in str(got.value)
        assert not (home / "mines" / "features.zarr").exists()
        assert not (home / "mines" / "run.toml").exists()
        refused[0] = False
        mapping_run(dataclasses.replace(settings, resume=True))
    # The stores tell that one catalogue was a file, the other a server's.
    same = {row["name"]: row["same"] for row in compared(home / "plain", home / "mines")}
    made = ("features.zarr", "probability.tif", "mines.tif", "mines.geojson")
    assert {name: same[name] for name in made} == dict.fromkeys(made, BUT_FOR_ORIGIN)
    # Names of images stay text: in their place, and not as part of the page.
    assert "evil-" in (home / "mines" / "items.csv").read_text()
    assert "<script>alert(1)" not in (home / "mines" / "report.html").read_text()
    assert sorted(path.name for path in home.iterdir()) == ["mines", "plain"]
    assert [path for path in tmp_path.rglob("*evil*")] == []
    after = files(world)
    assert [name for name in before | after if before.get(name) != after.get(name)] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "store", "side", "blocks"),
    [("activity", "coherence", 24, 4), ("map", "features", 32, 5)],
)
def test_a_block_of_a_run_that_cannot_be_read_is_told_and_the_others_are_kept(
    world: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    store: str,
    side: int,
    blocks: int,
) -> None:
    """No image can be read while the third block is made; the next run makes that block alone."""
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    output, refused = tmp_path / "run", [0]
    ledger = output / f"{store}.blocks.jsonl"

    def refuse(read: Any) -> Any:
        def reading(*arguments: Any, **settings: Any) -> Any:
            if len(ledger.read_text().splitlines()) == 1 + 2:  # a head and two blocks
                refused[0] += 1
                message = "HTTP 503"
                raise OSError(message)
            return read(*arguments, **settings)

        return reading

    settings: Any = mapping(world, str(world / "stac" / "catalog.json"), output)
    if name == "activity":
        settings = ActivitySettings(input=str(world / "slc"), output=str(output), choices=False)
    run: Any = {"activity": activity_run, "map": mapping_run}[name]
    with small_blocks(side):
        with monkeypatch.context() as patch:
            patch.setattr(_rasters, "read_window", refuse(_rasters.read_window))
            patch.setattr(StrictReader, "read", refuse(StrictReader.read))
            with pytest.raises(RuntimeError, match=rf"1 of {blocks} blocks of {store}\.zarr.*503"):
                run(settings)
        assert refused[0] >= filling.ATTEMPTS
        kept = ledgers(output)[store]
        assert len(kept) == blocks - 1
        assert f"y {2 * side}:{3 * side}" not in kept
        assert not (output / f"{store}.zarr").exists()
        run(dataclasses.replace(settings, resume=True))
        run(dataclasses.replace(settings, output=str(tmp_path / "plain")))
    assert ledgers(output)[store] == [*kept, f"y {2 * side}:{3 * side}"]
    assert_same_stores(output, tmp_path / "plain")


@pytest.mark.slow
@pytest.mark.parametrize("size", [300, 20_000, 60_000])
def test_an_activity_run_on_a_full_disk_is_told_and_goes_on(
    world: Path, tmp_path: Path, size: int
) -> None:
    settings = ActivitySettings(
        input=str(world / "slc"), output=str(tmp_path / "pit"), choices=False
    )
    with files_end_at(size), pytest.raises((OSError, RuntimeError)) as got:
        activity_run(settings)
    assert "\n" not in str(got.value)
    assert not (tmp_path / "pit" / "run.toml").exists()
    activity_run(dataclasses.replace(settings, resume=True))
    activity_run(dataclasses.replace(settings, output=str(tmp_path / "plain")))
    assert_same_stores(tmp_path / "pit", tmp_path / "plain")
    for name in ("activity.tif", "tai.tif", "activity.geojson", "pairs.csv"):
        one, other = ((tmp_path / run / name).read_bytes() for run in ("pit", "plain"))
        assert one == other, name
