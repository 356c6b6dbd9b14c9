"""What a mapping run will read, hold, write and take, before any pixel is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch.workflows.mapping_checks import check_settings
from minewatch.workflows.mapping_images import LARGEST, block_of
from minewatch.workflows.mapping_inputs import find_items, map_grid
from minewatch.workflows.outputs import Notify, quiet, stage
from minewatch.workflows.planning_graph import graph_of
from minewatch.workflows.planning_memory import Load, memory_of
from minewatch.workflows.planning_more import (
    more_output,
    more_seconds,
    views_of,
    warped_of,
    with_views,
)
from minewatch.workflows.planning_plans import KEPT, Plan, workers_of
from minewatch.workflows.planning_rates import Rates, machine_rates
from minewatch.workflows.planning_reading import reading_of
from minewatch.workflows.planning_times import as_before, cost_of, expected_seconds

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["plan_map"]


def plan_map(
    settings: MappingSettings,
    *,
    rate: Rates | str | Path | None = None,
    notify: Notify = quiet,
) -> Plan:
    """Say what a mapping run will take. Reads catalogue and polygons, and no image.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    rate : Rates or path-like, optional
        As in :func:`minewatch.workflows.plan`.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        What it will take.
    """
    reference = check_settings(settings)
    if rate is not None and not isinstance(rate, Rates):
        cost_of(Path(rate))
    with stage("search", None, notify):
        items = find_items(settings, reference)
        box = map_grid(settings, reference)
    with stage("graph", None, notify):
        graph = graph_of(items, box, settings)
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            rate, told = machine_rates(settings, warped_of(items, box))
    elif not isinstance(rate, Rates):
        told = f"that of {rate}"
    readings = tuple(
        reading_of(sensor, found, box, passes=_passes(sensor, settings, box, len(found)))
        for sensor, found in items.items()
    )
    again = views_of(items, box, settings)
    processes, threads = workers_of(settings.cluster)
    height, width = box.shape
    inside = _inside(reference, box)
    load = Load(
        height=height,
        width=width,
        covariates=graph.covariates,
        dates={sensor: len(found) for sensor, found in items.items()},
        blocks={sensor: block_of(settings, box, len(found)) for sensor, found in items.items()},
        threads=threads,
        processes=processes,
        tasks=graph.tasks,
        decoded=sum(one.decoded for one in readings),
        inside=int(inside.sum()),
        samples=int(np.minimum(inside, settings.max_per_polygon).sum()),
        taught=settings.student_samples if settings.sar_only else 0,
        radar=graph.radar,
    )
    if isinstance(rate, Rates):
        seconds = expected_seconds(load, readings, settings, rate, processes * threads)
        seconds |= more_seconds(load, again, settings, rate, processes * threads)
    else:
        seconds = as_before(load, Path(rate))
    return Plan(
        grid=f"{height:,} × {width:,} pixels of {settings.resolution:g}, {box.crs}, "
        f"{load.covariates} covariates",
        readings=tuple(with_views(one, again) for one in readings),
        load=load,
        processes=processes,
        output=_output(load, graph.stored) + more_output(load, again, settings),
        memory=memory_of(load, settings),
        seconds=seconds,
        rate=told,
        blocks=dict.fromkeys(("features.zarr", "probability.zarr"), -(-height // LARGEST)),
    )


def _inside(reference: gpd.GeoDataFrame, box: GeoBox) -> npt.NDArray[np.float64]:
    """Pixels in each polygon."""
    area = reference.to_crs(box.crs.wkt).area.to_numpy() / abs(box.resolution.x * box.resolution.y)
    pixels: npt.NDArray[np.float64] = np.ceil(area)
    return pixels


def _passes(sensor: str, settings: MappingSettings, box: GeoBox, dates: int) -> float:
    """How often files are read: filters need the blocks beside a strip, lee_sigma a level first."""
    if sensor != "sentinel1" or settings.speckle == "none" or settings.lee_window == 1:
        return 1.0
    side, height = block_of(settings, box, dates), int(box.shape[0])
    beside = sum(side + min(side, height - seam) for seam in range(LARGEST, height, LARGEST))
    return 1.0 + beside / height + (settings.speckle == "lee_sigma")


def _output(load: Load, stored: int) -> float:
    """Bytes of stores and maps."""
    stores = (load.covariates + stored + 2) * KEPT * 4
    return load.pixels * (stores + 3.0) + 2e6
