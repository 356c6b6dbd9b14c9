"""Pairs between two days: both acquisitions, both days included, whatever the hour."""

from __future__ import annotations

import datetime

import numpy as np
import oracles_activity as oracles
import pandas as pd
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch.activity import pairs_between


@pytest.fixture
def coherence() -> xr.DataArray:
    """24 June to 4 September 2022, every 12 days at 04:52: seven possible pairs beside more."""
    return oracles.series(np.ones((14, 2, 3)), start="2022-05-19 04:52:10")


def test_both_acquisitions_lie_between(coherence):
    got = pairs_between(coherence, "2022-06-06", "2022-09-06")
    assert str(got.reference_time.values[0])[:10] == "2022-06-12"
    assert str(got.secondary_time.values[-1])[:10] == "2022-09-04"
    assert got.sizes["pair"] == 7
    outside = coherence.pair.isin(got.pair)
    first, last = np.datetime64("2022-06-06"), np.datetime64("2022-09-06")
    within = (coherence.reference_time >= first) & (coherence.secondary_time <= last)
    np.testing.assert_array_equal(outside, within)


def test_days_count_whole_and_in_any_type(coherence):
    expected = pairs_between(coherence, "2022-06-12", "2022-09-04")
    assert expected.sizes["pair"] == 7
    for start, end in (
        (datetime.date(2022, 6, 12), datetime.date(2022, 9, 4)),
        (np.datetime64("2022-06-12T23:00"), np.datetime64("2022-09-04T01:00")),
        (pd.Timestamp("2022-06-12", tz="UTC"), pd.Timestamp("2022-09-04", tz="UTC")),
    ):
        xr.testing.assert_identical(pairs_between(coherence, start, end), expected)
    assert pairs_between(coherence, "2022-06-13", "2022-09-03").sizes["pair"] == 5


def test_a_pair_may_be_named_either_way_round(coherence):
    turned = coherence.rename(reference_time="secondary_time", secondary_time="reference_time")
    got = pairs_between(turned, "2022-06-06", "2022-09-06")
    assert got.sizes["pair"] == 7


def test_coherence_stays_lazy_and_a_ledger_is_cut_alike(coherence):
    with nothing_computes():
        lazy = pairs_between(coherence.chunk(pair=4), "2022-06-06", "2022-09-06")
    assert lazy.chunks is not None
    ledger = pairs_between(oracles.ledger(coherence, 0.9), "2022-06-06", "2022-09-06")
    np.testing.assert_array_equal(ledger.secondary_time, lazy.secondary_time)


def test_it_says_what_there_is(coherence):
    with pytest.raises(ValueError, match="14 pairs reach from 2022-05-19 to 2022-11-03; widen"):
        pairs_between(coherence, "2020-01-01", "2020-12-31")
    with pytest.raises(ValueError, match="before start 2022-09-06; swap them"):
        pairs_between(coherence, "2022-09-06", "2022-06-06")
    with pytest.raises(ValueError, match=r"no coordinate reference_time; it comes with insar"):
        pairs_between(coherence.drop_vars("reference_time"), "2022-06-06", "2022-09-06")
