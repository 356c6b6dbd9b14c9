"""How a layer is laid on a sheet: colours, legend, kilometres, outlines."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import NO_CLASS, crs_of
from minewatch.conventions.colours import MISSING_COLOUR, class_colours
from minewatch.grids import cell_areas
from minewatch.plots.paper import GREY, INK, label, swatches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import geopandas as gpd
    import numpy.typing as npt
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.image import AxesImage

__all__ = ["aspect", "bar", "draw", "extent", "frame", "outline", "paint", "sized", "step_of"]

MOST = 1500
"""Pixels along a side that are drawn; larger layers are thinned (classes) or averaged first."""

MOST_CLASSES = 6
"""That a colour bar has room for; more are listed."""

SCALES: dict[str, tuple[str, tuple[float, float] | None]] = {
    "coherence": ("gray", (0.0, 1.0)),
    "tai": ("YlOrRd", (0.0, 1.0)),
    "probability": ("viridis", (0.0, 1.0)),
    "ndai": ("RdBu_r", None),
}
"""Colour map and limits of the layers that have customary ones."""


def draw(
    axes: Axes,
    layer: xr.DataArray,
    limits: tuple[float, float] | None,
    colours: str | None,
) -> None:
    """Lay a layer on the axes: pixels, legend or colour bar, names of the axes."""
    if layer.dtype == bool:
        flags = {"flag_values": [0, 1], "flag_meanings": f"other {layer.name or 'true'}"}
        layer = layer.astype("uint8").assign_attrs(layer.attrs | flags)
    if "flag_values" in layer.attrs:
        _draw_classes(axes, layer)
    else:
        image, extend = paint(axes, layer, limits, colours)
        bar(axes, image, layer, extend)
    frame(axes, layer)


def frame(axes: Axes, layer: xr.DataArray) -> None:
    """Names and limits of the axes of a layer; what is missing will be light grey."""
    axes.set_facecolor(MISSING_COLOUR)
    if crs_of(layer) is None or "x" not in layer.indexes:
        axes.set_xlabel("range sample")
        axes.set_ylabel("azimuth line")
    elif _degrees(layer):
        axes.set_xlabel("longitude (°)")
        axes.set_ylabel("latitude (°)")
    else:
        axes.set_xlabel("easting (km)")
        axes.set_ylabel("northing (km)")
    left, right, bottom, top = extent(layer)
    upright = (bottom, top) if "y" not in layer.indexes else sorted((bottom, top))
    axes.set(aspect=_stretch(layer), xlim=(left, right), ylim=upright)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    ratio = aspect(layer)
    axes.locator_params(axis="x", nbins=3 if ratio > 1.2 else 6)
    axes.locator_params(axis="y", nbins=3 if ratio < 0.5 else 6)


def paint(
    axes: Axes,
    layer: xr.DataArray,
    limits: tuple[float, float] | None,
    colours: str | Colormap | None = None,
    *,
    scale: Callable[[npt.NDArray[np.float64]], Normalize] | None = None,
) -> tuple[AxesImage, str]:
    """The pixels of a layer of numbers, and at which ends its values go beyond the limits.

    `scale` makes another scale than a straight one out of the values that are drawn.
    """
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    name = str(layer.name or "").removeprefix("mean_")
    customary, usual = SCALES.get(name, ("cividis", None))
    step = step_of(layer)
    part = layer.coarsen(y=step, x=step, boundary="pad").mean() if step > 1 else layer
    values = np.asarray(part.data, dtype="float64")
    seen = values[np.isfinite(values)]
    low, high = limits or usual or (np.percentile(seen, [2, 98]) if seen.size else (0.0, 1.0))
    if limits is None and name == "ndai":
        low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
    if not low < high:
        low, high = low - 0.5, low + 0.5
    norm = Normalize(low, high) if scale is None else scale(seen)
    image = axes.imshow(
        np.ma.masked_invalid(values),
        cmap=colormaps.get_cmap(colours or customary),
        norm=norm,
        extent=extent(layer, step),
        interpolation="nearest",
    )
    under, over = bool((seen < norm.vmin).any()), bool((seen > norm.vmax).any())
    return image, {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[under, over]


def _draw_classes(axes: Axes, layer: xr.DataArray) -> None:
    from matplotlib.colors import ListedColormap

    known = class_colours(layer.attrs)
    sizes, absent, shown = sized(layer, known)
    entries = [(hue, f"{meaning}\n{sizes[code]}") for code, (meaning, hue) in known.items()]
    if absent:
        entries.append((MISSING_COLOUR, f"no data\n{sizes[NO_CLASS]}"))
    places = np.full(shown.shape, len(entries) - 1)
    for place, code in enumerate(known):
        places[shown == code] = place
    image = axes.imshow(
        places,
        cmap=ListedColormap([hue for hue, _ in entries]),
        vmin=-0.5,
        vmax=len(entries) - 0.5,
        extent=extent(layer, step_of(layer)),
        interpolation="nearest",
    )
    if len(entries) > MOST_CLASSES:
        texts = {text.replace("\n", ": "): hue for hue, text in entries}
        title = {
            "title": label(layer.attrs, layer.name),
            "title_fontsize": 9.5,
            "alignment": "left",
        }
        swatches(axes, texts, across=1, loc="upper left", bbox_to_anchor=(1.01, 1.0), **title)
        return
    legend = bar(axes, image, layer, "neither")
    legend.set_ticks(range(len(entries)), labels=[text for _, text in entries])
    legend.ax.tick_params(length=0)
    legend.ax.invert_yaxis()
    legend.ax.yaxis.labelpad = 8
    if "#ffffff" in (hue for hue, _ in entries):  # white on white paper
        legend.outline.set(visible=True, edgecolor=GREY, linewidth=0.6)


def bar(axes: Axes | list[Axes], image: Any, layer: xr.DataArray, extend: str) -> Any:
    """The colour bar of an image, beside one map or beside several that share it."""
    maps = [axes] if not isinstance(axes, list) else axes
    bar = maps[0].figure.colorbar(
        image, ax=maps, shrink=0.85, aspect=28, pad=0.02, extend=extend, spacing="proportional"
    )
    text = label(layer.attrs, layer.name)
    flat = aspect(layer)
    text = "\n".join(wrap(text, 18 if flat < 0.5 else max(24, round(48 * flat))))
    bar.set_label(text, fontsize=9.5, color=INK)
    bar.ax.tick_params(labelsize=9, labelcolor=INK, width=0.8, color=GREY)
    bar.outline.set_visible(False)
    return bar


def sized(
    layer: xr.DataArray, codes: Iterable[int]
) -> tuple[dict[int, str], bool, npt.NDArray[Any]]:
    """Hectares of each class, whether any pixel is of none (255), and the classes, thinned.

    A share of the map where pixels have no known size. Counted where the data lie: of a large map
    only rows of counts and a thinned map come here.
    """
    import dask

    step = step_of(layer)
    rows, shown = dask.compute(
        {code: (layer == code).sum("x").data for code in codes}, layer[::step, ::step].data
    )
    height, width = layer.shape
    absent = np.full(height, width) - sum(rows.values())
    rows = {**rows, NO_CLASS: absent}
    if crs_of(layer) is None or not {"y", "x"} <= set(layer.indexes):
        texts = {code: f"{count.sum() / layer.size:.0%}" for code, count in rows.items()}
    else:
        pixel = np.broadcast_to(cell_areas(layer).values, (height,)) / 1e4
        texts = {code: f"{_figures(count @ pixel)} ha" for code, count in rows.items()}
    return texts, bool(absent.any()), shown


def _figures(value: float) -> str:
    """Three significant figures, thousands apart."""
    if not value > 0:
        return "0"
    digits = 2 - int(np.floor(np.log10(value)))
    return f"{round(value, digits):,.{max(digits, 0)}f}"


def step_of(layer: xr.DataArray) -> int:
    """Every how many pixels one is drawn, so that no side has more than `MOST`."""
    return max(1, -(-max(layer.shape) // MOST))


def _degrees(layer: xr.DataArray) -> bool:
    from pyproj import CRS

    wkt = crs_of(layer)
    return wkt is not None and CRS.from_user_input(wkt).is_geographic


def _unit(layer: xr.DataArray) -> float:
    """Map units that one unit of the axes spans: kilometres where the map is in metres."""
    return 1.0 if crs_of(layer) is None or _degrees(layer) else 1000.0


def extent(layer: xr.DataArray, step: int = 1) -> tuple[float, float, float, float]:
    """Outer edges left, right, bottom, top in axis units, out to whole steps of pixels."""
    height, width = (-(-size // step) * step for size in layer.shape)
    if "x" not in layer.indexes or "y" not in layer.indexes:
        return (-0.5, width - 0.5, height - 0.5, -0.5)
    edges = []
    for dim, count in (("x", width), ("y", height)):
        centres = np.asarray(layer.indexes[dim], dtype="float64") / _unit(layer)
        pixel = (centres[-1] - centres[0]) / (len(centres) - 1) if len(centres) > 1 else 1.0
        edge = float(centres[0] - pixel / 2)
        edges.append((edge, edge + float(pixel) * count))
    (left, right), (top, bottom) = edges
    return left, right, bottom, top


def aspect(layer: xr.DataArray) -> float:
    """Height of a map over its width, within what a page can bear."""
    left, right, bottom, top = extent(layer)
    ratio = abs(top - bottom) / abs(right - left) * _stretch(layer)
    return float(np.clip(ratio, 0.35, 1.6))


def _stretch(layer: xr.DataArray) -> float:
    """How much longer a degree of latitude is than one of longitude; 1 on other maps."""
    if not _degrees(layer):
        return 1.0
    *_, bottom, top = extent(layer)
    return float(1 / max(np.cos(np.radians((bottom + top) / 2)), 0.1))


def outline(axes: Axes, layer: xr.DataArray, outlines: gpd.GeoDataFrame | None) -> None:
    """White under black, so that a line shows on any colour."""
    if outlines is None or not len(outlines):
        return
    import shapely
    from matplotlib.collections import LineCollection

    wkt = crs_of(layer)
    if wkt is None or outlines.crs is None:
        message = (
            "outlines can be drawn only where both they and the layer have a CRS; "
            "set it: outlines.set_crs(...), minewatch.grids.geocode for a slant-range layer"
        )
        raise ValueError(message)
    shapes = outlines.to_crs(wkt).geometry
    parts = shapely.get_parts(shapely.boundary(shapes[~shapes.is_empty].to_numpy()))
    lines = [shapely.get_coordinates(part) / _unit(layer) for part in parts]
    limits = axes.get_xlim(), axes.get_ylim()
    for colour, width in (("white", 2.2), ("black", 1.0)):
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=width))
    axes.set_xlim(limits[0])
    axes.set_ylim(limits[1])
