"""Reductions and pixel-wise vectors: what needs no neighbours in y and x."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = ["along", "is_lazy", "one_chunk", "tally", "vectors"]


def is_lazy(array: xr.DataArray) -> bool:
    """Whether the values are a dask array."""
    return array.chunks is not None


def one_chunk(array: xr.DataArray, dim: str) -> xr.DataArray:
    """Bring a dim that a kernel must see whole into one chunk; never used on y or x."""
    return array.chunk({dim: -1}) if is_lazy(array) else array


def along(
    function: Callable[..., Any],
    array: xr.DataArray,
    dim: str,
    *,
    dtype: str = "float32",
    arguments: Sequence[float] = (),
) -> xr.DataArray:
    """Reduce one dim that must be seen whole, e.g. a median over time.

    Parameters
    ----------
    function : callable
        ``function(block, *arguments)`` reduces the last axis of (..., dim).
    array : xarray.DataArray
        Any dims; `dim` is brought into one chunk, y and x keep theirs.
    dim : str
        The dim to reduce.
    dtype : str
        Dtype of the result.
    arguments : sequence of float
        Scalars passed on.

    Returns
    -------
    xarray.DataArray
        Without `dim`.
    """
    result: xr.DataArray = xr.apply_ufunc(
        function,
        one_chunk(array, dim),
        *arguments,
        input_core_dims=[[dim], *([] for _ in arguments)],
        dask="parallelized",
        output_dtypes=[np.dtype(dtype)],
        keep_attrs=True,
    )
    return result


def vectors(
    function: Callable[..., Any],
    array: xr.DataArray,
    *,
    dim: str,
    out_dim: str,
    out_size: int,
    dtype: str = "float32",
) -> xr.DataArray:
    """Map each pixel's vector along one dim to a vector along another.

    Parameters
    ----------
    function : callable
        ``function(block)`` maps (..., n) to (..., out_size).
    array : xarray.DataArray
        Dims with `dim` among them.
    dim, out_dim : str
        The dim that is consumed and the one that appears (last).
    out_size : int
        Length of `out_dim`.
    dtype : str
        Dtype of the result.

    Returns
    -------
    xarray.DataArray
        `out_dim` last; chunks of the other dims are kept.
    """
    result: xr.DataArray = xr.apply_ufunc(
        function,
        one_chunk(array, dim),
        input_core_dims=[[dim]],
        output_core_dims=[[out_dim]],
        exclude_dims={dim} if dim == out_dim else set(),
        dask="parallelized",
        output_dtypes=[np.dtype(dtype)],
        dask_gufunc_kwargs={"output_sizes": {out_dim: out_size}},
        keep_attrs=True,
    )
    return result


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
