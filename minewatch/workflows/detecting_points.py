"""What a patch detector learns from: places, each a mine or none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["read_points"]


def read_points(path: str, label: str) -> gpd.GeoDataFrame:
    """Labelled points of a vector file.

    Parameters
    ----------
    path : str
        GeoJSON, GeoPackage or Shapefile.
    label : str
        Column of labels.

    Returns
    -------
    geopandas.GeoDataFrame
        Points with ``label``, 1 mine and 0 anything else, and the other columns.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    KeyError
        If it has no such column.
    ValueError
        If it cannot be read, holds other shapes or labels, or only one of the two.

    Examples
    --------
    >>> read_points("nowhere.geojson", "label")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no file nowhere.geojson; give a point file with a column 'label'
    """
    import geopandas as gpd

    if not Path(path).exists():
        message = f"there is no file {path}; give a point file with a column {label!r}"
        raise FileNotFoundError(message)
    try:
        found = gpd.read_file(path)
    except Exception as error:
        message = f"{path} is no vector file that GDAL can read; give GeoJSON, GeoPackage or .shp"
        raise ValueError(message) from error
    shaped = isinstance(found, gpd.GeoDataFrame)
    kinds = dict(found.geom_type.value_counts()) if shaped else {}
    if set(kinds) != {"Point"}:
        held = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "no geometry"
        message = f"{path} holds {held}, and must hold points, the centres of patches"
        if "Polygon" in kinds or "MultiPolygon" in kinds:
            message += "; use e.g. geometry.representative_point()"
        raise ValueError(message)
    if empty := int((found.geometry.isna() | found.geometry.is_empty).sum()):
        message = f"{empty} of {len(found)} rows of {path} have no point, and must hold points"
        raise ValueError(message + "; take those rows out")
    if found.crs is None:
        message = f"{path} does not say its CRS; set it once with geopandas (set_crs, to_file)"
        raise ValueError(message)
    if label not in found.columns:
        have = [str(name) for name in found.columns if name != found.geometry.name]
        message = f"{path} has no column {label!r}; it has {have}"
        raise KeyError(message)
    found["label"] = _codes(found[label], path, label)
    return found


def _codes(column: Any, path: str, label: str) -> Any:
    try:
        codes = column.astype("float64").to_numpy()
    except (TypeError, ValueError):
        codes = np.array([np.nan])
    have = sorted({str(value) for value in column})
    if not set(codes.tolist()) <= {0.0, 1.0}:
        shown = ", ".join(have[:5])
        message = (
            f"column {label!r} of {path} holds {shown}; it must hold 1 (mine) and 0 (anything else)"
        )
        raise ValueError(message)
    if len(set(codes.tolist())) < 2:
        other = "0 (anything else)" if codes[0] == 1 else "1 (mine)"
        message = (
            f"all {len(codes)} points of {path} are {int(codes[0])} in column {label!r}; a "
            f"detector learns from both, add points of {other}"
        )
        raise ValueError(message)
    return codes.astype("int8")
