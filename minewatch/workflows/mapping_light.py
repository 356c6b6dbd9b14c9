"""Reflectance as it would be seen from straight above, with what items say of sun and sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from minewatch import brdf
from minewatch.conventions import crs_of

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_light", "seen_from_above"]

ANGLES = ("sun_zenith", "sun_azimuth", "view_zenith", "view_azimuth")


def check_light(choice: str) -> None:
    """Refuse a choice of normalised sun that is none.

    Parameters
    ----------
    choice : str
        ``"none"``, ``"observed"`` or ``"lat"``.

    Raises
    ------
    ValueError
        If it is another.
    """
    if choice not in ("none", "observed", "lat"):
        message = f"brdf {choice!r} is not known; use none, observed or lat"
        raise ValueError(message)


def seen_from_above(
    bands: xr.Dataset, sensor: str, normal: Literal["observed", "lat"]
) -> xr.Dataset:
    """Nadir BRDF-adjusted reflectance with one direction of sun and sensor a date.

    Parameters
    ----------
    bands : xarray.Dataset
        Reflectance, dims (time, y, x), with the coordinates ``sun_zenith``, ``sun_azimuth``,
        ``view_zenith`` and ``view_azimuth`` (time) in degrees.
    sensor : str
        For messages.
    normal : {"observed", "lat"}
        The sun that it is brought to: as it stood, or as it stands on average at the latitude of
        each row, which makes sensors alike.

    Returns
    -------
    xarray.Dataset
        The same bands, lazy if they are.

    Raises
    ------
    ValueError
        If a date has no angles; says which.

    See Also
    --------
    minewatch.brdf.nbar : the correction.
    """
    unknown = np.zeros(bands.sizes["time"], bool)
    for name in ANGLES:
        known = np.isfinite(bands[name].to_numpy()) if name in bands.coords else False
        unknown |= ~np.asarray(known)
    if "view_zenith" in bands.coords:
        # Straight down has no azimuth, and needs none.
        nadir = bands["view_zenith"].to_numpy() == 0
        sun = all(name in bands.coords for name in ANGLES[:2])
        unknown &= ~(nadir & sun)
    if unknown.any():
        message = (
            f"brdf needs the angles of sun and sensor, and {int(unknown.sum())} of {unknown.size} "
            f"dates of {sensor} do not say them: {', '.join(_named(bands, unknown))}; use "
            "brdf='none', or a catalogue that has them"
        )
        raise ValueError(message)
    view = bands["view_zenith"]
    azimuth = bands["view_azimuth"] if "view_azimuth" in bands.coords else bands["sun_azimuth"]
    relative = (azimuth - bands["sun_azimuth"]).where(view != 0, 0.0)
    return brdf.nbar(
        bands,
        sun_zenith=bands["sun_zenith"],
        view_zenith=view,
        relative_azimuth=relative,
        normal_zenith=normal,
        latitude=_latitudes(bands) if normal == "lat" else None,
    )


def _named(bands: xr.Dataset, which: np.ndarray) -> list[str]:
    items = list(bands.attrs.get("items", ()))
    names = [items[at] if at < len(items) else str(at) for at in np.flatnonzero(which)]
    return names if len(names) <= 3 else [*names[:3], "…"]


def _latitudes(bands: xr.Dataset) -> xr.DataArray:
    """Latitude of each row, in the middle column."""
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(crs_of(bands), 4326, always_xy=True)
    y = bands["y"]
    middle = float(bands["x"].to_numpy()[[0, -1]].mean())
    _, latitude = to_degrees.transform(np.full(y.size, middle), y.to_numpy())
    chunks = bands.chunksizes.get("y")
    rows = y.copy(data=np.asarray(latitude)).drop_attrs()
    return rows if chunks is None else rows.chunk({"y": chunks})
