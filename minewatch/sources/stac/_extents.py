"""Where an asset lies on a grid, from what its item says of it.

stackstac projects the four corners only. The edge of a large tile is a curve on another map, and
by that curve, a hundred metres for one degree, an image would be left out where it has pixels.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pystac
    from odc.geo.geobox import GeoBox

__all__ = ["extent"]

POINTS_ON_AN_EDGE = 51


def extent(item: pystac.Item, asset: str, grid: GeoBox) -> tuple[float, float, float, float]:
    """Bounds of an asset in the CRS of a grid, a pixel wider for safety.

    Parameters
    ----------
    item : pystac.Item
        With the projection extension (version 1 or 2), or with a bbox in degrees.
    asset : str
        Name of the asset.
    grid : GeoBox
        The grid.

    Returns
    -------
    (float, float, float, float)
        Left, bottom, right, top; those of the grid itself where nobody knows better.
    """
    own = dict(item.assets[asset].extra_fields)
    code = _code(own) or _code(item.properties)
    everywhere = tuple(float(edge) for edge in grid.boundingbox)
    bounds = _bounds(own) or _bounds(item.properties) if code is not None else None
    if bounds is None:
        code, bounds = "EPSG:4326", _flat(item.bbox)
    if bounds is None or bounds[0] > bounds[2]:
        return everywhere  # type: ignore[return-value]
    found = _projected(str(code), int(grid.crs.to_epsg()), bounds)
    if found is None:
        return everywhere  # type: ignore[return-value]
    pad_x, pad_y = abs(grid.transform.a), abs(grid.transform.e)
    left, bottom, right, top = found
    return left - pad_x, bottom - pad_y, right + pad_x, top + pad_y


def _code(fields: Mapping[str, Any]) -> str | None:
    """The CRS: ``proj:code`` since version 2 of the extension, ``proj:epsg`` before."""
    if fields.get("proj:code"):
        return str(fields["proj:code"])
    return f"EPSG:{fields['proj:epsg']}" if fields.get("proj:epsg") else None


def _bounds(fields: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Bounds in the asset's own CRS: its bbox, or its shape and transform."""
    if fields.get("proj:bbox"):
        return _flat(fields["proj:bbox"])
    shape, numbers = fields.get("proj:shape"), fields.get("proj:transform")
    if not shape or not numbers:
        return None
    a, b, c, d, e, f = (float(number) for number in numbers[:6])
    rows, columns = np.array([0, 0, shape[0], shape[0]]), np.array([0, shape[1], 0, shape[1]])
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _flat(bbox: Sequence[float] | None) -> tuple[float, ...] | None:
    """A bbox without its heights."""
    if not bbox:
        return None
    edges = tuple(float(edge) for edge in bbox)
    return edges if len(edges) == 4 else (*edges[:2], *edges[3:5])


@lru_cache(maxsize=4096)
def _projected(
    code: str, epsg: int, bounds: tuple[float, ...]
) -> tuple[float, float, float, float] | None:
    """Bounds on another map, along the whole of each edge; None where they have none."""
    from pyproj import Transformer
    from pyproj.exceptions import CRSError, ProjError

    try:
        transform = Transformer.from_crs(code, f"EPSG:{epsg}", always_xy=True)
        west, south, east, north = bounds
        found = transform.transform_bounds(west, south, east, north, densify_pts=POINTS_ON_AN_EDGE)
    except (CRSError, ProjError):
        return None
    return found if np.isfinite(found).all() and found[0] <= found[2] else None
