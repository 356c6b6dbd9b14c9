"""How much memory a mapping run will need, stage by stage.

A model of what is alive at once in the worst moment of each stage; its constants were measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minewatch.workflows.mapping_images import LARGEST

if TYPE_CHECKING:
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["Load", "memory_of"]

GIB = 2**30

LIBRARIES = 0.36
"""GiB of a worker with what reads and computes images."""

EVERYTHING = 0.56
"""GiB of the main process, with scikit-learn and matplotlib besides."""

BANDS = 22
"""Composited layers of four bytes that wait for a block's covariates."""

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
    block = _stored_block(load)
    images = max(
        _series(settings) * dates * min(load.blocks[sensor], load.height, load.width) ** 2 * 4
        for sensor, dates in load.dates.items()
    )
    together = LARGEST**2 if block == LARGEST**2 else block
    waiting = (BANDS + load.covariates) * together * 4
    compute = {
        "covariates": load.threads * (images + waiting) + CACHE * GIB + 2000 * load.tasks,
        "map": load.threads * (3 * load.covariates + 8) * block * 4,
    }
    learning = load.samples * (load.covariates * 40 + NODES * NODE * settings.trees)
    main = {
        "learning": learning,
        "files and report": LAYERS * load.pixels,
    }
    if settings.cluster == "threads":
        return {
            "main": {stage: EVERYTHING + size / GIB for stage, size in {**compute, **main}.items()}
        }
    return {
        "worker": {stage: LIBRARIES + size / GIB for stage, size in compute.items()},
        "main": {stage: EVERYTHING + size / GIB for stage, size in main.items()},
    }


CACHE = 0.25
"""GiB of decoded tiles that GDAL keeps."""

LAYERS = 16
"""Bytes a pixel: class map, probability and its overviews while the maps are written."""


def _stored_block(load: Load) -> int:
    return min(LARGEST, load.height) * min(LARGEST, load.width)


def _series(settings: MappingSettings) -> float:
    """Copies of a band's dates that are alive at once in a thread."""
    together = {"score", "shadow", "outliers"} & set(settings.clouds)
    return 12.0 if together or settings.reducer == "geomedian" else 3.0
