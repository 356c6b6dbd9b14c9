"""Zones, elevation and displacement of a simulated open pit, against what was dug there."""

from __future__ import annotations

import numpy as np
import pytest

from minewatch import activity, insar, simulate

SURVEYS = "2022-06-06", "2022-09-06"


@pytest.fixture(scope="module")
def site():
    """Five seasons of a pit of 160 rows: coherence, ledger, index without forest and lake."""
    pit = simulate.open_pit(seed=7, size=160)
    pairs = insar.select_pairs(pit.slc, max_temporal_baseline=24)
    coherence = insar.coherence(pit.slc, pairs)
    stable = activity.stable_pixels(coherence)
    ledger = activity.screen_pairs(coherence, stable)
    threshold = activity.ndai_threshold(activity.mean_ndai(coherence, ledger))
    mask = pit.ground.isin([2, 3])
    index = activity.tai(coherence, ledger, threshold=threshold, mask=mask)
    return pit, coherence, ledger, index, stable, threshold, mask


def test_the_table_knows_who_dug_where_and_when(site):
    pit, coherence, ledger, index, *_ = site
    table = activity.zone_table(
        index, pit.zones, coherence=coherence, ledger=ledger, concessions=pit.concession
    ).set_index("name")
    kept = ledger.keep.values
    for name in table.index:
        worked = pit.active.sel(zone=name).values & kept
        dates = pit.active.secondary_time.values[worked]
        # A few vehicles on stable ground leave NDAI at about its threshold: they may be missed.
        if name in ("S1", "S2"):
            assert table.active_pairs[name] <= worked.sum(), name
            continue
        assert table.active_pairs[name] == worked.sum(), name
        assert table.first_active_pair[name] == str(dates.min())[:10]
        assert table.last_active_pair[name] == str(dates.max())[:10]
    # Rims of zones lie in windows of both: a tenth of the pit at most.
    assert table.active_ha["A1"] == pytest.approx(table.area_ha["A1"], rel=0.1)
    assert (table.active_ha_lower <= table.active_ha).all()
    assert (table.active_ha <= table.active_ha_upper).all()
    assert table.active_ha[["S1", "S2"]].sum() == 0
    quiet = table.stable_ha[["S1", "S2"]] / table.area_ha[["S1", "S2"]]
    assert (quiet > 0.9).all()
    assert table.outside_concession_share["A1"] == 0


def test_active_ground_outside_the_concession_is_found(site):
    """With all of the east taken for active, the share is that of the outlines."""
    pit, _, _, index, *_ = site
    everywhere = index.assign(tai=index.tai.notnull().astype("f4"))
    table = activity.zone_table(everywhere, pit.zones, concessions=pit.concession)
    np.testing.assert_allclose(
        table.outside_concession_share, pit.zones.outside_concession_share, atol=0.01
    )


def test_the_series_shows_rare_vehicles_on_stable_ground(site):
    pit, coherence, ledger, *_ = site
    series = activity.zone_series(coherence, ledger, pit.zones)
    kept = pit.active.isel(pair=ledger.keep.values)
    for name in ("S1", "S2"):
        worked = kept.sel(zone=name).values
        high = series["q95"].sel(zone=name).values
        assert worked.any()
        assert high[worked].min() > 2 * high[~worked].max()
    boxes = activity.box_statistics(series["median"])
    # A tenth of the scatterers stay: γ reads about 0.22 at 18 looks, g is 0.89.
    assert float(boxes["median"].sel(zone="A1")) == pytest.approx(0.6, abs=0.05)
    assert float(boxes["median"].sel(zone="S1")) < 0.05
    assert float(boxes.iqr.sel(zone="A2")) > 3 * float(boxes.iqr.sel(zone="A1"))
    assert float(boxes["count"].sel(zone="A1")) == int(ledger.keep.sum())


def test_elevation_change_is_where_the_index_is(site):
    pit, coherence, ledger, _, stable, threshold, mask = site
    between, judged = (activity.pairs_between(each, *SURVEYS) for each in (coherence, ledger))
    index = activity.tai(between, judged, threshold=threshold, mask=mask)
    got = activity.compare_elevation(index, pit.dsm_before, pit.dsm_after, stable=stable)
    told = got.attrs
    # The second model lies 0.3 m too high, each has noise of 0.2 m; thousands of stable pixels.
    assert told["bias"] == pytest.approx(0.3, abs=0.01)
    assert told["sigma"] == pytest.approx(0.2, abs=0.01)
    assert told["level_of_detection"] == pytest.approx(1.96 * np.sqrt(2) * 0.2, abs=0.03)
    assert told["auc"] > 0.95
    assert told["spearman"] > 0.6
    assert told["active_precision"] > 0.9
    assert told["moved_called_stable"] < 0.05
    assert (told["first_date"] >= SURVEYS[0], told["last_date"] <= SURVEYS[1]) == (True, True)
    truth = pit.elevation_change.coarsen(y=2).mean()  # 5 m along y, as fine as the images along x
    error = got.difference.values - truth.interp_like(got.difference, method="nearest").values
    assert np.nanmedian(np.abs(error)) < 0.2


def test_displacement_is_where_the_index_is(site):
    pit, _, _, index, *_ = site
    got = activity.compare_displacement(index, pit.displacement)
    # 1.96 times the noise of 0.02 m.
    assert got.attrs["level"] == pytest.approx(1.96 * 0.02, abs=0.004)
    assert got.attrs["auc"] > 0.85
    assert got.attrs["active_precision"] > 0.9
