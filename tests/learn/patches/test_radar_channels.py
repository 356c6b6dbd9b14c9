"""VV, VH and PA: the order of filter and decibels, what is unknown, what depends on chunks."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch.conventions import crs_of
from minewatch.learn.patches import channels
from minewatch.speckle import lee


def scene(rng: np.random.Generator, *dates: str, shape: tuple[int, int] = (23, 31)) -> xr.Dataset:
    power = rng.gamma(4.4, 0.02, (2, max(1, len(dates)), *shape)).astype("f4")
    coords = {"y": 9e6 - 10.0 * np.arange(shape[0]), "x": 5e5 + 10.0 * np.arange(shape[1])}
    layers = {
        name: xr.DataArray(values, coords, ("time", "y", "x")).rio.write_crs("EPSG:32721")
        for name, values in zip(("vv", "vh"), power * [[[[1.0]]], [[[0.2]]]], strict=True)
    }
    found = xr.Dataset(layers).astype("float32")
    return found.assign_coords(time=np.array(dates, "M8[ns]")) if dates else found.isel(time=0)


def by_hand(power: np.ndarray) -> np.ndarray:
    """Lee's filter of SNAP, 3 × 3, windows cut at the edges, then decibels."""
    out = np.empty(power.shape)
    for i, j in np.ndindex(*power.shape):
        around = power[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2].astype(float)
        if around.size < 4.5:  # a corner keeps its own power
            out[i, j] = power[i, j]
            continue
        mean, variation = around.mean(), around.var(ddof=1) / around.mean() ** 2
        weight = max(0.0, 1 - (1 / 4.4) / variation)
        out[i, j] = mean + weight * (power[i, j] - mean)
    return 10 * np.log10(out)


def test_power_is_filtered_and_then_turned_into_decibels(rng: np.random.Generator) -> None:
    power = scene(rng)
    found = channels(power)
    assert found.dims == ("channel", "y", "x")
    assert found.channel.values.tolist() == ["vv", "vh", "pa"]
    assert found.dtype == np.float32
    vv, vh = by_hand(power.vv.values), by_hand(power.vh.values)
    # float32 power has 7 digits, so its decibels are good to 1e-6 · 10/ln 10, and half of two more.
    npt.assert_allclose(found, [vv, vh, (vh - vv) / 2], atol=2e-5)
    other_way = lee(10 * np.log10(power.vv) + 30, looks=4.4, window=3, variant="snap") - 30
    assert float(abs(other_way - found[0]).max()) > 0.5


@pytest.mark.parametrize("averaging", ["difference", "mean", "linear"])
def test_the_third_channel(rng: np.random.Generator, averaging: str) -> None:
    power = scene(rng)
    vv, vh, third = channels(power, averaging=averaging).values.astype(float)
    expected = {
        "difference": (vh - vv) / 2,
        "mean": (vh + vv) / 2,
        "linear": 10 * np.log10((10 ** (vv / 10) + 10 ** (vh / 10)) / 2),
    }[averaging]
    npt.assert_allclose(third, expected, atol=1e-5)
    mixed = np.stack([vv.ravel(), vh.ravel(), third.ravel()])
    # Decibels that are averaged add nothing of their own: two singular values are left.
    smallest = np.linalg.svd(mixed - mixed.mean(axis=1, keepdims=True), compute_uv=False)[-1]
    assert (smallest < 1e-3) == (averaging != "linear")


def test_without_a_filter_decibels_are_those_of_the_power(rng: np.random.Generator) -> None:
    power = scene(rng)
    found = channels(power, window=None)
    npt.assert_allclose(found[0], 10 * np.log10(power.vv), atol=1e-5)
    assert "window" not in found.attrs
    assert channels(power).attrs["window"] == 3


def test_no_power_is_unknown_or_the_floor(rng: np.random.Generator) -> None:
    power = scene(rng)
    power.vv[5:12, 5:12], power.vh[14, 20] = 0, -0.01
    power.vh[18, 3] = np.nan
    unknown = np.zeros((23, 31), bool)
    unknown[5:12, 5:12] = unknown[14, 20] = unknown[18, 3] = True
    found = channels(power)
    for layer in found:
        npt.assert_array_equal(np.isnan(layer), unknown)
    # The filter does not see them either: beside them all is as bright as elsewhere.
    assert float(found[0].min()) > -25
    floored = channels(power, floor=-40)
    npt.assert_array_equal(np.isnan(floored[0]).values.nonzero(), [[18], [3]])
    assert float(floored[0].min()) == -40
    npt.assert_array_equal(floored[0, 6:11, 6:11], -40)
    npt.assert_array_equal(floored[:2] >= -40, ~np.isnan(floored[:2]))


def test_nothing_depends_on_chunks_and_nothing_computes(rng: np.random.Generator) -> None:
    power = scene(rng, "2024-01-01", "2024-01-13")
    power.vv[0, 3:6, 4:9] = np.nan
    whole = channels(power)
    assert whole.dims == ("channel", "time", "y", "x")
    with nothing_computes():
        lazy = channels(power.chunk({"time": 1, "y": 7, "x": 5}))
    assert lazy.chunks[0] == (3,)
    assert crs_of(lazy) is not None
    npt.assert_array_equal(lazy.time, power.time)
    npt.assert_allclose(lazy.compute(), whole, rtol=1e-6)
    npt.assert_array_equal(whole[:, 1], channels(power.isel(time=1)))


def test_the_scene_is_left_as_it_is(rng: np.random.Generator) -> None:
    power = scene(rng)
    power.vv.attrs["long_name"] = "backscatter"
    before = power.copy(deep=True)
    channels(power, floor=-30)
    assert power.identical(before)


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        (lambda s: s.vv, TypeError, "vv and vh"),
        (lambda s: s[["vv"]], KeyError, "rename"),
        (lambda s: s.assign(vv=s.vv.assign_attrs(units="dB")), ValueError, "from_db"),
        (lambda s: s.assign(vv=s.vv.astype("int16")), TypeError, "floating"),
        (lambda s: s.transpose("x", "y"), ValueError, "transpose"),
    ],
)
def test_what_is_no_scene_is_refused(rng, change, error, told) -> None:
    with pytest.raises(error, match=told):
        channels(change(scene(rng)))


@pytest.mark.parametrize(
    "settings", [{"averaging": "product"}, {"floor": np.nan}, {"window": 4}, {"looks": 0}]
)
def test_settings_that_mean_nothing_are_refused(rng: np.random.Generator, settings: dict) -> None:
    with pytest.raises(ValueError, match=r"use|has"):
        channels(scene(rng), **settings)
