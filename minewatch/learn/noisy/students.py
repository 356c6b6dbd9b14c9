"""A model fitted to labels that are often wrong."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.learn.forest import fit_forest
from minewatch.learn.noisy.confident_learning import LabelNoise, label_noise
from minewatch.learn.samples import frame, weights_of
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.validation import out_of_fold

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from minewatch.learn.validation import Splitter

__all__ = ["fit_student"]

NOISE = ("none", "confident", "soft", "small_loss")
NEGLIGIBLE = 1e-3
"""Probability of a class below which a sample does not stand for it."""


def fit_student(
    samples: xr.Dataset,
    *,
    noise: str = "confident",
    fit: Callable[[xr.Dataset], Any] | None = None,
    split: Splitter | None = None,
    rounds: int = 2,
    seed: int = 0,
) -> Any:
    """Fit a model to samples whose labels are often wrong. Computes.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`pseudo_label` or any with wrong labels: ``label``, ``polygon`` (polygons or
        blocks of ground that the folds keep together) and perhaps ``weight``.
    noise : {"none", "confident", "soft", "small_loss"}
        What is done about wrong labels. ``"none"``: nothing. ``"confident"``: those that
        :func:`label_noise` finds are left out. ``"soft"``: each sample stands for every class, as
        likely as it is of that class. ``"small_loss"``: two models on one half of the polygons (or
        of the blocks of `split`) each; each leaves out the labels of the other's half that surprise
        it most, as many as are thought wrong, and both learn anew from what is left.
    fit : callable, optional
        Samples → fitted model; by default a forest of 200 trees with 5 samples in a leaf.
    split : splitter, optional
        Folds of the samples for the probabilities that find wrong labels; ``PolygonSplit(5)``.
    rounds : int
        Of ``"small_loss"``.
    seed : int
        Of folds and halves.

    Returns
    -------
    object
        The fitted model; its attribute ``noise_`` tells the share of labels thought wrong (NaN with
        ``"none"``), how many samples were left out and, of true classes in rows, the
        ``transition`` to labels (None with ``"none"``).

    Raises
    ------
    ValueError
        If `noise` or `rounds` mean nothing, or nothing is left of a class.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), https://doi.org/10.1613/jair.1.12125

    Han et al. (2018), Co-teaching, https://doi.org/10.48550/arXiv.1804.06872

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> true, polygon = np.repeat([0, 1] * 10, 20), np.repeat(np.arange(20), 20)
    >>> said = np.where(rng.random(400) < 0.2, 1 - true, true)
    >>> values = (true + 0.3 * rng.normal(size=400)).astype("f4")
    >>> samples = xr.Dataset(
    ...     {"s1_vv": ("sample", values)},
    ...     {"label": ("sample", said), "polygon": ("sample", polygon)},
    ... )
    >>> student = fit_student(samples)
    >>> round(student.noise_["rate"], 1), student.noise_["left_out"] > 50
    (0.2, True)
    """
    if noise not in NOISE or rounds < 1:
        message = (
            f"fit_student knows noise={list(NOISE)} and rounds from 1, got {noise!r} and {rounds}; "
            "use 'confident'"
        )
        raise ValueError(message)
    learn = functools.partial(fit_forest, trees=200, min_leaf=5, seed=seed) if fit is None else fit
    if noise == "none":
        return _told(learn(samples), None, 0)
    splitter = PolygonSplit(seed=seed) if split is None else split
    found = label_noise(samples, out_of_fold(samples, fit=learn, split=splitter))
    if noise == "soft":
        return _told(learn(_replicated(samples, found)), found, 0)
    if noise == "confident":
        kept = ~found.wrong
    else:
        halves = PolygonSplit(2, seed=seed, blocks=getattr(splitter, "blocks", None))
        kept = _small_losses(samples, learn, halves, found.rate, rounds)
    _require_classes(samples, kept)
    return _told(learn(samples.isel(sample=kept)), found, int((~kept).sum()))


def _told(model: Any, found: LabelNoise | None, left_out: int) -> Any:
    model.noise_ = {"rate": float("nan") if found is None else found.rate, "left_out": left_out}
    model.noise_["transition"] = None if found is None else found.transition.tolist()
    return model


def _require_classes(samples: xr.Dataset, kept: npt.NDArray[np.bool_]) -> None:
    label = samples["label"].to_numpy()
    lost = set(np.unique(label).tolist()) - set(np.unique(label[kept]).tolist())
    if lost:
        message = (
            f"fit_student finds every label of class {sorted(lost)} wrong; the features cannot "
            "tell it from the others: use noise='none', or merge it"
        )
        raise ValueError(message)


def _replicated(samples: xr.Dataset, found: LabelNoise) -> xr.Dataset:
    """Each sample once for every class that it may be of, with that weight."""
    weight = weights_of(samples)
    parts = []
    for at, code in enumerate(found.classes):
        share = found.posterior[:, at]
        likely = np.flatnonzero(share > NEGLIGIBLE)
        part = samples.isel(sample=likely)
        weights = (share * weight)[likely]
        parts.append(
            part.assign_coords(
                label=("sample", np.full(len(likely), code)), weight=("sample", weights)
            )
        )
    return xr.concat(parts, "sample")


def _small_losses(
    samples: xr.Dataset,
    learn: Callable[[xr.Dataset], Any],
    halves: PolygonSplit,
    rate: float,
    rounds: int,
) -> npt.NDArray[np.bool_]:
    """What two models that learn from each other's unsurprising labels agree to keep."""
    table, label = frame(samples), samples["label"].to_numpy()
    half = np.zeros(len(label), np.int64)
    for number, (_, test) in enumerate(halves.split(samples)):
        half[test] = number
    kept = np.ones(len(label), bool)
    for _ in range(rounds):
        following = np.zeros(len(label), bool)
        for mine in (0, 1):
            model = learn(samples.isel(sample=kept & (half == mine)))
            theirs = np.flatnonzero(half != mine)
            classes = np.asarray(model.classes_)
            place = np.clip(np.searchsorted(classes, label[theirs]), 0, len(classes) - 1)
            chance = model.predict_proba(table.iloc[theirs])[np.arange(len(theirs)), place]
            chance = np.where(classes[place] == label[theirs], chance, 0.0)
            many = round((1 - rate) * len(theirs))
            following[theirs[np.argsort(-chance, kind="stable")[:many]]] = True
        kept = following
    return kept
