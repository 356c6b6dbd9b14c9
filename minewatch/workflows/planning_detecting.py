"""What a search for mines will take, or a detector that is taught: one block of images is read."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch import learn
from minewatch.workflows.detecting import BLOCK
from minewatch.workflows.detecting_inputs import (
    check_images,
    find_images,
    ground_of,
    scene,
    widened,
)
from minewatch.workflows.detecting_points import read_points
from minewatch.workflows.detecting_scanning import check_detection, load_way, windows_and_picture
from minewatch.workflows.detecting_teaching import check_teaching
from minewatch.workflows.detecting_training import BLOCK as PATCH_BLOCK
from minewatch.workflows.detecting_training import degrees_of, ground_around, radar_of
from minewatch.workflows.outputs import Notify, quiet, stage
from minewatch.workflows.planning_counting import first_computation
from minewatch.workflows.planning_memory import LEARNING, LIBRARIES, MARGIN
from minewatch.workflows.planning_plans import KEPT, Plan, workers_of
from minewatch.workflows.planning_reading import reading_of

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.detecting_scanning import Way
    from minewatch.workflows.detecting_settings import DetectSettings, DetectTrainSettings

__all__ = ["DetectLoad", "plan_detect", "plan_teach"]

GIB = 2**30

PROBE = 512
"""Rows and columns of the block that is run through."""

NETWORK = 0.25
"""GiB of what runs a network, with its weights and the patches of a batch."""

COPIES = 24.0
"""Bytes of a pixel of a channel that a thread works on: power, filtered, in decibels."""

STEP_SECONDS = 0.216 / 32
"""Seconds of two cores that a network needs to learn from a patch of 104 x 104 once."""

PAGE = 6e5
"""Bytes of page, pictures and tables."""


@dataclass(frozen=True)
class DetectLoad:
    """What a detector has to carry.

    Parameters
    ----------
    height, width, dates : int
        Of the images: the ground, days and orbits.
    patches : int
        Windows that are looked at, or patches that are learnt from, all dates together.
    threads, processes : int
        Of one process that computes; how many there are.
    tasks : int
        Of the graphs that make windows, or patches.
    """

    height: int
    width: int
    dates: int
    patches: int
    threads: int
    processes: int
    tasks: int


def plan_detect(
    settings: DetectSettings, *, rate: float | None = None, notify: Notify = quiet
) -> Plan:
    """Say what a search for mines will take. One block of one image is read to find the rate.

    Parameters
    ----------
    settings : DetectSettings
        The run.
    rate : float, optional
        Seconds for a pixel of a date; measured on a block of the input if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        What it will take.
    """
    check_images(settings)
    check_detection(settings)
    way = load_way(settings)
    with stage("search", None, notify):
        items = find_images(settings, settings.bbox, prefer=way.collection)
        box = widened(
            settings.bbox or ground_of(items, settings.catalog),
            crs=settings.crs,
            resolution=way.resolution,
            step=way.step,
            rim=0 if settings.bbox is None else way.step,
        )
    with stage("graph", None, notify):
        seen = scene(items, box, settings, radar=way.radar, block=BLOCK)
        windows = learn.patches.scan(seen, way.detector, step=way.step, mode=settings.mode)
        dates = seen.sizes["time"]
        once = seen.isel(time=slice(0, 1))
        tasks = dates * first_computation(lambda: _scan(seen, way, settings))
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            block = _middle(once, PROBE)
            began = time.perf_counter()
            _scan(block, way, settings)
            rate = (time.perf_counter() - began) / (block.sizes["y"] * block.sizes["x"])
        told = "measured just now on a block of the input"
    load = _load(box, dates, int(windows.size), settings.cluster, tasks)
    seconds = rate * load.height * load.width * dates / max(load.processes, 1)
    return Plan(
        grid=_grid(box, way.resolution),
        readings=(reading_of("sentinel1", items, box),),
        load=load,
        processes=load.processes,
        output=8.0 * windows.size + PAGE,
        memory=_memory(load, settings.cluster, 4.0 * windows.size + NETWORK * GIB),
        seconds={"windows": seconds, "files and report": 5.0},
        rate=told,
        blocks={"dates": dates},
        told={"windows": f"{windows.size:,} on {dates} dates"},
    )


def plan_teach(
    settings: DetectTrainSettings, *, rate: float | None = None, notify: Notify = quiet
) -> Plan:
    """Say what a detector that is taught will take. One block of one image is read.

    Parameters
    ----------
    settings : DetectTrainSettings
        The run.
    rate : float, optional
        Seconds for a pixel of a date; measured on a block of the input if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        What it will take.
    """
    check_images(settings)
    points = read_points(settings.points, settings.label)
    check_teaching(settings)
    with stage("search", None, notify):
        box = ground_around(points, settings)
        items = find_images(settings, degrees_of(box))
    with stage("graph", None, notify):
        seen = scene(items, box, settings, radar=radar_of(settings), block=PATCH_BLOCK)
        tasks = _reads(seen, points, settings.size)
    told = "given"
    dates = seen.sizes["time"]
    if rate is None:
        with stage("rate", None, notify):
            block = _middle(seen.isel(time=slice(0, 1)), PROBE)
            began = time.perf_counter()
            block.compute()
            rate = (time.perf_counter() - began) / (block.sizes["y"] * block.sizes["x"])
        told = "of images measured just now on a block of the input, of teaching as on two cores"
    load = _load(box, dates, dates * len(points), settings.cluster, tasks)
    side = PATCH_BLOCK
    blocks = {(int(x // side), int(y // side)) for x, y in _places(points, box)}
    read = min(4 * len(blocks) * side**2, load.height * load.width)
    small = settings.kind == "texture"
    each = 0.02 if small else STEP_SECONDS * settings.epochs * (settings.size / 104) ** 2
    content = 4.0 * load.patches * seen.sizes["channel"] * settings.size**2
    return Plan(
        grid=_grid(box, settings.resolution),
        readings=(reading_of("sentinel1", items, box),),
        load=load,
        processes=load.processes,
        output=KEPT * content + PAGE,
        memory=_memory(load, settings.cluster, 3.0 * content + (0 if small else NETWORK * GIB)),
        seconds={
            "patches": rate * read * dates / max(load.processes, 1),
            "teaching": each * load.patches,
            "files and report": 5.0,
        },
        rate=told,
        told={"patches": f"{load.patches:,} of {len(points)} points"},
    )


def _scan(seen: xr.DataArray, way: Way, settings: DetectSettings) -> None:
    """Do what a run does with a date, and throw it away."""
    with tempfile.TemporaryDirectory(prefix="minewatch-plan-") as name:
        windows_and_picture(seen, way, settings, Path(name), key="a plan")


def _reads(seen: xr.DataArray, points: Any, size: int) -> int:
    """Tasks of the reading of patches; those of more than memory can hold as often as of one."""

    def read(some: Any) -> int:
        return first_computation(lambda: learn.patches.extract(seen, some, size=size))

    try:
        return read(points)
    except MemoryError:  # which the plan is there to tell
        return len(points) * read(points.iloc[:1])


def _middle(seen: xr.DataArray, side: int) -> xr.DataArray:
    at = {}
    for dim in ("y", "x"):
        first = max(0, (seen.sizes[dim] - side) // 2)
        at[dim] = slice(first, first + side)
    return seen.isel(at)


def _places(points: Any, box: GeoBox) -> list[tuple[float, float]]:
    """Columns and rows of points."""
    placed = points.to_crs(box.crs.wkt).geometry
    inverse = ~box.transform
    return [inverse * (point.x, point.y) for point in placed]


def _load(box: GeoBox, dates: int, patches: int, cluster: str, tasks: int) -> DetectLoad:
    processes, threads = workers_of(cluster)
    height, width = box.shape
    return DetectLoad(height, width, dates, patches, threads, processes, tasks)


def _grid(box: GeoBox, resolution: float) -> str:
    height, width = box.shape
    return f"{height:,} × {width:,} pixels of {resolution:g}, EPSG:{box.crs.epsg}"


def _memory(load: DetectLoad, cluster: str, more: float) -> dict[str, dict[str, float]]:
    """GiB of each kind of process: blocks of all threads, and what is gathered."""
    block = min(BLOCK, load.height) * min(BLOCK, load.width)
    blocks = LIBRARIES + 3 * COPIES * load.threads * block / GIB
    gathered = LIBRARIES + LEARNING + more / GIB
    if cluster != "threads":
        worker = MARGIN * (blocks + NETWORK)
        return {"worker": {"images": worker}, "main": {"results": MARGIN * gathered}}
    whole = blocks + LEARNING + more / GIB
    return {"main": {"images": MARGIN * whole, "results": MARGIN * gathered}}
