"""The temporal activity index against its definition, and what it says of known ground."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from scipy import stats

from minewatch import insar
from minewatch.activity import (
    coherence_threshold,
    mean_ndai,
    ndai,
    ndai_threshold,
    screen_pairs,
    stable_pixels,
    tai,
)

THRESHOLD = 0.2


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = rng.random((14, 11, 13))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 0, 0] = np.nan
    values[2:, 0, 1] = np.nan
    return oracles.series(values).rio.write_crs("EPSG:32721")


@pytest.fixture
def ledger(coherence) -> xr.Dataset:
    return oracles.ledger(coherence, np.linspace(0.8, 0.95, 14), np.arange(14) % 5 > 0)


def counts(coherence: xr.DataArray, ledger: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """By the definition: NDAI in double precision, compared and counted."""
    g = ledger.stable_mean.values[:, None, None]
    gamma = coherence.values.astype("float64")
    index = ((g - gamma) / (g + gamma))[ledger.keep.values]
    return (index > THRESHOLD).sum(0), np.isfinite(index).sum(0)


def test_counts_are_those_of_the_definition(coherence, ledger):
    got = tai(coherence, ledger, threshold=THRESHOLD)
    exceeded, observed = counts(coherence, ledger)
    np.testing.assert_array_equal(got.exceeded, exceeded)
    np.testing.assert_array_equal(got.observed, observed)
    assert got.exceeded.dtype == got.observed.dtype == "uint16"
    enough = observed >= 6  # half of the 11 kept
    assert 0 < enough.sum() < enough.size
    np.testing.assert_allclose(
        got.tai, np.where(enough, exceeded / np.maximum(observed, 1), np.nan), rtol=1e-6
    )
    for name in ("tai", "lower", "upper"):
        np.testing.assert_array_equal(np.isnan(got[name]), ~enough)
        assert got[name].dtype == "float32"
    np.testing.assert_array_equal(got.activity == 255, ~enough)


def test_intervals_and_classes_follow_from_the_counts(coherence, ledger):
    got = tai(coherence, ledger, threshold=THRESHOLD, confidence=0.8, interval="wilson")
    for e, n, lower, upper, label in zip(
        *(got[name].values.ravel() for name in ("exceeded", "observed", "lower", "upper")),
        got.activity.values.ravel(),
        strict=True,
    ):
        if n < 6:
            continue
        peer = stats.binomtest(int(e), int(n)).proportion_ci(0.8, method="wilson")
        assert (lower, upper) == pytest.approx((peer.low, peer.high), abs=1e-6)
        assert label == (2 if peer.low >= 0.5 else 1 if peer.high <= 0.3 else 0)
    paper = tai(coherence, ledger, threshold=THRESHOLD, rule="paper").activity
    e, n = got.exceeded.values.astype(int), got.observed.values
    expected = np.where(n < 6, 255, np.where(e == 0, 1, np.where(2 * e >= n, 2, 0)))
    np.testing.assert_array_equal(paper, expected)


def test_it_is_the_index_thresholded(coherence, ledger):
    # Exact threshold in coherence or in NDAI: the same map, pixel by pixel.
    index = ndai(coherence, ledger.stable_mean)
    limit = coherence_threshold(ledger.stable_mean, THRESHOLD)
    below = coherence.astype("float64") < limit.drop_vars(limit.coords)
    np.testing.assert_array_equal(below, index > THRESHOLD)


def test_dropped_pairs_do_not_count_and_order_does_not_matter(coherence, ledger):
    plain = tai(coherence, ledger, threshold=THRESHOLD)
    spoiled = coherence.copy(data=np.where(ledger.keep.values[:, None, None], coherence, 0))
    xr.testing.assert_identical(tai(spoiled, ledger, threshold=THRESHOLD), plain)
    order = np.random.default_rng(1).permutation(14)
    mixed = tai(coherence.isel(pair=order), ledger.isel(pair=order[::-1]), threshold=THRESHOLD)
    xr.testing.assert_identical(mixed, plain)


@pytest.mark.parametrize("by", [None, "year", "season"])
@pytest.mark.parametrize("chunks", [{"pair": 1}, {"pair": 5, "y": 4, "x": 6}, {"y": 3}])
def test_it_is_lazy_and_blind_to_chunks(coherence, ledger, by, chunks):
    before = coherence.copy(deep=True)
    plain = tai(coherence, ledger, threshold=THRESHOLD, by=by)
    with nothing_computes():
        lazy = tai(coherence.chunk(chunks), ledger.chunk(pair=4), threshold=THRESHOLD, by=by)
    assert all(layer.chunks is not None for layer in lazy.data_vars.values())
    xr.testing.assert_identical(lazy.compute(), plain)
    xr.testing.assert_identical(coherence, before)


def test_what_comes_out(coherence, ledger):
    got = tai(coherence, ledger, threshold=xr.DataArray(0.2), min_count=4)
    assert list(got) == ["tai", "exceeded", "observed", "lower", "upper", "activity"]
    assert got.rio.crs.to_epsg() == 32721
    assert got.activity.attrs["flag_values"] == [0, 1, 2]
    assert got.activity.attrs["flag_meanings"] == "undecided stable active"
    pairs = [got.attrs.pop(f"{use}_pairs") for use in ("counted", "dropped")]
    ends = coherence.reference_time.to_index(), coherence.secondary_time.to_index()
    every = np.array([f"{a.isoformat()}/{b.isoformat()}" for a, b in zip(*ends, strict=True)])
    assert pairs == [every[ledger.keep].tolist(), every[~ledger.keep].tolist()]
    assert got.attrs.pop("counted_stable_means") == ledger.stable_mean[ledger.keep].values.tolist()
    assert got.attrs == {
        "long_name": "temporal activity",
        "pairs": 11,
        "min_count": 4,
        "min_count_is": "given",
        "confidence": 0.95,
        "interval": "clopper-pearson",
        "rule": "interval",
        "active_minimum": 0.5,
        "stable_maximum": 0.3,
        "threshold": 0.2,
        "threshold_method": "given",
        "masked": 0,
        "first_date": "2022-05-13",
        "last_date": "2022-10-16",
    }
    for layer in got.data_vars.values():
        assert {"long_name", "units", "threshold"} <= set(layer.attrs)


def test_it_stores(coherence, ledger, tmp_path):
    got = tai(coherence.chunk(pair=5, y=4), ledger, threshold=THRESHOLD, by="season")
    got.chunk(y=-1).to_zarr(tmp_path / "tai.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "tai.zarr", consolidated=False, decode_coords="all") as back:
        xr.testing.assert_equal(back.drop_encoding().compute(), got.compute())
        assert back.rio.crs.to_epsg() == 32721


def test_seasons_and_years_add_up(rng):
    coherence = oracles.series(rng.random((60, 5, 6)), start="2021-03-01")
    ledger = oracles.ledger(coherence, 0.9, rng.random(60) < 0.8)
    whole = tai(coherence, ledger, threshold=THRESHOLD)
    for by in ("year", "season"):
        parts = tai(coherence, ledger, threshold=THRESHOLD, by=by)
        assert parts.tai.dims == (by, "y", "x")
        for name in ("exceeded", "observed"):
            np.testing.assert_array_equal(parts[name].sum(by), whole[name])
        assert len(parts.attrs["pairs"]) == parts.sizes[by]
        assert sum(parts.attrs["pairs"]) == whole.attrs["pairs"]
    years = tai(coherence, ledger, threshold=THRESHOLD, by="year")
    # By the middle of the two dates a pair may fall into the year before.
    start = coherence.reference_time.to_index()
    middle = (start + (coherence.secondary_time.to_index() - start) / 2).year
    assert (middle != coherence.secondary_time.dt.year).any()
    halfway = tai(coherence, ledger, threshold=THRESHOLD, by="year", assign="mid")
    for year in (2021, 2022):
        some = ledger.isel(pair=middle == year)
        one = tai(coherence.isel(pair=middle == year), some, threshold=THRESHOLD)
        xr.testing.assert_equal(halfway.sel(year=year, drop=True), one)
    mean = mean_ndai(coherence, ledger, by="year", assign="mid")
    some = ledger.isel(pair=middle == 2022)
    one = mean_ndai(coherence.isel(pair=middle == 2022), some)
    xr.testing.assert_equal(mean.sel(year=2022, drop=True), one)
    alone = coherence.isel(pair=(coherence.secondary_time.dt.year == 2022).values)
    one = tai(alone, ledger, threshold=THRESHOLD)
    xr.testing.assert_equal(years.sel(year=2022, drop=True), one)
    # Dates are pooled: with unequal numbers the mean of the years is another thing.
    assert len(set(years.attrs["pairs"])) > 1
    assert abs(years.tai.mean("year") - whole.tai).max() > 0.005


def test_masked_ground_has_no_class(coherence, ledger):
    mask = xr.zeros_like(coherence[0], dtype=bool)
    mask[3:6] = True
    plain = tai(coherence, ledger, threshold=THRESHOLD)
    for chunked in (coherence, coherence.chunk(pair=4, y=5)):
        got = tai(chunked, ledger, threshold=THRESHOLD, mask=mask)
        assert (got.activity[3:6] == 255).all()
        assert got.tai[3:6].isnull().all()
        assert (got.observed[3:6] == 0).all()
        np.testing.assert_array_equal(got.activity[6:], plain.activity[6:])
        assert got.observed.dtype == "uint16"
        assert got.attrs["masked"] == 1
    with pytest.raises(ValueError, match="one grid"):
        tai(coherence, ledger, threshold=THRESHOLD, mask=mask[1:])


def test_settings_are_checked(coherence, ledger):
    for settings, fix in (
        ({"interval": "normal"}, "clopper-pearson, wilson, got interval='normal'"),
        ({"rule": "book"}, "'interval' and 'paper', got rule='book'"),
        ({"confidence": 95}, "between 0 and 1, got 95; 0.95 is usual"),
        ({"stable_maximum": 0.6}, "0.3 and 0.5 are usual"),
        ({"by": "month"}, "'year' or 'season'"),
        ({"by": "year", "assign": "first"}, "'secondary' or 'mid', got assign='first'"),
        ({"threshold": 1.0}, "0.2 is usual"),
    ):
        with pytest.raises(ValueError, match=fix):
            tai(coherence, ledger, **{"threshold": THRESHOLD, **settings})
    with pytest.raises(ValueError, match="relax screen_pairs"):
        tai(coherence, ledger.assign(keep=ledger.keep & False), threshold=THRESHOLD)


def test_known_ground_has_the_index_that_theory_gives(rng):
    """Patches that are active with a known probability, in a series drawn from its distribution.

    TAI → π P(γ̂ < γ* | active) + (1 − π) P(γ̂ < γ* | quiet), for every patch.
    """
    pairs, side, looks = 60, 30, 18.14
    chances = np.array([0.0, 0.1, 0.4, 1.0])
    active = rng.random((pairs, 1, 4)) < chances  # a patch is active as a whole, or not
    truth = np.where(active, 0.09, 0.9).repeat(side, 2).repeat(side, 1)
    rain = np.array([7, 20])
    truth[rain] *= 0.75
    stable = np.full((pairs, side, 40), 0.92)
    stable[rain] *= 0.75
    coherence = oracles.series(oracles.drawn(np.concatenate([truth, stable], 2), looks, rng))
    # Ground that is active on one date in ten passes as stable, so the rock must be pointed at.
    rock = xr.zeros_like(coherence[0], dtype=bool)
    rock[:, 4 * side :] = True
    assert stable_pixels(coherence)[:, side : 2 * side].any()
    ledger = screen_pairs(coherence, stable_pixels(coherence, within=rock))
    np.testing.assert_array_equal(np.flatnonzero(~ledger.keep), rain)
    threshold = 0.19
    index = tai(coherence, ledger, threshold=threshold)
    limit = float(ledger.stable_mean[ledger.keep].mean()) * (1 - threshold) / (1 + threshold)
    hit, false = insar.coherence_cdf(limit, [0.09, 0.9], looks)
    kept = ledger.keep.values
    for patch in range(4):
        often = active[kept, 0, patch].mean()
        expected = often * hit + (1 - often) * false
        got = index.tai[:, patch * side : (patch + 1) * side]
        # 58 dates of 900 pixels, independent given the dates that were active: five sigma.
        assert float(got.mean()) == pytest.approx(expected, abs=5 * np.sqrt(0.25 / 58 / 900))
    quiet, busy = index.activity[:, :side], index.activity[:, 3 * side : 4 * side]
    assert float((quiet == 1).mean()) > 0.99
    assert float((busy == 2).mean()) > 0.99
    between = index.activity[:, 2 * side : 3 * side]
    assert not (between == 1).any()


def test_the_false_alarm_rate_is_that_of_the_estimate(rng):
    # Ground a little less coherent than the reference: every date is a draw of its own.
    looks, dates = 14.3, 80
    coherence = oracles.series(oracles.drawn(np.full((dates, 60, 60), 0.8), looks, rng))
    index = tai(coherence, oracles.ledger(coherence, 0.8832), threshold=0.13)
    limit = 0.8832 * (1 - 0.13) / (1 + 0.13)  # 0.68
    rate = insar.coherence_cdf(limit, 0.8, looks)
    assert rate == pytest.approx(0.055, abs=0.002)
    share = float(index.exceeded.sum() / index.observed.sum())
    assert share == pytest.approx(rate, abs=5 * np.sqrt(rate / (dates * 3600)))
    # The 95 % interval covers the true rate in at least as many of the pixels.
    covered = (index.lower <= rate) & (rate <= index.upper)
    assert float(covered.mean()) >= 0.95


def test_the_threshold_of_a_simulated_scene_separates_it(rng):
    truth = np.full((30, 60, 80), 0.9)
    truth[:, :, 50:] = 0.05  # forest
    truth[:, 20:40, 10:30] = 0.09  # pit
    coherence = oracles.series(oracles.drawn(truth, 18.14, rng))
    for cube in (coherence, coherence.chunk(pair=8, y=25, x=33)):
        ledger = screen_pairs(cube, stable_pixels(cube))
        threshold = ndai_threshold(mean_ndai(cube, ledger))
        assert threshold.attrs["method_used"] == "kde_valley"
        assert 0.1 < float(threshold) < 0.5
        classes = tai(cube, ledger, threshold=threshold).activity
        np.testing.assert_array_equal(classes == 2, truth[0] < 0.5)
        np.testing.assert_array_equal(classes == 1, truth[0] > 0.5)
