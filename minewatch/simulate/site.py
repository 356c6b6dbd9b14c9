"""The radar site of the simulated world: SLCs over rock, forest, water, a pit and a dump."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.classes import BACKSCATTER_DB, LAND_COVER, SLC_GROUND
from minewatch.simulate.fields import stream
from minewatch.simulate.geographic import utm_coords
from minewatch.simulate.slc import decorrelation, slc_stack

if TYPE_CHECKING:
    from minewatch.simulate.terrain import Ground

__all__ = ["Site", "observe_site"]

FIRST_DATE, DATES, REPEAT_DAYS = "2022-03-05", 14, 12
BANDWIDTH = (0.62, 0.75)
BASELINE_SD = 60.0  # m; drawn within two standard deviations
WEATHER_PAIRS, WEATHER_FACTOR = 2, 0.75
DUMP_SHARE = 0.4  # of the pairs in which the dump is worked
INITIAL_COHERENCE = {"rock": 0.93, "forest": 0.55, "water": 0.0, "pit": 0.93, "dump": 0.93}
TIME_CONSTANT = {"rock": 400.0, "forest": 15.0, "water": 1.0, "pit": 400.0, "dump": 400.0}

GROUND = Layer("slc_ground", "ground of the radar site", dtype="uint8", flags=SLC_GROUND)
TRUTH = Layer("true_coherence", "true coherence")


@dataclass(frozen=True, eq=False)
class Site:
    """The radar site: images and truth.

    Attributes
    ----------
    slc : xarray.DataArray
        (time, y, x) complex64, rows of 10 m, columns of 5 m.
    slc_ground : xarray.DataArray
        (y, x) uint8 codes of the ground.
    true_coherence : xarray.DataArray
        (pair, y, x) float32 of consecutive pairs.
    weather_dropped, dump_active : xarray.DataArray
        (pair) bool.
    """

    slc: xr.DataArray
    slc_ground: xr.DataArray
    true_coherence: xr.DataArray
    weather_dropped: xr.DataArray
    dump_active: xr.DataArray


def observe_site(ground: Ground, seed: int) -> Site:
    """Image the radar site on 14 dates, 12 days apart.

    Rock is stable, the pit is worked in every pair, the dump in 5 of 13; two pairs suffer from
    weather as a whole.

    Parameters
    ----------
    ground : Ground
        The laid-out ground.
    seed : int
        Seed of the world.

    Returns
    -------
    Site
        Images and truth.
    """
    rng = stream(seed, "site")
    pairs = DATES - 1
    baseline = np.clip(rng.standard_normal(DATES), -2, 2) * BASELINE_SD
    baseline -= baseline[0]
    weather = np.isin(np.arange(pairs), rng.choice(pairs, WEATHER_PAIRS, replace=False))
    dump = np.isin(np.arange(pairs), rng.choice(pairs, round(DUMP_SHARE * pairs), replace=False))

    codes = ground.site[ground.window].repeat(2, axis=1)
    rows, columns = ground.window
    coords = utm_coords(
        *codes.shape, spacing=(10.0, 5.0), offset=(10.0 * rows.start, 10.0 * columns.start)
    )
    steps = np.arange(DATES) * np.timedelta64(REPEAT_DAYS, "D")
    times = np.datetime64(FIRST_DATE, "ns") + steps.astype("timedelta64[ns]")
    pair_coords = {
        "pair": np.arange(pairs),
        "reference_time": ("pair", times[:-1]),
        "secondary_time": ("pair", times[1:]),
        "temporal_baseline": ("pair", np.full(pairs, float(REPEAT_DAYS)), {"units": "days"}),
        "perpendicular_baseline": ("pair", np.diff(baseline), {"units": "m"}),
    }
    active = np.zeros((pairs, *codes.shape))
    active[:, codes == SLC_GROUND["pit"]] = 1
    active[:, codes == SLC_GROUND["dump"]] = dump[:, None]

    def by_ground(values: dict[str, float]) -> np.ndarray:
        return np.array([0.0, *(values[name] for name in SLC_GROUND)])[codes]

    true = decorrelation(
        np.full((pairs, 1, 1), float(REPEAT_DAYS)),
        initial=by_ground(INITIAL_COHERENCE),
        time_constant=by_ground(TIME_CONSTANT | {"water": 1.0}) + (codes == 0),
        perpendicular_baseline=np.diff(baseline)[:, None, None],
        weather=np.where(weather, WEATHER_FACTOR, 1.0)[:, None, None],
        active=active,
    )
    truth = xr.DataArray(true, dims=("pair", "y", "x"), coords=pair_coords | coords)
    slc = slc_stack(
        truth,
        power=xr.DataArray(_power(ground)),
        bandwidth=BANDWIDTH,
        perpendicular_baseline=baseline,
        seed=stream(seed, "slc"),
    )
    flags = {"units": "1"}
    return Site(
        slc=slc,
        slc_ground=conform(xr.DataArray(codes, dims=("y", "x"), coords=coords), GROUND),
        true_coherence=conform(truth, TRUTH),
        weather_dropped=xr.DataArray(
            weather,
            dims="pair",
            coords=pair_coords,
            name="weather_dropped",
            attrs={"long_name": "pair spoilt by weather (truth)"} | flags,
        ),
        dump_active=xr.DataArray(
            dump,
            dims="pair",
            coords=pair_coords,
            name="dump_active",
            attrs={"long_name": "dump worked in this pair (truth)"} | flags,
        ),
    )


def _power(ground: Ground) -> np.ndarray:
    """Class median of vv, on the grid of the site."""
    decibel = np.array([0.0, *(BACKSCATTER_DB[name][0] for name in LAND_COVER)])
    power: np.ndarray = 10 ** (decibel[ground.cover[ground.window]] / 10)
    return power.repeat(2, axis=1)
