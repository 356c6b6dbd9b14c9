"""Pairs added to an index one batch at a time: the same as all at once."""

from __future__ import annotations

import numpy as np
import oracles_activity as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch.activity import (
    mean_ndai,
    ndai_threshold,
    screen_pairs,
    settle_pairs,
    stable_pixels,
    tai,
    update_tai,
)
from minewatch.store import open_cube, to_zarr

SETTINGS = {"threshold": 0.2}
PAIR = [
    "pair",
    "reference_time",
    "secondary_time",
    "temporal_baseline",
    "perpendicular_baseline",
]


@pytest.fixture
def coherence(rng) -> xr.DataArray:
    values = rng.random((40, 6, 7))
    values[rng.random(values.shape) < 0.2] = np.nan
    return oracles.series(values, start="2021-06-01").rio.write_crs("EPSG:32721")


@pytest.fixture
def ledger(coherence) -> xr.Dataset:
    keep = np.arange(40) % 5 > 0
    return oracles.ledger(coherence, np.linspace(0.8, 0.95, 40), keep)


def batches(order, *sizes):
    return np.split(order, np.cumsum(sizes))


@pytest.mark.parametrize(
    ("by", "settings"),
    [
        (None, {}),
        (None, {"min_count": 4, "rule": "paper"}),
        ("year", {"min_count": 4}),
        ("year", {"assign": "mid"}),
        ("season", {"interval": "wilson", "confidence": 0.9}),
    ],
)
def test_batches_add_up_to_all_at_once(coherence, ledger, by, settings):
    settings = {**SETTINGS, "by": by, **settings}
    whole = tai(coherence, ledger, **settings)
    orders = {"forward": np.arange(40), "any": np.random.default_rng(3).permutation(40)}
    for order in orders.values() if by is None else [orders["any"]]:
        first, *later = batches(order, 17, 1)
        index = tai(coherence[first], ledger.isel(pair=first), **settings)
        for some in later:
            index = update_tai(index, coherence[some], ledger.isel(pair=some))
        xr.testing.assert_identical(index, whole)
        assert len(whole.attrs["counted_pairs"]) == 32
        assert len(whole.attrs["dropped_pairs"]) == 8


def test_the_same_pairs_again_change_nothing(coherence, ledger):
    whole = tai(coherence, ledger, by="year", **SETTINGS)
    xr.testing.assert_identical(update_tai(whole, coherence, ledger), whole)
    half = tai(coherence[:20], ledger.isel(pair=slice(20)), **SETTINGS)
    once = update_tai(half, coherence, ledger)
    xr.testing.assert_identical(once, tai(coherence, ledger, **SETTINGS))
    # Pairs that were dropped are known too: nothing of them is counted later.
    dropped = np.flatnonzero(~ledger.keep.values)
    same = update_tai(once, coherence[dropped], ledger.isel(pair=dropped))
    xr.testing.assert_identical(same, once)


def test_old_pairs_are_not_read(coherence, ledger):
    index = tai(coherence[:35], ledger.isel(pair=slice(35)), **SETTINGS)
    spoiled = coherence.copy(data=np.where(np.arange(40)[:, None, None] < 35, np.nan, coherence))
    whole = tai(coherence, ledger, **SETTINGS)
    xr.testing.assert_identical(update_tai(index, spoiled, ledger), whole)

    import dask.array as da

    def block(position: int) -> xr.DataArray:
        def read(values):
            if position < 35:
                message = f"pair {position} was read"
                raise AssertionError(message)
            return values

        return da.from_array(coherence.values[position : position + 1]).map_blocks(
            read, dtype="float32", meta=np.empty((0, 0, 0), "float32")
        )

    lazy = coherence.copy(data=da.concatenate([block(position) for position in range(40)]))
    xr.testing.assert_identical(update_tai(index, lazy, ledger).compute(), whole)


@pytest.mark.parametrize(
    ("chunks", "by"),
    [({"pair": 1}, None), ({"pair": 7, "y": 4, "x": 3}, "year"), ({"y": 5}, None)],
)
def test_it_is_lazy_and_blind_to_chunks(coherence, ledger, chunks, by):
    whole = tai(coherence, ledger, by=by, **SETTINGS)
    early = ledger.isel(pair=slice(30))
    for part in (coherence[:30], coherence[:30].chunk(y=2)):
        index = tai(part, early, by=by, **SETTINGS)
        before = index.copy(deep=True)
        with nothing_computes():
            lazy = update_tai(index, coherence.chunk(chunks), ledger.chunk(pair=4))
        assert all(layer.chunks is not None for layer in lazy.data_vars.values())
        xr.testing.assert_identical(lazy.compute(), whole)
        xr.testing.assert_identical(index, before)


@pytest.mark.parametrize("by", [None, "season"])
def test_it_takes_what_was_stored(coherence, ledger, by, tmp_path):
    mask = xr.zeros_like(coherence[0], dtype=bool).drop_vars(PAIR)
    mask[2:4] = True
    index = tai(
        coherence[:30].chunk(y=4), ledger.isel(pair=slice(30)), by=by, mask=mask, **SETTINGS
    )
    stored = to_zarr(index.assign(stable=~mask), tmp_path / "tai.zarr")
    got = update_tai(stored, coherence.chunk(pair=8), ledger, mask=mask)
    again = to_zarr(got, tmp_path / "tai.zarr", overwrite=True)  # in its own place
    whole = tai(coherence, ledger, by=by, mask=mask, **SETTINGS)
    back = open_cube(tmp_path / "tai.zarr")
    xr.testing.assert_equal(back.drop_vars("stable").compute(), whole)
    xr.testing.assert_equal(back.stable, ~mask)  # what else was in it is handed on
    assert again.attrs == whole.attrs
    assert back.rio.crs.to_epsg() == 32721


@pytest.fixture
def late(rng) -> tuple[xr.DataArray, xr.Dataset, np.ndarray]:
    """Pairs of a chain in which one acquisition came late: 0-1 1-2 2-4 4-5, then 2-3 and 3-4."""
    dates = np.datetime64("2021-12-01", "ns") + 12 * np.arange(6) * np.timedelta64(1, "D")
    ends = np.array([(0, 1), (1, 2), (2, 4), (4, 5), (2, 3), (3, 4)])
    coherence = oracles.series(rng.random((6, 4, 5))).assign_coords(
        reference_time=("pair", dates[ends[:, 0]]), secondary_time=("pair", dates[ends[:, 1]])
    )
    return coherence, oracles.ledger(coherence, 0.9), np.array([0, 1, 3, 4, 5])


@pytest.mark.parametrize("by", [None, "year", "season"])
def test_a_late_date_takes_the_place_of_the_pair_it_splits(late, by):
    coherence, ledger, chain = late
    settings = {**SETTINGS, "by": by, "min_count": 1}
    index = tai(coherence[:4], ledger.isel(pair=slice(4)), **settings)
    whole = tai(coherence[chain], ledger.isel(pair=chain), **settings)
    with pytest.raises(ValueError, match=r"2021-12-25/2022-01-06.*2021-12-25/2022-01-18.*True"):
        update_tai(index, coherence, ledger)
    got = update_tai(index, coherence, ledger, superseded=True)
    assert got.attrs.pop("superseded_pairs") == ["2021-12-25T00:00:00/2022-01-18T00:00:00"]
    xr.testing.assert_identical(got, whole)
    # Named by its two dates, it gives the same, in whatever batches.
    named = ledger.isel(pair=[2])
    got = update_tai(index, coherence[[2, 5]], ledger, superseded=named)
    got = update_tai(got, coherence, ledger, superseded=named)
    again = update_tai(got, coherence, ledger, superseded=True)
    xr.testing.assert_identical(again, got)
    got.attrs.pop("superseded_pairs")
    xr.testing.assert_identical(got, whole)
    # In a list of all pairs within some time each of them counts.
    xr.testing.assert_identical(
        update_tai(index, coherence, ledger, superseded=False), tai(coherence, ledger, **settings)
    )
    with pytest.raises(ValueError, match="2021-12-25/2022-01-18 and needs its coherence"):
        update_tai(index, coherence[4:], ledger, superseded=True)


def test_a_split_pair_that_rain_spoils_is_gone_all_the_same(late):
    coherence, ledger, chain = late
    ledger = ledger.assign(keep=ledger.keep & (ledger.pair != 5))
    index = tai(coherence[:4], ledger.isel(pair=slice(4)), **SETTINGS)
    got = update_tai(index, coherence, ledger, superseded=True)
    got.attrs.pop("superseded_pairs")
    xr.testing.assert_identical(got, tai(coherence[chain], ledger.isel(pair=chain), **SETTINGS))


def test_new_pairs_at_the_end_split_nothing(rng):
    # Each date with the next two: a network, in which pairs span others from the start.
    dates = np.datetime64("2022-05-01", "ns") + 12 * np.arange(9) * np.timedelta64(1, "D")
    ends = np.array([(i, j) for j in range(9) for i in (j - 2, j - 1) if i >= 0])
    coherence = oracles.series(rng.random((len(ends), 3, 4))).assign_coords(
        reference_time=("pair", dates[ends[:, 0]]), secondary_time=("pair", dates[ends[:, 1]])
    )
    ledger = oracles.ledger(coherence, 0.9)
    index = tai(coherence[:5], ledger.isel(pair=slice(5)), **SETTINGS)
    for end in range(7, len(ends) + 1, 2):
        index = update_tai(index, coherence[:end], ledger)
    xr.testing.assert_identical(index, tai(coherence, ledger, **SETTINGS))


def test_masked_ground_stays_masked(coherence, ledger):
    mask = xr.zeros_like(coherence[0], dtype=bool).drop_vars(PAIR)
    mask[3:] = True
    early = ledger.isel(pair=slice(30))
    whole = tai(coherence, ledger, mask=mask, **SETTINGS)
    index = tai(coherence[:30], early, mask=mask, **SETTINGS)
    with pytest.raises(ValueError, match="pass mask="):
        update_tai(index, coherence, ledger)
    xr.testing.assert_identical(update_tai(index, coherence, ledger, mask=mask), whole)
    bare = tai(coherence[:30], early, **SETTINGS)
    xr.testing.assert_identical(update_tai(bare, coherence, ledger, mask=mask), whole)


def test_a_ledger_of_other_stable_ground_is_refused(coherence, ledger):
    index = tai(coherence[:30], ledger.isel(pair=slice(30)), **SETTINGS)
    other = ledger.assign(stable_mean=ledger.stable_mean * 0.99)
    with pytest.raises(ValueError, match=r"30 pairs that it shares .* otherwise .*refresh=True"):
        update_tai(index, coherence, other)
    flipped = ledger.assign(keep=ledger.keep | (ledger.pair == 5))
    with pytest.raises(ValueError, match="judges 1 of the 30 pairs"):
        update_tai(index, coherence, flipped)


def test_what_is_wrong_is_told(coherence, ledger):
    index = tai(coherence[:30], ledger.isel(pair=slice(30)), **SETTINGS)
    with pytest.raises(KeyError, match="update_tai: 10 of 10 pairs have no entry"):
        update_tai(index, coherence, ledger.isel(pair=slice(30)))
    with pytest.raises(ValueError, match="one grid"):
        update_tai(index, coherence[:, 1:], ledger)
    with pytest.raises(ValueError, match="compute it again from all pairs"):
        update_tai(index.drop_attrs(), coherence, ledger)
    with pytest.raises(ValueError, match="tai has no exceeded and no observed; pass all layers"):
        update_tai(index[["tai"]], coherence, ledger)
    years = tai(coherence[:30], ledger.isel(pair=slice(30)), by="year", **SETTINGS)
    for part in (years.sel(year=2021), years.sel(year=[2021])):
        with pytest.raises(ValueError, match="and select afterwards"):
            update_tai(part, coherence, ledger)
    with pytest.raises(KeyError, match="2022-07-02/2022-07-14: tai never met that pair"):
        update_tai(index, coherence[:30], ledger, superseded=ledger.isel(pair=[33]))
    with pytest.raises(ValueError, match="would leave no pair"):
        update_tai(index, coherence[:30], ledger, superseded=ledger.isel(pair=slice(30)))


def test_frozen_ground_and_threshold_come_with_a_ledger_of_the_same_pixels(rng):
    truth = np.full((20, 12, 30), 0.9)
    truth[:, :, 20:] = 0.1
    truth[13] *= 0.7  # rain
    coherence = oracles.series(oracles.drawn(truth, 18, rng))
    stable = xr.zeros_like(coherence[0], dtype=bool)
    stable[:, :20] = True
    ledger = screen_pairs(coherence, stable)
    index = tai(coherence[:12], screen_pairs(coherence[:12], stable), **SETTINGS)
    # The ledger of the new pairs alone, lazy or not, suffices.
    new = coherence[12:]
    for late in (new, new.chunk(pair=3, y=5)):
        got = update_tai(index, late, screen_pairs(late, stable))
        xr.testing.assert_equal(got.compute(), tai(coherence, ledger, **SETTINGS))
        assert got.attrs["dropped_pairs"] == ["2022-10-04T00:00:00/2022-10-16T00:00:00"]


@pytest.fixture
def ageing(rng) -> xr.DataArray:
    """Rock, half of which is dug up in the second half of the series; forest; a pit."""
    truth = np.full((40, 24, 60), 0.9)
    truth[:, :, 30:40] = 0.05
    truth[:, 5:15, 40:50] = 0.08
    truth[20:, :, :10] = 0.1
    truth[[7, 31]] *= 0.7  # rain
    return oracles.series(oracles.drawn(truth, 18, rng)).rio.write_crs("EPSG:32721")


def run(coherence: xr.DataArray, **settings) -> tuple[xr.DataArray, xr.Dataset, xr.Dataset]:
    stable = stable_pixels(coherence)
    ledger = screen_pairs(coherence, stable)
    threshold = ndai_threshold(mean_ndai(coherence, ledger))
    return stable, ledger, tai(coherence, ledger, threshold=threshold, **settings)


@pytest.mark.parametrize("settings", [{}, {"by": "year", "rule": "paper"}])
def test_refreshed_it_is_the_index_of_all_pairs(ageing, settings, tmp_path):
    stable, _, index = run(ageing[:15], **settings)
    frozen = update_tai(index, ageing, screen_pairs(ageing, stable))
    ground, ledger, whole = run(ageing, **settings)
    ledger_then = screen_pairs(ageing, stable)
    stored = to_zarr(index.chunk().assign(stable=stable), tmp_path / "tai.zarr")
    for start, series, given in (
        (index, ageing, {"stable": stable}),
        (stored, ageing.chunk(pair=7, y=10), {}),
    ):
        got = update_tai(start, series, ledger_then, refresh=True, **given)
        # The histogram of a lazy series may move the valley by two bins and a grid step.
        np.testing.assert_allclose(got.attrs["threshold"], whole.attrs["threshold"], atol=0.004)
        np.testing.assert_array_equal(got.stable, ground)
        assert got.attrs["dropped_pairs"] == whole.attrs["dropped_pairs"]
        drift = {name: got.attrs[name] for name in got.attrs if name.startswith("drift_")}
        change = got.attrs["threshold"] - frozen.attrs["threshold"]
        assert drift["drift_threshold"] == pytest.approx(change)
        assert drift["drift_stable_lost"] == int((stable & ~ground).sum()) > 200
        assert drift["drift_stable_gained"] == int((ground & ~stable).sum())
        # Rock that was dug up spoils the ledger that is frozen: half the dates fail.
        kept = int(ledger_then.keep.sum()), int(ledger.keep.sum())
        assert drift["drift_pairs_gained"] - drift["drift_pairs_lost"] == kept[1] - kept[0] > 10
        both = (ledger_then.keep & ledger.keep).values
        change = (ledger.stable_mean - ledger_then.stable_mean)[both].mean()
        assert drift["drift_stable_mean"] == pytest.approx(float(change), abs=1e-9)
        if not settings:
            more = int((got.activity == 2).sum() - (frozen.activity == 2).sum())
            assert drift["drift_active_pixels"] == more
            assert drift["drift_active_ha"] == pytest.approx(more * 0.04)
            assert drift["drift_changed_pixels"] == int((got.activity != frozen.activity).sum())
        plain = got.compute().drop_vars("stable")
        if series is ageing:
            xr.testing.assert_equal(plain, whole)
        # From here on it can be frozen again.
        after = update_tai(got, ageing[30:], screen_pairs(ageing[30:], got.stable))
        xr.testing.assert_equal(after.compute(), got.compute())


def test_refreshing_keeps_what_was_settled_given_or_superseded(late, ageing):
    settled, ledger = settle_pairs(ageing[:15], min_count=5)
    index = tai(ageing[:15], ledger, threshold=0.2)
    ledger = screen_pairs(ageing, settled)
    got = update_tai(index, ageing, ledger, refresh=True, stable=settled)
    fresh, judged = settle_pairs(ageing, min_count=5)
    np.testing.assert_array_equal(got.stable, fresh)
    assert got.stable.attrs["rounds"] == judged.attrs["rounds"] > 1
    xr.testing.assert_equal(got.drop_vars("stable"), tai(ageing, judged, threshold=0.2))
    assert got.attrs["drift_threshold"] == 0.0

    coherence, _, chain = late
    coherence = (
        coherence.clip(min=0.85).pad(x=(0, 60), mode="edge").assign_coords(x=np.arange(65.0))
    )
    stable = stable_pixels(coherence[:4])
    index = tai(coherence[:4], screen_pairs(coherence[:4], stable), threshold=0.01)
    ledger = screen_pairs(coherence, stable)
    got = update_tai(index, coherence, ledger, superseded=True, refresh=True, stable=stable)
    assert len(got.attrs["superseded_pairs"]) == 1
    again = screen_pairs(coherence[chain], stable_pixels(coherence[chain]))
    xr.testing.assert_equal(got.drop_vars("stable"), tai(coherence[chain], again, threshold=0.01))


def test_what_a_refreshment_needs_is_told(ageing):
    within = xr.zeros_like(ageing[0], dtype=bool).drop_vars(PAIR)
    within[:, :30] = True
    stable = stable_pixels(ageing[:15], within=within)
    ledger = screen_pairs(ageing, stable)
    threshold = ndai_threshold(mean_ndai(ageing, ledger), domain=within | ~within)
    index = tai(ageing[:15], ledger, threshold=threshold)

    def refreshed(series=ageing, ledger=ledger, **given):
        return update_tai(index, series, ledger, refresh=True, **{"stable": stable, **given})

    with pytest.raises(ValueError, match=r"pass stable=\.\.\."):
        refreshed(stable=None)
    with pytest.raises(ValueError, match=r"15 of 40 are not in coherence .*pass the whole series"):
        refreshed(series=ageing[15:])
    with pytest.raises(ValueError, match=r"needs within=\.\.\."):
        refreshed()
    with pytest.raises(ValueError, match=r"needs domain=\.\.\."):
        refreshed(within=within)
    with pytest.raises(ValueError, match="what stable_pixels and screen_pairs returned"):
        refreshed(stable=stable.drop_attrs())
    got = refreshed(within=within, domain=within | ~within)
    assert got.stable.attrs["domain"] == "given by within"
    assert got.attrs["threshold_domain"] == "given by domain"
