"""From trusted polygons to maps of probability, with any estimator of scikit-learn's kind.

Samples know which polygon they come from, because neighbouring pixels are nearly copies: whoever
splits them pixel by pixel measures memory, not skill.
"""

from __future__ import annotations

from minewatch.learn.forest import fit_forest, importances, select_features
from minewatch.learn.persistence import Forest, load_model, save_model
from minewatch.learn.prediction import predict, predict_proba
from minewatch.learn.samples import draw, frame
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.validation import cross_validate, out_of_fold

__all__ = [
    "draw",
    "frame",
    "PolygonSplit",
    "fit_forest",
    "importances",
    "select_features",
    "cross_validate",
    "out_of_fold",
    "predict",
    "predict_proba",
    "Forest",
    "save_model",
    "load_model",
]
