"""How often labels are wrong, and which: confident learning.

A model that has not seen a sample disagrees with its label either because the model is weak there
or because the label is wrong. Where it is as sure of another class as it is of that class's own
samples on average, the label is taken to be wrong. After Northcutt, Jiang & Chuang (2021),
Confident learning, https://doi.org/10.1613/jair.1.12125
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.learn.noisy.pseudo_labels import of_samples

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["LabelNoise", "label_noise"]

LEAST = 1e-6
"""Least probability of a class: the inverse of a matrix may make some of them negative."""


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """What :func:`label_noise` found.

    Parameters
    ----------
    classes : array, shape (classes,)
        The classes.
    joint : array of float64, shape (classes, classes)
        Share of the samples with one label (rows) and another true class (columns); adds up to 1.
    wrong : array of bool, shape (samples,)
        Samples whose label is taken to be wrong.
    posterior : array of float64, shape (samples, classes)
        Probability of each true class, given the sample and its label.
    """

    classes: npt.NDArray[Any]
    joint: npt.NDArray[np.float64]
    wrong: npt.NDArray[np.bool_]
    posterior: npt.NDArray[np.float64]

    @property
    def rate(self) -> float:
        """Share of labels that are wrong."""
        return float(1 - np.trace(self.joint))

    @property
    def transition(self) -> npt.NDArray[np.float64]:
        """Probability of each label (columns) given the true class (rows); NaN without samples."""
        return _transition(self.joint)


def label_noise(samples: xr.Dataset, probability: xr.DataArray) -> LabelNoise:
    """How often the labels of samples are wrong, and which of them. Computes.

    Parameters
    ----------
    samples : xarray.Dataset
        Dim ``sample``, coordinate ``label``.
    probability : xarray.DataArray
        Of a model that has not seen the sample, dims (sample, class): of
        :func:`minewatch.learn.out_of_fold`, with folds that keep blocks of ground together.

    Returns
    -------
    LabelNoise
        Rates, wrong labels and corrected probabilities.

    Raises
    ------
    ValueError
        If the tables do not fit each other, a probability is missing or a label is none of its
        classes.

    References
    ----------
    Northcutt, Jiang & Chuang (2021), https://doi.org/10.1613/jair.1.12125

    Examples
    --------
    >>> import xarray as xr
    >>> coords = {"class": [0, 1], "label": ("sample", [0, 0, 0, 1, 1, 1])}
    >>> values = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.1, 0.9], [0.1, 0.9]]
    >>> samples = xr.Dataset({"s1_vv": ("sample", range(6))}, {"label": coords["label"]})
    >>> found = label_noise(samples, xr.DataArray(values, coords, ("sample", "class")))
    >>> found.wrong, round(found.rate, 3)
    (array([False, False,  True, False, False, False]), 0.167)
    """
    values, classes = of_samples(samples, probability, by="label_noise")
    label = np.searchsorted(classes, samples["label"].to_numpy())
    known = label < len(classes)
    if not known.all() or (classes[label] != samples["label"].to_numpy()).any():
        message = (
            f"label_noise has probabilities of {classes.tolist()} and labels of "
            f"{np.unique(samples['label']).tolist()}; predict all of them"
        )
        raise ValueError(message)
    if not np.isfinite(values).all():
        message = (
            f"label_noise lacks {np.isnan(values).any(axis=1).sum()} probabilities; drop those"
        )
        raise ValueError(message)
    joint = _joint(values, label, len(classes))
    return LabelNoise(
        classes, joint, _wrong(values, label, joint), _posterior(values, label, joint)
    )


def _joint(
    values: npt.NDArray[np.float64], label: npt.NDArray[np.int64], size: int
) -> npt.NDArray[np.float64]:
    """Share of samples by label and likely true class."""
    own = np.array(
        [values[label == at, at].mean() if (label == at).any() else np.nan for at in range(size)]
    )
    sure = np.where(values >= own, values, -np.inf)  # never of a class without samples
    counted = np.isfinite(sure).any(axis=1)
    counts = np.zeros((size, size))
    np.add.at(counts, (label[counted], sure[counted].argmax(axis=1)), 1)
    for at in range(size):
        if not counts[at].any():  # nothing sure: take the labels at their word
            counts[at, at] = 1
    drawn = np.bincount(label, minlength=size)
    shares = counts / counts.sum(axis=1, keepdims=True) * drawn[:, None]
    return np.asarray(shares / shares.sum(), np.float64)


def _wrong(
    values: npt.NDArray[np.float64],
    label: npt.NDArray[np.int64],
    joint: npt.NDArray[np.float64],
) -> npt.NDArray[np.bool_]:
    """Of each label and other class, as many as the joint says, the clearest first."""
    wrong = np.zeros(len(label), bool)
    for one, other in np.argwhere(joint > 0):
        if one == other:
            continue
        members = np.flatnonzero(label == one)
        margin = values[members, other] - values[members, one]
        many = round(len(label) * joint[one, other])
        wrong[members[np.argsort(-margin, kind="stable")[:many]]] = True
    return wrong


def _transition(joint: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    true = joint.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray((joint / true).T, np.float64)


def _posterior(
    values: npt.NDArray[np.float64],
    label: npt.NDArray[np.int64],
    joint: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Probability of each true class: the model's of the labels, undone, times the label's."""
    transition = _transition(joint)
    # A class that no sample is thought to be of: its labels mean themselves.
    empty = np.isnan(transition).any(axis=1)
    transition[empty] = np.eye(len(joint))[empty]
    true = np.maximum(values @ np.linalg.pinv(transition), LEAST)
    weighted = true * transition[:, label].T
    total = weighted.sum(axis=1, keepdims=True)
    # A label that no class leads to says nothing about the class.
    return np.where(
        total > 0, weighted / np.where(total > 0, total, 1), true / true.sum(1, keepdims=True)
    )
