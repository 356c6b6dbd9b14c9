"""Clouds and shadows on real chips with reference masks: what is right, printed and held.

The chips are top-of-atmosphere reflectance without map, date or sun angles. The pixel size is taken
as 30 m (Landsat 5) and 20 m (Sentinel-2), the sun at 45°, and its direction as the one from which
the chip's own clouds fall on the darkest ground; a scene's metadata would tell.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from scipy import signal
from told import told

from minewatch import masks, metrics

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
PIXEL = {"landsat5": 30.0, "sentinel2": 20.0}
SHADOW, CLOUD = 0, 4
HELD = {  # sensor, what → accuracy, precision, recall, F1: what was measured, less 0.01
    ("landsat5", "cloud"): (0.92, 0.94, 0.81, 0.87),
    ("landsat5", "shadow"): (0.84, 0.63, 0.85, 0.72),
    ("landsat5", "shadow of low clouds"): (0.85, 0.64, 0.89, 0.74),
    ("landsat5", "clear"): (0.81, 0.81, 0.74, 0.78),
    ("sentinel2", "cloud"): (0.94, 0.83, 0.92, 0.87),
    ("sentinel2", "shadow"): (0.94, 0.93, 0.64, 0.76),
    ("sentinel2", "shadow of low clouds"): (0.95, 0.93, 0.70, 0.80),
    ("sentinel2", "clear"): (0.90, 0.92, 0.94, 0.93),
}


def chip(folder, sensor):
    with np.load(folder / "cloud-shadow-reference" / f"{sensor}.npz") as file:
        values, reference = file["img"], file["msk"][..., 0]
    steps = PIXEL[sensor] * np.arange(512)
    grid = {"y": 9e6 - steps, "x": 5e5 + steps}
    layers = {
        name: xr.DataArray(values[..., at], grid, ("y", "x")) for at, name in enumerate(BANDS)
    }
    return xr.Dataset(layers).rio.write_crs("EPSG:32721"), reference


def sun_azimuth(image, clouds):
    """Away from where the chip's clouds, shifted as one, fall on the darkest ground around them."""
    cloud = (clouds == 1).values
    dark = (image.nir + image.swir16 + image.swir22 < 0.35).values & ~cloud
    hits, seen = (signal.fftconvolve(on, cloud[::-1, ::-1].astype(float)) for on in (dark, ~cloud))
    down, right = (axis - 511 for axis in np.mgrid[:1023, :1023])
    length = np.hypot(down, right)
    # Nearer than that is the cloud's own rim.
    share = np.where((length >= 10) & (length <= 100), hits / np.maximum(seen, 1), 0)
    at = np.unravel_index(share.argmax(), share.shape)
    return math.degrees(math.atan2(-right[at], down[at])) % 360


@pytest.mark.data
@pytest.mark.parametrize("sensor", PIXEL)
def test_masks_agree_with_the_reference(real_data, sensor):
    image, reference = chip(real_data, sensor)
    clouds = masks.cloud(masks.cloud_score(image))
    sun = {"sun_zenith": 45, "sun_azimuth": sun_azimuth(image, clouds)}
    shadow = masks.cloud_shadow(image, clouds, **sun)
    low = masks.cloud_shadow(image, clouds, **sun, heights=range(200, 3001, 100))
    pairs = {
        "cloud": (reference == CLOUD, clouds == 1),
        "shadow": (reference == SHADOW, shadow == 1),
        "shadow of low clouds": (reference == SHADOW, low == 1),
        "clear": (~np.isin(reference, (CLOUD, SHADOW)), (clouds == 0) & (shadow == 0)),
    }
    for what, (true, found) in pairs.items():
        truth = xr.DataArray(true, dims=("y", "x"))
        counts = metrics.confusion(truth, found.drop_vars(found.coords))
        result = metrics.scores(counts, beta=1)
        got = [result[name] for name in ("accuracy", "precision", "recall", "f_beta")]
        print(sensor, what, *(f"{value:.3f}" for value in got))  # noqa: T201
        assert all(value >= limit for value, limit in zip(got, HELD[sensor, what], strict=True))
        assert told("footprints.md", sensor, what) == pytest.approx(got, abs=0.0015)
