"""What a mapping run found, and the layers that its results are told in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import vectors
from minewatch.conventions import NO_CLASS, Layer, conform

if TYPE_CHECKING:
    import geopandas as gpd
    import pystac

    from minewatch.workflows.mapping_learning import Learnt
    from minewatch.workflows.mapping_students import Taught

__all__ = ["OPTIONAL", "Findings", "majority", "mine_map", "without_small"]

OPTIONAL = (
    "mines.geojson", "mines.gpkg", "points.geojson", "points.gpkg", "domain.tif", "search.csv",
    "permutation.csv", "clear_count.tif", "clear_count.zarr", "radar.zarr", "ablation.csv",
    "ablation.png", "ablation.html", "model.npz", "importances.csv", "student.npz", "student.skops",
    "teacher.npz", "teacher.zarr", "teacher.tif", "change.tif", "new_mine.tif",
)  # fmt: skip
"""What only some runs leave: of an earlier one it is removed, it would speak of other settings."""

MINES = Layer("mine", "mine footprint", dtype="uint8", flags={"other": 0, "mine": 1})


@dataclass(frozen=True, eq=False)
class Findings:
    """What a mapping run found.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items used.
    stack : xarray.Dataset
        Covariates, lazy.
    learnt : Learnt
        Samples, forest, threshold and what unseen polygons say of them.
    probability : xarray.DataArray
        Probability of a mine, dims (y, x), lazy.
    mines : xarray.DataArray
        The class map without small patches, in memory (a byte a pixel).
    outlines : geopandas.GeoDataFrame
        Outlines of the mines on it.
    outside : xarray.DataArray
        Share of the forest's covariates that lie outside of what it learnt from, dims (y, x), lazy.
    held_out : xarray.Dataset or None
        Pixels of the held-out polygons, if there are any.
    spent : dict of str to float
        Stage → seconds.
    taught : Taught or None
        Of a map by radar alone, its teacher.
    """

    items: dict[str, list[pystac.Item]]
    stack: xr.Dataset
    learnt: Learnt
    probability: xr.DataArray
    mines: xr.DataArray
    outlines: gpd.GeoDataFrame
    outside: xr.DataArray
    held_out: xr.Dataset | None = None
    spent: dict[str, float] = field(default_factory=dict)
    taught: Taught | None = None


def mine_map(probability: xr.DataArray, threshold: float) -> xr.DataArray:
    """Class map of a probability: 1 mine, 0 other, 255 unknown.

    Parameters
    ----------
    probability : xarray.DataArray
        Probability of a mine, dims (y, x).
    threshold : float
        Probability from which a pixel is a mine, compared in the precision of `probability`.

    Returns
    -------
    xarray.DataArray
        uint8, dims (y, x), lazy if `probability` is.
    """
    known = probability.notnull()
    classes = (probability >= probability.dtype.type(threshold)).astype("uint8")
    return conform(classes.where(known, NO_CLASS), MINES, threshold=threshold)


def majority(mines: xr.DataArray) -> xr.DataArray:
    """What most of the known pixels of 3 × 3 are; where they are as many, as it was. Computes.

    Parameters
    ----------
    mines : xarray.DataArray
        From :func:`mine_map`.

    Returns
    -------
    xarray.DataArray
        The map in memory; unknown stays unknown.

    Examples
    --------
    >>> lone = xr.DataArray(np.eye(3, dtype="u1") * [0, 1, 0], dims=("y", "x"))
    >>> int(majority(lone.astype("u1")).sum())
    0
    """
    from scipy import ndimage

    mines = mines.compute()
    square = np.ones((3, 3), np.uint8)
    known, mine = mines.values != NO_CLASS, mines.values == 1
    many, of_mine = (
        ndimage.convolve(layer.astype(np.uint8), square, mode="constant") for layer in (known, mine)
    )
    voted = np.where(2 * of_mine == many, mine, 2 * of_mine > many)
    cleaned = np.where(known, voted, NO_CLASS).astype(np.uint8)
    return mines.copy(data=cleaned).assign_attrs(majority="3 x 3 pixels")


def without_small(mines: xr.DataArray, min_area: float) -> tuple[xr.DataArray, gpd.GeoDataFrame]:
    """Take patches below the minimum mapping unit off a class map. Computes.

    A patch is made of pixels that touch at an edge or a corner. What is too small becomes *other*,
    so that the map, its outlines and all areas say the same.

    Parameters
    ----------
    mines : xarray.DataArray
        From :func:`mine_map`.
    min_area : float
        Hectares; a patch of just as many stays.

    Returns
    -------
    (xarray.DataArray, geopandas.GeoDataFrame)
        The map in memory, and the outlines of its patches, the largest first.
    """
    mines = mines.compute()
    outlines = vectors.polygonize(mines, min_area_ha=min_area)
    if len(outlines):
        kept = vectors.rasterize(outlines, like=mines).values
    else:
        kept = np.zeros(mines.shape, dtype=bool)
    cleaned = mines.copy(data=np.where((mines.values == 1) & ~kept, 0, mines.values))
    return cleaned.assign_attrs(min_area_ha=min_area), outlines
