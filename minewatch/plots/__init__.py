"""Figures of what minewatch makes: maps in kilometres, pair ledgers, thresholds, scores.

Each function draws one :class:`matplotlib.figure.Figure` and hands it back; nothing is shown,
nothing global is touched, so that figures can be drawn on a server and in threads. Colours are
safe for colour-blind readers; what is missing is light grey.
"""

from __future__ import annotations

from minewatch.plots.maps import activity_figure, map_figure, probability_figure
from minewatch.plots.models import importance_figure, precision_recall_figure
from minewatch.plots.pairs import ledger_figure, threshold_figure
from minewatch.plots.paper import save

__all__ = [
    "activity_figure",
    "importance_figure",
    "ledger_figure",
    "map_figure",
    "precision_recall_figure",
    "probability_figure",
    "save",
    "threshold_figure",
]
