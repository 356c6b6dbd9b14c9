"""From trusted polygons to maps of probability, with any estimator of scikit-learn's kind.

Samples know which polygon they come from, because neighbouring pixels are nearly copies: whoever
splits them pixel by pixel measures memory, not skill.
"""

from __future__ import annotations

from minewatch.learn import noisy, patches, segment
from minewatch.learn.ablations import ablation, sensor_sets, sentence
from minewatch.learn.boosting import fit_boosting
from minewatch.learn.calibrated import CalibratedModel
from minewatch.learn.calibration import Calibration, calibrate
from minewatch.learn.domain import domain_summary, outside_domain
from minewatch.learn.forest import fit_forest, importances, select_features
from minewatch.learn.grid import Search, search_forest
from minewatch.learn.permutation import permutation_importances
from minewatch.learn.persistence import Forest, load_model, save_model
from minewatch.learn.prediction import predict, predict_proba
from minewatch.learn.reliability_tables import (
    brier_score,
    calibration_error,
    reliability,
    threshold_for_precision,
)
from minewatch.learn.samples import draw, frame
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.validation import cross_validate, out_of_fold

__all__ = [
    "draw",
    "frame",
    "PolygonSplit",
    "fit_forest",
    "fit_boosting",
    "search_forest",
    "Search",
    "importances",
    "permutation_importances",
    "select_features",
    "ablation",
    "sensor_sets",
    "sentence",
    "cross_validate",
    "out_of_fold",
    "calibrate",
    "Calibration",
    "CalibratedModel",
    "reliability",
    "calibration_error",
    "brier_score",
    "threshold_for_precision",
    "outside_domain",
    "domain_summary",
    "predict",
    "predict_proba",
    "Forest",
    "save_model",
    "load_model",
    "noisy",
    "patches",
    "segment",
]
