"""Without torch and onnxruntime it is told what to install."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from oracles_networks import random_network, rough_and_smooth

from minewatch.learn.networks import (
    fit_network,
    focal_loss,
    patch_network,
    require_onnxruntime,
    require_torch,
    session,
)

TORCH = r"needs torch, which is not installed; pip install 'minewatch\[cnn-train\]'"
ONNX = r"needs onnxruntime, which is not installed; pip install 'minewatch\[cnn\]'"


@pytest.fixture(autouse=True)
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if neither were installed."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)


def test_who_needs_it_is_named() -> None:
    with pytest.raises(ImportError, match=f"^fit_network {TORCH}$"):
        require_torch("fit_network")
    with pytest.raises(ImportError, match=f"^scan {ONNX}$"):
        require_onnxruntime("scan")


def test_teaching_needs_torch() -> None:
    with pytest.raises(ImportError, match=f"^fit_network {TORCH}"):
        fit_network(rough_and_smooth(8))
    with pytest.raises(ImportError, match=f"^patch_network {TORCH}"):
        patch_network()
    with pytest.raises(ImportError, match=f"^focal_loss {TORCH}"):
        focal_loss(None, None)


def test_asking_needs_onnxruntime() -> None:
    network = random_network("valid")
    with pytest.raises(ImportError, match=ONNX):
        network.predict_proba(np.zeros((1, 3, 104, 104)))
    with pytest.raises(ImportError, match=ONNX):
        network.predict_windows(np.zeros((3, 104, 104)))
    with pytest.raises(ImportError, match=ONNX):
        session(network.graphs["patches.onnx"])
