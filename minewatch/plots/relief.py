"""The activity index beside what was dug: elevation change, and whether the two agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import require, require_same_grid
from minewatch.plots.canvas import aspect, bar, draw, frame, outline, paint
from minewatch.plots.paper import ACCENT, INK, MAIN, sheet, tidy

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["elevation_figure"]

BINS = (
    ("0", 0.0, 0.0),
    ("to 0.25", 0.0, 0.25),
    ("to 0.5", 0.25, 0.5),
    ("to 0.75", 0.5, 0.75),
    ("to 1", 0.75, 1.0),
)
"""Text, above and up to which TAI; the first holds 0 alone, the others not their lower end."""

PERCENTILES = (5, 25, 50, 75, 95)


def elevation_figure(
    comparison: xr.Dataset,
    *,
    tai: xr.Dataset | xr.DataArray | None = None,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    r"""Draw elevation change, the activity index beside it, and how one goes with the other.

    Elevation change is drawn from mean − sd to mean + sd, as in the source; arrows at the colour
    bar say that values go beyond, and white is no change if it lies between. Boxes of \|dh\| span
    the quartiles, whiskers 5 % to 95 % of the pixels; the dashed line is the level of detection.

    Parameters
    ----------
    comparison : xarray.Dataset
        From :func:`minewatch.activity.compare_elevation`: ``difference`` (y, x) in metres, and its
        attributes; computed.
    tai : xarray.Dataset or xarray.DataArray, optional
        The index that was compared. Without it, in place of map and boxes stand the shares of
        ``confusion``.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over the maps, in any CRS.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Map of elevation change, map of TAI, chart.

    Raises
    ------
    ValueError
        If the index lies on another grid.

    References
    ----------
    Kavats et al. (2025), doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> change = xr.DataArray(np.float32([[0.1, -3.0]]), dims=("y", "x"))
    >>> index = xr.DataArray(np.float32([[0.0, 0.9]]), dims=("y", "x"))
    >>> compared = xr.Dataset(
    ...     {"difference": change}, attrs={"spearman": 1.0, "auc": 1.0, "level_of_detection": 0.5}
    ... )
    >>> [axes.get_title("left") for axes in elevation_figure(compared, tai=index).axes[:3]]
    ['Elevation change', 'How often active', 'Do they agree?']
    """
    difference = comparison["difference"].compute()
    require(difference, "y", "x", dtype="floating", by="elevation_figure")
    index = tai["tai"] if isinstance(tai, xr.Dataset) else tai
    if index is not None:
        require_same_grid(difference, index, by="elevation_figure")
        index = index.compute()
    ratio = aspect(difference)
    maps = 1 if index is None else 2
    width = 3.3
    figure = sheet(
        maps * (width + 1.3) + 4.0, max(width * ratio, 2.6) + 1.1 + 0.3 * (title is not None),
        title=title,
    )  # fmt: skip
    panels = figure.subplots(1, maps + 1, width_ratios=[*[width + 1.0] * maps, 3.4])
    _change(panels[0], difference, comparison.attrs)
    outline(panels[0], difference, outlines)
    tidy(panels[0], title="Elevation change")
    if index is not None:
        draw(panels[1], index.rename("tai"), (0.0, 1.0), None)
        outline(panels[1], index, outlines)
        tidy(panels[1], title="How often active")
        panels[1].set_ylabel("")
        _boxes(panels[2], index, difference, comparison.attrs)
    else:
        _shares(panels[1], comparison)
    _say(panels[-1], comparison.attrs)
    tidy(panels[-1], grid="y", title="Do they agree?")
    return figure


def _change(axes: Axes, difference: xr.DataArray, attrs: dict[Any, Any]) -> None:
    from matplotlib.colors import Normalize, TwoSlopeNorm

    values = difference.values[np.isfinite(difference.values)].astype("float64")
    mean = float(attrs.get("mean", values.mean() if values.size else 0.0))
    spread = float(attrs.get("std", values.std() if values.size else 0.0))
    low, high = mean - spread, mean + spread
    if not low < high:
        low, high = (mean - 0.5, mean + 0.5) if np.isfinite(mean) else (-0.5, 0.5)
    norm = TwoSlopeNorm(0.0, low, high) if low < 0 < high else Normalize(low, high)
    image, extend = paint(axes, difference, None, "PuOr", scale=lambda _: norm)
    named = difference.assign_attrs(
        long_name="elevation change", units=str(difference.attrs.get("units", "m"))
    )
    bar(axes, image, named, extend)
    frame(axes, difference)


def _boxes(
    axes: Axes, index: xr.DataArray, difference: xr.DataArray, attrs: dict[Any, Any]
) -> None:
    """How far ground moved, by how often it was active."""
    often, far = index.values.astype("float64"), np.abs(difference.values.astype("float64"))
    known = np.isfinite(often) & np.isfinite(far)
    boxes, places, labels = [], [], []
    for place, (text, above, upto) in enumerate(BINS):
        inside = known & (often <= upto) & ((often > above) if place else (often >= 0))
        labels.append(f"{text}\n{_short(int(inside.sum()))}")
        if inside.any():
            low, q1, middle, q3, high = np.percentile(far[inside], PERCENTILES)
            boxes.append(
                {"whislo": low, "q1": q1, "med": middle, "q3": q3, "whishi": high, "fliers": []}
            )
            places.append(place)
    if boxes:
        axes.bxp(
            boxes, positions=places, widths=0.6, patch_artist=True, showfliers=False,
            boxprops={"facecolor": "#c5d5e6", "edgecolor": MAIN, "linewidth": 1.1},
            medianprops={"color": ACCENT, "linewidth": 2},
            whiskerprops={"color": MAIN}, capprops={"color": MAIN},
        )  # fmt: skip
    level = float(attrs.get("level_of_detection", np.nan))
    if np.isfinite(level):
        axes.axhline(level, color=INK, linewidth=1, linestyle="--")
    most = max([box["whishi"] for box in boxes], default=1.0)
    axes.set_ylim(0, 1.45 * max(most, level if np.isfinite(level) else 0.0, 1e-9))
    axes.set_xticks(range(len(BINS)), labels=labels)
    axes.set_xlim(-0.6, len(BINS) - 0.4)
    axes.set_xlabel("TAI, and pixels")
    axes.set_ylabel("|elevation change| (m)")


def _short(count: int) -> str:
    """A count in the room that there is."""
    return f"{count:,}" if count < 100_000 else f"{count / 1e6:.1f} M"


def _shares(axes: Axes, comparison: xr.Dataset) -> None:
    """Of the pixels of each call, how many moved."""
    from matplotlib.ticker import PercentFormatter

    texts = ["TAI = 0", "between", "active"]
    counts = np.zeros((3, 2))
    if "confusion" in comparison:
        counts = comparison["confusion"].values.astype("float64")
    total = counts.sum(axis=1)
    share = np.divide(counts[:, 1], total, out=np.zeros(3), where=total > 0)
    axes.bar(range(3), share, color=MAIN, width=0.6)
    axes.set_xticks(
        range(3), labels=[f"{text}\n{_short(int(n))}" for text, n in zip(texts, total, strict=True)]
    )
    axes.set_ylim(0, 1.45)
    axes.set_yticks([0, 0.5, 1])
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel("TAI, and pixels")
    axes.set_ylabel("moved beyond the level of detection")


def _say(axes: Axes, attrs: dict[Any, Any]) -> None:
    """The numbers, above the boxes."""
    texts = []
    for name, text in (("spearman", "Spearman {:.2f}"), ("auc", "AUC {:.2f}")):
        value = float(attrs.get(name, np.nan))
        texts.append(text.format(value) if np.isfinite(value) else text.split()[0] + " undefined")
    lines = [", ".join(texts)]
    for name, text in (
        ("level_of_detection", "level of detection {:.2f} m"),
        ("bias", "bias removed {:+.2f} m"),
        ("nmad", "NMAD of stable ground {:.2f} m"),
    ):
        value = float(attrs.get(name, np.nan))
        if np.isfinite(value):
            lines.append(text.format(value))
    axes.annotate(
        "\n".join(lines).replace("-", "−"), (0.03, 0.98), xycoords="axes fraction", va="top",
        fontsize=9, color=INK,
    )  # fmt: skip
