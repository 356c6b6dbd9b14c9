"""A detector over every date of some ground: windows, and a picture of what it saw."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import learn, store
from minewatch.conventions import SPATIAL_REF
from minewatch.learn.networks import require_onnxruntime
from minewatch.workflows.detecting_dates import each_date

if TYPE_CHECKING:
    from minewatch.workflows.detecting_settings import DetectSettings

__all__ = ["Way", "check_detection", "load_way", "windows_and_picture"]

SIDE = 1500
"""Pixels along a side of the picture, at most."""

RADAR = {"looks": 4.4, "window": 3, "averaging": "difference", "floor": None}
"""How images become channels where nothing else is told."""

REQUIRED = ("looks", "averaging")
"""Of these, what cannot be left out."""

TALL = 8192
"""Rows of pixels that are seen at a time. Blocks of images at a seam are read for both sides."""


@dataclass(frozen=True, eq=False)
class Way:
    """A detector, and how images are made into what it learnt from.

    Parameters
    ----------
    detector : object
        From its file.
    radar : dict
        Settings of :func:`minewatch.learn.patches.channels`.
    resolution : float
        Side of a pixel.
    collection : str or None
        What it learnt from.
    step : int
        Pixels from window to window.
    """

    detector: Any
    radar: dict[str, Any]
    resolution: float
    collection: str | None
    step: int


def check_detection(settings: DetectSettings) -> None:
    """Refuse settings that mean nothing, before anything is read.

    Parameters
    ----------
    settings : DetectSettings
        The run.

    Raises
    ------
    ValueError
        If one means nothing; says what would.

    Examples
    --------
    >>> from minewatch.workflows import DetectSettings
    >>> check_detection(DetectSettings("catalog.json", "detector.zip", threshold=1.5))
    Traceback (most recent call last):
    ...
    ValueError: threshold=1.5 is out of range; use a probability from 0 to below 1, e.g. 0.8
    """
    least, alone = settings.threshold, settings.isolated
    for name, holds, wanted in (
        ("threshold", 0 <= least < 1, "a probability from 0 to below 1, e.g. 0.8"),
        (
            "isolated",
            alone is None or least <= alone < 1,
            f"a probability from the threshold, {least:g}, to below 1",
        ),
        ("neighbours", settings.neighbours >= 1, "1 or more, e.g. 5"),
        ("distance", 0 < settings.distance < math.inf, "metres above 0, e.g. 3000"),
        ("step", settings.step is None or settings.step >= 1, "pixels, 1 or more"),
        ("rule", settings.rule in ("max", "mean"), "'max' or 'mean'"),
        ("rule", settings.rule == "max" or settings.grid == "index", "'max', or grid 'index'"),
    ):
        if not holds:
            message = f"{name}={getattr(settings, name)} is out of range; use {wanted}"
            raise ValueError(message)


def load_way(settings: DetectSettings) -> Way:
    """The detector of a file, and how it wants to see.

    Parameters
    ----------
    settings : DetectSettings
        ``detector``, ``step`` and ``grid``.

    Returns
    -------
    Way
        Detector and how.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no detector, or `step` does not fit it.
    ImportError
        If what it needs is not installed.

    Warns
    -----
    UserWarning
        If it does not tell what it learnt from.
    """
    if not Path(settings.detector).is_file():
        message = f"there is no file {settings.detector}; give the detector that detect train wrote"
        raise FileNotFoundError(message)
    try:
        detector = learn.patches.load_detector(settings.detector)
    except ValueError as error:
        message = f"{error}; give the detector.zip that detect train wrote"
        raise ValueError(message) from error
    padding = getattr(detector, "padding", None)
    if settings.mode == "convolution" and padding != "valid":
        message = (
            f"mode convolution needs a network taught with padding valid, {settings.detector} "
            f"{'has padding ' + padding if padding else 'is none'}; leave mode out"
        )
        raise ValueError(message)
    if padding is not None:
        require_onnxruntime(f"the network in {settings.detector}")
    told = dict(getattr(detector, "provenance_", None) or {})
    made = told.get("radar") or told.get("channels_made")
    if not isinstance(made, dict) or "averaging" not in made or "resolution" not in told:
        warnings.warn(
            f"{settings.detector} does not tell how its patches were made; they are taken to be of "
            "10 m, with 4.4 looks filtered in windows of 3",
            UserWarning,
            stacklevel=2,
        )
        made = RADAR
    radar = {name: made.get(name, RADAR[name] if name in REQUIRED else None) for name in RADAR}
    half = max(1, detector.size // 2)
    step = half if settings.step is None else settings.step
    if settings.grid == "index" and 2 * step != detector.size:
        message = (
            f"step={step} is not half of the detector's window of {detector.size} pixels, as cells "
            f"by index need it; use {half}, or grid 'geometry'"
        )
        raise ValueError(message)
    resolution = float(told.get("resolution", 10.0))
    return Way(detector, radar, resolution, told.get("collection"), step)


def windows_and_picture(
    seen: xr.DataArray, way: Way, settings: DetectSettings, folder: Path, *, key: str
) -> tuple[xr.DataArray, xr.DataArray]:
    """What the detector says of every window, and the scene in small. Computes, date by date.

    Both are made in one pass over the images, block by block; neither the scene nor its channels
    are ever held whole. What a strip of a date gave is stored, and not made again under the same
    key; one whose images cannot be read is tried again, as :func:`minewatch.store.to_zarr` does,
    then left out until the other dates are done.

    Parameters
    ----------
    seen : xarray.DataArray
        Channels in dB, dims (channel, time, y, x), lazy.
    way : Way
        The detector.
    settings : DetectSettings
        ``mode``.
    folder : pathlib.Path
        Where dates are stored.
    key : str
        All that the numbers depend on: :func:`minewatch.workflows.resuming.key_of`.

    Returns
    -------
    (xarray.DataArray, xarray.DataArray)
        Probability of a mine, dims (time, y, x) at the centres of windows; the first channel in
        dB, dims (y, x), thinned and averaged over the dates. In memory.

    Raises
    ------
    RuntimeError
        If strips cannot be read, once all others are stored: how many, and of which dates.

    See Also
    --------
    minewatch.workflows.detecting_dates.each_date : says when it gives up.
    """
    folder.mkdir(exist_ok=True)
    lazy = learn.patches.scan(seen, way.detector, step=way.step, mode=settings.mode)
    factor = 2 ** max(0, math.ceil(math.log2(max(seen.shape[-2:]) / SIDE)))
    small = seen.isel(channel=0).coarsen(y=factor, x=factor, boundary="pad").mean()
    # Strips of both lie on the same pixels.
    both = math.lcm(way.step, factor)
    tall = both * max(1, TALL // both)
    rows = {"row": tall // way.step, "view_row": tall // factor}

    def see(date: int, place: Path) -> xr.Dataset:
        one = xr.Dataset(
            {
                "windows": (("row", "column"), lazy.isel(time=date).data),
                "view": (("view_row", "view_column"), small.isel(time=date).data),
            }
        )
        return store.to_zarr(one, place, overwrite=True, rows=rows, resume=key)

    found: list[Any] = []
    total = np.zeros(small.shape[-2:])
    count = np.zeros(small.shape[-2:], np.int64)
    for stored in each_date(see, seen["time"], folder):
        found.append(stored["windows"].to_numpy())
        view = stored["view"].to_numpy()
        known = np.isfinite(view)
        total[known] += view[known]
        count += known
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    name = str(seen["channel"].values[0]).upper()
    picture = xr.DataArray(
        mean,
        _places(small, "y", "x"),
        ("y", "x"),
        attrs={"long_name": f"{name}, mean of the dates", "units": "dB"},
    )
    windows = xr.DataArray(
        np.stack(found),
        _places(lazy, "time", "y", "x"),
        ("time", "y", "x"),
        "probability",
        attrs=lazy.attrs,
    )
    return windows, picture


def _places(layer: xr.DataArray, *dims: str) -> dict[str, Any]:
    """Coordinates of some dims and the CRS; its transform is that of the scene, no other's."""
    crs = {k: v for k, v in layer.coords[SPATIAL_REF].attrs.items() if k != "GeoTransform"}
    return {dim: layer[dim] for dim in dims} | {SPATIAL_REF: xr.Variable((), 0, crs)}
