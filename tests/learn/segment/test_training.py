"""Teaching: repeatable, by weight, and sound where labels are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch.learn.segment import fit_unet
from minewatch.learn.segment.training_sets import TrainingSet

pytestmark = pytest.mark.cnn
SMALL: dict[str, Any] = {"width": 4, "levels": 2, "threads": 1}


def blobs(count: int = 8, size: int = 16, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Squares that are brighter than what is around them, under noise."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((count, size, size), "uint8")
    for chip, (top, left) in zip(labels, rng.integers(0, size // 2, (count, 2)), strict=True):
        chip[top : top + size // 2, left : left + size // 2] = 1
    images = rng.normal(2.0 * labels[:, None], 1, (count, 1, size, size))
    return np.concatenate([images, rng.normal(size=images.shape)], axis=1), labels


def graphs_alike(one: Any, other: Any) -> bool:
    return bool(one.graph == other.graph)


def test_the_same_seed_teaches_the_same_network() -> None:
    torch = pytest.importorskip("torch")
    images, labels = blobs()
    before = torch.random.get_rng_state(), torch.get_num_threads()
    first, second, other = (
        fit_unet(images, labels, classes=[0, 1], epochs=2, seed=seed, **SMALL) for seed in (3, 3, 4)
    )
    assert graphs_alike(first, second)
    assert not graphs_alike(first, other)
    npt.assert_array_equal(torch.random.get_rng_state(), before[0])
    assert torch.get_num_threads() == before[1]


def test_context_tells_what_a_pixel_cannot() -> None:
    """Single pixels overlap by Φ(-1) = 16 %; their neighbours do not."""
    images, labels = blobs(16)
    seen, truth = blobs(8, seed=1)
    told: list[dict[str, float]] = []
    segmenter = fit_unet(
        images, labels, classes={"other": 0, "mine": 1}, epochs=30, batch=4,
        validation=(seen, truth), notify=told.append, **SMALL
    )  # fmt: skip
    found = segmenter.predict_proba(seen).argmax(axis=1)
    assert (found != truth).mean() < 0.08
    history = segmenter.history_
    assert history is not None
    assert [row["epoch"] for row in told] == history.epoch.tolist() == list(range(1, 31))
    assert history.loss.iloc[-1] < 0.7 * history.loss.iloc[0]
    assert history.validation_mean_iou.iloc[-1] > 0.8
    inter = [
        ((found == k) & (truth == k)).sum() / ((found == k) | (truth == k)).sum() for k in (0, 1)
    ]
    assert history.validation_mean_iou.iloc[-1] == pytest.approx(np.mean(inter), abs=0.01)
    assert repr(segmenter) == "Segmenter(channel0, channel1 → other, mine)"
    assert segmenter.provenance_["training"]["chips"] == 16
    assert {"torch", "minewatch"} <= set(segmenter.versions_)


def test_codes_may_be_any_and_come_back() -> None:
    images, labels = blobs()
    codes = np.array([9, 4], "uint8")[labels]
    segmenter = fit_unet(images, codes, classes=[4, 9], epochs=1, **SMALL)
    turned = fit_unet(images, 1 - labels, classes=[0, 1], epochs=1, **SMALL)
    assert segmenter.classes_.tolist() == [4, 9]
    assert graphs_alike(segmenter, turned)


def test_pixels_without_weight_teach_nothing() -> None:
    images, labels = blobs()
    labels[:, :3] = 255
    ignored = fit_unet(images, labels, classes=[0, 1], epochs=2, **SMALL)
    weights = np.ones(labels.shape)
    weights[:, :3] = 0
    other = np.where(labels == 255, 1, labels)
    weighed = fit_unet(images, other, weights=weights, classes=[0, 1], epochs=2, **SMALL)
    assert graphs_alike(ignored, weighed)
    halved = fit_unet(images, other, weights=weights / 2, classes=[0, 1], epochs=2, **SMALL)
    probe = blobs(2, seed=5)[0]
    # Only what pixels count relative to each other matters; halving is exact in binary.
    npt.assert_allclose(halved.predict_proba(probe), weighed.predict_proba(probe), atol=1e-5)


def test_unknown_pixels_teach_nothing() -> None:
    images, labels = blobs()
    images[0, 1, 2:5, 2:5] = np.nan
    wrong = labels.copy()
    wrong[0, 2:5, 2:5] ^= 1
    one, other = (
        fit_unet(images, each, classes=[0, 1], epochs=2, **SMALL) for each in (labels, wrong)
    )
    assert graphs_alike(one, other)


def test_gain_and_offset_do_not_matter() -> None:
    """Channels are standardised: decibels may be tenths of them, from any zero."""
    images, labels = blobs()
    one = fit_unet(images, labels, classes=[0, 1], epochs=2, **SMALL)
    other = fit_unet(images * 16 - 32, labels, classes=[0, 1], epochs=2, **SMALL)
    probe = blobs(2, seed=5)[0]
    npt.assert_allclose(one.predict_proba(probe), other.predict_proba(probe * 16 - 32), atol=1e-3)


def test_names_of_channels_go_with_the_network() -> None:
    images, labels = blobs()
    named = xr.DataArray(images, {"channel": ["vv", "vh"]}, ("chip", "channel", "row", "column"))
    assert fit_unet(named, labels, classes=[0, 1], epochs=1, **SMALL).channels == ("vv", "vh")


def test_validation_holds_the_same_channels() -> None:
    images, labels = blobs()
    dims = ("chip", "channel", "row", "column")
    one = xr.DataArray(images, {"channel": ["vv", "vh"]}, dims)
    for other in (one.isel(channel=[1, 0]), one.isel(channel=[0])):
        with pytest.raises(ValueError, match="cut both from the same channels"):
            fit_unet(one, labels, classes=[0, 1], epochs=1, validation=(other, labels), **SMALL)
    with pytest.raises(ValueError, match="learns from 2 channels, other chips have 1"):
        fit_unet(
            images, labels, classes=[0, 1], epochs=1, validation=(images[:, :1], labels), **SMALL
        )


def test_learning_that_diverges_gives_no_network() -> None:
    images, labels = blobs()
    with pytest.raises(ValueError, match=r"diverged in epoch [12]: .* smaller than 1e\+20"):
        fit_unet(images, labels, classes=[0, 1], epochs=3, rate=1e20, **SMALL)


def test_the_running_mean_is_that_of_its_formula() -> None:
    torch = pytest.importorskip("torch")
    from minewatch.learn.segment.epochs import RunningMean

    network = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
    values = [1.0, 5.0, -2.0, 4.0]
    with torch.no_grad():
        network[0].weight.fill_(0.0)
        average = RunningMean(torch, network, 0.3)
        expected = 0.0
        for step, value in enumerate(values, 1):
            network[0].weight.fill_(value)
            network[1].num_batches_tracked.fill_(step)
            average.add(network)
            keep = min(0.3, (1 + step) / (10 + step))
            expected = keep * expected + (1 - keep) * value
    assert average.network[0].weight.item() == pytest.approx(expected)
    assert int(average.network[1].num_batches_tracked) == 4
    images, labels = blobs()
    last = fit_unet(images, labels, classes=[0, 1], epochs=2, **SMALL)
    mean = fit_unet(images, labels, classes=[0, 1], epochs=2, ema=0.999, **SMALL)
    assert not graphs_alike(last, mean)
    assert last.history_ is not None
    assert mean.history_ is not None
    npt.assert_array_equal(last.history_.loss, mean.history_.loss)


def test_turns_move_image_label_and_weight_together() -> None:
    torch = pytest.importorskip("torch")
    from minewatch.learn.segment.epochs import turned

    for size, positions in (((6, 6), 8), ((6, 4), 4)):
        label = torch.arange(size[0] * size[1]).reshape(1, *size).repeat(64, 1, 1)
        image = label[:, None].float() + 0.25
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            found = turned(torch, [image, label, 2 * label], square=size[0] == size[1])
        npt.assert_array_equal(found[0][:, 0] - 0.25, found[1])
        npt.assert_array_equal(found[2], 2 * found[1])
        assert len({tuple(each.ravel().tolist()) for each in found[1]}) == positions


def test_chips_in_which_nothing_counts_are_left_out() -> None:
    images, labels = blobs()
    labels[2] = 255
    segmenter = fit_unet(images, labels, classes=[0, 1], epochs=1, **SMALL)
    assert segmenter.provenance_["training"]["chips_left_out"] == 1
    assert TrainingSet.__dataclass_fields__.keys() >= {"left_out"}


def test_bounded_loss_bears_wrong_labels() -> None:
    """Two classes, a third of the pixels of one labelled as the other: one network learns the
    noise's odds, the other the likelier class; with 33 % of wrong labels both should map the truth,
    and the bounded one be surer of it."""
    images, truth = blobs(16)
    rng = np.random.default_rng(4)
    labels = np.where(rng.random(truth.shape) < 0.33, 1 - truth, truth).astype("uint8")
    seen, expected = blobs(8, seed=6)
    settings: dict[str, Any] = {
        "classes": [0, 1],
        "epochs": 40,
        "batch": 4,
        "balance": 0.0,
        **SMALL,
    }
    sure = {}
    for loss in ("ce", "sce"):
        found = fit_unet(images, labels, loss=loss, **settings).predict_proba(seen)
        assert (found.argmax(axis=1) != expected).mean() < 0.12
        sure[loss] = float(np.take_along_axis(found, expected[:, None].astype(int), axis=1).mean())
    # Cross-entropy's best answer is the share of right labels, 2/3; RCE's is 1. Of three seeds, the
    # second is 0.06 to 0.09 surer after 40 epochs, and 0.04 to 0.05 after 20.
    assert sure["ce"] < 0.72
    assert sure["sce"] > sure["ce"] + 0.04
