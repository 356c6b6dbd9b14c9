"""Counting meetings, by the slow loop and by the lattice."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import Polygon, box

from minewatch import detections, metrics

UTM = "EPSG:32721"


def cells(*places: tuple[float, float], size: float = 520.0) -> gpd.GeoDataFrame:
    shapes = [box(x, y, x + size, y + size) for x, y in places]
    return gpd.GeoDataFrame(geometry=shapes, crs=UTM)


def test_counts_are_those_of_the_slow_loop() -> None:
    rng = np.random.default_rng(7)
    found = cells(*map(tuple, rng.uniform(0, 9000, (80, 2))))
    truth = cells(*map(tuple, rng.uniform(0, 9000, (60, 2))), size=300)
    areas = np.array([[a.intersection(b).area for b in truth.geometry] for a in found.geometry])
    meets = areas > 1
    result = detections.match(found, truth)
    assert result.counts == {
        "tp": int(meets.any(axis=1).sum()),
        "fp": int((~meets.any(axis=1)).sum()),
        "fn": int((~meets.any(axis=0)).sum()),
    }
    assert result.reference_recall == pytest.approx(meets.any(axis=0).mean())
    assert len(result.layers) == sum(result.counts.values())
    assert result.layers.outcome.value_counts().to_dict() == {
        "TP": result.counts["tp"], "FP": result.counts["fp"], "FN": result.counts["fn"],
    }  # fmt: skip


def test_neighbours_that_share_an_edge_do_not_meet() -> None:
    result = detections.match(cells((0, 0)), cells((520, 0)))
    assert result.counts == {"tp": 0, "fp": 1, "fn": 1}


def test_on_one_lattice_both_recalls_are_one() -> None:
    """Each detection meets one reference cell at most, so the two ways of counting agree."""
    rng = np.random.default_rng(2)
    places = [(520.0 * i, 520.0 * j) for i in range(12) for j in range(12)]
    found, truth = (cells(*[p for p in places if rng.random() < 0.5]) for _ in range(2))
    result = detections.match(found, truth)
    score = metrics.object_scores(**result.counts)
    assert score["recall"] == pytest.approx(result.reference_recall)


def test_nothing_found_and_nothing_to_find() -> None:
    nothing = cells((0, 0)).iloc[:0]
    missed = metrics.object_scores(**detections.match(nothing, cells((0, 0))).counts)
    assert np.isnan(missed["precision"])
    assert missed["recall"] == 0
    imagined = detections.match(cells((0, 0)), nothing)
    assert np.isnan(metrics.object_scores(**imagined.counts)["recall"])
    assert np.isnan(imagined.reference_recall)


def test_an_outline_that_crosses_itself_is_what_it_encloses() -> None:
    """A bow tie of two triangles that meet at (260, 260), the crossing in the reference."""
    bow = Polygon([(0, 0), (520, 520), (520, 0), (0, 520)])
    truth = gpd.GeoDataFrame(geometry=[bow], crs=UTM)
    # The middle of the top edge lies outside of both triangles, the left edge in one.
    found = cells((250, 480), (0, 250), size=20)
    assert detections.match(found, truth).counts == {"tp": 1, "fp": 1, "fn": 0}


def test_a_reference_in_degrees_is_brought_over() -> None:
    found = cells((5e5, 9.2e6))
    assert detections.match(found, found.to_crs("EPSG:4326")).counts["tp"] == 1
    with pytest.raises(ValueError, match="projected"):
        detections.match(found.to_crs("EPSG:4326"), found)
    with pytest.raises(ValueError, match="CRS"):
        detections.match(found, gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)]))
