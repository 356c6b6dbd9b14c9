"""The covariates of a published fusion of optical and radar images for small-scale mines."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from minewatch import indices as spectral
from minewatch import radar
from minewatch.features.stacks import POLARIZATIONS, gather, image_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

__all__ = ["fusion_stack"]

SENTINEL2_BANDS = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08")
LANDSAT_BANDS = ("blue", "green", "red", "nir", "swir16")
FUSION_INDICES = ("bsi", "ndsi", "msavi", "mbsi", "ndwi", "ci", "bi", "ri", "mswi", "mmfi")
"""Besides the spectral vector, which is taken of the covariate bands alone."""


def fusion_stack(
    *,
    sentinel2: xr.Dataset,
    landsat8: xr.Dataset,
    sentinel1: xr.Dataset,
    palsar: xr.Dataset,
    vv_max: float,
    hh_max: float,
    sentinel1_before: xr.Dataset | None = None,
    palsar_before: xr.Dataset | None = None,
    registry: Mapping[str, spectral.Index] = spectral.INDICES,
) -> xr.Dataset:
    """The 45 covariates of Nursamsi et al. (2024): 17 bands, 22 optical and 6 radar indices.

    Eight Sentinel-2 bands (2 to 8A), five of Landsat 8 (2 to 6), VV, VH, HH and HV in dB; eleven
    indices of each optical sensor; RFDI, NDI and DPSVI of each radar.

    Two of the indices, MSWI and MMFI, were published in papers that could not be obtained. They
    are replaced by surrogates, called ``s2_mswi_surrogate`` and so on, unless `registry` has a
    formula. NDI compares two dates; without an earlier composite it is formed of the two
    polarizations, which is RFDI again, and a warning says so.

    Parameters
    ----------
    sentinel2, landsat8 : xarray.Dataset
        Reflectance 0 to 1, dims (y, x); Sentinel-2 with ``swir16`` too, which BSI and NDSI need.
    sentinel1, palsar : xarray.Dataset
        Linear power, dims (y, x): ``vv`` and ``vh``, ``hh`` and ``hv``.
    vv_max, hh_max : float
        The brightest VV and HH of the whole scene, from :func:`minewatch.radar.vv_maximum`.
    sentinel1_before, palsar_before : xarray.Dataset, optional
        Earlier composites with ``vv`` and ``hh`` for the temporal NDI.
    registry : mapping
        The table of indices, e.g. from :func:`minewatch.indices.register`.

    Returns
    -------
    xarray.Dataset
        45 float32 variables, dims (y, x), lazy if the composites are; ``surrogates`` and
        ``duplicates`` among the attributes name what is not what it was.

    Raises
    ------
    ValueError
        If a layer is no composite, the grids differ, or units are wrong.
    KeyError
        If a band is missing.

    See Also
    --------
    feature_stack : covariates of whatever sensors there are.

    References
    ----------
    Nursamsi et al. (2024), Int. J. Appl. Earth Obs. Geoinf., doi:10.1016/j.jag.2024.104015

    Examples
    --------
    >>> import xarray as xr
    >>> names = {"sentinel1": ("vv", "vh"), "palsar": ("hh", "hv"), "landsat8": LANDSAT_BANDS}
    >>> names["sentinel2"] = (*SENTINEL2_BANDS, "swir16")
    >>> layer = xr.DataArray([[0.1]], dims=("y", "x"))
    >>> scenes = {sensor: xr.Dataset(dict.fromkeys(of, layer)) for sensor, of in names.items()}
    >>> before = {"sentinel1_before": scenes["sentinel1"], "palsar_before": scenes["palsar"]}
    >>> len(fusion_stack(**scenes, **before, vv_max=0.5, hh_max=0.5))
    45
    """
    by = "fusion_stack"
    bands: dict[str, xr.DataArray] = {}
    indices: dict[str, xr.DataArray] = {}
    for prefix, scene, wanted in (
        ("s2", sentinel2, SENTINEL2_BANDS),
        ("l8", landsat8, LANDSAT_BANDS),
    ):
        needed = (*wanted, "swir16") if "swir16" not in wanted else wanted
        optical = _all_of(scene, needed, prefix, by=by)
        bands |= {f"{prefix}_{name}": optical[name] for name in wanted}
        names = [_resolved(name, registry) for name in FUSION_INDICES]
        layers = spectral.compute(optical, names, registry=registry)
        vector = spectral.ndsv_scalar(*(optical[name] for name in wanted))
        indices[f"{prefix}_ndsv_scalar"] = vector
        indices |= {f"{prefix}_{name}": layer for name, layer in layers.items()}
    duplicates: list[str] = []
    radar_indices: dict[str, xr.DataArray] = {}
    for prefix, scene, before, brightest in (
        ("s1", sentinel1, sentinel1_before, vv_max),
        ("palsar", palsar, palsar_before, hh_max),
    ):
        co, cross = POLARIZATIONS[prefix]
        power = _all_of(scene, (co, cross), prefix, by=by)
        bands |= {f"{prefix}_{name}": layer for name, layer in radar.to_db(power).items()}
        if before is None:
            duplicates.append(f"{prefix}_ndi")
            ndi = radar.ndi(power[co], power[cross])
        else:
            ndi = radar.ndi(_all_of(before, (co,), f"{prefix}_before", by=by)[co], power[co])
        radar_indices[f"{prefix}_rfdi"] = radar.rfdi(power[co], power[cross])
        radar_indices[f"{prefix}_ndi"] = ndi
        radar_indices[f"{prefix}_dpsvi"] = radar.dpsvi(power[co], power[cross], vv_max=brightest)
    if duplicates:
        warnings.warn(
            f"{' and '.join(duplicates)} repeat RFDI, because NDI compares two dates; pass "
            "sentinel1_before= and palsar_before= for the temporal index",
            stacklevel=2,
        )
    return gather(
        {**bands, **indices, **radar_indices},
        by=by,
        surrogates=[name for name in indices if name.endswith("_surrogate")] or None,
        duplicates=duplicates or None,
    )


def _resolved(name: str, registry: Mapping[str, spectral.Index]) -> str:
    return name if registry[name].function is not None else f"{name}_surrogate"


def _all_of(scene: xr.Dataset, names: tuple[str, ...], sensor: str, *, by: str) -> xr.Dataset:
    missing = [name for name in names if name not in scene.data_vars]
    if missing:
        message = (
            f"{by} needs {list(names)} of {sensor}, {missing} are missing; "
            "load them, or use feature_stack, which takes what there is"
        )
        raise KeyError(message)
    return image_of(scene, names, by=by)
