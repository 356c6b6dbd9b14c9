"""Two processes that add images to one store do not lose each other's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from minewatch import store

ADDS = """
import sys
import dask.array as da
import numpy as np
import xarray as xr
from minewatch import store

def wait(block):
    print("at work", flush=True)
    sys.stdin.readline()
    return block

if __name__ == "__main__":
    image = da.ones((1, 3, 3), chunks=3, dtype="f4")
    later = xr.DataArray(
        image.map_blocks(wait, dtype="f4", meta=np.ones(0, "f4")),
        dims=("time", "y", "x"), name="vv", coords={"time": np.array(["2024-01-13"], "M8[ns]")},
    )
    store.append(later, sys.argv[1], dim="time")
"""


def image(day: str) -> xr.DataArray:
    times = {"time": np.array([day], "M8[ns]")}
    return xr.DataArray(np.ones((1, 3, 3), "f4"), times, ("time", "y", "x"), name="vv")


@pytest.mark.slow
def test_two_processes_do_not_add_to_one_store_at_once(tmp_path):
    path = tmp_path / "vv.zarr"
    store.to_zarr(image("2024-01-01"), path)
    with subprocess.Popen(
        [sys.executable, "-c", ADDS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == b"at work\n"
        with pytest.raises(BlockingIOError, match=r"another run is adding to .*vv.zarr; wait"):
            store.append(image("2024-01-25"), path, dim="time")
        other.stdin.write(b"\n")
        other.stdin.close()
        assert other.wait(60) == 0
    longer = store.append(image("2024-01-25"), path, dim="time")
    days = [str(day)[:10] for day in longer.time.values]
    assert days == ["2024-01-01", "2024-01-13", "2024-01-25"]


def test_nothing_is_laid_beside_what_is_no_store(tmp_path):
    with pytest.raises((FileNotFoundError, ValueError)):
        store.append(image("2024-01-25"), tmp_path / "vv.zarr", dim="time")
    assert not list(tmp_path.iterdir())
