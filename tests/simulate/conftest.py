"""Worlds that the tests of the simulators share."""

from __future__ import annotations

import pytest

from minewatch import simulate


@pytest.fixture(scope="session")
def world() -> simulate.World:
    """A small world, for everything that needs no statistics."""
    return simulate.mine_world(seed=42, size=160)


@pytest.fixture(scope="session")
def district() -> simulate.World:
    """The world at its design size, 2 s."""
    return simulate.mine_world(seed=42)


@pytest.fixture(scope="session")
def districts(district) -> dict[int, simulate.World]:
    """Three worlds at their design size, by seed."""
    return {42: district} | {seed: simulate.mine_world(seed=seed) for seed in (1, 7)}
