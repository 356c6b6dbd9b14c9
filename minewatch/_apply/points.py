"""Values of many layers at scattered pixels, read block by block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch._apply.reductions import cut_alike, is_lazy

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

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
    arrays = [layers[name] for name in layers.data_vars]
    if not any(is_lazy(array) for array in arrays):
        return _take([array.values for array in arrays], rows, columns)
    import dask

    data = [array.data for array in cut_alike(arrays)]
    chunks = data[0].chunks
    edges = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in chunks]
    down, right = (
        np.searchsorted(edge, position, side="right") - 1
        for edge, position in zip(edges, (rows, columns), strict=True)
    )
    blocks = [array.to_delayed() for array in data]
    take = dask.delayed(_take, pure=True)
    block = down * len(chunks[1]) + right
    order = np.argsort(block, kind="stable")
    numbers, starts = np.unique(block[order], return_index=True)
    parts, places = [], np.split(order, starts)[1:]
    for number, here in zip(numbers.tolist(), places, strict=True):
        i, j = divmod(number, len(chunks[1]))
        place = rows[here] - edges[0][i], columns[here] - edges[1][j]
        parts.append(take([each[i, j] for each in blocks], *place))
    values = np.full((len(data), len(rows)), np.nan, dtype=np.float32)
    for here, part in zip(places, dask.compute(*parts), strict=True):
        values[:, here] = part
    return values


def _take(blocks: list[npt.NDArray[Any]], rows: Any, columns: Any) -> npt.NDArray[np.float32]:
    return np.stack([block[rows, columns] for block in blocks]).astype(np.float32)
