"""Which pixels of a map to look at: a stratified random sample, drawn so that it can be counted on.

After Olofsson et al. (2014), Good practices for estimating area and assessing accuracy of land
change. https://doi.org/10.1016/j.rse.2014.02.015
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import xarray as xr

from minewatch._files import whole
from minewatch._origins import geojson_options
from minewatch.conventions import NO_CLASS, crs_of, require, require_same_grid
from minewatch.estimates.pixel_counts import row_counts
from minewatch.estimates.sample_allocation import allocated

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    import geopandas as gpd
    import numpy.typing as npt

    from minewatch.estimates.pixel_counts import RowCounts

__all__ = ["sample_design", "write_points"]

TELLING = ("stratum", "map_class", "cell_ha", "weight", "stratum_pixels", "stratum_ha", "total_ha")
"""Columns that tell an interpreter what the map says."""


def sample_design(
    classes: xr.DataArray,
    *,
    size: int | None = None,
    allocation: str | Mapping[int, int] = "proportional",
    minimum: int = 50,
    strata: xr.DataArray | None = None,
    seed: int = 0,
) -> gpd.GeoDataFrame:
    """Draw a stratified random sample of pixels to be labelled. Computes, reading the map twice.

    Within a stratum every pixel is equally likely and none is drawn twice. The table carries its
    own design, so that a file of it is all that :func:`stratified_area` needs once the column
    ``reference`` is filled, with the classes of the map, from better data than the map was made of.

    Parameters
    ----------
    classes : xarray.DataArray
        The map: dims (y, x), whole numbers (255 none, not part of the sample) or booleans, with a
        CRS. Store a lazy one first (:func:`minewatch.store.to_zarr`) if it is dear to compute.
    size : int, optional
        Points in all, e.g. of :func:`sample_size`; needed unless `allocation` says it.
    allocation : {"proportional", "equal"} or mapping
        Points go to strata by their pixels, evenly, or as given for each stratum. A stratum of
        fewer pixels is drawn whole, its other points go to the rest.
    minimum : int
        Least points in a stratum, for the sake of rare classes; 50 to 100 are usual.
    strata : xarray.DataArray, optional
        Strata other than the classes, on the same grid, e.g. a map of an earlier year or one with a
        buffer around mines, where omissions are likely.
    seed : int
        Makes the draw repeatable; it does not depend on chunks.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each point, in random order: ``point`` (number), ``x``, ``y`` (pixel centre),
        ``stratum``, ``map_class``, ``cell_ha`` (area of the pixel), ``weight`` (hectares that it
        stands for), ``stratum_pixels``, ``stratum_ha``, ``total_ha``, an empty ``reference`` and
        the geometry. ``attrs["design"]`` holds pixels, area_ha and points of each stratum.

    Raises
    ------
    TypeError
        If a layer holds no whole numbers.
    ValueError
        If the size does not suffice, the allocation fits no strata, or the grids differ.

    See Also
    --------
    stratified_area : what to do with the labels.
    write_points : for those who label.

    References
    ----------
    Olofsson et al. (2014), https://doi.org/10.1016/j.rse.2014.02.015, section 3

    Examples
    --------
    >>> import rioxarray
    >>> grid = {"y": np.arange(40.0)[::-1] * 10, "x": np.arange(50.0) * 10}
    >>> mapped = xr.DataArray(np.zeros((40, 50), "u1"), grid, ("y", "x"))
    >>> mapped[:8] = 1
    >>> points = sample_design(mapped.rio.write_crs("EPSG:32721"), size=100, minimum=30)
    >>> points.groupby("stratum")[["weight", "stratum_ha"]].agg(["size", "sum"])["weight"]
             size   sum
    stratum
    0          70  16.0
    1          30   4.0
    """
    layer, mapped = _layers(classes, strata)
    counts = row_counts(layer, by="sample_design")
    design = counts.table().rename_axis("stratum")
    design["points"] = allocated(design["pixels"], size, allocation, minimum)
    rng = np.random.default_rng(seed)
    row, column, stratum = _drawn(layer, counts, design["points"].to_numpy(), rng)
    order = rng.permutation(len(row))
    row, column, stratum = row[order], column[order], stratum[order]
    at = {"y": xr.DataArray(row, dims="point"), "x": xr.DataArray(column, dims="point")}
    of_stratum = design.iloc[stratum]
    cell = counts.cell_ha[row]
    pixels, drawn = of_stratum["pixels"].to_numpy(), of_stratum["points"].to_numpy()
    table = {
        "point": np.arange(1, len(row) + 1),
        "x": np.asarray(layer.indexes["x"], np.float64)[column],
        "y": np.asarray(layer.indexes["y"], np.float64)[row],
        "stratum": counts.classes[stratum],
        "map_class": mapped.isel(at).values.astype(np.int64),
        "cell_ha": cell,
        "weight": cell * pixels / drawn,
        "stratum_pixels": pixels,
        "stratum_ha": of_stratum["area_ha"].to_numpy(),
        "total_ha": float(design["area_ha"].sum()),
        "reference": pd.array([None] * len(row), dtype="Int64"),
    }
    import geopandas as gpd

    points = gpd.GeoDataFrame(
        table, geometry=gpd.points_from_xy(table["x"], table["y"]), crs=crs_of(layer)
    )
    points.attrs = {"design": design.to_dict("index"), "seed": seed}
    return points


def _layers(
    classes: xr.DataArray, strata: xr.DataArray | None
) -> tuple[xr.DataArray, xr.DataArray]:
    """The strata, none where the map has no class, and the map."""
    if strata is None:
        return classes, classes
    for layer in (classes, strata):
        kind = "bool" if getattr(layer, "dtype", None) == "bool" else "integer"
        require(layer, "y", "x", by="sample_design", dtype=kind)
    require_same_grid(classes, strata, by="sample_design")
    codes = strata.astype(
        "uint8" if strata.dtype == bool else np.result_type(strata.dtype, "uint8")
    )
    return codes.where(classes != NO_CLASS, codes.dtype.type(NO_CLASS)), classes


def _drawn(
    layer: xr.DataArray,
    counts: RowCounts,
    points: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Row, column and stratum of pixels drawn by their number within the stratum, row by row."""
    ends = np.cumsum(counts.pixels, axis=0)
    rows, ranks, strata = [], [], []
    for stratum, number in enumerate(points.tolist()):
        drawn = rng.choice(ends[-1, stratum], number, replace=False, shuffle=False)
        row = np.searchsorted(ends[:, stratum], drawn, side="right")
        rows.append(row)
        ranks.append(drawn - ends[row, stratum] + counts.pixels[row, stratum])
        strata.append(np.full(number, stratum))
    row, rank, place = (np.concatenate(parts) for parts in (rows, ranks, strata))
    needed, line = np.unique(row, return_inverse=True)
    values = layer.isel(y=needed).values
    column = np.zeros(len(row), dtype=np.int64)
    for at in range(len(row)):
        held = np.flatnonzero(values[line[at]] == counts.classes[place[at]])
        column[at] = held[rank[at]]
    return row, column, place


def write_points(
    points: gpd.GeoDataFrame, path: str | os.PathLike[str], *, blind: bool = True
) -> None:
    """Write the points of a sample as GeoJSON (RFC 7946) for those who label them.

    Who sees what the map says tends to agree with it; therefore the file does not say it, unless
    asked to. Labels come back by the number of the point:
    ``points.assign(reference=points.point.map(labelled.set_index("point").reference))``.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        From :func:`sample_design`. Keep it, e.g. with ``points.to_file("sample.gpkg")``.
    path : str or path-like
        The file; an existing one is replaced, and it appears whole or not at all.
    blind : bool
        Leave out strata, classes and weights.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> import geopandas as gpd
    >>> where = gpd.points_from_xy([500_000.0], [9_280_000.0], crs="EPSG:32721")
    >>> points = gpd.GeoDataFrame(
    ...     {"point": [1], "stratum": [1], "reference": [None]}, geometry=where
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "points.geojson")
    ...     write_points(points, file)
    ...     json.loads(file.read_text())["features"][0]["properties"]
    {'point': 1, 'reference': None}
    """
    kept = points.drop(columns=[name for name in TELLING if name in points]) if blind else points
    with whole(path) as partial:
        kept.to_file(
            partial,
            driver="GeoJSON",
            engine="pyogrio",
            RFC7946="YES",
            index=False,
            **geojson_options(),
        )
