"""Ledgers by several ideas of stable ground: as made one by one, or why there are none."""

from __future__ import annotations

import warnings

import numpy as np
import oracles_activity as oracles
import pytest
import xarray as xr

from minewatch.activity import screen_pairs, settle_pairs, stable_pixels
from minewatch.activity.grounds import stable_grounds

TWO = [(0.8, 0.2), (0.9, 0.1)]


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    """Half of the ground at 0.95, the other at 0.85, one pair of rain."""
    true = np.full((12, 20, 20), 0.95)
    true[:, :, 10:] = 0.85
    true[4] *= 0.7
    return oracles.series(oracles.drawn(true, 100, rng), baselines=np.linspace(0, 300, 12))


def test_as_made_one_by_one(coherence):
    for ground, (minimum, spread) in zip(stable_grounds(coherence, TWO), TWO, strict=True):
        stable = stable_pixels(coherence, minimum=minimum, maximum_std=spread)
        xr.testing.assert_identical(ground.ledger, screen_pairs(coherence, stable))
        assert ground.name == f"{minimum:g}/{spread:g}"
        assert ground.reason == ""
    lazy = stable_grounds(coherence.chunk(pair=5, y=7), TWO)
    np.testing.assert_allclose(lazy[1].ledger.stable_mean, ground.ledger.stable_mean)


def test_a_ledger_lends_its_limits(coherence):
    settings = {"max_perpendicular_baseline": None, "min_pixels": 5, "minimum": 0.5}
    ledger = screen_pairs(coherence, stable_pixels(coherence), **settings)
    first, second = stable_grounds(coherence, TWO, ledger=ledger)
    assert first.ledger is ledger
    strict = stable_pixels(coherence, minimum=0.9, maximum_std=0.1)
    xr.testing.assert_identical(second.ledger, screen_pairs(coherence, strict, **settings))
    assert second.ledger.keep.all()


def test_what_was_settled_in_rounds_is_compared_in_rounds(coherence):
    _, ledger = settle_pairs(coherence, pair_minimum=0.7)
    second = stable_grounds(coherence, TWO, ledger=ledger)[1]
    _, expected = settle_pairs(coherence, minimum=0.9, maximum_std=0.1, pair_minimum=0.7)
    xr.testing.assert_identical(second.ledger, expected)
    wet = stable_grounds(coherence * 0.9, TWO, ledger=ledger)[1]
    assert wet.ledger is None
    assert "stable pixels" in wet.reason


def test_reasons(coherence):
    none = stable_grounds(coherence * 0.9, TWO)
    assert none[0].ledger is not None
    assert none[1].ledger is None
    assert "min_pixels=30" in none[1].reason
    low = stable_grounds(coherence * 0.7, [(0.5, 0.3)])
    assert low[0].reason == "no pair is coherent enough over stable ground"


def test_unknown_baselines_are_told_once(coherence):
    bare = coherence.drop_vars("perpendicular_baseline")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        stable_grounds(bare, TWO)
    assert len(told) == 1
    assert "perpendicular baseline" in str(told[0].message)
