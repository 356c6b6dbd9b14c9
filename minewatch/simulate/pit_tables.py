"""Production of the simulated mine and of others like it, and emission factors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from minewatch.simulate.fields import stream
from minewatch.simulate.pit_series import SLC_SPACING, PitSeries

__all__ = [
    "MINE",
    "TONNES_PER_M2",
    "annual_shares",
    "emission_factors",
    "mine_inventory",
    "production_history",
]

MINE = "Korpivaara"
"""Name of the simulated mine; no real mine bears it."""

TONNES_PER_M2 = 3.3
"""Tonnes of ore for each square metre that was worked in a year."""

WORKED_SHARE = 0.5  # of a year's pairs
PRODUCTION_NOISE = 0.05  # standard deviation of ln production from year to year
INVENTORY_NOISE = 0.15  # standard deviation of ln production from mine to mine
MINES = 12
MEDIAN_AREA, AREA_SPREAD = 9e5, 0.8  # m², standard deviation of ln area
COUNTRIES = ("FIN", "SWE", "NOR")

FACTORS = (
    ("asset", MINE, 0.0185, 0.0020),
    ("asset", "Mine 03", 0.0240, 0.0030),
    ("national", "FIN", 0.0210, 0.0060),
    ("national", "SWE", 0.0160, 0.0045),
    ("regional", "Northern Europe", 0.0195, 0.0085),
)


def annual_shares(series: PitSeries) -> pd.DataFrame:
    """Share of each year's pairs in which each patch was worked.

    Parameters
    ----------
    series : PitSeries
        Images and truth.

    Returns
    -------
    pandas.DataFrame
        A row per year, a column per patch.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> from minewatch.simulate.pit_series import observe_pit
    >>> series = observe_pit(lay_pit(96, seed=1), (2021, 2022), seed=1)
    >>> float(annual_shares(series).loc[2022, "A1"])
    1.0
    """
    active = series.patch_active
    years = pd.Index(active.secondary_time.dt.year.values, name="year")
    table = pd.DataFrame(active.values, index=years, columns=active.patch.values)
    return table.groupby(level="year").mean()


def production_history(series: PitSeries, seed: int) -> pd.DataFrame:
    """Area worked and ore produced in each year, and whether the operator reported it.

    A pixel counts in a year if its patch was worked in at least half of the year's pairs. Each
    square metre gives 3.3 t of ore, times a noise of 5 %. The year before the last has no report.

    Parameters
    ----------
    series : PitSeries
        Images and truth.
    seed : int
        Seed of the site.

    Returns
    -------
    pandas.DataFrame
        Columns ``mine``, ``year``, ``area_m2``, ``production_t`` and ``reported``.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> from minewatch.simulate.pit_series import observe_pit
    >>> series = observe_pit(lay_pit(96, seed=1), (2020, 2021, 2022), seed=1)
    >>> production_history(series, seed=1).reported.tolist()
    [True, False, True]
    """
    rng = stream(seed, "open pit", "production")
    shares = annual_shares(series)
    pixels = np.bincount(series.patch.values.ravel(), minlength=shares.shape[1] + 1)[1:]
    area = (shares.to_numpy() >= WORKED_SHARE) @ pixels * float(np.prod(SLC_SPACING))
    noise = np.exp(PRODUCTION_NOISE * rng.standard_normal(len(area)))
    return pd.DataFrame(
        {
            "mine": MINE,
            "year": shares.index.to_numpy(),
            "area_m2": area,
            "production_t": TONNES_PER_M2 * area * noise,
            "reported": np.arange(len(area)) != len(area) - 2,
        }
    )


def mine_inventory(history: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The simulated mine and eleven others in the last year; the last one did not report.

    Parameters
    ----------
    history : pandas.DataFrame
        Result of :func:`production_history`.
    seed : int
        Seed of the site.

    Returns
    -------
    pandas.DataFrame
        Columns ``mine``, ``country`` (ISO 3166), ``region``, ``year``, ``area_m2``,
        ``production_t`` and ``reported``.

    Examples
    --------
    >>> history = pd.DataFrame(
    ...     {"mine": ["Korpivaara"], "year": [2022], "area_m2": [6e5], "production_t": [2e6]}
    ... )
    >>> len(mine_inventory(history, seed=1))
    12
    """
    rng = stream(seed, "open pit", "inventory")
    last = history.iloc[-1]
    area = MEDIAN_AREA * np.exp(AREA_SPREAD * rng.standard_normal(MINES))
    ore = TONNES_PER_M2 * area * np.exp(INVENTORY_NOISE * rng.standard_normal(MINES))
    area[0], ore[0] = last.area_m2, last.production_t
    return pd.DataFrame(
        {
            "mine": [MINE, *(f"Mine {i:02d}" for i in range(2, MINES + 1))],
            "country": [COUNTRIES[i % len(COUNTRIES)] for i in range(MINES)],
            "region": "Northern Europe",
            "year": int(last.year),
            "area_m2": area,
            "production_t": ore,
            "reported": np.arange(MINES) < MINES - 1,
        }
    )


def emission_factors() -> pd.DataFrame:
    """Emission factors of two mines, two countries and the region.

    Returns
    -------
    pandas.DataFrame
        Columns ``level`` (asset, national or regional), ``key`` (name of the mine, ISO 3166 code
        of the country or name of the region), ``factor_tco2e_per_t`` and ``std``.

    Examples
    --------
    >>> emission_factors().level.tolist()
    ['asset', 'asset', 'national', 'national', 'regional']
    """
    return pd.DataFrame(FACTORS, columns=["level", "key", "factor_tco2e_per_t", "std"])
