"""Grids: where the pixels lie, how large they are, and how an image gets from one to another.

A grid is an :class:`odc.geo.geobox.GeoBox`: shape, affine transform, CRS. Everywhere that a
parameter is called `like`, such a box will do as well as any layer that lies on the grid wanted.

Two ways lead onto a grid. :func:`resample` starts from another map grid; :func:`geocode` from
slant-range geometry, where each sample only knows its latitude and longitude. Both look up, exactly
and pixel by pixel, where in the source to read, and take just the part of it that a block of the
target needs, with a margin for the interpolation kernel: the result is the same for any chunking
(odc-geo's and GDAL's warpers miss that at the seams between chunks).
"""

from __future__ import annotations

from minewatch.grids.areas import cell_areas
from minewatch.grids.boxes import coordinates, geobox, geobox_of, utm_crs
from minewatch.grids.geocoding import geocode
from minewatch.grids.resampling import resample

__all__ = ["cell_areas", "coordinates", "geobox", "geobox_of", "geocode", "resample", "utm_crs"]
