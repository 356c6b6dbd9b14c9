"""Shadows by comparison with other dates: the temporal dark outlier mask (TDOM)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import _apply
from minewatch.conventions import NO_CLASS, Layer, conform, require
from minewatch.masks.clouds import pick_bands
from minewatch.masks.growth import disk, spread

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["temporal_dark_outliers"]

BANDS = ("nir", "swir16")
"""What shadow darkens most: near infrared light hardly comes from the sky."""

OUTLIER = Layer(
    "dark_outlier",
    "darker than the ground is on other dates",
    dtype="uint8",
    flags={"usual": 0, "dark": 1},
)


def temporal_dark_outliers(
    reflectance: xr.Dataset,
    *,
    z_score: float = -1.0,
    dark_sum: float = 0.35,
    min_count: int = 5,
    erosion: float = 1.5,
    dilation: float = 3.5,
) -> xr.DataArray:
    r"""Cloud shadows as pixels darker than they are on other dates (TDOM).

    With mean μ and standard deviation σ (of all dates, dividing by n) of each pixel and band over
    time, a pixel is dark on a date where in both bands, near infrared and the first shortwave,

    .. math:: \frac{\rho - \mu}{\sigma} < -1 \qquad \text{and} \qquad
              \rho_{nir} + \rho_{swir16} < 0.35

    Lone pixels are then taken out by an erosion, and the rest is grown. Ground that is always dark,
    as water and coal, is no outlier; ground that turned dark for good, as a pit that
    fills with water, is one on few dates.

    Parameters
    ----------
    reflectance : xarray.Dataset
        Bands ``nir`` and ``swir16``, dims (time, y, x), 0 to 1, **clouds masked as NaN before**:
        a cloud left in makes all other dates look dark.
    z_score : float
        Below it, in both bands, is an outlier.
    dark_sum : float
        The sum of both bands below which a pixel may be shadow.
    min_count : int
        Dates that a pixel needs in each band; with fewer nothing is dark.
    erosion, dilation : float
        Radii of the disks, in pixels: within r of the centre is :math:`dx^2 + dy^2 \le r^2`.
        Unknown neighbours and what lies beyond the edge take no part. 0 leaves a step out.

    Returns
    -------
    xarray.DataArray
        ``dark_outlier``, (time, y, x) uint8: 0 usual, 1 dark, 255 where a band is missing; lazy if
        the bands are. All dates of a chunk in y and x are read together.

    Raises
    ------
    KeyError
        If a band is missing.
    ValueError
        If the dims are others, or a radius is negative.

    See Also
    --------
    cloud_shadow : from one date, by the direction of the sun.

    References
    ----------
    Housman, Chastain & Finco (2018), An evaluation of forest health insect and disease survey data
    and satellite-based remote sensing forest change detection methods, Remote Sensing 10(8), 1184,
    doi:10.3390/rs10081184

    Examples
    --------
    >>> import xarray as xr
    >>> series = xr.DataArray(np.full((6, 9, 9), 0.3), dims=("time", "y", "x"))
    >>> series[0] += 0.01
    >>> series[2, 3:6, 3:6] = 0.05
    >>> dark = temporal_dark_outliers(xr.Dataset({"nir": series, "swir16": series}))
    >>> [int(n) for n in dark.sum(("y", "x"))]
    [0, 0, 37, 0, 0, 0]
    """
    by = "temporal_dark_outliers"
    bands = pick_bands(reflectance, BANDS, by=by)
    for band in bands:
        require(band, "time", "y", "x", by=by)
    if not (erosion >= 0 and dilation >= 0):
        message = (
            f"{by} needs radii of 0 or more pixels, got erosion={erosion}, dilation={dilation}; "
            "use 0 to leave a step out"
        )
        raise ValueError(message)
    first, second = (band.astype("float64").where(np.isfinite(band)) for band in bands)
    total = first + second
    outlier = _outlier(first, z_score, min_count) & _outlier(second, z_score, min_count)
    dark = (outlier & (total < dark_sum)).astype("uint8").where(total.notnull(), NO_CLASS)
    depth = sum(len(disk(radius)) - 1 for radius in (erosion, dilation))
    cleaned = _apply.windowed(
        _cleaned,
        dark.astype("uint8"),
        window=(2 * depth + 1, 2 * depth + 1),
        arguments=(erosion, dilation),
        dtype="uint8",
    )
    return conform(
        cleaned,
        OUTLIER,
        z_score=z_score,
        dark_sum=dark_sum,
        min_count=min_count,
        erosion=erosion,
        dilation=dilation,
    )


def _outlier(values: xr.DataArray, z_score: float, min_count: int) -> xr.DataArray:
    """Where a value lies below all but few of its pixel's; nowhere if there are too few dates."""
    count = values.count("time")
    count = count.where(count >= max(min_count, 1))
    from_mean = values - values.sum("time") / count
    deviation = ((from_mean**2).sum("time") / count) ** 0.5
    # The deviation of equal values rounds to something that is not 0.
    # Gaps are set apart here: numpy's own way is to warn of them, in threads that share filters.
    low = values.fillna(np.inf).min("time", skipna=False)
    varied = values.fillna(-np.inf).max("time", skipna=False) > low
    result: xr.DataArray = from_mean / deviation.where(varied) < z_score
    return result


def _cleaned(block: Any, erosion: float, dilation: float) -> Any:
    left = (block == 1) & ~spread(block == 0, disk(erosion))
    result = spread(left, disk(dilation)).astype(np.uint8)
    result[block == NO_CLASS] = NO_CLASS
    return result
