"""A whole simulated mining district: every scene a workflow reads, and the truth behind it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate import scenes, tessellation
from minewatch.simulate.bayes import mine_probability
from minewatch.simulate.classes import LAND_COVER
from minewatch.simulate.geographic import utm_coords
from minewatch.simulate.site import observe_site
from minewatch.simulate.terrain import elevation, lay_ground

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["mine_world", "World"]

SMALLEST_SIZE = 128
"""Rows below which the pit would be narrower than three coherence windows."""

COVER = Layer("land_cover", "land cover (truth)", dtype="uint8", flags=LAND_COVER)
DEM = Layer("elevation", "elevation above the ellipsoid", units="m")


@dataclass(frozen=True, eq=False, repr=False)
class World:
    """A simulated mining district: scenes, vectors and truth, on one UTM grid of 10 m.

    The west half is the region "train", the east half "held_out": there, mines cover less than
    5 % and bare soil and a river laden with sediment look much like them.

    Attributes
    ----------
    seed, size : int
        What made it; size is the number of rows, there are twice as many columns.
    land_cover : xarray.DataArray
        (y, x) uint8 with CF flags.
    sentinel2, landsat8 : xarray.Dataset
        Reflectance by common band name, (time, y, x) float32, and ``quality``: SCL codes and
        QA_PIXEL bits.
    sentinel1, palsar : xarray.Dataset
        ``vv``, ``vh`` and ``hh``, ``hv``: linear power, (time, y, x) float32.
    dem : xarray.DataArray
        Elevation in metres, (y, x) float32.
    cloud, shadow : xarray.DataArray
        Truth for every optical scene of both sensors, (time, y, x) bool.
    polygons : geopandas.GeoDataFrame
        ``id``, ``label`` (1 mine, 0 other), ``land_cover``, ``region``, ``area_ha``,
        ``size_class``, geometry.
    concessions : geopandas.GeoDataFrame
        Rectangles; some mines lie partly outside.
    regions : geopandas.GeoDataFrame
        The boxes "train" and "held_out".
    slc : xarray.DataArray
        The radar site in the train region: (time, y, x) complex64, rows of 10 m and columns of
        5 m, 14 dates, coordinate ``perpendicular_baseline``.
    slc_ground : xarray.DataArray
        (y, x) uint8 with CF flags: rock (stable), forest, water, pit, dump.
    true_coherence : xarray.DataArray
        (pair, y, x) float32 of the 13 consecutive pairs.
    weather_dropped, dump_active : xarray.DataArray
        (pair) bool: pairs spoilt by weather; pairs in which the dump was worked.
    """

    seed: int
    size: int
    land_cover: xr.DataArray
    sentinel2: xr.Dataset
    landsat8: xr.Dataset
    sentinel1: xr.Dataset
    palsar: xr.Dataset
    dem: xr.DataArray
    cloud: xr.DataArray
    shadow: xr.DataArray
    polygons: gpd.GeoDataFrame
    concessions: gpd.GeoDataFrame
    regions: gpd.GeoDataFrame
    slc: xr.DataArray
    slc_ground: xr.DataArray
    true_coherence: xr.DataArray
    weather_dropped: xr.DataArray
    dump_active: xr.DataArray

    def __repr__(self) -> str:
        """Name what made it; the layers speak for themselves."""
        return f"World(seed={self.seed}, size={self.size})"

    @functools.cached_property
    def bayes_probability(self) -> xr.DataArray:
        """Probability of mine from the simulator's own Bayes classifier, (y, x) float32.

        Computed when first asked for; :func:`mine_probability` says what it sees.
        """
        return mine_probability(self)


def mine_world(seed: int = 42, size: int = 384) -> World:
    """Simulate a mining district of the humid tropics, with every truth known.

    Parameters
    ----------
    seed : int
        Decides everything. Parts draw from streams of their own.
    size : int
        Rows of 10 m; the world has twice as many columns, and everything in it scales.

    Returns
    -------
    World
        Scenes, vectors and truth.

    Raises
    ------
    ValueError
        If `size` is too small to hold a pit of three coherence windows.

    See Also
    --------
    write_stac, write_slc, write_vectors : the same world as files.

    Examples
    --------
    >>> world = mine_world(seed=1, size=160)
    >>> dict(world.sentinel2.sizes)
    {'y': 160, 'x': 320, 'time': 6}
    >>> int((world.polygons.label == 1).sum()) > 20
    True
    """
    if size < SMALLEST_SIZE:
        message = (
            f"mine_world needs size ≥ {SMALLEST_SIZE}, got {size}; use e.g. size=160 for tests"
        )
        raise ValueError(message)
    ground = lay_ground(size, seed)
    look = scenes.look_of(ground, seed)
    sentinel2, landsat8 = scenes.sentinel2(ground, look, seed), scenes.landsat8(ground, look, seed)
    truth = xr.concat(
        [series[["cloud", "shadow"]] for series in (sentinel2, landsat8)], dim="time"
    ).sortby("time")
    coords = utm_coords(size, 2 * size)
    polygons = tessellation.polygon_table(ground)
    site = observe_site(ground, seed)
    dem = elevation(ground, seed).astype("float32")
    return World(
        seed=seed,
        size=size,
        land_cover=conform(xr.DataArray(ground.cover, dims=("y", "x"), coords=coords), COVER),
        sentinel2=sentinel2.drop_vars(["cloud", "shadow"]),
        landsat8=landsat8.drop_vars(["cloud", "shadow"]),
        sentinel1=scenes.sentinel1(look, seed),
        palsar=scenes.palsar(look, seed),
        dem=conform(xr.DataArray(dem, dims=("y", "x"), coords=coords), DEM),
        cloud=truth.cloud,
        shadow=truth.shadow,
        polygons=polygons,
        concessions=tessellation.concession_table(polygons, seed),
        regions=tessellation.region_table(size),
        slc=site.slc,
        slc_ground=site.slc_ground,
        true_coherence=site.true_coherence,
        weather_dropped=site.weather_dropped,
        dump_active=site.dump_active,
    )
