"""Write a simulated world as a satellite archive: COGs and a static STAC catalog.

The files hold what the archives hold: scaled 16-bit numbers, the offset of Sentinel-2's newer
processing, geographic grids for global mosaics, each band at its own resolution.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import rasterio
import scipy
import xarray as xr
from rasterio import Affine

from minewatch.simulate.geographic import (
    WORLD_EPSG,
    WORLD_ORIGIN,
    Affine6,
    geographic_grid,
    nearest,
)
from minewatch.simulate.items import (
    Asset,
    catalog_document,
    collection_document,
    item_document,
)
from minewatch.simulate.scenes import COARSE, PALSAR_ARCSEC, SENTINEL1_LOOKS, WATER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from minewatch.simulate.world import World

__all__ = ["ARCHIVE", "write_stac"]

SENTINEL2_ASSETS = {
    "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05", "rededge2": "B06",
    "rededge3": "B07", "nir": "B08", "nir08": "B8A", "swir16": "B11", "swir22": "B12",
}  # fmt: skip
OFFSET_SINCE = np.datetime64("2022-01-25")  # processing baseline 04.00 adds 1000 to every number
LANDSAT_SCALE, LANDSAT_OFFSET = 2.75e-5, -0.2
PALSAR_FACTOR = -83.0  # dB = 20 log10 DN − 83
RTC_NODATA = -32768.0

Item = dict[str, Any]
Image = tuple[Asset, npt.NDArray[Any]]
Scene = tuple[str, Item, dict[str, Image]]
"""Id, properties, and by key what each file is and holds."""


def write_stac(world: World, folder: str | Path) -> Path:
    """Write every scene of a world as COGs under a static STAC 1.1 catalog.

    Collections and asset keys are Planetary Computer's: ``sentinel-2-l2a`` (B02 to B12, SCL; DN
    with the offset of 1000 where ``s2:processing_baseline`` is 04.00), ``landsat-c2-l2``
    (2.75e-5 · DN − 0.2, ``qa_pixel``), ``sentinel-1-rtc`` (linear γ0), ``alos-palsar-mosaic`` (DN
    of γ0 on a geographic grid, ``mask``) and ``cop-dem-glo-30``. Links are relative: the folder
    may be moved or served.

    Parameters
    ----------
    world : World
        The simulated world.
    folder : path
        Where to write; made if missing. The catalog is written last.

    Returns
    -------
    pathlib.Path
        ``catalog.json``.

    See Also
    --------
    write_slc, write_vectors : the rest of the world.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.simulate import mine_world
    >>> catalog = write_stac(mine_world(seed=1, size=128), tempfile.mkdtemp())
    >>> sorted(child.name for child in catalog.parent.iterdir())[:3]
    ['alos-palsar-mosaic', 'catalog.json', 'cop-dem-glo-30']
    """
    root = Path(folder)
    for name, scenes in ARCHIVE.items():
        documents = []
        for identity, properties, images in scenes(world):
            at = root / name / identity
            at.mkdir(parents=True, exist_ok=True)
            for asset, values in images.values():
                _write_cog(at / asset.href, asset, values)
            assets = {key: asset for key, (asset, _) in images.items()}
            document = item_document(identity, name, assets, properties)
            _write_json(at / f"{identity}.json", document)
            documents.append(document)
        _write_json(root / name / "collection.json", collection_document(name, documents))
    catalog = root / "catalog.json"
    _write_json(catalog, catalog_document(list(ARCHIVE), world.seed))
    return catalog


def _sentinel2(world: World) -> Iterator[Scene]:
    for time, scene in _dates(world.sentinel2):
        newer = bool(scene.time.values >= OFFSET_SINCE)
        stamp = f"{time:%Y%m%dT%H%M%S}"
        images = {}
        for band, key in SENTINEL2_ASSETS.items():
            block = 2 if band in COARSE else 1
            numbers = np.rint(scene[band].values * 1e4) + (1000 if newer else 0)
            values = np.clip(numbers, 1, 65535).astype("uint16")
            images[key] = _sampled(key, values, block, {"nodata": 0}, band)
        images["SCL"] = _sampled("SCL", scene.quality.values, 2, {"nodata": 0})
        properties = _optical_properties(world, scene, "Sentinel-2A", "msi") | {
            "constellation": "Sentinel 2",
            "s2:processing_baseline": "04.00" if newer else "03.00",
            "s2:mgrs_tile": "21MWQ",
            "s2:product_type": "S2MSI2A",
            "s2:mean_solar_zenith": float(scene.sun_zenith),
            "s2:mean_solar_azimuth": float(scene.sun_azimuth),
            "sat:orbit_state": "descending",
            "sat:relative_orbit": 67,
        }
        yield f"S2A_MSIL2A_{stamp}_R067_T21MWQ_{stamp}", properties, images


def _landsat8(world: World) -> Iterator[Scene]:
    raster = {"nodata": 0, "scale": LANDSAT_SCALE, "offset": LANDSAT_OFFSET}
    for time, scene in _dates(world.landsat8):
        images = {}
        for band in ("blue", "green", "red", "nir", "swir16", "swir22"):
            key = "nir08" if band == "nir" else band
            numbers = np.rint((scene[band].values - LANDSAT_OFFSET) / LANDSAT_SCALE)
            values = np.clip(numbers, 1, 65535).astype("uint16")
            images[key] = _sampled(key, values, 3, raster, key)
        images["qa_pixel"] = _sampled("qa_pixel", scene.quality.values, 3, {"nodata": 1})
        properties = _optical_properties(world, scene, "landsat-8", "oli") | {
            "gsd": 30,
            "landsat:wrs_path": "228",
            "landsat:wrs_row": "065",
            "landsat:correction": "L2SP",
            "landsat:collection_number": "02",
            "landsat:collection_category": "T1",
        }
        yield f"LC08_L2SP_228065_{time:%Y%m%d}_02_T1", properties, images


def _sentinel1(world: World) -> Iterator[Scene]:
    for time, scene in _dates(world.sentinel1):
        stamp = f"{time:%Y%m%dT%H%M%S}"
        images = {
            name: _sampled(name, scene[name].values, 1, {"nodata": RTC_NODATA})
            for name in ("vv", "vh")
        }
        properties = {
            "datetime": f"{time:%Y-%m-%dT%H:%M:%SZ}",
            "platform": "SENTINEL-1A",
            "constellation": "Sentinel-1",
            "sar:instrument_mode": "IW",
            "sar:polarizations": ["VV", "VH"],
            "sar:frequency_band": "C",
            "sar:product_type": "GRD",
            "sar:looks_equivalent_number": SENTINEL1_LOOKS,
            "sat:orbit_state": "descending",
            "sat:relative_orbit": 39,
        }
        yield f"S1A_IW_GRDH_1SDV_{stamp}_{stamp}_043000_rtc", properties, images


def _palsar(world: World) -> Iterator[Scene]:
    transform, row, column = geographic_grid(*world.land_cover.shape, arcsec=PALSAR_ARCSEC)
    shape = (row.shape[0], row.shape[1])

    def mosaic(name: str, values: npt.NDArray[Any]) -> Image:
        nodata: dict[str, float] = {"nodata": 0}
        dtype = str(values.dtype)
        return Asset(f"{name}.tif", 4326, transform, shape, dtype, 25.0, name, nodata), values

    for time, scene in _dates(world.palsar):
        images = {}
        for name in ("hh", "hv"):
            decibel = 10 * np.log10(nearest(scene[name].values, row, column))
            numbers = np.rint(10 ** ((decibel - PALSAR_FACTOR) / 20))
            values = np.clip(numbers, 1, 65535).astype("uint16")
            images[name.upper()] = mosaic(name.upper(), values)
        water = np.isin(nearest(world.land_cover.values, row, column), WATER)
        images["mask"] = mosaic("mask", np.where(water, 50, 255).astype("uint8"))
        properties = {
            "datetime": None,
            "start_datetime": f"{time:%Y}-01-01T00:00:00Z",
            "end_datetime": f"{time:%Y}-12-31T23:59:59Z",
            "platform": "ALOS-2",
            "instruments": ["PALSAR-2"],
            "sar:polarizations": ["HH", "HV"],
            "sar:frequency_band": "L",
            "palsar:number_of_polarizations": "D",
        }
        yield f"S06W057_{time:%y}_MOS_F02DAR", properties, images


def _dem(world: World) -> Iterator[Scene]:
    transform, row, column = geographic_grid(*world.land_cover.shape, arcsec=1.0)
    heights = scipy.ndimage.map_coordinates(
        world.dem.values, [row, column], order=1, mode="nearest"
    )
    shape = (row.shape[0], row.shape[1])
    asset = Asset("data.tif", 4326, transform, shape, "float32", 30.0, "elevation")
    properties = {"datetime": "2021-04-22T00:00:00Z", "platform": "TanDEM-X", "gsd": 30}
    image = (asset, heights.astype("float32"))
    yield "Copernicus_DSM_COG_10_S07_00_W057_00_DEM", properties, {"data": image}


ARCHIVE = {
    "sentinel-2-l2a": _sentinel2,
    "landsat-c2-l2": _landsat8,
    "sentinel-1-rtc": _sentinel1,
    "alos-palsar-mosaic": _palsar,
    "cop-dem-glo-30": _dem,
}
"""Collection → the scenes of a world as its archive holds them."""


def _dates(scenes: xr.Dataset) -> Iterator[tuple[Any, xr.Dataset]]:
    for i in range(scenes.sizes["time"]):
        scene = scenes.isel(time=i)
        yield scene.time.values.astype("datetime64[s]").item(), scene


def _optical_properties(world: World, scene: xr.Dataset, platform: str, sensor: str) -> Item:
    moment = scene.time.values.astype("datetime64[s]").item()
    cover = float(world.cloud.sel(time=scene.time).mean()) * 100
    return {
        "datetime": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "platform": platform,
        "instruments": [sensor],
        "eo:cloud_cover": round(cover, 4),
        "view:off_nadir": 0,
        "view:sun_azimuth": float(scene.sun_azimuth),
        "view:sun_elevation": 90 - float(scene.sun_zenith),
    }


def _sampled(
    key: str,
    values: npt.NDArray[Any],
    block: int,
    raster: dict[str, float],
    common_name: str | None = None,
) -> Image:
    """A band of the world's grid at its own resolution: each coarse pixel holds one value."""
    west, north = WORLD_ORIGIN
    gsd = 10.0 * block
    transform: Affine6 = (gsd, 0.0, west, 0.0, -gsd, north)
    own = values[::block, ::block]
    shape = (own.shape[0], own.shape[1])
    dtype = str(own.dtype)
    href = f"{key}.tif"
    return Asset(href, WORLD_EPSG, transform, shape, dtype, gsd, key, raster, common_name), own


def _write_cog(path: Path, asset: Asset, values: npt.NDArray[Any]) -> None:
    with rasterio.open(
        path,
        "w",
        driver="COG",
        height=values.shape[0],
        width=values.shape[1],
        count=1,
        dtype=values.dtype,
        crs=f"EPSG:{asset.epsg}",
        transform=Affine(*asset.transform),
        nodata=asset.raster.get("nodata"),
        compress="DEFLATE",
        level=1,
        blocksize=256,
        overviews="NONE",
    ) as target:
        target.write(values, 1)


def _write_json(path: Path, document: Item) -> None:
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
