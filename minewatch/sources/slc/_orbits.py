r"""Perpendicular baselines from state vectors.

For a ground point P, each pass has one moment at which its velocity is perpendicular to the line
of sight (zero Doppler); S is the antenna at that moment. The perpendicular baseline of a pass is
the part of its offset from the first pass that lies across the line of sight and the track,

.. math:: B_\perp = (S - S_0) \cdot \hat n, \qquad
          \hat n = \frac{(P - S_0) \times v_0}{|(P - S_0) \times v_0|}

so that baselines of pairs are differences and close over any triangle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from minewatch.sources.slc._acquisitions import Orbit

__all__ = ["perpendicular_baselines"]


def perpendicular_baselines(
    orbits: Sequence[Orbit | None], ground: npt.ArrayLike
) -> npt.NDArray[np.float64]:
    """Baselines of each pass relative to the first that has an orbit.

    Parameters
    ----------
    orbits : sequence of Orbit or None
        One per acquisition.
    ground : array of 3 floats
        A point in the middle of the image, Earth-fixed, m.

    Returns
    -------
    numpy.ndarray
        Metres; NaN where there is no orbit, or it does not pass the point.

    Examples
    --------
    >>> from minewatch.sources.slc._acquisitions import Orbit
    >>> t = np.linspace(-10, 10, 21)
    >>> def straight(x, z):
    ...     position = np.stack([np.full(21, x), 7500 * t, np.full(21, z)], axis=-1)
    ...     return Orbit(t, position, np.tile([0.0, 7500, 0], (21, 1)))
    >>> passes = [straight(0, 700e3), straight(40, 700e3 + 30)]
    >>> perpendicular_baselines(passes, (525e3, 0, 0)).round(1)  # 3-4-5 across a slanted sight
    array([ 0., 50.])
    """
    point = np.asarray(ground, "float64")
    states = [None if orbit is None else _abeam(orbit, point) for orbit in orbits]
    first = next((state for state in states if state is not None), None)
    if first is None:
        return np.full(len(orbits), np.nan)
    position, velocity = first
    across = np.cross(point - position, velocity)
    across = across / np.linalg.norm(across)
    return np.array(
        [np.nan if state is None else float((state[0] - position) @ across) for state in states]
    )


def _abeam(
    orbit: Orbit, point: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Position and velocity when the point is abeam, or None if the vectors do not span that."""
    from scipy.interpolate import CubicHermiteSpline
    from scipy.optimize import brentq

    path = CubicHermiteSpline(orbit.seconds, orbit.position, orbit.velocity)
    speed = path.derivative()

    def doppler(t: float) -> float:
        return float(speed(t) @ (point - path(t)))

    start, end = float(orbit.seconds[0]), float(orbit.seconds[-1])
    if doppler(start) * doppler(end) > 0:
        return None
    moment = brentq(doppler, start, end, xtol=1e-9)
    return path(moment), speed(moment)
