"""Reductions along one dim piece by piece: what need not be seen whole, e.g. a mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._apply.reductions import is_lazy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["folded"]

AT_ONCE = 16
"""Blocks that one task takes in: fewer tasks than blocks, and no more memory than these."""


def folded(
    take: Callable[..., Any],
    finish: Callable[..., Any],
    array: xr.DataArray,
    *,
    out_dim: str,
    out_size: int,
    dtype: str = "float32",
    arguments: Sequence[float] = (),
) -> xr.DataArray:
    """Reduce the first dim without ever holding all of it.

    A task takes sixteen blocks, another what sixteen of these left; a block of a cube of 200 dates,
    one a chunk, costs 14 tasks besides its reading.

    Parameters
    ----------
    take : callable
        ``take(state, block)`` → state: adds a block (dim, ...) to what is known, None at first;
        a state may also be given as the block.
    finish : callable
        ``finish(state, *arguments)`` → (out_dim, ...).
    array : xarray.DataArray
        Dims (dim, ...); its first dim may be chunked, the others keep their chunks.
    out_dim : str
        Takes the place of the first dim.
    out_size : int
        Its length.
    dtype : str
        Dtype of the result.
    arguments : sequence of float
        Settings passed on.

    Returns
    -------
    xarray.DataArray
        Name, attributes and the coordinates without the first dim; lazy if `array` is.
    """
    work = _Fold(take, finish, tuple(arguments), dtype)
    if is_lazy(array):
        import dask.array as da

        data = da.reduction(
            array.data,
            chunk=_as_it_is,
            combine=work.combine,
            aggregate=work.aggregate,
            axis=0,
            keepdims=True,
            split_every=AT_ONCE,
            concatenate=False,
            output_size=out_size,
            dtype=np.dtype(dtype),
            meta=np.empty((0,) * array.ndim, dtype),
            name=getattr(take, "__name__", "fold").strip("_"),
        )
    else:
        data = work.aggregate([array.data])
    dim = array.dims[0]
    coords = {name: each for name, each in array.coords.items() if dim not in each.dims}
    return xr.DataArray(data, coords, (out_dim, *array.dims[1:]), array.name, array.attrs)


def _as_it_is(block: Any, **_: Any) -> Any:
    return block


class _Fold:
    """One block after the other into a state, and the state into a result."""

    def __init__(
        self,
        take: Callable[..., Any],
        finish: Callable[..., Any],
        arguments: tuple[float, ...],
        dtype: str,
    ) -> None:
        self.take, self.finish, self.arguments, self.dtype = take, finish, arguments, dtype

    def combine(self, blocks: Any, **_: Any) -> Any:
        state = None
        for block in blocks if isinstance(blocks, list) else [blocks]:
            state = self.take(state, block)
        return state

    def aggregate(self, blocks: Any, **_: Any) -> Any:
        return np.asarray(self.finish(self.combine(blocks), *self.arguments), self.dtype)
