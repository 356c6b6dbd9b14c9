"""A fitted model over a whole scene, block by block."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch import _apply
from minewatch.conventions import NO_CLASS, Layer, conform, require
from minewatch.learn.blocks import Classes, Probabilities
from minewatch.learn.calibrated import CalibratedModel
from minewatch.learn.ensembles import obstacle
from minewatch.learn.stored import Forest

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["predict", "predict_proba"]

PROBABILITY = Layer("probability", "probability of each class")
CLASSES = Layer("classes", "likeliest class", dtype="uint8")


def predict_proba(
    model: Any, features: xr.Dataset, *, gaps: Literal["unknown", "model"] = "unknown"
) -> xr.DataArray:
    """Probability of each class at each pixel.

    Features are found by name, in whatever order they stand; further variables are ignored. A
    pixel that lacks one is NaN in every class. Within a task the model runs on one core, and the
    graph holds it once. Forests, calibrated or not, run through a compiled loop that gives
    scikit-learn's probabilities several times faster; other models, and forests that learnt where
    gaps lead, predict by themselves.

    Parameters
    ----------
    model : object
        Any fitted estimator with ``predict_proba`` and ``classes_``: scikit-learn's, a pipeline, or
        what :func:`load_model` gives.
    features : xarray.Dataset
        A variable per feature, dims (..., y, x), NaN unknown.
    gaps : {"unknown", "model"}
        What becomes of a pixel that lacks some features: it is unknown, or goes to a model that
        learnt from samples with gaps. One that lacks them all is unknown.

    Returns
    -------
    xarray.DataArray
        Dims (class, ..., y, x), float32 in [0, 1], lazy if `features` are; ``class`` holds
        ``model.classes_``.

    Raises
    ------
    KeyError
        If the model was fitted on features that are lacking.
    TypeError
        If the model gives no probabilities.
    ValueError
        If features differ in dims, the model knows no names and their number differs, or gaps are
        left to a model that cannot take them.

    See Also
    --------
    predict : the likeliest class.

    Examples
    --------
    >>> class Model:
    ...     feature_names_in_, classes_ = np.array(["s2_bsi"]), np.array([0, 1])
    ...
    ...     def predict_proba(self, table):
    ...         return np.stack([1 - table["s2_bsi"], table["s2_bsi"]], axis=1)
    >>> features = xr.Dataset({"s2_bsi": (("y", "x"), np.array([[0.25, np.nan]], "f4"))})
    >>> predict_proba(Model(), features).values
    array([[[0.75,  nan]],
           [[0.25,  nan]]], dtype=float32)
    """
    if not hasattr(model, "predict_proba"):
        message = (
            f"{type(model).__name__} gives no probabilities; use predict, or calibrate it, e.g. "
            "with sklearn.calibration.CalibratedClassifierCV"
        )
        raise TypeError(message)
    classes = _classes(model)
    layers, names = _layers(model, features)
    run, form = _runner(model, layers, names, gaps)
    proba = _apply.with_shared(
        Probabilities(form, gaps, len(classes)),
        run,
        layers,
        out_dim="class",
        out_size=len(classes),
    )
    return conform(proba.assign_coords({"class": classes}), PROBABILITY, model=_kind(model))


def predict(
    model: Any,
    features: xr.Dataset,
    *,
    threshold: float | None = None,
    positive: int = 1,
    gaps: Literal["unknown", "model"] = "unknown",
) -> xr.DataArray:
    """Class of each pixel.

    Parameters
    ----------
    model : object
        Any fitted estimator whose classes are whole numbers from 0 to 254.
    features : xarray.Dataset
        As in :func:`predict_proba`.
    threshold : float, optional
        Map the class `positive` where its probability is at or above this, e.g. the
        :func:`minewatch.metrics.best_threshold`, and the other class elsewhere; needs two classes.
        Without it the model's own choice, for most the likeliest class.
    positive : int
        The class that is looked for.
    gaps : {"unknown", "model"}
        As in :func:`predict_proba`.

    Returns
    -------
    xarray.DataArray
        Dims (..., y, x), uint8, 255 where a feature is lacking; lazy if `features` are.

    Raises
    ------
    KeyError
        If the model was fitted on features that are lacking.
    ValueError
        If classes are no codes from 0 to 254, a threshold does not fit them, or gaps are left to a
        model that cannot take them.

    See Also
    --------
    predict_proba : how sure that is.

    Examples
    --------
    >>> class Model:
    ...     feature_names_in_, classes_ = np.array(["s2_bsi"]), np.array([0, 1])
    ...
    ...     def predict_proba(self, table):
    ...         return np.stack([1 - table["s2_bsi"], table["s2_bsi"]], axis=1)
    >>> features = xr.Dataset({"s2_bsi": (("y", "x"), np.array([[0.25, 0.75, np.nan]], "f4"))})
    >>> predict(Model(), features, threshold=0.2).values
    array([[  1,   1, 255]], dtype=uint8)
    """
    classes = _classes(model)
    whole = np.issubdtype(classes.dtype, np.integer) or classes.dtype == bool
    if not whole or classes.min() < 0 or classes.max() >= NO_CLASS:
        message = (
            f"predict maps classes 0 to 254, the model knows {classes.tolist()}; fit it on codes"
        )
        raise ValueError(message)
    codes = classes.astype(np.uint8)
    if threshold is not None:
        _require_threshold(model, classes, threshold, positive)
    layers, names = _layers(model, features)
    run, form = _runner(model, layers, names, gaps)
    mapped = _apply.with_shared(
        Classes(form, gaps, codes, threshold, positive),
        run,
        layers,
        dtype="uint8",
    )
    attrs = {"threshold": threshold, "positive": None if threshold is None else positive}
    return conform(mapped, CLASSES, model=_kind(model), classes=codes.tolist(), **attrs)


def _kind(model: Any) -> str:
    return type(model).__name__


def _classes(model: Any) -> npt.NDArray[Any]:
    if not hasattr(model, "classes_"):
        message = f"{type(model).__name__} has no classes_; fit it first, as a classifier"
        raise TypeError(message)
    return np.asarray(model.classes_)


def _require_threshold(
    model: Any, classes: npt.NDArray[Any], threshold: float, positive: int
) -> None:
    if len(classes) != 2 or positive not in classes or not hasattr(model, "predict_proba"):
        message = (
            f"a threshold needs probabilities of two classes, {positive} one of them; the model "
            f"knows {classes.tolist()}: leave out threshold= or set positive="
        )
        raise ValueError(message)
    if not 0 <= threshold <= 1:
        message = f"a threshold is a probability from 0 to 1, got {threshold}; use e.g. 0.5"
        raise ValueError(message)


def _layers(model: Any, features: xr.Dataset) -> tuple[list[xr.DataArray], list[str] | None]:
    """The layers that the model wants, in its order, and their names if it knows them."""
    have = [str(name) for name in features.data_vars]
    named = getattr(model, "feature_names_in_", None)
    wanted = have if named is None else [str(name) for name in named]
    lacking = [name for name in wanted if name not in have]
    if lacking:
        message = f"the model was fitted on {wanted}; the features lack {lacking}"
        raise KeyError(message)
    count = getattr(model, "n_features_in_", len(wanted))
    if not wanted or count != len(wanted):
        message = (
            f"the model was fitted on {count} features without names, got {len(wanted)}: {have}; "
            "select them, in its order, with features[[...]]"
        )
        raise ValueError(message)
    layers = [features[name] for name in wanted]
    for layer in layers:
        require(layer, ..., "y", "x", by="predict")
        if layer.dims != layers[0].dims:
            message = (
                f"predict needs features of the same dims, got {layers[0].dims} for {wanted[0]!r} "
                f"and {layer.dims} for {layer.name!r}"
            )
            raise ValueError(message)
    return layers, None if named is None else wanted


def _runner(
    model: Any, layers: Sequence[xr.DataArray], names: list[str] | None, gaps: str
) -> tuple[Any, list[str] | None]:
    """The model as tasks run it, and the names that its tables need."""
    if gaps not in ("unknown", "model"):
        message = f"gaps are 'unknown' or left to the 'model', got {gaps!r}"
        raise ValueError(message)
    inner = model.model if isinstance(model, CalibratedModel) else model
    if gaps == "model" and isinstance(inner, Forest):
        message = "a stored forest holds no way for gaps; leave out gaps='model'"
        raise ValueError(message)
    if gaps == "unknown" and not isinstance(inner, Forest) and obstacle(inner) is None:
        columns = names or [f"column {n}" for n in range(len(layers))]
        inner = Forest.of(inner, features=columns)
    if not isinstance(inner, Forest):
        return _on_one_core(model, layers), names
    # The layers come in its order already: no table of named columns need be made.
    calibrated = isinstance(model, CalibratedModel)
    return (CalibratedModel(inner, model.curves) if calibrated else inner), None


def _on_one_core(model: Any, layers: Sequence[xr.DataArray]) -> Any:
    """The model without threads of its own where dask already uses all cores."""
    if not any(_apply.is_lazy(layer) for layer in layers) or not hasattr(model, "get_params"):
        return model
    jobs = {
        name: 1
        for name, value in model.get_params(deep=True).items()
        if name.split("__")[-1] == "n_jobs" and value not in (None, 1)
    }
    if not jobs:
        return model
    # A nested setting belongs to an object that a shallow copy would share with the user's model.
    nested = any("__" in name for name in jobs)
    return (copy.deepcopy if nested else copy.copy)(model).set_params(**jobs)
