"""What was left out of a map, what each year says, and what hangs on the choices made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch import activity, plots, store
from minewatch.report import Section
from minewatch.workflows.activity_layers import stable_domain
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.activity_settings import whole_numbers
from minewatch.workflows.activity_thresholds import METHODS
from minewatch.workflows.outputs import listed, write_table

if TYPE_CHECKING:
    from pathlib import Path

    from minewatch.workflows.activity_parts import Findings
    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["choices_part", "exclusion_part", "periods_part"]


def exclusion_part(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """What looks like a mine and was left out, by reason.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        Map of reasons and hectares; empty if nothing was left out.
    """
    del settings
    if found.exclusion is None:
        return Part()
    areas = activity.excluded_areas(found.exclusion).area
    hectares = {
        str(name): float(area)
        for name, area in zip(areas["name"].values, areas.values, strict=True)
    }
    left_out = {name: area for name, area in hectares.items() if name != "kept" and area > 0}
    section = Section(
        "What was left out",
        "Ground that loses coherence without being mined, and ground that the radar cannot see. "
        "It counts in no area, but took part in finding the threshold.",
        figures=[plots.exclusions_figure(found.exclusion)],
        table=[{"reason": name.replace("_", " "), "ha": area} for name, area in hectares.items()],
    )
    return Part(
        [section],
        {"what was left out, and why": store.to_cog(found.exclusion, folder / "excluded.tif")},
        {"of it left out": f"{sum(left_out.values()):,.1f} ha"},
        {"excluded_ha": hectares},
    )


def periods_part(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """The index of each year or season beside that of all.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        Small maps and areas; empty if none were asked for.
    """
    if found.periods is None:
        return Part()
    by = str(settings.by)
    rows = []
    for label in found.periods[by].values:
        one = found.periods.sel({by: label})
        areas = activity.activity_areas(one).area
        codes = {int(code): float(area) for code, area in zip(areas.activity, areas, strict=True)}
        name = np.datetime_as_string(label, unit="D") if by == "season" else int(label)
        rows.append(
            {by: name, "active ha": codes[2], "stable ha": codes[1], "undecided ha": codes[0]}
        )
    section = Section(
        f"Each {by} by itself",
        "The index of all dates pools the pairs; it is not the mean of these. A short series "
        "decides less ground.",
        figures=[plots.seasons_figure(found.periods, found.tai)],
        table=rows,
    )
    files = {
        f"TAI, counts, interval, classes by {by}": folder / f"tai_by_{by}.zarr",
        f"TAI by {by}": store.to_cog(found.periods.tai, folder / f"tai_by_{by}.tif"),
        f"classes by {by}": store.to_cog(found.periods.activity, folder / f"activity_by_{by}.tif"),
        f"areas by {by}": write_table(folder / f"areas_by_{by}.csv", rows, list(rows[0])),
    }
    return Part([section], files, {}, {f"areas_by_{by}": rows})


def choices_part(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """How the active area depends on threshold, stable ground and colour rule.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        Table and figure; empty if it was switched off.
    """
    if not settings.choices:
        return Part()
    fixed = found.threshold.attrs["method"] == "fixed"
    table = activity.threshold_choices(
        found.coherence,
        ledger=found.ledger,
        years=whole_numbers(settings.years, setting="years"),
        # An update keeps the threshold of the run, whichever way that found it.
        method="fixed" if fixed else METHODS[settings.threshold],
        fixed=float(found.threshold) if fixed else 0.2,
        minimum=settings.stable_minimum,
        maximum_std=settings.stable_maximum_std,
        within=stable_domain(settings, found.mean_ndai),
        max_perpendicular_baseline=settings.max_perpendicular_baseline,
        min_pixels=settings.min_pixels,
        mask=found.mask,
        confidence=settings.confidence,
        interval=settings.interval,
        min_count=settings.min_count,
    )
    rows, columns = listed(table)
    matters = table.attrs["matters_most"]
    low, high = table.attrs["range_ha"]
    section = Section(
        "What hangs on the choices",
        "The area with a TAI of at least one half under other thresholds, another idea of stable "
        "ground, other rules; lower and upper by the ends of the interval. "
        f"It lies between {low:,.1f} and {high:,.1f} ha; what matters most is {matters}.",
        figures=[plots.choices_figure(table)],
        table=rows,
    )
    return Part(
        [section],
        {"active area under other choices": write_table(folder / "choices.csv", rows, columns)},
        {"TAI of one half, all choices": f"{low:,.1f} to {high:,.1f} ha"},
        {"choices": rows, "choice_that_matters_most": matters},
    )
