"""Moving windows: kernels that read a pixel's neighbours, with halos where the data are chunked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import cut_alike, is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = ["paired_windows", "windowed"]


def windowed(
    kernel: Callable[..., Any],
    *arrays: xr.DataArray,
    window: tuple[int, int],
    arguments: Sequence[float] = (),
    dtype: str = "float32",
) -> xr.DataArray:
    """Run a moving-window kernel over the trailing (y, x) dims.

    Parameters
    ----------
    kernel : callable
        ``kernel(*blocks, *arguments)`` → block of the same shape; truncates windows at the edge.
    *arrays : xarray.DataArray
        Same dims, ending in (y, x).
    window : (int, int)
        Rows and columns that the kernel reads around a pixel; the halo is half of each.
    arguments : sequence of float
        Scalars passed on after the blocks.
    dtype : str
        Dtype of the result.

    Returns
    -------
    xarray.DataArray
        Dims and coordinates of the first array; its chunks are kept.
    """
    first = arrays[0]
    if not any(is_lazy(array) for array in arrays):
        return first.copy(data=kernel(*(array.data for array in arrays), *arguments))
    lazy = cut_alike(arrays)
    depth = _depth(window)
    data = _over_halo(
        kernel,
        [_with_halo(array.data, depth) for array in lazy],
        depth,
        arguments,
        dtype,
    )
    return first.copy(data=_rechunk_like(data, lazy[0].data.chunks))


def paired_windows(
    kernel: Callable[..., Any],
    stack: xr.DataArray,
    reference: npt.NDArray[np.integer[Any]],
    secondary: npt.NDArray[np.integer[Any]],
    *,
    window: tuple[int, int],
    arguments: Sequence[float] = (),
    phase: xr.DataArray | None = None,
    dtype: str = "float32",
) -> xr.DataArray:
    """Run a two-image window kernel over pairs of a (time, y, x) stack.

    The halo is cut once per acquisition, however many pairs it is part of.

    Parameters
    ----------
    kernel : callable
        ``kernel(first, second, *arguments)`` on (..., y, x) blocks.
    stack : xarray.DataArray
        Dims (time, y, x).
    reference, secondary : integer arrays
        Positions along time of the two images of each pair.
    window, arguments, dtype
        As in :func:`windowed`.
    phase : xarray.DataArray, optional
        Radians, dims (pair, y, x); subtracted from the interferometric phase of each pair.

    Returns
    -------
    xarray.DataArray
        Dims (pair, y, x), one pair a chunk where lazy; y, x and scalar coordinates of the stack.
    """
    coords = {
        name: coordinate
        for name, coordinate in stack.coords.items()
        if "time" not in coordinate.dims and name != "time"
    }
    flatten = _Flattened(kernel) if phase is not None else kernel
    if not is_lazy(stack) and (phase is None or not is_lazy(phase)):
        blocks = [stack.data[reference], stack.data[secondary]]
        blocks += [] if phase is None else [phase.data]
        data: Any = flatten(*blocks, *arguments)
    else:
        stack = stack if is_lazy(stack) else stack.chunk({"time": 1})
        depth = _depth(window)
        whole = stack.data.rechunk({0: 1})
        haloed = _with_halo(whole, depth)
        parts = [haloed[reference], haloed[secondary]]
        if phase is not None:
            angles = phase if is_lazy(phase) else phase.chunk()
            parts.append(_with_halo(angles.data.rechunk({0: 1, **_yx(whole.chunks)}), depth))
        data = _over_halo(flatten, parts, depth, arguments, dtype)
        data = _rechunk_like(data, (data.chunks[0], *stack.data.chunks[1:]))
    return xr.DataArray(data, dims=("pair", "y", "x"), coords=coords)


class _Flattened:
    """A pair kernel that first takes a known phase out of the second image."""

    def __init__(self, kernel: Callable[..., Any]) -> None:
        self.kernel = kernel

    def __call__(self, first: Any, second: Any, phase: Any, *arguments: float) -> Any:
        # s1·conj(s2)·exp(-jφ) = s1·conj(s2·exp(jφ)); the powers do not change.
        return self.kernel(first, second * np.exp(1j * phase).astype(second.dtype), *arguments)


def _yx(chunks: tuple[tuple[int, ...], ...]) -> dict[int, tuple[int, ...]]:
    return {1: chunks[1], 2: chunks[2]}


def _depth(window: tuple[int, int]) -> tuple[int, int]:
    return window[0] // 2, window[1] // 2


def _with_halo(array: Any, depth: tuple[int, int]) -> Any:
    from dask.array.overlap import overlap

    axes = {array.ndim - 2: depth[0], array.ndim - 1: depth[1]}
    # An image thinner than the halo is one block, which needs none.
    for axis in (axis for axis, halo in axes.items() if array.shape[axis] < halo):
        array, axes[axis] = array.rechunk({axis: -1}), 0
    # Blocks thinner than the halo are merged here and cut apart again by _rechunk_like.
    return overlap(array, axes, boundary="none", allow_rechunk=True)


def _over_halo(
    kernel: Callable[..., Any],
    haloed: list[Any],
    depth: tuple[int, int],
    arguments: Sequence[float],
    dtype: str,
) -> Any:
    import dask.array as da

    first = haloed[0]
    y_chunks, x_chunks = (
        _inner(sizes, halo) for sizes, halo in zip(first.chunks[-2:], depth, strict=True)
    )
    label = getattr(kernel, "__name__", type(kernel).__name__)
    return da.map_blocks(
        _Trimmed(kernel, depth, (len(y_chunks), len(x_chunks)), tuple(arguments)),
        *haloed,
        chunks=(*first.chunks[:-2], y_chunks, x_chunks),
        dtype=np.dtype(dtype),
        meta=np.empty((0,) * first.ndim, dtype),
        token=f"windowed-{label}",
    )


def _inner(sizes: tuple[int, ...], halo: int) -> tuple[int, ...]:
    """Chunk sizes without their halo: the outer edges of the array have none."""
    last = len(sizes) - 1
    return tuple(size - halo * ((i > 0) + (i < last)) for i, size in enumerate(sizes))


class _Trimmed:
    """A window kernel that cuts the halo off its result, inside the same task."""

    def __init__(
        self,
        kernel: Callable[..., Any],
        depth: tuple[int, int],
        blocks: tuple[int, int],
        arguments: tuple[float, ...],
    ) -> None:
        self.kernel, self.depth, self.blocks, self.arguments = kernel, depth, blocks, arguments

    def __call__(self, *haloed: Any, block_id: tuple[int, ...]) -> Any:
        result = self.kernel(*haloed, *self.arguments)
        cut = [
            slice(halo if at > 0 else 0, size - (halo if at < count - 1 else 0))
            for halo, at, count, size in zip(
                self.depth, block_id[-2:], self.blocks, result.shape[-2:], strict=True
            )
        ]
        return result[(..., *cut)]


def _rechunk_like(array: Any, chunks: tuple[tuple[int, ...], ...]) -> Any:
    return array if array.chunks == chunks else array.rechunk(chunks)
