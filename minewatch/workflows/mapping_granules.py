"""Reflectance as seen from above, with the angles that the metadata of each granule tell."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import dask
import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox

from minewatch import _apply, brdf, grids, sources
from minewatch.conventions import Layer, conform

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt
    import pystac

    Floats = npt.NDArray[np.float32]
    Normal = Literal["observed", "lat"]

__all__ = ["Granule", "brought_to_nadir", "dates_of", "granules_of", "latitudes"]

SPACING = 2500.0
"""Metres between the nodes of c-factors, half of what lies between angles; over it a factor changes
by less than 0.002, its slope by so little that interpolating it errs by some 1e-5."""

DEGREE = 111_320.0
"""Metres of a degree of latitude."""


class Granule(NamedTuple):
    """Where the metadata of an item lie, and whose they are."""

    item: str
    address: str


def granules_of(bands: xr.Dataset, items: Iterable[pystac.Item]) -> list[tuple[Granule, ...]]:
    """The granules of each date.

    Parameters
    ----------
    bands : xarray.Dataset
        From :func:`minewatch.sources.load`, dims (time, y, x).
    items : iterable of pystac.Item
        What it was loaded from.

    Returns
    -------
    list of tuple of Granule
        One a date; empty where not all items of the date name metadata.
    """
    addresses = {item.id: sources.angles.metadata_address(item) for item in items}
    found = []
    for name in dates_of(bands):
        parts = [name] if name in addresses else name.split(" ")
        known = [(part, addresses.get(part)) for part in parts]
        granules = tuple(Granule(part, at) for part, at in known if at is not None)
        found.append(granules if len(granules) == len(parts) else ())
    return found


def dates_of(bands: xr.Dataset) -> list[str]:
    """The items of each date.

    Parameters
    ----------
    bands : xarray.Dataset
        From :func:`minewatch.sources.load`, or some dates of it.

    Returns
    -------
    list of str
        Ids, those of a mosaic joined by a space; where they are unknown, the place of the date.
    """
    names = list(bands.attrs.get("items", ()))
    places = bands["item"].to_numpy() if "item" in bands.coords else range(bands.sizes["time"])
    return [names[int(at)] if at < len(names) else str(at) for at in places]


def brought_to_nadir(
    bands: xr.Dataset,
    granules: Sequence[tuple[Granule, ...]],
    normal: Normal,
    *,
    sign: str | None = None,
) -> xr.Dataset:
    """Nadir BRDF-adjusted reflectance by the angles of each pixel and band.

    The c-factors of a date are worked out at nodes 2.5 km apart and interpolated between them.
    Granules of one date are seen in one pass: where they overlap the mean of their factors stands,
    beside them the nearest.

    Parameters
    ----------
    bands : xarray.Dataset
        Reflectance of Sentinel-2, dims (time, y, x), with a CRS.
    granules : sequence of tuple of Granule
        Those of each date; of a date without, the coordinates ``sun_zenith``, ``sun_azimuth``,
        ``view_zenith`` and ``view_azimuth`` are taken.
    normal : {"observed", "lat"}
        The sun that it is brought to.
    sign : str, optional
        As in :func:`minewatch.sources.load`.

    Returns
    -------
    xarray.Dataset
        The same bands, float32, lazy if they are; NaN where the sun is too low for a factor.

    Raises
    ------
    RuntimeError
        When computing: if metadata cannot be read; names the item.
    """
    box = grids.geobox_of(bands, by="brdf")
    coarse, places = _nodes(box)
    names = [str(name) for name in bands]
    read = dask.delayed(_of_granules, pure=False)
    tables = [
        read(found, names, coarse, normal, sign)
        if found
        else _of_means(bands.isel(time=at), names, coarse, normal)
        for at, found in enumerate(granules)
    ]
    shared = dask.delayed(_stacked, pure=False)(tables)
    if not any(_apply.is_lazy(layer) for layer in bands.values()):
        shared = shared.compute(scheduler="synchronous")
    result = {}
    for name, band in bands.items():
        adjusted = _apply.with_shared(
            functools.partial(_brightened, str(name)), shared, [band, *_positions(band, places)]
        )
        layer = Layer(str(name), f"nadir BRDF-adjusted {name} reflectance")
        result[name] = conform(adjusted, layer, brdf="c-factor", normal_zenith=normal)
    return bands.assign(result)


def latitudes(grid: xr.Dataset) -> xr.DataArray:
    """Latitude of each row, in the middle column.

    Parameters
    ----------
    grid : xarray.Dataset
        With coordinates y and x and a CRS.

    Returns
    -------
    xarray.DataArray
        Degrees, dims (y,).
    """
    from pyproj import Transformer

    from minewatch.conventions import crs_of

    to_degrees = Transformer.from_crs(crs_of(grid), 4326, always_xy=True)
    y = grid["y"]
    middle = float(grid["x"].to_numpy()[[0, -1]].mean())
    _, latitude = to_degrees.transform(np.full(y.size, middle), y.to_numpy())
    return y.copy(data=np.asarray(latitude)).drop_attrs()


def _nodes(box: GeoBox) -> tuple[GeoBox, tuple[Floats, Floats]]:
    """A coarse grid whose outermost centres are those of a fine one; where on it fine rows lie."""
    transform = box.transform
    metres = 1.0 if box.crs is not None and box.crs.projected else DEGREE
    counts, steps, places = [], [], []
    for size, pixel in zip(box.shape, (transform.e, transform.a), strict=True):
        count = max(2, math.ceil((size - 1) * abs(pixel) * metres / SPACING) + 1)
        pixels = max(size - 1, 1) / (count - 1)
        counts.append(count)
        steps.append(pixels)
        places.append(np.arange(size) / pixels)
    corner = (0.5 - steps[1] / 2, 0.5 - steps[0] / 2)
    affine = transform * transform.translation(*corner) * transform.scale(steps[1], steps[0])
    return GeoBox(tuple(counts), affine, box.crs), (places[0], places[1])


def _positions(band: xr.DataArray, places: tuple[Any, Any]) -> list[xr.DataArray]:
    """For each value its date, row and column on the coarse grid, cut as the band is."""
    lines = {"time": np.arange(band.sizes["time"]), "y": places[0], "x": places[1]}
    spread = []
    for dim, values in lines.items():
        line = xr.DataArray(values, dims=dim, coords={dim: band[dim]})
        if _apply.is_lazy(band):
            line = line.chunk({dim: band.chunksizes[dim]})
        template = band.drop_vars([name for name in band.coords if name not in band.dims])
        spread.append(line.broadcast_like(template).transpose(*band.dims))
    return spread


def _of_granules(
    granules: Sequence[Granule],
    names: list[str],
    coarse: GeoBox,
    normal: Normal,
    sign: str | None,
) -> dict[str, Floats]:
    """c-factors of a date at the nodes: the mean of those of its granules, else the nearest."""
    each = [_of_granule(granule, names, coarse, normal, sign) for granule in granules]
    return {name: _filled(_mean([factors[name] for factors in each])) for name in names}


def _of_granule(
    granule: Granule, names: list[str], coarse: GeoBox, normal: Normal, sign: str | None
) -> dict[str, Floats]:
    try:
        text = sources.angles.read_metadata(granule.address, sign=sign)
        for margin in (0, 1):  # it may reach the map between two nodes
            found = sources.angles.granule_angles(text, coarse, bands=names, margin=margin)
            sun, _, view, relative = dask.compute(*found, scheduler="synchronous")
            if np.isfinite(sun).any():
                break
    except (OSError, ValueError, KeyError) as error:
        message = (
            f"brdf needs the granule metadata of item {granule.item!r}, which cannot be read: "
            f"{error}; drop the item, or use brdf='none'"
        )
        raise RuntimeError(message) from error
    angles = {name: (sun, view[name], relative[name]) for name in names}
    return _factors(names, coarse, normal, angles)


def _of_means(
    date: xr.Dataset, names: list[str], coarse: GeoBox, normal: Normal
) -> dict[str, Floats]:
    """c-factors of a date by the mean angles of its scene."""
    sun, view = float(date["sun_zenith"]), float(date["view_zenith"])
    relative = float(date["view_azimuth"] - date["sun_azimuth"]) if view else 0.0
    return _factors(names, coarse, normal, dict.fromkeys(names, (sun, view, relative)))


def _factors(
    names: list[str], coarse: GeoBox, normal: Normal, angles: dict[str, tuple[Any, Any, Any]]
) -> dict[str, Floats]:
    grid = xr.Dataset(coords=grids.coordinates(coarse))
    latitude = latitudes(grid) if normal == "lat" else None
    whole = xr.DataArray(np.ones(coarse.shape, "float32"), grid.coords, ("y", "x"))
    result = {}
    for name in names:
        factor = brdf.c_factor(name, *angles[name], normal_zenith=normal, latitude=latitude)
        values = factor.variable * whole.variable
        result[name] = values.transpose("y", "x").to_numpy().astype("float32")
    return result


def _mean(layers: list[Floats]) -> Floats:
    stack = np.stack(layers)
    known = np.isfinite(stack)
    count = known.sum(axis=0)
    mean = np.where(known, stack, 0).sum(axis=0) / np.maximum(count, 1)
    return np.where(count > 0, mean, np.nan).astype("float32")


def _filled(layer: Floats) -> Floats:
    """Unknown nodes as the nearest known one: beside a granule its pixels are unknown anyway."""
    from scipy import ndimage

    missing = np.isnan(layer)
    if missing.all() or not missing.any():
        return layer
    nearest = ndimage.distance_transform_edt(missing, return_distances=False, return_indices=True)
    filled: Floats = layer[tuple(nearest)]
    return filled


def _stacked(tables: list[dict[str, Floats]]) -> dict[str, Floats]:
    """Band → factors of all dates, (time, y, x)."""
    return {name: np.stack([table[name] for table in tables]) for name in tables[0]}


def _brightened(
    name: str, table: dict[str, Floats], block: Floats, dates: Any, rows: Any, columns: Any
) -> Floats:
    """A block of a band times its factors, a date after the other."""
    nodes = table[name]
    up, down = _between(rows[0, :, 0], nodes.shape[1])
    left, right = _between(columns[0, 0, :], nodes.shape[2])
    result = np.empty(block.shape, "float32")
    for at, date in enumerate(dates[:, 0, 0]):
        factors = nodes[date]
        lines = factors[up] * (1 - down)[:, None] + factors[up + 1] * down[:, None]
        factor = lines[:, left] * (1 - right) + lines[:, left + 1] * right
        np.multiply(block[at], factor, out=result[at])
    return result


def _between(places: Any, count: int) -> tuple[Any, Floats]:
    """The node before each place, and how far it is to the next."""
    before = np.clip(places.astype(int), 0, count - 2)
    share: Floats = (places - before).astype("float32")
    return before, share
