"""Where a detector of patches saw mines: cells on a lattice, and how they agree with a reference.

A detector slides a window over a scene by half its size, so that four windows see each place. What
they say becomes square cells of half a window, and those are matched with reference cells.
"""

from __future__ import annotations

from minewatch.detections.isolation import drop_isolated
from minewatch.detections.lattice import cells
from minewatch.detections.matching import Match, match
from minewatch.detections.references import reference_grid
from minewatch.detections.squares import merge_cells, window_squares

__all__ = [
    "cells",
    "window_squares",
    "merge_cells",
    "drop_isolated",
    "reference_grid",
    "match",
    "Match",
]
