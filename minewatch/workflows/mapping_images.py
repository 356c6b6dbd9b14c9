"""One image of each sensor on the grid of the map: masked, corrected, filtered, composited."""

from __future__ import annotations

import math
import urllib.parse
import warnings
from typing import TYPE_CHECKING, Any, Protocol

import dask
import xarray as xr
from dask.system import CPU_COUNT

from minewatch import composites, sources
from minewatch.workflows.mapping_clouds import (
    CLEAR,
    DATES_LEFT_OUT,
    check_clouds,
    clear_views,
    with_sun,
)
from minewatch.workflows.mapping_light import check_light, seen_from_above
from minewatch.workflows.mapping_radar import check_speckle, measured, resampling_of
from minewatch.workflows.outputs import in_short

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = [
    "LACKING",
    "LARGEST",
    "block_of",
    "check_images",
    "clear_counts",
    "composites_of",
    "signer",
]

PLANETARY_COMPUTER = "planetarycomputer.microsoft.com"

LARGEST, SMALLEST = 1024, 64
"""Rows and columns of a block: that of the stores, and where tasks cost more than the work. A map
is computed in strips of the largest, as the images of a strip wait in memory together."""

BANDS, MASKS = 10, 6
"""Layers that are alive at once: of Sentinel-2, and of what finds clouds in its bands."""

WINDOWS = range(3, 182, 2)
"""What :func:`minewatch.indices.texture` takes."""

COUNT = "clear_count"
LACKING = "lacking"
"""Item and variable, of assets that items lack."""


def check_images(settings: MappingSettings) -> None:
    """Refuse settings of images that mean nothing, before anything is read.

    Parameters
    ----------
    settings : MappingSettings
        The run.

    Raises
    ------
    ValueError
        If one means nothing; says what would.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> check_images(MappingSettings(catalog="", reference="", reducer="mode"))
    Traceback (most recent call last):
    ...
    ValueError: reducer 'mode' is not known; use median, geomedian, mean or a quantile like 0.25
    """
    check_clouds(settings.clouds, settings.cloud_buffer)
    check_light(settings.brdf)
    for name, allowed in (
        ("resampling", ("default", "nearest", "bilinear", "cubic")),
        ("covariates", ("available", "fusion")),
    ):
        if getattr(settings, name) not in allowed:
            message = f"{name} {getattr(settings, name)!r} is not known; use {', '.join(allowed)}"
            raise ValueError(message)
    reducer_of(settings.reducer)
    check_speckle(settings)
    if settings.texture != 0 and settings.texture not in WINDOWS:
        message = (
            f"texture is {settings.texture}, its window needs a middle and neighbours, up to "
            f"{WINDOWS[-1]} across; use 7, or 0 for none"
        )
        raise ValueError(message)
    for name, least in (("memory", 0.5), ("min_count", 0.5)):
        if not least < getattr(settings, name) < math.inf:
            message = f"{name} is {getattr(settings, name)}; use more than {least:g}"
            raise ValueError(message)


def reducer_of(text: str) -> Any:
    """What a composite is made with: a name as it is, a quantile as a number."""
    if text in ("median", "geomedian", "mean"):
        return text
    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        message = (
            f"reducer {text!r} is not known; use median, geomedian, mean or a quantile like 0.25"
        )
        raise ValueError(message)
    return share


def block_of(settings: MappingSettings, box: GeoBox, dates: int) -> int:
    """Rows and columns that a worker takes at a time, so that all dates of them fit its memory.

    A task reads all dates of one band and block: a median needs them all, and one date a task
    would be a hundred times as many tasks. :func:`minewatch.composites.block_size` says what fits,
    with all bands of a sensor and the masks that are found in them alive at once; the answer is
    rounded down to a power of two, so that blocks add up to those of the stores.

    Parameters
    ----------
    settings : MappingSettings
        ``memory``, ``cluster`` (how many threads share it: those of this machine with
        ``"threads"``, one with ``"local"``, four in a cluster that is up already) and ``clouds``.
    box : odc.geo.geobox.GeoBox
        The grid.
    dates : int
        Images of the sensor that has most.

    Returns
    -------
    int
        A power of two from 64 to 1024; less than twice the grid.

    Raises
    ------
    ValueError
        If the memory does not hold even blocks of 64.

    Notes
    -----
    A block of Sentinel-2 is some 23 tasks, however many dates: 11 reads, 2 of masks, 10 medians.
    Twelve dates of 2,000 x 2,000 pixels in blocks of 1024, two threads, took 0.92 GiB; counted 1.2.
    """
    threads = 4
    if settings.cluster == "threads":
        threads = int(dask.config.get("num_workers", None) or CPU_COUNT)
    elif settings.cluster.startswith("local"):
        threads = 1
    spectral = {"score", "shadow", "outliers"} & set(settings.clouds)
    layers = BANDS + (MASKS if spectral or settings.cloud_buffer > 0 else 0)
    layers += settings.brdf != "none"
    fits = composites.block_size(
        max(dates, 1),
        layers,
        memory=float(settings.memory),
        threads=threads,
        reducer=settings.reducer,
    )
    size = 2 ** (min(fits, LARGEST).bit_length() - 1)
    whole = 2 ** (max(*box.shape, SMALLEST) - 1).bit_length()
    return int(min(size, whole))


class Catalogued(Protocol):
    """Settings of any run that reads a catalogue."""

    @property
    def catalog(self) -> str: ...
    @property
    def sign(self) -> str: ...


def signer(settings: Catalogued) -> str | None:
    """Who signs addresses: what the settings say, or what the catalogue's host is known to need.

    Parameters
    ----------
    settings : MappingSettings, DetectSettings, …
        ``catalog`` and ``sign`` of the run.

    Returns
    -------
    str or None
        For :func:`minewatch.sources.load`.
    """
    host = urllib.parse.urlsplit(settings.catalog).hostname or ""
    if settings.sign == "auto":
        return "planetary-computer" if host == PLANETARY_COMPUTER else None
    return None if settings.sign == "none" else settings.sign


def composites_of(
    items: dict[str, list[pystac.Item]], box: GeoBox, settings: MappingSettings
) -> dict[str, xr.Dataset]:
    """One composite of each sensor.

    Reflectance is masked, brought to a view from above where asked, and reduced by ``reducer``.
    Backscatter is filtered and averaged as linear power, which is the multi-looked image.

    Lazy, but for ``speckle="lee_sigma"``: how bright strong targets are is measured on at most
    eight of the dates, all over the map, before any of them can be filtered.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items, from :func:`minewatch.workflows.mapping_inputs.find_items`.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : MappingSettings
        The run.

    Returns
    -------
    dict of str to xarray.Dataset
        Sensor → float32 bands, dims (y, x); of optical sensors also ``clear_count`` (uint16), the
        dates on which the ground is seen. With ``covariates="fusion"`` each radar has
        ``…_before`` and ``…_after`` too, its earlier and later dates, where it has two.

    Raises
    ------
    ValueError
        If the settings mean nothing, or what they need is not known of the items.
    """
    check_images(settings)
    images: dict[str, xr.Dataset] = {}
    for sensor, found in items.items():
        size = block_of(settings, box, len(found))
        cube = sources.load(
            found,
            like=box,
            resampling=resampling_of(sensor, settings.resampling),
            chunks={"time": -1, "y": size, "x": size},
            mosaic="solar_day",
            sign=signer(settings),
        )
        if sensor in CLEAR:
            images[sensor] = _optical(cube, sensor, settings, found)
        else:
            images |= measured(cube, sensor, settings)
        if lacking := cube.attrs.get(LACKING):
            images[sensor] = images[sensor].assign_attrs({LACKING: lacking})
            warnings.warn(
                f"{len(lacking)} layers of {sensor} are unknown on their dates, because their "
                f"items have no such asset: {in_short(lacking)}",
                stacklevel=2,
            )
    return {sensor: _stored_blocks(image) for sensor, image in images.items()}


def clear_counts(
    items: dict[str, list[pystac.Item]], box: GeoBox, settings: MappingSettings
) -> xr.Dataset:
    """On how many dates each optical sensor sees the ground.

    Reads no more than what finds clouds: the quality layers alone, by default.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : MappingSettings
        The run.

    Returns
    -------
    xarray.Dataset
        ``sentinel2``, ``landsat8``: uint16, dims (y, x), lazy; empty without optical items.
    """
    optical = {sensor: found for sensor, found in items.items() if sensor in CLEAR}
    images = composites_of(optical, box, settings)
    return xr.Dataset({sensor: image[COUNT] for sensor, image in images.items()})


def _optical(
    cube: xr.Dataset, sensor: str, settings: MappingSettings, items: list[pystac.Item]
) -> xr.Dataset:
    if "shadow" in settings.clouds:
        cube = with_sun(cube, sensor)
    clear = clear_views(cube, sensor, settings)
    bands = cube.drop_vars("quality", errors="ignore").where(clear)
    if settings.brdf != "none":
        bands = seen_from_above(bands, sensor, settings.brdf, items=items, sign=signer(settings))
    image = composites.composite(
        bands, reducer=reducer_of(settings.reducer), min_count=settings.min_count
    )
    count = clear.sum("time", dtype="uint16").assign_attrs(
        long_name="dates with a clear view of the ground", units="1"
    )
    lost = {key: cube.attrs[key] for key in (DATES_LEFT_OUT,) if key in cube.attrs}
    return image.assign({COUNT: count}).assign_attrs(lost)


def _stored_blocks(image: xr.Dataset) -> xr.Dataset:
    """In the blocks of the stores: of what follows there are fewer and larger tasks."""
    return image.chunk({"y": LARGEST, "x": LARGEST})
