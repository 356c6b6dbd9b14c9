"""Maps of what the ground is: stable or not, changed or not, active or stable, left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import require, require_same_grid
from minewatch.plots.canvas import aspect, bar, frame, outline, paint, sized
from minewatch.plots.maps import map_figure
from minewatch.plots.overlays import shade
from minewatch.plots.paper import ACCENT, INK, MAIN, sheet, swatches, tidy

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

__all__ = ["contours_figure", "exclusions_figure", "mean_ndai_figure", "stable_figure"]

ACTIVE_FROM = 0.5
"""TAI of an activity area; a stability area has 0."""

REASON_COLOURS = {
    "kept": "#f0e0b6",
    "vegetation": "#009e73",
    "water": "#56b4e9",
    "radar_shadow": "#222222",
    "layover": "#e69f00",
    "low_backscatter": "#cc79a7",
    "outside": "#ffffff",
}


def stable_figure(
    stable: xr.DataArray,
    mean_coherence: xr.DataArray | None = None,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw the stable pixels, over the mean coherence if it is given.

    Parameters
    ----------
    stable : xarray.DataArray
        From :func:`minewatch.activity.stable_pixels`: bool, dims (y, x).
    mean_coherence : xarray.DataArray, optional
        Coherence averaged over the pairs, on the same grid.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, in any CRS.
    title : str, optional
        Over the map.

    Returns
    -------
    matplotlib.figure.Figure
        One map; the legend says how much ground is stable.

    Raises
    ------
    ValueError
        If there are other dims, or the two lie on different grids.
    TypeError
        If `stable` is not bool.

    Examples
    --------
    >>> stable = xr.DataArray([[True, False]], dims=("y", "x"), name="stable")
    >>> mean = xr.DataArray([[0.9, 0.3]], dims=("y", "x"), name="coherence")
    >>> len(stable_figure(stable, mean).axes)  # the map and its colour bar
    2
    """
    require(stable, "y", "x", dtype="bool", by="stable_figure")
    if mean_coherence is None:
        flags = {"flag_values": [0, 1], "flag_meanings": "other stable"}
        classes = stable.astype("uint8").assign_attrs({**stable.attrs, **flags})
        return map_figure(classes, outlines=outlines, title=title)
    require(mean_coherence, "y", "x", dtype="floating", by="stable_figure (mean_coherence)")
    require_same_grid(stable, mean_coherence, by="stable_figure")
    named = {"long_name": "mean coherence", "units": "1"}
    figure, axes = _map(stable, title)
    backdrop = mean_coherence.rename("coherence").assign_attrs(named)
    bar(axes, *_painted(axes, backdrop, (0.0, 1.0), "gray"))
    sizes, _, shown = sized(stable, (1,))
    frame(axes, stable)
    shade(axes, stable, shown, MAIN, strength=0.85)
    swatches(axes, {f"stable ({sizes[1]})": MAIN}, across=1)
    outline(axes, stable, outlines)
    tidy(axes)
    return figure


def mean_ndai_figure(
    mean_ndai: xr.DataArray,
    threshold: float | xr.DataArray,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw mean NDAI on a scale that turns at the threshold: blue below, red above.

    Parameters
    ----------
    mean_ndai : xarray.DataArray
        From :func:`minewatch.activity.mean_ndai`, dims (y, x).
    threshold : float or xarray.DataArray
        Where the colours turn; marked on the colour bar.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, in any CRS.
    title : str, optional
        Over the map.

    Returns
    -------
    matplotlib.figure.Figure
        One map. The scale ends at the 1st and 99th percentile of what is drawn.

    Examples
    --------
    >>> layer = xr.DataArray([[-0.1, 0.2, 0.6]], dims=("y", "x"), name="mean_ndai")
    >>> mean_ndai_figure(layer, 0.2).axes[0].images[0].norm.vcenter
    0.2
    """
    from matplotlib.colors import TwoSlopeNorm

    require(mean_ndai, "y", "x", dtype="floating", by="mean_ndai_figure (of one period)")
    at = float(threshold)
    figure, axes = _map(mean_ndai, title)

    def turning(seen: npt.NDArray[np.float64]) -> Normalize:
        low, high = np.percentile(seen, [1, 99]) if seen.size else (at, at)
        return TwoSlopeNorm(at, min(low, at - 0.05), max(high, at + 0.05))

    image, extend = paint(axes, mean_ndai, None, "RdBu_r", scale=turning)
    scale = bar(axes, image, mean_ndai, extend)
    scale.ax.axhline(at, color=INK, linewidth=1.4)
    scale.ax.annotate(
        f"threshold {at:.2f} ", (0, at), xycoords=("axes fraction", "data"), ha="right",
        va="center", fontsize=8, color=INK, rotation=90,
    ).set_in_layout(True)  # fmt: skip
    frame(axes, mean_ndai)
    outline(axes, mean_ndai, outlines)
    tidy(axes)
    return figure


def contours_figure(
    tai: xr.Dataset | xr.DataArray,
    *,
    backdrop: xr.DataArray | None = None,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw activity areas (TAI of one half or more) and stability areas (TAI of 0) as contours.

    These are the areas of the paper, whatever the number of pairs; :func:`activity_figure` shows
    what the interval of TAI allows to say.

    Parameters
    ----------
    tai : xarray.Dataset or xarray.DataArray
        From :func:`minewatch.activity.tai`, or its ``tai``; dims (y, x).
    backdrop : xarray.DataArray, optional
        What to draw them over in grey, e.g. mean NDAI; on the same grid.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, in any CRS.
    title : str, optional
        Over the map.

    Returns
    -------
    matplotlib.figure.Figure
        One map; the legend says how large the areas are.

    Raises
    ------
    ValueError
        If there are several seasons; pick one. If the backdrop has another grid.

    References
    ----------
    Kavats et al. (2025), doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> index = xr.DataArray([[0.0, 0.2, 0.8]], dims=("y", "x"), name="tai")
    >>> legend = contours_figure(index).axes[0].get_legend()
    >>> [text.get_text() for text in legend.get_texts()]
    ['activity, TAI ≥ 0.5 (33%)', 'stability, TAI = 0 (33%)']
    """
    layer = tai["tai"] if isinstance(tai, xr.Dataset) else tai
    require(layer, "y", "x", dtype="floating", by="contours_figure (of one period)")
    figure, axes = _map(layer, title)
    if backdrop is not None:
        require_same_grid(layer, backdrop, by="contours_figure")
        from matplotlib.colors import LinearSegmentedColormap

        greys = LinearSegmentedColormap.from_list("greys", ["#ffffff", "#9a9a9a"])
        bar(axes, *_painted(axes, backdrop.rename("backdrop"), None, greys))
    # Unknown is neither: comparisons with NaN are false on both sides.
    codes = (layer >= ACTIVE_FROM).astype("uint8") + 2 * (layer == 0).astype("uint8")
    sizes, _, shown = sized(codes, (1, 2))
    frame(axes, layer)
    if backdrop is None:
        axes.set_facecolor("white")
    for code, hue in ((2, MAIN), (1, ACCENT)):
        shade(axes, layer, shown == code, hue, strength=0.3, line=1.2)
    entries = {
        f"activity, TAI ≥ {ACTIVE_FROM:g} ({sizes[1]})": ACCENT,
        f"stability, TAI = 0 ({sizes[2]})": MAIN,
    }
    swatches(axes, entries, across=2 if aspect(layer) < 0.9 else 1)
    outline(axes, layer, outlines)
    tidy(axes)
    return figure


def exclusions_figure(
    exclusion: xr.DataArray,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw why pixels are left out, with hectares per reason.

    Parameters
    ----------
    exclusion : xarray.DataArray
        From :func:`minewatch.masks.exclusion`, dims (y, x).
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
    >>> from minewatch.masks import exclusion
    >>> green = xr.DataArray(np.uint8([[0, 1, 255]]), dims=("y", "x"))
    >>> legend = exclusions_figure(exclusion(vegetation=green)).axes[0].get_legend()
    >>> [text.get_text() for text in legend.get_texts()][:3]
    ['kept: 33%', 'vegetation: 33%', 'water: 0%']
    """
    require(exclusion, "y", "x", dtype="integer", by="exclusions_figure")
    meanings = str(exclusion.attrs.get("flag_meanings", "")).split()
    hues = [REASON_COLOURS.get(name, "#7a7a7a") for name in meanings]
    coloured = exclusion.assign_attrs(flag_colors=" ".join(hues)) if meanings else exclusion
    return map_figure(coloured, outlines=outlines, title=title)


def _map(layer: xr.DataArray, title: str | None) -> tuple[Figure, Axes]:
    ratio = aspect(layer)
    across = min(4.5, 5.5 / ratio)
    figure = sheet(across + 1.9, across * ratio + 1.25, title=title, maps=True)
    return figure, figure.add_subplot()


def _painted(
    axes: Axes, layer: xr.DataArray, limits: tuple[float, float] | None, colours: str | Colormap
) -> tuple[object, xr.DataArray, str]:
    """What the colour bar of a painted layer is made of."""
    image, extend = paint(axes, layer, limits, colours)
    return image, layer, extend
