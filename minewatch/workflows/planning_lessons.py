"""How fast this machine teaches a detector: a few made-up patches are learnt from."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch import learn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minewatch.workflows.detecting_settings import DetectTrainSettings

__all__ = ["LessonRate", "as_elsewhere", "lesson_rate", "lesson_seconds"]

FEWEST, FEW, MANY = 8, 32, 96
"""Patches of the first lesson, and of two more whose difference is what a patch takes."""


@dataclass(frozen=True)
class LessonRate:
    """What teaching takes, all cores together.

    Parameters
    ----------
    fixed : float
        Seconds however few patches there are: until libraries are loaded, and all code is compiled.
    learn : float
        Seconds to learn from a patch once.
    ask : float
        Seconds to ask the detector about a patch.
    """

    fixed: float
    learn: float
    ask: float


AS_ELSEWHERE = {
    "network": LessonRate(3.0, 8.8e-3, 1.5e-3),
    "texture": LessonRate(1.5, 1.1e-3, 0.9e-3),
}
"""Of patches of 104 x 104 pixels on two cores: for plans that are given a rate of images."""


def lesson_rate(settings: DetectTrainSettings, channels: Sequence[str]) -> LessonRate:
    """Teach a detector with made-up patches of the size that is asked for, and tell how long it is.

    Parameters
    ----------
    settings : DetectTrainSettings
        The run.
    channels : sequence of str
        Of its patches.

    Returns
    -------
    LessonRate
        The rate.
    """
    first, _ = _taught(settings, channels, FEWEST)
    (small, _), (large, ask) = (_taught(settings, channels, count) for count in (FEW, MANY))
    slope = max(large - small, 0.0) / (MANY - FEW)
    return LessonRate(first, slope, ask / MANY)


def as_elsewhere(settings: DetectTrainSettings) -> LessonRate:
    """The rate of the machine that it was once measured on.

    Parameters
    ----------
    settings : DetectTrainSettings
        ``kind`` and ``size``.

    Returns
    -------
    LessonRate
        Scaled to the pixels of a patch.
    """
    usual, larger = AS_ELSEWHERE[settings.kind], (settings.size / 104) ** 2
    return LessonRate(usual.fixed, usual.learn * larger, usual.ask * larger)


def lesson_seconds(rate: LessonRate, settings: DetectTrainSettings, patches: int) -> float:
    """Seconds of teaching and of asking about all patches.

    Parameters
    ----------
    rate : LessonRate
        How fast this machine is.
    settings : DetectTrainSettings
        The run.
    patches : int
        To learn from and to test on.

    Returns
    -------
    float
        Those that a network is tested on are looked at after every epoch.

    Examples
    --------
    >>> from minewatch.workflows import DetectTrainSettings
    >>> settings = DetectTrainSettings("c", "p", epochs=10, test_size=0.2)
    >>> lesson_seconds(LessonRate(1.0, 0.01, 0.001), settings, 100)  # 1 + 10 (0.8 + 0.02) + 0.1
    9.3
    """
    epochs = settings.epochs if settings.kind == "network" else 1
    tested = settings.test_size * rate.ask if settings.kind == "network" else 0.0
    each = epochs * ((1 - settings.test_size) * rate.learn + tested) + rate.ask
    return rate.fixed + patches * each


def _taught(
    settings: DetectTrainSettings, channels: Sequence[str], count: int
) -> tuple[float, float]:
    """Seconds to teach with so many patches, and to ask about them."""
    patches = _made_up(count, channels, settings.size)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # noise teaches nothing
        detector = _fitted(patches, settings)
    learnt = time.perf_counter()
    detector.predict_proba(patches["patches"].to_numpy())
    return learnt - began, time.perf_counter() - learnt


def _fitted(patches: xr.Dataset, settings: DetectTrainSettings) -> Any:
    if settings.kind == "texture":
        return learn.patches.fit_textures(patches)
    return learn.patches.fit_network(
        patches,
        padding=settings.padding,
        loss=settings.loss,
        epochs=1,
        batch=settings.batch,
        augment=settings.augment,
    )


def _made_up(count: int, channels: Sequence[str], size: int) -> xr.Dataset:
    """Noise in decibels; every other patch is a mine, and stronger."""
    label = np.arange(count) % 2
    shape = (count, len(channels), size, size)
    values = np.random.default_rng(0).normal(-10.0, 2.0, shape).astype(np.float32)
    values += label[:, None, None, None].astype(np.float32)
    coords = {
        "channel": list(channels),
        "label": ("patch", label),
        "point": ("patch", np.arange(count)),
    }
    return xr.Dataset({"patches": (("patch", "channel", "row", "column"), values)}, coords)
