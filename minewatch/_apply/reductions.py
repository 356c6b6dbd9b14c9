"""Reductions along one dim: what needs no neighbours in y and x."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = ["along", "cut_alike", "is_lazy", "tally"]

STRIP = 2**20
"""Values joined at a time where blocks are reduced: the rest is never copied."""


def is_lazy(array: xr.DataArray) -> bool:
    """Whether the values are a dask array."""
    return array.chunks is not None


def cut_alike(arrays: Sequence[xr.DataArray]) -> list[xr.DataArray]:
    """The arrays as lazy ones with the same chunks."""
    lazy = [array if is_lazy(array) else array.chunk() for array in arrays]
    return [array for array in xr.unify_chunks(*lazy) if isinstance(array, xr.DataArray)]


def along(
    function: Callable[..., Any],
    arrays: xr.DataArray | Sequence[xr.DataArray],
    dim: str,
    *,
    dtype: str = "float32",
    arguments: Sequence[float | str] = (),
    out_dim: str | None = None,
    out_size: int | None = None,
) -> xr.DataArray:
    """Reduce one dim that must be seen whole, e.g. a median over time.

    A task reads the blocks along `dim` as they are and joins them a strip at a time: it needs
    little more memory than they take.

    Parameters
    ----------
    function : callable
        ``function(*blocks, *arguments)`` reduces the last axis of blocks (..., dim), one for each
        array; with `out_dim` it returns `out_size` results, (out_dim, ...).
    arrays : xarray.DataArray or sequence of them
        Same dims, at least one; `dim` may be chunked, the other dims keep their chunks.
    dim : str
        The dim to reduce.
    dtype : str
        Dtype of the result.
    arguments : sequence of float or str
        Settings passed on.
    out_dim : str, optional
        A dim that appears in front.
    out_size : int, optional
        Its length; by default one element for each array.

    Returns
    -------
    xarray.DataArray
        Without `dim`; name, coordinates and attributes of the first array.
    """
    series = [arrays] if isinstance(arrays, xr.DataArray) else list(arrays)
    first = series[0]
    kept = tuple(name for name in first.dims if name != dim)
    front = () if out_dim is None else (out_dim,)
    sizes = dict.fromkeys(front, len(series) if out_size is None else out_size)
    work = _Along(function, first.dims.index(dim), tuple(arguments), tuple(sizes.values()), dtype)
    if any(is_lazy(each) for each in series):
        import dask.array as da

        named = [part for each in cut_alike(series) for part in (each.data, first.dims)]
        data = da.blockwise(
            work,
            (*front, *kept),
            *named,
            new_axes=sizes,
            concatenate=False,
            dtype=np.dtype(dtype),
            meta=np.empty((0,) * (len(front) + len(kept)), dtype),
        )
    else:
        data = work(*([each.data] for each in series))
    coords = {name: each for name, each in first.coords.items() if dim not in each.dims}
    return xr.DataArray(data, coords, (*front, *kept), first.name, first.attrs)


class _Along:
    """A reduction of the blocks that lie one behind the other along an axis."""

    def __init__(
        self,
        function: Callable[..., Any],
        axis: int,
        arguments: tuple[float | str, ...],
        front: tuple[int, ...],
        dtype: str,
    ) -> None:
        self.function, self.axis, self.arguments = function, axis, arguments
        self.front, self.dtype = front, dtype
        self.__name__ = getattr(function, "__name__", type(function).__name__).strip("_").lower()

    def __call__(self, *columns: Any) -> Any:
        moved = [[np.moveaxis(block, self.axis, -1) for block in column] for column in columns]
        shape = moved[0][0].shape[:-1]
        if not shape:  # the axis is the only one
            return self.reduced([[block[None] for block in column] for column in moved])[..., 0]
        out = np.empty((*self.front, *shape), self.dtype)
        length = sum(block.shape[-1] for column in moved for block in column)
        rows = max(1, STRIP // max(1, length * math.prod(shape[1:])))
        for start in range(0, shape[0], rows):
            part = slice(start, start + rows)
            strip = [[block[part] for block in column] for column in moved]
            out[(*(slice(None) for _ in self.front), part)] = self.reduced(strip)
        return out

    def reduced(self, columns: list[list[Any]]) -> Any:
        joined = (np.concatenate(column, axis=-1) for column in columns)
        return np.asarray(self.function(*joined, *self.arguments), self.dtype)


def tally(
    kernel: Callable[..., tuple[Any, Any]],
    array: xr.DataArray,
    vector: npt.NDArray[np.float64],
    *,
    dim: str = "pair",
    dtype: str = "uint16",
) -> tuple[xr.DataArray, xr.DataArray]:
    """Count along one dim, block by block, and add the partial counts: that dim may be chunked.

    Parameters
    ----------
    kernel : callable
        ``kernel(block, vector)`` on (dim, y, x) and (dim,) → two (y, x) integer counts.
    array : xarray.DataArray
        Dims (dim, y, x).
    vector : array of float64
        One number for each element of `dim`, e.g. its threshold; NaN leaves it out.
    dim : str
        The dim to reduce.
    dtype : str
        Dtype of the two counts.

    Returns
    -------
    (xarray.DataArray, xarray.DataArray)
        The two counts, dims (y, x).
    """
    coords = {
        name: coordinate for name, coordinate in array.coords.items() if dim not in coordinate.dims
    }
    if not is_lazy(array):
        counts: list[Any] = list(kernel(array.data, vector))
    else:
        import dask.array as da

        data = array.data
        partial = _Partial(kernel, vector, dtype)
        starts = np.cumsum((0, *data.chunks[0][:-1]))
        # Where each block begins along dim, as a tiny array aligned with the blocks.
        begin = da.from_array(starts[:, None, None], chunks=(1, 1, 1))
        both = da.map_blocks(
            partial,
            data,
            begin,
            chunks=((1,) * len(starts), (2,), *data.chunks[1:]),
            new_axis=[1],
            dtype=np.dtype(dtype),
            meta=np.empty((0, 0, 0, 0), dtype),
        )
        total = both.sum(axis=0, dtype=np.dtype(dtype))
        counts = [total[0], total[1]]
    first, second = (
        xr.DataArray(count.astype(dtype), dims=array.dims[1:], coords=coords) for count in counts
    )
    return first, second


class _Partial:
    """Counts of one block along the tallied dim, given where it begins."""

    def __init__(
        self,
        kernel: Callable[..., tuple[Any, Any]],
        vector: npt.NDArray[np.float64],
        dtype: str,
    ) -> None:
        self.kernel, self.vector, self.dtype = kernel, vector, dtype

    def __call__(self, block: Any, begin: Any) -> Any:
        start = int(begin.flat[0])
        counts = self.kernel(block, self.vector[start : start + block.shape[0]])
        return np.stack(counts).astype(self.dtype)[None]
