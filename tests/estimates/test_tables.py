"""Tables of users: what is refused, and what stays unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from minewatch.estimates.tables import (
    LADDER,
    lesser,
    numbers,
    spread,
    unique_rows,
    whole_years,
    with_columns,
)


def test_a_copy_with_names_as_text():
    table = pd.DataFrame({"mine": [1, 2], "year": 2020}, index=[7, 7])
    copy = with_columns(table, ["mine"], by="production")
    assert copy.mine.tolist() == ["1", "2"]
    assert copy.index.tolist() == [0, 1]
    assert table.mine.tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"got list; read one with pandas\.read_csv"):
        with_columns([1], ["mine"], by="production")


@pytest.mark.parametrize("name", [None, np.nan, ""])
def test_rows_without_a_name_are_refused(name):
    with pytest.raises(ValueError, match="mine in each row, got none in row 1; name it"):
        with_columns(pd.DataFrame({"mine": ["a", name]}), ["mine"], by="production")
    with pytest.raises(ValueError, match="key in each row"):
        with_columns(pd.DataFrame({"key": [name]}), ["key"], by="emissions (factors)")


def test_numbers_may_be_missing_but_not_negative():
    table = pd.DataFrame({"area_m2": [1, None, 3]})
    assert numbers(table, "area_m2", by="f").isna().tolist() == [False, True, False]
    assert numbers(table, "other", by="f").isna().all()
    for wrong, match in ((-1, "got -1 in row 0"), (np.inf, "got inf"), ("few", "needs numbers")):
        with pytest.raises(ValueError, match=match):
            numbers(pd.DataFrame({"area_m2": [wrong]}), "area_m2", by="f")


def test_years_are_whole():
    assert whole_years(pd.DataFrame({"year": ["2020"]}), by="f").tolist() == [2020]
    for wrong in (2020.5, None):
        with pytest.raises(ValueError, match="sum or average shorter periods first"):
            whole_years(pd.DataFrame({"year": [2020, wrong]}), by="f")


def test_rows_say_one_thing_each():
    table = pd.DataFrame({"mine": ["a", "a"], "year": [2020, 2021]})
    unique_rows(table, ["mine", "year"], by="f")
    with pytest.raises(ValueError, match=r"got \['a'\] twice; add or choose"):
        unique_rows(table, ["mine"], by="f")


def test_the_ladder_goes_up():
    for i, low in enumerate(LADDER):
        for high in LADDER[i:]:
            assert lesser(low, high) == lesser(high, low) == low
    assert lesser("", "high") == lesser("high", "") == ""
    with pytest.raises(ValueError, match="very_low, low, medium"):
        lesser("high", "sure")


def test_one_value_has_no_spread():
    assert np.isnan(spread(np.array([1.0])))
    assert spread(np.array([1.0, 2, 3])) == 1
