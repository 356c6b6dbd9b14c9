"""A scrap of a simulated world laid side by side, until it is large enough to be timed on."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from minewatch import simulate

__all__ = ["TILES", "repeated", "tiled"]

TILES = 4
"""How often it stands side by side, to the south and to the east: where little is read, opening
files is most of the time."""


def tiled(world: simulate.World) -> simulate.World:
    """The same scenes again and again: files as large as those of an archive are to a block.

    Parameters
    ----------
    world : minewatch.simulate.World
        A small one.

    Returns
    -------
    minewatch.simulate.World
        Its images and what their catalogue is made of, as often as ``TILES`` says to each side.
    """
    rows, columns = TILES * world.size, TILES * 2 * world.size
    large: dict[str, Any] = {
        name: repeated(getattr(world, name), rows, columns)
        for name in ("sentinel2", "landsat8", "sentinel1", "palsar")
    }
    for name in ("land_cover", "dem", "cloud", "shadow"):
        layer = getattr(world, name).to_dataset(name=name)
        large[name] = repeated(layer, rows, columns)[name]
    return dataclasses.replace(world, **large)


def repeated(image: xr.Dataset, rows: int, columns: int) -> xr.Dataset:
    """The same ground again and again, to the south and the east, until it is so large.

    Of a scrap, what is done once for each layer and file would be most of the time.

    Parameters
    ----------
    image : xarray.Dataset
        Dims y, x and others.
    rows, columns : int
        What is wanted; only whole pieces are laid.

    Returns
    -------
    xarray.Dataset
        In memory.
    """
    times = {dim: max(1, size // image.sizes[dim]) for dim, size in (("y", rows), ("x", columns))}
    coords = {
        dim: image[dim].values[0]
        + (image[dim].values[1] - image[dim].values[0]) * np.arange(times[dim] * image.sizes[dim])
        for dim in times
    }
    others = {
        name: coord for name, coord in image.coords.items() if not {"y", "x"} & set(coord.dims)
    }
    layers = {
        name: (layer.dims, np.tile(layer.values, [times.get(str(dim), 1) for dim in layer.dims]))
        for name, layer in image.data_vars.items()
    }
    large = xr.Dataset(layers, {**others, **coords}, image.attrs)
    for name, layer in image.data_vars.items():
        large[name].attrs = layer.attrs
    return large
