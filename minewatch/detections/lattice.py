"""Cells on the lattice of windows, by their index: no geometry, no drift."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.conventions import crs_of, require
from minewatch.conventions.projections import is_planar

if TYPE_CHECKING:
    from typing import Literal

    import geopandas as gpd
    import numpy.typing as npt
    import xarray as xr

    Cells = npt.NDArray[np.float64]
    Counts = npt.NDArray[np.uint8]

__all__ = ["cells", "kept_windows"]


def cells(
    windows: xr.DataArray, *, threshold: float = 0.8, rule: Literal["max", "mean"] = "max"
) -> gpd.GeoDataFrame:
    """Square cells in which the windows that cover them saw a mine. Computes.

    A window covers 2 × 2 cells, a cell is covered by up to four windows, fewer at the rim and
    beside unknown ones. As published, one of them that sees a mine is enough; their mean is calmer,
    as a window that sees a mine in its corner paints no more than it sees.

    Parameters
    ----------
    windows : xarray.DataArray
        Probability of a mine in each window, dims (y, x), at the centres of the windows: projected
        CRS, spaced by half a window in both directions, which ``cell_size`` in the attributes may
        tell in units of the CRS. NaN where there is none.
    threshold : float
        A cell is positive if its probability is strictly greater.
    rule : {"max", "mean"}
        Probability of a cell: the highest of the windows that cover it, or their mean. Windows that
        are NaN count in neither; a cell without any other is unknown, and in no row.

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each positive cell, from the upper left by rows: geometry (a square of the spacing
        of the windows) in the CRS of the windows, ``probability`` and ``windows`` (1 to 4: how many
        exceed the threshold, or with ``rule="mean"`` how many the mean is of).

    Raises
    ------
    ValueError
        If dims are others, there is no projected CRS, spacings differ, the threshold is no
        probability or there is no such rule.

    See Also
    --------
    merge_cells : the same by geometry, for windows that lie on no lattice.
    match : against a reference.

    References
    ----------
    Lemes Neto et al. (2025), SAR-based monitoring of illegal mining in the Brazilian Amazon using
    convolutional neural networks: ``rule="max"``.

    Examples
    --------
    >>> import rioxarray, xarray as xr
    >>> grid = {"y": [2080.0, 1560.0], "x": [520.0, 1040.0]}
    >>> windows = xr.DataArray([[0.9, 0.85], [0.1, np.nan]], grid, ("y", "x"))
    >>> windows = windows.rio.write_crs("EPSG:32721")
    >>> found = cells(windows, threshold=0.8)
    >>> found[["probability", "windows"]].values.tolist()
    [[0.9, 1.0], [0.9, 2.0], [0.85, 1.0], [0.9, 1.0], [0.9, 2.0], [0.85, 1.0]]
    >>> cells(windows, threshold=0.8, rule="mean")[["probability", "windows"]].values.tolist()
    [[0.9, 1.0], [0.875, 2.0], [0.85, 1.0], [0.85, 1.0]]
    """
    if rule not in RULES:
        message = f"cells has no rule {rule!r}; use one of {list(RULES)}, 'max' is the published"
        raise ValueError(message)
    values, step, (x, y), crs = _ordered(windows, threshold, by="cells")
    for dim, centres in (("y", y), ("x", x)):
        apart = np.abs(np.diff(centres))
        if not np.allclose(apart, step, rtol=1e-6):
            message = (
                f"cells needs windows half a window apart, {step:g}, got {apart.min():g} to "
                f"{apart.max():g} along {dim}; use merge_cells(window_squares(...))"
            )
            raise ValueError(message)
    import geopandas as gpd
    import shapely

    probability, counted = RULES[rule](values, float(threshold))
    row, column = np.nonzero(counted)
    west, north = x[0] + (column - 1) * step, y[0] - (row - 1) * step
    squares = shapely.box(west, north - step, west + step, north)
    return gpd.GeoDataFrame(
        {
            "probability": probability[row, column],
            "windows": counted[row, column].astype("int64"),
        },
        geometry=squares,
        crs=crs,
    )


def _highest(values: npt.NDArray[Any], threshold: float) -> tuple[Cells, Counts]:
    """Highest of the windows above the threshold, and how many of them there are."""
    kept = _kept(values, threshold)
    best = np.full((kept.shape[0] + 1, kept.shape[1] + 1), -np.inf)
    seen = np.zeros(best.shape, np.uint8)
    for where in _corners(kept):
        best[where] = np.maximum(best[where], kept)
        seen[where] += np.isfinite(kept)
    return best, seen


def _mean(values: npt.NDArray[Any], threshold: float) -> tuple[Cells, Counts]:
    """Mean of the known windows where it is above the threshold, and how many they are."""
    known = np.isfinite(values)
    total = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    seen = np.zeros(total.shape, np.uint8)
    for where in _corners(values):
        total[where] += np.where(known, values, 0.0)
        seen[where] += known
    mean = np.divide(total, seen, out=np.full(total.shape, np.nan), where=seen > 0)
    # In their own precision, as _kept; a mean of whole numbers is none.
    above = mean.astype(np.result_type(values, np.float16)) > threshold
    return mean, np.where(above, seen, 0)


RULES = {"max": _highest, "mean": _mean}


def _corners(values: npt.NDArray[Any]) -> list[tuple[slice, slice]]:
    """Where the cells at each corner of the windows lie, among all cells."""
    rows, columns = values.shape
    return [
        (slice(down, down + rows), slice(right, right + columns))
        for down in (0, 1)
        for right in (0, 1)
    ]


def kept_windows(
    windows: xr.DataArray, threshold: float, *, by: str
) -> tuple[npt.NDArray[np.float64], float, tuple[Any, Any], Any]:
    """Probabilities above the threshold, −inf elsewhere, and where the windows lie. Computes.

    Parameters
    ----------
    windows : xarray.DataArray
        As in :func:`cells`.
    threshold : float
        As in :func:`cells`.
    by : str
        The function that asks, for messages.

    Returns
    -------
    (array of float64, float, (array of float64, array of float64), CRS)
        Probabilities from north to south and west to east, half a window in units of the CRS,
        centres along x and along y, CRS.
    """
    values, half, centres, crs = _ordered(windows, threshold, by=by)
    return _kept(values, float(threshold)), half, centres, crs


def _kept(values: npt.NDArray[Any], threshold: float) -> npt.NDArray[np.float64]:
    # Compared in their own precision: 0.8 in float32 is a little more than 0.8.
    kept: npt.NDArray[np.float64] = np.where(values > threshold, values.astype(np.float64), -np.inf)
    return kept


def _ordered(
    windows: xr.DataArray, threshold: float, *, by: str
) -> tuple[npt.NDArray[Any], float, tuple[Any, Any], Any]:
    """All probabilities from north to south and west to east, and where the windows lie."""
    require(windows, "y", "x", by=by)
    if not 0 <= threshold <= 1:
        message = f"{by} needs a threshold from 0 to 1, got {threshold}; use 0.8"
        raise ValueError(message)
    from pyproj import CRS

    crs = crs_of(windows)
    if crs is None or not is_planar(CRS(crs)):
        message = f"{by} needs windows in a projected CRS, got {crs}; use their UTM zone"
        raise ValueError(message)
    half = _half(windows, by)
    ordered = windows.sortby("y", ascending=False).sortby("x")
    return ordered.to_numpy(), half, (ordered.x.to_numpy(), ordered.y.to_numpy()), crs


def _half(windows: xr.DataArray, by: str) -> float:
    """Half a window: as the windows tell, or how far apart they lie."""
    told = windows.attrs.get("cell_size")
    down, across = (_spacing(windows, dim, by, even=told is None) for dim in ("y", "x"))
    if told is not None:
        return float(told)
    # A single row or column has the spacing of the other axis.
    down, across = down or across, across or down
    if not across:
        message = f"{by} cannot tell from one window how far apart windows are; pass two or more"
        raise ValueError(message)
    if not np.isclose(across, down, rtol=1e-6):
        message = (
            f"{by} needs windows spaced alike in both directions, got {down:g} by {across:g}; "
            "use merge_cells(window_squares(...)) of parts that are"
        )
        raise ValueError(message)
    return across


def _spacing(windows: xr.DataArray, dim: str, by: str, *, even: bool) -> float:
    if dim not in windows.indexes:
        message = f"{by} needs the centres of the windows as coordinates y and x; {dim} is lacking"
        raise ValueError(message)
    steps = np.abs(np.diff(windows.indexes[dim].to_numpy(np.float64)))
    if even and len(steps) and not np.allclose(steps, steps[0], rtol=1e-6):
        message = (
            f"{by} needs evenly spaced windows, got steps of {steps.min():g} to {steps.max():g}"
        )
        raise ValueError(message)
    return float(steps.mean()) if len(steps) else 0.0
