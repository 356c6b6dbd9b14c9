"""The tasks of a mapping run: its graph is drawn, and nothing of it computed."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.workflows.mapping_fusion import RADARS, fused, side_by_side
from minewatch.workflows.mapping_images import LARGEST, block_of, clear_counts, composites_of
from minewatch.workflows.mapping_inputs import covariates

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["Graph", "graph_of"]

COUNTED = 6
"""Stored blocks along each edge of a map whose graph is drawn whole; of larger ones a corner is."""

POLARISATIONS = 2
"""Of Sentinel-1, each with its own level of strong targets."""

LEVEL_TASKS = 3
"""Of a block whose strong targets are counted: read, to decibels, histogram."""


@dataclass(frozen=True)
class Graph:
    """What a run computes.

    Parameters
    ----------
    covariates : int
        Layers of the stack.
    stored : int
        Layers that are stored before it.
    tasks : int
        Of all passes over the images and of the map.
    radar : int
        Layers of the stack that a radar gives.
    """

    covariates: int
    stored: int
    tasks: int
    radar: int = 0


def graph_of(items: dict[str, list[pystac.Item]], box: GeoBox, settings: MappingSettings) -> Graph:
    """Draw a run's graph and count its tasks.

    Two settings measure something all over the map before the rest can be drawn: what comes of it
    is a number, and any other will do. The pass that finds the level of strong targets
    (``speckle="lee_sigma"``) is counted, as is that which stores the radars
    (``covariates="fusion"``).

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : MappingSettings
        The run.

    Returns
    -------
    Graph
        Of a map with more than six blocks along an edge that of a corner, scaled.
    """
    blocks = [-(-side // LARGEST) for side in box.shape]
    part = box[tuple(slice(0, min(side, COUNTED * LARGEST)) for side in box.shape)]
    share = math.prod(blocks) / math.prod(min(number, COUNTED) for number in blocks)
    drawn = dataclasses.replace(settings, covariates="available")
    tasks = 0
    if settings.speckle == "lee_sigma" and settings.lee_window > 1:
        drawn = dataclasses.replace(drawn, speckle="lee")
        if found := items.get("sentinel1"):
            size = block_of(settings, box, len(found))
            tasks += POLARISATIONS * LEVEL_TASKS * math.prod(-(-side // size) for side in box.shape)
    stack, kept = covariates(items, part, drawn), xr.Dataset()
    layers = len(stack.data_vars)
    if settings.covariates == "fusion":
        fused, kept = _fused(items, part, dataclasses.replace(drawn, covariates="fusion"))
        # Heights and textures are the same of either stack.
        layers += len(fused.data_vars) - sum(not _added(str(name)) for name in stack.data_vars)
        stack = fused
    tasks += round((_tasks(stack) + _tasks(kept)) * share)
    if settings.counts:
        tasks += round(_tasks(clear_counts(items, part, drawn)) * share)
    radar = sum(str(name).startswith(("s1_", "palsar_")) for name in stack.data_vars)
    maps = [layers]
    if settings.sar_only:  # that of the student, and that of a teacher who learns here
        maps = [radar] if settings.teacher is not None else [radar, layers - radar]
    # Of a map each covariate, the forest, the stored probability.
    tasks += sum(each + 6 for each in maps) * math.prod(blocks)
    return Graph(layers, len(kept.data_vars), tasks, radar)


def _fused(
    items: dict[str, list[pystac.Item]], box: GeoBox, settings: MappingSettings
) -> tuple[xr.Dataset, xr.Dataset]:
    """The published covariates, as of radars that are read from a store; and what is stored."""
    import dask.array

    images = composites_of(items, box, settings)
    kept = {name: image for name, image in images.items() if name.startswith(tuple(RADARS))}
    images |= {
        name: image.map(lambda layer: layer.copy(data=dask.array.ones_like(layer.data)))
        for name, image in kept.items()
    }
    return fused(images, {"sentinel1": 1.0, "palsar": 1.0}), side_by_side(kept)


def _added(name: str) -> bool:
    return name == "dem_elevation" or name.endswith(("_mean", "_std", "_sd", "_entropy"))


def _tasks(stack: xr.Dataset) -> int:
    """Tasks of storing layers."""
    import dask

    if not len(stack.data_vars):
        return 0
    (drawn,) = dask.optimize(stack)
    stored = sum(int(np.prod(layer.data.numblocks)) for layer in stack.values())
    return len(dict(drawn.__dask_graph__())) + stored
