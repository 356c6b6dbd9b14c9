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
from minewatch.activity.choices import threshold_choices
from minewatch.activity.colour_areas import colour_counts
from minewatch.activity.colours import activity_colours, activity_rgb
from minewatch.activity.comparisons import coincidence, compare_displacement, compare_maps
from minewatch.activity.differences import coherence_threshold, mean_ndai, ndai
from minewatch.activity.elevations import compare_elevation
from minewatch.activity.exclusions import excluded_areas
from minewatch.activity.pair_dates import pairs_between
from minewatch.activity.screening import TooFewStablePixels, screen_pairs
from minewatch.activity.settling import settle_pairs
from minewatch.activity.stable import stable_pixels
from minewatch.activity.targets import log_activity, site_ndai
from minewatch.activity.thresholds import ndai_threshold
from minewatch.activity.tracks import agree
from minewatch.activity.updates import update_tai
from minewatch.activity.zone_tables import zone_table
from minewatch.activity.zones import box_statistics, zone_series

__all__ = [
    "stable_pixels",
    "screen_pairs",
    "TooFewStablePixels",
    "settle_pairs",
    "ndai",
    "mean_ndai",
    "site_ndai",
    "log_activity",
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
    "threshold_choices",
    "zone_table",
    "zone_series",
    "box_statistics",
    "pairs_between",
    "compare_elevation",
    "compare_displacement",
    "compare_maps",
    "coincidence",
]
