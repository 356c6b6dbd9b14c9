"""Reference polygons of whatever shape → cells of one size, as a detector sees the ground."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.grids import utm_crs
from minewatch.vectors import areas_ha

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt

__all__ = ["reference_grid"]

PRESETS = {None: None, "paper_area": 0.04}
WIDEST = 9.0
"""Degrees of longitude that one UTM zone may be stretched over; its scale is then off by 0.2 %."""


def reference_grid(
    polygons: gpd.GeoDataFrame,
    *,
    size: float = 520.0,
    minimum_share: float = 0.2,
    preset: str | None = None,
    crs: Any = None,
    align: tuple[float, float] | None = None,
    snap: bool = False,
) -> gpd.GeoDataFrame:
    """Cut reference polygons along a square lattice.

    Polygons are dissolved first, so that those that overlap count once, and brought into a metric
    CRS. Slivers at their rims, of less than a share of a cell, are dropped.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        Mines, in any CRS.
    size : float
        Side of a cell in metres.
    minimum_share : float
        Share of a cell that must be covered, 0 to 1; of 520 m, 0.2 is 54,080 m².
    preset : {"paper_area"}, optional
        The area that was printed beside 20 %, 10,816 m², which is 4 % of a cell: 20 % of each side.
    crs : str, int or pyproj.CRS, optional
        Projected CRS in metres; by default the UTM zone of the polygons' centre.
    align : (float, float), optional
        x and y of any corner of the lattice, e.g. of a detector's cells. By default corners lie at
        multiples of `size`.
    snap : bool
        Give whole cells instead of the polygons' parts in them.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each cell from the upper left by rows: geometry, ``share`` (0 to 1, of the cell
        that is covered), ``row`` and ``column`` (on the lattice, from its corner downwards and
        eastwards).

    Raises
    ------
    TypeError
        If there are no polygons.
    ValueError
        If settings mean nothing, the CRS is not metric, or the polygons lie too far apart for one.

    See Also
    --------
    match : against detections.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks: polygons of Amazon Mining Watch, cut into cells of 520 m.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> mine = gpd.GeoDataFrame(geometry=[box(0, 0, 780, 520)], crs="EPSG:32721")
    >>> reference_grid(mine)[["share", "row", "column"]].values.tolist()
    [[1.0, -1.0, 0.0], [0.5, -1.0, 1.0]]
    """
    areas_ha(polygons.iloc[:0])  # refuses what are no polygons, or have no CRS
    if not 0 < size < math.inf or not 0 <= minimum_share <= 1 or preset not in PRESETS:
        message = (
            "reference_grid needs a size in metres, a minimum_share from 0 to 1 and the preset "
            f"'paper_area' or None, got {size}, {minimum_share}, {preset!r}"
        )
        raise ValueError(message)
    import geopandas as gpd
    import shapely

    share = PRESETS[preset] or minimum_share
    shapes, target = _on_metres(polygons, crs)
    left, top = (0.0, 0.0) if align is None else align
    # Parts of a union do not overlap, so their shares of a cell add up.
    parts = shapely.get_parts(shapely.union_all(shapely.make_valid(shapes)))
    parts = parts[shapely.area(parts) > 0]
    row, column = _touched(parts, size, left, top)
    west, north = left + column * size, top - row * size
    squares = shapely.box(west, north - size, west + size, north)
    cell, part = shapely.STRtree(parts).query(squares, predicate="intersects")
    pieces = shapely.intersection(squares[cell], parts[part])
    covered = np.bincount(cell, shapely.area(pieces), len(squares)) / size**2
    # A share that is 0.2 but for rounding counts as 0.2.
    kept = np.flatnonzero((covered > 0) & (covered >= share * (1 - 1e-9)))
    geometry = squares[kept] if snap else _together(pieces, cell, kept)
    return gpd.GeoDataFrame(
        {"share": np.minimum(covered[kept], 1.0), "row": row[kept], "column": column[kept]},
        geometry=geometry,
        crs=target,
    )


def _on_metres(polygons: gpd.GeoDataFrame, crs: Any) -> tuple[npt.NDArray[Any], Any]:
    from pyproj import CRS

    known = polygons[~(polygons.geometry.isna() | polygons.geometry.is_empty)]
    if crs is None:
        if polygons.crs.is_projected and polygons.crs.utm_zone is not None:
            return known.geometry.to_numpy(), polygons.crs
        if len(known) == 0:
            message = "reference_grid got no polygon and no crs=; say it, e.g. 'EPSG:32721'"
            raise ValueError(message)
        bounds = known.to_crs("EPSG:4326").total_bounds
        if bounds[2] - bounds[0] > WIDEST:
            message = (
                f"reference_grid got polygons from {bounds[0]:.1f}° to {bounds[2]:.1f}° of "
                "longitude, too far for one UTM zone; cut them, or say crs="
            )
            raise ValueError(message)
        crs = utm_crs(tuple(bounds.tolist()))
    target = CRS(crs)
    if not target.is_projected or target.axis_info[0].unit_conversion_factor != 1:
        message = f"reference_grid needs a projected CRS in metres, got {target.name!r}"
        raise ValueError(message)
    return known.geometry.to_crs(target).to_numpy(), target


def _touched(
    parts: npt.NDArray[Any], size: float, left: float, top: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns of all cells that the parts' bounding boxes touch, each once."""
    import shapely

    found = [np.empty((0, 2), np.int64)]
    for west, south, east, north in shapely.bounds(parts):
        columns = np.arange(math.floor((west - left) / size), math.ceil((east - left) / size))
        rows = np.arange(math.floor((top - north) / size), math.ceil((top - south) / size))
        down, right = np.meshgrid(rows, columns, indexing="ij")
        found.append(np.stack([down.ravel(), right.ravel()], axis=1))
    cells = np.unique(np.concatenate(found), axis=0)
    return cells[:, 0], cells[:, 1]


def _together(
    pieces: npt.NDArray[Any], cell: npt.NDArray[np.int64], kept: npt.NDArray[np.int64]
) -> list[Any]:
    """The pieces of each kept cell as one geometry."""
    import shapely

    order = np.argsort(cell, kind="stable")
    starts = np.searchsorted(cell[order], kept)
    ends = np.searchsorted(cell[order], kept, side="right")
    return [
        pieces[order[start]] if end - start == 1 else shapely.union_all(pieces[order[start:end]])
        for start, end in zip(starts, ends, strict=True)
    ]
