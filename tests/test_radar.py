"""Decibels, power and polarimetric indices against printed values."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import spyndex
import xarray as xr
from numpy import testing as npt
from oracles_optical import layer, lazy_and_blind, pixel

from minewatch import radar

VV, VH = 0.1, 0.02
INDICES = {
    "rfdi": (radar.rfdi, 0.6667),
    "ndi": (radar.ndi, 0.6667),
    "dpsvi": (lambda vv, vh: radar.dpsvi(vv, vh, vv_max=0.5), 0.0071276),
    "dpsvim": (radar.dpsvim, 0.0084853),
    "vddpi": (radar.vddpi, 1.2),
}


def powers(rng: np.random.Generator) -> tuple[xr.DataArray, xr.DataArray]:
    vv = layer(rng.gamma(4, 0.03, (2, 23, 19)).astype("f4"), "vv")
    vh = layer(rng.gamma(4, 0.01, (2, 23, 19)).astype("f4"), "vh")
    vv[0, 0, :3] = [0, -0.1, np.nan]
    vh[1, 2, 2] = np.nan
    return vv, vh


@pytest.mark.parametrize("name", INDICES)
def test_index_has_its_printed_value(name: str) -> None:
    function, wanted = INDICES[name]
    got = function(pixel(VV), pixel(VH))
    npt.assert_allclose(got, wanted, rtol=1e-4)  # the printed digits
    assert got.name == name


@pytest.mark.parametrize("name", INDICES)
def test_index_is_lazy_and_unknown_where_co_polarization_is(
    rng: np.random.Generator, name: str
) -> None:
    vv, vh = powers(rng)
    got = lazy_and_blind(INDICES[name][0], vv, vh)
    npt.assert_array_equal(np.isnan(got), ~(vv > 0) | np.isnan(vh))
    assert np.isfinite(got).any()


@pytest.mark.parametrize("name", INDICES)
def test_index_refuses_decibels_and_other_grids(rng: np.random.Generator, name: str) -> None:
    function, _ = INDICES[name]
    vv, vh = powers(rng)
    with pytest.raises(ValueError, match=r"radar\.from_db first"):
        function(radar.to_db(vv), vh)
    with pytest.raises(ValueError, match=r"grids\.resample"):
        function(vv, vh.isel(x=slice(3)))
    with pytest.raises(ValueError, match="cannot align"):
        function(vv, vh.assign_coords(time=vh.time + np.timedelta64(12, "D")))


def test_dpsvi_is_the_expanded_equation(rng: np.random.Generator) -> None:
    vv, vh = (layer(rng.gamma(3, 0.04, (9, 9)), name) for name in ("vv", "vh"))
    a = 0.9 * vh - vv * vh + vh**2
    b = 0.9 * vv - vv**2 + vh * vv
    npt.assert_allclose(
        radar.dpsvi(vv, vh, vv_max=0.9), vh * (a + b) / (np.sqrt(2) * vv), rtol=1e-6
    )


@pytest.mark.parametrize(("name", "bands"), [("RFDI", ("HH", "HV")), ("VDDPI", ("VV", "VH"))])
def test_ratios_agree_with_spyndex(
    rng: np.random.Generator, name: str, bands: tuple[str, str]
) -> None:
    co, cross = rng.gamma(3, 0.04, (2, 9, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = spyndex.computeIndex(name, dict(zip(bands, (co, cross), strict=True)))
    got = getattr(radar, name.lower())(layer(co), layer(cross))
    npt.assert_allclose(got, wanted, rtol=1e-6)


def test_polarimetric_forms_agree_with_spyndex(rng: np.random.Generator) -> None:
    vv, vh = rng.gamma(3, 0.04, (2, 9, 9))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        total = spyndex.computeIndex("DPDD", {"VV": vv, "VH": vh})  # (VV + VH)/√2
        ratio = spyndex.computeIndex("NDPolI", {"VV": vv, "VH": vh})
    npt.assert_allclose(radar.dpsvim(layer(vv), layer(vh)), vv * total, rtol=1e-6)
    npt.assert_allclose(radar.ndi(layer(vv), layer(vh)), ratio, rtol=1e-5, atol=1e-7)


def test_the_temporal_index_is_about_one_polarization(rng: np.random.Generator) -> None:
    """Almeida-Filho and Shimabukuro: ground that lost 3 dB between two dates."""
    before = layer(rng.gamma(4, 0.03, (9, 9)), "vv")
    halved = (10**0.3 - 1) / (10**0.3 + 1)
    npt.assert_allclose(radar.ndi(before, before / 10**0.3), halved, rtol=1e-6)
    npt.assert_allclose(radar.ndi(before, before * 10**0.3), -halved, rtol=1e-6)
    npt.assert_array_equal(radar.ndi(before, before), 0)


def test_ratio_of_nothing_is_unknown() -> None:
    assert np.isnan(radar.rfdi(pixel(0.1), pixel(-0.1)))  # co + cross = 0
    assert np.isnan(radar.rfdi(pixel(np.inf), pixel(0.1)))


def test_ndi_sees_change_between_dates_whatever_their_names() -> None:
    first = pixel(0.3).assign_coords(time=np.datetime64("2022-01-01", "ns"))
    second = pixel(0.1).assign_coords(time=np.datetime64("2022-02-01", "ns"))
    npt.assert_allclose(radar.ndi(first, second), 0.5, rtol=1e-6)


def test_decibels_and_back(rng: np.random.Generator) -> None:
    vv, _ = powers(rng)
    decibels = lazy_and_blind(radar.to_db, vv)
    assert decibels.attrs["units"] == "dB"
    npt.assert_array_equal(np.isnan(decibels), ~(vv > 0))
    power = lazy_and_blind(radar.from_db, decibels)
    assert power.attrs["units"] == "1"
    npt.assert_allclose(power, vv.where(vv > 0), rtol=5e-6)  # float32 decibels: 1e-6·ln(10)/10·|dB|
    both = radar.to_db(xr.Dataset({"vv": vv, "vh": vv}))
    xr.testing.assert_identical(both.vv, decibels)
    xr.testing.assert_identical(radar.from_db(both).vv, power)
    codes = xr.full_like(vv, 4, dtype="u1")
    scene = radar.to_db(xr.Dataset({"vv": vv, "quality": codes}))
    xr.testing.assert_identical(scene.quality, codes.rename("quality"))
    xr.testing.assert_identical(radar.from_db(scene).quality, codes.rename("quality"))


def test_decibels_are_not_taken_twice() -> None:
    with pytest.raises(ValueError, match=r"radar\.from_db first"):
        radar.to_db(pixel(-10.0, units="dB"))
    with pytest.raises(ValueError, match=r"radar\.to_db, or set"):
        radar.from_db(pixel(0.1))
    with pytest.raises(ValueError, match=r"radar\.to_db, or set"):
        radar.from_db(pixel(0.1, units="1"))


@pytest.mark.parametrize(("dn", "wanted"), [(1000, -23.0), (7000, -6.0980)])
def test_palsar_mosaic_in_decibels(dn: int, wanted: float) -> None:
    got = radar.to_db(radar.palsar_gamma0(pixel(dn, "hh", units="DN")))
    npt.assert_allclose(got, wanted, atol=1e-4)


def test_palsar_zero_is_missing_and_power_is_refused(rng: np.random.Generator) -> None:
    dn = layer(rng.integers(0, 3, (23, 19)).astype("u2"), "hh", units="DN")
    got = lazy_and_blind(radar.palsar_gamma0, dn)
    npt.assert_array_equal(np.isnan(got), dn == 0)
    with pytest.raises(ValueError, match="calibrated already"):
        radar.palsar_gamma0(got)


def test_polarisation_average_is_half_a_difference(rng: np.random.Generator) -> None:
    vv, vh = powers(rng)
    got = lazy_and_blind(radar.polarisation_average, radar.to_db(vv), radar.to_db(vh))
    ratio = (vh / vv).where((vv > 0) & (vh > 0))
    npt.assert_allclose(got, 5 * np.log10(ratio), atol=2e-6)  # float32 of up to 30 dB
    with pytest.raises(ValueError, match=r"radar\.to_db, or set"):
        radar.polarisation_average(vv, vh)


def test_vv_maximum_is_the_percentile_of_what_is_valid(rng: np.random.Generator) -> None:
    vv = layer(rng.gamma(4, 0.03, (200, 200)), "vv")
    vv[0, :4] = [np.nan, 0, -1, np.inf]
    valid = vv.values[(vv.values > 0) & np.isfinite(vv.values)]
    for percentile in (50, 99.9, 100):
        got = radar.vv_maximum(vv, percentile=percentile)
        # Bins of 0.001 dB are 0.023 % wide; the answer is the upper edge of one.
        wanted = np.percentile(valid, percentile, method="inverted_cdf")
        npt.assert_allclose(got, wanted * (1 + 1.15e-4), rtol=1.2e-4)
        assert radar.vv_maximum(vv.chunk(y=7, x=31), percentile=percentile) == got
    assert isinstance(got, float)


def test_vv_maximum_refuses() -> None:
    with pytest.raises(ValueError, match=r"use e\.g\. 99\.9"):
        radar.vv_maximum(pixel(0.1), percentile=0)
    with pytest.raises(ValueError, match="check the scene's nodata"):
        radar.vv_maximum(pixel(np.nan))
    with pytest.raises(ValueError, match=r"radar\.vv_maximum\(vv\)"):
        radar.dpsvi(pixel(0.1), pixel(0.1), vv_max=0)
    with pytest.raises(TypeError, match=r"xarray\.DataArray"):
        radar.rfdi(np.ones((2, 2)), pixel(0.1))
