"""True areas of polygons, their size classes and how two sets of polygons overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions.projections import is_planar
from minewatch.vectors._grid import on_crs, require_polygons

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import pandas as pd

__all__ = ["areas_ha", "outside_share", "overlap", "size_classes", "SIZE_CLASSES"]

HECTARE = 1e4
"""Square metres."""

SIZE_CLASSES = {"micro": 0.01, "small": 2.5, "medium": 10.0, "extensive": 55.0}
"""Lower edge in hectares of each size of mine; medium includes its upper edge, 55 ha."""

SEGMENT = 0.01
"""Degrees to which edges are cut before they are measured on the ellipsoid: an edge drawn straight
on a map is no geodesic, and over 0.01° the two part by less than 0.03 m below 70° of latitude."""


def areas_ha(polygons: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """True area of each polygon.

    Planar in a projected CRS (in UTM within 0.2 % of the ellipsoid), whatever its units. Geographic
    CRSs and Mercator maps of the world, whose scale grows with latitude, are measured on the
    ellipsoid.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        Polygons with a CRS.

    Returns
    -------
    array of float64
        Hectares; 0 for missing or empty geometries.

    Raises
    ------
    ValueError
        If there is no CRS.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> areas_ha(gpd.GeoDataFrame(geometry=[box(0, 0, 100, 200)], crs="EPSG:32721"))
    array([2.])
    >>> areas_ha(gpd.GeoDataFrame(geometry=[box(0, 0, 0.01, 0.01)], crs="EPSG:4326")).round(2)
    array([123.09])
    """
    require_polygons(polygons, by="areas_ha")
    return _areas(polygons.geometry)


def _areas(shapes: gpd.GeoSeries) -> npt.NDArray[np.float64]:
    from pyproj import CRS

    crs = CRS(shapes.crs)
    if is_planar(crs):
        unit = crs.axis_info[0].unit_conversion_factor
        planar: npt.NDArray[np.float64] = shapes.area.fillna(0).to_numpy() * unit**2 / HECTARE
        return planar
    geod = crs.get_geod()
    geographic = crs.geodetic_crs
    cut = shapes if crs.is_geographic else shapes.segmentize(SEGMENT * 111_320)
    degrees = cut.to_crs(geographic).segmentize(SEGMENT)
    return np.array(
        [
            0.0 if shape is None or shape.is_empty else _on_ellipsoid(shape, geod)
            for shape in degrees
        ],
        dtype=np.float64,
    )


def _on_ellipsoid(shape: Any, geod: Any) -> float:
    import shapely
    from shapely.geometry.polygon import orient

    # What is shared or mended may hold lines and points besides, and parts of parts.
    parts = shapely.get_parts(shapely.get_parts(shape))
    polygons = parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON]
    # Counter-clockwise shells count positive, clockwise holes negative.
    total = sum(geod.geometry_area_perimeter(orient(polygon))[0] for polygon in polygons)
    return float(total) / HECTARE


def size_classes(areas: npt.ArrayLike) -> pd.Categorical[str]:
    """Size class of each mine.

    Micro [0.01, 2.5), small [2.5, 10), medium [10, 55], extensive above 55 ha.

    Parameters
    ----------
    areas : array of float
        Hectares.

    Returns
    -------
    pandas.Categorical
        Ordered; missing below 0.01 ha and where the area is not known.

    See Also
    --------
    areas_ha : the areas.

    Examples
    --------
    >>> list(size_classes([0.01, 2.5, 10, 55, 55.1]))
    ['micro', 'small', 'medium', 'medium', 'extensive']
    """
    import pandas as pd

    hectares = np.asarray(areas, dtype=np.float64)
    edges = list(SIZE_CLASSES.values())
    codes = np.searchsorted(edges, hectares, side="right") - 1
    codes = np.where(hectares == edges[-1], len(edges) - 2, codes)
    codes = np.where(np.isnan(hectares), -1, codes)
    return pd.Categorical.from_codes(codes, categories=pd.Index(SIZE_CLASSES), ordered=True)


def overlap(first: gpd.GeoDataFrame, second: gpd.GeoDataFrame) -> dict[str, float]:
    """Areas that two sets of polygons share, e.g. detected mines and concessions.

    Polygons that overlap within a set count once; outlines that cross themselves are mended first.

    Parameters
    ----------
    first, second : geopandas.GeoDataFrame
        Polygons in any CRS; the second is brought to that of the first.

    Returns
    -------
    dict
        ``first_ha``, ``second_ha``, ``intersection_ha``, ``union_ha``, ``outside_ha`` (of the
        first, outside the second), ``outside_share`` (of the first) and ``iou`` = intersection /
        union; the two shares are NaN where they divide by nothing.

    Raises
    ------
    ValueError
        If a CRS is missing.

    See Also
    --------
    outside_share : the same share for each polygon.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> mines = gpd.GeoDataFrame(geometry=[box(0, 0, 300, 100)], crs="EPSG:32721")
    >>> concession = gpd.GeoDataFrame(geometry=[box(0, 0, 100, 100)], crs="EPSG:32721")
    >>> shared = overlap(mines, concession)
    >>> shared["intersection_ha"], shared["outside_ha"], shared["outside_share"]
    (1.0, 2.0, 0.666...)
    """
    require_polygons(first, by="overlap")
    one, other = (_dissolved(polygons, first.crs, by="overlap") for polygons in (first, second))
    both = one.intersection(other)
    first_ha, second_ha, intersection = (float(_areas(part)[0]) for part in (one, other, both))
    union = first_ha + second_ha - intersection
    outside = first_ha - intersection
    return {
        "first_ha": first_ha,
        "second_ha": second_ha,
        "intersection_ha": intersection,
        "union_ha": union,
        "outside_ha": outside,
        "outside_share": outside / first_ha if first_ha else float("nan"),
        "iou": intersection / union if union else float("nan"),
    }


def _dissolved(polygons: gpd.GeoDataFrame, crs: Any, *, by: str) -> gpd.GeoSeries:
    import geopandas as gpd
    import shapely

    require_polygons(polygons, by=by)
    sound = shapely.make_valid(on_crs(polygons, crs))
    return gpd.GeoSeries([shapely.union_all(sound)], crs=crs)


def outside_share(polygons: gpd.GeoDataFrame, allowed: gpd.GeoDataFrame) -> npt.NDArray[np.float64]:
    """Share of each polygon's area that lies outside, e.g. of each mine outside any concession.

    Parameters
    ----------
    polygons, allowed : geopandas.GeoDataFrame
        Polygons in any CRS; the second is brought to that of the first.

    Returns
    -------
    array of float64
        0 (all inside) to 1 (all outside); NaN for empty polygons.

    Raises
    ------
    ValueError
        If a CRS is missing.

    See Also
    --------
    overlap : the areas in all.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> mines = gpd.GeoDataFrame(geometry=[box(0, 0, 40, 10), box(99, 0, 100, 1)], crs=32721)
    >>> concession = gpd.GeoDataFrame(geometry=[box(0, 0, 10, 10)], crs="EPSG:32721")
    >>> outside_share(mines, concession)
    array([0.75, 1.  ])
    """
    require_polygons(polygons, by="outside_share")
    sound = polygons.geometry.make_valid()
    whole = _areas(sound)
    permitted = _dissolved(allowed, polygons.crs, by="outside_share").iloc[0]
    inside = _areas(sound.intersection(permitted))
    share = 1 - np.divide(inside, whole, out=np.full(len(whole), np.nan), where=whole > 0)
    clipped: npt.NDArray[np.float64] = np.clip(share, 0, 1)
    return clipped
