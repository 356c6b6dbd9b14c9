"""Polygons and pixels agree with shapely, scipy and the ellipsoid."""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
from pathlib import Path

import dask
import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401
import shapely
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from odc.geo.geobox import GeoBox
from pyproj import CRS
from scipy import ndimage
from shapely.geometry import Point, Polygon, box

from minewatch import vectors
from minewatch.conventions import crs_of
from minewatch.vectors.zones import off_grid_share

UTM = "EPSG:32721"
WEST, NORTH = 500_000.0, 9_280_000.0
ODD = {"y": 7, "x": 11}


def layer(values: np.ndarray, crs: str = UTM, step: float = 10.0) -> xr.DataArray:
    rows, columns = values.shape[-2:]
    coords = {
        "y": NORTH - step / 2 - step * np.arange(rows),
        "x": WEST + step / 2 + step * np.arange(columns),
    }
    dims = ("pair", "y", "x")[-values.ndim :]
    return xr.DataArray(values, coords, dims, name="ndai").rio.write_crs(crs)


def blobs(rng: np.random.Generator, count: int, size: float = 400.0) -> gpd.GeoDataFrame:
    """Ragged polygons, some overlapping, some reaching over the edge."""
    shapes = []
    for _ in range(count):
        x, y = WEST + size * rng.random(), NORTH - size * rng.random()
        angle = np.sort(rng.random(9)) * 2 * np.pi
        radius = 20 + 60 * rng.random(9)
        ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        shapes.append(shapely.make_valid(Polygon(ring)))
    return gpd.GeoDataFrame({"label": np.arange(count) % 2}, geometry=shapes, crs=UTM)


def inside(polygon: Polygon, grid: xr.DataArray) -> np.ndarray:
    """The obvious loop: is the centre in the polygon?"""
    return np.array([[polygon.contains(Point(x, y)) for x in grid.x.values] for y in grid.y.values])


# --- rasterize ----------------------------------------------------------------------------------


def test_a_pixel_is_inside_if_its_centre_is(rng: np.random.Generator) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 6)
    drawn = vectors.rasterize(polygons, like=grid)
    assert drawn.dtype == bool
    assert crs_of(drawn) == crs_of(grid)
    expected = np.any([inside(shape, grid) for shape in polygons.geometry], axis=0)
    npt.assert_array_equal(drawn, expected)


def test_the_later_polygon_wins_and_outside_is_no_class(rng: np.random.Generator) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 6)
    polygons["code"] = [3, 0, 5, 254, 1, 2]
    expected = np.full(grid.shape, 255)
    for shape, code in zip(polygons.geometry, polygons["code"], strict=True):
        expected[inside(shape, grid)] = code
    drawn = vectors.rasterize(polygons, like=grid, column="code")
    assert drawn.dtype == np.uint8
    npt.assert_array_equal(drawn, expected)
    as_float = vectors.rasterize(
        polygons.assign(code=polygons.code + 0.5), like=grid, column="code"
    )
    assert as_float.dtype == np.float32
    npt.assert_array_equal(as_float, np.where(expected == 255, np.nan, expected + 0.5))


@pytest.mark.parametrize("chunks", [ODD, {"y": -1, "x": 5}, {"y": 1, "x": 41}])
@pytest.mark.parametrize("column", [None, "label", "depth"])
def test_rasterize_is_lazy_and_does_not_see_chunks(
    rng: np.random.Generator, chunks: dict[str, int], column: str | None
) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 5)
    polygons["depth"] = rng.random(5)
    lazy = grid.chunk(chunks)
    with nothing_computes():
        drawn = vectors.rasterize(polygons, like=lazy, column=column)
    assert drawn.chunks == lazy.chunks
    expected = vectors.rasterize(polygons, like=grid, column=column)
    xr.testing.assert_identical(drawn.compute(), expected)


def test_polygons_come_to_the_crs_of_the_grid(rng: np.random.Generator) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 5)
    elsewhere = polygons.to_crs("EPSG:4326")
    npt.assert_array_equal(
        vectors.rasterize(elsewhere, like=grid), vectors.rasterize(polygons, like=grid)
    )


def test_a_geobox_and_a_dataset_are_grids_too(rng: np.random.Generator) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 5)
    bounds = (WEST, NORTH - 370, WEST + 410, NORTH)
    drawn = vectors.rasterize(polygons, like=GeoBox.from_bbox(bounds, UTM, resolution=10))
    expected = vectors.rasterize(polygons, like=grid.to_dataset())
    npt.assert_array_equal(drawn, expected)
    npt.assert_allclose(drawn.x, expected.x)
    npt.assert_allclose(drawn.y, expected.y)
    assert CRS(crs_of(drawn)) == CRS(UTM)


def test_y_may_rise(rng: np.random.Generator) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 5)
    flipped = vectors.rasterize(polygons, like=grid.isel(y=slice(None, None, -1)))
    npt.assert_array_equal(flipped[::-1], vectors.rasterize(polygons, like=grid))


def test_touching_counts_only_when_asked() -> None:
    grid = layer(np.zeros((4, 4)))
    sliver = gpd.GeoDataFrame(geometry=[box(WEST + 1, NORTH - 4, WEST + 12, NORTH - 1)], crs=UTM)
    assert int(vectors.rasterize(sliver, like=grid).sum()) == 0
    assert int(vectors.rasterize(sliver, like=grid, all_touched=True).sum()) == 2


def test_no_polygon_is_an_empty_map() -> None:
    grid = layer(np.zeros((4, 4))).chunk(y=2)
    none = gpd.GeoDataFrame({"label": np.zeros(0, int)}, geometry=[], crs=UTM)
    assert (vectors.rasterize(none, like=grid, column="label").compute() == 255).all()
    away = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), None], crs=UTM)
    assert not vectors.rasterize(away, like=grid).compute().any()


def test_rasterize_says_what_it_needs() -> None:
    grid = layer(np.zeros((4, 4)))
    good = gpd.GeoDataFrame({"label": [1], "name": ["A"], "id": [999]}, geometry=[box(0, 0, 1, 1)])
    with pytest.raises(ValueError, match=r"polygons\.set_crs"):
        vectors.rasterize(good, like=grid)
    good = good.set_crs(UTM)
    with pytest.raises(KeyError, match=r"no column 'class'; they have \['label', 'name', 'id'\]"):
        vectors.rasterize(good, like=grid, column="class")
    with pytest.raises(TypeError, match=r"pandas\.factorize"):
        vectors.rasterize(good, like=grid, column="name")
    with pytest.raises(ValueError, match=r"astype\(float\)"):
        vectors.rasterize(good, like=grid, column="id")
    with pytest.raises(ValueError, match=r"layer\.rio\.write_crs"):
        vectors.rasterize(good, like=grid.drop_vars("spatial_ref"))
    with pytest.raises(ValueError, match=r"minewatch\.grids\.geocode"):
        vectors.rasterize(good, like=grid.drop_vars("x"))
    with pytest.raises(ValueError, match=r"steps from 10 to 20; use minewatch\.grids\.resample"):
        vectors.rasterize(good, like=grid.isel(x=[0, 1, 3]))
    with pytest.raises(TypeError, match=r"got geometries of type \['Point'\]"):
        vectors.rasterize(gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=UTM), like=grid)
    with pytest.raises(TypeError, match=r"minewatch\.vectors\.read_polygons"):
        vectors.rasterize("pits.geojson", like=grid)


def test_pixels_inside_are_those_of_the_loop(rng: np.random.Generator) -> None:
    grid, polygons = layer(np.zeros((37, 41))), blobs(rng, 7)
    which, rows, columns = vectors.pixels_inside(polygons, like=grid)
    for number, shape in enumerate(polygons.geometry):
        found = np.zeros(grid.shape, bool)
        found[rows[which == number], columns[which == number]] = True
        npt.assert_array_equal(found, inside(shape, grid))


def test_pixels_inside_need_no_map(rng: np.random.Generator) -> None:
    """A grid of 10¹⁰ pixels costs nothing where the polygons are small."""
    side = 100_000
    wide = GeoBox.from_bbox((WEST, NORTH - side * 10, WEST + side * 10, NORTH), UTM, resolution=10)
    polygons = blobs(rng, 3)
    near = vectors.pixels_inside(polygons, like=layer(np.zeros((100, 100))))
    for one, other in zip(vectors.pixels_inside(polygons, like=wide), near, strict=True):
        npt.assert_array_equal(one, other)


# --- polygonize ---------------------------------------------------------------------------------


@pytest.mark.parametrize("connectivity", [4, 8])
def test_outlines_are_the_patches_of_scipy(rng: np.random.Generator, connectivity: int) -> None:
    mask = rng.random((40, 50)) < 0.4
    found = vectors.polygonize(layer(mask), min_area_ha=0, connectivity=connectivity)
    structure = np.ones((3, 3)) if connectivity == 8 else None
    labels, count = ndimage.label(mask, structure=structure)
    assert len(found) == count
    assert found.is_valid.all()
    sizes = np.sort(np.bincount(labels.ravel())[1:])[::-1] * 0.01  # 100 m² are 0.01 ha
    npt.assert_allclose(found.area_ha, sizes, rtol=1e-9)
    npt.assert_array_equal(vectors.rasterize(found, like=layer(mask)), mask)
    assert found.crs == CRS(UTM)


def test_polygonize_takes_one_class_and_leaves_crumbs(rng: np.random.Generator) -> None:
    classes = np.full((30, 30), 255, np.uint8)
    classes[:10, :10], classes[20:22, 20:22], classes[5, 20] = 2, 2, 2
    classes[12:18, 3:5] = 1
    found = vectors.polygonize(layer(classes), value=2, min_area_ha=0.02)
    npt.assert_allclose(found.area_ha, [1.0, 0.04])
    assert list(found.size_class) == ["micro", "micro"]
    edge = vectors.polygonize(layer(classes), value=2, min_area_ha=0.01)
    assert len(edge) == 3
    empty = vectors.polygonize(layer(classes), value=7)
    assert len(empty) == 0
    assert {"geometry", "area_ha", "size_class"} <= set(empty.columns)


def test_polygonize_computes_once_and_does_not_see_chunks(rng: np.random.Generator) -> None:
    mask = layer((rng.random((40, 50)) < 0.4).astype("u1"))
    computed: list[int] = []

    def count(dsk: object, keys: object, **kwargs: object) -> object:
        computed.append(1)
        return dask.get(dsk, keys, **kwargs)

    with dask.config.set(scheduler=count):
        lazy = vectors.polygonize(mask.chunk(ODD))
    assert len(computed) == 1
    whole = vectors.polygonize(mask)
    assert lazy.equals(whole)


def test_areas_of_a_geographic_map_are_those_of_the_ellipsoid(rng: np.random.Generator) -> None:
    step = 0.001
    mask = rng.random((60, 80)) < 0.3
    grid = xr.DataArray(
        mask,
        {"y": 52 - step / 2 - step * np.arange(60), "x": 10 + step / 2 + step * np.arange(80)},
        ("y", "x"),
    ).rio.write_crs("EPSG:4326")
    found = vectors.polygonize(grid, min_area_ha=0)
    cells = np.array([band(y + step / 2, y - step / 2) for y in grid.y.values]) * step / 360
    expected = (mask * cells[:, None]).sum() / 1e4
    # Edges of 0.001° are geodesics within 1e-3 m.
    assert found.area_ha.sum() == pytest.approx(expected, rel=1e-6)


def band(north: float, south: float) -> float:
    """Area in m² of the WGS 84 ellipsoid between two parallels: the closed form."""
    a, f = 6_378_137.0, 1 / 298.257223563
    e = math.sqrt(f * (2 - f))

    def q(latitude: float) -> float:
        s = math.sin(math.radians(latitude))
        return s / (1 - (e * s) ** 2) + math.atanh(e * s) / e

    return math.pi * a * a * (1 - e * e) * (q(north) - q(south))


def test_polygonize_says_what_it_needs() -> None:
    with pytest.raises(TypeError, match=r"probability > 0\.5"):
        vectors.polygonize(layer(np.zeros((3, 3))))
    with pytest.raises(ValueError, match="connectivity 4 and 8, got 6; use 8"):
        vectors.polygonize(layer(np.zeros((3, 3), bool)), connectivity=6)
    with pytest.raises(ValueError, match=r"layer\.rio\.write_crs"):
        vectors.polygonize(layer(np.zeros((3, 3), bool)).drop_vars("spatial_ref"))
    with pytest.raises(ValueError, match=r"needs dims \('y', 'x'\)"):
        vectors.polygonize(layer(np.zeros((2, 3, 3), bool)))


# --- areas --------------------------------------------------------------------------------------


def square(crs: str, west: float, south: float, east: float, north: float) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=[box(west, south, east, north)], crs=crs)


def test_a_wide_strip_at_60_north_is_the_closed_form() -> None:
    """Its edges are parallels, not geodesics: uncut, it would be 0.6 % too large."""
    strip = square("EPSG:4326", 0, 60, 10, 61)
    expected = band(61, 60) * 10 / 360 / 1e4
    assert vectors.areas_ha(strip)[0] == pytest.approx(expected, rel=1e-6)
    # The same strip in Mercator's projection, whose plane would show it four times too large.
    mercator = strip.set_geometry(strip.segmentize(0.01)).to_crs("EPSG:3857")
    assert vectors.areas_ha(mercator)[0] == pytest.approx(expected, rel=1e-5)


def test_units_of_the_crs_count() -> None:
    feet = square("EPSG:2277", 3_000_000, 10_000_000, 3_001_000, 10_001_000)
    foot = 1200 / 3937  # the US survey foot in metres
    assert vectors.areas_ha(feet)[0] == pytest.approx((1000 * foot) ** 2 / 1e4, rel=1e-9)
    assert vectors.areas_ha(feet)[0] == pytest.approx(
        vectors.areas_ha(feet.to_crs("EPSG:4326"))[0], rel=1e-3
    )


def test_holes_and_windings_do_not_matter() -> None:
    ring = Polygon(
        [(0, 0), (0, 0.1), (0.1, 0.1), (0.1, 0)], [[(0.02, 0.02), (0.04, 0.02), (0.03, 0.04)]]
    )
    turned = Polygon(ring.exterior.coords[::-1], [ring.interiors[0].coords[::-1]])
    several = gpd.GeoDataFrame(geometry=[ring, turned, None], crs="EPSG:4326")
    areas = vectors.areas_ha(several)
    assert areas[0] == pytest.approx(areas[1], rel=1e-12)
    assert areas[2] == 0
    hole = vectors.areas_ha(
        gpd.GeoDataFrame(geometry=[Polygon(ring.interiors[0])], crs="EPSG:4326")
    )
    whole = vectors.areas_ha(gpd.GeoDataFrame(geometry=[Polygon(ring.exterior)], crs="EPSG:4326"))
    assert areas[0] == pytest.approx(whole[0] - hole[0], rel=1e-9)


def test_size_classes_have_the_edges_of_the_paper() -> None:
    areas = [0.0099, 0.01, 2.49999, 2.5, 9.9999, 10, 55, 55.0001, np.nan]
    found = vectors.size_classes(areas)
    expected = [None, "micro", "micro", "small", "small", "medium", "medium", "extensive", None]
    assert [value if isinstance(value, str) else None for value in found] == expected
    assert list(found.categories) == ["micro", "small", "medium", "extensive"]
    assert found.ordered


def test_overlap_is_the_closed_form() -> None:
    """Two mines of 1 ha that overlap by half, a concession over a quarter of their union."""
    mines = gpd.GeoDataFrame(geometry=[box(0, 0, 100, 100), box(50, 0, 150, 100)], crs=UTM)
    concession = square(UTM, 0, 0, 37.5, 200)
    found = vectors.overlap(mines, concession)
    assert found == pytest.approx(
        {
            "first_ha": 1.5,
            "second_ha": 0.75,
            "intersection_ha": 0.375,
            "union_ha": 1.875,
            "outside_ha": 1.125,
            "outside_share": 0.75,
            "iou": 0.2,
        }
    )
    npt.assert_allclose(vectors.outside_share(mines, concession), [0.625, 1])
    apart = vectors.overlap(mines, square(UTM, 900, 900, 901, 901))
    assert apart["outside_share"] == 1
    assert apart["iou"] == 0
    assert math.isnan(vectors.overlap(mines.iloc[:0], concession)["outside_share"])


def test_an_outline_that_crosses_itself_is_mended_first() -> None:
    """Two triangles of 1 ha that meet in a point; the left one is allowed."""
    bow_tie = Polygon([(0, 0), (200, 200), (200, 0), (0, 200)])
    mine = gpd.GeoDataFrame(geometry=[bow_tie], crs=UTM)
    left = square(UTM, 0, 0, 100, 200)
    assert vectors.overlap(mine, left)["first_ha"] == pytest.approx(2)
    assert vectors.overlap(mine, left)["intersection_ha"] == pytest.approx(1)
    npt.assert_allclose(vectors.outside_share(mine, left), 0.5)


def test_overlap_meets_in_the_crs_of_the_first() -> None:
    mine = square(UTM, WEST, NORTH - 100, WEST + 100, NORTH)
    half = square(UTM, WEST + 50, NORTH - 100, WEST + 100, NORTH).to_crs("EPSG:4326")
    assert vectors.overlap(mine, half)["outside_share"] == pytest.approx(0.5, abs=1e-6)
    with pytest.raises(ValueError, match=r"polygons\.set_crs"):
        vectors.overlap(mine, half.set_crs(None, allow_override=True))
    with pytest.raises(TypeError, match="read_polygons"):
        vectors.overlap(mine.geometry.to_list(), half)


def test_neighbours_on_the_ellipsoid_share_a_line_and_no_area() -> None:
    """A border, a corner and an outline that crosses itself leave lines and points behind."""
    west, east = square("EPSG:4326", 0, 0, 0.01, 0.01), square("EPSG:4326", 0.01, 0, 0.02, 0.01)
    assert vectors.overlap(west, east)["intersection_ha"] == 0
    tail = Polygon([(0, 0), (0.01, 0), (0.01, 0.01), (0.01, 0.02), (0.01, 0.01), (0, 0.01)])
    odd = gpd.GeoDataFrame(geometry=[tail], crs="EPSG:4326")
    assert vectors.overlap(odd, west)["first_ha"] == pytest.approx(vectors.areas_ha(west)[0])
    npt.assert_allclose(vectors.outside_share(odd, west), 0, atol=1e-12)


# --- zones --------------------------------------------------------------------------------------

NAIVE = {
    "mean": np.mean,
    "std": lambda v: np.std(v, ddof=1),
    "min": np.min,
    "median": np.median,
    "max": np.max,
    "sum": np.sum,
    "q95": lambda v: np.quantile(v, 0.95),
}


def cube(rng: np.random.Generator) -> xr.DataArray:
    values = rng.normal(size=(3, 37, 41)).astype("f4")
    values[rng.random(values.shape) < 0.2] = np.nan
    values[2, :20] = np.nan
    return layer(values)


@pytest.mark.parametrize("statistic", NAIVE)
def test_zonal_series_is_the_loop(rng: np.random.Generator, statistic: str) -> None:
    stack, zones = cube(rng), blobs(rng, 5).set_index(pd_index("ABCDE"))
    found = vectors.zonal_series(stack, zones, statistic=statistic, min_valid=0.7)
    assert found.dims == ("pair", "zone")
    assert list(found.zone.values) == list("ABCDE")
    for zone, shape in zip("ABCDE", zones.geometry, strict=True):
        for pair in range(3):
            values = stack.values[pair][inside(shape, stack[0])]
            finite = values[np.isfinite(values)].astype("f8")
            enough = len(finite) >= 0.7 * len(values) and len(finite)
            expected = NAIVE[statistic](finite) if enough else np.nan
            npt.assert_allclose(found.sel(zone=zone)[pair], expected, rtol=1e-6)


def pd_index(names: str) -> list[str]:
    return gpd.pd.Index(list(names))


def test_zonal_series_is_lazy_and_does_not_see_chunks(rng: np.random.Generator) -> None:
    stack, zones = cube(rng), blobs(rng, 5)
    for statistic in ("max", "median", "q10", "std"):
        with nothing_computes():
            lazy = vectors.zonal_series(stack.chunk(pair=1, **ODD), zones, statistic=statistic)
        assert lazy.chunks is not None
        expected = vectors.zonal_series(stack, zones, statistic=statistic)
        xr.testing.assert_allclose(lazy.compute(), expected, rtol=1e-6)


def test_zonal_statistics_is_the_series_of_one_layer(rng: np.random.Generator) -> None:
    stack, zones = cube(rng), blobs(rng, 5)
    table = vectors.zonal_statistics(stack[2].chunk(ODD), zones, statistics=list(NAIVE))
    for statistic in NAIVE:
        series = vectors.zonal_series(stack[2], zones, statistic=statistic)
        npt.assert_allclose(table[statistic], series, rtol=1e-6)
    for zone, shape in enumerate(zones.geometry):
        values = stack[2].values[inside(shape, stack[2])]
        assert table.pixels[zone] == len(values)
        assert table.valid_share[zone] == pytest.approx(np.isfinite(values).mean())


def test_a_zone_off_the_grid_is_unknown(rng: np.random.Generator) -> None:
    away = square(UTM, 0, 0, 10, 10)
    assert np.isnan(vectors.zonal_series(cube(rng), away)).all()
    table = vectors.zonal_statistics(cube(rng)[0], away)
    assert table.pixels[0] == 0
    assert np.isnan(table["max"][0])


@pytest.mark.parametrize("statistic", NAIVE)
def test_a_date_without_data_is_unknown_and_silent(
    rng: np.random.Generator, statistic: str
) -> None:
    """Warnings are errors here: none may come out of the tasks either."""
    stack, zones = cube(rng), blobs(rng, 3)
    stack[1] = np.nan
    for given in (stack, stack.chunk(pair=1, **ODD), stack.chunk(ODD)):
        found = vectors.zonal_series(given, zones, statistic=statistic).compute()
        assert np.isnan(found[1]).all()
        assert np.isfinite(found[0]).any()
    table = vectors.zonal_statistics(stack[1].chunk(ODD), zones, statistics=[statistic])
    assert np.isnan(table[statistic]).all()


def test_zones_say_what_they_need(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match="check how they were selected"):
        vectors.zonal_series(cube(rng), blobs(rng, 1).iloc[:0])
    with pytest.raises(ValueError, match="or a quantile such as q05, q95; got 'mode'"):
        vectors.zonal_series(cube(rng), blobs(rng, 1), statistic="mode")
    with pytest.raises(ValueError, match=r"min_valid is a share .* use 0\.5"):
        vectors.zonal_series(cube(rng), blobs(rng, 1), min_valid=50)
    with pytest.raises(ValueError, match=r"needs dims \('y', 'x'\)"):
        vectors.zonal_statistics(cube(rng), blobs(rng, 1))


def test_the_share_off_the_grid_is_that_of_shapely(rng: np.random.Generator) -> None:
    grid, zones = layer(np.zeros((37, 41))), blobs(rng, 12)
    outline = box(WEST, NORTH - 370, WEST + 410, NORTH)
    expected = 1 - zones.intersection(outline).area / zones.area
    for like in (grid, grid.isel(y=slice(None, None, -1)), grid.to_dataset()):
        found = off_grid_share(zones, like=like)
        npt.assert_allclose(found, expected, atol=1e-9)
        assert (found[expected < 1e-9] == 0).all()
        assert ((found > 0) & (found < 1)).any()
    degrees = off_grid_share(zones.to_crs("EPSG:4326"), like=grid)
    npt.assert_allclose(degrees, expected, atol=1e-6)


def test_a_zone_without_outline_is_neither_on_nor_off_the_grid() -> None:
    zones = gpd.GeoDataFrame(geometry=[None, box(0, 0, 9, 9)], crs=UTM)
    found = off_grid_share(zones, like=layer(np.zeros((4, 5))))
    npt.assert_array_equal(found, [np.nan, 1])


def test_a_grid_of_one_row_has_an_outline_too() -> None:
    zone = square(UTM, WEST, NORTH - 20, WEST + 20, NORTH)
    npt.assert_allclose(off_grid_share(zone, like=layer(np.zeros((1, 5)))), 0.5)


# --- files --------------------------------------------------------------------------------------


def test_geojson_is_that_of_the_rfc(tmp_path: Path) -> None:
    clockwise = Polygon(
        [(WEST, NORTH), (WEST + 90, NORTH), (WEST + 90, NORTH - 90), (WEST, NORTH - 90)]
    )
    pits = gpd.GeoDataFrame(
        {"area_ha": [0.81], "size_class": vectors.size_classes([0.81]), "mine": [True]},
        geometry=[clockwise],
        crs=UTM,
    )
    vectors.to_geojson(pits, tmp_path / "pits.geojson")
    written = json.loads((tmp_path / "pits.geojson").read_text())
    assert "crs" not in written
    (feature,) = written["features"]
    assert feature["properties"] == {"area_ha": 0.81, "size_class": "micro", "mine": True}
    (ring,) = feature["geometry"]["coordinates"]
    assert shapely.LinearRing(ring).is_ccw
    assert all(len(repr(number).split(".")[1]) <= 7 for corner in ring for number in corner)
    expected = gpd.GeoSeries([clockwise], crs=UTM).to_crs("EPSG:4326").iloc[0]
    assert Polygon(ring).symmetric_difference(expected).area < 1e-10
    assert [path.name for path in tmp_path.iterdir()] == ["pits.geojson"]
    assert isinstance(pits.size_class.dtype, gpd.pd.CategoricalDtype)


def test_geojson_cuts_at_the_antimeridian(tmp_path: Path) -> None:
    fiji = square("EPSG:3832", 3_330_000, -1_900_000, 3_350_000, -1_880_000)  # around 180°
    vectors.to_geojson(fiji, tmp_path / "fiji.geojson")
    found = vectors.read_polygons(tmp_path / "fiji.geojson")
    widths = [part.bounds[2] - part.bounds[0] for part in found.geometry.iloc[0].geoms]
    assert len(widths) == 2
    assert max(widths) < 1


def test_a_geopackage_keeps_crs_classes_and_outlines(tmp_path: Path) -> None:
    pits = square(UTM, WEST, NORTH - 90, WEST + 90, NORTH)
    pits = pits.assign(area_ha=[0.81], size_class=vectors.size_classes([0.81]))
    vectors.to_geopackage(pits, tmp_path / "pits.gpkg")
    vectors.to_geopackage(pits, tmp_path / "pits.gpkg")  # replaced, not added to
    found = gpd.read_file(tmp_path / "pits.gpkg")
    assert found.crs == pits.crs
    assert found.size_class.tolist() == ["micro"]
    assert found.geometry.iloc[0].equals(pits.geometry.iloc[0])
    assert [path.name for path in tmp_path.iterdir()] == ["pits.gpkg"]
    none = vectors.polygonize(layer(np.zeros((5, 5), bool)))
    vectors.to_geopackage(none, tmp_path / "none.gpkg")
    assert len(gpd.read_file(tmp_path / "none.gpkg")) == 0
    with pytest.raises(ValueError, match=r"polygons\.set_crs"):
        vectors.to_geopackage(pits.set_crs(None, allow_override=True), tmp_path / "a.gpkg")


def test_the_same_polygons_are_the_same_geopackage_whenever_they_are_written(tmp_path, monkeypatch):
    pits = gpd.GeoDataFrame(
        {"rank": [3, 1, 2]}, geometry=[box(n, 0, n + 1, 1) for n in (5, 3, 9)], crs="EPSG:32721"
    )
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        vectors.to_geopackage(pits, tmp_path / name / "pits.gpkg")
    one, other = (tmp_path / name / "pits.gpkg" for name in "ab")
    assert one.read_bytes() == other.read_bytes()
    assert written_at(one) == "1970-01-01T00:00:00.000Z"
    assert gpd.read_file(one)["rank"].tolist() == [3, 1, 2]
    # Others write their own with the time, and who sets one is heard.
    pits.to_file(tmp_path / "others.gpkg", driver="GPKG", engine="pyogrio")
    assert not written_at(tmp_path / "others.gpkg").startswith("1970")
    monkeypatch.setenv("OGR_CURRENT_DATE", "2022-05-01T00:00:00.000Z")
    vectors.to_geopackage(pits, one)
    assert written_at(one) == "2022-05-01T00:00:00.000Z"


def written_at(file) -> str:
    with contextlib.closing(sqlite3.connect(file)) as opened:
        return opened.execute("SELECT last_change FROM gpkg_contents").fetchone()[0]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "pits.geojson"
    vectors.to_geojson(square(UTM, 0, 0, 1, 1), target)
    before = target.read_text()
    broken = square(UTM, 0, 0, 1, 1).assign(duration=[gpd.pd.Timedelta(1, "s")])
    with pytest.raises(NotImplementedError, match="timedelta"):
        vectors.to_geojson(broken, target)
    assert target.read_text() == before
    assert len(list(tmp_path.iterdir())) == 1
    with pytest.raises(ValueError, match=r"polygons\.set_crs"):
        vectors.to_geojson(broken.set_crs(None, allow_override=True), target)
    with pytest.raises(FileNotFoundError, match="make it first"):
        vectors.to_geojson(square(UTM, 0, 0, 1, 1), tmp_path / "no" / "pits.geojson")


def test_an_empty_set_is_a_file_too(tmp_path: Path) -> None:
    none = vectors.polygonize(layer(np.zeros((5, 5), bool)))
    vectors.to_geojson(none, tmp_path / "none.geojson")
    assert json.loads((tmp_path / "none.geojson").read_text())["features"] == []
    with pytest.raises(ValueError, match="holds no polygon; check that it is the right file"):
        vectors.read_polygons(tmp_path / "none.geojson")


def test_reading_repairs_and_counts(tmp_path: Path) -> None:
    bow_tie = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    pits = gpd.GeoDataFrame(
        {"kind": [1, 0, 1], "name": ["A", "B", "C"]},
        geometry=[bow_tie, box(5, 5, 6, 6), None],
        crs=UTM,
    )
    pits.to_file(tmp_path / "pits.gpkg")
    found = vectors.read_polygons(tmp_path / "pits.gpkg", label_column="kind")
    assert found.attrs == {"repaired": 1, "dropped": 1, "dropped_rows": [2]}
    assert found.is_valid.all()
    assert found.geometry.area.tolist() == [2, 1]
    assert found.label.tolist() == [1, 0]
    assert found.label.dtype == np.int64
    assert found.crs == CRS(UTM)


def test_reading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give the path of a GeoJSON"):
        vectors.read_polygons(tmp_path / "none.geojson")
    (tmp_path / "text.geojson").write_text("no json")
    with pytest.raises(ValueError, match="no vector file that GDAL can read"):
        vectors.read_polygons(tmp_path / "text.geojson")
    pits = gpd.GeoDataFrame({"name": ["A"]}, geometry=[box(0, 0, 1, 1)], crs=UTM)
    pits.to_file(tmp_path / "pits.gpkg")
    with pytest.raises(KeyError, match=r"no column 'label'; it has \['name'\]"):
        vectors.read_polygons(tmp_path / "pits.gpkg", label_column="label")
    with pytest.raises(ValueError, match=r"polygons\['name'\] == 'mine'"):
        vectors.read_polygons(tmp_path / "pits.gpkg", label_column="name")
    pits.to_file(tmp_path / "pits.shp")
    (tmp_path / "pits.prj").unlink()
    with pytest.raises(ValueError, match=r"add the \.prj"):
        vectors.read_polygons(tmp_path / "pits.shp")
    gpd.GeoDataFrame(geometry=[Point(0, 0)], crs=UTM).to_file(tmp_path / "points.gpkg")
    with pytest.raises(ValueError, match=r"got geometries of type \['Point'\]"):
        vectors.read_polygons(tmp_path / "points.gpkg")


@pytest.mark.data
def test_real_mines_have_the_areas_of_an_equal_area_map(real_data: Path) -> None:
    """5,573 mines of the Amazon (Earth Genome, Amazon Mining Watch, CC BY 4.0)."""
    found = vectors.read_polygons(
        real_data / "mines-amazon-mining-watch" / "mining_202300_simplified.geojson"
    )
    assert len(found) == 5573
    assert found.is_valid.all()
    flat = found.to_crs("EPSG:6933").area / 1e4
    # An edge drawn straight on the equal-area map parts from one straight in degrees.
    npt.assert_allclose(vectors.areas_ha(found), flat, rtol=1e-4)
    assert vectors.overlap(found.iloc[:200], found.iloc[:200])["iou"] == pytest.approx(1)
