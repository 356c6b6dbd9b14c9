"""From one map grid onto another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import xarray as xr

from minewatch.conventions import require
from minewatch.grids._tiles import Window, fill, is_classed, to_map, to_pixels, with_missing
from minewatch.grids.boxes import geobox_of

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

__all__ = ["resample"]

Method = Literal["nearest", "bilinear", "average", "cubic"]

REACH = {"nearest": 1, "bilinear": 2, "cubic": 3, "average": 2}
"""Source pixels that a method reads beyond the place it is asked for, and one for rounding."""

LATTICE = 17
"""Points along each side of a target block whose places in the source bound what it needs."""


@overload
def resample(
    data: xr.DataArray, like: GeoBox | xr.DataArray | xr.Dataset, *, method: Method = ...
) -> xr.DataArray: ...
@overload
def resample(
    data: xr.Dataset, like: GeoBox | xr.DataArray | xr.Dataset, *, method: Method = ...
) -> xr.Dataset: ...
def resample(
    data: xr.DataArray | xr.Dataset,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    method: Method = "bilinear",
) -> xr.DataArray | xr.Dataset:
    """Bring a layer onto another grid.

    ``"nearest"`` takes the pixel that a target centre falls in; ``"bilinear"`` and ``"cubic"``
    (Keys, a = −0.5) interpolate between the pixels around it; ``"average"`` is the mean over the
    area of the target pixel, each source pixel weighted by its share in it: the one to use when
    the target is coarser. Missing pixels are left out and the other weights scaled up, and where
    the pixel under the target centre is missing (for ``"average"``: all pixels), so is the result.
    GDAL's warper does the sums, with exact coordinate transformation.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Layers, dims (..., y, x), with a CRS. Class maps and masks (uint8, bool, or with flags) go
        by ``"nearest"`` only; those of a Dataset always do.
    like : GeoBox, xarray.DataArray or xarray.Dataset
        The grid wanted.
    method : {"nearest", "bilinear", "average", "cubic"}
        How.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        The same layers, coordinates beyond y and x, and attributes, lazy if `data` is. Floats are
        NaN outside, integers become floats; a mask becomes uint8 with 0, 1 and 255 outside.

    Raises
    ------
    ValueError
        If classes are to be interpolated, or coherence by ``"cubic"``: its negative lobes leave
        [0, 1], the only way in which NDAI can exceed 1.
    TypeError
        If the values are complex, or codes of another dtype than uint8.

    See Also
    --------
    geocode : from slant range onto a grid.

    Examples
    --------
    >>> from minewatch.grids import coordinates, geobox
    >>> fine = geobox((0, 0, 40, 20), crs="EPSG:32721", resolution=10)
    >>> coarse = geobox((0, 0, 40, 20), crs="EPSG:32721", resolution=20)
    >>> layer = xr.DataArray(
    ...     [[0.0, 1, 2, 3], [4, 5, 6, 7]], coords=coordinates(fine), dims=("y", "x")
    ... )
    >>> resample(layer, coarse, method="average").values
    array([[2.5, 4.5]])
    """
    target = geobox_of(like, by="resample")
    if isinstance(data, xr.Dataset):
        layers = {
            name: _resample(layer, target, "nearest" if is_classed(layer) else method)
            for name, layer in data.data_vars.items()
        }
        return xr.Dataset(layers, attrs=data.attrs)
    return _resample(data, target, method)


def _resample(data: xr.DataArray, target: GeoBox, method: Method) -> xr.DataArray:
    require(data, ..., "y", "x", by="resample")
    if method not in REACH:
        message = f"resample knows the methods {', '.join(REACH)}, got {method!r}"
        raise ValueError(message)
    if method == "cubic" and data.name == "coherence":
        message = (
            "resample does not bring coherence onto a grid by cubic convolution: it overshoots, "
            'coherence leaves [0, 1] and NDAI exceeds 1; use method="bilinear" or "average"'
        )
        raise ValueError(message)
    data, missing = with_missing(data, method, by="resample")
    source = geobox_of(data, by="resample")
    if source == target:
        return data

    def plan(block: Window) -> tuple[Window, Any] | None:
        wanted = target[block]
        window = _window(source, wanted, REACH[method])
        return None if window is None else (window, (source[window], wanted, method, missing))

    return fill(data, target, plan, _warp, missing=missing)


def _window(source: GeoBox, wanted: GeoBox, reach: int) -> Window | None:
    """Rows and columns of the source that cover the target block, with a margin."""
    from pyproj import Transformer

    height, width = wanted.shape
    rows, columns = np.meshgrid(
        np.linspace(0, height, LATTICE), np.linspace(0, width, LATTICE), indexing="ij"
    )
    x, y = to_map(wanted, rows, columns)
    if wanted.crs != source.crs:
        transform = Transformer.from_crs(wanted.crs.proj, source.crs.proj, always_xy=True)
        x, y = transform.transform(x, y)
    row, column = to_pixels(source, np.asarray(x), np.asarray(y))
    spans = []
    for place, size in ((row, source.shape[0]), (column, source.shape[1])):
        place = place[np.isfinite(place)]
        if not place.size:
            return None
        low, high = float(place.min()), float(place.max())
        # Between the points of the lattice the edge bulges by less than this.
        margin = reach + (high - low) / LATTICE**2
        start, stop = int(np.floor(low - margin)), int(np.ceil(high + margin))
        if stop <= 0 or start >= size:
            return None
        spans.append(slice(max(start, 0), min(stop, size)))
    return spans[0], spans[1]


def _warp(part: Any, how: tuple[GeoBox, GeoBox, str, float]) -> Any:
    from rasterio.warp import Resampling, reproject

    source, wanted, method, missing = how
    result = np.full((*part.shape[:-2], *wanted.shape), missing, part.dtype)
    # Plane by plane: given several at once, GDAL treats missing pixels otherwise.
    for plane in np.ndindex(part.shape[:-2]):
        reproject(
            np.ascontiguousarray(part[plane]),
            result[plane],
            src_transform=source.transform,
            src_crs=source.crs.wkt,
            src_nodata=missing,
            dst_transform=wanted.transform,
            dst_crs=wanted.crs.wkt,
            dst_nodata=missing,
            resampling=Resampling[method],
            tolerance=0,  # the exact transform: an approximate one depends on the block
            XSCALE=1,  # kernels in source pixels, whatever part of the source is seen
            YSCALE=1,
        )
    return result
