"""There and back, and nothing else."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy import testing as npt
from segmenters import by_hand

from minewatch.learn.networks import load_archive, save_archive
from minewatch.learn.segment import load_segmenter, save_segmenter
from minewatch.learn.segment.segmenter_files import FORMAT, GRAPH

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.cnn
def test_a_saved_segmenter_comes_back(tmp_path: Path) -> None:
    segmenter = dataclasses.replace(
        by_hand(mean=-11.3, std=1 / 3),
        provenance_={"training": {"seed": 1}},
        versions_={"torch": "2"},
    )
    save_segmenter(segmenter, tmp_path / "s.zip", provenance={"region": "Tapajós"})
    found = load_segmenter(tmp_path / "s.zip")
    for each in dataclasses.fields(segmenter):
        if each.name != "provenance_":
            npt.assert_array_equal(getattr(found, each.name), getattr(segmenter, each.name))
    assert found.provenance_ == {"training": {"seed": 1}, "region": "Tapajós"}
    images = np.random.default_rng(0).normal(-12, 3, (1, 2, 16, 8))
    npt.assert_array_equal(found.predict_proba(images), segmenter.predict_proba(images))
    save_segmenter(found, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == (tmp_path / "s.zip").read_bytes()


def test_files_that_are_no_segmenter_are_refused(tmp_path: Path) -> None:
    save_archive(tmp_path / "other.zip", {"x": b"1"}, {"format": "something-else"})
    with pytest.raises(ValueError, match=f"'something-else', not a segmenter of {FORMAT!r}"):
        load_segmenter(tmp_path / "other.zip")
    with pytest.raises(FileNotFoundError, match="check the path"):
        load_segmenter(tmp_path / "gone.zip")
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(ValueError, match="no archive"):
        load_segmenter(tmp_path / "text.zip")
    with pytest.raises(TypeError, match="needs what fit_unet gives, got dict"):
        save_segmenter({}, tmp_path / "s.zip")
    with pytest.raises(TypeError, match="text, numbers, lists and mappings only"):
        save_segmenter(by_hand(), tmp_path / "s.zip", provenance={"when": object()})
    assert not (tmp_path / "s.zip").exists()


@pytest.mark.cnn
@pytest.mark.parametrize(
    "change",
    [
        {"mean": [0.0]},
        {"std": [1.0, 0.0]},
        {"classes": [0, 1, 2]},
        {"channels": "none"},
        {"step": None},
        {"step": 0},
        {"versions": ["torch"]},
        {"provenance": 3},
    ],
)
def test_parts_must_fit_each_other(tmp_path: Path, change: dict[str, Any]) -> None:
    save_segmenter(by_hand(), tmp_path / "s.zip")
    parts, header = load_archive(tmp_path / "s.zip")
    save_archive(tmp_path / "s.zip", parts, header | change)
    with pytest.raises(ValueError, match=r"no segmenter that|get the segmenter anew"):
        load_segmenter(tmp_path / "s.zip")


@pytest.mark.cnn
def test_a_graph_that_is_none_is_refused(tmp_path: Path) -> None:
    save_segmenter(by_hand(), tmp_path / "s.zip")
    _, header = load_archive(tmp_path / "s.zip")
    save_archive(tmp_path / "s.zip", {GRAPH: b"no graph"}, header)
    with pytest.raises(ValueError, match="no segmenter that save_segmenter wrote"):
        load_segmenter(tmp_path / "s.zip")
