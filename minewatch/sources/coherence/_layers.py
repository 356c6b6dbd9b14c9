"""One coherence image of one pair, as every reader of this room hands it over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._files import dates_by_template, dates_in

if TYPE_CHECKING:
    import numpy.typing as npt

    from minewatch.sources._baselines import Pair
    from minewatch.sources.slc._acquisitions import Place

__all__ = ["Options", "PairLayer", "Stored"]

TOLERANCE = 1e-6
"""By how much rounding may leave [0, 1] (science: the estimate itself cannot)."""


@dataclass(frozen=True)
class Options:
    """What the caller knows about the files.

    Parameters
    ----------
    nodata : float or None
        Stored number that means unknown, besides the file's own.
    scale : float
        Factor from stored numbers.
    clip : bool
        Cut values outside of [0, 1].
    chunk : int
        Rows and columns of a chunk.
    names : str or None
        Template of file names.
    temporal_baseline : float or None
        Days from the only date of a name to the secondary acquisition.
    polarization : str or None
        The one wanted.
    """

    nodata: float | None = 0
    scale: float = 1.0
    clip: bool = False
    chunk: int = 1024
    names: str | None = None
    temporal_baseline: float | None = None
    polarization: str | None = None

    def stored(self, name: str, nodata: Any) -> Stored:
        """How stored numbers become coherence.

        Parameters
        ----------
        name : str
            File, for messages.
        nodata : float or None
            What the file names as unknown.

        Returns
        -------
        Stored
            To be called on each block.
        """
        unknown = tuple(float(value) for value in (self.nodata, nodata) if value is not None)
        return Stored(name, unknown, float(self.scale), self.clip)

    def dates(self, name: str) -> tuple[np.datetime64, np.datetime64] | None:
        """Reference and secondary time as a name has them.

        Parameters
        ----------
        name : str
            File or band.

        Returns
        -------
        tuple of two numpy.datetime64, or None
            None where the name does not tell two dates.
        """
        if self.names is not None:
            told = dates_by_template(name, self.names)
            dates = [told[key] for key in ("reference", "secondary") if key in told]
        else:
            dates = dates_in(name)[:2]
        if len(dates) == 1 and self.temporal_baseline is not None:
            days = np.timedelta64(round(self.temporal_baseline * 86400), "s")
            dates.append(dates[0] + days)
        return (dates[0], dates[1]) if len(dates) == 2 and dates[0] != dates[1] else None


@dataclass
class PairLayer:
    """One image of one pair.

    Parameters
    ----------
    name : str
        File (and band), for messages and attrs.
    dates : tuple of two numpy.datetime64
        Reference and secondary time as the product has them; :attr:`pair` puts them in order.
    place : Place
        Where it lies.
    pixels : dask.array.Array
        Dims (y, x), float32, NaN where unknown.
    metres : float
        Perpendicular baseline, secondary minus reference as in `dates`.
    window : (int, int), optional
        Rows and columns (azimuth and range) averaged.
    polarization : str
        Empty where nobody says.
    maker : str
        What made it.
    """

    name: str
    dates: tuple[np.datetime64, np.datetime64]
    place: Place
    pixels: Any
    metres: float = float("nan")
    window: tuple[int, int] | None = None
    polarization: str = ""
    maker: str = field(default="rasters")

    @property
    def pair(self) -> Pair:
        """Earlier and later time."""
        first, second = sorted(self.dates)
        return first, second

    @property
    def baseline(self) -> float:
        """Perpendicular baseline of the later time minus the earlier, m."""
        return self.metres if self.dates[0] < self.dates[1] else -self.metres


class Stored:
    """Stored numbers to coherence: NaN where unknown, nothing outside of [0, 1].

    Parameters
    ----------
    name : str
        File, for messages.
    unknown : tuple of float
        Stored numbers that mean unknown.
    scale : float
        Factor.
    clip : bool
        Cut instead of refuse.
    """

    def __init__(self, name: str, unknown: tuple[float, ...], scale: float, clip: bool) -> None:
        self.name, self.unknown, self.scale, self.clip = name, unknown, scale, clip

    def __call__(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        values = stored.astype("float32") * np.float32(self.scale)
        for number in self.unknown:
            values[stored == number] = np.nan
        outside = (values < -TOLERANCE) | (values > 1 + TOLERANCE)
        if outside.any() and not self.clip:
            message = (
                f"{self.name} holds {int(outside.sum())} values outside of [0, 1], from "
                f"{np.nanmin(values):g} to {np.nanmax(values):g}: not coherence, or resampled by "
                "cubic or sinc; pass clip=True, scale=..., or another nodata"
            )
            raise ValueError(message)
        clipped: npt.NDArray[np.float32] = np.clip(values, 0, 1)
        return clipped

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return type(self).__name__, self.name, self.unknown, self.scale, self.clip
