"""A cell far from all others must be surer than one among many."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["drop_isolated"]


def drop_isolated(
    detections: gpd.GeoDataFrame,
    *,
    threshold: float = 0.43,
    isolated_threshold: float = 0.75,
    neighbours: int = 5,
    distance: float = 3000.0,
) -> gpd.GeoDataFrame:
    """Detections above a threshold, the isolated ones only above a higher one.

    Mines come in clusters, false alarms do not. A detection is isolated if its n-th nearest
    neighbour among those above the lower threshold is farther than a distance.

    Parameters
    ----------
    detections : geopandas.GeoDataFrame
        Polygons in a projected CRS in metres with a column ``probability``.
    threshold, isolated_threshold : float
        Probabilities that must be exceeded.
    neighbours : int
        Which neighbour is asked; where there are fewer, the detection is isolated.
    distance : float
        Metres between centroids.

    Returns
    -------
    geopandas.GeoDataFrame
        A selection of the rows, with a column ``isolated``.

    Raises
    ------
    KeyError
        If there is no column ``probability``.
    ValueError
        If thresholds, neighbours or distance mean nothing, or the CRS is not in metres.

    References
    ----------
    The rule and its numbers are those of Amazon Mining Watch (Earth Genome),
    https://github.com/earthrise-media/mining-detector

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> near = [box(520 * i, 0, 520 * i + 520, 520) for i in range(6)]
    >>> found = gpd.GeoDataFrame({"probability": [0.5] * 7}, geometry=[*near, box(9e4, 0, 9e5, 9)])
    >>> len(drop_isolated(found.set_crs("EPSG:32721")))
    6
    """
    if "probability" not in detections.columns:
        message = f"drop_isolated needs a column 'probability', got {list(detections.columns)}"
        raise KeyError(message)
    if not 0 <= threshold <= isolated_threshold <= 1 or neighbours < 1 or not distance > 0:
        message = (
            "drop_isolated needs 0 ≤ threshold ≤ isolated_threshold ≤ 1, neighbours from 1 and a "
            f"distance in metres, got {threshold}, {isolated_threshold}, {neighbours}, {distance}"
        )
        raise ValueError(message)
    crs = detections.crs
    if crs is None or not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1:
        message = f"drop_isolated needs a CRS in metres, got {crs}; use to_crs of a UTM zone"
        raise ValueError(message)
    likely = detections[detections["probability"] > threshold]
    isolated = np.ones(len(likely), bool)
    if len(likely) > neighbours:
        from scipy.spatial import KDTree

        centres = likely.geometry.centroid
        places = np.stack([centres.x, centres.y], axis=1)
        # The nearest is the detection itself.
        apart = np.asarray(KDTree(places).query(places, k=[neighbours + 1])[0])
        isolated = apart[:, 0] > distance
    found = likely.assign(isolated=isolated)
    return found[~isolated | (found["probability"] > isolated_threshold)].reset_index(drop=True)
