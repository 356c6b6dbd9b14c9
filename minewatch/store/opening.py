"""Stored cubes opened: images lazy, what is small in memory, the CRS in its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, overload

import xarray as xr

from minewatch.store.names import codes_as_names
from minewatch.store.strips import is_image

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LONG", "is_store", "local", "open_cube"]

LONG = 1_000_000
"""Elements above which anything that is no image is stored in parts, and opened lazy."""

AT_ONCE = {"pair": 8}
"""Images that one dask chunk spans when a cube is opened: fewer, larger tasks."""


def local(path: str | os.PathLike[str], *, by: str) -> Path:
    """Absolute path of a local folder; addresses of cloud stores are refused."""
    if "://" in str(path):
        message = f"{by} works on local folders, got {path}; open it with xarray.open_zarr instead"
        raise ValueError(message)
    return Path(path).resolve()


@overload
def open_cube(
    path: str | os.PathLike[str], *, name: str, chunks: Mapping[str, int] | None = ...
) -> xr.DataArray: ...
@overload
def open_cube(
    path: str | os.PathLike[str], *, name: None = ..., chunks: Mapping[str, int] | None = ...
) -> xr.Dataset: ...
def open_cube(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    chunks: Mapping[str, int] | None = None,
) -> xr.DataArray | xr.Dataset:
    """Open a stored cube, lazy, with its CRS.

    Parameters
    ----------
    path : path-like
        Folder of a Zarr store.
    name : str, optional
        The variable wanted; without it all of them come, as a Dataset.
    chunks : mapping of str to int, optional
        Dask chunks by dim; otherwise as stored, eight pairs at a time.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        Dask arrays; nothing but coordinates is read.

    Raises
    ------
    FileNotFoundError
        If nothing is there; says whether a run broke off.
    ValueError
        If it is no Zarr store.
    KeyError
        If it has no such variable; says which it has.

    Examples
    --------
    >>> open_cube("nowhere.zarr")
    Traceback (most recent call last):
    ...
    FileNotFoundError: there is no ...nowhere.zarr; ...
    """
    source = local(path, by="open_cube")
    _check_store(source)
    cube = _opened(source)
    unknown = set(chunks or ()) - set(cube.dims)
    if unknown:
        message = f"{source.name} has dims {tuple(cube.dims)}, not {sorted(unknown)}"
        raise ValueError(message)
    cube = cube.chunk(chunks) if chunks else cube
    if name is None:
        return cube
    if name not in cube.data_vars:
        message = f"{source.name} holds {', '.join(map(repr, cube.data_vars))}, not {name!r}"
        raise KeyError(message)
    return cube[name]


def _opened(source: Path) -> xr.Dataset:
    """Images as dask arrays, what is small in memory."""
    cube = xr.open_dataset(source, engine="zarr", consolidated=False, decode_coords="all")
    small = [
        str(name)
        for name, variable in cube.variables.items()
        if variable.size <= LONG and not is_image(variable)
    ]
    sizes = {dim: size for dim, size in AT_ONCE.items() if dim in cube.dims}
    lazy = xr.open_dataset(
        source, engine="zarr", chunks=sizes, consolidated=False, drop_variables=small
    )
    for name, variable in cube.variables.items():
        if name in small:
            variable.load()
        else:
            variable.data = lazy.variables[name].data
    # A folder lists its variables in any order; a forest that sees them in another is another.
    return codes_as_names(cube[sorted(cube.data_vars, key=str)])


def is_store(path: Path) -> bool:
    """Whether a folder looks like a Zarr store."""
    return any((path / sign).is_file() for sign in ("zarr.json", ".zgroup", ".zmetadata"))


def _check_store(source: Path) -> None:
    if not source.exists():
        left = sorted(source.parent.glob(f".{source.stem}.*{source.suffix}"))
        hint = "store it with minewatch.store.to_zarr"
        if left and left[0].stem.endswith(".unfinished"):
            hint = f"a job that was stopped left {left[0].name}: go on with resume"
        elif left:
            hint = f"a run that broke off left {left[0].name}: delete that and store it again"
        message = f"there is no {source}; {hint}"
        raise FileNotFoundError(message)
    if not is_store(source):
        message = (
            f"{source} is no Zarr store (it has no zarr.json); give the folder that "
            "minewatch.store.to_zarr wrote"
        )
        raise ValueError(message)
