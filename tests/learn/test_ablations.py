"""An ablation finds the gain that is there, and none where there is none."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from numpy import testing as npt
from scipy.stats import norm
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef
from sklearn.model_selection import GroupKFold

from minewatch.learn import (
    PolygonSplit,
    ablation,
    fit_forest,
    out_of_fold,
    sensor_sets,
    sentence,
)
from minewatch.learn.fold_thresholds import best_on_other_folds
from minewatch.metrics import best_threshold, grouped_bootstrap, mcnemar

small = functools.partial(fit_forest, trees=20, min_leaf=3)
OPTICAL, RADAR = 1.6, 1.4
"""Standard deviations between the classes."""


def gaussian(
    seed: int, *, polygons: int = 300, pixels: int = 20, radar: float = RADAR
) -> xr.Dataset:
    """Two Gaussians with unit covariance, 1.6 apart in three optical features, 1.4 in two of radar.

    Bayes' rule is right in Φ(Δ / 2) of the samples, and independent distances add in squares.
    """
    rng = np.random.default_rng(seed)
    polygon = np.repeat(np.arange(polygons), pixels)
    label = polygon % 2
    values = rng.normal(size=(5, len(label)))
    values[:3] += label * OPTICAL / np.sqrt(3)
    values[3:] += label * radar / np.sqrt(2)
    names = ("s2_bsi", "s2_ndvi", "s2_swir16", "s1_vv", "s1_vh")
    return xr.Dataset(
        {name: ("sample", row.astype("f4")) for name, row in zip(names, values, strict=True)},
        {"label": ("sample", label), "polygon": ("sample", polygon)},
    )


@pytest.mark.slow
def test_fusion_gains_what_the_analytic_case_allows() -> None:
    samples = gaussian(1)
    forest = functools.partial(fit_forest, trees=200, min_leaf=3, n_jobs=2)
    table = ablation(samples, sensor_sets(samples), fit=forest, score="accuracy")
    fused = np.hypot(OPTICAL, RADAR)
    bayes = {
        name: norm.cdf(d / 2) for name, d in zip(table.index, (OPTICAL, RADAR, fused), strict=True)
    }
    npt.assert_allclose(list(bayes.values()), [0.7881, 0.7580, 0.8561], atol=5e-5)
    # 6,000 independent samples: a standard error of 0.005, against 0.025 that a forest may lose.
    assert (table["accuracy"] > pd.Series(bayes) - 0.025).all()
    assert table.accuracy["all"] > table.accuracy.drop("all").max() + 0.04
    assert table.difference_lower["all"] > 0.04
    assert (table["upper"] > pd.Series(bayes) - 0.025).all()
    assert table.p["all"] < 1e-6
    assert "is resolved" in sentence(table)


@pytest.fixture(scope="module")
def samples() -> xr.Dataset:
    found = gaussian(4, polygons=40, pixels=8)
    weight = np.random.default_rng(1).uniform(0.5, 2, found.sizes["sample"])
    return found.assign_coords(weight=("sample", weight))


def test_a_row_is_what_the_parts_give(samples: xr.Dataset) -> None:
    """Folds, thresholds, scores, interval and test, each by its own function."""
    sets = sensor_sets(samples)
    table = ablation(samples, sets, fit=small, split=PolygonSplit(4), repeats=300, seed=3)
    truth, polygon, weight = (samples[n].values for n in ("label", "polygon", "weight"))
    mapped = {}
    for name, covariates in sets.items():
        proba = out_of_fold(samples[covariates], fit=small, split=PolygonSplit(4))
        chance, fold = proba.sel({"class": 1}).values, proba.fold.values
        mapped[name], cuts = np.zeros(len(truth), int), []
        for number in range(4):
            others = fold != number
            cuts.append(best_threshold(chance[others], truth[others], weight=weight[others]))
            mapped[name][~others] = chance[~others] >= cuts[-1]
        row, load = table.loc[name], {"sample_weight": weight}
        assert row["threshold"] == pytest.approx(np.mean(cuts))
        assert row["covariates"] == len(covariates)
        assert row["f_beta"] == pytest.approx(f1_score(truth, mapped[name], **load))
        assert row["accuracy"] == pytest.approx(accuracy_score(truth, mapped[name], **load))
        assert row["mcc"] == pytest.approx(matthews_corrcoef(truth, mapped[name], **load))
    interval = grouped_bootstrap(truth, mapped, polygon, weight=weight, repeats=300, seed=3)
    npt.assert_allclose(table[["lower", "upper"]].T, [interval.lower, interval.upper])
    single = table.f_beta.drop("all").idxmax()
    assert table.against.to_dict() == {name: "all" for name in sets} | {"all": single}
    gain = interval.sel(classifier="all", other=single)
    columns = ["difference", "difference_lower", "difference_upper"]
    npt.assert_allclose(table.loc["all", columns].astype(float), [gain[c] for c in columns])
    npt.assert_allclose(table.loc[single, "difference"], -table.loc["all", "difference"])
    p = mcnemar(truth, mapped["all"], mapped[single], groups=polygon)["p"]
    assert table.loc["all", "p"] == pytest.approx(p)
    assert table.attrs["polygons"] == 40
    assert (table.attrs["all"], table.attrs["best_single"]) == ("all", single)


def test_every_set_meets_the_same_folds(samples: xr.Dataset) -> None:
    seen: dict[int, list[bytes]] = {}

    def noting(train: xr.Dataset) -> object:
        seen.setdefault(len(train.data_vars), []).append(train.polygon.values.tobytes())
        return small(train)

    done: list[tuple[int, int]] = []
    ablation(
        samples,
        {"one": ["s2_bsi"], "two": ["s2_bsi", "s1_vv"], "all": list(samples)},
        fit=noting,
        split=GroupKFold(3),
        repeats=10,
        notify=lambda *step: done.append(step),
    )
    assert seen[1] == seen[2] == seen[5]
    assert len(seen[1]) == 3
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_noise_is_no_gain() -> None:
    """Radar that knows nothing: its interval holds 0, and the sentence says so."""
    samples = gaussian(2, polygons=60, pixels=8, radar=0.0)
    table = ablation(samples, sensor_sets(samples), fit=small, score="mcc", repeats=500)
    row = table.loc["all"]
    assert row["against"] == "S2 only"
    assert row["difference_lower"] < 0 < row["difference_upper"]
    assert not row["resolved"]
    assert table.resolved["S1 only"]
    assert table.difference_upper["S1 only"] < 0
    said = sentence(table)
    assert "is not resolved" in said
    assert f"{row['mcc']:.3f}" in said
    assert f"{abs(row['difference']):.3f}" in said


def test_the_threshold_of_a_fold_is_that_of_the_others(samples: xr.Dataset) -> None:
    rng = np.random.default_rng(0)
    truth, fold = rng.random(200) < 0.4, rng.integers(0, 3, 200)
    chance, weight = np.round(0.3 * truth + 0.7 * rng.random(200), 2), rng.uniform(0.5, 2, 200)
    for score, oracle in (("accuracy", accuracy_score), ("mcc", matthews_corrcoef)):
        found = best_on_other_folds(chance, truth, weight, fold, score=score)
        for number, cut in enumerate(found):
            at = fold != number
            reached = {
                t: oracle(truth[at], chance[at] >= t, sample_weight=weight[at])
                for t in np.unique(chance[at])
            }
            assert reached[cut] == pytest.approx(max(reached.values()))
    half = ablation(samples, sensor_sets(samples), fit=small, threshold=0.5, repeats=10)
    assert (half["threshold"] == 0.5).all()


def test_sensors_are_told_by_their_prefix() -> None:
    names = ["s2_ndvi", "l8_bsi", "s1_vv", "palsar_hh", "dem_slope", "palsar_rfdi"]
    assert sensor_sets(names) == {
        "S2 only": ["s2_ndvi"],
        "L8 only": ["l8_bsi"],
        "S1 only": ["s1_vv"],
        "PALSAR only": ["palsar_hh", "palsar_rfdi"],
        "all": names,
    }
    assert list(sensor_sets(["s1_vv"])) == ["S1 only", "all"]


@pytest.mark.parametrize(
    ("sets", "settings", "error", "said"),
    [
        ({"all": ["s1_vv"]}, {}, ValueError, "compares two sets"),
        ({"all": ["s1_vv"], "none": []}, {}, ValueError, "none empty"),
        ({"a": ["s1_vv"], "b": ["l8_bsi"]}, {}, KeyError, r"the sets name \['l8_bsi'\]"),
        ({}, {"score": "recall"}, ValueError, "use 'f_beta'"),
        ({}, {"threshold": 50}, ValueError, "thresholds from 0 to 1"),
        ({}, {"positive": 4}, KeyError, "set positive= to one of them"),
    ],
)
def test_it_says_what_it_needs(
    samples: xr.Dataset,
    sets: dict[str, list[str]],
    settings: dict[str, object],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        ablation(samples, sets or sensor_sets(samples), **settings)
    with pytest.raises(ValueError, match=r"the table of minewatch\.learn\.ablation"):
        sentence(pd.DataFrame())
    with pytest.raises(ValueError, match="two classes, all are of 1; draw others too"):
        ablation(samples.where(samples.label == 1, drop=True), sensor_sets(samples))
    with pytest.raises(ValueError, match="the polygon of each sample"):
        ablation(samples.drop_vars("polygon"), sensor_sets(samples))


def test_a_set_of_one_covariate_may_be_its_name(samples: xr.Dataset) -> None:
    sets = {"radar": "s1_vv", "all": list(samples)}
    table = ablation(samples, sets, fit=small, threshold=0.5, repeats=10)
    assert table.covariates.to_dict() == {"radar": 1, "all": 5}


def test_blocks_that_stay_together_are_one_witness(samples: xr.Dataset) -> None:
    """Two polygons a block: half as many witnesses."""
    place = 1000.0 * (samples.polygon.values // 4 * 2 + samples.polygon.values % 2)
    placed = samples.assign_coords(x=("sample", place), y=("sample", 0 * place))
    sets = sensor_sets(samples)
    table = ablation(
        placed, sets, fit=small, split=PolygonSplit(4, blocks=1000), threshold=0.5, repeats=2000
    )
    assert table.attrs["polygons"] == 20
    split = PolygonSplit(4, blocks=1000)
    npt.assert_array_equal(np.unique(split.together(placed)), np.arange(20))
    npt.assert_array_equal(PolygonSplit().together(placed), samples.polygon)
