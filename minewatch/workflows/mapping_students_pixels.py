"""The pixels of a map that a student learns from, and the blocks of ground they lie in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import vectors
from minewatch._apply import at_points
from minewatch.conventions import SPATIAL_REF

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

__all__ = ["draw_pixels", "fold_of_pixels"]

SPARE = 4
"""So many times as many pixels are looked at as are kept: some have gaps, and mines are rare."""

NOWHERE = -1


def draw_pixels(
    layers: xr.Dataset, chance: xr.DataArray, *, size: int, side: float, seed: int
) -> xr.Dataset:
    """Pixels from all over a map: as many of each block, as many mines as others. Computes.

    So many pixels of each block are looked at. Of those that all sensors see, half are taken where
    the teacher calls it a mine, or all such, if there are fewer; the rest elsewhere.

    Parameters
    ----------
    layers : xarray.Dataset
        Covariates, dims (y, x).
    chance : xarray.DataArray
        The teacher's probability of a mine, dims (y, x), on the same grid.
    size : int
        Pixels.
    side : float
        Of the square blocks, in units of the CRS.
    seed : int
        Makes the draw repeatable; it does not depend on chunks.

    Returns
    -------
    xarray.Dataset
        Dim ``sample``, in random order: a float32 variable for each covariate; ``chance``;
        coordinates ``polygon`` (the block), ``y``, ``x``, ``row``, ``column``.

    Raises
    ------
    ValueError
        If no pixel is seen by all sensors.
    """
    rng = np.random.default_rng(seed)
    blocks = block_numbers(layers, side)
    rows, columns = _candidates(blocks, SPARE * size, rng)
    values = at_points(
        layers.assign({"chance ": chance.drop_vars("class", errors="ignore")}), rows, columns
    )
    at = np.flatnonzero(np.isfinite(values).all(axis=0))
    if not len(at):
        message = (
            f"none of {len(rows):,} pixels all over the map is seen by teacher and radar both; "
            "widen datetime, so that the optical images have clear views, or see that the images "
            "of the sensors overlap"
        )
        raise ValueError(message)
    at = rng.permutation(at)
    mine = values[-1, at] >= 0.5
    mines, others = at[mine], at[~mine]
    mines = mines[: max(size // 2, size - len(others))]
    at = rng.permutation(np.concatenate([mines, others[: size - len(mines)]]))
    return xr.Dataset(
        {str(name): ("sample", values[i, at]) for i, name in enumerate(layers.data_vars)},
        coords={
            "chance": ("sample", values[-1, at].astype(np.float64)),
            "polygon": (
                "sample",
                blocks[0][rows[at]] * (blocks[1].max() + 1) + blocks[1][columns[at]],
            ),
            "y": ("sample", layers.y.values[rows[at]]),
            "x": ("sample", layers.x.values[columns[at]]),
            "row": ("sample", rows[at]),
            "column": ("sample", columns[at]),
            **{name: layers[name] for name in (SPATIAL_REF,) if name in layers.coords},
        },
    )


def block_numbers(
    layers: xr.Dataset, side: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Number of the block that each row, and each column, lies in.

    Counted from the origin of the CRS, as :class:`minewatch.learn.PolygonSplit` counts them.
    """
    down, across = (np.floor(layers[name].values / side).astype(np.int64) for name in ("y", "x"))
    return down - down.min(), across - across.min()


def _candidates(
    blocks: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    size: int,
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns, as many in each block, none twice."""
    down, across = (np.unique(numbers, return_index=True)[1] for numbers in blocks)
    edges = [(down, len(blocks[0])), (across, len(blocks[1]))]
    # Numbers rise along x and fall along y; either way a block is a run of rows.
    starts = [np.sort(first) for first, _ in edges]
    lengths = [
        np.diff(np.append(start, end)) for start, (_, end) in zip(starts, edges, strict=True)
    ]
    each = -(-size // (len(starts[0]) * len(starts[1])))
    shape = (len(starts[0]), len(starts[1]), each)
    places = [rng.random(shape) for _ in range(2)]
    rows = starts[0][:, None, None] + (places[0] * lengths[0][:, None, None]).astype(np.int64)
    columns = starts[1][None, :, None] + (places[1] * lengths[1][None, :, None]).astype(np.int64)
    flat = np.unique(rows.ravel() * len(blocks[1]) + columns.ravel())
    return flat // len(blocks[1]), flat % len(blocks[1])


def fold_of_pixels(
    pixels: xr.Dataset,
    samples: xr.Dataset,
    fold: npt.NDArray[np.int64],
    polygons: gpd.GeoDataFrame,
    like: xr.Dataset,
    side: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """In which fold of the polygons each pixel would be held back.

    Parameters
    ----------
    pixels : xarray.Dataset
        From :func:`draw_pixels`.
    samples : xarray.Dataset
        Samples of the polygons, with the coordinates ``polygon``, ``x`` and ``y``.
    fold : array of int
        Fold of each sample.
    polygons : geopandas.GeoDataFrame
        The polygons; ``polygon`` is their row.
    like : xarray.Dataset
        The grid.
    side : float
        Of the blocks.

    Returns
    -------
    (array of int, array of int)
        Fold of the polygon that the pixel lies in, and of the block that it lies in; −1 where
        there is none.
    """
    which, first = np.unique(samples["polygon"].values, return_index=True)
    of_polygon = np.full(len(polygons), NOWHERE, np.int64)
    of_polygon[which] = fold[first]
    polygon, rows, columns = vectors.pixels_inside(polygons, like=like)
    width = like.sizes["x"]
    flat = rows * width + columns
    order = np.argsort(flat, kind="stable")
    place = pixels["row"].values * width + pixels["column"].values
    found = np.minimum(np.searchsorted(flat[order], place), len(flat) - 1)
    inside = flat[order][found] == place
    own = np.where(inside, of_polygon[polygon[order][found]], NOWHERE)
    # The blocks that polygons were dealt out by: those of their samples' centres.
    group = np.searchsorted(which, samples["polygon"].values)
    many = np.bincount(group)
    corner = {
        name: np.floor(np.bincount(group, samples[name].values) / many / side)
        for name in ("x", "y")
    }
    block_fold = {
        (i, j): int(f) for i, j, f in zip(corner["x"], corner["y"], of_polygon[which], strict=True)
    }
    around = [
        block_fold.get((i, j), NOWHERE)
        for i, j in zip(
            np.floor(pixels["x"].values / side), np.floor(pixels["y"].values / side), strict=True
        )
    ]
    return own, np.array(around, np.int64)
