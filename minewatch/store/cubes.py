"""Cubes as Zarr v3 stores: one image a chunk, so that images can be added and windows read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import xarray as xr

from minewatch._files import whole
from minewatch.conventions import plain_attrs
from minewatch.store.strips import is_image, strips_of, write_strip

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["open_cube", "to_zarr"]

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
    rows: int | None = ...,
) -> xr.DataArray: ...
@overload
def to_zarr(
    data: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    name: None = ...,
    overwrite: bool = ...,
    rows: int | None = ...,
) -> xr.Dataset: ...
def to_zarr(
    data: xr.DataArray | xr.Dataset,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    overwrite: bool = False,
    rows: int | None = None,
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
    rows : int, optional
        Compute about so many rows of y at a time, one strip after the other. Of a graph in which
        many images meet, dask computes the images of the whole map before it goes on, and all of
        them wait in memory; a strip bounds that. What is computed for several strips, as the rim of
        a window or a mean of the whole map, is computed for each. By default all at once.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        As :func:`open_cube` opens it.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False, or is no Zarr store: only those are replaced.
    TypeError
        If `data` holds text or other objects.
    ValueError
        If a DataArray has no name and `name` is not given, or `rows` is not positive.

    See Also
    --------
    append : add images to a store.

    Examples
    --------
    >>> import tempfile
    >>> layer = xr.DataArray([[0.0, 0.5, 1.0]], dims=("y", "x"), name="tai")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(layer, Path(folder) / "tai.zarr").load().identical(layer)
    True
    """
    target = local(path, by="to_zarr")
    cube = _as_dataset(data, name)
    if target.exists() and not overwrite:
        message = f"{target} exists; choose another path or say overwrite=True"
        raise FileExistsError(message)
    if target.exists() and not is_store(target):
        message = f"{target} is no Zarr store and is not overwritten; choose another path"
        raise FileExistsError(message)
    plain = prepared(cube)
    strips = strips_of(plain, rows, step=CHUNK)
    with whole(target) as partial:
        how: dict[str, Any] = {"compute": False} if strips else {}
        plain.to_zarr(
            partial,
            mode="w-",
            zarr_format=3,
            consolidated=False,
            encoding={key: _encoding(variable) for key, variable in plain.variables.items()},
            **how,
        )
        for rows_at_once in strips:
            write_strip(plain, partial, rows_at_once)
    if isinstance(data, xr.Dataset):
        return open_cube(target)
    return open_cube(target, name=str(next(iter(cube.data_vars))))


def local(path: str | os.PathLike[str], *, by: str) -> Path:
    """Absolute path of a local folder; addresses of cloud stores are refused."""
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


def prepared(cube: xr.Dataset) -> xr.Dataset:
    """Plain attributes, no inherited encoding, dask chunks that fit the stored ones."""
    cube = cube.drop_encoding()
    # Dates of another unit than the stored one would all be written as missing.
    dates = {key: each for key, each in cube.variables.items() if each.dtype.kind == "M"}
    cube = cube.assign({key: each.astype("datetime64[ns]") for key, each in dates.items()})
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
    sizes = {"y": CHUNK, "x": CHUNK}
    return tuple(
        max(1, min(size, sizes.get(str(dim), 1) if is_image(variable) else LONG))
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
    return cube[sorted(cube.data_vars, key=str)]


def is_store(path: Path) -> bool:
    """Whether a folder looks like a Zarr store."""
    return any((path / sign).is_file() for sign in ("zarr.json", ".zgroup", ".zmetadata"))


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
    if not is_store(source):
        message = (
            f"{source} is no Zarr store (it has no zarr.json); give the folder that "
            "minewatch.store.to_zarr wrote"
        )
        raise ValueError(message)
