"""The sheet that every figure is drawn on, and how it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch._files import whole

if TYPE_CHECKING:
    import os

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["ABOVE", "ACCENT", "GREY", "INK", "MAIN", "label", "save", "sheet", "swatches", "tidy"]

INK = "#222222"
GREY = "#8a8a8a"
MAIN = "#3b6ea5"
ACCENT = "#d1495b"

ABOVE: dict[str, Any] = {
    "loc": "lower left", "bbox_to_anchor": (0, 1.0), "frameon": False, "fontsize": 9,
    "labelcolor": INK, "borderaxespad": 0.2, "handletextpad": 0.5, "columnspacing": 1.4,
}  # fmt: skip
"""A legend above the axes, where it hides nothing."""


def save(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 150) -> Path:
    """Save a figure, whole or not at all.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        From any function here.
    path : path-like
        File to write; its suffix says the format: ``.png``, ``.pdf``, ``.svg``.
    dpi : int
        Dots per inch of a bitmap; 300 for print.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the suffix is missing or means no format.
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(sheet(4, 3), Path(folder) / "empty.png").name
    'empty.png'
    """
    if not Path(path).suffix:
        message = f"save finds no suffix in {path} to tell the format by; use e.g. {path}.png"
        raise ValueError(message)
    with whole(path) as partial:
        figure.savefig(partial, dpi=dpi, facecolor="white")
    return Path(path)


def sheet(width: float, height: float, *, title: str | None = None, maps: bool = False) -> Figure:
    """An empty figure, inches, that makes room for its labels by itself."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="compressed" if maps else "constrained")
    if title:
        figure.suptitle(title, fontsize=12, color=INK, fontweight="bold", x=0.01, ha="left")
    return figure


def tidy(axes: Axes, *, grid: str | None = None, title: str | None = None) -> None:
    """Thin frame, small dark ticks, a title at the left, grid lines under the data."""
    for side, spine in axes.spines.items():
        spine.set_color(GREY)
        spine.set_linewidth(0.8)
        spine.set_visible(side in ("left", "bottom") or grid is None)
    axes.tick_params(colors=INK, labelsize=9, width=0.8, color=GREY, length=3)
    if grid is not None:
        axes.set_axisbelow(True)
        axes.grid(axis=grid, color="#e3e3e3", linewidth=0.8)  # type: ignore[arg-type]
    if title:
        axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold")
    axes.xaxis.label.set(fontsize=9.5, color=INK)
    axes.yaxis.label.set(fontsize=9.5, color=INK)


def label(attrs: dict[Any, Any], name: object) -> str:
    """Long name and units as a colour bar or an axis says them."""
    text = str(attrs.get("long_name") or name or "")
    units = str(attrs.get("units", "1"))
    text = text[:1].upper() + text[1:]
    return text if units in ("1", "") else f"{text} ({units})"


def swatches(axes: Axes, entries: dict[str, str], *, across: int, **where: Any) -> None:
    """A legend of colours: text → colour.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Where.
    entries : dict of str to str
        Text → colour.
    across : int
        Entries beside each other.
    **where
        Settings of the legend, in place of one above the axes.
    """
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=hue, edgecolor=INK, linewidth=0.4, label=text)
        for text, hue in entries.items()
    ]
    axes.legend(handles=handles, ncols=across, **{**ABOVE, **where})
