"""Polygons and pixels: outlines of maps, maps of outlines, areas, overlaps, GeoJSON.

A pixel belongs to a polygon if its centre lies in it. Polygons are GeoDataFrames with a CRS; they
are brought to the CRS of the grid wherever the two meet. Areas are true hectares: planar where the
projection keeps areas (nearly), on the ellipsoid elsewhere.
"""

from __future__ import annotations

from minewatch.vectors.areas import areas_ha, outside_share, overlap, size_classes
from minewatch.vectors.files import read_polygons, to_geojson, to_geopackage
from minewatch.vectors.outlines import polygonize
from minewatch.vectors.pixels import pixels_inside, rasterize
from minewatch.vectors.zones import zonal_series, zonal_statistics

__all__ = [
    "rasterize",
    "pixels_inside",
    "polygonize",
    "zonal_series",
    "zonal_statistics",
    "areas_ha",
    "size_classes",
    "overlap",
    "outside_share",
    "read_polygons",
    "to_geojson",
    "to_geopackage",
]
