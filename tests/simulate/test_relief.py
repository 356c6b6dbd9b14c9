"""What the judge of shadow and layover says of walls, whose answer is known in closed form."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.conventions import crs_of
from minewatch.simulate import heap, relief_scene

TAN = np.tan(np.radians(39))


def test_a_heap_has_its_height_its_slope_and_its_top():
    x = np.array([0, 9.9, 10, 20, 30, 49.9, 50, 80])
    expected = [40, 40, 40, 30, 20, 0.1, 0, 0]
    east = heap(x, 0.0, height=40, slope=45, top=(10, 5), facing=90)
    npt.assert_allclose(east, expected, atol=1e-9)
    npt.assert_allclose(heap(0, -x, height=40, slope=45, top=(10, 5)), expected, atol=1e-9)
    npt.assert_allclose(heap(x, 0, height=-40, slope=45, top=(10, 5), facing=270), -east)
    half = np.sqrt(0.5) * x
    turned = heap(half, half, height=40, slope=45, top=(10, 5), facing=45)
    npt.assert_allclose(turned, expected, atol=1e-9)


def metres(truth, resolution):
    """From the first to the last, along the row."""
    (at,) = np.nonzero(truth.values[0])
    return resolution * (at.min() - 0.5), resolution * (at.max() + 0.5), len(at) * resolution


@pytest.mark.parametrize("azimuth", [90, 270])
def test_shadow_and_layover_of_a_wall(azimuth):
    """Crests at ±100 m, feet h / tan 80° farther out."""
    h, foot = 60.0, 60 / np.tan(np.radians(80))
    scene = relief_scene(
        lambda x, y: heap(x, y, height=h, slope=80, top=(100, 900), facing=90),
        incidence=39,
        look_azimuth=azimuth,
        shape=(2, 400),
        resolution=1.0,
    )
    if azimuth == 270:
        scene = scene.isel(x=slice(None, None, -1))
    middle = 400 / 2 - 0.5
    first, last, length = metres(scene.shadow, 1.0)
    # Each end within half a pixel.
    npt.assert_allclose(
        [first - middle, last - middle, length], [100, 100 + h * TAN, h * TAN], atol=1
    )
    first, last, length = metres(scene.layover, 1.0)
    near, far = -100 - h / TAN, -100 - foot + h / TAN
    npt.assert_allclose([first - middle, last - middle, length], [near, far, far - near], atol=1)
    assert crs_of(scene.elevation) is not None
    assert scene.edge.values[0].sum() == 2 * 4  # two borders of either, two pixels each


def test_gentle_ground_is_seen_once_everywhere():
    scene = relief_scene(
        lambda x, y: heap(x, y, height=80, slope=35), incidence=39, look_azimuth=78, shape=(40, 50)
    )
    assert not scene.shadow.any()
    assert not scene.layover.any()
    assert not scene.edge.any()
    npt.assert_allclose(scene.local_incidence[0, 0], 39, atol=1e-4)


@pytest.mark.parametrize(("azimuth", "tilt"), [(90, 20.0), (270, -20.0), (0, 20.0), (123, -60.0)])
def test_the_angle_of_a_plane_is_less_its_tilt(azimuth, tilt):
    turn, rise = np.radians(azimuth), np.tan(np.radians(tilt))
    scene = relief_scene(
        lambda x, y: rise * (x * np.sin(turn) + y * np.cos(turn)),
        incidence=39,
        look_azimuth=azimuth,
        shape=(3, 4),
    )
    npt.assert_allclose(scene.local_incidence, 39 - tilt, atol=1e-4)
    assert scene.shadow.all() == (39 - tilt > 90)
    assert not scene.layover.any()
