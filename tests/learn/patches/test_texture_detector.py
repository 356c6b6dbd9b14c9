"""The detector without a network: what it tells apart, what it refuses, what it keeps."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from scipy import ndimage

from minewatch.learn.patches import TextureDetector, augment, fit_textures


def patch_set(count: int, seed: int = 0, size: int = 24) -> xr.Dataset:
    """Speckle of one mean and spread, rough or smooth: only the texture tells which is a mine."""
    rng = np.random.default_rng(seed)
    label = np.arange(count) % 2
    values = rng.normal(0, 1, (count, 2, size, size))
    smooth = ndimage.gaussian_filter(values, (0, 0, 1, 1))
    smooth *= values.std() / smooth.std()
    values = np.where(label[:, None, None, None] == 1, smooth, values) - 10
    coords = {
        "channel": ["vv", "vh"],
        "label": ("patch", label.astype("int8")),
        "point": ("patch", np.arange(count) // 2),
    }
    dims = ("patch", "channel", "row", "column")
    found = xr.Dataset({"patches": (dims, values.astype("f4"))}, coords)
    found.patches.attrs = {"units": "dB", "averaging": "difference"}
    return found.assign_attrs(resolution=10.0, dropped_edge=3)


@pytest.fixture(scope="module")
def detector() -> TextureDetector:
    return fit_textures(patch_set(200), rounds=30)


def test_it_tells_textures_apart_that_have_one_histogram(detector: TextureDetector) -> None:
    unseen = patch_set(100, seed=1)
    found = detector.predict_proba(unseen.patches.values)
    assert (found.dtype, found.shape) == (np.float32, (100,))
    npt.assert_array_equal(found > 0.5, unseen.label == 1)
    assert (found >= 0).all()
    assert (found <= 1).all()
    assert detector.importances_.index[0].split("_")[1] not in ("mean", "sd", "p5", "p95")
    npt.assert_allclose(detector.importances_.sum(), 1)


def test_a_patch_is_as_probable_however_it_lies(detector: TextureDetector) -> None:
    patches = patch_set(6, seed=2).patches.values
    found = detector.predict_proba(augment(patches)).reshape(8, 6)
    npt.assert_array_equal(found, np.broadcast_to(found[0], (8, 6)))


def test_the_unknown_has_no_probability(detector: TextureDetector) -> None:
    patches = patch_set(6, seed=3).patches.values
    whole = detector.predict_proba(patches)
    patches[1, 0, 3, 3] = np.nan
    patches[4] = np.nan
    found = detector.predict_proba(patches)
    npt.assert_array_equal(np.isnan(found), [False, True, False, False, True, False])
    npt.assert_array_equal(found[[0, 2, 3, 5]], whole[[0, 2, 3, 5]])
    assert np.isnan(detector.predict_proba(np.full((2, 2, 24, 24), np.nan))).all()
    assert detector.predict_proba(patches[:0]).shape == (0,)


def test_it_says_what_a_detector_must(detector: TextureDetector) -> None:
    assert (detector.size, detector.channels) == (24, ("vv", "vh"))
    npt.assert_array_equal(detector.classes_, [0, 1])
    assert detector.padding is None
    assert detector.history_ is None
    kept = detector.provenance_
    assert (kept["patches"], kept["mines"], kept["points"]) == (200, 100, 100)
    assert (kept["resolution"], kept["dropped_edge"]) == (10.0, 3)
    assert kept["channels_made"] == {"units": "dB", "averaging": "difference"}
    assert "scikit-learn" in detector.versions_
    assert repr(detector) == "TextureDetector(vv, vh, 24 × 24 pixels)"


def test_a_fit_is_repeatable_and_travels(detector: TextureDetector) -> None:
    patches = patch_set(20, seed=4).patches.values
    expected = detector.predict_proba(patches)
    again = fit_textures(patch_set(200), rounds=30)
    npt.assert_array_equal(again.predict_proba(patches), expected)
    lazy = fit_textures(patch_set(200).chunk(patch=17, column=11), rounds=30)
    npt.assert_array_equal(lazy.predict_proba(patches), expected)
    sent = pickle.loads(pickle.dumps(detector))
    npt.assert_array_equal(sent.predict_proba(patches), expected)
    npt.assert_array_equal(detector.predict_proba(patches.astype(float)), expected)


def test_patches_with_gaps_are_left_out(detector: TextureDetector) -> None:
    gappy = xr.concat([patch_set(200), patch_set(6, seed=5)], "patch", combine_attrs="override")
    gappy.patches[200:, 0, 5, 5] = np.nan
    found = fit_textures(gappy, rounds=30)
    assert found.provenance_["incomplete"] == 6
    patches = patch_set(20, seed=4).patches.values
    npt.assert_array_equal(found.predict_proba(patches), detector.predict_proba(patches))


def test_few_patches_do() -> None:
    few = patch_set(8)
    found = fit_textures(few).predict_proba(few.patches.values)
    npt.assert_array_equal(found > 0.5, few.label == 1)


@pytest.mark.parametrize(
    ("change", "settings", "told"),
    [
        (lambda p: p.patches, {}, "extract"),
        (lambda p: p.drop_vars("label"), {}, "extract"),
        (lambda p: p.transpose("channel", ...), {}, "extract"),
        (lambda p: p.isel(patch=slice(0, None, 2)), {}, "got 0 and 10"),
        (lambda p: p.isel(patch=slice(0)), {}, "got 0 and 0"),
        (lambda p: p.where(p.label == 0), {}, "got 0 and 10"),
        (lambda p: p.isel(row=slice(20)), {}, "needs squares, got 20 rows and 24 columns"),
        (
            lambda p: p.assign_coords(label=("patch", np.arange(20) % 3)),
            {},
            r"labels 1 \(a mine\) and 0 \(none\), got \[2\]",
        ),
        (lambda p: p, {"distances": [24]}, "1 to 23"),
        (lambda p: p, {"distances": []}, "1 to 23"),
        (lambda p: p, {"levels": 1}, "levels=16"),
        (lambda p: p, {"rounds": 0}, "rounds=200"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(change, settings, told) -> None:
    with pytest.raises(ValueError, match=told):
        fit_textures(change(patch_set(20)), **settings)


def test_patches_of_another_shape_are_refused(detector: TextureDetector) -> None:
    for shape in ((1, 2, 25, 25), (1, 3, 24, 24), (2, 24, 24)):
        with pytest.raises(ValueError, match="size=24"):
            detector.predict_proba(np.zeros(shape))
