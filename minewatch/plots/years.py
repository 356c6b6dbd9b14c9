"""Three years as one picture, as eight colours, and what they say of area and tonnes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import require
from minewatch.conventions.colours import MISSING_COLOUR
from minewatch.plots.canvas import aspect, extent, frame, outline, step_of
from minewatch.plots.maps import map_figure
from minewatch.plots.paper import sheet, swatches, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import xarray as xr
    from matplotlib.figure import Figure

__all__ = ["colours_figure", "rgb_figure"]

PURE = {
    0: "#000000", 1: "#ff0000", 2: "#00ff00", 4: "#0000ff", 3: "#ffff00", 5: "#ff00ff",
    6: "#00ffff", 7: "#ffffff",
}  # fmt: skip
"""Code → colour, fewest years first: the sum of 1, 2 and 4 for the first, second and third."""


def rgb_figure(
    rgb: xr.DataArray,
    years: Sequence[int],
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw three years of mean NDAI as red, green and blue, with a key of what mixes mean.

    Parameters
    ----------
    rgb : xarray.DataArray
        From :func:`minewatch.activity.activity_rgb`: dims (channel, y, x), 0 to 1.
    years : sequence of int
        The years shown as red, green and blue.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, in any CRS.
    title : str, optional
        Over the map.

    Returns
    -------
    matplotlib.figure.Figure
        One map; unknown ground is light grey.

    Raises
    ------
    ValueError
        If there are not three channels and three years.

    Examples
    --------
    >>> import xarray as xr
    >>> rgb = xr.DataArray(np.float32([[[1.0]], [[0.0]], [[0.0]]]), dims=("channel", "y", "x"))
    >>> legend = rgb_figure(rgb, (2020, 2021, 2022)).axes[0].get_legend()
    >>> [text.get_text() for text in legend.get_texts()][:3]
    ['no year', '2020', '2021']
    """
    from matplotlib.colors import to_rgb

    require(rgb, "channel", "y", "x", dtype="floating", by="rgb_figure")
    if len(years) != 3 or rgb.sizes["channel"] != 3:
        message = (
            f"rgb_figure needs three channels and the year of each, got {rgb.sizes['channel']} "
            f"channels and years={years}; make them with minewatch.activity.activity_rgb"
        )
        raise ValueError(message)
    plane = rgb.isel(channel=0, drop=True)
    step = step_of(plane)
    part = rgb.coarsen(y=step, x=step, boundary="pad").mean() if step > 1 else rgb
    picture = np.moveaxis(np.asarray(part.data, dtype="float64"), 0, -1)
    known = np.isfinite(picture).all(axis=-1)
    picture = np.where(known[..., None], np.clip(picture, 0, 1), to_rgb(MISSING_COLOUR))
    ratio = aspect(plane)
    across = min(4.5, 5.5 / ratio)
    figure = sheet(across + 2.1, max(across * ratio, 2.4) + 1.0, title=title, maps=True)
    axes = figure.add_subplot()
    axes.imshow(picture, extent=extent(plane, step), interpolation="nearest")
    frame(axes, plane)
    outline(axes, plane, outlines)
    entries = dict(zip(_said(years), PURE.values(), strict=True))
    if not known.all():
        entries["no data"] = MISSING_COLOUR
    swatches(axes, entries, across=1, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    tidy(axes)
    return figure


def colours_figure(
    colours: xr.DataArray,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw in which of three years ground was active, with the area of each of the eight classes.

    Parameters
    ----------
    colours : xarray.DataArray
        From :func:`minewatch.activity.activity_colours`: dims (y, x), with the attribute
        ``years``. Black is drawn as black, unknown ground light grey.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, in any CRS.
    title : str, optional
        Over the map.

    Returns
    -------
    matplotlib.figure.Figure
        One map.

    Examples
    --------
    >>> import xarray as xr
    >>> flags = {"flag_values": list(range(8)), "flag_meanings": "k r g y b m c w"}
    >>> codes = xr.DataArray(np.uint8([[0, 1, 7]]), dims=("y", "x"), attrs=flags)
    >>> figure = colours_figure(codes.assign_attrs(years=[2020, 2021, 2022]))
    >>> [text.get_text() for text in figure.axes[0].get_legend().get_texts()][1]
    '2020: 33%'
    """
    require(colours, "y", "x", dtype="integer", by="colours_figure")
    years = np.atleast_1d(colours.attrs.get("years", [])).tolist()
    if len(years) != 3:
        message = (
            f"colours_figure needs the attribute years with three years, got {years}; make the map "
            "with minewatch.activity.activity_colours"
        )
        raise ValueError(message)
    meanings = " ".join(text.replace(" ", "_") for text in _said(years))
    flags: dict[str, Any] = {
        "flag_values": list(PURE),
        "flag_meanings": meanings,
        "flag_colors": " ".join(PURE.values()),
        "long_name": "years with activity",
    }
    return map_figure(colours.assign_attrs(flags), outlines=outlines, title=title)


def _said(years: Sequence[int]) -> list[str]:
    """The years of each code, in the order of `PURE`."""
    texts = [
        " + ".join(str(year) for bit, year in zip((1, 2, 4), years, strict=True) if code & bit)
        for code in PURE
    ]
    return ["no year", *texts[1:7], "every year"]
