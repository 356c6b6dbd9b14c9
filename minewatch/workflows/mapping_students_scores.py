"""What a map by radar alone is worth, and what it loses against the optical map that taught it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from minewatch import learn, metrics
from minewatch.conventions import NO_CLASS

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.mapping_learning import Learnt
    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.mapping_students import Taught

__all__ = ["agreement", "compared", "measured_noise", "overlaps"]

CONVENTIONS: tuple[Literal["default", "track1", "track2"], ...] = ("default", "track1", "track2")


def overlaps(table: xr.DataArray) -> dict[str, Any]:
    """Intersection over union of each class, its mean in three conventions, and kappa.

    Parameters
    ----------
    table : xarray.DataArray
        Confusion of other (0) and mine (1), rows the reference.

    Returns
    -------
    dict
        ``iou`` (other, mine), ``mean_iou`` by convention, ``kappa``.

    Examples
    --------
    >>> found = overlaps(metrics.confusion([0, 0, 1, 1], [0, 0, 1, 0], classes=(0, 1)))
    >>> found["iou"]["mine"], round(found["mean_iou"]["default"], 3), found["kappa"]
    (0.5, 0.583, 0.5)
    """
    other, mine = metrics.iou(table).values.tolist()
    return {
        "iou": {"other": other, "mine": mine},
        "mean_iou": {name: metrics.mean_iou(table, convention=name) for name in CONVENTIONS},
        "kappa": _kappa(np.asarray(table.values, np.float64)),
    }


def _kappa(table: Any) -> float:
    """Agreement beyond that of chance (Cohen 1960)."""
    total = float(table.sum())
    by_chance = float(table.sum(axis=0) @ table.sum(axis=1)) / total**2
    agreed = float(np.trace(table) / total)
    return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else 1.0


def compared(learnt: Learnt, taught: Taught, settings: MappingSettings) -> dict[str, Any]:
    """Student and teacher on the same polygons, block by block, neither having seen them.

    Parameters
    ----------
    learnt : Learnt
        The student.
    taught : Taught
        With the teacher.
    settings : MappingSettings
        The run, with its ``block`` set.

    Returns
    -------
    dict
        ``radar``, ``optical``: :func:`overlaps` of each; ``drop``: of ``iou`` and ``mean_iou`` what
        the radar loses, and the ends of its 95 % interval with
        how many ``drawn`` and of what: ``units`` are blocks, or polygons where blocks are too few.
    """
    samples = learnt.samples
    label, weight = samples["label"].values, samples["weight"].values
    mapped = {"radar": learnt.mapped, "optical": taught.teacher.mapped}
    codes = {name: each.astype(np.int64) for name, each in mapped.items()}
    found: dict[str, Any] = {
        name: overlaps(metrics.confusion(label, each, classes=(0, 1), weight=weight))
        for name, each in codes.items()
    }
    found["drop"] = {
        name: _drop(label, codes, weight, samples, settings, name) for name in ("iou", "mean_iou")
    }
    return found


def _drop(
    label: Any,
    codes: dict[str, Any],
    weight: Any,
    samples: xr.Dataset,
    settings: MappingSettings,
    statistic: str,
) -> dict[str, Any]:
    units = "blocks"
    together = learn.PolygonSplit(settings.folds, blocks=settings.block).together(samples)
    try:
        drawn = metrics.grouped_bootstrap(
            label, codes, together, statistic=statistic, weight=weight, seed=settings.seed
        )
    except ValueError:  # blocks most of which is mine, or other, are too few
        units, polygons = "polygons", samples["polygon"].values
        drawn = metrics.grouped_bootstrap(
            label, codes, polygons, statistic=statistic, weight=weight, seed=settings.seed
        )
    pair = drawn.sel(classifier="optical", other="radar")
    return {
        "estimate": float(pair["difference"]),
        "interval": [float(pair["difference_lower"]), float(pair["difference_upper"])],
        "drawn": int(drawn.attrs["groups"]),
        "units": units,
    }


def measured_noise(taught: Taught) -> dict[str, Any]:
    """How often the teacher is wrong where trusted polygons say so, none of which it has seen.

    Parameters
    ----------
    taught : Taught
        With the teacher.

    Returns
    -------
    dict
        ``rate``: share of the area; ``transition``: of other and mine (rows) what it calls them.
    """
    said = taught.teacher.probability
    weight = said["weight"].values if "weight" in said.coords else None
    table = metrics.confusion(
        said["label"].values,
        (said.sel({"class": 1}).values >= 0.5).astype(np.int64),
        classes=(0, 1),
        weight=weight,
    ).values.astype(np.float64)
    return {
        "rate": float(1 - np.trace(table) / table.sum()),
        "transition": (table / table.sum(axis=1, keepdims=True)).tolist(),
    }


def agreement(mines: xr.DataArray, taught: Taught) -> tuple[dict[str, Any], xr.DataArray]:
    """How the map by radar and the teacher's agree, over all that both know. Computes.

    Parameters
    ----------
    mines : xarray.DataArray
        The class map by radar, dims (y, x), in memory.
    taught : Taught
        With the teacher's map.

    Returns
    -------
    (dict, xarray.DataArray)
        ``confusion`` (rows the teacher's, columns the radar's: pixels of other and mine) and
        :func:`overlaps`; and the table.
    """
    chance = taught.probability.sel({"class": 1}, drop=True).compute()
    cut = chance.dtype.type(taught.teacher.threshold)
    known = np.isfinite(chance.values) & (mines.values != NO_CLASS)
    optical = (chance.values >= cut)[known].astype(np.int64)
    table = metrics.confusion(optical, mines.values[known].astype(np.int64), classes=(0, 1))
    return {"confusion": table.values.tolist(), **overlaps(table)}, table
