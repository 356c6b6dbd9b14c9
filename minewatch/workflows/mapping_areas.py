"""From labelled points of a map to areas and accuracies with their errors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from minewatch import estimates
from minewatch.report import Section, write_report
from minewatch.workflows.folders import open_folder, require_free
from minewatch.workflows.outputs import (
    Notify,
    Result,
    listed,
    quiet,
    stage,
    versions,
    write_json,
    write_table,
)
from minewatch.workflows.provenance import inputs_of, write_record
from minewatch.workflows.settings import option, write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["AreaSettings", "area_run"]

NAMES: Mapping[object, str] = {0: "other", 1: "mine"}
DESIGN = ("stratum", "stratum_ha", "total_ha")
"""Columns without which a sample says nothing of the ground that it stands for."""


@dataclass(frozen=True)
class AreaSettings:
    """How areas are estimated; each field is a key of the TOML file and an option."""

    points: str = option(
        dataclasses.MISSING,
        "labelled points of a run of map, GeoJSON, GeoPackage or CSV",
        path=True,
    )
    output: str = option("mine-areas", "folder for the results", path=True)
    label: str = option("label", "column of the labels: 1 mine, 0 anything else, empty unknown")
    confidence: float = option(0.95, "share of such intervals that hold the true area")
    interval: Literal["normal", "cautious"] = option(
        "normal", "cautious where a large class shows hardly an error among its points"
    )
    overwrite: bool = option(False, "replace earlier results in this folder")


def area_run(settings: AreaSettings, *, notify: Notify = quiet) -> Result:
    """Estimate the area of each class, and the accuracy of the map, from labelled points.

    The points carry the design by which they were drawn: the stratum of each, and the area of all
    strata. Written beside each other: ``area.csv``, ``area.json``, ``report.html`` and
    ``run.toml``.

    Parameters
    ----------
    settings : AreaSettings
        The run.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Folder, summary with the areas, files.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KeyError
        If it has no such column of labels.
    ValueError
        If the points have no labels, or no design behind them.
    FileExistsError
        If the output folder holds something and `overwrite` is False.

    See Also
    --------
    minewatch.estimates.stratified_area : the estimator.

    References
    ----------
    Olofsson et al. (2014), Good practices for estimating area and assessing accuracy of land
    change. https://doi.org/10.1016/j.rse.2014.02.015

    Examples
    --------
    >>> area_run(AreaSettings(points="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no file nowhere.geojson; give the points that map wrote, labelled
    """
    if not 0 < settings.confidence < 1:
        message = f"confidence={settings.confidence} is no share; use e.g. 0.95"
        raise ValueError(message)
    points = _read(Path(settings.points), settings.label)
    require_free(settings.output, overwrite=settings.overwrite)
    with stage("areas", None, notify):
        table = estimates.stratified_area(
            points, confidence=settings.confidence, interval=settings.interval
        )
    with open_folder(settings.output, overwrite=settings.overwrite) as folder:
        return _written(settings, folder, points, table)


def _written(
    settings: AreaSettings, folder: Path, points: pd.DataFrame, table: pd.DataFrame
) -> Result:
    facts: dict[str, Any] = {str(name): value for name, value in table.attrs.items()}
    mapped = points.groupby("stratum")["stratum_ha"].first()
    shown = table.reset_index()
    shown.insert(1, "name", [NAMES.get(code, str(code)) for code in table.index])
    shown.insert(2, "mapped_ha", [float(mapped.get(code, np.nan)) for code in table.index])
    rows, columns = listed(shown)
    made_with = versions()
    files = {
        "areas and accuracies": write_table(folder / "area.csv", rows, columns),
        "the same, overall accuracy and confusion": write_json(
            folder / "area.json", {"classes": rows, **facts}
        ),
        "settings, to run it again": write_settings(
            settings, folder / "run.toml", provenance={**made_with}
        ),
    }
    summary = _summary(shown, facts)
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Areas from labelled points",
        sections=_sections(shown, facts, len(points)),
        provenance={"settings": dataclasses.asdict(settings), "versions": made_with},
        summary=summary,
    )
    files["record of where it came from"] = write_record(
        settings,
        folder,
        files=files.values(),
        versions=made_with,
        inputs=inputs_of(settings, folder),
    )
    return Result(folder, summary, files)


def _read(path: Path, label: str) -> pd.DataFrame:
    """Points with their design and the column ``reference``."""
    if not path.is_file():
        message = f"there is no file {path}; give the points that map wrote, labelled"
        raise FileNotFoundError(message)
    table = _opened(path)
    if lacking := [name for name in DESIGN if name not in table]:
        have = ", ".join(map(str, table.columns)) or "none"
        message = (
            f"{path} has no columns {', '.join(lacking)} (it has {have}): without the design by "
            "which they were drawn, points or counts say nothing of the ground that they stand "
            "for; use the points file that 'minewatch map --points 200' writes, with all columns"
        )
        raise ValueError(message)
    if label not in table:
        message = f"{path} has no column {label!r}; it has {', '.join(map(str, table.columns))}"
        raise KeyError(message)
    blank = table[label].astype(object).map(lambda value: str(value).strip() == "")
    table["reference"] = table[label].astype(object).mask(blank | table[label].isna(), None)
    if table["reference"].isna().all():
        message = (
            f"no point of {path} has a label; write 1 (mine) or 0 (anything else) into its column "
            f"{label!r}"
        )
        raise ValueError(message)
    try:
        known = set(pd.to_numeric(table["reference"].dropna()))
    except (TypeError, ValueError):
        known = set(table["reference"].dropna())
    if strange := known - set(NAMES):
        message = (
            f"column {label!r} of {path} holds {sorted(map(str, strange))}; write 1 for a mine, 0 "
            "for anything else, and leave it empty where it cannot be told"
        )
        raise ValueError(message)
    return table


def _opened(path: Path) -> pd.DataFrame:
    import geopandas as gpd

    try:
        if path.suffix.lower() == ".csv":
            return pd.read_csv(path)
        found = gpd.read_file(path)
    except Exception as error:
        message = f"{path} is no file of points that can be read; give the one that map wrote"
        raise ValueError(message) from error
    return pd.DataFrame(found.drop(columns="geometry", errors="ignore"))


def _pm(value: float, error: float) -> str:
    return f"{value:.3f} ± {error:.3f}" if np.isfinite(value) else "unknown"


def _summary(shown: pd.DataFrame, facts: Mapping[str, Any]) -> dict[str, str]:
    level = f"{100 * facts['confidence']:g} %"
    summary = {}
    for row in shown.to_dict("records"):
        summary[f"area of {row['name']}"] = (
            f"{row['area_ha']:,.1f} ± {row['area_se_ha']:,.1f} ha ({level}: "
            f"{row['area_low_ha']:,.1f} to {row['area_high_ha']:,.1f}; on the map "
            f"{row['mapped_ha']:,.1f})"
        )
    summary["overall accuracy"] = _pm(facts["overall_accuracy"], facts["overall_se"])
    for row in shown.to_dict("records"):
        summary[f"{row['name']}: user's, producer's accuracy"] = (
            f"{_pm(row['users_accuracy'], row['users_se'])}, "
            f"{_pm(row['producers_accuracy'], row['producers_se'])}"
        )
    return summary


def _sections(shown: pd.DataFrame, facts: Mapping[str, Any], drawn: int) -> list[Section]:
    used = drawn - facts["left_out"]
    confusion = [
        {"really": name, **dict(zip(shown["name"], row, strict=True))}
        for name, row in zip(shown["name"], facts["confusion"], strict=True)
    ]
    text = (
        f"From {used} of {drawn} points, drawn by chance within the classes of the map: unbiased "
        "whatever the map is worth, after Olofsson et al. (2014) and Stehman (2014). ± is one "
        "standard error. User's accuracy: of what is mapped as the class, the share that is; "
        "producer's: of what is the class, the share that is mapped as it."
    )
    return [
        Section("Areas and accuracies", text, table=shown),
        Section(
            "Where map and ground differ",
            "Shares of the area: rows what is there, columns what the map says.",
            table=confusion,
        ),
    ]
