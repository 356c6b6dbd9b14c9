"""Clouds by their colour: bright, white, moist, and not snow."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import NO_CLASS, Layer, conform, require

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["cloud", "cloud_score", "pick_bands"]

SCORE = Layer("cloud_score", "spectral cloud score")
CLOUD = Layer("cloud", "cloud", dtype="uint8", flags={"clear": 0, "cloud": 1})

BRIGHT_BLUE = (0.1, 0.5)
BRIGHT_VISIBLE = (0.2, 0.8)
MOIST = (-0.1, 0.1)
SNOW_FREE = (0.8, 0.6)
"""Where each ramp is 0 and 1, as in the Sentinel-2 score of the geeViz toolbox."""


def cloud_score(reflectance: xr.Dataset) -> xr.DataArray:
    r"""How much a pixel looks like cloud, 0 to 1, from bands that every L2A scene has.

    The smallest of four ramps, each from 0 to 1 and held there, so that all must agree:

    - clouds are bright in the blue, ρ from 0.1 to 0.5,
    - and in all visible bands, blue + green + red from 0.2 to 0.8;
    - they are moist, (nir − swir16)/(nir + swir16) from −0.1 to 0.1, which bare soil, rock and
      most mines are not;
    - they are not snow, (green − swir16)/(green + swir16) from 0.8 down to 0.6.

    The score for top-of-atmosphere scenes has two more ramps on the aerosol and cirrus bands,
    which L2A lacks: thin cirrus is not found. White tailings, salt and roofs that are wet may
    pass; over them a mask by date is safer.

    Parameters
    ----------
    reflectance : xarray.Dataset
        Bands ``blue``, ``green``, ``red``, ``nir`` and ``swir16``, 0 to 1, any dims.

    Returns
    -------
    xarray.DataArray
        ``cloud_score``, float32; NaN where a band is missing or a denominator is 0.

    Raises
    ------
    KeyError
        If a band is missing.

    See Also
    --------
    cloud : the mask.
    sentinel2_clear, landsat_clear : by the quality bands that come with the scenes.

    References
    ----------
    Schmitt, Hughes, Qiu & Zhu (2019), Aggregating cloud-free Sentinel-2 images with Google Earth
    Engine, ISPRS Annals IV-2/W7, doi:10.5194/isprs-annals-IV-2-W7-145-2019

    Examples
    --------
    >>> cloudy = {"blue": 0.5, "green": 0.5, "red": 0.5, "nir": 0.6, "swir16": 0.4}
    >>> forest = {"blue": 0.02, "green": 0.04, "red": 0.03, "nir": 0.3, "swir16": 0.15}
    >>> [float(cloud_score(xr.Dataset(pixel))) for pixel in (cloudy, forest)]
    [1.0, 0.0]
    """
    needed = ("blue", "green", "red", "nir", "swir16")
    blue, green, red, nir, swir = pick_bands(reflectance, needed, by="cloud_score")
    ramps = (
        _ramp(blue, BRIGHT_BLUE),
        _ramp(blue + green + red, BRIGHT_VISIBLE),
        _ramp(_difference(nir, swir), MOIST),
        _ramp(_difference(green, swir), SNOW_FREE),
    )
    return conform(functools.reduce(_lower, ramps), SCORE)


def cloud(score: xr.DataArray, *, threshold: float = 0.2) -> xr.DataArray:
    """Clouds, where a score or a probability is above a threshold.

    Parameters
    ----------
    score : xarray.DataArray
        :func:`cloud_score`, or a cloud probability 0 to 1, any dims.
    threshold : float
        Above it is cloud. 0.2 is usual for the score; 0.4 for probabilities of s2cloudless.

    Returns
    -------
    xarray.DataArray
        ``cloud``, uint8: 0 clear, 1 cloud, 255 unknown.

    See Also
    --------
    grow : clouds have soft edges; 50 to 100 m more are usual.
    cloud_shadow : what they cast.

    Notes
    -----
    On two chips of 512×512 pixels with reference masks (DLR's ukis-csmask, top-of-atmosphere
    reflectance) the score above 0.2 has accuracy 0.93, precision 0.96, recall 0.83 and F1 0.89
    (Landsat 5), and 0.96, 0.85, 0.93 and 0.89 (Sentinel-2). Two chips are no validation.

    Examples
    --------
    >>> cloud(xr.DataArray([0.1, 0.7, np.nan])).values
    array([  0,   1, 255], dtype=uint8)
    """
    require(score, ..., by="cloud", dtype="floating")
    above = (score > threshold).astype("uint8").where(np.isfinite(score), np.uint8(NO_CLASS))
    return conform(above, CLOUD, threshold=float(threshold))


def pick_bands(reflectance: object, names: Sequence[str], *, by: str) -> list[xr.DataArray]:
    """Floating bands of an image, by common name.

    Raises
    ------
    TypeError
        If the image is no Dataset, or a band is not floating.
    KeyError
        If a band is missing.
    """
    if not isinstance(reflectance, xr.Dataset):
        message = (
            f"{by} needs an xarray.Dataset with the bands {', '.join(names)}, got "
            f"{type(reflectance).__name__}; see minewatch.sources.load"
        )
        raise TypeError(message)
    missing = [name for name in names if name not in reflectance.data_vars]
    if missing:
        message = (
            f"{by} needs the bands {', '.join(names)}; it lacks {', '.join(missing)}, and has "
            f"{', '.join(map(str, reflectance.data_vars)) or 'none'}: load or rename them"
        )
        raise KeyError(message)
    bands = [reflectance[name] for name in names]
    for band in bands:
        require(band, ..., by=by, dtype="floating")
    return bands


def _ramp(value: xr.DataArray, ends: tuple[float, float]) -> xr.DataArray:
    low, high = ends
    return ((value - low) / (high - low)).clip(0.0, 1.0)


def _lower(first: xr.DataArray, second: xr.DataArray) -> xr.DataArray:
    """The smaller of two; unknown if either is."""
    return first.where(first < second, second).where(first.notnull())


def _difference(first: Any, second: Any) -> Any:
    total = first + second
    return (first - second) / total.where(total != 0)
