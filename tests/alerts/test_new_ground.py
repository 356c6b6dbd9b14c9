"""Alerts are the patches that new pairs show active, with the dates between which they changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from scipy import ndimage

from minewatch import activity, alerts
from minewatch.conventions import crs_of

THRESHOLD = 0.2
SHAPE = (12, 15)


def series(values, *, start="2022-06-01", stable=0.9, keep=None):
    """Coherence of consecutive pairs of 12 days, and a ledger that judges them."""
    values = np.asarray(values, "f4")
    count = len(values)
    dates = pd.date_range(start, periods=count + 1, freq="12D")
    pairs = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    rows, columns = values.shape[1:]
    grid = {"y": 100.0 * np.arange(rows, 0, -1), "x": 100.0 * np.arange(columns)}
    coherence = xr.DataArray(values, pairs | grid, ("pair", "y", "x")).rio.write_crs("EPSG:32721")
    keep = np.ones(count, bool) if keep is None else np.asarray(keep)
    ledger = xr.Dataset(
        {"stable_mean": ("pair", np.full(count, stable)), "keep": ("pair", keep)}, pairs
    )
    return coherence, ledger


def split(values, at, **how):
    coherence, ledger = series(values, **how)
    old = slice(0, at)
    index = activity.tai(coherence[old], ledger.isel(pair=old), threshold=THRESHOLD)
    new = slice(at, None)
    return index, coherence[new], ledger.isel(pair=new)


def quiet(count):
    return np.full((count, *SHAPE), 0.9)


def test_a_pit_that_opens_is_new_and_one_that_grows_is_expanded():
    values = quiet(16)
    values[:, 2:5, 2:5] = 0.1  # was active all along
    values[13:, 2:5, 5:7] = 0.1  # joins it at its side
    values[14:, 8:10, 10:13] = 0.1  # opens one pair later, elsewhere
    index, coherence, ledger = split(values, 12)
    found = alerts.new_activity(index, coherence, ledger)
    told = found[["kind", "area_ha", "first_seen", "confirmed", "pairs", "pairs_changed"]]
    dates = [str(day)[:10] for day in coherence.secondary_time.values.astype("M8[D]")]
    # Four new pairs: the first of both saw nothing.
    assert told.values.tolist() == [
        ["expanded", 6.0, dates[1], True, 4, 3],
        ["new", 6.0, dates[2], True, 4, 2],
    ] or told.values.tolist() == [
        ["new", 6.0, dates[2], True, 4, 2],
        ["expanded", 6.0, dates[1], True, 4, 3],
    ]
    assert found.crs == crs_of(index)
    new = found[found.kind == "new"].iloc[0]
    assert new.change_after == dates[1]
    assert new.change_before == dates[2]
    assert new.confirmed_by == f"{dates[2]}/{dates[3]}"
    assert new.coherence == pytest.approx(0.1)
    assert new.stable_coherence == 0.9
    assert new.share_before == 0.0
    assert new.share_changed == 0.5
    assert new.geometry.bounds == (950.0, 250.0, 1250.0, 450.0)


def test_one_pair_alone_is_told_and_not_confirmed():
    values = quiet(13)
    values[12, 3:5, 3:5] = 0.1
    found = alerts.new_activity(*split(values, 12))
    assert found.confirmed.tolist() == [False]
    assert found.confirmed_by.tolist() == [""]


def test_ground_that_was_active_or_is_masked_is_no_news():
    values = quiet(14)
    values[:, 2:4, 2:4] = 0.1
    values[12:, 6:8, 6:8] = 0.1
    index, coherence, ledger = split(values, 12)
    assert len(alerts.new_activity(index, coherence, ledger)) == 1
    mask = xr.zeros_like(index.tai, bool)
    mask[6:8, 6:8] = True
    assert len(alerts.new_activity(index, coherence, ledger, mask=mask)) == 0


def test_dropped_pairs_count_for_nothing():
    values = quiet(14)
    values[12, 6:8, 6:8] = 0.1
    keep = np.ones(14, bool)
    keep[12] = False
    assert len(alerts.new_activity(*split(values, 12, keep=keep))) == 0
    keep[13] = False
    found = alerts.new_activity(*split(values, 12, keep=keep))
    assert len(found) == 0
    assert list(found.columns) == [*alerts.new_ground.COLUMNS, "geometry"]


def test_small_patches_are_left_out():
    values = quiet(14)
    values[12:, 5, 5] = 0.1
    assert len(alerts.new_activity(*split(values, 12), min_area_ha=1.0)) == 1
    assert len(alerts.new_activity(*split(values, 12), min_area_ha=1.01)) == 0


def test_order_and_chunks_of_pairs_do_not_matter(rng):
    values = rng.uniform(0.45, 1.0, (18, *SHAPE))
    index, coherence, ledger = split(values, 12)
    plain = alerts.new_activity(index, coherence, ledger, min_area_ha=0.0)
    shuffled = coherence.isel(pair=rng.permutation(6)).chunk(pair=4, y=5, x=7)
    other = alerts.new_activity(index.chunk(y=3), shuffled, ledger, min_area_ha=0.0)
    assert len(plain) > 3
    assert plain.equals(other)


def test_the_obvious_loop_agrees(rng):
    values = rng.uniform(0.3, 1.0, (19, *SHAPE))
    values[rng.random(values.shape) < 0.2] = np.nan
    index, coherence, ledger = split(values, 14)
    found = alerts.new_activity(index, coherence, ledger, min_area_ha=0.0)
    limit = 0.9 * (1 - THRESHOLD) / (1 + THRESHOLD)
    new = values[14:].astype("f4").astype("f8")
    candidate = np.zeros(SHAPE, bool)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            known = [value for value in new[:, row, column] if np.isfinite(value)]
            if known and index.activity.values[row, column] != 2:
                candidate[row, column] = sum(value < limit for value in known) / len(known) >= 0.5
    labels, count = ndimage.label(candidate, np.ones((3, 3)))
    assert len(found) == count
    assert found.area_ha.sum() == pytest.approx(candidate.sum())
    for number in range(1, count + 1):
        inside = labels == number
        row, column = np.argwhere(inside)[0]
        x, y = float(index.x[column]), float(index.y[row])
        from shapely.geometry import Point

        patch = found[found.contains(Point(x, y))].iloc[0]
        assert patch.area_ha == pytest.approx(inside.sum())
        agreeing = []
        for pair in range(len(new)):
            part = new[pair][inside]
            part = part[np.isfinite(part)]
            if part.size and (part < limit).mean() >= 0.5:
                agreeing.append(pair)
        assert patch.pairs_changed == len(agreeing)
        assert patch.confirmed == (len(agreeing) > 1)
        if agreeing:
            assert patch.first_seen == str(coherence.secondary_time.values[agreeing[0]])[:10]


@pytest.mark.parametrize("minimum", [0.0, 1.1])
def test_a_share_out_of_range_is_refused(minimum):
    with pytest.raises(ValueError, match=str(minimum)):
        alerts.new_activity(*split(quiet(13), 12), minimum=minimum)


def test_an_index_by_years_is_refused():
    coherence, ledger = series(quiet(13))
    index = activity.tai(coherence, ledger, threshold=THRESHOLD, by="year")
    with pytest.raises(ValueError, match="without by"):
        alerts.new_activity(index, coherence, ledger)
