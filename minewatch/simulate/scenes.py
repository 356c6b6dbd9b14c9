"""What each satellite sees of the simulated ground: Sentinel-2, Landsat 8, Sentinel-1, PALSAR.

Every image is shown on the grid of the world. Bands that a sensor samples more coarsely are
repeated over their own pixels, so that reading the written files with the nearest neighbour gives
these values back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.simulate.classes import BANDS, LAND_COVER, MIXED_BANDS, NOISE, log_means
from minewatch.simulate.fields import Floats, block_mean, repeat_blocks, stream
from minewatch.simulate.geographic import geographic_grid, geographic_pixels, nearest, utm_coords
from minewatch.simulate.optical import landsat_quality, optical_series, sentinel2_quality
from minewatch.simulate.samplers import speckle
from minewatch.simulate.terrain import DESIGN_SIZE, Ground

__all__ = ["Look", "landsat8", "look_of", "palsar", "sentinel1", "sentinel2"]

SENTINEL2_TIMES = (
    "2021-08-12T14:01", "2021-09-21T14:01", "2022-05-24T14:01", "2022-06-18T14:01",
    "2022-07-18T14:01", "2022-08-27T14:01",
)  # fmt: skip
SENTINEL2_CLOUD = (0.10, 0.30, 0.25, 0.15, 0.05, 0.35)
LANDSAT8_TIMES = (
    "2021-08-20T13:48", "2022-05-19T13:48", "2022-06-20T13:48", "2022-07-22T13:48",
    "2022-08-23T13:48",
)  # fmt: skip
LANDSAT8_CLOUD = (0.20, 0.10, 0.30, 0.05, 0.25)
SENTINEL1_TIMES = (
    "2022-05-22T09:37", "2022-06-03T09:37", "2022-06-15T09:37", "2022-06-27T09:37",
    "2022-07-09T09:37", "2022-07-21T09:37", "2022-08-02T09:37",
)  # fmt: skip
PALSAR_TIME = "2021-01-01"
SENTINEL1_LOOKS = 4.4
PALSAR_LOOKS = 16.0
PALSAR_ARCSEC = 0.8  # 25 m

COARSE = ("rededge1", "rededge2", "rededge3", "nir08", "swir16", "swir22")
"""Sentinel-2 bands of 20 m."""

WATER = (LAND_COVER["sediment_river"], LAND_COVER["clear_water"])
VEGETATION = (LAND_COVER["forest"], LAND_COVER["young_palm"])


@dataclass(frozen=True, eq=False)
class Look:
    """How the ground looks before any sensor samples it.

    Attributes
    ----------
    reflectance : dict of str to numpy.ndarray
        Natural logarithm of the reflectance in the six generic bands, (y, x).
    power : dict of str to numpy.ndarray
        Backscatter vv, vh, hh, hv, linear power, (y, x).
    """

    reflectance: dict[str, Floats]
    power: dict[str, Floats]


def look_of(ground: Ground, seed: int) -> Look:
    r"""Give every patch of ground its own look, and every pixel its own texture.

    .. math:: \rho_b = \exp(\mu_{b,k} + e_\mathrm{patch} + e_\mathrm{pixel}), \qquad
              \sigma_0 = \bar\sigma_{0,k}\, e^{e_\mathrm{patch}}

    Parameters
    ----------
    ground : Ground
        Land cover and patches.
    seed : int
        Seed of the world.

    Returns
    -------
    Look
        Log reflectance and linear power.
    """
    means = log_means()[ground.cover - 1]
    patches = int(ground.patch.max()) + 1
    effects = stream(seed, "patches").standard_normal((patches, means.shape[-1]))[ground.patch]
    texture = stream(seed, "pixels")
    reflectance = {
        band: means[..., i]
        + NOISE["patch"] * effects[..., i]
        + NOISE["pixel"] * texture.standard_normal(ground.cover.shape)
        for i, band in enumerate(BANDS)
    }
    decibel = np.log(10) / 10
    power = {
        name: np.exp(means[..., i] + NOISE[kind] * decibel * effects[..., i])
        for i, (name, kind) in enumerate(
            {"vv": "c_band", "vh": "c_band", "hh": "l_band", "hv": "l_band"}.items(), start=6
        )
    }
    return Look(reflectance, power)


def sentinel2(
    ground: Ground,
    look: Look,
    seed: int,
    *,
    times: tuple[str, ...] = SENTINEL2_TIMES,
    cover: tuple[float, ...] = SENTINEL2_CLOUD,
) -> xr.Dataset:
    """Sentinel-2 L2A: ten bands of 10 and 20 m, SCL, and the truth of clouds and shadows.

    Parameters
    ----------
    ground, look : Ground, Look
        The ground.
    seed : int
        Seed of the world.
    times, cover : tuple
        Dates and their shares of cloud.

    Returns
    -------
    xarray.Dataset
        Reflectance by common band name, ``quality`` (SCL), ``cloud``, ``shadow``; (time, y, x).
    """
    logs = dict(look.reflectance)
    for band, red in MIXED_BANDS.items():
        logs[band] = red * logs["red"] + (1 - red) * logs["nir"]
    order = ("blue", "green", "red", *list(MIXED_BANDS)[:3], "nir", "nir08", "swir16", "swir22")
    blocks = {band: 2 if band in COARSE else 1 for band in order}
    series = _series(
        {band: logs[band] for band in order},
        blocks,
        mask_block=2,
        times=times,
        cover=cover,
        rng=stream(seed, "sentinel2"),
    )
    below = _below(ground, 2)
    codes = sentinel2_quality(
        series.cloud.values,
        series.shadow.values,
        np.isin(below, WATER),
        np.isin(below, VEGETATION),
        seed=stream(seed, "sentinel2", "quality"),
    )
    layer = Layer("quality", "Sentinel-2 scene classification (SCL)", dtype="uint8")
    quality = conform(series.cloud.copy(data=codes), layer)
    return series.assign(quality=quality)


def landsat8(ground: Ground, look: Look, seed: int) -> xr.Dataset:
    """Landsat 8 Collection 2 Level 2: six bands of 30 m, QA_PIXEL, and the truth.

    Parameters
    ----------
    ground, look : Ground, Look
        The ground.
    seed : int
        Seed of the world.

    Returns
    -------
    xarray.Dataset
        Reflectance by common band name, ``quality`` (QA_PIXEL), ``cloud``, ``shadow``.
    """
    series = _series(
        look.reflectance,
        dict.fromkeys(BANDS, 3),
        mask_block=3,
        times=LANDSAT8_TIMES,
        cover=LANDSAT8_CLOUD,
        rng=stream(seed, "landsat8"),
    )
    cloud = series.cloud.values
    rim = scipy.ndimage.binary_dilation(cloud[:, ::3, ::3], structure=np.ones((1, 3, 3), bool))
    dilated = repeat_blocks(rim, 3, ground.cover.shape) & ~cloud
    water = np.isin(_below(ground, 3), WATER)
    codes = landsat_quality(cloud, series.shadow.values, dilated, water)
    layer = Layer("quality", "Landsat Collection 2 QA_PIXEL", dtype="uint16")
    return series.assign(quality=conform(series.cloud.copy(data=codes), layer))


def sentinel1(look: Look, seed: int, *, times: tuple[str, ...] = SENTINEL1_TIMES) -> xr.Dataset:
    """Sentinel-1 terrain-corrected backscatter: vv and vh at 10 m with 4.4 looks.

    Parameters
    ----------
    look : Look
        The ground.
    seed : int
        Seed of the world.
    times : tuple of str
        Dates.

    Returns
    -------
    xarray.Dataset
        ``vv``, ``vh``, linear power, (time, y, x).
    """
    dates = np.array(times, dtype="datetime64[ns]")
    shape = look.power["vv"].shape
    coords = utm_coords(*shape)
    images = {}
    for name in ("vv", "vh"):
        clean = xr.DataArray(look.power[name], dims=("y", "x"), coords=coords, name=name)
        repeated = clean.expand_dims(time=dates)
        images[name] = speckle(
            repeated, looks=SENTINEL1_LOOKS, seed=stream(seed, "sentinel1", name)
        )
    return xr.Dataset(images)


def palsar(look: Look, seed: int) -> xr.Dataset:
    """PALSAR-2 annual mosaic: hh and hv on a geographic grid of 25 m with 16 looks.

    Parameters
    ----------
    look : Look
        The ground.
    seed : int
        Seed of the world.

    Returns
    -------
    xarray.Dataset
        ``hh``, ``hv``, γ0 as linear power, (time, y, x), each pixel of the mosaic shown on the
        10 m pixels nearest to it.
    """
    shape = look.power["hh"].shape
    transform, row, column = geographic_grid(*shape, arcsec=PALSAR_ARCSEC)
    at = geographic_pixels(shape, transform)
    time = np.array([PALSAR_TIME], dtype="datetime64[ns]")
    images = {}
    for name in ("hh", "hv"):
        area = nearest(
            scipy.ndimage.uniform_filter(look.power[name], 3, mode="nearest"), row, column
        )
        mosaic = speckle(
            xr.DataArray(area, dims=("y", "x")),
            looks=PALSAR_LOOKS,
            seed=stream(seed, "palsar", name),
        )
        shown = xr.DataArray(
            mosaic.values[at][None],
            dims=("time", "y", "x"),
            coords={"time": time} | utm_coords(*shape),
        )
        images[name] = conform(
            shown, Layer(name, f"simulated {name} backscatter with speckle"), looks=PALSAR_LOOKS
        )
    return xr.Dataset(images)


def _below(ground: Ground, block: int) -> npt.NDArray[np.uint8]:
    """Land cover at the centre of each coarse pixel, shown on the fine grid."""
    rows, columns = ground.cover.shape
    down = np.minimum(np.arange(block // 2, rows + block // 2, block), rows - 1)
    right = np.minimum(np.arange(block // 2, columns + block // 2, block), columns - 1)
    return repeat_blocks(ground.cover[np.ix_(down, right)], block, (rows, columns))


def _series(
    logs: dict[str, Floats],
    blocks: dict[str, int],
    *,
    mask_block: int,
    times: tuple[str, ...],
    cover: tuple[float, ...],
    rng: np.random.Generator,
) -> xr.Dataset:
    shape = next(iter(logs.values())).shape
    scale = shape[0] / DESIGN_SIZE
    bands = {
        band: (
            ("y", "x"),
            repeat_blocks(
                block_mean(np.exp(log), blocks[band]), blocks[band], (shape[0], shape[1])
            ),
        )
        for band, log in logs.items()
    }
    return optical_series(
        xr.Dataset(bands, coords=utm_coords(shape[0], shape[1])),
        times=times,
        noise=NOISE["date"],
        cloud_cover=cover,
        cloud_size=30 * scale / mask_block,
        cloud_height=800 * scale,
        blocks=blocks,
        mask_block=mask_block,
        seed=rng,
    )
