"""The covariates of a published fusion of optical and radar images for small-scale mines."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from minewatch import indices as spectral
from minewatch import radar
from minewatch.features.regridding import to_grid
from minewatch.features.stacks import POLARIZATIONS, gather, image_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["fusion_stack"]

SENTINEL2_BANDS = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08")
LANDSAT_BANDS = ("blue", "green", "red", "nir", "swir16")
FUSION_INDICES = ("bsi", "ndsi", "msavi", "mbsi", "ndwi", "ci", "bi", "ri", "mswi", "mmfi")
"""Besides the spectral vector, which is taken of the covariate bands alone."""

BRIGHTEST = {"s1": "vv_max", "palsar": "hh_max"}
"""What DPSVI of a radar needs to be told."""


def fusion_stack(
    *,
    sentinel2: xr.Dataset | None = None,
    landsat8: xr.Dataset | None = None,
    sentinel1: xr.Dataset | None = None,
    palsar: xr.Dataset | None = None,
    vv_max: float | None = None,
    hh_max: float | None = None,
    sentinel1_before: xr.Dataset | None = None,
    palsar_before: xr.Dataset | None = None,
    like: GeoBox | xr.DataArray | xr.Dataset | None = None,
    registry: Mapping[str, spectral.Index] = spectral.INDICES,
) -> xr.Dataset:
    """The 45 covariates of Nursamsi et al. (2024): 17 bands, 22 optical and 6 radar indices.

    Eight Sentinel-2 bands (2 to 8A), five of Landsat 8 (2 to 6), VV, VH, HH and HV in dB; eleven
    indices of each optical sensor; RFDI, NDI and DPSVI of each radar.

    Any subset of the sensors will do: the covariates of the others are named in the attribute
    ``left_out``. Composites on several grids are an error unless `like` says where to meet.

    Two of the indices, MSWI and MMFI, were published in papers that could not be obtained. They
    are replaced by surrogates, called ``s2_mswi_surrogate`` and so on, unless `registry` has a
    formula. NDI compares two dates; without an earlier composite it is formed of the two
    polarizations, which is RFDI again, and a warning says so.

    Parameters
    ----------
    sentinel2, landsat8 : xarray.Dataset, optional
        Reflectance 0 to 1, dims (y, x); Sentinel-2 with ``swir16`` too, which BSI and NDSI need.
    sentinel1, palsar : xarray.Dataset, optional
        Linear power, dims (y, x): ``vv`` and ``vh``, ``hh`` and ``hv``.
    vv_max, hh_max : float, optional
        The brightest VV and HH of the whole scene, from :func:`minewatch.radar.vv_maximum`;
        needed where there is that radar.
    sentinel1_before, palsar_before : xarray.Dataset, optional
        Earlier composites with ``vv`` and ``hh`` for the temporal NDI.
    like : GeoBox, xarray.DataArray or xarray.Dataset, optional
        A grid for all: each sensor's covariates are formed on its own grid and brought there by
        cubic convolution, see :func:`to_grid`. By default all must lie on one grid.
    registry : mapping
        The table of indices, e.g. from :func:`minewatch.indices.register`.

    Returns
    -------
    xarray.Dataset
        45 float32 variables if all sensors are there, dims (y, x), lazy if the composites are;
        ``left_out``, ``surrogates`` and ``duplicates`` among the attributes name what is missing
        or not what it was.

    Raises
    ------
    ValueError
        If nothing is passed, a layer is no composite, the grids differ, units are wrong, or a
        radar comes without its brightest power.
    KeyError
        If a band is missing.

    See Also
    --------
    feature_stack : covariates of whatever bands there are.

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
    >>> optical = fusion_stack(sentinel2=scenes["sentinel2"])
    >>> len(optical), len(optical.attrs["left_out"])
    (19, 26)
    """
    bands: dict[str, xr.DataArray] = {}
    indices: dict[str, xr.DataArray] = {}
    left_out: list[str] = []
    duplicates: list[str] = []
    for prefix, scene, wanted in (
        ("s2", sentinel2, SENTINEL2_BANDS),
        ("l8", landsat8, LANDSAT_BANDS),
    ):
        names = [_resolved(name, registry) for name in FUSION_INDICES]
        if scene is None:
            left_out += [f"{prefix}_{name}" for name in (*wanted, "ndsv_scalar", *names)]
            continue
        needed = (*wanted, "swir16") if "swir16" not in wanted else wanted
        optical = _all_of(scene, needed, prefix)
        found = spectral.compute(optical, names, registry=registry)
        vector = spectral.ndsv_scalar(*(optical[name] for name in wanted))
        whole = found.assign(ndsv_scalar=vector)[["ndsv_scalar", *names]]
        bands |= _brought(optical[list(wanted)], prefix, like)
        indices |= _brought(whole, prefix, like)
    radar_indices: dict[str, xr.DataArray] = {}
    for prefix, scene, before, brightest in (
        ("s1", sentinel1, sentinel1_before, vv_max),
        ("palsar", palsar, palsar_before, hh_max),
    ):
        co, cross = POLARIZATIONS[prefix]
        if scene is None:
            left_out += [f"{prefix}_{name}" for name in (co, cross, "rfdi", "ndi", "dpsvi")]
            continue
        power = _all_of(scene, (co, cross), prefix)
        bands |= _brought(radar.to_db(power), prefix, like)
        if before is None:
            duplicates.append(f"{prefix}_ndi")
        radar_indices |= _brought(_radar_indices(power, before, brightest, prefix), prefix, like)
    if duplicates:
        warnings.warn(
            f"{' and '.join(duplicates)} repeat RFDI, because NDI compares two dates; pass "
            "sentinel1_before= and palsar_before= for the temporal index",
            stacklevel=2,
        )
    return gather(
        {**bands, **indices, **radar_indices},
        by="fusion_stack",
        left_out=left_out or None,
        surrogates=[name for name in indices if name.endswith("_surrogate")] or None,
        duplicates=duplicates or None,
    )


def _radar_indices(
    power: xr.Dataset, before: xr.Dataset | None, brightest: float | None, prefix: str
) -> dict[str, xr.DataArray]:
    """The three indices of a radar."""
    co, cross = POLARIZATIONS[prefix]
    if brightest is None:
        setting = BRIGHTEST[prefix]
        message = (
            f"fusion_stack needs {setting}, the brightest {co.upper()} of the whole scene, for "
            f"DPSVI; pass {setting}=minewatch.radar.vv_maximum(scene.{co})"
        )
        raise ValueError(message)
    if before is None:
        ndi = radar.ndi(power[co], power[cross])
    else:
        ndi = radar.ndi(_all_of(before, (co,), f"{prefix}_before")[co], power[co])
    return {
        "rfdi": radar.rfdi(power[co], power[cross]),
        "ndi": ndi,
        "dpsvi": radar.dpsvi(power[co], power[cross], vv_max=brightest),
    }


def _brought(
    layers: Mapping[Any, xr.DataArray],
    prefix: str,
    like: GeoBox | xr.DataArray | xr.Dataset | None,
) -> dict[str, xr.DataArray]:
    """The layers under their long names, on the grid that was asked for."""
    return {
        f"{prefix}_{name}": layer
        if like is None
        else to_grid(layer.to_dataset(name=name), like)[name]
        for name, layer in layers.items()
    }


def _resolved(name: str, registry: Mapping[str, spectral.Index]) -> str:
    return name if registry[name].function is not None else f"{name}_surrogate"


def _all_of(scene: xr.Dataset, names: tuple[str, ...], sensor: str) -> xr.Dataset:
    missing = [name for name in names if name not in scene.data_vars]
    if missing:
        message = (
            f"fusion_stack needs {list(names)} of {sensor}, {missing} are missing; "
            "load them, or use feature_stack, which takes what there is"
        )
        raise KeyError(message)
    return image_of(scene, names, by="fusion_stack")
