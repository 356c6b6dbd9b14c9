"""Five seasons of radar over a simulated open-pit mine: dates, work, weather, coherence, images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.fields import Floats, stream
from minewatch.simulate.pit_ground import (
    PATCHES,
    PIT_GROUND,
    PIT_ZONES,
    PitGround,
    paint,
    pit_coords,
)
from minewatch.simulate.slc import decorrelation, slc_stack

__all__ = ["PitSeries", "SLC_SPACING", "acquisition_dates", "observe_pit"]

SLC_SPACING = (10.0, 5.0)
"""Metres between rows (azimuth) and columns (range)."""

PASS = np.datetime64("2022-06-24", "D")  # a pass of the satellite; others every 12 days
REPEAT_DAYS = 12
SEASON = ("05-12", "09-14")  # first and last day of images
SURVEYS = ("06-06", "09-06")  # days of the two elevation models in the last season

# Share of a year's pairs in which each patch is worked, over five years, the last one last.
RATES = {
    "A1": (1.0, 1.0, 1.0, 1.0, 1.0),
    "A2 north": (0.9, 0.9, 0.9, 0.9, 0.15),
    "A2 middle": (0.15, 0.9, 0.1, 0.85, 0.9),
    "A2 south": (0.85, 0.15, 0.85, 0.1, 0.9),
    "A3 west": (0.0, 0.1, 0.9, 0.0, 0.0),
    "A3 middle": (0.1, 0.0, 0.0, 0.9, 0.1),
    "A3 east": (0.0, 0.0, 0.1, 0.0, 0.9),
}
RARE = {"S1": 1, "S2": 2}  # pairs of the last season in which stable zones are driven over
RESURFACED = {"A": 0.9, "S": 0.35}  # share of scatterers that work replaces

INITIAL_COHERENCE = {"forest": 0.55, "lake": 0.0}  # else bare ground
TIME_CONSTANT = {"forest": 15.0, "lake": 1.0}  # days; else bare ground
BARE = (0.95, 600.0)
BASELINE_SD = 60.0  # m, of each orbit; drawn within two standard deviations
LONG_BASELINE = 150.0  # m; at least one pair is longer
CRITICAL_BASELINE = 3500.0  # m; shorter than Sentinel-1's, so that few pairs show the effect
WEATHER_SHARE, WEATHER_FACTOR = 0.09, 0.75
DAMP = 0.05  # the most that ordinary weather takes from a pair
BANDWIDTH = (0.62, 0.75)
BACKSCATTER_DB = {
    "rock": -10.5,
    "forest": -8.0,
    "lake": -21.0,
    "pit": -9.0,
    "dump": -11.0,
    "quarry": -10.0,
    "tailings": -13.0,
}

TRUTH = Layer("true_coherence", "true coherence")
GROUND = Layer("ground", "ground of the open-pit site", dtype="uint8", flags=PIT_GROUND)
PATCH = Layer(
    "patch",
    "patch worked by its own calendar",
    dtype="uint8",
    flags={"none": 0} | {name.replace(" ", "_"): i for i, name in enumerate(PATCHES, start=1)},
)

Bools = npt.NDArray[np.bool_]
Dates = npt.NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class PitSeries:
    """Images of the mine and what happened on the ground.

    Attributes
    ----------
    slc : xarray.DataArray
        (time, y, x) complex64.
    ground, patch : xarray.DataArray
        (y, x) uint8 codes.
    true_coherence : xarray.DataArray
        (pair, y, x) float32.
    patch_active : xarray.DataArray
        (pair, patch) bool.
    weather_dropped : xarray.DataArray
        (pair) bool.
    """

    slc: xr.DataArray
    ground: xr.DataArray
    patch: xr.DataArray
    true_coherence: xr.DataArray
    patch_active: xr.DataArray
    weather_dropped: xr.DataArray


def acquisition_dates(years: tuple[int, ...], seed: int) -> Dates:
    """Dates of images: every 12 days from 12 May to 14 September, but one missing a season.

    The missing date is never the first or last of its season and, in the last season, lies before
    the first elevation model.

    Parameters
    ----------
    years : tuple of int
        Seasons, in order.
    seed : int
        Seed of the site.

    Returns
    -------
    numpy.ndarray
        (time) datetime64[ns]; 48 for 2018 to 2022, which is 43 pairs.

    Examples
    --------
    >>> len(acquisition_dates((2018, 2019, 2020, 2021, 2022), seed=42))
    48
    """
    rng = stream(seed, "open pit", "dates")
    kept = []
    for year in years:
        first, last = (np.datetime64(f"{year}-{day}") for day in SEASON)
        days = np.arange(first, last + 1)
        dates = days[(days - PASS).astype(int) % REPEAT_DAYS == 0]
        free = np.arange(1, len(dates) - 1)
        if year == years[-1]:
            free = free[dates[1:-1] < np.datetime64(f"{year}-{SURVEYS[0]}")]
        kept.append(np.delete(dates, rng.choice(free)))
    return np.concatenate(kept).astype("datetime64[ns]")


def observe_pit(ground: PitGround, years: tuple[int, ...], seed: int) -> PitSeries:
    """Image the mine in every season.

    Between seasons snow and half a year pass: only bare ground that nobody works keeps coherence.

    Parameters
    ----------
    ground : PitGround
        Outlines.
    years : tuple of int
        Seasons, in order.
    seed : int
        Seed of the site.

    Returns
    -------
    PitSeries
        Images and truth.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> dict(observe_pit(lay_pit(96, seed=1), (2021, 2022), seed=1).slc.sizes)
    {'time': 19, 'y': 96, 'x': 192}
    """
    times = acquisition_dates(years, seed)
    season = times.astype("datetime64[Y]").astype(int) + 1970
    inside = season[1:] == season[:-1]  # steps from image to image within a season
    days = np.diff(times) / np.timedelta64(1, "D")
    baseline = _orbits(inside, seed)
    spoilt, weather = _weather(inside, seed)
    worked = _calendar(np.where(inside, season[1:], 0), spoilt, years, seed)

    codes, patch = paint(ground, SLC_SPACING)
    coords = pit_coords(ground.size, SLC_SPACING)
    resurfaced = np.array([0.0, *(RESURFACED[zone[0]] for zone in PATCHES.values())])
    never = np.zeros((len(worked), 1), bool)
    active = np.concatenate([never, worked], axis=1)[:, patch]

    def by_ground(values: dict[str, float], bare: float) -> Floats:
        return np.array([bare, *(values.get(name, bare) for name in PIT_GROUND)])[codes]

    true = decorrelation(
        days[:, None, None],
        initial=by_ground(INITIAL_COHERENCE, BARE[0]),
        time_constant=by_ground(TIME_CONSTANT, BARE[1]),
        perpendicular_baseline=np.diff(baseline)[:, None, None],
        critical_baseline=CRITICAL_BASELINE,
        weather=weather[:, None, None],
        active=active * resurfaced[patch],
        resurfaced=1.0,
    )
    step_coords = {
        "reference_time": ("pair", times[:-1]),
        "secondary_time": ("pair", times[1:]),
        "temporal_baseline": ("pair", days, {"units": "days"}),
        "perpendicular_baseline": ("pair", np.diff(baseline), {"units": "m"}),
    }
    steps = xr.DataArray(true, dims=("pair", "y", "x"), coords=step_coords | coords)
    decibel = np.array([0.0, *(BACKSCATTER_DB[name] for name in PIT_GROUND)])[codes]
    slc = slc_stack(
        steps,
        power=xr.DataArray(10 ** (decibel / 10)),
        bandwidth=BANDWIDTH,
        perpendicular_baseline=baseline,
        seed=stream(seed, "open pit", "slc"),
    )
    pairs = steps.isel(pair=inside).assign_coords(pair=np.arange(inside.sum()))
    of_pairs = {name: pairs.coords[name] for name in ("pair", *step_coords)}
    names = {"patch": list(PATCHES), "zone": ("patch", list(PATCHES.values()))}
    return PitSeries(
        slc=slc,
        ground=_layer(codes, coords, GROUND),
        patch=_layer(patch, coords, PATCH),
        true_coherence=conform(pairs, TRUTH),
        patch_active=_flags(
            worked[inside], "patch_active", "patch worked in this pair (truth)", of_pairs | names
        ),
        weather_dropped=_flags(
            spoilt[inside], "weather_dropped", "pair spoilt by weather (truth)", of_pairs
        ),
    )


def _orbits(inside: Bools, seed: int) -> Floats:
    """Perpendicular baseline of each date, metres from the first; some pair is long, none too long.

    Two orbits within two standard deviations are at most 240 m apart.
    """
    rng = stream(seed, "open pit", "orbits")
    while True:
        baseline: Floats = np.clip(rng.standard_normal(len(inside) + 1), -2, 2) * BASELINE_SD
        if abs(np.diff(baseline)[inside]).max() > LONG_BASELINE:
            baseline -= baseline[0]
            return baseline


def _weather(inside: Bools, seed: int) -> tuple[Bools, Floats]:
    """Which steps are spoilt, and the factor of each step."""
    rng = stream(seed, "open pit", "weather")
    choice = rng.choice(
        np.flatnonzero(inside), max(1, round(WEATHER_SHARE * inside.sum())), replace=False
    )
    spoilt = np.isin(np.arange(len(inside)), choice)
    factor: Floats = 1 - DAMP * rng.beta(1, 2, len(inside))
    factor[spoilt] = WEATHER_FACTOR
    return spoilt, factor


def _calendar(
    season: npt.NDArray[np.int64], spoilt: Bools, years: tuple[int, ...], seed: int
) -> Bools:
    """In which steps each patch is worked, (step, patch); the year's share is met exactly."""
    rng = stream(seed, "open pit", "work")
    worked = np.zeros((len(season), len(PATCHES)), bool)
    for column, name in enumerate(PATCHES):
        for i, year in enumerate(years):
            steps = np.flatnonzero(season == year)
            if name in RARE:
                steps = steps[~spoilt[steps]]
                count = RARE[name] * (year == years[-1])
            else:
                count = round(RATES[name][(i - len(years)) % 5] * len(steps))
            worked[rng.choice(steps, count, replace=False), column] = True
        if PIT_ZONES[PATCHES[name]] == "pit":
            worked[:, column] = True  # through the winter, too
    return worked


def _layer(codes: npt.NDArray[np.uint8], coords: dict[str, Any], layer: Layer) -> xr.DataArray:
    return conform(xr.DataArray(codes, dims=("y", "x"), coords=coords), layer)


def _flags(values: Bools, name: str, long_name: str, coords: dict[str, Any]) -> xr.DataArray:
    dims = ("pair", "patch")[: values.ndim]
    attrs = {"long_name": long_name, "units": "1"}
    return xr.DataArray(values, dims=dims, coords=coords, name=name, attrs=attrs)
