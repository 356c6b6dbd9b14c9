"""Several layers through a function that also needs one large object, e.g. a fitted model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import cut_alike, is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["with_shared"]


def with_shared(
    function: Callable[..., Any],
    shared: object,
    arrays: Sequence[xr.DataArray],
    *,
    out_dim: str | None = None,
    out_size: int = 1,
    dtype: str = "float32",
) -> xr.DataArray:
    """Run a function over the blocks of layers that lie on one grid.

    Parameters
    ----------
    function : callable
        ``function(shared, *blocks)``: blocks of one shape (...) → (...) or (out_size, ...).
    shared : object
        What every block needs. It is one node of the graph, so a scheduler sees it once and a
        worker fetches it once, however many blocks there are.
    arrays : sequence of xarray.DataArray
        Same dims and coordinates, at least one; if one is lazy, all are cut alike.
    out_dim : str, optional
        A dim that appears in front.
    out_size : int
        Its length.
    dtype : str
        Dtype of the result.

    Returns
    -------
    xarray.DataArray
        Dims and coordinates of the first array; lazy if any array is.
    """
    first = arrays[0]
    if not any(is_lazy(array) for array in arrays):
        data: Any = function(shared, *(array.data for array in arrays))
    else:
        import dask
        import dask.array as da

        lazy = cut_alike(arrays)
        chunks = lazy[0].data.chunks
        data = da.map_blocks(
            _Called(function),
            *(array.data for array in lazy),
            shared=dask.delayed(shared, traverse=False),
            chunks=chunks if out_dim is None else ((out_size,), *chunks),
            new_axis=None if out_dim is None else [0],
            dtype=np.dtype(dtype),
            meta=np.empty((0,) * (first.ndim + (out_dim is not None)), dtype),
        )
    dims = first.dims if out_dim is None else (out_dim, *first.dims)
    # Without a name of its own, a DataArray takes that of the dask array.
    return xr.DataArray(data, dims=dims, coords=first.coords).rename(None)


class _Called:
    """A function whose shared argument comes by name, as map_blocks hands it over."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        # What dask calls the tasks.
        self.__name__ = getattr(function, "__name__", type(function).__name__).strip("_").lower()

    def __call__(self, *blocks: Any, shared: Any) -> Any:
        return self.function(shared, *blocks)
