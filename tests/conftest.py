"""Fixtures every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

DATA_VARIABLE = "MINEWATCH_TEST_DATA"


NETWORKS = ("minewatch.learn.networks", "minewatch.learn.segment")
"""Rooms whose docstring examples need torch and onnxruntime."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave the examples of networks to ``-m cnn``."""
    for item in items:
        if isinstance(item, pytest.DoctestItem) and item.name.startswith(NETWORKS):
            item.add_marker(pytest.mark.cnn)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20221)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; without it the test is skipped, with it a skip is a failure."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        pytest.skip(f"{DATA_VARIABLE} does not name the folder of real data")
    path = Path(folder).resolve()
    assert path.is_dir(), f"{DATA_VARIABLE}={folder} is no folder"
    return path
