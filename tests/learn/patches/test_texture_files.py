"""A detector of texture comes back from its file as it was, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch.learn import fit_forest, save_model
from minewatch.learn.patches import TextureDetector, fit_textures
from minewatch.learn.patches.texture_files import load_textures, save_textures


@pytest.fixture(scope="module")
def patches() -> np.ndarray:
    spread = 1 + 0.4 * (np.arange(60) % 2)[:, None, None, None]
    return np.random.default_rng(0).normal(-12, spread, (60, 3, 12, 12)).astype("f4")


@pytest.fixture(scope="module")
def detector(patches: np.ndarray) -> TextureDetector:
    coords = {"channel": ["vv", "vh", "pa"], "label": ("patch", np.arange(60) % 2)}
    known = xr.Dataset({"patches": (("patch", "channel", "row", "column"), patches)}, coords)
    return fit_textures(known, rounds=20, distances=[1, 3], levels=9)


def test_it_comes_back_as_it_was(detector, patches, tmp_path: Path) -> None:
    save_textures(detector, tmp_path / "mines.npz")
    found = load_textures(tmp_path / "mines.npz")
    npt.assert_array_equal(found.predict_proba(patches), detector.predict_proba(patches))
    for name in ("size", "channels", "settings", "start", "provenance_", "versions_"):
        assert getattr(found, name) == getattr(detector, name), name
    assert found.importances_.equals(detector.importances_)
    save_textures(found, tmp_path / "again.npz")
    again = load_textures(tmp_path / "again.npz")
    npt.assert_array_equal(again.predict_proba(patches), detector.predict_proba(patches))


def test_a_damaged_file_is_refused(detector, tmp_path: Path) -> None:
    path = tmp_path / "mines.npz"
    save_textures(detector, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"mines\.npz"):
        load_textures(path)
    with pytest.raises(FileNotFoundError):
        load_textures(tmp_path / "other.npz")


def test_a_model_of_pixels_is_no_detector(tmp_path: Path) -> None:
    samples = xr.Dataset(
        {"vv": ("sample", np.array([0.1, 0.2, 0.7, 0.8], "f4"))},
        {"label": ("sample", [1, 1, 0, 0])},
    )
    save_model(fit_forest(samples, trees=2), tmp_path / "forest.npz")
    with pytest.raises(ValueError, match=r"minewatch\.learn\.load_model"):
        load_textures(tmp_path / "forest.npz")


def test_a_forged_header_is_refused(detector, tmp_path: Path) -> None:
    told = {"kind": "texture detector", "channels": ["vv"], "size": 12, "start": 0.0}
    for forged in (
        told,
        told | {"settings": {"distances": [1, 3]}, "provenance": {}, "versions": {}},
    ):
        save_model(detector.trees, tmp_path / "forged.npz", provenance=forged)
        with pytest.raises(ValueError, match=r"no detector|fit it anew"):
            load_textures(tmp_path / "forged.npz")
