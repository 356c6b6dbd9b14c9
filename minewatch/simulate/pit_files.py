"""Write the simulated open-pit mine as the files that a workflow reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import rasterio
from rasterio import Affine

from minewatch.conventions import crs_of
from minewatch.simulate.exports import feature_collection, write_slc

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.simulate.pit_site import OpenPit

__all__ = ["write_open_pit"]

RASTERS = ("elevation", "dsm_before", "dsm_after", "ndvi", "mndwi", "sigma0", "displacement")
REPORT = ["mine", "year", "production_t"]


def write_open_pit(pit: OpenPit, folder: str | Path) -> dict[str, Path]:
    """Write images, rasters, outlines and tables; the truth stays in memory.

    ``slc/`` holds a complex64 GeoTIFF a date and ``perpendicular_baselines.csv``; rasters are
    float32 GeoTIFFs in UTM; outlines GeoJSON in longitude and latitude. ``production.csv`` has the
    years that the operator reported, ``inventory.csv`` leaves unreported production empty.

    Parameters
    ----------
    pit : OpenPit
        The simulated mine.
    folder : path
        Where to write; made if missing.

    Returns
    -------
    dict of pathlib.Path
        By name: ``slc``, ``zones``, ``concession``, ``dsm_before``, ``dsm_after``, ``elevation``,
        ``ndvi``, ``mndwi``, ``sigma0``, ``displacement``, ``production``, ``inventory``,
        ``factors``.

    See Also
    --------
    open_pit : the same site in memory.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.simulate import open_pit
    >>> paths = write_open_pit(open_pit(seed=1, size=96, years=[2022]), tempfile.mkdtemp())
    >>> paths["zones"].name, paths["dsm_after"].name, paths["production"].name
    ('zones.geojson', 'dsm_after.tif', 'production.csv')
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"slc": write_slc(pit, folder / "slc")}
    for name in RASTERS:
        paths[name] = folder / f"{name}.tif"
        _write_raster(getattr(pit, name), paths[name])
    for name, table in (
        ("zones", pit.zones[["name", "kind", "geometry"]]),
        ("concession", pit.concession),
    ):
        paths[name] = folder / f"{name}.geojson"
        paths[name].write_text(json.dumps(feature_collection(table)), encoding="utf-8")
    known = pit.inventory.production_t.where(pit.inventory.reported)
    tables = {
        "production": pit.production.loc[pit.production.reported, REPORT],
        "inventory": pit.inventory.assign(production_t=known).drop(columns="reported"),
        "factors": pit.factors,
    }
    for name, rows in tables.items():
        paths[name] = folder / f"{name}.csv"
        rows.to_csv(paths[name], index=False, lineterminator="\n")
    return paths


def _write_raster(layer: xr.DataArray, path: Path) -> None:
    west, north = (float(1.5 * axis[0] - 0.5 * axis[1]) for axis in (layer.x, layer.y))
    step_x, step_y = float(layer.x[1] - layer.x[0]), float(layer.y[1] - layer.y[0])
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=layer.sizes["y"],
        width=layer.sizes["x"],
        count=1,
        dtype="float32",
        nodata=float("nan"),
        crs=crs_of(layer),
        transform=Affine(step_x, 0, west, 0, step_y, north),
        compress="deflate",
        tiled=True,
    ) as target:
        target.write(layer.values, 1)
        target.set_band_description(1, str(layer.name))
