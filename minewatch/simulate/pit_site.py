"""A simulated open-pit mine in the boreal forest: five seasons of radar and every truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.pit_ground import PATCHES, PIT_ZONES, lay_pit
from minewatch.simulate.pit_layers import elevation_layers, index_layers, mean_backscatter
from minewatch.simulate.pit_series import PitSeries, observe_pit
from minewatch.simulate.pit_tables import (
    annual_shares,
    emission_factors,
    mine_inventory,
    production_history,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

__all__ = ["OpenPit", "open_pit"]

SMALLEST_SIZE = 96
"""Rows below which patches would be narrower than a coherence window."""

SHARE = Layer("activity_share", "share of pairs in which the ground was worked (truth)")


@dataclass(frozen=True, eq=False, repr=False)
class OpenPit:
    """A simulated open-pit mine: images, maps, tables and truth.

    Images lie on rows of 10 m (azimuth) and columns of 5 m (range) of UTM zone 35 north. Work
    replaces 90 % of the scatterers of an active zone; on a stable zone a few vehicles replace 35 %
    in one or two pairs of the last season.

    Attributes
    ----------
    seed, size : int
        What made it; size is the number of rows, there are twice as many columns.
    years : tuple of int
        Seasons.
    slc : xarray.DataArray
        (time, y, x) complex64 with coordinate ``perpendicular_baseline``.
    ground : xarray.DataArray
        (y, x) uint8 with CF flags: rock (stable), forest, lake, pit, dump, quarry, tailings.
    patch : xarray.DataArray
        (y, x) uint8 with CF flags: zones, A2 and A3 in three parts with calendars of their own.
    true_coherence : xarray.DataArray
        (pair, y, x) float32 of the consecutive pairs within seasons.
    weather_dropped : xarray.DataArray
        (pair) bool: pairs spoilt by weather, coherence times 0.75.
    patch_active : xarray.DataArray
        (pair, patch) bool: patch worked in this pair; coordinate ``zone`` along patch.
    active : xarray.DataArray
        (pair, zone) bool: some part of the zone worked in this pair.
    activity_share : xarray.DataArray
        (y, x) float32: share of all pairs in which the pixel was worked.
    annual_activity_share : xarray.DataArray
        (year, y, x) float32: the same for each year.
    zones : geopandas.GeoDataFrame
        ``name``, ``kind`` (active or stable), ``area_ha``, ``outside_concession_share``, geometry.
    concession : geopandas.GeoDataFrame
        One rectangle, the east of A3 outside.
    elevation : xarray.DataArray
        Metres, on the grid of the images.
    dsm_before, dsm_after : xarray.DataArray
        Surface models of 6 June and 6 September of the last year, metres, on a grid of 5 m, with
        noise of 0.2 m; the second lies 0.3 m too high. Coordinate ``time`` is the day.
    elevation_change : xarray.DataArray
        True change between them, metres.
    displacement : xarray.DataArray
        True change in the line of sight (39° from the vertical, towards the radar positive) with
        noise of 0.02 m, metres, on the grid of the images.
    ndvi, mndwi, sigma0 : xarray.DataArray
        Seasonal medians of the indices and mean VV power, on the grid of the images.
    production : pandas.DataFrame
        ``mine``, ``year``, ``area_m2`` (true), ``production_t`` (true), ``reported``.
    inventory : pandas.DataFrame
        Twelve mines: ``mine``, ``country``, ``region``, ``year``, ``area_m2``, ``production_t``,
        ``reported``.
    factors : pandas.DataFrame
        ``level``, ``key``, ``factor_tco2e_per_t``, ``std``.
    """

    seed: int
    size: int
    years: tuple[int, ...]
    slc: xr.DataArray
    ground: xr.DataArray
    patch: xr.DataArray
    true_coherence: xr.DataArray
    weather_dropped: xr.DataArray
    patch_active: xr.DataArray
    active: xr.DataArray
    activity_share: xr.DataArray
    annual_activity_share: xr.DataArray
    zones: gpd.GeoDataFrame
    concession: gpd.GeoDataFrame
    elevation: xr.DataArray
    dsm_before: xr.DataArray
    dsm_after: xr.DataArray
    elevation_change: xr.DataArray
    displacement: xr.DataArray
    ndvi: xr.DataArray
    mndwi: xr.DataArray
    sigma0: xr.DataArray
    production: pd.DataFrame
    inventory: pd.DataFrame
    factors: pd.DataFrame

    def __repr__(self) -> str:
        """Name what made it; the layers speak for themselves."""
        return f"OpenPit(seed={self.seed}, size={self.size}, years={self.years})"


def open_pit(
    seed: int = 42, size: int = 240, *, years: Sequence[int] = (2018, 2019, 2020, 2021, 2022)
) -> OpenPit:
    """Simulate an open-pit mine with forest, a lake, dumps and tailings, every truth known.

    Images are taken every 12 days from mid-May to mid-September, one is missing in each season;
    five seasons from 2018 give 48 images and 43 consecutive pairs. Pit A1 is worked always, the
    dump A2 more in some years than in others, the quarry A3 each part in one year of five; zones
    S1 and S2 are stable. In the last three years all eight combinations of years occur.

    Parameters
    ----------
    seed : int
        Decides everything. Parts draw from streams of their own.
    size : int
        Rows of 10 m; the site is a square and everything in it scales.
    years : sequence of int
        Seasons, in order, at least one.

    Returns
    -------
    OpenPit
        Images, maps, tables and truth.

    Raises
    ------
    ValueError
        If `size` is too small to hold patches wider than a coherence window, or `years` are
        not in order.

    See Also
    --------
    write_open_pit : the same site as files.
    mine_world : a tropical district seen by optical sensors, too.

    Examples
    --------
    >>> pit = open_pit(seed=1, size=96)
    >>> dict(pit.slc.sizes), pit.true_coherence.sizes["pair"]
    ({'time': 48, 'y': 96, 'x': 192}, 43)
    >>> pit.zones.name.tolist()
    ['A1', 'A2', 'A3', 'S1', 'S2']
    """
    if size < SMALLEST_SIZE:
        message = f"open_pit needs size ≥ {SMALLEST_SIZE}, got {size}; use size=96 for tests"
        raise ValueError(message)
    seasons = tuple(int(year) for year in years)
    if not seasons or list(seasons) != sorted(set(seasons)):
        message = f"open_pit needs years in order, got {seasons}; use e.g. years=(2021, 2022)"
        raise ValueError(message)
    outlines = lay_pit(size, seed)
    series = observe_pit(outlines, seasons, seed)
    history = production_history(series, seed)
    layers = elevation_layers(outlines, series, seed) | index_layers(series, seed)
    return OpenPit(
        seed=seed,
        size=size,
        years=seasons,
        slc=series.slc,
        ground=series.ground,
        patch=series.patch,
        true_coherence=series.true_coherence,
        weather_dropped=series.weather_dropped,
        patch_active=series.patch_active,
        active=_by_zone(series.patch_active),
        activity_share=_share(series),
        annual_activity_share=_annual_share(series),
        zones=outlines.zones,
        concession=outlines.concession,
        sigma0=mean_backscatter(series),
        production=history,
        inventory=mine_inventory(history, seed),
        factors=emission_factors(),
        **layers,
    )


def _by_zone(patch_active: xr.DataArray) -> xr.DataArray:
    owner = np.array(list(PATCHES.values()))
    parts = [patch_active.values[:, owner == zone].any(axis=1) for zone in PIT_ZONES]
    coords = {name: coord for name, coord in patch_active.coords.items() if coord.dims == ("pair",)}
    return xr.DataArray(
        np.stack(parts, axis=1),
        dims=("pair", "zone"),
        coords=coords | {"zone": list(PIT_ZONES)},
        name="active",
        attrs={"long_name": "zone worked in this pair (truth)", "units": "1"},
    )


def _share(series: PitSeries) -> xr.DataArray:
    share = np.concatenate([[0.0], series.patch_active.values.mean(axis=0)])
    return conform(series.patch.copy(data=share[series.patch.values]), SHARE)


def _annual_share(series: PitSeries) -> xr.DataArray:
    shares = annual_shares(series)
    of_patch = np.pad(shares.to_numpy(), ((0, 0), (1, 0)))
    values = xr.DataArray(
        of_patch[:, series.patch.values],
        dims=("year", "y", "x"),
        coords={"year": shares.index.to_numpy(), **series.patch.coords},
    )
    return conform(values, SHARE)
