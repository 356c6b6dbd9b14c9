"""Vector layers trace the map exactly."""

from __future__ import annotations

import numpy as np
import pytest
from rasterio import Affine, features

from minewatch.simulate.classes import LAND_COVER
from minewatch.simulate.geographic import WORLD_ORIGIN
from minewatch.simulate.terrain import lay_ground
from minewatch.simulate.tessellation import concession_table, polygon_table, region_table


@pytest.fixture(scope="module")
def ground():
    return lay_ground(160, seed=7)


@pytest.fixture(scope="module")
def polygons(ground):
    return polygon_table(ground)


def test_burning_the_polygons_gives_the_map_back(ground, polygons):
    west, north = WORLD_ORIGIN
    codes = polygons.land_cover.map(LAND_COVER)
    burnt = features.rasterize(
        zip(polygons.geometry, codes, strict=True),
        out_shape=ground.cover.shape,
        transform=Affine(10, 0, west, 0, -10, north),
        dtype="uint8",
    )
    drawn = burnt > 0
    assert drawn.mean() > 0.95
    assert (burnt[drawn] == ground.cover[drawn]).all()
    # Mines are all drawn, however small.
    assert ((burnt == LAND_COVER["mine"]) == (ground.cover == LAND_COVER["mine"])).all()


def test_mines_come_first_and_the_largest_first(polygons):
    assert (np.diff(polygons.label) <= 0).all()
    mines = polygons[polygons.label == 1]
    assert (np.diff(mines.area_ha) <= 0).all()
    assert polygons.crs.to_epsg() == 32721


def test_regions_are_two_squares_side_by_side():
    regions = region_table(160)
    assert list(regions.name) == ["train", "held_out"]
    assert (regions.area == 1600**2).all()
    assert regions.geometry[0].intersection(regions.geometry[1]).length == 1600


def test_concessions_depend_on_the_seed(polygons):
    one, same, other = (concession_table(polygons, seed) for seed in (1, 1, 2))
    assert one.geometry.equals(same.geometry)
    assert not one.geometry.equals(other.geometry)
