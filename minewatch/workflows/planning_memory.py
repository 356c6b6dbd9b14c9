"""How much memory a mapping run will need, stage by stage.

A model of what is alive at once in the worst moment of each stage; its constants were measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minewatch.workflows.mapping_images import LARGEST

if TYPE_CHECKING:
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["Load", "in_flight", "memory_of"]

GIB = 2**30

LIBRARIES = 0.36
"""GiB of a process with what reads and computes images."""

EVERYTHING = 0.56
"""GiB of the main process, with scikit-learn and matplotlib besides."""

LEFT = 0.1
"""GiB that learning adds to what the images leave: freed memory is kept for later, not returned."""

CACHE = 0.25
"""GiB of decoded tiles that GDAL keeps at most."""

BANDS = 20
"""Composited layers that wait until all covariates of their block are made."""

SERIES, WHOLE_SERIES = 3.0, 12.0
"""Copies of a band's dates that a thread holds; where bands are looked at together, more."""

PICTURES = 0.05
"""GiB of the figures of the page."""

MARGIN = 1.1
"""On top of it all: peaks differ from run to run, by the order in which blocks come."""

OUTLINING = 18
"""Bytes of a pixel of the whole map while mines are outlined and maps are written."""

NODES = 0.2
"""Nodes of a tree for each of its samples; on hard ground more."""

NODE = 140
"""Bytes of a node, as scikit-learn grows it and as it is packed."""


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
    tasks : int
        Of the graph.
    decoded : float
        Bytes of the pixels that are read.
    samples : int
        To learn from.
    """

    height: int
    width: int
    covariates: int
    dates: dict[str, int]
    blocks: dict[str, int]
    threads: int
    tasks: int
    decoded: float
    samples: int

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
    images = max(
        in_flight(load, load.blocks[sensor]) * dates * 4 * _copies(settings)
        for sensor, dates in load.dates.items()
    )
    stored = in_flight(load, LARGEST)
    waiting = stored * (BANDS + load.covariates / 2) * 4
    cache = min(CACHE * GIB, load.decoded)
    drawn = TASK * load.tasks
    reading = LIBRARIES + (images + waiting + cache + drawn) / GIB
    mapping = stored * (load.covariates + 8) * 4 / GIB
    learning = load.samples * (load.covariates * 40 + NODES * NODE * settings.trees) / GIB
    writing = PICTURES + OUTLINING * load.pixels / GIB
    if settings.cluster != "threads":
        worker = {"covariates": reading, "map": reading + mapping}
        main = {"learning": EVERYTHING + learning, "files and report": EVERYTHING + writing}
        return {"worker": _with_margin(worker), "main": _with_margin(main)}
    rest = max(EVERYTHING, reading + LEFT)
    stages = {
        "covariates": reading,
        "learning": rest + learning,
        "map": rest + mapping,
        "files and report": rest + mapping / 2 + writing,
    }
    return {"main": _with_margin(stages)}


def _with_margin(stages: dict[str, float]) -> dict[str, float]:
    return {stage: MARGIN * size for stage, size in stages.items()}


TASK = 2000
"""Bytes of a task in the graph."""


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


def _copies(settings: MappingSettings) -> float:
    """Copies of a band's dates that are alive at once in a thread."""
    together = {"score", "shadow", "outliers"} & set(settings.clouds)
    return WHOLE_SERIES if together or settings.reducer == "geomedian" else SERIES
