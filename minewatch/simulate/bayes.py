"""A bar for every classifier of the simulated world: Bayes' rule under its own densities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import scipy
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.classes import BANDS, LAND_COVER, NOISE, log_means
from minewatch.simulate.fields import Floats, box_mean
from minewatch.simulate.geographic import geographic_grid
from minewatch.simulate.scenes import COARSE, PALSAR_ARCSEC, PALSAR_LOOKS, SENTINEL1_LOOKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minewatch.simulate.world import World

__all__ = ["best_f1", "mine_probability"]

PROBABILITY = Layer("bayes_probability", "probability of mine (Bayes classifier of the simulator)")
SENSORS = ("sentinel2", "landsat8", "sentinel1", "palsar")
POLARISATIONS = {"vv": "sentinel1", "vh": "sentinel1", "hh": "palsar", "hv": "palsar"}
WINDOW = (7, 7)
HOPELESS = 1e-6  # share of the window below which a group is no hypothesis worth averaging for
GROUPS = (("forest",), ("mine", "bare_soil"), ("sediment_river", "clear_water"), ("young_palm",))
"""Classes that look alike to an optical sensor: radar is averaged over one group at a time."""


def mine_probability(world: World, *, sensors: Sequence[str] = SENSORS) -> xr.DataArray:
    r"""Posterior probability of mine at each pixel, under the densities that made the world.

    What it sees of a pixel: the mean over clear dates of the logarithm of reflectance, in the six
    bands that Sentinel-2 and Landsat 8 share and for each of the two; the logarithm of the mean
    over dates and a 7 × 7 window of the power in vv, vh, hh and hv. Under the hypothesis of class
    k the window counts its pixels by how likely the optical bands make them one of the classes
    that look like k (mine and bare soil; the two waters; forest; palms), so that speckle is
    averaged but forest does not leak into a small pit. Given the class k each is Gaussian about
    the class median, with the variances that the simulator drew from:

    - optical: patch + pixel / (pixels averaged in the sensor's own) + date / (clear dates); the
      two sensors share the patch and the part of the pixels that both hold;
    - radar, n looks in all: median + ψ(n) − ln n, variance of the patch + ψ′(n).

    Priors are the true shares of the classes in the pixel's region. It knows nothing of outlines,
    so that pixels whose window or whose coarse bands straddle two classes are where it errs most;
    there a classifier that has learnt from such pixels may do a little better.

    Parameters
    ----------
    world : World
        The simulated world.
    sensors : sequence of str
        What it may use, of "sentinel2", "landsat8", "sentinel1" and "palsar".

    Returns
    -------
    xarray.DataArray
        ``bayes_probability``, (y, x) float32, 0..1.

    Raises
    ------
    ValueError
        If a sensor is unknown or none is given.

    Examples
    --------
    >>> from minewatch.simulate import mine_world
    >>> world = mine_world(seed=1, size=160)
    >>> truth = (world.land_cover == 2).values
    >>> fused = best_f1(mine_probability(world).values, truth)[0]
    >>> fused > best_f1(mine_probability(world, sensors=["sentinel2"]).values, truth)[0]
    True
    """
    unknown = sorted(set(sensors) - set(SENSORS))
    if unknown or not sensors:
        message = (
            f"mine_probability knows the sensors {SENSORS}, got {tuple(sensors)}; "
            "use one or more of these"
        )
        raise ValueError(message)
    cover = world.land_cover.values
    size = cover.shape[0]
    scores = np.zeros((len(LAND_COVER), *cover.shape))
    for half in (np.s_[:, :size], np.s_[:, size:]):
        counts = np.bincount(cover[half].ravel() - 1, minlength=len(LAND_COVER))
        with np.errstate(divide="ignore"):  # a class that is absent has no chance
            scores[(..., *half)] = np.log(counts / counts.sum())[:, None, None]
    scores += _optical(world, sensors)
    scores += _radar(world, sensors, scipy.special.softmax(scores, axis=0))
    posterior = scipy.special.softmax(scores, axis=0)[LAND_COVER["mine"] - 1]
    return conform(world.land_cover.copy(data=posterior), PROBABILITY, sensors=list(sensors))


def best_f1(probability: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[float, float]:
    """Highest F1 over all thresholds, and the threshold that reaches it.

    Parameters
    ----------
    probability : array of float
        Any shape.
    truth : array of bool
        Same shape.

    Returns
    -------
    f1, threshold : float
        Positive where probability ≥ threshold.

    Examples
    --------
    >>> best_f1([0.9, 0.8, 0.3, 0.1], [True, False, True, False])
    (0.8, 0.3)
    """
    score, positive = np.ravel(probability), np.ravel(truth).astype(bool)
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(positive[order])
    taken = np.arange(1, len(order) + 1)
    f1 = 2 * hits / (taken + positive.sum())
    last = np.append(score[order][1:] != score[order][:-1], True)  # ties fall together
    best = int(np.argmax(np.where(last, f1, -1)))
    return float(f1[best]), float(score[order][best])


def _optical(world: World, sensors: Sequence[str]) -> Floats:
    """Log density of each class in the optical bands, up to a constant."""
    means = log_means()
    total = np.zeros((len(LAND_COVER), *world.land_cover.shape))
    patch, pixel, date = (NOISE[name] ** 2 for name in ("patch", "pixel", "date"))
    for i, band in enumerate(BANDS):
        fine = 2 if band in COARSE else 1
        # Pixels that the sensors' own pixels around one 10 m pixel have in common, on average.
        common = (10 / 6) ** 2 if fine == 2 else 1
        seen, dates = _clear_mean(world, "sentinel2", band, sensors)
        other, others = _clear_mean(world, "landsat8", band, sensors)
        with np.errstate(divide="ignore", invalid="ignore"):
            own = patch + pixel / fine**2 + date / dates
            wide = patch + pixel / 9 + date / others
            slope = np.where(others > 0, (patch + pixel * common / (9 * fine**2)) / wide, 0)
            rest = own - np.where(others > 0, slope**2 * wide, 0)
            for k in range(len(LAND_COVER)):
                far = other - means[k, i]
                near = seen - means[k, i] - np.where(others > 0, slope * far, 0)
                total[k] += np.where(others > 0, _log_normal(far, wide), 0)
                total[k] += np.where(dates > 0, _log_normal(near, rest), 0)
    return total


def _clear_mean(
    world: World, sensor: str, band: str, sensors: Sequence[str]
) -> tuple[Floats, npt.NDArray[np.int64]]:
    series: xr.Dataset = getattr(world, sensor)
    if sensor not in sensors:
        nothing = np.zeros(world.land_cover.shape)
        return nothing, nothing.astype(np.int64)
    hidden = (world.cloud | world.shadow).sel(time=series.time).values
    dates = (~hidden).sum(axis=0)
    logs = np.where(hidden, 0, np.log(series[band].values)).sum(axis=0)
    return logs / np.maximum(dates, 1), dates


def _radar(world: World, sensors: Sequence[str], likely: Floats) -> Floats:
    """Log density of each class in backscatter, up to a constant."""
    means = log_means()[:, len(BANDS) :]
    total = np.zeros((len(LAND_COVER), *world.land_cover.shape))
    # Pixels of 10 m to one of the mosaic, which is the sample that has its own speckle.
    spacing = geographic_grid(*world.land_cover.shape, arcsec=PALSAR_ARCSEC)[0][0] * 111_320
    looks = {
        "sentinel1": SENTINEL1_LOOKS * world.sentinel1.sizes["time"],
        "palsar": PALSAR_LOOKS * 100 / spacing**2,
    }
    for group in GROUPS:
        members = [LAND_COVER[name] - 1 for name in group]
        weight = likely[members].sum(axis=0)
        share = box_mean(weight, WINDOW)
        hope = share > HOPELESS
        share = np.where(hope, share, 1)
        square = np.where(hope, box_mean(weight**2, WINDOW), 1)
        count = share**2 / square * (WINDOW[0] * WINDOW[1])
        for i, (name, sensor) in enumerate(POLARISATIONS.items()):
            if sensor not in sensors:
                continue
            power = getattr(world, sensor)[name].values.mean(axis=0, dtype=float)
            mean = np.where(hope, box_mean(weight * power, WINDOW) / share, power)
            n = count * looks[sensor]
            patch = NOISE["c_band" if sensor == "sentinel1" else "l_band"] * np.log(10) / 10
            value = np.log(mean) - scipy.special.digamma(n) + np.log(n)
            variance = patch**2 + scipy.special.polygamma(1, n)
            for k in members:
                total[k] += _log_normal(value - means[k, i], variance)
    return total


def _log_normal(deviation: Floats, variance: Floats | float) -> Floats:
    density: Floats = -0.5 * (deviation**2 / variance + np.log(variance))
    return density
