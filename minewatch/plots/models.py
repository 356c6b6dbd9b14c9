"""Charts of a classifier: what it looked at, how precise it is, what its probabilities mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.metrics import precision_recall
from minewatch.plots.paper import ABOVE, ACCENT, GREY, INK, MAIN, sheet, tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "importance_figure",
    "permutation_figure",
    "precision_recall_figure",
    "reliability_figure",
]

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
    order = sorted(importances.items(), key=lambda item: float(item[1]))[-most:]
    names = [str(name) for name, _ in order]
    kinds = [_kind(name) for name in names]
    figure = sheet(6.4, 1.2 + 0.235 * len(order), title=title)
    axes = figure.add_subplot()
    axes.barh(
        names, [float(value) for _, value in order], color=[hue for _, hue in kinds], height=0.72
    )
    if line is not None:
        axes.axvline(line, color=INK, linewidth=1, linestyle="--")
    axes.set_xlabel("importance (%)")
    _legend(axes, kinds)
    tidy(axes, grid="x")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(order) - 0.4)
    return figure


def _kind(name: object) -> tuple[str, str]:
    """Sensor of a covariate, and its colour."""
    return SENSORS.get(str(name).partition("_")[0], ("other", GREY))


def _legend(axes: Axes, kinds: list[tuple[str, str]]) -> None:
    """The sensors, topmost first, where there are several."""
    from matplotlib.patches import Patch

    handles = [Patch(color=hue, label=text) for text, hue in dict.fromkeys(reversed(kinds))]
    if len(handles) > 1:
        axes.legend(handles=handles, frameon=False, fontsize=9, loc="lower right", labelcolor=INK)


def precision_recall_figure(
    truth: npt.ArrayLike,
    probability: npt.ArrayLike,
    *,
    weight: npt.ArrayLike | None = None,
    threshold: float | None = None,
    title: str | None = None,
) -> Figure:
    """Draw precision against recall for every probability threshold.

    The dotted line is the precision of a guess: the share of positives.

    Parameters
    ----------
    truth : array of bool or 0/1
        The reference of each sample.
    probability : array of float
        What the model gave each sample, of being positive. Samples with NaN are left out.
    weight : array of float, optional
        What each sample counts.
    threshold : float, optional
        The one that was chosen, to be marked; without it 0.25, 0.5 and 0.75 are.
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
    curve = precision_recall(
        np.ravel(probability),
        np.ravel(truth),
        weight=None if weight is None else np.ravel(weight),
    )
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
    for mark in (0.25, 0.5, 0.75) if threshold is None else (threshold,):
        at = int(np.searchsorted(-curve["threshold"].values, -mark, side="right")) - 1
        if at >= 0:
            axes.plot(recall[at], precision[at], "o", color=MAIN, markersize=5)
            axes.annotate(
                f"p ≥ {mark:.3g}", (recall[at], precision[at]), xytext=(-7, -4),
                textcoords="offset points", ha="right", va="top", fontsize=8.5, color=INK,
            )  # fmt: skip
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04), xlabel="recall", ylabel="precision")
    axes.annotate(
        f"average precision {average:.3f}", (0.97, 1.02), xycoords="axes fraction", fontsize=9.5,
        ha="right", color=INK,
    )  # fmt: skip
    tidy(axes, grid="both")
    return figure


def permutation_figure(table: pd.DataFrame, *, most: int = 25, title: str | None = None) -> Figure:
    """Draw what a model loses when a covariate is shuffled, the dearest on top.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`minewatch.learn.permutation_importances`.
    most : int
        How many are drawn.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Points with one standard deviation from fold to fold, coloured by sensor.

    Examples
    --------
    >>> import pandas as pd
    >>> losses = {"loss": [0.2, 0.0], "loss_std": [0.1, 0.05]}
    >>> len(permutation_figure(pd.DataFrame(losses, index=["s2_bsi", "s1_vv"])).axes)
    1
    """
    shown = table.sort_values("loss", kind="stable").tail(most)
    figure = sheet(6.4, 1.2 + 0.235 * len(shown), title=title)
    axes = figure.add_subplot()
    for at, (name, row) in enumerate(shown.iterrows()):
        _, hue = _kind(name)
        axes.errorbar(
            row["loss"], at, xerr=np.nan_to_num(row["loss_std"]), fmt="o", color=hue, markersize=5,
            linewidth=1.4,
        )  # fmt: skip
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(shown)), [str(name) for name in shown.index])
    score = str(table.attrs.get("score", "score"))
    axes.set_xlabel(f"loss of {'MCC' if score == 'mcc' else score} when shuffled")
    _legend(axes, [_kind(name) for name in shown.index])
    tidy(axes, grid="x")
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.6, len(shown) - 0.4)
    return figure


def reliability_figure(tables: Mapping[str, pd.DataFrame], *, title: str | None = None) -> Figure:
    """Draw the observed share of a class over its predicted probability.

    On the diagonal a probability means what it says. Dots grow with the samples that they stand
    for; below are the shares of the samples in each bin.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        What each is → from :func:`minewatch.learn.reliability`, e.g. before and after calibration.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Two charts, one above the other.

    Raises
    ------
    ValueError
        If there is no table.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame(
    ...     {"low": [0.0], "high": [0.1], "predicted": [0.05], "observed": [0.1], "weight": [1.0]}
    ... )
    >>> len(reliability_figure({"votes": table}).axes)
    2
    """
    if not tables:
        message = "reliability_figure got no table; give one of minewatch.learn.reliability"
        raise ValueError(message)
    figure = sheet(4.8, 5.6, title=title)
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    top.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2)
    hues = (ACCENT, MAIN, INK, GREY)
    for at, (name, table) in enumerate(tables.items()):
        hue = hues[at % len(hues)]
        error = table.attrs.get("calibration_error")
        text = name if error is None else f"{name}, error {error:.3f}"
        top.plot(table["predicted"], table["observed"], color=hue, linewidth=1.4, label=text)
        top.scatter(
            table["predicted"], table["observed"], s=12 + 160 * table["weight"], color=hue, zorder=3
        )
        middle = (table["low"] + table["high"]) / 2
        width = 0.8 * (table["high"] - table["low"]) / len(tables)
        place = middle + (at - (len(tables) - 1) / 2) * width
        below.bar(place, table["weight"], width=width, color=hue)
    top.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="observed share")
    top.legend(ncols=1, **ABOVE)
    below.set(xlabel="predicted probability", ylabel="samples")
    tidy(top, grid="both")
    tidy(below, grid="y")
    return figure
