"""Teaching: it learns what there is to learn, the same every time, and leaves torch as it was."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from oracles_networks import rough_and_smooth

from minewatch.learn.networks import Network, fit_network
from minewatch.learn.patches import load_detector, save_detector

pytestmark = pytest.mark.cnn

SETTINGS: dict[str, Any] = {"threads": 1, "batch": 16}


@pytest.fixture(scope="module")
def lessons() -> tuple[Any, Any]:
    return rough_and_smooth(96), rough_and_smooth(41, seed=1)


@pytest.fixture(scope="module", params=["same", "valid"])
def taught(request: pytest.FixtureRequest, lessons: tuple[Any, Any]) -> Network:
    patches, validation = (rough_and_smooth(count, 20, seed) for count, seed in ((96, 0), (41, 1)))
    return fit_network(
        patches, validation=validation, padding=request.param, epochs=8, rate=3e-3, **SETTINGS
    )


def test_it_learns_what_can_be_told_apart(taught: Network) -> None:
    assert taught.history_.val_f1.iloc[-1] == 1
    patches = rough_and_smooth(60, 20, seed=2)
    told = taught.predict_proba(patches.patches.values) > 0.5
    assert (told == (patches.label == 1)).all()


def test_its_history_is_a_row_an_epoch(taught: Network) -> None:
    history = taught.history_
    assert list(history) == ["epoch", "loss", "val_loss", "val_f1", "val_accuracy"]
    assert history.epoch.tolist() == list(range(1, 9))
    assert history.notna().all(axis=None)
    assert history.loss.iloc[-1] < history.loss.iloc[0] / 2


def test_the_last_row_is_what_the_network_says(taught: Network) -> None:
    """Loss and scores of the exported network on the validation set, computed by hand."""
    validation = rough_and_smooth(41, 20, 1)
    p, true = taught.predict_proba(validation.patches.values), validation.label.values
    right = np.clip(np.where(true == 1, p, 1 - p).astype("f8"), 1e-7, 1 - 1e-7)
    last = taught.history_.iloc[-1]
    # probabilities in float32: 1e-6 of the loss's size near p = 0.5
    assert last.val_loss == pytest.approx(
        (-0.25 * (1 - right) ** 2 * np.log(right)).mean(), abs=1e-6
    )
    assert last.val_accuracy == ((p > 0.5) == true).mean()


def test_it_tells_how_it_was_taught(taught: Network) -> None:
    told = taught.provenance_
    assert told["settings"]["loss"] == "focal"
    assert told["settings"]["seed"] == 0
    assert (told["patches"], told["mines"], told["validation"], told["epoch"]) == (96, 48, 41, 8)
    assert told["resolution"] == 10
    assert taught.channels == ("vv", "vh")
    assert set(taught.versions_) == {"minewatch", "torch", "numpy"}


def test_it_tells_how_the_channels_were_made(tmp_path: Path) -> None:
    patches = rough_and_smooth(16, 20)
    made = {"averaging": "mean", "looks": np.float32(4), "window": 3}
    patches["patches"].attrs = {**made, "floor": None, "units": "dB", "fill": np.nan}
    save_detector(fit_network(patches, epochs=1, **SETTINGS), tmp_path / "network")
    assert load_detector(tmp_path / "network").provenance_["channels_made"] == made


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("augment", [False, True])
def test_a_seed_gives_the_same_network_to_the_last_bit(
    lessons: tuple[Any, Any], threads: int, augment: bool
) -> None:
    patches = lessons[0].isel(patch=slice(34))  # 2 × 16 + 2

    def graph(seed: int) -> bytes:
        settings = SETTINGS | {"threads": threads}
        network = fit_network(patches, epochs=1, seed=seed, augment=augment, **settings)
        return network.graphs["patches.onnx"]

    assert graph(5) == graph(5)
    assert graph(5) != graph(6)


def test_torch_is_left_as_it_was(lessons: tuple[Any, Any]) -> None:
    import torch

    before = torch.get_num_threads()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            fit_network(lessons[0].isel(patch=slice(33)), epochs=1, batch=32, threads=before + 1)
            assert not torch.is_grad_enabled()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.get_num_threads() == before
    assert torch.equal(torch.rand(4), expected)


def test_threads_are_given_back_after_an_error(lessons: tuple[Any, Any]) -> None:
    import torch

    before = torch.get_num_threads()

    def stop(*_: object) -> None:
        message = "enough"
        raise RuntimeError(message)

    with pytest.raises(RuntimeError, match="enough"):
        fit_network(lessons[0], epochs=2, threads=before + 1, notify=stop)
    assert torch.get_num_threads() == before


def test_progress_is_told_and_patches_are_left_alone(lessons: tuple[Any, Any]) -> None:
    patches, told = lessons[0].isel(patch=slice(20)), []
    before = patches.copy(deep=True)
    network = fit_network(patches, validation=lessons[1], epochs=3, notify=told.append, **SETTINGS)
    assert pd.DataFrame(told).equals(network.history_)
    assert np.isfinite(pd.DataFrame(told)).all(axis=None)
    assert patches.identical(before)


def test_without_validation_there_is_nothing_to_watch(lessons: tuple[Any, Any]) -> None:
    network = fit_network(lessons[0].isel(patch=slice(20)), epochs=1, **SETTINGS)
    watched = network.history_[["val_loss", "val_f1", "val_accuracy"]]
    assert watched.isna().all(axis=None)
    assert network.history_.loss.notna().all()


def test_the_best_epoch_is_kept_and_learning_stops_early(lessons: tuple[Any, Any]) -> None:
    patches, validation = lessons
    # labels of chance on the validation set: its loss soon rises
    wrong = validation.assign_coords(label=1 - validation.label)
    network = fit_network(
        patches, validation=wrong, epochs=30, early_stopping=3, best_epoch=True, rate=3e-3,
        **SETTINGS,
    )  # fmt: skip
    history, best = network.history_, network.provenance_["epoch"]
    assert best == history.epoch[history.val_loss.idxmin()]
    assert len(history) == best + 3 < 30
    p, true = network.predict_proba(wrong.patches.values), wrong.label.values
    right = np.clip(np.where(true == 1, p, 1 - p).astype("f8"), 1e-7, 1 - 1e-7)
    expected = (-0.25 * (1 - right) ** 2 * np.log(right)).mean()
    assert history.val_loss.min() == pytest.approx(expected, abs=1e-6)


def test_losses_are_not_the_same(lessons: tuple[Any, Any]) -> None:
    patches = lessons[0].isel(patch=slice(32))
    weighed = [
        {"loss": "focal"}, {"loss": "focal_alpha_t"}, {"loss": "cross_entropy"}, {"gamma": 0.5}
    ]  # fmt: skip
    found = [fit_network(patches, epochs=1, **SETTINGS, **each) for each in weighed]
    losses = [network.history_.loss[0] for network in found]
    assert len(set(losses)) == len(losses)
    plain = fit_network(patches, epochs=1, gamma=0, alpha=1, **SETTINGS)
    assert plain.graphs == found[2].graphs  # cross-entropy is focal loss without focus


def test_turned_patches_are_the_eight_ways_that_a_square_can_lie(rng: np.random.Generator) -> None:
    from minewatch.learn.networks.epochs import Lesson
    from minewatch.learn.networks.layers import patch_network

    lesson = Lesson(
        patch_network(channels=2), np.zeros(2), np.ones(2), gamma=2, alpha=0.25, batch=8, rate=1e-3,
        augment=True, seed=0,
    )  # fmt: skip
    patch = rng.normal(size=(2, 16, 16)).astype("f4")
    turns = [np.rot90(patch, k, (1, 2)) for k in range(4)]
    eight = {side.tobytes() for turn in turns for side in (turn.copy(), turn[:, :, ::-1].copy())}
    assert len(eight) == 8
    seen = lesson._input(np.stack([patch] * 200), turn=True).numpy()
    assert {each.tobytes() for each in seen} == eight


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"padding": "reflect"}, r"padding is one of \['same', 'valid'\]"),
        ({"loss": "hinge"}, "loss is one of"),
        ({"epochs": 0}, "epochs must be a whole number above 0"),
        ({"batch": 2.5}, "batch must be a whole number"),
        ({"batch": 1}, "2 patches a step"),
        ({"threads": 0}, "threads must be"),
        ({"early_stopping": 0}, "early_stopping must be"),
        ({"rate": 0}, "rate > 0"),
        ({"rate": float("nan")}, "rate > 0"),
        ({"gamma": -1}, "gamma >= 0"),
        ({"alpha": 0}, "0 < alpha"),
        ({"early_stopping": 2}, "pass validation="),
        ({"best_epoch": True}, "pass validation="),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    lessons: tuple[Any, Any], settings: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        fit_network(lessons[0], **settings)


def test_patches_that_do_not_fit_are_refused(lessons: tuple[Any, Any]) -> None:
    patches, validation = lessons
    with pytest.raises(ValueError, match="all 48 have label 1; add points"):
        fit_network(patches.isel(patch=patches.label.values == 1))
    with pytest.raises(ValueError, match="extract both alike"):
        fit_network(patches, validation=rough_and_smooth(8, 20))
    with pytest.raises(ValueError, match="extract both alike"):
        fit_network(patches, validation=validation.isel(channel=[1, 0]))


def test_learning_that_diverges_is_told(lessons: tuple[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"diverged in epoch \d+: .* a rate smaller than 1e\+30"):
        fit_network(lessons[0], rate=1e30, epochs=20, **SETTINGS)


@pytest.mark.parametrize("count", [2, 17, 33])
def test_a_patch_left_over_is_seen_as_well(count: int) -> None:
    from minewatch.learn.networks.epochs import Lesson
    from minewatch.learn.networks.layers import patch_network

    lesson = Lesson(
        patch_network(channels=1), np.zeros(1), np.ones(1), gamma=2, alpha=0.25, batch=16,
        rate=1e-3, augment=False, seed=0,
    )  # fmt: skip
    batches = lesson._batches(count)
    assert sorted(itertools.chain(*batches)) == list(range(count))
    assert min(map(len, batches)) > 1
