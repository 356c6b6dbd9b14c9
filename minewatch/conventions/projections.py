"""Which maps can be measured as they are drawn."""

from __future__ import annotations

from typing import Any

__all__ = ["is_planar"]


def is_planar(crs: Any) -> bool:
    """Whether areas measured on the map are nearly those on the ground.

    Not so in degrees, nor on Mercator maps of the world, whose scale grows with latitude: at 60°
    they show four times the ground.

    Parameters
    ----------
    crs : pyproj.CRS
        A coordinate reference system.

    Returns
    -------
    bool
        True for projected CRSs other than Mercator's; transverse and oblique ones are local.

    Examples
    --------
    >>> from pyproj import CRS
    >>> [is_planar(CRS.from_epsg(code)) for code in (32721, 3857, 4326)]
    [True, False, False]
    """
    if not crs.is_projected:
        return False
    method = str(crs.coordinate_operation.method_name) if crs.coordinate_operation else ""
    return "Mercator" not in method or "Transverse" in method or "Oblique" in method
