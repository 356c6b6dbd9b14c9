"""Layers that are laid over the map: where it is cut, what is left out, which zones it has."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minewatch import grids, masks, vectors
from minewatch.conventions import NO_CLASS, crs_of

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr

    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["exclusion_of", "layer_on", "read_zones", "site_of", "stable_domain"]

RELIEF_AROUND = 3000.0
"""Metres of relief beyond the map that may throw a radar shadow on it."""

UNITS = {
    "ndvi": ("index, it goes beyond -1 to 1", "divide it by its scale, often 10000"),
    "mndwi": ("index, it goes beyond -1 to 1", "divide it by its scale, often 10000"),
    "backscatter": ("linear power, it is negative", "turn dB into power, 10 ** (dB / 10)"),
}
"""Raster that a mask is made of → what other units would make of it, and what to do."""

STRANGE = 0.05
"""Share of a raster that noise may take out of its range."""

ENOUGH = 0.99
"""Share of the ground that a mask must know to pass without a warning; edges are lost always."""


def site_of(settings: ActivitySettings) -> gpd.GeoDataFrame | None:
    """The outline that the map is cut to, if one is given.

    Parameters
    ----------
    settings : ActivitySettings
        The run.

    Returns
    -------
    geopandas.GeoDataFrame or None
        Polygons.

    Raises
    ------
    ValueError
        If both `site` and `bbox` are given, or the box is none.
    """
    import geopandas as gpd
    from shapely.geometry import box

    if settings.bbox is None:
        return None if settings.site is None else vectors.read_polygons(settings.site)
    west, south, east, north = settings.bbox
    if settings.site is not None:
        message = "give either site or bbox, not both; each says what is mapped"
        raise ValueError(message)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        message = (
            f"bbox {west:g} {south:g} {east:g} {north:g} is no box; write west south east north "
            "in degrees, e.g. 26.0 63.6 26.1 63.7"
        )
        raise ValueError(message)
    return gpd.GeoDataFrame(geometry=[box(west, south, east, north)], crs="EPSG:4326")


def stable_domain(settings: ActivitySettings, like: xr.DataArray) -> xr.DataArray | None:
    """Where stable ground is looked for.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    like : xarray.DataArray
        Dims (..., y, x); only its grid is read.

    Returns
    -------
    xarray.DataArray or None
        True inside the site, dims (y, x); None for the whole scene.
    """
    site = site_of(settings) if settings.stable_within == "site" else None
    return None if site is None else vectors.rasterize(site, like=like)


def layer_on(
    path: str,
    like: Any,
    *,
    method: Literal["nearest", "bilinear", "average"] = "bilinear",
) -> xr.DataArray:
    """A raster file brought onto a grid, lazily.

    Parameters
    ----------
    path : str
        Single-band raster with a CRS.
    like : GeoBox, xarray.DataArray or None
        The grid; None leaves the raster on its own.
    method : {"nearest", "bilinear", "average"}
        How it is resampled.

    Returns
    -------
    xarray.DataArray
        Dims (y, x), NaN where unknown.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no raster, has no CRS or several bands.
    """
    import rioxarray
    import xarray as xr
    from rasterio.errors import RasterioIOError

    if not Path(path).exists():
        message = f"there is no file {path}; give the path of a single-band raster"
        raise FileNotFoundError(message)
    try:
        found = rioxarray.open_rasterio(path, chunks={"y": 1024, "x": 1024}, masked=True)
    except RasterioIOError as error:
        message = f"{path} is no raster that GDAL can open ({error}); fetch or write it again"
        raise ValueError(message) from error
    if not isinstance(found, xr.DataArray):
        message = f"{path} holds several rasters; give one as a GeoTIFF"
        raise ValueError(message)
    if crs_of(found) is None:
        message = f"{path} has no CRS; set it, e.g. gdal_edit -a_srs EPSG:32635 {path}"
        raise ValueError(message)
    if found.sizes["band"] != 1:
        message = f"{path} has {found.sizes['band']} bands; give a raster with one"
        raise ValueError(message)
    layer: xr.DataArray = found.isel(band=0, drop=True).astype("float32")
    return layer if like is None else grids.resample(layer, like, method=method)


def exclusion_of(settings: ActivitySettings, coherence: xr.DataArray) -> xr.DataArray | None:
    """Why pixels are left out of the map, by the layers that were given; computes.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    coherence : xarray.DataArray
        Dims (pair, y, x); only its grid is read.

    Returns
    -------
    xarray.DataArray or None
        Codes of :func:`minewatch.masks.exclusion`, dims (y, x), in memory (a byte a pixel); None
        if nothing was given.

    Raises
    ------
    ValueError
        If a layer knows nothing of the ground that is mapped, or a DEM came without the direction
        in which the radar looks.

    Warns
    -----
    UserWarning
        If a layer knows a part of it only: the rest has no class.
    """
    like = coherence.isel(pair=0, drop=True)
    given: dict[str, Any] = {}
    rasters: dict[str, xr.DataArray] = {}
    paths = {name: getattr(settings, name) for name in UNITS}
    raw = {name: layer_on(path, like) for name, path in paths.items() if path is not None}
    if "ndvi" in raw:
        rasters["ndvi"] = given["vegetation"] = masks.vegetation(raw["ndvi"])
    if "mndwi" in raw:
        rasters["mndwi"] = given["water"] = masks.water(raw["mndwi"])
    if settings.water is not None:
        lakes = _inside(vectors.read_polygons(settings.water), like).astype("uint8")
        given["water"] = lakes if "water" not in given else lakes.where(lakes == 1, given["water"])
    if "backscatter" in raw:
        power = raw["backscatter"]
        rasters["backscatter"] = masks.low_backscatter(power, water=given.get("water"))
        given["low_backscatter"] = rasters["backscatter"]
    if settings.elevation is not None:
        given["geometry"] = _geometry(settings, like)
        rasters["elevation"] = given["geometry"]["shadow"]
    site = site_of(settings)
    if site is not None:
        given["outside"] = ~_inside(site, like)
    if not given:
        return None
    known = {name: layer != NO_CLASS for name, layer in rasters.items()}
    if site is not None:
        known = {name: layer.where(~given["outside"]) for name, layer in known.items()}
    shares = {name: layer.mean() for name, layer in known.items()}
    for name, layer in raw.items():
        strange = layer < 0 if name == "backscatter" else abs(layer) > 1
        shares[f"{name}_strange"] = strange.mean()
    bare = {name: share.drop_vars(share.coords) for name, share in shares.items()}
    found = masks.exclusion(**given).to_dataset(name="exclusion").assign(bare).compute()
    for name, (meant, fix) in UNITS.items():
        if name in raw and float(found[f"{name}_strange"]) > STRANGE:
            message = f"{name} {paths[name]!r} is no {meant}; {fix}"
            raise ValueError(message)
    for name in known:
        _tell_share(name, float(found[name]))
    return found["exclusion"]


def _tell_share(setting: str, share: float) -> None:
    """Complain of a layer that misses the ground that is mapped, or some of it."""
    if share == 0:
        message = (
            f"{setting} says nothing of the ground that is mapped: it lies elsewhere or holds no "
            "number; give another file, check its CRS, or leave it out"
        )
        raise ValueError(message)
    if share < ENOUGH:
        message = (
            f"{setting} is known on {100 * share:.3g} % of the ground that is mapped; the rest "
            "counts as unknown and has no class"
        )
        warnings.warn(message, UserWarning, stacklevel=3)


def _inside(polygons: gpd.GeoDataFrame, like: xr.DataArray) -> xr.DataArray:
    """Whether the centre of a pixel lies in any of the polygons."""
    return vectors.rasterize(polygons, like=like)


def _geometry(settings: ActivitySettings, like: xr.DataArray) -> xr.Dataset:
    """Shadow and layover on the grid of the map, with the relief around it."""
    if settings.look_azimuth is None:
        message = (
            "elevation needs look_azimuth, where the radar looks in degrees from north: for "
            "Sentinel-1 about 78 on ascending tracks and 282 on descending ones"
        )
        raise ValueError(message)
    box = grids.geobox_of(like)
    if box.crs.geographic:
        message = (
            f"shadow and layover need a grid in metres, the map is in "
            f"EPSG:{box.crs.epsg}; make coherence "
            "on a projected grid first (minewatch.grids.resample), or leave elevation out"
        )
        raise ValueError(message)
    across, down = (
        math.ceil(RELIEF_AROUND / abs(step)) for step in (box.resolution.x, box.resolution.y)
    )
    relief = layer_on(settings.elevation or "", box.pad(across, down))
    geometry = masks.radar_geometry(
        relief, incidence=settings.incidence, look_azimuth=settings.look_azimuth
    )
    rows, columns = box.shape
    inner = geometry.isel(y=slice(down, down + rows), x=slice(across, across + columns))
    return inner.assign_coords(y=like.y, x=like.x)


def read_zones(path: str) -> gpd.GeoDataFrame:
    """Polygons with a name each.

    Parameters
    ----------
    path : str
        The file; its column ``name`` is used, else the zones are numbered from 1.

    Returns
    -------
    geopandas.GeoDataFrame
        With a column ``name`` of text.

    Raises
    ------
    ValueError
        If two zones have one name.
    """
    zones = vectors.read_polygons(path)
    names = zones["name"] if "name" in zones else [f"zone {i + 1}" for i in range(len(zones))]
    zones = zones.assign(name=[str(name) for name in names])
    twice = zones["name"][zones["name"].duplicated()].unique().tolist()
    if twice:
        message = (
            f"{path} names several zones {twice[:3]}; give each its own name, or dissolve them"
        )
        raise ValueError(message)
    return zones
