"""Reference cells: known shapes, areas kept, the printed minimum, and real polygons."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from numpy import testing as npt
from shapely.geometry import box

from minewatch import detections, vectors

UTM = "EPSG:32721"
CELL = 520.0


def polygons(*shapes: object, crs: str = UTM) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=list(shapes), crs=crs)


def test_a_fifth_of_a_cell_is_enough_and_less_is_not() -> None:
    fifth = 0.2 * CELL
    assert 0.2 * CELL**2 == 54_080
    assert len(detections.reference_grid(polygons(box(0, 0, fifth, CELL)))) == 1
    assert len(detections.reference_grid(polygons(box(0, 0, fifth - 0.01, CELL)))) == 0
    # The printed area, 10,816 m², is a fifth of each side.
    corner = polygons(box(0, 0, fifth, fifth))
    assert corner.area[0] == pytest.approx(10_816)
    assert len(detections.reference_grid(corner)) == 0
    assert len(detections.reference_grid(corner, preset="paper_area")) == 1


def test_overlapping_polygons_count_once() -> None:
    overlapping = polygons(box(0, 0, 480, 480), box(240, 0, 720, 480))
    found = detections.reference_grid(overlapping, minimum_share=0)
    assert found.area.sum() == pytest.approx(720 * 480)
    npt.assert_allclose(found.share, [480 / CELL, 200 * 480 / CELL**2])
    snapped = detections.reference_grid(overlapping, minimum_share=0, snap=True)
    npt.assert_array_equal(snapped.area, [CELL**2] * 2)


@pytest.mark.parametrize("align", [None, (131.0, -77.0)])
def test_no_ground_is_lost_or_counted_twice(align: tuple[float, float] | None) -> None:
    rng = np.random.default_rng(4)
    corners = rng.uniform(-4000, 4000, (60, 2))
    sizes = rng.uniform(10, 1500, (60, 2))
    shapes = [box(x, y, x + w, y + h) for (x, y), (w, h) in zip(corners, sizes, strict=True)]
    found = detections.reference_grid(polygons(*shapes), minimum_share=0, align=align)
    whole = shapely.union_all(np.array(shapes))
    assert found.area.sum() == pytest.approx(whole.area, rel=1e-9)
    npt.assert_allclose(found.share * CELL**2, found.area, rtol=1e-9)
    assert not found.duplicated(["row", "column"]).any()
    # Each piece lies in the cell that its row and column name.
    left, top = align or (0.0, 0.0)
    west, north = left + found.column * CELL, top - found.row * CELL
    inside = shapely.box(west, north - CELL, west + CELL, north)
    outside = shapely.difference(found.geometry.to_numpy(), inside)
    npt.assert_allclose(shapely.area(outside), 0, atol=1e-6)


def test_a_polygon_with_a_hole_and_one_that_crosses_itself() -> None:
    ring = box(0, 0, 1560, 1560).difference(box(520, 520, 1040, 1040))
    found = detections.reference_grid(polygons(ring))
    assert len(found) == 8
    bow = shapely.Polygon([(0, 0), (1040, 520), (1040, 0), (0, 520)])
    assert detections.reference_grid(polygons(bow)).area.sum() == pytest.approx(1040 * 520 / 2)


def test_degrees_become_the_zone_of_the_centre() -> None:
    mine = polygons(box(-57.0, -6.5, -56.98, -6.48), crs="EPSG:4326")
    found = detections.reference_grid(mine, minimum_share=0)
    assert found.crs == "EPSG:32721"
    # UTM's areas are within 0.2 % of the ellipsoid's.
    assert found.area.sum() / 1e4 == pytest.approx(vectors.areas_ha(mine)[0], rel=2e-3)


def test_what_cannot_be_cut_is_refused() -> None:
    mine = polygons(box(0, 0, 1, 1), crs="EPSG:4326")
    with pytest.raises(ValueError, match="too far for one UTM zone"):
        detections.reference_grid(polygons(box(-60, 0, -40, 1), crs="EPSG:4326"))
    with pytest.raises(ValueError, match="projected CRS in metres"):
        detections.reference_grid(mine, crs="EPSG:4326")
    with pytest.raises(ValueError, match="minimum_share"):
        detections.reference_grid(mine, minimum_share=20)
    with pytest.raises(ValueError, match="no polygon"):
        detections.reference_grid(mine.iloc[:0])
    with pytest.raises(ValueError, match="CRS"):
        detections.reference_grid(gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)]))


@pytest.mark.data
def test_amazon_mining_watch_becomes_cells(real_data: Path) -> None:
    """A file holds what was new in its year: two years share no ground, but they share cells."""
    folder = real_data / "mines-amazon-mining-watch"
    cut = []
    for year in (2023, 2024):
        table = gpd.read_file(folder / f"mining_{year}00_simplified.geojson")
        tapajos = table.clip(box(-58, -8, -55, -5))  # in one UTM zone
        mines = tapajos[tapajos.geom_type.isin(["Polygon", "MultiPolygon"])].to_crs(UTM)
        true = mines.union_all().area
        every = detections.reference_grid(mines, minimum_share=0)
        assert every.area.sum() == pytest.approx(true, rel=1e-6)
        cells = detections.reference_grid(mines)
        assert len(cells) > 2000
        assert (cells.share >= 0.2 * (1 - 1e-9)).all()
        # Mines along rivers are narrow: a fifth of the ground lies in slivers, which are dropped.
        assert 0.75 * true < cells.area.sum() < 0.9 * true
        cut.append(detections.reference_grid(mines, snap=True))
    before, after = cut
    found = detections.match(after, before)
    # On one lattice: the same cells by row and column.
    shared = after.merge(before, on=["row", "column"])
    assert found.counts["tp"] == len(shared) > 100
    assert found.reference_recall == pytest.approx(len(shared) / len(before))
