"""Interferometric coherence: which pairs, how alike, and how far the estimate can be trusted.

Coherence compares two radar acquisitions of the same ground, speckle and phase, in a small window.
Untouched rock reads near 1, ground that was dug, dumped or driven over reads near the floor that
the window leaves (about ``sqrt(pi / 4L)`` with L looks, never 0).
"""

from __future__ import annotations

from minewatch.insar.blocks import coarsen_mean
from minewatch.insar.calibration import calibrated_looks
from minewatch.insar.estimation import coherence, complex_coherence
from minewatch.insar.interferograms import interferogram
from minewatch.insar.pairs import select_pairs
from minewatch.insar.seasons import in_months
from minewatch.insar.statistics import (
    coherence_cdf,
    debias,
    effective_looks,
    expected_coherence,
)

__all__ = [
    "select_pairs",
    "in_months",
    "coherence",
    "complex_coherence",
    "interferogram",
    "coarsen_mean",
    "debias",
    "expected_coherence",
    "coherence_cdf",
    "effective_looks",
    "calibrated_looks",
]
