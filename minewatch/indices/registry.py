"""The table of indices: what each one needs, where it comes from, how to add an own one."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.indices.colour import bi, bi2, bi_spot, ci, ri, ri_spot
from minewatch.indices.cover import mndwi, msavi, ndvi, ndwi, ndwi_gao
from minewatch.indices.soil import bsi, mbsi, ndsi, ndsi_deng
from minewatch.indices.surrogates import mmfi_surrogate, mswi_surrogate
from minewatch.indices.vector import ndsv_scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["BANDS", "compute", "FormulaUnresolved", "Index", "INDICES", "register"]

BANDS = (
    "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir16", "swir22",
)  # fmt: skip
"""Common names of the reflectance bands, by wavelength."""


class FormulaUnresolved(ValueError):
    """An index is known by name, but nobody here knows its formula."""


@dataclass(frozen=True)
class Index:
    """One row of the table of indices.

    Parameters
    ----------
    function : callable or None
        Takes the bands as positional DataArrays; None where the formula is not known.
    bands : tuple of str
        Common names, in the order of the arguments; empty for every band that the scene has.
    source : str
        DOI or citation.
    surrogate : bool
        Whether it only stands in for a published index.
    """

    function: Callable[..., xr.DataArray] | None
    bands: tuple[str, ...]
    source: str
    surrogate: bool = False


_MATHIEU = "doi:10.1016/S0034-4257(98)00030-3"

INDICES: Mapping[str, Index] = MappingProxyType(
    {
        "ndsv_scalar": Index(ndsv_scalar, (), "Angiuli & Trianni (2014)"),
        "bsi": Index(bsi, ("blue", "red", "nir", "swir16"), "Rikimaru et al. (2002)"),
        "ndsi": Index(ndsi, ("nir", "swir16"), "Rogers & Kearney (2004)"),
        "ndsi_deng": Index(ndsi_deng, ("green", "swir22"), "doi:10.1016/j.jag.2015.02.010"),
        "msavi": Index(msavi, ("red", "nir"), "doi:10.1016/0034-4257(94)90134-1"),
        "mbsi": Index(mbsi, ("red", "green"), "Zhang et al. (2018)"),
        "ndwi": Index(ndwi, ("green", "nir"), "doi:10.1080/01431169608948714"),
        "ndwi_gao": Index(ndwi_gao, ("nir", "swir16"), "doi:10.1016/S0034-4257(96)00067-3"),
        "mndwi": Index(mndwi, ("green", "swir16"), "doi:10.1080/01431160600589179"),
        "ci": Index(ci, ("red", "green"), _MATHIEU),
        "bi": Index(bi, ("red", "green", "blue"), _MATHIEU),
        "bi_spot": Index(bi_spot, ("red", "green"), _MATHIEU),
        "bi2": Index(bi2, ("red", "green", "nir"), "ESA SNAP"),
        "ri": Index(ri, ("red", "green", "blue"), _MATHIEU),
        "ri_spot": Index(ri_spot, ("red", "green"), _MATHIEU),
        "ndvi": Index(ndvi, ("red", "nir"), "Rouse et al. (1974)"),
        "mswi": Index(None, (), "Gao et al. (2021), IEEE JSTARS 14"),
        "mmfi": Index(None, (), "Wu et al. (2019), IGARSS, 1606-1609"),
        "mswi_surrogate": Index(
            mswi_surrogate, ("blue", "green", "red", "nir", "swir16"), "minewatch", surrogate=True
        ),
        "mmfi_surrogate": Index(
            mmfi_surrogate, ("blue", "green", "red"), "minewatch", surrogate=True
        ),
    }
)
"""Name → what the index needs and where it comes from; read-only, see :func:`register`."""


def register(
    name: str,
    function: Callable[..., xr.DataArray],
    bands: Sequence[str],
    *,
    source: str,
    registry: Mapping[str, Index] = INDICES,
) -> Mapping[str, Index]:
    """A table of indices with one more, or one replaced; the old table stays as it is.

    Parameters
    ----------
    name : str
        What the index is called.
    function : callable
        Takes the bands as positional DataArrays and returns one.
    bands : sequence of str
        Common band names, in the order of the arguments.
    source : str
        DOI or citation.
    registry : mapping
        The table to start from.

    Returns
    -------
    mapping
        The new table, for :func:`compute`.

    Raises
    ------
    ValueError
        If a band has no common name.

    Examples
    --------
    >>> mine = register("mswi", lambda red, blue: red / blue, ["red", "blue"], source="own trial")
    >>> scene = xr.Dataset({"red": ("x", [0.3]), "blue": ("x", [0.2])})
    >>> compute(scene, ["mswi"], registry=mine).mswi.values
    array([1.5], dtype=float32)
    """
    unknown = [band for band in bands if band not in BANDS]
    if unknown or not bands:
        message = f"register knows no band {unknown or '()'}; use names of {', '.join(BANDS)}"
        raise ValueError(message)
    return MappingProxyType({**registry, name: Index(function, tuple(bands), source)})


def compute(
    reflectance: xr.Dataset,
    names: Sequence[str] | None = None,
    *,
    registry: Mapping[str, Index] = INDICES,
) -> xr.Dataset:
    """Indices of a scene or composite, a variable for each name.

    Parameters
    ----------
    reflectance : xarray.Dataset
        A float32 variable 0 to 1 per common band name, any dims; other variables do not matter.
    names : sequence of str, optional
        Which indices. By default every index of known formula whose bands the scene has,
        surrogates left out.
    registry : mapping
        The table of indices, e.g. from :func:`register`.

    Returns
    -------
    xarray.Dataset
        float32, lazy if the bands are; ``source`` in the attributes of each variable.

    Raises
    ------
    KeyError
        If a name is not in the table, or bands it needs are missing.
    FormulaUnresolved
        If the formula of an index that is asked for is not known.
    ValueError
        If a band holds digital numbers.

    Examples
    --------
    >>> scene = xr.Dataset({"red": ("x", [0.12]), "nir": ("x", [0.25])})
    >>> list(compute(scene))
    ['ndsv_scalar', 'msavi', 'ndvi']
    """
    if names is None:
        chosen = [
            name
            for name, row in registry.items()
            if row.function and not row.surrogate and not _lacking(row, reflectance)
        ]
    else:
        chosen = list(names)
    return xr.Dataset({name: _one(name, reflectance, registry) for name in chosen})


def _one(name: str, reflectance: xr.Dataset, registry: Mapping[str, Index]) -> xr.DataArray:
    if name not in registry:
        message = f"no index is called {name!r}; there are {', '.join(registry)}"
        raise KeyError(message)
    row = registry[name]
    if row.function is None:
        message = (
            f"the formula of {name!r} ({row.source}) is not public; add your own with "
            f"registry=minewatch.indices.register({name!r}, function, bands, source=...), or ask "
            f"for '{name}_surrogate', which is only a stand-in"
        )
        raise FormulaUnresolved(message)
    lacking = _lacking(row, reflectance)
    if lacking:
        message = (
            f"index {name!r} needs {list(row.bands) or 'two bands or more'}, the scene lacks "
            f"{lacking}; load them, or leave {name!r} out"
        )
        raise KeyError(message)
    bands = row.bands or [band for band in BANDS if band in reflectance]
    result = row.function(*(reflectance[band] for band in bands))
    layer = Layer(name, str(result.attrs.get("long_name", name)))
    kept = {key: value for key, value in result.attrs.items() if key not in {"long_name", "units"}}
    return conform(result, layer, **{**kept, "source": row.source})


def _lacking(row: Index, reflectance: xr.Dataset) -> list[str]:
    if row.bands:
        return [band for band in row.bands if band not in reflectance]
    return [] if sum(band in reflectance for band in BANDS) > 1 else list(BANDS)
