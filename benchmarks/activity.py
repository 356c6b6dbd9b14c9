"""The activity index of many pairs: memory that does not grow with them, and one pair more.

``many_pairs.py`` beside this does the same at full size, by hand.
"""

from __future__ import annotations

import dask
import dask.array as da
import numpy as np
import pandas as pd
import xarray as xr

from minewatch import activity

SIZE = 1024
BLOCK = (8, 512, 512)
PAIRS = [16, 128]
"""The larger cube has 512 MiB, of which two blocks of 8 MiB are needed at a time."""


class ActivityIndex:
    """Counting, on two threads."""

    params = PAIRS
    param_names = ("pairs",)
    timeout = 120
    number = 1
    warmup_time = 0

    def setup(self, pairs: int) -> None:
        # One more than is counted, drawn where it is needed.
        draw = da.random.default_rng(7)
        cube = draw.random((pairs + 1, SIZE, SIZE), dtype="float32", chunks=BLOCK)
        times = pd.date_range("2014-10-03", periods=pairs + 2, freq="12D")
        ends = {"reference_time": ("pair", times[:-1]), "secondary_time": ("pair", times[1:])}
        self.coherence = xr.DataArray(cube, ends, ("pair", "y", "x"))
        self.ledger = xr.Dataset(
            {
                "stable_mean": ("pair", np.full(pairs + 1, 0.87)),
                "keep": ("pair", np.full(pairs + 1, True)),
            },
            ends,
        )
        self.before = self._counted().compute()

    def _counted(self) -> xr.Dataset:
        pairs = {"pair": slice(-1)}
        return activity.tai(self.coherence.isel(pairs), self.ledger.isel(pairs), threshold=0.19)

    def time_activity_index(self, pairs: int) -> None:
        with dask.config.set(scheduler="threads", num_workers=2):
            self._counted().compute()

    def peakmem_activity_index(self, pairs: int) -> None:
        with dask.config.set(scheduler="threads", num_workers=2):
            self._counted().compute()

    def time_one_pair_more(self, pairs: int) -> None:
        new = {"pair": slice(-1, None)}
        with dask.config.set(scheduler="threads", num_workers=2):
            activity.update_tai(
                self.before, self.coherence.isel(new), self.ledger.isel(new)
            ).compute()
