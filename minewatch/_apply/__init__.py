"""The only place where labelled arrays meet block-wise computation.

Each function takes a kernel *as a value* and runs it over DataArrays: at once on numpy data, lazily
on dask data, with the same numbers for every chunking. Coordinates, and with them the CRS, survive.
"""

from __future__ import annotations

from minewatch._apply.folds import folded
from minewatch._apply.lattices import over_lattice
from minewatch._apply.points import at_points
from minewatch._apply.reductions import along, is_lazy, tally
from minewatch._apply.shared import with_shared
from minewatch._apply.tiles import over_tiles
from minewatch._apply.windows import paired_windows, windowed

__all__ = [
    "along",
    "at_points",
    "folded",
    "is_lazy",
    "over_lattice",
    "over_tiles",
    "paired_windows",
    "tally",
    "windowed",
    "with_shared",
]
