"""Cubes as Zarr v3 stores: one image a chunk, so that images can be added and windows read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
import xarray as xr

from minewatch._files import whole
from minewatch.conventions import SPATIAL_REF, crs_of, plain_attrs, require_same_grid

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["append", "open_cube", "to_zarr"]

CHUNK = 1024
"""Rows and columns of a stored chunk: 4 MB of float32, which reads fastest."""

LONG = 1_000_000
"""Elements of a stored chunk of anything that is no image."""

AT_ONCE = {"pair": 8}
"""Images that one dask chunk spans when a cube is opened: fewer, larger tasks."""

TIMES = {"units": "nanoseconds since 1970-01-01", "dtype": "int64"}
"""Exact for every date, also for one that is appended later."""


@overload
def to_zarr(
    data: xr.DataArray,
    path: str | os.PathLike[str],
    *,
    name: str | None = ...,
    overwrite: bool = ...,
) -> xr.DataArray: ...
@overload
def to_zarr(
    data: xr.Dataset, path: str | os.PathLike[str], *, name: None = ..., overwrite: bool = ...
) -> xr.Dataset: ...
def to_zarr(
    data: xr.DataArray | xr.Dataset,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    overwrite: bool = False,
) -> xr.DataArray | xr.Dataset:
    """Compute a layer, store it, and give back the stored one, lazy.

    The place to cut a long chain: what is stored here is not computed again. Written under a
    hidden name beside `path` and renamed when it is complete, so that `path` holds the old store or
    the new one, whole; if anything fails, nothing of the new one stays. Images are stored in
    chunks of one image × 1024 × 1024, compressed (Blosc LZ4, bit-shuffled). Under a distributed
    client the workers write; they must see the same file system.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        What to store, numpy or dask, in any chunks.
    path : path-like
        Folder of the store, by habit ``*.zarr``; the folder above it must exist.
    name : str, optional
        Name of the variable in the store, where a DataArray has none or another.
    overwrite : bool
        Whether a store that is there already is replaced, also one that `data` is read from.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        As :func:`open_cube` opens it.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False.
    TypeError
        If `data` holds text or other objects.
    ValueError
        If a DataArray has no name and `name` is not given.

    See Also
    --------
    append : add images to a store.

    Examples
    --------
    >>> import tempfile
    >>> layer = xr.DataArray(np.eye(3, dtype="float32"), dims=("y", "x"), name="tai")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(layer, Path(folder) / "tai.zarr").load().identical(layer)
    True
    """
    target = _local(path, by="to_zarr")
    cube = _as_dataset(data, name)
    if target.exists() and not overwrite:
        message = f"{target} exists; choose another path or say overwrite=True"
        raise FileExistsError(message)
    prepared = _prepared(cube)
    with whole(target) as partial:
        prepared.to_zarr(
            partial,
            mode="w-",
            zarr_format=3,
            consolidated=False,
            encoding={key: _encoding(variable) for key, variable in prepared.variables.items()},
        )
    if isinstance(data, xr.Dataset):
        return open_cube(target)
    return open_cube(target, name=str(next(iter(cube.data_vars))))


def _local(path: str | os.PathLike[str], *, by: str) -> Path:
    if "://" in str(path):
        message = f"{by} works on local folders, got {path}; open it with xarray.open_zarr instead"
        raise ValueError(message)
    return Path(path).resolve()


def _as_dataset(data: xr.DataArray | xr.Dataset, name: str | None) -> xr.Dataset:
    if isinstance(data, xr.Dataset):
        if name is not None:
            message = f"to_zarr keeps the names of a Dataset; rename its variables, not {name!r}"
            raise ValueError(message)
        return data
    if name is None and data.name is None:
        message = 'to_zarr needs a name for this DataArray; give name="..." or use .rename("...")'
        raise ValueError(message)
    return data.to_dataset(name=data.name if name is None else name)


def _prepared(cube: xr.Dataset) -> xr.Dataset:
    """Plain attributes, no inherited encoding, dask chunks that fit the stored ones."""
    cube = cube.drop_encoding()
    cube.attrs = plain_attrs(cube.attrs)
    for name in list(cube.variables):
        variable = cube[name].variable
        if variable.dtype.kind in "OSUT":
            message = (
                f"to_zarr does not store text or objects, and {name!r} is {variable.dtype}; "
                "drop it with .drop_vars, or store codes with flag_values and flag_meanings"
            )
            raise TypeError(message)
        cube[name].attrs = plain_attrs(variable.attrs)
        if variable.chunks is not None:
            chunks = dict(zip(variable.dims, _stored_chunks(variable), strict=True))
            uneven = {
                dim: chunks[dim]
                for dim, sizes in zip(variable.dims, variable.chunks, strict=True)
                if any(size % chunks[dim] for size in sizes[:-1])
            }
            if uneven:
                cube[name] = cube[name].chunk(uneven)
    return cube


def _stored_chunks(variable: xr.Variable) -> tuple[int, ...]:
    image = {"y", "x"} <= set(variable.dims)
    sizes = {"y": CHUNK, "x": CHUNK}
    return tuple(
        max(1, min(size, sizes.get(str(dim), 1) if image else LONG))
        for dim, size in zip(variable.dims, variable.shape, strict=True)
    )


def _encoding(variable: xr.Variable) -> dict[str, Any]:
    from zarr.codecs import BloscCodec

    encoding: dict[str, Any] = {}
    if variable.dims:
        encoding["chunks"] = _stored_chunks(variable)
        encoding["compressors"] = [BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")]
    if variable.dtype.kind == "M":
        encoding |= TIMES
    return encoding


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
    source = _local(path, by="open_cube")
    _check_store(source)
    cube = xr.open_dataset(
        source, engine="zarr", chunks={}, consolidated=False, decode_coords="all"
    )
    wanted = dict(chunks or AT_ONCE)
    unknown = set(chunks or ()) - set(cube.dims)
    if unknown:
        message = f"{source.name} has dims {tuple(cube.dims)}, not {sorted(unknown)}"
        raise ValueError(message)
    cube = cube.chunk({dim: size for dim, size in wanted.items() if dim in cube.dims})
    if name is None:
        return cube
    if name not in cube.data_vars:
        message = f"{source.name} holds {', '.join(map(repr, cube.data_vars))}, not {name!r}"
        raise KeyError(message)
    return cube[name]


def _check_store(source: Path) -> None:
    if not source.exists():
        broken = sorted(source.parent.glob(f".{source.stem}.*"))
        hint = (
            f"a run that broke off left {broken[0].name}: delete that and store it again"
            if broken
            else "store it with minewatch.store.to_zarr"
        )
        message = f"there is no {source}; {hint}"
        raise FileNotFoundError(message)
    if not any((source / sign).is_file() for sign in ("zarr.json", ".zgroup", ".zmetadata")):
        message = (
            f"{source} is no Zarr store (it has no zarr.json); give the folder that "
            "minewatch.store.to_zarr wrote"
        )
        raise ValueError(message)


def append(
    data: xr.DataArray | xr.Dataset, path: str | os.PathLike[str], *, dim: str
) -> xr.Dataset:
    """Add images to a store; it keeps all it had, and gains all or nothing.

    The stored images are not copied (hard links, where the file system has them): the longer
    store is built beside the old one and takes its place when it is complete.

    Parameters
    ----------
    data : xarray.DataArray or xarray.Dataset
        The same variables on the same grid, longer along `dim`.
    path : path-like
        Folder of a store.
    dim : str
        ``"pair"`` or ``"time"``. New pairs are numbered on.

    Returns
    -------
    xarray.Dataset
        The longer cube, as :func:`open_cube` opens it.

    Raises
    ------
    ValueError
        If an image is there already (same time; same reference and secondary time), or the grid,
        the variables or their dtypes differ.

    Examples
    --------
    >>> import tempfile
    >>> cube = xr.DataArray(
    ...     np.ones((2, 3, 3), "float32"),
    ...     dims=("time", "y", "x"),
    ...     name="vv",
    ...     coords={"time": np.array(["2024-01-01", "2024-01-13"], "M8[ns]")},
    ... )
    >>> later = cube.assign_coords(time=cube.time + np.timedelta64(24, "D"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = to_zarr(cube, Path(folder) / "vv.zarr")
    ...     append(later, Path(folder) / "vv.zarr", dim="time").sizes["time"]
    4
    """
    target = _local(path, by="append")
    old = open_cube(target)
    new = data if isinstance(data, xr.Dataset) else data.to_dataset(name=data.name or "data")
    _check_append(old, new, dim)
    if dim == "pair":
        following = int(old.indexes["pair"].max()) + 1 if old.sizes["pair"] else 0
        new = new.assign_coords(pair=following + np.arange(new.sizes["pair"]))
    lasting = [key for key, variable in new.variables.items() if dim not in variable.dims]
    with whole(target) as partial:
        shutil.copytree(target, partial, copy_function=_link)
        _prepared(new).drop_vars(lasting).to_zarr(partial, append_dim=dim, consolidated=False)
    return open_cube(target)


def _check_append(old: xr.Dataset, new: xr.Dataset, dim: str) -> None:
    if dim not in old.dims or dim not in new.dims:
        message = f"append finds {dim!r} among {tuple(old.dims)} (stored) or {tuple(new.dims)} not"
        raise ValueError(message)
    kinds = [
        {str(key): (variable.dims, variable.dtype) for key, variable in cube.data_vars.items()}
        for cube in (old, new)
    ]
    if kinds[0] != kinds[1]:
        message = f"append needs the variables of the store, {kinds[0]}; got {kinds[1]}"
        raise ValueError(message)
    require_same_grid(old, new, by="append")
    if (crs_of(old) is None) != (crs_of(new) is None):
        message = f"append needs the CRS on both sides; one has no {SPATIAL_REF!r} coordinate"
        raise ValueError(message)
    keys = ("reference_time", "secondary_time") if dim == "pair" else (dim,)
    known, added = (
        set(zip(*(np.asarray(cube[key].values).tolist() for key in keys), strict=True))
        for cube in (old, new)
    )
    if known & added:
        message = (
            f"{len(known & added)} of the {len(added)} images are in the store already (same "
            f"{' and '.join(keys)}); append only new ones: data.isel({dim}=...)"
        )
        raise ValueError(message)


def _link(source: str, target: str) -> None:
    """Link what is never changed (images), copy what may be (metadata, coordinates)."""
    image = Path(source).parent.name.isdigit() and Path(source).parent.parent.name.isdigit()
    try:
        if image:
            os.link(source, target)
            return
    except OSError:
        pass
    shutil.copy2(source, target)
