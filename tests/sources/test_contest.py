"""Folders of the Data Fusion Contest 2025, generated small, and the scores of its baselines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch.sources import contest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SIZE = 16
TRACK2 = {
    "sar": ("post-event", "post_disaster"),
    "labels": ("target", "building_damage"),
    "optical": ("pre-event", "pre_disaster"),
}


def write(path: Path, values: np.ndarray, *, grounded: bool = True) -> np.ndarray:
    """An image (band, row, column) as the archives have them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    grid = {"crs": "EPSG:32654", "transform": rasterio.Affine(0.5, 0, 4e5, 0, -0.5, 4e6)}
    size = {"count": count, "height": height, "width": width, "dtype": values.dtype}
    if grounded:
        with rasterio.open(path, "w", driver="GTiff", **size, **grid) as file:
            file.write(values)
    else:
        with (
            pytest.warns(rasterio.errors.NotGeoreferencedWarning),
            rasterio.open(path, "w", driver="GTiff", **size) as file,
        ):
            file.write(values)
    return values


def drawn(seed: int, bands: int, high: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, high, (bands, SIZE, SIZE), dtype="uint8")


def track1(folder: Path, count: int = 3) -> dict[str, dict[str, np.ndarray]]:
    """Training images with all three kinds, test images with radar alone, which has no place."""
    written: dict[str, dict[str, np.ndarray]] = {}
    for number in range(count):
        name = f"TrainArea_{number:04d}"
        train = folder / "train"
        written[name] = {
            kind: write(train / where / f"{name}.tif", drawn(number * 3 + k, bands, high))
            for k, (kind, where, bands, high) in enumerate(
                [("sar", "sar_images", 1, 256), ("labels", "labels", 1, 9),
                 ("optical", "rgb_images", 3, 256)]
            )
        }  # fmt: skip
    write(folder / "test" / "sar_images" / "TestArea_0.tif", drawn(99, 1, 256), grounded=False)
    return written


def track2(folder: Path, names: Iterable[str]) -> dict[str, dict[str, np.ndarray]]:
    return {
        name: {
            kind: write(
                folder / where / f"{name}_{end}.tif",
                drawn(len(name) + k, 3 if kind == "optical" else 1, 4 if kind == "labels" else 256),
            )
            for k, (kind, (where, end)) in enumerate(TRACK2.items())
        }
        for name in names
    }


# Readers


def test_track_1_is_opened_lazily_and_in_order(tmp_path: Path) -> None:
    written = track1(tmp_path)
    with nothing_computes():
        images = contest.open_track1(tmp_path, optical=True)
    assert dict(images.sizes) == {"chip": 3, "channel": 1, "row": SIZE, "column": SIZE, "band": 3}
    assert images.attrs["names"] == sorted(written)
    assert images.sar.chunks[0] == (1, 1, 1)
    for place, name in enumerate(images.attrs["names"]):
        npt.assert_array_equal(images.sar[place], written[name]["sar"])
        npt.assert_array_equal(images.labels[place], written[name]["labels"][0])
        npt.assert_array_equal(images.optical[place], written[name]["optical"])
    npt.assert_array_equal(images.image, [0, 1, 2])
    meanings = images.labels.attrs["flag_meanings"].split()
    assert dict(zip(meanings, images.labels.attrs["flag_values"], strict=True)) == (
        contest.TRACK1_CLASSES
    )
    assert "optical" not in contest.open_track1(tmp_path)


def test_some_images_are_named(tmp_path: Path) -> None:
    written = track1(tmp_path)
    wanted = ["TrainArea_0002", "TrainArea_0000.tif"]
    listed = tmp_path / "train.txt"
    listed.write_text("\n".join(wanted) + "\n")
    for names in (wanted, listed, str(listed)):
        images = contest.open_track1(tmp_path, names=names)
        assert images.attrs["names"] == ["TrainArea_0002", "TrainArea_0000"]
        npt.assert_array_equal(images.sar[1], written["TrainArea_0000"]["sar"])
    # Slices read what they hold alone.
    (tmp_path / "train/sar_images/TrainArea_0000.tif").write_bytes(b"no image")
    npt.assert_array_equal(images.sar[0, 0, 3:5, 7], written["TrainArea_0002"]["sar"][0, 3:5, 7])


def test_a_split_without_labels_has_none(tmp_path: Path) -> None:
    track1(tmp_path)
    images = contest.open_track1(tmp_path, split="test")
    assert set(images.data_vars) == {"sar"}
    npt.assert_array_equal(images.sar.compute()[0], drawn(99, 1, 256))


@pytest.mark.parametrize("split", [None, "train"])
def test_track_2_is_opened_in_both_of_its_layouts(tmp_path: Path, split: str | None) -> None:
    names = ["turkey-earthquake_00000012", "bata-explosion_00000000"]
    written = track2(tmp_path if split is None else tmp_path / split, names)
    with nothing_computes():
        images = contest.open_track2(tmp_path, split=split)
    assert images.attrs["names"] == sorted(names)
    for place, name in enumerate(sorted(names)):
        npt.assert_array_equal(images.sar[place], written[name]["sar"])
        npt.assert_array_equal(images.labels[place], written[name]["labels"][0])
        npt.assert_array_equal(images.optical[place], written[name]["optical"])
    assert images.labels.dtype == np.uint8
    assert images.labels.attrs["flag_values"] == [0, 1, 2, 3]


def test_counterparts_that_lack_are_named(tmp_path: Path) -> None:
    track1(tmp_path)
    (tmp_path / "train/labels/TrainArea_0001.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 3 images.*TrainArea_0001\.tif.*names="):
        contest.open_track1(tmp_path)
    assert contest.open_track1(tmp_path, names=["TrainArea_0002"]).sizes["chip"] == 1
    track2(tmp_path, ["noto-earthquake_00000001", "ukraine-conflict_00000002"])
    (tmp_path / "pre-event/ukraine-conflict_00000002_pre_disaster.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of 2 images.*ukraine.*optical=False"):
        contest.open_track2(tmp_path)
    assert contest.open_track2(tmp_path, optical=False).sizes["chip"] == 2


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    track1(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder.*beside it are \['test', 'train'\]"):
        contest.open_track1(tmp_path, split="val")
    with pytest.raises(FileNotFoundError, match="holds post-event, or its split"):
        contest.open_track2(tmp_path)
    with pytest.raises(ValueError, match="come twice, \\['a'\\]"):
        contest.open_track1(tmp_path, names=["a", "b", "a.tif"])
    with pytest.raises(ValueError, match="no name"):
        contest.open_track1(tmp_path, names=[])
    with pytest.raises(FileNotFoundError, match="no list of names"):
        contest.open_track1(tmp_path, names=tmp_path / "gone.txt")


def test_images_that_do_not_fit_are_named_when_they_are_read(tmp_path: Path) -> None:
    track1(tmp_path)
    write(tmp_path / "train/sar_images/TrainArea_0001.tif", np.zeros((1, 4, SIZE), "uint8"))
    images = contest.open_track1(tmp_path)
    with pytest.raises(RuntimeError, match=r"TrainArea_0001\.tif holds \(1, 4, 16\)"):
        images.sar.compute()
    (tmp_path / "train/sar_images/TrainArea_0001.tif").write_bytes(b"no image")
    with pytest.raises(RuntimeError, match=r"cannot read .*TrainArea_0001\.tif"):
        contest.open_track1(tmp_path).sar.compute()
    (tmp_path / "train/sar_images/TrainArea_0000.tif").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"TrainArea_0000\.tif is no image"):
        contest.open_track1(tmp_path)


def test_radar_and_labels_must_be_of_one_size(tmp_path: Path) -> None:
    for kind, rows in (("sar_images", 8), ("labels", 4)):
        write(tmp_path / "train" / kind / "a.tif", np.zeros((1, rows, 8), "uint8"))
    with pytest.raises(ValueError, match="images of one size"):
        contest.open_track1(tmp_path)


# Scores


def by_track_1(labels: list[np.ndarray], maps: list[np.ndarray], batch: int, classes: int) -> float:
    """What the baseline does, image sets of a batch as one long row, counted pixel by pixel."""
    figures, images = [], []
    for start in range(0, len(labels), batch):
        truth = np.concatenate([image.ravel() for image in labels[start : start + batch]])
        found = np.concatenate([image.ravel() for image in maps[start : start + batch]])
        each = []
        for code in range(1, classes):
            there = {*np.flatnonzero(truth == code)}
            told = {*np.flatnonzero(found == code)}
            if there:
                each.append((len(there & told) + 1e-7) / (len(there | told) + 1e-7))
        if each:
            figures.append(sum(each) / len(each))
            images.append(len(labels[start : start + batch]))
    return float(np.average(figures, weights=images))


def by_track_2(labels: list[np.ndarray], maps: list[np.ndarray], classes: int) -> float:
    table = np.zeros((classes, classes))
    for image, found in zip(labels, maps, strict=True):
        for truth, told in zip(image.ravel(), found.ravel(), strict=True):
            table[truth, told] += 1
    each = [
        table[k, k] / (table[k].sum() + table[:, k].sum() - table[k, k] + 1e-7)
        for k in range(classes)
    ]
    return sum(each) / classes


def maps_of(classes: int, count: int, absent: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Labels that lack a class everywhere and others here and there, and maps that do not."""
    rng = np.random.default_rng(classes)
    labels, maps = [], []
    for number in range(count):
        some = [k for k in range(classes) if k != absent and (k + number) % 3]
        labels.append(rng.choice(some, (8, 9)).astype("uint8"))
        wrong = rng.integers(0, classes, (8, 9))
        maps.append(np.where(rng.random((8, 9)) < 0.6, labels[-1], wrong).astype("uint8"))
    return labels, maps


@pytest.mark.parametrize("batch", [1, 2, 3, 5, 8])
def test_track_1_is_scored_as_its_baseline_does(batch: int) -> None:
    labels, maps = maps_of(9, 7, absent=4)
    scored = contest.evaluate(labels, maps, convention="track1", batch=batch)
    assert float(scored.mean_iou) == pytest.approx(by_track_1(labels, maps, batch, 9), abs=1e-12)
    assert scored.attrs["batches"] == math.ceil(7 / batch)
    assert int(scored.confusion.sum()) == 7 * 72


def test_track_2_is_scored_as_its_baseline_does() -> None:
    labels, maps = maps_of(4, 5, absent=2)
    scored = contest.evaluate(labels, maps, convention="track2")
    assert float(scored.mean_iou) == pytest.approx(by_track_2(labels, maps, 4), abs=1e-12)
    # The absent class was mapped here and there, so no convention may forget it but the first.
    default = contest.evaluate(labels, maps, classes=contest.TRACK2_CLASSES)
    assert float(default.mean_iou) == pytest.approx(float(scored.mean_iou), abs=1e-7)
    assert float(default.iou.sel({"class": 2})) == 0
    first = contest.evaluate(labels, maps, convention="track1", classes=range(4), batch=9)
    assert float(first.mean_iou) > float(scored.mean_iou)


def test_a_class_that_is_nowhere_parts_the_conventions() -> None:
    image = np.array([[0, 1], [3, 3]], "uint8")
    scores = {
        convention: contest.evaluate(
            [image], [image], convention=convention, classes=contest.TRACK2_CLASSES
        )
        for convention in ("default", "track1", "track2")
    }
    assert float(scores["default"].mean_iou) == 1
    assert float(scores["track1"].mean_iou) == 1
    assert float(scores["track2"].mean_iou) == pytest.approx(0.75, abs=1e-6)
    assert np.isnan(scores["default"].iou.sel({"class": 2}))


def test_a_smaller_last_batch_counts_less() -> None:
    good, bad = np.ones((2, 2), "uint8"), np.zeros((2, 2), "uint8")
    scored = contest.evaluate([good] * 3, [good, good, bad], convention="track1", batch=2)
    assert float(scored.mean_iou) == pytest.approx((2 * 1 + 1 * 0) / 3, abs=1e-6)


def test_batches_of_background_alone_are_told() -> None:
    empty, some = np.zeros((2, 2), "uint8"), np.ones((2, 2), "uint8")
    scored = contest.evaluate([empty, some], [some, some], convention="track1")
    assert float(scored.mean_iou) == pytest.approx(1)
    assert scored.attrs["empty_batches"] == 1
    assert math.isnan(contest.evaluate([empty], [some], convention="track1").mean_iou)


def test_the_unknown_is_left_out_and_told() -> None:
    labels = np.array([[[0, 1], [1, 255]]], "uint8")
    maps = np.array([[[0, 1], [255, 1]]], "uint8")
    scored = contest.evaluate(labels, maps, classes=[0, 1])
    assert scored.attrs["left_out"] == 2
    assert float(scored.mean_iou) == 1


def test_lazy_images_are_scored_batch_by_batch(tmp_path: Path) -> None:
    written = track1(tmp_path)
    images = contest.open_track1(tmp_path)
    scored = contest.evaluate(images.labels, images.labels, convention="track1", batch=2)
    assert float(scored.mean_iou) == pytest.approx(1)
    assert int(scored.confusion.sum()) == len(written) * SIZE**2
    maps = (xr.DataArray(np.zeros((SIZE, SIZE), "uint8"), dims=("row", "column")) for _ in range(3))
    assert float(contest.evaluate(images.labels, maps, convention="track1").mean_iou) < 1e-6


def test_evaluate_says_what_it_needs() -> None:
    image = np.zeros((2, 2), "uint8")
    with pytest.raises(ValueError, match="as many maps as labels"):
        contest.evaluate([image, image], [image], convention="track2")
    with pytest.raises(ValueError, match="give classes=TRACK1_CLASSES"):
        contest.evaluate([image], [image])
    with pytest.raises(ValueError, match="'track1' and 'track2', got 'voc'"):
        contest.evaluate([image], [image], convention="voc")
    with pytest.raises(ValueError, match="use batch=1"):
        contest.evaluate([image], [image], convention="track1", batch=0)
    with pytest.raises(ValueError, match="no images"):
        contest.evaluate([], [], convention="track2")
    with pytest.raises(ValueError, match="hold others"):
        contest.evaluate([image + 7], [image], convention="track2")
