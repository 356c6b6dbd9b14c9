r"""Coherence of co-registered single-look complex images in a moving window.

.. math:: \hat\gamma = \frac{|\sum_W s_1 s_2^*\, e^{-j\phi}|}
                            {\sqrt{\sum_W |s_1|^2\, \sum_W |s_2|^2}}

Touzi et al. (1999), doi:10.1109/36.739146; as used over open pits by Kavats et al. (2025),
doi:10.1144/gslspecpub2023-216.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from minewatch import _apply, kernels
from minewatch.conventions import Layer, conform, require
from minewatch.insar.blocks import block_coords
from minewatch.insar.identity import slc_positions
from minewatch.insar.interferograms import pair_coords, phase_of
from minewatch.insar.provenance import of_images
from minewatch.insar.statistics import COHERENCE, effective_looks

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["coherence", "complex_coherence"]

COMPLEX_COHERENCE = Layer("complex_coherence", "complex coherence", dtype="complex64")

KERNELS = {
    ("coherence", None): kernels.coherence,
    ("coherence", "local"): kernels.demodulated_coherence,
    ("complex_coherence", None): kernels.complex_coherence,
    ("complex_coherence", "local"): kernels.demodulated_complex_coherence,
}
"""Layer and demodulation → what computes it."""

Mode = Literal["sliding", "multilook"]


def coherence(
    slc: xr.DataArray,
    pairs: xr.Dataset,
    *,
    window: tuple[int, int] = (3, 10),
    mode: Mode = "sliding",
    min_valid: float = 0.5,
    phase: xr.DataArray | None = None,
    demodulate: Literal["local"] | None = None,
    max_fringe: float = 0.125,
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
    demodulate : {"local"}, optional
        Where no phase is at hand (steep walls, long baselines): ``"local"`` takes the ramp out of
        each window that makes its coherence largest. It restores 0.9 where a ramp of 0.05 cycles a
        sample left 0.59 in ten columns, and lifts what is not coherent, since noise has ramps
        too: with 30 looks the floor of 0.16 becomes 0.30 and 0.5 becomes 0.53, while 0.7 and more
        stay. Neither `looks` nor :func:`debias` knows of this.
    max_fringe : float
        Steepest ramp that ``"local"`` looks for, cycles a sample in either direction, up to 0.5.
        The flat Earth makes 0.03 of Sentinel-1 pixels in range at a baseline of 250 m, a slope of
        25° towards the radar 0.1. More lifts the floor further (0.41 at 0.5).
    looks : float, optional
        Independent looks in the window, for the record and for :func:`debias`; by default those
        of Sentinel-1 IW2 pixels (:func:`effective_looks`), marked as assumed in
        ``looks_source``.

    Returns
    -------
    xarray.DataArray
        ``coherence``, dims (pair, y, x), float32, in [0, 1], lazy if `slc` is; attributes
        ``window``, ``looks``, ``mode`` and, as far as `slc` tells, ``source``, ``files``,
        ``polarization`` and orbit.

    Raises
    ------
    ValueError
        If `window` has fewer than two samples, exceeds the image as a block, a setting is unknown
        or `min_valid` or `max_fringe` is out of range.
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
    >>> import numpy as np, pandas as pd, xarray as xr
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
    settings = _Settings(window, mode, min_valid, phase, demodulate, max_fringe, looks)
    return _estimate(COHERENCE, slc, pairs, settings)


def complex_coherence(
    slc: xr.DataArray,
    pairs: xr.Dataset,
    *,
    window: tuple[int, int] = (3, 10),
    mode: Mode = "sliding",
    min_valid: float = 0.5,
    phase: xr.DataArray | None = None,
    demodulate: Literal["local"] | None = None,
    max_fringe: float = 0.125,
    looks: float | None = None,
) -> xr.DataArray:
    """Coherence with the interferometric phase of each window as its argument.

    Parameters
    ----------
    slc, pairs, window, mode, min_valid, phase, demodulate, max_fringe, looks
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
    >>> import numpy as np, pandas as pd, xarray as xr
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
    settings = _Settings(window, mode, min_valid, phase, demodulate, max_fringe, looks)
    return _estimate(COMPLEX_COHERENCE, slc, pairs, settings)


@dataclass(frozen=True)
class _Settings:
    window: tuple[int, int]
    mode: str
    min_valid: float
    phase: xr.DataArray | None
    demodulate: str | None
    max_fringe: float
    looks: float | None

    def record(self) -> dict[str, object]:
        """What the result remembers."""
        assumed = self.looks is None
        return {
            "window": self.window,
            "looks": round(effective_looks(self.window), 2) if assumed else self.looks,
            "looks_source": "assumed: Sentinel-1 IW2 pixels" if assumed else "given",
            "mode": self.mode,
            "min_valid": self.min_valid,
            "phase_removed": self.phase is not None,
            "demodulate": self.demodulate,
            "max_fringe": None if self.demodulate is None else self.max_fringe,
        }


def _estimate(
    layer: Layer, slc: xr.DataArray, pairs: xr.Dataset, settings: _Settings
) -> xr.DataArray:
    by, window, phase = layer.name, settings.window, settings.phase
    require(slc, "time", "y", "x", dtype="complex64", by=by)
    _check(settings, slc, by=by)
    reference, secondary = slc_positions(slc, pairs, by=by)
    steepest = () if settings.demodulate is None else (float(settings.max_fringe),)
    gamma = _apply.paired_windows(
        KERNELS[by, settings.demodulate],
        slc,
        reference,
        secondary,
        window=window,
        arguments=(window[0], window[1], float(settings.min_valid), *steepest),
        phase=None if phase is None else phase_of(phase, slc, pairs, by=by),
        dtype=layer.dtype,
    )
    if settings.mode == "multilook":
        # The estimate of a whole block is the sliding one at its centre; a copy frees the others.
        rows, columns = window
        height, width = (gamma.sizes["y"] // rows * rows, gamma.sizes["x"] // columns * columns)
        picked = gamma.isel(y=slice(rows // 2, height, rows), x=slice(columns // 2, width, columns))
        gamma = picked.copy().drop_vars(picked.coords).assign_coords(block_coords(gamma, window))
    gamma = gamma.assign_coords(pair_coords(pairs))
    return conform(gamma, layer, **settings.record(), **of_images(slc))


def _check(settings: _Settings, slc: xr.DataArray, *, by: str) -> None:
    window, mode, min_valid = settings.window, settings.mode, settings.min_valid
    if (by, settings.demodulate) not in KERNELS:
        message = f"{by} knows demodulate=None and 'local', got demodulate={settings.demodulate!r}"
        raise ValueError(message)
    if settings.demodulate is not None and not 0 < settings.max_fringe <= 0.5:
        message = (
            f"{by} looks for ramps of up to 0.5 cycles a sample, got "
            f"max_fringe={settings.max_fringe}; 0.125 covers most slopes"
        )
        raise ValueError(message)
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
