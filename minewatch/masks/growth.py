"""Masks grown by a distance: what surrounds a cloud is seldom clear."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import _apply
from minewatch.conventions import Layer, conform, require
from minewatch.masks.spacing import pixel_metres

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

    Mask = npt.NDArray[np.bool_]

__all__ = ["disk", "grow", "spread"]

NEAR = 1e-9
"""Of a pixel: what lies this near to the circle lies on it."""


def grow(
    mask: xr.DataArray, *, metres: float | None = None, pixels: float | None = None
) -> xr.DataArray:
    """A mask with all that lies within a distance of it.

    The distance is from pixel centre to pixel centre, so that a pixel alone becomes a disk.

    Parameters
    ----------
    mask : xarray.DataArray
        Dims (..., y, x): bool, or uint8 with 1 where it applies and 255 where that is unknown.
    metres : float, optional
        How far; needs a projected CRS.
    pixels : float, optional
        How far, in pixels, instead.

    Returns
    -------
    xarray.DataArray
        The same kind of mask under the same name. What is unknown grows into nothing, and stays
        unknown beyond reach of the mask.

    Raises
    ------
    TypeError
        If the mask is neither bool nor uint8.
    ValueError
        If not just one distance is given, it is not positive, or metres cannot be measured.

    Examples
    --------
    >>> import xarray as xr
    >>> cloud = xr.DataArray(np.uint8([[0, 0, 0, 1, 0, 255]]), dims=("y", "x"))
    >>> grow(cloud, pixels=2).values
    array([[0, 1, 1, 1, 1, 1]], dtype=uint8)
    """
    require(mask, ..., "y", "x", by="grow")
    if mask.dtype not in (np.dtype(bool), np.dtype("uint8")):
        message = (
            f"grow needs a mask, bool or uint8 with codes 0, 1 and 255, got dtype {mask.dtype}; "
            "make it one with a comparison, e.g. score > 0.2"
        )
        raise TypeError(message)
    if (metres is None) == (pixels is None):
        message = f"grow needs one distance, got metres={metres} and pixels={pixels}; e.g. pixels=2"
        raise ValueError(message)
    distance = float(pixels if metres is None else metres)  # type: ignore[arg-type]
    if not 0 < distance < math.inf:
        message = f"grow needs a positive distance, got {distance}; masks do not shrink, invert one"
        raise ValueError(message)
    spacing = (1.0, 1.0) if metres is None else pixel_metres(mask, by="grow")
    grown = _apply.windowed(
        _grown,
        mask,
        window=_window(distance, spacing),
        arguments=(distance, *spacing),
        dtype=mask.dtype.name,
    )
    flags = {}
    if "flag_values" in mask.attrs:
        meanings = str(mask.attrs.get("flag_meanings", "")).split()
        flags = dict(zip(meanings, map(int, mask.attrs["flag_values"]), strict=True))
    name = str(mask.name or "mask")
    layer = Layer(
        name,
        f"{mask.attrs.get('long_name', name)}, grown",
        dtype=mask.dtype.name,
        flags=flags,
    )
    return conform(grown, layer, grown_metres=metres, grown_pixels=pixels)


def disk(distance: float, spacing: tuple[float, float] = (1.0, 1.0)) -> list[int]:
    """Half widths, in pixels, of the rows of a disk, from the middle one outwards."""
    rows = math.floor(distance / spacing[0] + NEAR)
    chords = (math.sqrt(max(0.0, distance**2 - (row * spacing[0]) ** 2)) for row in range(rows + 1))
    return [math.floor(chord / spacing[1] + NEAR) for chord in chords]


def spread(mask: Mask, half_widths: list[int]) -> Mask:
    """What lies within a disk of a mask (..., y, x); nothing comes in over the edge."""
    height, width = mask.shape[-2:]
    rim = half_widths[0]
    # How many lie to the left, with nothing more beyond either edge.
    left = np.zeros((*mask.shape[:-1], width + 1 + 2 * rim), np.int32)
    np.cumsum(mask, axis=-1, dtype=np.int32, out=left[..., rim + 1 : rim + 1 + width])
    left[..., rim + 1 + width :] = left[..., rim + width, None]
    result = np.zeros_like(mask)
    for down, reach in enumerate(half_widths[:height]):
        first, last = rim - reach, rim + reach + 1
        near = left[..., last : last + width] > left[..., first : first + width]
        result[..., down:, :] |= near[..., : height - down, :]
        if down:
            result[..., : height - down, :] |= near[..., down:, :]
    return result


def _window(distance: float, spacing: tuple[float, float]) -> tuple[int, int]:
    rows, columns = (2 * math.floor(distance / step + NEAR) + 1 for step in spacing)
    return rows, columns


def _grown(block: Any, distance: float, spacing_y: float, spacing_x: float) -> Any:
    reached = spread(block == 1, disk(distance, (spacing_y, spacing_x)))
    return np.where(reached, block.dtype.type(1), block)
