"""The product of two images, and the phase that is known beforehand."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform, require, require_same_grid
from minewatch.insar.identity import match_pairs, slc_positions
from minewatch.insar.pairs import PAIR_COORDS
from minewatch.insar.provenance import of_images

__all__ = ["interferogram", "pair_coords", "phase_of"]

INTERFEROGRAM = Layer("interferogram", "interferogram", dtype="complex64")


def interferogram(
    slc: xr.DataArray, pairs: xr.Dataset, *, phase: xr.DataArray | None = None
) -> xr.DataArray:
    r"""Interferogram of each pair at full resolution, :math:`s_1 s_2^*\, e^{-j\phi}`.

    Its argument is the phase of the reference minus that of the secondary acquisition.

    Parameters
    ----------
    slc : xarray.DataArray
        Co-registered stack, dims (time, y, x), complex64.
    pairs : xarray.Dataset
        Pair table from :func:`select_pairs`.
    phase : xarray.DataArray, optional
        Deterministic phase to take out, radians, dims (pair, y, x).

    Returns
    -------
    xarray.DataArray
        ``interferogram``, dims (pair, y, x), complex64, lazy if `slc` is; NaN where either
        sample is 0 or not finite.

    Raises
    ------
    KeyError
        If `slc` lacks a date of `pairs`.

    Examples
    --------
    >>> import pandas as pd
    >>> from minewatch.insar import select_pairs
    >>> slc = xr.DataArray(
    ...     np.array([[[2, 0]], [[1j, 1]]], "complex64"),
    ...     dims=("time", "y", "x"),
    ...     coords={"time": pd.to_datetime(["2022-06-01", "2022-06-13"])},
    ... )
    >>> interferogram(slc, select_pairs(slc, max_perpendicular_baseline=None)).values
    array([[[ 0. -2.j, nan+nanj]]], dtype=complex64)
    """
    require(slc, "time", "y", "x", dtype="complex64", by="interferogram")
    ends = slc_positions(slc, pairs, by="interferogram")
    first, second = (
        slc.isel(time=xr.DataArray(end, dims="pair")).drop_vars(
            [name for name, coord in slc.coords.items() if "time" in coord.dims]
        )
        for end in ends
    )
    valid = np.isfinite(first) & np.isfinite(second) & (first != 0) & (second != 0)
    product = first.where(valid, 0) * second.where(valid, 0).conj()
    if phase is not None:
        angles = phase_of(phase, slc, pairs, by="interferogram")
        product = product * np.exp(-1j * angles.drop_vars(angles.coords))
    product = product.where(valid, complex(np.nan, np.nan)).assign_coords(pair_coords(pairs))
    record = {"phase_removed": phase is not None, **of_images(slc)}
    return conform(product, INTERFEROGRAM, **record)


def phase_of(phase: xr.DataArray, slc: xr.DataArray, pairs: xr.Dataset, *, by: str) -> xr.DataArray:
    """Phase images in the order of a pair table.

    Parameters
    ----------
    phase : xarray.DataArray
        Radians, dims (pair, y, x); matched by its dates where it has them, else by its order.
    slc : xarray.DataArray
        The stack on whose grid it must lie.
    pairs : xarray.Dataset
        Pair table.
    by : str
        The function that asks, for the message.

    Returns
    -------
    xarray.DataArray
        One image a pair.

    Raises
    ------
    ValueError
        If it lies on another grid or has another number of pairs.
    KeyError
        If it lacks a pair.

    Examples
    --------
    >>> from minewatch.insar import select_pairs
    >>> times = np.array(["2022-06-01", "2022-06-13"], "datetime64[ns]")
    >>> slc = xr.DataArray(np.ones((2, 1, 2), "complex64"), {"time": times}, ("time", "y", "x"))
    >>> phase = xr.DataArray(np.zeros((1, 1, 2)), dims=("pair", "y", "x"))
    >>> pairs = select_pairs(slc, max_perpendicular_baseline=None)
    >>> dict(phase_of(phase, slc, pairs, by="coherence").sizes)
    {'pair': 1, 'y': 1, 'x': 2}
    """
    require(phase, "pair", "y", "x", dtype="floating", by=f"{by} (phase)")
    require_same_grid(slc, phase, by=by)
    if "reference_time" in phase.coords:
        return phase.isel(pair=match_pairs(pairs, phase, by=by))
    if phase.sizes["pair"] != pairs.sizes["pair"]:
        message = (
            f"{by} got {phase.sizes['pair']} phase images for {pairs.sizes['pair']} pairs; give "
            "phase the coordinates of the pair table: phase.assign_coords(pairs.coords)"
        )
        raise ValueError(message)
    return phase


def pair_coords(pairs: xr.Dataset) -> dict[str, xr.DataArray]:
    """The coordinates that name the pairs of a table.

    Parameters
    ----------
    pairs : xarray.Dataset
        Pair table.

    Returns
    -------
    dict
        ``pair``, the two times and the two baselines, as far as the table has them.

    Examples
    --------
    >>> list(pair_coords(xr.Dataset(coords={"pair": [0], "days": ("pair", [12.0])})))
    ['pair']
    """
    return {name: pairs.coords[name] for name in ("pair", *PAIR_COORDS) if name in pairs.coords}
