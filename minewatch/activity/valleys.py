"""Where a density has a valley that means something: two modes, not a tail and not chance.

Winsorising replaces the values of both tails by two quantiles, which stand as spikes at the ends of
the range; beside them a density that falls slowly shows a valley, however many values there are.
And a density of few values has valleys by chance. Hence a valley must be one of the values that
were left as they were too, and deeper than the density is uncertain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from minewatch.activity.density import Distribution

__all__ = ["standard_error", "Valley", "valley", "without_tails"]


def without_tails(
    distribution: Distribution,
    grid: npt.NDArray[np.float64],
    density: npt.NDArray[np.float64],
    bandwidth: float,
) -> npt.NDArray[np.float64]:
    """The part of a density that comes from values which winsorising left as they were.

    Parameters
    ----------
    distribution : Distribution
        What the density was taken of.
    grid, density : numpy.ndarray
        From :func:`kernel_density`.
    bandwidth : float
        Its bandwidth.

    Returns
    -------
    numpy.ndarray
        Density on the same points; integrates to the share of values left as they were.

    Examples
    --------
    >>> from minewatch.activity.density import from_values, kernel_density
    >>> some = from_values(np.random.default_rng(0).gamma(2, size=10_000), (0.005, 0.995))
    >>> grid, density = kernel_density(some, some.bandwidth)
    >>> body = without_tails(some, grid, density, some.bandwidth)
    >>> round(float(body.sum() * (grid[1] - grid[0])), 3)
    0.990
    """
    body = density.copy()
    for at, count in zip((distribution.low, distribution.high), distribution.tails, strict=True):
        spike = np.exp(-0.5 * ((grid - at) / bandwidth) ** 2)
        body -= count * spike / (distribution.n * bandwidth * np.sqrt(2 * np.pi))
    return body


def standard_error(
    density: npt.NDArray[np.float64], n: int, bandwidth: float
) -> npt.NDArray[np.float64]:
    """Standard error of a Gaussian kernel density of n independent values.

    Parameters
    ----------
    density : numpy.ndarray
        The density.
    n : int
        Number of values.
    bandwidth : float
        Standard deviation of the kernel.

    Returns
    -------
    numpy.ndarray
        Like `density`.

    References
    ----------
    Silverman (1986), Density Estimation, section 3.3.

    Examples
    --------
    >>> standard_error(np.array([0.4]), 10_000, 0.1).round(3)
    array([0.011])
    """
    error: npt.NDArray[np.float64] = np.sqrt(density / (2 * np.sqrt(np.pi) * n * bandwidth))
    return error


@dataclass(frozen=True)
class Valley:
    """The deepest valley of a density: where it lies, and how deep it is."""

    at: float
    depth: float
    index: int


def valley(
    grid: npt.NDArray[np.float64],
    density: npt.NDArray[np.float64],
    *,
    low: float,
    high: float,
    min_depth: float,
    body: npt.NDArray[np.float64] | None = None,
    noise: npt.NDArray[np.float64] | float = 0.0,
) -> Valley | None:
    """Deepest local minimum that is neither at an edge nor shallow nor chance.

    Parameters
    ----------
    grid, density : numpy.ndarray
        A density.
    low, high : float
        Where valleys count.
    min_depth : float
        Least depth below the lower of the two highest peaks beside it, relative to the highest
        of all.
    body : numpy.ndarray, optional
        Another density, in which it must be a valley too.
    noise : numpy.ndarray or float
        Depth in `body` that a valley must exceed, at each point.

    Returns
    -------
    Valley or None
        None if there is no such minimum.

    Examples
    --------
    >>> grid = np.linspace(0, 1, 101)
    >>> two_peaks = np.exp(-(((grid - 0.2) / 0.1) ** 2)) + np.exp(-(((grid - 0.8) / 0.1) ** 2))
    >>> valley(grid, two_peaks, low=0, high=1, min_depth=0.02).at
    0.5
    """
    inner = density[1:-1]
    minima = np.flatnonzero((inner < density[:-2]) & (inner <= density[2:])) + 1
    depth = _depths(density)[minima]
    counts = (grid[minima] >= low) & (grid[minima] <= high) & (depth >= min_depth * density.max())
    if body is not None:
        counts &= (_depths(body) > noise)[minima]
    if not counts.any():
        return None
    best = int(np.argmax(np.where(counts, depth, -1)))
    index = int(minima[best])
    return Valley(float(grid[index]), float(depth[best]), index)


def _depths(density: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How far each point lies below the lower of the highest points to its left and right."""
    before, after = (np.maximum.accumulate(side) for side in (density, density[::-1]))
    return np.minimum(before, after[::-1]) - density
