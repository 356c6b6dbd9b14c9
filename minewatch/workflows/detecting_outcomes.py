"""The files of a scored detection: tables, layers, figures and the page that explains them."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pandas as pd

from minewatch import plots
from minewatch._files import whole
from minewatch._origins import carrying, geopackage_options
from minewatch.report import Section, write_report
from minewatch.workflows.origins import origin_of
from minewatch.workflows.outputs import Result, versions, write_json, write_table
from minewatch.workflows.provenance import inputs_of, write_record
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from pathlib import Path

    from minewatch.workflows.detecting_scoring import Scored
    from minewatch.workflows.detecting_settings import ScoreSettings

__all__ = ["write_scores"]

COLUMNS = ["threshold", "tp", "fp", "fn", "precision", "recall", "f1", "reference_recall"]


def write_scores(settings: ScoreSettings, folder: Path, found: Scored) -> Result:
    """Write all that is told of the scores.

    Parameters
    ----------
    settings : ScoreSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Scored
        What it found.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    curve = pd.DataFrame(found.curve, columns=COLUMNS)
    lowest = min(found.matches)
    outcomes = plots.outcomes_figure(found.matches[lowest].layers, extent=found.ground)
    drawn = plots.detection_curve_figure(curve, thresholds=found.matches)
    made_with = versions()
    counts = {
        "cells": len(found.cells.table),
        "reference_cells": len(found.reference),
        "cell_metres": found.cells.size,
        "cells_on_another_one": found.cells.repeated,
        "cells_outside": found.outside["detections"],
        "reference_cells_outside": found.outside["reference"],
    }
    inputs, dropped = inputs_of(settings, folder), _left_out(counts)
    with carrying() as carry:
        carry(origin_of(settings, inputs, dropped=dropped))
        layers = _write_layers(folder / "outcomes.gpkg", found)
    files = {
        "scores at each threshold": write_table(folder / "scores.csv", found.rows, COLUMNS),
        "the same along many": write_table(folder / "pr.csv", found.curve, COLUMNS),
        "all numbers": write_json(folder / "metrics.json", {"scores": found.rows, **counts}),
        "cells found, imagined and missed": layers,
        "the same, drawn": plots.save(outcomes, folder / "outcomes.png"),
        "precision and recall, drawn": plots.save(drawn, folder / "pr.png"),
        "settings, to run it again": write_settings(
            settings, folder / "run.toml", provenance={**made_with}
        ),
    }
    summary = _summary(found)
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Detected cells against known mines",
        sections=[
            Section("What was found", _text(settings, found), [outcomes], table=_shown(found.rows)),
            Section("Precision and recall", _curve_text(lowest), [drawn]),
        ],
        provenance={
            "settings": dataclasses.asdict(settings),
            "counts": counts,
            "versions": made_with,
        },
        summary=summary,
    )
    files["record of where it came from"] = write_record(
        settings,
        folder,
        files=files.values(),
        versions=made_with,
        inputs=inputs,
        dropped=dropped,
    )
    return Result(folder, summary, files)


def _left_out(counts: dict[str, Any]) -> list[dict[str, str]]:
    told = {
        "cells_outside": "they lie outside of the ground that was searched",
        "reference_cells_outside": "they lie outside of the ground that was searched",
        "cells_on_another_one": "they lie on another one, of a higher probability",
    }
    return [
        {"what": name.replace("_", " "), "name": f"{counts[name]}", "reason": reason}
        for name, reason in told.items()
        if counts[name]
    ]


def _write_layers(path: Path, found: Scored) -> Path:
    """One layer for each threshold and outcome, and what they were made of."""
    layers = {"ground": found.ground, "reference": found.reference}
    for threshold, match in found.matches.items():
        detected, reference = match.detected, match.reference
        layers |= {
            f"tp_{threshold:g}": detected[detected["outcome"] == "TP"],
            f"fp_{threshold:g}": detected[detected["outcome"] == "FP"],
            f"fn_{threshold:g}": reference[reference["outcome"] == "FN"],
        }
    with whole(path) as partial:
        for name, table in layers.items():
            table.to_file(
                partial, driver="GPKG", engine="pyogrio", layer=name, index=False,
                append=partial.exists() and name != "ground", geometry_type="Unknown",
                **(geopackage_options() if name == "ground" else {}),
            )  # fmt: skip
    return path


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = {"tp": "TP", "fp": "FP", "fn": "FN", "f1": "F1", "reference_recall": "reference hit"}
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def _summary(found: Scored) -> dict[str, str]:
    summary = {
        "cells": f"{len(found.cells.table):,} detected, {len(found.reference):,} of the reference"
    }
    for row in found.rows:
        precision, recall, f1, hit = (
            _figures(row[name]) for name in ("precision", "recall", "f1", "reference_recall")
        )
        summary[f"above {row['threshold']:g}"] = (
            f"P {precision}, R {recall}, F1 {f1}; {hit} of the reference hit"
        )
    return summary


def _figures(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.3f}"


def _text(settings: ScoreSettings, found: Scored) -> str:
    lowest = min(found.matches)
    text = (
        f"Known mines were cut into cells of {found.cells.size:g} m, and those of which mines "
        f"cover at least {100 * settings.fraction:g} % are the reference. A detection that shares "
        f"more than {settings.min_area:g} m² with one is found (TP), any other is imagined (FP); a "
        "reference cell that meets no detection is missed (FN). Drawn are those above "
        f"{lowest:g}.\n\nRecall divides by detections and missed reference cells, as published; "
        "the last column is the share of the reference that was hit."
    )
    if any(found.outside.values()):
        text += (
            f"\n\nOutside of the ground that was searched lie {found.outside['detections']:,} "
            f"detections and {found.outside['reference']:,} reference cells near it, which do not "
            "count."
        )
    if found.cells.repeated:
        text += (
            f"\n\n{found.cells.repeated:,} detections lay on another one, of another date, say: of "
            "each place the likeliest counts."
        )
    return text


def _curve_text(lowest: float) -> str:
    return (
        "Each point of the lines is a threshold; below "
        f"{lowest:g} nothing was asked for. A reference that misses mines makes detections there "
        "look imagined: precision is never better than the reference is complete."
    )
