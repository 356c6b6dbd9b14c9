"""Whatever the sensors at hand can tell, as one stack of covariates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import indices as spectral
from minewatch import radar
from minewatch.conventions import SPATIAL_REF, Layer, conform, require_same_grid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["feature_stack", "gather", "image_of", "INDEX_NAMES"]

INDEX_NAMES = (
    "ndsv_scalar", "bsi", "ndsi", "msavi", "mbsi", "ndwi", "ci", "bi", "ri", "ndvi", "mndwi",
)  # fmt: skip
"""Indices of :func:`feature_stack` unless told otherwise: of known formula, none twice."""

POLARIZATIONS = {"s1": ("vv", "vh"), "palsar": ("hh", "hv")}
"""Co- and cross-polarized channel of each radar."""


def feature_stack(
    *,
    sentinel2: xr.Dataset | None = None,
    landsat8: xr.Dataset | None = None,
    sentinel1: xr.Dataset | None = None,
    palsar: xr.Dataset | None = None,
    elevation: xr.DataArray | xr.Dataset | None = None,
    indices: Sequence[str] | None = None,
    registry: Mapping[str, spectral.Index] = spectral.INDICES,
) -> xr.Dataset:
    """Covariates from composites of any of the sensors.

    Optical sensors give their bands and the indices that these allow; radars give decibels, the
    forest degradation index and DPSVIm; elevation gives itself. What a sensor lacks is left out
    and named in the attribute ``left_out``.

    Parameters
    ----------
    sentinel2, landsat8 : xarray.Dataset, optional
        Reflectance 0 to 1, dims (y, x), a variable per common band name; others are ignored.
    sentinel1, palsar : xarray.Dataset, optional
        Linear power, dims (y, x): ``vv`` and ``vh``, ``hh`` and ``hv``, or one of them.
    elevation : xarray.DataArray or xarray.Dataset, optional
        Metres, dims (y, x); in a Dataset the variable ``elevation``.
    indices : sequence of str, optional
        Names of the table of indices; by default :data:`INDEX_NAMES`.
    registry : mapping
        The table of indices, e.g. from :func:`minewatch.indices.register`.

    Returns
    -------
    xarray.Dataset
        float32, dims (y, x), lazy if the composites are.

    Raises
    ------
    ValueError
        If nothing is passed, a layer is no composite, the grids differ, or units are wrong.
    KeyError
        If an index was asked for by name that no sensor here has the bands for.

    See Also
    --------
    fusion_stack : the 45 covariates of one published study, neither more nor less.

    Examples
    --------
    >>> layer = xr.DataArray(np.full((2, 2), 0.1), dims=("y", "x"))
    >>> optical = xr.Dataset({"red": layer, "nir": 2 * layer})
    >>> stack = feature_stack(sentinel2=optical, sentinel1=xr.Dataset({"vv": layer}))
    >>> list(stack)
    ['s2_red', 's2_nir', 's2_ndsv_scalar', 's2_msavi', 's2_ndvi', 's1_vv']
    >>> stack.attrs["left_out"][-1]
    's1_vh'
    """
    by = "feature_stack"
    left_out: list[str] = []
    parts: dict[str, xr.DataArray] = {}
    asked = INDEX_NAMES if indices is None else tuple(indices)
    found: set[str] = set()
    for prefix, scene in (("s2", sentinel2), ("l8", landsat8)):
        if scene is None:
            continue
        optical = image_of(scene, spectral.BANDS, by=by)
        possible = [name for name in asked if not _lacking(name, optical, registry)]
        found.update(possible)
        left_out += [f"{prefix}_{name}" for name in asked if name not in possible]
        whole = optical.assign(spectral.compute(optical, possible, registry=registry))
        parts |= {f"{prefix}_{name}": layer for name, layer in whole.items()}
    missing = [name for name in asked if name not in found]
    if indices is not None and missing:
        message = f"no sensor here has the bands for {missing}; leave them out of indices="
        raise KeyError(message)
    for prefix, scene in (("s1", sentinel1), ("palsar", palsar)):
        if scene is not None:
            layers, lost = _radar(scene, prefix, by=by)
            parts |= layers
            left_out += lost
    if elevation is not None:
        parts["dem_elevation"] = _elevation(elevation, by=by)
    return gather(parts, by=by, left_out=left_out or None)


def image_of(scene: xr.Dataset, names: Sequence[str], *, by: str) -> xr.Dataset:
    """The named layers that a composite has; a series is refused.

    Parameters
    ----------
    scene : xarray.Dataset
        A composite.
    names : sequence of str
        Layers in the wanted order.
    by : str
        The function that asks, for messages.

    Returns
    -------
    xarray.Dataset
        A selection of `scene`.

    Raises
    ------
    ValueError
        If none of the names is there or one is not (y, x).

    Examples
    --------
    >>> scene = xr.Dataset({"red": (("y", "x"), [[0.1]]), "quality": (("y", "x"), [[4]])})
    >>> list(image_of(scene, ("nir", "red"), by="feature_stack"))
    ['red']
    """
    present = [name for name in names if name in scene.data_vars]
    if not present:
        message = (
            f"{by} found none of {list(names)} among {list(scene.data_vars)}; rename the bands"
        )
        raise ValueError(message)
    for name in present:
        if scene[name].dims != ("y", "x"):
            message = (
                f"{by} needs composites with dims ('y', 'x'), got {name!r} with "
                f"{scene[name].dims}; make one with minewatch.composites.composite"
            )
            raise ValueError(message)
    return scene[present]


def gather(parts: Mapping[str, xr.DataArray], *, by: str, **attrs: object) -> xr.Dataset:
    """Layers on one grid as one Dataset, each under its new name.

    Parameters
    ----------
    parts : mapping of str to xarray.DataArray
        Name → layer (y, x).
    by : str
        The function that asks, for messages.
    **attrs
        Attributes of the Dataset; None is left out.

    Returns
    -------
    xarray.Dataset
        With x, y and the CRS as its only coordinates.

    Raises
    ------
    ValueError
        If there is no layer or the grids differ.

    Examples
    --------
    >>> layer = xr.DataArray([[0.1]], dims=("y", "x"), attrs={"units": "1"})
    >>> gather({"s2_red": layer}, by="feature_stack").s2_red.attrs["long_name"]
    's2_red'
    """
    if not parts:
        message = f"{by} needs at least one sensor, got none; pass e.g. sentinel2=composite"
        raise ValueError(message)
    first = next(iter(parts.values()))
    crs = next(
        (part.coords[SPATIAL_REF] for part in parts.values() if SPATIAL_REF in part.coords), None
    )
    layers = {}
    for name, part in parts.items():
        require_same_grid(first, part, by=by)
        kept = {
            key: value for key, value in part.attrs.items() if key not in {"long_name", "units"}
        }
        layer = Layer(
            name, str(part.attrs.get("long_name", name)), units=str(part.attrs.get("units", "1"))
        )
        bare = part.drop_vars([coord for coord in part.coords if coord not in {"x", "y"}])
        layers[name] = conform(bare, layer, **kept)
    stack = xr.Dataset(
        layers, attrs={key: value for key, value in attrs.items() if value is not None}
    )
    return stack if crs is None else stack.assign_coords({SPATIAL_REF: crs.variable})


def _lacking(name: str, optical: xr.Dataset, registry: Mapping[str, spectral.Index]) -> bool:
    """Whether bands are missing; what else is wrong with a name, compute says."""
    row = registry.get(name)
    if row is None or row.function is None:
        return False
    return len(optical) < 2 if not row.bands else not set(row.bands) <= set(optical.data_vars)


def _radar(scene: xr.Dataset, prefix: str, *, by: str) -> tuple[dict[str, xr.DataArray], list[str]]:
    co, cross = POLARIZATIONS[prefix]
    power = image_of(scene, (co, cross), by=by)
    layers = {f"{prefix}_{name}": layer for name, layer in radar.to_db(power).items()}
    if len(layers) == 2:
        layers[f"{prefix}_rfdi"] = radar.rfdi(power[co], power[cross])
        layers[f"{prefix}_dpsvim"] = radar.dpsvim(power[co], power[cross])
    names = [f"{prefix}_{name}" for name in ("rfdi", "dpsvim", co, cross)]
    return layers, [name for name in names if name not in layers]


def _elevation(elevation: xr.DataArray | xr.Dataset, *, by: str) -> xr.DataArray:
    scene = (
        elevation if isinstance(elevation, xr.Dataset) else elevation.to_dataset(name="elevation")
    )
    height = image_of(scene, ("elevation",), by=by)["elevation"]
    if not np.issubdtype(height.dtype, np.floating):
        height = height.astype("float32")
    return height.assign_attrs(units=height.attrs.get("units", "m"))
