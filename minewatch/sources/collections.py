r"""What each STAC collection stores: one frozen row per collection.

A row says which asset is which variable, what the stored number means and how unknown is spelled.
Every physical value is

.. math:: v = \text{scale} \cdot DN^{\text{exponent}} + \text{offset}

with exponent 1, except for the ALOS PALSAR mosaic whose digital number is an amplitude:
:math:`\gamma^0 = 10^{(20 \log_{10} DN - 83)/10} = 10^{-8.3} DN^2` (Shimada et al. 2009,
doi:10.1109/TGRS.2009.2023909). Sentinel-2 reflectance carries an offset of -1000 DN since
processing baseline 04.00: :func:`conversion` reads the baseline of each item, never its date.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Collection",
    "Conversion",
    "QUALITY",
    "COLLECTIONS",
    "SENTINEL_2_L2A",
    "LANDSAT_C2_L2",
    "SENTINEL_1_RTC",
    "ALOS_PALSAR_MOSAIC",
    "COP_DEM_GLO_30",
    "asset_of",
    "collection_of",
    "conversion",
    "processing_baseline",
]

QUALITY = "quality"
"""The variable that holds a collection's own quality layer, as it was stored."""

BOA_OFFSET = -0.1
"""Sentinel-2 offset since baseline 04.00: -1000 DN of 1/10000 (ESA, S2 PSD 14.9)."""

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


@dataclass(frozen=True)
class Conversion:
    """How a stored number becomes a physical value: scale · DN ** exponent + offset.

    Parameters
    ----------
    scale, offset : float
        Linear terms, in the variable's units.
    exponent : int
        1, or 2 where the number is an amplitude and the value a power.
    nodata : float or None
        The stored number that means unknown.
    """

    scale: float = 1.0
    offset: float = 0.0
    exponent: int = 1
    nodata: float | None = None


@dataclass(frozen=True)
class Collection:
    """One collection: its assets, their names, numbers and units.

    Parameters
    ----------
    id : str
        Identifier at the Planetary Computer.
    quantity : str
        Kind of value: ``"reflectance"``, ``"power"`` or ``"elevation"``.
    variables : mapping of str to tuple of str
        Variable → the asset names it may have, in order of preference.
    long_names : mapping of str to str
        Variable → what a colour bar says.
    conversion : Conversion
        The same for all variables but ``quality``.
    units : str
        Units of the variables.
    resampling : str
        GDAL resampling of the variables: bilinear; root mean square for amplitudes, which
        averages power; ``quality`` is always nearest.
    quality : tuple of str
        Asset names of the quality layer; empty where there is none.
    quality_dtype : str
        Its dtype. 0 is where nothing was observed.
    aliases : tuple of str
        Other catalogues' identifiers for the same numbers.

    Examples
    --------
    >>> SENTINEL_1_RTC.variables["vv"]
    ('vv', 'gamma0_vv')
    """

    id: str
    quantity: str
    variables: Mapping[str, tuple[str, ...]]
    long_names: Mapping[str, str]
    conversion: Conversion
    units: str = "1"
    resampling: str = "bilinear"
    quality: tuple[str, ...] = ()
    quality_dtype: str = "uint8"
    aliases: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """All variables, ``quality`` last where the collection has it."""
        return (*self.variables, *((QUALITY,) if self.quality else ()))


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

COLLECTIONS: Mapping[str, Collection] = {
    row.id: row
    for row in (
        SENTINEL_2_L2A,
        LANDSAT_C2_L2,
        SENTINEL_1_RTC,
        ALOS_PALSAR_MOSAIC,
        COP_DEM_GLO_30,
    )
}
"""Every row, by its identifier."""


def collection_of(identifier: str) -> Collection:
    """The row of a collection, by its identifier or an alias.

    Parameters
    ----------
    identifier : str
        STAC collection id.

    Returns
    -------
    Collection
        The row.

    Raises
    ------
    KeyError
        If no row knows the identifier; lists those that exist.

    Examples
    --------
    >>> collection_of("sentinel-2-c1-l2a").id
    'sentinel-2-l2a'
    """
    for row in COLLECTIONS.values():
        if identifier == row.id or identifier in row.aliases:
            return row
    message = (
        f"no row for the collection {identifier!r}; there are {', '.join(COLLECTIONS)}. "
        "For another, describe it with minewatch.sources.collections.Collection(...) and pass "
        "load(..., collection=row)"
    )
    raise KeyError(message)


def asset_of(row: Collection, variable: str, assets: Iterable[str]) -> str | None:
    """The asset of one item that holds a variable.

    Parameters
    ----------
    row : Collection
        The collection.
    variable : str
        One of ``row.names``.
    assets : iterable of str
        Asset names of the item.

    Returns
    -------
    str or None
        The preferred name that exists, or None.

    Examples
    --------
    >>> asset_of(SENTINEL_2_L2A, "nir", ["blue", "nir", "nir08"])
    'nir'
    """
    have = set(assets)
    wanted = row.quality if variable == QUALITY else row.variables[variable]
    return next((name for name in wanted if name in have), None)


def conversion(row: Collection, properties: Mapping[str, Any], *, item: str = "") -> Conversion:
    """How one item's numbers become physical values.

    Only Sentinel-2 differs between items: -1000 DN where the processing baseline is 04.00 or
    later, unless the catalogue has already taken it off (``earthsearch:boa_offset_applied``).

    Parameters
    ----------
    row : Collection
        The collection.
    properties : mapping
        The item's properties.
    item : str
        The item's id, for messages and as the last place to look for the baseline.

    Returns
    -------
    Conversion
        Scale, offset, exponent, nodata.

    Raises
    ------
    ValueError
        If a Sentinel-2 item says nowhere which baseline it has.

    Examples
    --------
    >>> conversion(SENTINEL_2_L2A, {"s2:processing_baseline": "05.09"}).offset
    -0.1
    >>> conversion(SENTINEL_2_L2A, {"s2:processing_baseline": "02.12"}).offset
    0.0
    """
    if row.id != SENTINEL_2_L2A.id:
        return row.conversion
    for flag in ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"):
        if properties.get(flag) is True:
            return row.conversion
    if processing_baseline(properties, item=item) < (4, 0):
        return row.conversion
    return dataclasses.replace(row.conversion, offset=BOA_OFFSET)


def processing_baseline(properties: Mapping[str, Any], *, item: str = "") -> tuple[int, int]:
    """The Sentinel-2 processing baseline of an item.

    Parameters
    ----------
    properties : mapping
        The item's properties: ``s2:processing_baseline``, ``processing:version`` or a product
        name with ``_N0511_`` in it.
    item : str
        The item's id, where the product name is looked for last.

    Returns
    -------
    (int, int)
        Major and minor number.

    Raises
    ------
    ValueError
        If it is said nowhere.

    Examples
    --------
    >>> processing_baseline({"s2:product_uri": "S2A_MSIL2A_20190101T000001_N0212_R116.SAFE"})
    (2, 12)
    """
    for key in ("s2:processing_baseline", "processing:version"):
        match = re.fullmatch(r"(\d{1,2})\.(\d{1,2})", str(properties.get(key, "")))
        if match:
            return int(match[1]), int(match[2])
    for text in (
        properties.get("s2:product_uri"),
        properties.get("sentinel:product_id"),
        properties.get("s2:granule_id"),
        item,
    ):
        match = re.search(r"_N(\d{2})\.?(\d{2})(?:_|$)", str(text or ""))
        if match:
            return int(match[1]), int(match[2])
    message = (
        f"Sentinel-2 item {item!r} says nowhere which processing baseline it has, so its offset "
        "(0 or -1000 DN) is unknown; set item.properties['s2:processing_baseline'], e.g. '05.09'"
    )
    raise ValueError(message)
