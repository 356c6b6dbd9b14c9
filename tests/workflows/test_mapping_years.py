"""Yearly mosaics have no season, but a season wants one of them."""

from __future__ import annotations

import datetime as dt

import pystac
import pytest

from minewatch.workflows.mapping_years import days_of, mosaics_of, year_of


def mosaic(year: int, tile: str = "a") -> pystac.Item:
    start, end = (dt.datetime(year, *day, tzinfo=dt.UTC) for day in ((1, 1), (12, 31)))
    return pystac.Item(
        f"{tile}{year}", None, None, None, {}, start_datetime=start, end_datetime=end
    )


@pytest.mark.parametrize(
    ("season", "before", "expected"),
    [
        ("2022-04-01/2022-10-31", False, [2021]),
        ("2022-04-01/2022-10-31", True, [2020, 2021]),
        ("2020-04/2020-10", True, [2018, 2020]),  # there is none of 2019
        ("2018", True, [2018]),
        ("2015/2016", True, [2018]),
        ("2019-06/..", False, [2021]),
        (None, False, [2021]),
    ],
)
def test_a_season_takes_the_latest_mosaic_that_is_not_after_it(
    season: str | None, before: bool, expected: list[int]
) -> None:
    mosaics = [mosaic(year) for year in (2021, 2018, 2020)]
    taken = mosaics_of(mosaics, season, before=before)
    assert [year_of(item) for item in taken] == expected


def test_a_year_that_lacks_tiles_is_passed_over() -> None:
    mosaics = [mosaic(2020), mosaic(2020, "b"), mosaic(2021, "b")]
    assert [item.id for item in mosaics_of(mosaics, "2022", before=False)] == ["a2020", "b2020"]
    assert mosaics_of([], "2022", before=True) == []


def test_days_are_those_of_the_item() -> None:
    assert days_of(mosaic(2021)) == "2021-01-01/2021-12-31"
    moment = dt.datetime(2022, 6, 3, 9, 37, tzinfo=dt.UTC)
    assert days_of(pystac.Item("one", None, None, moment, {})) == "2022-06-03"
