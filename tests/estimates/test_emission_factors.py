"""Emissions: the nearest factor, the ladder of confidence, errors of products."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from minewatch.estimates import emissions

ORE = pd.DataFrame(
    {
        "mine": ["a", "b", "c", "d"],
        "year": 2021,
        "production_t": [10.0, 20.0, 30.0, 40.0],
        "production_std_t": [2.0, 4.0, np.nan, 8.0],
        "confidence": ["high", "high", "low", "medium"],
        "country": ["FIN", "FIN", "SWE", None],
        "region": ["North", "North", "North", None],
    }
)
FACTORS = pd.DataFrame(
    [
        ("asset", "a", 3.0, 0.5),
        ("national", "FIN", 2.0, 0.4),
        ("regional", "North", 1.0, 0.3),
    ],
    columns=["level", "key", "factor_tco2e_per_t", "std"],
)


def test_the_nearest_factor_is_taken():
    found = emissions(ORE, FACTORS)
    assert found.factor_level.tolist() == ["asset", "national", "regional", ""]
    np.testing.assert_allclose(found.emissions_tco2e, [30, 40, 30, np.nan])
    np.testing.assert_allclose(found.emission_factor, [3, 2, 1, np.nan])
    np.testing.assert_allclose(found.emission_factor_std, [0.5, 0.4, 0.3, np.nan])
    assert found.columns.tolist()[:5] == ORE.columns.drop("confidence").tolist()[:5]


def test_confidence_is_the_lesser_and_never_above_medium():
    found = emissions(ORE, FACTORS)
    assert found.activity_confidence.tolist() == ["high", "high", "low", "medium"]
    assert found.factor_confidence.tolist() == ["medium", "low", "very_low", ""]
    assert found.confidence.tolist() == ["medium", "low", "very_low", ""]
    sure = emissions(ORE.assign(confidence="very_high"), FACTORS)
    assert sure.confidence[0] == "medium"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("goodman", np.sqrt(100 * 0.25 + 9 * 4 + 4 * 0.25)),
        ("first_order", np.sqrt(100 * 0.25 + 9 * 4)),
        ("climatetrace_literal", 1.0),
    ],
)
def test_errors_of_the_product(method, expected):
    found = emissions(ORE, FACTORS, method=method)
    assert found.emissions_std[0] == pytest.approx(expected)
    if method == "goodman":
        assert found.emissions_std[0] == pytest.approx(7.874, abs=5e-4)
    assert np.isnan(found.emissions_std[2])  # the error of the ore is unknown
    assert np.isnan(found.emissions_std[3])  # there is no factor
    assert found.attrs["method"] == method


@pytest.mark.parametrize("error", [2.0, 8.0])
def test_the_default_error_is_that_of_a_simulation(rng, error):
    drawn = rng.normal(10, error, 400_000) * rng.normal(3, 0.5, 400_000)
    found = emissions(ORE.assign(production_std_t=error), FACTORS).emissions_std[0]
    # The error of a standard deviation of 4e5 draws is about 0.12 %.
    assert drawn.std() == pytest.approx(float(found), rel=0.006)
    assert found**2 == pytest.approx(100 * 0.25 + 9 * error**2 + 0.25 * error**2)


def test_a_known_quantity_adds_no_error_and_the_literal_rule_forgets_the_other():
    exact = ORE.assign(production_std_t=0.0)
    assert emissions(exact, FACTORS).emissions_std[0] == pytest.approx(5)
    literal = emissions(exact, FACTORS, method="climatetrace_literal")
    assert literal.emissions_std[0] == 0


def test_several_factors_of_a_level_are_averaged():
    more = pd.concat(
        [FACTORS, pd.DataFrame([("national", "FIN", 4.0, 0.1)], columns=FACTORS.columns)]
    )
    found = emissions(ORE, more)
    assert found.emission_factor[1] == 3
    assert found.emission_factor_std[1] == pytest.approx(np.std([2, 4], ddof=1))


def test_a_country_without_factors_takes_the_mean_of_its_mines():
    assets = pd.DataFrame(
        {
            "level": "asset",
            "key": ["x", "x", "y", "z"],
            "factor_tco2e_per_t": [1.0, 3.0, 6.0, 10.0],
            "country": ["FIN", "FIN", "FIN", "SWE"],
            "region": "North",
            "year": [2019, 2020, np.nan, np.nan],
        }
    )
    found = emissions(ORE, assets)
    # x counts once, with the mean of its years; SWE has one mine only, which has no spread.
    np.testing.assert_allclose(found.emission_factor, [4, 4, 10, np.nan])
    assert found.factor_level.tolist() == ["national", "national", "national", ""]
    assert found.emission_factor_std[0] == pytest.approx(np.std([2, 6], ddof=1))
    assert np.isnan(found.emission_factor_std[2])
    norwegian = emissions(ORE.assign(country="NOR"), assets)
    np.testing.assert_allclose(norwegian.emission_factor[:3], 6)  # (2 + 6 + 10) / 3
    assert norwegian.factor_level[0] == "regional"


def test_factors_of_the_year_come_first():
    factors = pd.DataFrame(
        {
            "level": "asset",
            "key": "a",
            "year": [2020, 2021, np.nan],
            "factor_tco2e_per_t": [1.0, 2.0, 5.0],
        }
    )
    ore = ORE.iloc[[0, 0]].assign(year=[2021, 2019])
    assert emissions(ore, factors).emission_factor.tolist() == [2, 5]
    assert emissions(ore, factors.iloc[:2]).emission_factor.tolist() == [2, 1.5]


def test_places_may_be_given_for_all():
    plain = ORE.drop(columns=["country", "region"])
    found = emissions(plain, FACTORS, country="FIN")
    assert found.factor_level.tolist() == ["asset", "national", "national", "national"]
    assert found.country.tolist() == ["FIN"] * 4
    assert "region" not in found
    own = emissions(ORE, FACTORS, country="FIN")  # a row that tells is believed
    assert own.factor_level.tolist() == ["asset", "national", "regional", "national"]


def test_unknown_production_has_unknown_emissions():
    found = emissions(ORE.assign(production_t=np.nan), FACTORS)
    assert found.emissions_tco2e.isna().all()
    bare = emissions(ORE[["mine", "year", "production_t"]], FACTORS)
    assert bare.emissions_tco2e[0] == 30
    assert bare.emissions_std.isna().all()
    assert bare.confidence[0] == ""


def test_the_inputs_are_left_alone():
    before = ORE.copy(), FACTORS.copy()
    emissions(ORE, FACTORS)
    pd.testing.assert_frame_equal(ORE, before[0])
    pd.testing.assert_frame_equal(FACTORS, before[1])


@pytest.mark.parametrize(
    ("ore", "factors", "settings", "match"),
    [
        (ORE, FACTORS, {"method": "monte carlo"}, "'goodman', 'first_order'"),
        (ORE, FACTORS.assign(level="global"), {}, "'asset', 'national', 'regional', got"),
        (ORE, FACTORS.drop(columns="key"), {}, r"\['key'\] is missing"),
        (ORE, FACTORS.assign(std=-1.0), {}, "std of 0 or more"),
        (ORE.drop(columns="mine"), FACTORS, {}, r"\['mine'\] is missing"),
        (ORE.assign(confidence="sure"), FACTORS, {}, "confidence is one of"),
    ],
)
def test_errors_say_what_would_do(ore, factors, settings, match):
    with pytest.raises(ValueError, match=match):
        emissions(ore, factors, **settings)
