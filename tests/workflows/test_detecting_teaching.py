"""What a detector is taught with, scored by, and refused for."""

from __future__ import annotations

import importlib.util
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from minewatch.workflows import DetectTrainSettings
from minewatch.workflows.detecting_teaching import check_teaching, patch_scores
from minewatch.workflows.detecting_training import radar_of


def settings(**given: object) -> DetectTrainSettings:
    return DetectTrainSettings("catalog.json", "points.geojson", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"size": 33}, "size=33 is out of range; use an even number"),
        ({"lee_window": 4}, "lee_window=4 is out of range; use an odd number"),
        ({"looks": 0.0}, "looks=0.0 is out of range"),
        ({"floor": float("-inf")}, "floor=-inf is out of range; use decibels"),
        ({"epochs": 0}, "epochs=0 is out of range"),
        ({"rate": float("nan")}, "rate=nan is out of range"),
        ({"alpha": 1.5}, "alpha=1.5 is out of range"),
        ({"early_stopping": 0}, "early_stopping=0 is out of range"),
        ({"test_size": 0.0}, "test_size=0.0 is out of range"),
    ],
)
def test_settings_that_mean_nothing_are_refused(given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        check_teaching(settings(**given))


def test_settings_of_networks_alone_are_not_passed_over_in_silence() -> None:
    said = "texture is no network, so batch, early_stopping, best_epoch change nothing"
    with pytest.warns(UserWarning, match=said):
        check_teaching(settings(kind="texture", batch=16, early_stopping=3, best_epoch=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_teaching(settings(kind="texture", seed=3, split="block"))


@pytest.mark.parametrize(("lacking", "extra"), [("torch", "cnn-train"), ("onnxruntime", "cnn")])
def test_without_its_libraries_a_network_says_what_to_install_and_what_works(
    monkeypatch: pytest.MonkeyPatch, lacking: str, extra: str
) -> None:
    if lacking == "onnxruntime":  # as if torch were there
        monkeypatch.setitem(sys.modules, "torch", sys)
    monkeypatch.setitem(sys.modules, lacking, None)
    with pytest.raises(ImportError) as told:
        check_teaching(settings())
    assert str(told.value) == (
        f"a detector of kind network needs {lacking}, which is not installed; "
        f"pip install 'minewatch[{extra}]'; or say --kind texture, which works without"
    )
    check_teaching(settings(kind="texture"))


def test_without_skops_a_detector_of_texture_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"skops, .* pip install 'minewatch\[models\]'"):
        check_teaching(settings(kind="texture"))


def test_a_window_of_one_is_no_filter() -> None:
    assert radar_of(settings(lee_window=1))["window"] is None
    assert radar_of(settings())["window"] == 3


def table(label: list[int], probability: list[float]) -> pd.DataFrame:
    point = np.arange(len(label))
    return pd.DataFrame({"label": label, "probability": probability, "point": point})


def test_scores_by_hand() -> None:
    label = [1, 1, 1, 0, 0, 0]
    rows = patch_scores(table(label, [0.95, 0.8, 0.3, 0.85, 0.1, float("nan")]))
    half, high, highest = rows
    # 0.8 is not above 0.8; the patch of no probability counts nowhere.
    assert [half[name] for name in ("tp", "fp", "fn", "tn")] == [2, 1, 1, 1]
    assert [high[name] for name in ("tp", "fp", "fn", "tn")] == [1, 1, 2, 1]
    assert [highest[name] for name in ("tp", "fp", "fn", "tn")] == [1, 0, 2, 2]
    assert high["f1"] == pytest.approx(2 / (2 + 1 + 2))
    for row in rows:
        assert row["f1_lower"] <= row["f1"] <= row["f1_upper"]


def test_nothing_found_is_an_f1_of_0() -> None:
    row = patch_scores(table([1, 1, 0, 0], [0.1, 0.2, 0.1, 0.2]))[0]
    assert (row["tp"], row["f1"]) == (0, 0.0)
    assert np.isnan(row["precision"])


def test_an_interval_needs_two_points_of_each_label() -> None:
    alone = table([1, 0, 0], [0.9, 0.1, 0.2])
    assert np.isnan(patch_scores(alone)[0]["f1_lower"])
