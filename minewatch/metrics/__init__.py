"""How well a map agrees with a reference: tables of confusion and the figures made of them."""

from __future__ import annotations

from minewatch.metrics.bootstraps import grouped_bootstrap
from minewatch.metrics.comparisons import mcnemar
from minewatch.metrics.overlaps import iou, mean_iou
from minewatch.metrics.scoring import object_scores, scores
from minewatch.metrics.tables import confusion
from minewatch.metrics.thresholds import best_threshold, precision_recall

__all__ = [
    "confusion",
    "scores",
    "object_scores",
    "iou",
    "mean_iou",
    "precision_recall",
    "best_threshold",
    "mcnemar",
    "grouped_bootstrap",
]
