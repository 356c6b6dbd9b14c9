"""Reflectance as it would be seen from straight above, with what items say of sun and sensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from minewatch import brdf
from minewatch.workflows.mapping_granules import (
    brought_to_nadir,
    dates_of,
    granules_of,
    latitudes,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pystac
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
    bands: xr.Dataset,
    sensor: str,
    normal: Literal["observed", "lat"],
    *,
    items: Iterable[pystac.Item] = (),
    sign: str | None = None,
) -> xr.Dataset:
    """Nadir BRDF-adjusted reflectance by the angles of the granules, or else one pair a date.

    Items of Landsat say no more than that the sensor looked straight down, which holds in the
    middle of its swath: there the sun is normalised, and the view, up to 7.5 degrees aside at the
    edges, is left as it is.

    Parameters
    ----------
    bands : xarray.Dataset
        Reflectance, dims (time, y, x), with the coordinates ``sun_zenith``, ``sun_azimuth``,
        ``view_zenith`` and ``view_azimuth`` (time) in degrees for dates without granule metadata.
    sensor : str
        For messages.
    normal : {"observed", "lat"}
        The sun that it is brought to: as it stood, or as it stands on average at the latitude of
        each row, which makes sensors alike.
    items : iterable of pystac.Item
        What the bands were loaded from; of Sentinel-2, their metadata are read when the bands are.
    sign : str, optional
        As in :func:`minewatch.sources.load`.

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
    minewatch.sources.angles.granule_angles : the angles of a granule.
    """
    granules = granules_of(bands, items)
    told = np.array([bool(found) for found in granules])
    unknown = _unknown(bands) & ~told
    if unknown.any():
        names = [name for name, lacks in zip(dates_of(bands), unknown, strict=True) if lacks]
        message = (
            f"brdf needs the angles of sun and sensor, and {len(names)} of {unknown.size} dates "
            f"of {sensor} do not say them: {', '.join(names[:3])}{', …' * (len(names) > 3)}; use "
            "brdf='none', or a catalogue that has them"
        )
        raise ValueError(message)
    if told.any():
        return brought_to_nadir(bands, granules, normal, sign=sign)
    view = bands["view_zenith"]
    azimuth = bands["view_azimuth"] if "view_azimuth" in bands.coords else bands["sun_azimuth"]
    relative = (azimuth - bands["sun_azimuth"]).where(view != 0, 0.0)
    return brdf.nbar(
        bands,
        sun_zenith=bands["sun_zenith"],
        view_zenith=view,
        relative_azimuth=relative,
        normal_zenith=normal,
        latitude=_in_blocks(latitudes(bands), bands) if normal == "lat" else None,
    )


def _unknown(bands: xr.Dataset) -> np.ndarray:
    """Dates whose items do not say all angles; straight down has no azimuth, and needs none."""
    unknown = np.zeros(bands.sizes["time"], bool)
    for name in ANGLES:
        known = np.isfinite(bands[name].to_numpy()) if name in bands.coords else False
        if name == "view_azimuth" and "view_zenith" in bands.coords:
            known |= bands["view_zenith"].to_numpy() == 0
        unknown |= ~np.asarray(known)
    return unknown


def _in_blocks(rows: xr.DataArray, bands: xr.Dataset) -> xr.DataArray:
    chunks = bands.chunksizes.get("y")
    return rows if chunks is None else rows.chunk({"y": chunks})
