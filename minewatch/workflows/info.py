"""What is installed here, and what a store, raster or catalogue holds."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from minewatch import sources, store
from minewatch.conventions import describe_grid
from minewatch.workflows.outputs import Result, versions

if TYPE_CHECKING:
    import pystac

__all__ = ["describe"]

EXTRAS = {
    "pc": "planetary_computer",
    "odc": "odc.stac",
    "sar": "h5py",
    "geoparquet": "rustac",
    "models": "skops",
    "plots": "folium",
    "worker": "bokeh",
    "cnn": "onnxruntime",
    "cnn-train": "torch",
}


def describe(path: str | None = None) -> Result:
    """Tell versions, extras and this machine; or what lies at a path.

    Parameters
    ----------
    path : str, optional
        A Zarr store, a raster or a STAC catalogue.

    Returns
    -------
    Result
        With a summary to print.

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`.

    Examples
    --------
    >>> "CPU cores" in describe().summary
    True
    """
    if path is None:
        return Result(Path.cwd(), _installation(), {})
    if "://" not in path and not Path(path).exists():
        message = f"{path} does not exist; give a Zarr store, a raster or a STAC catalogue"
        raise FileNotFoundError(message)
    if (Path(path) / "zarr.json").exists():
        return Result(Path(path), _store(path), {})
    if path.endswith((".tif", ".tiff", ".vrt")):
        return Result(Path(path).parent, _raster(path), {})
    return Result(Path.cwd(), _catalog(path), {})


def _installation() -> dict[str, str]:
    from dask.system import CPU_COUNT
    from distributed.system import MEMORY_LIMIT

    found = versions()
    found.pop("finished")
    extras = {
        f"extra {name}": "yes" if _installed(module) else f"no: pip install 'minewatch[{name}]'"
        for name, module in EXTRAS.items()
    }
    machine = {"CPU cores": str(CPU_COUNT), "memory": f"{MEMORY_LIMIT / 2**30:.1f} GiB"}
    return {**found, **extras, **machine}


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _store(path: str) -> dict[str, str]:
    cube = store.open_cube(path)
    rows = {"grid": describe_grid(cube)} if "y" in cube.dims else {}
    for name, variable in cube.data_vars.items():
        sizes = ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items())
        text = f"({sizes}) {variable.dtype} {variable.attrs.get('units', '')}"
        rows[str(name)] = f"{text.strip()}: {variable.attrs.get('long_name', '')}".rstrip(": ")
    return rows


def _raster(path: str) -> dict[str, str]:
    import rasterio

    with rasterio.open(path) as file:
        return {
            "size": f"{file.count} × {file.height} × {file.width}",
            "dtype": file.dtypes[0],
            "nodata": str(file.nodata),
            "crs": str(file.crs),
            "pixel": " × ".join(f"{step:g}" for step in file.res),
            "bounds": ", ".join(f"{edge:.10g}" for edge in file.bounds),
        }


def _catalog(path: str) -> dict[str, str]:
    items = sources.search(path)
    rows = {"items": str(len(items))}
    by_collection: dict[str, list[str]] = {}
    for item in items:
        by_collection.setdefault(item.collection_id or "no collection", []).append(_day(item))
    for name, days in sorted(by_collection.items()):
        rows[name] = f"{len(days)}, {min(days)} to {max(days)}"
    return rows


def _day(item: pystac.Item) -> str:
    moment = item.datetime or item.common_metadata.start_datetime
    return moment.date().isoformat() if moment else "undated"
