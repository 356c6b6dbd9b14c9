"""One image from a series: medians, means, quantiles, geometric medians, and how many dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr

from minewatch import kernels
from minewatch._apply import along
from minewatch.composites.geometric import geometric_median
from minewatch.conventions import Layer, conform, require

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

__all__ = ["composite", "valid_count"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)
QUALITY = "quality"


def composite(
    cube: XarrayT,
    *,
    by: Literal["year", "season"] | None = None,
    reducer: Literal["median", "mean", "geomedian"] | float = "median",
    min_count: int = 1,
) -> XarrayT:
    """One image from the dates of a cube, or one for each year or season.

    Missing dates (NaN: clouds, gaps) do not count. Composite linear power, not decibels, where
    the mean is meant. Means add up date by date; for a median or quantile a task holds all dates
    of its chunk (200 of 1024 × 1024 pixels are 0.8 GB), for the geometric median of all variables.

    Parameters
    ----------
    cube : xarray.DataArray or xarray.Dataset
        Dims (time, y, x). In a Dataset the floating variables are composited; ``quality``,
        integer and static variables are left out.
    by : {"year", "season"}, optional
        One image for each calendar year, or for each quarter that begins in December, March, June
        or September. By default one for all dates.
    reducer : {"median", "mean", "geomedian"} or float
        How to reduce; a number from 0 to 1 is that quantile, with linear interpolation. The
        geometric median takes the variables of a Dataset together, so that their ratios are
        those of a spectrum; a date counts where all of them are valid.
    min_count : int
        A pixel with fewer valid dates is NaN.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        float32, dims (y, x), (year, y, x) or (season, y, x), lazy if `cube` is; ``year`` is an
        integer, ``season`` the first day of the quarter. Chunks of y and x are kept.

    Raises
    ------
    ValueError
        If `by`, `reducer` or `min_count` mean nothing, a time is missing, or the dims are others.

    See Also
    --------
    valid_count : how many dates there are.

    References
    ----------
    Geometric median: Roberts, Mueller & McIntyre (2017), High-dimensional pixel composites from
    Earth observation time series, IEEE TGRS 55(11), doi:10.1109/TGRS.2017.2723896

    Examples
    --------
    >>> time = np.array(["2022-04-01", "2022-06-01", "2023-05-01"], "datetime64[ns]")
    >>> values = np.array([1, 3, np.nan]).reshape(3, 1, 1)
    >>> cube = xr.DataArray(values, {"time": time}, ("time", "y", "x"), name="red")
    >>> composite(cube).item()
    2.0
    >>> composite(cube, by="year").values.ravel()
    array([ 2., nan], dtype=float32)
    """
    label = _check(reducer, min_count)
    groups = _groups(cube, by, asks="composite")
    attrs = {**label, "by": by, "min_count": min_count}

    def one(layer: xr.DataArray) -> xr.DataArray:
        require(layer, "time", "y", "x", by="composite", dtype="floating")
        images = [_reduce(layer.isel(time=where), reducer, min_count) for where in groups.values()]
        return _finish(images, layer, groups, by, attrs)

    if isinstance(cube, xr.DataArray):
        if reducer == "geomedian":
            message = (
                "composite takes the geometric median over the variables of a Dataset, got a "
                "DataArray; use reducer='median', or cube.to_dataset('band')"
            )
            raise ValueError(message)
        return one(cube)
    layers = _floating(cube)
    if reducer == "geomedian":
        for layer in layers.values():
            require(layer, "time", "y", "x", by="composite", dtype="floating")
        parts = [
            geometric_median([layer.isel(time=at) for layer in layers.values()], min_count)
            for at in groups.values()
        ]
        images = {
            name: _finish([part[place] for part in parts], layer, groups, by, attrs)
            for place, (name, layer) in enumerate(layers.items())
        }
    else:
        images = {name: one(layer) for name, layer in layers.items()}
    return xr.Dataset(images, attrs=cube.attrs)


def valid_count(cube: XarrayT, *, by: Literal["year", "season"] | None = None) -> XarrayT:
    """How many dates of each pixel are valid.

    Parameters
    ----------
    cube : xarray.DataArray or xarray.Dataset
        Dims (time, y, x); in a Dataset the floating variables count, ``quality`` does not.
    by : {"year", "season"}, optional
        As in :func:`composite`.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        uint16, dims (y, x), (year, y, x) or (season, y, x).

    Raises
    ------
    ValueError
        If `by` means nothing, a time is missing, or the dims are others.

    Examples
    --------
    >>> time = np.array(["2022-04-01", "2022-06-01"], "datetime64[ns]")
    >>> cube = xr.DataArray([[[1.0]], [[np.nan]]], {"time": time}, ("time", "y", "x"))
    >>> valid_count(cube).item()
    1
    """
    groups = _groups(cube, by, asks="valid_count")

    def one(layer: xr.DataArray) -> xr.DataArray:
        require(layer, "time", "y", "x", by="valid_count", dtype="floating")
        images = [layer.isel(time=where).count("time") for where in groups.values()]
        name = str(layer.name or "count")
        return conform(
            _together(images, groups, by),
            Layer(name, f"valid dates of {name}", dtype="uint16"),
            by=by,
        )

    if isinstance(cube, xr.DataArray):
        return one(cube)
    return xr.Dataset(
        {name: one(layer) for name, layer in _floating(cube).items()}, attrs=cube.attrs
    )


def _check(reducer: object, min_count: int) -> dict[str, object]:
    """What the attributes say about the reducer."""
    if min_count < 1:
        message = f"composite needs min_count of at least 1, got {min_count}; 1 keeps every pixel"
        raise ValueError(message)
    if reducer in ("median", "mean", "geomedian"):
        return {"reducer": reducer}
    if isinstance(reducer, int | float) and 0 <= reducer <= 1:
        return {"reducer": "quantile", "quantile": float(reducer)}
    message = (
        f"composite has no reducer {reducer!r}; use 'median', 'mean', 'geomedian' or a quantile "
        "from 0 to 1, e.g. 0.25"
    )
    raise ValueError(message)


def _floating(cube: xr.Dataset) -> dict[str, xr.DataArray]:
    layers = {
        str(name): layer
        for name, layer in cube.data_vars.items()
        if np.issubdtype(layer.dtype, np.floating) and name != QUALITY and "time" in layer.dims
    }
    if not layers:
        message = (
            f"nothing to composite: no floating variable with a time dimension among "
            f"{list(cube.data_vars)}; pass a Dataset of (time, y, x) layers"
        )
        raise ValueError(message)
    return layers


def _groups(
    cube: xr.DataArray | xr.Dataset, by: str | None, *, asks: str
) -> Mapping[Any, slice | list[int]]:
    """Positions along time of each image, by its label."""
    if by not in (None, "year", "season"):
        message = f"{asks} groups by 'year', 'season' or None, got by={by!r}"
        raise ValueError(message)
    if by is None:
        return {None: slice(None)}
    if "time" not in cube.indexes or cube.indexes["time"].dtype.kind != "M":
        message = f"{asks} needs a datetime coordinate 'time' to group by {by!r}; assign one"
        raise ValueError(message)
    time = cube.indexes["time"].to_numpy()
    if np.isnat(time).any():
        message = f"{asks} cannot group a missing time; drop it: cube.sel(time=cube.time.notnull())"
        raise ValueError(message)
    months = time.astype("datetime64[M]")
    if by == "year":
        labels = months.astype("datetime64[Y]").astype(int) + 1970
    else:
        # Quarters begin in December: shift by a month, cut to threes, shift back.
        labels = ((months.astype(int) + 1) // 3 * 3 - 1).astype("datetime64[M]")
    groups = {}
    for label in np.unique(labels):
        at = np.flatnonzero(labels == label)
        whole = at[-1] - at[0] + 1 == at.size
        groups[label] = slice(int(at[0]), int(at[-1]) + 1) if whole else at.tolist()
    return groups


def _reduce(series: xr.DataArray, reducer: object, min_count: int) -> xr.DataArray:
    if reducer == "mean":
        count = series.count("time")
        total = series.sum("time", skipna=True, dtype="float64")
        return total / count.where(count >= min_count)
    series = series.astype("float32")
    if reducer == "median":
        return along(_median, series, "time", arguments=(min_count,))
    return along(_quantile, series, "time", arguments=(float(reducer), min_count))  # type: ignore[arg-type]


def _median(block: Any, min_count: int) -> Any:
    return _enough(kernels.nanmedian(block), block, min_count)


def _quantile(block: Any, share: float, min_count: int) -> Any:
    ordered = np.sort(block, axis=-1)  # NaN sorts last
    last = np.maximum(np.count_nonzero(~np.isnan(block), axis=-1, keepdims=True) - 1, 0)
    place = share * last
    below = np.floor(place).astype(np.intp)
    low = np.take_along_axis(ordered, below, axis=-1)
    high = np.take_along_axis(ordered, np.minimum(below + 1, last), axis=-1)
    return _enough((low + (high - low) * (place - below))[..., 0], block, min_count)


def _enough(image: Any, block: Any, min_count: int) -> Any:
    if min_count > 1:
        image = np.where(np.count_nonzero(~np.isnan(block), axis=-1) >= min_count, image, np.nan)
    return image.astype("float32", copy=False)


def _finish(
    images: list[xr.DataArray],
    layer: xr.DataArray,
    groups: Mapping[Any, object],
    by: str | None,
    attrs: Mapping[str, object],
) -> xr.DataArray:
    name = str(layer.name or "composite")
    long_name, units = str(layer.attrs.get("long_name", name)), str(layer.attrs.get("units", "1"))
    image = _together(images, groups, by)
    return conform(image, Layer(name, f"{attrs['reducer']} of {long_name}", units=units), **attrs)


def _together(
    images: list[xr.DataArray], groups: Mapping[Any, object], by: str | None
) -> xr.DataArray:
    if by is None:
        return images[0]
    labels = np.array(list(groups))
    if by == "season":
        labels = labels.astype("datetime64[ns]")
    dim = xr.DataArray(labels, dims=by, name=by)
    return xr.concat(images, dim, coords="minimal", compat="override", join="override")
