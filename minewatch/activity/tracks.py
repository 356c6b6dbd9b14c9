"""Two looks at one mine, from an ascending and a descending track."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from minewatch import _apply
from minewatch.activity.intervals import CLASSES
from minewatch.conventions import NO_CLASS, Layer, conform, require, require_same_grid

__all__ = ["agree"]

FLAGS = {**CLASSES, "contested": 3, "active_once": 4, "stable_once": 5}
AGREEMENT = Layer("agreement", "agreement of two looks", dtype="uint8", flags=FLAGS)


def agree(
    ascending: xr.Dataset | xr.DataArray, descending: xr.Dataset | xr.DataArray
) -> xr.DataArray:
    """What the ascending and the descending track say together of each pixel.

    Shadow and layover go with the look, ground work does not: a wall that faces away from one
    track faces the other, so that no slope is in its own shadow in both, and what only one track
    calls active may be geometry. (The floor of a pit can be hidden from both, by the wall on
    either side: one that is h deep and narrower than h (tan θ₁ + tan θ₂) from crest to crest.
    There neither track has a class.)

    Parameters
    ----------
    ascending, descending : xarray.Dataset or xarray.DataArray
        From :func:`tai` on one grid, or their ``activity`` alone: 0 undecided, 1 stable, 2 active,
        255 none; dims (..., y, x). The order does not matter.

    Returns
    -------
    xarray.DataArray
        ``agreement``, uint8, lazy if either is: 2 active and 1 stable in both; 3 contested, active
        in one and stable in the other; 4 active once and 5 stable once, the other being undecided
        or blind; 0 undecided; 255 seen by neither. With any code that is no activity class, 255.

    Raises
    ------
    ValueError
        If the two lie on different grids, or have other dims or other years.

    See Also
    --------
    minewatch.masks.radar_geometry : shadow and layover of each track.

    Examples
    --------
    >>> one = xr.DataArray(np.uint8([[2, 1, 2, 2, 255, 255]]), dims=("y", "x"))
    >>> other = xr.DataArray(np.uint8([[2, 1, 1, 0, 1, 255]]), dims=("y", "x"))
    >>> agree(one, other).values
    array([[  2,   1,   3,   4,   5, 255]], dtype=uint8)
    """
    maps = [
        each["activity"] if isinstance(each, xr.Dataset) else each
        for each in (ascending, descending)
    ]
    for each in maps:
        require(each, ..., "y", "x", dtype="uint8", by="agree")
    first, second = maps
    require_same_grid(first, second, by="agree")
    labels = [{dim: list(each.indexes.get(dim, ())) for dim in each.dims[:-2]} for each in maps]
    if first.dims != second.dims or first.shape != second.shape or labels[0] != labels[1]:
        message = (
            f"agree needs two maps of the same dims, got {dict(first.sizes)} {labels[0]} and "
            f"{dict(second.sizes)} {labels[1]}; select one year or season of each"
        )
        raise ValueError(message)
    bare = second.drop_vars(second.coords)
    result = _apply.with_shared(_look_up, _table(), [first, bare], dtype="uint8")
    return conform(result, AGREEMENT)


def _table() -> npt.NDArray[np.uint8]:
    """The answer to each pair of codes."""
    undecided, stable, active = (CLASSES[name] for name in ("undecided", "stable", "active"))
    table = np.full((256, 256), NO_CLASS, "uint8")
    for silent in (undecided, NO_CLASS):
        for clear, once in ((active, "active_once"), (stable, "stable_once")):
            table[silent, clear] = table[clear, silent] = FLAGS[once]
        table[silent, undecided] = table[undecided, silent] = undecided
    table[stable, stable], table[active, active] = stable, active
    table[stable, active] = table[active, stable] = FLAGS["contested"]
    return table


def _look_up(table: npt.NDArray[Any], first: Any, second: Any) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = table[first, second]
    return found
