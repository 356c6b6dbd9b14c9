"""STAC 1.1 documents of a simulated archive, keyed as Planetary Computer's items are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pyproj import Transformer

from minewatch.simulate.geographic import Affine6

__all__ = ["Asset", "catalog_document", "collection_document", "item_document"]

STAC_VERSION = "1.1.0"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
EXTENSIONS = [
    f"https://stac-extensions.github.io/{name}/schema.json"
    for name in ("projection/v2.0.0", "raster/v1.1.0", "eo/v1.1.0", "view/v1.0.0")
]

COLLECTIONS = {
    "sentinel-2-l2a": ("Sentinel-2 Level-2A", "surface reflectance of 10 and 20 m"),
    "landsat-c2-l2": ("Landsat Collection 2 Level-2", "surface reflectance of 30 m"),
    "sentinel-1-rtc": ("Sentinel-1 RTC", "terrain-corrected γ0, linear power, 10 m"),
    "alos-palsar-mosaic": ("ALOS PALSAR Annual Mosaic", "γ0 of 25 m as 16-bit numbers"),
    "cop-dem-glo-30": ("Copernicus DEM GLO-30", "elevation at one second of arc"),
}


@dataclass(frozen=True)
class Asset:
    """One file of an item.

    Attributes
    ----------
    href : str
        Relative to the item's own document.
    epsg : int
        CRS of the file.
    transform : tuple of float
        Geotransform.
    shape : (int, int)
        Rows and columns.
    dtype : str
        Data type of the file.
    gsd : float
        Metres.
    title : str
        For people.
    raster : dict
        Further keys of ``raster:bands``: nodata, scale, offset.
    common_name : str, optional
        Common name of the band.
    """

    href: str
    epsg: int
    transform: Affine6
    shape: tuple[int, int]
    dtype: str
    gsd: float
    title: str
    raster: dict[str, float] = field(default_factory=dict)
    common_name: str | None = None

    def corners(self) -> list[list[float]]:
        """Corners in longitude and latitude, counter-clockwise from the south-west, closed."""
        step_x, _, left, _, step_y, top = self.transform
        rows, columns = self.shape
        right, bottom = left + step_x * columns, top + step_y * rows
        x, y = [left, right, right, left, left], [bottom, bottom, top, top, bottom]
        to_degrees = Transformer.from_crs(self.epsg, 4326, always_xy=True)
        longitude, latitude = to_degrees.transform(x, y)
        return [[float(a), float(b)] for a, b in zip(longitude, latitude, strict=True)]

    def document(self, name: str) -> dict[str, Any]:
        """The asset as JSON."""
        asset: dict[str, Any] = {
            "href": self.href,
            "type": COG,
            "title": self.title,
            "roles": ["data"],
            "gsd": self.gsd,
            "proj:shape": list(self.shape),
            "proj:transform": list(self.transform),
            "raster:bands": [
                {"data_type": self.dtype, "spatial_resolution": self.gsd} | self.raster
            ],
        }
        if self.common_name:
            asset["eo:bands"] = [{"name": name, "common_name": self.common_name}]
        return asset


def item_document(
    identity: str,
    collection: str,
    assets: dict[str, Asset],
    properties: dict[str, Any],
) -> dict[str, Any]:
    """One STAC item.

    Parameters
    ----------
    identity : str
        The item's id.
    collection : str
        The collection's id.
    assets : dict of str to Asset
        Its files; the first gives footprint, CRS and the item's grid.
    properties : dict
        ``datetime`` and whatever the sensor says.

    Returns
    -------
    dict
        JSON.
    """
    first = next(iter(assets.values()))
    ring = first.corners()
    longitudes, latitudes = zip(*ring, strict=True)
    grid: dict[str, Any] = {"proj:code": f"EPSG:{first.epsg}", "proj:epsg": first.epsg}
    if len({(asset.shape, asset.transform) for asset in assets.values()}) == 1:
        grid |= {"proj:shape": list(first.shape), "proj:transform": list(first.transform)}
    up = {"href": "../collection.json", "type": "application/json"}
    return {
        "type": "Feature",
        "stac_version": STAC_VERSION,
        "stac_extensions": EXTENSIONS,
        "id": identity,
        "collection": collection,
        "bbox": [min(longitudes), min(latitudes), max(longitudes), max(latitudes)],
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": properties | grid,
        "links": [
            {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
            {"rel": "parent", **up},
            {"rel": "collection", **up},
        ],
        "assets": {name: asset.document(name) for name, asset in assets.items()},
    }


def collection_document(identity: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    """One STAC collection over its items.

    Parameters
    ----------
    identity : str
        The collection's id.
    items : list of dict
        Its items' documents.

    Returns
    -------
    dict
        JSON.
    """
    title, what = COLLECTIONS[identity]
    boxes = list(zip(*(item["bbox"] for item in items), strict=True))
    box = [min(boxes[0]), min(boxes[1]), max(boxes[2]), max(boxes[3])]
    times = sorted(
        item["properties"][key]
        for item in items
        for key in ("datetime", "start_datetime", "end_datetime")
        if item["properties"].get(key)
    )
    root = {"href": "../catalog.json", "type": "application/json"}
    return {
        "type": "Collection",
        "stac_version": STAC_VERSION,
        "id": identity,
        "title": f"{title} (simulated)",
        "description": f"Simulated scenes in the form of {title}: {what}.",
        "license": "other",
        "extent": {
            "spatial": {"bbox": [box]},
            "temporal": {"interval": [[times[0], times[-1]]]},
        },
        "links": [
            {"rel": "root", **root},
            {"rel": "parent", **root},
            *(
                {
                    "rel": "item",
                    "href": f"./{item['id']}/{item['id']}.json",
                    "type": "application/geo+json",
                }
                for item in items
            ),
        ],
    }


def catalog_document(collections: list[str], seed: int) -> dict[str, Any]:
    """The root of the archive.

    Parameters
    ----------
    collections : list of str
        Ids of the collections.
    seed : int
        Seed of the world, for the description.

    Returns
    -------
    dict
        JSON.
    """
    return {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": "minewatch-simulated",
        "title": "A simulated mining district",
        "description": f"Scenes simulated by minewatch.simulate with seed {seed}; nothing is real.",
        "links": [
            {"rel": "root", "href": "./catalog.json", "type": "application/json"},
            *(
                {"rel": "child", "href": f"./{name}/collection.json", "type": "application/json"}
                for name in collections
            ),
        ],
    }
