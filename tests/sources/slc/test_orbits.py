from __future__ import annotations

import numpy as np
import numpy.testing as npt

from minewatch.sources.slc._acquisitions import Orbit
from minewatch.sources.slc._orbits import perpendicular_baselines

EARTH, HEIGHT = 6371e3, 693e3  # m, Sentinel-1
GROUND = np.array([EARTH, 0.0, 0.0])


def circle(across: float = 0.0, above: float = 0.0, ahead: float = 0.0) -> Orbit:
    """A circular pass over the y axis's direction, 300 km to the side of the ground point."""
    radius = EARTH + HEIGHT + above
    rate = 7500 / radius
    seconds = np.linspace(-60, 60, 13)
    angle = rate * (seconds + ahead)
    side = np.full(13, 300e3 + across)
    position = np.stack([radius * np.cos(angle), radius * np.sin(angle), side], axis=-1)
    velocity = np.stack(
        [-radius * rate * np.sin(angle), radius * rate * np.cos(angle), np.zeros(13)], axis=-1
    )
    return Orbit(seconds, position, velocity)


def test_known_offsets_project_on_the_normal_of_the_sight() -> None:
    # sight: HEIGHT down and 300 km sideways; its normal in the same plane
    normal = np.array([HEIGHT, -300e3]) / np.hypot(HEIGHT, 300e3)
    offsets = [(0.0, 0.0), (100.0, 0.0), (0.0, 50.0), (-30.0, 80.0)]
    found = perpendicular_baselines([circle(*offset) for offset in offsets], GROUND)
    expected = np.array(offsets) @ normal
    npt.assert_allclose(found * np.sign(found[1]), expected, atol=1e-3)


def test_a_shift_along_the_track_is_no_baseline() -> None:
    found = perpendicular_baselines([circle(), circle(ahead=3.7)], GROUND)
    npt.assert_allclose(found, [0, 0], atol=1e-3)


def test_unknown_orbits_are_nan() -> None:
    elsewhere = circle()
    elsewhere = Orbit(elsewhere.seconds[:3], elsewhere.position[:3], elsewhere.velocity[:3])
    found = perpendicular_baselines([None, circle(), elsewhere, circle(100)], GROUND)
    assert np.isnan(found[[0, 2]]).all()
    assert found[1] == 0
    assert np.isnan(perpendicular_baselines([None, None], GROUND)).all()
