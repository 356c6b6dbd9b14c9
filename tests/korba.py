"""A small STAC catalogue of the real Korba files, as the Planetary Computer would serve them.

Gevra and Dipka open-cast coal mines, January and February 2023: Sentinel-2 L2A on two dates,
Sentinel-1 RTC on three, and reference polygons from OpenStreetMap's outlines (lease-like and
coarse, not active pits: a hard reference).

Contains modified Copernicus Sentinel data 2023; outlines © OpenStreetMap contributors, ODbL 1.0.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pystac
import rasterio
import shapely
import shapely.affinity
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.transform import array_bounds

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["make_catalog", "REFERENCE_CRS", "strangers"]

FOLDER = "s1-s2-osm-korba-openpit"
REFERENCE_CRS = "EPSG:32644"
S2_DATES = {"2023-01-10": ("B02", "B03", "B04", "B08", "B11"), "2023-01-30": ("B04", "B08", "B11")}
S1_DATES = ("2023-01-10", "2023-01-29", "2023-02-27")
S1_ORBITS = {"2023-01-10": 19, "2023-01-29": 121, "2023-02-27": 19}  # two tracks; numbers are ours
MINES = {13118729: "Gevra", 13118728: "Dipka"}
S1_NODATA = -32768.0
SMALLEST = 0.1  # share of a block under which a sliver is dropped


def make_catalog(
    real_data: Path,
    folder: Path,
    *,
    base_url: str | None = None,
    block: float = 300.0,
    pieces: int = 1,
) -> Path:
    """Write COGs, a static catalogue, JSON for an API and reference polygons into `folder`.

    The catalogue (``catalog.json``, which is returned) names its COGs relative to itself. For a
    server, ``items.json`` (an item collection) and ``collections/*.json`` name them below
    `base_url`, which should serve `folder`; without it by absolute path. ``reference.geojson``
    holds the mines (label 1) and the rest of the area (label 0) in square blocks of `block`
    metres, with columns id, label, site and block. Each image is cut from west to east into
    `pieces` items, as tiles cut a pass.
    """
    source = real_data / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    outline = gpd.read_file(source / "aoi.geojson").union_all()
    parts = [(at, pieces) for at in range(pieces)]
    items = [_sentinel2(source, folder, date, outline, part) for date in S2_DATES for part in parts]
    items += [
        _sentinel1(source, folder, date, outline, part) for date in S1_DATES for part in parts
    ]
    _write_api(items, folder, base_url or str(folder.resolve()))
    _reference(source, outline, block).to_file(folder / "reference.geojson", driver="GeoJSON")
    return _write_catalog(items, folder)


def _sentinel2(
    source: Path, folder: Path, date: str, outline: shapely.Geometry, part: tuple[int, int]
) -> pystac.Item:
    """Reflectance v/65535, 0 outside → DN of baseline 04.00 and later: 10000·ρ + 1000."""
    assets = {}
    for band in S2_DATES[date]:
        with rasterio.open(source / f"s2_{date}_{band}_L2A_refl_u16.tiff") as file:
            values, profile = file.read(1), file.profile
        numbers = np.rint(values / 65535 * 10000 + 1000).astype("uint16")
        numbers[values == 0] = 0
        name = f"sentinel-2-l2a/S2_{date}_{band}{_suffix(part)}.tif"
        assets[band] = _cog(folder, name, *_cut(numbers, profile, part), 0)
    properties = {
        "platform": "Sentinel-2A",
        "s2:processing_baseline": "05.09",
        "eo:cloud_cover": 0.5,
        "sat:relative_orbit": 19,
        "s2:mean_solar_zenith": 47.0,
        "s2:mean_solar_azimuth": 155.0,
    }
    name = f"S2A_MSIL2A_{date.replace('-', '')}T050211_R019_T44QPL{_suffix(part)}"
    return _item(name, "sentinel-2-l2a", f"{date}T05:02:11Z", properties, assets, outline)


def _sentinel1(
    source: Path, folder: Path, date: str, outline: shapely.Geometry, part: tuple[int, int]
) -> pystac.Item:
    """dB = 20·v/65535 − 20 → linear power. 0 is ≤ −20 dB inside the outline, unknown outside."""
    assets = {}
    for band in ("VV", "VH"):
        with rasterio.open(source / f"s1_{date}_{band}_rtc_gamma0_dBdisplay.tiff") as file:
            values, profile = file.read(1), file.profile
            outside = geometry_mask([outline], values.shape, file.transform)
        power = 10 ** ((20 * values.astype("float64") / 65535 - 20) / 10)
        power[outside & (values == 0)] = S1_NODATA
        name = f"sentinel-1-rtc/S1_{date}_{band}{_suffix(part)}.tif"
        piece = _cut(power.astype("float32"), profile, part)
        assets[band.lower()] = _cog(folder, name, *piece, S1_NODATA)
    properties = {
        "platform": "SENTINEL-1A",
        "sat:relative_orbit": S1_ORBITS[date],
        "sar:polarizations": ["VV", "VH"],
    }
    name = f"S1A_IW_GRDH_1SDV_{date.replace('-', '')}T001830_rtc{_suffix(part)}"
    return _item(name, "sentinel-1-rtc", f"{date}T00:18:30Z", properties, assets, outline)


def _suffix(part: tuple[int, int]) -> str:
    return f"_{part[0]}" if part[1] > 1 else ""


def _cut(values: np.ndarray, profile: dict, part: tuple[int, int]) -> tuple[np.ndarray, dict]:
    """One of so many strips of an image, and where it lies."""
    at, pieces = part
    first, last = (round(edge * values.shape[1] / pieces) for edge in (at, at + 1))
    return values[:, first:last], {
        "crs": profile["crs"],
        "transform": profile["transform"] * Affine.translation(first, 0),
    }


def _cog(
    folder: Path, name: str, values: np.ndarray, profile: dict, nodata: float
) -> tuple[str, dict]:
    """Write a COG; its name below `folder`, and what STAC says of its grid."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    grid = {"crs": profile["crs"], "transform": profile["transform"]}
    shape = {"height": values.shape[0], "width": values.shape[1], "count": 1}
    options = {"driver": "COG", "dtype": values.dtype, "nodata": nodata, "compress": "deflate"}
    with rasterio.open(path, "w", **options, **shape, **grid) as file:
        file.write(values, 1)
    fields = {
        "proj:code": "EPSG:4326",
        "proj:shape": list(values.shape),
        "proj:transform": list(profile["transform"])[:6],
    }
    return name, fields


def _item(
    name: str,
    collection: str,
    time: str,
    properties: dict,
    assets: dict[str, tuple[str, dict]],
    outline: shapely.Geometry,
) -> pystac.Item:
    grids = [
        (Affine(*fields["proj:transform"]), fields["proj:shape"]) for _, fields in assets.values()
    ]
    covered = shapely.union_all(
        [shapely.box(*array_bounds(*shape, transform)) for transform, shape in grids]
    )
    seen = shapely.force_2d(outline).intersection(covered)
    moment = dt.datetime.fromisoformat(time)
    geometry = shapely.geometry.mapping(seen)
    item = pystac.Item(name, geometry, list(seen.bounds), moment, properties)
    item.collection_id = collection
    for key, (href, fields) in assets.items():
        asset = pystac.Asset(href, media_type=pystac.MediaType.COG, roles=["data"])
        asset.extra_fields.update(fields)
        item.add_asset(key, asset)
    return item


def _collections(items: list[pystac.Item]) -> list[pystac.Collection]:
    return [
        pystac.Collection(name, f"{name} over Korba", pystac.Extent.from_items(items))
        for name in sorted({item.collection_id for item in items})
    ]


def _write_catalog(items: list[pystac.Item], folder: Path) -> Path:
    """``catalog.json`` → collections → items; every address relative."""
    catalog = pystac.Catalog("korba", "Gevra and Dipka open-cast mines")
    for collection in _collections(items):
        catalog.add_child(collection)
        for item in items:
            if item.collection_id == collection.id:
                piece = item.clone()
                for asset in piece.assets.values():
                    asset.href = str((folder / asset.href).resolve())
                collection.add_item(piece)
    catalog.normalize_hrefs(str(folder.resolve()))
    catalog.make_all_asset_hrefs_relative()
    catalog.save(pystac.CatalogType.SELF_CONTAINED)
    return folder / "catalog.json"


def _write_api(items: list[pystac.Item], folder: Path, base_url: str) -> None:
    """``items.json`` and ``collections/*.json``; every address absolute."""
    features = []
    for item in items:
        piece = item.clone()
        for asset in piece.assets.values():
            asset.href = f"{base_url.rstrip('/')}/{asset.href}"
        features.append(piece.to_dict(include_self_link=False))
    content = {"type": "FeatureCollection", "features": features}
    (folder / "items.json").write_text(json.dumps(content))
    (folder / "collections").mkdir(exist_ok=True)
    for collection in _collections(items):
        path = folder / "collections" / f"{collection.id}.json"
        path.write_text(json.dumps(collection.to_dict(include_self_link=False)))


def strangers(items: Sequence[dict], count: int) -> list[dict]:
    """Items that a search of these images must leave: elsewhere, earlier, cloudy, of another kind.

    Their files do not exist.
    """
    made = []
    for number in range(count):
        item = copy.deepcopy(items[number % len(items)])
        match number % 4:
            case 0:
                away = shapely.affinity.translate(shapely.geometry.shape(item["geometry"]), 3)
                item["geometry"] = shapely.geometry.mapping(away)
                item["bbox"] = list(away.bounds)
            case 1:
                item["properties"]["datetime"] = f"2021-0{1 + number % 9}-10T05:02:11Z"
            case 2:
                item = copy.deepcopy(next(one for one in items if "B04" in one["assets"]))
                item["properties"]["eo:cloud_cover"] = 40.5 + number % 59
            case 3:
                item["collection"] = "sentinel-3-olci"
        item["id"] += f"_stranger_{number}"
        for asset in item["assets"].values():
            asset["href"] += ".missing"
        made.append(item)
    return made


def _reference(source: Path, outline: shapely.Geometry, block: float) -> gpd.GeoDataFrame:
    quarries = gpd.read_file(source / "osm_quarry_chhattisgarh.geojson").to_crs(REFERENCE_CRS)
    (area,) = gpd.GeoSeries([outline], crs="EPSG:4326").to_crs(REFERENCE_CRS)
    area = shapely.force_2d(area)
    mines = quarries[quarries.osm_id.astype("int64").isin(MINES)]
    sites = [
        (1, MINES[int(mine.osm_id)], mine.geometry.buffer(0).intersection(area))
        for mine in mines.itertuples()
    ]
    nearby = quarries[quarries.intersects(area)].geometry.buffer(0).union_all()
    sites.append((0, "outside", area.difference(nearby)))
    left, bottom, right, top = area.bounds
    cells = [
        shapely.box(x, y, x + block, y + block)
        for y in np.arange(bottom, top, block)
        for x in np.arange(left, right, block)
    ]
    rows = []
    for number, cell in enumerate(cells):
        for label, site, shape in sites:
            part = shape.intersection(cell)
            if part.area >= SMALLEST * cell.area:
                rows.append({"label": label, "site": site, "block": number, "geometry": part})
    frame = gpd.GeoDataFrame(rows, crs=REFERENCE_CRS).to_crs("EPSG:4326")
    frame.insert(0, "id", np.arange(len(frame)))
    return frame
