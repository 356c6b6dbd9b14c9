"""Where a patch detector saw mines, and whether they were there: maps of its cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import crs_of, require
from minewatch.plots.canvas import aspect, bar, frame, outline, paint
from minewatch.plots.paper import GREY, INK, sheet, swatches, tidy

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["detections_figure", "outcomes_figure"]

OUTCOMES = {"TP": ("found", "#3b6ea5"), "FP": ("imagined", "#d1495b"), "FN": ("missed", "#e69f00")}
"""Outcome of :func:`minewatch.detections.match` → what it means, colour."""

FEW = 400
"""Cells up to which each is drawn with a rim of its own."""

CELLS = "autumn_r"
"""Colour map of probabilities over a grey scene."""


def detections_figure(
    scene: xr.DataArray,
    cells: gpd.GeoDataFrame,
    *,
    outlines: gpd.GeoDataFrame | None = None,
    threshold: float = 0.5,
    title: str | None = None,
) -> Figure:
    """Draw detected cells, coloured by probability, over a scene in decibels.

    Parameters
    ----------
    scene : xarray.DataArray
        One channel in dB, dims (y, x), with a CRS. Thinned to 1500 pixels a side.
    cells : geopandas.GeoDataFrame
        Polygons with ``probability``, e.g. of :func:`minewatch.detections.cells`.
    outlines : geopandas.GeoDataFrame, optional
        Polygons to draw over it, e.g. known mines.
    threshold : float
        Probability at the lower end of the colours.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One map.

    Raises
    ------
    ValueError
        If the scene has other dims or no CRS.

    Examples
    --------
    >>> import geopandas as gpd, rioxarray, xarray as xr
    >>> from shapely.geometry import box
    >>> grid = {"y": [150.0, 50.0], "x": [50.0, 150.0]}
    >>> scene = xr.DataArray([[-9.0, -12.0], [-8.0, -15.0]], grid, ("y", "x"))
    >>> cells = gpd.GeoDataFrame({"probability": [0.9]}, geometry=[box(0, 0, 100, 100)], crs=32721)
    >>> len(detections_figure(scene.rio.write_crs("EPSG:32721"), cells).axes)
    3
    """
    require(scene, "y", "x", by="detections_figure")
    if crs_of(scene) is None:
        message = "detections_figure needs a scene with a CRS; set it: scene.rio.write_crs(...)"
        raise ValueError(message)
    ratio = aspect(scene)
    across = min(4.8, 5.5 / ratio)
    figure = sheet(across + 2.9, across * ratio + 1.0, title=title, maps=True)
    axes = figure.add_subplot()
    image, extend = paint(axes, scene, None, "gray")
    bar(axes, image, scene, extend)
    frame(axes, scene)
    if len(cells):
        left, right = axes.get_xlim()
        _cells(axes, cells.to_crs(crs_of(scene)), threshold, points=72 * across / (right - left))
    outline(axes, scene, outlines)
    tidy(axes)
    return figure


def _cells(axes: Axes, cells: gpd.GeoDataFrame, threshold: float, *, points: float) -> None:
    """Cells and their colour bar; a kilometre is so many points on paper."""
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    ordered = cells.sort_values("probability")  # the likeliest lies on top
    colours = ScalarMappable(Normalize(threshold, 1.0), colormaps[CELLS])
    edges = colours.to_rgba(ordered["probability"].to_numpy())
    faces = edges * (1, 1, 1, 0.35)
    # A rim as wide as a cell would hide the scene.
    side = float(np.sqrt(ordered.area.median())) / 1000 * points
    width = float(np.clip(side / 20, 0.1, 0.9))
    rings = _rings(ordered)
    axes.add_collection(
        PolyCollection(rings, facecolors=faces, edgecolors=edges, linewidths=width, zorder=2)
    )
    scale = axes.figure.colorbar(colours, ax=axes, shrink=0.85, aspect=28, pad=0.02)
    scale.set_label("Probability of a mine", fontsize=9.5, color=INK)
    scale.ax.tick_params(labelsize=9, labelcolor=INK, width=0.8, color=GREY)
    scale.outline.set_visible(False)


def _rings(table: gpd.GeoDataFrame) -> list[npt.NDArray[np.float64]]:
    """Outer rings in kilometres, one for each row of single polygons."""
    import shapely

    rings = shapely.get_exterior_ring(table.geometry.to_numpy())
    return [shapely.get_coordinates(ring) / 1000 for ring in rings]


def outcomes_figure(
    outcomes: gpd.GeoDataFrame,
    *,
    extent: gpd.GeoDataFrame | None = None,
    title: str | None = None,
) -> Figure:
    """Draw what was found, missed and imagined.

    Parameters
    ----------
    outcomes : geopandas.GeoDataFrame
        Polygons in a CRS in metres with ``outcome`` TP, FP or FN: ``layers`` of
        :class:`minewatch.detections.Match`.
    extent : geopandas.GeoDataFrame, optional
        Ground that was searched, in any CRS.
    title : str, optional
        Over the figure.

    Returns
    -------
    matplotlib.figure.Figure
        One map, axes in kilometres.

    Raises
    ------
    ValueError
        If there is no CRS in metres.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> cells = [box(0, 0, 520, 520), box(520, 0, 1040, 520)]
    >>> table = gpd.GeoDataFrame({"outcome": ["TP", "FN"]}, geometry=cells, crs="EPSG:32721")
    >>> outcomes_figure(table).axes[0].get_xlabel()
    'easting (km)'
    """
    crs = outcomes.crs
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1:
        message = f"outcomes_figure needs a CRS in metres, got {crs}; use to_crs of a UTM zone"
        raise ValueError(message)
    from matplotlib.collections import PolyCollection

    ground = None if extent is None else extent.to_crs(crs).explode()
    left, bottom, right, top = _bounds([outcomes] if ground is None else [outcomes, ground])
    ratio = float(np.clip((top - bottom) / (right - left), 0.35, 1.6))
    across = min(5.6, 5.5 / ratio)
    figure = sheet(across + 0.8, across * ratio + 1.1, title=title, maps=True)
    axes = figure.add_subplot()
    if ground is not None:
        axes.add_collection(
            PolyCollection(_rings(ground), facecolors="#f1f1ee", edgecolors=GREY, linewidths=0.8)
        )
    parts = outcomes.explode()
    edge = "white" if len(parts) <= FEW else None
    legend = {}
    for outcome, (meaning, hue) in OUTCOMES.items():
        chosen = parts[parts["outcome"] == outcome]
        count = int((outcomes["outcome"] == outcome).sum())
        legend[f"{meaning} ({count:,})"] = hue
        axes.add_collection(
            PolyCollection(_rings(chosen), facecolors=hue, edgecolors=edge or hue, linewidths=0.5)
        )
    swatches(axes, legend, across=3)
    margin = 0.02 * max(right - left, top - bottom)
    axes.set(
        xlabel="easting (km)", ylabel="northing (km)", aspect="equal",
        xlim=(left - margin, right + margin), ylim=(bottom - margin, top + margin),
    )  # fmt: skip
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    axes.locator_params(axis="x", nbins=3 if ratio > 1.2 else 6)
    tidy(axes)
    return figure


def _bounds(tables: list[Any]) -> tuple[float, float, float, float]:
    boxes = np.array(
        [table.total_bounds / 1000 for table in tables if len(table)] or [[0, 0, 1, 1]]
    )
    left, bottom = boxes[:, :2].min(axis=0)
    right, top = boxes[:, 2:].max(axis=0)
    return float(left), float(bottom), float(right), float(top)
