"""How values are distributed: winsorised mass, kernel density, Otsu's split.

The bandwidth and the grid are those of ``density()`` in R (``bw.nrd0``, 512 points, cut 3), with
which Kavats et al. (2025, doi:10.1144/gslspecpub2023-216) found their thresholds. A
:class:`Distribution` comes from values in memory or from a histogram that was added up block by
block; what follows is the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Distribution", "from_counts", "from_values", "kernel_density", "otsu"]

GRID = 512
CUT = 3.0  # bandwidths that the grid reaches beyond the values
MASS_POINTS = 4096
OTSU_BINS = 256


@dataclass(frozen=True)
class Distribution:
    """Winsorised values as mass on a fine grid, with the moments that set a bandwidth."""

    points: npt.NDArray[np.float64]
    mass: npt.NDArray[np.float64]
    n: int
    low: float
    high: float
    std: float
    iqr: float
    # how many values were replaced by low and by high
    tails: tuple[int, int]
    # as they came, not winsorised: centres and counts of equal bins between least and greatest
    raw_points: npt.NDArray[np.float64]
    raw_counts: npt.NDArray[np.float64]

    @property
    def bandwidth(self) -> float:
        """Silverman's rule of thumb (1986, eq. 3.31), ``bw.nrd0`` in R."""
        spread = min(self.std, self.iqr / 1.34) or self.std or 1.0
        return float(0.9 * spread * self.n**-0.2)


def from_values(values: npt.NDArray[np.floating], winsorise: tuple[float, float]) -> Distribution:
    """Winsorise finite values and spread each over the two nearest points of a fine grid.

    Parameters
    ----------
    values : numpy.ndarray
        Finite values, one dim.
    winsorise : (float, float)
        Quantiles; values beyond are replaced by them.

    Returns
    -------
    Distribution
        Moments are exact; only the kernel density will see the grid.

    Examples
    --------
    >>> some = from_values(np.linspace(0, 1, 101), (0.05, 0.95))
    >>> some.low, some.high, some.n
    (0.05, 0.95, 101)
    """
    double = values.astype("float64")
    raw_counts, raw_edges = np.histogram(double, OTSU_BINS)
    low, first, third, high = np.quantile(double, [winsorise[0], 0.25, 0.75, winsorise[1]])
    tails = int((double < low).sum()), int((double > high).sum())
    np.clip(double, low, high, out=double)
    std = float(double.std(ddof=1)) if len(double) > 1 else 0.0
    points = np.linspace(low, high, MASS_POINTS)
    mass = np.zeros(MASS_POINTS)
    if high > low:
        place = (double - low) * ((MASS_POINTS - 1) / (high - low))
        left = np.minimum(place.astype("int64"), MASS_POINTS - 2)
        share = place - left
        mass += np.bincount(left, 1 - share, MASS_POINTS)
        mass += np.bincount(left + 1, share, MASS_POINTS)
    else:
        mass[0] = len(double)
    return Distribution(
        points,
        mass,
        len(double),
        float(low),
        float(high),
        std,
        float(third - first),
        tails,
        (raw_edges[:-1] + raw_edges[1:]) / 2,
        raw_counts.astype("float64"),
    )


def from_counts(
    counts: npt.NDArray[np.integer], edges: npt.NDArray[np.float64], winsorise: tuple[float, float]
) -> Distribution:
    """The same from a histogram of equal bins.

    Quantiles are interpolated within a bin, winsorised mass lies at them.

    Parameters
    ----------
    counts : numpy.ndarray
        Number of values in each bin.
    edges : numpy.ndarray
        Edges of the bins, one more.
    winsorise : (float, float)
        Quantiles; mass beyond is moved to them.

    Returns
    -------
    Distribution
        Moments good to a bin.

    Examples
    --------
    >>> edges = np.linspace(0, 1, 5)
    >>> from_counts(np.array([25, 25, 25, 25]), edges, (0.1, 0.9)).iqr
    0.5
    """
    n = int(counts.sum())
    cumulative = np.concatenate([[0], np.cumsum(counts)]) / max(n, 1)
    # Flat stretches (empty bins) would make the inverse ambiguous: keep where it rises.
    rises = np.concatenate([[True], np.diff(cumulative) > 0])
    rises[:-1] |= np.diff(cumulative) > 0
    low, first, third, high = np.interp(
        [winsorise[0], 0.25, 0.75, winsorise[1]], cumulative[rises], edges[rises]
    )
    centres = (edges[:-1] + edges[1:]) / 2
    points = np.clip(centres, low, high)
    mean = float(points @ counts) / max(n, 1)
    variance = float(((points - mean) ** 2) @ counts) / max(n - 1, 1)
    filled = np.flatnonzero(counts)
    inside = slice(filled[0], filled[-1] + 1) if len(filled) else slice(0, 1)
    return Distribution(
        points,
        counts.astype("float64"),
        n,
        float(low),
        float(high),
        variance**0.5,
        float(third - first),
        (int(counts[centres < low].sum()), int(counts[centres > high].sum())),
        centres[inside],
        counts[inside].astype("float64"),
    )


def kernel_density(
    distribution: Distribution, bandwidth: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gaussian kernel density on 512 points, three bandwidths beyond the winsorised values.

    Parameters
    ----------
    distribution : Distribution
        Mass on a fine grid.
    bandwidth : float
        Standard deviation of the kernel.

    Returns
    -------
    (numpy.ndarray, numpy.ndarray)
        Points and density, which integrates to 1.

    Examples
    --------
    >>> some = from_values(np.random.default_rng(0).normal(size=10_000), (0.005, 0.995))
    >>> points, density = kernel_density(some, some.bandwidth)
    >>> round(float(density.sum() * (points[1] - points[0])), 3), round(float(density.max()), 1)
    (1.000, 0.4)
    """
    reach = CUT * bandwidth
    grid = np.linspace(distribution.low - reach, distribution.high + reach, GRID)
    filled = np.flatnonzero(distribution.mass)
    points, mass = distribution.points[filled], distribution.mass[filled]
    kernels = np.exp(-0.5 * ((grid[:, None] - points) / bandwidth) ** 2)
    return grid, kernels @ mass / (distribution.n * bandwidth * np.sqrt(2 * np.pi))


def otsu(distribution: Distribution) -> tuple[float, float]:
    """Otsu's threshold, the split that separates the means of two classes best.

    Parameters
    ----------
    distribution : Distribution
        Its raw counts are used: 256 equal bins of values, finer ones of a histogram.

    Returns
    -------
    (float, float)
        Threshold (a bin centre) and separability, the share of the variance between classes.

    References
    ----------
    Otsu (1979), A threshold selection method from gray-level histograms,
    doi:10.1109/TSMC.1979.4310076.

    Examples
    --------
    >>> two = np.repeat([0.0, 1.0], 50) + np.tile(np.linspace(-0.1, 0.1, 50), 2)
    >>> at, separability = otsu(from_values(two, (0.0, 1.0)))
    >>> 0 < at < 1, separability > 0.98
    (True, True)
    """
    share = distribution.raw_counts / distribution.raw_counts.sum()
    points = distribution.raw_points
    weight, moment = np.cumsum(share)[:-1], np.cumsum(share * points)[:-1]
    mean = float(share @ points)
    split = weight * (1 - weight)
    between = np.where(split > 0, (mean * weight - moment) ** 2 / np.where(split > 0, split, 1), 0)
    best = int(np.argmax(between))
    total = float(share @ (points - mean) ** 2)
    return float(points[best]), float(between[best] / total)
