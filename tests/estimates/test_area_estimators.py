"""Areas from samples: worked examples of the papers, closed forms, a thousand repeated samples."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt
from scipy import ndimage

from minewatch.estimates import class_area, sample_design, stratified_area
from minewatch.metrics import confusion

OLOFSSON = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
"""Counts (mapped, reference) of Olofsson et al. (2014), Table 8: deforestation, forest gain, stable
forest, stable non-forest."""
PIXELS = [200_000, 150_000, 3_200_000, 6_450_000]
"""Of 30 m in each mapped class, ibid."""


def olofsson() -> tuple[xr.DataArray, pd.DataFrame]:
    codes = {"reference": [1, 2, 3, 4], "predicted": [1, 2, 3, 4]}
    counts = xr.DataArray(OLOFSSON.T, codes, ("reference", "predicted"))
    design = pd.DataFrame({"pixels": PIXELS}, index=[1, 2, 3, 4])
    return counts, design.assign(area_ha=design.pixels * 0.09)


def formulas(counts: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Olofsson et al. (2014), eqs. 1-11, class by class, as they are printed."""
    k, n = len(counts), counts.sum(axis=1)
    p = weight[:, None] * counts / n[:, None]
    users, producers, share = np.diag(p) / p.sum(1), np.diag(p) / p.sum(0), p.sum(0)
    variance = users * (1 - users) / (n - 1)
    out = {"users": users, "producers": producers, "share": share, "users_se": variance**0.5}
    out["overall"] = np.array([np.trace(p)])
    out["overall_se"] = np.array([(weight**2 @ variance) ** 0.5])
    q = counts / n[:, None]
    out["share_se"] = np.sqrt(weight**2 @ (q * (1 - q) / (n - 1)[:, None]))
    out["producers_se"] = np.empty(k)
    for j in range(k):
        other = sum(
            weight[i] ** 2 * q[i, j] * (1 - q[i, j]) / (n[i] - 1) for i in range(k) if i != j
        )
        own = weight[j] ** 2 * (1 - producers[j]) ** 2 * users[j] * (1 - users[j]) / (n[j] - 1)
        out["producers_se"][j] = np.sqrt(own + producers[j] ** 2 * other) / share[j]
    return out


def test_the_example_of_olofsson_as_printed() -> None:
    counts, design = olofsson()
    table = stratified_area(counts, design=design)
    # Printed: 21,158 ± 6,158 ha, 11,686 ± 3,756, 285,770 ± 15,510, 581,386 ± 16,282, of an
    # infinite population; ours leaves out what 640 of 10 million pixels make of that (< 1 ha).
    npt.assert_allclose(table.area_ha, [21_158, 11_686, 285_770, 581_386], atol=0.5)
    npt.assert_allclose(1.96 * table.area_se_ha, [6158, 3756, 15_510, 16_282], atol=1.0)
    npt.assert_allclose(table.users_accuracy, [0.88, 0.73, 0.93, 0.96], atol=0.005)
    npt.assert_allclose(table.producers_accuracy, [0.75, 0.85, 0.93, 0.96], atol=0.005)
    npt.assert_allclose(1.96 * table.users_se, [0.07, 0.10, 0.04, 0.02], atol=0.005)
    npt.assert_allclose(1.96 * table.producers_se, [0.21, 0.25, 0.03, 0.02], atol=0.005)
    assert table.attrs["overall_accuracy"] == pytest.approx(0.947, abs=5e-4)
    assert 1.96 * table.attrs["overall_se"] == pytest.approx(0.018, abs=5e-4)
    assert table.points.tolist() == [69, 56, 175, 340]


@pytest.mark.filterwarnings("ignore:the intervals of classes:UserWarning")
def test_where_strata_are_the_classes_it_is_the_formulas_of_olofsson(
    rng: np.random.Generator,
) -> None:
    """A design without numbers of pixels is of an infinite population, as theirs."""
    for counts in (OLOFSSON, rng.integers(1, 60, (3, 3)), rng.integers(0, 9, (5, 5)) + 1):
        weight = rng.dirichlet(np.ones(len(counts)))
        coords = {"reference": range(len(counts)), "predicted": range(len(counts))}
        table = stratified_area(
            xr.DataArray(counts.T, coords, ("reference", "predicted")),
            design=dict(enumerate(500 * weight)),
        )
        expected = formulas(counts, weight)
        for name in ("share", "share_se", "users_se", "producers_se"):
            npt.assert_allclose(table[name], expected[name], rtol=1e-10)
        npt.assert_allclose(table.users_accuracy, expected["users"], rtol=1e-12)
        npt.assert_allclose(table.producers_accuracy, expected["producers"], rtol=1e-12)
        assert table.attrs["overall_se"] == pytest.approx(expected["overall_se"][0], rel=1e-10)
        npt.assert_allclose(table.area_ha, 500 * table.share)
        # Shares of a table of confusion: its margins are the shares mapped and found.
        shares = np.array(table.attrs["confusion"])
        npt.assert_allclose(shares.sum(axis=0), weight)
        npt.assert_allclose(shares.sum(axis=1), table.share)
        assert np.trace(shares) == pytest.approx(table.attrs["overall_accuracy"])


def stehman() -> pd.DataFrame:
    """The 40 points of Stehman (2014), Table 2."""
    return pd.DataFrame(
        {
            "stratum": list("A" * 10 + "B" * 10 + "C" * 10 + "D" * 10),
            "map_class": list("AAAAAAABBB" + "ABBBBBBBBB" + "BBCCCCCCBB" + "D" * 10),
            "reference": list("AAAAACBABC" + "ABBBBBAABB" + "CCCCCDDBBA" + "DDDDDDDCCB"),
        }
    )


def test_the_example_of_stehman_as_printed() -> None:
    """Strata that are not the classes of the map (Stehman 2014, pp. 4932-4936)."""
    pixels = {"A": 40_000, "B": 30_000, "C": 20_000, "D": 10_000}
    design = pd.DataFrame({"pixels": pixels, "area_ha": pixels})
    table = stratified_area(stehman(), design=design)
    npt.assert_allclose(table.share[["A", "C"]], [0.35, 0.20], rtol=1e-12)
    npt.assert_allclose(table.share_se[["A", "C"]], [0.082, 0.064], atol=5e-4)
    assert table.attrs["overall_accuracy"] == pytest.approx(0.63, abs=1e-12)
    assert table.attrs["overall_se"] == pytest.approx(0.085, abs=5e-4)
    b = table.loc["B"]
    assert (b.users_accuracy, b.users_se) == pytest.approx((0.574, 0.125), abs=5e-4)
    assert (b.producers_accuracy, b.producers_se) == pytest.approx((0.794, 0.117), abs=5e-4)
    # Mapped as B, found to be C.
    assert table.attrs["confusion"][2][1] == pytest.approx(0.08)
    # More digits, of another implementation (R, mapaccuracy 0.1.2).
    assert table.share_se["A"] == pytest.approx(0.0822478, abs=1e-7)
    assert b.producers_se == pytest.approx(0.1165479, abs=1e-7)


def test_a_sample_of_everything_has_no_error(rng: np.random.Generator) -> None:
    truth, mapped, layer = world(rng, rows=12, columns=15)
    points = sample_design(layer, size=180, minimum=2)
    points["reference"] = look_up(points, truth)
    table = stratified_area(points)
    npt.assert_allclose(table.area_ha, [(truth == code).sum() * 0.01 for code in (0, 1)])
    npt.assert_allclose(table[["area_se_ha", "users_se", "producers_se"]], 0, atol=1e-12)
    expected = confusion(truth, mapped).values / truth.size
    npt.assert_allclose(table.attrs["confusion"], expected, atol=1e-12)
    assert table.attrs["overall_accuracy"] == pytest.approx((truth == mapped).mean())


def world(
    rng: np.random.Generator, *, rows: int = 120, columns: int = 150, crs: str = "EPSG:32721"
) -> tuple[np.ndarray, np.ndarray, xr.DataArray]:
    """Truth of patches, a map that misses their rims and finds some elsewhere, on a grid."""
    field = ndimage.gaussian_filter(rng.normal(size=(rows, columns)), 4, mode="wrap")
    truth = field > np.quantile(field, 0.85)
    noise = ndimage.gaussian_filter(rng.normal(size=(rows, columns)), 1, mode="wrap")
    mapped = field + 0.15 * field.std() * noise / noise.std() > np.quantile(field, 0.89)
    step = {"EPSG:32721": 10.0, "EPSG:4326": 0.4}[crs]
    y = (9e6 if crs == "EPSG:32721" else 70.0) - step * np.arange(rows)
    layer = xr.DataArray(
        mapped.astype("u1"), {"y": y, "x": step * np.arange(columns)}, ("y", "x")
    ).rio.write_crs(crs)
    return truth.astype("u1"), mapped.astype("u1"), layer


def look_up(points: pd.DataFrame, truth: np.ndarray) -> np.ndarray:
    step = points.attrs.get("step", 10.0)
    row = np.round((9e6 - points.y) / step).astype(int)
    return truth[row, np.round(points.x / step).astype(int)]


@pytest.mark.slow
@pytest.mark.parametrize("other_strata", [False, True])
def test_intervals_cover_the_truth_as_often_as_they_say(
    rng: np.random.Generator, other_strata: bool
) -> None:
    """1,000 samples of a map that finds 11 of 15 % mine: 95 % intervals hold the truth."""
    truth, mapped, layer = world(rng)
    near = ndimage.binary_dilation(mapped, iterations=4).astype("u1") + mapped
    strata = layer.copy(data=near) if other_strata else None
    held, areas, errors, accuracy = [], [], [], []
    true_area = truth.sum() * 0.01
    agreement = (truth == mapped).mean()
    for seed in range(1000):
        points = sample_design(layer, size=600, strata=strata, allocation="equal", seed=seed).drop(
            columns="geometry"
        )
        points["reference"] = look_up(points, truth)
        table = stratified_area(pd.DataFrame(points))
        mine = table.loc[1]
        held.append(mine.area_low_ha <= true_area <= mine.area_high_ha)
        accuracy.append(table.attrs["overall_low"] <= agreement <= table.attrs["overall_high"])
        areas.append(mine.area_ha)
        errors.append(mine.area_se_ha)
    assert 0.93 <= np.mean(held) <= 0.97
    assert 0.93 <= np.mean(accuracy) <= 0.97
    # Unbiased, to four standard errors of the mean of 1,000, unlike the count of pixels.
    assert np.mean(areas) == pytest.approx(true_area, abs=4 * np.std(areas) / 1000**0.5)
    counted = class_area(layer).area_ha[1]
    assert abs(counted - true_area) > 20 * np.std(areas) / 1000**0.5
    # The standard error is that of the estimates: of 1,000 their spread is known to 2.2 %.
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.09)


def test_cautious_intervals_hold_where_normal_ones_break_down(rng: np.random.Generator) -> None:
    """Mines on 0.2 % of what is mapped as free of them, and no point of 250 there in most samples.

    P(none of 250) = 0.998^250 = 0.61, so normal intervals hold the truth in 39 % of all samples.
    """
    truth, held = 0.98 * 0.002 + 0.02 * 0.9, {"normal": [], "cautious": []}
    for _ in range(200):
        found = rng.binomial([250, 250], [0.002, 0.9])
        counts = np.array([[250 - found[0], 250 - found[1]], [found[0], found[1]]])
        codes = {"reference": [0, 1], "predicted": [0, 1]}
        table = xr.DataArray(counts, codes, ("reference", "predicted"))
        for interval, times in held.items():
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                mine = stratified_area(table, design={0: 98.0, 1: 2.0}, interval=interval).loc[1]
            times.append(mine.area_low_ha <= 100 * truth <= mine.area_high_ha)
            # The user is told when it happens, and only then.
            warned = ["interval='cautious'" in str(warning.message) for warning in said]
            assert warned == ([True] if interval == "normal" and found[0] == 0 else [])
    # 200 samples: the standard error of the first is 0.034.
    assert np.mean(held["normal"]) == pytest.approx(0.39, abs=0.11)
    assert np.mean(held["cautious"]) > 0.97


def test_cautious_intervals_are_those_of_one_point_more_on_either_side() -> None:
    counts = np.array([[180, 30], [20, 70]])
    codes = {"reference": [0, 1], "predicted": [0, 1]}
    table = xr.DataArray(counts, codes, ("reference", "predicted"))
    found = stratified_area(table, design={0: 80.0, 1: 20.0}, interval="cautious").loc[1]
    p, n = (counts[1] + 1) / (counts.sum(axis=0) + 2), counts.sum(axis=0) + 2
    error = np.sqrt(np.array([80.0, 20.0]) ** 2 @ (p * (1 - p) / n))
    assert found.area_high_ha - found.area_ha == pytest.approx(1.959964 * error, rel=1e-6)
    plain = stratified_area(table, design={0: 80.0, 1: 20.0}).loc[1]
    assert plain.area_ha == found.area_ha
    assert plain.area_se_ha == found.area_se_ha
    # Where errors are many it makes next to no difference.
    assert error == pytest.approx(plain.area_se_ha, rel=0.03)


def test_strata_where_omissions_are_make_the_error_smaller(rng: np.random.Generator) -> None:
    truth, mapped, layer = world(rng)
    near = ndimage.binary_dilation(mapped, iterations=4).astype("u1") + mapped
    errors = []
    for strata in (None, layer.copy(data=near)):
        found = []
        for seed in range(20):
            points = sample_design(layer, size=600, strata=strata, allocation="equal", seed=seed)
            points["reference"] = look_up(points, truth)
            found.append(stratified_area(points).area_se_ha[1])
        errors.append(np.mean(found))
    assert errors[1] < 0.8 * errors[0]


def test_pixels_of_different_area_count_by_it(rng: np.random.Generator) -> None:
    """From 70° to 22° of latitude pixels grow 2.6-fold; counting them evenly would be biased."""
    truth, _, layer = world(rng, crs="EPSG:4326")
    truth[:40] = 0  # mines in the south, where pixels are large
    cell = class_area(layer.copy(data=truth)).area_ha
    areas, errors = [], []
    for seed in range(100):
        points = sample_design(layer, size=600, allocation="equal", seed=seed)
        row = np.round((70.0 - points.y) / 0.4).astype(int)
        points["reference"] = truth[row, np.round(points.x / 0.4).astype(int)]
        table = stratified_area(points)
        areas.append(table.area_ha[1])
        errors.append(table.area_se_ha[1])
    assert table.attrs["total_ha"] == pytest.approx(cell.sum())
    # 100 estimates: their mean is known to a tenth of their spread, the spread to 7 %.
    assert np.mean(areas) == pytest.approx(cell[1], abs=4 * np.std(areas) / 100**0.5)
    assert np.mean(errors) == pytest.approx(np.std(areas), rel=0.28)


def test_points_survive_a_file(rng: np.random.Generator, tmp_path: object) -> None:
    import geopandas as gpd

    truth, _, layer = world(rng)
    points = sample_design(layer, size=200)
    points["reference"] = look_up(points, truth)
    expected = stratified_area(points)
    points.to_file(f"{tmp_path}/sample.gpkg")
    found = stratified_area(gpd.read_file(f"{tmp_path}/sample.gpkg"))
    pd.testing.assert_frame_equal(found, expected)
    # A part of the points, of one stratum only, is not the sample any more.
    with pytest.raises(ValueError, match="pass all points of the sample"):
        stratified_area(points[points.stratum == 0])


def test_points_without_a_label_are_left_out_and_counted() -> None:
    points = stehman()
    design = dict.fromkeys("ABCD", 10.0)
    expected = stratified_area(points.drop(index=[3, 17]), design=design)
    points["reference"] = points["reference"].astype(object)
    points.loc[[3, 17], "reference"] = None
    with pytest.warns(UserWarning, match="2 of 40 points have no reference"):
        found = stratified_area(points, design=design)
    pd.testing.assert_frame_equal(found, expected)
    assert found.attrs["left_out"] == 2


@pytest.mark.parametrize(
    "labels",
    [
        [True, False], [1.0, 0.0], ["1", "0"], ["mine", "other"],
        pd.array([True, False], "boolean"), pd.array([1, 0], "Int64"),
        pd.array(["b", "a"], "string"), pd.Categorical(["mine", "other"]),
    ],
)  # fmt: skip
def test_labels_come_in_many_kinds(labels: object) -> None:
    one, zero = labels
    stratum, reference = [0] * 10 + [1] * 10, [0] * 9 + [1] * 9 + [0] * 2
    points = pd.DataFrame({"stratum": stratum, "reference": reference})
    for name in points:
        column = pd.Series(labels)
        points[name] = column.iloc[points[name].to_numpy()].reset_index(drop=True)
    found = stratified_area(points, design={one: 10.0, zero: 90.0})
    # Of stratum `one` 9 in 10 are it, of `zero` 2 in 10: 10 × 0.9 + 90 × 0.2.
    assert found.area_ha.min() == pytest.approx(27.0)
    points["reference"] = points["reference"].astype(object)
    points.loc[3, "reference"] = None
    with pytest.warns(UserWarning, match="1 of 20"):
        assert len(stratified_area(points, design={one: 10.0, zero: 90.0})) == 2


def test_confidence_widens_the_interval_and_the_possible_bounds_it() -> None:
    counts, design = olofsson()
    one, two = (
        stratified_area(counts, design=design, confidence=level) for level in (0.6827, 0.95)
    )
    npt.assert_allclose(one.area_high_ha - one.area_ha, one.area_se_ha, rtol=1e-4)
    assert (two.area_high_ha > one.area_high_ha).all()
    rare = pd.DataFrame({"stratum": [0] * 50, "reference": [1] + [0] * 49})
    with pytest.raises(ValueError, match="use 'normal'"):
        stratified_area(rare, design={0: 100.0}, interval="wilson")
    table = stratified_area(rare, design={0: 100.0})
    assert table.area_low_ha[1] == 0
    assert table.area_high_ha[0] == 100
    # Nothing was mapped as 1, so of what is mapped as 1 nothing is known.
    assert np.isnan(table.users_accuracy[1])
    assert table.producers_accuracy[1] == 0


def test_a_table_of_confusion_without_a_design_is_refused() -> None:
    counts, design = olofsson()
    for table in (counts, OLOFSSON, OLOFSSON.tolist()):
        with pytest.raises(TypeError, match="Draw points with minewatch"):
            stratified_area(table)
    with pytest.raises(TypeError, match="without the design"):
        stratified_area(OLOFSSON, design=design)
    with pytest.raises(ValueError, match="without weight="):
        stratified_area(counts * 0.5, design=design)
    with pytest.raises(ValueError, match="metrics"):
        stratified_area(counts.rename(predicted="mapped"), design=design)


def test_what_lacks_is_said() -> None:
    points = stehman()
    design = dict.fromkeys("ABCD", 10.0)
    with pytest.raises(ValueError, match="label the points of sample_design"):
        stratified_area(points.drop(columns="reference"), design=design)
    with pytest.raises(ValueError, match="points of sample_design have it"):
        stratified_area(points.drop(columns="stratum"), design=design)
    with pytest.raises(ValueError, match="pass design="):
        stratified_area(points)
    with pytest.raises(ValueError, match=r"strata \['D'\] that are not in the design"):
        stratified_area(points, design=dict.fromkeys("ABC", 10.0))
    with pytest.raises(ValueError, match=r"got \[0\] in \['E'\]; label more"):
        stratified_area(points, design=dict.fromkeys("ABCDE", 10.0))
    with pytest.raises(ValueError, match="leave out empty ones"):
        stratified_area(points, design=dict.fromkeys("ABCD", 0.0))
    with pytest.raises(ValueError, match=r"pass \{stratum: hectares\}"):
        stratified_area(points, design=pd.DataFrame({"hectares": [1]}))
    with pytest.raises(ValueError, match="use the codes of the map"):
        stratified_area(points.assign(reference=1), design=design)
    with pytest.raises(ValueError, match="use whole numbers or names"):
        stratified_area(points.assign(reference=0.5), design=design)
    with pytest.raises(ValueError, match=r"use 0\.95"):
        stratified_area(points, design=design, confidence=95)
