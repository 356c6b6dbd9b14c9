"""Intervals of a share against scipy and their promise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from minewatch.activity.intervals import class_table, clopper_pearson, share_table, wilson

PEERS = {"exact": clopper_pearson, "wilson": wilson}


@pytest.mark.parametrize("method", PEERS)
@pytest.mark.parametrize("confidence", [0.9, 0.95])
def test_intervals_are_those_of_scipy(method, confidence):
    for n in (1, 3, 11, 40):
        for e in range(n + 1):
            lower, upper = PEERS[method](e, n, confidence=confidence)
            peer = stats.binomtest(e, n).proportion_ci(confidence, method=method)
            assert lower == pytest.approx(peer.low, abs=1e-9)
            assert upper == pytest.approx(peer.high, abs=1e-9)


@pytest.mark.parametrize("method", PEERS)
def test_the_ends_are_symmetric_exact_and_ordered(method):
    e, n = np.mgrid[:31, :31]
    lower, upper = PEERS[method](np.minimum(e, n), n)
    mirror = PEERS[method](n - np.minimum(e, n), n)
    np.testing.assert_allclose(lower, 1 - mirror[1], atol=1e-9)
    share = np.minimum(e, n) / np.maximum(n, 1)
    assert ((lower <= share) & (share <= upper))[n > 0].all()
    assert (lower[0] == 0).all()
    assert (upper[(e >= n)] == 1).all()


def test_the_exact_interval_covers_at_least_at_its_level():
    n = 17
    e = np.arange(n + 1)
    lower, upper = clopper_pearson(e, n)
    for p in np.linspace(0.01, 0.99, 99):
        assert stats.binom.pmf(e[(lower <= p) & (p <= upper)], n, p).sum() >= 0.95


def test_eleven_quiet_dates_make_stable_ground():
    # Two-sided 95 %: the upper end of 0 in n is 1 - 0.025^(1/n), at most 0.3 from n = 11 on.
    limits = {"rule": "interval", "active_minimum": 0.5, "stable_maximum": 0.3}
    shares = share_table(12, 3, confidence=0.95, interval="clopper-pearson")
    table = class_table(shares, **limits)
    assert list(table[0, 9:]) == [0, 0, 1, 1]
    np.testing.assert_allclose(shares[2, 0, 3:], 1 - 0.025 ** (1 / np.arange(3, 13)), rtol=1e-6)


def test_tables_know_what_was_not_observed_enough():
    shares = share_table(20, 10, confidence=0.95, interval="wilson")
    e, n = np.mgrid[:21, :21]
    none = (n < 10) | (e > n)
    np.testing.assert_array_equal(np.isnan(shares[0]), none)
    for rule in ("paper", "interval"):
        table = class_table(shares, rule=rule, active_minimum=0.5, stable_maximum=0.3)
        np.testing.assert_array_equal(table == 255, none)
    np.testing.assert_allclose(shares[0][~none], (e / np.maximum(n, 1))[~none], rtol=1e-6)


def test_the_rule_of_the_paper_is_kept_on_whole_numbers():
    shares = share_table(30, 3, confidence=0.95, interval="wilson")
    table = class_table(shares, rule="paper", active_minimum=0.5, stable_maximum=0.3)
    for n in range(3, 31):
        for e in range(n + 1):
            assert table[e, n] == (1 if e == 0 else 2 if 2 * e >= n else 0)
    # 0.3 · 10 is not exactly 3 in binary; three of ten still are enough.
    third = class_table(shares, rule="paper", active_minimum=0.3, stable_maximum=0.1)
    assert third[3, 10] == 2


def test_nothing_is_active_and_stable_at_once():
    shares = share_table(40, 3, confidence=0.5, interval="wilson")
    table = class_table(shares, rule="interval", active_minimum=0.5, stable_maximum=0.3)
    active, stable = table == 2, table == 1
    assert (shares[1][active] >= 0.5).all()
    assert (shares[2][stable] <= 0.3).all()
    assert active.any()
    assert stable.any()
