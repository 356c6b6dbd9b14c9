"""What a map by radar alone leaves beside a map: its student, its teacher, scores and changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch import changes, learn, plots, store
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.mapping_students_scores import (
    agreement,
    compared,
    measured_noise,
)
from minewatch.workflows.mapping_years import days_of
from minewatch.workflows.outputs import listed, write_table

if TYPE_CHECKING:
    import pystac
    import xarray as xr

    from minewatch.workflows.mapping_learning import Learnt
    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.mapping_students import Taught

__all__ = ["save_student", "student_part"]

NAMES = ("other", "mine")

MEANING = {
    "none": "Nothing was done about the teacher's errors.",
    "confident": (
        "Labels that the radar contradicts, as seen from other blocks of ground, were left out."
    ),
    "soft": (
        "Each pixel stands for both classes, as likely as it is of each when its label, the radar "
        "as seen from other blocks of ground, and the rates of the teacher's errors are weighed."
    ),
    "small_loss": (
        "Two students on one half of the blocks each left out the labels that surprised the other."
    ),
}


def save_student(
    settings: MappingSettings,
    folder: Path,
    learnt: Learnt,
    taught: Taught,
    items: dict[str, list[pystac.Item]],
) -> Path:
    """Write the student, with who taught it and how.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    learnt : Learnt
        The student.
    taught : Taught
        Its teacher, and what was done about wrong labels.
    items : dict of str to list of pystac.Item
        Sensor → items used.

    Returns
    -------
    pathlib.Path
        The file, for :func:`minewatch.learn.load_model`.
    """
    path = folder / _model_name(settings)
    facts = {
        "teacher": Path(taught.folder or "teacher.npz").name,
        "reference": Path(settings.reference).name,
        "threshold": learnt.threshold,
        "keep": settings.keep,
        "pixels": taught.pixels,
        "labels": {NAMES[code]: many for code, many in taught.kept.items()},
        "noise": _plain(taught.noise),
        "images": [item.id for found in items.values() for item in found],
    }
    learn.save_model(learnt.model, path, provenance=facts)
    return path


def _model_name(settings: MappingSettings) -> str:
    return "student.npz" if settings.student == "forest" else "student.skops"


def _plain(noise: dict[str, Any]) -> dict[str, Any]:
    """Numbers that a header can hold: what is not known is None."""
    return {name: None if value != value else value for name, value in noise.items()}


def student_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """Teacher and student side by side, the teacher's errors, and what changed since.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found, with ``taught``.

    Returns
    -------
    Part
        Sections, files, scores.
    """
    taught = found.taught
    if taught is None:
        return Part()
    learnt = found.learnt
    scores = compared(learnt, taught, settings)
    measured = measured_noise(taught)
    alike, _ = agreement(found.mines, taught)
    chance = taught.probability.sel({"class": 1}, drop=True)
    chance = chance.assign_attrs(long_name="probability of a mine, by the teacher")
    files = {
        "student, to map by radar elsewhere": folder / _model_name(settings),
        "teacher's probability of a mine": store.to_cog(chance, folder / "teacher.tif"),
    }
    if taught.folder is None:
        files |= {
            "teacher": folder / "teacher.npz",
            "teacher's probability, to compute with": folder / "teacher.zarr",
        }
    if taught.teacher.search is not None:
        tried, columns = listed(taught.teacher.search.table.reset_index(drop=True))
        files["forests that were tried as a teacher"] = write_table(
            folder / "search.csv", tried, columns
        )
    sections = [
        _compared_section(scores, alike, chance, taught, settings),
        _noise_section(taught, measured, settings.keep),
    ]
    if len(learnt.importances):
        rows = [
            {"covariate": name, "gini_percent": float(value)}
            for name, value in learnt.importances.items()
        ]
        files["importance of each covariate"] = write_table(
            folder / "importances.csv", rows, ["covariate", "gini_percent"]
        )
        sections.append(
            Section(
                "What the student looked at",
                "Share of the impurity that each covariate took away, in percent. Correlated "
                "covariates share it.",
                figures=[plots.importance_figure(learnt.importances)],
            )
        )
    numbers: dict[str, Any] = {
        "student": settings.student,
        "covariates": [str(name) for name in learnt.samples.data_vars],
        "samples": dict(learnt.samples.attrs),
        "block_metres": settings.block,
        "teacher": {
            "folder": None if taught.folder is None else str(taught.folder),
            "threshold": taught.teacher.threshold,
            "covariates": [str(name) for name in taught.teacher.samples.data_vars],
        },
        "labels": {
            "pixels": taught.pixels,
            "keep": settings.keep,
            **{NAMES[code]: many for code, many in taught.kept.items()},
        },
        "noise": {**taught.noise, "on_trusted_polygons": measured},
        "against_polygons": scores,
        "against_teacher": alike,
    }
    if taught.folder is not None and (section := _changes(folder, found, taught, files)):
        sections.append(section)
    drop = scores["drop"]["mean_iou"]
    summary = {
        "mean IoU by radar alone": f"{scores['radar']['mean_iou']['default']:.3f}",
        "lost against the optical map": f"{drop['estimate']:.3f} {_ends(drop['interval'])}",
        "labels thought wrong": _percent(taught.noise["rate"]),
    }
    return Part(sections=sections, files=files, numbers=numbers, summary=summary)


def _ends(interval: list[float]) -> str:
    return f"({interval[0]:.3f} to {interval[1]:.3f})"


def _better(*losses: dict[str, Any]) -> str:
    return "below 0 the radar is the better; " if min(x["estimate"] for x in losses) < 0 else ""


def _percent(share: float) -> str:
    return "not asked" if share != share else f"{100 * share:.0f} %"


def _compared_section(
    scores: dict[str, Any],
    alike: dict[str, Any],
    chance: xr.DataArray,
    taught: Taught,
    settings: MappingSettings,
) -> Section:
    lost, own = (scores["drop"][name] for name in ("mean_iou", "iou"))
    whose = "learnt in this run" if taught.folder is None else f"that of {taught.folder}"
    rows = [
        {
            "map": name,
            "mean IoU": round(each["mean_iou"]["default"], 3),
            "track 1": round(each["mean_iou"]["track1"], 3),
            "track 2": round(each["mean_iou"]["track2"], 3),
            "IoU of mine": round(each["iou"]["mine"], 3),
            "IoU of other": round(each["iou"]["other"], 3),
            "kappa": round(each["kappa"], 3),
        }
        for name, each in (("radar", scores["radar"]), ("optical", scores["optical"]))
    ]
    text = (
        f"The map is of radar alone. An optical map, {whose}, labelled pixels all over it; a "
        "student that sees nothing but radar learnt from them, and no polygon. Polygons are what "
        "both are judged by, with their probabilities and the threshold: squares of "
        f"{settings.block:.0f} m were held back in turn, from the teacher and from the student. "
        "The table is of samples, before the majority of neighbours and the smallest area have "
        "their say. The optical map is judged on the same samples, hence on ground that it could "
        "see. Mean IoU is told in three ways: over both classes; as in track 1 of the 2025 Data "
        "Fusion Contest, without the first class, which here leaves the mines; as in its track 2, "
        "absent classes counted as 0.\n\n"
        f"The radar loses {lost['estimate']:.3f} of mean IoU {_ends(lost['interval'])} and "
        f"{own['estimate']:.3f} of the IoU of mines {_ends(own['interval'])} against the optical "
        f"map; {_better(lost, own)}intervals (95 %) draw {own['drawn']} {own['units']} anew. Over "
        "all that both maps show they agree with a mean IoU of "
        f"{alike['mean_iou']['default']:.3f}; what the teacher gets wrong is in that figure too."
    )
    return Section(
        "Radar against the optical map that taught it",
        text,
        figures=[(plots.probability_figure(chance), "what the teacher says")],
        table=rows,
    )


def _noise_section(taught: Taught, measured: dict[str, Any], keep: float) -> Section:
    labels = " and ".join(f"{many:,} {NAMES[code]}" for code, many in taught.kept.items())
    method = str(taught.noise["method"])
    share = "all were" if keep == 1 else f"of each class the surest {100 * keep:.0f} % were"
    text = (
        f"The teacher was asked about {taught.pixels:,} pixels; {share} learnt from: {labels}. "
        f"{MEANING[method]} Rows are the true class, columns "
        "what the label says. On trusted polygons the teacher's errors are counted, all of its "
        "labels, sure or not, each polygon by its area; among the student's labels they are "
        "estimated from how radar and label disagree, so that what the radar cannot tell apart "
        "counts as an error too."
    )
    rows = []
    for name, table in (
        ("on trusted polygons, counted", measured["transition"]),
        ("among the student's labels, estimated", taught.noise["transition"]),
    ):
        rows += [
            {"where": name, "truth": truth, **dict(zip(NAMES, _three(row), strict=True))}
            for truth, row in zip(NAMES, table or [], strict=False)
        ]
    return Section("How often the labels are wrong", text, table=rows)


def _three(row: list[float]) -> list[float]:
    return [round(value, 3) for value in row]


def _changes(
    folder: Path, found: Findings, taught: Taught, files: dict[str, Path]
) -> Section | None:
    """Where the ground has become another, if the teacher looked before the radar did."""
    if taught.folder is None:
        return None
    last = _last_day(taught.folder)
    first = min(days_of(item)[:10] for item in found.items.get("sentinel1", []) or [])
    if not last < first:
        return None
    after = store.open_cube(folder / "probability.zarr", name="probability")
    both = changes.class_change(taught.probability, after)
    files["probability of another class since"] = store.to_cog(both.change, folder / "change.tif")
    files["probability of a new mine"] = store.to_cog(both.new_mine, folder / "new_mine.tif")
    return Section(
        "What changed since",
        f"The teacher's last image is of {last}, the first of Sentinel-1 of {first}. The "
        "probability that the class became another, and that a mine is new, takes the two maps "
        "for independent; what either is unsure of shows as change, and so does what the radar "
        "gets wrong. Look where it is high and in patches.",
        figures=[(plots.map_figure(both.new_mine, limits=(0.0, 1.0)), "a new mine")],
    )


def _last_day(folder: Path) -> str:
    """The day of the last image of a map, but for yearly mosaics."""
    import pandas as pd

    used = pd.read_csv(folder / "items.csv")
    seen = used[~used["sensor"].isin(["palsar", "elevation"])]
    return str(seen["date"].astype(str).str[:10].max())
