"""Cells to be scored: read from anyone's file, on their lattice, within the ground searched."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch import grids, vectors

if TYPE_CHECKING:
    import geopandas as gpd

    from minewatch.workflows.detecting_settings import ScoreSettings

__all__ = ["SCANNED", "Cells", "centred_in", "read_cells", "searched_ground"]

SCANNED = "scanned.geojson"
"""What a detection run calls the ground that its windows saw."""

CELL = 520.0
"""Metres, where no cell tells its own size."""

UNEVEN = 0.02
"""Share by which cells of one lattice may differ in width: drawn in degrees, they do a little."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Detections on a lattice.

    Parameters
    ----------
    table : geopandas.GeoDataFrame
        A row for each place: geometry in metres and ``probability``, of several dates the highest.
    size : float
        Side of a cell, metres.
    corner : (float, float) or None
        x and y of a corner of the lattice; None without cells.
    repeated : int
        Rows that lay on another one.
    """

    table: gpd.GeoDataFrame
    size: float
    corner: tuple[float, float] | None
    repeated: int


def read_cells(settings: ScoreSettings) -> Cells:
    """Read detections, and find out which lattice they lie on.

    Parameters
    ----------
    settings : ScoreSettings
        ``detections``, ``probability`` and ``thresholds``.

    Returns
    -------
    Cells
        In a projected CRS in metres: their own, or the UTM zone.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KeyError
        If it has no such column.
    ValueError
        If it cannot be read, its cells have many sizes, its column holds no probabilities, or it
        was cut by a threshold above one that is asked for.

    Examples
    --------
    >>> from minewatch.workflows import ScoreSettings
    >>> read_cells(ScoreSettings(detections="nowhere.gpkg", reference=""))
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no file nowhere.gpkg; give the cells that detect run wrote
    """
    path, column = Path(settings.detections), settings.probability
    table = _opened(path)
    if column not in table.columns:
        have = [str(name) for name in table.columns if name != table.geometry.name]
        message = f"{path} has no column {column!r}; it has {have}: say probability="
        raise KeyError(message)
    try:
        chance = table[column].to_numpy(dtype="float64")
    except (TypeError, ValueError):
        chance = np.array([np.nan])
    if not ((chance >= 0) & (chance <= 1)).all():
        message = f"column {column!r} of {path} must hold probabilities from 0 to 1, got "
        message += ", ".join(str(value) for value in table[column].to_numpy()[:3])
        raise ValueError(message)
    _require_kept(settings, path.parent / "run.toml")
    table = _in_metres(table[[table.geometry.name]].assign(probability=chance))
    size = _size(table, path)
    once = _once(table, size)
    corner = None
    if len(once):
        west, _, _, north = once.geometry.iloc[0].bounds
        corner = (float(west), float(north))
    return Cells(once, size, corner, len(table) - len(once))


def _opened(path: Path) -> gpd.GeoDataFrame:
    if not path.is_file():
        message = f"there is no file {path}; give the cells that detect run wrote"
        raise FileNotFoundError(message)
    import geopandas as gpd

    try:
        table = gpd.read_file(path)
    except Exception as error:
        message = f"{path} is no vector file that GDAL can read; give the cells of detect run"
        raise ValueError(message) from error
    if isinstance(table, gpd.GeoDataFrame) and not len(table) and table.crs is not None:
        return table  # a run that found nothing is scored like any other
    return vectors.read_polygons(path)


def _require_kept(settings: ScoreSettings, beside: Path) -> None:
    """Refuse thresholds below the one that the cells were kept by, where their run tells it."""
    if not beside.is_file():
        return
    try:
        kept = tomllib.loads(beside.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return
    least = kept.get("threshold")
    if "detector" in kept and isinstance(least, float) and min(settings.thresholds) < least:
        message = (
            f"threshold {min(settings.thresholds):g} is below the {least:g} that the cells of "
            f"{settings.detections} were kept by; run detect again with --threshold "
            f"{min(settings.thresholds):g}"
        )
        raise ValueError(message)


def _in_metres(table: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    crs = table.crs
    if crs.is_projected and crs.axis_info[0].unit_conversion_factor == 1:
        return table
    bounds = table.to_crs("EPSG:4326").total_bounds
    if not np.isfinite(bounds).all():
        bounds = np.zeros(4)
    return table.to_crs(grids.utm_crs(tuple(bounds.tolist())))


def _size(table: gpd.GeoDataFrame, path: Path) -> float:
    if not len(table):
        return _told_size(path.parent / "metrics.json")
    sides = np.sqrt(table.area.to_numpy())
    size = float(np.median(sides))
    if np.abs(sides - size).max() > UNEVEN * size:
        message = (
            f"{path} holds areas of {sides.min() ** 2 / 1e4:.3g} to {sides.max() ** 2 / 1e4:.3g} "
            "ha, no cells of one size; cut them into cells first: "
            "minewatch.detections.reference_grid(polygons, snap=True)"
        )
        raise ValueError(message)
    whole = round(size)
    return float(whole) if abs(size - whole) < 0.005 * size else size


def _told_size(beside: Path) -> float:
    """Side of a cell as a run that found none tells it."""
    try:
        return float(json.loads(beside.read_text(encoding="utf-8"))["cell_metres"])
    except (OSError, ValueError, KeyError, TypeError):
        return CELL


def _once(table: gpd.GeoDataFrame, size: float) -> gpd.GeoDataFrame:
    """One row a place: detections of several dates, or of several runs, lie on one another."""
    centres = table.geometry.centroid
    places = np.stack([centres.x, centres.y], axis=1)
    ordered = np.argsort(-table["probability"].to_numpy(), kind="stable")
    _, first = np.unique(np.round(places[ordered] / (size / 10)), axis=0, return_index=True)
    kept: gpd.GeoDataFrame = table.iloc[np.sort(ordered[first])].reset_index(drop=True)
    return kept


def searched_ground(settings: ScoreSettings, crs: object) -> gpd.GeoDataFrame:
    """The ground in which detections and reference count.

    Parameters
    ----------
    settings : ScoreSettings
        ``bbox``, ``extent`` and ``detections``.
    crs : pyproj.CRS
        CRS that it is wanted in.

    Returns
    -------
    geopandas.GeoDataFrame
        Polygons.

    Raises
    ------
    ValueError
        If it is told twice or not at all.
    FileNotFoundError
        If the file is not there.
    """
    import geopandas as gpd
    import shapely

    beside = Path(settings.detections).parent / SCANNED
    if settings.bbox is not None:
        if settings.extent is not None:
            message = "the ground is told twice, by bbox and by extent; leave one of them out"
            raise ValueError(message)
        west, south, east, north = settings.bbox
        if not (west < east and south < north):
            message = f"bbox {settings.bbox} is empty; give west south east north in degrees"
            raise ValueError(message)
        # Straight in degrees is bent in metres.
        outline = shapely.segmentize(shapely.box(*settings.bbox), (east - west) / 50)
        ground = gpd.GeoDataFrame(geometry=[outline], crs="EPSG:4326")
    elif settings.extent is not None:
        ground = vectors.read_polygons(settings.extent)
    elif beside.is_file():
        ground = vectors.read_polygons(beside)
    else:
        message = (
            f"there is no {SCANNED} beside {settings.detections}, and mines in ground that was "
            "never searched would count as missed; say what was: bbox (west south east north) or "
            "extent (a polygon file)"
        )
        raise ValueError(message)
    return ground[["geometry"]].to_crs(crs)


def centred_in(
    table: gpd.GeoDataFrame, x: np.ndarray, y: np.ndarray, ground: gpd.GeoDataFrame
) -> gpd.GeoDataFrame:
    """Cells whose centre lies in some ground.

    Parameters
    ----------
    table : geopandas.GeoDataFrame
        Cells, or parts of them.
    x, y : array of float
        Centre of each whole cell, in the CRS of `ground`.
    ground : geopandas.GeoDataFrame
        Polygons.

    Returns
    -------
    geopandas.GeoDataFrame
        A selection of the rows, numbered anew.
    """
    import shapely

    outline = shapely.union_all(shapely.make_valid(ground.geometry.to_numpy()))
    shapely.prepare(outline)
    chosen: gpd.GeoDataFrame = table[shapely.contains_xy(outline, x, y)].reset_index(drop=True)
    return chosen
