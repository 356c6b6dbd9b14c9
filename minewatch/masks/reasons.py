"""One layer that says of every pixel whether activity can be read there, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import NO_CLASS, Layer, conform, crs_of, require, require_same_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REASONS", "exclusion"]

REASONS: Mapping[str, int] = {
    "kept": 0,
    "vegetation": 1,
    "water": 2,
    "radar_shadow": 3,
    "layover": 4,
    "low_backscatter": 5,
    "outside": 6,
}
PRECEDENCE = ("outside", "radar_shadow", "layover", "water", "vegetation", "low_backscatter")
"""Which reason stands where several hold, the first first."""

COLOURS = ("#f0e0b6", "#009e73", "#56b4e9", "#222222", "#e69f00", "#cc79a7", "#ffffff")
"""Of the reasons, in order; told apart by the colour-blind (Okabe and Ito)."""

EXCLUSION = Layer("exclusion", "why a pixel is left out", dtype="uint8", flags=REASONS)


def exclusion(
    *,
    vegetation: xr.DataArray | None = None,
    water: xr.DataArray | None = None,
    geometry: xr.Dataset | None = None,
    low_backscatter: xr.DataArray | None = None,
    outside: xr.DataArray | None = None,
) -> xr.DataArray:
    """Why each pixel is left out of an activity map: one reason each.

    Where several reasons hold the first of these stands: outside, radar shadow, layover, water,
    vegetation, low backscatter. That is first what nobody asked for, then what no radar image of
    this geometry shows whatever grows there, then what covers the ground, and last the fallback
    that knows no cause. Hectares per reason therefore add up to what is left out.

    Where a mask is unknown and no other gives a reason, the pixel is unknown, 255: it can be
    neither kept nor blamed on anything. ``exclusion > 0``, the mask for
    :func:`minewatch.activity.tai`, leaves it out as well; ``exclusion.isin(range(1, 7))`` is for
    those who want to keep it.

    Parameters
    ----------
    vegetation, water, low_backscatter : xarray.DataArray, optional
        From the functions of these names: uint8 with 1 where it applies and 255 unknown, or bool;
        dims (y, x).
    geometry : xarray.Dataset, optional
        From :func:`radar_geometry`: ``shadow`` and ``layover``.
    outside : xarray.DataArray, optional
        What lies outside of the site that is studied, as `vegetation`, e.g.
        ``~vectors.rasterize(site, like=ndvi)``.

    Returns
    -------
    xarray.DataArray
        ``exclusion``, (y, x) uint8: 0 kept, 1 vegetation, 2 water, 3 radar shadow, 4 layover,
        5 low backscatter, 6 outside, 255 unknown; lazy if any mask is.
        ``flag_colors`` holds a colour for each.

    Raises
    ------
    ValueError
        If no mask is given, or they lie on different grids.
    TypeError
        If a mask is neither bool nor integer.
    KeyError
        If `geometry` lacks a layer.

    See Also
    --------
    minewatch.activity.excluded_areas : hectares per reason.

    Examples
    --------
    >>> green = xr.DataArray(np.uint8([[0, 1, 1, 255]]), dims=("y", "x"))
    >>> wet = xr.DataArray([[False, False, True, False]], dims=("y", "x"))
    >>> exclusion(vegetation=green, water=wet).values
    array([[  0,   1,   2, 255]], dtype=uint8)
    """
    if geometry is not None and not {"shadow", "layover"} <= set(
        getattr(geometry, "data_vars", ())
    ):
        message = (
            "exclusion needs geometry with the layers shadow and layover, got "
            f"{type(geometry).__name__} with {sorted(map(str, getattr(geometry, 'data_vars', ())))}"
            "; use minewatch.masks.radar_geometry"
        )
        raise KeyError(message)
    masks = {
        "vegetation": vegetation,
        "water": water,
        "radar_shadow": None if geometry is None else geometry["shadow"],
        "layover": None if geometry is None else geometry["layover"],
        "low_backscatter": low_backscatter,
        "outside": outside,
    }
    given = {name: masks[name] for name in PRECEDENCE if masks[name] is not None}
    layers = {name: mask for name, mask in given.items() if mask is not None}
    if not layers:
        message = "exclusion needs at least one mask, e.g. vegetation=masks.vegetation(ndvi)"
        raise ValueError(message)
    for name, mask in layers.items():
        require(mask, "y", "x", by=f"exclusion ({name})")
        if mask.dtype.kind not in "bui":
            message = (
                f"exclusion needs {name} as bool or as codes 0, 1 and 255, got dtype {mask.dtype}; "
                "make it one with a comparison, e.g. ndvi > 0.4, or with minewatch.masks"
            )
            raise TypeError(message)
    first = next((mask for mask in layers.values() if crs_of(mask)), next(iter(layers.values())))
    for mask in layers.values():
        require_same_grid(first, mask, by="exclusion")
    bare = {name: mask.drop_vars(mask.coords) for name, mask in layers.items()}
    result = xr.zeros_like(first, dtype="uint8").drop_vars(first.coords)
    for mask in bare.values():
        if mask.dtype != bool:
            result = result.where(mask != NO_CLASS, np.uint8(NO_CLASS))
    for name in reversed(bare):
        result = result.where(bare[name] != 1, np.uint8(REASONS[name]))
    layer = conform(result.assign_coords(first.coords), EXCLUSION, masks=sorted(bare))
    return layer.assign_attrs(flag_colors=" ".join(COLOURS))
