"""Averages over blocks, and their coordinates."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch import insar


@pytest.fixture
def gamma(rng) -> xr.DataArray:
    layer = xr.DataArray(
        rng.random((2, 7, 11)).astype("float32"),
        dims=("pair", "y", "x"),
        coords={
            "y": 100.0 - 10 * np.arange(7),
            "x": 5.0 + 10 * np.arange(11),
            "latitude": (("y", "x"), np.add.outer(np.arange(7.0), np.arange(11.0))),
            "orbit": "descending",
        },
        attrs={"window": [3, 10], "looks": 18.0},
    )
    layer = layer.rio.write_crs("EPSG:32721")
    layer.rio.write_transform(inplace=True)
    return layer


def test_blocks_are_averaged_and_the_rest_is_cut(gamma):
    coarse = insar.coarsen_mean(gamma, factor=(3, 4))
    expected = gamma.values[:, :6, :8].reshape(2, 2, 3, 2, 4).mean((2, 4))
    np.testing.assert_allclose(coarse, expected, rtol=1e-6)
    np.testing.assert_allclose(coarse.y, [90, 60])
    np.testing.assert_allclose(coarse.x, [20, 60])
    np.testing.assert_allclose(coarse.latitude, [[2.5, 6.5], [5.5, 9.5]])
    assert coarse.orbit == "descending"
    assert coarse.attrs["window"] == [3, 10]
    assert coarse.attrs["factor"] == [3, 4]


def test_the_georeference_is_that_of_the_blocks(gamma):
    coarse = insar.coarsen_mean(gamma, factor=(3, 4))
    assert coarse.rio.crs == gamma.rio.crs
    assert coarse.rio.transform()[:6] == (40.0, 0.0, 0.0, 0.0, -30.0, 105.0)
    # The input keeps its own.
    assert "GeoTransform" in gamma.spatial_ref.attrs


def test_a_block_needs_half_of_its_pixels(gamma):
    holes = gamma.copy()
    holes[0, :3, :2] = np.nan  # half of the first block
    holes[1, :3, :3] = np.nan  # three quarters
    coarse = insar.coarsen_mean(holes, factor=(3, 4))
    assert coarse[0, 0, 0] == pytest.approx(float(holes[0, :3, 2:4].mean()))
    assert np.isnan(coarse[1, 0, 0])
    assert np.isfinite(insar.coarsen_mean(holes, factor=(3, 4), min_valid=0.25)[1, 0, 0])


def test_it_is_lazy_and_blind_to_chunks(gamma):
    holes = gamma.where(gamma > 0.3)
    with nothing_computes():
        lazy = insar.coarsen_mean(holes.chunk(pair=1, y=2, x=5), factor=(3, 4))
    xr.testing.assert_allclose(lazy.compute(), insar.coarsen_mean(holes, factor=(3, 4)))


def test_the_mean_keeps_the_bias(rng):
    # Five looks, no coherence: the mean of estimates is that of each.
    zero = np.sqrt(rng.beta(1, 4, (400, 400))).astype("float32")
    coarse = insar.coarsen_mean(xr.DataArray(zero, dims=("y", "x")), factor=(4, 4))
    assert float(coarse.mean()) == pytest.approx(insar.expected_coherence(0, 5), abs=0.003)
    assert float(coarse.std()) == pytest.approx(float(zero.std()) / 4, rel=0.05)


def test_no_whole_block_is_an_error(gamma):
    with pytest.raises(ValueError, match=r"no whole block of factor=\(8, 2\).*smaller factor"):
        insar.coarsen_mean(gamma, factor=(8, 2))
