"""Alerts are the patches that new pairs show active, with the dates between which they changed."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from scipy import ndimage
from shapely.geometry import Point

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
    assert sorted(told.values.tolist()) == [
        ["expanded", 6.0, dates[1], True, 3, 3],
        ["new", 6.0, dates[2], True, 2, 2],
    ]
    assert found.crs == crs_of(index)
    new = found[found.kind == "new"].iloc[0]
    assert new.change_after == dates[1]
    assert new.change_before == dates[2]
    assert new.confirmed_by == f"{dates[2]}/{dates[3]}"
    assert new.coherence == pytest.approx(0.1)
    assert new.stable_coherence == 0.9
    assert new.share_before == 0.0
    assert new.share_changed == 1.0
    assert new.confirmed_ha == 6.0
    assert new.seen_by == f"{dates[1]}/{dates[2]}"
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


def run_of(exceeds, minimum):
    """Where the last run of a pixel begins, None if it is over; the definition, not the recursion.

    A run is what no beginning of it has too few of; it begins as early as it can.
    """
    for start in range(len(exceeds)):
        part = exceeds[start:]
        shares = [sum(part[:end]) / end for end in range(1, len(part) + 1)]
        if all(share >= minimum for share in shares):
            return start
    return None


@pytest.mark.parametrize(("minimum", "chunks"), [(0.5, None), (0.75, {"pair": 2, "y": 5, "x": 4})])
def test_the_obvious_loop_agrees(rng, minimum, chunks):
    values = rng.uniform(0.45, 1.0, (21, *SHAPE))
    values[rng.random(values.shape) < 0.2] = np.nan
    index, coherence, ledger = split(values, 14)
    if chunks:
        coherence = coherence.chunk(chunks)
    found = alerts.new_activity(index, coherence, ledger, min_area_ha=2.0, minimum=minimum)
    limit = 0.9 * (1 - THRESHOLD) / (1 + THRESHOLD)
    new = values[14:].astype("f4").astype("f8")
    onset = np.full(SHAPE, -1)
    share = np.zeros(SHAPE)
    for row, column in np.ndindex(SHAPE):
        known = [pair for pair in range(len(new)) if np.isfinite(new[pair, row, column])]
        exceeds = [bool(new[pair, row, column] < limit) for pair in known]
        start = run_of(exceeds, minimum)
        if start is not None and index.activity.values[row, column] != 2:
            onset[row, column] = known[start]
            share[row, column] = np.mean(exceeds[start:])
    labels, _ = ndimage.label(onset >= 0, np.ones((3, 3)))
    sizes = np.bincount(labels.ravel())[1:]
    assert sorted(found.area_ha) == pytest.approx(sorted(sizes[sizes >= 2.0]))
    assert len(found) >= 2
    for number in np.flatnonzero(sizes >= 2.0) + 1:
        inside = labels == number
        row, column = np.argwhere(inside)[0]
        x, y = float(index.x[column]), float(index.y[row])
        patch = found[found.contains(Point(x, y))].iloc[0]
        agreeing = []
        for pair in range(len(new)):
            seen = inside & np.isfinite(new[pair])
            over = inside & (new[pair] < limit) & (onset <= pair)
            if over.any() and (over.sum() >= 0.5 * seen.sum() or over.sum() >= 2.0):
                agreeing.append(pair)
        assert patch.pairs_changed == len(agreeing) > 0
        assert patch.confirmed == (len(agreeing) > 1)
        dates = coherence.secondary_time.values
        assert patch.first_seen == str(dates[agreeing[0]])[:10]
        # Means are of values in steps of 2**-30.
        assert patch.share_changed == pytest.approx(share[inside].mean(), abs=1e-9)
        at_first = new[agreeing[0]][inside]
        assert patch.coherence == pytest.approx(np.nanmean(at_first), abs=1e-9)


def test_a_patch_that_grows_keeps_the_date_of_its_beginning():
    values = quiet(18)
    values[12:, 4:6, 4:6] = 0.1
    values[15:, 3:9, 4:10] = 0.1  # nine times as large
    found = alerts.new_activity(*split(values, 12)).iloc[0]
    coherence = split(values, 12)[1]
    assert found.area_ha == 36.0
    assert found.first_seen == str(coherence.secondary_time.values[0])[:10]
    assert found.pairs_changed == 6
    last = values.copy()
    last[15:17] = values[14]  # seen large by the last pair alone: what is confirmed is told
    found = alerts.new_activity(*split(last, 12)).iloc[0]
    assert (found.area_ha, found.confirmed_ha) == (36.0, 4.0)


def test_what_falls_quiet_is_told_no_more():
    values = quiet(16)
    values[12, 4:6, 4:6] = 0.1
    assert len(alerts.new_activity(*split(values[:13], 12))) == 1
    assert len(alerts.new_activity(*split(values[:14], 12))) == 1  # one of two
    assert len(alerts.new_activity(*split(values[:15], 12))) == 0  # one of three


def test_pairs_before_the_watch_are_asked_only_whether_ground_was_quiet():
    values = quiet(14)
    values[12:, 4:6, 4:6] = 0.1
    index, coherence, ledger = split(values, 12)
    whole, judged = series(values)
    since = whole.secondary_time.values[11]
    plain = alerts.new_activity(index, coherence, ledger)
    assert plain.equals(alerts.new_activity(index, whole, judged, since=since))
    # A pair of the first and the third date ends with the watch's first image: quiet until then.
    long = whole.assign_coords(
        reference_time=(
            "pair",
            [*whole.reference_time.values[:12], *whole.reference_time.values[11:13]],
        )
    )
    judged = judged.assign_coords(reference_time=long.reference_time)
    alone = alerts.new_activity(index, long[12:], judged).iloc[0]
    asked = alerts.new_activity(index, long, judged, since=since).iloc[0]
    assert alone.change_after == str(whole.reference_time.values[11])[:10]
    assert asked.change_after == str(since)[:10]
    assert asked.change_before == alone.change_before


def test_each_block_is_read_twice_at_most_and_those_without_patches_once():
    values = quiet(16)
    for row, column in ((1, 1), (1, 5), (5, 1), (5, 5)):
        values[12:, row : row + 2, column : column + 2] = 0.1
    index, coherence, ledger = split(values, 12)
    reads = []

    def block(block_info=None):
        place = tuple(slice(*ends) for ends in block_info[None]["array-location"])
        reads.append(place)
        return values[12:].astype("f4")[place]

    lazy = da.map_blocks(
        block, chunks=((2, 2), (8, 4), (8, 7)), dtype="f4", meta=np.empty((0, 0, 0), "f4")
    )
    found = alerts.new_activity(index, coherence.copy(data=lazy), ledger)
    assert len(found) == 4
    # 2 x 2 x 2 blocks to find them, and once more the 2 of the corner that all lie in.
    assert len(reads) == 8 + 2


@pytest.mark.parametrize("minimum", [0.0, 1.1])
def test_a_share_out_of_range_is_refused(minimum):
    with pytest.raises(ValueError, match=str(minimum)):
        alerts.new_activity(*split(quiet(13), 12), minimum=minimum)


def test_an_index_by_years_is_refused():
    coherence, ledger = series(quiet(13))
    index = activity.tai(coherence, ledger, threshold=THRESHOLD, by="year")
    with pytest.raises(ValueError, match="without by"):
        alerts.new_activity(index, coherence, ledger)
