"""Where a map asks a model about features the like of which it has not learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch import _apply
from minewatch.conventions import Layer, conform, require

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["domain_summary", "outside_domain"]

OUTSIDE = Layer("outside_domain", "share of features outside those learnt from")


def outside_domain(model: Any, features: xr.Dataset) -> xr.DataArray:
    """Share of the features of each pixel that lie outside what the model has learnt from.

    A forest does not extrapolate: beyond the largest value of training it says what it says there.
    Outside is what is below the least or above the largest value in training; a pixel may also be
    unlike all of them in the way that its features go together, which this does not see.

    Parameters
    ----------
    model : object
        From :func:`fit_forest` or :func:`load_model`: it has ``training_domain_``.
    features : xarray.Dataset
        A variable per feature, dims (..., y, x), NaN unknown; others are ignored.

    Returns
    -------
    xarray.DataArray
        Dims (..., y, x), float32 from 0 to 1, lazy if `features` are; NaN where a feature is
        missing.

    Raises
    ------
    TypeError
        If the model does not know its domain.
    KeyError
        If a feature is lacking.
    ValueError
        If features differ in dims.

    See Also
    --------
    domain_summary : how many pixels, and which features.

    Examples
    --------
    >>> class Model:
    ...     training_domain_ = pd.DataFrame({"min": [0.0], "max": [0.5]}, index=["s2_bsi"])
    >>> features = xr.Dataset({"s2_bsi": (("y", "x"), np.array([[0.25, 0.75, np.nan]], "f4"))})
    >>> outside_domain(Model(), features).values
    array([[ 0.,  1., nan]], dtype=float32)
    """
    layers, bounds = _layers(model, features, by="outside_domain")
    return conform(_apply.with_shared(_share, bounds, layers), OUTSIDE, features=len(layers))


def domain_summary(model: Any, features: xr.Dataset) -> pd.DataFrame:
    """How much of a map lies outside what the model has learnt from, and why. Computes.

    Parameters
    ----------
    model, features
        As in :func:`outside_domain`; each block is read once.

    Returns
    -------
    pandas.DataFrame
        A row per feature, the most often outside first: ``below`` and ``above``, shares of the
        pixels that lack no feature. ``attrs``: ``pixels`` (that lack none) and ``outside``, the
        share of them that are outside in any feature; shares are NaN without pixels.

    Raises
    ------
    TypeError, KeyError, ValueError
        As in :func:`outside_domain`.

    See Also
    --------
    outside_domain : where they lie.

    Examples
    --------
    >>> class Model:
    ...     training_domain_ = pd.DataFrame({"min": [0.0], "max": [0.5]}, index=["s2_bsi"])
    >>> features = xr.Dataset({"s2_bsi": (("y", "x"), np.array([[0.25, 0.75, np.nan]], "f4"))})
    >>> domain_summary(Model(), features)
            below  above
    s2_bsi    0.0    0.5
    """
    layers, bounds = _layers(model, features, by="domain_summary")
    flags = _apply.with_shared(
        _flags, bounds, layers, out_dim="count", out_size=2 * len(layers) + 2, dtype="uint8"
    )
    counts = flags.sum([dim for dim in flags.dims if dim != "count"], dtype=np.int64).values
    pixels = int(counts[-1])
    shares = counts / pixels if pixels else np.full(len(counts), np.nan)
    table = pd.DataFrame(
        shares[:-2].reshape(-1, 2),
        index=pd.Index([str(layer.name) for layer in layers]),
        columns=pd.Index(["below", "above"]),
    )
    often = table.sum(axis=1, skipna=False)
    table = table.loc[often.sort_values(ascending=False, kind="stable").index]
    table.attrs = {"pixels": pixels, "outside": float(shares[-2])}
    return table


def _layers(
    model: Any, features: xr.Dataset, *, by: str
) -> tuple[list[xr.DataArray], npt.NDArray[np.float64]]:
    """The model's layers, and least and largest value in training of each, (feature, 2)."""
    domain = getattr(model, "training_domain_", None)
    if domain is None or not {"min", "max"} <= set(domain.columns):
        message = (
            f"{by} needs a model that knows what it was trained on, got {type(model).__name__}; "
            "fit one with minewatch.learn.fit_forest"
        )
        raise TypeError(message)
    names = [str(name) for name in domain.index]
    if lacking := [name for name in names if name not in features.data_vars]:
        message = f"the model was fitted on {names}; the features lack {lacking}"
        raise KeyError(message)
    layers = [features[name] for name in names]
    for layer in layers:
        require(layer, ..., "y", "x", by=by)
        if layer.dims != layers[0].dims:
            message = (
                f"{by} needs features of the same dims, got {layers[0].dims} for {names[0]!r} and "
                f"{layer.dims} for {layer.name!r}"
            )
            raise ValueError(message)
    return layers, domain[["min", "max"]].to_numpy(np.float64)


def _share(bounds: npt.NDArray[np.float64], *blocks: Any) -> npt.NDArray[np.float32]:
    outside = np.zeros(blocks[0].shape, np.float32)
    for (low, high), block in zip(bounds, blocks, strict=True):
        # Compared as the model compares: in float32, in which the bounds are exact.
        values = np.asarray(block, np.float32)
        outside += np.where(np.isnan(values), np.nan, (values < low) | (values > high))
    outside /= len(blocks)
    return outside


def _flags(bounds: npt.NDArray[np.float64], *blocks: Any) -> npt.NDArray[np.uint8]:
    """Of complete pixels: below and above by feature, any of it; and which are complete."""
    flags = np.zeros((2 * len(blocks) + 2, *blocks[0].shape), np.uint8)
    flags[-1] = 1
    for block in blocks:
        flags[-1] &= ~np.isnan(np.asarray(block, np.float32))
    for at, ((low, high), block) in enumerate(zip(bounds, blocks, strict=True)):
        values = np.asarray(block, np.float32)
        flags[2 * at] = (values < low) & (flags[-1] == 1)
        flags[2 * at + 1] = (values > high) & (flags[-1] == 1)
        flags[-2] |= flags[2 * at] | flags[2 * at + 1]
    return flags
