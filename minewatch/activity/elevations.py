"""The index beside what was dug: two elevation models of the same months."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import _apply
from minewatch.activity.ranking import against_movement, nmad
from minewatch.conventions import (
    NO_CLASS,
    Layer,
    conform,
    plain_attrs,
    require,
    require_same_grid,
)
from minewatch.grids import cell_areas, geobox_of, resample
from minewatch.vectors import rasterize

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd
    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

__all__ = ["check_level", "compare_elevation", "index_of", "moved_layer", "require_metres"]

DIFFERENCE = Layer("difference", "mean elevation change", units="m")
GREATEST = Layer("greatest", "greatest elevation change, up or down", units="m")
MOVED = Layer(
    "moved", "moved by more than the level", dtype="uint8", flags={"still": 0, "moved": 1}
)

LEAST_COVER = 0.5
"""Share of a cell of the index whose elevation change must be known."""

LEAST_STABLE = 30
"""Fewest pixels from which a median deviation is taken for noise."""

CONFIDENT = 1.96
"""Standard deviations that hold 95 % of normal noise."""

OTHER_LENGTHS = {
    "mm": 1e-3, "cm": 1e-2, "dm": 0.1, "km": 1e3, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048,
    "us survey foot": 1200 / 3937, "millimetre": 1e-3, "millimeter": 1e-3, "centimetre": 1e-2,
    "centimeter": 1e-2,
}  # fmt: skip
"""Metres in what is not metres."""

BLOCK = 1024
"""Rows and columns in which elevations are worked through; nothing of their size is ever held."""

STRIP = 2**22
"""Pixels looked at at a time."""


def compare_elevation(
    tai: xr.Dataset | xr.DataArray,
    before: xr.DataArray,
    after: xr.DataArray,
    *,
    stable: xr.DataArray | gpd.GeoDataFrame,
    level: float | None = None,
) -> xr.Dataset:
    r"""Compare TAI with the difference of two elevation models. Computes.

    Of the difference, after minus before, the median over stable ground is removed (what is left
    of the co-registration). It then comes onto the grid of `tai` by its mean over each cell. What
    moved is where the mean passes the level of detection at 95 %,

    .. math:: \mathrm{LoD}_{95} = 1.96 \sqrt{2}\, \sigma, \qquad
              \sigma = \mathrm{NMAD}(dh_{stable}) / \sqrt{2},

    with σ the noise of a *single* model. The stable ground shows that of the difference, which is
    √2 as large if both models are alike, so that LoD is 1.96 NMAD of the difference. It is the
    level of one fine pixel: errors of elevation models hang together over tens of metres, and a
    mean over a cell is not trusted to have less.

    Give the index of the pairs between the two elevation models only: :func:`pairs_between`.

    Parameters
    ----------
    tai : xarray.Dataset or xarray.DataArray
        From :func:`~minewatch.activity.tai`, or its layer ``tai``; dims (y, x), with a CRS.
    before, after : xarray.DataArray
        Elevations in metres, dims (y, x), both on one grid, with a CRS; NaN is unknown. Usually
        finer than `tai`.
    stable : xarray.DataArray or geopandas.GeoDataFrame
        Ground that did not change between them: bool, on the grid of the elevations or on that of
        `tai`, e.g. from :func:`stable_pixels`; or polygons.
    level : float, optional
        Level of detection in metres where it is known otherwise.

    Returns
    -------
    xarray.Dataset
        On the grid of `tai`: ``difference`` (m, float32; NaN where less than half of the cell is
        known), ``greatest``, the largest ``|dh|`` of the fine pixels in the cell (m; over many
        pixels noise alone passes the level: for the eye, not for the level), ``moved`` (uint8 0, 1,
        255) by ``|difference|`` above the level, and ``confusion`` (called, movement): pixels of
        TAI 0, between, and at or above ``active_minimum``, still and moved.

        Attributes: ``spearman`` of TAI and ``|difference|``, ``auc`` of TAI for what moved,
        ``level_of_detection``, ``bias`` (the median that was removed), ``nmad`` of the difference
        over stable ground, ``sigma`` of a single model, ``stable_pixels``, ``pixels``,
        ``moved_pixels``, ``mean`` and ``std`` of the difference (for colours from mean − std to
        mean + std), ``active_precision``, ``active_recall``, ``stable_precision``,
        ``stable_recall``, ``moved_called_stable`` and the dates of `tai`.
        In memory.

    Raises
    ------
    ValueError
        If the two elevations lie on different grids, a CRS is missing, the stable mask is on
        neither grid, fewer than 30 of its pixels have a difference, units are not metres or
        `level` is not positive.

    See Also
    --------
    compare_displacement : the same with ground that creeps.
    pairs_between : the pairs between two dates.

    References
    ----------
    Kavats et al. (2025), doi:10.1144/gslspecpub2023-216 (by eye); Höhle and Höhle (2009),
    doi:10.1016/j.isprsjprs.2009.02.003 (NMAD); Brasington et al. (2003),
    doi:10.1016/S0169-555X(02)00320-3 (level of detection).

    Examples
    --------
    >>> from minewatch.grids import coordinates, geobox
    >>> bounds = (0, 0, 80, 40)
    >>> fine = coordinates(geobox(bounds, crs="EPSG:32735", resolution=4))
    >>> coarse = coordinates(geobox(bounds, crs="EPSG:32735", resolution=40))
    >>> before = xr.DataArray(np.zeros((10, 20)), fine, ("y", "x"))
    >>> after = before + 0.5  # one model lies half a metre higher
    >>> after[:, 10:] -= 3  # and three metres were dug away in the east
    >>> index = xr.DataArray(np.float32([[0.0, 0.9]]), coarse, ("y", "x"))
    >>> stable = xr.zeros_like(before, dtype=bool)
    >>> stable[:, :10] = True
    >>> compared = compare_elevation(index, before, after, stable=stable)
    >>> compared.difference.values, compared.attrs["bias"], compared.attrs["auc"]
    (array([[ 0., -3.]], dtype=float32), 0.5, 1.0)
    """
    index, record = index_of(tai, by="compare_elevation")
    check_level(level, by="compare_elevation")
    for name, model in (("before", before), ("after", after)):
        require(model, "y", "x", dtype="floating", by=f"compare_elevation ({name})")
        require_metres(model, by=f"compare_elevation ({name})")
    require_same_grid(before, after, by="compare_elevation")
    first, second = (
        model if _apply.is_lazy(model) else model.chunk(y=BLOCK, x=BLOCK)
        for model in (before, after)
    )
    change = second - first.drop_vars(list(first.coords))
    bias, noise, count = _noise(change, _stable_on(stable, change, index))
    change = change - bias
    detected = CONFIDENT * noise if level is None else float(level)
    difference, greatest = _on_cells(change, index)
    table, numbers = against_movement(
        index.values, difference.values, level=detected, active_minimum=record["active_minimum"]
    )
    known = difference.values[np.isfinite(difference.values)].astype("float64")
    some = len(known) > 0
    attrs = {
        "long_name": "TAI beside elevation change",
        **numbers,
        "level_of_detection": detected,
        "bias": bias,
        "nmad": noise,
        "sigma": noise / np.sqrt(2),
        "stable_pixels": count,
        "mean": float(known.mean()) if some else np.nan,
        "std": float(known.std()) if some else np.nan,
        **record,
    }
    layers = {
        "difference": conform(difference, DIFFERENCE, bias=bias),
        "greatest": conform(greatest, GREATEST, bias=bias),
        "moved": moved_layer(difference, detected),
        "confusion": table,
    }
    return xr.Dataset(layers, attrs=plain_attrs(attrs))


def index_of(tai: xr.Dataset | xr.DataArray, *, by: str) -> tuple[xr.DataArray, dict[str, Any]]:
    """The layer TAI in memory, and what is known of how it was made."""
    layer = tai["tai"] if isinstance(tai, xr.Dataset) else tai
    require(layer, "y", "x", dtype="floating", by=by)
    told = {name: tai.attrs[name] for name in ("first_date", "last_date") if name in tai.attrs}
    return layer.compute(), {"active_minimum": float(tai.attrs.get("active_minimum", 0.5)), **told}


def require_metres(layer: xr.DataArray, *, by: str) -> None:
    """Refuse lengths whose attributes say that they are in other units than metres."""
    units = str(layer.attrs.get("units", "m")).strip().lower()
    if units in OTHER_LENGTHS:
        message = (
            f"{by} needs metres, got units {units!r}; use "
            f"(layer * {OTHER_LENGTHS[units]:g}).assign_attrs(units='m')"
        )
        raise ValueError(message)


def check_level(level: float | None, *, by: str) -> None:
    """Refuse a level that is no length."""
    if level is not None and not level > 0:
        message = f"{by}: the level is a length in metres above 0, got {level}; e.g. level=0.1"
        raise ValueError(message)


def moved_layer(movement: xr.DataArray, level: float) -> xr.DataArray:
    """Where movement is larger than a level: 0, 1, 255 where it is unknown."""
    moved = (abs(movement) > level).astype("uint8").where(movement.notnull(), NO_CLASS)
    return conform(moved, MOVED, level=level)


def _stable_on(
    stable: xr.DataArray | gpd.GeoDataFrame, change: xr.DataArray, index: xr.DataArray
) -> xr.DataArray:
    """Stable ground on the grid of the elevations."""
    if not isinstance(stable, xr.DataArray):
        return rasterize(stable, like=change)
    require(stable, "y", "x", dtype="bool", by="compare_elevation (stable)")
    if stable.sizes == change.sizes:
        require_same_grid(change, stable, by="compare_elevation (stable)")
        return stable
    require_same_grid(index, stable, by="compare_elevation (stable)")
    placed = stable.assign_coords({name: index.coords[name] for name in index.coords})
    if not _apply.is_lazy(placed):
        placed = placed.chunk()
    return resample(placed, change, method="nearest") == 1


def _noise(change: xr.DataArray, still: xr.DataArray) -> tuple[float, float, int]:
    """Median and NMAD of the elevation change over stable ground, and over how many pixels."""
    found = [rows[where & np.isfinite(rows)] for _, rows, where in _strips(change, still)]
    values = np.concatenate(found)
    if len(values) < LEAST_STABLE:
        message = (
            f"compare_elevation needs {LEAST_STABLE} stable pixels with an elevation change, got "
            f"{len(values)}; give more stable ground, on what both elevation models cover"
        )
        raise ValueError(message)
    return (*nmad(values), len(values))


def _strips(change: xr.DataArray, *others: xr.DataArray) -> Iterator[tuple[Any, ...]]:
    """Which rows, and the values of all layers there, some rows at a time."""
    import dask

    few = max(1, STRIP // max(1, change.sizes["x"]))
    stop = 0
    for size in change.chunksizes["y"]:
        start, stop = stop, stop + size
        block = [layer.isel(y=slice(start, stop)).data for layer in (change, *others)]
        values = dask.compute(*block)
        for row in range(0, size, few):
            part = slice(row, min(row + few, size))
            yield slice(start + part.start, start + part.stop), *(each[part] for each in values)


def _on_cells(change: xr.DataArray, index: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean of a change over each cell of the index, and its greatest size there."""
    import dask

    box = geobox_of(index, by="compare_elevation")
    pixels = float(cell_areas(index).mean() / cell_areas(change).mean()) * box.shape[1]
    rows = max(1, int(STRIP / max(1.0, pixels)))
    whole = xr.ones_like(change, dtype="float32")
    known = change.notnull().astype("float32")
    parts = []
    for start in range(0, box.shape[0], rows):
        part = box[start : min(start + rows, box.shape[0]), :]
        wanted = [
            *(resample(layer, part, method="average").data for layer in (change, known)),
            *(resample(layer, part, method="nearest").data for layer in (whole, change)),
        ]
        mean, cover, inside, under = dask.compute(*wanted)
        enough = (cover >= LEAST_COVER) & np.isfinite(inside)
        parts.append((np.where(enough, mean, np.nan), np.abs(under)))
    mean, under = (np.concatenate(each) for each in zip(*parts, strict=True))
    most = np.fmax(_greatest(change, box), under)
    # Where cells are the finer ones, one may hold parts of pixels whose centres lie in others.
    most = np.fmax(most, np.abs(mean))
    return index.copy(data=mean), index.copy(data=np.where(np.isfinite(mean), most, np.nan))


def _greatest(change: xr.DataArray, target: GeoBox) -> npt.NDArray[np.float64]:
    """The greatest size among the pixels with their centre in each cell; NaN where none has."""
    source = geobox_of(change, by="compare_elevation")
    found = np.full(target.shape, np.nan)
    back = ~target.transform
    for rows, values in _strips(change):
        x, y = np.meshgrid(change.indexes["x"].to_numpy(), change.indexes["y"].to_numpy()[rows])
        if source.crs != target.crs:
            from pyproj import Transformer

            to_target = Transformer.from_crs(source.crs.proj, target.crs.proj, always_xy=True)
            x, y = to_target.transform(x, y)
        column, row = (np.floor(np.round(place, 8)) for place in back @ (x, y))
        inside = (row >= 0) & (row < target.shape[0]) & (column >= 0) & (column < target.shape[1])
        cell = row[inside].astype(np.intp) * target.shape[1] + column[inside].astype(np.intp)
        np.fmax.at(found.reshape(-1), cell, np.abs(values[inside]).astype("float64"))
    return found
