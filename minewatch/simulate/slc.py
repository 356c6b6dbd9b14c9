"""Single-look complex stacks whose true coherence is known for every pair of dates."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import xarray as xr

from minewatch.conventions import Layer, conform, require
from minewatch.simulate.fields import band_limited

__all__ = ["CRITICAL_BASELINE", "decorrelation", "slc_stack"]

SLC = Layer("slc", "simulated single-look complex image", dtype="complex64")

CRITICAL_BASELINE = 6375.0
"""Metres at which Sentinel-1 IW2 images share no spectrum: λ R tanθ / 2δ at 39° incidence."""

Number = TypeVar("Number", float, npt.NDArray[np.float64], xr.DataArray)
Factor = Any  # whatever broadcasts with days


def decorrelation(
    days: Number,
    *,
    initial: Factor = 1.0,
    time_constant: Factor = np.inf,
    perpendicular_baseline: Factor = 0.0,
    critical_baseline: float = CRITICAL_BASELINE,
    weather: Factor = 1.0,
    active: Factor = 0.0,
    resurfaced: float = 0.9,
) -> Number:
    r"""True coherence of a pair of acquisitions, factor by factor.

    .. math:: \rho = \gamma_0 \, e^{-\Delta t/\tau} \, \max(0, 1 - |B|/B_c) \, G \, (1 - f A)

    Parameters
    ----------
    days : float or array
        Time Δt between the acquisitions, days.
    initial : float or array
        Coherence γ₀ at no separation, 0..1; 0 for water.
    time_constant : float or array
        Days τ in which temporal decorrelation takes a factor e.
    perpendicular_baseline : float or array
        B between the two orbits, metres.
    critical_baseline : float
        B_c, metres, at which coherence is gone.
    weather : float or array
        Factor G in (0, 1] of a wet or windy pair.
    active : float or array
        A: 1 where the ground is being worked, 0 elsewhere.
    resurfaced : float
        Share f of the scatterers that work replaces.

    Returns
    -------
    float or array
        ρ in [0, 1], broadcast over the arguments.

    References
    ----------
    Zebker & Villasenor (1992), Decorrelation in interferometric radar echoes, IEEE TGRS 30(5),
    doi:10.1109/36.175330.

    Examples
    --------
    >>> float(decorrelation(12.0, initial=0.93, time_constant=400.0))
    0.9025
    >>> float(decorrelation(12.0, initial=0.93, time_constant=400.0, active=1.0))
    0.0903
    """
    baseline = 1 - abs(perpendicular_baseline) / critical_baseline
    temporal = initial * np.exp(-days / time_constant)
    return temporal * np.maximum(baseline, 0.0) * weather * (1 - resurfaced * active)  # type: ignore[no-any-return]


def slc_stack(
    coherence: xr.DataArray,
    *,
    power: xr.DataArray | float = 1.0,
    bandwidth: tuple[float, float] = (0.62, 0.75),
    noise: float = 0.0,
    persistent: float = 0.0,
    phase: xr.DataArray | None = None,
    perpendicular_baseline: npt.ArrayLike | None = None,
    seed: int | np.random.Generator,
) -> xr.DataArray:
    r"""Coregistered SLC stack with a prescribed coherence between consecutive dates.

    Speckle that forgets from date to date (a Markov chain of band-limited circular Gaussians):

    .. math:: z_{k+1} = \rho_k z_k + \sqrt{1-\rho_k^2}\, w_k, \qquad
              s_k = \sqrt{\sigma_0}\, z_k e^{j\psi_k} + \sqrt{N_0}\, n_k

    The true coherence of dates i < j is the product of :math:`\rho_i \ldots \rho_{j-1}`, times
    :math:`\sigma_0 / (\sigma_0 + N_0)`. A share c of persistent scatterers lifts it to
    :math:`c + (1-c) \prod \rho`.

    Parameters
    ----------
    coherence : xarray.DataArray
        ρ, dims (pair, y, x) in [0, 1], with coordinates ``reference_time`` and ``secondary_time``
        of consecutive dates: each pair begins where the one before ends.
    power : xarray.DataArray or float
        σ₀, linear power, dims (y, x).
    bandwidth : (float, float)
        Pixel spacing over resolution in azimuth and range; the default is Sentinel-1 IW.
    noise : float
        N₀, linear power of the receiver's noise.
    persistent : float
        Share c of scatterers that never change, 0..1.
    phase : xarray.DataArray, optional
        ψ in radians, dims (time, y, x), e.g. a flat-Earth ramp.
    perpendicular_baseline : array of float, optional
        Metres for each date, relative to one reference acquisition; stored as a coordinate.
    seed : int or numpy.random.Generator
        Where the draws come from.

    Returns
    -------
    xarray.DataArray
        ``slc``, dims (time, y, x), complex64, E|s|² = σ₀ + N₀; x, y and CRS of `coherence`.

    Raises
    ------
    ValueError
        If dims are others, ρ leaves [0, 1] or the pairs are not consecutive.

    See Also
    --------
    coherence_cube : estimates without images, a thousand times cheaper.
    decorrelation : ρ from time, baseline, weather and activity.

    Examples
    --------
    >>> dates = np.array(["2022-03-05", "2022-03-17"], "datetime64[ns]")
    >>> rho = xr.DataArray(
    ...     np.full((1, 8, 8), 0.9),
    ...     dims=("pair", "y", "x"),
    ...     coords={"reference_time": ("pair", dates[:1]), "secondary_time": ("pair", dates[1:])},
    ... )
    >>> dict(slc_stack(rho, seed=0).sizes)
    {'time': 2, 'y': 8, 'x': 8}
    """
    require(coherence, "pair", "y", "x", by="slc_stack")
    times = _dates(coherence)
    rho = coherence.values.astype("float64")
    if not ((rho >= 0) & (rho <= 1)).all():
        message = "slc_stack needs coherence in [0, 1] everywhere; clip it and fill what is unknown"
        raise ValueError(message)
    rng = np.random.default_rng(seed)
    shape = rho.shape[1:]

    def draw() -> npt.NDArray[np.complex128]:
        return band_limited((shape[0], shape[1]), bandwidth, rng)

    amplitude = np.sqrt(power.values if isinstance(power, xr.DataArray) else power)
    forever = np.sqrt(persistent) * draw()
    stack = np.empty((len(times), *shape), "complex64")
    z = draw()
    for k in range(len(times)):
        if k:
            z = rho[k - 1] * z + np.sqrt(1 - rho[k - 1] ** 2) * draw()
        signal = amplitude * (forever + np.sqrt(1 - persistent) * z)
        if phase is not None:
            signal = signal * np.exp(1j * phase.values[k])
        stack[k] = signal + np.sqrt(noise) * draw() if noise > 0 else signal
    kept = [name for name in ("y", "x", "spatial_ref") if name in coherence.coords]
    coords: dict[str, object] = {"time": times} | {name: coherence.coords[name] for name in kept}
    if perpendicular_baseline is not None:
        metres = {"long_name": "perpendicular baseline", "units": "m"}
        coords["perpendicular_baseline"] = (
            "time",
            np.asarray(perpendicular_baseline, float),
            metres,
        )
    result = xr.DataArray(stack, dims=("time", "y", "x"), coords=coords)
    return conform(result, SLC, polarization="VV", source="minewatch.simulate", bandwidth=bandwidth)


def _dates(coherence: xr.DataArray) -> npt.NDArray[np.datetime64]:
    if not {"reference_time", "secondary_time"} <= set(coherence.coords):
        message = (
            "slc_stack needs the coordinates reference_time and secondary_time along pair; "
            "use .assign_coords(reference_time=('pair', dates[:-1]), "
            "secondary_time=('pair', dates[1:]))"
        )
        raise ValueError(message)
    first = coherence.reference_time.values.astype("datetime64[ns]")
    second = coherence.secondary_time.values.astype("datetime64[ns]")
    if (first[1:] != second[:-1]).any():
        message = (
            "slc_stack needs consecutive pairs, each beginning where the one before ends; "
            "sort them and leave the others out"
        )
        raise ValueError(message)
    return np.concatenate([first[:1], second])
