"""Watch mines from space: coherence activity maps and mine footprints on xarray, dask and numba.

Every name lives in a submodule that is imported when it is first touched, so that
``import minewatch`` stays instant however heavy the libraries behind it are::

    import minewatch as mw

    coherence = mw.sources.coherence.open_stack("pit/")
    stable = mw.activity.stable_pixels(coherence)
"""

from __future__ import annotations

import importlib
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from minewatch import (
        activity,
        alerts,
        brdf,
        changes,
        cluster,
        composites,
        conventions,
        estimates,
        features,
        grids,
        indices,
        insar,
        kernels,
        learn,
        masks,
        metrics,
        plots,
        radar,
        report,
        simulate,
        sources,
        speckle,
        store,
        vectors,
        workflows,
    )

__all__ = [
    "activity",
    "alerts",
    "detections",
    "brdf",
    "changes",
    "cluster",
    "composites",
    "conventions",
    "estimates",
    "features",
    "grids",
    "indices",
    "insar",
    "kernels",
    "learn",
    "masks",
    "metrics",
    "plots",
    "radar",
    "report",
    "simulate",
    "sources",
    "speckle",
    "store",
    "vectors",
    "workflows",
    "__version__",
]


def __getattr__(name: str) -> ModuleType | str:
    """Import a submodule when it is first asked for (PEP 562)."""
    if name == "__version__":
        return metadata.version("minewatch")
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    message = f"module 'minewatch' has no attribute {name!r}; it has {', '.join(__all__)}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    """List the public submodules."""
    return sorted(__all__)
