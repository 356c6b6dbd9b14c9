"""Thirty real Sentinel-1 pairs over Mexico City, January to July 2018 (GAMMA, from PyRate)."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pandas as pd
import pytest
import rasterio
import rioxarray  # noqa: F401
import xarray as xr

from minewatch.activity import (
    activity_areas,
    mean_ndai,
    ndai,
    ndai_threshold,
    screen_pairs,
    settle_pairs,
    stable_pixels,
    tai,
    update_tai,
)
from minewatch.activity.stable import temporal_moments

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def folder(real_data):
    return real_data / "s1-coherence-stack-mexico"


@pytest.fixture(scope="module")
def coherence(folder) -> xr.DataArray:
    paths = sorted((folder / "geotiffs").glob("*_cc.tif"))
    images = []
    for path in paths:
        with rasterio.open(path) as file:
            images.append(np.where(file.read(1) == 0, np.nan, file.read(1)))
            transform, crs = file.transform, file.crs
    dates = [path.name.split("_")[1].split("-") for path in paths]
    cube = oracles.series(np.stack(images))
    height, width = cube.shape[1:]
    return cube.assign_coords(
        reference_time=("pair", pd.to_datetime([first for first, _ in dates])),
        secondary_time=("pair", pd.to_datetime([second for _, second in dates])),
        y=transform.f + transform.e * (np.arange(height) + 0.5),
        x=transform.c + transform.a * (np.arange(width) + 0.5),
    ).rio.write_crs(crs)


def test_moments_agree_with_pyrate(folder, coherence):
    _, mean, std = temporal_moments(coherence)
    for name, ours in (("mean", mean), ("std", std * np.sqrt(29 / 30))):
        with rasterio.open(folder / "coherence_stats" / f"coh_{name}.tif") as file:
            theirs = file.read(1)
        complete = np.isfinite(coherence).all("pair").values
        # PyRate divides by n and not by n - 1.
        np.testing.assert_allclose(ours.values[complete], theirs[complete], atol=1e-6)


def test_stable_pixels_and_kept_pairs(coherence):
    stable = stable_pixels(coherence)
    assert stable.sum() == 52
    ledger = screen_pairs(coherence, stable)
    assert ledger.keep.sum() == 23
    assert ledger.attrs["stable_pixels"] == 52


def test_the_chain_holds_together(coherence):
    cube = coherence.chunk(pair=7, y=25, x=40)
    ledger = screen_pairs(cube, stable_pixels(cube))
    threshold = ndai_threshold(mean_ndai(cube, ledger))
    plain = ndai_threshold(mean_ndai(coherence, ledger))
    assert float(threshold) == pytest.approx(float(plain), abs=0.003)
    index = tai(cube, ledger, threshold=0.2)
    above = ndai(coherence, ledger.stable_mean).isel(pair=ledger.keep.values) > 0.2
    np.testing.assert_array_equal(index.exceeded, above.sum("pair"))
    areas = activity_areas(index)
    assert areas.pixels.sum() == 6000
    # 6000 pixels of 1/720 degree at 19.3° N: 153.7 m high, 146.0 m wide
    assert float(areas.area.sum()) == pytest.approx(6000 * 1.537 * 1.460, rel=0.002)


def test_pairs_that_come_later_give_the_same(coherence):
    stable = stable_pixels(coherence)
    whole = tai(coherence, screen_pairs(coherence, stable), threshold=0.2)
    order = np.argsort(coherence.secondary_time.values)
    first, later = order[:18], order[18:]
    index = tai(coherence[first], screen_pairs(coherence[first], stable), threshold=0.2)
    # The network of pairs is not a chain: some span others, and all of them count.
    for position in later:
        one = coherence[[position]].chunk(y=25)
        index = update_tai(index, one, screen_pairs(one, stable), superseded=False)
    xr.testing.assert_equal(index.compute(), whole)
    assert index.attrs["counted_pairs"] == whole.attrs["counted_pairs"]
    assert index.attrs["dropped_pairs"] == whole.attrs["dropped_pairs"]


def test_ground_and_pairs_settle(coherence):
    stable, ledger = settle_pairs(coherence)
    # The bare procedure finds 52 pixels and keeps 23 pairs.
    assert (ledger.attrs["rounds"], ledger.attrs["settled"]) == (4, 1)
    assert (int(stable.sum()), int(ledger.keep.sum())) == (87, 20)
    again = stable_pixels(coherence[ledger.keep.values])
    np.testing.assert_array_equal(stable, again)
    xr.testing.assert_equal(ledger, screen_pairs(coherence, again))
