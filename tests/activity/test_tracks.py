"""What two tracks say together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind

from minewatch import masks
from minewatch.activity import agree
from minewatch.simulate import heap, relief_scene

UNDECIDED, STABLE, ACTIVE, NONE = 0, 1, 2, 255
CONTESTED, ACTIVE_ONCE, STABLE_ONCE = 3, 4, 5


def obvious(one: int, other: int) -> int:
    both = {one, other}
    if not both <= {UNDECIDED, STABLE, ACTIVE, NONE}:
        return NONE
    if both == {STABLE, ACTIVE}:
        return CONTESTED
    if ACTIVE in both:
        return ACTIVE if both == {ACTIVE} else ACTIVE_ONCE
    if STABLE in both:
        return STABLE if both == {STABLE} else STABLE_ONCE
    return NONE if both == {NONE} else UNDECIDED


def test_every_pair_of_classes_has_its_answer():
    codes = [0, 1, 2, 3, 17, 254, 255]
    pairs = np.array(list(itertools.product(codes, repeat=2)), "u1")
    one, other = (layer(pairs[:, end].reshape(7, 7)) for end in (0, 1))
    got = lazy_and_blind(agree, one, other)
    npt.assert_array_equal(got.values.ravel(), [obvious(*pair) for pair in pairs.tolist()])
    xr.testing.assert_identical(got, agree(other, one))
    assert got.attrs["flag_meanings"] == (
        "undecided stable active contested active_once stable_once"
    )


def test_datasets_and_stacks(rng):
    maps = [layer(rng.choice(np.uint8([0, 1, 2, 255]), (2, 4, 5))) for _ in range(2)]
    got = agree(*(each.to_dataset(name="activity") for each in maps))
    assert got.dims == ("time", "y", "x")
    npt.assert_array_equal(got[1], agree(maps[0][1], maps[1][1]))


def test_what_does_not_lie_together_is_refused(rng):
    one = layer(np.zeros((3, 4), "u1"))
    with pytest.raises(ValueError, match=r"grids\.resample"):
        agree(one, layer(np.zeros((4, 4), "u1")))
    with pytest.raises(ValueError, match="one year or season"):
        agree(one, layer(np.zeros((2, 3, 4), "u1")))
    years = [layer(np.zeros((2, 3, 4), "u1")).assign_coords(time=ends) for ends in ([1, 2], [2, 3])]
    with pytest.raises(ValueError, match=r"\[1, 2\].*\[2, 3\].*one year or season"):
        agree(*years)
    with pytest.raises(TypeError, match=r"fillna\(255\)|uint8"):
        agree(one.astype("f4"), one)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "hidden"), [(200.0, False), (60.0, True)])
def test_only_the_floor_of_a_narrow_pit_is_hidden_from_both(width, hidden):
    """A pit of 100 m at 39°: both shadows reach 81 m from the crest, 162 m together."""

    def pit(x, y):
        return heap(x, y, height=-100, slope=80, top=(width / 2, 400), facing=90)

    shadows = []
    for azimuth in (90, 270):
        scene = relief_scene(pit, incidence=39, look_azimuth=azimuth, shape=(4, 100), resolution=5)
        view = masks.radar_geometry(scene.elevation, incidence=39, look_azimuth=azimuth)
        for truth in (scene.shadow, view.shadow == 1):
            shadows.append(truth.values)
    # 0 and 2 are the truth of both looks, 1 and 3 what the masks say.
    assert (shadows[0] & shadows[2]).any() == hidden
    assert (shadows[1] & shadows[3]).any() == hidden
