"""How a detector's file says it wants to see, and a scene that is read once."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch import learn
from minewatch.grids import coordinates, geobox
from minewatch.store import filling
from minewatch.workflows import DetectSettings, detecting_scanning
from minewatch.workflows.detecting_dates import DATES, keep_ledgers
from minewatch.workflows.detecting_scanning import (
    Way,
    check_detection,
    load_way,
    windows_and_picture,
)


class Dark:
    """Sure of a mine where the first channel is dark."""

    size, channels, padding = 4, ("vv",), None
    provenance_: dict[str, Any] | None = None

    def predict_proba(self, patches: np.ndarray) -> np.ndarray:
        return (patches.mean(axis=(1, 2, 3)) < -15).astype("float32")


@pytest.fixture
def settings(tmp_path: Path) -> DetectSettings:
    (tmp_path / "detector.zip").write_bytes(b"")
    return DetectSettings("catalog.json", str(tmp_path / "detector.zip"))


def loaded(monkeypatch: pytest.MonkeyPatch, settings: DetectSettings, **told: Any) -> Way:
    detector = Dark()
    detector.padding = told.pop("padding", None)
    detector.provenance_ = told
    monkeypatch.setattr(learn.patches, "load_detector", lambda path: detector)
    return load_way(settings)


def test_a_detector_sees_as_it_learnt(
    monkeypatch: pytest.MonkeyPatch, settings: DetectSettings
) -> None:
    radar = {"looks": 9.0, "window": None, "averaging": "mean", "floor": -40.0}
    way = loaded(monkeypatch, settings, radar=radar, resolution=20.0, collection="sentinel-1-grd")
    assert way.radar == radar
    assert (way.resolution, way.collection, way.step) == (20.0, "sentinel-1-grd", 2)
    # What was taught in Python tells it by the attributes of its patches, without what was None.
    made = {"long_name": "channels", "averaging": "linear"}
    way = loaded(monkeypatch, settings, channels_made=made, resolution=10.0)
    assert way.radar == {"looks": 4.4, "window": None, "averaging": "linear", "floor": None}


def test_a_detector_that_does_not_tell_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, settings: DetectSettings
) -> None:
    for told in ({}, {"channels_made": {}, "resolution": 10.0}):
        with pytest.warns(UserWarning, match="does not tell how its patches were made"):
            way = loaded(monkeypatch, settings, **told)
        assert (way.radar["window"], way.resolution) == (3, 10.0)


def test_a_network_without_onnxruntime_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, settings: DetectSettings
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"needs onnxruntime, .* pip install 'minewatch\[cnn\]'"):
        loaded(monkeypatch, settings, padding="same", resolution=10.0, radar={"looks": 4.4})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"threshold": 1.0}, "threshold=1.0 is out of range"),
        ({"threshold": -0.1}, "threshold=-0.1 is out of range"),
        ({"isolated": 0.7}, "isolated=0.7 is out of range; use a probability from the threshold"),
        ({"neighbours": 0}, "neighbours=0 is out of range"),
        ({"distance": 0.0}, "distance=0.0 is out of range"),
        ({"step": 0}, "step=0 is out of range"),
        ({"rule": "median"}, "rule=median is out of range; use 'max' or 'mean'"),
        ({"rule": "mean", "grid": "geometry"}, "rule=mean is out of range; use 'max', or grid"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_detection(DetectSettings("catalog.json", "detector.zip", **given))


@pytest.mark.parametrize("padding", [None, "same"])
def test_only_networks_without_padding_convolve(
    monkeypatch: pytest.MonkeyPatch, settings: DetectSettings, padding: str | None
) -> None:
    given = DetectSettings(settings.catalog, settings.detector, mode="convolution")
    with pytest.raises(ValueError, match="mode convolution needs a network taught with padding va"):
        loaded(monkeypatch, given, padding=padding, resolution=10.0, radar={"looks": 4.4})


@pytest.mark.parametrize(("block", "tall"), [(5, 8192), (8, 6), (40, 1)])
def test_windows_and_picture_whatever_the_blocks(
    rng: np.random.Generator,
    block: int,
    tall: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detecting_scanning, "TALL", tall)
    box = geobox((0, 0, 400, 240), crs="EPSG:32721", resolution=10)
    values = rng.uniform(-25, -5, (1, 3, 24, 40)).astype("float32")
    values[0, 0, :, :20] = np.nan
    values[0, 1, 3, 3] = np.nan
    times = np.array(["2024-05-01", "2024-05-13", "2024-05-25"], "datetime64[ns]")
    scene = xr.DataArray(
        values,
        {"channel": ["vv"], "time": times, **coordinates(box)},
        ("channel", "time", "y", "x"),
    )
    lazy = scene.chunk({"time": 1, "y": block, "x": block})
    way = Way(Dark(), {}, 10.0, None, 2)
    windows, picture = windows_and_picture(
        lazy, way, DetectSettings("c", "d"), tmp_path / "dates", key="these numbers"
    )
    assert windows.dims == ("time", "y", "x")
    npt.assert_array_equal(windows[2, 5, 7], values[0, 2, 10:14, 14:18].mean() < -15)
    assert np.isnan(windows[0, :, :8]).all()
    # Small as it is, the scene is drawn whole: the mean of the dates that know a pixel.
    npt.assert_allclose(picture, np.nanmean(values[0], axis=0), rtol=1e-5)
    assert picture.attrs["units"] == "dB"
    assert "GeoTransform" not in windows.spatial_ref.attrs  # that of the scene is another
    # What is stored is not made again, but for other numbers.
    again, view = windows_and_picture(
        lazy * np.nan, way, DetectSettings("c", "d"), tmp_path / "dates", key="these numbers"
    )
    npt.assert_array_equal(again, windows)
    npt.assert_array_equal(view, picture)
    others, _ = windows_and_picture(
        lazy * np.nan, way, DetectSettings("c", "d"), tmp_path / "dates", key="other numbers"
    )
    assert np.isnan(others).all()


def test_strips_that_cannot_be_read_are_tried_again_then_told_and_healed(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two dates in strips of 8 rows and a last one; broken are the second and that of the rest."""
    monkeypatch.setattr(detecting_scanning, "TALL", 8)
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    box = geobox((0, 0, 120, 200), crs="EPSG:32721", resolution=10)
    values = rng.uniform(-25, -5, (1, 2, 20, 12)).astype("float32")
    times = np.array(["2024-05-01", "2024-05-13"], "datetime64[ns]")
    coords = {"channel": ["vv"], "time": times, **coordinates(box)}
    scene = xr.DataArray(values, coords, ("channel", "time", "y", "x"))
    way, settings = Way(Dark(), {}, 10.0, None, 2), DetectSettings("c", "d")
    expected = windows_and_picture(scene.chunk(time=1), way, settings, tmp_path / "w", key="a")
    read: list[tuple[int, int]] = []

    def reading(*, refused: dict[tuple[int, int], int]) -> xr.DataArray:
        """Blocks of 4 rows, each of which a server refuses so many times."""

        def block(part: np.ndarray, block_info: Any = None) -> np.ndarray:
            at = block_info[None]["chunk-location"][1:3]
            read.append(at)
            if refused.get(at, 0) > 0:
                refused[at] -= 1
                message = f"HTTP 503 of block {at}"
                raise OSError(message)
            return part

        lazy = scene.chunk(time=1, y=4)
        blocks = lazy.data.map_blocks(block, dtype="f4", meta=np.empty((0,) * 4, "f4"))
        return lazy.copy(data=blocks)

    def noted(date: int) -> list[tuple[str, str, int]]:
        lines = (tmp_path / DATES / f"{date:04d}.blocks.jsonl").read_text().splitlines()[1:]
        return [
            (line["name"].split(",")[0], line["status"], line["attempts"])
            for line in map(json.loads, lines)
        ]

    def run(scene: xr.DataArray) -> Any:
        return windows_and_picture(scene, way, settings, tmp_path / DATES, key="a")

    # Windows of a strip reach into the block below it, which is read first for them: block 4 of
    # the first date, which comes at the second attempt, and block 2 of the other, which never does.
    with pytest.raises(RuntimeError, match=r"2 blocks .* of 1 of 2 dates: 2024-05-13 .*HTTP 503"):
        run(reading(refused={(0, 4): 1, (1, 2): 99}))
    first = [("row 0:4", "done", 1), ("row 4:8", "done", 2), ("row 8:9", "done", 1)]
    assert noted(0) == first
    assert noted(1) == [("row 0:4", "failed", 3), ("row 4:8", "failed", 3), ("row 8:9", "done", 1)]
    read.clear()
    windows, picture = run(reading(refused={}))
    # What is done is not made again: nothing of the first date, not the last strip of the second.
    assert {date for date, _ in read} == {1}
    assert noted(1)[3:] == [("row 0:4", "done", 4), ("row 4:8", "done", 4)]
    npt.assert_array_equal(windows, expected[0])
    npt.assert_array_equal(picture, expected[1])
    with (tmp_path / DATES / "0001.blocks.jsonl").open("ab") as ledger:
        ledger.write(b'{"name": "row 4')
    keep_ledgers(windows, tmp_path)
    lines = (tmp_path / "windows.blocks.jsonl").read_text().splitlines()
    kept = [json.loads(line) for line in lines]
    assert [line["date"][:10] for line in kept] == ["2024-05-01"] * 4 + ["2024-05-13"] * 6
    assert [line["attempts"] for line in kept if "name" in line] == [1, 2, 1, 3, 3, 1, 4, 4]
