"""Maps: one layer, or activity and its classes side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from minewatch.conventions import require
from minewatch.plots.canvas import aspect, draw, outline
from minewatch.plots.paper import sheet, tidy

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.figure import Figure

__all__ = ["activity_figure", "map_figure", "probability_figure"]


def map_figure(
    layer: xr.DataArray,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
    limits: tuple[float, float] | None = None,
    colours: str | None = None,
) -> Figure:
    """Draw one layer as a map, north up, axes in kilometres.

    A class map (``flag_values``, or a mask) gets a legend with the area of each class, any other
    layer a colour bar with name and units. The layer is computed, thinned to 1500 pixels a side.

    Parameters
    ----------
    layer : xarray.DataArray
        Dims (y, x). Without x and y (slant range) the axes count pixels.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, in any CRS.
    title : str, optional
        Over the map.
    limits : (float, float), optional
        Values at the ends of the colour bar; otherwise those that the quantity has, or the 2nd
        and 98th percentile.
    colours : str, optional
        A matplotlib colour map.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    ValueError
        If the layer has other dims, or outlines are given and either has no CRS.

    Examples
    --------
    >>> layer = xr.DataArray([[0.2, 0.9]], dims=("y", "x"), attrs={"long_name": "coherence"})
    >>> len(map_figure(layer, limits=(0, 1)).axes)
    2
    """
    require(layer, "y", "x", by="map_figure")
    ratio = aspect(layer)
    across = min(4.5, 5.5 / ratio)
    figure = sheet(across + 1.9, across * ratio + 1.0, title=title, maps=True)
    axes = figure.add_subplot()
    draw(axes, layer, limits, colours)
    outline(axes, layer, outlines)
    tidy(axes)
    return figure


def activity_figure(
    tai: xr.Dataset, *, outlines: gpd.GeoDataFrame | None = None, title: str | None = None
) -> Figure:
    """Draw the temporal activity index and what it means, side by side.

    Parameters
    ----------
    tai : xarray.Dataset
        With ``tai`` and ``activity``, dims (y, x), from :func:`minewatch.activity.tai`.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over both.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        Two maps.

    Raises
    ------
    ValueError
        If there are several seasons; pick one.

    Examples
    --------
    >>> import numpy as np
    >>> flags = {"flag_values": [0, 1, 2], "flag_meanings": "undecided stable active"}
    >>> grid = {"y": [15.0, 5.0], "x": [5.0, 15.0]}
    >>> layers = {
    ...     "tai": xr.DataArray(np.array([[0, 1], [0.4, 0]], "f4"), grid, ("y", "x")),
    ...     "activity": xr.DataArray(
    ...         np.array([[1, 2], [0, 1]], "u1"), grid, ("y", "x"), attrs=flags
    ...     ),
    ... }
    >>> [axes.get_title("left") for axes in activity_figure(xr.Dataset(layers)).axes[:2]]
    ['How often active', 'Active or stable']
    """
    for name in ("tai", "activity"):
        if name not in tai:
            message = f"activity_figure needs the variables tai and activity, got {list(tai)}"
            raise KeyError(message)
        require(tai[name], "y", "x", by="activity_figure (of one season: .isel(season=0))")
    figure = sheet(11.5, 1.3 + 3.9 * aspect(tai["tai"]), title=title, maps=True)
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    draw(left, tai["tai"], (0.0, 1.0), None)
    draw(right, tai["activity"], None, None)
    for axes, text in ((left, "How often active"), (right, "Active or stable")):
        outline(axes, tai["tai"], outlines)
        tidy(axes, title=text)
    right.set_ylabel("")
    return figure


def probability_figure(
    probability: xr.DataArray,
    *,
    positive: object = 1,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw how probable a class is.

    Parameters
    ----------
    probability : xarray.DataArray
        Dims (class, y, x), or (y, x) of one class.
    positive : object
        The class drawn, by its coordinate.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, e.g. the reference.
    title : str, optional
        Over the map.

    Returns
    -------
    matplotlib.figure.Figure
        The figure.

    Raises
    ------
    KeyError
        If there is no such class.

    Examples
    --------
    >>> import numpy as np
    >>> grid = {"class": [0, 1], "y": [15.0, 5.0], "x": [5.0, 15.0]}
    >>> probability = xr.DataArray(np.full((2, 2, 2), 0.5, "f4"), grid, ("class", "y", "x"))
    >>> len(probability_figure(probability).axes)  # the map and its colour bar
    2
    """
    if "class" in probability.dims:
        known = probability["class"].values.tolist()
        if positive not in known:
            message = f"probability has the classes {known}, not {positive!r}"
            raise KeyError(message)
        probability = probability.sel({"class": positive}, drop=True)
    return map_figure(
        probability, outlines=outlines, title=title, limits=(0.0, 1.0), colours="viridis"
    )
