"""From a catalogue and labelled points to a detector of mines in radar patches."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any

from minewatch import learn, store
from minewatch._origins import carrying
from minewatch.cluster import connect
from minewatch.workflows.detecting_inputs import (
    check_images,
    find_images,
    scene,
    widened,
)
from minewatch.workflows.detecting_lessons import LESSONS, Lesson, left_patches, write_lesson
from minewatch.workflows.detecting_points import read_points
from minewatch.workflows.detecting_teaching import check_teaching, taught_by
from minewatch.workflows.folders import open_folder, require_free
from minewatch.workflows.identities import items_told
from minewatch.workflows.origins import origin_of
from minewatch.workflows.outputs import (
    Notify,
    Result,
    quiet,
    remove_stale,
    stage,
)
from minewatch.workflows.provenance import inputs_of
from minewatch.workflows.settings import set_aside

if TYPE_CHECKING:
    import geopandas as gpd
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.detecting_settings import DetectTrainSettings

__all__ = ["degrees_of", "detect_train_run", "ground_around", "radar_of"]

BLOCK = 512
"""Rows and columns that are read at a time: points lie apart, and archives keep such blocks."""


def detect_train_run(settings: DetectTrainSettings, *, notify: Notify = quiet) -> Result:
    """Teach a detector to tell mines from anything else in radar patches.

    Patches are cut around the points on every date of the catalogue's Sentinel-1 images; some
    points are held out whole, the detector learns from the others and is scored on those. Written
    beside each other: ``detector.zip``, ``patches.zarr``, ``patches.csv``, ``metrics.json``,
    ``items.csv``, ``pr.png``, ``report.html``, ``run.toml``, and of a network ``history.csv`` and
    ``training.png``.

    Parameters
    ----------
    settings : DetectTrainSettings
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
        If a file is not there.
    KeyError
        If the points have no such column.
    ValueError
        If a setting means nothing, nothing is found, or the points cannot teach.
    ImportError
        If what the kind of detector needs is not installed.
    FileExistsError
        If the output folder holds something and `overwrite` is False.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> from minewatch.workflows import DetectTrainSettings
    >>> detect_train_run(DetectTrainSettings("nowhere.json", "points.geojson", kind="texture"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: catalog 'nowhere.json' does not exist; ...
    """
    check_images(settings)
    points = read_points(settings.points, settings.label)
    check_teaching(settings)
    require_free(settings.output, overwrite=settings.overwrite)
    spent: dict[str, float] = {}
    with (
        contextlib.ExitStack() as held,
        connect(settings.cluster, report=settings.dask_report) as client,
        carrying() as carry,
    ):
        step = functools.partial(stage, client=client, notify=notify, spent=spent)
        with step("search"):
            box = ground_around(points, settings)
            items = find_images(settings, degrees_of(box))
        folder = held.enter_context(open_folder(settings.output, overwrite=settings.overwrite))
        set_aside(folder / "run.toml")
        with step("patches"):
            radar = radar_of(settings)
            seen = scene(items, box, settings, radar=radar, block=BLOCK)
            patches = learn.patches.extract(seen, points, size=settings.size)
            inputs = inputs_of(settings, folder, items=items_told(items, "image"))
            carry(origin_of(settings, inputs, dropped=left_patches(patches)))
            store.to_zarr(patches, folder / "patches.zarr", overwrite=settings.overwrite)
        with step("teaching"):
            taught = taught_by(patches, settings, notify=notify)
        with step("files and report"):
            lesson = Lesson(points, items, patches, taught, radar, spent)
            result = write_lesson(settings, folder, lesson, inputs)
        if settings.overwrite:
            remove_stale(folder, LESSONS, result.files.values())
    return result


def radar_of(settings: DetectTrainSettings) -> dict[str, Any]:
    """How images become the channels of a detector.

    Parameters
    ----------
    settings : DetectTrainSettings
        The run.

    Returns
    -------
    dict
        Settings of :func:`minewatch.learn.patches.channels`.

    Examples
    --------
    >>> from minewatch.workflows import DetectTrainSettings
    >>> radar_of(DetectTrainSettings("catalog.json", "points.geojson", lee_window=1))["window"]
    """
    return {
        "looks": settings.looks,
        "window": None if settings.lee_window == 1 else settings.lee_window,
        "averaging": settings.averaging,
        "floor": settings.floor,
    }


def ground_around(points: gpd.GeoDataFrame, settings: DetectTrainSettings) -> GeoBox:
    """A grid that holds the patch of every point.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        Points.
    settings : DetectTrainSettings
        ``bbox``, or else the bounds of the points; ``crs``, ``resolution``, ``size`` and the window
        of the filter.

    Returns
    -------
    odc.geo.geobox.GeoBox
        The grid.
    """
    west, south, east, north = settings.bbox or points.to_crs("EPSG:4326").total_bounds.tolist()
    # A single point, or points in a row, have no extent.
    least = 1e-5
    bounds = (west - least, south - least, east + least, north + least)
    rim = settings.size // 2 + settings.lee_window
    return widened(
        bounds, crs=settings.crs, resolution=settings.resolution, step=settings.size // 2, rim=rim
    )


def degrees_of(box: GeoBox) -> tuple[float, float, float, float]:
    """West, south, east, north of a grid, in degrees."""
    from pyproj import Transformer

    into = Transformer.from_crs(box.crs.wkt, "EPSG:4326", always_xy=True)
    west, south, east, north = into.transform_bounds(*box.boundingbox)
    return float(west), float(south), float(east), float(north)
