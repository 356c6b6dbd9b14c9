"""Detected cells against reference cells: what was found, missed and imagined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import geopandas as gpd

__all__ = ["Match", "match"]


@dataclass(frozen=True, eq=False)
class Match:
    """How detections and reference meet.

    Parameters
    ----------
    detected : geopandas.GeoDataFrame
        The detections with ``outcome``: ``"TP"`` or ``"FP"``.
    reference : geopandas.GeoDataFrame
        The reference with ``outcome``: ``"hit"`` or ``"FN"``.
    """

    detected: gpd.GeoDataFrame
    reference: gpd.GeoDataFrame

    @property
    def counts(self) -> dict[str, int]:
        """``tp``, ``fp`` (detections) and ``fn`` (reference), for ``metrics.object_scores``."""
        detected, reference = self.detected["outcome"], self.reference["outcome"]
        return {
            "tp": int((detected == "TP").sum()),
            "fp": int((detected == "FP").sum()),
            "fn": int((reference == "FN").sum()),
        }

    @property
    def reference_recall(self) -> float:
        """Share of the reference that was hit; NaN without reference.

        Recall by `counts` divides detections by detections and missed reference, two kinds of
        cells; this does not.
        """
        hit = self.reference["outcome"] == "hit"
        return float(hit.mean()) if len(hit) else float("nan")

    @property
    def layers(self) -> gpd.GeoDataFrame:
        """TP, FP and FN in one table, to be looked at."""
        import pandas as pd

        missed = self.reference[self.reference["outcome"] == "FN"]
        tables = [table[["outcome", "geometry"]] for table in (self.detected, missed)]
        found: gpd.GeoDataFrame = pd.concat(tables, ignore_index=True)
        return found


def match(
    detected: gpd.GeoDataFrame, reference: gpd.GeoDataFrame, *, min_area: float = 1.0
) -> Match:
    """Which detections meet the reference, and which of the reference they miss.

    Parameters
    ----------
    detected : geopandas.GeoDataFrame
        Polygons in a projected CRS, e.g. of :func:`cells`.
    reference : geopandas.GeoDataFrame
        Polygons, e.g. of :func:`reference_grid`; brought into the CRS of `detected`. Outlines that
        cross themselves are repaired on either side.
    min_area : float
        Two polygons meet if they share more than this, in square units of the CRS: neighbours that
        share an edge do not.

    Returns
    -------
    Match
        Both tables with their outcome; ``counts`` go into
        :func:`minewatch.metrics.object_scores`.

    Raises
    ------
    ValueError
        If a CRS is missing or that of `detected` is geographic.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely.geometry import box
    >>> found = gpd.GeoDataFrame(geometry=[box(0, 0, 10, 10), box(10, 0, 20, 10)], crs=32721)
    >>> truth = gpd.GeoDataFrame(geometry=[box(0, 0, 10, 10), box(50, 0, 60, 10)], crs=32721)
    >>> match(found, truth).counts
    {'tp': 1, 'fp': 1, 'fn': 1}
    """
    for name, table in (("detected", detected), ("reference", reference)):
        if table.crs is None:
            message = f"match got {name} without a CRS; use set_crs with the right code"
            raise ValueError(message)
    if not detected.crs.is_projected:
        message = f"match needs detections in a projected CRS, got {detected.crs}; use to_crs"
        raise ValueError(message)
    import shapely

    # Outlines drawn by hand cross themselves now and then.
    shapes = shapely.make_valid(detected.geometry.to_numpy())
    truths = shapely.make_valid(reference.geometry.to_crs(detected.crs).to_numpy())
    one, other = shapely.STRtree(truths).query(shapes, predicate="intersects")
    meets = shapely.area(shapely.intersection(shapes[one], truths[other])) > min_area
    true = np.isin(np.arange(len(shapes)), one[meets])
    hit = np.isin(np.arange(len(truths)), other[meets])
    return Match(
        detected.assign(outcome=np.where(true, "TP", "FP")),
        reference.to_crs(detected.crs).assign(outcome=np.where(hit, "hit", "FN")),
    )
