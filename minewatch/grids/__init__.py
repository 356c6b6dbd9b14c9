"""Grids: where the pixels lie, how large they are, and how an image gets from one to another.

A grid is an :class:`odc.geo.geobox.GeoBox`: shape, affine transform, CRS. Everywhere that a
parameter is called `like`, such a box will do as well as any layer that lies on the grid wanted.

Two ways lead onto a grid. :func:`resample` starts from another map grid and leaves the
interpolation to GDAL; :func:`geocode` starts from slant-range geometry, where each sample only
knows its latitude and longitude. Both read just the part of the source that a block of the target
needs, with a margin for the interpolation kernel, so that the result is the same for any chunking.
"""

from __future__ import annotations

from minewatch.grids.areas import cell_areas
from minewatch.grids.boxes import coordinates, geobox, geobox_of, utm_crs
from minewatch.grids.geocoding import geocode
from minewatch.grids.resampling import resample

__all__ = ["cell_areas", "coordinates", "geobox", "geobox_of", "geocode", "resample", "utm_crs"]
