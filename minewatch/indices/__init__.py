"""Spectral indices of bare ground, water and plants, on reflectances between 0 and 1.

One function for each index, named bands in, one layer out; :data:`INDICES` is the table of them
and :func:`compute` runs those that a scene has the bands for. Denominators of 0 give NaN.
"""

from __future__ import annotations

from minewatch.indices.colour import bi, bi2, bi_spot, ci, ri, ri_spot
from minewatch.indices.cover import mndwi, msavi, ndvi, ndwi, ndwi_gao
from minewatch.indices.registry import (
    BANDS,
    INDICES,
    FormulaUnresolved,
    Index,
    compute,
    register,
)
from minewatch.indices.soil import bsi, mbsi, ndsi, ndsi_deng
from minewatch.indices.surrogates import mmfi_surrogate, mswi_surrogate
from minewatch.indices.textures import texture, texture_range
from minewatch.indices.vector import ndsv, ndsv_scalar

__all__ = [
    "BANDS",
    "bi",
    "bi2",
    "bi_spot",
    "bsi",
    "ci",
    "compute",
    "FormulaUnresolved",
    "INDICES",
    "Index",
    "mbsi",
    "mmfi_surrogate",
    "mndwi",
    "msavi",
    "mswi_surrogate",
    "ndsi",
    "ndsi_deng",
    "ndsv",
    "ndsv_scalar",
    "ndvi",
    "ndwi",
    "ndwi_gao",
    "register",
    "ri",
    "ri_spot",
    "texture",
    "texture_range",
]
