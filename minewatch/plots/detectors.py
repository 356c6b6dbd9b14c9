"""Charts of a patch detector: how it was taught, how precise its cells are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from minewatch.plots.paper import ABOVE, ACCENT, INK, MAIN, sheet, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["detection_curve_figure", "training_figure"]


def training_figure(history: pd.DataFrame, *, title: str | None = None) -> Figure:
    """Draw how loss and validation F1 went over the epochs of a network.

    Parameters
    ----------
    history : pandas.DataFrame
        A row for each epoch: ``epoch``, ``loss``, and where patches were held back
        ``val_loss`` and ``val_f1``.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Loss, and below it F1 with its best epoch marked if there is one.

    Raises
    ------
    ValueError
        If there is no epoch or no loss.

    Examples
    --------
    >>> import pandas as pd
    >>> training_figure(pd.DataFrame({"epoch": [1, 2], "loss": [0.2, 0.1]})).axes[0].get_ylabel()
    'loss'
    """
    if not len(history) or not {"epoch", "loss"} <= set(history.columns):
        message = (
            "training_figure needs a row for each epoch with the columns epoch and loss, got "
            f"{len(history)} rows of {list(history.columns)}"
        )
        raise ValueError(message)
    scored = "val_f1" in history and history["val_f1"].notna().any()
    figure = sheet(6.0, 4.8 if scored else 3.2, title=title)
    panels = figure.subplots(2 if scored else 1, 1, sharex=True, squeeze=False)[:, 0]
    epochs = history["epoch"]
    for name, hue in (("loss", MAIN), ("val_loss", ACCENT)):
        if name in history and history[name].notna().any():
            text = "taught" if name == "loss" else "held back"
            panels[0].plot(epochs, history[name], color=hue, linewidth=1.8, label=text)
    panels[0].set(ylabel="loss", ylim=(0, None))
    panels[0].legend(ncols=2, **ABOVE)
    if scored:
        best = int(np.nanargmax(history["val_f1"].to_numpy()))
        at, value = (float(history[name].iloc[best]) for name in ("epoch", "val_f1"))
        panels[1].plot(epochs, history["val_f1"], color=ACCENT, linewidth=1.8)
        panels[1].plot(at, value, "o", color=ACCENT, markersize=5)
        panels[1].annotate(
            f"{value:.3f} in epoch {at:.0f}", (at, value), xytext=(0, -8 if value > 0.5 else 8),
            textcoords="offset points", ha="right" if at > epochs.median() else "left",
            va="top" if value > 0.5 else "bottom",
            fontsize=8.5, color=INK,
        )  # fmt: skip
        panels[1].set(ylabel="F1, held back", ylim=(0, 1.03))
    panels[-1].set_xlabel("epoch")
    panels[-1].xaxis.get_major_locator().set_params(integer=True)
    for axes in panels:
        tidy(axes, grid="y")
    return figure


def detection_curve_figure(
    curve: pd.DataFrame, *, thresholds: Iterable[float] = (), title: str | None = None
) -> Figure:
    """Draw precision against recall of detected cells.

    Parameters
    ----------
    curve : pandas.DataFrame
        A row for each threshold: ``threshold``, ``precision``, ``recall`` and
        ``reference_recall``.
    thresholds : iterable of float
        Those that are marked, among the rows.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Recall that divides by detections and missed reference, as published; a second line with
        the share of the reference that was hit, where that is another.

    Examples
    --------
    >>> import pandas as pd
    >>> row = {"threshold": 0.8, "precision": 0.9, "recall": 0.5, "reference_recall": 0.6}
    >>> len(detection_curve_figure(pd.DataFrame([row]), thresholds=[0.8]).axes)
    1
    """
    known = curve.dropna(subset=["precision"]).sort_values("threshold")
    figure = sheet(4.8, 4.6, title=title)
    axes = figure.add_subplot()
    lines = {"recall": ("recall as published", MAIN)}
    if not np.allclose(known["recall"], known["reference_recall"], equal_nan=True):
        lines["reference_recall"] = ("share of the reference that was hit", ACCENT)
    for name, (text, hue) in lines.items():
        axes.plot(
            known[name], known["precision"], color=hue, linewidth=1.8, label=text,
            marker="o" if len(known) == 1 else None, markersize=4,
        )  # fmt: skip
    for number, mark in enumerate(sorted(thresholds, reverse=True)):
        row = known[np.isclose(known["threshold"], mark)]
        if len(row):
            place = float(row["recall"].iloc[0]), float(row["precision"].iloc[0])
            left = place[0] > 0.8
            axes.plot(*place, "o", color=MAIN, markersize=5)
            axes.annotate(
                f"p > {mark:.3g}", place, xytext=(-7 if left else 7, 3 - 12 * (number % 2)),
                textcoords="offset points", ha="right" if left else "left", fontsize=8.5,
                color=INK,
            )  # fmt: skip
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.02), ylim=(0, 1.04))
    if len(lines) > 1:
        axes.legend(ncols=1, **ABOVE)
    tidy(axes, grid="both")
    return figure
