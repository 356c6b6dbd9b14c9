"""The ground: connected polygons, patches within them, valleys with rivers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from minewatch.simulate.classes import LAND_COVER, SLC_GROUND
from minewatch.simulate.terrain import elevation, lay_ground


@pytest.fixture(scope="module")
def ground():
    return lay_ground(160, seed=42)


def pieces(labels):
    """Count 4-connected pieces of constant label, the obvious way."""
    return sum(ndimage.label(labels == value)[1] for value in np.unique(labels))


def test_polygons_are_connected_pure_and_numbered_without_gaps(ground):
    count = int(ground.polygon.max()) + 1
    assert len(np.unique(ground.polygon)) == count
    assert pieces(ground.polygon) == count
    covers = [np.unique(ground.cover[ground.polygon == i]) for i in range(0, count, 23)]
    assert all(len(found) == 1 for found in covers)
    # No polygon crosses from one region into the other.
    assert not np.isin(ground.polygon[:, :160], ground.polygon[:, 160:]).any()


def test_patches_lie_within_polygons(ground):
    keys = np.stack([ground.patch.ravel(), ground.polygon.ravel()])
    assert len(np.unique(keys, axis=1).T) == int(ground.patch.max()) + 1


def test_every_mine_is_one_polygon(ground):
    mine = ground.cover == LAND_COVER["mine"]
    separate = ndimage.label(mine)[1]
    assert len(np.unique(ground.polygon[mine])) == separate


def test_the_site_lies_in_the_west_and_only_there(ground):
    rows, columns = ground.window
    assert rows.stop - rows.start == columns.stop - columns.start == 100
    assert columns.stop <= 160
    outside = np.ones(ground.site.shape, bool)
    outside[ground.window] = False
    assert (ground.site[outside] == 0).all()
    assert set(np.unique(ground.site[ground.window])) == set(SLC_GROUND.values())


def test_rivers_run_in_valleys_and_pits_below_their_rims():
    # A larger world, for its larger pits.
    ground = lay_ground(256, seed=42)
    dem = elevation(ground, seed=42)
    river = ground.cover == LAND_COVER["sediment_river"]
    away = ndimage.distance_transform_edt(~river)
    assert dem[river].mean() < dem[away > 60].mean() - 20
    pit = ground.site == SLC_GROUND["pit"]
    depth = ndimage.distance_transform_edt(pit)
    rim = ndimage.binary_dilation(pit, iterations=3) & ~pit
    assert dem[depth > 6].mean() < dem[rim].mean() - 4
