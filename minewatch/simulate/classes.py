"""Land-cover classes of the simulated world, and how each looks to each sensor.

Plausible figures for a humid-tropical mining district, chosen so that a mine and bare soil are
nearly alike to an optical sensor and 1 to 4 dB apart to a radar: only both together tell them
apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "BACKSCATTER_DB",
    "BANDS",
    "LAND_COVER",
    "MIXED_BANDS",
    "NOISE",
    "REFLECTANCE",
    "SLC_GROUND",
    "log_means",
    "size_class",
]

LAND_COVER = {
    "forest": 1,
    "mine": 2,
    "bare_soil": 3,
    "sediment_river": 4,
    "clear_water": 5,
    "young_palm": 6,
}
"""Codes of ``World.land_cover``."""

SLC_GROUND = {"rock": 1, "forest": 2, "water": 3, "pit": 4, "dump": 5}
"""Codes of ``World.slc_ground``."""

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")

REFLECTANCE = {
    "forest": (0.02, 0.04, 0.03, 0.30, 0.15, 0.06),
    "mine": (0.09, 0.13, 0.17, 0.24, 0.33, 0.28),
    "bare_soil": (0.08, 0.12, 0.17, 0.25, 0.35, 0.29),
    "sediment_river": (0.07, 0.11, 0.13, 0.09, 0.03, 0.02),
    "clear_water": (0.03, 0.03, 0.02, 0.01, 0.005, 0.003),
    "young_palm": (0.04, 0.07, 0.07, 0.27, 0.24, 0.15),
}
"""Median surface reflectance of each class in `BANDS`."""

MIXED_BANDS = {"rededge1": 0.65, "rededge2": 0.15, "rededge3": 0.05, "nir08": 0.0}
"""Bands between red and near infrared: the weight of red in the logarithm, the rest is nir."""

BACKSCATTER_DB = {
    "forest": (-7.0, -13.0, -7.0, -12.0),
    "mine": (-10.0, -18.0, -12.0, -21.0),
    "bare_soil": (-11.0, -20.0, -14.0, -25.0),
    "sediment_river": (-19.0, -26.0, -20.0, -30.0),
    "clear_water": (-21.0, -28.0, -22.0, -32.0),
    "young_palm": (-8.5, -15.0, -9.0, -15.0),
}
"""Median backscatter of each class in dB: C band vv, vh, then L band hh, hv."""

NOISE = {
    "patch": 0.07,  # natural logarithm of reflectance, shared by a patch of ground in every image
    "pixel": 0.06,  # the same, of a 10 m pixel
    "date": 0.05,  # the same, of a pixel as its sensor samples it on one date
    "c_band": 0.9,  # dB, of a patch in vv and in vh
    "l_band": 3.5,  # dB, of a patch in hh and in hv
}
"""Standard deviations around the class."""


def log_means() -> npt.NDArray[np.float64]:
    """Natural logarithms of the class medians.

    Returns
    -------
    numpy.ndarray
        (6 classes, 6 bands + 4 polarisations): reflectance, then linear power.

    Examples
    --------
    >>> log_means().shape
    (6, 10)
    """
    optical = np.log([REFLECTANCE[name] for name in LAND_COVER])
    radar = np.array([BACKSCATTER_DB[name] for name in LAND_COVER]) * np.log(10) / 10
    return np.concatenate([optical, radar], axis=1)


def size_class(hectares: float) -> str:
    """Size class of a mine: micro, small, medium or extensive.

    Parameters
    ----------
    hectares : float
        Area.

    Returns
    -------
    str
        ``"micro"`` below 2.5 ha, ``"small"`` below 10, ``"medium"`` to 55, ``"extensive"`` above.

    Examples
    --------
    >>> [size_class(area) for area in (0.5, 2.5, 55, 56)]
    ['micro', 'small', 'medium', 'extensive']
    """
    if hectares > 55:
        return "extensive"
    return "medium" if hectares >= 10 else "small" if hectares >= 2.5 else "micro"
