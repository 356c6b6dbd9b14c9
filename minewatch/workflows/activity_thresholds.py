"""Where activity begins: a number that was given, or a method that finds one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from minewatch import activity

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["METHODS", "fixed_threshold", "threshold_of"]

METHODS: dict[str, Literal["kde_valley", "otsu"]] = {"kde_valley": "kde_valley", "otsu": "otsu"}
"""Ways to find the threshold; anything else is a number."""


def threshold_of(settings: ActivitySettings, ndai: xr.DataArray) -> xr.DataArray:
    """The NDAI threshold that the settings ask for; computes.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    ndai : xarray.DataArray
        Mean NDAI of all dates or of years, dims (..., y, x).

    Returns
    -------
    xarray.DataArray
        A number, with how it was found.
    """
    fixed = fixed_threshold(settings.threshold)
    if fixed is not None:
        return activity.ndai_threshold(ndai, method="fixed", fixed=fixed)
    return activity.ndai_threshold(ndai, method=METHODS[settings.threshold])


def fixed_threshold(text: str) -> float | None:
    """Read the threshold setting.

    Parameters
    ----------
    text : str
        ``"kde_valley"``, ``"otsu"`` or a number.

    Returns
    -------
    float or None
        The number; None for a method.

    Raises
    ------
    ValueError
        If it is neither.

    Examples
    --------
    >>> fixed_threshold("0.2"), fixed_threshold("otsu")
    (0.2, None)
    """
    if text in METHODS:
        return None
    try:
        return float(text)
    except ValueError:
        message = f"threshold {text!r} is not known; use 'kde_valley', 'otsu' or a number like 0.2"
        raise ValueError(message) from None
