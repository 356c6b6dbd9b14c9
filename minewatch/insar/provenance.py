"""What a layer of coherence remembers of where it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.insar.identity import label_values
from minewatch.insar.pairs import ALIKE

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["carried", "of_images"]

SOURCE = ("source", "files", "platform", *ALIKE)
"""What is known of the images."""

ESTIMATE = (
    "window",
    "looks",
    "looks_source",
    "mode",
    "min_valid",
    "phase_removed",
    "demodulate",
    "max_fringe",
    "months",
)
"""How coherence was estimated from them."""


def of_images(slc: xr.DataArray) -> dict[str, object]:
    """Source, files, polarization and orbit of a stack, as far as it tells.

    Parameters
    ----------
    slc : xarray.DataArray
        Stack with attributes, or coordinates (scalar or along ``time``), of these names.

    Returns
    -------
    dict
        Attributes for what is made of it; a coordinate of several values becomes a list of them.

    Examples
    --------
    >>> import xarray as xr
    >>> coords = {"track": ("time", [37, 37]), "orbit_direction": "descending"}
    >>> slc = xr.DataArray([1, 1], coords, ("time",), attrs={"source": "SNAP", "units": "1"})
    >>> of_images(slc)
    {'source': 'SNAP', 'track': 37, 'orbit_direction': 'descending'}
    """
    known: dict[str, object] = {}
    for name in SOURCE:
        if name in slc.attrs:
            known[name] = slc.attrs[name]
        elif name in slc.coords:
            values = sorted(set(label_values(slc.coords[name]).ravel().tolist()), key=str)
            known[name] = values[0] if len(values) == 1 else values
    return known


def carried(coherence: xr.DataArray) -> dict[str, object]:
    """What a layer computed from coherence keeps of its attributes.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence.

    Returns
    -------
    dict
        How it was estimated and from which images, as far as it tells.

    Examples
    --------
    >>> import xarray as xr
    >>> carried(xr.DataArray(0.5, attrs={"window": [3, 10], "units": "1", "source": "SNAP"}))
    {'window': [3, 10], 'source': 'SNAP'}
    """
    return {name: coherence.attrs[name] for name in (*ESTIMATE, *SOURCE) if name in coherence.attrs}
