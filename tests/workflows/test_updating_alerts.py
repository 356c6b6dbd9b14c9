"""One update of many dates and many of one date each tell the same; late dates, and again."""

from __future__ import annotations

import itertools
import json
import shutil

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr

from minewatch import activity, simulate
from minewatch.activity.records import COUNTED, pair_index
from minewatch.workflows import ActivitySettings, UpdateSettings, activity_run, update_run
from minewatch.workflows.updating_alerts import ALERTS, counted, made_of, write_alerts
from minewatch.workflows.updating_pairs import met

SIZE = 16
DAYS = pd.date_range("2022-06-01", periods=18, freq="12D")
FILES = [{"name": f"pit_{day:%Y%m%d}.tif", "digest": f"sha256:{day:%m%d}"} for day in DAYS]
LAST = 11
"""The last date that the run had before it was first updated."""


def pair_of(first: int, last: int) -> np.ndarray:
    """Coherence of two dates: low where ground moved in any interval between them."""
    rng = np.random.default_rng([first, last])
    values = rng.uniform(0.85, 0.95, (SIZE, SIZE))
    values[1:4, 1:4] = 0.1  # a mine that works all the time
    moves = {  # interval -> what moves from then on
        12: (slice(8, 12), slice(2, 6)),
        14: (slice(1, 4), slice(4, 6)),
        16: (slice(8, 12), slice(10, 14)),
    }
    for begin, place in moves.items():
        if last > begin:
            values[place] = 0.1
    if first <= 13 < last:  # weather on one day, soon over
        values[13:15, 13:15] = 0.2
    return values.astype("f4")


def incoming(dates) -> xr.DataArray:
    """Pairs of neighbours among the dates that are there."""
    pairs = list(itertools.pairwise(sorted(dates)))
    ends = np.array(pairs).T
    coords = {
        "reference_time": ("pair", DAYS[ends[0]]),
        "secondary_time": ("pair", DAYS[ends[1]]),
        "y": 100.0 * np.arange(SIZE, 0, -1),
        "x": 100.0 * np.arange(SIZE),
    }
    values = np.stack([pair_of(*pair) for pair in pairs])
    return xr.DataArray(values, coords, ("pair", "y", "x")).rio.write_crs("EPSG:32721")


def judged(series):
    count = series.sizes["pair"]
    pairs = {name: series[name].variable for name in ("reference_time", "secondary_time")}
    return xr.Dataset(
        {"stable_mean": ("pair", np.full(count, 0.9)), "keep": ("pair", np.ones(count, bool))},
        pairs,
    )


def watched(folder, base, *batches, stopped=False):
    """A run over some dates, and updates with more, as the workflow makes them."""
    folder.mkdir()
    dates, series = set(base), incoming(base)
    tai = activity.tai(series, judged(series), threshold=0.2)
    seen = []
    for batch in batches:
        dates |= set(batch)
        given = incoming(dates)
        known = pair_index(series, by="test")
        new = given.isel(pair=~pair_index(given, by="test").isin(known))
        series = xr.concat([series, new], "pair")
        series = series.isel(pair=pair_index(series, by="test").argsort())
        gone = ~pair_index(series, by="test").isin(pair_index(given, by="test"))
        ledger = judged(series)
        told = {"gone": gone, "min_area_ha": 2.0, "inputs": FILES}
        write_alerts(folder / ALERTS, tai, series, ledger, **told)
        out = series.isel(pair=gone & met(tai, series)[COUNTED]).coords.to_dataset()
        tai = activity.update_tai(tai, series, ledger, superseded=out)
        if stopped:  # after its pairs were counted: the next one tells once more
            write_alerts(folder / ALERTS, tai, series, ledger, **told)
        seen.append(gpd.read_file(folder / ALERTS))
    return seen


def test_one_update_of_many_dates_and_many_of_one_end_in_the_same_file(tmp_path):
    base, later = range(LAST + 1), range(LAST + 1, 18)
    once = watched(tmp_path / "once", base, later)[-1]
    each = watched(tmp_path / "each", base, *([date] for date in later))
    stopped = watched(tmp_path / "stopped", base, *([date] for date in later), stopped=True)[-1]
    assert len(once) == 3
    assert (
        counted(tmp_path / "once" / ALERTS) == "3: 2 new, 1 expanded, 2 confirmed by a second pair"
    )
    text = (tmp_path / "once" / ALERTS).read_text()
    for name in ("each", "stopped"):
        assert (tmp_path / name / ALERTS).read_text() == text, name
    assert once.equals(each[-1])
    assert once.equals(stopped)
    assert json.loads(text)["watched_since"].startswith(f"{DAYS[LAST]:%Y-%m-%d}")


def test_a_second_update_confirms_what_the_first_told(tmp_path):
    seen = watched(tmp_path / "pit", range(12), [12], [13], [14], [15], [16], [17])
    assert [len(told) for told in seen[:2]] == [0, 1]
    first, second, third = (told[told.kind == "new"].iloc[0] for told in seen[1:4])
    days = [f"{day:%Y-%m-%d}" for day in DAYS]
    for told in (first, second, third):
        bracket = [str(told[name])[:10] for name in ("change_after", "change_before", "first_seen")]
        assert bracket == [days[12], days[13], days[13]]
        assert told.seen_by == f"{days[12]}/{days[13]}"
    assert [told.confirmed for told in (first, second, third)] == [False, True, True]
    assert [told.independent for told in (first, second, third)] == [False, False, True]
    assert second.confirmed_by == third.confirmed_by == f"{days[13]}/{days[14]}"
    assert [told.pairs_changed for told in (first, second, third)] == [1, 2, 3]
    assert first.inputs == "; ".join(f"{row['name']} {row['digest']}" for row in FILES[12:14])
    assert second.inputs == "; ".join(f"{row['name']} {row['digest']}" for row in FILES[12:15])
    # Six dates on, the maps themselves call it active; the watch still knows when it began.
    last = seen[-1][seen[-1].kind == "new"]
    assert days[13] in [str(day)[:10] for day in last.first_seen]
    assert set(seen[-1].kind) == {"new", "expanded"}


@pytest.mark.parametrize("late", [5, 13, 14])
def test_a_late_date_ends_in_what_all_dates_at_once_tell(tmp_path, late):
    """One of the run's own time, or of the watch: within a change, and after it."""
    base = [date for date in range(12) if date != late]
    later = [date for date in range(12, 18) if date != late]
    once = watched(tmp_path / "once", base, [*later, late])[-1]
    each = watched(tmp_path / "each", base, *([date] for date in [*later[:-1], late, later[-1]]))
    assert len(once) == 3
    assert once.equals(each[-1])
    if late == 13:  # it splits 12-14: what that pair saw was before the late date, and is still
        before = each[-3].sort_values("first_seen").iloc[0]
        after = each[-1].sort_values("first_seen").iloc[0]
        ends = [
            [str(told.change_after)[:10], str(told.change_before)[:10]] for told in (before, after)
        ]
        days = [f"{day:%Y-%m-%d}" for day in DAYS]
        assert ends == [[days[12], days[14]], [days[12], days[13]]]


def test_no_alert_is_a_file_too_and_keeps_since_when(tmp_path):
    seen = watched(tmp_path / "pit", range(11), [11], [12])
    assert [len(told) for told in seen] == [0, 0]
    held = json.loads((tmp_path / "pit" / ALERTS).read_text())
    assert held["watched_since"].startswith(f"{DAYS[10]:%Y-%m-%d}")
    assert held["features"] == []


def test_a_file_that_is_something_else_is_not_replaced(tmp_path):
    path = tmp_path / "pit" / ALERTS
    series = incoming(range(4))
    tai = activity.tai(series, judged(series), threshold=0.2)
    path.parent.mkdir()
    for text in ("my notes", "[1, 2]", '{"watched_since": "long ago"}'):
        path.write_text(text)
        with pytest.raises(ValueError, match="delete it"):
            write_alerts(path, tai, series, judged(series), gone=np.zeros(3, bool), min_area_ha=1.0)
        assert path.read_text() == text


def test_files_are_found_by_the_dates_in_their_names():
    pairs = ["2022-06-01/2022-06-13", ""]
    ready = ["S1AA_20220601T01_20220613T01_corr.tif", "S1AA_20220601T01_20220625T01_corr.tif"]
    rows = [{"name": name, "digest": f"sha256:{n}"} for n, name in enumerate(ready)]
    assert made_of(rows, pairs) == f"{ready[0]} sha256:0"
    assert made_of([{"name": "stack.zarr", "digest": "tree-sha256:1"}], pairs) == ""


@pytest.mark.slow
def test_updates_of_a_run_end_in_the_same_alerts_whatever_came_when(tmp_path):
    """With real images of a world, a late date among them; then the same update twice."""
    world = simulate.mine_world(seed=42, size=128)
    made = simulate.write_slc(world, tmp_path / "world")
    images = sorted(made.glob("*.tif"))
    held = {}
    for name, batches in (("once", [[8, 9, 10, 11]]), ("each", [[8], [11], [9, 10]])):
        source, pit = tmp_path / name / "slc", tmp_path / name / "pit"
        source.mkdir(parents=True)
        shutil.copy2(made / "perpendicular_baselines.csv", source)
        for image in images[:8]:
            shutil.copy2(image, source)
        activity_run(ActivitySettings(input=str(source), output=str(pit), choices=False))
        for batch in batches:
            for number in batch:
                shutil.copy2(images[number], source)
            update_run(UpdateSettings(folder=str(pit), min_area=0.05))
        told = json.loads((pit / ALERTS).read_text())
        before = (pit / ALERTS).read_bytes()
        update_run(UpdateSettings(folder=str(pit), min_area=0.05))
        assert (pit / ALERTS).read_bytes() == before
        held[name] = told["features"], told["watched_since"]
    assert len(held["once"][0]) > 0
    assert held["once"] == held["each"]
    names = [each["properties"]["inputs"] for each in held["once"][0]]
    assert all("sha256:" in each and ".tif" in each for each in names)
