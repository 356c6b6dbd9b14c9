"""Areas under other choices: simulated ground of known size, reasons instead of crashes."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import xarray as xr

from minewatch import simulate
from minewatch.activity import (
    activity_areas,
    mean_ndai,
    ndai_threshold,
    screen_pairs,
    settle_pairs,
    stable_pixels,
    tai,
    threshold_choices,
)
from minewatch.activity.choices import COLUMNS
from minewatch.sources.coherence import open_stack

SIDE = 60  # pixels of 20 m: 0.04 ha each
FOREST = (slice(None), slice(0, 20))  # 48 ha
PIT = (slice(10, 30), slice(30, 50))  # 16 ha, always active
LATE = (slice(40, 50), slice(30, 50))  # 8 ha, in the last year only
ROCK = 0.95


def site(years: int = 3, rock: float = ROCK, seed: int = 1) -> xr.DataArray:
    """Twelve pairs of each summer over rock, forest and two pits."""
    firsts, seconds = [], []
    for year in range(2020, 2020 + years):
        dates = pd.date_range(f"{year}-05-01", periods=13, freq="12D")
        firsts += list(dates[:-1])
        seconds += list(dates[1:])
    true = np.full((len(firsts), SIDE, SIDE), rock)
    true[:, *FOREST] = 0.3
    true[:, *PIT] = 0.2
    true[-12:, *LATE] = 0.2
    layer = xr.DataArray(
        true,
        dims=("pair", "y", "x"),
        coords={
            "reference_time": ("pair", firsts),
            "secondary_time": ("pair", seconds),
            "perpendicular_baseline": ("pair", np.zeros(len(firsts))),
            "y": 9e6 - 20.0 * np.arange(SIDE),
            "x": 5e5 + 20.0 * np.arange(SIDE),
        },
    )
    # A hundred looks: rock and active ground do not overlap at any of the thresholds.
    return simulate.coherence_cube(layer, looks=100, seed=seed).rio.write_crs("EPSG:32721")


@pytest.fixture(scope="module")
def coherence() -> xr.DataArray:
    return site()


@pytest.fixture(scope="module")
def table(coherence) -> pd.DataFrame:
    return threshold_choices(coherence)


def test_the_area_is_that_of_the_simulated_ground(table):
    assert list(table.columns) == list(COLUMNS)
    assert table.choice.tolist() == [
        "default", "otsu", "fixed 0.2", "stable 0.9/0.1",
        "TAI of 2022", "binary colours of 2022", "hsv colours of 2022",
    ]  # fmt: skip
    # Over the whole series the late pit is active on a third of its dates only.
    np.testing.assert_allclose(table.active_ha[:4], 64)
    np.testing.assert_allclose(table.active_ha[4:], 72)
    assert (table.reason == "").all()
    assert (table.active_ha_lower <= table.active_ha + 1e-9)[:5].all()
    assert (table.active_ha_upper >= table.active_ha - 1e-9)[:5].all()
    assert table.active_ha_lower[5:].isna().all()
    assert table.attrs["range_ha"] == pytest.approx([64, 64])
    assert table.attrs["matters_most"] == "nothing"
    assert table.period[0] == "2020-05-01 to 2022-09-22"
    assert table.period[4] == "2022"


def test_rows_are_what_the_functions_give_one_by_one(coherence, table):
    for row, (minimum, spread) in zip((0, 3), ((0.8, 0.2), (0.9, 0.1)), strict=True):
        stable = stable_pixels(coherence, minimum=minimum, maximum_std=spread)
        ledger = screen_pairs(coherence, stable)
        threshold = ndai_threshold(mean_ndai(coherence, ledger))
        index = tai(coherence, ledger, threshold=threshold)
        assert table.threshold[row] == pytest.approx(float(threshold))
        areas = activity_areas(index)
        assert table.active_ha_lower[row] == pytest.approx(float(areas.area.sel(activity=2)))
    otsu = ndai_threshold(mean_ndai(coherence, ledger), method="otsu")
    assert table.threshold[1] == pytest.approx(float(otsu), abs=0.01)


def test_a_year_of_few_pairs_has_no_area_rather_than_none():
    """Two pairs in the last year: fewer than a mean or an index is made of."""
    table = threshold_choices(site(years=4).isel(pair=slice(38))).set_index("choice")
    assert table.active_ha["default"] > 0
    for name in ("TAI of 2023", "binary colours of 2023", "hsv colours of 2023"):
        assert np.isnan(table.active_ha[name]), name
        assert table.reason[name] == "no pixel is known in enough pairs"
        assert np.isnan(table.change_ha[name])
    assert table.attrs["matters_most"] in ("nothing", "threshold", "stable ground")


def test_colours_without_a_threshold_above_0_are_told(coherence):
    table = threshold_choices(coherence, method="fixed", fixed=0.0).set_index("choice")
    assert np.isfinite(table.active_ha["default"])
    assert table.reason["hsv colours"] == "colours need a threshold above 0, not 0"
    assert np.isnan(table.active_ha["hsv colours"])


def test_what_moves_the_area_is_named(coherence):
    """Ground between two thresholds is active by one and not by the other."""
    # (0.95 - 0.6) / (0.95 + 0.6) = 0.226: above the fixed threshold, below the other two.
    strip = SIDE * 8 * 0.04
    some = coherence.copy(data=np.where(np.arange(SIDE) >= SIDE - 8, 0.6, coherence))
    table = threshold_choices(some)
    rows = table.set_index("choice")
    assert rows.active_ha["default"] == pytest.approx(64)
    assert rows.active_ha["otsu"] == pytest.approx(64)
    assert rows.active_ha["fixed 0.2"] == pytest.approx(64 + strip)
    assert rows.change_ha["fixed 0.2"] == pytest.approx(strip)
    assert rows.change["fixed 0.2"] == pytest.approx(strip / 64)
    assert table.attrs["matters_most"] == "threshold"
    assert table.attrs["matters_most_choice"] == "fixed 0.2"
    assert table.attrs["range_ha"] == pytest.approx([64, 64 + strip])
    assert table.attrs["range"] == pytest.approx(strip / 64)
    # The other way round the fixed threshold is the default and has no row of its own.
    other = threshold_choices(some, method="fixed")
    assert other.choice.tolist()[:3] == ["default", "kde valley", "otsu"]
    np.testing.assert_allclose(other.change_ha[:3], [0, -strip, -strip], atol=1e-9)


@pytest.mark.parametrize("chunks", [{"pair": 5, "y": 17, "x": 23}, {"pair": -1, "y": 60, "x": 60}])
def test_whatever_the_chunks(coherence, table, chunks):
    lazy = threshold_choices(coherence.chunk(chunks))
    assert lazy.choice.tolist() == table.choice.tolist()
    # Thresholds stream through a histogram of 1/2048; between the modes there is no ground.
    np.testing.assert_allclose(lazy.threshold, table.threshold, atol=0.005)
    np.testing.assert_allclose(lazy.active_ha, table.active_ha)
    one = threshold_choices(coherence.chunk(pair=4, y=-1, x=-1))
    pd.testing.assert_frame_equal(lazy, one)


def test_a_lazy_series_is_read_eight_times(coherence):
    import dask.array as da

    reads = []

    class Counted:
        """An array that remembers who reads it."""

        shape, dtype, ndim = coherence.shape, coherence.dtype, 3

        def __getitem__(self, key):
            reads.append(key)
            return coherence.values[key]

    lazy = da.from_array(Counted(), chunks=(12, 60, 60), asarray=False, name=False)
    threshold_choices(coherence.copy(data=lazy))
    assert len(reads) < 9 * 3  # three blocks


def test_masked_ground_is_left_out(coherence):
    mask = xr.zeros_like(coherence.isel(pair=0, drop=True), dtype=bool)
    mask[FOREST] = True
    table = threshold_choices(coherence, mask=mask)
    np.testing.assert_allclose(table.active_ha, [16, 16, 16, 16, 24, 24, 24])


def test_a_choice_without_stable_ground_has_a_reason(rng):
    table = threshold_choices(site(rock=0.87))
    row = table.set_index("choice").loc["stable 0.9/0.1"]
    assert np.isnan(row.active_ha)
    assert np.isnan(row.threshold)
    assert "stable pixels" in row.reason
    assert table.active_ha[0] == pytest.approx(64)
    # The other way round nothing can be compared, and the table says so.
    strict = threshold_choices(site(rock=0.87), minimum=0.9, maximum_std=0.1)
    assert strict.active_ha.notna().tolist() == [False] * 3 + [True] + [False] * 2
    assert strict.choice[3] == "stable 0.8/0.2"
    assert strict.attrs["matters_most"] == "unknown"


def test_no_good_pair_is_a_reason_too(coherence):
    table = threshold_choices(coherence * 0.8, minimum=0.6, maximum_std=0.3)
    assert table.reason[0] == "no pair is coherent enough over stable ground"
    assert np.isnan(table.active_ha[0])


def test_a_ledger_that_is_there_is_the_default(coherence):
    _, ledger = settle_pairs(coherence)
    ledger["keep"][:12] = False  # the first year was thrown away by hand
    table = threshold_choices(coherence, ledger=ledger, interval="wilson", min_count=20)
    index = tai(coherence, ledger, threshold=table.threshold[0], interval="wilson", min_count=20)
    assert table.period[0] == "2021-05-01 to 2022-09-22"
    for column, name in (("active_ha", "tai"), ("active_ha_lower", "lower")):
        assert table[column][0] == pytest.approx(float((index[name] >= 0.5).sum()) * 0.04)
    assert table.active_ha[0] == pytest.approx(72)  # the late pit: half of what is left
    assert table.period[3] == "2020-05-01 to 2022-09-22"  # judged anew
    assert table.reason.iloc[-1].endswith("there are [2021, 2022]")


def test_a_year_needs_fewer_observations_than_the_series(coherence):
    table = threshold_choices(coherence, min_count=30)
    np.testing.assert_allclose(table.active_ha[4:], 72)


@pytest.mark.data
def test_a_real_city_depends_on_its_threshold(real_data):
    """Mexico City: no pits and no valley worth the name, so that the choice is everything."""
    coherence = open_stack(real_data / "s1-coherence-stack-mexico").compute()
    table = threshold_choices(coherence)
    area = table.set_index("choice").active_ha
    assert area["default"] < area["otsu"] < area["fixed 0.2"]
    assert area["fixed 0.2"] > 3 * area["default"]
    assert table.attrs["matters_most"] == "threshold"
    assert np.isnan(area["stable 0.9/0.1"])
    assert (
        "stable_pixels(minimum=0.82) would find 30"
        in table.set_index("choice").reason["stable 0.9/0.1"]
    )


def test_fewer_than_three_years_have_no_colours():
    table = threshold_choices(site(years=2))
    assert table.choice.tolist()[-2:] == ["binary colours", "hsv colours"]
    assert table.active_ha[-2:].isna().all()
    assert table.reason.iloc[-1].endswith("there are [2020, 2021]")
    # The late pit is active on half of the dates, which is enough.
    assert table.active_ha[0] == pytest.approx(72)


def test_years_may_be_chosen(coherence):
    table = threshold_choices(coherence, years=(2022, 2021, 2020))
    assert table.choice.iloc[-1] == "hsv colours of 2020"
    np.testing.assert_allclose(table.active_ha[4:], 64)
    unknown = threshold_choices(coherence, years=(2018, 2019, 2020))
    assert unknown.active_ha[-2:].isna().all()


def test_ground_of_one_kind_says_what_was_used_instead(coherence):
    rock = coherence.isel(x=slice(52, 60))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the row says it, no warning
        table = threshold_choices(rock)
    assert table.reason[0] == "no threshold by kde_valley: fixed 0.2 used"
    assert table.threshold[0] == 0.2
    assert table.active_ha[0] == 0
    assert np.isnan(table.change[0])


def test_unknown_stays_unknown(coherence):
    blank = coherence.where(coherence.x < 5e5 + 20 * 50)
    table = threshold_choices(blank)
    np.testing.assert_allclose(table.active_ha, [64, 64, 64, 64, 72, 72, 72])


def test_errors_come_before_the_work(coherence):
    with pytest.raises(ValueError, match="CRS"):
        threshold_choices(coherence.drop_vars("spatial_ref"))
    with pytest.raises(ValueError, match="'kde_valley', 'otsu', 'fixed'"):
        threshold_choices(coherence, method="valley")
    with pytest.raises(ValueError, match="add acquisitions"):
        threshold_choices(coherence[:2])
