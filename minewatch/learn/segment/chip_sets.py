"""Chips to learn from: a scene and its labels, cut alike."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.conventions import SPATIAL_REF, Layer, conform, require, require_same_grid
from minewatch.learn.segment.scenes import stacked

__all__ = ["chips"]

CHIPS = Layer("chips", "chips of the scene")
LABELS = Layer("labels", "class of each pixel", dtype="uint8")
WEIGHTS = Layer("weights", "what each pixel counts")


def chips(
    scene: xr.DataArray | xr.Dataset,
    labels: xr.DataArray,
    *,
    size: int = 128,
    step: int | None = None,
    weights: xr.DataArray | None = None,
) -> xr.Dataset:
    """Cut a scene and its labels into squares to learn from.

    Squares stand on a lattice from the upper left corner; those that would stick out are left out.
    Which of them hold labels is seen when they are learnt from: :func:`fit_unet` leaves out those
    without any.

    Parameters
    ----------
    scene : xarray.DataArray or xarray.Dataset
        Dims (channel, y, x), NaN unknown; or a variable of dims (y, x) for each channel.
    labels : xarray.DataArray
        Dims (y, x), codes from 0 to 254 on the same grid; all else, as 255 or NaN, is unknown.
    size : int
        Rows and columns of a chip.
    step : int, optional
        From one chip to the next, by default its size; less makes them overlap.
    weights : xarray.DataArray, optional
        Dims (y, x), what each pixel counts.

    Returns
    -------
    xarray.Dataset
        ``chips`` (chip, channel, row, column) float32, ``labels`` and, if given, ``weights`` (chip,
        row, column), lazy if the scene is; coordinates ``top`` and ``left``, the first row and
        column of a chip, and ``y`` and ``x``, its middle in units of the CRS.

    Raises
    ------
    ValueError
        If dims or grids do not fit, or no chip does.

    See Also
    --------
    fit_unet : learns from them.

    Examples
    --------
    >>> scene = xr.DataArray(np.arange(24.0).reshape(1, 4, 6), dims=("channel", "y", "x"))
    >>> labels = xr.DataArray(np.zeros((4, 6), "uint8"), dims=("y", "x"))
    >>> cut = chips(scene, labels, size=2)
    >>> cut.chips.shape, cut.chips.values[1, 0]
    ((6, 1, 2, 2), array([[2., 3.],
           [8., 9.]], dtype=float32))
    """
    layers = stacked(scene, by="chips")
    require(labels, "y", "x", by="chips")
    require_same_grid(layers, labels, by="chips")
    if weights is not None:
        require(weights, "y", "x", by="chips")
        require_same_grid(layers, weights, by="chips")
    stride = size if step is None else step
    height, width = layers.shape[1:]
    if size < 1 or stride < 1 or size > min(height, width):
        message = (
            f"chips of {size} every {stride} do not fit a scene of {height}×{width}; use a size up "
            f"to {min(height, width)} and a step of 1 or more"
        )
        raise ValueError(message)
    tops, lefts = (range(0, length - size + 1, stride) for length in (height, width))
    corners = [(top, left) for top in tops for left in lefts]
    found = {
        "chips": conform(_cut(layers, corners, size), CHIPS),
        "labels": conform(_cut(_codes(labels), corners, size), LABELS),
    }
    if weights is not None:
        found["weights"] = conform(_cut(weights, corners, size), WEIGHTS)
    cut = xr.Dataset(found, attrs={"size": size, "step": stride})
    places = {"top": [top for top, _ in corners], "left": [left for _, left in corners]}
    for dim, name in (("y", "top"), ("x", "left")):
        cut = cut.assign_coords({name: ("chip", places[name])})
        if dim in layers.indexes:
            along = layers.indexes[dim].to_numpy()
            middle = [(along[at] + along[at + size - 1]) / 2 for at in places[name]]
            cut = cut.assign_coords({dim: ("chip", middle)})
    if SPATIAL_REF in layers.coords:
        cut = cut.assign_coords({SPATIAL_REF: layers[SPATIAL_REF]})
    return cut


def _codes(labels: xr.DataArray) -> xr.DataArray:
    """Labels that fit in a byte; a cast alone would make some class of a code that is none."""
    if labels.dtype in (np.dtype("uint8"), np.dtype(bool)):
        return labels
    return labels.where((labels >= 0) & (labels < 255) & (labels == labels.round()), 255)


def _cut(array: xr.DataArray, corners: list[tuple[int, int]], size: int) -> xr.DataArray:
    """The squares at some corners, one behind the other."""
    data = array.data
    squares = [data[..., top : top + size, left : left + size] for top, left in corners]
    if array.chunks is None:
        cut = np.stack(squares)
    else:
        import dask.array as da

        cut = da.stack([square.rechunk(-1) for square in squares])
    front = array.dims[:-2]
    coords = {name: array[name] for name in front if name in array.coords}
    return xr.DataArray(cut, coords, ("chip", *front, "row", "column"))
