"""Forests in threads leave the warnings of the process alone."""

from __future__ import annotations

import sys
import threading
import warnings

import numpy as np
import pytest
import xarray as xr

from minewatch import learn
from minewatch.learn.thread_warnings import SPURIOUS, kept_warnings


def samples() -> xr.Dataset:
    rng = np.random.default_rng(0)
    label, polygon = np.repeat([0, 1] * 4, 30), np.repeat(np.arange(8), 30)
    layers = {
        f"s2_{number}": ("sample", (label + rng.normal(size=240)).astype("f4"))
        for number in range(6)
    }
    return xr.Dataset(layers, {"label": ("sample", label), "polygon": ("sample", polygon)})


@pytest.mark.parametrize("mode", ["sklearn", "smile"])
def test_filters_are_as_before_after_forests_in_threads(mode: str) -> None:
    learn.out_of_fold(samples(), split=learn.PolygonSplit(2))  # libraries set theirs as they load
    before, kept = list(warnings.filters), sys.getswitchinterval()
    # Threads that take turns this often nearly always cut the filters short, left to themselves.
    sys.setswitchinterval(1e-5)
    try:
        for seed in range(5):
            learn.out_of_fold(
                samples(),
                fit=lambda one, seed=seed: learn.fit_forest(
                    one, trees=50, mode=mode, seed=seed, n_jobs=4
                ),
                split=learn.PolygonSplit(2),
            )
            assert list(warnings.filters) == before
    finally:
        sys.setswitchinterval(kept)


def test_warnings_of_others_are_told_and_the_spurious_one_is_not() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with kept_warnings():
            warnings.warn(SPURIOUS + " something", UserWarning, stacklevel=1)
            warnings.warn("a gap", UserWarning, stacklevel=1)
    assert [str(one.message) for one in told] == ["a gap"]
    assert told[0].filename == __file__


def test_warnings_are_told_where_the_work_fails() -> None:
    def work() -> None:
        with kept_warnings():
            warnings.warn("a gap", UserWarning, stacklevel=1)
            raise KeyError("lost")

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(KeyError, match="lost"):
            work()
    assert [str(one.message) for one in told] == ["a gap"]


def test_threads_that_overlap_do_not_swallow_what_follows() -> None:
    """The first comes and goes while the second is inside: what it noted is not what it leaves."""
    first_in, second_in, first_out = (threading.Event() for _ in range(3))

    def first() -> None:
        with kept_warnings():
            first_in.set()
            second_in.wait(10)
            warnings.warn("a gap", UserWarning, stacklevel=1)
        first_out.set()

    def second() -> None:
        first_in.wait(10)
        with kept_warnings():
            second_in.set()
            first_out.wait(10)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        before = list(warnings.filters)
        threads = [threading.Thread(target=work) for work in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert list(warnings.filters) == before
        warnings.warn("a later gap", UserWarning, stacklevel=1)
    assert [str(one.message) for one in told] == ["a gap", "a later gap"]
