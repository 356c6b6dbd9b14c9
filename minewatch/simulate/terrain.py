"""The ground of a simulated mining district: land cover, mines, patches and elevation.

West half and east half are two regions that share a river: the west holds the radar site and is
where a classifier may learn, the east is held out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy

from minewatch.simulate.classes import LAND_COVER, SLC_GROUND
from minewatch.simulate.fields import Floats, gaussian_field, stream

__all__ = ["Ground", "elevation", "lay_ground"]

DESIGN_SIZE = 384
"""Rows of the world for which lengths and areas below are written; other sizes scale them."""

# Hectares of the mines placed freely in each half of the world at its design size.
MINES = {
    "train": (60, 12, 8, 6.5, 5.5, 4.5, 3.5, 3, 2.2, 1.6, 1.2, 0.9, 0.7, 0.5, 0.3, 0.2, 0.1),
    "held_out": (15, 11, 8, 6.5, 5, 3.5, 2.2, 1.5, 1, 0.7, 0.4, 0.2, 0.1),
}
# Shares of each half: thresholds of smooth random fields.
SHARES = {"bare_soil": 0.075, "young_palm": 0.1}
# Centre (right, down) and semi-axes in the unit square of the radar site.
SITE = {
    "rock": ((0.28, 0.31, 0.25, 0.27), (0.84, 0.90, 0.14, 0.08)),
    "pit": ((0.70, 0.20, 0.10, 0.12),),
    "dump": ((0.75, 0.54, 0.10, 0.09),),
}

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Ground:
    """What lies where, on the grid of the world.

    Attributes
    ----------
    cover : numpy.ndarray
        Codes of `LAND_COVER`, uint8.
    polygon : numpy.ndarray
        Number of the polygon that each pixel belongs to, from 0.
    patch : numpy.ndarray
        Number of the patch whose look a pixel shares, from 0; a polygon holds one or several.
    site : numpy.ndarray
        Codes of `SLC_GROUND` in the radar site, 0 outside.
    window : tuple of slice
        Rows and columns of the radar site.
    """

    cover: npt.NDArray[np.uint8]
    polygon: npt.NDArray[np.int64]
    patch: npt.NDArray[np.int64]
    site: npt.NDArray[np.uint8]
    window: tuple[slice, slice]


def lay_ground(size: int, seed: int) -> Ground:
    """Lay out rivers, lakes, soil, palms and mines.

    Parameters
    ----------
    size : int
        Rows; the world has twice as many columns.
    seed : int
        Seed of the world.

    Returns
    -------
    Ground
        Land cover, polygons and the radar site.

    Examples
    --------
    >>> lay_ground(160, seed=1).cover.shape
    (160, 320)
    """
    scale = size / DESIGN_SIZE
    rng = stream(seed, "terrain")
    shape = (size, 2 * size)
    window = _site_window(size)
    inside = np.zeros(shape, bool)
    inside[window] = True
    cover = np.full(shape, LAND_COVER["forest"], "uint8")
    for name, share in SHARES.items():
        field = gaussian_field(shape, 14 * scale, rng)
        for half in _halves(size):
            free = (cover[half] == LAND_COVER["forest"]) & ~inside[half]
            count = round(share * size * size)
            cut = np.partition(field[half][free], -count)[-count]
            cover[half][free & (field[half] >= cut)] = LAND_COVER[name]
    _lakes(cover, inside, scale, rng)
    river = _river(shape, scale, rng)
    cover[river] = LAND_COVER["sediment_river"]
    site = _site(shape, window, river, rng)
    cover[site == SLC_GROUND["rock"]] = LAND_COVER["bare_soil"]

    mine = np.zeros(shape, np.int64)  # number of the mine, 0 none
    for number, name in enumerate(("pit", "dump"), start=1):
        mine[site == SLC_GROUND[name]] = number
    for half, areas in zip(_halves(size), MINES.values(), strict=True):
        _dig(mine, half, areas, cover, inside, scale, rng)
    cover[mine > 0] = LAND_COVER["mine"]
    east = np.arange(2 * size) >= size
    cells = _cells(shape, 450 * scale**2, rng)
    pieces = _cells(shape, 120 * scale**2, rng)
    polygon = _number(cover, np.where(mine > 0, -mine, cells), np.broadcast_to(east, shape))
    patch = _number(polygon, pieces)
    return Ground(cover, polygon, patch, site, window)


def elevation(ground: Ground, seed: int) -> Floats:
    """Elevation in metres: gentle hills, a river valley, and pits below their rims.

    Parameters
    ----------
    ground : Ground
        The laid-out ground.
    seed : int
        Seed of the world.

    Returns
    -------
    numpy.ndarray
        (y, x) float64, metres.

    Examples
    --------
    >>> dem = elevation(lay_ground(160, seed=1), seed=1)
    >>> bool(0 < dem.min() < dem.max() < 400)
    True
    """
    shape = ground.cover.shape
    scale = shape[0] / DESIGN_SIZE
    rng = stream(seed, "elevation")
    hills = 25 * scale * gaussian_field((shape[0], shape[1]), 40 * scale, rng)
    river = ground.cover == LAND_COVER["sediment_river"]
    away = scipy.ndimage.distance_transform_edt(~river) / scale
    depth = scipy.ndimage.distance_transform_edt(ground.cover == LAND_COVER["mine"])
    rise = 60 * scale * (1 - np.exp(-away / 80))
    floor = 120 + hills * (1 - np.exp(-away / 40)) + rise
    dem: Floats = floor - 1.5 * np.minimum(depth, 12 * scale)
    return scipy.ndimage.gaussian_filter(dem, 1.0)


def _halves(size: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    rows = slice(None)
    return (rows, slice(0, size)), (rows, slice(size, 2 * size))


def _site_window(size: int) -> tuple[slice, slice]:
    side, margin = round(0.625 * size), round(0.03 * size)
    return slice(size - margin - side, size - margin), slice(margin, margin + side)


def _river(shape: tuple[int, int], scale: float, rng: np.random.Generator) -> Mask:
    """A band across both halves, through the lower part of the radar site."""
    rows, columns = shape
    across = np.arange(columns) / rows
    bends = gaussian_field((1, columns), 60 * scale, rng)[0]
    middle = rows * (0.80 + 0.025 * np.sin(2 * np.pi * across / 0.9) + 0.012 * bends)
    half_width = max(3.5, 8 * scale)
    river: Mask = np.abs(np.arange(rows)[:, None] - middle) <= half_width
    return river


def _lakes(
    cover: npt.NDArray[np.uint8], inside: Mask, scale: float, rng: np.random.Generator
) -> None:
    """Two clear lakes in each half, clear of the radar site."""
    for half in _halves(cover.shape[0]):
        for area in (18, 9):
            free = (cover[half] == LAND_COVER["forest"]) & ~inside[half]
            blob = _blob(free, area * 100 * scale**2, rng)
            cover[half][blob] = LAND_COVER["clear_water"]


def _site(
    shape: tuple[int, int], window: tuple[slice, slice], river: Mask, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    site = np.zeros(shape, "uint8")
    square = np.full(site[window].shape, SLC_GROUND["forest"], "uint8")
    side = len(square)
    down, right = (np.indices((side, side)) + 0.5) / side
    ragged = gaussian_field((side, side), side / 20, rng)
    for name, ellipses in SITE.items():
        for x, y, wide, tall in ellipses:
            radius = np.hypot((right - x) / wide, (down - y) / tall)
            square[radius <= 1 + 0.04 * ragged] = SLC_GROUND[name]
    square[river[window]] = SLC_GROUND["water"]
    site[window] = square
    return site


def _dig(
    mine: npt.NDArray[np.int64],
    half: tuple[slice, slice],
    areas: tuple[float, ...],
    cover: npt.NDArray[np.uint8],
    inside: Mask,
    scale: float,
    rng: np.random.Generator,
) -> None:
    """Open mines one by one on dry land, apart from each other, the site and the region's edge."""
    water = [LAND_COVER["sediment_river"], LAND_COVER["clear_water"]]
    for area in areas:
        free = ~np.isin(cover[half], water) & ~inside[half] & (mine[half] == 0)
        free = scipy.ndimage.binary_erosion(free, iterations=3, border_value=0)
        blob = _blob(free, area * 100 * scale**2 * rng.uniform(0.95, 1.05), rng)
        mine[half][blob] = mine.max() + 1


def _blob(free: Mask, pixels: float, rng: np.random.Generator) -> Mask:
    """A ragged, connected piece of free ground of about so many pixels."""
    room = scipy.ndimage.distance_transform_edt(np.pad(free, 1))[1:-1, 1:-1]
    radius = np.sqrt(pixels / np.pi)
    fits = np.flatnonzero(room >= min(1.1 * radius, room.max()))
    row, column = np.unravel_index(rng.choice(fits), free.shape)
    rows, columns = np.indices(free.shape)
    ragged = gaussian_field((free.shape[0], free.shape[1]), max(1.0, radius / 3), rng)
    distance = np.hypot(rows - row, columns - column) * (1 + 0.25 * np.tanh(ragged))
    distance[~free] = np.inf
    count = max(1, round(pixels))
    blob = distance <= np.partition(distance, count - 1, axis=None)[count - 1]
    labels, _ = scipy.ndimage.label(blob & free)
    blob = labels == labels[row, column]
    return scipy.ndimage.binary_fill_holes(blob) & free


def _cells(
    shape: tuple[int, int], pixels: float, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Voronoi cells of about so many pixels."""
    count = max(2, round(shape[0] * shape[1] / pixels))
    seeds = rng.uniform((0, 0), shape, size=(count, 2))
    points = np.indices(shape).reshape(2, -1).T
    return scipy.spatial.KDTree(seeds).query(points)[1].reshape(shape)


def _number(*keys: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Number the 4-connected pieces on which all keys are constant, from 0."""
    shape = keys[0].shape
    flat = np.zeros(keys[0].size, np.int64)
    for key in keys:
        values = np.unique(key, return_inverse=True)[1].ravel()
        flat = flat * (int(values.max()) + 1) + values
    joint = np.unique(flat, return_inverse=True)[1].reshape(shape)
    # Connected pieces of a partition: join neighbours of equal key in a sparse graph.
    index = np.arange(joint.size).reshape(shape)
    pairs = [
        np.stack([a[same], b[same]])
        for a, b, same in (
            (index[:, 1:], index[:, :-1], joint[:, 1:] == joint[:, :-1]),
            (index[1:], index[:-1], joint[1:] == joint[:-1]),
        )
    ]
    ends = np.concatenate(pairs, axis=1)
    ones = np.ones(ends.shape[1], bool)
    graph = scipy.sparse.coo_array((ones, (ends[0], ends[1])), shape=(joint.size, joint.size))
    labels = scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
    return labels.reshape(shape).astype(np.int64)
