"""The forest of a mapping run: which was chosen, and what it looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch import learn, plots
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.outputs import listed, write_table

if TYPE_CHECKING:
    import pystac

    from minewatch.workflows.mapping_learning import Learnt
    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["forest_part", "save_model"]

SHOWN = 10
"""Forests of a search that the page shows; the file holds them all."""


def save_model(
    settings: MappingSettings,
    folder: Path,
    learnt: Learnt,
    items: dict[str, list[pystac.Item]],
) -> Path:
    """Write the forest and its calibration, with what they were made of.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    learnt : Learnt
        What it learnt.
    items : dict of str to list of pystac.Item
        Sensor → items used.

    Returns
    -------
    pathlib.Path
        The file, for :func:`minewatch.learn.load_model`.
    """
    path = folder / "model.npz"
    facts = {
        "reference": Path(settings.reference).name,
        "threshold": learnt.threshold,
        "mode": settings.mode,
        "images": [item.id for found in items.values() for item in found],
    }
    learn.save_model(learnt.model, path, provenance=facts)
    return path


def forest_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """Importances, the search and the selection.

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
        Sections, tables, which forest it is.
    """
    learnt = found.learnt
    importances = [
        {"covariate": name, "gini_percent": float(value)}
        for name, value in learnt.importances.items()
    ]
    files = {
        "fitted forest, to apply elsewhere": folder / "model.npz",
        "importance of each covariate": write_table(
            folder / "importances.csv", importances, ["covariate", "gini_percent"]
        ),
    }
    line = 2.5 if settings.select else None
    sections = [
        Section(
            "What the forest looked at",
            "Share of the impurity that each covariate took away, in percent. Correlated "
            f"covariates share it.{_selected(learnt)}",
            figures=[plots.importance_figure(learnt.importances, line=line)],
        )
    ]
    if learnt.permutation is not None:
        table = learnt.permutation.reset_index()
        rows, columns = listed(table)
        files["importance on unseen polygons"] = write_table(
            folder / "permutation.csv", rows, columns
        )
        facts = learnt.permutation.attrs
        sections.append(
            Section(
                "What it would miss",
                f"What the MCC on unseen polygons loses (of {facts['unshuffled']:.3f}) when one "
                f"covariate is shuffled there, the mean of {facts['repeats']} shuffle(s) in each "
                f"of {facts['folds']} folds; the whisker is one standard deviation from fold to "
                f"fold. Of covariates that say the same, each is missed little.{_chosen(learnt)}",
                figures=[plots.permutation_figure(learnt.permutation)],
            )
        )
    if learnt.search is not None:
        rows, columns = listed(learnt.search.table.reset_index(drop=True))
        files["forests that were tried"] = write_table(folder / "search.csv", rows, columns)
        best = learnt.search.table.sort_values("accuracy", ascending=False, kind="stable")
        sections.append(
            Section(
                "Forests that were tried",
                f"{len(rows)} forests, each scored on polygons that it had not seen; the best "
                f"has {learnt.trees} trees, each on {learnt.bag:g} of the samples. The first "
                f"{SHOWN}; most differ by less than chance. The best of many is a little too good "
                "on the polygons that chose it.",
                table=best.head(SHOWN)
                .reset_index(drop=True)
                .rename(columns={"f_beta": f"F{settings.beta:g}", "mcc": "MCC"}),
            )
        )
    return Part(sections=sections, files=files, numbers=_numbers(settings, learnt))


def _chosen(learnt: Learnt) -> str:
    return " The covariates were chosen on all polygons." if learnt.left_out else ""


def _selected(learnt: Learnt) -> str:
    if not learnt.left_out:
        return ""
    return (
        f" {len(learnt.samples.data_vars)} covariates were kept, {len(learnt.left_out)} were left "
        f"out as unimportant: {', '.join(learnt.left_out)}. The figure is of the forest on those "
        "that were kept; the dashed line is the 2.5 % that each had to pass among all of them."
    )


def _numbers(settings: MappingSettings, learnt: Learnt) -> dict[str, Any]:
    return {
        "forest": {"trees": learnt.trees, "bag": learnt.bag, "mode": settings.mode},
        "covariates": [str(name) for name in learnt.samples.data_vars],
        "covariates_left_out": learnt.left_out,
        "samples": dict(learnt.samples.attrs),
    }
