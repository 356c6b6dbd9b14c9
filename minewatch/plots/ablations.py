"""Scores of several models with their intervals, one under the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.plots.paper import ACCENT, GREY, INK, MAIN, sheet, tidy

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ablation_figure"]


def ablation_figure(table: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw the score of each set of covariates, and how it differs from the one it is compared to.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`minewatch.learn.ablation`.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Scores on the left, differences on the right: full dots where the interval leaves out 0.

    Raises
    ------
    ValueError
        If the table does not say which score it holds.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"f_beta": 0.9, "lower": 0.8, "upper": 0.95, "against": "S2 only", "resolved": True}
    >>> row |= {"difference": 0.1, "difference_lower": 0.02, "difference_upper": 0.2}
    >>> table = pd.DataFrame([row], index=["all"])
    >>> table.attrs = {"score": "f_beta", "beta": 1.0, "confidence": 0.95}
    >>> len(ablation_figure(table).axes)
    2
    """
    score = str(table.attrs.get("score"))
    if score not in table:
        message = "ablation_figure needs the table of minewatch.learn.ablation, with its attrs"
        raise ValueError(message)
    names = {"f_beta": f"F{table.attrs.get('beta', 1):g}", "mcc": "MCC"}
    figure = sheet(9.0, 1.4 + 0.42 * len(table), title=title)
    left, right = figure.subplots(1, 2, sharey=True)
    for at, (name, row) in enumerate(table[::-1].iterrows()):
        hue = MAIN if str(name) == table.attrs.get("all") else GREY
        left.plot([row["lower"], row["upper"]], [at, at], color=hue, linewidth=2)
        left.plot(row[score], at, "o", color=hue, markersize=6)
        ends = [row["difference_lower"], row["difference_upper"]]
        right.plot(ends, [at, at], color=ACCENT, linewidth=2)
        face = ACCENT if row["resolved"] else "white"
        right.plot(row["difference"], at, "o", color=ACCENT, markerfacecolor=face, markersize=6)
        right.annotate(
            f"against {row['against']}", (1, at), xycoords=("axes fraction", "data"), ha="right",
            xytext=(0, 6), textcoords="offset points", fontsize=8, color=INK,
        )  # fmt: skip
    right.axvline(0, color=INK, linewidth=0.8)
    left.set_yticks(range(len(table)), [str(name) for name in table.index[::-1]])
    left.set_ylim(-0.6, len(table) - 0.4)
    level = f"{100 * table.attrs.get('confidence', 0.95):g} % interval"
    left.set_xlabel(f"{names.get(score, score)}, {level}")
    right.set_xlabel(f"difference, {level}")
    tidy(left, grid="x")
    tidy(right, grid="x")
    left.tick_params(axis="y", length=0)
    right.tick_params(axis="y", length=0)
    return figure
