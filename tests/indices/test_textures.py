"""Texture of labelled layers: what it means, and that chunks do not show."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind, pixel

from minewatch import indices, kernels


@pytest.mark.slow
def test_texture_is_lazy_and_blind_to_chunks(rng: np.random.Generator) -> None:
    values = rng.normal(-12, 3, (2, 23, 19)).astype("f4")
    values[1, 3:6, 4] = np.nan
    series = layer(values, "vv", units="dB")

    def textured(data: xr.DataArray) -> xr.Dataset:
        return indices.texture(data, window=5, low=-20.0, high=-5.0)

    got = lazy_and_blind(textured, series, rtol=0)
    assert list(got) == ["mean", "std", "entropy"]
    assert [each.attrs["units"] for each in got.values()] == ["dB", "dB", "bit"]
    assert got["mean"].attrs["long_name"] == "local mean of vv"
    assert got.entropy.attrs["window"] == 5
    expected = kernels.local_texture(values, 5, 32, -20.0, -5.0, 0.5)
    for one, other in zip(got.values(), expected, strict=True):
        npt.assert_array_equal(one, other)
    npt.assert_array_equal(np.isnan(got["std"][1, 3:6, 4]), True)


@pytest.mark.parametrize("chunks", [{"y": 2, "x": 3}, {"time": 1, "y": 1, "x": 19}])
def test_blocks_may_be_thinner_than_the_window(
    rng: np.random.Generator, chunks: dict[str, int]
) -> None:
    series = layer(rng.random((2, 23, 19)).astype("f4"), "red")
    settings = {"window": 7, "levels": 16, "low": 0.0, "high": 1.0}
    whole = indices.texture(series, **settings)
    with nothing_computes():
        lazy = indices.texture(series.chunk(chunks), **settings)
    xr.testing.assert_identical(lazy.compute(), whole)


def test_smooth_and_rough_ground_of_one_mean_are_told_apart(rng: np.random.Generator) -> None:
    """Gaussian noise of standard deviation s has an entropy of log₂(s √(2πe)/step) bits."""
    spread = np.where(np.arange(400) < 200, 0.02, 0.08)
    image = layer((0.5 + spread * rng.standard_normal((400, 400))).astype("f4"), "red")
    # A window far larger than the number of levels, for the entropy of the distribution itself.
    got = indices.texture(image, window=101, levels=128, low=0.0, high=1.0)
    for column, deviation in ((100, 0.02), (300, 0.08)):
        at = {"y": 200, "x": column}
        npt.assert_allclose(got["mean"].isel(at), 0.5, atol=3 * deviation / 101)
        npt.assert_allclose(got["std"].isel(at), deviation, rtol=3 / np.sqrt(2 * 101**2))
        # 10 000 samples in some 60 levels lower it by 60/(2·10 000 ln 2) = 0.004 bits.
        expected = np.log2(deviation * np.sqrt(2 * np.pi * np.e) * 128)
        npt.assert_allclose(got.entropy.isel(at), expected, atol=0.02)


def test_the_range_is_that_of_the_percentiles(rng: np.random.Generator) -> None:
    values = rng.normal(-12, 3, (120, 130)).astype("f4")
    values[0, :4] = [np.nan, np.inf, -np.inf, 0]
    decibels = layer(values, "vv")
    finite = values[np.isfinite(values)]
    for percentiles in ((1, 99), (0, 100), (25, 50)):
        low, high = indices.texture_range(decibels, percentiles=percentiles)
        wanted = np.percentile(finite, percentiles, method="inverted_cdf")
        # Nine bits of the mantissa: the edges of a bin lie within 2⁻⁹ of any value in it.
        npt.assert_allclose((low, high), wanted, rtol=2.0**-9)
        assert low <= wanted[0] <= wanted[1] <= high
        lazy = indices.texture_range(decibels.chunk(y=7, x=50), percentiles=percentiles)
        assert lazy == (low, high)
    low, high = indices.texture_range(pixel(0.1))
    assert low <= np.float32(0.1) < high
    low, high = indices.texture_range(layer(np.linspace(-1e-3, 1e3, 10_000).reshape(100, 100)))
    # The 100th and the 9900th of 10 000 values 0.1 apart.
    npt.assert_allclose((low, high), (9.9, 989.9), rtol=2e-3)


def test_texture_refuses() -> None:
    band = pixel(0.1, "red")
    for window in (1, 4, 183):
        with pytest.raises(ValueError, match=r"use e\.g\. 7"):
            indices.texture(band, window=window, low=0.0, high=1.0)
    with pytest.raises(ValueError, match="32 suit a window of 7"):
        indices.texture(band, levels=1, low=0.0, high=1.0)
    for low, high in ((1.0, 1.0), (float("nan"), 1.0), (0.0, float("inf"))):
        with pytest.raises(ValueError, match=r"indices\.texture_range\(layer\) finds one"):
            indices.texture(band, low=low, high=high)
    with pytest.raises(ValueError, match="half a window"):
        indices.texture(band, low=0.0, high=1.0, min_valid=50)
    with pytest.raises(TypeError, match="floating"):
        indices.texture(band.astype("u1"), low=0.0, high=1.0)
    with pytest.raises(ValueError, match=r"use e\.g\. \(1, 99\)"):
        indices.texture_range(band, percentiles=(99, 1))
    with pytest.raises(ValueError, match="check the layer's nodata"):
        indices.texture_range(pixel(np.nan))
