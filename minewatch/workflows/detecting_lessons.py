"""The files of a detector that was taught: the detector, its patches, scores, and the page."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from minewatch import learn, plots
from minewatch.report import Section, write_report
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.detecting_teaching import THRESHOLDS, Taught, patch_scores
from minewatch.workflows.mapping_years import days_of
from minewatch.workflows.outputs import Result, listed, versions, write_json, write_table
from minewatch.workflows.provenance import write_record
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pystac
    import xarray as xr

    from minewatch.workflows.detecting_settings import DetectTrainSettings

__all__ = ["DETECTOR", "LESSONS", "Lesson", "write_lesson"]

DETECTOR = "detector.zip"

LESSONS = ("history.csv", "training.png")
"""What only networks leave: of an earlier one it is removed."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a run that teaches a detector found.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        Labelled points.
    items : list of pystac.Item
        Images used.
    patches : xarray.Dataset
        The patch set.
    taught : Taught
        The detector, and what it says of the patches.
    radar : dict
        How images became channels: settings of :func:`minewatch.learn.patches.channels`.
    spent : dict of str to float
        Stage → seconds.
    """

    points: gpd.GeoDataFrame
    items: list[pystac.Item]
    patches: xr.Dataset
    taught: Taught
    radar: dict[str, Any]
    spent: dict[str, float] = field(default_factory=dict)


def write_lesson(
    settings: DetectTrainSettings,
    folder: Path,
    lesson: Lesson,
    inputs: Sequence[Mapping[str, Any]],
) -> Result:
    """Write everything beside the patches and say what there is.

    Parameters
    ----------
    settings : DetectTrainSettings
        The run.
    folder : pathlib.Path
        Its folder.
    lesson : Lesson
        What it found.
    inputs : sequence of mapping
        From :func:`minewatch.workflows.provenance.inputs_of`.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    path = folder / DETECTOR
    told = {
        "radar": lesson.radar,
        "resolution": float(lesson.patches.attrs["resolution"]),
        "collection": str(lesson.items[0].collection_id),
    }
    learn.patches.save_detector(lesson.taught.detector, path, provenance=told)
    made_with = versions()
    parts = [
        part(settings, folder, lesson) for part in (_scores_part, _teaching_part, _patches_part)
    ]
    summary = {key: text for part in parts for key, text in part.summary.items()}
    files = {"detector, for detect run": path}
    files |= {key: one for part in parts for key, one in part.files.items()}
    numbers = {key: number for part in parts for key, number in part.numbers.items()}
    files["scores"] = write_json(folder / "metrics.json", numbers)
    files["settings, to run it again"] = write_settings(
        settings, folder / "run.toml", provenance={**made_with, "images": len(lesson.items)}
    )
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="A detector of mines in radar patches",
        sections=[section for part in parts for section in part.sections],
        provenance={
            "settings": dataclasses.asdict(settings),
            "detector": lesson.taught.detector.provenance_,
            "seconds": {name: round(seconds, 1) for name, seconds in lesson.spent.items()},
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
        dropped=left_patches(lesson.patches),
    )
    return Result(folder, summary, files)


def left_patches(patches: xr.Dataset) -> list[dict[str, str]]:
    """How many patches were left out, as the record of a run tells them.

    Parameters
    ----------
    patches : xarray.Dataset
        From :func:`minewatch.learn.patches.extract`.

    Returns
    -------
    list of dict
        ``what``, ``name``, ``reason``.
    """
    counts = {why: int(patches.attrs[f"dropped_{why}"]) for why in ("edge", "nodata")}
    return [
        {"what": "patches", "name": f"{counts[why]}", "reason": reason}
        for why, reason in (
            ("edge", "the window crosses the edge of the ground"),
            ("nodata", "the window holds nodata"),
        )
        if counts[why]
    ]


def _scores_part(settings: DetectTrainSettings, folder: Path, lesson: Lesson) -> Part:
    taught = lesson.taught
    rows = patch_scores(taught.held_out, seed=settings.seed)
    held = taught.held_out.dropna(subset=["probability"])
    mines = int((held["label"] == 1).sum())
    figure = plots.precision_recall_figure(held["label"], held["probability"], threshold=0.8)
    first, marked = rows[0], rows[1]
    text = (
        f"{len(held)} patches of {held['point'].nunique()} points were held out, {mines} of them "
        f"with a mine: {_held_whole(settings)}. A patch is called a mine if its probability is "
        "greater than the threshold; 0.8 is where detect run cuts unless told otherwise. The "
        "interval (95 %) draws whole points, since dates of one place resemble each other. Mines "
        "are rare in a scene, so its scores are lower than those of patches chosen by hand."
    )
    if taught.overlapping:
        text += (
            f"\n\n{taught.overlapping} of the held-out patches share ground with patches that were "
            "learnt from: their points lie close together."
        )
        text += " The split by block leaves fewer." if settings.split == "point" else ""
    text += "".join(f"\n\n{warned[:1].upper()}{warned[1:]}." for warned in taught.warned)
    return Part(
        sections=[Section("Patches it has not seen", text, [figure], table=_shown(rows))],
        files={"precision and recall, drawn": plots.save(figure, folder / "pr.png")},
        summary={
            "held-out patches": f"{len(held)} of {held['point'].nunique()} points",
            "F1 on them": (
                f"{first['f1']:.3f} above 0.5 ({first['f1_lower']:.3f} to {first['f1_upper']:.3f})"
                f", {marked['f1']:.3f} above 0.8"
            ),
        },
        numbers={
            "held_out": rows,
            "held_out_patches": len(held),
            "held_out_points": int(held["point"].nunique()),
            "overlapping": taught.overlapping,
            "threshold": THRESHOLDS[1],
        },
    )


def _held_whole(settings: DetectTrainSettings) -> str:
    return {
        "point": "all dates of a point stay together",
        "block": f"all points of a block of {settings.block_size:g} m stay together",
        "patch": "single patches, so that the same place is learnt from and tested on",
    }[settings.split]


def _shown(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    names = {"tp": "TP", "fp": "FP", "fn": "FN", "tn": "TN", "f1": "F1"}
    names |= {"f1_lower": "F1 from", "f1_upper": "to"}
    return [{names.get(key, key): value for key, value in row.items()} for row in rows]


def _teaching_part(settings: DetectTrainSettings, folder: Path, lesson: Lesson) -> Part:
    history = getattr(lesson.taught.detector, "history_", None)
    if history is None or not len(history):
        text = (
            "Boosted trees on statistics of each patch (mean, spread, quantiles, edges and "
            "co-occurrence of grey levels), which need no network library."
        )
        return Part(sections=[Section("How it was taught", text)], numbers={"kind": settings.kind})
    figure = plots.training_figure(history)
    chosen = settings.early_stopping is not None or settings.best_epoch
    watched = (
        "The held-back patches chose the epoch, and are others than those that the scores are of."
        if chosen
        else "The held-back patches are those that the scores are of; they chose nothing."
    )
    rows, columns = listed(history)
    return Part(
        sections=[Section("How it was taught", f"{len(history)} epochs. {watched}", [figure])],
        files={
            "loss and F1 of each epoch": write_table(folder / "history.csv", rows, columns),
            "the same, drawn": plots.save(figure, folder / "training.png"),
        },
        summary={"epochs": f"{len(history)}"},
        numbers={"kind": settings.kind, "epochs": len(history)},
    )


def _patches_part(settings: DetectTrainSettings, folder: Path, lesson: Lesson) -> Part:
    del settings
    table = lesson.taught.table
    counts = table.groupby(["part", "label"])["point"].agg(["nunique", "size"]).reset_index()
    shown = [
        {
            "part": row["part"],
            "label": "mine" if row["label"] == 1 else "other",
            "points": int(row["nunique"]),
            "patches": int(row["size"]),
        }
        for _, row in counts.iterrows()
    ]
    edge, nodata = (int(lesson.patches.attrs[f"dropped_{why}"]) for why in ("edge", "nodata"))
    dates = table["date"].nunique()
    text = (
        f"{len(table)} patches around {table['point'].nunique()} points on {dates} dates. Left out "
        f"are {edge} whose window crosses the edge of the ground and {nodata} that hold nodata."
    )
    rows, columns = listed(table)
    used = [{"item": item.id, "date": days_of(item)} for item in lesson.items]
    files = {
        "patches": folder / "patches.zarr",
        "what it says of each patch": write_table(folder / "patches.csv", rows, columns),
        "images used": write_table(folder / "items.csv", used, ["item", "date"]),
    }
    return Part(
        sections=[
            Section("What it learnt from", text, table=shown),
            Section("Images used", table=used),
        ],
        files=files,
        summary={"patches": f"{len(table)} of {table['point'].nunique()} points, {dates} dates"},
        numbers={
            "patches": len(table),
            "points": int(table["point"].nunique()),
            "dates": int(dates),
            "dropped_edge": edge,
            "dropped_nodata": nodata,
        },
    )
