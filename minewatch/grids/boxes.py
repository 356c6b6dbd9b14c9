"""Where the pixels of a grid lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import SPATIAL_REF, crs_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["coordinates", "geobox", "geobox_of", "utm_crs"]

GRID_TOLERANCE = 1e-3
"""Share of a pixel by which coordinates may stray from an even spacing (float32 coordinates do)."""


def geobox(
    bounds: tuple[float, float, float, float],
    *,
    crs: Any,
    resolution: float | tuple[float, float],
    bounds_crs: Any = None,
) -> GeoBox:
    """A grid over a rectangle, with pixel edges at whole multiples of the resolution.

    Grids of the same resolution and CRS therefore fall on one another wherever they overlap. The
    rectangle is widened, never cut, to whole pixels.

    Parameters
    ----------
    bounds : (float, float, float, float)
        Left, bottom, right, top.
    crs : str, int or pyproj.CRS
        CRS of the grid, e.g. ``"EPSG:32722"``; :func:`utm_crs` picks one.
    resolution : float or (float, float)
        Pixel size (height, width) in units of `crs`: metres for UTM, degrees for EPSG:4326.
    bounds_crs : str, int or pyproj.CRS, optional
        CRS of `bounds` where it is another one, e.g. ``"EPSG:4326"``.

    Returns
    -------
    odc.geo.geobox.GeoBox
        North up.

    Raises
    ------
    ValueError
        If the bounds are empty or not finite, the resolution is not positive or the rectangle is
        smaller than a pixel.

    See Also
    --------
    geobox_of : the grid of a layer.

    Examples
    --------
    >>> box = geobox(
    ...     (-56.42, -6.52, -56.38, -6.48), crs="EPSG:32721", resolution=20, bounds_crs="EPSG:4326"
    ... )
    >>> box.shape.yx, box.crs.epsg
    ((222, 222), 32721)
    """
    from odc.geo.geobox import GeoBox
    from odc.geo.types import resyx_

    left, bottom, right, top = _checked_bounds(bounds)
    if bounds_crs is not None:
        from pyproj import Transformer

        transform = Transformer.from_crs(bounds_crs, crs, always_xy=True)
        left, bottom, right, top = transform.transform_bounds(left, bottom, right, top)
    height, width = resolution if isinstance(resolution, tuple) else (resolution, resolution)
    if not (math.isfinite(height) and math.isfinite(width) and height > 0 and width > 0):
        message = f"geobox needs a positive resolution, got {resolution}; type e.g. resolution=10"
        raise ValueError(message)
    if right - left < width or top - bottom < height:
        message = (
            f"geobox got bounds {tuple(bounds)}, which are smaller than one pixel of {height:g} × "
            f"{width:g} in units of {crs}; if the bounds are degrees and the grid is not, add "
            'bounds_crs="EPSG:4326", else choose a finer resolution'
        )
        raise ValueError(message)
    return GeoBox.from_bbox((left, bottom, right, top), crs, resolution=resyx_(-height, width))


def _checked_bounds(bounds: tuple[float, ...]) -> tuple[float, float, float, float]:
    if len(bounds) != 4 or not all(math.isfinite(value) for value in bounds):
        message = f"bounds must be four finite numbers (left, bottom, right, top), got {bounds}"
        raise ValueError(message)
    left, bottom, right, top = (float(value) for value in bounds)
    if left >= right or bottom >= top:
        message = (
            f"bounds {bounds} are empty; give (left, bottom, right, top) with left < right and "
            "bottom < top, and cut a rectangle across the antimeridian in two"
        )
        raise ValueError(message)
    return left, bottom, right, top


def utm_crs(bounds: tuple[float, float, float, float], *, bounds_crs: Any = "EPSG:4326") -> str:
    """The UTM zone in which the centre of a rectangle lies.

    Zones are the plain six-degree ones; the widened zones of Norway and Svalbard are not used.

    Parameters
    ----------
    bounds : (float, float, float, float)
        Left, bottom, right, top.
    bounds_crs : str, int or pyproj.CRS
        CRS of `bounds`, longitude and latitude if not said otherwise.

    Returns
    -------
    str
        ``"EPSG:326zz"`` in the north, ``"EPSG:327zz"`` in the south.

    Raises
    ------
    ValueError
        If the centre lies outside 80° S to 84° N, where there is no UTM.

    Examples
    --------
    >>> utm_crs((-56.42, -6.52, -56.38, -6.48))
    'EPSG:32721'
    """
    from pyproj import Transformer

    left, bottom, right, top = _checked_bounds(bounds)
    transform = Transformer.from_crs(bounds_crs, "EPSG:4326", always_xy=True)
    longitude, latitude = transform.transform((left + right) / 2, (bottom + top) / 2)
    if not -80 <= latitude <= 84:
        message = (
            f"utm_crs got bounds centred at latitude {latitude:g}, where there is no UTM; "
            'use a polar CRS: "EPSG:3413" in the north, "EPSG:3031" in the south'
        )
        raise ValueError(message)
    zone = int((longitude + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def geobox_of(layer: GeoBox | xr.DataArray | xr.Dataset, *, by: str = "geobox_of") -> GeoBox:
    """The grid of a layer, from its x and y coordinates and its CRS.

    Parameters
    ----------
    layer : GeoBox, xarray.DataArray or xarray.Dataset
        A layer with evenly spaced pixel-centre coordinates x and y and a ``spatial_ref``
        coordinate; a GeoBox is handed through.
    by : str
        The function that asks, for the message.

    Returns
    -------
    odc.geo.geobox.GeoBox
        Shape, transform and CRS.

    Raises
    ------
    TypeError
        If `layer` is neither a layer nor a GeoBox.
    ValueError
        If coordinates or CRS are missing, or the spacing is uneven.

    Examples
    --------
    >>> box = geobox((0, 0, 40, 30), crs="EPSG:32721", resolution=10)
    >>> layer = xr.DataArray(np.zeros((3, 4)), coords=coordinates(box), dims=("y", "x"))
    >>> geobox_of(layer) == box
    True
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    if isinstance(layer, GeoBox):
        return layer
    if not isinstance(layer, xr.DataArray | xr.Dataset):
        message = (
            f"{by} needs a grid: a layer with x, y and spatial_ref, or a GeoBox from "
            f"minewatch.grids.geobox; got {type(layer).__name__}"
        )
        raise TypeError(message)
    for dim in ("y", "x"):
        if dim not in layer.indexes:
            message = (
                f"{by} needs pixel-centre coordinates y and x, and {dim!r} has none; slant-range "
                "layers get them from minewatch.grids.geocode"
            )
            raise ValueError(message)
    wkt = crs_of(layer)
    if wkt is None:
        message = f'{by} needs a CRS and there is none; set it: layer.rio.write_crs("EPSG:...")'
        raise ValueError(message)
    known = _known_steps(layer)
    (top, step_y), (left, step_x) = (_axis(layer, dim, known[dim], by) for dim in ("y", "x"))
    transform = Affine(step_x, 0, left, 0, step_y, top)
    return GeoBox((layer.sizes["y"], layer.sizes["x"]), transform, wkt)


def _known_steps(layer: xr.DataArray | xr.Dataset) -> dict[str, float | None]:
    """Pixel sizes as the GeoTransform has them: exact, and known for a single row or column."""
    numbers = str(layer.coords[SPATIAL_REF].attrs.get("GeoTransform", "")).split()
    if len(numbers) != 6:
        return {"y": None, "x": None}
    return {"y": float(numbers[5]), "x": float(numbers[1])}


def _axis(
    layer: xr.DataArray | xr.Dataset, dim: str, known: float | None, by: str
) -> tuple[float, float]:
    """First pixel edge and spacing along one axis."""
    centres = np.asarray(layer.indexes[dim], dtype="float64")
    if len(centres) < 2:
        if known is None or not len(centres):
            message = f"{by} cannot tell the pixel size along {dim!r} from {len(centres)} pixel"
            raise ValueError(message)
        return float(centres[0]) - known / 2, known
    step = float(centres[-1] - centres[0]) / (len(centres) - 1)
    if known is not None and abs(known - step) * len(centres) <= GRID_TOLERANCE * abs(step):
        step = known
    even = centres[0] + step * np.arange(len(centres))
    if not np.all(np.abs(centres - even) <= GRID_TOLERANCE * abs(step)):
        message = (
            f"{by} needs evenly spaced coordinates, and those along {dim!r} are not "
            f"(steps {np.diff(centres).min():g} to {np.diff(centres).max():g}); "
            "put the layer on a grid first, or sort it: layer.sortby(...)"
        )
        raise ValueError(message)
    return float(centres[0]) - step / 2, step


def coordinates(box: GeoBox) -> dict[str, xr.DataArray]:
    """The coordinates that put an array on a grid: pixel centres y and x, and the CRS.

    Parameters
    ----------
    box : GeoBox
        The grid.

    Returns
    -------
    dict
        ``y``, ``x`` (with CF names and units) and the scalar ``spatial_ref``.

    Raises
    ------
    ValueError
        If the grid is rotated: its pixels have no x and y of their own.

    Examples
    --------
    >>> box = geobox((0, 0, 40, 30), crs="EPSG:32721", resolution=10)
    >>> xr.DataArray(np.zeros((3, 4)), coords=coordinates(box), dims=("y", "x")).y.values
    array([25., 15.,  5.])
    """
    from odc.geo.xr import xr_coords

    if not box.axis_aligned:
        message = (
            "coordinates needs a north-up grid, got a rotated one; resample onto a geobox(...)"
        )
        raise ValueError(message)
    found = xr_coords(box, always_yx=True)
    geographic = box.crs is not None and box.crs.geographic
    for dim, axis, east in (("y", "latitude", "north"), ("x", "longitude", "east")):
        found[dim].attrs = (
            {"standard_name": axis, "long_name": axis, "units": f"degrees_{east}"}
            if geographic
            else {
                "standard_name": f"projection_{dim}_coordinate",
                "long_name": f"{dim} coordinate of projection",
                "units": "m" if box.crs is None else _unit(box),
            }
        )
    return {name: found[name] for name in ("y", "x", SPATIAL_REF) if name in found}


def _unit(box: GeoBox) -> str:
    unit = str(box.crs.proj.axis_info[0].unit_name)
    return "m" if unit == "metre" else unit
