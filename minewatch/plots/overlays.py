"""Areas laid over a map: a tint that lets the map show through, and their exact outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.plots.canvas import extent, step_of

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["edges", "shade"]


def shade(
    axes: Axes,
    layer: xr.DataArray,
    inside: npt.NDArray[np.bool_],
    colour: str,
    *,
    strength: float = 1.0,
    line: float | None = None,
) -> None:
    """Tint the pixels of a layer, thinned as it is drawn, and outline them by their edges.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        A map of the layer.
    layer : xarray.DataArray
        What was drawn there, dims (y, x).
    inside : numpy.ndarray
        Which pixels, every so many as are drawn.
    colour : str
        Of tint and line.
    strength : float
        Opacity of the tint.
    line : float, optional
        Width of the outline in points.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import to_rgba

    frame = extent(layer, step_of(layer))
    tint = np.zeros((*inside.shape, 4), "float32")
    tint[inside] = to_rgba(colour, strength)
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(tint, extent=frame, interpolation="nearest", aspect=axes.get_aspect())
    if line is not None:
        axes.add_collection(LineCollection(edges(inside, frame), colors=colour, linewidths=line))
    axes.set(xlim=limits[0], ylim=limits[1])


def edges(
    inside: npt.NDArray[np.bool_], frame: tuple[float, float, float, float]
) -> list[npt.NDArray[np.float64]]:
    """Outline of pixels along their edges, as straight pieces.

    Parameters
    ----------
    inside : numpy.ndarray
        Which pixels, (y, x).
    frame : (float, float, float, float)
        Left, right, bottom and top of the image.

    Returns
    -------
    list of numpy.ndarray
        Pieces, each [[x, y], [x, y]].

    Examples
    --------
    >>> len(edges(np.array([[True, True]]), (0, 2, 0, 1)))  # a box
    4
    """
    left, right, bottom, top = frame
    height, width = inside.shape
    across, down = (right - left) / width, (bottom - top) / height
    rows, starts, ends = _runs(inside)
    flat = np.stack([starts, rows, ends, rows], axis=-1)
    columns, starts, ends = _runs(inside.T)
    upright = np.stack([columns, starts, columns, ends], axis=-1)
    pieces = np.concatenate([flat, upright]).reshape(-1, 2, 2)
    return list(pieces * (across, down) + (left, top))


def _runs(
    inside: npt.NDArray[np.bool_],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where neighbouring rows differ: the row that begins there, first column, end column."""
    ring = np.pad(inside, 1)
    differ = (ring[1:] != ring[:-1]).astype("int8")  # the ring keeps both ends of a row at 0
    change = np.diff(differ, axis=1)
    rows, starts = np.nonzero(change > 0)
    _, ends = np.nonzero(change < 0)
    return rows, starts, ends
