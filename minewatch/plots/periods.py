"""The activity index of each year or season beside that of all, on one scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import require
from minewatch.plots.canvas import aspect, bar, frame, outline, paint
from minewatch.plots.paper import INK, sheet, tidy

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.figure import Figure

__all__ = ["columns", "seasons_figure"]

MONTHS = {12: "Dec–Feb", 3: "Mar–May", 6: "Jun–Aug", 9: "Sep–Nov"}


def seasons_figure(
    tai_by_period: xr.Dataset | xr.DataArray,
    pooled: xr.Dataset | xr.DataArray | None = None,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the temporal activity index of each year or season, and pooled over all, on one scale.

    Parameters
    ----------
    tai_by_period : xarray.Dataset or xarray.DataArray
        From :func:`minewatch.activity.tai` with ``by="year"`` or ``by="season"``, or its ``tai``.
    pooled : xarray.Dataset or xarray.DataArray, optional
        The index of all dates.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over each map, in any CRS.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        A map a period, the pooled one last, and one colour bar.

    Raises
    ------
    ValueError
        If there is neither a dim year nor a dim season.

    Examples
    --------
    >>> layers = xr.DataArray(
    ...     np.zeros((2, 1, 3)), {"year": [2021, 2022]}, ("year", "y", "x"), name="tai"
    ... )
    >>> [axes.get_title("left") for axes in seasons_figure(layers, layers.mean("year")).axes]
    ['2021', '2022', 'All dates', '']
    """
    layers = tai_by_period["tai"] if isinstance(tai_by_period, xr.Dataset) else tai_by_period
    by = next((str(name) for name in ("year", "season") if name in layers.dims), None)
    if by is None:
        message = (
            f"seasons_figure needs TAI along year or season, got dims {layers.dims}; make it with "
            "minewatch.activity.tai(..., by='year')"
        )
        raise ValueError(message)
    require(layers, by, "y", "x", dtype="floating", by="seasons_figure")
    pairs = np.atleast_1d(tai_by_period.attrs.get("pairs", [])).tolist()
    labels = [_said(label, by) for label in layers[by].values]
    if len(pairs) == len(labels):
        labels = [f"{text} ({count} pairs)" for text, count in zip(labels, pairs, strict=True)]
    maps = [layers.isel({by: place}, drop=True) for place in range(len(labels))]
    if pooled is not None:
        whole = pooled["tai"] if isinstance(pooled, xr.Dataset) else pooled
        require(whole, "y", "x", dtype="floating", by="seasons_figure (pooled)")
        count = pooled.attrs.get("pairs")
        labels.append("All dates" if count is None else f"All dates ({count} pairs)")
        maps.append(whole)
    ratio = aspect(maps[0])
    across = columns(len(maps), ratio)
    down = -(-len(maps) // across)
    width = min(2.7, 8.4 / across) if across > 1 else 4.0
    tall = down * (width * ratio + 0.35) + 0.5 + 0.3 * (title is not None)
    figure = sheet(across * width + 1.7, tall, title=title, maps=0.35 < ratio < 1.6)
    grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
    image: Any = None
    for place, (axes, layer, text) in enumerate(
        zip(grid.flat, maps, labels, strict=False)  # the last row may have room left
    ):
        image, _ = paint(axes, layer.rename("tai"), (0.0, 1.0))
        frame(axes, layer)
        outline(axes, layer, outlines)
        tidy(axes)
        axes.set_title(text, loc="left", fontsize=10, color=INK, fontweight="bold")
        axes.locator_params(axis="x", nbins=3)
        if place % across or place // across != down // 2:
            axes.set_ylabel("")
        below = place + across < len(maps)
        axes.tick_params(labelbottom=not below)
        if below:
            axes.set_xlabel("")
    for axes in list(grid.flat)[len(maps) :]:
        axes.remove()
    bar(list(grid.flat)[: len(maps)], image, maps[0], "neither")
    return figure


def columns(count: int, ratio: float = 1.0) -> int:
    """How many panels of a height over width go beside each other so that a page is filled well.

    Parameters
    ----------
    count : int
        Panels.
    ratio : float
        Height of one over its width.

    Returns
    -------
    int
        At most 4, and no lonely last panel if one column less avoids it.

    Examples
    --------
    >>> columns(1), columns(4), columns(6), columns(20)
    (1, 2, 3, 4)
    """
    most = 2 if ratio < 0.5 else 3 if count <= 9 else 4
    across = min(count, most)
    if across > 2 and count % across == 1:
        across -= 1
    return across


def _said(label: Any, by: str) -> str:
    """2022, or Jun–Aug 2022: a season is labelled by its first day."""
    if by == "year":
        return str(int(label))
    day = np.datetime64(label, "M")
    month, year = int(str(day)[5:]), int(str(day)[:4])
    last = f"{year}/{(year + 1) % 100:02d}" if month == 12 else str(year)
    return f"{MONTHS.get(month, str(day))} {last}"
