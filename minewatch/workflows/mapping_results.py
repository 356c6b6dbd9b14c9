"""The files of a mapping run: maps, polygons, scores, model and the page that explains them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from minewatch.report import Section, write_report
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.mapping_costs import cost_part
from minewatch.workflows.mapping_forests import forest_part
from minewatch.workflows.mapping_maps import domain_part, maps_part
from minewatch.workflows.mapping_omissions import left_out
from minewatch.workflows.mapping_points import points_part
from minewatch.workflows.mapping_scores import reliability_part, scores_part
from minewatch.workflows.mapping_students_results import student_part
from minewatch.workflows.mapping_views import views_part
from minewatch.workflows.mapping_years import days_of, year_of
from minewatch.workflows.outputs import Result, versions, write_json, write_table
from minewatch.workflows.provenance import write_record
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["write_results"]


def write_results(
    settings: MappingSettings, folder: Path, found: Findings, inputs: Sequence[Mapping[str, Any]]
) -> Result:
    """Write everything beside the stores and say what there is.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.
    inputs : sequence of mapping
        From :func:`minewatch.workflows.provenance.inputs_of`.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    made_with = versions()
    parts = [
        part(settings, folder, found)
        for part in (
            maps_part,
            scores_part,
            reliability_part,
            domain_part,
            forest_part if found.taught is None else student_part,
            points_part,
            views_part,
            _images_part,
            cost_part,
        )
    ]
    summary = {key: text for part in parts for key, text in part.summary.items()}
    files = {key: path for part in parts for key, path in part.files.items()}
    numbers = {key: number for part in parts for key, number in part.numbers.items()}
    files["scores"] = write_json(folder / "metrics.json", numbers)
    files["settings, to run it again"] = write_settings(
        settings,
        folder / "run.toml",
        provenance={**made_with, "images": sum(map(len, found.items.values()))},
    )
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Mine footprints from optical and radar images"
        if found.taught is None
        else "Mine footprints from radar alone, taught by an optical map",
        sections=[section for part in parts for section in part.sections],
        provenance={
            "settings": dataclasses.asdict(settings),
            "samples": dict(found.learnt.samples.attrs),
            "covariates": list(found.stack.data_vars),
            "left out": found.stack.attrs.get("left_out", "nothing"),
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
        dropped=left_out(settings, found.stack, found.learnt),
    )
    return Result(folder, summary, files)


def _images_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    used = [
        {
            "sensor": sensor,
            "collection": item.collection_id,
            "item": item.id,
            "date": days_of(item),
        }
        for sensor, items in found.items.items()
        for item in items
    ]
    path = write_table(folder / "items.csv", used, ["sensor", "collection", "item", "date"])
    files = {"covariates": folder / "features.zarr", "images used": path}
    if settings.covariates == "fusion":
        files["radar composites"] = folder / "radar.zarr"
    text = ""
    if years := sorted({year_of(item) for item in found.items.get("palsar", [])}):
        text = (
            f"PALSAR comes in yearly mosaics: {' and '.join(map(str, years))} "
            f"{'was' if len(years) == 1 else 'were'} taken, the nearest that there is to the "
            "season and not after it, if any."
        )
    return Part(sections=[Section("Images used", text, table=used)], files=files)
