"""From a probability to a map: how precision and recall trade, and the threshold that wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["best_threshold", "precision_recall"]


def precision_recall(
    probability: xr.DataArray | npt.ArrayLike,
    reference: xr.DataArray | npt.ArrayLike,
    *,
    weight: xr.DataArray | npt.ArrayLike | None = None,
    beta: float = 1.0,
) -> xr.Dataset:
    """Precision, recall and F at every threshold that changes the map. Computes.

    An element is mapped where its probability is at or above the threshold. Use probabilities of
    samples that the model has not seen, e.g. of :func:`minewatch.learn.out_of_fold`; all of them
    are sorted in memory, so give samples rather than maps.

    Parameters
    ----------
    probability : xarray.DataArray or array
        Probability of the class that is looked for.
    reference : xarray.DataArray or array
        1 or True where it is there, 0 or False where not; the same shape.
    weight : xarray.DataArray or array, optional
        What each element counts; 1 without it.
    beta : float
        Above 1 recall weighs more, below 1 precision does.

    Returns
    -------
    xarray.Dataset
        ``precision``, ``recall`` and ``f_beta`` along ``threshold``, falling; float64. Elements
        with a probability or reference of NaN are left out.

    Raises
    ------
    ValueError
        If shapes differ, the reference holds other values or no element is positive.

    See Also
    --------
    best_threshold : where F is largest.

    Examples
    --------
    >>> curve = precision_recall([0.9, 0.7, 0.6, 0.2], [1, 0, 1, 0])
    >>> curve.threshold.values, curve.precision.values
    (array([0.9, 0.7, 0.6, 0.2]), array([1.  , 0.5 , 0.67, 0.5 ]))
    """
    chance, truth = (np.asarray(values, np.float64) for values in (probability, reference))
    load = np.ones_like(chance) if weight is None else np.asarray(weight, np.float64)
    if not chance.shape == truth.shape == load.shape:
        message = (
            "precision_recall needs one reference and weight for each probability, got shapes "
            f"{chance.shape}, {truth.shape}, {load.shape}"
        )
        raise ValueError(message)
    known = ~(np.isnan(chance) | np.isnan(truth))
    chance, truth, load = chance[known], truth[known], load[known]
    if not np.isin(truth, (0, 1)).all():
        message = (
            f"precision_recall needs a reference of 0 and 1, got {np.unique(truth)[:5].tolist()}; "
            "use reference == the class that is looked for"
        )
        raise ValueError(message)
    if not (truth * load).any():
        message = "precision_recall needs a positive element in the reference, got none"
        raise ValueError(message)
    order = np.argsort(-chance, kind="stable")
    chance = chance[order]
    last = np.append(chance[1:] != chance[:-1], True)
    tp = np.cumsum((truth * load)[order])[last]
    mapped = np.cumsum(load[order])[last]
    wanted = tp[-1]
    weighed = beta * beta
    curve: dict[str, tuple[str, Any, dict[str, str]]] = {}
    for name, part, whole in (
        ("precision", tp, mapped),
        ("recall", tp, np.full_like(tp, wanted)),
        ("f_beta", (1 + weighed) * tp, weighed * wanted + mapped),
    ):
        share = np.divide(part, whole, out=np.full(len(tp), np.nan), where=whole > 0)
        curve[name] = ("threshold", share, {"long_name": name, "units": "1"})
    return xr.Dataset(curve, coords={"threshold": chance[last]}, attrs={"beta": float(beta)})


def best_threshold(
    probability: xr.DataArray | npt.ArrayLike,
    reference: xr.DataArray | npt.ArrayLike,
    *,
    weight: xr.DataArray | npt.ArrayLike | None = None,
    beta: float = 1.0,
) -> float:
    """The threshold at which F is largest. Computes.

    Parameters
    ----------
    probability, reference, weight, beta
        As in :func:`precision_recall`; give predictions on samples that the model has not seen.

    Returns
    -------
    float
        Map what is at or above it. Of several equally good ones the highest.

    Raises
    ------
    ValueError
        As in :func:`precision_recall`.

    See Also
    --------
    precision_recall : the whole curve.

    Examples
    --------
    >>> best_threshold([0.9, 0.7, 0.6, 0.2], [1, 0, 1, 0])
    0.6
    """
    curve = precision_recall(probability, reference, weight=weight, beta=beta)
    at = int(np.argmax(curve["f_beta"].values))
    return float(curve["threshold"].values[at])
