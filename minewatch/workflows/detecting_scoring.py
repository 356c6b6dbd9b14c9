"""Detected cells against known mines: what was found, missed and imagined."""

from __future__ import annotations

import functools
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import detections, metrics, vectors
from minewatch.workflows.detecting_cells import Cells, centred_in, read_cells, searched_ground
from minewatch.workflows.detecting_outcomes import write_scores
from minewatch.workflows.folders import open_folder, require_free
from minewatch.workflows.outputs import Notify, Result, quiet, stage
from minewatch.workflows.settings import set_aside

if TYPE_CHECKING:
    import geopandas as gpd

    from minewatch.workflows.detecting_settings import ScoreSettings

__all__ = ["Scored", "score_run", "scored"]

POINTS = 50
"""Thresholds of the curve, at most."""


@dataclass(frozen=True, eq=False)
class Scored:
    """Detections and reference, and how they agree.

    Parameters
    ----------
    cells : Cells
        Detections within the ground searched.
    reference : geopandas.GeoDataFrame
        Reference cells within it.
    ground : geopandas.GeoDataFrame
        The ground.
    matches : dict of float to minewatch.detections.Match
        Of each threshold that was asked for.
    rows : list of dict
        Their scores.
    curve : list of dict
        The same along many thresholds, the highest first.
    outside : dict of str to int
        ``detections`` and ``reference`` cells that lie outside of the ground.
    """

    cells: Cells
    reference: gpd.GeoDataFrame
    ground: gpd.GeoDataFrame
    matches: dict[float, detections.Match]
    rows: list[dict[str, Any]]
    curve: list[dict[str, Any]]
    outside: dict[str, int]


def score_run(settings: ScoreSettings, *, notify: Notify = quiet) -> Result:
    """Score detected cells against polygons of known mines.

    The polygons are cut along the lattice of the cells; a detection that shares ground with a
    reference cell is true, a reference cell that meets none is missed. Only what lies in the
    ground that was searched counts. Written beside each other: ``scores.csv``, ``pr.csv``,
    ``metrics.json``, ``outcomes.gpkg``, ``outcomes.png``, ``pr.png``, ``report.html`` and
    ``run.toml``.

    Parameters
    ----------
    settings : ScoreSettings
        The run.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    FileNotFoundError
        If a file is not there.
    KeyError
        If the detections have no such column.
    ValueError
        If a file cannot be used, or a setting means nothing.
    FileExistsError
        If the output folder holds something and `overwrite` is False.

    See Also
    --------
    minewatch.detections.reference_grid, minewatch.detections.match

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks.

    Examples
    --------
    >>> from minewatch.workflows import ScoreSettings
    >>> score_run(ScoreSettings(detections="nowhere.gpkg", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no file nowhere.gpkg; give the cells that detect run wrote
    """
    check_scores(settings)
    cells = read_cells(settings)
    polygons = _mines(settings)
    ground = searched_ground(settings, cells.table.crs)
    require_free(settings.output, overwrite=settings.overwrite)
    spent: dict[str, float] = {}
    step = functools.partial(stage, client=None, notify=notify, spent=spent)
    with step("scores"):
        found = scored(settings, cells, polygons, ground)
    with (
        open_folder(settings.output, overwrite=settings.overwrite) as folder,
        step("files and report"),
    ):
        set_aside(folder / "run.toml")
        return write_scores(settings, folder, found)


def check_scores(settings: ScoreSettings) -> None:
    """Refuse settings that mean nothing, before anything is read.

    Parameters
    ----------
    settings : ScoreSettings
        The run.

    Raises
    ------
    ValueError
        If one means nothing.
    """
    known = settings.thresholds and all(0 <= value < 1 for value in settings.thresholds)
    for name, holds, wanted in (
        ("thresholds", known, "probabilities from 0 to below 1, e.g. 0.8"),
        ("fraction", 0 <= settings.fraction <= 1, "a share of a cell from 0 to 1, e.g. 0.2"),
        ("min_area", 0 <= settings.min_area < math.inf, "square metres of 0 or more"),
    ):
        if not holds:
            message = f"{name}={getattr(settings, name)} is out of range; use {wanted}"
            raise ValueError(message)


def _mines(settings: ScoreSettings) -> gpd.GeoDataFrame:
    if settings.label is None:
        return vectors.read_polygons(settings.reference)
    table = vectors.read_polygons(settings.reference, label_column=settings.label)
    mines: gpd.GeoDataFrame = table[table["label"] == 1].reset_index(drop=True)
    return mines


def scored(
    settings: ScoreSettings, cells: Cells, polygons: gpd.GeoDataFrame, ground: gpd.GeoDataFrame
) -> Scored:
    """Match detections with the reference at each threshold.

    A cell counts if its centre lies in the ground, on either side alike.

    Parameters
    ----------
    settings : ScoreSettings
        The run.
    cells : Cells
        Detections.
    polygons : geopandas.GeoDataFrame
        Known mines, in any CRS.
    ground : geopandas.GeoDataFrame
        What was searched, in the CRS of the cells.

    Returns
    -------
    Scored
        All that is told of them.
    """
    grid = detections.reference_grid(
        _near(polygons, ground, cells.size),
        size=cells.size,
        minimum_share=settings.fraction,
        crs=cells.table.crs,
        align=cells.corner if settings.align else None,
        snap=settings.snap,
    )
    left, top = cells.corner if settings.align and cells.corner else (0.0, 0.0)
    x = left + (grid["column"].to_numpy() + 0.5) * cells.size
    y = top - (grid["row"].to_numpy() + 0.5) * cells.size
    reference = centred_in(grid, x, y, ground)
    if not len(reference):
        warnings.warn(
            f"no mine of {settings.reference} makes a reference cell in the ground that was "
            "searched, so precision, recall and F1 are unknown; check bbox, extent and label, or "
            "take the count of false positives alone",
            UserWarning,
            stacklevel=3,
        )
    centres = cells.table.geometry.centroid
    inside = centred_in(cells.table, centres.x.to_numpy(), centres.y.to_numpy(), ground)
    outside = {
        "detections": len(cells.table) - len(inside),
        "reference": len(grid) - len(reference),
    }
    asked = sorted(set(settings.thresholds))
    several = _along(inside["probability"].to_numpy(), asked)
    matches = {value: _match(inside, reference, value, settings.min_area) for value in several}
    curve = [score_row(value, matches[value]) for value in several]
    return Scored(
        Cells(inside, cells.size, cells.corner, cells.repeated),
        reference,
        ground,
        {value: matches[value] for value in asked},
        [row for value in asked for row in curve if row["threshold"] == value],
        curve,
        outside,
    )


def _near(polygons: gpd.GeoDataFrame, ground: gpd.GeoDataFrame, size: float) -> gpd.GeoDataFrame:
    """Only polygons about the ground: a UTM zone need not hold those of a whole continent."""
    around = ground.buffer(2 * size, join_style="mitre")
    west, south, east, north = around.to_crs(polygons.crs).total_bounds
    near: gpd.GeoDataFrame = polygons.cx[west:east, south:north].reset_index(drop=True)
    return near


def _along(probability: np.ndarray, asked: list[float]) -> list[float]:
    """Thresholds of the curve from the highest: those asked for, and others where cells drop out.

    Nothing below the lowest one asked for, as cells there may never have been kept.
    """
    kept = np.unique(probability[probability >= asked[0]])
    if len(kept) > POINTS:
        kept = kept[np.linspace(0, len(kept) - 1, POINTS).round().astype(int)]
    # Of the highest probability there is no cell above.
    return sorted({*kept[:-1].tolist(), *asked}, reverse=True)


def _match(
    found: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, threshold: float, min_area: float
) -> detections.Match:
    kept = found[found["probability"] > threshold]
    return detections.match(kept, reference, min_area=min_area)


def score_row(threshold: float, match: detections.Match) -> dict[str, Any]:
    """Counts and scores of one threshold.

    Parameters
    ----------
    threshold : float
        The threshold.
    match : minewatch.detections.Match
        Of the cells above it.

    Returns
    -------
    dict
        ``threshold, tp, fp, fn, precision, recall, f1, reference_recall``. Without any reference
        the scores are NaN: that no known mine was hit where none is known says nothing.
    """
    counts = match.counts
    scores = metrics.object_scores(**counts)
    if not len(match.reference):
        scores = dict.fromkeys(scores, math.nan)
    return {
        "threshold": threshold,
        **counts,
        **scores,
        "reference_recall": match.reference_recall,
    }
