"""What a patch detector sees: radar images of a catalogue, of one kind, on one grid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from minewatch import grids, learn, sources
from minewatch.workflows.mapping_checks import check_catalog, check_crs
from minewatch.workflows.mapping_images import signer

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["RADARS", "check_images", "find_images", "ground_of", "scene", "widened"]

RADARS = ("sentinel-1-rtc", "sentinel-1-grd")
"""Collections that a detector can see, the first that is there by default: it is corrected for
terrain, the other is not, and they are never mixed."""

LONGITUDE_LATITUDE = "EPSG:4326"

Bounds = tuple[float, float, float, float]


class ImageSettings(Protocol):
    """What the images of a run are looked for by."""

    @property
    def catalog(self) -> str: ...
    @property
    def sign(self) -> str: ...
    @property
    def crs(self) -> str | None: ...
    @property
    def datetime(self) -> str | None: ...
    @property
    def collections(self) -> tuple[str, ...]: ...
    @property
    def max_items(self) -> int: ...


def check_images(settings: ImageSettings) -> None:
    """Refuse what no image can be found by, before anything is read.

    Parameters
    ----------
    settings : DetectTrainSettings or DetectSettings
        The run.

    Raises
    ------
    ValueError
        If a setting means nothing.
    FileNotFoundError
        If the catalogue is not there.

    Examples
    --------
    >>> from minewatch.workflows import DetectSettings
    >>> check_images(DetectSettings("catalog.json", "detector.zip", collections=("sentinel-2",)))
    Traceback (most recent call last):
    ...
    ValueError: collections ['sentinel-2']: a detector sees sentinel-1-rtc or sentinel-1-grd, ...
    """
    if len(settings.collections) > 1 or not set(settings.collections) <= set(RADARS):
        message = (
            f"collections {list(settings.collections)}: a detector sees {' or '.join(RADARS)}, one "
            "of them, since they measure differently; leave it out for the first that is there"
        )
        raise ValueError(message)
    if settings.max_items < 1:
        message = f"max_items={settings.max_items} is too small; use 1 or more"
        raise ValueError(message)
    check_crs(settings.crs)
    if settings.catalog and "://" not in settings.catalog:
        check_catalog(settings.catalog)


def find_images(
    settings: ImageSettings, bounds: Bounds | None, *, prefer: str | None = None
) -> list[pystac.Item]:
    """Search the catalogue for Sentinel-1 images of one kind.

    Parameters
    ----------
    settings : DetectTrainSettings or DetectSettings
        The run.
    bounds : (float, float, float, float), optional
        West, south, east, north in degrees; everywhere without it.
    prefer : str, optional
        Collection that is taken if it is there and nothing else is asked for.

    Returns
    -------
    list of pystac.Item
        Items of one collection, by time.

    Raises
    ------
    ValueError
        If there are none, or more than `max_items`.
    """
    asked = settings.collections or RADARS
    found = sources.search(
        settings.catalog,
        collections=asked,
        bbox=bounds,
        datetime=settings.datetime,
        max_items=settings.max_items,
    )
    kinds = {item.collection_id for item in found}
    taken = next(kind for kind in (prefer, *RADARS) if kind in kinds)
    return [item for item in found if item.collection_id == taken]


def ground_of(items: list[pystac.Item], catalog: str) -> Bounds:
    """Rectangle around all images.

    Parameters
    ----------
    items : list of pystac.Item
        From :func:`find_images`.
    catalog : str
        Where they are from, for the message.

    Returns
    -------
    (float, float, float, float)
        West, south, east, north in degrees.

    Raises
    ------
    ValueError
        If no item says where it lies, or one crosses the antimeridian.
    """
    # A box of six numbers has heights in the middle: west, south, lowest, east, north, highest.
    half = {4: 2, 6: 3}
    placed = [item for item in items if item.bbox is not None and len(item.bbox) in half]
    boxes = np.array([[*b[:2], *b[half[len(b)] :][:2]] for b in (item.bbox for item in placed)])
    if not len(boxes):
        message = f"no item of {catalog} says where it lies; give bbox, west south east north"
        raise ValueError(message)
    if (crossing := boxes[:, 0] > boxes[:, 2]).any():
        message = (
            f"item {placed[int(crossing.argmax())].id!r} of {catalog} crosses the antimeridian, so "
            "there is no one rectangle around all images; give bbox on one side of it, west south "
            "east north, and run the other side by itself"
        )
        raise ValueError(message)
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    return float(west), float(south), float(east), float(north)


def widened(bounds: Bounds, *, crs: str | None, resolution: float, step: int, rim: int) -> GeoBox:
    """A grid over a rectangle and its rim, with its corner on the lattice of windows.

    The corner lies at a multiple of `step` pixels, so that windows of several runs fall on one
    another.

    Parameters
    ----------
    bounds : (float, float, float, float)
        West, south, east, north in degrees.
    crs : str or None
        CRS of the grid; the UTM zone without it.
    resolution : float
        Pixel size in units of the CRS.
    step : int
        Pixels from window to window.
    rim : int
        Pixels that are added on all sides.

    Returns
    -------
    odc.geo.geobox.GeoBox
        The grid.

    Examples
    --------
    >>> box = widened((-57.0, -7.1, -56.9, -7.0), crs=None, resolution=10, step=52, rim=0)
    >>> box.boundingbox.left % 520, box.boundingbox.top % 520, box.shape[0] % 52
    (0.0, 0.0, 0)
    """
    crs = crs or grids.utm_crs(bounds)
    inner = grids.geobox(bounds, crs=crs, resolution=resolution, bounds_crs=LONGITUDE_LATITUDE)
    left, bottom, right, top = inner.boundingbox
    lattice, wide = step * resolution, rim * resolution
    return grids.geobox(
        (
            math.floor((left - wide) / lattice) * lattice,
            math.floor((bottom - wide) / lattice) * lattice,
            math.ceil((right + wide) / lattice) * lattice,
            math.ceil((top + wide) / lattice) * lattice,
        ),
        crs=crs,
        resolution=resolution,
    )


def scene(
    items: list[pystac.Item],
    box: GeoBox,
    settings: ImageSettings,
    *,
    radar: Mapping[str, Any],
    block: int,
) -> xr.DataArray:
    """The channels of a detector on a grid, a time step for each day and orbit.

    Parameters
    ----------
    items : list of pystac.Item
        From :func:`find_images`.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : DetectTrainSettings or DetectSettings
        Whose ``catalog`` and ``sign`` say who signs addresses.
    radar : mapping
        ``looks``, ``window``, ``averaging`` and ``floor`` of
        :func:`minewatch.learn.patches.channels`.
    block : int
        Rows and columns that are read at a time.

    Returns
    -------
    xarray.DataArray
        dB, dims (channel, time, y, x), lazy.
    """
    cube = sources.load(
        items,
        like=box,
        variables=("vv", "vh"),
        chunks={"time": 1, "y": block, "x": block},
        mosaic="solar_day",
        sign=signer(settings),
    )
    return learn.patches.channels(cube[["vv", "vh"]], **radar)
