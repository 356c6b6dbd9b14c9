"""What a model is worth on polygons that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import xarray as xr

from minewatch.learn.forest import fit_forest
from minewatch.learn.samples import frame, weights_of
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.thread_warnings import kept_warnings
from minewatch.metrics import confusion, scores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

__all__ = ["cross_validate", "folds_of", "out_of_fold"]


class Splitter(Protocol):
    """Whatever splits samples, as scikit-learn's splitters do."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]: ...


def out_of_fold(
    samples: xr.Dataset,
    *,
    fit: Callable[[xr.Dataset], Any] = fit_forest,
    split: Splitter | None = None,
) -> xr.DataArray:
    """Probabilities of each sample from a model that has not seen its polygon. Computes.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`draw`.
    fit : callable
        Samples → fitted model with ``predict_proba`` and ``classes_``, e.g.
        ``functools.partial(fit_forest, trees=30)``.
    split : splitter, optional
        ``PolygonSplit(5)`` without it. Every sample must be tested once.

    Returns
    -------
    xarray.DataArray
        Dims (sample, class), float64, with the coordinates of the samples and ``fold``; 0 for a
        class that the model has not seen.

    Raises
    ------
    ValueError
        If the folds do not test every sample once.

    See Also
    --------
    cross_validate : the scores as well.
    minewatch.metrics.best_threshold : the threshold that they call for.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label, polygon = np.repeat([0, 1, 0, 1], 5), np.repeat([0, 1, 2, 3], 5)
    >>> samples = xr.Dataset(
    ...     {"s2_bsi": ("sample", (label + 0.1 * rng.random(20)).astype("f4"))},
    ...     {"label": ("sample", label), "polygon": ("sample", polygon)},
    ... )
    >>> out_of_fold(samples, split=PolygonSplit(2)).sel({"class": 1}).values.round()
    array([0., 0., 0., 0., 0., 1., 1., 1., 1., 1., 0., 0., 0., 0., 0., 1., 1., 1., 1., 1.])
    """
    splitter = PolygonSplit() if split is None else split
    table, label = frame(samples), samples["label"].values
    classes = np.unique(label)
    fold = np.full(len(label), -1, dtype=np.int64)
    proba = np.zeros((len(label), len(classes)))
    for number, (train, test) in enumerate(folds_of(samples, splitter)):
        if (fold[test] >= 0).any():
            _refuse_partial(splitter)
        fold[test] = number
        model = fit(samples.isel(sample=train))
        columns = np.searchsorted(classes, model.classes_)
        with kept_warnings():
            proba[test[:, None], columns] = model.predict_proba(table.iloc[test])
    if (fold < 0).any():
        _refuse_partial(splitter)
    coords = {**samples.coords, "class": classes, "fold": ("sample", fold)}
    attrs = {"long_name": "probability of each class from a model that has not seen the polygon"}
    return xr.DataArray(
        proba,
        dims=("sample", "class"),
        coords=coords,
        name="probability",
        attrs={**attrs, "units": "1"},
    )


def folds_of(
    samples: xr.Dataset, splitter: Splitter
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Positions of training and test samples, fold by fold, by any splitter.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`draw`.
    splitter : splitter
        Ours or scikit-learn's.

    Returns
    -------
    list of (array, array)
        One a fold.

    Examples
    --------
    >>> from sklearn.model_selection import GroupKFold
    >>> coords = {"label": ("sample", [0, 1, 0]), "polygon": ("sample", [7, 8, 7])}
    >>> samples = xr.Dataset({"s2_bsi": ("sample", [0.1, 0.9, 0.2])}, coords)
    >>> folds_of(samples, GroupKFold(2))[0]
    (array([1]), array([0, 2]))
    """
    label = samples["label"].values
    polygon = samples["polygon"].values if "polygon" in samples.coords else None
    # scikit-learn's splitters want arrays, ours wants to know where the samples lie.
    given = samples if isinstance(splitter, PolygonSplit) else np.zeros((len(label), 1))
    return list(splitter.split(given, label, polygon))


def _refuse_partial(splitter: object) -> None:
    message = f"out_of_fold needs folds that test every sample once, {splitter!r} does not"
    message += "; use minewatch.learn.PolygonSplit or sklearn's GroupKFold"
    raise ValueError(message)


def cross_validate(
    samples: xr.Dataset,
    *,
    fit: Callable[[xr.Dataset], Any] = fit_forest,
    split: Splitter | None = None,
    positive: int = 1,
    beta: float = 0.5,
) -> xr.Dataset:
    """Scores of a model, fold by fold, on polygons that it has not seen. Computes.

    Samples count by their weight, hence polygons by their area. Figures of all folds together
    follow from the result: ``scores(confusion(cv.label, cv.predicted, weight=cv.weight))``.

    Parameters
    ----------
    samples, fit, split
        As in :func:`out_of_fold`.
    positive : int
        The class that is looked for; all others are the rest.
    beta : float
        Of F: above 1 recall weighs more, below 1 precision does.

    Returns
    -------
    xarray.Dataset
        Dim ``fold``: ``precision, recall, specificity, npv, accuracy, f_beta, f1, mcc``. Dim
        ``sample``: ``probability`` (sample, class) out of fold, ``predicted`` (the likeliest class)
        and ``test_fold``, with the coordinates of the samples.

    Raises
    ------
    ValueError
        If the folds do not test every sample once.

    See Also
    --------
    minewatch.metrics.scores : what the scores mean.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> label, polygon = np.repeat([0, 1, 0, 1], 5), np.repeat([0, 1, 2, 3], 5)
    >>> samples = xr.Dataset(
    ...     {"s2_bsi": ("sample", (label + 0.1 * rng.random(20)).astype("f4"))},
    ...     {"label": ("sample", label), "polygon": ("sample", polygon)},
    ... )
    >>> cross_validate(samples, split=PolygonSplit(2)).accuracy.values
    array([1., 1.])
    """
    proba = out_of_fold(samples, fit=fit, split=split)
    classes, fold = proba["class"].values, proba["fold"].values
    predicted = classes[proba.values.argmax(axis=1)]
    label = samples["label"].values
    weight = weights_of(samples)
    found: list[dict[str, float]] = []
    for number in range(fold.max() + 1):
        at = fold == number
        table = confusion(label[at], predicted[at], classes=classes.tolist(), weight=weight[at])
        found.append(scores(table, positive=positive, beta=beta))
    kept = [name for name in found[0] if name != "mcc_defined"]
    figures = {name: ("fold", _column(found, name), {"long_name": name}) for name in kept}
    per_sample = proba.rename(fold="test_fold")
    result = xr.Dataset(figures, coords={"fold": np.arange(len(found))})
    result = result.assign(probability=per_sample, predicted=("sample", predicted))
    return result.assign_attrs(positive=int(positive), beta=float(beta))


def _column(found: list[dict[str, float]], name: str) -> npt.NDArray[np.float64]:
    return np.array([figures[name] for figures in found], dtype=np.float64)
