"""Stacks of co-registered single-look complex images, from whatever made them.

Nothing here focuses, co-registers or forms interferograms: the images come co-registered on one
grid, from OPERA or NISAR (HDF5), from SNAP (Zarr or BEAM-DIMAP export) or as plain complex
GeoTIFFs. Reading is lazy; only headers are opened.
"""

from __future__ import annotations

from minewatch.sources.slc.stacks import open_stack

__all__ = ["open_stack"]
