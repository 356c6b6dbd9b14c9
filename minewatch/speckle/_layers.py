"""Backscatter as it comes: one polarisation or a scene of several, and the looks it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.conventions import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

__all__ = ["measured", "named", "over_layers", "require_looks"]


def measured(scene: xr.Dataset) -> dict[str, xr.DataArray]:
    """The floating layers of a scene by name, without its codes."""
    return {
        str(name): layer for name, layer in scene.items() if np.issubdtype(layer.dtype, np.floating)
    }


def over_layers(scene: xr.Dataset, filtered: Callable[[xr.DataArray], xr.DataArray]) -> xr.Dataset:
    """The scene with each measured layer replaced."""
    return scene.assign({name: filtered(layer) for name, layer in measured(scene).items()})


def named(layer: xr.DataArray) -> Layer:
    """A result that keeps the name of its source."""
    name = str(layer.name or "backscatter")
    return Layer(name, str(layer.attrs.get("long_name", f"{name} backscatter")))


def require_looks(looks: float, *, by: str) -> None:
    """Refuse a number of looks that no image has."""
    if not (looks > 0 and np.isfinite(looks)):
        message = f"{by} needs looks > 0, got looks={looks}; Sentinel-1 IW GRD has 4.4"
        raise ValueError(message)
