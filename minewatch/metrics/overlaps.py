"""Intersection over union per class, and its mean as different people take it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.metrics.tables import as_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["iou", "mean_iou"]

IOU = Layer("iou", "intersection over union", dtype="float64")
EPS = 1e-7
"""What the two baselines of the 2025 Data Fusion Contest add to their fractions."""


def iou(confusion: xr.DataArray | npt.ArrayLike) -> xr.DataArray:
    """Intersection over union of each class: TP / (TP + FP + FN).

    Parameters
    ----------
    confusion : xarray.DataArray or array
        Square table, rows the reference, columns the map; bare, its classes are 0, 1, ….

    Returns
    -------
    xarray.DataArray
        Dims (class), float64; NaN for a class that neither side holds.

    Raises
    ------
    ValueError
        If the table is not square.

    Examples
    --------
    >>> iou([[50, 2], [3, 45]]).values
    array([0.909091, 0.9     ])
    """
    table, codes = as_table(confusion, by="iou")
    hit, union = _parts(table)
    share = np.divide(hit, union, out=np.full(hit.shape, np.nan), where=union > 0)
    dims = [f"axis{axis}" for axis in range(share.ndim - 1)] + ["class"]
    return conform(xr.DataArray(share, dims=dims, coords={"class": codes}), IOU)


def _parts(table: Any) -> tuple[Any, Any]:
    table = table.astype(np.float64)
    hit = np.diagonal(table, axis1=-2, axis2=-1)
    return hit, table.sum(axis=-1) + table.sum(axis=-2) - hit


def mean_iou(
    confusion: xr.DataArray | npt.ArrayLike,
    *,
    convention: Literal["default", "track1", "track2"] = "default",
    ignore_classes: Sequence[int] = (),
) -> float:
    """Mean intersection over union, in one of three ways.

    The figure depends on what is done with a class that is absent; the baselines of the 2025 IEEE
    GRSS Data Fusion Contest do it differently.

    Parameters
    ----------
    confusion : xarray.DataArray or array
        Square table, rows the reference, columns the map; dims in front, if any, are batches.
    convention : {"default", "track1", "track2"}
        ``"default"``: classes that neither side holds are left out. ``"track1"``: the first class
        (background) is skipped, as is a class absent from the reference of a batch, whose false
        positives then go unpunished; batches are averaged. ``"track2"``: an absent class counts
        as 0. Batches are added up in the first and last.
    ignore_classes : sequence of int
        Classes that do not enter the mean.

    Returns
    -------
    float
        NaN if no class is left.

    Raises
    ------
    ValueError
        If the convention is not known or the table is not square.

    References
    ----------
    Chen et al. (2025), Bright: a globally distributed multimodal building damage assessment
    dataset. https://doi.org/10.48550/arXiv.2501.06019

    Examples
    --------
    >>> mean_iou([[50, 2], [3, 45]])
    0.904545
    >>> mean_iou([[50, 0], [0, 0]]), mean_iou([[50, 0], [0, 0]], convention="track2")
    (1.0, 0.5)
    """
    if convention not in ("default", "track1", "track2"):
        message = f"mean_iou knows 'default', 'track1' and 'track2', got {convention!r}"
        raise ValueError(message)
    table, codes = as_table(confusion, by="mean_iou")
    batches = table.reshape(-1, *table.shape[-2:])
    wanted = np.array([code not in set(ignore_classes) for code in codes])
    if convention == "track1":
        wanted &= np.arange(len(codes)) > 0
        found = [_mean(_track1(batch), wanted & (batch.sum(axis=1) > 0)) for batch in batches]
        return _mean(np.array(found), ~np.isnan(found))
    hit, union = _parts(batches.sum(axis=0))
    if convention == "track2":
        return _mean(hit / (union + EPS), wanted)
    present = wanted & (union > 0)
    return _mean(hit / np.where(union > 0, union, 1), present)


def _track1(batch: Any) -> Any:
    hit, union = _parts(batch)
    return (hit + EPS) / (union + EPS)


def _mean(values: Any, kept: Any) -> float:
    return float(values[kept].mean()) if kept.any() else math.nan
