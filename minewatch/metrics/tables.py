"""The table of confusion: how often each reference class was mapped as each class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import NO_CLASS, Layer, conform, require_same_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["as_table", "confusion"]

CONFUSION = Layer("confusion", "how often each reference class was mapped as each class")


def confusion(
    reference: xr.DataArray | npt.ArrayLike,
    predicted: xr.DataArray | npt.ArrayLike,
    *,
    classes: Sequence[int] | None = None,
    weight: xr.DataArray | npt.ArrayLike | None = None,
) -> xr.DataArray:
    """Count how often each reference class was mapped as each class.

    Computes, block by block: the result is a small table. Elements where either side is unknown
    (NaN, or 255 in uint8) are left out and counted in the attribute ``left_out``.

    Parameters
    ----------
    reference, predicted : xarray.DataArray or array
        Class codes, the same shape and, for maps, the same grid; numpy or dask.
    classes : sequence of int, optional
        Codes in the order wanted. Without it all codes that occur, which takes one more pass.
    weight : xarray.DataArray or array, optional
        What each element counts, e.g. the area it stands for; 1 without it.

    Returns
    -------
    xarray.DataArray
        Dims (reference, predicted), both with the codes as coordinates; int64, or float64 if
        weighted.

    Raises
    ------
    ValueError
        If shapes or grids differ, or a value is neither unknown nor one of `classes`.

    See Also
    --------
    scores : precision, recall and their like.
    mean_iou : intersection over union.

    Examples
    --------
    >>> confusion([0, 0, 1, 1, 1], [0, 1, 1, 1, 0]).values
    array([[1, 1],
           [1, 2]])
    """
    import dask

    one, other, *load = _alike(reference, predicted, *([] if weight is None else [weight]))
    codes = _occurring(one, other) if classes is None else list(classes)
    k = len(codes)
    first, second = _positions(one, codes), _positions(other, codes)
    known = (first < k) & (second < k)
    stray = [((place == k + 1).sum(), values) for place, values in ((first, one), (second, other))]
    cell = (first * k + second).where(known, k * k)
    # Unlike bincount, histogram takes blocks of any shape; numpy hands it to dask by itself.
    counted: Any = np.histogram(
        cell.data,
        bins=k * k + 1,
        range=(-0.5, k * k + 0.5),
        weights=load[0].data if load else None,
    )[0]
    gaps = (first == k) | (second == k)
    table, left_out, strays = dask.compute(counted, gaps.sum(), [n for n, _ in stray])
    for count, (_, values) in zip(strays, stray, strict=True):
        if int(count):
            message = (
                f"confusion was given classes {codes}, but {int(count)} elements hold others, e.g. "
                f"{sorted(set(_unique(values)) - set(codes))[:5]}; add them to classes"
            )
            raise ValueError(message)
    counts = xr.DataArray(
        np.asarray(table)[: k * k].reshape(k, k),
        dims=("reference", "predicted"),
        coords={"reference": codes, "predicted": codes},
    )
    kind = Layer(CONFUSION.name, CONFUSION.long_name, dtype=str(counts.dtype))
    return conform(counts, kind, left_out=int(left_out))


def _alike(first: Any, *others: Any) -> list[xr.DataArray]:
    """All as DataArrays of the same dims and chunks, without coordinates."""
    plain: list[xr.DataArray] = []
    for value in (first, *others):
        if isinstance(first, xr.DataArray) and isinstance(value, xr.DataArray):
            if set(first.dims) != set(value.dims):
                message = (
                    "confusion needs the same dims on both sides, got "
                    f"{first.dims} and {value.dims}"
                )
                raise ValueError(message)
            value = value.transpose(*first.dims)
            if {"y", "x"} <= set(first.dims):
                require_same_grid(first, value, by="confusion")
        data = value.data if isinstance(value, xr.DataArray) else value
        data = data if hasattr(data, "dask") else np.asarray(data)
        data = data.astype(np.uint8) if data.dtype == bool else data
        plain.append(xr.DataArray(data, dims=[f"axis{axis}" for axis in range(data.ndim)]))
        if data.shape != plain[0].shape:
            message = (
                f"confusion needs the same shape on both sides, got {plain[0].shape} "
                f"and {data.shape}"
            )
            raise ValueError(message)
    if any(value.chunks is not None for value in plain):
        lazy = [value if value.chunks is not None else value.chunk() for value in plain]
        plain = [value for value in xr.unify_chunks(*lazy) if isinstance(value, xr.DataArray)]
    return plain


def _is_missing(values: xr.DataArray) -> xr.DataArray:
    if np.issubdtype(values.dtype, np.floating):
        return values.isnull()
    return (values == NO_CLASS) if values.dtype == np.uint8 else xr.zeros_like(values, dtype=bool)


def _unique(values: xr.DataArray) -> list[int]:
    import dask

    known = values.where(~_is_missing(values)).data
    if hasattr(known, "dask"):
        blocks = known.to_delayed().ravel()
        known = np.concatenate(dask.compute(*(dask.delayed(np.unique)(block) for block in blocks)))
    found = np.unique(known)
    found = found[~np.isnan(found)]
    return [int(value) if float(value).is_integer() else value.item() for value in found]


def _occurring(one: xr.DataArray, other: xr.DataArray) -> list[int]:
    return sorted({*_unique(one), *_unique(other)})


def _positions(values: xr.DataArray, codes: Sequence[int]) -> xr.DataArray:
    """Where in `codes` each value stands; k if unknown, k + 1 if it is none of them."""
    place = (len(codes) + 1 - _is_missing(values)).astype(np.int64)
    for position, code in enumerate(codes):
        place = place.where(values != code, position)
    return place


def as_table(confusion: Any, *, by: str) -> tuple[Any, list[int]]:
    """The numbers of a table of confusion, dims (..., reference, predicted), and its classes.

    Raises
    ------
    ValueError
        If it is not square.
    """
    if isinstance(confusion, xr.DataArray):
        if {"reference", "predicted"} <= set(confusion.dims):
            confusion = confusion.transpose(..., "reference", "predicted")
        table = confusion.values
    else:
        table = np.asarray(confusion)
    if table.ndim < 2 or table.shape[-1] != table.shape[-2]:
        message = f"{by} needs a square table (reference, predicted), got shape {table.shape}"
        raise ValueError(message)
    if isinstance(confusion, xr.DataArray) and "reference" in confusion.coords:
        return table, [int(code) for code in confusion["reference"].values]
    return table, list(range(table.shape[-1]))
