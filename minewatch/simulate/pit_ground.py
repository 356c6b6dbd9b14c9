"""The ground of a simulated open-pit mine in the boreal forest: outlines, zones and elevation.

Everything is an outline in metres first and a raster second, so that areas are known exactly and
every raster, whatever its spacing, shows the same mine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import numpy.typing as npt
import scipy
import shapely
from pyproj import CRS
from shapely import affinity
from shapely.geometry import Polygon, box
from shapely.geometry.base import BaseGeometry

from minewatch.simulate.fields import Floats, gaussian_field, stream

__all__ = [
    "PATCHES",
    "PIT_EPSG",
    "PIT_GROUND",
    "PIT_ZONES",
    "PitGround",
    "lay_pit",
    "paint",
    "pit_coords",
    "pit_elevation",
]

PIT_EPSG = 32635
"""UTM zone 35 north: central Finland."""

PIT_ORIGIN = (450000.0, 7062000.0)
"""West and north edge of the site in metres."""

DESIGN_SIZE = 240
"""Rows of 10 m for which heights below are written; other sizes scale them."""

PIT_GROUND = {"rock": 1, "forest": 2, "lake": 3, "pit": 4, "dump": 5, "quarry": 6, "tailings": 7}
"""Codes of ``OpenPit.ground``."""

PIT_ZONES = {"A1": "pit", "A2": "dump", "A3": "quarry", "S1": "tailings", "S2": "rock"}
"""Zones of interest and the ground that each lies on."""

PATCHES = {
    "A1": "A1",
    "A2 north": "A2",
    "A2 middle": "A2",
    "A2 south": "A2",
    "A3 west": "A3",
    "A3 middle": "A3",
    "A3 east": "A3",
    "S1": "S1",
    "S2": "S2",
}
"""Patches that are worked each by its own calendar, and the zone of each."""

# Centre (right, down) and semi-axes in the unit square of the site, north up.
OUTLINES = {
    "rock": (0.47, 0.47, 0.43, 0.41),
    "lake": (0.88, 0.90, 0.22, 0.16),
    "A1": (0.29, 0.58, 0.155, 0.14),
    "A2": (0.58, 0.27, 0.14, 0.13),
    "A3": (0.68, 0.63, 0.18, 0.11),
    "S1": (0.24, 0.28, 0.08, 0.09),
    "S2": (0.50, 0.46, 0.08, 0.035),
}
# Where a zone is cut into patches: axis (0 right, 1 down) and places along it.
CUTS = {"A2": (1, (0.26, 0.32)), "A3": (0, (0.625, 0.72))}
CONCESSION = (0.03, 0.08, 0.79, 0.80)  # west, north, east, south in the unit square
WOBBLE = 0.03  # of the radius, each of four harmonics of an outline

# Walls: metres down (or up) per metre from the rim, and the greatest depth in metres.
RELIEF = {"A1": (-0.95, 45.0), "A2": (0.5, 16.0), "A3": (-0.6, 14.0)}
HILLS = 12.0  # m, standard deviation of the forest's hills


@dataclass(frozen=True, eq=False)
class PitGround:
    """Outlines of the mine, in metres of UTM zone 35 north.

    Attributes
    ----------
    size : int
        Rows of 10 m; the site is a square.
    rock, lake : shapely geometry
        Bare rock with buildings and quarry floor; a lake. Forest is everywhere else.
    patches : dict
        Outline of every patch of `PATCHES`.
    zones : geopandas.GeoDataFrame
        ``name``, ``kind`` (active or stable), ``area_ha``, ``outside_concession_share``, geometry.
    concession : geopandas.GeoDataFrame
        ``name``, ``area_ha``, geometry: one rectangle that leaves the east of A3 outside.
    """

    size: int
    rock: BaseGeometry
    lake: BaseGeometry
    patches: dict[str, BaseGeometry]
    zones: gpd.GeoDataFrame
    concession: gpd.GeoDataFrame


def lay_pit(size: int, seed: int) -> PitGround:
    """Draw the outlines of pit, dump, quarry, tailings, rock and lake.

    Parameters
    ----------
    size : int
        Rows of 10 m.
    seed : int
        Seed of the site.

    Returns
    -------
    PitGround
        Outlines.

    Examples
    --------
    >>> lay_pit(96, seed=1).zones.name.tolist()
    ['A1', 'A2', 'A3', 'S1', 'S2']
    """
    rng = stream(seed, "open pit", "outlines")
    side = 10.0 * size
    west, north = PIT_ORIGIN
    square = box(west, north - side, west + side, north)
    shapes = {name: _outline(*place, size, rng) for name, place in OUTLINES.items()}
    patches = {}
    for name, zone in PATCHES.items():
        members = [other for other in PATCHES if PATCHES[other] == zone]
        patches[name] = _cut(shapes[zone], zone, members.index(name), size)
    concession = _unit_box(*CONCESSION, size)
    zones = gpd.GeoDataFrame(
        {
            "name": list(PIT_ZONES),
            "kind": ["active" if name.startswith("A") else "stable" for name in PIT_ZONES],
            "area_ha": [shapes[name].area / 1e4 for name in PIT_ZONES],
            "outside_concession_share": [
                shapes[name].difference(concession).area / shapes[name].area for name in PIT_ZONES
            ],
        },
        geometry=[shapes[name] for name in PIT_ZONES],
        crs=PIT_EPSG,
    )
    lease = gpd.GeoDataFrame(
        {"name": ["concession"], "area_ha": [concession.area / 1e4]},
        geometry=[concession],
        crs=PIT_EPSG,
    )
    return PitGround(size, shapes["rock"], shapes["lake"] & square, patches, zones, lease)


def paint(
    ground: PitGround, spacing: tuple[float, float]
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Show the outlines on a grid: what has its pixel centre inside belongs to it.

    Parameters
    ----------
    ground : PitGround
        Outlines.
    spacing : (float, float)
        Metres between rows and between columns.

    Returns
    -------
    ground, patch : numpy.ndarray
        (y, x) uint8: codes of `PIT_GROUND`; number of the patch in `PATCHES` from 1, 0 none.

    Examples
    --------
    >>> codes, patch = paint(lay_pit(96, seed=1), (10.0, 5.0))
    >>> codes.shape, int(patch.max())
    ((96, 192), 9)
    """
    coords = pit_coords(ground.size, spacing)
    x, y = np.meshgrid(coords["x"][1], coords["y"][1])
    codes = np.full(x.shape, PIT_GROUND["forest"], "uint8")
    codes[_inside(ground.rock, x, y)] = PIT_GROUND["rock"]
    codes[_inside(ground.lake, x, y)] = PIT_GROUND["lake"]
    patch = np.zeros(x.shape, "uint8")
    for number, (name, zone) in enumerate(PATCHES.items(), start=1):
        inside = _inside(ground.patches[name], x, y)
        codes[inside] = PIT_GROUND[PIT_ZONES[zone]]
        patch[inside] = number
    return codes, patch


def pit_coords(size: int, spacing: tuple[float, float]) -> dict[str, Any]:
    """Coordinates of a grid over the site: pixel centres and the CRS.

    Parameters
    ----------
    size : int
        Rows of 10 m of the site.
    spacing : (float, float)
        Metres between rows and between columns.

    Returns
    -------
    dict
        ``y`` (descending), ``x`` and ``spatial_ref``, to be passed as coords.

    Examples
    --------
    >>> pit_coords(96, (10.0, 5.0))["x"][1][:2].tolist()
    [450002.5, 450007.5]
    """
    crs = CRS.from_epsg(PIT_EPSG)
    west, north = PIT_ORIGIN
    rows, columns = (round(10.0 * size / step) for step in spacing)
    metre = {"units": "metre"}
    y = north - spacing[0] * (np.arange(rows) + 0.5)
    x = west + spacing[1] * (np.arange(columns) + 0.5)
    return {
        "y": ("y", y, metre | {"standard_name": "projection_y_coordinate", "axis": "Y"}),
        "x": ("x", x, metre | {"standard_name": "projection_x_coordinate", "axis": "X"}),
        "spatial_ref": ((), 0, crs.to_cf() | {"spatial_ref": crs.to_wkt()}),
    }


def pit_elevation(ground: PitGround, seed: int) -> Floats:
    """Elevation in metres on a grid of 5 m: hills, a flat lake, pit walls and a dump.

    Parameters
    ----------
    ground : PitGround
        Outlines.
    seed : int
        Seed of the site.

    Returns
    -------
    numpy.ndarray
        (y, x) float64, metres.

    Examples
    --------
    >>> dem = pit_elevation(lay_pit(96, seed=1), seed=1)
    >>> dem.shape, bool(dem.min() > 50)
    ((192, 192), True)
    """
    spacing = (5.0, 5.0)
    scale = ground.size / DESIGN_SIZE
    codes, patch = paint(ground, spacing)
    hills = gaussian_field(codes.shape, 50 * scale, stream(seed, "open pit", "elevation"))

    def away(mask: npt.NDArray[np.bool_]) -> Floats:
        distance: Floats = 5.0 * scipy.ndimage.distance_transform_edt(mask)
        return distance

    shore = 1 - np.exp(-away(codes != PIT_GROUND["lake"]) / (250 * scale))
    dem: Floats = 140 + scale * (20 + HILLS * hills) * shore
    zones = np.array(["", *PATCHES.values()])[patch]
    for zone, (slope, deepest) in RELIEF.items():
        rim = away(zones == zone)
        dem += np.sign(slope) * np.minimum(abs(slope) * rim, deepest * scale)
    return scipy.ndimage.gaussian_filter(dem, 1.0)


def _outline(
    right: float, down: float, wide: float, tall: float, size: int, rng: np.random.Generator
) -> BaseGeometry:
    """An ellipse of the unit square whose radius wavers, in metres."""
    angle = np.linspace(0, 2 * np.pi, 144, endpoint=False)
    waves = np.arange(2, 6)
    phase = rng.uniform(0, 2 * np.pi, len(waves))
    radius = 1 + WOBBLE * np.cos(waves[:, None] * angle + phase[:, None]).sum(axis=0)
    points = np.stack(
        [right + wide * radius * np.cos(angle), down + tall * radius * np.sin(angle)], axis=1
    )
    return _metres(Polygon(points), size)


def _cut(shape: BaseGeometry, zone: str, number: int, size: int) -> BaseGeometry:
    """The piece of a zone that is patch `number`."""
    if zone not in CUTS:
        return shape
    axis, places = CUTS[zone]
    low, high = [-1.0, *places][number], [*places, 2.0][number]
    window = (low, -1.0, high, 2.0) if axis == 0 else (-1.0, low, 2.0, high)
    return shape & _unit_box(*window, size)


def _unit_box(west: float, north: float, east: float, south: float, size: int) -> BaseGeometry:
    return _metres(box(west, north, east, south), size)


def _metres(shape: BaseGeometry, size: int) -> BaseGeometry:
    """From the unit square (right, down) to UTM."""
    side = 10.0 * size
    west, north = PIT_ORIGIN
    return affinity.affine_transform(shape, [side, 0, 0, -side, west, north])


def _inside(shape: BaseGeometry, x: Floats, y: Floats) -> npt.NDArray[np.bool_]:
    shapely.prepare(shape)
    inside: npt.NDArray[np.bool_] = shapely.contains_xy(shape, x, y)
    return inside
