"""McNemar's test: closed forms, and a level that holds where pixels come in polygons."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binomtest, chi2

from minewatch.metrics import grouped_bootstrap, mcnemar


def maps(b: int, c: int, both: int = 50, none: int = 9) -> tuple[np.ndarray, ...]:
    """A reference and two maps of it, the first right alone b times, the second c times."""
    reference = np.arange(b + c + both + none) % 2
    first = np.repeat([True, False, True, False], [b, c, both, none])
    second = np.repeat([False, True, True, False], [b, c, both, none])
    wrong = 1 - reference
    return reference, np.where(first, reference, wrong), np.where(second, reference, wrong)


@pytest.mark.parametrize(("b", "c"), [(9, 2), (2, 9), (0, 24), (12, 12), (5, 5), (0, 0), (1, 0)])
def test_few_differences_are_tested_exactly(b: int, c: int) -> None:
    found = mcnemar(*maps(b, c))
    assert (found["b"], found["c"], found["method"]) == (b, c, "binomial")
    assert math.isnan(found["statistic"])
    expected = binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
    assert found["p"] == pytest.approx(expected)


@pytest.mark.parametrize(("b", "c"), [(13, 12), (40, 10), (25, 25), (121, 59)])
def test_many_by_chi_squared_with_its_correction(b: int, c: int) -> None:
    found = mcnemar(*maps(b, c))
    statistic = max(abs(b - c) - 1, 0) ** 2 / (b + c)
    assert found["method"] == "chi2"
    assert found["statistic"] == pytest.approx(statistic)
    assert found["p"] == pytest.approx(chi2.sf(statistic, 1))
    # Edwards' correction is made to come close to the exact test.
    assert found["p"] == pytest.approx(binomtest(b, b + c, 0.5).pvalue, abs=0.01)
    assert mcnemar(maps(b, c)[0], *maps(b, c)[:0:-1])["p"] == found["p"]  # the maps swapped


def test_polygons_of_one_pixel_give_the_plain_statistic() -> None:
    reference, first, second = maps(40, 10)
    found = mcnemar(reference, first, second, groups=np.arange(len(reference)))
    assert found["statistic"] == pytest.approx((40 - 10) ** 2 / (40 + 10))
    assert (found["method"], found["groups"]) == ("durkalski", 50)


def test_polygons_are_one_witness_each(rng: np.random.Generator) -> None:
    group = rng.integers(0, 12, 300)
    reference, first, second = (rng.integers(0, 3, 300) for _ in range(3))
    total, power = 0.0, 0.0
    for number in range(12):
        at = np.flatnonzero(group == number)
        d = sum(
            float(first[i] == reference[i]) - float(second[i] == reference[i]) for i in at
        ) / len(at)
        total, power = total + d, power + d * d
    found = mcnemar(reference, first, second, groups=group)
    assert found["statistic"] == pytest.approx(total**2 / power)
    assert found["p"] == pytest.approx(chi2.sf(total**2 / power, 1))
    # However often the pixels of a polygon are counted, it has seen no more.
    twice = [np.tile(values, 3) for values in (reference, first, second)]
    assert mcnemar(*twice, groups=np.tile(group, 3))["p"] == pytest.approx(found["p"])
    assert mcnemar(*twice)["p"] < mcnemar(reference, first, second)["p"]


def test_the_polygon_of_number_255_is_one_too(rng: np.random.Generator) -> None:
    """In uint8 it would be the code of an unknown class, which a polygon or a weight is not."""
    group = np.repeat(np.arange(246, 256), 6)
    reference = group % 2
    first, second = (np.where(rng.random(60) < p, reference, 1 - reference) for p in (0.9, 0.6))
    small = mcnemar(reference, first, second, groups=group.astype("u1"))
    assert small == mcnemar(reference, first, second, groups=group)
    weight = np.full(60, 255, "u1")
    found = grouped_bootstrap(reference, first, group.astype("u1"), weight=weight, repeats=50)
    assert found.attrs["groups"] == 10
    known = grouped_bootstrap(reference, first, group, repeats=50)
    assert (found.lower, found.upper) == (pytest.approx(known.lower), pytest.approx(known.upper))


@pytest.mark.parametrize("polygons", [12, 40])
def test_the_level_holds_where_the_plain_test_fails(polygons: int) -> None:
    """Two maps equally good on average, each better on some polygons: 5 % are to be called real.

    Of 600 trials 5 % are 30, with a standard error of 0.9 %; the plain test calls every fifth.
    """
    rng = np.random.default_rng(0)
    plain = clustered = 0
    for _ in range(600):
        lean = 1 / (1 + np.exp(-1.5 * rng.normal(size=polygons)))
        group = np.repeat(np.arange(polygons), rng.integers(5, 36, polygons))
        differ, first = rng.random(len(group)) < 0.3, rng.random(len(group)) < lean[group]
        right = np.ones(len(group), int)
        one, other = (~differ | first).astype(int), (~differ | ~first).astype(int)
        plain += mcnemar(right, one, other)["p"] < 0.05
        clustered += mcnemar(right, one, other, groups=group)["p"] < 0.05
    assert 0.02 <= clustered / 600 <= 0.075
    assert plain / 600 > 0.15


def test_what_one_side_does_not_know_is_left_out() -> None:
    reference, first, second = maps(9, 2)
    known = mcnemar(reference[3:], first[3:], second[3:]) | {
        "statistic": pytest.approx(np.nan, nan_ok=True)
    }
    holes = first.astype(float)
    holes[:3] = np.nan
    assert mcnemar(reference, holes, second) == known
    codes = second.astype("u1")
    codes[:3] = 255
    layer = xr.DataArray(codes, dims="sample")
    assert mcnemar(reference, first, layer) == known
    with pytest.raises(ValueError, match=r"one shape, got \[\(70,\), \(70,\), \(3,\)\]"):
        mcnemar(reference, first, second[:3])
    with pytest.raises(ValueError, match="check for NaN and 255"):
        mcnemar(reference, np.full(70, np.nan), second)
