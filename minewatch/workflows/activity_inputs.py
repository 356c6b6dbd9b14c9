"""What an activity run reads: SLCs or ready coherence, as coherence on a map grid."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch import grids, insar, store
from minewatch.conventions import crs_of
from minewatch.sources import coherence as coherence_source
from minewatch.sources import slc as slc_source
from minewatch.sources._pins import kept_files
from minewatch.workflows.activity_layers import site_of
from minewatch.workflows.activity_settings import whole_numbers

if TYPE_CHECKING:
    import geopandas as gpd
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["open_coherence"]


def open_coherence(settings: ActivitySettings) -> xr.DataArray:
    """Coherence on a map grid, of the pairs and the place asked for.

    Parameters
    ----------
    settings : ActivitySettings
        The run.

    Returns
    -------
    xarray.DataArray
        Dims (pair, y, x), lazy.

    Raises
    ------
    ValueError
        If the folder holds neither SLCs nor coherence, or nothing of it is asked for.
    """
    months = whole_numbers(settings.months, setting="months")
    if settings.input.rstrip("/").endswith(".zarr"):
        cube: xr.DataArray = store.open_cube(settings.input, name="coherence")
        coherence = _short_pairs(cube, settings.max_temporal_baseline)
    elif _kind(settings) == "slc":
        slc = slc_source.open_stack(settings.input, polarization=settings.polarization)
        pairs = insar.select_pairs(
            slc,
            max_temporal_baseline=settings.max_temporal_baseline,
            max_perpendicular_baseline=settings.max_perpendicular_baseline,
            n_next=settings.next_images,
            months=months,
        )
        coherence = insar.coherence(
            slc, pairs, window=settings.window, demodulate=settings.demodulate
        )
        dates = np.datetime_as_string(slc.time.values, unit="ns").tolist()
        coherence = coherence.assign_attrs(files=slc.attrs["files"], dates=dates)
        months = None
    else:
        coherence = _short_pairs(_ready(settings), settings.max_temporal_baseline)
    if months is not None:
        coherence = insar.in_months(coherence, months)
    if "latitude" in coherence.coords and crs_of(coherence) is None:
        coherence = grids.geocode(coherence, _map_grid(coherence, settings.resolution))
    return _cut(coherence, site_of(settings), settings.margin)


def _kind(settings: ActivitySettings) -> str:
    """Tell SLCs from coherence by what lies in the folder."""
    if settings.kind != "auto":
        return settings.kind
    source = Path(settings.input)
    names = (
        [path.name for path in kept_files(source.iterdir())] if source.is_dir() else [source.name]
    )
    if any("GUNW" in name or name.endswith((".nc", ".zip")) for name in names):
        return "coherence"
    if any(name.endswith((".h5", ".znap", ".dim")) for name in names):
        return "slc"
    rasters = sorted(kept_files(source.rglob("*.tif*"))) if source.is_dir() else [source]
    if not rasters:
        message = (
            f"{source} holds neither SLCs (.h5, .znap, .dim, complex .tif) nor coherence rasters "
            f"(.tif); it holds {', '.join(sorted(names)[:5]) or 'nothing'}"
        )
        raise ValueError(message)
    return "slc" if _is_complex(rasters[0]) else "coherence"


def _ready(settings: ActivitySettings) -> xr.DataArray:
    """Coherence that someone else made, on one grid."""
    like = None
    if settings.align is not None:
        site = site_of(settings)
        if site is None:
            message = (
                f"align={settings.align!r} needs to know where; give site=polygons or "
                "bbox=west south east north"
            )
            raise ValueError(message)
        around = site.to_crs(site.estimate_utm_crs()).buffer(settings.margin)
        like = grids.geobox(
            tuple(around.total_bounds), crs=around.crs, resolution=settings.resolution
        )
    return coherence_source.open_stack(
        settings.input,
        names=settings.names,
        polarization=settings.polarization,
        duplicates=settings.duplicates,
        baselines=settings.baselines,
        nodata=None if math.isnan(settings.nodata) else settings.nodata,
        scale=settings.scale,
        like=like,
        resampling=settings.align or "bilinear",
    )


def _is_complex(raster: Path) -> bool:
    import rasterio

    with rasterio.open(raster) as file:
        return str(file.dtypes[0]).startswith("complex")


def _short_pairs(coherence: xr.DataArray, longest: float | None) -> xr.DataArray:
    """Leave out pairs of ready coherence that are too long."""
    if longest is None:
        return coherence
    days = coherence.temporal_baseline.values.round(1)  # passes come seconds early or late
    if not (days <= longest).any():
        message = (
            f"no pair of {coherence.sizes['pair']} is as short as "
            f"max_temporal_baseline={longest:g} days; the shortest has {days.min():g}"
        )
        raise ValueError(message)
    return coherence.isel(pair=days <= longest)


def _map_grid(coherence: xr.DataArray, resolution: float) -> GeoBox:
    """A UTM grid around slant-range data that know their latitude and longitude."""
    latitude, longitude = coherence.latitude, coherence.longitude
    bounds = (
        float(longitude.min()),
        float(latitude.min()),
        float(longitude.max()),
        float(latitude.max()),
    )
    return grids.geobox(
        bounds, crs=grids.utm_crs(bounds), resolution=resolution, bounds_crs="EPSG:4326"
    )


def _cut(coherence: xr.DataArray, site: gpd.GeoDataFrame | None, margin: float) -> xr.DataArray:
    """The part of the grid that the site and a margin around it need."""
    if site is None:
        return coherence
    crs = crs_of(coherence)
    if crs is None:
        message = "site and bbox need coherence with a CRS; the input has none"
        raise ValueError(message)
    around = site.to_crs(site.estimate_utm_crs()).buffer(margin).to_crs(crs)
    left, bottom, right, top = around.total_bounds
    x, y = coherence.x.values, coherence.y.values
    columns = np.flatnonzero((x >= left) & (x <= right))
    rows = np.flatnonzero((y >= bottom) & (y <= top))
    if not columns.size or not rows.size:
        message = (
            f"the site (x {left:g} to {right:g}, y {bottom:g} to {top:g}) does not meet the "
            f"coherence (x {x.min():g} to {x.max():g}, y {y.min():g} to {y.max():g}); "
            "give another site, or other images"
        )
        raise ValueError(message)
    return coherence.isel(y=slice(rows[0], rows[-1] + 1), x=slice(columns[0], columns[-1] + 1))
