"""Production from area: own rates, rates of others, refusals, what is unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from minewatch.estimates import production, to_ore
from minewatch.estimates.output_rates import outside


def table(*rows: tuple, column: str = "area_m2") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["mine", "year", column])


def tonnes(*rows: tuple) -> pd.DataFrame:
    return table(*rows, column="production_t")


AREAS = table(("a", 2020, 10.0), ("a", 2021, 14.0), ("a", 2022, 12.0), ("b", 2022, 12.0))


def test_a_missing_year_takes_the_mines_own_rate():
    found = production(AREAS, tonnes(("a", 2020, 30.0), ("a", 2021, 56.0)))
    row = found.iloc[2]
    assert row.t_per_m2 == pytest.approx(3.5)
    assert row.t_per_m2_std == pytest.approx(np.std([3, 4], ddof=1))
    assert row.production_t == pytest.approx(42)
    assert row.production_std_t == pytest.approx(12 * np.std([3, 4], ddof=1))
    sums = production(AREAS, tonnes(("a", 2020, 30.0), ("a", 2021, 56.0)), method="ratio_of_sums")
    assert sums.production_t[2] == pytest.approx(12 * 86 / 24)
    assert sums.production_std_t[2] == pytest.approx(row.production_std_t)
    assert found.attrs["method"] == "mean_of_ratios"


def test_one_ratio_has_no_spread():
    found = production(AREAS, tonnes(("a", 2020, 30.0)))
    assert found.production_t[2] == pytest.approx(36)
    assert np.isnan(found.production_std_t[2])
    assert found.source[2] == "own ratio of 1 reported year"


def test_a_mine_without_reports_takes_the_mean_of_the_others():
    areas = pd.concat([AREAS, table(("c", 2022, 14.0))])
    found = production(areas, tonnes(("a", 2020, 30.0), ("a", 2021, 56.0), ("b", 2022, 60.0)))
    row = found.set_index("mine").loc["c"]
    # Each mine counts once, whatever its years: (3.5 + 5) / 2.
    assert row.t_per_m2 == pytest.approx(4.25)
    assert row.t_per_m2_std == pytest.approx(np.std([3.5, 5], ddof=1))
    assert row.production_t == pytest.approx(14 * 4.25)
    assert row.source == "mean ratio of 2 mines"
    assert row.confidence == "medium"


def test_estimates_far_beyond_what_was_seen_are_refused():
    areas = table(("a", 2020, 10.0), ("a", 2021, 15.1), ("a", 2022, 6.6), ("a", 2023, 15.0))
    with pytest.warns(UserWarning, match=r"refuses 2 estimates.*extrapolate=True"):
        found = production(areas, tonnes(("a", 2020, 30.0)))
    assert found.production_t.isna().tolist() == [False, True, True, False]
    assert found.source[1] == "refused: 15.1 m2 is far from 10 to 10 m2"
    assert (found.confidence[1], found.confidence[3]) == ("", "medium")
    assert found.t_per_m2[1] == 3  # the rate is known, it is not used
    told = production(areas, tonnes(("a", 2020, 30.0)), extrapolate=True)
    np.testing.assert_allclose(told.production_t, [30, 45.3, 19.8, 45])
    wider = production(areas, tonnes(("a", 2020, 30.0)), reach=2)
    np.testing.assert_allclose(wider.production_t, told.production_t)


def test_no_active_ground_gives_no_ratio():
    areas = table(("a", 2020, 0.0), ("a", 2021, 20.0), ("a", 2022, 16.0))
    with pytest.warns(UserWarning, match="no active ground in 1 reported years, e.g. a 2020"):
        found = production(areas, tonnes(("a", 2020, 30.0), ("a", 2021, 80.0)))
    assert found.production_t[2] == pytest.approx(64)  # the ratio of 2021 alone
    assert np.isnan(found.t_per_m2[0])
    assert found.production_t[0] == 30
    with pytest.warns(UserWarning, match="no active ground"):
        none = production(areas.iloc[[0, 2]], tonnes(("a", 2020, 30.0)))
    assert np.isnan(none.production_t[1])
    assert none.source[1] == "no ratio: no report with an area"


def test_what_is_unknown_stays_unknown():
    areas = table(("a", 2020, 10.0), ("a", 2021, np.nan), ("b", 2020, 10.0))
    found = production(areas)
    assert found.production_t.isna().all()
    assert found.confidence.tolist() == [""] * 3
    found = production(areas, tonnes(("a", 2020, np.nan), ("b", 2020, 20.0)))
    assert found.production_t.tolist()[0] == 20  # an empty report is no report
    assert found.source[1] == "no area"
    assert np.isnan(found.production_t[1])
    assert found.production_t[2] == 20


def test_reports_without_an_area_are_kept():
    found = production(AREAS.iloc[:1], tonnes(("a", 2020, 30.0), ("a", 2019, 25.0), ("z", 1, 1.0)))
    assert found[["mine", "year"]].to_numpy().tolist() == [["a", 2019], ["a", 2020], ["z", 1]]
    assert found.production_t.tolist() == [25, 30, 1]
    assert found.area_m2.isna().tolist() == [True, False, True]
    assert np.isnan(found.t_per_m2[0])


def test_what_is_said_of_a_mine_is_passed_on():
    areas = AREAS.assign(country=["FIN", "FIN", "FIN", "SWE"], pixels=[1, 2, 3, 4])
    found = production(areas, tonnes(("a", 2019, 25.0), ("a", 2020, 30.0)))
    assert found.country.tolist() == ["FIN"] * 4 + ["SWE"]
    assert np.isnan(found.pixels[0])  # known of other years only
    assert list(found.columns[:2]) == ["mine", "year"]
    # The order of the mines is the user's.
    turned = production(AREAS.iloc[::-1], tonnes(("a", 2020, 30.0)))
    assert turned.mine.tolist() == ["b", "a", "a", "a"]


def test_the_error_of_a_report_may_be_given():
    reported = tonnes(("a", 2020, 30.0), ("a", 2021, 56.0)).assign(production_std_t=[1.5, np.nan])
    found = production(AREAS, reported)
    assert found.production_std_t[0] == 1.5
    assert np.isnan(found.production_std_t[1])
    assumed = production(AREAS, reported, reported_error=0.1)
    np.testing.assert_allclose(assumed.production_std_t[:2], [1.5, 5.6])
    # What is estimated keeps its own error.
    assert assumed.production_std_t[2] == found.production_std_t[2]
    exact = production(AREAS, reported.iloc[1:], reported_error=0)
    assert exact.production_std_t[1] == 0


def test_converted_production_lowers_the_confidence():
    both = pd.DataFrame(
        {"mine": ["x", "y"], "product": "metal", "ore_t": [90.0, 110.0], "product_t": 1.0,
         "country": "FIN"}
    )  # fmt: skip
    sold = pd.DataFrame(
        {"mine": "a", "year": [2020, 2021], "product": "metal", "product_t": [0.3, 0.56],
         "country": "FIN"}
    )  # fmt: skip
    found = production(AREAS, to_ore(sold, both))
    np.testing.assert_allclose(found.production_t[:3], [30, 56, 42])
    assert found.confidence[:3].tolist() == ["medium", "medium", "low"]
    assert found.source[0] == "converted from metal (national mean of 2)"
    assert found.production_std_t[0] == pytest.approx(0.3 * np.std([90, 110], ddof=1))


def test_the_inputs_are_left_alone():
    reported = tonnes(("a", 2020, 30.0))
    before = AREAS.copy(), reported.copy()
    production(AREAS, reported)
    pd.testing.assert_frame_equal(AREAS, before[0])
    pd.testing.assert_frame_equal(reported, before[1])


def test_a_simulated_mine_is_found_again(rng):
    """With ratios scattered by 5 % the missing year is within four standard errors."""
    area = rng.uniform(9e5, 1.1e6, 20)
    ore = 3.3 * area * np.exp(0.05 * rng.standard_normal(20))
    years = np.arange(2003, 2023)
    areas = pd.DataFrame({"mine": "pit", "year": years, "area_m2": area})
    reported = pd.DataFrame({"mine": "pit", "year": years[:-1], "production_t": ore[:-1]})
    row = production(areas, reported).iloc[-1]
    assert row.t_per_m2 == pytest.approx(3.3, abs=4 * 0.05 * 3.3 / np.sqrt(19))
    assert row.t_per_m2_std == pytest.approx(0.05 * 3.3, rel=0.5)
    assert abs(row.production_t - ore[-1]) < 4 * row.production_std_t


def test_the_interval_holds_the_missing_year_as_often_as_it_says(rng):
    """Of 800 mines with three reports each; one standard error is 0.8 points."""
    area = rng.uniform(9e5, 1.1e6, (800, 4))
    ore = 3.3 * area * np.exp(0.05 * rng.standard_normal(area.shape))
    rows = [(str(i), 2019 + j) for i in range(800) for j in range(4)]
    areas = pd.DataFrame(rows, columns=["mine", "year"]).assign(area_m2=area.ravel())
    reported = areas[["mine", "year"]].assign(production_t=ore.ravel())
    table = production(areas, reported[reported.year < 2022])
    last = table[table.year == 2022]
    held = (last.production_lower_t <= ore[:, 3]) & (ore[:, 3] <= last.production_upper_t)
    assert held.mean() == pytest.approx(0.95, abs=0.025)
    # One standard deviation either way holds less than the two thirds that it seems to.
    within = abs(last.production_t - ore[:, 3]) < last.production_std_t
    assert within.mean() < 0.58
    assert table.production_lower_t[table.year < 2022].isna().all()


def test_the_interval_is_students():
    reported = tonnes(("a", 2020, 30.0), ("a", 2021, 56.0))
    found = production(AREAS, reported, level=0.9).iloc[2]
    half = stats.t.ppf(0.95, 1) * np.std([3, 4], ddof=1) * np.sqrt(1.5) * 12
    assert found.production_upper_t == pytest.approx(42 + half)
    assert found.production_lower_t == 0  # 42 - 65: ore is not negative
    one = production(AREAS, tonnes(("a", 2020, 30.0))).iloc[2]
    assert np.isnan(one.production_upper_t)


def test_reach_is_a_factor_on_both_sides():
    assert not outside(15.0, 8.0, 10.0, 1.5)
    assert outside(15.01, 8.0, 10.0, 1.5)
    assert not outside(8.0 / 1.5, 8.0, 10.0, 1.5)
    assert outside(5.3, 8.0, 10.0, 1.5)


@pytest.mark.parametrize(
    ("areas", "reported", "settings", "match"),
    [
        (AREAS.drop(columns="year"), None, {}, r"\['year'\] is missing"),
        (pd.concat([AREAS, AREAS]), None, {}, "twice; add or choose"),
        (AREAS, pd.concat([tonnes(("a", 1, 1.0))] * 2), {}, "reported.*twice"),
        (AREAS.assign(area_m2=-1.0), None, {}, "area_m2 of 0 or more, got -1"),
        (AREAS, tonnes(("a", 1, np.inf)), {}, "production_t of 0 or more, got inf"),
        (AREAS.assign(area_m2="many"), None, {}, "numbers in area_m2"),
        (AREAS, None, {"method": "mean"}, "'mean_of_ratios' and 'ratio_of_sums'"),
        (AREAS, None, {"reach": 0.5}, "reach of 1 or more"),
        (AREAS, None, {"level": 95}, r"0\.95 is usual"),
        (AREAS, None, {"reported_error": -0.1}, r"e\.g\. 0\.05"),
        (AREAS, tonnes(("a", 1, 1.0)).assign(confidence="sure"), {}, "very_low, low, medium"),
    ],
)
def test_errors_say_what_would_do(areas, reported, settings, match):
    with pytest.raises(ValueError, match=match):
        production(areas, reported, **settings)


def test_a_table_is_a_table():
    with pytest.raises(TypeError, match=r"pandas\.read_csv"):
        production({"mine": ["a"]})
