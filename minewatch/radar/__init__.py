"""Radar backscatter: decibels and power, and the indices of two polarizations or two dates.

Ratios are formed on linear power; decibels are for showing and for classifiers. A layer says which
it is by its ``units``: ``"1"`` is power, ``"dB"`` decibels, and each function refuses the other.
"""

from __future__ import annotations

from minewatch.radar.decibels import from_db, palsar_gamma0, to_db, vv_maximum
from minewatch.radar.ratios import dpsvi, dpsvim, ndi, polarisation_average, rfdi, vddpi

__all__ = [
    "dpsvi",
    "dpsvim",
    "from_db",
    "ndi",
    "palsar_gamma0",
    "polarisation_average",
    "rfdi",
    "to_db",
    "vddpi",
    "vv_maximum",
]
