"""From the probabilities of two dates to that of a change, and of what changed into what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.changes.gates import check_gate, prior
from minewatch.conventions import SPATIAL_REF, Layer, conform, require, require_same_grid

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["class_change", "transition"]

CHANGE = Layer("change", "probability that the class changed")
NEW = Layer("new_mine", "probability of a new mine")
LOST = Layer("lost_mine", "probability of a mine that is no more")
TRANSITION = Layer("transition", "probability of one class before and another after")

TOLERANCE = 1e-3
"""How far the probabilities of a pixel may be from adding up to 1."""


def class_change(
    before: xr.DataArray,
    after: xr.DataArray,
    *,
    footprint: xr.DataArray | gpd.GeoDataFrame | None = None,
    buffer: float = 200.0,
    outside: float = 1.0,
    mine: int = 1,
) -> xr.Dataset:
    r"""Probability that a pixel changed its class, became a mine, and ceased to be one.

    .. math:: P(\text{change}) = 1 - \sum_k p_\text{before}(k)\, p_\text{after}(k), \qquad
              P(\text{new mine}) = p_\text{after}(m)\,(1 - p_\text{before}(m))

    and the other way round for a mine that is no more. The two maps count as independent given the
    pixel. What either is unsure of shows as change: ground that is a mine with probability ½ on
    both dates changed with probability ½. :func:`false_change_rate` says how much of that two maps
    of known errors show where nothing changed.

    A footprint, e.g. a concession or the mines of the last map, says where change is likely: the
    probabilities are multiplied by `outside` beyond `buffer` metres of it.

    Parameters
    ----------
    before, after : xarray.DataArray
        Probability of each class, dims (class, y, x), on one grid, e.g. of
        :func:`minewatch.learn.predict_proba`; calibrated, or the result is no probability. That
        they add up to 1 is checked in memory, and taken for granted of lazy ones.
    footprint : xarray.DataArray or geopandas.GeoDataFrame, optional
        A mask (y, x) on the same grid, bool or uint8 with 1 inside and 255 unknown; or polygons.
    buffer : float
        Metres around the footprint that count as it does. From a mask they are measured between
        pixel centres, from polygons to their edge.
    outside : float
        Factor beyond, 0 to 1; 1 is without effect.
    mine : int
        The class of mines.

    Returns
    -------
    xarray.Dataset
        ``change``, ``new_mine`` and ``lost_mine``, dims (y, x), float32 in [0, 1], lazy if one of
        the inputs is. NaN where a class of either date, or the footprint, is unknown.

    Raises
    ------
    KeyError
        If there is no class `mine`.
    TypeError
        If an input is no DataArray of floats, or the footprint no mask.
    ValueError
        If dims, grids or classes differ, probabilities in memory do not add up to 1, or the buffer
        or the factor is out of range.

    See Also
    --------
    transition : from any class to any other.

    References
    ----------
    Singh (1989), Digital change detection techniques using remotely-sensed data, Int. J. Remote
    Sensing 10(6), doi:10.1080/01431168908903939.

    Examples
    --------
    >>> coords = {"class": [0, 1]}
    >>> before = xr.DataArray([[[0.9, 0.2]], [[0.1, 0.8]]], coords, ("class", "y", "x"))
    >>> after = xr.DataArray([[[0.2, 0.2]], [[0.8, 0.8]]], coords, ("class", "y", "x"))
    >>> found = class_change(before, after)
    >>> found.change.values, found.new_mine.values
    (array([[0.74, 0.32]], dtype=float32), array([[0.72, 0.16]], dtype=float32))
    """
    check_gate(buffer, outside, by="class_change")
    before, after = _alike(before, after, by="class_change")
    if mine not in before["class"].values:
        message = f"class_change looks for mine={mine}, but the classes are {_classes(before)}"
        raise KeyError(message)
    stayed = (before * after).sum("class", skipna=False)
    known = stayed.notnull()
    one, other = (each.sel({"class": mine}, drop=True) for each in (before, after))
    found = [
        (CHANGE, 1 - stayed),
        (NEW, (other * (1 - one)).where(known)),
        (LOST, (one * (1 - other)).where(known)),
    ]
    gate = {}
    if footprint is not None:
        like = before.isel({"class": 0}, drop=True)
        factor = prior(footprint, like, buffer=buffer, outside=outside, by="class_change")
        factor = factor.drop_vars(list(factor.coords))
        found = [(layer, each * factor) for layer, each in found]
        gate = {"buffer_metres": buffer, "outside": outside}
    # A rounded sum may be above 1 by the last digit.
    return xr.Dataset(
        {layer.name: conform(each.clip(0, 1), layer, mine=mine, **gate) for layer, each in found}
    )


def transition(
    before: xr.DataArray,
    after: xr.DataArray,
    *,
    from_: int | None = None,
    to: int | None = None,
) -> xr.DataArray:
    r"""Probability of one class before and another after.

    .. math:: P(k \to l) = p_\text{before}(k)\, p_\text{after}(l)

    Parameters
    ----------
    before, after : xarray.DataArray
        Probability of each class, dims (class, y, x), on one grid.
    from_, to : int, optional
        The classes asked for; by default all of them.

    Returns
    -------
    xarray.DataArray
        Dims (from, to, y, x), without those of a class that was asked for; float32, lazy if one of
        the inputs is. NaN where a class of either date is unknown. All of ``from`` and ``to`` add
        up to 1, and where the two differ to ``change`` of :func:`class_change`.

    Raises
    ------
    KeyError
        If there is no such class.
    TypeError
        If an input is no DataArray of floats.
    ValueError
        If dims, grids or classes differ, or probabilities in memory do not add up to 1.

    Examples
    --------
    >>> coords = {"class": [0, 1]}
    >>> before = xr.DataArray([[[0.9]], [[0.1]]], coords, ("class", "y", "x"))
    >>> after = xr.DataArray([[[0.2]], [[0.8]]], coords, ("class", "y", "x"))
    >>> transition(before, after).squeeze().values
    array([[0.18, 0.72],
           [0.02, 0.08]], dtype=float32)
    >>> transition(before, after, from_=0, to=1).values
    array([[0.72]], dtype=float32)
    """
    before, after = _alike(before, after, by="transition")
    ends = []
    for name, data, wanted in (("from", before, from_), ("to", after, to)):
        if wanted is not None and wanted not in data["class"].values:
            message = f"transition asks for {name} class {wanted}, but there are {_classes(data)}"
            raise KeyError(message)
        complete = data.where(data.notnull().all("class")).rename({"class": name})
        ends.append(complete if wanted is None else complete.sel({name: wanted}))
    return conform(ends[0] * ends[1], TRANSITION).transpose(..., "y", "x")


def _alike(
    before: xr.DataArray, after: xr.DataArray, *, by: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """Two maps of probabilities of the same pixels and of the same classes in the same order."""
    for name, data in (("before", before), ("after", after)):
        require(data, "class", "y", "x", by=f"{by} ({name})", dtype="floating")
        if "class" not in data.indexes:
            message = (
                f"{by} needs the classes of {name} as its coordinate; use "
                f'{name}.assign_coords({{"class": [0, 1]}}) with the right codes'
            )
            raise ValueError(message)
        _require_shares(data, name, by)
    require_same_grid(before, after, by=by)
    if sorted(_classes(before)) != sorted(_classes(after)) or not before.indexes["class"].is_unique:
        message = (
            f"{by} needs the same classes on both dates, each once, got {_classes(before)} before "
            f"and {_classes(after)} after; select what both have, and bring it to a sum of 1"
        )
        raise ValueError(message)
    if _classes(before) != _classes(after):
        after = after.sel({"class": before["class"]})
    # They are on one grid: what else is noted of either, e.g. its date, is not of the change.
    shared = {"class", "y", "x", SPATIAL_REF}
    bare = before.drop_vars([name for name in before.coords if name not in shared])
    return bare, after.drop_vars([name for name in after.coords if name != "class"])


def _classes(data: xr.DataArray) -> list[int]:
    return [code.item() for code in data["class"].values]


def _require_shares(data: xr.DataArray, name: str, by: str) -> None:
    """Refuse what cannot be probabilities, where that is seen without computing."""
    if data.chunks is not None or not data.size:
        return
    total = data.values.sum(axis=0, dtype=np.float64)
    off = np.abs(total - 1)
    wrong = (off > TOLERANCE * (1 + 1e-9)) | (data.values < -TOLERANCE).any(axis=0)
    if wrong.any():
        worst = total[np.unravel_index(np.argmax(np.where(wrong, off, -1)), off.shape)]
        message = (
            f"{by} needs probabilities from 0 to 1 that add up to 1, got {name} with a pixel whose "
            f"sum is {worst:.4g}; use minewatch.learn.predict_proba, or divide by .sum('class')"
        )
        raise ValueError(message)
