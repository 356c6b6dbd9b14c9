r"""Coherence of co-registered single-look complex images in a moving window.

.. math:: \hat\gamma = \frac{|\sum_W s_1 s_2^*\, e^{-j\phi}|}
                            {\sqrt{\sum_W |s_1|^2\, \sum_W |s_2|^2}}

Touzi et al. (1999), doi:10.1109/36.739146; as used over open pits by Kavats et al. (2025),
doi:10.1144/gslspecpub2023-216.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch import _apply, kernels
from minewatch.conventions import Layer, conform, require, require_same_grid
from minewatch.insar.blocks import block_coords
from minewatch.insar.identity import match_pairs, slc_positions
from minewatch.insar.pairs import PAIR_COORDS
from minewatch.insar.statistics import COHERENCE, effective_looks

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["coherence", "complex_coherence", "interferogram"]

COMPLEX_COHERENCE = Layer("complex_coherence", "complex coherence", dtype="complex64")
INTERFEROGRAM = Layer("interferogram", "interferogram", dtype="complex64")

Mode = Literal["sliding", "multilook"]


def coherence(
    slc: xr.DataArray,
    pairs: xr.Dataset,
    *,
    window: tuple[int, int] = (3, 10),
    mode: Mode = "sliding",
    min_valid: float = 0.5,
    phase: xr.DataArray | None = None,
    looks: float | None = None,
) -> xr.DataArray:
    r"""Interferometric coherence of each pair.

    How alike two acquisitions are, speckle and phase, in a window:

    .. math:: \hat\gamma = \frac{|\sum_W s_1 s_2^*\, e^{-j\phi}|}
                                {\sqrt{\sum_W |s_1|^2\, \sum_W |s_2|^2}}

    1 is unchanged ground; decorrelated ground reads about :math:`\sqrt{\pi / 4L}`, not 0. A
    sample that is 0 or not finite in either image counts in none of the sums. Windows are cut at
    the image border. A window of even size reaches one sample further up (left) than down (right).

    Parameters
    ----------
    slc : xarray.DataArray
        Co-registered stack, dims (time, y, x), complex64, y azimuth and x range in radar geometry.
    pairs : xarray.Dataset
        Pair table from :func:`select_pairs`.
    window : (int, int)
        Rows (azimuth) and columns (range), in pixels. The default is about square on the ground
        for Sentinel-1 IW in radar geometry; Climate TRACE uses (2, 7).
    mode : {"sliding", "multilook"}
        One estimate per pixel, neighbours sharing samples, or one per block of `window`, of
        about independent neighbours; blocks that the image does not fill are dropped.
    min_valid : float
        Share of the window that must be valid, else NaN; never fewer than two samples.
    phase : xarray.DataArray, optional
        Deterministic phase (flat Earth, topography) to take out, radians, dims (pair, y, x). A
        ramp of f cycles per sample that stays in costs a factor sin(πNf)/(N sin πf) over N
        samples.
    looks : float, optional
        Independent looks in the window, for the record and for :func:`debias`; by default those
        of Sentinel-1 IW2 pixels (:func:`effective_looks`), marked as assumed in
        ``looks_source``.

    Returns
    -------
    xarray.DataArray
        ``coherence``, dims (pair, y, x), float32, in [0, 1], lazy if `slc` is; attributes
        ``window``, ``looks``, ``mode``.

    Raises
    ------
    ValueError
        If `window` has fewer than two samples, exceeds the image as a block, `mode` is unknown or
        `min_valid` is no share.
    KeyError
        If `slc` lacks a date of `pairs`.

    See Also
    --------
    minewatch.kernels.coherence : the same on bare arrays.
    complex_coherence : with its phase.

    References
    ----------
    Touzi et al. (1999), Coherence estimation for SAR imagery, doi:10.1109/36.739146.

    Examples
    --------
    >>> import pandas as pd
    >>> from minewatch.insar import select_pairs
    >>> rng = np.random.default_rng(0)
    >>> speckle = rng.normal(size=(2, 6, 20)) + 1j * rng.normal(size=(2, 6, 20))
    >>> speckle[1] = 2j * speckle[0]  # gain and phase do not matter
    >>> slc = xr.DataArray(
    ...     speckle.astype("complex64"),
    ...     dims=("time", "y", "x"),
    ...     coords={"time": pd.to_datetime(["2022-06-01", "2022-06-13"])},
    ... )
    >>> pairs = select_pairs(slc, max_perpendicular_baseline=None)
    >>> coherence(slc, pairs, mode="multilook").values.round(6)
    array([[[1., 1.], [1., 1.]]], dtype=float32)
    """
    gamma = _estimate(kernels.coherence, slc, pairs, window, mode, min_valid, phase, "coherence")
    return conform(gamma, COHERENCE, **_record(window, mode, min_valid, phase, looks))


def complex_coherence(
    slc: xr.DataArray,
    pairs: xr.Dataset,
    *,
    window: tuple[int, int] = (3, 10),
    mode: Mode = "sliding",
    min_valid: float = 0.5,
    phase: xr.DataArray | None = None,
    looks: float | None = None,
) -> xr.DataArray:
    """Coherence with the interferometric phase of each window as its argument.

    Parameters
    ----------
    slc, pairs, window, mode, min_valid, phase, looks
        As in :func:`coherence`.

    Returns
    -------
    xarray.DataArray
        ``complex_coherence``, dims (pair, y, x), complex64, of modulus :func:`coherence`.

    Raises
    ------
    ValueError, KeyError
        As in :func:`coherence`.

    See Also
    --------
    coherence : its modulus.

    Examples
    --------
    >>> import pandas as pd
    >>> from minewatch.insar import select_pairs
    >>> slc = xr.DataArray(
    ...     np.ones((2, 4, 4), "complex64") * np.array([1, 1j], "complex64")[:, None, None],
    ...     dims=("time", "y", "x"),
    ...     coords={"time": pd.to_datetime(["2022-06-01", "2022-06-13"])},
    ... )
    >>> pairs = select_pairs(slc, max_perpendicular_baseline=None)
    >>> gamma = complex_coherence(slc, pairs, window=(2, 2))
    >>> gamma.values[0, 1, 1].round(3)  # s1 conj(s2) of 1 and j
    np.complex64(...-1j)
    """
    gamma = _estimate(
        kernels.complex_coherence, slc, pairs, window, mode, min_valid, phase, "complex_coherence"
    )
    return conform(gamma, COMPLEX_COHERENCE, **_record(window, mode, min_valid, phase, looks))


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
        angles = _phase_of(phase, slc, pairs, by="interferogram")
        product = product * np.exp(-1j * angles.drop_vars(angles.coords))
    product = product.where(valid, complex(np.nan, np.nan)).assign_coords(_pair_coords(pairs))
    return conform(product, INTERFEROGRAM, phase_removed=phase is not None)


def _estimate(
    kernel: Callable[..., Any],
    slc: xr.DataArray,
    pairs: xr.Dataset,
    window: tuple[int, int],
    mode: str,
    min_valid: float,
    phase: xr.DataArray | None,
    by: str,
) -> xr.DataArray:
    require(slc, "time", "y", "x", dtype="complex64", by=by)
    _check_settings(window, mode, min_valid, slc, by=by)
    reference, secondary = slc_positions(slc, pairs, by=by)
    gamma = _apply.paired_windows(
        kernel,
        slc,
        reference,
        secondary,
        window=window,
        arguments=(window[0], window[1], float(min_valid)),
        phase=None if phase is None else _phase_of(phase, slc, pairs, by=by),
        dtype="complex64" if kernel is kernels.complex_coherence else "float32",
    )
    if mode == "multilook":
        # The estimate of a whole block is the sliding one at its centre; a copy frees the others.
        rows, columns = window
        height, width = (gamma.sizes["y"] // rows * rows, gamma.sizes["x"] // columns * columns)
        picked = gamma.isel(y=slice(rows // 2, height, rows), x=slice(columns // 2, width, columns))
        gamma = picked.copy().drop_vars(picked.coords).assign_coords(block_coords(gamma, window))
    return gamma.assign_coords(_pair_coords(pairs))


def _check_settings(
    window: tuple[int, int], mode: str, min_valid: float, slc: xr.DataArray, *, by: str
) -> None:
    if mode not in ("sliding", "multilook"):
        message = f"{by} knows the modes 'sliding' and 'multilook', got mode={mode!r}"
        raise ValueError(message)
    if len(window) != 2 or min(window) < 1 or window[0] * window[1] < 2:
        message = (
            f"{by} needs a window of at least two samples, rows × columns, got window={window}: "
            "of one sample coherence is always 1; use (3, 10)"
        )
        raise ValueError(message)
    if not 0 <= min_valid <= 1:
        message = f"{by} needs a share of 0 to 1, got min_valid={min_valid}; 0.5 asks for half"
        raise ValueError(message)
    if mode == "multilook" and (window[0] > slc.sizes["y"] or window[1] > slc.sizes["x"]):
        message = (
            f"{by} finds no whole block of {window[0]}×{window[1]} in an image of "
            f"{slc.sizes['y']}×{slc.sizes['x']}; use a smaller window or mode='sliding'"
        )
        raise ValueError(message)


def _phase_of(
    phase: xr.DataArray, slc: xr.DataArray, pairs: xr.Dataset, *, by: str
) -> xr.DataArray:
    """The phase in the order of the pair table."""
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


def _pair_coords(pairs: xr.Dataset) -> dict[str, xr.DataArray]:
    return {name: pairs.coords[name] for name in ("pair", *PAIR_COORDS) if name in pairs.coords}


def _record(
    window: tuple[int, int],
    mode: str,
    min_valid: float,
    phase: xr.DataArray | None,
    looks: float | None,
) -> dict[str, object]:
    return {
        "window": window,
        "looks": round(effective_looks(window), 2) if looks is None else looks,
        "looks_source": "assumed: Sentinel-1 IW2 pixels" if looks is None else "given",
        "mode": mode,
        "min_valid": min_valid,
        "phase_removed": phase is not None,
    }
