"""A numba gufunc that compiles when it is first called, not when it is imported."""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["gufunc", "LazyGufunc"]


class LazyGufunc:
    """A generalised ufunc whose compilation waits for the first call.

    The plain Python loop stays reachable as ``.py_func``; the compiled gufunc (serial, GIL
    released, cached on disk) as ``.compiled``. It accepts numpy arrays and dask arrays alike
    and pickles as its own name, so that it travels to worker processes.

    Parameters
    ----------
    function : callable
        The loop: inputs first, outputs last, as :func:`numba.guvectorize` wants it.
    signatures : sequence of str
        Numba type signatures; scalar arguments are float64 or int64.
    layout : str
        Gufunc layout, e.g. ``"(y,x),(y,x),(),()->(y,x)"``.
    fastmath : set of str
        LLVM fast-math flags; never ``nnan`` or ``reassoc``: NaN is a value here.
    """

    def __init__(
        self,
        function: Callable[..., None],
        signatures: Sequence[str],
        layout: str,
        fastmath: set[str],
    ) -> None:
        self.py_func = function
        self.signatures = tuple(signatures)
        self.layout = layout
        self.signature = layout  # what dask reads to see a generalised ufunc
        self.fastmath = frozenset(fastmath)
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self._compiled: Any = None
        self._lock = threading.Lock()

    @property
    def compiled(self) -> Any:
        """The numba gufunc, compiled (or read from the cache) at the first request."""
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    import numba

                    decorate = numba.guvectorize(
                        list(self.signatures),
                        self.layout,
                        nopython=True,
                        cache=True,
                        fastmath=set(self.fastmath) or False,
                    )
                    self._compiled = decorate(self.py_func)
        return self._compiled

    def __call__(self, *arrays: Any) -> Any:
        """Apply to numpy or dask arrays; leading dims broadcast."""
        for array in arrays:
            # A lazy array (dask) takes over and calls this object again on each of its blocks.
            if hasattr(array, "__array_ufunc__") and not isinstance(array, np.ndarray | np.generic):
                return array.__array_ufunc__(self, "__call__", *arrays)
        # Comparing NaN raises the processor's invalid flag, which numpy would report as a warning.
        with np.errstate(all="ignore"):
            return self.compiled(*arrays)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        """Pickle as an address: the worker imports and compiles its own."""
        return _by_name, (self.__module__, self.__name__)

    def __repr__(self) -> str:
        return f"<gufunc {self.__module__}.{self.__name__} {self.layout}>"


def _by_name(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def gufunc(
    signatures: Sequence[str],
    layout: str,
    *,
    fastmath: Sequence[str] = (),
) -> Callable[[Callable[..., None]], LazyGufunc]:
    """Decorate a loop as a lazily compiled gufunc.

    Parameters
    ----------
    signatures : sequence of str
        Numba type signatures, outputs last.
    layout : str
        Gufunc layout.
    fastmath : sequence of str
        LLVM fast-math flags; at most ``contract``, ``nsz``, ``arcp``.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ValueError
        If a flag would let the compiler forget NaN or reorder sums.

    Examples
    --------
    >>> import numpy as np
    >>> @gufunc(["(float32[:],int64[:])"], "(n)->()")
    ... def count_finite(series, out):
    ...     out[0] = 0
    ...     for value in series:
    ...         out[0] += np.isfinite(value)
    >>> count_finite.layout
    '(n)->()'
    """
    forbidden = set(fastmath) - {"contract", "nsz", "arcp"}
    if forbidden:
        message = (
            f"fastmath flags {sorted(forbidden)} change what NaN or a sum means; "
            "use only 'contract', 'nsz', 'arcp'"
        )
        raise ValueError(message)

    def decorate(function: Callable[..., None]) -> LazyGufunc:
        return LazyGufunc(function, signatures, layout, set(fastmath))

    return decorate
