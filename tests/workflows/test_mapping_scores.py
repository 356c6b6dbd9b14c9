"""What scores of a map are made of."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt
from shapely.geometry import box

from minewatch import vectors
from minewatch.workflows import MappingSettings
from minewatch.workflows.mapping_scores import held_out_pixels

CRS = "EPSG:32721"


@pytest.fixture
def chance() -> xr.DataArray:
    grid = {"y": 95.0 - 10 * np.arange(10), "x": 5.0 + 10 * np.arange(10)}
    values = np.linspace(0, 1, 100, dtype="f4").reshape(10, 10)
    return xr.DataArray(values, grid, ("y", "x")).rio.write_crs(CRS)


def polygons(*boxes: tuple[float, float, float, float]) -> gpd.GeoDataFrame:
    labels = {"label": [number % 2 for number in range(len(boxes))]}
    return gpd.GeoDataFrame(labels, geometry=[box(*one) for one in boxes], crs=CRS)


@pytest.fixture
def settings(tmp_path: Path) -> MappingSettings:
    held_out = polygons((0, 0, 20, 20), (50, 50, 80, 80))
    held_out.to_file(tmp_path / "held_out.gpkg")
    return MappingSettings(catalog="", reference="", held_out=str(tmp_path / "held_out.gpkg"))


def test_every_known_pixel_of_held_out_polygons_counts(
    settings: MappingSettings, chance: xr.DataArray
) -> None:
    mines = (chance > 0.5).astype("uint8")
    mines[9, 0] = 255
    found = held_out_pixels(settings, polygons((20, 20, 50, 50)), mines, chance)
    assert found is not None
    npt.assert_array_equal(np.bincount(found.label), [3, 9])
    npt.assert_array_equal(np.bincount(found.polygon), [3, 9])


def test_pixels_that_were_learnt_from_do_not_count(
    settings: MappingSettings, chance: xr.DataArray
) -> None:
    mines = (chance > 0.5).astype("uint8")
    learnt = polygons((0, 0, 10, 30), (70, 0, 200, 60))  # two pixels of the one, one of the other
    with pytest.warns(UserWarning, match="3 of 13 pixels of .* were learnt from"):
        found = held_out_pixels(settings, learnt, mines, chance)
    assert found is not None
    npt.assert_array_equal(np.bincount(found.label), [2, 8])
    own = vectors.read_polygons(str(settings.held_out))
    with pytest.warns(UserWarning, match="13 of 13 pixels"):
        assert held_out_pixels(settings, own, mines, chance) is None


def test_polygons_off_the_map_are_told(settings: MappingSettings, chance: xr.DataArray) -> None:
    empty = xr.full_like(chance, 255, dtype="uint8")
    with pytest.warns(UserWarning, match="no pixel of .* lies on the map"):
        assert held_out_pixels(settings, polygons((0, 0, 10, 10)), empty, chance) is None
    nothing = dataclasses.replace(settings, held_out=None)
    assert held_out_pixels(nothing, polygons((0, 0, 10, 10)), empty, chance) is None
