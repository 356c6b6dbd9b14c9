from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import pytest
from rasterfiles import stac_item, write_tif

import minewatch as mw
from minewatch.sources import load
from minewatch.sources.stac._extents import extent

if TYPE_CHECKING:
    from pathlib import Path

GRID = mw.grids.geobox((300000, 2470000, 300200, 2470100), crs="EPSG:32645", resolution=10)
TILE = (300000.0, 2400000.0, 409800.0, 2509800.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"proj:epsg": 32645, "proj:bbox": list(TILE)},
        {"proj:code": "EPSG:32645", "proj:bbox": [*TILE[:2], 0, *TILE[2:], 9]},
        {
            "proj:code": "EPSG:32645",
            "proj:shape": [10980, 10980],
            "proj:transform": [10, 0, 300000, 0, -10, 2509800, 0, 0, 1],
        },
    ],
)
def test_projection_fields_of_item_and_asset(fields: dict) -> None:
    padded = np.add(TILE, [-10, -10, 10, 10])
    item = stac_item("one", {"vv": "a.tif"})
    item.properties.update(fields)
    npt.assert_allclose(extent(item, "vv", GRID), padded)
    item = stac_item("one", {"vv": "a.tif"})
    item.assets["vv"].extra_fields.update(fields)
    npt.assert_allclose(extent(item, "vv", GRID), padded)


def test_without_projection_the_degrees_count() -> None:
    left, bottom, right, top = extent(stac_item("one", {"vv": "a.tif"}), "vv", GRID)
    assert left < 300000 < 300200 < right
    assert bottom < 2470000 < 2470100 < top
    assert right - left < 300


def test_where_nobody_knows_the_file_is_opened() -> None:
    everywhere = tuple(GRID.boundingbox)
    item = stac_item("one", {"vv": "a.tif"})
    item.bbox = None
    assert extent(item, "vv", GRID) == everywhere
    item.bbox = [179.0, 20.0, -179.0, 21.0]
    assert extent(item, "vv", GRID) == everywhere
    item.properties["proj:code"] = "NOBODY:1"
    item.properties["proj:bbox"] = [0, 0, 1, 1]
    assert extent(item, "vv", GRID) == everywhere


def test_the_curved_edge_of_a_degree_tile_is_not_cut_off(tmp_path: Path) -> None:
    # Around the central meridian, the southern edge of a tile lies 100 m south of its corners.
    heights = np.full((400, 400), 7, "float32")
    href = write_tif(
        tmp_path / "dem.tif", heights, corner=(86.5, 46), pixel=1 / 400, crs="EPSG:4326"
    )
    tile = (86.5, 45.0, 87.5, 46.0)
    item = stac_item(
        "tile", {"data": href}, collection="cop-dem-glo-30", crs="EPSG:4326", bounds=tile
    )
    corner = mw.grids.geobox(
        (86.499, 45, 86.501, 45.001), crs="EPSG:32645", bounds_crs="EPSG:4326", resolution=10
    )
    middle = mw.grids.geobox(
        (86.999, 45.0001, 87.001, 45.0006), crs="EPSG:32645", bounds_crs="EPSG:4326", resolution=10
    )
    assert middle.boundingbox.top < corner.boundingbox.bottom  # below the corners, and inside
    assert bool((load([item], like=middle).elevation == 7).all())
