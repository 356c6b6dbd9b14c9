"""Where relief hides the ground from a side-looking radar, or folds it over.

A radar sees along rays that come in at the incidence angle θ from the vertical, and puts what it
sees at its distance. Behind high ground no ray arrives: shadow. Where ground rises away from the
sensor more steeply than θ, its top is nearer than its foot: layover, and all that lies at the same
distance falls into one pixel.
"""

from __future__ import annotations

import math

import xarray as xr

from minewatch import _apply, kernels
from minewatch.conventions import NO_CLASS, Layer, conform, require, require_same_grid
from minewatch.masks.spacing import pixel_metres

__all__ = ["radar_geometry"]

ANGLE = Layer("local_incidence", "local incidence angle", units="degrees")
SHADOW = Layer("shadow", "radar shadow", dtype="uint8", flags={"seen": 0, "shadow": 1})
LAYOVER = Layer("layover", "radar layover", dtype="uint8", flags={"single": 0, "layover": 1})


def radar_geometry(
    elevation: xr.DataArray,
    *,
    incidence: float | xr.DataArray,
    look_azimuth: float,
    reach: float = 3000.0,
) -> xr.Dataset:
    r"""Local incidence, radar shadow and layover, from a DEM and the direction of look.

    With z the elevation, g the ground range away from the sensor and θ the incidence angle:

    .. math:: \cos\theta_{local} = \frac{\cos\theta + \sin\theta \, \partial z / \partial g}
                                        {\sqrt{1 + |\nabla z|^2}}

    so that ground tilted towards the sensor by a has θ − a.

    - **Shadow**: ground falls away from the sensor more steeply than 90° − θ, or the ray is
      blocked on its way, :math:`z(g - d) > z(g) + d \cot\theta` at some d. Behind a wall of
      height h it is h tan θ long on level ground.
    - **Layover**: ground rises away from the sensor more steeply than θ (active), or shares its
      slant range, :math:`g \sin\theta - z \cos\theta`, with other ground (passive): before and
      behind a wall it reaches h / tan θ. One class holds both, as one pixel of the radar does.

    The two may overlap. Whether the ground that folds over a pixel is lit itself is not asked.

    Rays are straight and parallel about a pixel: the curvature of the Earth, 0.7 m over 3 km, is
    left out. What is missing in the DEM or lies beyond its edge neither hides nor folds anything,
    so take the DEM larger than the site. A DEM knows no wall narrower than its pixels.

    Parameters
    ----------
    elevation : xarray.DataArray
        Metres, dims (y, x), floating, projected CRS with y descending.
    incidence : float or xarray.DataArray
        θ on the ellipsoid, degrees between 0 and 90 (29 to 46 for Sentinel-1); a layer (y, x)
        where it varies, outside of this range unknown.
    look_azimuth : float
        Where the radar looks, degrees clockwise from north (of the map: in UTM it is within 3° of
        the true one). Sentinel-1 looks to about 78° when ascending and 282° when descending.
    reach : float
        How far along the line of sight, in metres, relief is looked for. Within d a height
        difference of d / tan θ can cast shadow and of d tan θ fold over: 3 km at 29° is 1660 m,
        more than any mine is deep. Relief farther away is not seen.

    Returns
    -------
    xarray.Dataset
        ``local_incidence`` (degrees, float32, above 90 where ground faces away from the sensor),
        ``shadow`` and ``layover`` (uint8, 0 no, 1 yes, 255 unknown: elevation or incidence
        missing), dims (y, x); lazy if `elevation` is. Chunks thinner than the reach are read
        together.

    Raises
    ------
    ValueError
        If the CRS is missing or geographic, the grid is uneven or has y ascending, an angle or
        the reach is out of range, or the two layers lie on different grids.

    See Also
    --------
    exclusion : one layer of reasons.
    minewatch.kernels.relief_codes : the walk on bare arrays.

    References
    ----------
    Kropatsch & Strobl (1990), The generation of SAR layover and shadow maps from digital elevation
    models, IEEE TGRS 28(1), doi:10.1109/36.45752

    Examples
    --------
    >>> import numpy as np
    >>> import rioxarray
    >>> wall = xr.DataArray(
    ...     np.float32([[0, 0, 0, 25, 0, 0, 0, 0]] * 2),
    ...     dims=("y", "x"),
    ...     coords={"y": [15.0, 5.0], "x": np.arange(5.0, 85, 10)},
    ... ).rio.write_crs("EPSG:32721")
    >>> view = radar_geometry(wall, incidence=45, look_azimuth=90)
    >>> view.shadow.values[0], view.layover.values[0]
    (array([0, 0, 0, 0, 1, 1, 0, 0], dtype=uint8), array([0, 1, 1, 1, 0, 0, 0, 0], dtype=uint8))
    """
    require(elevation, "y", "x", dtype="floating", by="radar_geometry")
    spacing = pixel_metres(elevation, by="radar_geometry")
    angle = _incidence(elevation, incidence)
    if not math.isfinite(look_azimuth):
        message = f"radar_geometry needs a finite look_azimuth, got {look_azimuth}; e.g. 78"
        raise ValueError(message)
    if not 0 < reach < math.inf:
        message = f"radar_geometry needs a positive reach in metres, got {reach}; 3000 is usual"
        raise ValueError(message)
    settings = {"look_azimuth": float(look_azimuth)}
    if not isinstance(incidence, xr.DataArray):
        settings["incidence"] = float(incidence)
    ground = elevation.astype("float32", copy=False)
    local = _apply.windowed(
        kernels.local_incidence,
        ground,
        angle,
        window=(3, 3),
        arguments=(look_azimuth, *spacing),
    )
    codes = _apply.windowed(
        kernels.relief_codes,
        ground,
        angle,
        window=_window(look_azimuth, spacing, reach),
        arguments=(look_azimuth, *spacing, reach),
        dtype="uint8",
    )
    settings["reach"] = float(reach)
    known = codes != NO_CLASS
    return xr.Dataset(
        {
            "local_incidence": conform(local.where(known), ANGLE, **settings),
            "shadow": conform((codes & 1).where(known, NO_CLASS), SHADOW, **settings),
            "layover": conform((codes >> 1).where(known, NO_CLASS), LAYOVER, **settings),
        }
    )


def _window(look_azimuth: float, spacing: tuple[float, float], reach: float) -> tuple[int, int]:
    """Rows and columns that a walk may read, the far side of a linear interpolation included."""
    turn = math.radians(look_azimuth)
    parts = zip((math.cos(turn), math.sin(turn)), spacing, strict=True)
    rows, columns = (2 * (math.ceil(abs(part) * reach / step) + 1) + 1 for part, step in parts)
    return rows, columns


def _incidence(elevation: xr.DataArray, incidence: float | xr.DataArray) -> xr.DataArray:
    if isinstance(incidence, xr.DataArray):
        require(incidence, "y", "x", dtype="floating", by="radar_geometry (incidence)")
        require_same_grid(elevation, incidence, by="radar_geometry")
        return incidence.astype("float32", copy=False).drop_vars(incidence.coords)
    if not 0 < incidence < 90:
        message = (
            f"radar_geometry needs an incidence between 0 and 90 degrees, got {incidence}; "
            "Sentinel-1 has 29 to 46"
        )
        raise ValueError(message)
    return xr.full_like(elevation, incidence, dtype="float32").drop_vars(elevation.coords)
