"""The obvious loops behind the filters along edges and within a sigma range, in float64."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from oracles_optical import layer

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

    Image = npt.NDArray[np.float32] | npt.NDArray[np.float64]

LOOKS = 4.4

SIDES = {
    "right": (lambda y, x: x >= 0),
    "upper right": (lambda y, x: x >= y),
    "upper": (lambda y, x: y <= 0),
    "upper left": (lambda y, x: x + y <= 0),
    "left": (lambda y, x: x <= 0),
    "lower left": (lambda y, x: x <= y),
    "lower": (lambda y, x: y >= 0),
    "lower right": (lambda y, x: x + y >= 0),
}
AXES = [
    ("right", (1, 2), "left", (1, 0)),
    ("upper right", (0, 2), "lower left", (2, 0)),
    ("upper", (0, 1), "lower", (2, 1)),
    ("upper left", (0, 0), "lower right", (2, 2)),
]
# Sub-windows on either side of each axis, as rows and columns of the lattice.
APART = {
    "right": ([(0, 2), (1, 2), (2, 2)], [(0, 0), (1, 0), (2, 0)]),
    "upper right": ([(0, 1), (0, 2), (1, 2)], [(1, 0), (2, 0), (2, 1)]),
    "upper": ([(0, 0), (0, 1), (0, 2)], [(2, 0), (2, 1), (2, 2)]),
    "upper left": ([(0, 0), (0, 1), (1, 0)], [(1, 2), (2, 1), (2, 2)]),
}


def gamma(rng: np.random.Generator, shape: tuple[int, ...], looks: float = LOOKS) -> xr.DataArray:
    return layer(rng.gamma(looks, 0.1 / looks, shape).astype("f4"), "vv")


def minimum_error(values: Image, centre: float, noise: float) -> float:
    """z̄ + b (z - z̄)."""
    mean = values.mean()
    variance = values.var(ddof=1) if values.size > 1 else 0.0
    if mean <= 0 or variance == 0:
        return float(mean)
    b = (variance - mean**2 * noise) / (variance * (1 + noise))
    return float(mean + np.clip(b, 0, 1) * (centre - mean))


def square(image: Image, i: int, j: int, half: int) -> Image:
    """The window around a pixel, NaN beyond the edge."""
    wide = np.pad(image.astype(float), half, constant_values=np.nan)
    window = wide[i : i + 2 * half + 1, j : j + 2 * half + 1].copy()
    window[~np.isfinite(window)] = np.nan
    return window


def refined_lee(power: Image, looks: float, edge: float) -> Image:
    out = np.full(power.shape, np.nan)
    y, x = np.mgrid[-3:4, -3:4]
    for i, j in np.ndindex(power.shape):
        window = square(power, i, j, 3)
        centre, known = window[3, 3], window[np.isfinite(window)]
        if not np.isfinite(centre) or 2 * known.size < 49:
            continue
        parts = [[window[r : r + 3, c : c + 3] for c in (0, 2, 4)] for r in (0, 2, 4)]
        means = np.array([[part.mean() for part in row] for row in parts])
        noises = sorted(
            part.var(ddof=1) / part.mean() ** 2
            for row in parts
            for part in row
            if part.mean() > 0  # not NaN: all nine are known
        )
        noise = float(np.mean(noises[:5])) if noises else 1 / looks
        chosen = known
        if known.size == 49 and known.mean() > 0 and known.var(ddof=1) >= edge * known.mean() ** 2:
            change = [
                abs(sum(means[at] for at in APART[axis[0]][0])
                    - sum(means[at] for at in APART[axis[0]][1]))
                for axis in AXES
            ]  # fmt: skip
            one, at_one, other, at_other = AXES[int(np.argmax(change))]
            nearer = abs(means[at_one] - means[1, 1]) <= abs(means[at_other] - means[1, 1])
            half = SIDES[one if nearer else other](y, x)
            assert half.sum() == 28
            chosen = window[half]
        out[i, j] = minimum_error(chosen, centre, noise)
    return out


def lee_mmse(power: Image, size: int, looks: float) -> Image:
    out = np.full(power.shape, np.nan)
    for i, j in np.ndindex(power.shape):
        window = square(power, i, j, size // 2)
        known = window[np.isfinite(window)]
        if np.isfinite(power[i, j]) and 2 * known.size >= size**2:
            out[i, j] = minimum_error(known, float(power[i, j]), 1 / looks)
    return out


def strong_targets(power: Image, level: float, size: int, min_bright: int) -> npt.NDArray[np.bool_]:
    bright = np.isfinite(power) & (power >= level)
    out, half = np.zeros(power.shape, bool), size // 2
    for i, j in np.argwhere(bright):
        around = (
            slice(max(0, i - half), i + half + 1),
            slice(max(0, j - half), j + half + 1),
        )
        if bright[around].sum() >= min_bright:
            out[around] |= bright[around]
    return out


def sigma_filter(
    power: Image, prior: Image, size: int, low: float, high: float, spread: float
) -> Image:
    out = np.full(power.shape, np.nan)
    for i, j in np.ndindex(power.shape):
        window = square(power, i, j, size // 2)
        known, guess = window[np.isfinite(window)], float(prior[i, j])
        if not (np.isfinite(power[i, j]) and np.isfinite(guess)) or 2 * known.size < size**2:
            continue
        near = known[(known >= low * guess) & (known <= high * guess)]
        value = minimum_error(near, float(power[i, j]), spread**2) if near.size else guess
        out[i, j] = value
    return out


def lee_sigma(
    power: Image,
    *,
    looks: float,
    strong: float,
    limits: tuple[float, float, float],
    window: int = 9,
    target_window: int = 3,
    min_bright: int = 7,
) -> Image:
    """The five steps."""
    prior = lee_mmse(power, target_window, looks)
    filtered = sigma_filter(power, prior, window, *limits)
    return np.where(strong_targets(power, strong, target_window, min_bright), power, filtered)
