"""Lee's filter on speckle whose statistics are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind
from oracles_speckle import LOOKS, gamma

from minewatch import radar, speckle

# Output looks of homogeneous gamma speckle of 4.4 looks (boxcar: 39.4, 109.6, 214).
TRUTH = [
    (3, "mmse", 27.9), (3, "snap", 24.4), (3, "lee1980", 26.4),
    (5, "mmse", 70.8), (5, "snap", 60.0), (5, "lee1980", 67.3),
    (7, "mmse", 133.0), (7, "snap", 112.0), (7, "lee1980", 128.0),
]  # fmt: skip


def naive_lee(power: np.ndarray, looks: float, window: int, variant: str) -> np.ndarray:
    """The equations, pixel by pixel."""
    half, out = window // 2, np.full(power.shape, np.nan)
    for i, j in np.ndindex(power.shape):
        around = power[max(0, i - half) : i + half + 1, max(0, j - half) : j + half + 1]
        around = around[np.isfinite(around)].astype(float)
        if not np.isfinite(power[i, j]) or 2 * around.size < window**2:
            continue
        mean, noise = around.mean(), 1 / looks
        relative = around.var(ddof=1) / mean**2
        if relative == 0:
            out[i, j] = mean
            continue
        b = {
            "mmse": (1 - noise / relative) / (1 + noise),
            "snap": 1 - noise / relative,
            "lee1980": (relative - noise) / (relative + noise**2),
        }[variant]
        out[i, j] = mean + np.clip(b, 0, 1) * (power[i, j] - mean)
    return out


@pytest.mark.parametrize("variant", ["mmse", "snap", "lee1980"])
@pytest.mark.parametrize("window", [3, 7])
def test_lee_is_its_equation(rng: np.random.Generator, window: int, variant: str) -> None:
    power = gamma(rng, (21, 17))
    power[4:8, 5:9] *= 30  # a bright edge
    power[12, 3:6] = np.nan
    wanted = naive_lee(power.values, LOOKS, window, variant)
    got = speckle.lee(power, looks=LOOKS, window=window, variant=variant)
    assert np.isnan(wanted).sum() > 3  # also the corners, where less than half is inside
    npt.assert_allclose(got, wanted, rtol=2e-5)  # float32 window sums


@pytest.mark.parametrize(("window", "variant", "wanted"), TRUTH)
def test_lee_leaves_the_known_looks_in_homogeneous_speckle(
    rng: np.random.Generator, window: int, variant: str, wanted: float
) -> None:
    size = 600
    power = gamma(rng, (size, size))
    filtered = speckle.lee(power, looks=LOOKS, window=window, variant=variant)
    inner = filtered[window:-window, window:-window]
    got = speckle.equivalent_number_of_looks(inner, within=xr.ones_like(inner, dtype=bool))
    # A sample variance of N independent values is good to sqrt(2/N); a window makes about
    # size²/window² of them. Three sigmas, and half a unit of the table's last digit.
    tolerance = 3 * np.sqrt(2) * window / size + 0.005
    npt.assert_allclose(got, wanted, rtol=tolerance)
    # One sigma of the mean is 0.1/sqrt(4.4·360000) < 0.1 %.
    npt.assert_allclose(filtered.mean(), power.mean(), rtol=1e-3)


@pytest.mark.parametrize(("window", "wanted"), [(3, 39.4), (5, 109.6), (7, 214.0)])
def test_without_texture_all_variants_end_at_the_mean_of_the_window(
    rng: np.random.Generator, window: int, wanted: float
) -> None:
    """Told that all variation is noise, each is a boxcar: looks times the pixels of the window."""
    size = 600
    power = gamma(rng, (size, size))
    for variant in ("mmse", "snap", "lee1980"):
        filtered = speckle.lee(power, looks=1e-3, window=window, variant=variant)
        inner = filtered[window:-window, window:-window]
        got = speckle.equivalent_number_of_looks(inner, within=xr.ones_like(inner, dtype=bool))
        npt.assert_allclose(got, wanted, rtol=3 * np.sqrt(2) * window / size + 0.005)
    assert abs(wanted / (LOOKS * window**2) - 1) < 0.01


@pytest.mark.slow
def test_the_weight_holds_the_variance_of_the_texture(rng: np.random.Generator) -> None:
    """K-distributed power, ν = 4: b s² = (s² − z̄²/L)/(1 + 1/L) is the ground's variance, 1/ν."""
    order, window, size = 4, 31, 400
    ground = rng.gamma(order, 1 / order, (size, size))
    power = layer((ground * rng.gamma(LOOKS, 1 / LOOKS, (size, size))).astype("f4"), "vv")
    relative = float(power.var() / power.mean() ** 2)
    # 1/L + 1/ν + 1/(Lν) = 0.534; 160 000 heavy-tailed samples know it to 1 %.
    npt.assert_allclose(relative, 1 / LOOKS + 1 / order + 1 / (LOOKS * order), rtol=0.03)
    filtered = speckle.lee(power, looks=LOOKS, window=window)
    inside = power.astype("f8").rolling(y=window, x=window, center=True)
    mean, variance = inside.mean(), inside.var(ddof=1)
    weight = (filtered - mean) / (power - mean)
    far = np.abs(power - mean) > 0.05  # a quotient of small differences says nothing in float32
    texture = (weight * variance).where(far)
    # 166 independent windows of 961 pixels, each good to some 10 %.
    npt.assert_allclose(float(texture.mean()), 1 / order, rtol=0.03)
    assert far.mean() > 0.8


def test_lee_limits(rng: np.random.Generator) -> None:
    power = gamma(rng, (15, 15))
    inner = (slice(3, -3), slice(3, -3))
    # No noise to remove: the image stays. float32 rounding of mean + (z - mean).
    npt.assert_allclose(speckle.lee(power, looks=1e12)[inner], power[inner], rtol=1e-5)
    # Nothing but noise: the window's mean.
    mean = power.rolling(y=7, x=7, center=True).mean()
    npt.assert_allclose(speckle.lee(power, looks=1e-3)[inner], mean[inner], rtol=1e-5)
    constant = xr.full_like(power, 0.25)
    npt.assert_array_equal(speckle.lee(constant, looks=LOOKS)[inner], 0.25)


def test_lee_does_not_know_the_gain(rng: np.random.Generator) -> None:
    power = gamma(rng, (15, 15))
    once = speckle.lee(power, looks=LOOKS)
    for gain in (2.0**-40, 2.0**40):  # powers of two: exact in float32
        npt.assert_allclose(speckle.lee(power * gain, looks=LOOKS) / gain, once, rtol=1e-5)


def test_lee_is_lazy_and_blind_to_chunks(rng: np.random.Generator) -> None:
    power = gamma(rng, (2, 23, 19))
    power[0, 3, 4] = np.nan
    got = lazy_and_blind(lambda data: speckle.lee(data, looks=LOOKS, window=5), power)
    assert got.name == "vv"
    assert got.attrs["window"] == 5
    npt.assert_array_equal(np.isnan(got[0, 3, 4]), True)


def test_lee_takes_a_dataset_and_leaves_its_masks(rng: np.random.Generator) -> None:
    vv = gamma(rng, (9, 9))
    scene = xr.Dataset({"vv": vv, "mask": xr.ones_like(vv, dtype="u1")}, attrs={"title": "scene"})
    got = speckle.lee(scene, looks=LOOKS)
    xr.testing.assert_identical(got.vv, speckle.lee(vv, looks=LOOKS))
    xr.testing.assert_identical(got.mask, scene.mask)
    assert got.attrs == scene.attrs
    assert "spatial_ref" in got.coords


def test_lee_refuses(rng: np.random.Generator) -> None:
    power = gamma(rng, (9, 9))
    with pytest.raises(ValueError, match="from_db first"):
        speckle.lee(radar.to_db(power), looks=LOOKS)
    with pytest.raises(ValueError, match="use 3, 5 or 7"):
        speckle.lee(power, looks=LOOKS, window=4)
    with pytest.raises(ValueError, match=r"Sentinel-1 IW GRD has 4\.4"):
        speckle.lee(power, looks=0)
    with pytest.raises(ValueError, match="use one of 'mmse'"):
        speckle.lee(power, looks=LOOKS, variant="sigma")
    with pytest.raises(ValueError, match="needs dims"):
        speckle.lee(power.transpose("x", "y"), looks=LOOKS)


@pytest.mark.data
def test_lee_comes_closer_to_an_independent_despeckler(real_data: Path) -> None:
    """OPERA RTC-S1 and its total-variation twins: both filters take out the same speckle."""
    folder = real_data / "s1-rtc-opera-california"
    gains = []
    for smooth in sorted((folder / "tv").rglob("*292319-IW2*.tif")):
        stem, polarization = smooth.name.split("_v1.0")[0], smooth.name.split("_v1.0_")[1][:2]
        for raw in (folder / "unfiltered").rglob(f"{stem}*_{polarization}.tif"):
            with rasterio.open(raw) as noisy, rasterio.open(smooth) as peer:
                assert noisy.bounds == peer.bounds
                power, other = noisy.read(1), peer.read(1)
            filtered = speckle.lee(layer(power, polarization.lower()), looks=LOOKS).values
            known = np.isfinite(filtered) & (power > 0) & (other > 0)
            before, after = (
                np.corrcoef(np.log(image[known]), np.log(other[known]))[0, 1]
                for image in (power, filtered)
            )
            gains.append(after - before)
            npt.assert_allclose(filtered[known].mean(), power[known].mean(), rtol=0.01)
    assert len(gains) == 22
    assert min(gains) > 0.08  # of correlations between 0.72 and 0.80
