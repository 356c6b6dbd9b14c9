"""The table of zones adds up pixels as the obvious loop does."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import oracles_activity as oracles
import pandas as pd
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from pyproj import Geod
from shapely.geometry import Point, box

from minewatch.activity import tai, zone_table

UTM = "EPSG:32721"
WEST, NORTH, STEP = 4e5, 9e6, 20.0  # the grid of oracles_activity.series
CELL = STEP**2 / 1e4
COLUMNS = [
    "name", "area_ha", "pixels", "active_ha", "active_ha_lower", "active_ha_upper", "stable_ha",
    "undecided_ha", "unknown_ha", "off_grid_ha", "outside_concession_share", "first_active_pair",
    "last_active_pair", "active_pairs", "judged_pairs",
]  # fmt: skip


def square(left: float, top: float, right: float, bottom: float):
    """A rectangle between columns and rows of the grid."""
    return box(WEST + STEP * left, NORTH - STEP * bottom, WEST + STEP * right, NORTH - STEP * top)


def frame(**shapes) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"name": list(shapes)}, geometry=list(shapes.values()), crs=UTM)


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    """24 pairs; the west is dug half of the time, the east rests, some of it is never seen."""
    true = np.full((24, 12, 16), 0.9)
    true[:, :, :6] = np.where(rng.random((24, 1, 1)) < 0.6, 0.2, 0.9)
    true[:, :4, :6] = np.where(rng.random((24, 4, 6)) < 0.5, 0.2, 0.9)
    values = oracles.drawn(true, 18, rng)
    values[:, :, 14] = np.nan
    values[rng.random(values.shape) < 0.05] = np.nan
    return oracles.series(values).rio.write_crs(UTM)


@pytest.fixture
def ledger(coherence) -> xr.Dataset:
    return oracles.ledger(coherence, 0.9, np.arange(24) != 7)


@pytest.fixture
def index(coherence, ledger) -> xr.Dataset:
    return tai(coherence, ledger, threshold=0.2)


ZONES = frame(
    west=square(0, 0, 6, 12), all=square(0, 0, 16, 12), east=square(8, 2, 13, 9),
    edge=square(12, 8, 20, 12), speck=square(3.6, 3.6, 3.9, 3.9), away=square(90, 90, 95, 95),
)  # fmt: skip


def test_the_table_is_the_loop(index, coherence, ledger):
    lease = frame(lease=square(0, 0, 4, 12), other=square(3, 0, 16, 2))
    got = zone_table(index, ZONES, coherence=coherence, ledger=ledger, concessions=lease)
    assert list(got) == COLUMNS
    np.testing.assert_allclose(got.area_ha, ZONES.area / 1e4)
    for row, shape in zip(got.itertuples(), ZONES.geometry, strict=True):
        names = ("tai", "lower", "upper", "activity")
        sums = dict.fromkeys(
            ["active", "low", "up", "stable", "undecided", "unknown", "outside", "pixels"], 0.0
        )
        for i, y in enumerate(index.y.values):
            for j, x in enumerate(index.x.values):
                if not shape.contains(Point(x, y)):
                    continue
                value, low, up, code = (float(index[name][i, j]) for name in names)
                allowed = any(each.contains(Point(x, y)) for each in lease.geometry)
                sums["pixels"] += 1
                sums["active"] += CELL * (value >= 0.5)
                sums["low"] += CELL * (low >= 0.5)
                sums["up"] += CELL * (up >= 0.5)
                sums["stable"] += CELL * (code == 1)
                sums["undecided"] += CELL * (code == 0)
                sums["unknown"] += CELL * (code == 255)
                sums["outside"] += CELL * (value >= 0.5 and not allowed)
        assert row.pixels == sums["pixels"]
        if not row.pixels:  # neither on the grid nor on a centre
            assert np.isnan([row.active_ha, row.active_ha_lower, row.stable_ha]).all()
            assert row.unknown_ha == pytest.approx(row.area_ha)
            continue
        assert row.active_ha == pytest.approx(sums["active"])
        assert row.active_ha_lower == pytest.approx(sums["low"])
        assert row.active_ha_upper == pytest.approx(sums["up"])
        assert row.active_ha_lower <= row.active_ha <= row.active_ha_upper
        assert row.stable_ha == pytest.approx(sums["stable"])
        assert row.undecided_ha == pytest.approx(sums["undecided"])
        assert row.unknown_ha == pytest.approx(sums["unknown"] + row.off_grid_ha)
        classed = row.active_ha_lower + row.stable_ha + row.undecided_ha + row.unknown_ha
        assert classed == pytest.approx(row.area_ha)  # these zones end at pixel edges
        share = sums["outside"] / sums["active"] if sums["active"] else np.nan
        np.testing.assert_allclose(row.outside_concession_share, share)
    table = got.set_index("name")
    assert table.off_grid_ha.to_dict() == pytest.approx(
        {"west": 0, "all": 0, "east": 0, "edge": 16 * CELL, "speck": 0, "away": 25 * CELL}
    )
    assert 0 < table.outside_concession_share["west"] < 1
    assert np.isnan(table.outside_concession_share["east"])


def test_the_dates_are_those_of_the_loop(index, coherence, ledger):
    got = zone_table(index, ZONES, coherence=coherence, ledger=ledger, active_share=0.5)
    limit = 0.9 * 0.8 / 1.2
    known = np.isfinite(index.tai.values)
    for row, shape in zip(got.itertuples(), ZONES.geometry, strict=True):
        where = known & [[shape.contains(Point(x, y)) for x in index.x] for y in index.y]
        dates, judged = [], 0
        for k in np.flatnonzero(ledger.keep.values):
            gamma = coherence.values[k][where]
            seen = np.isfinite(gamma)
            if not seen.any() or seen.mean() < 0.5:
                continue
            judged += 1
            if (gamma[seen] < limit).mean() >= 0.5:
                dates.append(pd.Timestamp(coherence.secondary_time.values[k]).strftime("%Y-%m-%d"))
        assert row.judged_pairs == judged
        assert row.active_pairs == len(dates)
        assert row.first_active_pair == (dates[0] if dates else None)
        assert row.last_active_pair == (dates[-1] if dates else None)
    assert got.active_pairs[0] > 5
    assert got.active_pairs[2] == 0


def test_no_concession_at_all_allows_nothing(index):
    got = zone_table(index, ZONES.iloc[:3], concessions=ZONES.iloc[:0])
    np.testing.assert_array_equal(got.outside_concession_share, [1, 1, np.nan])


def test_without_the_series_there_are_no_dates(index):
    got = zone_table(index, ZONES)
    assert got.first_active_pair.isna().all()
    assert got.active_pairs.isna().all()
    assert got.outside_concession_share.isna().all()


def test_quiet_rock_passes_a_tenth_hardly_ever(rng):
    """At 18 looks and a true coherence of 0.85: what the docstring says of the default."""
    limit = 0.8832 * 0.87 / 1.13
    noise = oracles.drawn(np.full(400_000, 0.85), 18, rng) < limit
    # 4 Monte-Carlo standard deviations of a share of 0.004 in 400,000.
    assert noise.mean() == pytest.approx(0.0040, abs=4e-4)
    assert (noise.reshape(-1, 50).mean(1) >= 0.1).mean() < 1e-3
    assert (noise.reshape(-1, 10).mean(1) >= 0.1).mean() == pytest.approx(0.039, abs=0.004)


def test_a_geographic_pixel_counts_on_the_ellipsoid():
    rows, columns, step = 6, 5, 0.01
    values = {"tai": 1.0, "lower": 1.0, "upper": 1.0, "activity": 2.0}
    layer = xr.Dataset(
        {name: (("y", "x"), np.full((rows, columns), v, "f4")) for name, v in values.items()},
        {"y": 60 - step * (np.arange(rows) + 0.5), "x": 25 + step * (np.arange(columns) + 0.5)},
    ).rio.write_crs("EPSG:4326")
    pit = gpd.GeoDataFrame(geometry=[box(25.01, 59.94, 25.03, 60)], crs=4326)
    got = zone_table(layer, pit)
    ring = [(25.01, 59.94), (25.03, 59.94), (25.03, 60.0), (25.01, 60.0)]
    area = abs(Geod(ellps="WGS84").polygon_area_perimeter(*zip(*ring, strict=True))[0]) / 1e4
    # Rows of pixels end on parallels, the ring runs on geodesics: 1e-6 of the area between.
    assert got.active_ha[0] == pytest.approx(area, rel=1e-5)
    assert got.area_ha[0] == pytest.approx(area, rel=1e-5)
    assert got.unknown_ha[0] == 0
    assert got.name[0] == "0"


def test_zones_and_concessions_come_from_any_crs(index, coherence, ledger):
    lease = frame(lease=square(0, 0, 4, 12))
    expected = zone_table(index, ZONES, coherence=coherence, ledger=ledger, concessions=lease)
    got = zone_table(
        index,
        ZONES.to_crs(4326),
        coherence=coherence,
        ledger=ledger,
        concessions=lease.to_crs(4326),
    )
    # UTM areas and those on the ellipsoid differ by less than 0.2 %.
    pd.testing.assert_frame_equal(got, expected, rtol=2e-3, atol=1e-9)


@pytest.mark.parametrize("chunks", [{"pair": 5, "y": 5, "x": 7}, {"pair": 1}, {"y": 1}])
def test_the_table_is_blind_to_chunks(index, coherence, ledger, chunks):
    lazy = coherence.chunk(chunks)
    got = zone_table(
        tai(lazy, ledger, threshold=0.2), ZONES, coherence=lazy, ledger=ledger, concessions=ZONES
    )
    expected = zone_table(index, ZONES, coherence=coherence, ledger=ledger, concessions=ZONES)
    pd.testing.assert_frame_equal(got, expected)


def test_masked_ground_is_unknown_and_dates_leave_it_out(coherence, ledger):
    """The west is masked: what is dug there dates nothing."""
    mask = xr.zeros_like(coherence[0], dtype=bool)
    mask[:, :6] = True
    masked = tai(coherence, ledger, threshold=0.2, mask=mask)
    got = zone_table(masked, ZONES.iloc[:2], coherence=coherence, ledger=ledger)
    np.testing.assert_allclose(got.unknown_ha, [72 * CELL, 84 * CELL])  # and column 14
    assert np.isnan(got.active_ha[0])
    assert np.isnan(got.stable_ha[0])
    assert got.stable_ha[1] > 0
    assert got.active_pairs.tolist() == [0, 0]
    assert got.judged_pairs.tolist() == [0, 23]


def test_the_paper_rule_partitions_by_its_own_classes(coherence, ledger):
    by_paper = tai(coherence, ledger, threshold=0.2, rule="paper")
    got = zone_table(by_paper, ZONES.iloc[:3])
    classed = got.active_ha + got.stable_ha + got.undecided_ha + got.unknown_ha
    np.testing.assert_allclose(classed, got.area_ha)


@pytest.mark.parametrize(("share", "active"), [(0.1, 1), (0.3, 1), (0.301, 0), (1.0, 0)])
def test_a_zone_is_active_from_just_its_share_of_pixels_on(share, active):
    """Three of ten pixels exceed in the first pair, none in the others."""
    values = np.full((4, 2, 5), 0.9)
    values[0, 0, :3] = 0.2
    series = oracles.series(values).rio.write_crs(UTM)
    judged = oracles.ledger(series, 0.9)
    site = frame(site=square(0, 0, 5, 2))
    found = tai(series, judged, threshold=0.2)
    table = zone_table(found, site, coherence=series, ledger=judged, active_share=share)
    assert (table.active_pairs[0], table.judged_pairs[0]) == (active, 4)


def test_the_table_says_what_it_needs(index, coherence, ledger):
    with pytest.raises(ValueError, match=r"pick one with tai\.sel\(year=tai\.year\[-1\]\)"):
        zone_table(index.expand_dims(year=[2022]), ZONES)
    with pytest.raises(KeyError, match=r"there is no \['lower'\]"):
        zone_table(index.drop_vars("lower"), ZONES)
    with pytest.raises(ValueError, match="coherence is missing; pass it"):
        zone_table(index, ZONES, ledger=ledger)
    with pytest.raises(ValueError, match=r"tai\.assign_attrs\(threshold=0\.2\)"):
        zone_table(index.drop_attrs(deep=False), ZONES, coherence=coherence, ledger=ledger)
    with pytest.raises(ValueError, match=r"above 0, up to 1, got 10; use 0\.1"):
        zone_table(index, ZONES, active_share=10)
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        zone_table(index, ZONES, coherence=coherence.isel(x=slice(5)), ledger=ledger)
    with pytest.raises(ValueError, match="check how they were selected"):
        zone_table(index, ZONES.iloc[:0])
    with pytest.raises(ValueError, match=r"polygons\.set_crs"):
        zone_table(index, ZONES, concessions=ZONES.set_crs(None, allow_override=True))
