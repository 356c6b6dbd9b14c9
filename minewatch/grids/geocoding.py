"""From slant range, where every sample knows its latitude and longitude, onto a map grid."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import xarray as xr

from minewatch.conventions import require
from minewatch.grids._sampling import sample
from minewatch.grids._tiles import Window, fill, is_classed, to_pixels, with_missing
from minewatch.grids.boxes import geobox_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

    Floats = npt.NDArray[np.float64]

__all__ = ["geocode"]

SEEDS = 250_000
"""Samples among which the nearest to a target pixel is looked up; steps lead on from there."""

STEPS = 30
"""Newton steps at most; a handful suffice on smooth ground."""

CONVERGED = 1e-6
"""Share of a sample within which a place must be found."""


Method = Literal["bilinear", "nearest"]


@overload
def geocode(
    data: xr.DataArray,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    latitude: xr.DataArray | None = ...,
    longitude: xr.DataArray | None = ...,
    method: Method = ...,
) -> xr.DataArray: ...
@overload
def geocode(
    data: xr.Dataset,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    latitude: xr.DataArray | None = ...,
    longitude: xr.DataArray | None = ...,
    method: Method = ...,
) -> xr.Dataset: ...
def geocode(
    data: xr.DataArray | xr.Dataset,
    like: GeoBox | xr.DataArray | xr.Dataset,
    *,
    latitude: xr.DataArray | None = None,
    longitude: xr.DataArray | None = None,
    method: Method = "bilinear",
) -> xr.DataArray | xr.Dataset:
    """Bring a layer from slant range onto a map grid.

    Latitude and longitude are projected into the CRS of the grid; for each pixel the fractional
    (row, column) is sought at which the bilinear patch between four samples passes through its
    centre, and `data` is read there. A layer that is a plane on the map is therefore reproduced
    exactly by ``"bilinear"``. Missing neighbours are left out and the other weights scaled up, and
    where the nearest sample is missing, so is the result, as in :func:`resample`. Pixels more than
    half a sample outside the image are missing. Where the terrain folds over (layover) several
    samples lie in one place, and one of them is taken: mask such ground.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        Layers in slant range, dims (..., y, x). Class maps and masks go by ``"nearest"`` only;
        those of a Dataset always do.
    like : GeoBox, xarray.DataArray or xarray.Dataset
        The grid wanted; choose pixels about as large as the samples on the ground, or average the
        samples first (``data.coarsen``, with latitude and longitude).
    latitude, longitude : xarray.DataArray, optional
        Of each sample, dims (y, x), degrees north and east (WGS 84); taken from the coordinates
        of `data` if not given. **They are computed here** where lazy, with the table of places
        (16 bytes a target pixel).
    method : {"bilinear", "nearest"}
        How.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        On the grid, lazy if `data` is; coordinates beyond y and x are kept.

    Raises
    ------
    ValueError
        If latitude and longitude are missing or of another shape, or classes are to be
        interpolated.
    TypeError
        If the values are complex, or codes of another dtype than uint8.

    See Also
    --------
    resample : from one map grid onto another.

    Examples
    --------
    >>> from minewatch.grids import geobox
    >>> rows, columns = np.mgrid[:4, :6]
    >>> slant = xr.DataArray(
    ...     rows + 10.0 * columns,
    ...     dims=("y", "x"),
    ...     coords={
    ...         "latitude": (("y", "x"), 0.4 - 0.1 * rows),
    ...         "longitude": (("y", "x"), 0.1 * columns + 0.02 * rows),
    ...     },
    ... )
    >>> geocode(slant, geobox((0.2, 0.1, 0.5, 0.3), crs="EPSG:4326", resolution=0.1)).values
    array([[23.5, 33.5, 43.5],
           [22.5, 32.5, 42.5]])
    """
    box = geobox_of(like, by="geocode")
    if method not in ("bilinear", "nearest"):
        message = f"geocode knows the methods bilinear, nearest, got {method!r}"
        raise ValueError(message)
    layers = data.data_vars if isinstance(data, xr.Dataset) else {data.name: data}
    for layer in layers.values():
        require(layer, ..., "y", "x", by="geocode")
    places = _places(
        _degrees(data, "latitude", latitude), _degrees(data, "longitude", longitude), box
    )
    if isinstance(data, xr.Dataset):
        found = {
            name: _geocode(layer, box, places, "nearest" if is_classed(layer) else method)
            for name, layer in layers.items()
        }
        return xr.Dataset(found, attrs=data.attrs)
    return _geocode(data, box, places, method)


def _geocode(
    data: xr.DataArray, box: GeoBox, places: tuple[Floats, Floats], method: Method
) -> xr.DataArray:
    data, missing = with_missing(data, method, by="geocode")

    def plan(block: Window) -> tuple[Window, Callable[[], Any]] | None:
        row, column = places[0][block], places[1][block]
        if not np.isfinite(row).any():
            return None
        first, last = (
            slice(max(int(np.nanmin(place)), 0), min(int(np.nanmax(place)) + 2, size))
            for place, size in zip((row, column), data.shape[-2:], strict=True)
        )
        # Views of the one table: a block subtracts where its window begins when it is computed.
        return (first, last), partial(_within, row, column, first.start, last.start)

    return fill(data, box, plan, partial(_read, method=method, missing=missing), missing=missing)


def _within(row: Floats, column: Floats, top: int, left: int) -> tuple[Floats, Floats]:
    return row - top, column - left


def _read(part: Any, where: tuple[Floats, Floats], *, method: str, missing: float) -> Any:
    return sample(part, *where, method, missing)


def _degrees(data: xr.DataArray | xr.Dataset, name: str, given: xr.DataArray | None) -> Floats:
    if given is None:
        if name not in data.coords:
            message = (
                f"geocode needs the {name} of each sample and there is no such coordinate; "
                f"give {name}=... with dims ('y', 'x')"
            )
            raise ValueError(message)
        given = data.coords[name]
    shape = (data.sizes["y"], data.sizes["x"])
    if given.dims != ("y", "x") or given.shape != shape:
        message = (
            f"geocode needs {name} of each sample, dims ('y', 'x') and shape {shape}, "
            f"got {given.dims} {given.shape}; cut both alike with .isel"
        )
        raise ValueError(message)
    if min(shape) < 2:
        message = f"geocode needs two samples or more each way, got an image of shape {shape}"
        raise ValueError(message)
    return np.asarray(given.data, dtype="float64")


def _places(latitude: Floats, longitude: Floats, box: GeoBox) -> tuple[Floats, Floats]:
    """Fractional row and column of the sample under each pixel centre, NaN outside."""
    from pyproj import Transformer
    from scipy.spatial import cKDTree

    project = Transformer.from_crs("EPSG:4326", box.crs.proj, always_xy=True)
    x, y = project.transform(longitude, latitude)
    # In pixels of the target: rows and columns there, so that both axes weigh alike.
    y, x = to_pixels(box, x, y)
    x, y = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
    stride = max(1, int(np.ceil(np.sqrt(x.size / SEEDS))))
    seed_rows, seed_columns = (
        grid.ravel() for grid in np.mgrid[: x.shape[0] : stride, : x.shape[1] : stride]
    )
    seeds = np.column_stack([x[seed_rows, seed_columns], y[seed_rows, seed_columns]])
    known = np.isfinite(seeds).all(axis=1)
    rows, columns = np.full((2, *box.shape), np.nan)
    if not known.any():
        return rows, columns
    tree = cKDTree(seeds[known])
    start_rows, start_columns = seed_rows[known], seed_columns[known]
    for first in range(0, box.shape[0], 256):  # strips keep the work arrays small
        strip = slice(first, min(first + 256, box.shape[0]))
        want_y, want_x = (
            grid.ravel() + 0.5 for grid in np.mgrid[strip, : box.shape[1]].astype("float64")
        )
        _, nearest = tree.query(np.column_stack([want_x, want_y]))
        row, column = _newton(
            x,
            y,
            want_x,
            want_y,
            start_rows[nearest].astype(float),
            start_columns[nearest].astype(float),
        )
        rows[strip], columns[strip] = (
            row.reshape(-1, box.shape[1]),
            column.reshape(-1, box.shape[1]),
        )
    return rows, columns


def _newton(
    x: Floats, y: Floats, want_x: Floats, want_y: Floats, row: Floats, column: Floats
) -> tuple[Floats, Floats]:
    """Walk over the bilinear patches until the wanted place is reached."""
    height, width = x.shape
    active = np.arange(len(row))
    done = np.zeros(len(row), bool)
    for _ in range(STEPS):
        r, c = row[active], column[active]
        i = np.clip(np.floor(r).astype(int), 0, height - 2)
        j = np.clip(np.floor(c).astype(int), 0, width - 2)
        u, v = r - i, c - j
        miss, along, across = [], [], []
        for field, want in ((x, want_x), (y, want_y)):
            a, b, d, e = field[i, j], field[i, j + 1], field[i + 1, j], field[i + 1, j + 1]
            across.append((1 - u) * (b - a) + u * (e - d))
            along.append((1 - v) * (d - a) + v * (e - b))
            miss.append(
                want[active] - ((1 - u) * ((1 - v) * a + v * b) + u * ((1 - v) * d + v * e))
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            det = along[0] * across[1] - along[1] * across[0]
            step_r = (miss[0] * across[1] - miss[1] * across[0]) / det
            step_c = (along[0] * miss[1] - along[1] * miss[0]) / det
        # Bound the walk to the image and one sample around it.
        row[active] = np.clip(r + step_r, -1.0, height)
        column[active] = np.clip(c + step_c, -1.0, width)
        arrived = np.hypot(step_r, step_c) < CONVERGED
        done[active[arrived]] = True
        active = active[~arrived & np.isfinite(step_r) & np.isfinite(step_c)]
        if not active.size:
            break
    edge = 0.5 + CONVERGED
    inside = (
        done
        & (row >= -edge)
        & (row <= height - 1 + edge)
        & (column >= -edge)
        & (column <= width - 1 + edge)
    )
    return np.where(inside, row, np.nan), np.where(inside, column, np.nan)
