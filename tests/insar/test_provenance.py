"""Where coherence came from travels with it."""

from __future__ import annotations

import json

import numpy as np
import oracles_insar as oracles
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch import insar


@pytest.fixture
def slc(rng) -> xr.DataArray:
    stack = oracles.stack(oracles.circular_gaussian((3, 12, 30), rng))
    stack.attrs = {
        "long_name": "image",
        "polarization": "VV",
        "source": "SNAP Zarr export",
        "files": ["a.znap", "b.znap", "c.znap"],
        "burst": "IW2",
    }
    return stack.assign_coords(
        relative_orbit=("time", np.array([37, 37, 37])), orbit_direction="descending"
    )


WANTED = {
    "polarization": "VV",
    "source": "SNAP Zarr export",
    "files": ["a.znap", "b.znap", "c.znap"],
    "burst": "IW2",
    "relative_orbit": 37,
    "orbit_direction": "descending",
}


def test_the_images_are_remembered_all_the_way(slc):
    pairs = insar.select_pairs(slc)
    gamma = insar.coherence(slc, pairs, mode="multilook")
    assert gamma.attrs["looks"] == pytest.approx(insar.effective_looks((3, 10)), abs=0.01)
    steps = [
        gamma,
        insar.complex_coherence(slc, pairs),
        insar.interferogram(slc, pairs),
        insar.coarsen_mean(gamma, factor=(2, 1)),
        insar.debias(gamma, looks=12.0),
        insar.in_months(gamma, [6]),
    ]
    for step in steps:
        assert WANTED.items() <= step.attrs.items()
        assert json.loads(json.dumps(step.attrs)) == step.attrs
        assert "long_name" in step.attrs
    assert steps[3].attrs["window"] == [3, 10]
    assert steps[4].attrs["looks"] == 12
    assert steps[4].attrs["mode"] == "multilook"


def test_lazy_labels_and_several_values(slc):
    lazy = slc.assign_coords(subswath=("time", ["IW1", "IW2", "IW2"])).chunk(time=1)
    with nothing_computes():
        gamma = insar.coherence(lazy, insar.select_pairs(lazy))
    assert gamma.attrs["subswath"] == ["IW1", "IW2"]
    assert gamma.attrs["relative_orbit"] == 37
    assert gamma.sizes["pair"] == 1


def test_what_is_not_known_is_not_told(slc):
    bare = slc.drop_vars(["relative_orbit", "orbit_direction"])
    bare.attrs = {}
    gamma = insar.coherence(bare, insar.select_pairs(bare))
    assert not set(WANTED) & set(gamma.attrs)
