"""What an index has counted, written down and read back."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from minewatch.activity.records import pair_record, read_record, record_attrs, spelled
from minewatch.conventions import plain_attrs


def pairs_of(dates: pd.DatetimeIndex) -> xr.Dataset:
    return xr.Dataset(
        coords={"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    )


@pytest.mark.parametrize("count", [1, 2, 9])
def test_it_comes_back_as_it_was(count, tmp_path):
    # Acquisitions have times of day, down to the microsecond.
    dates = pd.date_range("2022-05-01T04:31:07.123456", periods=count + 1, freq="12D")
    means = np.linspace(0.8, 0.9, count) + 1e-17
    means[1::4] = np.nan
    record = pair_record(pairs_of(dates), means)
    if count > 2:
        record.iloc[4, record.columns.get_loc("use")] = "superseded"
        record.iloc[4, record.columns.get_loc("stable_mean")] = np.nan
    attrs = plain_attrs(record_attrs(record))
    pd.testing.assert_frame_equal(read_record(xr.Dataset(attrs=attrs), by="t"), record)
    stored = xr.Dataset({"a": 1}, attrs=attrs)
    stored.to_zarr(tmp_path / "a.zarr", consolidated=False)
    with xr.open_zarr(tmp_path / "a.zarr", consolidated=False) as back:
        pd.testing.assert_frame_equal(read_record(back, by="t"), record)
    # Other formats hand a list of one back as its element.
    single = {name: each[0] if len(each) == 1 else each for name, each in attrs.items()}
    pd.testing.assert_frame_equal(read_record(xr.Dataset(attrs=single), by="t"), record)


def test_order_does_not_matter():
    pairs = pairs_of(pd.date_range("2022-05-01", periods=7, freq="12D"))
    means = np.linspace(0.8, 0.9, 6)
    order = np.array([3, 1, 5, 0, 2, 4])
    pd.testing.assert_frame_equal(
        pair_record(pairs.isel(pair=order), means[order]), pair_record(pairs, means)
    )


def test_names_of_pairs_are_short():
    pairs = pairs_of(pd.date_range("2022-05-01", periods=5, freq="D"))
    record = pair_record(pairs, np.full(4, 0.9))
    assert spelled(record.index[:1]) == "2022-05-01/2022-05-02"
    assert spelled(record.index).endswith("2022-05-03/2022-05-04, …")


def test_a_pair_twice_is_refused():
    pairs = pairs_of(pd.date_range("2022-05-01", periods=3, freq="D")).isel(pair=[0, 0])
    with pytest.raises(ValueError, match="tai found the pair 2022-05-01/2022-05-02 twice"):
        pair_record(pairs, np.full(2, 0.9))
