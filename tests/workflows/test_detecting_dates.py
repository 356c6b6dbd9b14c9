"""Dates of a search that cannot be read keep nobody from the others, and are healed."""

from __future__ import annotations

import dataclasses
import errno
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import xarray as xr
from killing import assert_same_stores

from minewatch import learn, simulate, store
from minewatch.grids import coordinates, geobox
from minewatch.store import filling
from minewatch.store.filling import ledger_of
from minewatch.workflows import DetectSettings, detect_run, detecting_scanning
from minewatch.workflows.detecting_dates import DATES, each_date
from minewatch.workflows.detecting_scanning import Way, windows_and_picture
from minewatch.workflows.resuming import MARKER

TALL, STRIPS = 32, 5
"""Rows of a strip, and strips of a date."""


class Dark:
    """The likelier a mine, the darker the first channel."""

    size, channels, padding = 16, ("vv",), None

    def __init__(self) -> None:
        radar = {"looks": 4.4, "window": 3, "averaging": "difference", "floor": None}
        self.provenance_ = {"radar": radar, "resolution": 10.0, "collection": "sentinel-1-rtc"}

    def predict_proba(self, patches: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(patches[:, 0].mean(axis=(1, 2)) + 12))).astype("float32")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    monkeypatch.setattr(detecting_scanning, "TALL", TALL)


def days(number: int) -> list[str]:
    """Every twelfth day."""
    first = np.datetime64("2022-05-22")
    return [str(first + np.timedelta64(12 * at, "D")) for at in range(number)]


def noted(folder: Path, date: int) -> list[tuple[str, int]]:
    """What became of the strips of a date, in their order, and after how many attempts."""
    lines = ledger_of(folder / f"{date:04d}.zarr").read_text().splitlines()[1:]
    return [(line["status"], line["attempts"]) for line in map(json.loads, lines)]


# Windows of dates, some of which cannot be read


class Ground:
    """A scene of dates, the blocks of which a server refuses on some of them."""

    def __init__(self, dates: int, strips: int = STRIPS) -> None:
        self.days = days(dates)
        box = geobox((0, 0, 240, 10 * TALL * strips), crs="EPSG:32721", resolution=10)
        rng = np.random.default_rng(7)
        values = rng.uniform(-25, -5, (1, dates, TALL * strips, 24)).astype("float32")
        times = np.array(self.days, "datetime64[ns]")
        coords = {"channel": ["vv"], "time": times, **coordinates(box)}
        self.scene = xr.DataArray(values, coords, ("channel", "time", "y", "x"))
        self.refused: dict[int, Exception] = {}
        self.read: Counter[int] = Counter()

    def windows(self, folder: Path) -> tuple[xr.DataArray, xr.DataArray]:
        """Windows and picture; counts how often a block of each date is read."""

        def block(part: np.ndarray, block_info: Any = None) -> np.ndarray:
            date = block_info[None]["chunk-location"][1]
            self.read[date] += 1
            if date in self.refused:
                raise self.refused[date]
            return part

        lazy = self.scene.chunk(time=1)
        blocks = lazy.data.map_blocks(block, dtype="f4", meta=np.empty((0,) * 4, "f4"))
        way = Way(Dark(), {}, 10.0, None, 8)
        settings = DetectSettings("c", "d")
        return windows_and_picture(lazy.copy(data=blocks), way, settings, folder, key="a")


def test_two_of_four_dates_that_cannot_be_read_are_left_told_and_healed(tmp_path: Path) -> None:
    ground = Ground(4)
    expected = ground.windows(tmp_path / "whole")
    ground.refused = {1: OSError("HTTP 503"), 2: RuntimeError("not a TIFF")}
    # Of each date four strips are tried, then it is left.
    said = rf"^10 blocks are missing, of 2 of 4 dates: {ground.days[1]}, {ground.days[2]} "
    with pytest.raises(RuntimeError, match=said + r"\(OSError: HTTP 503\); all others are kept"):
        ground.windows(tmp_path / "dates")
    good, failed = [("done", 1)] * STRIPS, [("failed", 3)] * filling.IN_A_ROW
    assert [noted(tmp_path / "dates", date) for date in range(4)] == [good, failed, failed, good]
    assert not (tmp_path / "dates" / "0001.zarr").exists()
    ground.read.clear()
    ground.refused = {}
    windows, picture = ground.windows(tmp_path / "dates")
    assert set(ground.read) == {1, 2}
    assert windows.identical(expected[0])
    assert picture.identical(expected[1])
    assert_same_stores(tmp_path / "dates", tmp_path / "whole")


def test_a_search_of_which_nothing_can_be_read_ends_after_three_dates(tmp_path: Path) -> None:
    ground = Ground(9, strips=2)
    expected = ground.windows(tmp_path / "whole")
    ground.read.clear()
    ground.refused = dict.fromkeys(range(9), OSError("no route to host"))
    said = rf"^6 blocks are missing, of 3 of 9 dates: {', '.join(ground.days[:3])} .*no route"
    with pytest.raises(RuntimeError, match=said + ".*of the last 3 nothing .* no later date was"):
        ground.windows(tmp_path / "dates")
    # A strip reads one block, three times.
    assert ground.read == {0: 6, 1: 6, 2: 6}
    # Dates that are there by then neither count nor come between those that fail.
    ground.refused = dict.fromkeys((1, 3, 5, 7), OSError("HTTP 503"))
    with pytest.raises(RuntimeError, match="8 blocks are missing, of 4 of 9 dates"):
        ground.windows(tmp_path / "dates")
    ground.read.clear()
    with pytest.raises(RuntimeError, match="6 blocks are missing, of 3 of 9 dates"):
        ground.windows(tmp_path / "dates")
    assert ground.read == {1: 6, 3: 6, 5: 6}
    ground.refused = {}
    windows, picture = ground.windows(tmp_path / "dates")
    assert windows.identical(expected[0])
    assert picture.identical(expected[1])


class Ended(Exception):
    """As that of a scheduler that lost its workers over a task: no kind of RuntimeError."""


@pytest.mark.parametrize(
    "error",
    [ValueError("bands differ"), Ended("three workers"), OSError(errno.ENOSPC, "no space")],
)
def test_what_is_no_error_of_reading_ends_a_search_at_once(
    tmp_path: Path, error: Exception
) -> None:
    ground = Ground(4)
    ground.refused = {0: OSError("HTTP 503"), 1: error}
    with pytest.raises(type(error)) as got:
        ground.windows(tmp_path / "dates")
    assert got.value is error
    assert ground.read == {0: 12, 1: 1}


# The loop by itself


def test_an_error_of_no_block_ends_a_search_at_once(tmp_path: Path) -> None:
    """A RuntimeError alone does not say that blocks could not be read."""
    tried = []

    def make(number: int, place: Path) -> None:
        tried.append(place.name)
        message = f"the event loop of {number} is closed"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="the event loop of 0 is closed"):
        each_date(make, xr.DataArray(np.array(days(3), "M8[ns]")), tmp_path)
    assert tried == ["0000.zarr"]


def test_a_date_of_which_something_is_made_comes_between(tmp_path: Path) -> None:
    """Two dates fail, of the third a block is made, and so on: all are tried."""
    tried = []

    def make(number: int, place: Path) -> None:
        del place
        tried.append(number)
        error = filling.BlocksMissing("too few")
        error.missing, error.made, error.reason = 1, int(number % 3 == 2), f"HTTP {500 + number}"
        raise error

    times = np.repeat(np.array(days(4), "M8[ns]"), 2) + np.array([0, 3600] * 4, "m8[s]")
    with pytest.raises(RuntimeError, match="8 blocks are missing, of 8 of 8 dates: ") as got:
        each_date(make, xr.DataArray(times), tmp_path)
    assert tried == list(range(8))
    # Two orbits of a day are told apart.
    assert "2022-05-22T00:00:00, 2022-05-22T01:00:00, 2022-06-03T00:00:00" in str(got.value)
    assert "and 3 more (HTTP 500)" in str(got.value)


# Whole runs


def radar_day(href: object) -> str | None:
    found = re.search(r"sentinel-1-rtc/S1A_IW_GRDH_1SDV_(\d{4})(\d\d)(\d\d)", str(href))
    return "-".join(found.groups()) if found else None


@pytest.mark.slow
def test_a_run_whose_images_cannot_be_opened_leaves_no_results_until_it_is_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GDAL opens no image of two of four dates; then of none, in a search of seven dates."""
    simulate.write_stac(simulate.mine_world(seed=42, size=128), tmp_path / "stac")
    (tmp_path / "detector.zip").write_bytes(b"")
    monkeypatch.setattr(learn.patches, "load_detector", lambda path: Dark())
    day = days(7)
    settings = DetectSettings(
        catalog=str(tmp_path / "stac" / "catalog.json"),
        detector=str(tmp_path / "detector.zip"),
        output=str(tmp_path / "whole"),
        datetime=f"{day[0]}/{day[3]}",
        threshold=0.5,
    )
    detect_run(settings)
    opened: list[str] = []
    broken: set[str] = set()
    reader = rasterio.DatasetReader

    def opening(href: Any, *arguments: Any, **options: Any) -> Any:
        day = radar_day(href)
        if day is not None:
            opened.append(day)
        if day in broken:
            message = "HTTP response code: 503"
            raise rasterio.errors.RasterioIOError(message)
        return reader(href, *arguments, **options)

    # Only now: stackstac makes a class of it when it is imported.
    monkeypatch.setattr(rasterio, "DatasetReader", opening)
    broken |= {day[0], day[2]}
    again = dataclasses.replace(settings, output=str(tmp_path / "cells"))
    told = rf"10 blocks are missing, of 2 of 4 dates: {day[0]}, {day[2]} .*cannot read .*503"
    with pytest.raises(RuntimeError, match=told):
        detect_run(again)
    assert names_in(tmp_path / "cells") == {DATES, MARKER}
    assert len(noted(tmp_path / "cells" / DATES, 3)) == STRIPS
    broken.clear()
    opened.clear()
    result = detect_run(dataclasses.replace(again, resume=True))
    assert set(opened) == {day[0], day[2]}
    assert names_in(result.folder) == names_in(tmp_path / "whole")
    assert_same_stores(result.folder, tmp_path / "whole")
    assert [
        name
        for name in ("windows.tif", "cells.geojson", "cells.gpkg", "scanned.geojson", "items.csv")
        if (result.folder / name).read_bytes() != (tmp_path / "whole" / name).read_bytes()
    ] == []
    windows = store.open_cube(result.folder / "windows.zarr", name="probability").load()
    assert np.isfinite(windows).any(["y", "x"]).all()

    broken |= set(day)
    opened.clear()
    of_all = dataclasses.replace(settings, output=str(tmp_path / "all"), datetime=None)
    with pytest.raises(RuntimeError, match=r"of 3 of 7 dates: .* no later date was tried"):
        detect_run(of_all)
    assert set(opened) == set(day[:3])
    assert names_in(tmp_path / "all") == {DATES, MARKER}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}
