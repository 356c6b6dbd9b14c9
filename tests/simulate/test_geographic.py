"""Grids of the world agree with pyproj and with each other."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
from pyproj import Transformer

from minewatch.simulate.geographic import (
    WORLD_ORIGIN,
    geographic_grid,
    geographic_pixels,
    nearest,
    utm_coords,
)


def test_utm_coordinates_are_pixel_centres_with_their_crs():
    coords = utm_coords(3, 4, spacing=(10.0, 5.0), offset=(20.0, 40.0))
    west, north = WORLD_ORIGIN
    npt.assert_array_equal(coords["y"][1], north - 20 - np.array([5, 15, 25]))
    npt.assert_array_equal(coords["x"][1], west + 40 + np.array([2.5, 7.5, 12.5, 17.5]))
    assert "UTM zone 21S" in coords["spatial_ref"][2]["crs_wkt"]
    assert west % 60 == north % 60 == 0


def test_a_geographic_grid_covers_the_world_in_whole_steps():
    transform, row, column = geographic_grid(160, 320, arcsec=0.8)
    step = 0.8 / 3600
    npt.assert_allclose(transform[2] / step, round(transform[2] / step), atol=1e-6)
    to_utm = Transformer.from_crs(4326, 32721, always_xy=True)
    for i, j in ((0, 0), (10, 57), (row.shape[0] - 1, row.shape[1] - 1)):
        x, y = to_utm.transform(transform[2] + (j + 0.5) * step, transform[5] - (i + 0.5) * step)
        npt.assert_allclose(row[i, j], (WORLD_ORIGIN[1] - y) / 10 - 0.5, atol=1e-6)
        npt.assert_allclose(column[i, j], (x - WORLD_ORIGIN[0]) / 10 - 0.5, atol=1e-6)
    # Outer edges, half a step from the outer centres, lie beyond the world's own at −.5 and n − .5.
    half = np.diff(row[:, 0]).mean() / 2, np.diff(column[0]).mean() / 2
    assert (row[0] - half[0] < -0.5 + 1e-3).all()
    assert (row[-1] + half[0] > 159.5 - 1e-3).all()
    assert (column[:, 0] - half[1] < -0.5 + 1e-3).all()
    assert (column[:, -1] + half[1] > 319.5 - 1e-3).all()


def test_each_pixel_of_the_world_finds_the_geographic_pixel_that_holds_it():
    transform, row, column = geographic_grid(160, 320, arcsec=0.8)
    i, j = geographic_pixels((160, 320), transform)
    rows, columns = np.indices((160, 320))
    # A mosaic pixel is 24.6 m: no centre is further than half of that in either direction.
    assert abs(row[i, j] - rows).max() < 1.3
    assert abs(column[i, j] - columns).max() < 1.3
    # And a mosaic pixel inside the world is found again from the world's pixel at its centre.
    inside = (row > 0) & (row < 159) & (column > 0) & (column < 319)
    npt.assert_array_equal(nearest(i, row, column)[inside], np.indices(row.shape)[0][inside])
    npt.assert_array_equal(nearest(j, row, column)[inside], np.indices(row.shape)[1][inside])
