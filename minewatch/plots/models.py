"""Charts of a classifier: what it looked at, how precise it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.metrics import precision_recall
from minewatch.plots.paper import GREY, INK, MAIN, sheet, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["importance_figure", "precision_recall_figure"]

SENSORS = {
    "s2": ("Sentinel-2", "#3b6ea5"),
    "l8": ("Landsat", "#56b4e9"),
    "s1": ("Sentinel-1", "#d1495b"),
    "palsar": ("PALSAR", "#e69f00"),
    "dem": ("terrain", "#7a7a7a"),
}


def importance_figure(
    importances: pd.Series | Mapping[str, float],
    *,
    most: int = 25,
    line: float | None = None,
    title: str | None = None,
) -> Figure:
    """Draw what a forest looked at, the most important covariate on top.

    Parameters
    ----------
    importances : pandas.Series or mapping
        Covariate → importance in percent.
    most : int
        How many are drawn.
    line : float, optional
        Importance from which covariates are kept, e.g. 2.5.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Bars, coloured by sensor.

    Examples
    --------
    >>> len(importance_figure({"s2_ndvi": 60.0, "s1_vv": 40.0}).axes)
    1
    """
    from matplotlib.patches import Patch

    order = sorted(importances.items(), key=lambda item: float(item[1]))[-most:]
    names = [str(name) for name, _ in order]
    kinds = [SENSORS.get(name.partition("_")[0], ("other", GREY)) for name in names]
    figure = sheet(6.4, 1.2 + 0.235 * len(order), title=title)
    axes = figure.add_subplot()
    axes.barh(
        names, [float(value) for _, value in order], color=[hue for _, hue in kinds], height=0.72
    )
    if line is not None:
        axes.axvline(line, color=INK, linewidth=1, linestyle="--")
    axes.set_xlabel("importance (%)")
    handles = [Patch(color=hue, label=text) for text, hue in dict.fromkeys(reversed(kinds))]
    if len(handles) > 1:
        axes.legend(handles=handles, frameon=False, fontsize=9, loc="lower right", labelcolor=INK)
    tidy(axes, grid="x")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(order) - 0.4)
    return figure


def precision_recall_figure(
    truth: npt.ArrayLike, probability: npt.ArrayLike, *, title: str | None = None
) -> Figure:
    """Draw precision against recall for every probability threshold.

    The dotted line is the precision of a guess: the share of positives.

    Parameters
    ----------
    truth : array of bool or 0/1
        The reference of each sample.
    probability : array of float
        What the model gave each sample, of being positive. Samples with NaN are left out.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If there is no positive sample, or the reference holds other values than 0 and 1.

    See Also
    --------
    minewatch.metrics.precision_recall : the numbers.

    Examples
    --------
    >>> len(precision_recall_figure([0, 1, 1, 0], [0.2, 0.9, 0.6, 0.7]).axes)
    1
    """
    curve = precision_recall(np.ravel(probability), np.ravel(truth))
    precision, recall = curve["precision"].values, curve["recall"].values
    average = float(np.sum(np.diff(recall, prepend=0) * precision))
    figure = sheet(4.8, 4.6, title=title)
    axes = figure.add_subplot()
    axes.step(np.r_[0, recall], np.r_[1, precision], where="pre", color=MAIN, linewidth=1.8)
    share = precision[-1]  # of positives: at the lowest threshold all is mapped
    axes.axhline(share, color=GREY, linestyle=":", linewidth=1.2)
    axes.annotate(
        "guessing", (0.03, share), xytext=(0, 3), textcoords="offset points",
        fontsize=8.5, color=GREY,
    )  # fmt: skip
    for mark in (0.25, 0.5, 0.75):
        at = int(np.searchsorted(-curve["threshold"].values, -mark, side="right")) - 1
        if at >= 0:
            axes.plot(recall[at], precision[at], "o", color=MAIN, markersize=5)
            axes.annotate(
                f"p ≥ {mark:g}", (recall[at], precision[at]), xytext=(-7, -4),
                textcoords="offset points", ha="right", va="top", fontsize=8.5, color=INK,
            )  # fmt: skip
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="recall", ylabel="precision")
    axes.annotate(
        f"average precision {average:.3f}", (0.97, 1.02), xycoords="axes fraction", fontsize=9.5,
        ha="right", color=INK,
    )  # fmt: skip
    tidy(axes, grid="both")
    return figure
