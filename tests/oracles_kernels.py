"""The obvious loops behind the kernels: one pixel at a time, in float64, as the equations read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt


def windows(
    shape: tuple[int, int], rows: int, cols: int
) -> Iterator[tuple[tuple[int, int], tuple[slice, slice]]]:
    """Each pixel and its window, truncated at the edges; even windows reach further back."""
    for i in range(shape[0]):
        for j in range(shape[1]):
            top, left = i - rows // 2, j - cols // 2
            yield (
                (i, j),
                (slice(max(0, top), top + rows), slice(max(0, left), left + cols)),
            )


def complex_coherence(
    s1: npt.NDArray[np.complex64],
    s2: npt.NDArray[np.complex64],
    rows: int,
    cols: int,
    min_valid: float,
) -> npt.NDArray[np.complex128]:
    valid = np.isfinite(s1) & np.isfinite(s2) & (s1 != 0) & (s2 != 0)
    a = np.where(valid, s1, 0).astype(np.complex128)
    b = np.where(valid, s2, 0).astype(np.complex128)
    out = np.full(s1.shape, complex(np.nan, np.nan))
    for at, window in windows(s1.shape, rows, cols):
        if valid[window].sum() >= max(2, math.ceil(min_valid * rows * cols)):
            power1 = (np.abs(a[window]) ** 2).sum()
            power2 = (np.abs(b[window]) ** 2).sum()
            out[at] = (a[window] * b[window].conj()).sum() / np.sqrt(power1 * power2)
    return out


def lee(
    power: npt.NDArray[np.float32], rows: int, cols: int, looks: float, variant: int
) -> npt.NDArray[np.float64]:
    noise = 1 / looks
    out = np.full(power.shape, np.nan)
    for at, window in windows(power.shape, rows, cols):
        values = power[window].astype(np.float64)
        values = values[np.isfinite(values)]
        if not np.isfinite(power[at]) or values.size < max(2, rows * cols / 2):
            continue
        mean, variance = values.mean(), values.var(ddof=1)
        if mean <= 0 or variance == 0:
            out[at] = mean
            continue
        spread = variance / mean**2
        weight = (
            (1 - noise / spread) / (1 + noise),
            1 - noise / spread,
            (spread - noise) / (spread + noise**2),
        )[variant]
        out[at] = mean + np.clip(weight, 0, 1) * (float(power[at]) - mean)
    return out


def geometric_median(spectra: npt.NDArray[np.float32], min_count: int) -> npt.NDArray[np.float64]:
    """Of one pixel (layer, date): Weiszfeld from the best date, steps as Vardi and Zhang (2000)."""
    points = spectra[:, np.isfinite(spectra).all(axis=0)].T.astype(np.float64)
    if len(points) < max(min_count, 1):
        return np.full(len(spectra), np.nan)
    between = np.linalg.norm(points[:, None] - points, axis=2)
    centre = points[between.sum(axis=0).argmin()].copy()
    for _ in range(200):
        distance = np.linalg.norm(points - centre, axis=1)
        away = distance > 0
        weight = 1 / distance[away]
        pull = ((points[away] - centre) * weight[:, None]).sum(axis=0)
        strength, on_top = np.linalg.norm(pull), np.count_nonzero(~away)
        if strength <= on_top:
            break
        step = pull / weight.sum() * (1 - on_top / strength)
        centre += step
        if np.linalg.norm(step) <= 1e-6 * distance.mean():
            break
    return centre


def circular_gaussian(
    shape: tuple[int, ...], rng: np.random.Generator
) -> npt.NDArray[np.complex64]:
    """Fully developed speckle of unit power."""
    parts = rng.normal(scale=math.sqrt(0.5), size=(2, *shape))
    return (parts[0] + 1j * parts[1]).astype(np.complex64)


def expected_incoherent(looks: float) -> tuple[float, float]:
    """Mean and standard deviation of the sample coherence of independent scenes (Touzi 1999)."""
    mean = math.exp(math.lgamma(looks) + math.lgamma(1.5) - math.lgamma(looks + 0.5))
    return mean, math.sqrt(1 / looks - mean**2)
