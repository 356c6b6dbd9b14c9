"""Which pairs are made, which are left out, and what the errors offer."""

from __future__ import annotations

import numpy as np
import oracles_insar as oracles
import pandas as pd
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch import insar


def slc(baselines=(0.0, 100.0, 400.0, 150.0), **kwargs) -> xr.DataArray:
    return oracles.stack(np.ones((len(baselines), 2, 2)), baselines=baselines, **kwargs)


def dates(pairs: xr.Dataset) -> list[tuple[str, str]]:
    first, second = pairs.reference_time.values, pairs.secondary_time.values
    return [(str(a)[5:10], str(b)[5:10]) for a, b in zip(first, second, strict=True)]


def test_consecutive_pairs_with_their_baselines():
    pairs = insar.select_pairs(slc(), max_perpendicular_baseline=None)
    assert dates(pairs) == [("06-01", "06-13"), ("06-13", "06-25"), ("06-25", "07-07")]
    np.testing.assert_array_equal(pairs.perpendicular_baseline, [100, 300, -250])
    np.testing.assert_array_equal(pairs.temporal_baseline, 12)
    np.testing.assert_array_equal(pairs.pair, [0, 1, 2])
    assert not pairs.data_vars
    assert pairs.reference_time.dtype == "datetime64[ns]"
    assert pairs.perpendicular_baseline.attrs["units"] == "m"


def test_the_limit_on_the_baseline_is_strict_and_has_no_sign():
    pairs = insar.select_pairs(slc())  # 100, 300, -250
    assert dates(pairs) == [("06-01", "06-13"), ("06-25", "07-07")]
    np.testing.assert_array_equal(pairs.pair, [0, 1])
    assert pairs.attrs["max_perpendicular_baseline"] == 250


def test_each_image_with_the_next_two_within_a_time():
    pairs = insar.select_pairs(slc(), max_perpendicular_baseline=None, n_next=2)
    assert len(dates(pairs)) == 5
    assert ("06-01", "06-25") in dates(pairs)
    short = insar.select_pairs(
        slc(), max_perpendicular_baseline=None, n_next=3, max_temporal_baseline=24
    )
    assert dates(short) == dates(pairs)


def test_the_order_of_the_stack_does_not_matter():
    mixed = slc().isel(time=[2, 0, 3, 1])
    xr.testing.assert_identical(insar.select_pairs(mixed), insar.select_pairs(slc()))


def test_a_missing_baseline_is_kept_and_said():
    with pytest.warns(UserWarning, match="kept 2 of 3 pairs .* max_perpendicular_baseline=None"):
        pairs = insar.select_pairs(slc((0, np.nan, 100, 50)))
    assert pairs.sizes["pair"] == 3
    with pytest.warns(UserWarning, match="kept 3 of 3 pairs"):
        insar.select_pairs(slc().drop_vars("perpendicular_baseline"))


def test_pixels_are_never_read():
    lazy = slc().chunk(time=1)
    with nothing_computes():
        pairs = insar.select_pairs(lazy)
    xr.testing.assert_identical(pairs, insar.select_pairs(slc()))


def test_no_pair_left_says_what_would_do():
    with pytest.raises(
        ValueError, match=r"none of 3 pairs.*would pass with max_temporal_baseline=12"
    ):
        insar.select_pairs(slc(), max_temporal_baseline=6)
    with pytest.raises(ValueError, match=r"max_perpendicular_baseline=100"):
        insar.select_pairs(slc(), max_perpendicular_baseline=50)


def test_a_time_that_occurs_twice_is_an_error():
    twice = slc().isel(time=[0, 1, 1])
    with pytest.raises(ValueError, match=r"2022-06-13.* twice.*drop_duplicates"):
        insar.select_pairs(twice)


def test_one_image_makes_no_pair():
    with pytest.raises(ValueError, match="at least two acquisitions, got 1; add dates"):
        insar.select_pairs(slc().isel(time=[0]))


def test_n_next_and_times_are_checked():
    with pytest.raises(ValueError, match="n_next of 1 or more, got 0; 1 pairs neighbours"):
        insar.select_pairs(slc(), n_next=0)
    with pytest.raises(ValueError, match=r"assign_coords\(time="):
        insar.select_pairs(slc().drop_vars("time"))
    unknown = slc().assign_coords(time=pd.to_datetime(["2022-01-01", None, "2022-02-01", None]))
    with pytest.raises(ValueError, match=r"NaT|twice"):
        insar.select_pairs(unknown)


def test_all_pairs_within_a_time():
    everything = insar.select_pairs(slc(), max_perpendicular_baseline=None, n_next=None)
    assert everything.sizes["pair"] == 6
    assert everything.attrs["n_next"] == "all"
    near = insar.select_pairs(
        slc(), max_perpendicular_baseline=None, n_next=None, max_temporal_baseline=24
    )
    assert dates(near) == [
        ("06-01", "06-13"), ("06-01", "06-25"), ("06-13", "06-25"), ("06-13", "07-07"),
        ("06-25", "07-07"),
    ]  # fmt: skip


def test_a_season_goes_by_the_second_acquisition():
    pairs = insar.select_pairs(slc(), max_perpendicular_baseline=None, months=[7])
    assert dates(pairs) == [("06-25", "07-07")]
    np.testing.assert_array_equal(pairs.pair, [0])
    assert pairs.attrs["months"] == [7]
    with pytest.raises(ValueError, match=r"3 end in other months.*pass with .*months among \[6, 7"):
        insar.select_pairs(slc(), max_perpendicular_baseline=None, months=range(11, 13))
    with pytest.raises(ValueError, match=r"select_pairs needs months of 1 to 12, got \[0\]"):
        insar.select_pairs(slc(), months=[0])


@pytest.mark.parametrize(
    "name", ["polarization", "orbit", "relative_orbit", "orbit_direction", "subswath", "burst"]
)
def test_images_that_do_not_interfere_are_never_paired(name):
    mixed = slc((0.0, 10.0, 20.0, 30.0)).assign_coords({name: ("time", ["a", "b", "a", "b"])})
    pairs = insar.select_pairs(mixed)
    assert dates(pairs) == [("06-01", "06-25"), ("06-13", "07-07")]
    assert pairs.attrs["mixed_pairs"] == 3  # every neighbour is of the other kind
    np.testing.assert_array_equal(pairs.perpendicular_baseline, 20)
    with nothing_computes():
        lazy = insar.select_pairs(mixed.chunk(time=1))
    xr.testing.assert_identical(lazy, pairs)
    every = insar.select_pairs(mixed, n_next=None)
    assert every.sizes["pair"] == 2
    assert every.attrs["mixed_pairs"] == 4
    with pytest.raises(ValueError, match=rf"one {name}, only .*'a'.*'b'.*drop_vars"):
        insar.select_pairs(mixed.isel(time=[0, 1]))


def test_two_coordinates_must_both_agree_and_one_for_all_says_nothing():
    kinds = {"orbit_direction": ("time", list("aadd")), "polarization": ("time", list("vhhh"))}
    pairs = insar.select_pairs(slc((0, 0, 0, 0)).assign_coords(kinds))
    assert dates(pairs) == [("06-25", "07-07")]
    plain = insar.select_pairs(slc().assign_coords(polarization="VV"))
    xr.testing.assert_identical(plain, insar.select_pairs(slc()))
    assert plain.attrs["mixed_pairs"] == 0


def test_a_pass_that_comes_a_second_late_is_still_twelve_days_after() -> None:
    """Sentinel-1's passes jitter by about a second."""
    times = pd.to_datetime(["2022-06-01T04:42:50", "2022-06-13T04:42:51", "2022-06-25T04:42:53"])
    slc = xr.DataArray(
        np.ones((3, 2, 2), "complex64"),
        dims=("time", "y", "x"),
        coords={"time": times, "perpendicular_baseline": ("time", [0.0, 20.0, 40.0])},
    )
    assert insar.select_pairs(slc, max_temporal_baseline=12).sizes["pair"] == 2
    assert insar.select_pairs(slc, max_temporal_baseline=12, n_next=None).sizes["pair"] == 2
