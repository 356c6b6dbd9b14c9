"""A numba gufunc that compiles when it is first called, not when it is imported."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import inspect
import math
import re
import sys
import threading
from functools import partial
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["gufunc", "LazyGufunc"]


class LazyGufunc:
    """A (generalised) ufunc whose compilation waits for the first call.

    The plain Python loop stays reachable as ``.py_func``; the compiled gufunc (serial, GIL
    released, cached on disk where a cache can be written) as ``.compiled``. It accepts numpy
    arrays and dask arrays alike and pickles as its own name, so that it travels to workers.

    No fast-math flag is ever set. They cost digits, not time: with reciprocals allowed, vector code
    estimates what the last samples of a row divide, and a pixel's last bit depended on where its
    block began; the loops are as fast without.

    Parameters
    ----------
    function : callable
        The loop: inputs first, outputs last, as :func:`numba.guvectorize` wants it; a function of
        scalars that returns its result where the layout has no core dims.
    signatures : sequence of str
        Numba type signatures; scalar arguments are float64 or int64. ``::1`` promises contiguous
        memory, which a call sees to and ``.compiled`` does not.
    layout : str
        Gufunc layout, e.g. ``"(y,x),(y,x),(),()->(y,x)"``.
    helpers : sequence of callable
        The plain functions that the loop calls, and those they call: compiled along with it.
    batch : bool
        Whether the loop of a layout ``"(n)->()"`` takes many pixels at once: (n, p) → (p,);
        scalars may follow, the same for all pixels.
    """

    def __init__(
        self,
        function: Callable[..., None],
        signatures: Sequence[str],
        layout: str,
        helpers: Sequence[Callable[..., Any]] = (),
        batch: bool = False,
    ) -> None:
        self.py_func = function
        self.signatures = tuple(signatures)
        self.layout = layout
        self.helpers = tuple(helpers)
        self.batch = batch
        self.__name__ = function.__name__
        self.__qualname__ = function.__qualname__
        self.__module__ = function.__module__
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        inputs, outputs = layout.split("->")
        self._core = [item.count(",") + 1 if item else 0 for item in inputs[1:-1].split("),(")]
        self.nin, self.nout = len(self._core), outputs.count("(")
        # What dask reads: a signature marks a generalised ufunc, None an element-by-element one.
        self.signature = layout if any(self._core) else None
        names = re.findall(r"[a-z]+\d+", signatures[0])[-self.nout :]
        self._outputs = tuple(map(np.dtype, names))
        self._compiled: Any = None
        self._lock = threading.Lock()

    @property
    def compiled(self) -> Any:
        """The numba gufunc, compiled (or read from the cache) at the first request."""
        if self._compiled is None:
            with self._lock:
                if self._compiled is None:
                    self._compiled = self._compile()
        return self._compiled

    def _compile(self) -> Any:
        import numba

        functions: tuple[Any, ...] = (*self.helpers, self.py_func)
        # The helpers are compiled in a scope of their own: at import they are plain Python.
        scope = {name: value for each in functions for name, value in each.__globals__.items()}
        for helper in self.helpers:
            jit = numba.njit(error_model="numpy")
            scope[helper.__name__] = jit(_rebound(helper, scope))
        loop = _rebound(self.py_func, scope)
        if self.signature is None:
            build = partial(numba.vectorize, self.signatures)
        else:
            layout = self.layout
            if self.batch:
                layout = layout.replace("(n)", "(n,p)", 1).replace("->()", "->(p)")
            build = partial(numba.guvectorize, self.signatures, layout)
        try:
            # numba's cache sees changes of the loop's own file; the name carries all others.
            loop.__qualname__ += "-" + _digest(functions)
            with _alone(loop):
                return build(nopython=True, cache=True)(loop)
        # No source to watch, or no folder to keep a cache in.
        except (OSError, RuntimeError, TypeError):
            return build(nopython=True)(loop)

    def __call__(self, *arrays: Any) -> Any:
        """Apply to numpy or dask arrays; leading dims broadcast."""
        for array in arrays:
            # A lazy array (dask) takes over and calls this object again on each of its blocks.
            if hasattr(array, "__array_ufunc__") and not isinstance(array, np.ndarray | np.generic):
                return array.__array_ufunc__(self, "__call__", *arrays, **self._meta())
        # Comparing NaN raises the processor's invalid flag, which numpy would report as a warning.
        with np.errstate(all="ignore"):
            if self.batch:
                return self._fold(np.asarray(arrays[0]), *arrays[1:])
            return self.compiled(*map(_contiguous, arrays, self._core), order="C")

    def _fold(self, array: Any, *settings: Any) -> Any:
        """Lay all pixels in one row for a loop that takes many at once."""
        *loop, core = array.shape
        columns = np.ascontiguousarray(array.reshape(math.prod(loop), core).T)
        result = self.compiled(columns, *settings).reshape(loop)
        return result if loop else result[()]

    def _meta(self) -> dict[str, Any]:
        """What dask would find out by compiling, and by casting complex to float with a warning."""
        empty = [np.empty(0, dtype) for dtype in self._outputs]
        return {"meta": empty if self.nout > 1 else empty[0]} if self.signature else {}

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        """Pickle as an address: the worker imports and compiles its own."""
        return _by_name, (self.__module__, self.__name__)

    def __repr__(self) -> str:
        return f"<gufunc {self.__module__}.{self.__name__} {self.layout}>"


def _by_name(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def _rebound(function: Any, scope: dict[str, Any]) -> FunctionType:
    """The same code, looking its globals up elsewhere."""
    return FunctionType(function.__code__, scope, function.__name__)


@contextlib.contextmanager
def _alone(loop: Any) -> Iterator[None]:
    """Let one process at a time write a loop to numba's cache, or read it.

    numba keeps a loop and the wrapper that calls it in two files, and the wrapper calls it by a
    name that holds a counter of the process. Of two processes that compile at once, one may leave
    the loop and the other the wrapper: whoever reads them jumps to address 0, until they are
    deleted. The lock ends with the process, however that ends.
    """
    from numba.core.caching import FunctionCache

    folder = Path(FunctionCache(loop).cache_path)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "minewatch-kernels.lock").open("a+b") as file:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _digest(functions: Sequence[Any]) -> str:
    modules = {__name__, *(each.__module__ for each in functions)}
    sources = sorted(inspect.getsource(sys.modules[name]) for name in modules)
    return hashlib.sha256("".join(sources).encode()).hexdigest()[:8]


def _contiguous(array: Any, core: int) -> Any:
    """An array whose trailing `core` dims lie in memory as C lays them."""
    array = np.asanyarray(array)
    if core == 0 or array.ndim < core or array.size == 0:
        return array
    one = array[(0,) * (array.ndim - core)]
    return array if one.flags.c_contiguous else np.ascontiguousarray(array)


def gufunc(
    signatures: Sequence[str],
    layout: str,
    *,
    helpers: Sequence[Callable[..., Any]] = (),
    batch: bool = False,
) -> Callable[[Callable[..., None]], LazyGufunc]:
    """Decorate a loop as a lazily compiled gufunc.

    Parameters
    ----------
    signatures : sequence of str
        Numba type signatures, outputs last; ``"out(in,in)"`` for a function of scalars,
        whose layout is ``"(),()->()"``.
    layout : str
        Gufunc layout.
    helpers : sequence of callable
        Plain functions to compile along with the loop; all that it calls, directly or not.
    batch : bool
        Whether the loop of a layout ``"(n)->()"`` takes many pixels at once: (n, p) → (p,);
        scalars may follow, the same for all pixels.

    Returns
    -------
    callable
        The decorator.

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

    def decorate(function: Callable[..., None]) -> LazyGufunc:
        return LazyGufunc(function, signatures, layout, helpers, batch)

    return decorate
