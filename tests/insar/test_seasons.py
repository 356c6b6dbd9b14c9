"""Seasons of ready pairs: coherence, tables and ledgers alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from laziness import nothing_computes

from minewatch import insar


@pytest.fixture
def coherence() -> xr.DataArray:
    ends = pd.to_datetime(["2021-09-28", "2022-04-26", "2022-05-08", "2022-09-30", "2022-10-01"])
    return xr.DataArray(
        np.arange(20, dtype="float32").reshape(5, 2, 2) / 20,
        dims=("pair", "y", "x"),
        coords={
            "pair": np.arange(5),
            "reference_time": ("pair", ends - pd.Timedelta(days=12)),
            "secondary_time": ("pair", ends),
        },
        attrs={"looks": 18.0},
    )


def test_the_snow_free_season_is_may_to_september_inclusive(coherence):
    season = insar.in_months(coherence, range(5, 10))
    np.testing.assert_array_equal(season.pair, [0, 2, 3])
    np.testing.assert_array_equal(season, coherence[[0, 2, 3]])
    assert season.attrs == {"looks": 18.0, "months": [5, 6, 7, 8, 9]}
    assert coherence.attrs == {"looks": 18.0}


def test_tables_and_ledgers_too(coherence):
    ledger = xr.Dataset({"keep": ("pair", [True] * 5)}, coords=coherence.coords)
    assert insar.in_months(ledger, [10]).keep.sizes == {"pair": 1}
    table = coherence.drop_vars([]).coords.to_dataset()
    assert dict(insar.in_months(table, [4, 5]).sizes) == {"pair": 2}


def test_it_is_lazy_and_blind_to_chunks(coherence):
    whole = insar.in_months(coherence, [5, 9])
    for chunks in ({"pair": 1}, {"pair": 5, "y": 1}):
        with nothing_computes():
            lazy = insar.in_months(coherence.chunk(chunks), [5, 9])
        assert lazy.chunks is not None
        xr.testing.assert_identical(lazy.compute(), whole)


def test_an_unknown_date_is_of_no_month(coherence):
    times = coherence.secondary_time.values.copy()
    times[2] = np.datetime64("NaT")
    unknown = coherence.assign_coords(secondary_time=("pair", times))
    np.testing.assert_array_equal(insar.in_months(unknown, range(1, 13)).pair, [0, 1, 3, 4])


def test_errors(coherence):
    with pytest.raises(ValueError, match=r"no pair that ends in months=\[1\].*\[4, 5, 9, 10\]"):
        insar.in_months(coherence, [1])
    with pytest.raises(ValueError, match=r"1 to 12, got \[13\]; range\(5, 10\)"):
        insar.in_months(coherence, [13])
    with pytest.raises(ValueError, match=r"got \[\]; range\(5, 10\)"):
        insar.in_months(coherence, [])
    with pytest.raises(ValueError, match=r"assign_coords\(secondary_time="):
        insar.in_months(coherence.drop_vars("secondary_time"), [5])
