"""Where activity begins: the threshold between the two modes of the mean activity index.

Kavats et al. (2025, doi:10.1144/gslspecpub2023-216) call theirs Otsu's and describe a valley of the
kernel density; these give different numbers, and both are here.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch._apply import is_lazy
from minewatch.activity.density import (
    Distribution,
    from_counts,
    from_values,
    kernel_density,
    otsu,
)
from minewatch.activity.valleys import standard_error, valley, without_tails
from minewatch.conventions import Layer, conform, require, require_same_grid

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ndai_threshold"]

THRESHOLD = Layer("ndai_threshold", "NDAI threshold", dtype="float64")

ADJUSTMENTS = (1.0, 0.75, 1.25, 1.5, 2.0)  # of the bandwidth, tried in this order
BINS = 4096  # of the streaming histogram, over the whole range of NDAI
FEWEST_VALUES = 100


def ndai_threshold(
    mean_ndai: xr.DataArray,
    *,
    method: Literal["kde_valley", "otsu", "fixed"] = "kde_valley",
    domain: xr.DataArray | None = None,
    winsorise: tuple[float, float] = (0.005, 0.995),
    adjust: float = 1.0,
    edge_margin: float = 0.05,
    min_depth: float = 0.02,
    min_significance: float = 3.0,
    fixed: float = 0.2,
    on_fail: Literal["fixed", "otsu", "raise"] = "fixed",
) -> xr.DataArray:
    """Threshold of NDAI from its distribution; computes one pass.

    The valley: values beyond two quantiles are replaced by them, a Gaussian kernel density is
    taken with the bandwidth of R's ``bw.nrd0``, and its deepest local minimum between two peaks
    is the threshold, unless it lies at an edge of the range, is shallow, or is a valley of the
    replaced values only or of chance (:mod:`minewatch.activity.valleys`). If there is none the
    bandwidth is tried at 0.75, 1.25, 1.5 and 2 times; then `on_fail` decides.

    Forest and water, where coherence is always lost, make the second mode: over the mine alone
    the valley moves or vanishes. Hence the whole scene unless `domain` says otherwise. A lazy
    input streams through a histogram of 4096 bins; the valley agrees within two of them (0.001)
    and a grid step, Otsu's threshold within 1/256 of the range.

    Parameters
    ----------
    mean_ndai : xarray.DataArray
        From :func:`mean_ndai`, dims (..., y, x); all of its values are taken together.
    method : {"kde_valley", "otsu", "fixed"}
        How to find it; ``"fixed"`` takes `fixed` and looks at nothing.
    domain : xarray.DataArray, optional
        Which pixels to take: bool, dims (y, x).
    winsorise : (float, float)
        The two quantiles.
    adjust : float
        Factor on the bandwidth.
    edge_margin : float
        Share of the range at either end in which a valley does not count.
    min_depth : float
        Least depth of a valley relative to the highest density.
    min_significance : float
        How many standard errors of the density a valley must be deep among the values that were
        not replaced. Without it (0, the bare procedure) the replaced values, which stand as a
        spike at either end, make a valley of every long tail, and few values make one by chance.
        The error is that of independent pixels; windows that overlap make neighbours alike, so
        that the true one is larger by about the root of the pixels that one window spans.
    fixed : float
        Threshold where none can be found.
    on_fail : {"fixed", "otsu", "raise"}
        What to do where there is no valley. Fewer than 100 values, or values all alike, always
        lead to `fixed`. Falling back warns.

    Returns
    -------
    xarray.DataArray
        ``ndai_threshold``, a float64 scalar in memory. Attributes: ``method`` asked for and
        ``method_used``, ``n``, ``quantile_low``, ``quantile_high``, ``domain``, and where they
        apply ``bandwidth``, ``depth`` of the valley and ``depth_noise`` (the standard error of the
        density there if pixels were independent),
        ``separability`` (Otsu) and the density itself (``density`` on points from ``grid_start``
        in steps of ``grid_step``).

    Raises
    ------
    ValueError
        If a setting is unknown, or there is no valley and `on_fail` is ``"raise"``.

    See Also
    --------
    coherence_threshold : the same threshold in coherence.

    References
    ----------
    Kavats et al. (2025), doi:10.1144/gslspecpub2023-216; Otsu (1979),
    doi:10.1109/TSMC.1979.4310076; Silverman (1986), Density Estimation, eq. 3.31.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = np.r_[rng.normal(0.05, 0.05, 5000), rng.normal(0.5, 0.08, 5000)]
    >>> scene = xr.DataArray(values.reshape(100, 100), dims=("y", "x"))
    >>> threshold = ndai_threshold(scene)
    >>> round(float(threshold), 2), threshold.attrs["method_used"]
    (0.23, 'kde_valley')
    """
    require(mean_ndai, ..., "y", "x", dtype="floating", by="ndai_threshold")
    _check(method, on_fail, winsorise)
    values = mean_ndai.drop_vars(mean_ndai.coords)
    if domain is not None:
        require(domain, "y", "x", dtype="bool", by="ndai_threshold (domain)")
        require_same_grid(mean_ndai, domain, by="ndai_threshold")
        values = values.where(domain.drop_vars(domain.coords))
    asked: dict[str, object] = {
        "method": method,
        "domain": "the whole scene" if domain is None else "given by domain",
        "winsorise": winsorise,
        "edge_margin": edge_margin,
        "min_depth": min_depth,
        "min_significance": min_significance,
    }
    if method == "fixed":
        return _scalar(fixed, method="fixed", method_used="fixed")
    distribution = _distribution(values, winsorise)
    asked |= {"n": distribution.n if distribution else 0}
    if distribution is None or distribution.n < FEWEST_VALUES or distribution.std == 0:
        count = 0 if distribution is None else distribution.n
        what = f"{count} values, too few" if count < FEWEST_VALUES else "values that are all alike"
        _warn(f"got {what} for a distribution", fixed)
        return _scalar(fixed, **asked, method_used="fixed")
    asked |= {"quantile_low": distribution.low, "quantile_high": distribution.high}
    if method == "otsu":
        return _by_otsu(distribution, asked)
    for factor in ADJUSTMENTS:
        bandwidth = distribution.bandwidth * adjust * factor
        grid, density = kernel_density(distribution, bandwidth)
        noise = standard_error(density, distribution.n, bandwidth)
        margin = edge_margin * (distribution.high - distribution.low)
        found = valley(
            grid,
            density,
            low=distribution.low + margin,
            high=distribution.high - margin,
            min_depth=min_depth,
            body=without_tails(distribution, grid, density, bandwidth)
            if min_significance
            else None,
            noise=min_significance * noise,
        )
        if found is not None:
            asked |= {"bandwidth": bandwidth, "depth": found.depth}
            asked |= {"depth_noise": float(noise[found.index])}
            return _by_valley(found.at, grid, density, asked)
    if on_fail == "raise":
        message = (
            f"ndai_threshold found no valley among {distribution.n} values between "
            f"{distribution.low:.3g} and {distribution.high:.3g}: the scene shows one mode; "
            "take a larger domain, or method='fixed', or method='otsu'"
        )
        raise ValueError(message)
    if on_fail == "otsu":
        result = _by_otsu(distribution, asked)
        _warn("found no valley in the density", float(result), "Otsu's ")
        return result
    _warn("found no valley in the density", fixed)
    return _scalar(fixed, **asked, method_used="fixed")


def _check(method: str, on_fail: str, winsorise: tuple[float, float]) -> None:
    for name, value, known in (
        ("method", method, ("kde_valley", "otsu", "fixed")),
        ("on_fail", on_fail, ("fixed", "otsu", "raise")),
    ):
        if value not in known:
            choices = ", ".join(map(repr, known))
            message = f"ndai_threshold knows {name} of {choices}, got {name}={value!r}"
            raise ValueError(message)
    if not 0 <= winsorise[0] < 0.25 < 0.75 < winsorise[1] <= 1:
        message = (
            f"ndai_threshold needs one quantile below 0.25 and one above 0.75, got "
            f"winsorise={winsorise}; use (0.005, 0.995)"
        )
        raise ValueError(message)


def _distribution(values: xr.DataArray, winsorise: tuple[float, float]) -> Distribution | None:
    if is_lazy(values):
        counts, edges = _streamed(values)
        return from_counts(counts, edges, winsorise) if counts.any() else None
    finite = values.values[np.isfinite(values.values)]
    return from_values(finite, winsorise) if finite.size else None


def _streamed(values: xr.DataArray) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Histogram over [-1, 1], added up block by block; what lies beyond counts at the ends."""
    import dask
    import dask.array as da

    counts, edges = da.histogram(values.data, bins=BINS, range=(-1.0, 1.0))
    below, above = ((values.data < -1).sum(), (values.data > 1).sum())
    counts, below, above = dask.compute(counts, below, above)
    counts = counts.astype("int64")
    counts[0] += below
    counts[-1] += above
    return counts, np.asarray(edges)


def _by_otsu(distribution: Distribution, asked: dict[str, object]) -> xr.DataArray:
    at, separability = otsu(distribution)
    return _scalar(at, **asked, method_used="otsu", separability=separability)


def _by_valley(
    at: float,
    grid: npt.NDArray[np.float64],
    density: npt.NDArray[np.float64],
    asked: dict[str, object],
) -> xr.DataArray:
    return _scalar(
        at,
        **asked,
        method_used="kde_valley",
        grid_start=grid[0],
        grid_step=grid[1] - grid[0],
        density=density.round(6),
    )


def _scalar(threshold: float, **attrs: object) -> xr.DataArray:
    return conform(xr.DataArray(float(threshold)), THRESHOLD, **attrs)


def _warn(reason: str, threshold: float, whose: str = "the fixed ") -> None:
    warnings.warn(
        f"ndai_threshold {reason} and falls back to {whose}{threshold:g}; take a larger scene or "
        "domain, or settle it with method='fixed', fixed=...",
        UserWarning,
        stacklevel=3,
    )
