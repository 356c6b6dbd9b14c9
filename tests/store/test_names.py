"""Names along a dim survive a store that holds numbers only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch.store import append, open_cube, to_zarr
from minewatch.store.names import codes_as_names, names_as_codes


def cube(names: object, dates: int = 2) -> xr.DataArray:
    shape = (len(names), dates, 3, 4)
    times = np.datetime64("2024-01-01", "ns") + np.arange(dates) * np.timedelta64(12, "D")
    coords = {"channel": names, "time": times}
    values = np.arange(np.prod(shape), dtype="f4").reshape(shape)
    return xr.DataArray(values, coords, ("channel", "time", "y", "x"), "channels")


@pytest.mark.parametrize("names", [["vv", "vh", "pa"], np.array(["σ0", "b"], object), ["one"]])
def test_names_come_back(names, tmp_path: Path) -> None:
    stored = to_zarr(cube(names).assign_attrs(units="dB"), tmp_path / "scene.zarr")
    npt.assert_array_equal(stored.channel, np.asarray(names, str))
    assert stored.sel(channel=str(names[-1])).identical(stored.isel(channel=-1))
    assert stored.channel.attrs == {}
    again = to_zarr(stored, tmp_path / "again.zarr")
    assert again.compute().identical(stored.compute())


def test_dates_can_be_added(tmp_path: Path) -> None:
    first = cube(["vv", "vh"])
    to_zarr(first, tmp_path / "scene.zarr")
    later = first.assign_coords(time=first.time + np.timedelta64(99, "D"))
    longer = append(later, tmp_path / "scene.zarr", dim="time").channels
    npt.assert_array_equal(longer, xr.concat([first, later], "time"))
    npt.assert_array_equal(longer.channel, ["vv", "vh"])


@pytest.mark.parametrize("names", [["vv", "vv"], ["vv", "co pol"], ["vv", ""], ["vv", " vh"]])
def test_names_that_cannot_be_told_apart_are_refused(names, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="text"):
        to_zarr(cube(names), tmp_path / "scene.zarr")


def test_codes_of_others_stay_codes(tmp_path: Path) -> None:
    """Classes have flag meanings of their own, and are numbers."""
    known = cube([0, 3]).rename(channel="class")
    known["class"].attrs = {"flag_values": [0, 3], "flag_meanings": "other mine"}
    to_zarr(known, tmp_path / "proba.zarr")
    stored = open_cube(tmp_path / "proba.zarr", name="channels")
    assert stored.compute().identical(known)
    plain = xr.Dataset(coords={"channel": ["vv", "vh"]})
    coded = names_as_codes(plain)
    assert coded.channel.dtype == np.int32
    assert codes_as_names(coded).identical(plain)
