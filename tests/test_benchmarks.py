"""Every benchmark is set up and called once, so that none rots unnoticed."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import itertools
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


def classes() -> list[Any]:
    found = []
    for path in sorted(FOLDER.glob("[!_]*.py")):
        module = importlib.import_module(f"benchmarks.{path.stem}")
        found += [
            one
            for _, one in inspect.getmembers(module, inspect.isclass)
            if one.__module__ == module.__name__
            and not one.__name__.startswith("_")
            and not dataclasses.is_dataclass(one)
        ]
    return found


def parameters(benchmark: Any) -> list[tuple[Any, ...]]:
    """First choice of each parameter but every choice of the last: the smallest full round."""
    asked = getattr(benchmark, "params", [])
    if not asked:
        return [()]
    lists = asked if isinstance(asked[0], list | tuple) else [asked]
    return list(itertools.product(*(one[:1] for one in lists[:-1]), lists[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_each_benchmark_runs_once(kind: Any) -> None:
    benchmark = kind()
    cached = [benchmark.setup_cache()] if hasattr(benchmark, "setup_cache") else []
    names = [
        name
        for name, _ in inspect.getmembers(kind, inspect.isfunction)
        if name.startswith(("time_", "peakmem_", "timeraw_", "track_"))
    ]
    assert names, f"{kind.__name__} measures nothing"
    for given in parameters(kind):
        try:
            if hasattr(benchmark, "setup"):
                benchmark.setup(*cached, *given)
        except NotImplementedError:  # so asv is told that a library lacks
            continue
        for name in names:
            getattr(benchmark, name)(*cached, *given)
        if hasattr(benchmark, "teardown"):
            benchmark.teardown(*cached, *given)


def test_kernels_and_workflows_are_measured_in_time_and_memory() -> None:
    measured = " ".join(
        f"{kind.__name__}.{name}".lower() for kind in classes() for name in dir(kind)
    )
    for subject in ("coherence", "lee", "ndai", "exceedances", "activity", "mapping", "import"):
        assert subject in measured
    assert "time_" in measured
    assert "peakmem_" in measured
