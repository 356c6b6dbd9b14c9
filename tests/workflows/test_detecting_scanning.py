"""How a detector's file says it wants to see, and a scene that is read once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch import learn
from minewatch.grids import coordinates, geobox
from minewatch.workflows import DetectSettings
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


@pytest.mark.parametrize("block", [5, 8, 40])
def test_windows_and_picture_whatever_the_blocks(
    rng: np.random.Generator, block: int, tmp_path: Path
) -> None:
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
