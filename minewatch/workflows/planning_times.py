"""How long a mapping run will take: from rates of this machine, or from an earlier run."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.planning_memory import Load
    from minewatch.workflows.planning_rates import Rates
    from minewatch.workflows.planning_reading import Reading

__all__ = ["as_before", "cost_of", "expected_seconds"]

SEARCHED_TREES = 8 * 80 * 9
"""Trees of one round of the search: 10 to 150 of them, in nine bags."""


def expected_seconds(
    load: Load,
    readings: tuple[Reading, ...],
    settings: MappingSettings,
    rate: Rates,
    threads: int,
) -> dict[str, float]:
    """Expected seconds of each stage, from rates.

    Parameters
    ----------
    load : Load
        What there is to carry.
    readings : tuple of Reading
        What is read, by sensor.
    settings : MappingSettings
        The run.
    rate : Rates
        How fast a machine is.
    threads : int
        That will work, in all processes.

    Returns
    -------
    dict of str to float
        Stage → seconds.
    """
    faster = rate.threads / threads
    usual = max(rate.images.values())
    images = sum(
        one.samples * rate.images.get(one.sensor, usual) + one.decoded * rate.decode / rate.threads
        for one in readings
    )
    opened = sum(
        one.files + one.samples / load.blocks[one.sensor] ** 2
        for one in readings
        if one.sensor in load.blocks
    )
    n = max(load.samples, 2)
    # Each fold learns from all others.
    fits = (settings.folds - 1) * (2 if settings.select else 1) + 1
    one_fit = rate.fit * n * math.log2(n)
    if settings.search:
        fits += round(settings.folds * SEARCHED_TREES / max(settings.trees, 1))
    return {
        "covariates": faster
        * (images + rate.opening * opened + rate.store * load.pixels * load.covariates),
        "learning": fits * one_fit,
        "map": load.pixels * rate.predict * math.log2(n) * faster,
        "files and report": load.pixels * rate.files + 5.0,
    }


def cost_of(folder: Path) -> dict[str, Any]:
    """What an earlier run tells of its cost.

    Parameters
    ----------
    folder : pathlib.Path
        Of the run.

    Returns
    -------
    dict
        ``pixels``, ``images``, ``seconds`` of each stage.

    Raises
    ------
    ValueError
        If it tells no cost.
    """
    path = folder / "metrics.json"
    try:
        cost: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["cost"]
    except (OSError, ValueError, KeyError) as error:
        message = f"{path} tells no cost of a map; name the folder of one made here, or leave rate"
        raise ValueError(message) from error
    return cost


def as_before(load: Load, folder: Path) -> dict[str, float]:
    """Seconds of an earlier run's stages, those of images and maps scaled to this one.

    Parameters
    ----------
    load : Load
        What there is to carry.
    folder : pathlib.Path
        Of the earlier run.

    Returns
    -------
    dict of str to float
        Stage → seconds.

    Raises
    ------
    ValueError
        If it tells no cost.
    """
    cost = cost_of(folder)
    pixels = load.pixels / max(cost["pixels"], 1)
    images = pixels * sum(load.dates.values()) / max(cost["images"], 1)
    scale = {"covariates": images, "map": pixels, "files and report": pixels}
    return {stage: seconds * scale.get(stage, 1.0) for stage, seconds in cost["seconds"].items()}
