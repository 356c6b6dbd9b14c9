r"""What each STAC collection stores: one frozen row per collection.

A row says which asset is which variable, what the stored number means and how unknown is spelled.
Every physical value is

.. math:: v = \text{scale} \cdot DN^{\text{exponent}} + \text{offset}

with exponent 1, except for the ALOS PALSAR mosaic whose digital number is an amplitude:
:math:`\gamma^0 = 10^{(20 \log_{10} DN - 83)/10} = 10^{-8.3} DN^2` (Shimada et al. 2009,
doi:10.1109/TGRS.2009.2023909), and for Sentinel-1 GRD, an amplitude too, whose calibration differs
from pixel to pixel: :math:`\sigma^0 = DN^2 / A^2` with *A* from the product's own table. GRD lies
in radar geometry: its :math:`\sigma^0` is put on the map by the ground control points of the
product, without terrain correction and with its thermal noise, and must not be mixed with the
terrain-corrected :math:`\gamma^0` of RTC. WorldCover holds classes, not numbers.

Sentinel-2 reflectance carries an offset of -1000 DN since processing baseline 04.00:
:func:`conversion` reads the baseline of each item, never its date.
"""

from __future__ import annotations

from minewatch.sources.collections.conversions import (
    asset_of,
    collection_of,
    conversion,
    layer_of,
    processing_baseline,
)
from minewatch.sources.collections.descriptions import QUALITY, Collection, Conversion
from minewatch.sources.collections.rows import (
    ALOS_PALSAR_MOSAIC,
    COLLECTIONS,
    COP_DEM_GLO_30,
    ESA_WORLDCOVER,
    LANDSAT_C2_L2,
    SENTINEL_1_GRD,
    SENTINEL_1_RTC,
    SENTINEL_2_L2A,
)

__all__ = [
    "Collection",
    "Conversion",
    "QUALITY",
    "COLLECTIONS",
    "SENTINEL_2_L2A",
    "LANDSAT_C2_L2",
    "SENTINEL_1_RTC",
    "SENTINEL_1_GRD",
    "ALOS_PALSAR_MOSAIC",
    "COP_DEM_GLO_30",
    "ESA_WORLDCOVER",
    "asset_of",
    "collection_of",
    "conversion",
    "layer_of",
    "processing_baseline",
]
