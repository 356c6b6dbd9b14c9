"""What a patch detector's runs can be told: teaching it, asking it, scoring what it said."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from minewatch.workflows.settings import option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DETECT_PRESETS",
    "SCORE_PRESETS",
    "DetectSettings",
    "DetectTrainSettings",
    "ScoreSettings",
]


@dataclass(frozen=True)
class DetectTrainSettings:
    """How a detector is taught; each field is a key of the TOML file and an option."""

    catalog: str = option(
        dataclasses.MISSING, "STAC API address, catalog.json or item collection", path=True
    )
    points: str = option(
        dataclasses.MISSING, "point file to learn from, with a column of labels", path=True
    )
    output: str = option("detector", "folder for the results", path=True)
    label: str = option("label", "column of the points: 1 mine, 0 anything else")
    # Images
    bbox: tuple[float, float, float, float] | None = option(
        None, "west south east north in degrees; by default around all points"
    )
    datetime: str | None = option(None, "e.g. 2022-05-01/2022-08-31; every date gives patches")
    collections: tuple[str, ...] = option(
        (), "sentinel-1-rtc or sentinel-1-grd; by default the first that is there"
    )
    max_items: int = option(1000, "more matches than this are an error")
    sign: Literal["auto", "none", "planetary-computer"] = option(
        "auto", "who signs addresses when they are opened; auto knows the Planetary Computer"
    )
    crs: str | None = option(None, "CRS of the patches, e.g. EPSG:32721; by default the UTM zone")
    resolution: float = option(10.0, "pixel size in units of the CRS")
    # Patches
    size: int = option(104, "rows and columns of a patch, even")
    looks: float = option(4.4, "equivalent number of looks of the images")
    lee_window: int = option(3, "rows and columns of the speckle filter; 1 leaves the speckle")
    averaging: Literal["difference", "mean", "linear"] = option(
        "difference", "third channel: half VH - VV in dB as printed, their mean, or mean power"
    )
    floor: float | None = option(
        None, "darkest value in dB, e.g. -40; by default no power is no value"
    )
    # Learning
    kind: Literal["network", "texture"] = option(
        "network",
        "the published network (needs torch), or boosted trees on texture",
    )
    padding: Literal["same", "valid"] = option(
        "same", "of the network: same as published; valid scans whole scenes in one go"
    )
    loss: Literal["focal", "focal_alpha_t", "cross_entropy"] = option(
        "focal", "of the network; focal as in Keras, or with a weight for each class"
    )
    gamma: float = option(2.0, "of the focal loss: how little easy patches count")
    alpha: float = option(0.25, "of the focal loss: weight of all patches, or of mines (alpha_t)")
    epochs: int = option(30, "times that the network sees every patch")
    batch: int = option(32, "of the network: patches of a step")
    rate: float = option(1e-3, "of the network: learning rate")
    augment: bool = option(False, "of the network: turn and flip patches as they are learnt from")
    early_stopping: int | None = option(
        None, "epochs of the network without a better loss on held-back patches, before it ends"
    )
    best_epoch: bool = option(
        False, "of the network: keep the weights of the epoch best on held-back patches"
    )
    # Testing
    split: Literal["point", "block", "patch"] = option(
        "point", "what is held out whole: points, blocks of ground, or (leaking) single patches"
    )
    block_size: float = option(5200.0, "metres: side of the blocks of split block")
    test_size: float = option(0.2, "share of the points, blocks or patches that is held out")
    seed: int = option(0, "seed of split, weights and order")
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    dask_report: str | None = option(
        None, "HTML file of Dask's performance report; not with threads", path=True
    )
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")


@dataclass(frozen=True)
class DetectSettings:
    """How scenes are searched for mines; each field is a key of the TOML file and an option."""

    catalog: str = option(
        dataclasses.MISSING, "STAC API address, catalog.json or item collection", path=True
    )
    detector: str = option(dataclasses.MISSING, "detector.zip of a run of detect train", path=True)
    output: str = option("detections", "folder for the results", path=True)
    # Images
    bbox: tuple[float, float, float, float] | None = option(
        None, "west south east north in degrees; by default all that the images show"
    )
    datetime: str | None = option(None, "e.g. 2024-05-01/2024-08-31")
    collections: tuple[str, ...] = option(
        (), "sentinel-1-rtc or sentinel-1-grd; by default what the detector learnt from"
    )
    max_items: int = option(1000, "more matches than this are an error")
    sign: Literal["auto", "none", "planetary-computer"] = option(
        "auto", "who signs addresses when they are opened; auto knows the Planetary Computer"
    )
    crs: str | None = option(None, "CRS of the cells, e.g. EPSG:32721; by default the UTM zone")
    # Windows
    step: int | None = option(None, "pixels from window to window; by default half a window")
    mode: Literal["auto", "windows", "convolution"] = option(
        "auto", "convolution asks a network of padding valid about all windows at once"
    )
    # Cells
    threshold: float = option(0.8, "a cell counts if its probability is greater than this")
    grid: Literal["index", "geometry"] = option(
        "index", "cells by their place in the lattice, or by merging squares as published"
    )
    rule: Literal["max", "mean"] = option(
        "max", "a cell has the highest probability of its four windows, as published, or their mean"
    )
    isolated: float | None = option(
        None, "probability that a cell far from all others must pass, e.g. 0.9"
    )
    neighbours: int = option(5, "a cell is isolated if this neighbour is farther than distance")
    distance: float = option(3000.0, "metres, for isolated cells")
    combine: Literal["each", "max", "mean"] = option(
        "max", "cells of each date, or of the highest or mean probability over the dates"
    )
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    dask_report: str | None = option(
        None, "HTML file of Dask's performance report; not with threads", path=True
    )
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")
    resume: bool = option(False, "go on with a run of these settings that was stopped there")


@dataclass(frozen=True)
class ScoreSettings:
    """How detections are scored; each field is a key of the TOML file and an option."""

    detections: str = option(
        dataclasses.MISSING, "cells.gpkg of a run of detect run, or any cells alike", path=True
    )
    reference: str = option(
        dataclasses.MISSING, "polygon file of the mines that are known", path=True
    )
    output: str = option("detection-scores", "folder for the results", path=True)
    label: str | None = option(
        None, "column of the reference: 1 mine, others not; by default all polygons are mines"
    )
    probability: str = option("probability", "column of the detections that thresholds cut")
    thresholds: tuple[float, ...] = option(
        (0.8, 0.9), "a cell counts if its probability is greater than this; several"
    )
    # Ground
    bbox: tuple[float, float, float, float] | None = option(
        None, "west south east north in degrees: ground that was searched"
    )
    extent: str | None = option(
        None, "polygon file of that ground; by default scanned.geojson beside the detections",
        path=True,
    )  # fmt: skip
    # Reference cells
    fraction: float = option(0.2, "share of a cell that mines must cover for a reference cell")
    align: bool = option(True, "cut the reference along the cells; False: at multiples of a cell")
    snap: bool = option(False, "whole reference cells, not the mines' parts in them")
    min_area: float = option(1.0, "square metres that cells must share more than, to meet")
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")


DETECT_PRESETS: Mapping[str, Mapping[str, object]] = {
    "lemes": {"threshold": 0.8, "grid": "geometry", "mode": "windows", "combine": "each"},
    "amazon-mining-watch": {
        "threshold": 0.43, "isolated": 0.75, "neighbours": 5, "distance": 3000.0,
    },
}  # fmt: skip
"""Settings as published; what is given besides wins.

``lemes``: Lemes Neto et al. (2025): windows one by one, cells of each date by their geometry.
``amazon-mining-watch``: the two levels of https://github.com/earthrise-media/mining-detector.
"""

SCORE_PRESETS: Mapping[str, Mapping[str, object]] = {"paper_area": {"fraction": 0.04}}
"""``paper_area``: cells from 10,816 m² of mine, the area that Lemes Neto et al. (2025) print beside
20 %; of a cell of 520 m it is 4 %, and 20 % of each side."""
