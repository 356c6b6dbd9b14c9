"""Which pairs were used, which not and why, and what baselines have to do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch import activity, plots, store
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.outputs import write_table

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from minewatch.workflows.activity_parts import Findings

__all__ = ["ledger_rows", "pairs_part"]

SHORT = {"perpendicular_baseline_m": "B⊥ (m)", "valid_share": "seen"}
"""Headings of the table of pairs on the page, where a column has little room."""

REGRESSED = (
    (
        "stable_mean",
        "baseline_regression",
        "Coherence of stable ground and baseline, kept pairs: a long baseline costs coherence.",
    ),
    (
        "stable_ndai",
        "baseline_regression_ndai",
        "NDAI of stable ground and baseline, kept pairs: NDAI should not depend on it.",
    ),
)
"""What is held against the baseline, as Kavats et al. (2025) do in their Fig. 6."""

LEAST_PAIRS = 3
"""Fewest baselines that a line can be drawn through."""


def ledger_rows(ledger: xr.Dataset) -> list[dict[str, object]]:
    """The ledger as rows a person can read, one a pair, with the reason in words.

    Parameters
    ----------
    ledger : xarray.Dataset
        From :func:`minewatch.activity.screen_pairs`.

    Returns
    -------
    list of dict
        Dates as ISO text, numbers, ``keep`` and ``reason``.
    """
    reason = ledger["reason"]
    meanings = dict(
        zip(reason.attrs["flag_values"], reason.attrs["flag_meanings"].split(), strict=True)
    )
    table: pd.DataFrame = ledger.to_dataframe().reset_index()
    rows = []
    for row in table.to_dict("records"):
        code = int(row["reason"])
        rows.append(
            {
                "reference": row["reference_time"].date().isoformat(),
                "secondary": row["secondary_time"].date().isoformat(),
                "days": round(float(row["temporal_baseline"]), 1),
                "perpendicular_baseline_m": round(float(row["perpendicular_baseline"]), 1),
                "stable_mean": round(float(row["stable_mean"]), 4),
                "stable_std": round(float(row["stable_std"]), 4),
                "valid_share": round(float(row["valid_share"]), 4),
                "keep": bool(row["keep"]),
                "reason": meanings[code].replace("_", " "),
            }
        )
    return rows


def dropped_pairs(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Pairs that were left out, as the record of a run tells them.

    Parameters
    ----------
    rows : list of dict
        From :func:`ledger_rows`.

    Returns
    -------
    list of dict
        ``what``, ``name``, ``reason``.

    Examples
    --------
    >>> dropped_pairs([{"reference": "2024-01-01", "secondary": "2024-01-13", "keep": True}])
    []
    """
    return [
        {
            "what": "pair",
            "name": f"{row['reference']} {row['secondary']}",
            "reason": row["reason"],
        }
        for row in rows
        if not row["keep"]
    ]


def pairs_part(folder: Path, found: Findings, rows: list[dict[str, object]]) -> Part:
    """The ledger, and whether baselines explain what it says.

    Parameters
    ----------
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.
    rows : list of dict
        From :func:`ledger_rows`.

    Returns
    -------
    Part
        Stored ledger, tables, figures.
    """
    ledger = found.ledger
    store.to_zarr(ledger, folder / "ledger.zarr", overwrite=True)
    dropped = [row for row in rows if not row["keep"]]
    files = {
        "ledger of pairs": folder / "ledger.zarr",
        "all pairs, with reasons": write_table(folder / "pairs.csv", rows, list(rows[0])),
        "dropped pairs, with reasons": write_table(
            folder / "dropped_pairs.csv", dropped, list(rows[0])
        ),
    }
    figures: list[Figure | tuple[Figure, str]] = [plots.ledger_figure(ledger)]
    numbers: dict[str, object] = {"pairs": len(rows), "pairs_kept": len(rows) - len(dropped)}
    kept = ledger.isel(pair=ledger.keep.values)
    if np.isfinite(kept.perpendicular_baseline.values).sum() >= LEAST_PAIRS:
        site = activity.site_ndai(
            found.coherence, ledger.stable_mean, found.tai.stable, target="pixel"
        )
        both = ledger.assign(stable_ndai=("pair", site.values, site.attrs))
        for variable, name, caption in REGRESSED:
            line = activity.baseline_regression(
                both.isel(pair=ledger.keep.values), variable=variable
            )
            numbers[name] = {str(part): float(line[part]) for part in line.data_vars}
            figures.append((plots.regression_figure(both, line, of=variable), caption))
    section = Section(
        "Which pairs were used",
        "A pair whose stable ground lost coherence as a whole tells of weather, snow or a long "
        "baseline, not of mining, and is left out.",
        figures=figures,
        table=[{SHORT.get(key, key): value for key, value in row.items()} for row in rows],
    )
    summary = {"pairs kept": f"{len(rows) - len(dropped)} of {len(rows)}"}
    return Part([section], files, summary, numbers)
