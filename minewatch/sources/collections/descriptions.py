"""How a collection is described: its assets, their names, numbers, codes and units."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["Collection", "Conversion", "QUALITY"]

QUALITY = "quality"
"""The variable that holds a collection's own quality layer, as it was stored."""


@dataclass(frozen=True)
class Conversion:
    """How a stored number becomes a physical value: scale · DN ** exponent + offset.

    Parameters
    ----------
    scale, offset : float
        Linear terms, in the variable's units.
    exponent : int
        1, or 2 where the number is an amplitude and the value a power.
    nodata : float or None
        The stored number that means unknown.
    """

    scale: float = 1.0
    offset: float = 0.0
    exponent: int = 1
    nodata: float | None = None

    def apply(self, stored: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
        """Physical values of stored numbers, NaN where unknown.

        Parameters
        ----------
        stored : numpy.ndarray
            As the file has them.
        dtype : str
            Of the result, a float.

        Returns
        -------
        numpy.ndarray
            A new array.

        Examples
        --------
        >>> Conversion(scale=1e-4, offset=-0.1, nodata=0).apply(np.array([0, 3500]), "float32")
        array([ nan, 0.25], dtype=float32)
        """
        kind = np.dtype(dtype).type
        values = stored.astype(dtype)
        if self.exponent != 1:
            values **= self.exponent
        values *= kind(self.scale)
        values += kind(self.offset)
        if self.nodata is not None:
            values[stored == self.nodata] = np.nan
        return values


@dataclass(frozen=True)
class Collection:
    """One collection: its assets, their names, numbers and units.

    Parameters
    ----------
    id : str
        Identifier at the Planetary Computer.
    quantity : str
        Kind of value: ``"reflectance"``, ``"power"``, ``"elevation"`` or ``"class"``.
    variables : mapping of str to tuple of str
        Variable → the asset names it may have, in order of preference.
    long_names : mapping of str to str
        Variable → what a colour bar says.
    conversion : Conversion
        The same for all variables but ``quality``.
    units : str
        Units of the variables.
    resampling : str
        GDAL resampling of the variables: bilinear; root mean square for amplitudes, which
        averages power; ``quality`` is always nearest.
    quality : tuple of str
        Asset names of the quality layer; empty where there is none.
    quality_dtype : str
        Its dtype. 0 is where nothing was observed.
    classes : mapping of str to mapping of str to int
        Variable, or ``quality`` → meaning → code. A variable that is here holds codes and no
        numbers: it is uint8, 255 where unknown (stored as 0), and never interpolated.
    calibration : str
        For amplitudes in radar geometry: the name of the asset with the calibration of a
        variable, ``{}`` in place of the variable. The square of the amplitude is divided by the
        square of what it says at each pixel, and the pixels are brought to the map by the
        ground control points of the file.
    view_zenith : tuple of str
        Properties of an item that tell the mean view zenith angle, in order of preference.
    aliases : tuple of str
        Other catalogues' identifiers for the same numbers.

    Examples
    --------
    >>> drone = Collection(
    ...     id="drone",
    ...     quantity="reflectance",
    ...     variables={"red": ("r",)},
    ...     long_names={"red": "red"},
    ...     conversion=Conversion(scale=1e-4, nodata=0),
    ... )
    >>> drone.names, drone.coded("red")
    (('red',), False)
    """

    id: str
    quantity: str
    variables: Mapping[str, tuple[str, ...]]
    long_names: Mapping[str, str]
    conversion: Conversion
    units: str = "1"
    resampling: str = "bilinear"
    quality: tuple[str, ...] = ()
    quality_dtype: str = "uint8"
    classes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    calibration: str = ""
    view_zenith: tuple[str, ...] = ("view:incidence_angle",)
    aliases: tuple[str, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """All variables, ``quality`` last where the collection has it."""
        return (*self.variables, *((QUALITY,) if self.quality else ()))

    def coded(self, variable: str) -> bool:
        """Whether a variable holds codes or bits, which have no mean.

        Parameters
        ----------
        variable : str
            One of :attr:`names`.

        Returns
        -------
        bool
            True of ``quality`` and of class layers.
        """
        return variable == QUALITY or variable in self.classes
