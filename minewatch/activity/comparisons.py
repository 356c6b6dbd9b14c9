"""The index beside other measurements of the same ground, and maps beside maps."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.activity.differences import check_threshold, coherence_threshold
from minewatch.activity.elevations import (
    CONFIDENT,
    LEAST_STABLE,
    check_level,
    index_of,
    moved_layer,
    require_metres,
)
from minewatch.activity.ranking import against_movement, nmad
from minewatch.conventions import NO_CLASS, Layer, conform, plain_attrs, require, require_same_grid

__all__ = ["coincidence", "compare_displacement", "compare_maps"]

DISPLACEMENT = Layer("displacement", "displacement", units="m")
BY_NDAI = Layer("by_ndai", "active by NDAI", dtype="uint8", flags={"quiet": 0, "active": 1})
BY_COHERENCE = Layer(
    "by_coherence", "active by coherence", dtype="uint8", flags={"quiet": 0, "active": 1}
)


def compare_displacement(
    tai: xr.Dataset | xr.DataArray,
    displacement: xr.DataArray,
    *,
    level: float | None = None,
    stable: xr.DataArray | None = None,
) -> xr.Dataset:
    r"""Compare TAI with displacement, e.g. of an InSAR time series. Computes.

    The two see different things. Digging destroys coherence, and with it the phase that
    displacement is read from; a slope that creeps keeps its coherence. Ground that moves and that
    TAI calls stable is therefore no contradiction but what a slope engineer looks for:
    ``moved_called_stable`` says how much of what moves it is.

    Parameters
    ----------
    tai : xarray.Dataset or xarray.DataArray
        From :func:`~minewatch.activity.tai`, or its layer ``tai``; dims (y, x).
    displacement : xarray.DataArray
        Metres along the line of sight (or vertical), dims (y, x), on the grid of `tai`; NaN is
        unknown. It counts by its size, whatever its sign.
    level : float, optional
        Displacement above it is movement, in metres. By default 1.96 NMAD of the displacement over
        stable ground, which holds 95 % of normal noise.
    stable : xarray.DataArray, optional
        Ground taken for still in that default, bool, dims (y, x); by default where TAI is 0. No
        offset is removed: displacement is taken as it is referenced.

    Returns
    -------
    xarray.Dataset
        ``displacement`` (m, float32), ``moved`` (uint8 0, 1, 255) and ``confusion``
        (called, movement): pixels of TAI 0, between, and at or above ``active_minimum``, still and
        moved. Attributes: ``spearman`` of TAI and ``|displacement|``, ``auc`` of TAI for what
        moved,
        ``level``, ``pixels``, ``moved_pixels``, ``active_precision``, ``active_recall``,
        ``stable_precision``, ``stable_recall``, ``moved_called_stable`` and the dates of `tai`.
        In memory.

    Raises
    ------
    ValueError
        If the grids differ, displacement is in other units, `level` is not positive, or there is
        neither a level nor enough stable ground.

    See Also
    --------
    compare_elevation : the same with what was dug.

    Examples
    --------
    >>> index = xr.DataArray(np.float32([[0.0, 0.0, 0.9, 1.0]]), dims=("y", "x"))
    >>> moved = xr.DataArray(np.float32([[0.001, -0.03, 0.05, np.nan]]), dims=("y", "x"))
    >>> compared = compare_displacement(index, moved, level=0.01)
    >>> compared.attrs["moved_called_stable"], compared.attrs["auc"]
    (0.5, 0.75)
    >>> compared.moved.values
    array([[  0,   1,   1, 255]], dtype=uint8)
    """
    index, record = index_of(tai, by="compare_displacement")
    require(displacement, "y", "x", dtype="floating", by="compare_displacement (displacement)")
    require_same_grid(index, displacement, by="compare_displacement")
    require_metres(displacement, by="compare_displacement (displacement)")
    check_level(level, by="compare_displacement")
    movement = displacement.compute()
    if level is None:
        still = index == 0 if stable is None else stable
        require(still, "y", "x", dtype="bool", by="compare_displacement (stable)")
        require_same_grid(index, still, by="compare_displacement (stable)")
        noise = movement.values[still.values & np.isfinite(movement.values)]
        if len(noise) < LEAST_STABLE:
            message = (
                f"compare_displacement takes the level of noise from at least {LEAST_STABLE} "
                f"stable pixels, got {len(noise)}; pass level=0.01 (metres) or stable=..."
            )
            raise ValueError(message)
        level = CONFIDENT * nmad(noise)[1]
    table, numbers = against_movement(
        index.values, movement.values, level=level, active_minimum=record["active_minimum"]
    )
    attrs = {"long_name": "TAI beside displacement", **numbers, "level": level, **record}
    layers = {
        "displacement": conform(movement, DISPLACEMENT),
        "moved": moved_layer(movement, level),
        "confusion": table,
    }
    return xr.Dataset(layers, attrs=plain_attrs(attrs))


def coincidence(map_a: xr.DataArray, map_b: xr.DataArray) -> float:
    """Share of pixels on which two maps say the same. Computes.

    Parameters
    ----------
    map_a, map_b : xarray.DataArray
        Maps of classes or of yes and no, same dims, on one grid. Pixels that either does not know
        (NaN in floats, 255 in uint8) are left out.

    Returns
    -------
    float
        0 to 1; NaN where no pixel is known to both.

    Raises
    ------
    ValueError
        If dims or grids differ.

    See Also
    --------
    compare_maps : the map by coherence and the map by NDAI.

    Examples
    --------
    >>> one = xr.DataArray(np.uint8([[1, 2, 255, 0]]), dims=("y", "x"))
    >>> other = xr.DataArray(np.uint8([[1, 1, 1, 255]]), dims=("y", "x"))
    >>> coincidence(one, other)
    0.5
    """
    require(map_a, ..., "y", "x", by="coincidence")
    require(map_b, *map(str, map_a.dims), by="coincidence (map_b)")
    require_same_grid(map_a, map_b, by="coincidence")
    if map_a.shape != map_b.shape:
        message = (
            f"coincidence needs two maps of one shape, got {map_a.shape} and {map_b.shape}; "
            "select what both have, e.g. a.sel(year=b.year)"
        )
        raise ValueError(message)
    one, other = (each.drop_vars(list(each.coords)) for each in (map_a, map_b))
    known = _known(one) & _known(other)
    counts = xr.Dataset({"same": ((one == other) & known).sum(), "known": known.sum()}).compute()
    same, both = int(counts["same"]), int(counts["known"])
    return same / both if both else float("nan")


def _known(layer: xr.DataArray) -> xr.DataArray:
    return layer != NO_CLASS if layer.dtype == np.uint8 else layer.notnull()


def compare_maps(
    coherence: xr.DataArray,
    stable_mean: float,
    *,
    threshold: float | xr.DataArray,
    limit: float | None = None,
) -> xr.Dataset:
    r"""Active ground of one date by coherence and by NDAI, and whether they coincide. Computes.

    .. math:: \gamma < g\, \frac{1 - th}{1 + th} \iff \frac{g - \gamma}{g + \gamma} > th

    The two maps are one and the same if the limit of coherence is not rounded. Kavats et al.
    (2025) report 99.7 % for NDAI > 0.13 and γ < 0.68: what is missing is the rounding.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence of one pair, dims (y, x).
    stable_mean : float
        Mean coherence g of the stable pixels of that pair.
    threshold : float or xarray.DataArray
        NDAI threshold.
    limit : float, optional
        Coherence below which ground is active; by default that of :func:`coherence_threshold`.

    Returns
    -------
    xarray.Dataset
        ``by_ndai`` and ``by_coherence`` (uint8: 0 quiet, 1 active, 255 unknown), in memory.
        Attributes: ``coincidence``, ``threshold``, ``coherence_threshold``, ``stable_mean`` and
        ``pixels`` that are known.

    Raises
    ------
    ValueError
        If `threshold` is not between −1 and 1.

    See Also
    --------
    coincidence : of any two maps.

    References
    ----------
    Kavats et al. (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> coherence = xr.DataArray(np.float32([[0.9, 0.6799, 0.6795, np.nan]]), dims=("y", "x"))
    >>> compare_maps(coherence, 0.8832, threshold=0.13).attrs["coincidence"]
    1.0
    >>> rounded = compare_maps(coherence, 0.8832, threshold=0.13, limit=0.6797)
    >>> rounded.attrs["coincidence"], rounded.by_coherence.values
    (0.667, array([[  0,   0,   1, 255]], dtype=uint8))
    """
    require(coherence, "y", "x", dtype="floating", by="compare_maps")
    level = check_threshold(threshold, by="compare_maps")
    mean = float(stable_mean)
    below = coherence_threshold(mean, level) if limit is None else float(limit)
    # In float64: the two sides of the equivalence must not be rounded differently.
    gamma = coherence.compute().astype("float64")
    known = gamma.notnull() & (mean + gamma != 0)
    maps = {
        layer.name: conform(active.astype("uint8").where(known, NO_CLASS), layer)
        for layer, active in (
            (BY_NDAI, (mean - gamma) > level * (mean + gamma)),
            (BY_COHERENCE, gamma < below),
        )
    }
    record = {
        "long_name": "active ground of one date by NDAI and by coherence",
        "coincidence": coincidence(maps["by_ndai"], maps["by_coherence"]),
        "threshold": level,
        "coherence_threshold": below,
        "stable_mean": mean,
        "pixels": int(known.sum()),
    }
    return xr.Dataset(maps, attrs=plain_attrs(record))
