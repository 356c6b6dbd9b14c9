"""What some maps take besides: clear views that are counted, and a student who sees radar alone."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from minewatch.sources.collections import QUALITY
from minewatch.workflows.mapping_clouds import CLEAR
from minewatch.workflows.mapping_students import TREES
from minewatch.workflows.planning_plans import KEPT
from minewatch.workflows.planning_reading import Reading, reading_of

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.planning_memory import Load
    from minewatch.workflows.planning_rates import Rates

__all__ = [
    "more_output",
    "more_seconds",
    "views_of",
    "warped_of",
    "with_views",
]

FITS = {"none": 1, "confident": 6, "soft": 6, "small_loss": 21}
"""What is done about a teacher's errors → fits of one student: five folds tell how many there are,
and two models that learn from each other ten times."""


def views_of(
    items: dict[str, list[pystac.Item]], box: GeoBox, settings: MappingSettings
) -> dict[str, Reading]:
    """What is read once more to count clear views.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : MappingSettings
        ``counts`` and ``clouds``.

    Returns
    -------
    dict of str to Reading
        Optical sensor → what finds its clouds: the quality layer, or bands too; empty where views
        are not counted.
    """
    if not settings.counts:
        return {}
    names = (QUALITY,) if tuple(settings.clouds) == ("quality",) else None
    return {
        sensor: reading_of(sensor, found, box, names=names)
        for sensor, found in items.items()
        if sensor in CLEAR
    }


def with_views(reading: Reading, again: dict[str, Reading]) -> Reading:
    """A reading with the bytes of what is read once more; scenes and files stay as many.

    Parameters
    ----------
    reading : Reading
        Of a sensor.
    again : dict of str to Reading
        From :func:`views_of`.

    Returns
    -------
    Reading
        The sum.
    """
    if reading.sensor not in again:
        return reading
    more = again[reading.sensor]
    return dataclasses.replace(
        reading, decoded=reading.decoded + more.decoded, stored=reading.stored + more.stored
    )


def more_seconds(
    load: Load,
    again: dict[str, Reading],
    settings: MappingSettings,
    rate: Rates,
    threads: int,
) -> dict[str, float]:
    """Expected seconds of the stages that only some maps have.

    Parameters
    ----------
    load : Load
        What there is to carry.
    again : dict of str to Reading
        From :func:`views_of`.
    settings : MappingSettings
        The run.
    rate : Rates
        How fast this machine is.
    threads : int
        That will work, in all processes.

    Returns
    -------
    dict of str to float
        Stage → seconds.
    """
    faster = rate.threads / threads
    usual = max(rate.images.values())
    stages: dict[str, float] = {}
    if again:
        stages["clear views"] = faster * sum(
            one.samples * rate.images.get(one.sensor, usual) + one.decoded * rate.decode / threads
            for one in again.values()
        )
    if settings.sar_only:
        if settings.teacher is None:
            known = math.log2(max(load.samples, 2))
            stages["teacher's map"] = load.pixels * rate.predict * known * faster
        taught = max(settings.student_samples, 2)
        fits = settings.folds * FITS[settings.noise] * TREES / max(settings.trees, 1)
        stages["student"] = fits * rate.fit * taught * math.log2(taught)
    return stages


def more_output(load: Load, again: dict[str, Reading], settings: MappingSettings) -> float:
    """Bytes of the results that only some maps have.

    Parameters
    ----------
    load : Load
        What there is to carry.
    again : dict of str to Reading
        From :func:`views_of`.
    settings : MappingSettings
        The run.

    Returns
    -------
    float
        Of the counts, and of a teacher's map.
    """
    taught = 8 * KEPT + 1 if settings.sar_only and settings.teacher is None else 0.0
    return load.pixels * (0.5 * len(again) + taught)


def warped_of(items: dict[str, list[pystac.Item]], box: GeoBox) -> frozenset[str]:
    """Sensors whose images must be warped onto a grid.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items.
    box : odc.geo.geobox.GeoBox
        The grid.

    Returns
    -------
    frozenset of str
        Those with an image in another CRS, or off the grid by a part of a pixel.
    """
    return frozenset(
        sensor for sensor, found in items.items() if any(_is_off(item, box) for item in found)
    )


def _is_off(item: pystac.Item, box: GeoBox) -> bool:
    told = item.properties
    for fields in (told, *(asset.extra_fields for asset in item.assets.values())):
        epsg = fields.get("proj:epsg") or str(fields.get("proj:code") or "").rpartition(":")[2]
        if epsg and str(epsg) != str(box.crs.epsg):
            return True
        transform = fields.get("proj:transform")
        if transform and not _fits(transform, box):
            return True
    return False


def _fits(transform: list[float], box: GeoBox) -> bool:
    """Whether the corners of two grids are whole pixels apart, of the finer one."""
    fine = min(abs(transform[0]), abs(box.resolution.x))
    edge = box.boundingbox
    steps = ((transform[2] - edge.left) / fine, (transform[5] - edge.top) / fine)
    return all(abs(step - round(step)) < 1e-3 for step in steps)
