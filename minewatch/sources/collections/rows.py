"""The rows: assets, names, numbers and units of each collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

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
]

QUALITY = "quality"
"""The variable that holds a collection's own quality layer, as it was stored."""

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

    def apply(self, stored: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
        """Physical values of stored numbers, NaN where unknown.

        Parameters
        ----------
        stored : numpy.ndarray
            As the file has them.
        dtype : str
            Of the result, a float.

        Returns
        -------
        numpy.ndarray
            A new array.

        Examples
        --------
        >>> Conversion(scale=1e-4, offset=-0.1, nodata=0).apply(np.array([0, 3500]), "float32")
        array([ nan, 0.25], dtype=float32)
        """
        kind = np.dtype(dtype).type
        values = stored.astype(dtype)
        if self.exponent != 1:
            values **= self.exponent
        values *= kind(self.scale)
        values += kind(self.offset)
        if self.nodata is not None:
            values[stored == self.nodata] = np.nan
        return values


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
