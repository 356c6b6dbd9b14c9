"""Colour counts: published ones, the sum over years, true areas, what white may mean."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from minewatch.activity import activity_colours, colour_counts
from minewatch.activity.colours import COLOURS
from minewatch.grids import cell_areas

PRINTED = {
    "black": 152_811,
    "red": 43_398,
    "green": 40_088,
    "yellow": 23_097,
    "blue": 47_177,
    "magenta": 9_509,
    "cyan": 28_779,
    "white": 24_927,
}
"""Jolleys and Duddy (2023), Table 2; black is the printed total of 369,786 less the others."""


def laid_out(counts: dict[str, int]) -> xr.DataArray:
    codes = np.repeat([COLOURS[name] for name in counts], list(counts.values()))
    return xr.DataArray(codes.astype("uint8")[None], dims=("y", "x"))


def on_map(codes: np.ndarray, crs: str, step: float, x0: float, y0: float) -> xr.DataArray:
    coords = {
        "y": y0 - step * np.arange(codes.shape[0]),
        "x": x0 + step * np.arange(codes.shape[1]),
    }
    layer = xr.DataArray(codes, dims=("y", "x"), coords=coords, attrs={"years": [2020, 2021, 2022]})
    return layer.rio.write_crs(crs)


@pytest.fixture
def codes(rng) -> np.ndarray:
    return rng.choice(np.array([*range(8), 255], "uint8"), (24, 33))


def test_the_published_counts_and_their_misprint():
    counts = colour_counts(laid_out(PRINTED), pixel_area_m2=100)
    assert int(counts["count"].sum()) == 369_786
    assert counts.year_count.values.tolist() == [100_931, 116_891, 110_392]
    # Printed: 105,931 in the first year, which its own colours do not add up to.
    assert 105_931 - counts.year_count.values[0] == 5000
    assert counts.year_area.values.tolist() == [10_093_100, 11_689_100, 11_039_200]
    assert float(counts.area.sum()) == 36_978_600
    assert float(counts.area.sel(colour="white")) == 2_492_700
    assert counts.year.values.tolist() == [1, 2, 3]


def test_years_add_up_from_colours(codes):
    layer = on_map(codes, "EPSG:32721", 20.0, 4e5, 9e6)
    counts = colour_counts(layer)
    n = {name: int((codes == code).sum()) for name, code in COLOURS.items()}
    assert dict(zip(counts.colour.values, counts["count"].values, strict=True)) == n
    expected = [
        n["red"] + n["magenta"] + n["yellow"] + n["white"],
        n["green"] + n["cyan"] + n["yellow"] + n["white"],
        n["blue"] + n["cyan"] + n["magenta"] + n["white"],
    ]
    assert counts.year_count.values.tolist() == expected
    np.testing.assert_allclose(counts.year_area, np.array(expected) * 400.0)
    assert counts.attrs["unknown"] == (codes == 255).sum()
    assert counts.year.values.tolist() == [2020, 2021, 2022]
    assert counts["count"].sum() + counts.attrs["unknown"] == codes.size
    assert counts.area.attrs["units"] == counts.year_area.attrs["units"] == "m2"


def test_pixels_of_a_geographic_grid_are_measured(codes):
    layer = on_map(codes, "EPSG:4326", 0.01, -50.0, 61.0)
    size = cell_areas(layer).values[:, None]
    counts = colour_counts(layer)
    for name, code in COLOURS.items():
        expected = float(((codes == code) * size).sum())
        assert float(counts.area.sel(colour=name)) == pytest.approx(expected)
    fixed = colour_counts(layer, pixel_area_m2=100)
    np.testing.assert_allclose(fixed.area, fixed["count"] * 100.0)
    assert fixed.attrs["pixel_area_m2"] == 100


def test_areas_of_tiles_add_up(codes):
    layer = on_map(codes, "EPSG:4326", 0.01, -50.0, 61.0)
    tiles = [
        colour_counts(layer[i : i + 7, j : j + 10])
        for i in range(0, 24, 7)
        for j in range(0, 33, 10)
    ]
    whole = colour_counts(layer)
    for name in whole.data_vars:
        np.testing.assert_allclose(sum(tile[name] for tile in tiles), whole[name], rtol=1e-12)


@pytest.mark.parametrize("chunks", [{"y": 5, "x": 4}, {"y": -1, "x": -1}])
@pytest.mark.parametrize("white", ["all", "exclude", "ndvi_checked"])
def test_whatever_the_chunks(rng, codes, chunks, white):
    layer = on_map(codes, "EPSG:32721", 20.0, 4e5, 9e6)
    ndvi = layer.copy(data=rng.uniform(0, 1, codes.shape).astype("float32"))
    plain = colour_counts(layer, white=white, ndvi=ndvi)
    lazy = colour_counts(layer.chunk(chunks), white=white, ndvi=ndvi.chunk(x=9))
    xr.testing.assert_identical(lazy, plain)


def test_white_may_be_left_out(codes):
    layer = on_map(codes, "EPSG:32721", 20.0, 4e5, 9e6)
    every, none = colour_counts(layer), colour_counts(layer, white="exclude")
    white = int(every["count"].sel(colour="white"))
    np.testing.assert_array_equal(none.year_count, every.year_count - white)
    np.testing.assert_allclose(none.year_area, every.year_area - white * 400.0)
    np.testing.assert_array_equal(none["count"], every["count"])


def test_white_and_green_is_vegetation(rng, codes):
    layer = on_map(codes, "EPSG:32721", 20.0, 4e5, 9e6)
    values = rng.uniform(0, 1, codes.shape).astype("float32")
    values[:5] = np.nan
    ndvi = layer.copy(data=values)
    found = colour_counts(layer, white="ndvi_checked", ndvi=ndvi)
    vegetated = int(((codes == 7) & (values > 0.4)).sum())
    every = colour_counts(layer)
    np.testing.assert_array_equal(found.year_count, every.year_count - vegetated)
    assert found.attrs["white_vegetated"] == vegetated
    assert found.attrs["white_unchecked"] == ((codes == 7) & np.isnan(values)).sum()
    assert colour_counts(
        layer, white="ndvi_checked", ndvi=ndvi, ndvi_minimum=1.0
    ).year_count.equals(every.year_count)
    limit = colour_counts(layer, white="ndvi_checked", ndvi=ndvi * 0 + 0.5, ndvi_minimum=0.5)
    assert limit.attrs["white_vegetated"] == 0


def test_nothing_known():
    blank = xr.DataArray(np.full((1, 3), 255, "uint8"), dims=("y", "x"))
    counts = colour_counts(blank, pixel_area_m2=1.0)
    assert not counts["count"].any()
    assert not counts.year_area.any()
    assert counts.attrs["unknown"] == 3


def test_of_a_map_of_colours(rng):
    values = rng.uniform(0, 0.5, (3, 20, 20)).astype("float32")
    index = xr.DataArray(values, dims=("year", "y", "x"), coords={"year": [2019, 2020, 2021]})
    years = (2021, 2020, 2019)
    counts = colour_counts(activity_colours(index, years=years, threshold=0.2), pixel_area_m2=1)
    for year in years:  # one year is active exactly where its index says so
        active = int((index.sel(year=year).astype("float64") >= 0.2).sum())
        assert int(counts.year_count.sel(year=year)) == active


def test_errors_say_what_would_do(codes):
    layer = on_map(codes, "EPSG:32721", 20.0, 4e5, 9e6)
    with pytest.raises(ValueError, match="'all', 'exclude', 'ndvi_checked'"):
        colour_counts(layer, white="maybe")
    with pytest.raises(ValueError, match="ndvi=minewatch"):
        colour_counts(layer, white="ndvi_checked")
    with pytest.raises(ValueError, match="leave it out to measure"):
        colour_counts(layer, pixel_area_m2=0)
    with pytest.raises(ValueError, match="make the map with activity_colours"):
        colour_counts(layer.where(layer != 3, 9))
    with pytest.raises(ValueError, match="CRS"):
        colour_counts(layer.drop_vars("spatial_ref"))
    with pytest.raises(TypeError, match="integer"):
        colour_counts(layer.astype("float32"))
