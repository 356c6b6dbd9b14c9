"""STAC catalogues in, lazy cubes out: the only address of pystac-client and stackstac."""

from __future__ import annotations

from minewatch.sources.stac.catalogs import search
from minewatch.sources.stac.cubes import load

__all__ = ["search", "load"]
