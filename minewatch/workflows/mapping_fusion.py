"""The published covariates of a fusion, and the radar composites that they must know whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import xarray as xr

from minewatch import features, radar, store
from minewatch.workflows.mapping_images import LARGEST

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["RADARS", "fused", "fusion", "kept", "side_by_side"]

RADARS = {"sentinel1": ("s1", "vv"), "palsar": ("palsar", "hh")}
"""Radars → prefix of their covariates, and the polarisation that their indices compare."""


def kept(
    images: dict[str, xr.Dataset], folder: Path | None, *, resume: str | None = None
) -> dict[str, xr.Dataset]:
    """The same images, with those of radars stored where there is a place for them. Computes then.

    Parameters
    ----------
    images : dict of str to xarray.Dataset
        Sensor → composite.
    folder : pathlib.Path or None
        Where ``radar.zarr`` is written.
    resume : str, optional
        As for :func:`minewatch.store.to_zarr`.

    Returns
    -------
    dict of str to xarray.Dataset
        Sensor → composite.
    """
    radars = {name: image for name, image in images.items() if name.startswith(tuple(RADARS))}
    if folder is None or not radars:
        return images
    place = folder / "radar.zarr"
    stored = store.to_zarr(side_by_side(radars), place, overwrite=True, rows=LARGEST, resume=resume)
    again = {
        name: xr.Dataset(
            {band: stored[f"{name}_{band}"].rename(str(band)) for band in image}, attrs=image.attrs
        )
        for name, image in radars.items()
    }
    return images | again


def fusion(images: dict[str, xr.Dataset]) -> xr.Dataset:
    """The published covariates; NDI is that of the earlier against the later dates. Computes.

    Parameters
    ----------
    images : dict of str to xarray.Dataset
        Sensor → composite, with ``…_before`` and ``…_after`` of a radar that has them.

    Returns
    -------
    xarray.Dataset
        Lazy, but for the brightest power of each radar.
    """
    brightest = {
        sensor: radar.vv_maximum(images[sensor][name])
        for sensor, (_, name) in RADARS.items()
        if sensor in images
    }
    stack = fused(images, brightest)
    for sensor, (prefix, name) in RADARS.items():
        if f"{sensor}_after" in images:
            before, after = (images[f"{sensor}_{when}"] for when in ("before", "after"))
            ndi = radar.ndi(before[name], after[name])
            ndi = ndi.assign_attrs(before=before.attrs["period"], after=after.attrs["period"])
            layer = ndi.drop_vars([key for key in ndi.coords if key not in {"y", "x"}])
            stack = stack.assign({f"{prefix}_ndi": layer})
    return stack


def side_by_side(images: dict[str, xr.Dataset]) -> xr.Dataset:
    """All layers of some composites in one cube.

    Parameters
    ----------
    images : dict of str to xarray.Dataset
        Name → composite.

    Returns
    -------
    xarray.Dataset
        A variable ``name_band`` for each layer.
    """
    return xr.Dataset(
        {f"{name}_{band}": layer for name, image in images.items() for band, layer in image.items()}
    )


def fused(images: dict[str, xr.Dataset], brightest: dict[str, float]) -> xr.Dataset:
    """The published covariates of the sensors that there are.

    Parameters
    ----------
    images : dict of str to xarray.Dataset
        Name → composite, of :func:`minewatch.workflows.mapping_images.composites_of`.
    brightest : dict of str to float
        Radar → its brightest co-polarised power.

    Returns
    -------
    xarray.Dataset
        As :func:`minewatch.features.fusion_stack` gives them.
    """
    return features.fusion_stack(
        sentinel2=images.get("sentinel2"),
        landsat8=images.get("landsat8"),
        sentinel1=images.get("sentinel1"),
        palsar=images.get("palsar"),
        sentinel1_before=images.get("sentinel1_before"),
        palsar_before=images.get("palsar_before"),
        vv_max=brightest.get("sentinel1"),
        hh_max=brightest.get("palsar"),
    )
