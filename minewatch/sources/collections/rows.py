"""The rows: assets, names, numbers, codes and units of each collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.sources.collections.descriptions import Collection, Conversion

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COLLECTIONS",
    "SENTINEL_2_L2A",
    "LANDSAT_C2_L2",
    "SENTINEL_1_RTC",
    "SENTINEL_1_GRD",
    "ALOS_PALSAR_MOSAIC",
    "COP_DEM_GLO_30",
    "ESA_WORLDCOVER",
]

REFLECTANCE_NAMES = {
    "blue": "blue surface reflectance",
    "green": "green surface reflectance",
    "red": "red surface reflectance",
    "rededge1": "red-edge 1 surface reflectance (705 nm)",
    "rededge2": "red-edge 2 surface reflectance (740 nm)",
    "rededge3": "red-edge 3 surface reflectance (783 nm)",
    "nir": "near-infrared surface reflectance",
    "nir08": "narrow near-infrared surface reflectance (865 nm)",
    "swir16": "short-wave infrared 1 surface reflectance (1.6 µm)",
    "swir22": "short-wave infrared 2 surface reflectance (2.2 µm)",
}

SCENE_CLASSES = {
    "no_data": 0,
    "saturated_or_defective": 1,
    "dark_or_cast_shadow": 2,
    "cloud_shadow": 3,
    "vegetation": 4,
    "not_vegetated": 5,
    "water": 6,
    "unclassified": 7,
    "cloud_medium_probability": 8,
    "cloud_high_probability": 9,
    "thin_cirrus": 10,
    "snow_or_ice": 11,
}
"""Sentinel-2 scene classification (ESA, Level-2A ATBD)."""

PALSAR_MASK = {"no_data": 0, "water": 50, "layover": 100, "shadow": 150, "land": 255}
"""Mask of the mosaic (JAXA EORC, Global PALSAR-2/PALSAR mosaic, data description)."""

LAND_COVER = {
    "tree_cover": 10,
    "shrubland": 20,
    "grassland": 30,
    "cropland": 40,
    "built_up": 50,
    "bare_or_sparse_vegetation": 60,
    "snow_and_ice": 70,
    "permanent_water": 80,
    "herbaceous_wetland": 90,
    "mangroves": 95,
    "moss_and_lichen": 100,
}
"""Classes of WorldCover (ESA, WorldCover product user manual; doi:10.5281/zenodo.7254221)."""

SENTINEL_2_L2A = Collection(
    id="sentinel-2-l2a",
    quantity="reflectance",
    variables={
        "blue": ("B02", "blue"),
        "green": ("B03", "green"),
        "red": ("B04", "red"),
        "rededge1": ("B05", "rededge1"),
        "rededge2": ("B06", "rededge2"),
        "rededge3": ("B07", "rededge3"),
        "nir": ("B08", "nir"),
        "nir08": ("B8A", "nir08"),
        "swir16": ("B11", "swir16"),
        "swir22": ("B12", "swir22"),
    },
    long_names=REFLECTANCE_NAMES,
    conversion=Conversion(scale=1e-4, nodata=0),
    quality=("SCL", "scl"),
    classes={"quality": SCENE_CLASSES},
    aliases=("sentinel-2-c1-l2a", "sentinel-2-pre-c1-l2a", "sentinel-s2-l2a-cogs"),
)

LANDSAT_C2_L2 = Collection(
    id="landsat-c2-l2",
    quantity="reflectance",
    variables={
        "blue": ("blue", "SR_B2"),
        "green": ("green", "SR_B3"),
        "red": ("red", "SR_B4"),
        "nir": ("nir08", "SR_B5"),
        "swir16": ("swir16", "SR_B6"),
        "swir22": ("swir22", "SR_B7"),
    },
    long_names=REFLECTANCE_NAMES,
    # USGS, Landsat 8-9 Collection 2 Level 2 Science Product Guide (LSDS-1619), table 6-1
    conversion=Conversion(scale=2.75e-5, offset=-0.2, nodata=0),
    quality=("qa_pixel", "QA_PIXEL"),
    quality_dtype="uint16",
    # The off-nadir angle of a scene that looks straight down, 0, is its view zenith too.
    view_zenith=("view:incidence_angle", "view:off_nadir"),
    aliases=("landsat-c2l2-sr", "landsat-8-c2-l2"),
)

SENTINEL_1_RTC = Collection(
    id="sentinel-1-rtc",
    quantity="power",
    variables={
        "vv": ("vv", "gamma0_vv"),
        "vh": ("vh", "gamma0_vh"),
        "hh": ("hh", "gamma0_hh"),
        "hv": ("hv", "gamma0_hv"),
    },
    long_names={
        pol: f"{pol.upper()} gamma nought backscatter (linear power)"
        for pol in ("vv", "vh", "hh", "hv")
    },
    conversion=Conversion(nodata=-32768),
    aliases=("sentinel1-rtc-aws",),
)

SENTINEL_1_GRD = Collection(
    id="sentinel-1-grd",
    quantity="power",
    variables={"vv": ("vv",), "vh": ("vh",), "hh": ("hh",), "hv": ("hv",)},
    # Geometry and quantity both differ from those of RTC: the two never share a stack.
    long_names={
        pol: f"{pol.upper()} sigma nought backscatter (linear power), not terrain corrected"
        for pol in ("vv", "vh", "hh", "hv")
    },
    conversion=Conversion(exponent=2, nodata=0),
    resampling="rms",
    calibration="schema-calibration-{}",
    aliases=("sentinel1-grd",),
)

ALOS_PALSAR_MOSAIC = Collection(
    id="alos-palsar-mosaic",
    quantity="power",
    variables={"hh": ("HH",), "hv": ("HV",)},
    long_names={
        pol: f"{pol.upper()} gamma nought backscatter (linear power)" for pol in ("hh", "hv")
    },
    conversion=Conversion(scale=10**-8.3, exponent=2, nodata=0),
    resampling="rms",
    quality=("mask",),
    classes={"quality": PALSAR_MASK},
)

COP_DEM_GLO_30 = Collection(
    id="cop-dem-glo-30",
    quantity="elevation",
    variables={"elevation": ("data",)},
    long_names={"elevation": "surface elevation above the EGM2008 geoid"},
    conversion=Conversion(),
    units="m",
    aliases=("cop-dem-glo-90",),
)

ESA_WORLDCOVER = Collection(
    id="esa-worldcover",
    quantity="class",
    variables={"cover": ("map",)},
    long_names={"cover": "land cover"},
    conversion=Conversion(nodata=0),
    resampling="nearest",
    classes={"cover": LAND_COVER},
)

COLLECTIONS: Mapping[str, Collection] = {
    row.id: row
    for row in (
        SENTINEL_2_L2A,
        LANDSAT_C2_L2,
        SENTINEL_1_RTC,
        SENTINEL_1_GRD,
        ALOS_PALSAR_MOSAIC,
        COP_DEM_GLO_30,
        ESA_WORLDCOVER,
    )
}
"""Every row, by its identifier."""
