"""Speckle: how much of it there is, and the filters that take some away.

Speckle multiplies: a pixel of true backscatter x reads z = x·v, where v has mean 1 and variance
1/looks. Everything here therefore works on linear power, never on decibels. Which filter:

* :func:`lee` weighs the pixel against the mean of its window: the most looks on even ground, and
  noisy edges.
* :func:`refined_lee` takes mean and variance from the side of an edge to which the pixel belongs:
  clean edges, fewer looks on even ground.
* :func:`lee_sigma` averages the neighbours that are likely speckle of the same backscatter, and
  leaves strong targets alone: two thirds of the looks of :func:`lee`, sharp edges and targets,
  a mean slightly lowered.
"""

from __future__ import annotations

from minewatch.speckle.directional import refined_lee
from minewatch.speckle.incidence import incidence_correction
from minewatch.speckle.local_statistics import lee
from minewatch.speckle.looks import equivalent_number_of_looks
from minewatch.speckle.sigma import lee_sigma, sigma_range
from minewatch.speckle.targets import strong_target_level

__all__ = [
    "equivalent_number_of_looks",
    "incidence_correction",
    "lee",
    "lee_sigma",
    "refined_lee",
    "sigma_range",
    "strong_target_level",
]
