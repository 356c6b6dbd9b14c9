"""How large the pixels of a grid are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions.projections import is_planar
from minewatch.grids.boxes import coordinates, geobox_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["cell_areas"]


def cell_areas(layer: GeoBox | xr.DataArray | xr.Dataset) -> xr.DataArray:
    r"""Area of a pixel in square metres, for sums of hectares.

    On a projected grid one number, width times height: the map's own area, which in UTM differs
    from that on the ground by −0.08 % in the middle of a zone to +0.2 % at its edge. On a
    geographic grid, and on Mercator maps of the world (EPSG:3857), whose scale grows with latitude,
    one number per row, exact on the ellipsoid with semi-minor axis b and eccentricity e,

    .. math:: A = \tfrac{1}{2} b^2 \Delta\lambda \left[
              \frac{\sin\varphi}{1-e^2\sin^2\varphi}
              + \frac{\operatorname{artanh}(e\sin\varphi)}{e} \right]_{\varphi_1}^{\varphi_2}

    Parameters
    ----------
    layer : GeoBox, xarray.DataArray or xarray.Dataset
        A grid.

    Returns
    -------
    xarray.DataArray
        ``cell_area`` in m², a scalar (projected) or along y (geographic, Mercator), float64.

    Raises
    ------
    ValueError
        If the grid has no CRS.

    References
    ----------
    Snyder (1987), Map projections: a working manual, USGS Professional Paper 1395, eq. 3-12,
    https://doi.org/10.3133/pp1395

    Examples
    --------
    >>> from minewatch.grids import geobox
    >>> float(cell_areas(geobox((0, 0, 400, 300), crs="EPSG:32721", resolution=100)))
    10000.0
    >>> degree = cell_areas(geobox((0, 0, 1, 1), crs="EPSG:4326", resolution=1))
    >>> (degree / 1e6).round(1).values
    array([12308.5])
    """
    from pyproj import Transformer

    box = geobox_of(layer, by="cell_areas")
    if box.crs is None:
        message = 'cell_areas needs a CRS and the grid has none; give geobox(..., crs="EPSG:...")'
        raise ValueError(message)
    attrs = {"long_name": "area of a pixel", "units": "m2"}
    crs, t = box.crs.proj, box.transform
    if is_planar(crs):
        area = abs(t.determinant) * float(crs.axis_info[0].unit_conversion_factor) ** 2
        return xr.DataArray(area, name="cell_area", attrs=attrs)
    edges, width = t.f + t.e * np.arange(box.shape[0] + 1), abs(t.a)
    if crs.is_projected:
        degrees = Transformer.from_crs(crs, crs.geodetic_crs, always_xy=True)
        (west, east), _ = degrees.transform([0.0, width], [0.0, 0.0])
        width, edges = east - west, degrees.transform(np.zeros_like(edges), edges)[1]
    rows = np.radians(edges)
    ellipsoid = box.crs.proj.ellipsoid
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    e = math.sqrt(1 - (b / a) ** 2)
    sine = np.sin(np.clip(rows, -np.pi / 2, np.pi / 2))
    second = np.arctanh(e * sine) / e if e > 0 else sine
    zone = b**2 / 2 * (sine / (1 - (e * sine) ** 2) + second)
    area_of_row = np.abs(np.diff(zone)) * math.radians(width)
    y = coordinates(box)["y"]
    return xr.DataArray(area_of_row, dims="y", coords={"y": y}, name="cell_area", attrs=attrs)
