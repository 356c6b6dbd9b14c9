"""Walks over the ground against the loop anyone would write, symmetries, and planes."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from minewatch.kernels import local_incidence, relief_codes

ACROSS = (3.0, 7.0)  # metres between rows and between columns


def rough(rng, shape=(14, 17), height=15.0):
    return (height * rng.random(shape)).astype(np.float32)


def between(elevation, i, j):
    """Bilinear elevation at a place; None outside of the array."""
    height, width = elevation.shape
    i, j = round(i, 6), round(j, 6)
    if not (0 <= i <= height - 1 and 0 <= j <= width - 1):
        return None
    top, left = min(int(i), height - 2), min(int(j), width - 2)
    a, b = i - top, j - left
    block = elevation[top : top + 2, left : left + 2].astype(float)
    weights = np.outer([1 - a, a], [1 - b, b])
    # A missing corner does no harm where it has no weight.
    return (weights * np.where(weights > 0, block, 0)).sum()


def obvious(elevation, incidence, azimuth, spacing, reach):
    """No end before the reach, no bounds: every step of every pixel."""
    turn = np.radians(azimuth)
    down, right = -np.cos(turn) / spacing[0], np.sin(turn) / spacing[1]
    step = 1 / max(abs(down), abs(right))
    codes = np.full(elevation.shape, 255, np.uint8)
    padded = np.pad(elevation.astype(float), 1, constant_values=np.nan)
    for i, j in np.ndindex(elevation.shape):
        z, theta = float(elevation[i, j]), np.radians(incidence[i, j])
        if not np.isfinite(z) or not 0 < theta < np.pi / 2:
            continue
        north = central(padded[i + 2, j + 1], z, padded[i, j + 1], spacing[0])
        east = central(padded[i + 1, j], z, padded[i + 1, j + 2], spacing[1])
        rise = east * np.sin(turn) + north * np.cos(turn)
        shadow, layover = rise < -1 / np.tan(theta), rise > np.tan(theta)
        for side in (-1, 1):
            for k in range(1, int(reach / step + 1e-9) + 1):
                d = k * step
                met = between(elevation, i + side * d * down, j + side * d * right)
                if met is None:
                    break
                if side < 0:
                    shadow |= met > z + d / np.tan(theta)
                    layover |= met < z - d * np.tan(theta)
                else:
                    layover |= met > z + d * np.tan(theta)
        codes[i, j] = shadow + 2 * layover
    return codes


def central(before, here, after, spacing):
    steps = [(after - here) / spacing, (here - before) / spacing]
    return np.mean([step for step in steps if np.isfinite(step)] or [np.nan])


@pytest.mark.parametrize("azimuth", [0, 78, 90, 135, 180, 200.5, 270, 282, 359])
def test_codes_are_those_of_the_obvious_loop(rng, azimuth):
    elevation = rough(rng)
    elevation[rng.random(elevation.shape) < 0.05] = np.nan
    incidence = rng.uniform(25, 65, elevation.shape).astype(np.float32)
    incidence[0, :4] = [np.nan, 0, 90, -5]
    got = relief_codes(elevation, incidence, azimuth, *ACROSS, 60.0)
    assert set(np.unique(got)) >= {0, 1, 2, 255}
    npt.assert_array_equal(got, obvious(elevation, incidence, azimuth, ACROSS, 60.0))


def test_turning_the_ground_and_the_look_turns_the_codes(rng):
    elevation, incidence = rough(rng, height=40.0), np.full((14, 17), 39, np.float32)
    codes = relief_codes(elevation, incidence, 78.0, 9.0, 9.0, 100.0)
    for turns in range(1, 4):  # rot90 goes against the clock
        turned = np.ascontiguousarray(np.rot90(elevation, turns))
        got = relief_codes(turned, np.rot90(incidence, turns), 78.0 - 90 * turns, 9.0, 9.0, 100.0)
        npt.assert_array_equal(got, np.rot90(codes, turns))
    mirrored = relief_codes(elevation[:, ::-1], incidence, -78.0, 9.0, 9.0, 100.0)
    npt.assert_array_equal(mirrored, codes[:, ::-1])


def test_only_height_differences_and_their_scale_matter(rng):
    elevation, incidence = rough(rng, height=40.0), np.full((14, 17), 39, np.float32)
    codes = relief_codes(elevation, incidence, 282.0, 5.0, 9.0, 100.0)
    npt.assert_array_equal(relief_codes(elevation + 64, incidence, 282.0, 5.0, 9.0, 100.0), codes)
    # Eightfold: exact in floating point.
    got = relief_codes(elevation * 8, incidence, 282.0, 40.0, 72.0, 800.0)
    npt.assert_array_equal(got, codes)


def test_relief_beyond_the_reach_is_not_seen():
    tower = np.zeros((1, 30), np.float32)
    tower[0, 5] = 150.0
    incidence = np.full_like(tower, 45)
    # The crest shows at 50 m, hides up to 200 m, and folds over from -100 m.
    for reach, hidden in ((40, 4), (100, 10), (500, 14)):
        codes = relief_codes(tower, incidence, 90.0, 10.0, 10.0, float(reach))
        assert ((codes & 1) > 0).sum() == hidden
    assert (codes[0, :5] == 2).all()


@pytest.mark.parametrize("azimuth", [78.0, 282.0, 0.0, 90.0, 211.0])
@pytest.mark.parametrize("tilt", [-70.0, -30.0, 0.0, 12.0, 39.0, 60.0])
def test_a_plane_tilted_towards_the_sensor_takes_its_tilt_off_the_angle(azimuth, tilt):
    turn = np.radians(azimuth)
    i, j = np.indices((6, 7)).astype(float)
    away = 4.0 * j * np.sin(turn) - 3.0 * i * np.cos(turn)
    plane = (np.tan(np.radians(tilt)) * away).astype(np.float32)
    got = local_incidence(plane, np.full((6, 7), 39, np.float32), azimuth, 3.0, 4.0)
    # float32 elevations of 100 m leave 1e-5 m over 6 m of slope: 1e-4 degrees; near 0° the
    # cosine is flat, and 1e-7 of it is 0.02 degrees.
    npt.assert_allclose(got, abs(39 - tilt), atol=0.03 if tilt == 39 else 2e-4)


def test_a_plane_tilted_across_the_look():
    i = np.indices((6, 7))[0]
    plane = (-10.0 * i * np.tan(np.radians(25))).astype(np.float32)
    got = local_incidence(plane, np.full((6, 7), 39, np.float32), 90.0, 10.0, 10.0)
    cosine = np.cos(np.radians(39)) * np.cos(np.radians(25))
    npt.assert_allclose(got, np.degrees(np.arccos(cosine)), atol=1e-4)


def test_the_slope_beside_what_is_missing_is_one_sided():
    ramp = np.float32([[0, 10, np.nan, 30, 40], [0, 10, 20, 30, 40]])
    got = local_incidence(ramp, np.full((2, 5), 60, np.float32), 90.0, 10.0, 10.0)
    assert np.isnan(got[0, 2])
    known = got[np.isfinite(got)]
    assert known.size == 8  # above the missing one: no neighbour along the column
    npt.assert_allclose(known[[0, 1, 2, 3]], 15, atol=1e-4)
    alone = local_incidence(np.float32([[5]]), np.float32([[39]]), 90.0, 10.0, 10.0)
    assert np.isnan(alone).all()


def test_plain_functions_say_what_the_compiled_ones_say(rng):
    elevation = rough(rng, (6, 7))
    elevation[2, 3] = np.nan
    incidence = np.full((6, 7), 39, np.float32)
    codes, angle = np.empty((6, 7), np.uint8), np.empty((6, 7), np.float32)
    with np.errstate(invalid="ignore", divide="ignore"):
        relief_codes.py_func(elevation, incidence, 78.0, *ACROSS, 60.0, codes)
        local_incidence.py_func(elevation, incidence, 78.0, *ACROSS, angle)
    npt.assert_array_equal(codes, relief_codes(elevation, incidence, 78.0, *ACROSS, 60.0))
    npt.assert_allclose(angle, local_incidence(elevation, incidence, 78.0, *ACROSS), rtol=1e-6)
