"""What training sees, without torch."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt

from minewatch.learn.segment import fit_unet
from minewatch.learn.segment.training_sets import (
    class_codes,
    moments,
    standardised,
    training_set,
)


def given(**more: object) -> dict[str, object]:
    ready = {"classes": class_codes([0, 3]), "ignore": 255, "levels": 2}
    return ready | {"mean": np.array([1.0, 2.0]), "std": np.array([2.0, 4.0])} | more


def test_moments_are_those_of_the_known_pixels() -> None:
    rng = np.random.default_rng(0)
    images = rng.normal(5, 3, (4, 2, 8, 8)).astype("f4")
    images[:, 1] = 7
    images[0, 0, :4], images[2, 1, 3, 3] = np.nan, np.inf
    mean, std = moments(images)
    known = images[:, 0][np.isfinite(images[:, 0])].astype(float)
    npt.assert_allclose(mean, [known.mean(), 7])
    npt.assert_allclose(std, [known.std(), 1])
    images[:, 1] = np.nan
    with pytest.raises(ValueError, match="channel 1 of the chips has no known pixel"):
        moments(images)


def test_the_unknown_is_the_mean_in_every_channel() -> None:
    image = np.array([[[1.0, 5.0, np.nan]], [[2.0, -np.inf, 6.0]]])
    seen, known = standardised(image, np.array([1.0, 2.0]), np.array([2.0, 4.0]))
    npt.assert_array_equal(known, [[True, False, False]])
    npt.assert_array_equal(seen, np.zeros((2, 1, 3), "f4"))
    assert np.isnan(image[0, 0, 2])


def test_labels_become_places_and_weights() -> None:
    images = np.ones((3, 2, 2, 2))
    images[0, 1, 0, 0] = np.nan
    labels = np.array([[[3, 0], [255, 3]], [[255, 255], [255, 255]], [[0, 0], [0, 3]]], "u1")
    weights = np.full(labels.shape, 0.5)
    weights[2, 0] = np.nan, 0
    found = training_set(images, labels, weights, **given())
    assert (len(found), found.left_out) == (2, 1)
    npt.assert_array_equal(found.target, [[[1, 0], [0, 1]], [[0, 0], [0, 1]]])
    npt.assert_array_equal(found.weights, [[[0, 0.5], [0, 0.5]], [[0, 0], [0.5, 0.5]]])
    npt.assert_allclose(found.images[1, 1], (1 - 2) / 4)
    floats = labels.astype("f4")
    floats[labels == 255] = np.nan
    again = training_set(images, floats, weights, **given())
    npt.assert_array_equal(again.target, found.target)
    npt.assert_array_equal(again.weights, found.weights)


def test_background_can_be_ignored() -> None:
    """As in track 1 of the contest: 0 where there is no label."""
    labels = np.array([[[0, 1], [2, 255]]], "u1")
    ready = given(classes=class_codes({"a": 1, "b": 2}), ignore=0)
    with pytest.raises(ValueError, match=r"labels hold \[255\]"):
        training_set(np.ones((1, 2, 2, 2)), labels, None, **ready)
    labels[labels == 255] = 2
    found = training_set(np.ones((1, 2, 2, 2)), labels, None, **ready)
    npt.assert_array_equal(found.weights, [[[0, 1], [1, 1]]])
    npt.assert_array_equal(found.target, [[[0, 0], [1, 1]]])


def test_training_sets_say_what_they_need() -> None:
    images, labels = np.ones((1, 2, 4, 4)), np.zeros((1, 4, 4), "u1")
    with pytest.raises(ValueError, match="cut both with minewatch"):
        training_set(images, labels[:, :2], None, **given())
    with pytest.raises(ValueError, match="in multiples of 8"):
        training_set(images, labels, None, **given(levels=4))
    with pytest.raises(ValueError, match=r"labels hold \[4\]"):
        training_set(images, labels + 4, None, **given())
    with pytest.raises(ValueError, match="weights must be 0 or more"):
        training_set(images, labels, np.full(labels.shape, -1.0), **given())
    with pytest.raises(ValueError, match="weights must be 0 or more"):
        training_set(images, labels, np.ones((1, 2, 2)), **given())
    with pytest.raises(ValueError, match="weights must be 0 or more"):
        training_set(images, labels, np.full(labels.shape, np.inf), **given())
    with pytest.raises(ValueError, match="learns from 2 channels, other chips have 1"):
        training_set(images[:, :1], labels, None, **given())
    for nothing in (labels + 255, np.full(labels.shape, 255)):
        with pytest.raises(ValueError, match="no pixel of the chips"):
            training_set(images, nothing, None, **given())


@pytest.mark.parametrize("classes", [[1], [1, 1], [0, 255], {"a": 1, "b": 1}, [-1, 0]])
def test_classes_are_different_codes(classes: object) -> None:
    with pytest.raises(ValueError, match="two or more different codes"):
        class_codes(classes)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"epochs": 0}, "1 or more"),
        ({"rate": 0.0}, "a rate above 0"),
        ({"ema": 1.0}, r"use 0\.999"),
        ({"loss": "dice"}, "ce\\+sce"),
        ({"classes": [1]}, "two or more"),
    ],
)
def test_settings_are_refused_before_torch_is_asked_for(
    settings: dict[str, object], match: str
) -> None:
    images, labels = np.ones((1, 2, 8, 8)), np.zeros((1, 8, 8), "u1")
    with pytest.raises(ValueError, match=match):
        fit_unet(images, labels, **({"classes": [0, 1]} | settings))


def test_without_torch_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from minewatch.learn.segment import predict_segments

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    images, labels = np.ones((1, 2, 8, 8)), np.zeros((1, 8, 8), "u1")
    with pytest.raises(
        ImportError, match=r"fit_unet needs torch.*pip install 'minewatch\[cnn-train"
    ):
        fit_unet(images, labels, classes=[0, 1])
    with pytest.raises(ImportError, match=r"predict_segments needs onnxruntime.*minewatch\[cnn\]"):
        predict_segments(images, None)
