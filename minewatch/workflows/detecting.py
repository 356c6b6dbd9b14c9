"""From a catalogue and a detector to cells in which it saw a mine."""

from __future__ import annotations

import contextlib
import functools
import shutil

from minewatch import store
from minewatch._origins import carrying
from minewatch.cluster import connect
from minewatch.workflows.detecting_dates import DATES, keep_ledgers
from minewatch.workflows.detecting_inputs import (
    check_images,
    find_images,
    ground_of,
    scene,
    widened,
)
from minewatch.workflows.detecting_results import Detected, blind_dates, write_detections
from minewatch.workflows.detecting_scanning import (
    check_detection,
    load_way,
    windows_and_picture,
)
from minewatch.workflows.detecting_settings import DetectSettings
from minewatch.workflows.detecting_squares import cells_of, seen_ground
from minewatch.workflows.identities import items_told
from minewatch.workflows.origins import origin_of
from minewatch.workflows.outputs import Notify, Result, quiet, stage
from minewatch.workflows.provenance import inputs_of
from minewatch.workflows.resuming import begin, contents_of, key_of, mark, require_begin

__all__ = ["detect_run"]

BLOCK = 1024
"""Rows and columns that are read at a time."""


def detect_run(settings: DetectSettings, *, notify: Notify = quiet) -> Result:
    """Search radar images for mines with a detector of patches.

    Its window slides over every date; windows above the threshold become square cells of half a
    window. Images are made into channels just as those were that the detector learnt from. Written
    beside each other: ``windows.zarr`` (all dates), ``windows.tif``, ``cells.gpkg``,
    ``cells.geojson``, ``scanned.geojson`` (ground that windows saw), ``quicklook.png``,
    ``items.csv``, ``metrics.json``, ``report.html`` and ``run.toml``.

    Parameters
    ----------
    settings : DetectSettings
        The run.
    notify : callable
        Is told how it gets on: ``notify(stage, done, total)``.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    FileNotFoundError
        If catalogue or detector are not there.
    ValueError
        If a setting means nothing, nothing is found, or the file is no detector.
    ImportError
        If what the detector needs is not installed.
    FileExistsError
        If the output folder holds something, and neither `overwrite` nor `resume` is True.
    RuntimeError
        If dates cannot be read: how many strips of which. What else was seen is kept for `resume`.

    See Also
    --------
    minewatch.learn.patches.scan, minewatch.detections.cells

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> detect_run(DetectSettings("nowhere.json", "detector.zip"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: catalog 'nowhere.json' does not exist; ...
    """
    check_images(settings)
    check_detection(settings)
    way = load_way(settings)
    require_begin(settings)
    spent: dict[str, float] = {}
    with (
        contextlib.ExitStack() as held,
        connect(settings.cluster, report=settings.dask_report) as client,
        carrying() as carry,
    ):
        step = functools.partial(stage, client=client, notify=notify, spent=spent)
        with step("search"):
            items = find_images(settings, settings.bbox, prefer=way.collection)
            box = widened(
                settings.bbox or ground_of(items, settings.catalog),
                crs=settings.crs,
                resolution=way.resolution,
                step=way.step,
                # So that windows on all sides see each cell of a box that was asked for.
                rim=0 if settings.bbox is None else way.step,
            )
        folder = held.enter_context(begin(settings))
        if not settings.resume:
            shutil.rmtree(folder / DATES, ignore_errors=True)
        mark(settings, folder, stores=())
        with step("windows"):
            images = items_told(items, "image")
            inputs = inputs_of(settings, folder, items=images)
            known = [*(row["digest"] for row in images), *contents_of(settings.detector)]
            seen = scene(items, box, settings, radar=way.radar, block=BLOCK)
            windows, picture = windows_and_picture(
                seen, way, settings, folder / DATES, key=key_of(settings, known)
            )
            carry(origin_of(settings, inputs, dropped=blind_dates(windows)))
            store.to_zarr(windows, folder / "windows.zarr", overwrite=True)
            keep_ledgers(windows, folder)
        with step("files and report"):
            cells = cells_of(windows, settings)
            found = Detected(items, way, windows, picture, cells, seen_ground(windows), spent)
            result = write_detections(settings, folder, found, inputs)
        shutil.rmtree(folder / DATES)
    return result
