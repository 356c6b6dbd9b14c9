"""Rasters beside the radar series of the mine: elevation models, indices, displacement."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.fields import Floats, box_mean, gaussian_field, stream
from minewatch.simulate.pit_ground import (
    PATCHES,
    PIT_GROUND,
    PitGround,
    paint,
    pit_coords,
    pit_elevation,
)
from minewatch.simulate.pit_series import SLC_SPACING, SURVEYS, PitSeries

__all__ = ["INCIDENCE", "elevation_layers", "index_layers", "mean_backscatter", "survey_pairs"]

INCIDENCE = 39.0
"""Degrees from the vertical at which the radar looks down."""

SURVEY_SPACING = (5.0, 5.0)
LOWERING = {"A1": 5.5, "A2": 6.7, "A3": 2.8}  # m, where worked in every pair between the surveys
SURVEY_NOISE = 0.2  # m, standard deviation of one elevation model
SURVEY_BIAS = 0.3  # m by which the second model lies too high everywhere
DISPLACEMENT_NOISE = 0.02  # m
NDVI = {
    "rock": 0.12,
    "forest": 0.80,
    "lake": -0.15,
    "pit": 0.06,
    "dump": 0.10,
    "quarry": 0.09,
    "tailings": 0.22,
}
MNDWI = {
    "rock": -0.28,
    "forest": -0.45,
    "lake": 0.55,
    "pit": -0.24,
    "dump": -0.26,
    "quarry": -0.27,
    "tailings": -0.20,
}
INDEX_NOISE = 0.02

DEM = Layer("elevation", "elevation", units="m")
BEFORE = Layer("dsm_before", "surface elevation before", units="m")
AFTER = Layer("dsm_after", "surface elevation after", units="m")
CHANGE = Layer("elevation_change", "change of elevation (truth)", units="m")
DISPLACEMENT = Layer("displacement", "displacement towards the radar", units="m")
BACKSCATTER = Layer("sigma0", "mean backscatter, VV")


def survey_pairs(series: PitSeries) -> npt.NDArray[np.bool_]:
    """Pairs whose both images lie between the two elevation models.

    Parameters
    ----------
    series : PitSeries
        Images and truth.

    Returns
    -------
    numpy.ndarray
        (pair) bool.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> from minewatch.simulate.pit_series import observe_pit
    >>> int(survey_pairs(observe_pit(lay_pit(96, seed=1), (2021, 2022), seed=1)).sum())
    7
    """
    before, after = _surveys(series)
    pairs = series.patch_active
    between: npt.NDArray[np.bool_] = (pairs.reference_time.values >= before) & (
        pairs.secondary_time.values <= after
    )
    return between


def elevation_layers(ground: PitGround, series: PitSeries, seed: int) -> dict[str, xr.DataArray]:
    """Elevation, two surface models with what was dug between them, and displacement.

    Ground sinks in proportion to the share of pairs in which its patch was worked between the two
    surveys, by at most 5.5 m (A1), 6.7 m (A2) and 2.8 m (A3). Each model has noise of 0.2 m, the
    second a bias of 0.3 m.

    Parameters
    ----------
    ground : PitGround
        Outlines.
    series : PitSeries
        Images and truth.
    seed : int
        Seed of the site.

    Returns
    -------
    dict of xarray.DataArray
        ``elevation`` and ``displacement`` on the grid of the images; ``dsm_before``,
        ``dsm_after`` and the true ``elevation_change`` on a grid of 5 m.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> from minewatch.simulate.pit_series import observe_pit
    >>> pit = lay_pit(96, seed=1)
    >>> layers = elevation_layers(pit, observe_pit(pit, (2021, 2022), seed=1), seed=1)
    >>> bool(-6.7 <= layers["elevation_change"].min() < -4)
    True
    """
    rng = stream(seed, "open pit", "surveys")
    fine = pit_elevation(ground, seed)
    share = series.patch_active.values[survey_pairs(series)].mean(axis=0)
    deepest = [0.0, *(s * LOWERING.get(z, 0) for s, z in zip(share, PATCHES.values(), strict=True))]
    patch = paint(ground, SURVEY_SPACING)[1]
    texture = np.clip(0.8 + 0.15 * gaussian_field(patch.shape, 8, rng), 0.4, 1)
    change = -np.array(deepest)[patch] * texture
    noise = SURVEY_NOISE * rng.standard_normal((2, *change.shape))
    radar = _rows_mean(change) * np.cos(np.radians(INCIDENCE))
    radar += DISPLACEMENT_NOISE * rng.standard_normal(radar.shape)

    before, after = _surveys(series)
    on_fine, on_slc = (pit_coords(ground.size, step) for step in (SURVEY_SPACING, SLC_SPACING))
    layers = [
        (fine + noise[0], on_fine | {"time": before}, BEFORE),
        (fine + change + SURVEY_BIAS + noise[1], on_fine | {"time": after}, AFTER),
        (change, on_fine, CHANGE),
        (_rows_mean(fine), on_slc, DEM),
        (radar, on_slc, DISPLACEMENT),
    ]
    maps = {
        layer.name: conform(xr.DataArray(values, dims=("y", "x"), coords=coords), layer)
        for values, coords, layer in layers
    }
    maps["displacement"].attrs["incidence"] = INCIDENCE
    return maps


def index_layers(series: PitSeries, seed: int) -> dict[str, xr.DataArray]:
    """Seasonal medians of the vegetation and the water index.

    Parameters
    ----------
    series : PitSeries
        Images and truth.
    seed : int
        Seed of the site.

    Returns
    -------
    dict of xarray.DataArray
        ``ndvi`` and ``mndwi``, (y, x) float32.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> from minewatch.simulate.pit_series import observe_pit
    >>> series = observe_pit(lay_pit(96, seed=1), (2022,), seed=1)
    >>> index_layers(series, seed=1)["ndvi"].dtype
    dtype('float32')
    """
    rng = stream(seed, "open pit", "indices")
    codes = series.ground.values
    layers = {}
    for name, medians in (("ndvi", NDVI), ("mndwi", MNDWI)):
        of_code = np.array([0.0, *(medians[key] for key in PIT_GROUND)])
        values = of_code[codes] + INDEX_NOISE * gaussian_field(codes.shape, 2, rng)
        index = series.ground.copy(data=values)
        layers[name] = conform(index, Layer(name, f"{name.upper()}, median of the season"))
    return layers


def mean_backscatter(series: PitSeries) -> xr.DataArray:
    """Mean power of all images, averaged over 3 × 6 pixels.

    Parameters
    ----------
    series : PitSeries
        Images and truth.

    Returns
    -------
    xarray.DataArray
        ``sigma0``, (y, x) float32, linear power.

    Examples
    --------
    >>> from minewatch.simulate.pit_ground import lay_pit
    >>> from minewatch.simulate.pit_series import observe_pit
    >>> bool(mean_backscatter(observe_pit(lay_pit(96, seed=1), (2022,), seed=1)).min() > 0)
    True
    """
    power = np.zeros(series.ground.shape)
    for image in series.slc.values:
        power += image.real.astype(float) ** 2 + image.imag.astype(float) ** 2
    mean = box_mean(power / series.slc.sizes["time"], (3, 6))
    return conform(series.ground.copy(data=mean), BACKSCATTER, polarization="VV")


def _surveys(series: PitSeries) -> list[np.datetime64]:
    """Days of the two elevation models."""
    last = series.slc.indexes["time"][-1].year
    return [np.datetime64(f"{last}-{day}", "ns") for day in SURVEYS]


def _rows_mean(fine: Floats) -> Floats:
    """From rows of 5 m to rows of 10 m."""
    return 0.5 * (fine[::2] + fine[1::2])
