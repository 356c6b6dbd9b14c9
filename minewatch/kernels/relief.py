r"""What relief does to a side-looking radar: local incidence, shadow and layover.

Rays are parallel about a pixel: they come from the sensor at the pixel's incidence angle θ. Along
the ground range g, away from the sensor, ground of elevation z has the slant range
:math:`g \sin\theta - z \cos\theta`. A pixel is in shadow where something nearer to the sensor
stands above its ray, :math:`z(g - d) > z(g) + d \cot\theta`, and in layover where a slant range is
taken twice: by something farther that is nearer in slant range,
:math:`z(g + d) > z(g) + d \tan\theta`, or the reverse, :math:`z(g - d) < z(g) - d \tan\theta`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minewatch.kernels._gufunc import gufunc

__all__ = ["local_incidence", "relief_codes"]

UNKNOWN = 255
SHADOW = 1
LAYOVER = 2

NEAR = 1e-9
"""Of a pixel: offsets this near to a row or column lie on it, and need no neighbour."""


def slope(before: Any, here: Any, after: Any, spacing: Any) -> Any:
    """Central difference, one-sided beside what is missing, NaN between what is missing."""
    if np.isfinite(before) and np.isfinite(after):
        return (after - before) / (2.0 * spacing)
    if np.isfinite(after):
        return (after - here) / spacing
    return (here - before) / spacing


def gradient(elevation: Any, i: Any, j: Any, spacing_y: Any, spacing_x: Any) -> Any:
    """Slopes to the north and to the east; rows run south."""
    height, width = elevation.shape
    here = np.float64(elevation[i, j])
    north = np.float64(elevation[i - 1, j]) if i > 0 else np.nan
    south = np.float64(elevation[i + 1, j]) if i + 1 < height else np.nan
    west = np.float64(elevation[i, j - 1]) if j > 0 else np.nan
    east = np.float64(elevation[i, j + 1]) if j + 1 < width else np.nan
    return slope(south, here, north, spacing_y), slope(west, here, east, spacing_x)


def split(offset: Any) -> Any:
    """Whole pixels and the rest, 0 to 1."""
    whole = np.floor(offset + NEAR)
    rest = offset - whole
    return np.int64(whole), rest if rest > NEAR else 0.0


def sample(elevation: Any, i: Any, j: Any, down: Any, right: Any) -> Any:
    """Bilinear elevation between pixels; NaN beside what is missing, infinite outside."""
    height, width = elevation.shape
    last_i, last_j = i + (down > 0.0), j + (right > 0.0)
    if i < 0 or j < 0 or last_i >= height or last_j >= width:
        return np.inf
    above = np.float64(elevation[i, j])
    below = np.float64(elevation[last_i, j])
    if right > 0.0:
        above += right * (np.float64(elevation[i, last_j]) - above)
        below += right * (np.float64(elevation[last_i, last_j]) - below)
    return above + down * (below - above)


def walk(azimuth: Any, spacing_y: Any, spacing_x: Any, reach: Any, longest: Any) -> Any:
    """The steps of a line away from the sensor: whole pixels, the rest, and metres a step.

    One step reaches the next row or the next column, whichever comes first. The offsets do not
    depend on where the line begins, so that a pixel sees the same in every block.
    """
    down, right = -np.cos(azimuth) / spacing_y, np.sin(azimuth) / spacing_x
    fastest = max(abs(down), abs(right))
    last = np.int64(min(np.floor(reach * fastest + NEAR), longest))
    whole = np.empty((2, 2 * last + 1), np.int64)
    rest = np.empty((2, 2 * last + 1), np.float64)
    for k in range(-last, last + 1):
        whole[0, last + k], rest[0, last + k] = split(k * (down / fastest))
        whole[1, last + k], rest[1, last + k] = split(k * (right / fastest))
    return whole, rest, 1.0 / fastest


def bounds(elevation: Any) -> Any:
    """Lowest and highest finite elevation."""
    lowest, highest = np.inf, -np.inf
    for row in elevation:
        for z in row:
            if np.isfinite(z):
                lowest, highest = min(lowest, z), max(highest, z)
    return np.float64(lowest), np.float64(highest)


def judge(elevation: Any, i: Any, j: Any, theta: Any, rise: Any, line: Any, limits: Any) -> Any:
    """Walk the line of sight of one pixel: to the sensor, then beyond.

    A walk ends where nothing in the array is high or low enough to matter, at its edge, or at
    the reach.
    """
    whole, rest, step = line
    lowest, highest = limits
    here, z = whole.shape[1] // 2, np.float64(elevation[i, j])
    upward, downward = step / np.tan(theta), step * np.tan(theta)
    shadow, layover = rise < -1.0 / np.tan(theta), rise > np.tan(theta)
    for k in range(1, here + 1):
        ray, front = z + k * upward, z - k * downward
        if (shadow or ray >= highest) and (layover or front <= lowest):
            break
        at = here - k
        met = sample(elevation, i + whole[0, at], j + whole[1, at], rest[0, at], rest[1, at])
        if np.isinf(met):
            break
        shadow |= met > ray
        layover |= met < front
    for k in range(1, here + 1):
        front = z + k * downward
        if layover or front >= highest:
            break
        at = here + k
        met = sample(elevation, i + whole[0, at], j + whole[1, at], rest[0, at], rest[1, at])
        if np.isinf(met):
            break
        layover |= met > front
    return shadow, layover


HELPERS = (bounds, gradient, judge, sample, slope, split, walk)


@gufunc(
    ["(float32[:,::1],float32[:,::1],float64,float64,float64,float32[:,::1])"],
    "(y,x),(y,x),(),(),()->(y,x)",
    helpers=(gradient, slope),
)
def local_incidence(
    elevation: Any, incidence: Any, look_azimuth: Any, spacing_y: Any, spacing_x: Any, out: Any
) -> None:
    """Angle between the ray from the sensor and the normal of the ground.

    Parameters
    ----------
    elevation : (..., y, x) array of float32
        Metres; rows run south, columns east. Slopes are central differences, one-sided at the
        edges and beside what is missing.
    incidence : (..., y, x) array of float32
        Angle of the ray to the vertical, degrees.
    look_azimuth : float
        Where the radar looks, degrees clockwise from the direction in which rows ascend.
    spacing_y, spacing_x : float
        Metres between rows and columns.

    Returns
    -------
    (..., y, x) array of float32
        Degrees, 0 to 180; NaN where elevation or incidence is missing, or has no neighbours along
        a row or a column.

    See Also
    --------
    minewatch.masks.radar_geometry : the same for labelled layers.

    Examples
    --------
    >>> import numpy as np
    >>> ground = np.zeros((2, 2), np.float32)
    >>> local_incidence(ground, ground + 39, 90.0, 10.0, 10.0).round(3)
    array([[39., 39.], [39., 39.]], dtype=float32)
    """
    height, width = elevation.shape
    azimuth = np.radians(look_azimuth)
    for i in range(height):
        for j in range(width):
            theta = np.radians(np.float64(incidence[i, j]))
            if not np.isfinite(elevation[i, j]):
                theta = np.nan
            north, east = gradient(elevation, i, j, spacing_y, spacing_x)
            rise = east * np.sin(azimuth) + north * np.cos(azimuth)
            cosine = np.cos(theta) + np.sin(theta) * rise
            cosine /= np.sqrt(1.0 + north * north + east * east)
            out[i, j] = np.degrees(np.arccos(min(max(cosine, -1.0), 1.0)))


@gufunc(
    ["(float32[:,::1],float32[:,::1],float64,float64,float64,float64,uint8[:,::1])"],
    "(y,x),(y,x),(),(),(),()->(y,x)",
    helpers=HELPERS,
)
def relief_codes(
    elevation: Any,
    incidence: Any,
    look_azimuth: Any,
    spacing_y: Any,
    spacing_x: Any,
    reach: Any,
    out: Any,
) -> None:
    """Radar shadow and layover, by walking the line of sight over the ground.

    A step reaches the next row or the next column, whichever comes first along the line's main
    direction; elevation between pixels is linear. What is missing, or lies outside of the array,
    neither hides nor folds anything.

    Parameters
    ----------
    elevation, incidence, look_azimuth, spacing_y, spacing_x
        As in :func:`local_incidence`; incidence between 0 and 90.
    reach : float
        How far to walk on either side of a pixel, metres.

    Returns
    -------
    (..., y, x) array of uint8
        0 seen, 1 shadow, 2 layover, 3 both; 255 where elevation or incidence is missing.

    See Also
    --------
    minewatch.masks.radar_geometry : the same for labelled layers.

    Examples
    --------
    >>> import numpy as np
    >>> wall = np.float32([[0, 0, 0, 25, 0, 0, 0, 0]])
    >>> relief_codes(wall, wall * 0 + 45, 90.0, 10.0, 10.0, 100.0)
    array([[0, 2, 2, 2, 1, 1, 0, 0]], dtype=uint8)
    """
    height, width = elevation.shape
    azimuth = np.radians(look_azimuth)
    line = walk(azimuth, spacing_y, spacing_x, reach, max(height, width))
    limits = bounds(elevation)
    for i in range(height):
        for j in range(width):
            theta = np.radians(np.float64(incidence[i, j]))
            out[i, j] = UNKNOWN
            if np.isfinite(elevation[i, j]) and theta > 0.0 and theta < np.pi / 2:
                north, east = gradient(elevation, i, j, spacing_y, spacing_x)
                rise = east * np.sin(azimuth) + north * np.cos(azimuth)
                code = judge(elevation, i, j, theta, rise, line, limits)
                out[i, j] = SHADOW * code[0] + LAYOVER * code[1]
