from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import dask.array as da
import numpy as np
import numpy.testing as npt
import oracles_kernels as oracles
import pytest
from dask.base import tokenize
from distributed.protocol.pickle import dumps, loads
from laziness import nothing_computes

from minewatch import kernels
from minewatch.kernels._gufunc import gufunc


def test_importing_the_kernels_does_not_import_numba():
    program = "import sys, minewatch.kernels as k; k.lee.layout; assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.fixture
def arguments(rng):
    """A call of each kernel."""
    pair = oracles.circular_gaussian((2, 3, 8, 9), rng)
    cube = rng.uniform(size=(4, 5, 6)).astype(np.float32)
    cube[0, 0] = np.nan
    forest = kernels.forest.pack_trees(
        starts=np.array([0, 3]),
        left=np.array([1, -1, -1]),
        right=np.array([2, -1, -1]),
        feature=np.array([4, -1, -1]),
        threshold=np.array([0.5, 0, 0]),
        leaf_value=np.eye(2),
        features=6,
    )
    return {
        "coherence": (*pair, 3, 4, 0.5),
        "complex_coherence": (*pair, 3, 4, 0.5),
        "demodulated_coherence": (*pair, 3, 4, 0.5, 0.25),
        "demodulated_complex_coherence": (*pair, 3, 4, 0.5, 0.25),
        "cooccurrence": (cube, np.array([1, 2]), 4, 0.0, 1.0),
        "forest_proba": (cube, *forest),
        "geometric_median": (cube, 1),
        "lee": (cube, 3, 3, 4.0, 0),
        "local_texture": (cube, 3, 8, 0.1, 0.9, 0.5),
        "refined_lee": (cube, 4.0, 0.4),
        "sigma_filter": (cube, cube, 3, 0.5, 1.8, 0.3),
        "strong_targets": (cube, 0.9, 3, 2),
        "local_incidence": (cube, np.full_like(cube, 39), 78.0, 10.0, 10.0),
        "relief_codes": (100 * cube, np.full_like(cube, 39), 78.0, 10.0, 10.0, 50.0),
        "ndai": (cube, rng.uniform(size=(4, 1, 1))),
        "count_exceedances": (cube, rng.uniform(size=4)),
        "nanmedian": (cube,),
        "nanquantile": (cube, 0.3),
    }


@pytest.mark.parametrize("name", sorted(kernels.__all__))
def test_every_kernel_takes_dask_arrays_and_stays_lazy(arguments, name):
    kernel = getattr(kernels, name)
    expected = kernel(*arguments[name])
    core = {
        "nanmedian": 1,
        "nanquantile": 1,
        "ndai": 0,
        "count_exceedances": 3,
        "geometric_median": 3,
    }.get(name, 2)
    lazy = []
    for argument in arguments[name]:
        if isinstance(argument, np.ndarray) and argument.ndim > 1:
            chunks = [2] * (argument.ndim - core) + [-1] * core
            argument = da.from_array(argument, chunks=tuple(chunks))
        lazy.append(argument)
    with nothing_computes():
        results = kernel(*lazy)
    several = isinstance(results, tuple)
    for result, wanted in zip(
        results if several else [results], expected if several else [expected], strict=True
    ):
        assert result.dtype == wanted.dtype
        npt.assert_array_equal(result.compute(), wanted)


@pytest.mark.parametrize("name", sorted(kernels.__all__))
def test_every_kernel_pickles_as_its_name(arguments, name):
    kernel = getattr(kernels, name)
    assert loads(dumps(kernel)) is kernel
    assert len(dumps(kernel)) < 200
    assert tokenize(kernel) == tokenize(loads(dumps(kernel)))


@pytest.mark.parametrize("name", sorted(kernels.__all__))
def test_two_threads_at_once(arguments, name):
    kernel = getattr(kernels, name)
    expected = kernel(*arguments[name])
    failures = []

    def work():
        for _ in range(20):
            try:
                # Results of two shapes make no array.
                npt.assert_equal(kernel(*arguments[name]), expected)
            except AssertionError as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_empty_arrays_are_no_trouble():
    nothing = np.empty((0, 5), np.complex64)
    assert kernels.coherence(nothing, nothing, 3, 3, 0.5).shape == (0, 5)
    assert kernels.lee(np.empty((4, 0), np.float32), 3, 3, 4.0, 0).shape == (4, 0)
    exceeded, observed = kernels.count_exceedances(np.empty((0, 2, 3), np.float32), np.empty(0))
    assert not exceeded.any()
    assert not observed.any()
    assert kernels.ndai(np.empty((0, 2), np.float32), 0.9).shape == (0, 2)


def test_another_dtype_is_refused_not_cast():
    with pytest.raises(TypeError):
        kernels.coherence(np.ones((3, 3)) + 0j, np.ones((3, 3)) + 0j, 3, 3, 0.5)
    with pytest.raises(TypeError):
        kernels.lee(np.ones((3, 3)), 3, 3, 4.0, 0)


def test_two_threads_compile_once(monkeypatch):
    import numba

    built = []
    original = numba.vectorize

    def counted(*arguments, **options):
        built.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(numba, "vectorize", counted)

    @gufunc(["float32(float32)"], "()->()")
    def double(value):
        return value + value

    results = []
    threads = [
        threading.Thread(target=lambda: results.append(double(np.float32(2)))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [4, 4]
    assert len(built) == 1


def test_without_a_place_for_a_cache_the_kernel_compiles_all_the_same(monkeypatch):
    import numba

    original = numba.vectorize

    def homeless(*arguments, cache=False, **options):
        if cache:
            message = "cannot cache function 'triple': no locator available"  # numba's own words
            raise RuntimeError(message)
        return original(*arguments, **options)

    monkeypatch.setattr(numba, "vectorize", homeless)

    @gufunc(["float32(float32)"], "()->()")
    def triple(value):
        return value + value + value

    assert triple(np.float32(2)) == 6


def test_helpers_are_compiled_with_the_kernel_and_stay_plain_outside():
    assert type(_half).__name__ == "function"
    assert _half_of_sum(np.array([1, 2, 3], np.float32)) == 3
    assert type(_half).__name__ == "function"
    assert repr(_half_of_sum).startswith("<gufunc")


def _half(value):
    return value / np.float32(2)


@gufunc(["(float32[::1],float32[:])"], "(n)->()", helpers=(_half,))
def _half_of_sum(series, out):
    out[0] = np.float32(0)
    for value in series:
        out[0] += _half(value)


def test_a_change_of_a_helper_or_of_the_wrapper_is_another_cache_entry(monkeypatch):
    import inspect

    from minewatch.kernels import _gufunc, insar

    functions = (*insar.HELPERS, insar.coherence.py_func)
    before = _gufunc._digest(functions)
    original = inspect.getsource
    for changed in ("minewatch.kernels._windows", "minewatch.kernels._gufunc"):
        monkeypatch.setattr(
            inspect,
            "getsource",
            lambda module, changed=changed: original(module) + "#" * (module.__name__ == changed),
        )
        assert _gufunc._digest(functions) != before


def test_a_loop_typed_at_a_prompt_compiles_too():
    program = """
import numpy as np
from minewatch.kernels._gufunc import gufunc
@gufunc(["float32(float32)"], "()->()")
def double(value):
    return value + value
assert double(np.float32(2)) == 4
"""
    subprocess.run([sys.executable, "-c", program], check=True)


PROGRAM = """
import sys, time
import numpy as np
from minewatch import kernels
while time.time() < float(sys.argv[1]):
    pass
{first}
print(kernels.nanmedian(np.full((300, 5), 7, np.float32)).mean())
"""


@pytest.mark.slow
def test_processes_that_compile_at_once_leave_a_cache_that_works(tmp_path):
    """Two files of numba's cache belong together; from two processes they make the next one crash.

    Without one lock for both, three rounds of four ended so, hence three rounds.
    """
    for i in range(3):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / str(i))}

        def command(first, at):
            return [sys.executable, "-c", PROGRAM.format(first=first), str(at)]

        soon = time.time() + 2.5
        # One compiles another loop before, so that its names count differently.
        other = command("kernels.ndai(np.ones(3, np.float32), 0.9)", soon - 0.35 - 0.1 * i)
        both = [
            subprocess.Popen(each, env=environment, stdout=subprocess.DEVNULL)
            for each in (command("", soon), other)
        ]
        assert [each.wait() for each in both] == [0, 0]
        later = subprocess.run(command("", 0), env=environment, capture_output=True, check=False)
        assert (later.returncode, later.stdout.split()) == (0, [b"7.0"])
