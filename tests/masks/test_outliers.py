"""TDOM against the obvious loop, series with known shadows, and what must not be called dark."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import masks
from minewatch.conventions import crs_of

PLAIN = {"erosion": 0, "dilation": 0}


def on_map(values):
    values = np.asarray(values)
    rows, columns = values.shape[-2:]
    coords = {"y": 9e6 - 10.0 * np.arange(rows), "x": 5e5 + 10.0 * np.arange(columns)}
    return xr.DataArray(values, coords, ("time", "y", "x")).rio.write_crs("EPSG:32721")


def image(nir, swir16):
    return xr.Dataset({"nir": on_map(nir), "swir16": on_map(swir16)})


@pytest.fixture
def series(rng):
    """Eight dates of noisy ground, a shadow on one of them, and gaps."""
    nir, swir = (mean + 0.02 * rng.standard_normal((8, 24, 31)) for mean in (0.24, 0.2))
    for band in (nir, swir):
        band[3, 5:14, 8:20] *= 0.3
        band[rng.random(band.shape) < 0.05] = np.nan
    nir[:, :, 25:][2:6] = np.nan  # fewer than five dates
    return image(nir, swir)


def neighbours(mask, radius):
    """Whether any pixel within the radius is set, one pixel at a time."""
    reach = int(radius)
    result = np.zeros_like(mask)
    for row, column in np.ndindex(mask.shape):
        for down in range(-reach, reach + 1):
            for right in range(-reach, reach + 1):
                i, j = row + down, column + right
                inside = 0 <= i < mask.shape[0] and 0 <= j < mask.shape[1]
                if inside and down**2 + right**2 <= radius**2 and mask[i, j]:
                    result[row, column] = True
    return result


def obvious(nir, swir, erosion=1.5, dilation=3.5):
    times, rows, columns = nir.shape
    dark = np.zeros(nir.shape, bool)
    for row, column in np.ndindex(rows, columns):
        lines = [band[:, row, column] for band in (nir, swir)]
        kept = [line[~np.isnan(line)] for line in lines]
        if min(map(len, kept)) < 5 or min(line.std() for line in kept) == 0:
            continue
        for time in range(times):
            scores = [
                (line[time] - k.mean()) / k.std() for line, k in zip(lines, kept, strict=True)
            ]
            below = all(score < -1 for score in scores)
            dark[time, row, column] = below and lines[0][time] + lines[1][time] < 0.35
    unknown = np.isnan(nir) | np.isnan(swir)
    result = np.empty(nir.shape, np.uint8)
    for time in range(times):
        left = dark[time] & ~neighbours(~dark[time] & ~unknown[time], erosion)
        result[time] = neighbours(left, dilation)
    result[unknown] = 255
    return result


def test_it_is_the_obvious_loop(series):
    found = masks.temporal_dark_outliers(series)
    npt.assert_array_equal(found, obvious(series.nir.values, series.swir16.values))
    assert {0, 1, 255} == set(np.unique(found))
    assert found.dims == ("time", "y", "x")
    assert crs_of(found)
    assert found.attrs["z_score"] == -1.0


@pytest.mark.parametrize(("erosion", "dilation"), [(0, 0), (1.5, 0), (0, 3.5), (2, 1)])
def test_other_radii_too(series, erosion, dilation):
    found = masks.temporal_dark_outliers(series, erosion=erosion, dilation=dilation)
    expected = obvious(series.nir.values, series.swir16.values, erosion, dilation)
    npt.assert_array_equal(found, expected)


def test_a_shadow_is_found_and_ground_is_not(series):
    found = masks.temporal_dark_outliers(series).values
    assert (found[3, 7:12, 10:18] != 0).all()
    assert (found[np.arange(8) != 3] != 1).all()
    assert (found[3, 20:] != 1).all()


def test_the_limits_are_strict():
    """Values 0, 0 … 1 of n dates have z = -(n-1)**0.5 at the odd one out; of 2 alike, z = -1."""
    half = np.array([0.1, 0.1, 0.1, 0.2, 0.2, 0.2])[:, None, None]
    one = np.array([0.1, 0.2, 0.2, 0.2, 0.2, 0.2])[:, None, None]
    assert not masks.temporal_dark_outliers(image(half, half), z_score=-1.001, **PLAIN).any()
    assert masks.temporal_dark_outliers(image(one, one), z_score=-2.2, **PLAIN).sum() == 1
    assert not masks.temporal_dark_outliers(image(one, one), z_score=-2.24, **PLAIN).any()
    assert masks.temporal_dark_outliers(image(one, one), dark_sum=0.21, **PLAIN).sum() == 1
    assert not masks.temporal_dark_outliers(image(one, one), dark_sum=0.19, **PLAIN).any()


def test_both_bands_must_be_dark():
    one = np.array([0.1, 0.2, 0.2, 0.2, 0.2, 0.2])[:, None, None]
    assert not masks.temporal_dark_outliers(image(one, one[::-1]), **PLAIN).any()


def test_ground_that_never_changes_is_not_dark():
    """0.1 in float32 has a mean that rounds, and a deviation that is not 0."""
    for dtype in ("f4", "f8"):
        always = np.full((7, 3, 3), 0.1, dtype)
        assert not masks.temporal_dark_outliers(image(always, always), **PLAIN).any()


def test_four_dates_are_too_few_and_none_are_unknown():
    one = np.array([0.02, 0.2, 0.2, 0.2, np.nan, np.nan])[:, None, None]
    found = masks.temporal_dark_outliers(image(one, one), **PLAIN)
    npt.assert_array_equal(found[:, 0, 0], [0, 0, 0, 0, 255, 255])
    found = masks.temporal_dark_outliers(image(one, one), min_count=4, **PLAIN)
    npt.assert_array_equal(found[:, 0, 0], [1, 0, 0, 0, 255, 255])


@pytest.mark.parametrize("chunks", [{"time": 1, "y": 24, "x": 31}, {"time": 3, "y": 5, "x": 7}])
def test_chunks_change_nothing_and_nothing_is_computed(series, chunks):
    series = series.astype("f4")
    with nothing_computes():
        lazy = masks.temporal_dark_outliers(series.chunk(chunks))
    assert lazy.chunks is not None
    npt.assert_array_equal(lazy, masks.temporal_dark_outliers(series))


def test_errors_say_what_to_type(series):
    with pytest.raises(KeyError, match="load or rename them"):
        masks.temporal_dark_outliers(series.drop_vars("swir16"))
    with pytest.raises(TypeError, match=r"minewatch\.sources\.load"):
        masks.temporal_dark_outliers(series.nir)
    with pytest.raises(ValueError, match=r"\.transpose\('time', 'y', 'x'\)"):
        masks.temporal_dark_outliers(series.transpose("y", "x", "time"))
    with pytest.raises(ValueError, match="use 0 to leave a step out"):
        masks.temporal_dark_outliers(series, erosion=-1)
    with pytest.raises(TypeError, match=r"astype\('float32'\)"):
        masks.temporal_dark_outliers(series.fillna(0).astype("i4"))
