"""The time that a change is known to lie in, held against a look at each day between images."""

from __future__ import annotations

import numpy as np
import pytest

from minewatch.alerts.brackets import bracket

DAYS = np.array("2022-06-01", "M8[D]") + 12 * np.arange(9)


def asked(pairs, changed, quiet=()):
    """Bracket and confirming pair, as numbers of the dates."""
    pairs = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    found = bracket(
        np.array([DAYS[a] for a, _ in pairs]),
        np.array([DAYS[b] for _, b in pairs]),
        np.array([pair in changed for pair in pairs]),
        np.array([pair in quiet for pair in pairs]),
    )
    ends = tuple(int(np.flatnonzero(day == DAYS)[0]) for day in (found.after, found.before))
    confirming = None if found.confirming is None else pairs[found.confirming]
    return *ends, pairs[found.first], confirming, found.independent


@pytest.mark.parametrize(
    ("changed", "quiet", "expected"),
    [
        # One pair after the other.
        ([(2, 3), (3, 4)], [(1, 2)], (2, 3, (2, 3), (3, 4), False)),
        ([(2, 3), (3, 4), (4, 5)], [], (2, 3, (2, 3), (3, 4), True)),
        # A longer pair says no more than the shorter with the same later image, nor confirms it.
        ([(2, 4), (3, 4)], [(2, 3)], (3, 4, (3, 4), None, False)),
        ([(2, 4), (3, 4)], [], (3, 4, (3, 4), None, False)),
        ([(2, 4), (3, 4), (3, 5), (4, 5)], [(2, 3)], (3, 4, (3, 4), (3, 5), False)),
        # Quiet pairs narrow it from either side, or from both.
        ([(2, 4)], [(2, 3)], (3, 4, (2, 4), None, False)),
        ([(2, 4)], [(3, 4)], (2, 3, (2, 4), None, False)),
        ([(2, 6)], [(1, 3), (2, 4), (5, 7)], (4, 5, (2, 6), None, False)),
        # What contradicts itself narrows nothing.
        ([(2, 4)], [(2, 3), (3, 4)], (2, 4, (2, 4), None, False)),
    ],
)
def test_cases_with_known_answers(changed, quiet, expected):
    assert asked([*changed, *quiet], changed, quiet) == expected


def test_a_look_at_each_interval_between_images_agrees(rng):
    every = [(a, b) for a in range(9) for b in range(a + 1, 9)]
    for _ in range(300):
        chosen = [every[i] for i in rng.choice(len(every), 8, replace=False)]
        changed, quiet = chosen[: rng.integers(1, 4)], chosen[3:]
        low, high, first, confirming, _ = asked(chosen, changed, quiet)
        until = min(b for _, b in changed)
        start = max(a for a, b in changed if b == until)
        free = [t for t in range(start, until) if not any(a <= t and t + 1 <= b for a, b in quiet)]
        assert (low, high) == ((free[0], free[-1] + 1) if free else (start, until))
        assert first == (start, until)
        assert (confirming is None) == all(b == until for _, b in changed)
