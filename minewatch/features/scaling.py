"""Standard scores: features with mean 0 and standard deviation 1 where the model learnt."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import xarray as xr

from minewatch.conventions import Layer, conform

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["moments", "standardise"]


def moments(features: xr.Dataset) -> tuple[dict[str, float], dict[str, float]]:
    """Mean and standard deviation of each feature over all of its pixels or samples.

    Computes, in one pass. Take them of the training samples only, else the test set leaks.
    The standard deviation divides by n; missing values do not count.

    Parameters
    ----------
    features : xarray.Dataset
        A variable for each feature, any dims.

    Returns
    -------
    (dict, dict)
        Means and standard deviations by name; NaN where a feature has no valid value.

    See Also
    --------
    standardise : applies them.

    Examples
    --------
    >>> moments(xr.Dataset({"s1_vv": ("sample", [-8.0, -10.0, float("nan")])}))
    ({'s1_vv': -9.0}, {'s1_vv': 1.0})
    """
    sums: dict[str, xr.DataArray] = {}
    for name, layer in features.astype("float64").items():
        sums |= {f"n_{name}": layer.count(), f"sum_{name}": layer.sum()}
        sums |= {f"squares_{name}": (layer**2).sum()}
        # Not numpy's way to leave out gaps, which warns of chunks of gaps alone.
        sums[f"low_{name}"] = layer.fillna(math.inf).min(skipna=False)
        sums[f"high_{name}"] = layer.fillna(-math.inf).max(skipna=False)
    found = {str(key): float(value) for key, value in xr.Dataset(sums).compute().items()}
    mean, std = {}, {}
    for name in map(str, features):
        n, low, high = (found[f"{part}_{name}"] for part in ("n", "low", "high"))
        mean[name] = found[f"sum_{name}"] / n if n else math.nan
        variance = found[f"squares_{name}"] / n - mean[name] ** 2 if n else math.nan
        # The mean of equal values is rounded, and would leave them a tiny spread.
        std[name] = 0.0 if low == high else math.sqrt(max(variance, 0.0))
    return mean, std


def standardise(
    features: xr.Dataset, *, mean: Mapping[str, float], std: Mapping[str, float]
) -> xr.Dataset:
    """Standard scores, (value − mean)/standard deviation, of each feature.

    A forest does not care; classifiers that measure distances do.

    Parameters
    ----------
    features : xarray.Dataset
        A variable for each feature, any dims.
    mean, std : mapping of str to float
        From :func:`moments` of the training samples. A feature whose standard deviation is 0 or
        unknown says nothing: it is dropped with a warning.

    Returns
    -------
    xarray.Dataset
        float32 without units, lazy if `features` is.

    Raises
    ------
    KeyError
        If a feature has no mean or standard deviation.

    Examples
    --------
    >>> features = xr.Dataset({"s1_vv": ("x", [-8.0, -10.0])})
    >>> standardise(features, mean={"s1_vv": -9.0}, std={"s1_vv": 0.5}).s1_vv.values
    array([ 2., -2.], dtype=float32)
    """
    unknown = [name for name in features if name not in mean or name not in std]
    if unknown:
        message = (
            f"standardise has no moments of {unknown}; compute them with "
            "minewatch.features.moments of samples that hold the same features"
        )
        raise KeyError(message)
    constant = [str(name) for name in features if not std[str(name)] > 0]
    if constant:
        warnings.warn(
            f"standardise drops {constant}: constant or missing in all training samples; "
            "leave them out of the stack",
            stacklevel=2,
        )
    scores = {}
    for key, layer in features.drop_vars(constant).items():
        name = str(key)
        # A mean rounded to float32 would shift the scores of, say, an elevation.
        score = (layer.astype("float64") - float(mean[name])) / float(std[name])
        long_name = f"standard score of {layer.attrs.get('long_name', name)}"
        scores[name] = conform(
            score, Layer(name, long_name), mean=float(mean[name]), std=float(std[name])
        )
    return xr.Dataset(scores, attrs=features.attrs)
