"""Optical image series under clouds, with the clouds and their shadows as truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import xarray as xr

from minewatch.conventions import Layer, conform, require
from minewatch.simulate.fields import gaussian_field, repeat_blocks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["landsat_quality", "optical_series", "sentinel2_quality"]

CLOUD_REFLECTANCE = 0.45
CLOUD_SPREAD = 0.1  # standard deviation of its natural logarithm

Codes = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]


def optical_series(
    reflectance: xr.Dataset,
    *,
    times: Sequence[str] | npt.NDArray[np.datetime64],
    noise: float = 0.05,
    cloud_cover: float | Sequence[float] = 0.2,
    cloud_size: float = 12.0,
    cloud_height: float = 800.0,
    sun_zenith: float = 35.0,
    sun_azimuth: float = 45.0,
    shadow_factor: float = 0.4,
    blocks: Mapping[str, int] | None = None,
    mask_block: int = 1,
    seed: int | np.random.Generator,
) -> xr.Dataset:
    r"""See the same ground on several dates, through noise, clouds and their shadows.

    Clear ground reads :math:`\rho\,e^{\epsilon}`, :math:`\epsilon \sim N(0, \sigma^2)`; in cloud
    shadow `shadow_factor` times that; under cloud about 0.45 in every band. Clouds are the highest
    values of a smooth random field, an exact share of each image; their shadows are the same mask
    moved away from the sun by height · tan(zenith).

    Parameters
    ----------
    reflectance : xarray.Dataset
        Surface reflectance 0..1, a variable for each band, dims (y, x), x and y in metres.
    times : sequence of dates
        When each image is taken.
    noise : float
        Standard deviation σ of the natural logarithm, independent by pixel, band and date.
    cloud_cover : float or sequence of float
        Share of each image under cloud, 0..1; one value or one for each date.
    cloud_size : float
        Scale of the clouds, in cells of the mask.
    cloud_height : float
        Metres above the ground.
    sun_zenith, sun_azimuth : float
        Degrees; azimuth clockwise from north.
    shadow_factor : float
        What shadow leaves of the reflectance.
    blocks : mapping of str to int, optional
        Bands sampled more coarsely than the grid: their pixel in grid cells, e.g.
        ``{"swir16": 2}``. Noise is then constant over each such pixel.
    mask_block : int
        Pixel of the cloud mask in grid cells.
    seed : int or numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    xarray.Dataset
        The bands, dims (time, y, x), float32, and the truth ``cloud`` and ``shadow`` (bool; a pixel
        under cloud is not in shadow); coordinates ``sun_zenith``, ``sun_azimuth``.

    Raises
    ------
    ValueError
        If a share of cloud leaves [0, 1] or their number is not that of the dates.

    Examples
    --------
    >>> axes = {"y": np.arange(40.0)[::-1] * 10, "x": np.arange(40.0) * 10}
    >>> ground = xr.Dataset({"nir": (("y", "x"), np.full((40, 40), 0.3))}, coords=axes)
    >>> series = optical_series(ground, times=["2022-06-01"], cloud_cover=0.25, seed=0)
    >>> float(series.cloud.mean())
    0.25
    """
    for band in reflectance.data_vars:
        require(reflectance[band], "y", "x", by="optical_series")
    dates = np.asarray(times, dtype="datetime64[ns]")
    cover = np.asarray(cloud_cover, float)
    cover = np.full(dates.shape, cover) if cover.ndim == 0 else cover
    if cover.shape != dates.shape or ((cover < 0) | (cover > 1)).any():
        message = (
            "optical_series needs one share of cloud in [0, 1] for each of "
            f"{len(dates)} dates, got {cloud_cover!r}; use e.g. cloud_cover=0.2"
        )
        raise ValueError(message)
    rng = np.random.default_rng(seed)
    shape = (reflectance.sizes["y"], reflectance.sizes["x"])
    spacing = abs(float(reflectance.x[1] - reflectance.x[0]))
    reach = cloud_height * np.tan(np.deg2rad(sun_zenith)) / (spacing * mask_block)
    towards = np.deg2rad(sun_azimuth + 180)
    shift = (round(float(-reach * np.cos(towards))), round(float(reach * np.sin(towards))))

    masks = [_clouds(shape, share, cloud_size, shift, mask_block, rng) for share in cover]
    cloud, shadow = (np.stack(mask) for mask in zip(*masks, strict=True))
    bright = CLOUD_REFLECTANCE * np.exp(CLOUD_SPREAD * _noise(cloud.shape, mask_block, rng))
    dims = ("time", "y", "x")
    series: dict[str, xr.DataArray] = {}
    for band in reflectance.data_vars:
        pixel = dict(blocks or {}).get(str(band), 1)
        clear = reflectance[band].values * np.exp(noise * _noise(cloud.shape, pixel, rng))
        seen = np.where(cloud, bright, np.where(shadow, shadow_factor * clear, clear))
        layer = Layer(str(band), f"{band} surface reflectance")
        series[str(band)] = conform(xr.DataArray(seen, dims=dims), layer, noise=noise)
    for name, mask in {"cloud": cloud, "shadow": shadow}.items():
        layer = Layer(name, f"{name} (truth)", dtype="bool")
        series[name] = conform(xr.DataArray(mask, dims=dims), layer)
    angles = {"sun_zenith": sun_zenith, "sun_azimuth": sun_azimuth}
    coords = {
        name: ("time", np.full(len(dates), angle), {"units": "degree"})
        for name, angle in angles.items()
    }
    return xr.Dataset(series, coords={"time": dates, **coords, **reflectance.coords})


def _clouds(
    shape: tuple[int, int],
    share: float,
    size: float,
    shift: tuple[int, int],
    block: int,
    rng: np.random.Generator,
) -> tuple[Mask, Mask]:
    """Cloud and shadow of one date; the field is periodic, so shadows also enter from outside."""
    coarse = (-(-shape[0] // block), -(-shape[1] // block))
    field = gaussian_field(coarse, size, rng)
    count = round(share * field.size)
    cloud = np.zeros(field.size, bool)
    cloud[np.argsort(field, axis=None)[field.size - count :]] = True
    cloud = cloud.reshape(coarse)
    shadow = np.roll(cloud, shift, axis=(0, 1)) & ~cloud
    return repeat_blocks(cloud, block, shape), repeat_blocks(shadow, block, shape)


def _noise(shape: tuple[int, ...], block: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    coarse = (shape[0], -(-shape[1] // block), -(-shape[2] // block))
    noise: npt.NDArray[np.float32] = rng.standard_normal(coarse, dtype=np.float32)
    return repeat_blocks(noise, block, (shape[1], shape[2]))


def sentinel2_quality(
    cloud: Mask, shadow: Mask, water: Mask, vegetation: Mask, *, seed: int | np.random.Generator
) -> Codes:
    """Scene classification of Sentinel-2 L2A (SCL) that tells the truth.

    Parameters
    ----------
    cloud, shadow : numpy.ndarray of bool
        Truth, (time, y, x).
    water, vegetation : numpy.ndarray of bool
        Ground, (y, x).
    seed : int or numpy.random.Generator
        Which clouds are of medium (8) and which of high probability (9), by date.

    Returns
    -------
    numpy.ndarray
        uint8: 3 shadow, 4 vegetation, 5 bare, 6 water, 8 and 9 cloud.

    Examples
    --------
    >>> yes, no = np.ones((1, 1, 1), bool), np.zeros((1, 1, 1), bool)
    >>> int(sentinel2_quality(no, yes, yes[0], no[0], seed=0)[0, 0, 0])
    3
    """
    rng = np.random.default_rng(seed)
    kind = rng.integers(8, 10, size=(len(cloud), 1, 1))
    ground = np.where(water, 6, np.where(vegetation, 4, 5))
    return np.where(cloud, kind, np.where(shadow, 3, ground)).astype("uint8")


def landsat_quality(cloud: Mask, shadow: Mask, dilated: Mask, water: Mask) -> Codes:
    """QA_PIXEL of Landsat Collection 2 that tells the truth.

    Parameters
    ----------
    cloud, shadow, dilated : numpy.ndarray of bool
        Truth, and the rim around clouds that the product flags too, (time, y, x).
    water : numpy.ndarray of bool
        Ground, (y, x).

    Returns
    -------
    numpy.ndarray
        uint16 as on real images: 21824 clear land, 21952 clear water, 22280 cloud, 23888 shadow
        (with the clear bit, as in the product), 21762 and 21890 rim of a cloud on land and water.

    Examples
    --------
    >>> yes, no = np.ones((1, 1, 1), bool), np.zeros((1, 1, 1), bool)
    >>> int(landsat_quality(yes, no, no, yes[0])[0, 0, 0])
    22280
    """
    clear = np.where(water, 21952, 21824)
    rim = np.where(water, 21890, 21762)
    codes = np.where(shadow, 23888, np.where(dilated, rim, clear))
    return np.where(cloud, 22280, codes).astype("uint16")
