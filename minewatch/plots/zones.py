"""How NDAI ran in each zone, date by date, and as box plots."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions.colours import OKABE_ITO
from minewatch.plots.paper import ABOVE, ACCENT, GREY, INK, MAIN, sheet, tidy
from minewatch.plots.periods import columns

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["box_figure", "zone_series_figure"]

LONGEST_GAP = np.timedelta64(60, "D")
"""Dates further apart are of two seasons; no line joins them."""

SAID = {"max": "greatest", "min": "least", "of_mean": "of the mean coherence"}
QUANTILE = re.compile(r"q(\d\d)")
STYLES = (
    {"color": MAIN, "linewidth": 1.5, "marker": "o", "markersize": 3},
    {"color": OKABE_ITO[0], "linewidth": 1.2, "marker": "o", "markersize": 1.5},
    {"color": GREY, "linewidth": 1.2, "marker": "o", "markersize": 1.5},
    {"color": OKABE_ITO[2], "linewidth": 1.2, "linestyle": "--"},
    {"color": OKABE_ITO[6], "linewidth": 1.2, "linestyle": "--"},
)


def zone_series_figure(
    series: xr.Dataset, *, threshold: float | None = None, title: str | None = None
) -> Figure:
    """Draw the NDAI of each zone over time, one small chart a zone, all on one scale.

    A pair stands at its second acquisition. Lines break where dates lie more than 60 days apart,
    as between the seasons of two years.

    Parameters
    ----------
    series : xarray.Dataset
        From :func:`minewatch.activity.zone_series`: a variable a statistic, dims (pair, zone), the
        first one drawn strongest; computed (it is small).
    threshold : float, optional
        NDAI from which ground counts as active: a dashed line.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One chart a zone.

    Examples
    --------
    >>> import xarray as xr
    >>> days = np.array(["2022-06-13", "2022-06-25"], "datetime64[ns]")
    >>> series = xr.Dataset(
    ...     {"max": (("pair", "zone"), [[0.5, 0.1], [0.7, 0.2]])},
    ...     coords={"secondary_time": ("pair", days), "zone": ["A1", "S1"]},
    ... )
    >>> [axes.get_title("left") for axes in zone_series_figure(series, threshold=0.2).axes]
    ['A1', 'S1']
    """
    names = [str(name) for name in series.data_vars if set(series[name].dims) == {"pair", "zone"}]
    if not names:
        message = (
            f"zone_series_figure needs variables of dims (pair, zone), got {dict(series.sizes)}; "
            "make them with minewatch.activity.zone_series"
        )
        raise ValueError(message)
    series = series.sortby("secondary_time").compute()
    dates = series["secondary_time"].values
    zones = series["zone"].values
    across = columns(len(zones))
    down = -(-len(zones) // across)
    figure = sheet(min(10.5, 3.6 * across + 2.4), 1.9 * down + 1.0, title=title)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for place, zone in enumerate(zones):
        axes = panels[place]
        for name, style in reversed(list(zip(names, _styles(len(names)), strict=True))):
            values = series[name].isel(zone=place).values
            axes.plot(*_broken(dates, values), label=_said(name), **style)
        if threshold is not None:
            axes.axhline(threshold, color=INK, linewidth=1, linestyle="--", label="threshold")
        if not any(np.isfinite(series[name].isel(zone=place)).any() for name in names):
            axes.annotate(
                "not seen", (0.5, 0.5), xycoords="axes fraction", ha="center", color=GREY,
                fontsize=9,
            )  # fmt: skip
        tidy(axes, grid="y")
        axes.set_title(str(zone), loc="left", fontsize=10, color=INK, fontweight="bold")
        if place % across == 0:
            axes.set_ylabel("NDAI")
        axes.tick_params(labelbottom=place + across >= len(zones))
    for axes in panels[len(zones) :]:
        axes.remove()
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(min(low, -0.05), max(high, 0.3))
    _dates(panels[0])
    handles, texts = panels[0].get_legend_handles_labels()
    order = [*range(len(names) - 1, -1, -1), *range(len(names), len(texts))]
    figure.legend(
        [handles[i] for i in order], [texts[i] for i in order], loc="outside lower left",
        ncols=len(order), frameon=False, fontsize=9, labelcolor=INK,
    )  # fmt: skip
    return figure


def _said(statistic: str) -> str:
    """The statistic in words."""
    found = QUANTILE.fullmatch(statistic)
    return f"{int(found[1])} % quantile" if found else SAID.get(statistic, statistic)


def _styles(count: int) -> list[dict[str, Any]]:
    return [dict(STYLES[place % len(STYLES)]) for place in range(count)]


def _broken(
    dates: npt.NDArray[np.datetime64], values: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    """A series with a NaN in each long gap, so that no line crosses it."""
    at = np.flatnonzero(np.diff(dates) > LONGEST_GAP) + 1
    return (
        np.insert(dates, at, dates[at - 1] + LONGEST_GAP / 2),
        np.insert(values.astype("float64"), at, np.nan),
    )


def _dates(axes: Any) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=2, maxticks=8)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def box_figure(
    box_statistics: xr.Dataset, *, threshold: float | None = None, title: str | None = None
) -> Figure:
    """Draw a box plot a zone: median, quartiles, whiskers, and the extremes beyond them.

    Parameters
    ----------
    box_statistics : xarray.Dataset
        From :func:`minewatch.activity.box_statistics`, dim zone.
    threshold : float, optional
        NDAI from which ground counts as active: a dashed line.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One chart, the first zone on top, with the number of pairs beside its name. Of the values
        beyond the whiskers the least and the greatest are drawn.

    Examples
    --------
    >>> import xarray as xr
    >>> names = ("minimum", "whisker_low", "q1", "median", "q3", "whisker_high", "maximum")
    >>> boxes = xr.Dataset(
    ...     {name: ("zone", [0.1 * place]) for place, name in enumerate(names)}, {"zone": ["A1"]}
    ... )
    >>> [tick.get_text() for tick in box_figure(boxes).axes[0].get_yticklabels()]
    ['A1']
    """
    boxes = box_statistics.compute()
    zones = [str(zone) for zone in boxes["zone"].values]
    rows = [
        {str(name): float(boxes[name].values[place]) for name in boxes.data_vars}
        for place in range(len(zones))
    ]
    figure = sheet(6.8, 1.1 + 0.36 * max(len(zones), 2), title=title)
    axes = figure.add_subplot()
    seen = [place for place, row in enumerate(rows) if np.isfinite(row["median"])]
    if seen:
        axes.bxp(
            [_box(rows[place]) for place in seen], positions=seen, orientation="horizontal",
            widths=0.6, patch_artist=True,
            boxprops={"facecolor": "#c5d5e6", "edgecolor": MAIN, "linewidth": 1.1},
            medianprops={"color": ACCENT, "linewidth": 2},
            whiskerprops={"color": MAIN}, capprops={"color": MAIN},
            flierprops={"marker": "o", "markersize": 4, "markeredgecolor": MAIN},
        )  # fmt: skip
    for place in set(range(len(zones))) - set(seen):
        axes.annotate(
            "not seen", (0.02, place), xycoords=("axes fraction", "data"), va="center",
            color=GREY, fontsize=9,
        )  # fmt: skip
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1, linestyle="--", label="threshold")
        axes.legend(**ABOVE)
    counts = [f"{zone} ({row['count']:.0f})" if "count" in row else zone
              for zone, row in zip(zones, rows, strict=True)]  # fmt: skip
    axes.set_yticks(range(len(zones)), labels=counts)
    axes.set_ylim(len(zones) - 0.4, -0.6)
    said = str(boxes.attrs.get("long_name", "NDAI")).removeprefix("box plots: ")
    axes.set_xlabel(said[:1].upper() + said[1:])
    tidy(axes, grid="x")
    axes.tick_params(axis="y", length=0)
    return figure


def _box(row: dict[str, float]) -> dict[str, Any]:
    """One zone as matplotlib wants it."""
    beyond = [
        value
        for value, is_beyond in (
            (row["minimum"], row["minimum"] < row["whisker_low"]),
            (row["maximum"], row["maximum"] > row["whisker_high"]),
        )
        if is_beyond
    ]
    return {
        "q1": row["q1"], "med": row["median"], "q3": row["q3"], "whislo": row["whisker_low"],
        "whishi": row["whisker_high"], "fliers": beyond,
    }  # fmt: skip
