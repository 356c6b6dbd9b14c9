"""Moving windows: kernels that read a pixel's neighbours, with halos where the data are chunked."""

from __future__ import annotations

from bisect import bisect_left
from itertools import product
from operator import getitem
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import cut_alike, is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

__all__ = ["paired_windows", "wide_enough", "windowed"]

AROUND = (-1, 0, 1)
"""Before, at, behind."""
AT_ONCE = 8
"""Stored images whose rims one task cuts, one after the other."""


def windowed(
    kernel: Callable[..., Any],
    *arrays: xr.DataArray,
    window: tuple[int, int],
    arguments: Sequence[float] = (),
    dtype: str = "float32",
    out_dim: str | None = None,
    out_size: int = 1,
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
    out_dim : str, optional
        A dim that the kernel puts in front.
    out_size : int
        Its length.

    Returns
    -------
    xarray.DataArray
        Dims and coordinates of the first array; its chunks are kept.
    """
    first = arrays[0]
    dims = first.dims if out_dim is None else (out_dim, *first.dims)
    if not any(is_lazy(array) for array in arrays):
        data = kernel(*(array.data for array in arrays), *arguments)
        return xr.DataArray(data, first.coords, dims, first.name, first.attrs)
    lazy = [array.data for array in cut_alike(arrays)]
    whole = [wide_enough(array, _depth(window)) for array in lazy]
    leads: list[tuple[int, ...]] = list(np.ndindex(whole[0].numblocks[:-2]))
    front = () if out_dim is None else ((out_size,),)
    lead_chunks = (*front, *whole[0].chunks[:-2])
    work = _Window(kernel, window, arguments)
    data = _over_blocks(work, whole, [leads] * len(whole), lead_chunks, dtype)
    data = _rechunk_like(data, (*front, *lazy[0].chunks))
    return xr.DataArray(data, first.coords, dims, first.name, first.attrs)


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

    The halo is cut once per acquisition, however many pairs it is part of. In memory pairs are
    taken one by one, so that no second stack is made.

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
    if not len(reference) or not (is_lazy(stack) or (phase is not None and is_lazy(phase))):
        data: Any = np.empty((len(reference), *stack.shape[1:]), dtype)
        for pair, ends in enumerate(zip(reference, secondary, strict=True)):
            blocks = [stack.data[end] for end in ends]
            blocks += [] if phase is None else [phase.data[pair]]
            data[pair] = flatten(*blocks, *arguments)
    else:
        stack = stack if is_lazy(stack) else stack.chunk({"time": 1})
        whole = wide_enough(stack.data.rechunk({0: 1}), _depth(window))
        inputs = [whole, whole]
        leads: list[list[tuple[int, ...]]] = [
            [(int(at),) for at in ends] for ends in (reference, secondary)
        ]
        if phase is not None:
            angles = phase if is_lazy(phase) else phase.chunk()
            cut = {0: 1, 1: whole.chunks[1], 2: whole.chunks[2]}
            inputs.append(angles.data.rechunk(cut))
            leads.append([(pair,) for pair in range(len(reference))])
        each = (1,) * len(reference)
        data = _over_blocks(_Window(flatten, window, arguments), inputs, leads, (each,), dtype)
        data = _rechunk_like(data, (each, *stack.data.chunks[1:]))
    return xr.DataArray(data, dims=("pair", "y", "x"), coords=coords)


class _Flattened:
    """A pair kernel that first takes a known phase out of the second image."""

    def __init__(self, kernel: Callable[..., Any]) -> None:
        self.kernel = kernel

    def __call__(self, first: Any, second: Any, phase: Any, *arguments: float) -> Any:
        # s1·conj(s2)·exp(-jφ) = s1·conj(s2·exp(jφ)); the powers do not change.
        return self.kernel(first, second * np.exp(1j * phase).astype(second.dtype), *arguments)


class _Window:
    """A kernel on a block and the rims of its neighbours, cut back to the block."""

    def __init__(
        self, kernel: Callable[..., Any], window: tuple[int, int], arguments: Sequence[float]
    ) -> None:
        self.kernel, self.depth, self.arguments = kernel, _depth(window), tuple(arguments)

    def __call__(self, *inputs: Any) -> Any:
        height, width = inputs[0][1][1].shape[-2:]
        result = self.kernel(*map(_joined, inputs), *self.arguments)
        above, left = (
            halo if part is not None else 0
            for halo, part in zip(self.depth, (inputs[0][0][1], inputs[0][1][0]), strict=True)
        )
        return result[..., above : above + height, left : left + width]


def _joined(parts: list[list[Any]]) -> Any:
    """A block in the middle of three rows of three, with what its neighbours show it; or None."""
    rows = []
    for down, line in zip(AROUND, parts, strict=True):
        row = [
            part[-down, -right] if down or right else part
            for right, part in zip(AROUND, line, strict=True)
            if part is not None
        ]
        if row:
            rows.append(row)
    return rows[0][0] if len(rows) == len(rows[0]) == 1 else np.block(rows)


def _rims(blocks: list[Any], depth: tuple[int, int]) -> list[dict[tuple[int, int], Any]]:
    """What each block shows its eight neighbours: side → copy."""
    return [_rims_of(block, depth) for block in blocks]


def _rims_of(block: Any, depth: tuple[int, int]) -> dict[tuple[int, int], Any]:
    ends = [{-1: slice(0, halo), 0: slice(None), 1: slice(-halo, None)} for halo in depth]
    return {
        (down, right): block[..., ends[0][down], ends[1][right]].copy()
        for down, right in product(AROUND, AROUND)
        if (down or right) and (depth[0] or not down) and (depth[1] or not right)
    }


def _over_blocks(
    work: _Window,
    inputs: list[Any],
    leads: list[list[tuple[int, ...]]],
    lead_chunks: tuple[tuple[int, ...], ...],
    dtype: str,
) -> Any:
    """Run a window over dask arrays whose y and x are cut alike.

    Three tasks a block at most: the block, its rims (once, whoever needs them) and the kernel,
    where slicing and joining dask arrays takes eleven. Of what rests in a store, two: those who
    need a block read it, and rims of eight images are cut in one task.

    Parameters
    ----------
    work : _Window
        What to run.
    inputs : list of dask arrays
        Dims (..., y, x).
    leads : list of lists
        For each input: which of its blocks along the leading dims each leading block of the
        result is made of.
    lead_chunks : tuple
        Chunks of the leading dims of the result.
    dtype : str
        Dtype of the result.

    Returns
    -------
    dask.array.Array
        Chunks `lead_chunks` and those of the inputs along y and x.
    """
    import dask.array as da
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    label = getattr(work.kernel, "__name__", type(work.kernel).__name__).strip("_").lower()
    name = f"windowed-{label}-{tokenize(work, [array.name for array in inputs], leads)}"
    (rows, columns), depth = inputs[0].numblocks[-2:], work.depth
    tasks: dict[Any, Any] = {}
    used: dict[str, set[tuple[int, ...]]] = {array.name: set() for array in inputs}
    for array, of in zip(inputs, leads, strict=True):
        used[array.name] |= set(of)  # both images of a pair come from one stack
    sources = {array.name: _Source(array, sorted(used[array.name])) for array in inputs}

    def seen(array: Any, lead: tuple[int, ...], j: int, i: int, down: int, right: int) -> Any:
        """What a block sees in a direction: a key, or the task that reads it."""
        source = sources[array.name]
        if not down and not right:
            return source.block((*lead, j, i))
        beyond = not (0 <= j + down < rows and 0 <= i + right < columns)
        if beyond or (down and not depth[0]) or (right and not depth[1]):
            return None
        group, place, members = source.together(lead)
        rim = (f"rims-{name}-{array.name}", group, j + down, i + right)
        if rim not in tasks:
            blocks = [source.block((*each, j + down, i + right)) for each in members]
            tasks[rim] = (_rims, blocks, depth)
        return (getitem, rim, place)

    outer = list(np.ndindex(*map(len, lead_chunks)))
    for (number, lead), j, i in product(enumerate(outer), range(rows), range(columns)):
        parts = [
            [[seen(array, of[number], j, i, down, right) for right in AROUND] for down in AROUND]
            for array, of in zip(inputs, leads, strict=True)
        ]
        tasks[name, *lead, j, i] = (work, *parts)
    graph = HighLevelGraph.from_collections(name, tasks, dependencies=inputs)
    meta = np.empty((0,) * (len(lead_chunks) + 2), dtype)
    return da.Array(graph, name, (*lead_chunks, *inputs[0].chunks[-2:]), meta=meta)


class _Source:
    """Blocks of an input, by their keys; of what rests in a store, by the tasks that read them.

    What a task reads for itself is not sent from worker to worker, nor does it wait in memory for
    all that see it: half the memory, though it is read once for its rims and once for each result.
    """

    def __init__(self, array: Any, leads: list[tuple[int, ...]]) -> None:
        graph = array.dask
        rests = graph.dependencies.get(array.name) == {f"original-{array.name}"}
        self.name, self.leads = array.name, leads
        self.reads: dict[Any, Any] = dict(graph.layers[array.name]) if rests else {}
        self.at_once = AT_ONCE if rests else 1

    def block(self, at: tuple[int, ...]) -> Any:
        key = (self.name, *at)
        return self.reads.get(key, key)

    def together(self, lead: tuple[int, ...]) -> tuple[int, int, list[tuple[int, ...]]]:
        """Images whose rims are cut in one task: which such group, where in it, and all of it."""
        group, place = divmod(bisect_left(self.leads, lead), self.at_once)
        return group, place, self.leads[group * self.at_once : (group + 1) * self.at_once]


def _depth(window: tuple[int, int]) -> tuple[int, int]:
    return window[0] // 2, window[1] // 2


def wide_enough(array: Any, depth: tuple[int, int]) -> Any:
    """Blocks along y and x no thinner than the halo, or one block where the image is thinner."""
    chunks = {}
    for axis, halo in zip((array.ndim - 2, array.ndim - 1), depth, strict=True):
        merged: list[int] = []
        for size in array.chunks[axis]:
            if merged and merged[-1] < halo:
                merged[-1] += size
            else:
                merged.append(size)
        if len(merged) > 1 and merged[-1] < halo:
            merged[-2:] = [merged[-2] + merged[-1]]
        chunks[axis] = tuple(merged)
    return array.rechunk(chunks)


def _rechunk_like(array: Any, chunks: tuple[tuple[int, ...], ...]) -> Any:
    return array if array.chunks == chunks else array.rechunk(chunks)
