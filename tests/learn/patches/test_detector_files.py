"""Detectors come back from files as they were, and nothing else does."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from oracles_networks import random_network, rough_and_smooth, scene_like

from minewatch.learn.networks import load_archive, save_archive
from minewatch.learn.patches import fit_textures, load_detector, save_detector
from minewatch.learn.persistence import save_model

if TYPE_CHECKING:
    from pathlib import Path

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "loss": [0.1, 1 / 3],
        "val_loss": [np.nan, 2e-9],
        "val_f1": [np.nan, 1.0],
        "val_accuracy": [0.5, np.nan],
    }
)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("history", [None, HISTORY], ids=["none", "history"])
def test_a_network_comes_back_as_it_was(
    tmp_path: Path, padding: str, history: pd.DataFrame | None
) -> None:
    network = dataclasses.replace(random_network(padding, 32), history_=history)
    save_detector(network, tmp_path / "net.mine", provenance={"by": "me", "dates": ["2023-12-25"]})
    found = load_detector(tmp_path / "net.mine")
    for name in ("graphs", "size", "channels", "padding", "versions_"):
        assert getattr(found, name) == getattr(network, name), name
    assert found.mean_.tolist() == network.mean_.tolist()
    assert found.std_.tolist() == network.std_.tolist()
    assert found.provenance_ == network.provenance_ | {"by": "me", "dates": ["2023-12-25"]}
    assert "by" not in network.provenance_
    if history is None:
        assert found.history_ is None
    else:
        pd.testing.assert_frame_equal(found.history_, history)


@pytest.mark.cnn
def test_a_network_from_a_file_answers_as_before(tmp_path: Path) -> None:
    network, patches = random_network(size=24), scene_like(5, 3, 24, 24)
    save_detector(network, tmp_path / "net")
    found = load_detector(tmp_path / "net").predict_proba(patches)
    assert np.array_equal(found, network.predict_proba(patches))


def test_a_texture_detector_comes_back_as_it_was(tmp_path: Path) -> None:
    patches = rough_and_smooth(60)
    detector = fit_textures(patches)
    save_detector(detector, tmp_path / "textures", provenance={"by": "me"})
    found = load_detector(tmp_path / "textures")
    values = patches.patches.values
    assert np.array_equal(found.predict_proba(values), detector.predict_proba(values))
    assert found.provenance_ == detector.provenance_ | {"by": "me"}
    assert "by" not in detector.provenance_


def forged(path: Path, header: dict[str, Any], **parts: bytes) -> None:
    """A file whose digest is right and whose content is not."""
    save_detector(random_network(size=32), path)
    known, told = load_archive(path)
    save_archive(
        path, known | {f"{name}.onnx": part for name, part in parts.items()}, told | header
    )


@pytest.mark.parametrize(
    "header",
    [
        {"size": 8},
        {"size": "32"},
        {"padding": "valid"},
        {"padding": "reflect"},
        {"padding": ["same"]},
        {"channels": []},
        {"channels": 3},
        {"mean": [1, 2]},
        {"std": ["a", "b", "c"]},
        {"classes": [0, 1, 2]},
        {"history": [1, 2]},
        {"history": [["loss", [1]]]},
        {"provenance": 5},
    ],
    ids=str,
)
def test_a_forged_header_is_refused(tmp_path: Path, header: dict[str, Any]) -> None:
    forged(tmp_path / "net", header)
    with pytest.raises(ValueError, match="is no detector that minewatch wrote"):
        load_detector(tmp_path / "net")


def test_forged_graphs_are_refused(tmp_path: Path) -> None:
    forged(tmp_path / "net", {}, patches=b"no graph")
    with pytest.raises(ValueError, match=r"no detector .*no ONNX graph that minewatch runs"):
        load_detector(tmp_path / "net")
    forged(tmp_path / "net", {}, features=b"")
    with pytest.raises(ValueError, match="header does not describe"):
        load_detector(tmp_path / "net")


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no detector .*save_detector"):
        load_detector(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ValueError, match="no archive of a network"):
        load_detector(tmp_path / "text")
    save_archive(tmp_path / "other", {}, {"format": "minewatch-other-1"})
    with pytest.raises(ValueError, match="format 'minewatch-other-1', no patch detector's"):
        load_detector(tmp_path / "other")
    save_model(fit_textures(rough_and_smooth(60)).trees, tmp_path / "forest")
    with pytest.raises(ValueError, match=r"no detector of patches"):
        load_detector(tmp_path / "forest")


def test_only_detectors_are_saved(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="needs a detector of patches, got dict; fit one with"):
        save_detector({}, tmp_path / "net")
    with pytest.raises(TypeError, match="text, numbers, lists and mappings"):
        save_detector(random_network(), tmp_path / "net", provenance={"x": {1}})
    assert not list(tmp_path.iterdir())
