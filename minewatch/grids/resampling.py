"""From one map grid onto another."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import numpy as np
import xarray as xr

from minewatch.conventions import require
from minewatch.grids._sampling import inside, mean_over, mean_within, overlaps, sample
from minewatch.grids._tiles import Window, fill, is_classed, to_map, to_pixels, with_missing
from minewatch.grids.boxes import geobox_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

    Floats = npt.NDArray[np.float64]

__all__ = ["resample"]

LayersT = TypeVar("LayersT", xr.DataArray, xr.Dataset)

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
    (Keys, a = −0.5) interpolate between the 4 or 16 pixels around it; ``"average"`` is the mean
    over the area of the target pixel, each source pixel weighted by its share in it (between two
    CRSs: by points a quarter of a source pixel apart): the one to use when the target is coarser.
    Missing pixels are left out and the other weights scaled up; where the pixel under the target
    centre is missing (for ``"average"``: all pixels), so is the result. Coordinates are transformed
    exactly, pixel by pixel.

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
        return _centred(xr.Dataset(layers, attrs=data.attrs), like)
    return _centred(_resample(data, target, method), like)


def _centred(result: LayersT, like: Any) -> LayersT:
    """The pixel centres to the last digit as the pattern has them: a grid rounds them anew."""
    if not isinstance(like, xr.DataArray | xr.Dataset):
        return result
    centres = {dim: (dim, like.indexes[dim].to_numpy(), result[dim].attrs) for dim in ("y", "x")}
    centred: LayersT = result.assign_coords(centres)
    return centred


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
    points = _points(source, target)
    straight = source.crs == target.crs and source.axis_aligned and target.axis_aligned

    def plan(block: Window) -> tuple[Window, Callable[[], Any]] | None:
        window = _window(source, target, block, REACH[method])
        if window is None:
            return None
        if method != "average":
            return window, partial(_centres, source, target, block, window)
        return window, partial(_areas if straight else _corners, source, target, block, window)

    read = partial(_read, method=method, missing=missing, points=points)
    return fill(data, target, plan, read, missing=missing)


def _window(source: GeoBox, target: GeoBox, block: Window, reach: int) -> Window | None:
    """Rows and columns of the source that cover a block of the target, with a margin."""
    rows, columns = (np.linspace(part.start, part.stop, LATTICE) for part in block)
    spans = []
    for place, size in zip(
        _places(source, target, rows[:, None], columns[None, :]), source.shape, strict=True
    ):
        known = place[np.isfinite(place)]
        if not known.size:
            return None
        low, high = float(known.min()), float(known.max())
        # Between the points of the lattice the edge bulges by less than this.
        margin = reach + (high - low) / LATTICE**2
        start, stop = int(np.floor(low - margin)), int(np.ceil(high + margin))
        if stop <= 0 or start >= size:
            return None
        spans.append(slice(max(start, 0), min(stop, size)))
    return spans[0], spans[1]


def _places(source: GeoBox, target: GeoBox, rows: Any, columns: Any) -> tuple[Floats, Floats]:
    """Fractional source (row, column) of target positions, (0, 0) the outer corner on both."""
    x, y = to_map(target, rows, columns)
    if target.crs != source.crs:
        from pyproj import Transformer

        transform = Transformer.from_crs(target.crs.proj, source.crs.proj, always_xy=True)
        x, y = np.broadcast_arrays(x, y)
        x, y = transform.transform(x, y)
    return to_pixels(source, np.asarray(x), np.asarray(y))


def _centres(source: GeoBox, target: GeoBox, block: Window, window: Window) -> Any:
    """Where in the window the centres of the target pixels lie."""
    rows, columns = (np.arange(part.start, part.stop) + 0.5 for part in block)
    places = _places(source, target, rows[:, None], columns[None, :])
    found = []
    for place, size, part in zip(places, source.shape, window, strict=True):
        # Rounding must not decide which of two pixels is nearest.
        found.append(inside(np.round(place - 0.5, 8), size) - part.start)
    return tuple(found)


def _corners(source: GeoBox, target: GeoBox, block: Window, window: Window) -> Any:
    """Where in the window the corners of the target pixels lie."""
    rows, columns = (np.arange(part.start, part.stop + 1.0) for part in block)
    places = _places(source, target, rows[:, None], columns[None, :])
    return tuple(place - 0.5 - part.start for place, part in zip(places, window, strict=True))


def _areas(source: GeoBox, target: GeoBox, block: Window, window: Window) -> Any:
    """What share of which source rows and columns the target rows and columns cover."""
    found = []
    for axis, (place, part) in enumerate(
        zip(_corners(source, target, block, window), window, strict=True)
    ):
        edges = place[:, 0] if axis == 0 else place[0]
        found.append(overlaps(edges + 0.5, part.stop - part.start))
    return tuple(found)


def _points(source: GeoBox, target: GeoBox) -> int:
    """Points along the side of a target pixel that lie a quarter of a source pixel apart or closer.

    One number for the whole target: it must not depend on the block.
    """
    corners = np.meshgrid(*(np.linspace(0, n - 1, LATTICE) for n in target.shape), indexing="ij")
    first = _places(source, target, corners[0], corners[1])
    longest = 0.0
    for down, right in ((1, 0), (0, 1)):
        second = _places(source, target, corners[0] + down, corners[1] + right)
        sides = np.hypot(second[0] - first[0], second[1] - first[1])
        longest = max(longest, float(np.max(sides[np.isfinite(sides)], initial=0.0)))
    return max(2, int(np.ceil(4 * longest)))


def _read(part: Any, where: tuple[Any, Any], *, method: str, missing: float, points: int) -> Any:
    if method != "average":
        return sample(part, *where, method, missing)
    if isinstance(where[0], np.ndarray):
        return mean_within(part, *where, points)
    return mean_over(part, *where)
