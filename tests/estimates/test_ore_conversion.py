"""Ore of other products: national before regional, each mine once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from minewatch.estimates import production, to_ore

BOTH = pd.DataFrame(
    {
        "mine": ["x", "x", "y", "z"],
        "product": "metal",
        "ore_t": [80.0, 120.0, 140.0, 300.0],
        "product_t": [1.0, 1.0, 1.0, 2.0],
        "country": ["FIN", "FIN", "FIN", "SWE"],
        "region": "North",
    }
)
SOLD = pd.DataFrame(
    {
        "mine": ["a", "b", "c", "d", "e"],
        "year": 2021,
        "product": ["metal", "metal", "metal", "metal", "gold"],
        "product_t": [2.0, 2.0, 2.0, 2.0, 2.0],
        "country": ["FIN", "SWE", "NOR", None, "FIN"],
        "region": ["North", "North", "North", None, "North"],
    }
)


def test_mines_of_the_country_else_of_the_region():
    found = to_ore(SOLD, BOTH)
    # FIN: x averaged over its rows to 100, y 140; SWE: 150; all three: 130.
    np.testing.assert_allclose(found.ore_factor, [120, 150, 130, np.nan, np.nan])
    np.testing.assert_allclose(found.production_t, [240, 300, 260, np.nan, np.nan])
    assert found.factor_level.tolist() == ["national", "national", "regional", "", ""]
    spread = np.std([100, 140], ddof=1), np.std([100, 140, 150], ddof=1)
    np.testing.assert_allclose(found.ore_factor_std[[0, 2]], spread)
    np.testing.assert_allclose(found.production_std_t[[0, 2]], 2 * np.array(spread))
    assert np.isnan(found.ore_factor_std[1])  # one mine
    assert found.confidence.tolist() == ["medium", "medium", "medium", "", ""]
    assert found.source[0] == "converted from metal (national mean of 2)"
    assert found.source[4] == "no mine reports both ore and gold"


def test_rows_without_both_do_not_count():
    holes = BOTH.assign(ore_t=[80.0, np.nan, 140.0, 300.0], product_t=[1.0, 1.0, 0.0, 2.0])
    assert to_ore(SOLD, holes).ore_factor[0] == 80


def test_an_unknown_amount_is_unknown_ore():
    found = to_ore(SOLD.assign(product_t=np.nan), BOTH)
    assert found.production_t.isna().all()
    assert (found.confidence == "").all()


def test_production_takes_what_could_be_converted():
    areas = pd.DataFrame({"mine": list("ade"), "year": 2021, "area_m2": [10.0, 10.0, 10.0]})
    found = production(areas, to_ore(SOLD, BOTH)).set_index("mine")
    assert found.production_t["a"] == 240
    assert found.confidence[["a", "d"]].tolist() == ["medium", "low"]  # d by the ratio of a
    assert found.source["d"] == "mean ratio of 1 mine"


def test_places_may_be_missing_in_part():
    found = to_ore(SOLD.drop(columns="region"), BOTH)
    assert found.factor_level.tolist() == ["national", "national", "", "", ""]
    assert "region" not in found
    assert to_ore(SOLD, BOTH.drop(columns=["country", "region"])).ore_factor.isna().all()


def test_errors_say_what_would_do():
    with pytest.raises(ValueError, match=r"\['product'\] is missing"):
        to_ore(SOLD.drop(columns="product"), BOTH)
    with pytest.raises(ValueError, match="twice; add or choose"):
        to_ore(pd.concat([SOLD, SOLD]), BOTH)
    with pytest.raises(ValueError, match="ore_t of 0 or more"):
        to_ore(SOLD, BOTH.assign(ore_t=-1.0))
