"""The open-pit mine says the truth about itself: dates, work, coherence, areas, surveys."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
from scipy import ndimage

from minewatch import simulate
from minewatch.simulate.fields import block_mean, box_mean
from minewatch.simulate.pit_ground import PATCHES, PIT_GROUND, lay_pit, paint
from minewatch.simulate.pit_layers import survey_pairs

YEARS = (2018, 2019, 2020, 2021, 2022)
PIXEL = 50.0  # m², 10 m × 5 m


@pytest.fixture(scope="module")
def pit() -> simulate.OpenPit:
    return simulate.open_pit(seed=42, size=96)


@pytest.fixture(scope="module")
def full() -> simulate.OpenPit:
    """The site at its design size, 2 s."""
    return simulate.open_pit(seed=42)


def test_five_seasons_have_43_pairs(pit):
    times = pit.slc.indexes["time"]
    assert len(times) == 48
    assert set(times.year) == set(YEARS)
    assert times.month.min() >= 5
    assert times.month.max() <= 9
    pairs = pit.true_coherence
    assert pairs.sizes["pair"] == 43
    npt.assert_array_equal(pairs.reference_time.dt.year, pairs.secondary_time.dt.year)
    days, counts = np.unique(pairs.temporal_baseline, return_counts=True)
    npt.assert_array_equal(days, [12, 24])
    npt.assert_array_equal(counts, [38, 5])
    npt.assert_array_equal(
        (pairs.secondary_time - pairs.reference_time) / np.timedelta64(1, "D"),
        pairs.temporal_baseline,
    )


@pytest.mark.parametrize("seed", range(20))
def test_dates_lie_on_the_repeat_cycle_and_miss_one_a_season(seed):
    times = pd.DatetimeIndex(simulate.pit_series.acquisition_dates(YEARS, seed))
    assert len(times) == 48
    assert set((times - times[0]).days % 12) == {0}
    for year in YEARS:
        gaps = np.diff(times[times.year == year]) / np.timedelta64(12, "D")
        npt.assert_array_equal(np.sort(gaps)[-2:], [1, 2])


@pytest.mark.parametrize("seed", range(6))
def test_some_baseline_is_long_and_none_above_250_m(seed):
    series = simulate.pit_series.observe_pit(lay_pit(96, seed), (2021, 2022), seed)
    baseline = abs(series.true_coherence.perpendicular_baseline)
    assert 150 < baseline.max() < 250
    npt.assert_allclose(series.slc.perpendicular_baseline[0], 0)


def test_coherence_is_the_product_of_its_factors(pit):
    true, patch = pit.true_coherence, pit.patch.values
    days = true.temporal_baseline.values
    geometry = 1 - abs(true.perpendicular_baseline.values) / 3500
    npt.assert_array_equal(true.values[:, pit.ground == PIT_GROUND["lake"]], 0)
    rock = true.values[:, (pit.ground == PIT_GROUND["rock"]) & (patch == 0)]
    forest = true.values[:, pit.ground == PIT_GROUND["forest"]]
    assert np.ptp(rock, axis=1).max() == np.ptp(forest, axis=1).max() == 0
    weather = rock[:, 0] / (0.95 * np.exp(-days / 600) * geometry)
    npt.assert_allclose(
        forest[:, 0], 0.55 * np.exp(-days / 15) * geometry * weather, rtol=1e-5
    )  # float32
    spoilt = pit.weather_dropped.values
    assert spoilt.sum() == 4
    npt.assert_allclose(weather[spoilt], 0.75, rtol=1e-6)
    assert (weather[~spoilt] >= 0.95 - 1e-6).all()
    assert (weather[~spoilt] <= 1 + 1e-6).all()
    for number, (name, zone) in enumerate(PATCHES.items(), start=1):
        here = true.values[:, patch == number]
        assert np.ptp(here, axis=1).max() == 0
        kept = 1 - (0.9 if zone[0] == "A" else 0.35) * pit.patch_active.sel(patch=name)
        npt.assert_allclose(here[:, 0], rock[:, 0] * kept, rtol=1e-5)


def test_spoilt_pairs_alone_fall_below_the_limit(pit):
    rock = pit.true_coherence.values[:, (pit.ground == 1) & (pit.patch == 0)][:, 0]
    npt.assert_array_equal(rock < 0.8, pit.weather_dropped)


def test_images_have_the_coherence_of_the_truth(full):
    """Sums over the whole inside of a ground: thousands of looks, error below 0.02."""
    true = full.true_coherence
    dates = full.slc.indexes["time"]
    inside = {
        name: ndimage.binary_erosion(full.ground == code, np.ones((3, 3)))
        & np.isin(full.patch, patches)
        for name, code, patches in (
            ("rock", 1, [0]),
            ("forest", 2, [0]),
            ("lake", 3, [0]),
            ("A1", 4, [1]),
            ("A2 north", 5, [2]),
        )
    }
    for k in (0, 9, 42):
        first, second = (
            full.slc.values[dates.get_loc(pd.Timestamp(true[name].values[k]))].astype(complex)
            for name in ("reference_time", "secondary_time")
        )
        for mask in inside.values():
            a, b = first[mask], second[mask]
            estimate = abs((a * b.conj()).sum()) / np.sqrt(
                (abs(a) ** 2).sum() * (abs(b) ** 2).sum()
            )
            assert estimate == pytest.approx(true.values[k][mask][0], abs=0.03)


def test_winter_leaves_nothing_outside_bare_ground(full):
    dates = full.slc.indexes["time"]
    last = np.flatnonzero(dates.year == 2018)[-1]
    a, b = full.slc.values[last].astype(complex), full.slc.values[last + 1].astype(complex)

    def estimate(mask):
        product = (a * b.conj())[mask].sum()
        return abs(product) / np.sqrt((abs(a[mask]) ** 2).sum() * (abs(b[mask]) ** 2).sum())

    assert estimate(full.ground.values == PIT_GROUND["forest"]) < 0.03
    assert estimate(full.ground.values == PIT_GROUND["pit"]) < 0.1
    assert estimate((full.ground.values == 1) & (full.patch.values == 0)) > 0.4


def test_activity_layers_agree_with_each_other(pit):
    active, patch = pit.patch_active, pit.patch.values
    share, annual = pit.activity_share.values, pit.annual_activity_share
    assert share[patch == 0].max() == 0
    year = active.secondary_time.dt.year
    for number, name in enumerate(PATCHES, start=1):
        one = active.sel(patch=name)
        npt.assert_allclose(share[patch == number], one.mean())
        for y in YEARS:
            npt.assert_allclose(
                annual.sel(year=y).values[patch == number], one.values[year == y].mean(), rtol=1e-6
            )
    for zone in ("A1", "A2", "A3", "S1", "S2"):
        parts = active.values[:, active.zone == zone].any(axis=1)
        npt.assert_array_equal(pit.active.sel(zone=zone), parts)


def test_each_zone_is_worked_as_told(pit):
    active = pit.active
    assert active.sel(zone="A1").all()
    assert active.sel(zone="S1").sum() == 1
    assert active.sel(zone="S2").sum() == 2
    rare = active.sel(zone=["S1", "S2"]).any("zone")
    assert not (rare & pit.weather_dropped).any()
    assert set(active.secondary_time.dt.year.values[rare]) == {2022}


@pytest.mark.parametrize("seed", [42, 1, 7])
def test_all_eight_combinations_of_the_last_three_years_have_an_area(seed):
    pit = simulate.open_pit(seed=seed, size=96)
    worked = pit.annual_activity_share.sel(year=[2020, 2021, 2022]).values >= 0.5
    code = np.tensordot([1, 2, 4], worked, 1)
    counts = np.bincount(code.ravel(), minlength=8)
    # The narrowest patch still holds ten windows of 3 × 10 pixels.
    assert (counts > 200).all()


@pytest.mark.parametrize("seed", range(12))
def test_zones_keep_apart_and_stay_off_the_lake(seed):
    ground = lay_pit(96, seed)
    shapes = list(ground.zones.geometry)
    assert all(a.disjoint(b) for a, b in combinations(shapes, 2))
    assert all(shape.disjoint(ground.lake) for shape in shapes)
    assert all(shape.is_valid for shape in shapes)
    outside = ground.zones.set_index("name").outside_concession_share
    assert 0.03 < outside["A3"] < 0.35
    assert (outside.drop("A3") == 0).all()


def test_pixels_count_to_the_area_of_their_outline(full):
    patch, zones = full.patch.values, full.zones.set_index("name")
    for zone in zones.index:
        numbers = [i for i, owner in enumerate(PATCHES.values(), start=1) if owner == zone]
        # Pixels cut at random by an outline of n pixels: about √n of 50 m², under 1 %.
        area = np.isin(patch, numbers).sum() * PIXEL / 1e4
        assert area == pytest.approx(zones.area_ha[zone], rel=0.01)
    lease = full.concession.geometry.iloc[0]
    outside = zones.geometry["A3"].difference(lease).area / zones.geometry["A3"].area
    assert zones.outside_concession_share["A3"] == pytest.approx(outside)


def test_finer_grids_show_the_same_mine():
    ground = lay_pit(96, seed=3)
    fine, coarse = paint(ground, (5.0, 5.0))[1], paint(ground, (10.0, 5.0))[1]
    same = (fine[::2] == coarse) & (fine[1::2] == coarse)
    # They can differ along outlines only.
    edge = ndimage.morphological_gradient(coarse, size=(3, 3)) > 0
    assert same[~edge].all()


def test_production_follows_the_area_that_was_worked(full):
    table = full.production
    assert list(table.columns) == ["mine", "year", "area_m2", "production_t", "reported"]
    assert table.year.tolist() == list(YEARS)
    assert table.reported.tolist() == [True, True, True, False, True]
    worked = (full.annual_activity_share.values >= 0.5).sum(axis=(1, 2)) * PIXEL
    npt.assert_allclose(table.area_m2, worked)
    noise = np.log(table.production_t / table.area_m2 / 3.3)
    assert (abs(noise) < 0.2).all()  # four standard deviations of 5 %
    assert noise.std() > 0
    assert table.area_m2.nunique() == 5


def test_inventory_holds_the_mine_and_eleven_others(full):
    table = full.inventory
    assert len(table) == table.mine.nunique() == 12
    assert table.reported.tolist() == [True] * 11 + [False]
    own, last = table.iloc[0], full.production.iloc[-1]
    assert (own.mine, own.area_m2, own.production_t) == (last.mine, last.area_m2, last.production_t)
    ratio = np.log(table.production_t / table.area_m2 / 3.3)
    assert (abs(ratio) < 0.6).all()  # four standard deviations of 15 %


def test_factors_of_three_levels_leave_one_country_to_the_region(full):
    factors = full.factors
    assert list(factors.columns) == ["level", "key", "factor_tco2e_per_t", "std"]
    national = set(factors.key[factors.level == "national"])
    assert set(full.inventory.country) - national == {"NOR"}
    assert set(full.inventory.region) == set(factors.key[factors.level == "regional"])
    assert full.production.mine[0] in set(factors.key[factors.level == "asset"])


def test_surveys_differ_by_change_bias_and_noise(full):
    change = full.elevation_change.values
    rest = (full.dsm_after.values - full.dsm_before.values - change).astype(float)
    count = rest.size
    noise = 0.2 * np.sqrt(2)
    assert rest.mean() == pytest.approx(0.3, abs=4 * noise / np.sqrt(count))
    assert rest.std() == pytest.approx(noise, rel=4 / np.sqrt(2 * count))
    assert full.dsm_before.time.values == np.datetime64("2022-06-06")
    assert full.dsm_after.time.values == np.datetime64("2022-09-06")


def test_ground_sinks_in_proportion_to_work_between_the_surveys(full):
    between = survey_pairs(full)
    assert between.sum() == 7
    share = full.patch_active.values[between].mean(axis=0)
    patch = paint(lay_pit(full.size, full.seed), (5.0, 5.0))[1]
    change = full.elevation_change.values
    assert (change[patch == 0] == 0).all()
    most = {"A1": 5.5, "A2": 6.7, "A3": 2.8}
    for number, (zone, s) in enumerate(zip(PATCHES.values(), share, strict=True), start=1):
        limit = s * most.get(zone, 0)
        here = change[patch == number]
        assert here.min() >= -limit - 1e-5
        assert here.max() <= -0.4 * limit + 1e-5
    assert change[patch == 1].min() < -5


def test_displacement_is_the_change_in_the_line_of_sight(full):
    change = 0.5 * (full.elevation_change.values[::2] + full.elevation_change.values[1::2])
    noise = full.displacement.values - change * np.cos(np.radians(39))
    assert full.displacement.attrs["incidence"] == 39
    assert abs(noise.mean()) < 4 * 0.02 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.02, rel=0.02)


def test_elevation_has_a_pit_a_dump_and_a_flat_lake(full):
    dem, ground = full.elevation.values, full.ground.values
    shores = ndimage.binary_erosion(ground == PIT_GROUND["lake"], np.ones((5, 5)))
    assert np.ptp(dem[shores]) < 0.5
    near = {
        name: ndimage.binary_dilation(ground == PIT_GROUND[name], np.ones((7, 13)))
        & (ground != PIT_GROUND[name])
        for name in ("pit", "dump")
    }
    assert dem[ground == PIT_GROUND["pit"]].min() < dem[near["pit"]].min() - 20
    assert dem[ground == PIT_GROUND["dump"]].max() > dem[near["dump"]].max()
    npt.assert_allclose(
        dem, 0.5 * (full.dsm_before.values[::2] + full.dsm_before.values[1::2]), atol=1.0
    )  # √½ · 0.2 m of noise


def test_indices_and_power_tell_forest_and_lake_apart(full):
    ground = full.ground.values
    ndvi, mndwi, sigma0 = full.ndvi.values, full.mndwi.values, full.sigma0.values
    npt.assert_array_equal(ndvi > 0.4, ground == PIT_GROUND["forest"])
    npt.assert_array_equal(mndwi > 0, ground == PIT_GROUND["lake"])
    lake = ndimage.binary_erosion(ground == PIT_GROUND["lake"], np.ones((5, 9)))
    assert 10 * np.log10(sigma0[lake].mean()) == pytest.approx(-21, abs=0.2)
    assert (sigma0[~ndimage.binary_dilation(ground == 3, np.ones((5, 9)))] > 0.01).all()
    power = (abs(full.slc.values.astype(complex)) ** 2).mean(axis=0)
    npt.assert_allclose(sigma0, box_mean(power, (3, 6)), rtol=1e-5)


def test_a_paper_like_threshold_separates_the_mean_ndai(full):
    """NDAI by the formula and a box mean: bare ground at 0, worked and wooded ground far above."""
    dates = full.slc.indexes["time"]
    images = full.slc.values.astype(complex)
    power = [box_mean(abs(image) ** 2, (3, 10)) for image in images]
    pairs = [i for i in range(47) if dates[i].year == dates[i + 1].year]
    gamma = np.stack(
        [
            abs(box_mean(images[i] * images[i + 1].conj(), (3, 10)))
            / np.sqrt(power[i] * power[i + 1])
            for i in pairs
        ]
    )
    stable = (gamma.mean(axis=0) > 0.8) & (gamma.std(axis=0, ddof=1) < 0.2)
    level = gamma[:, stable].mean(axis=1)
    kept = level >= 0.8
    npt.assert_array_equal(kept, ~full.weather_dropped.values)
    g, c = level[kept][:, None, None], gamma[kept]
    ndai = (g - c) / (g + c)
    r = np.corrcoef(level[kept], abs(full.true_coherence.perpendicular_baseline[kept]))[0, 1]
    assert -0.95 < r < -0.2
    mean = ndai.mean(axis=0)
    inner = ndimage.binary_erosion(full.patch.values == 1, np.ones((5, 13)))
    assert (mean[inner] > 0.4).all()
    quiet = ndimage.binary_erosion((full.ground == 1) & (full.patch == 0), np.ones((5, 21)))
    assert (mean[quiet] < 0.1).all()
    tai = (ndai > 0.2).mean(axis=0)
    shares = full.patch_active.values[kept].mean(axis=0)
    for number, (zone, share) in enumerate(zip(PATCHES.values(), shares, strict=True), start=1):
        inner = ndimage.binary_erosion(full.patch.values == number, np.ones((5, 13)))
        if zone[0] == "A":
            # Of few hundred windows, γ̂ misses the limit in about 1 % of the pairs.
            assert tai[inner].mean() == pytest.approx(share, abs=0.02)
        else:
            assert tai[inner].mean() < 0.06


def test_same_seed_same_world_and_another_seed_another(pit):
    again, other = simulate.open_pit(42, 96), simulate.open_pit(43, 96)
    for name in ("slc", "ground", "dsm_after", "ndvi", "displacement", "patch_active"):
        npt.assert_array_equal(getattr(again, name), getattr(pit, name))
        assert not np.array_equal(getattr(other, name), getattr(pit, name))
    pd.testing.assert_frame_equal(again.production, pit.production)
    assert not again.zones.geometry.equals(other.zones.geometry)
    assert not np.array_equal(other.weather_dropped, pit.weather_dropped)
    assert repr(pit) == "OpenPit(seed=42, size=96, years=(2018, 2019, 2020, 2021, 2022))"


def test_layers_carry_crs_names_and_units(pit):
    for name in (
        "slc", "ground", "patch", "true_coherence", "activity_share", "annual_activity_share",
        "elevation", "dsm_before", "dsm_after", "elevation_change", "displacement", "ndvi",
        "mndwi", "sigma0",
    ):  # fmt: skip
        layer = getattr(pit, name)
        assert layer.name in {name, "activity_share"}
        assert {"long_name", "units"} <= set(layer.attrs)
        assert "32635" in layer.spatial_ref.attrs["spatial_ref"]
        assert (np.diff(layer.y) < 0).all()
    assert pit.slc.dtype == "complex64"
    npt.assert_allclose(np.diff(pit.slc.x), 5)
    npt.assert_allclose(np.diff(pit.slc.y), -10)
    npt.assert_allclose(np.diff(pit.dsm_after.y), -5)
    assert pit.dsm_after.shape == (192, 192)
    assert block_mean(pit.slc.values.real[0], 96).shape == (1, 2)


def test_another_choice_of_years_ends_with_the_same_pattern():
    pit = simulate.open_pit(seed=5, size=96, years=[2023])
    assert pit.years == (2023,)
    assert set(pit.slc.indexes["time"].year) == {2023}
    east = pit.patch_active.sel(patch="A3 east").mean()
    assert east > 0.8


@pytest.mark.parametrize("size", [64, 95])
def test_a_site_without_room_is_refused(size):
    with pytest.raises(ValueError, match="size=96 for tests"):
        simulate.open_pit(size=size)


@pytest.mark.parametrize("years", [(), (2022, 2021), (2021, 2021)])
def test_years_out_of_order_are_refused(years):
    with pytest.raises(ValueError, match=r"years=\(2021, 2022\)"):
        simulate.open_pit(size=96, years=years)
