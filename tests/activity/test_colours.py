"""Colours of three years: the simulator's truth, the standard library's colour circle, limits."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch import simulate, store
from minewatch.activity import activity_colours, activity_rgb, coincidence, ndai_threshold
from minewatch.activity.colours import COLOURS
from minewatch.conventions import crs_of
from minewatch.conventions.colours import class_colours

YEARS = (2020, 2021, 2022)
SECTORS = ((30, "yellow"), (90, "green"), (150, "cyan"), (210, "blue"), (270, "magenta"))


def annual(values: np.ndarray) -> xr.DataArray:
    rows, columns = values.shape[1:]
    coords = {
        "year": list(YEARS),
        "y": 9e6 - 10.0 * np.arange(rows),
        "x": 5e5 + 10.0 * np.arange(columns),
    }
    layer = xr.DataArray(values, dims=("year", "y", "x"), coords=coords)
    return layer.rio.write_crs("EPSG:32721")


def by_eye(red: float, green: float, blue: float) -> int:
    """The rules, one pixel at a time, on channels of 0 to 1."""
    hue, saturation, value = colorsys.rgb_to_hsv(red, green, blue)
    degrees = round(hue * 360, 9) % 360  # the library counts in sixths of a turn
    if value < 0.5:
        return COLOURS["black"]
    if saturation < 0.5:
        return COLOURS["white"]
    if degrees >= 330 or degrees < 30:
        return COLOURS["red"]
    return COLOURS[[name for start, name in SECTORS if degrees >= start][-1]]


@pytest.fixture
def uniform(rng) -> xr.DataArray:
    return annual(rng.uniform(0, 0.4, (3, 500, 800)).astype("float32"))


@pytest.mark.parametrize("method", ["binary", "hsv"])
def test_both_methods_give_back_what_was_simulated(rng, method):
    codes = rng.choice(np.array([*range(8), 255], "uint8"), (90, 70))
    layer = xr.DataArray(codes, dims=("y", "x"))
    index = simulate.annual_ndai(layer, years=YEARS, threshold=0.17, seed=3)
    found = activity_colours(index, years=YEARS, threshold=0.17, method=method)
    np.testing.assert_array_equal(found, codes)


def test_by_hue_and_by_threshold_are_one_where_years_are_clearly_active_or_quiet(rng):
    """Channels of at most a quarter or at least three quarters, limits and beyond included."""
    quiet, active = (
        rng.uniform(-0.1, 0.25, (2, 3, 400, 500)) + np.array([0, 0.85])[:, None, None, None]
    )
    channels = np.where(rng.random(quiet.shape) < 0.5, quiet, active)
    channels[:, :40] = rng.choice([0, 0.25, 0.75, 1], (3, 40, 500))
    both = [
        activity_colours(annual(channels * 0.5), years=YEARS, threshold=0.25, method=method)
        for method in ("binary", "hsv")
    ]
    np.testing.assert_array_equal(*both)
    assert coincidence(*both) == 1
    assert len(np.unique(both[0])) == 8


def test_random_channels_agree_on_four_of_five_and_always_on_black(uniform):
    binary = activity_colours(uniform, years=YEARS, threshold=0.2).values
    hue = activity_colours(uniform, years=YEARS, threshold=0.2, method="hsv").values
    # The share is a binomial of 400,000 draws: one standard deviation is 0.0006.
    assert (binary == hue).mean() == pytest.approx(0.807, abs=0.002)
    np.testing.assert_array_equal(binary == 0, hue == 0)
    years = np.array([bin(code).count("1") for code in range(8)])
    differ = binary != hue
    assert (years[hue] > years[binary])[differ].mean() == pytest.approx(0.78, abs=0.01)
    assert not (years[hue] == years[binary])[differ].any()


def test_hue_is_read_as_the_colour_circle_has_it(rng):
    # Eighths are exact in floating point, so that limits and ties are hit and mean one thing.
    channels = rng.integers(0, 9, (3, 60, 60)) / 8
    found = activity_colours(annual(channels * 0.5), years=YEARS, threshold=0.25, method="hsv")
    expected = [[by_eye(*channels[:, i, j]) for j in range(60)] for i in range(60)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("channels", "colour"),
    [
        ((1, 0.5, 0), "yellow"),  # 30 degrees: closed to the left
        ((0.5, 1, 0), "green"),  # 90
        ((0, 1, 0.5), "cyan"),  # 150
        ((0, 0.5, 1), "blue"),  # 210
        ((0.5, 0, 1), "magenta"),  # 270
        ((1, 0, 0.5), "red"),  # 330
        ((1, 0.5, 0.5), "red"),  # saturation of just one half is not white
        ((1, 0.625, 0.625), "white"),
        ((0.5, 0, 0), "red"),  # value of just one half is not black
        ((0.4375, 0.4375, 0.4375), "black"),
        ((0, 0, 0), "black"),
        ((1, 1, 1), "white"),
    ],
)
def test_limits_belong_to_the_sector_on_their_right(channels, colour):
    index = annual(np.array(channels, "float64").reshape(3, 1, 1) * 0.5)
    found = activity_colours(index, years=YEARS, threshold=0.25, method="hsv")
    assert found.item() == COLOURS[colour]


@pytest.mark.parametrize("threshold", [0.1, 0.145, 0.2, 0.23])
@pytest.mark.parametrize("method", ["binary", "hsv"])
def test_an_index_at_the_threshold_is_active_and_one_below_is_not(threshold, method):
    values = np.array([threshold, np.nextafter(threshold, 0)])
    index = annual(np.stack([values, 0 * values, 0 * values])[:, None])
    found = activity_colours(index, years=YEARS, threshold=threshold, method=method)
    assert found.values.ravel().tolist() == [COLOURS["red"], COLOURS["black"]]


def test_the_picture_has_one_stretch_for_all_years(rng):
    values = rng.uniform(-0.2, 1, (3, 20, 30)).astype("float32")
    picture = activity_rgb(annual(values), years=(2022, 2020, 2021), threshold=0.19)
    np.testing.assert_allclose(picture, np.clip(values / 0.38, 0, 1)[[2, 0, 1]], atol=1e-6)
    assert picture.dims == ("channel", "y", "x")
    assert picture.dtype == "float32"
    assert picture.year.values.tolist() == [2022, 2020, 2021]
    assert picture.attrs["low"] == 0
    assert picture.attrs["high"] == pytest.approx(0.38)


def test_colours_are_those_of_the_picture(uniform):
    """Reading the picture's own channels gives the same classes."""
    picture = activity_rgb(uniform, years=YEARS, threshold=0.2)
    again = picture.swap_dims(channel="year").drop_vars("channel").astype("float64")
    some = {"y": slice(0, 100), "x": slice(0, 100)}
    for method in ("binary", "hsv"):
        expected = activity_colours(uniform.isel(some), years=YEARS, threshold=0.2, method=method)
        found = activity_colours(again.isel(some), years=YEARS, threshold=0.5, method=method)
        # The picture is rounded to float32: a pixel in a million may fall on the other side.
        assert (found != expected).sum() <= 1


def test_a_year_unknown_makes_a_pixel_unknown(rng):
    values = rng.uniform(0, 0.5, (3, 30, 30)).astype("float32")
    values[rng.random(values.shape) < 0.1] = np.nan
    unknown = np.isnan(values).any(axis=0)
    index = annual(values)
    for method in ("binary", "hsv"):
        found = activity_colours(index, years=YEARS, threshold=0.2, method=method)
        np.testing.assert_array_equal(found.values == 255, unknown)
    picture = activity_rgb(index, years=YEARS, threshold=0.2)
    np.testing.assert_array_equal(np.isnan(picture.values), np.broadcast_to(unknown, (3, 30, 30)))


@pytest.mark.parametrize("chunks", [{"year": 1, "y": 7, "x": 11}, {"year": 3, "y": -1, "x": 5}])
def test_lazy_and_whatever_the_chunks(rng, chunks):
    values = rng.uniform(-0.1, 0.6, (3, 30, 40)).astype("float32")
    values[:, 3] = np.nan
    index = annual(values)
    with nothing_computes():
        lazy = [
            activity_colours(index.chunk(chunks), years=YEARS, threshold=0.2, method=method)
            for method in ("binary", "hsv")
        ]
        picture = activity_rgb(index.chunk(chunks), years=YEARS, threshold=0.2)
    for each, method in zip(lazy, ("binary", "hsv"), strict=True):
        plain = activity_colours(index, years=YEARS, threshold=0.2, method=method)
        xr.testing.assert_identical(each.compute(), plain)
        assert crs_of(each) == crs_of(index)
    plain = activity_rgb(index, years=YEARS, threshold=0.2)
    xr.testing.assert_identical(picture.compute(), plain)


def test_a_map_takes_its_colours_to_the_file(rng, tmp_path):
    index = annual(rng.uniform(0, 0.5, (3, 30, 40)).astype("float32"))
    colours = activity_colours(index, years=YEARS, threshold=0.2)
    table = class_colours(colours.attrs)
    assert table[5] == ("magenta", "#ff00ff")
    with rasterio.open(store.to_cog(colours, tmp_path / "colours.tif")) as file:
        assert file.colormap(1)[COLOURS["cyan"]] == (0, 255, 255, 255)
        assert file.nodata == 255
    picture = activity_rgb(index, years=YEARS, threshold=0.2)
    with rasterio.open(store.to_cog(picture, tmp_path / "rgb.tif")) as file:
        assert file.descriptions == ("red", "green", "blue")


def test_the_threshold_may_come_as_it_was_found(rng):
    index = annual(rng.uniform(0, 0.5, (3, 30, 40)).astype("float32"))
    found = ndai_threshold(index, method="fixed", fixed=0.2)
    colours = activity_colours(index, years=YEARS, threshold=found)
    xr.testing.assert_identical(colours, activity_colours(index, years=YEARS, threshold=0.2))


def test_errors_say_what_would_do(rng):
    index = annual(rng.uniform(0, 0.5, (3, 4, 5)).astype("float32"))
    settings = {"years": YEARS, "threshold": 0.2}
    with pytest.raises(ValueError, match="'binary' and 'hsv'"):
        activity_colours(index, **settings, method="hue")
    with pytest.raises(ValueError, match="three different years"):
        activity_rgb(index, years=(2020, 2021), threshold=0.2)
    with pytest.raises(ValueError, match="three different years"):
        activity_rgb(index, years=(2020, 2021, 2021), threshold=0.2)
    with pytest.raises(KeyError, match="by='year'"):
        activity_colours(index, years=(2019, 2020, 2021), threshold=0.2)
    with pytest.raises(KeyError, match=r"\[2020, 2021, 2022\]"):
        activity_colours(index.drop_vars("year"), **settings)
    with pytest.raises(ValueError, match=r"each year once.*isel"):
        activity_colours(index.isel(year=[0, 1, 2, 0]), **settings)
    with pytest.raises(ValueError, match=r"above 0.*0\.2 is usual"):
        activity_colours(index, years=YEARS, threshold=0.0)
    with pytest.raises(ValueError, match="'year', 'y', 'x'"):
        activity_rgb(index[0], **settings)
