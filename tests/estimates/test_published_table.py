"""Jolleys and Duddy (2023), Table 2, from its colours to tonnes: what follows and what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from minewatch.estimates import production

YEARS = (2020, 2021, 2022)
COUNTS = (100_931, 116_891, 110_392)
PRINTED_FIRST = 105_931
TONNES = (36.2e6, 37.9e6, 35.0e6)


def sites(first: int = COUNTS[0]) -> pd.DataFrame:
    pixels = np.array([first, *COUNTS[1:]])
    return pd.DataFrame({"mine": "Sishen", "year": YEARS, "area_m2": pixels * 100.0})


def reports(*years: int) -> pd.DataFrame:
    table = pd.DataFrame({"mine": "Sishen", "year": YEARS, "production_t": TONNES})
    return table[table.year.isin(years)]


def test_tonnes_a_square_metre():
    table = production(sites(), reports(*YEARS))
    np.testing.assert_allclose(table.t_per_m2, [3.58661, 3.24234, 3.17052], atol=1e-5)
    assert (table.source == "reported").all()
    assert (table.confidence == "high").all()
    # With the misprint of the first count the range is the printed 3.17 to 3.42.
    printed = production(sites(PRINTED_FIRST), reports(*YEARS))
    np.testing.assert_allclose(printed.t_per_m2, [3.417, 3.242, 3.171], atol=5e-4)
    spread = [each.t_per_m2.std(ddof=0) / each.t_per_m2.mean() for each in (printed, table)]
    # The source gives the variation as standard deviation (n - 1) over mean.
    spread = [each * np.sqrt(3 / 2) for each in spread]
    np.testing.assert_allclose(spread, [0.039, 0.067], atol=5e-4)


def test_changes_of_area_and_production():
    area, ore = sites().area_m2, np.array(TONNES)
    assert area[1] / area[0] - 1 == pytest.approx(0.1581, abs=5e-5)
    assert area[2] / area[0] - 1 == pytest.approx(0.0937, abs=5e-5)
    assert area[2] / area[1] - 1 == pytest.approx(-0.0556, abs=5e-5)
    # "+10.4 % between 2020 and 2022" is 2020 to 2021, from the misprinted count.
    misprinted = sites(PRINTED_FIRST).area_m2
    assert misprinted[1] / misprinted[0] - 1 == pytest.approx(0.1035, abs=5e-5)
    assert misprinted[2] / misprinted[0] - 1 == pytest.approx(0.0421, abs=5e-5)
    np.testing.assert_allclose(ore[1:] / ore[:-1] - 1, [0.0470, -0.0765], atol=5e-5)


@pytest.mark.parametrize(
    ("first", "method", "rate"),
    [
        (PRINTED_FIRST, "mean_of_ratios", 3.2767),
        (COUNTS[0], "mean_of_ratios", 3.3332),
        (PRINTED_FIRST, "ratio_of_sums", 3.2742),
        (COUNTS[0], "ratio_of_sums", 3.3241),
    ],
)
def test_rates(first, method, rate):
    later = pd.DataFrame({"mine": ["Sishen"], "year": [2023], "area_m2": [1.1e7]})
    areas = pd.concat([sites(first), later])
    row = production(areas, reports(*YEARS), method=method).iloc[-1]
    assert row.t_per_m2 == pytest.approx(rate, abs=5e-5)
    assert row.production_t == pytest.approx(rate * 1.1e7, rel=2e-5)


@pytest.mark.parametrize(
    ("year", "megatonnes", "error"),
    [(2020, 32.36, -0.106), (2021, 39.49, 0.042), (2022, 37.69, 0.077)],
)
def test_a_year_left_out(year, megatonnes, error):
    others = [each for each in YEARS if each != year]
    table = production(sites(), reports(*others)).set_index("year")
    row = table.loc[year]
    assert row.production_t / 1e6 == pytest.approx(megatonnes, abs=0.005)
    assert row.production_t / TONNES[YEARS.index(year)] - 1 == pytest.approx(error, abs=5e-4)
    assert row.source == "own ratio of 2 reported years"
    assert row.confidence == "medium"
    ratios = table.t_per_m2[others]
    assert row.t_per_m2 == pytest.approx(ratios.mean())
    assert row.production_std_t == pytest.approx(row.area_m2 * ratios.std(ddof=1))
