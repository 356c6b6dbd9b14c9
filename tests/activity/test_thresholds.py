"""Thresholds: the two methods, where they fall back, streams."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr

from minewatch.activity import ndai_threshold


def scene(*parts: np.ndarray, columns: int = 100) -> xr.DataArray:
    values = np.concatenate(parts).astype("float32").reshape(-1, columns)
    return xr.DataArray(values, dims=("y", "x"))


@pytest.fixture
def two_modes(rng) -> xr.DataArray:
    values = np.concatenate([rng.normal(0.05, 0.05, 100_000), rng.normal(0.5, 0.08, 100_000)])
    return scene(rng.permutation(values), columns=400)


def test_valley_and_otsu_of_two_modes_of_unequal_spread(two_modes):
    # The least density lies at 0.23209; with the kernel at about 0.235 (a computation apart).
    valley = ndai_threshold(two_modes)
    assert float(valley) == pytest.approx(0.2346, abs=0.006)
    assert valley.attrs["method_used"] == "kde_valley"
    assert valley.attrs["n"] == 200_000
    assert valley.attrs["depth"] > 100 * valley.attrs["depth_noise"]
    split = ndai_threshold(two_modes, method="otsu")
    assert float(split) == pytest.approx(0.2743, abs=0.005)
    assert split.attrs["method_used"] == "otsu"
    assert split.attrs["separability"] > 0.85


@pytest.mark.parametrize("chunks", [{"y": 500}, {"y": 70, "x": 33}])
def test_a_stream_gives_the_same(two_modes, chunks):
    holes = two_modes.where(two_modes < 0.6)
    plain, streamed = ndai_threshold(holes), ndai_threshold(holes.chunk(chunks))
    # Two bins of 1/2048 and a step of the grid.
    tolerance = 2 / 2048 + plain.attrs["grid_step"]
    assert float(streamed) == pytest.approx(float(plain), abs=tolerance)
    assert streamed.attrs["n"] == plain.attrs["n"]
    assert streamed.attrs["bandwidth"] == pytest.approx(plain.attrs["bandwidth"], rel=1e-3)
    one = ndai_threshold(holes.chunk(y=-1))
    xr.testing.assert_identical(streamed, one)
    splits = [ndai_threshold(each, method="otsu") for each in (holes, holes.chunk(chunks))]
    width = float(holes.max() - holes.min()) / 256
    assert float(splits[1]) == pytest.approx(float(splits[0]), abs=1.5 * width)


def test_what_lies_beyond_the_range_of_the_index_counts_at_its_ends(rng):
    wild = scene(rng.normal(0.05, 0.05, 5000), rng.normal(0.5, 0.08, 4900), np.full(100, 1.5))
    streamed = ndai_threshold(wild.chunk(y=9))
    assert streamed.attrs["n"] == 10_000
    assert float(streamed) == pytest.approx(float(ndai_threshold(wild)), abs=0.02)


@pytest.mark.parametrize("n", [300, 1000, 20_000, 200_000])
def test_one_mode_has_no_valley(rng, n):
    # Winsorising leaves spikes at its ends and valleys beside them, small samples have wiggles.
    one_mode = scene(rng.normal(0.1, 0.05, n))
    with pytest.warns(UserWarning, match=r"no valley.* falls back to the fixed 0.2; take a larger"):
        threshold = ndai_threshold(one_mode)
    assert float(threshold) == 0.2
    assert threshold.attrs["method"] == "kde_valley"
    assert threshold.attrs["method_used"] == "fixed"
    with pytest.warns(UserWarning, match="falls back to Otsu's"):
        assert ndai_threshold(one_mode, on_fail="otsu").attrs["method_used"] == "otsu"
    with pytest.raises(ValueError, match=r"no valley.*method='fixed'"):
        ndai_threshold(one_mode, on_fail="raise")


LONG_TAILS = {
    "exponential": lambda rng, n: rng.gamma(1, 0.1, n),
    "gamma": lambda rng, n: rng.gamma(2, 0.05, n),
    "mirrored": lambda rng, n: 0.9 - rng.gamma(2, 0.05, n),
    "student": lambda rng, n: np.clip(0.1 + 0.03 * rng.standard_t(3, n), -0.11, 1),
}


@pytest.mark.parametrize("tail", LONG_TAILS)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_long_tail_has_no_valley_unless_the_bare_procedure_is_asked_for(rng, tail, lazy):
    # Replaced by a quantile, half a percent of the values stand as a spike in the tail, with a
    # valley beside it that no number of values removes.
    one_mode = scene(LONG_TAILS[tail](rng, 200_000), columns=400)
    one_mode = one_mode.chunk(y=100) if lazy else one_mode
    with pytest.warns(UserWarning, match="no valley"):
        assert float(ndai_threshold(one_mode)) == 0.2
    bare = ndai_threshold(one_mode, min_significance=0)
    assert bare.attrs["method_used"] == "kde_valley"
    tail_mass = float((one_mode < bare).mean())
    assert min(tail_mass, 1 - tail_mass) < 0.05


def test_a_small_second_mode_is_seen(rng):
    # One percent of the scene: half of it is replaced, half stands.
    for n in (10_000, 200_000):
        few = scene(rng.normal(0.03, 0.04, n - n // 100), rng.normal(0.5, 0.06, n // 100))
        threshold = ndai_threshold(few)
        assert threshold.attrs["method_used"] == "kde_valley"
        assert 0.15 < float(threshold) < 0.4
        assert threshold.attrs["min_significance"] == 3


def test_the_bandwidth_is_tried_again(rng):
    # Two near modes that the rule of thumb smooths away and a narrower kernel sees.
    near = scene(rng.normal(0.0, 0.05, 3000), rng.normal(0.131, 0.05, 3000))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wide, usual = ndai_threshold(near, adjust=1.8), ndai_threshold(near)
    for threshold in (wide, usual):
        if threshold.attrs["method_used"] == "kde_valley":
            assert float(threshold) == pytest.approx(0.066, abs=0.02)
    assert wide.attrs["method_used"] == "kde_valley"
    spread = float(near.quantile(0.75) - near.quantile(0.25)) / 1.34
    rule = 0.9 * min(spread, float(near.clip(*near.quantile([0.005, 0.995])).std(ddof=1)))
    assert wide.attrs["bandwidth"] == pytest.approx(1.8 * 0.75 * rule * 6000**-0.2, rel=0.01)


def test_too_few_or_equal_values_lead_to_the_fixed_one(rng):
    with pytest.warns(UserWarning, match="got 99 values, too few"):
        few = ndai_threshold(scene(rng.random(99), columns=1), fixed=0.25)
    assert float(few) == 0.25
    for nothing in (np.full(200, np.nan), np.full(200, 0.3)):
        for chunked in (scene(nothing), scene(nothing).chunk(y=1)):
            with pytest.warns(UserWarning, match="falls back to the fixed 0.2"):
                assert float(ndai_threshold(chunked)) == 0.2


def test_the_fixed_one_looks_at_nothing():
    lazy = xr.DataArray(np.zeros((2, 2)), dims=("y", "x")).chunk(y=1)
    threshold = ndai_threshold(lazy, method="fixed", fixed=0.15)
    assert float(threshold) == 0.15
    assert threshold.attrs["method_used"] == "fixed"


def test_the_domain_moves_it_and_is_recorded(two_modes):
    domain = two_modes < 0.45  # cuts the second mode in its middle
    inside = ndai_threshold(two_modes, domain=domain, method="otsu")
    assert float(inside) < float(ndai_threshold(two_modes, method="otsu")) - 0.02
    assert inside.attrs["n"] == int(domain.sum())
    assert inside.attrs["domain"] == "given by domain"
    with pytest.raises(ValueError, match="one grid"):
        ndai_threshold(two_modes, domain=domain[:-1])


def test_a_stack_of_years_is_taken_together(two_modes):
    stack = xr.concat([two_modes[:250], two_modes[250:]], "year")
    assert float(ndai_threshold(stack)) == pytest.approx(float(ndai_threshold(two_modes)))


def test_the_density_can_be_drawn_from_the_attributes(two_modes):
    attrs = ndai_threshold(two_modes).attrs
    density = np.array(attrs["density"])
    assert len(density) == 512
    assert density.sum() * attrs["grid_step"] == pytest.approx(1, abs=1e-3)
    at = attrs["grid_start"] + attrs["grid_step"] * np.arange(512)
    inside = (at > 0.1) & (at < 0.4)
    least = at[inside][np.argmin(density[inside])]
    assert least == pytest.approx(float(ndai_threshold(two_modes)))


def test_settings_are_checked(two_modes):
    with pytest.raises(ValueError, match="'kde_valley', 'otsu', 'fixed', got method='valley'"):
        ndai_threshold(two_modes, method="valley")
    with pytest.raises(ValueError, match="'raise', got on_fail='stop'"):
        ndai_threshold(two_modes, on_fail="stop")
    with pytest.raises(ValueError, match=r"use \(0.005, 0.995\)"):
        ndai_threshold(two_modes, winsorise=(0.5, 0.995))
