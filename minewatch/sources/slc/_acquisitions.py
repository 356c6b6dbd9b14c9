"""One co-registered image, as every reader of this room hands it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["Acquisition", "one_polarization", "Orbit", "Place", "POLARIZATIONS"]

POLARIZATIONS = ("VV", "VH", "HH", "HV")


@dataclass(frozen=True)
class Place:
    """Where an image lies.

    Parameters
    ----------
    shape : (int, int)
        Rows, columns.
    grid : GeoBox, optional
        Of a geocoded image.
    """

    shape: tuple[int, int]
    grid: GeoBox | None = None

    def __str__(self) -> str:
        size = f"{self.shape[0]}×{self.shape[1]}"
        if self.grid is None:
            return f"{size}, radar geometry"
        t = self.grid.transform
        epsg = None if self.grid.crs is None else self.grid.crs.epsg
        crs = f"EPSG:{epsg}" if epsg else self.grid.crs
        return f"{size}, corner {t.c:.10g}, {t.f:.10g}, pixel {t.a:g} × {t.e:g}, {crs}"

    def same(self, other: Place) -> bool:
        """Whether two images lie on one grid, to a millionth of a pixel."""
        if self.shape != other.shape or (self.grid is None) != (other.grid is None):
            return False
        if self.grid is None or other.grid is None:
            return True
        one, two = self.grid.transform, other.grid.transform
        close = np.allclose(tuple(one), tuple(two), rtol=0, atol=abs(one.a) * 1e-6)
        return bool(close) and self.grid.crs == other.grid.crs


@dataclass(frozen=True)
class Orbit:
    """State vectors of one pass, Earth-fixed.

    Parameters
    ----------
    seconds : numpy.ndarray
        Time from some epoch.
    position, velocity : numpy.ndarray
        Dims (vector, xyz), m and m/s.
    """

    seconds: npt.NDArray[np.float64]
    position: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64]


@dataclass
class Acquisition:
    """One image.

    Parameters
    ----------
    name : str
        File name, for messages and attrs.
    time : numpy.datetime64
        When it was taken, UTC.
    polarization : str
        ``"VV"`` …, empty where the file does not say.
    place : Place
        Where it lies.
    pixels : dask.array.Array
        Dims (y, x), complex64.
    burst : str
        Burst or frame, where the file says.
    orbit : Orbit, optional
        State vectors, where the file has them.
    located : dict of str to dask array
        ``latitude`` and ``longitude`` (y, x), where the file has them.
    """

    name: str
    time: np.datetime64
    polarization: str
    place: Place
    pixels: Any
    burst: str = ""
    orbit: Orbit | None = None
    located: dict[str, xr.DataArray] = field(default_factory=dict)


def one_polarization(have: Sequence[str], wanted: str | None, *, name: str) -> str:
    """The polarization to read from a file.

    Parameters
    ----------
    have : sequence of str
        What the file holds.
    wanted : str, optional
        What is asked for; needed where the file holds several.
    name : str
        The file, for the message.

    Returns
    -------
    str
        One of `have`.

    Raises
    ------
    ValueError
        If it is not there, or not said.
    """
    if wanted is None and len(have) == 1:
        return have[0]
    if wanted is None:
        message = f"{name} holds {list(have)}; say which: polarization={next(iter(have), 'VV')!r}"
        raise ValueError(message)
    if wanted.upper() not in have:
        message = f"{name} has no polarization {wanted!r}; it holds {list(have)}"
        raise ValueError(message)
    return wanted.upper()
