"""The obvious, slow ways: direct sums in double precision, series of made-up acquisitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr


def circular_gaussian(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Unit-power circular complex Gaussian speckle."""
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)) / np.sqrt(2)


def stack(
    images: np.ndarray, *, days: int = 12, baselines: object = None, **coords: object
) -> xr.DataArray:
    """Images as an SLC stack with a date every `days` days."""
    count, height, width = images.shape
    times = pd.date_range("2022-06-01", periods=count, freq=f"{days}D")
    baselines = np.zeros(count) if baselines is None else np.asarray(baselines, float)
    return xr.DataArray(
        images.astype("complex64"),
        dims=("time", "y", "x"),
        coords={
            "time": times,
            "perpendicular_baseline": ("time", baselines),
            "y": 4e5 - 10.0 * np.arange(height),
            "x": 2e5 + 5.0 * np.arange(width),
            **coords,
        },
        name="slc",
    )


def direct_coherence(
    first: np.ndarray,
    second: np.ndarray,
    window: tuple[int, int],
    min_valid: float = 0.5,
    phase: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Complex coherence, one window at a time, as the equation is printed."""
    first, second = first.astype(complex), second.astype(complex)
    valid = np.isfinite(first) & np.isfinite(second) & (first != 0) & (second != 0)
    a, b = np.where(valid, first, 0), np.where(valid, second, 0)
    product = a * np.conj(b) * np.exp(-1j * np.asarray(phase))
    rows, columns = window
    out = np.full(first.shape, np.nan + 1j * np.nan)
    for i, j in np.ndindex(first.shape):
        here = (
            slice(max(0, i - rows // 2), i + rows - rows // 2),
            slice(max(0, j - columns // 2), j + columns - columns // 2),
        )
        if valid[here].sum() >= max(2, np.ceil(min_valid * rows * columns)):
            power = (abs(a[here]) ** 2).sum() * (abs(b[here]) ** 2).sum()
            out[i, j] = product[here].sum() / np.sqrt(power)
    return out


def block_coherence(first: np.ndarray, second: np.ndarray, window: tuple[int, int]) -> np.ndarray:
    """Coherence of whole blocks, complete data."""
    rows, columns = window
    height, width = first.shape[0] // rows, first.shape[1] // columns

    def total(image: np.ndarray) -> np.ndarray:
        whole = image[: height * rows, : width * columns]
        return whole.reshape(height, rows, width, columns).sum((1, 3))

    first, second = first.astype(complex), second.astype(complex)
    powers = total(abs(first) ** 2) * total(abs(second) ** 2)
    return abs(total(first * second.conj())) / np.sqrt(powers)


def fitted_coherence(
    first: np.ndarray, second: np.ndarray, window: tuple[int, int], max_fringe: float
) -> np.ndarray:
    """Largest modulus of the Fourier transform of each window, padded to four times its size."""
    valid = np.isfinite(first) & np.isfinite(second) & (first != 0) & (second != 0)
    a, b = (np.where(valid, each, 0).astype(complex) for each in (first, second))
    sides = [np.abs(np.fft.fftfreq(4 * size)) <= max_fringe + 1e-9 for size in window]
    out = np.full(first.shape, np.nan)
    rows, columns = window
    for i, j in np.ndindex(first.shape):
        here = (
            slice(max(0, i - rows // 2), i + rows - rows // 2),
            slice(max(0, j - columns // 2), j + columns - columns // 2),
        )
        if valid[here].sum() >= max(2, np.ceil(0.5 * rows * columns)):
            spectrum = abs(np.fft.fft2((a * b.conj())[here], s=(4 * rows, 4 * columns)))
            power = (abs(a[here]) ** 2).sum() * (abs(b[here]) ** 2).sum()
            out[i, j] = spectrum[np.ix_(*sides)].max() / np.sqrt(power)
    return out


def coherent_pair(true: float, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Two images of independent pixels and one true coherence."""
    one, other = (circular_gaussian(shape, rng) for _ in range(2))
    return np.stack([one, true * one + np.sqrt(1 - true**2) * other])
