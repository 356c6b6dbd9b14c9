r"""Walls, heaps and pits whose radar shadow and layover are known.

A surface here is a function of the point, not a grid. The truth comes from profiles of the surface
itself, finer than any pixel, in the two coordinates of the radar: along the rays, slant range
:math:`r = g \sin\theta - z \cos\theta`, and along the wave front,
:math:`w = g \cos\theta + z \sin\theta`, g being the ground range away from the sensor and z the
elevation. Ground is lit where w is higher than at all that lies nearer; it has its range for itself
where r is larger than at all before and smaller than at all behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.fields import Floats
from minewatch.simulate.geographic import utm_coords

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["heap", "relief_scene"]

ELEVATION = Layer("elevation", "elevation above the ellipsoid", units="m")
ANGLE = Layer("local_incidence", "local incidence angle (truth)", units="degrees")
SHADOW = Layer("shadow", "radar shadow (truth)", dtype="bool")
LAYOVER = Layer("layover", "radar layover (truth)", dtype="bool")
EDGE = Layer("edge", "within a pixel of a border of the truth", dtype="bool")

FINE = 16
"""Points of a profile per pixel."""

Mask = npt.NDArray[np.bool_]


def heap(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    height: float,
    slope: float,
    top: tuple[float, float] = (0.0, 0.0),
    facing: float = 0.0,
) -> Floats:
    """Elevation of a heap with a flat rectangular top and four even slopes, on level ground.

    Long and steep it is a wall, without a top a pyramid, upside down a pit. Where rays at θ meet
    a long wall of height h face to face, its shadow ends h tan θ behind the far crest, and layover
    reaches from h / tan θ before the near crest to h / tan θ behind the near foot, if the top is
    that wide.

    Parameters
    ----------
    x, y : array
        Points, metres east and north of the centre.
    height : float
        Metres; negative for a pit.
    slope : float
        Of all four sides, degrees between 0 and 90.
    top : (float, float)
        Half-lengths of the top, or of the floor of a pit, in metres: along and across `facing`.
    facing : float
        Where two of the sides face, degrees clockwise from north.

    Returns
    -------
    numpy.ndarray
        Metres above the ground around, float64.

    Examples
    --------
    >>> heap([0, 30, 60], 0, height=40, slope=45, top=(10, 10), facing=90)
    array([40., 20.,  0.])
    """
    turn = np.radians(facing)
    east, north = np.asarray(x, float), np.asarray(y, float)
    along = np.abs(east * np.sin(turn) + north * np.cos(turn)) - top[0]
    across = np.abs(east * np.cos(turn) - north * np.sin(turn)) - top[1]
    drop = np.maximum(np.maximum(along, across), 0.0) * np.tan(np.radians(slope))
    surface: Floats = np.sign(height) * np.maximum(abs(height) - drop, 0.0)
    return surface


def relief_scene(
    surface: Callable[[Floats, Floats], Floats],
    *,
    incidence: float,
    look_azimuth: float,
    shape: tuple[int, int] = (100, 100),
    resolution: float = 10.0,
) -> xr.Dataset:
    """A DEM of a surface, and what a radar sees of it.

    Parameters
    ----------
    surface : callable
        ``surface(x, y)`` → elevation, all in metres, x and y from the centre of the scene to the
        east and north; it is asked beyond the scene too. For example :func:`heap` with its
        settings, in a lambda.
    incidence : float
        Angle of the rays to the vertical, degrees.
    look_azimuth : float
        Where the radar looks, degrees clockwise from north.
    shape : (int, int)
        Rows and columns.
    resolution : float
        Metres.

    Returns
    -------
    xarray.Dataset
        ``elevation`` (float32, m) at pixel centres, and what is true there: ``shadow``,
        ``layover`` (bool) and ``local_incidence`` (float32, degrees); ``edge`` (bool): shadow or
        layover is another in one of the eight pixels around, which is as near as a DEM of this
        resolution can place it. Dims (y, x), UTM.

    Examples
    --------
    >>> wall = lambda x, y: heap(x, y, height=50, slope=80, top=(100, 900), facing=90)
    >>> scene = relief_scene(wall, incidence=40, look_azimuth=90, shape=(2, 100))
    >>> (scene.shadow.sum("x") * 10).values, (scene.layover.sum("x") * 10).values  # metres
    (array([40, 40]), array([110, 110]))
    """
    rows, columns = shape
    x, y = np.meshgrid(
        resolution * (np.arange(columns) - (columns - 1) / 2),
        resolution * ((rows - 1) / 2 - np.arange(rows)),
    )
    ground = surface(x, y)
    theta, azimuth = np.radians([incidence, look_azimuth])
    # Height differences act as far as this; a tenth more, as the highest point may lie between.
    reach = 1.1 * np.ptp(ground) * max(np.tan(theta), 1 / np.tan(theta)) + resolution
    shadow, layover = np.zeros(shape, bool), np.zeros(shape, bool)
    for row in range(rows):
        shadow[row], layover[row] = _seen(
            surface, x[row], y[row], theta, azimuth, reach, resolution / FINE
        )
    coords = utm_coords(rows, columns, spacing=(resolution, resolution))
    settings = {"incidence": incidence, "look_azimuth": look_azimuth}
    layers = [
        (ELEVATION, ground),
        (ANGLE, _angle(surface, x, y, theta, azimuth)),
        (SHADOW, shadow),
        (LAYOVER, layover),
        (EDGE, _border(shadow) | _border(layover)),
    ]
    return xr.Dataset(
        {
            layer.name: conform(xr.DataArray(values, coords, ("y", "x")), layer, **settings)
            for layer, values in layers
        }
    )


def _seen(
    surface: Callable[[Floats, Floats], Floats],
    x: Floats,
    y: Floats,
    theta: float,
    azimuth: float,
    reach: float,
    step: float,
) -> tuple[Mask, Mask]:
    """Whether points are in shadow, and in layover, by a profile through each."""
    here = int(np.ceil(reach / step))
    range_ = step * np.arange(-here, here + 1)[:, None]
    profile = surface(x + range_ * np.sin(azimuth), y + range_ * np.cos(azimuth))
    front = range_ * np.cos(theta) + profile * np.sin(theta)
    slant = range_ * np.sin(theta) - profile * np.cos(theta)
    shadow = front[:here].max(axis=0) > front[here]
    folded = slant[:here].max(axis=0) > slant[here]
    return shadow, folded | (slant[here + 1 :].min(axis=0) < slant[here])


def _angle(
    surface: Callable[[Floats, Floats], Floats], x: Floats, y: Floats, theta: float, azimuth: float
) -> Floats:
    """Angle between the ray and the normal of the surface, by its tangents over a millimetre."""
    d = 5e-4
    zero, one = np.zeros_like(x), np.ones_like(x)
    east = np.stack([one, zero, (surface(x + d, y) - surface(x - d, y)) / (2 * d)], axis=-1)
    north = np.stack([zero, one, (surface(x, y + d) - surface(x, y - d)) / (2 * d)], axis=-1)
    normal = np.cross(east, north)
    to_sensor = -np.sin(theta) * np.sin(azimuth), -np.sin(theta) * np.cos(azimuth), np.cos(theta)
    cosine = normal @ np.asarray(to_sensor) / np.linalg.norm(normal, axis=-1)
    angle: Floats = np.degrees(np.arccos(cosine.clip(-1, 1)))
    return angle


def _border(mask: Mask) -> Mask:
    both: Mask = scipy.ndimage.maximum_filter(mask, 3) != scipy.ndimage.minimum_filter(mask, 3)
    return both
