"""Degrees and world Mercator maps are not measured as they are drawn; local maps are."""

from __future__ import annotations

import pytest
from pyproj import CRS

from minewatch.conventions.projections import is_planar


@pytest.mark.parametrize(
    ("code", "planar"),
    [
        (32721, True),  # UTM: transverse Mercator
        (3375, True),  # oblique Mercator, Peninsular Malaysia
        (3035, True),  # Lambert azimuthal equal area
        (3857, False),  # web maps
        (3395, False),  # world Mercator
        (4326, False),
    ],
)
def test_maps_that_keep_areas(code: int, planar: bool) -> None:
    assert is_planar(CRS.from_epsg(code)) is planar
