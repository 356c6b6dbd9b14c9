"""How good a footprint map is, on polygons that it was not learnt from, and how sure that is."""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import learn, metrics, plots, vectors
from minewatch.conventions import NO_CLASS
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.mapping_checks import threshold_rule

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["held_out_pixels", "reliability_part", "scores_part"]

SHOWN = ("precision", "recall", "f_beta", "mcc", "specificity", "accuracy")
BOUNDED = ("precision", "recall", "f_beta", "accuracy", "mcc")
"""Scores that are told with an interval."""


def scores_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """Scores of the cross-validation and of the held-out polygons.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        A section, the scores.
    """
    del folder
    learnt = found.learnt
    tested = learnt.probability
    weight = tested["weight"].values if "weight" in tested.coords else None
    split = learn.PolygonSplit(settings.folds, blocks=settings.block)
    together = split.together(learnt.samples)
    scores = {
        "cross_validation": _scored(
            tested["label"].values, learnt.mapped, together, settings, weight
        )
    }
    if found.held_out is not None:
        pixels = found.held_out
        scores["held_out"] = _scored(
            pixels["label"].values, pixels["mapped"].values, pixels["polygon"].values, settings
        )
    figure = plots.precision_recall_figure(
        tested["label"].values,
        learnt.told.sel({"class": 1}).values,
        weight=weight,
        threshold=learnt.threshold,
    )
    text = (
        "Each polygon of the reference was held back once as a whole: pixels of one polygon "
        f"resemble each other, and splitting them would flatter the map.{_cut(settings)} Samples "
        "are weighted by the area they stand for. The intervals (95 %) come from drawing polygons "
        f"{'' if settings.block is None else 'and, in the folds, the squares they lie in '}"
        "anew, whole; they say what other polygons of the same kind might have shown, not what "
        "other regions would. Scores are of the reference, in which mines are more common than on "
        "the map."
    )
    if "intervals" not in scores["cross_validation"]:
        few = "polygons" if settings.block is None else "squares"
        text += f" Of fewer than two {few} of a label, as in the folds here, nothing can be drawn."
    return Part(
        sections=[
            Section(
                "How good the map is",
                text,
                figures=[figure],
                table=[
                    {"scored on": name.replace("_", " "), **_in_words(numbers, settings.beta)}
                    for name, numbers in scores.items()
                ],
            )
        ],
        summary=_summary(scores, learnt.threshold, settings.beta),
        numbers={"threshold": learnt.threshold, "beta": settings.beta, **scores},
    )


def held_out_pixels(
    settings: MappingSettings,
    reference: gpd.GeoDataFrame,
    mines: xr.DataArray,
    probability: xr.DataArray,
) -> xr.Dataset | None:
    """Every pixel of the held-out polygons. Computes.

    Parameters
    ----------
    settings : MappingSettings
        With the file of the polygons.
    reference : geopandas.GeoDataFrame
        Polygons that were learnt from.
    mines : xarray.DataArray
        The class map, dims (y, x).
    probability : xarray.DataArray
        Of a mine, dims (y, x).

    Returns
    -------
    xarray.Dataset
        Dim ``sample``: ``label`` (1 mine, 0 other), ``mapped``, ``polygon`` (its row) and
        ``chance`` (probability of a mine). Pixels outside of all polygons, unknown on the map or
        learnt from do not count. None if no polygons are held out, or no such pixel is left.

    Warns
    -----
    UserWarning
        If none of them lies on the map, or some were learnt from.
    """
    if settings.held_out is None:
        return None
    polygons = vectors.read_polygons(settings.held_out, label_column=settings.label)
    truth, which = _drawn(polygons, mines)
    inside = (np.isin(truth, (0, 1)) & (mines.values != NO_CLASS)).ravel()
    learnt = np.zeros(len(inside), dtype=bool)
    learnt[_cells(reference, mines)] = True
    at = np.flatnonzero(inside & ~learnt)
    if seen := int((inside & learnt).sum()):
        message = (
            f"{seen:,} of {int(inside.sum()):,} pixels of {settings.held_out} lie in polygons that "
            "were learnt from and do not count; hold out others"
        )
        warnings.warn(message, UserWarning, stacklevel=2)
    elif not len(at):
        message = f"no pixel of {settings.held_out} lies on the map; give a bbox that covers both"
        warnings.warn(message, UserWarning, stacklevel=2)
    if not len(at):
        return None
    layers = {
        "label": truth.ravel()[at].astype(np.int64),
        "mapped": mines.values.ravel()[at] == 1,
        "polygon": which.ravel()[at].astype(np.int64),
        "chance": probability.values.ravel()[at].astype(np.float64),
    }
    return xr.Dataset({name: ("sample", values) for name, values in layers.items()})


def _cells(polygons: gpd.GeoDataFrame, like: xr.DataArray) -> Any:
    """Pixels of the polygons, by their number in the flat map."""
    _, rows, columns = vectors.pixels_inside(polygons, like=like)
    return rows * like.sizes["x"] + columns


def _drawn(polygons: gpd.GeoDataFrame, like: xr.DataArray) -> tuple[Any, Any]:
    """Label and row of the polygon at each pixel; where two overlap the later one rules both."""
    numbered = polygons.assign(row=np.arange(len(polygons), dtype=np.float64))
    return (
        vectors.rasterize(numbered, like=like, column="label").values,
        vectors.rasterize(numbered, like=like, column="row").values,
    )


def _scored(
    label: Any, mapped: Any, group: Any, settings: MappingSettings, weight: Any = None
) -> dict[str, Any]:
    """Scores and their intervals, by polygons drawn anew."""
    table = metrics.confusion(label, mapped.astype(np.int64), classes=(0, 1), weight=weight)
    scores: dict[str, Any] = dict(metrics.scores(table, beta=settings.beta))
    _, number = np.unique(group, return_inverse=True)
    load = np.ones(len(label)) if weight is None else weight
    mostly = np.bincount(number, load * label) > np.bincount(number, load) / 2
    if min(mostly.sum(), (~mostly).sum()) < 2:  # nothing says how much polygons of a label differ
        return scores
    draw = functools.partial(
        metrics.grouped_bootstrap,
        label,
        mapped.astype(np.int64),
        group,
        beta=settings.beta,
        weight=weight,
        seed=settings.seed,
    )
    found = {name: draw(statistic=name) for name in BOUNDED}
    scores["intervals"] = {
        name: [float(ends["lower"]), float(ends["upper"])] for name, ends in found.items()
    }
    return scores


def _cut(settings: MappingSettings) -> str:
    rule, _ = threshold_rule(settings.threshold)
    return "" if rule == "fixed" else " The threshold was chosen anew for each fold on the others."


def _in_words(scores: dict[str, Any], beta: float) -> dict[str, str]:
    bounds = scores.get("intervals", {})
    return {
        {"f_beta": f"F{beta:g}", "mcc": "MCC"}.get(name, name): _told(
            scores[name], bounds.get(name)
        )
        for name in SHOWN
    }


def _told(value: float, bounds: tuple[float, float] | None = None) -> str:
    if not np.isfinite(value):
        return "unknown"
    if bounds is None:
        return f"{value:.3f}"
    return f"{value:.3f} ({bounds[0]:.3f} to {bounds[1]:.3f})"


def _summary(scores: dict[str, Any], threshold: float, beta: float) -> dict[str, str]:
    tested = scores["cross_validation"]
    bounds = tested.get("intervals", {})
    rows = {
        "threshold": f"probability {threshold:.2f}",
        f"F{beta:g}, cross-validated by polygon": _told(tested["f_beta"], bounds.get("f_beta")),
        "precision, recall": f"{_told(tested['precision'])}, {_told(tested['recall'])}",
    }
    if "held_out" in scores:
        held = scores["held_out"]
        rows[f"F{beta:g}, held-out region"] = _told(
            held["f_beta"], held.get("intervals", {}).get("f_beta")
        )
    return rows


def reliability_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """Whether the probabilities mean what they say, before and after calibration.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        A section, the figures.
    """
    del folder
    learnt = found.learnt
    tables = {"votes": learn.reliability(learnt.votes)}
    if settings.calibration != "none":
        tables["calibrated"] = learn.reliability(learnt.probability)
    rows = [
        {"probability": name, "on": "folds that it has not seen", **_figures(table)}
        for name, table in tables.items()
    ]
    shown = tables[list(tables)[-1]]
    numbers: dict[str, Any] = {
        "calibration": {"method": settings.calibration, **learnt.figures},
        "reliability": {name: _plain(table) for name, table in tables.items()},
    }
    if found.held_out is not None:
        held = learn.reliability(_as_probability(found.held_out))
        numbers["calibration"]["held_out"] = _figures(held)
        numbers["reliability"]["held_out"] = _plain(held)
        rows.append({"probability": list(tables)[-1], "on": "held-out polygons", **_figures(held)})
    told = (
        "Of the samples that are called 70 % likely, 70 % should be mines. Votes of a forest are "
        "drawn towards one half; the curve that mends them was learnt on folds that the forest had "
        "not seen, and is judged here on a fold that the curve has not seen either."
    )
    error = shown.attrs["calibration_error"]
    return Part(
        sections=[
            Section(
                "What the probabilities are worth",
                told,
                figures=[plots.reliability_figure(tables)],
                table=rows,
            )
        ],
        summary={"calibration error": f"{error:.3f}, on folds it has not seen"},
        numbers=numbers,
    )


def _figures(table: Any) -> dict[str, float]:
    return {name: round(table.attrs[name], 6) for name in ("calibration_error", "brier")}


def _plain(table: Any) -> list[dict[str, float]]:
    return [
        {str(key): float(value) for key, value in row.items()} for row in table.to_dict("records")
    ]


def _as_probability(pixels: xr.Dataset) -> xr.DataArray:
    chance = pixels["chance"].values
    return xr.DataArray(
        np.stack([1 - chance, chance], axis=1),
        {"class": [0, 1], "label": ("sample", pixels["label"].values)},
        ("sample", "class"),
    )
