"""One image from a series: medians, means, quantiles, geometric medians, and how many dates."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import xarray as xr

from minewatch.composites.geometric import geometric_median
from minewatch.composites.reducers import count_dates, reduce_dates
from minewatch.conventions import Layer, conform, require

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

__all__ = ["composite", "valid_count"]

XarrayT = TypeVar("XarrayT", xr.DataArray, xr.Dataset)
QUALITY = "quality"
COUNT = "count"


def composite(
    cube: XarrayT,
    *,
    by: Literal["year", "season"] | None = None,
    reducer: Literal["median", "mean", "geomedian"] | float = "median",
    min_count: int = 1,
    count: bool = False,
) -> XarrayT:
    """One image from the dates of a cube, or one for each year or season.

    Missing dates (NaN: clouds, gaps) do not count. Composite linear power, not decibels, where
    the mean is meant. Means add up sixteen chunks at a time; for a median or quantile a task holds
    all dates of its chunk of a layer (200 of 1024 × 1024 pixels are 0.8 GB), for the geometric
    median of all variables: :func:`block_size` says how small chunks must be.

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
    count : bool
        Adds a variable ``count`` to a Dataset: the valid dates of whichever variable has fewest,
        with the geometric median those of all together. It comes out of the same tasks: no date
        is read twice for it.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        float32, dims (y, x), (year, y, x) or (season, y, x), lazy if `cube` is; ``year`` is an
        integer, ``season`` the first day of the quarter; ``count`` is uint16. Chunks of y and x
        are kept.

    Raises
    ------
    ValueError
        If `by`, `reducer` or `min_count` mean nothing, a time is missing, or the dims are others;
        if a DataArray is to be counted too, or a variable is called ``count``.

    See Also
    --------
    valid_count : how many dates each variable has.
    block_size : chunks that fit the memory.

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
    if isinstance(cube, xr.DataArray):
        if count or reducer == "geomedian":
            what = "valid dates of all" if count else "the geometric median over the"
            fix = "use valid_count" if count else "use reducer='median'"
            message = (
                f"composite takes {what} variables of a Dataset, got a DataArray; {fix}, or "
                "cube.to_dataset('band')"
            )
            raise ValueError(message)
        layers = {"": cube}
    else:
        layers = _floating(cube)
        if count and COUNT in layers:
            message = f"composite cannot add {COUNT!r} to a variable of this name; rename it"
            raise ValueError(message)
    for layer in layers.values():
        require(layer, "time", "y", "x", by="composite", dtype="floating")
    images: dict[str, list[xr.DataArray]] = {name: [] for name in layers}
    numbers: list[xr.DataArray] = []
    for where in groups.values():
        dates = {name: layer.isel(time=where) for name, layer in layers.items()}
        found, seen = _reduced(dates, reducer, min_count, count)
        for name, image in found.items():
            images[name].append(image)
        numbers += seen
    finished = {
        name: _finish(parts, layers[name], groups, by, attrs) for name, parts in images.items()
    }
    if isinstance(cube, xr.DataArray):
        return finished[""]
    if count:
        kind = Layer(COUNT, "valid dates", dtype="uint16")
        finished[COUNT] = conform(_together(numbers, groups, by), kind, by=by)
    return xr.Dataset(finished, attrs=cube.attrs)


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
        images = [count_dates(layer.isel(time=where)) for where in groups.values()]
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


def _reduced(
    dates: Mapping[str, xr.DataArray], reducer: str | float, min_count: int, count: bool
) -> tuple[dict[str, xr.DataArray], list[xr.DataArray]]:
    """The image of each layer, and in a list the number of dates of all, if wanted."""
    if reducer == "geomedian":
        both = geometric_median(list(dates.values()), min_count, count=count)
        images = {name: both.isel(variable=at) for at, name in enumerate(dates)}
        return images, [both.isel(variable=-1)] if count else []
    found = {
        name: reduce_dates(layer, reducer, min_count=min_count, count=count)
        for name, layer in dates.items()
    }
    images = {name: each.isel(feature=0) for name, each in found.items()}
    if not count:
        return images, []
    return images, [reduce(xr.ufuncs.minimum, (each.isel(feature=1) for each in found.values()))]


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
