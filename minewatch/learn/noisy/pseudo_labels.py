"""From a teacher's probabilities to labels: the surest of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import Layer, conform

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

__all__ = ["certainty", "of_samples", "pseudo_label"]

CERTAINTY = Layer("certainty", "certainty of a class: 1 less its relative entropy")


def pseudo_label(
    samples: xr.Dataset, probability: xr.DataArray, *, keep: float = 0.6
) -> xr.Dataset:
    """Samples with the labels of a teacher, the least sure of each class left out.

    The label is the likeliest class. Of each class so many percent are kept, the surest, so that
    an easy class does not crowd out a hard one. A class that is nowhere likeliest has no samples.

    Parameters
    ----------
    samples : xarray.Dataset
        What the student will see, dim ``sample``; its own ``label``, if any, becomes ``trusted``,
        unless a teacher before this one has made it that.
    probability : xarray.DataArray
        The teacher's, dims (sample, class): of :func:`minewatch.learn.out_of_fold`, better still
        calibrated, never on samples that the teacher was fitted to. NaN where it saw nothing.
    keep : float
        Share of each class, above 0, up to 1.

    Returns
    -------
    xarray.Dataset
        The samples that are kept, with the coordinates ``label`` (the teacher's) and ``sureness``
        (its probability).

    Raises
    ------
    ValueError
        If the tables do not fit each other or `keep` is out of range.

    See Also
    --------
    fit_student : learns from them.

    Examples
    --------
    >>> import xarray as xr
    >>> coords = {"class": [0, 1], "label": ("sample", [0, 0, 0, 1])}
    >>> values = [[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8]]
    >>> samples = xr.Dataset(
    ...     {"s1_vv": ("sample", [1.0, 2.0, 3.0, 4.0])}, {"label": coords["label"]}
    ... )
    >>> found = pseudo_label(samples, xr.DataArray(values, coords, ("sample", "class")), keep=0.5)
    >>> found.label.values, found.s1_vv.values
    (array([0, 1]), array([1., 4.]))
    """
    if not 0 < keep <= 1:
        message = f"keep is a share above 0, up to 1, got {keep}; use 0.6"
        raise ValueError(message)
    values, classes = of_samples(samples, probability, by="pseudo_label")
    known = np.asarray(np.isfinite(values).all(axis=1), np.bool_)
    comparable = np.where(known[:, None], values, -np.inf)
    sure = np.asarray(comparable.max(axis=1), np.float64)
    likeliest = np.where(known, comparable.argmax(axis=1), -1)
    chosen = np.zeros(len(values), bool)
    for at in range(len(classes)):
        members = np.flatnonzero(likeliest == at)
        # The surest first; among equals the first, so that chance has no say.
        ranked = members[np.argsort(-sure[members], kind="stable")]
        chosen[ranked[: int(np.ceil(keep * len(members)))]] = True
    coords = {"label": ("sample", classes[likeliest]), "sureness": ("sample", sure)}
    if "label" in samples.coords and "trusted" not in samples.coords:
        samples = samples.rename(label="trusted")
    return samples.assign_coords(coords).isel(sample=np.flatnonzero(chosen))


def certainty(probability: xr.DataArray) -> xr.DataArray:
    r"""How sure a probability is: one less its entropy, as a share of the largest possible.

    :math:`1 + \sum_k p_k \log p_k / \log K`: 1 where one class is certain, 0 where all are as
    likely. Average the probabilities of several models first: where they disagree, it falls.

    Parameters
    ----------
    probability : xarray.DataArray
        Dims with ``class`` among them.

    Returns
    -------
    xarray.DataArray
        Without ``class``, 0 to 1, lazy if `probability` is; NaN where it is.

    Examples
    --------
    >>> import xarray as xr
    >>> certainty(xr.DataArray([[1.0, 0.5], [0.0, 0.5]], dims=("class", "x"))).values
    array([1., 0.], dtype=float32)
    """
    # 0 log 0 is 0; a missing probability stays missing.
    positive = probability.where((probability > 0) | probability.isnull(), 1.0)
    entropy = -(positive * np.log(positive)).sum("class", skipna=False)
    sure = 1 - entropy / np.log(probability.sizes["class"])
    return conform(sure, CERTAINTY)


def of_samples(
    samples: xr.Dataset, probability: xr.DataArray, *, by: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[Any]]:
    """Probabilities of the samples, a row each, and the classes of the columns.

    Parameters
    ----------
    samples : xarray.Dataset
        Dim ``sample``.
    probability : xarray.DataArray
        Dims (sample, class).
    by : str
        The function that asks, for messages.

    Returns
    -------
    (array of float64, array)
        Rows, and the classes in rising order.

    Raises
    ------
    ValueError
        If they do not fit each other.
    """
    if set(probability.dims) != {"sample", "class"} or "class" not in probability.coords:
        message = (
            f"{by} needs probabilities with dims (sample, class) and the classes as coordinate, "
            f"got dims {probability.dims}; use minewatch.learn.out_of_fold"
        )
        raise ValueError(message)
    ordered = probability.transpose("sample", "class").sortby("class")
    if ordered.sizes["sample"] != samples.sizes.get("sample"):
        message = (
            f"{by} got {samples.sizes.get('sample')} samples and {ordered.sizes['sample']} "
            "probabilities; take both of the same samples in the same order"
        )
        raise ValueError(message)
    return ordered.to_numpy().astype(np.float64), ordered["class"].to_numpy()
