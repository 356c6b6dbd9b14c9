"""What every layer agrees on: names, units, dtypes, missing values, flags, grids.

:func:`require` stands at the door of a public function and refuses what it cannot work on with
an error that says what came, why it will not do and what would. :func:`conform` stands at the
exit: it gives a result its name, units, flags and the parameters that made it.
"""

from __future__ import annotations

from minewatch.conventions.layers import NO_CLASS, Layer, conform, plain_attrs
from minewatch.conventions.requirements import (
    SPATIAL_REF,
    crs_of,
    describe_grid,
    require,
    require_power,
    require_same_grid,
)

__all__ = [
    "Layer",
    "conform",
    "crs_of",
    "describe_grid",
    "NO_CLASS",
    "plain_attrs",
    "require",
    "require_power",
    "require_same_grid",
    "SPATIAL_REF",
]
