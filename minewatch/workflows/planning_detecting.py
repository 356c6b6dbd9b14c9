"""What a search for mines will take, or a detector that is taught: one block of images is read."""

from __future__ import annotations

import functools
import itertools
import math
import tempfile
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
from minewatch.workflows.detecting_scanning import (
    SIDE,
    check_detection,
    load_way,
    windows_and_picture,
)
from minewatch.workflows.detecting_teaching import check_teaching
from minewatch.workflows.detecting_training import BLOCK as PATCH_BLOCK
from minewatch.workflows.detecting_training import degrees_of, ground_around, radar_of
from minewatch.workflows.outputs import Notify, quiet, stage
from minewatch.workflows.planning_blocks import SMALLEST, BlockRate, Cut, block_rate
from minewatch.workflows.planning_counting import first_computation
from minewatch.workflows.planning_lessons import as_elsewhere, lesson_rate, lesson_seconds
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

NETWORK = {"asked": 0.12, "taught": 0.25}
"""GiB of what runs a network, or teaches it, with its weights and the patches of a batch."""

COPIES = 24.0
"""Bytes of a pixel of a channel that a thread works on: power, filtered, in decibels."""

REPORT = 2.0
"""Seconds of drawing, page and tables."""

PAGES = {"cells": 4e5, "lesson": 3e5}
"""Bytes of page and tables: with some hundred cells; of a lesson without its patches."""

PICTURE = 2.6
"""Bytes of a pixel of the picture: a file, and once more in the page."""

ROW = 64
"""Bytes of a patch in a table."""


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
        see = functools.partial(scene, items, settings=settings, radar=way.radar, block=BLOCK)
        seen = see(box=box)
        windows = learn.patches.scan(seen, way.detector, step=way.step, mode=settings.mode)
        dates = seen.sizes["time"]
        tasks = dates * first_computation(lambda: _scan(seen, way, settings))
    load = _load(box, dates, int(windows.size), settings.cluster, tasks)
    cut = Cut.of(box.shape, BLOCK)
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            pace = block_rate(
                lambda part: _scan(see(box=part).isel(time=slice(0, 1)), way, settings),
                box,
                way.detector.size,
            )
        told = "measured just now on a block of the input"
    else:
        pace = BlockRate(0.0, 0.0, rate)
    network = NETWORK["asked"] if way.detector.padding is not None else 0.0
    seconds = pace.start + dates * cut.seconds(pace, load.threads * load.processes)
    return Plan(
        grid=_grid(box, way.resolution),
        readings=(reading_of("sentinel1", items, box),),
        load=load,
        processes=load.processes,
        output=8.0 * windows.size + PICTURE * _pictured(box) + PAGES["cells"],
        memory=_memory(load, settings.cluster, 4.0 * windows.size, network),
        seconds={"windows": seconds, "files and report": REPORT},
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
        radar = radar_of(settings)
        see = functools.partial(scene, items, settings=settings, radar=radar, block=PATCH_BLOCK)
        seen = see(box=box)
        tasks = _reads(seen, points, settings.size)
    dates = seen.sizes["time"]
    load = _load(box, dates, dates * len(points), settings.cluster, tasks)
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            pace = block_rate(
                lambda part: see(box=part).isel(time=slice(0, 1)).compute(), box, SMALLEST
            )
            lesson = lesson_rate(settings, [str(name) for name in seen["channel"].values])
        told = "measured just now on a block of the input, and on made-up patches"
    else:
        pace, lesson = BlockRate(0.0, 0.0, rate), as_elsewhere(settings)
    cut = Cut.of(box.shape, PATCH_BLOCK, touched=_touched(points, box, settings.size))
    content = 4.0 * load.patches * seen.sizes["channel"] * settings.size**2
    network = NETWORK["taught"] if settings.kind == "network" else 0.0
    return Plan(
        grid=_grid(box, settings.resolution),
        readings=(reading_of("sentinel1", items, box),),
        load=load,
        processes=load.processes,
        output=KEPT * content + ROW * load.patches + PAGES["lesson"],
        memory=_memory(load, settings.cluster, 3.0 * content, network),
        seconds={
            "patches": pace.start + dates * cut.seconds(pace, load.threads * load.processes),
            "teaching": lesson_seconds(lesson, settings, load.patches),
            "files and report": REPORT,
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


def _touched(points: Any, box: GeoBox, size: int) -> set[tuple[int, int]]:
    """Blocks, by row and column, that the windows around points lie in."""
    inverse, half = ~box.transform, size // 2
    found = set()
    for point in points.to_crs(box.crs.wkt).geometry:
        column, row = inverse * (point.x, point.y)
        rows, columns = (
            range(int(at - half) // PATCH_BLOCK, int(at + half - 1) // PATCH_BLOCK + 1)
            for at in (row, column)
        )
        found |= set(itertools.product(rows, columns))
    return found


def _load(box: GeoBox, dates: int, patches: int, cluster: str, tasks: int) -> DetectLoad:
    processes, threads = workers_of(cluster)
    height, width = box.shape
    return DetectLoad(height, width, dates, patches, threads, processes, tasks)


def _grid(box: GeoBox, resolution: float) -> str:
    height, width = box.shape
    return f"{height:,} × {width:,} pixels of {resolution:g}, EPSG:{box.crs.epsg}"


def _pictured(box: GeoBox) -> float:
    """Pixels of the picture, which is thinned by powers of two."""
    thinned = max(0, math.ceil(math.log2(max(box.shape) / SIDE)))
    return float(math.prod(box.shape)) / 4.0**thinned


def _memory(
    load: DetectLoad, cluster: str, gathered: float, network: float
) -> dict[str, dict[str, float]]:
    """GiB of each kind of process: blocks of all threads, the network, and what is gathered."""
    block = min(BLOCK, load.height) * min(BLOCK, load.width)
    blocks = LIBRARIES + network + 3 * COPIES * load.threads * block / GIB
    results = LIBRARIES + LEARNING + network + gathered / GIB
    if cluster != "threads":
        return {"worker": {"images": MARGIN * blocks}, "main": {"results": MARGIN * results}}
    images = blocks + LEARNING + gathered / GIB
    return {"main": {"images": MARGIN * images, "results": MARGIN * results}}
