"""Values of many layers at scattered pixels, read block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import is_lazy

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["at_points"]


def at_points(
    layers: xr.Dataset, rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Read all layers at some pixels. Computes only the blocks that hold one.

    A block is one task for all layers, so that the positions travel once, not once a layer.

    Parameters
    ----------
    layers : xarray.Dataset
        Variables of dims (y, x) on one grid.
    rows, columns : array of int
        Positions of the pixels.

    Returns
    -------
    array of float32
        (layer, pixel), in the order of the variables and of the positions.
    """
    stacked = layers.to_dataarray("layer").transpose("layer", "y", "x")
    if not is_lazy(stacked):
        taken: npt.NDArray[np.float32] = stacked.values[:, rows, columns].astype(np.float32)
        return taken
    import dask

    data = stacked.data.rechunk({0: -1})
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[1:]]
    down, right = (
        np.searchsorted(edge, position, side="right") - 1
        for edge, position in zip(edges, (rows, columns), strict=True)
    )
    blocks = data.to_delayed()
    take = dask.delayed(_take, pure=True)
    order, parts = [], []
    for block in np.unique(down * len(data.chunks[2]) + right):
        i, j = divmod(int(block), len(data.chunks[2]))
        here = np.flatnonzero((down == i) & (right == j))
        order.append(here)
        parts.append(take(blocks[0, i, j], rows[here] - edges[0][i], columns[here] - edges[1][j]))
    values = np.full((data.shape[0], len(rows)), np.nan, dtype=np.float32)
    for here, part in zip(order, dask.compute(*parts), strict=True):
        values[:, here] = part
    return values


def _take(block: npt.NDArray[Any], rows: Any, columns: Any) -> npt.NDArray[np.float32]:
    taken: npt.NDArray[np.float32] = block[:, rows, columns].astype(np.float32)
    return taken
