"""Scores equal scikit-learn's, and the numbers of the papers recomputed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from sklearn import metrics as oracle

from minewatch import metrics

FUSION = {"tp": 387_597, "fp": 66_403, "fn": 58_545, "tn": 170_901}
OPTICAL = {"tp": 355_681, "fp": 86_403, "fn": 58_716, "tn": 170_901}
NAMES = ("precision", "recall", "specificity", "npv", "accuracy", "f_beta", "mcc")


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (FUSION, (0.853738, 0.868775, 0.720177, 0.744842, 0.817179, 0.856704, 0.593747)),
        (OPTICAL, (0.804555, 0.858310, 0.664199, 0.744287, 0.783953, 0.814761, 0.535514)),
    ],
    ids=["table 2", "table 3"],
)
def test_the_tables_of_the_gold_mine_paper(
    counts: dict[str, int], expected: tuple[float, ...]
) -> None:
    found = metrics.scores(**counts)
    npt.assert_allclose([found[name] for name in NAMES], expected, atol=1e-6)
    table = [[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]]
    assert metrics.scores(table) == found


def test_the_mixed_up_row_of_table_3() -> None:
    """With the totals of table 2 the hits of table 3 give most of what is printed for it.

    Its true negatives are those of table 2, its totals are not, though the test set is said to be
    one. 446,142 mines less 355,681 hits are 90,461 misses, 237,304 others less 86,403 false alarms
    are 150,901. Then recall, specificity, F and MCC come out as printed (0.79 and 0.63 cut, not
    rounded); accuracy and the negative predictive value do not.
    """
    mines, others = FUSION["tp"] + FUSION["fn"], FUSION["tn"] + FUSION["fp"]
    rebuilt = {"fn": mines - OPTICAL["tp"], "tn": others - OPTICAL["fp"]}
    assert rebuilt == {"fn": 90_461, "tn": 150_901}
    found = metrics.scores(tp=OPTICAL["tp"], fp=OPTICAL["fp"], **rebuilt)
    expected = (0.8046, 0.7972, 0.6359, 0.6252, 0.7412, 0.8031, 0.4314)
    npt.assert_allclose([found[name] for name in NAMES], expected, atol=5e-5)
    cut = {name: math.floor(100 * found[name]) / 100 for name in NAMES}
    printed = {"precision": 0.80, "recall": 0.79, "specificity": 0.63, "f_beta": 0.80, "mcc": 0.43}
    assert {name: cut[name] for name in printed} == printed
    assert (cut["npv"], cut["accuracy"]) != (0.64, 0.71)
    gain = 100 * (metrics.scores(**FUSION)["mcc"] / found["mcc"] - 1)
    assert gain == pytest.approx(37.6, abs=0.05)


def test_what_fusion_gained_in_the_paper() -> None:
    """Its gains are shares of the printed figures; of the counts they are a good deal less."""
    printed = {"accuracy": (0.81, 0.71), "f_beta": (0.85, 0.80), "mcc": (0.69, 0.43)}
    claimed = {name: 100 * (both / one - 1) for name, (both, one) in printed.items()}
    assert claimed == pytest.approx({"accuracy": 14, "f_beta": 6.25, "mcc": 60}, abs=0.5)
    both, one = metrics.scores(**FUSION), metrics.scores(**OPTICAL)
    counted = {name: 100 * (both[name] / one[name] - 1) for name in printed}
    assert counted == pytest.approx({"accuracy": 4.2, "f_beta": 5.1, "mcc": 10.9}, abs=0.06)
    assert 100 * (both["accuracy"] - one["accuracy"]) == pytest.approx(3.3, abs=0.05)


def test_the_printed_formula_of_f_is_not_the_one_used() -> None:
    """(β² + 1) P R / (β² + P + R), as printed, gives 0.470 for table 2, which prints 0.85."""
    found = metrics.scores(**FUSION)
    p, r = found["precision"], found["recall"]
    assert 1.25 * p * r / (0.25 + p + r) == pytest.approx(0.470, abs=5e-4)
    assert found["f_beta"] == pytest.approx(0.857, abs=5e-4)


def test_nothing_overflows() -> None:
    """(4.5·10⁵)⁴ passes 2⁶³: the same table a million times over has the same scores."""
    small = metrics.scores(**FUSION)
    large = metrics.scores(**{name: np.int64(count * 10**6) for name, count in FUSION.items()})
    as_table = np.array([[170_901, 66_403], [58_545, 387_597]], np.int32)
    assert large == pytest.approx(small, rel=1e-12)
    assert metrics.scores(as_table) == small


@pytest.fixture
def maps(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    reference = rng.integers(0, 4, 500)
    predicted = np.where(rng.random(500) < 0.6, reference, rng.integers(0, 4, 500))
    return reference, predicted, rng.random(500)


def test_confusion_is_that_of_scikit_learn(
    maps: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    reference, predicted, weight = maps
    found = metrics.confusion(reference, predicted)
    assert found.dims == ("reference", "predicted")
    assert found.dtype == np.int64
    npt.assert_array_equal(found, oracle.confusion_matrix(reference, predicted))
    weighted = metrics.confusion(reference, predicted, weight=weight)
    expected = oracle.confusion_matrix(reference, predicted, sample_weight=weight)
    npt.assert_allclose(weighted, expected)
    reordered = metrics.confusion(reference, predicted, classes=[3, 1, 0, 2, 9])
    npt.assert_array_equal(reordered.sel(reference=[0, 1], predicted=[0, 1]), found[:2, :2])
    assert int(reordered.sel(reference=9).sum()) == 0


@pytest.mark.parametrize("positive", [0, 1, 3])
def test_scores_are_those_of_scikit_learn(
    maps: tuple[np.ndarray, np.ndarray, np.ndarray], positive: int
) -> None:
    reference, predicted, weight = maps
    found = metrics.scores(
        metrics.confusion(reference, predicted, weight=weight), positive=positive, beta=0.5
    )
    truth, mapped = reference == positive, predicted == positive
    w = {"sample_weight": weight}
    expected = {
        "precision": oracle.precision_score(truth, mapped, **w),
        "recall": oracle.recall_score(truth, mapped, **w),
        "specificity": oracle.recall_score(~truth, ~mapped, **w),
        "npv": oracle.precision_score(~truth, ~mapped, **w),
        "accuracy": oracle.accuracy_score(truth, mapped, **w),
        "f_beta": oracle.fbeta_score(truth, mapped, beta=0.5, **w),
        "f1": oracle.f1_score(truth, mapped, **w),
        "mcc": oracle.matthews_corrcoef(truth, mapped, **w),
    }
    assert found.pop("mcc_defined") is True
    assert found == pytest.approx(expected, rel=1e-9)


def world(rng: np.random.Generator) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    coords = {"y": np.arange(20.0)[::-1], "x": np.arange(30.0)}
    codes = rng.choice(np.array([0, 1, 1, 255], "u1"), (2, 20, 30))
    reference, predicted = (xr.DataArray(code, coords, ("y", "x")) for code in codes)
    truth = reference.where(reference != 255).astype("f4")
    return truth, predicted, xr.DataArray(rng.random((20, 30)), coords, ("y", "x"))


@pytest.mark.parametrize("chunks", [{"y": 7, "x": 11}, {"y": -1, "x": 4}])
@pytest.mark.parametrize("classes", [None, [0, 1]])
def test_confusion_leaves_out_the_unknown_and_does_not_see_chunks(
    rng: np.random.Generator, chunks: dict[str, int], classes: list[int] | None
) -> None:
    reference, predicted, weight = world(rng)
    known = np.isfinite(reference.values) & (predicted.values != 255)
    expected = oracle.confusion_matrix(reference.values[known], predicted.values[known])
    whole = metrics.confusion(reference, predicted, classes=classes)
    npt.assert_array_equal(whole, expected)
    assert whole.attrs["left_out"] == (~known).sum()
    lazy = metrics.confusion(reference.chunk(chunks), predicted.chunk(y=3), classes=classes)
    xr.testing.assert_identical(lazy, whole)
    weighed = metrics.confusion(reference, predicted, weight=weight)
    for cut in ([chunks, {}, {}], [chunks, {"y": 3}, {"x": 2}], [None, None, {"x": 2}]):
        layers = [reference, predicted, weight]
        one, other, load = (
            layer if how is None else layer.chunk(how)
            for layer, how in zip(layers, cut, strict=True)
        )
        npt.assert_allclose(metrics.confusion(one, other, weight=load, classes=classes), weighed)


def test_confusion_takes_masks_and_turned_maps(rng: np.random.Generator) -> None:
    reference, predicted, _ = world(rng)
    truth, mapped = reference == 1, predicted == 1
    found = metrics.confusion(truth, mapped.transpose("x", "y"))
    npt.assert_array_equal(
        found, oracle.confusion_matrix(truth.values.ravel(), mapped.values.ravel())
    )
    assert found.reference.values.tolist() == [0, 1]


def test_confusion_says_what_it_needs(rng: np.random.Generator) -> None:
    reference, predicted, _ = world(rng)
    with pytest.raises(ValueError, match=r"hold others, e\.g\. \[1\]; add them to classes"):
        metrics.confusion(reference, predicted, classes=[0, 2])
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        metrics.confusion(reference, predicted.assign_coords(x=predicted.x + 1))
    with pytest.raises(ValueError, match="the same shape"):
        metrics.confusion([0, 1], [0, 1, 1])
    with pytest.raises(ValueError, match="the same dims"):
        metrics.confusion(reference, predicted.rename(x="column"))


def test_without_a_denominator_there_is_no_score() -> None:
    nothing_mapped = metrics.scores(tp=0, fp=0, fn=3, tn=7)
    assert math.isnan(nothing_mapped["precision"])
    assert math.isnan(nothing_mapped["f_beta"])
    assert nothing_mapped["recall"] == 0
    assert nothing_mapped["mcc"] == 0
    assert nothing_mapped["mcc_defined"] is False
    assert metrics.scores(tp=0, fp=0, fn=3, tn=7, zero_division=0)["precision"] == 0
    assert math.isnan(metrics.scores(tp=0, fp=0, fn=0, tn=0)["accuracy"])
    assert metrics.scores(tp=5, fp=0, fn=0, tn=5)["mcc"] == 1


def test_scores_say_what_they_need() -> None:
    with pytest.raises(ValueError, match="or all of tp=, fp=, fn=, tn="):
        metrics.scores(tp=1, fp=2)
    with pytest.raises(ValueError, match="got both; drop one"):
        metrics.scores([[1, 0], [0, 1]], tp=1)
    with pytest.raises(KeyError, match=r"no class 7; it has .*: set positive="):
        metrics.scores([[1, 0], [0, 1]], positive=7)
    with pytest.raises(ValueError, match="square table"):
        metrics.scores([[1, 0, 1], [0, 1, 1]])
    with pytest.raises(ValueError, match="counts of 0 or more, got -1"):
        metrics.scores(tp=-1, fp=0, fn=0, tn=0)


@pytest.mark.parametrize(
    ("precision", "recall", "f1"),
    [
        (0.805, 0.583, 0.67625),
        (0.882, 0.430, 0.57814),
        (0.476, 0.775, 0.58977),
        (0.710, 0.567, 0.63049),
    ],
)
def test_object_scores_give_the_f1_of_the_patch_paper(
    precision: float, recall: float, f1: float
) -> None:
    tp = 1000.0
    found = metrics.object_scores(tp, fp=tp / precision - tp, fn=tp / recall - tp)
    assert found == pytest.approx({"precision": precision, "recall": recall, "f1": f1}, abs=1e-5)
    assert math.isnan(metrics.object_scores(0, 0, 4)["precision"])
    assert metrics.object_scores(0, 0, 4)["recall"] == 0
    assert math.isnan(metrics.object_scores(0, 4, 0)["recall"])


def test_iou_is_that_of_scikit_learn(maps: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    reference, predicted, _ = maps
    table = metrics.confusion(reference, predicted)
    expected = oracle.jaccard_score(reference, predicted, average=None)
    npt.assert_allclose(metrics.iou(table), expected)
    assert metrics.mean_iou(table) == pytest.approx(expected.mean())
    assert metrics.mean_iou(table, ignore_classes=[0, 2]) == pytest.approx(expected[[1, 3]].mean())
    assert metrics.mean_iou(table.T) == pytest.approx(expected.mean())


def test_mean_iou_of_the_known_table() -> None:
    table = [[50, 2], [3, 45]]
    npt.assert_allclose(metrics.iou(table), [0.909091, 0.9], atol=1e-6)
    assert metrics.mean_iou(table) == pytest.approx(0.904545, abs=1e-6)
    assert metrics.mean_iou(table, convention="track2") == pytest.approx(0.904545, abs=1e-6)
    assert metrics.mean_iou(table, convention="track1") == pytest.approx(0.9, abs=1e-6)


def test_an_absent_class_parts_the_conventions() -> None:
    """Background, one class right by half, one mapped but never there, one nowhere."""
    table = np.array([[10, 0, 5, 0], [0, 4, 4, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    npt.assert_allclose(metrics.iou(table), [10 / 15, 4 / 8, 0, np.nan])
    assert metrics.mean_iou(table) == pytest.approx((10 / 15 + 0.5 + 0) / 3)
    assert metrics.mean_iou(table, convention="track2") == pytest.approx(
        (10 / 15 + 0.5) / 4, abs=1e-6
    )
    assert metrics.mean_iou(table, convention="track1") == pytest.approx(0.5, abs=1e-6)


def test_batches_are_added_up_but_for_track_1() -> None:
    """One batch all right, one without the class and half wrong, one with the class all wrong."""
    right, none, wrong = [[5, 0], [0, 5]], [[6, 4], [0, 0]], [[4, 0], [6, 0]]
    batches = np.array([right, none, wrong])
    assert metrics.mean_iou(batches, convention="track1") == pytest.approx((1 + 0) / 2, abs=1e-6)
    total = batches.sum(axis=0)
    for convention in ("default", "track2"):
        assert metrics.mean_iou(batches, convention=convention) == pytest.approx(
            metrics.mean_iou(total, convention=convention)
        )
    assert math.isnan(metrics.mean_iou([[3, 0], [0, 0]], ignore_classes=[0]))
    with pytest.raises(ValueError, match="'default', 'track1' and 'track2', got 'voc'"):
        metrics.mean_iou(right, convention="voc")


def chances(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    truth = rng.random(300) < 0.3
    chance = np.round(np.clip(0.3 * truth + rng.random(300) * 0.7, 0, 1), 2)  # with ties
    return chance, truth.astype(int), rng.random(300)


def test_the_curve_is_that_of_scikit_learn(rng: np.random.Generator) -> None:
    chance, truth, weight = chances(rng)
    found = metrics.precision_recall(chance, truth, weight=weight)
    precision, recall, threshold = oracle.precision_recall_curve(
        truth, chance, sample_weight=weight
    )
    npt.assert_allclose(found.threshold[::-1], threshold)
    npt.assert_allclose(found.precision[::-1], precision[:-1])
    npt.assert_allclose(found.recall[::-1], recall[:-1], atol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_no_other_threshold_is_better(rng: np.random.Generator, beta: float) -> None:
    chance, truth, weight = chances(rng)
    best = metrics.best_threshold(chance, truth, weight=weight, beta=beta)

    def f(threshold: float) -> float:
        return oracle.fbeta_score(truth, chance >= threshold, beta=beta, sample_weight=weight)

    assert f(best) == pytest.approx(max(f(threshold) for threshold in np.unique(chance)))
    lower = metrics.best_threshold(chance, truth, weight=weight, beta=beta * 2)
    assert lower <= best  # more recall wanted, more mapped


def test_thresholds_leave_out_the_unknown(rng: np.random.Generator) -> None:
    chance, truth, _ = chances(rng)
    holes = np.where(np.arange(300) % 7 == 0, np.nan, chance)
    known = np.isfinite(holes)
    assert metrics.best_threshold(holes, truth) == metrics.best_threshold(
        chance[known], truth[known]
    )


def test_thresholds_say_what_they_need() -> None:
    with pytest.raises(ValueError, match="use reference == the class"):
        metrics.best_threshold([0.1, 0.9], [1, 2])
    with pytest.raises(ValueError, match="a positive element in the reference, got none"):
        metrics.best_threshold([0.1, 0.9], [0, 0])
    with pytest.raises(ValueError, match=r"got shapes \(2,\), \(1,\)"):
        metrics.best_threshold([0.1, 0.9], [0])
