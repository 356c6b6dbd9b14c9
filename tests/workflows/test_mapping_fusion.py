"""Radar composites that must be known whole are filled as other stores are."""

from __future__ import annotations

import json
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from numpy import testing as npt

from minewatch.store import filling
from minewatch.workflows.mapping_fusion import kept

ROWS = 2048


def radars(refused: dict[int, int]) -> dict[str, xr.Dataset]:
    """Two strips of one radar, each refused so many times; and an optical image."""

    def block(block_info: dict | None = None) -> np.ndarray:
        assert block_info is not None
        low = block_info[None]["array-location"][0][0]
        if refused.get(low, 0) > 0:
            refused[low] -= 1
            message = "HTTP 503"
            raise OSError(message)
        return np.full(block_info[None]["chunk-shape"], low, "f4")

    lazy = da.map_blocks(
        block, chunks=((ROWS // 2,) * 2, (3,)), dtype="f4", meta=np.empty((0, 0), "f4")
    )
    vv = xr.DataArray(lazy, dims=("y", "x"))
    optical = xr.Dataset({"red": (("y", "x"), np.ones((ROWS, 3), "f4"))})
    return {"sentinel1": xr.Dataset({"vv": vv}), "sentinel2": optical}


def test_radars_that_cannot_be_read_are_tried_again_then_told_and_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "PAUSE", 0.0)
    half = ROWS // 2
    with pytest.raises(RuntimeError, match=r"1 of 2 blocks of radar.zarr are missing .*HTTP 503"):
        kept(radars({0: 1, half: 99}), tmp_path, resume="a")
    stored = kept(radars({0: 99}), tmp_path, resume="a")  # the first strip is not read again
    npt.assert_array_equal(stored["sentinel1"].vv[:, 0], np.repeat([0, half], half))
    assert set(stored) == {"sentinel1", "sentinel2"}
    lines = (tmp_path / "radar.blocks.jsonl").read_text().splitlines()[1:]
    noted = [(line["status"], line["attempts"]) for line in map(json.loads, lines)]
    assert noted == [("done", 2), ("failed", 3), ("done", 4)]
