"""Which pairs count, and in which group of time."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import xarray as xr

from minewatch.activity.series import grouped, kept_means, only_counted, stack_groups


@pytest.fixture
def coherence() -> xr.DataArray:
    return oracles.series(np.ones((30, 1, 2)), start="2021-11-25")


def test_means_follow_the_dates_of_the_pairs(coherence):
    means = np.linspace(0.8, 0.95, 30)
    ledger = oracles.ledger(coherence, means, np.arange(30) % 3 > 0)
    order = np.random.default_rng(0).permutation(30)
    got = kept_means(coherence.isel(pair=order), ledger, by="tai")
    np.testing.assert_array_equal(got, np.where(order % 3 > 0, means[order], np.nan))
    # A ledger may know more pairs than are asked for, never fewer.
    np.testing.assert_array_equal(kept_means(coherence[4:6], ledger, by="tai"), means[4:6])
    with pytest.raises(KeyError, match=r"tai: 1 of 30 pairs.*compute both from the same"):
        kept_means(coherence, ledger.isel(pair=slice(1, None)), by="tai")


def test_a_ledger_that_keeps_nothing_is_an_error(coherence):
    with pytest.raises(ValueError, match=r"none of the 30 pairs.*relax screen_pairs\(minimum"):
        kept_means(coherence, oracles.ledger(coherence, 0.5, False), by="tai")


def test_years_and_seasons_are_those_of_the_second_acquisition(coherence):
    means = np.full(30, 0.9)
    means[3] = np.nan
    dates = coherence.secondary_time
    years = grouped(coherence, means, "year", caller="tai")
    assert [label for label, _ in years] == [2021, 2022]
    for label, part in years:
        expected = (dates.dt.year == label) & np.isfinite(means)
        np.testing.assert_array_equal(np.isfinite(part), expected)
    seasons = grouped(coherence, means, "season", caller="tai")
    labels = [str(label)[:7] for label, _ in seasons]
    assert labels == ["2021-12", "2022-03", "2022-06", "2022-09"]
    names = dict(zip(labels, ("DJF", "MAM", "JJA", "SON"), strict=True))
    for label, part in seasons:
        expected = (dates.dt.season == names[str(label)[:7]]) & np.isfinite(means)
        np.testing.assert_array_equal(np.isfinite(part), expected)
    with pytest.raises(
        ValueError, match=r"'year' or 'season' or not at all \(None\), got by='month'"
    ):
        grouped(coherence, means, "month", caller="tai")


def test_december_opens_the_winter_of_the_next_year():
    late = oracles.series(np.ones((4, 1, 1)), start="2021-11-20", days=30)
    (label, means), _ = grouped(late, np.full(4, 0.9), "season", caller="tai")
    assert str(label)[:10] == "2021-12-01"  # 20 Dec, 19 Jan, 18 Feb
    np.testing.assert_array_equal(np.isfinite(means), [True, True, True, False])


def test_a_group_without_pairs_does_not_appear(coherence):
    means = np.where(coherence.secondary_time.dt.year == 2022, 0.9, np.nan)
    assert [label for label, _ in grouped(coherence, means, "year", caller="tai")] == [2022]


def test_dropped_pairs_leave_lazy_series_only(coherence):
    vector = np.where(np.arange(30) % 2, 0.5, np.nan)
    in_memory, same = only_counted(coherence, vector)
    assert in_memory is coherence
    assert same is vector
    lazy, some = only_counted(coherence.chunk(pair=1), vector)
    assert lazy.sizes["pair"] == len(some) == 15


def test_stacks_are_labelled():
    one = xr.DataArray([1.0], dims="x", coords={"spatial_ref": 0})
    stack = stack_groups([one, one + 1], np.array(["2021-12", "2022-03"], "M8[ns]"), "season")
    assert stack.dims == ("season", "x")
    assert stack.season.attrs["long_name"] == "first day of the season"
    assert "spatial_ref" in stack.coords
