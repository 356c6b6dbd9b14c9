"""Keep layers: cubes as Zarr, maps as cloud-optimised GeoTIFF. What is written appears whole."""

from __future__ import annotations

from minewatch.store.cubes import to_zarr
from minewatch.store.growing import append
from minewatch.store.opening import open_cube
from minewatch.store.patch_files import patches_to_geotiff
from minewatch.store.rasters import to_cog

__all__ = ["append", "open_cube", "patches_to_geotiff", "to_cog", "to_zarr"]
