"""Polygons from files, to GeoJSON and to GeoPackage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch._files import whole
from minewatch._origins import geojson_options, geopackage_options
from minewatch.vectors._grid import require_polygons

if TYPE_CHECKING:
    import os

    import geopandas as gpd

__all__ = ["read_polygons", "to_geojson", "to_geopackage"]


def read_polygons(
    path: str | os.PathLike[str],
    *,
    label_column: str | None = None,
) -> gpd.GeoDataFrame:
    """Read polygons from any vector file that GDAL opens, e.g. GeoJSON or GeoPackage.

    Invalid outlines are repaired and missing ones left out; both are counted in ``.attrs``.

    Parameters
    ----------
    path : str or path-like
        The file.
    label_column : str, optional
        Column with the label of each polygon, a whole number or a boolean (1 mine, 0 other); it
        becomes the column ``label``.

    Returns
    -------
    geopandas.GeoDataFrame
        Geometry and the file's columns; ``attrs`` holds ``repaired``, ``dropped`` and
        ``dropped_rows`` (from 0).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KeyError
        If there is no such column.
    ValueError
        If the file cannot be read, holds no polygon, has no CRS, or a label is no whole number.

    See Also
    --------
    to_geojson : the way back.

    Examples
    --------
    >>> import tempfile
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> pits = gpd.GeoDataFrame({"mine": [True]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_geojson(pits, f"{folder}/pits.geojson")
    ...     read_polygons(f"{folder}/pits.geojson", label_column="mine").label.tolist()
    [1]
    """
    import geopandas as gpd

    file = Path(path)
    if not file.exists():
        message = f"there is no file {file}; give the path of a GeoJSON, GeoPackage or Shapefile"
        raise FileNotFoundError(message)
    try:
        found = gpd.read_file(file)
    except Exception as error:
        message = f"{file} is no vector file that GDAL can read; give GeoJSON, GeoPackage or .shp"
        raise ValueError(message) from error
    if not isinstance(found, gpd.GeoDataFrame) or not len(found):
        message = f"{file} holds no polygon; check that it is the right file and layer"
        raise ValueError(message)
    if found.crs is None:
        message = (
            f"{file} does not say its CRS; set it once with geopandas "
            "(read_file, set_crs, to_file) or add the .prj beside the .shp"
        )
        raise ValueError(message)
    found, dropped, repaired = _repaired(found, file)
    if label_column is not None:
        found["label"] = _labels(found, label_column, file)
    found.attrs = {"repaired": repaired, "dropped": len(dropped), "dropped_rows": dropped}
    return found


def _repaired(found: gpd.GeoDataFrame, file: Path) -> tuple[gpd.GeoDataFrame, list[int], int]:
    import shapely

    present = ~(found.geometry.isna() | found.geometry.is_empty)
    kept = found[present].reset_index(drop=True)
    bad = ~kept.geometry.is_valid
    if bad.any():
        mended = [_polygonal(shapely.make_valid(shape)) for shape in kept.geometry[bad]]
        kept.loc[bad, kept.geometry.name] = mended
    try:
        require_polygons(kept, by=f"read_polygons({file.name})")
    except TypeError as error:
        raise ValueError(str(error)) from error
    solid = ~kept.geometry.is_empty
    rows = np.flatnonzero(present)[solid.to_numpy()]
    kept = kept[solid].reset_index(drop=True)
    if not len(kept):
        message = f"{file} holds no polygon with an area; check that it is the right file and layer"
        raise ValueError(message)
    gone = np.setdiff1d(np.arange(len(found)), rows).tolist()
    return kept, gone, int((bad & solid).sum())


def _polygonal(shape: Any) -> Any:
    """What of a repaired outline has an area."""
    import shapely

    parts = [part for part in shapely.get_parts(shape) if part.area > 0]
    return shapely.union_all([p for p in parts if p.geom_type in ("Polygon", "MultiPolygon")])


def _labels(found: gpd.GeoDataFrame, column: str, file: Path) -> Any:
    if column not in found.columns or column == found.geometry.name:
        have = [str(name) for name in found.columns if name != found.geometry.name]
        message = f"{file} has no column {column!r}; it has {have}"
        raise KeyError(message)
    values = found[column].to_numpy()
    try:
        numbers = values.astype(np.float64)
        known = bool((numbers == np.floor(numbers)).all())
    except (TypeError, ValueError):
        known = False
    if not known:
        message = (
            f"column {column!r} of {file} must hold whole numbers (1 mine, 0 other), got e.g. "
            f"{values[:3].tolist()}; make such a column, e.g. "
            f"polygons['label'] = polygons[{column!r}] == 'mine'"
        )
        raise ValueError(message)
    return numbers.astype(np.int64)


def to_geojson(polygons: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write polygons as GeoJSON (RFC 7946); the file appears whole or not at all.

    Longitude and latitude on WGS 84 to 7 decimals (1 cm), shells counter-clockwise, outlines that
    cross the antimeridian cut there.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        Polygons with a CRS.
    path : str or path-like
        The file; an existing one is replaced.

    Raises
    ------
    ValueError
        If there is no CRS.
    FileNotFoundError
        If the folder does not exist.

    References
    ----------
    RFC 7946, The GeoJSON format. https://www.rfc-editor.org/rfc/rfc7946

    Examples
    --------
    >>> import json, tempfile
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> pit = gpd.GeoDataFrame({"name": ["A"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_geojson(pit, f"{folder}/pit.geojson")
    ...     json.loads(Path(folder, "pit.geojson").read_text())["features"][0]["properties"]
    {'name': 'A'}
    """
    require_polygons(polygons, by="to_geojson")
    with whole(path) as partial:
        _plain(polygons).to_file(
            partial,
            driver="GeoJSON",
            engine="pyogrio",
            layer=Path(path).stem,
            RFC7946="YES",
            index=False,
            **geojson_options(),
        )


def to_geopackage(polygons: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> None:
    """Write polygons as a GeoPackage in their own CRS; the file appears whole or not at all.

    Parameters
    ----------
    polygons : geopandas.GeoDataFrame
        Polygons with a CRS.
    path : str or path-like
        The file, ``*.gpkg``; an existing one is replaced, with all its layers.

    Raises
    ------
    ValueError
        If there is no CRS.
    FileNotFoundError
        If the folder does not exist.

    See Also
    --------
    to_geojson : for the web.

    References
    ----------
    OGC GeoPackage encoding standard. https://www.geopackage.org/spec131/

    Examples
    --------
    >>> import tempfile
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> pit = gpd.GeoDataFrame({"name": ["A"]}, geometry=[box(0, 0, 9, 9)], crs="EPSG:32721")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_geopackage(pit, f"{folder}/pit.gpkg")
    ...     gpd.read_file(f"{folder}/pit.gpkg").crs.to_epsg()
    32721
    """
    require_polygons(polygons, by="to_geopackage")
    layer = Path(path).stem
    with whole(path) as partial:
        _plain(polygons).to_file(
            partial,
            driver="GPKG",
            engine="pyogrio",
            layer=layer,
            index=False,
            **geopackage_options(),
        )


def _plain(polygons: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """With text in place of categories, which no vector format has."""
    out = polygons.copy()
    for name in out.columns.difference([out.geometry.name]):
        if out[name].dtype.name == "category":
            out[name] = out[name].astype(object)
    return out
