"""Tables as charts: area and tonnes of each year, and the active area under other choices."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions.colours import OKABE_ITO
from minewatch.plots.paper import ABOVE, ACCENT, GREY, INK, MAIN, sheet, tidy

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["choices_figure", "yearly_areas_figure"]

QUANTITIES = (
    ("area_m2", None, "active area", "ha", 1e-4),
    ("production_t", "production_std_t", "ore", "t", 1.0),
    ("emissions_tco2e", "emissions_std", "emissions", "t CO₂e", 1.0),
)
"""Column, column of its standard deviation, name, unit, factor to the unit."""

PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))

ESTIMATED = ("own ratio", "mean ratio")
"""How the source of a figure begins that nobody reported."""

HUES = {"threshold": MAIN, "stable ground": OKABE_ITO[2], "colour rule": OKABE_ITO[0]}


def yearly_areas_figure(table: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw the active area of each mine and year, and the tonnes made of it.

    Bars of reported figures are full, of estimated ones hatched; whiskers are one standard
    deviation, where one is known. Where there is no figure it says why: unknown is not 0.

    Parameters
    ----------
    table : pandas.DataFrame
        ``year`` and ``area_m2``, e.g. of :func:`minewatch.activity.colour_counts`; with ``mine``,
        ``production_t`` and ``source`` from :func:`minewatch.estimates.production`; with
        ``emissions_tco2e`` from :func:`minewatch.estimates.emissions`.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A chart a quantity, rows of years below each other, mine by mine.

    Raises
    ------
    ValueError
        If there are no rows, or neither year nor area.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"year": [2021, 2022], "area_m2": [2e5, 3e5]})
    >>> [tick.get_text() for tick in yearly_areas_figure(table).axes[0].get_yticklabels()]
    ['2021', '2022']
    """
    if not {"year", "area_m2"} <= set(table) or not len(table):
        message = (
            "yearly_areas_figure needs rows with year and area_m2, got "
            f"{len(table)} rows of {list(table)}; e.g. of minewatch.estimates.production"
        )
        raise ValueError(message)
    places, names, headed = _rows(table)
    shown = [quantity for quantity in QUANTITIES if quantity[0] in table]
    figure = sheet(2.9 * len(shown) + 1.4, 1.1 + 0.3 * max(len(names), 3), title=title)
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    source = table["source"].astype(str) if "source" in table else None
    estimated = np.zeros(len(table), bool)
    if source is not None:
        estimated = source.str.startswith(ESTIMATED).to_numpy()
    for axes, (column, spread, name, unit, factor) in zip(panels, shown, strict=True):
        values = table[column].to_numpy("float64", na_value=np.nan) * factor
        errors = np.full(len(table), np.nan)
        if spread in table:
            errors = table[spread].to_numpy("float64", na_value=np.nan) * factor
        scale, prefix = _prefix(values) if unit != "ha" else (1.0, "")
        measured = column == "area_m2"
        hatched = np.zeros(len(table), bool) if measured else estimated
        _bars(axes, places, values / scale, errors / scale, hatched, GREY if measured else MAIN)
        for place, value, why in zip(places, values, _why(table, column), strict=True):
            if not np.isfinite(value):
                axes.annotate(
                    why, (0.02, place), xycoords=("axes fraction", "data"), va="center",
                    fontsize=7.5, color=GREY,
                )  # fmt: skip
        axes.set_xlim(left=0)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"{name} ({prefix}{unit})")
        tidy(axes, grid="x")
        axes.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(names)), labels=names)
    for place, tick in enumerate(panels[0].get_yticklabels()):
        tick.set_fontweight("bold" if place in headed else "normal")
    panels[0].set_ylim(len(names) - 0.4, -0.6)
    if len(shown) > 1:
        _legend(panels[1], bool(estimated.any()), bool((~estimated).any()))
    return figure


def _rows(table: pd.DataFrame) -> tuple[list[int], list[str], set[int]]:
    """Row of each line of the table, what stands at each row, and which rows head a mine."""
    years = [f"{year:g}" if isinstance(year, float) else str(year) for year in table["year"]]
    mines = table["mine"].astype(str).tolist() if "mine" in table else [""] * len(table)
    several = len(set(mines)) > 1
    places: list[int] = [0] * len(table)
    names: list[str] = []
    headed: set[int] = set()
    for mine in dict.fromkeys(mines):
        if several:
            headed.add(len(names))
            names.append(mine)
        of = [line for line in range(len(table)) if mines[line] == mine]
        for line in sorted(of, key=lambda line: table["year"].iloc[line]):
            places[line] = len(names)
            names.append(years[line])
    return places, names, headed


def _why(table: pd.DataFrame, column: str) -> list[str]:
    """What to write where there is no figure: what production says of it, before the numbers."""
    if column == "emissions_tco2e" and "production_t" in table:
        known = np.isfinite(table["production_t"].to_numpy("float64", na_value=np.nan))
        return ["no factor" if there else "no production" for there in known]
    if column == "production_t" and "source" in table:
        return [str(source).partition(":")[0] or "no figure" for source in table["source"]]
    return ["no figure"] * len(table)


def _prefix(values: npt.NDArray[np.float64]) -> tuple[float, str]:
    most = np.nanmax(values, initial=0.0)
    return next(((size, text) for size, text in PREFIXES if most >= size), (1.0, ""))


def _bars(
    axes: Axes,
    places: list[int],
    values: npt.NDArray[np.float64],
    errors: npt.NDArray[np.float64],
    hatched: npt.NDArray[np.bool_],
    colour: str,
) -> None:
    known = np.isfinite(values)
    at = np.asarray(places)
    for chosen, look in (
        (known & ~hatched, {"color": colour}),
        (known & hatched, {"facecolor": "white", "edgecolor": colour, "hatch": "////"}),
    ):
        if chosen.any():
            axes.barh(at[chosen], values[chosen], height=0.68, **look)  # type: ignore[arg-type]
    sure = known & np.isfinite(errors)
    if sure.any():
        axes.errorbar(
            values[sure], at[sure], xerr=np.minimum(errors[sure], [values[sure], errors[sure]]),
            fmt="none", ecolor=INK, elinewidth=1.2, capsize=3,
        )  # fmt: skip


def _legend(axes: Axes, estimated: bool, reported: bool) -> None:
    from matplotlib.patches import Patch

    handles = []
    if reported:
        handles.append(Patch(color=MAIN, label="reported"))
    if estimated:
        handles.append(
            Patch(facecolor="white", edgecolor=MAIN, hatch="////", label="estimated, ± 1 sd")
        )
    axes.legend(handles=handles, ncols=2, **ABOVE)


def choices_figure(choices: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw the active area under each choice, beside that of the default.

    A dot is the area, the bar behind it goes from the area that even the lower end of TAI's
    interval calls active to that which the upper end does. The dashed line is what the rows are
    measured by: the default, and for the colours of a year the TAI of that year.

    Parameters
    ----------
    choices : pandas.DataFrame
        From :func:`minewatch.activity.threshold_choices`.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One chart. Where a choice gives no area it says why.

    Raises
    ------
    ValueError
        If a column is missing.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"choice": ["default", "otsu"], "varies": ["", "threshold"]})
    >>> table = table.assign(active_ha=[10.0, 12.0], change_ha=[0.0, 2.0])
    >>> [tick.get_text() for tick in choices_figure(table).axes[0].get_yticklabels()]
    ['default', 'otsu']
    """
    needed = ["choice", "varies", "active_ha", "change_ha"]
    if missing := [name for name in needed if name not in choices]:
        message = (
            f"choices_figure needs the columns {needed}, got {list(choices)}; {missing} is "
            "missing: make the table with minewatch.activity.threshold_choices"
        )
        raise ValueError(message)
    rows = choices.to_dict("records")
    figure = sheet(7.4, 1.5 + 0.36 * max(len(rows), 2), title=title)
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        _choice(axes, place, row)
    _references(axes, rows)
    labels = [
        f"{row['choice']}  (th {row['threshold']:.3f})"
        if np.isfinite(row.get("threshold", np.nan))
        else str(row["choice"])
        for row in rows
    ]
    axes.set_yticks(range(len(rows)), labels=labels)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.margins(x=0.06)
    axes.set_xlabel("\n".join(["active area (ha)", *_summary(choices)]))
    tidy(axes, grid="x")
    axes.tick_params(axis="y", length=0)
    handles, texts = axes.get_legend_handles_labels()
    unique = dict(zip(texts, handles, strict=True))
    if unique:
        figure.legend(
            unique.values(), unique.keys(), ncols=3, loc="outside upper left", frameon=False,
            fontsize=9, labelcolor=INK,
        )  # fmt: skip
    return figure


def _choice(axes: Axes, place: int, row: dict[Any, Any]) -> None:
    area = float(row["active_ha"])
    if not np.isfinite(area):
        axes.annotate(
            shorten(str(row.get("reason", "")) or "no area", 70, placeholder=" …"), (0.02, place),
            xycoords=("axes fraction", "data"), va="center", fontsize=8, color=GREY,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1}, zorder=3,
        )  # fmt: skip
        return
    reference = not row["varies"]
    colour = ACCENT if reference else HUES.get(str(row["varies"]), GREY)
    ends = [float(row.get(f"active_ha_{end}", np.nan)) for end in ("lower", "upper")]
    if np.isfinite(ends).all():
        axes.hlines(
            place, ends[0], ends[1], color=colour, alpha=0.35, linewidth=5,
            label="interval of TAI" if reference else "",
        )  # fmt: skip
    axes.plot(
        area, place, "D" if reference else "o", color=colour, markersize=7,
        label="default" if reference else f"other {row['varies']}",
    )  # fmt: skip


def _references(axes: Axes, rows: list[dict[Any, Any]]) -> None:
    """A dashed line down the rows that are measured by one row."""
    starts = [place for place, row in enumerate(rows) if not row["varies"]]
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        area = float(rows[start]["active_ha"])
        if np.isfinite(area):
            axes.vlines(area, start - 0.4, stop - 0.6, color=ACCENT, linewidth=1, linestyle="--")


def _summary(choices: pd.DataFrame) -> list[str]:
    """What the report says of the choices, where it is known."""
    low, high = choices.attrs.get("range_ha", (np.nan, np.nan))
    if not np.isfinite([low, high]).all():
        return []
    matters = choices.attrs.get("matters_most", "unknown")
    return [f"whole series {low:,.1f} to {high:,.1f} ha; what matters most: {matters}"]
