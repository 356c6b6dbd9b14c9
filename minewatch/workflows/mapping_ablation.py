"""What each sensor is worth to a footprint map, and whether all together are worth more."""

from __future__ import annotations

import dataclasses
import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minewatch import learn, metrics, plots, store, vectors
from minewatch.report import Section, write_report
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.outputs import Notify, Result, listed, quiet, stage, versions, write_table
from minewatch.workflows.settings import option, read_settings

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["AblationSettings", "ablation_run", "published_rows"]

FILES = ("ablation.csv", "ablation.png", "ablation.html")

PAPER = {
    "fusion (Table 2)": (
        {"tp": 387_597, "fp": 66_403, "fn": 58_545, "tn": 170_901},
        (0.85, 0.86, 0.72, 0.74, 0.81, 0.85, 0.69),
    ),
    "Sentinel-2 (Table 3)": (
        {"tp": 355_681, "fp": 86_403, "fn": 58_716, "tn": 170_901},
        (0.80, 0.79, 0.63, 0.64, 0.71, 0.80, 0.43),
    ),
}
"""Counts and scores as Nursamsi et al. (2024) print them."""

PRINTED = ("precision", "recall", "specificity", "npv", "accuracy", "f_beta", "mcc")


@dataclass(frozen=True)
class AblationSettings:
    """How sensors are compared; each field is a key of the TOML file and an option."""

    folder: str = option(
        dataclasses.MISSING, "folder of a finished run of map, with features.zarr", path=True
    )
    score: Literal["f_beta", "accuracy", "mcc"] = option("f_beta", "what is compared")
    repeats: int = option(2000, "draws of polygons behind each interval")
    confidence: float = option(0.95, "share of such intervals that hold the true difference")
    overwrite: bool = option(False, "replace an earlier comparison in the folder")


def ablation_run(settings: AblationSettings, *, notify: Notify = quiet) -> Result:
    """Fit the forest of a finished map on each sensor alone, and on all, and compare them.

    The samples of the run are drawn again, and every set of covariates is fitted and judged on the
    same folds as there. Left in its folder: ``ablation.csv``, ``ablation.png`` and
    ``ablation.html``.

    Parameters
    ----------
    settings : AblationSettings
        The run.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Folder, summary with the sentence, files.

    Raises
    ------
    FileNotFoundError
        If the folder is not that of a finished run of map.
    FileExistsError
        If it holds a comparison and `overwrite` is False.
    ValueError
        If the map is of one sensor only, or a setting makes no sense.

    See Also
    --------
    minewatch.learn.ablation : how they are compared.

    References
    ----------
    Nursamsi et al. (2024), Int. J. Appl. Earth Obs. Geoinf., doi:10.1016/j.jag.2024.104015

    Examples
    --------
    >>> ablation_run(AblationSettings(folder="nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: nowhere has no run.toml and features.zarr; give the folder of a finished ...
    """
    folder = Path(settings.folder)
    mapped, stack = _opened(folder)
    if mapped.sar_only:
        message = f"{folder} was mapped by radar alone; give the folder of a map of several sensors"
        raise ValueError(message)
    sets = learn.sensor_sets(map(str, stack.data_vars))
    if len(sets) < 3:
        message = f"{folder} maps with {next(iter(sets))}; a comparison needs two sensors or more"
        raise ValueError(message)
    if not settings.overwrite and any((folder / name).exists() for name in FILES):
        message = f"{folder} holds a comparison already; say overwrite to replace it"
        raise FileExistsError(message)
    with stage("samples", None, notify):
        samples = learn.draw(
            stack,
            vectors.read_polygons(mapped.reference, label_column=mapped.label),
            label=mapped.label,
            max_per_polygon=mapped.max_per_polygon,
            seed=mapped.seed,
        )
    with stage("sensors", None, notify):
        table = learn.ablation(
            samples,
            sets,
            fit=functools.partial(
                learn.fit_forest,
                **_forest(folder, mapped),
                seed=mapped.seed,
                n_jobs=-1,
            ),
            split=learn.PolygonSplit(mapped.folds, seed=mapped.seed, blocks=mapped.block),
            score=settings.score,
            beta=mapped.beta,
            repeats=settings.repeats,
            confidence=settings.confidence,
            seed=mapped.seed,
            notify=lambda done, total: notify("sensors", done, total),
        )
    return _written(settings, folder, table, mapped)


def _opened(folder: Path) -> tuple[MappingSettings, xr.Dataset]:
    if not (folder / "run.toml").is_file() or not (folder / "features.zarr").is_dir():
        message = (
            f"{folder} has no run.toml and features.zarr; give the folder of a finished run of "
            "'minewatch map'"
        )
        raise FileNotFoundError(message)
    return read_settings(MappingSettings, folder / "run.toml"), store.open_cube(
        folder / "features.zarr"
    )


def _forest(folder: Path, mapped: MappingSettings) -> dict[str, Any]:
    """The forest of the run: as it was searched for, where it was."""
    chosen: dict[str, Any] = {"trees": mapped.trees, "bag": mapped.bag, "mode": mapped.mode}
    scores = folder / "metrics.json"
    if mapped.search and scores.is_file():
        found = json.loads(scores.read_text(encoding="utf-8"))["forest"]
        chosen |= {name: found[name] for name in ("trees", "bag")}
    return chosen


def _written(
    settings: AblationSettings, folder: Path, table: pd.DataFrame, mapped: MappingSettings
) -> Result:
    verdict = learn.sentence(table)
    rows, columns = listed(table.reset_index())
    figure = plots.ablation_figure(table)
    files = {
        "scores of each set of sensors": write_table(folder / "ablation.csv", rows, columns),
        "intervals of each set": plots.save(figure, folder / "ablation.png"),
    }
    summary = {"verdict": verdict}
    for name, row in table.iterrows():
        summary[str(name)] = (
            f"{_named(settings.score, mapped.beta)} {row[settings.score]:.3f} "
            f"({row['lower']:.3f} to {row['upper']:.3f})"
        )
    text = (
        f"{verdict}\n\nEach set was fitted and judged on the same {mapped.folds} folds, which keep "
        "polygons whole, and cut where it does best on the other folds. Points are the score of "
        f"all folds together, bars its {100 * settings.confidence:g} % interval over polygons "
        "drawn anew. Bars that overlap say little: the sets share their polygons, and it is the "
        "interval of the difference (columns difference_lower and difference_upper) that decides. "
        "McNemar's p asks something else: whether one set is right more often, all polygons alike, "
        "however large."
    )
    if mapped.search:
        text += (
            " Trees and bag of the forest were searched on all covariates, which may favour them a "
            "little over a sensor alone."
        )
    shown = table.reset_index().rename(
        columns={name: _named(name, mapped.beta) for name in ("f_beta", "mcc")}
    )
    paper = (
        "Nursamsi et al. (2024) compared all sensors with Sentinel-2 alone. Beside each score that "
        "they print stands what follows from the counts they print with it. The gain in accuracy "
        "that they report, from 0.71 to 0.81, is 0.03 by their own counts."
    )
    files["page that explains it all"] = write_report(
        folder / "ablation.html",
        title="What each sensor is worth",
        sections=[
            Section("All sensors or one", text, figures=[figure], table=shown),
            Section("As published, and recomputed", paper, table=published_rows()),
        ],
        provenance={
            "settings": dataclasses.asdict(settings),
            "map": dataclasses.asdict(mapped),
            "versions": versions(),
        },
    )
    return Result(folder, summary, files)


def _named(score: str, beta: float) -> str:
    return {"f_beta": f"F{beta:g}", "mcc": "MCC"}.get(score, score)


def published_rows() -> list[dict[str, object]]:
    """Scores of the fusion paper's Tables 2 and 3, as printed and from their printed counts.

    Returns
    -------
    list of dict
        A row for each table and score: ``printed`` and ``recomputed`` (F with β = 0.5).

    Examples
    --------
    >>> [row for row in published_rows() if row["score"] == "MCC"][0]
    {'map': 'fusion (Table 2)', 'score': 'MCC', 'printed': 0.69, 'recomputed': 0.5937}
    """
    rows: list[dict[str, object]] = []
    for name, (counts, printed) in PAPER.items():
        found = metrics.scores(**counts, beta=0.5)
        rows += [
            {
                "map": name,
                "score": {"npv": "NPV"}.get(score, _named(score, 0.5)),
                "printed": value,
                "recomputed": round(found[score], 4),
            }
            for score, value in zip(PRINTED, printed, strict=True)
        ]
    return rows
