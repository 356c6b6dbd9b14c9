"""Arrays that are read window by window, by the task that needs the window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

__all__ = ["Reading"]


class Reading:
    """What dask slices: each slice is one call of a picklable function that reads a window.

    Parameters
    ----------
    read : callable
        ``read(*arguments, (rows, columns))`` with two slices.
    arguments : tuple
        What it needs to know, with a stable dask token.
    shape : (int, int)
        Of the whole.
    dtype : str
        Of the result.
    """

    def __init__(
        self,
        read: Callable[..., npt.NDArray[Any]],
        arguments: tuple[Any, ...],
        shape: tuple[int, int],
        dtype: str,
    ) -> None:
        self.read, self.arguments = read, arguments
        self.shape, self.dtype, self.ndim = shape, np.dtype(dtype), 2

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[Any]:
        return self.read(*self.arguments, key).astype(self.dtype, copy=False)

    def lazy(self, stamp: object, *, chunk: int, native: tuple[int, int] | None = None) -> Any:
        """As a dask array.

        Parameters
        ----------
        stamp : object
            Size and time of change of the file: part of the identity of the array.
        chunk : int
            About the rows and columns of a chunk.
        native : (int, int), optional
            Chunks of the file; each chunk here holds whole ones.

        Returns
        -------
        dask.array.Array
            Dims (y, x).
        """
        import dask.array as da
        from dask.base import tokenize

        chunks = tuple(
            chunk if step is None else max(chunk // step, 1) * step
            for step in (native or (None, None))
        )
        token = tokenize(self.read.__qualname__, self.arguments, stamp, chunks, self.dtype)
        return da.from_array(
            self, chunks=chunks, name=f"reading-{token}", asarray=False, lock=False
        )
