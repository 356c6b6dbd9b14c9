"""What coherence means on a mine: stable ground, activity, and how sure of it one may be.

Rock that nobody touches keeps its coherence from pass to pass; what a pit's stable ground loses on
one date is weather or geometry, what a pixel loses beyond it is activity. From there: the
difference to stable ground (NDAI), the share of dates with activity (TAI), and both with the
interval that the number of dates allows.
"""

from __future__ import annotations

from minewatch.activity.activity_index import tai
from minewatch.activity.areas import activity_areas
from minewatch.activity.baselines import baseline_regression
from minewatch.activity.colour_areas import colour_counts
from minewatch.activity.colours import activity_colours, activity_rgb
from minewatch.activity.differences import coherence_threshold, mean_ndai, ndai
from minewatch.activity.exclusions import excluded_areas
from minewatch.activity.screening import TooFewStablePixels, screen_pairs
from minewatch.activity.stable import stable_pixels
from minewatch.activity.thresholds import ndai_threshold
from minewatch.activity.tracks import agree
from minewatch.activity.updates import update_tai

__all__ = [
    "stable_pixels",
    "screen_pairs",
    "TooFewStablePixels",
    "ndai",
    "mean_ndai",
    "ndai_threshold",
    "coherence_threshold",
    "tai",
    "update_tai",
    "activity_areas",
    "excluded_areas",
    "agree",
    "baseline_regression",
    "activity_rgb",
    "activity_colours",
    "colour_counts",
]
