"""How much memory a mapping run will need, stage by stage.

A model of what is alive at once in the worst moment of each stage; its constants were measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minewatch.workflows.mapping_clouds import CLEAR
from minewatch.workflows.mapping_images import LARGEST
from minewatch.workflows.mapping_students import TREES

if TYPE_CHECKING:
    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.planning_loads import ActivityLoad

__all__ = ["Load", "activity_memory", "in_flight", "memory_of"]

GIB = 2**30

LIBRARIES = 0.36
"""GiB of a process with what reads and computes images, compiled kernels too."""

LEARNING = 0.045
"""GiB of scikit-learn and what it brings."""

KEPT = {"worker": 0.9, "main": 0.2}
"""Share of the images' memory that a process keeps when it is free. The main one gives back what it
can after each stage, see :func:`minewatch.workflows.outputs.stage`."""

RETURNED = 32 * 2**20
"""Bytes of an array that goes back to the system at once, as the C library has it."""

CACHE = 0.25
"""GiB of decoded tiles that GDAL keeps at most."""

BANDS = 20
"""Composited layers that wait for covariates: of a whole strip, since its images are read first."""

SERIES = 3.0
"""Copies of a band's dates that a thread holds: as read, masked, and with the dates last."""

FOUND = {"shadow": 3.0, "score": 10.0, "outliers": 8.0}
"""Copies besides, of the bands that clouds are found in and of what is made of them."""

LIGHT = 4.0
"""Copies besides, of angles on each date and of their kernels."""

LEVEL = 8.0
"""Copies of a polarisation's dates while strong targets are counted, in decibels of float64."""

SPECTRA = 21.0
"""Copies where ten bands are looked at together: as masked, side by side, and the mask."""

TAKEN = 2.6
"""Copies of the covariates of all pixels in polygons, before samples are drawn of them."""

PICTURES = 0.05
"""GiB of the figures of the page, and of what draws them."""

MARGIN = 1.2
"""On top of it all: peaks differ by 5 % from run to run, by the order in which blocks come."""

OUTLINING = 18
"""Bytes of a pixel of the whole map while mines are outlined and maps are written."""

FLAGS = 6
"""Bytes of a covariate of a pixel where it is compared with the samples: a float, two flags."""

NODES = 0.1
"""Nodes of a tree for each sample where one in nine is unlike its neighbours: nearly half of all
samples are in a bag of 0.6, and such a one takes two nodes. Simulated ground takes a tenth."""

FITTED = 40
"""Bytes of a covariate of a sample while a forest learns: in float64 too, to tell its range."""

NODE = 140
"""Bytes of a node, as scikit-learn grows it and as it is packed."""

TASK = 2000
"""Bytes of a task in the graph."""

MADE = 100
"""Bytes of a pixel while coherence of it is made: two images, window sums, and what waits."""

JUDGED = 36
"""Bytes of a sample of stored coherence while pairs are judged: in float64, and squared."""

TOGETHER = 8
"""Pairs of stored coherence that are read at once."""

CHOICES = 1.4
"""How much more than that is held while maps of other choices are counted."""

REPORTED = 10
"""Bytes of a pixel of the whole map of activity while it is drawn and outlined."""

DRAWN = 0.13
"""GiB of the figures of a page of activity, and of what draws and outlines."""


@dataclass(frozen=True)
class Load:
    """What a run has to carry.

    Parameters
    ----------
    height, width : int
        Of the map.
    covariates : int
        Layers of the stack.
    dates : dict of str to int
        Sensor → images.
    blocks : dict of str to int
        Sensor → rows and columns that a thread reads at a time.
    threads : int
        Of one process that computes images.
    processes : int
        That compute images.
    tasks : int
        Of the graph.
    decoded : float
        Bytes of the pixels that are read.
    inside : int
        Pixels in polygons.
    samples : int
        Of them to learn from.
    taught : int
        Pixels that a student who sees radar alone learns from.
    radar : int
        Layers of the stack that it sees.
    """

    height: int
    width: int
    covariates: int
    dates: dict[str, int]
    blocks: dict[str, int]
    threads: int
    processes: int
    tasks: int
    decoded: float
    inside: int
    samples: int
    taught: int = 0
    radar: int = 0

    @property
    def pixels(self) -> int:
        """Of the map."""
        return self.height * self.width


def memory_of(load: Load, settings: MappingSettings) -> dict[str, dict[str, float]]:
    """The most memory of each stage, GiB, by kind of process.

    Parameters
    ----------
    load : Load
        What there is to carry.
    settings : MappingSettings
        How it is done.

    Returns
    -------
    dict
        ``"worker"`` and ``"main"`` → stage → GiB. With ``cluster="threads"`` there is only
        ``"main"``.
    """
    series = {
        sensor: in_flight(load, load.blocks[sensor]) * dates * 4 * _copies(sensor, settings)
        for sensor, dates in load.dates.items()
    }
    small = [series[sensor] for sensor in series if _array(load, sensor) < RETURNED]
    stored = in_flight(load, LARGEST)
    # In one block half of its covariates too; in all others what they will be made of.
    block = min(LARGEST, load.height) * min(LARGEST, load.width) * (BANDS + load.covariates // 2)
    strip = min(LARGEST, load.height) * load.width
    waiting = 4 * max(block, BANDS * strip // load.processes)
    rest = waiting + min(CACHE * GIB, load.decoded) + TASK * load.tasks
    held = (max(series.values()) + rest) / GIB
    kept = KEPT["main" if settings.cluster == "threads" else "worker"]
    left = LIBRARIES + kept * (max(small, default=0.0) + rest) / GIB
    blocks = stored * load.covariates * 4 / GIB
    taken = TAKEN * load.inside * load.covariates * 4 / GIB
    fitted = _forest(load.samples, load.covariates, settings.trees)
    fitted += _forest(load.taught, load.radar, TREES)
    mapped = stored * (load.covariates + 8) * 4 / GIB
    compared = stored * load.covariates * FLAGS / GIB
    written = PICTURES + OUTLINING * load.pixels / GIB
    if settings.cluster != "threads":
        main = LIBRARIES + LEARNING
        return {
            "worker": _with_margin(
                {
                    "covariates": LIBRARIES + held,
                    "samples": left + blocks,
                    "map": left + LEARNING + mapped,
                    "files and report": left + LEARNING + compared,
                }
            ),
            "main": _with_margin(
                {
                    "samples": main + taken,
                    "learning": main + fitted,
                    "files and report": main + fitted + written,
                }
            ),
        }
    main = left + LEARNING
    stages = {
        "covariates": LIBRARIES + held,
        "samples": main + blocks + taken,
        "learning": main + fitted,
        "map": main + fitted + mapped,
        "files and report": main + fitted + compared + written,
    }
    return {"main": _with_margin(stages)}


def activity_memory(load: ActivityLoad, cluster: str) -> dict[str, dict[str, float]]:
    """The most memory of each stage of a map of activity, GiB, by kind of process.

    Parameters
    ----------
    load : ActivityLoad
        What there is to carry.
    cluster : str
        Where it is computed.

    Returns
    -------
    dict
        As that of :func:`memory_of`.
    """
    block = load.threads * min(LARGEST, load.height) * min(LARGEST, load.width)
    made = MADE * block / GIB
    judged = JUDGED * block * min(TOGETHER, load.pairs) / GIB
    graph = TASK * load.tasks / GIB
    page = LIBRARIES + DRAWN + REPORTED * load.pixels / GIB
    stages = {"coherence": made, "stable ground and pairs": judged, "activity": judged}
    computed = {stage: LIBRARIES + held for stage, held in stages.items()}
    if cluster != "threads":
        worker = computed | {"maps and report": LIBRARIES + CHOICES * judged}
        main = {"maps and report": page + graph}
        return {"worker": _with_margin(worker), "main": _with_margin(main)}
    computed = {stage: size + graph for stage, size in computed.items()}
    computed["maps and report"] = page + graph + CHOICES * judged
    return {"main": _with_margin(computed)}


def _with_margin(stages: dict[str, float]) -> dict[str, float]:
    return {stage: MARGIN * size for stage, size in stages.items()}


def in_flight(load: Load, block: int) -> int:
    """Pixels that all threads of a process work on at once.

    Parameters
    ----------
    load : Load
        What there is to carry.
    block : int
        Rows and columns of a block.

    Returns
    -------
    int
        Never more than the map has.
    """
    one = min(block, load.height) * min(block, load.width)
    return min(load.threads * one, load.pixels)


def _forest(samples: int, covariates: int, trees: int) -> float:
    """GiB of the samples that a forest learns from, and of its trees."""
    return samples * (covariates * FITTED + NODES * NODE * trees) / GIB


def _array(load: Load, sensor: str) -> int:
    """Bytes of all dates of a band in a block."""
    block = load.blocks[sensor]
    return min(block, load.height) * min(block, load.width) * load.dates[sensor] * 4


def _copies(sensor: str, settings: MappingSettings) -> float:
    """Copies of a band's dates that are alive at once in a thread."""
    if sensor not in CLEAR:
        level = settings.speckle == "lee_sigma" and settings.lee_window > 1
        return LEVEL if level and sensor == "sentinel1" else SERIES
    found = sum(FOUND.get(name, 0.0) for name in settings.clouds)
    light = LIGHT if settings.brdf != "none" else 0.0
    return found + light + (SPECTRA if settings.reducer == "geomedian" else SERIES)
