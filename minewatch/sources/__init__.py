"""Doors to the data: STAC catalogues, SLC stacks, ready coherence, ASF records, Landsat scenes.

Whatever comes in leaves in the data model of the house: lazy, physical units, NaN for unknown,
pixel centres, y descending, the CRS in ``spatial_ref``. A new sensor is a row in
:mod:`~minewatch.sources.collections`; a new product is one small reader.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from minewatch.sources import angles, asf, coherence, collections, contest, landsat, slc, stac
    from minewatch.sources.stac import load, search

__all__ = [
    "search", "load", "collections", "slc", "coherence", "asf", "landsat", "angles", "stac",
    "contest",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a reader when it is first asked for (PEP 562)."""
    if name in {"search", "load"}:
        return getattr(importlib.import_module(f"{__name__}.stac"), name)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    message = f"module 'minewatch.sources' has no attribute {name!r}; it has {', '.join(__all__)}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
