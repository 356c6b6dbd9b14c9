"""Figures of what minewatch makes: maps in kilometres, pair ledgers, thresholds, scores.

Each function draws one :class:`matplotlib.figure.Figure` and hands it back; nothing is shown,
nothing global is touched, so that figures can be drawn on a server and in threads. Colours are
safe for colour-blind readers; what is missing is light grey.
"""

from __future__ import annotations

from minewatch.plots.ablations import ablation_figure
from minewatch.plots.detections import detections_figure, outcomes_figure
from minewatch.plots.detectors import detection_curve_figure, training_figure
from minewatch.plots.ground import (
    contours_figure,
    exclusions_figure,
    mean_ndai_figure,
    stable_figure,
)
from minewatch.plots.maps import activity_figure, map_figure, probability_figure
from minewatch.plots.models import (
    importance_figure,
    permutation_figure,
    precision_recall_figure,
    reliability_figure,
)
from minewatch.plots.pairs import ledger_figure, threshold_figure
from minewatch.plots.paper import save
from minewatch.plots.periods import seasons_figure
from minewatch.plots.regressions import regression_figure
from minewatch.plots.relief import elevation_figure
from minewatch.plots.tables import choices_figure, yearly_areas_figure
from minewatch.plots.years import colours_figure, rgb_figure
from minewatch.plots.zones import box_figure, zone_series_figure

__all__ = [
    "ablation_figure",
    "activity_figure",
    "box_figure",
    "choices_figure",
    "colours_figure",
    "contours_figure",
    "detection_curve_figure",
    "detections_figure",
    "elevation_figure",
    "exclusions_figure",
    "importance_figure",
    "ledger_figure",
    "map_figure",
    "mean_ndai_figure",
    "outcomes_figure",
    "permutation_figure",
    "precision_recall_figure",
    "probability_figure",
    "regression_figure",
    "reliability_figure",
    "rgb_figure",
    "save",
    "seasons_figure",
    "stable_figure",
    "threshold_figure",
    "training_figure",
    "yearly_areas_figure",
    "zone_series_figure",
]
