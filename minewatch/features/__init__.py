"""Features: the covariates of a mine map, a variable for each, on one grid.

Names say the sensor first: ``s2_`` Sentinel-2, ``l8_`` Landsat 8/9, ``s1_`` Sentinel-1, ``palsar_``
ALOS PALSAR, ``dem_`` elevation.
"""

from __future__ import annotations

from minewatch.features.fusion import fusion_stack
from minewatch.features.regridding import to_grid
from minewatch.features.scaling import moments, standardise
from minewatch.features.spreads import temporal_spread
from minewatch.features.stacks import INDEX_NAMES, feature_stack

__all__ = [
    "feature_stack",
    "fusion_stack",
    "INDEX_NAMES",
    "moments",
    "standardise",
    "temporal_spread",
    "to_grid",
]
