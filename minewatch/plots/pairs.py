"""Charts of an activity run: which pairs were kept and why, and where activity begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions.colours import OKABE_ITO, class_colours
from minewatch.plots.paper import ACCENT, GREY, INK, MAIN, label, sheet, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ledger_figure", "threshold_figure"]

LEGEND: dict[str, Any] = {
    "loc": "lower left", "bbox_to_anchor": (0, 1.0), "ncols": 3, "frameon": False, "fontsize": 9,
    "labelcolor": INK, "borderaxespad": 0.2, "handletextpad": 0.4, "columnspacing": 1.4,
}  # fmt: skip
"""Above the axes, where it hides nothing."""

BINS = 200
"""Of the histogram under a threshold."""


def ledger_figure(ledger: xr.Dataset, *, title: str | None = None) -> Figure:
    """Draw every pair: how coherent stable ground was in it, and whether it was kept.

    A bar spans a pair from its reference to its secondary date at the mean coherence of stable
    ground, a thin line one spatial standard deviation; dropped pairs are coloured by reason.
    Below, the perpendicular baselines; nothing where none is known.

    Parameters
    ----------
    ledger : xarray.Dataset
        From :func:`minewatch.activity.screen_pairs`; computed (it is small).
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> days = np.array(["2022-05-01", "2022-05-13", "2022-05-25"], "datetime64[ns]")
    >>> columns = {"stable_mean": [0.9, 0.7], "stable_std": [0.03, 0.06], "keep": [True, False]}
    >>> ends = {"reference_time": ("pair", days[:-1]), "secondary_time": ("pair", days[1:])}
    >>> ledger = xr.Dataset({k: ("pair", v) for k, v in columns.items()}, ends)
    >>> ledger = ledger.assign_coords(perpendicular_baseline=("pair", [20.0, -45.0]))
    >>> len(ledger_figure(ledger).axes)  # coherence above, baselines below
    2
    """
    ledger = ledger.compute()
    if "perpendicular_baseline" not in ledger:
        unknown = np.full(ledger.sizes["pair"], np.nan)
        ledger = ledger.assign_coords(perpendicular_baseline=("pair", unknown))
    start, end = ledger["reference_time"].values, ledger["secondary_time"].values
    middle = start + (end - start) // 2
    keep = ledger["keep"].values.astype(bool)
    groups = _reasons(ledger, keep)
    figure = sheet(9, 5.2, title=title)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
    mean, spread = ledger["stable_mean"].values, ledger["stable_std"].values
    for text, chosen, colour in groups:
        upper.vlines(
            middle[chosen],
            (mean - spread)[chosen],
            np.minimum(mean + spread, 1)[chosen],
            colors=colour,
            alpha=0.35,
            linewidth=1,
        )
        upper.hlines(mean[chosen], start[chosen], end[chosen], colors=colour, linewidth=2)
        upper.plot(middle[chosen], mean[chosen], "o", color=colour, markersize=4.5, label=text)
        heights = ledger["perpendicular_baseline"].values[chosen]
        lower.vlines(middle[chosen], 0, heights, colors=colour, linewidth=1.4)
        lower.plot(middle[chosen], heights, "o", color=colour, markersize=3.5)
    attrs = {**ledger.attrs, **ledger["stable_mean"].attrs, **ledger["keep"].attrs}
    if "minimum" in attrs:
        upper.axhline(float(attrs["minimum"]), color=INK, linewidth=1, linestyle="--")
        upper.annotate(
            f"kept from {float(attrs['minimum']):g}",
            (1, float(attrs["minimum"])),
            xycoords=("axes fraction", "data"),
            xytext=(-2, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8.5,
            color=INK,
        )
    limit = attrs.get("max_perpendicular_baseline")
    lower.axhline(0, color=GREY, linewidth=0.8)
    reach = np.nanmax(np.abs(ledger["perpendicular_baseline"].values), initial=1.0)
    if limit is not None and float(limit) < 2.5 * reach:
        for side in (-1, 1):
            lower.axhline(side * float(limit), color=INK, linewidth=1, linestyle="--")
    upper.set_ylabel("coherence of stable ground")
    lower.set_ylabel("perpendicular\nbaseline (m)")
    upper.legend(**LEGEND)
    for axes in (upper, lower):
        tidy(axes, grid="y")
    _dates(lower)
    return figure


def _reasons(ledger: xr.Dataset, keep: Any) -> list[tuple[str, Any, str]]:
    """Legend text, which pairs, colour: the kept first, then one group for each reason."""
    groups = [(f"kept ({keep.sum()})", keep, MAIN)]
    dropped = ~keep
    if "reason" not in ledger or "flag_values" not in ledger["reason"].attrs:
        return (
            [*groups, (f"dropped ({dropped.sum()})", dropped, ACCENT)] if dropped.any() else groups
        )
    codes = ledger["reason"].values
    hues = iter((ACCENT, OKABE_ITO[0], OKABE_ITO[6], OKABE_ITO[2], OKABE_ITO[7], OKABE_ITO[1]) * 2)
    for code, (meaning, _) in class_colours(ledger["reason"].attrs).items():
        chosen = dropped & (codes == code)
        if chosen.any():
            groups.append((f"dropped: {meaning} ({chosen.sum()})", chosen, next(hues)))
    return groups


def _dates(axes: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]


def _density(axes: Axes, threshold: xr.DataArray | float, width: float) -> None:
    """The density in whose valley the threshold lies, as shares of bins."""
    attrs = threshold.attrs if isinstance(threshold, xr.DataArray) else {}
    if not {"density", "grid_start", "grid_step"} <= set(attrs):
        return
    density = np.asarray(attrs["density"], "float64")
    points = float(attrs["grid_start"]) + float(attrs["grid_step"]) * np.arange(density.size)
    axes.plot(points, density * width, color=INK, linewidth=1.1, label="kernel density")


def threshold_figure(
    threshold: xr.DataArray | float,
    mean_ndai: xr.DataArray,
    *,
    title: str | None = None,
) -> Figure:
    """Draw how NDAI is distributed and where activity begins.

    Where the threshold is the valley of a density, the density is drawn over the histogram: it is
    that of winsorised values and smoother, so that a sharp peak stands above it.

    Parameters
    ----------
    threshold : scalar xarray.DataArray or float
        From :func:`minewatch.activity.ndai_threshold`, or any number.
    mean_ndai : xarray.DataArray
        What the threshold was found on, any dims; its histogram is computed.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Examples
    --------
    >>> values = xr.DataArray(np.linspace(-0.1, 0.6, 50), dims="pixel")
    >>> len(threshold_figure(0.19, values).axes)
    1
    """
    from matplotlib.ticker import PercentFormatter

    edges = np.linspace(-1, 1, BINS + 1)
    # numpy hands this to dask where the data are lazy; NaN falls in no bin.
    counts = np.asarray(np.histogram(mean_ndai.data, bins=edges)[0])
    share = counts / max(counts.sum(), 1)
    at = float(threshold)
    figure = sheet(7, 3.8, title=title)
    axes = figure.add_subplot()
    for chosen, colour, text in (
        (edges[:-1] < at, MAIN, "below: as stable as the reference"),
        (edges[:-1] >= at, ACCENT, "above: changed"),
    ):
        part = share[chosen].sum()
        axes.bar(
            edges[:-1][chosen],
            share[chosen],
            width=2 / BINS,
            align="edge",
            color=colour,
            label=f"{text} ({part:.0%})",
        )
    _density(axes, threshold, edges[1] - edges[0])
    filled = np.flatnonzero(share > share.max() / 2000) if share.any() else np.array([0, BINS - 1])
    low, high = edges[max(filled[0] - 4, 0)], edges[min(filled[-1] + 5, BINS)]
    axes.set_xlim(min(low, at - 0.05), max(high, at + 0.05))
    axes.axvline(at, color=INK, linewidth=1.2)
    method = threshold.attrs.get("method_used", "") if isinstance(threshold, xr.DataArray) else ""
    axes.annotate(
        f"threshold {at:.3f}" + (f"\n{str(method).replace('_', ' ')}" if method else ""),
        (at, 0.98),
        xycoords=("data", "axes fraction"),
        xytext=(5, 0),
        textcoords="offset points",
        va="top",
        fontsize=9,
        color=INK,
    )
    axes.set_xlabel(label(mean_ndai.attrs, mean_ndai.name or "NDAI"))
    axes.set_ylabel("share of pixels")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0 if share.max() > 0.03 else 1))
    axes.legend(**LEGEND)
    tidy(axes, grid="y")
    return figure
