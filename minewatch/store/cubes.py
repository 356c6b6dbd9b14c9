"""Cubes as Zarr v3 stores: one image a chunk, so that images can be added and windows read."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, overload

import xarray as xr

from minewatch._files import whole
from minewatch._origins import ORIGIN, carried
from minewatch.conventions import plain_attrs
from minewatch.store.filling import disown, fill, is_finished
from minewatch.store.names import names_as_codes
from minewatch.store.opening import LONG, is_store, local, open_cube
from minewatch.store.strips import heights_of, is_image, strips_of, write_strip

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["to_zarr"]

CHUNK = 1024
"""Rows and columns of a stored chunk: 4 MB of float32, which reads fastest."""

PATCHES = 64
"""Patches of a stored chunk: 8 MB of 3 × 104 × 104 float32."""

TIMES = {"units": "nanoseconds since 1970-01-01", "dtype": "int64"}
"""Exact for every date, also for one that is appended later."""


@overload
def to_zarr(
    data: xr.DataArray,
    path: str | os.PathLike[str],
    *,
    name: str | None = ...,
    overwrite: bool = ...,
    rows: int | Mapping[str, int] | None = ...,
    resume: str | None = ...,
) -> xr.DataArray: ...
@overload
def to_zarr(
    data: xr.Dataset,
    path: str | os.PathLike[str],
    *,
    name: None = ...,
    overwrite: bool = ...,
    rows: int | Mapping[str, int] | None = ...,
    resume: str | None = ...,
) -> xr.Dataset: ...
def to_zarr(
    data: xr.DataArray | xr.Dataset,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    overwrite: bool = False,
    rows: int | Mapping[str, int] | None = None,
    resume: str | None = None,
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
    rows : int or mapping of str to int, optional
        Compute about so many rows of y at a time, one strip after the other. Of a graph in which
        many images meet, dask computes the images of the whole map before it goes on, and all of
        them wait in memory; a strip bounds that. What is computed for several strips, as the rim of
        a window or a mean of the whole map, is computed for each. By default all at once. Of
        layers that have other dims than y and x, how many along which: ``{"row": 36}``; they are
        stored in chunks of so many.
    resume : str, optional
        All that the numbers depend on, as text: settings, identities of the inputs. With it the
        store is filled strip by strip (of 1024 rows if `rows` is not given; on a cluster several at
        a time, so that each of its threads finds two blocks), each is noted in a
        ledger ``*.blocks.jsonl`` beside the store, and a job that was stopped in any way goes on
        where it was when it is called again with the same text; a store that it has finished is
        not made again. A strip whose images cannot be read is tried three times, then left out,
        and the error at the end tells how many. Without it, a job that fails leaves nothing.

    Returns
    -------
    xarray.DataArray or xarray.Dataset
        As :func:`open_cube` opens it.

    Raises
    ------
    FileExistsError
        If `path` exists and `overwrite` is False, or is no Zarr store: only those are replaced.
    TypeError
        If `data` holds text or other objects, but for names along a dim, each one word.
    ValueError
        If a DataArray has no name and `name` is not given, or `rows` is not positive.
    BlockingIOError
        If another process is filling the same store, with `resume`.
    RuntimeError
        If strips could not be made, with `resume`.

    See Also
    --------
    append : add images to a store.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> layer = xr.DataArray([[0.0, 0.5, 1.0]], dims=("y", "x"), name="tai")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_zarr(layer, Path(folder) / "tai.zarr").load().identical(layer)
    True
    """
    target = local(path, by="to_zarr")
    cube = _as_dataset(data, name)
    heights = heights_of(CHUNK if resume and rows is None else rows, step=CHUNK)
    plain = prepared(cube, heights)
    strips = strips_of(plain, heights)
    lay_out = functools.partial(_lay_out, plain, heights, compute=not strips)
    if resume is None or not is_finished(target, strips, key=resume):
        _require_replaceable(target, overwrite=overwrite)
        if resume is not None:
            fill(plain, target, strips, key=resume, lay_out=lay_out)
        else:
            with whole(target) as partial:
                lay_out(partial)
                for strip in strips:
                    write_strip(plain, partial, strip)
                disown(target)
    if isinstance(data, xr.Dataset):
        return open_cube(target)
    return open_cube(target, name=str(next(iter(cube.data_vars))))


def _require_replaceable(target: Path, *, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        message = f"{target} exists; choose another path or say overwrite=True"
        raise FileExistsError(message)
    if target.exists() and not is_store(target):
        message = f"{target} is no Zarr store and is not overwritten; choose another path"
        raise FileExistsError(message)


def _lay_out(plain: xr.Dataset, heights: Mapping[str, int], path: Path, *, compute: bool) -> None:
    """Write a store, or all of it but what is lazy."""
    how: dict[str, Any] = {} if compute else {"compute": False}
    plain.to_zarr(
        path,
        mode="w-",
        zarr_format=3,
        consolidated=False,
        encoding={key: _encoding(each, heights) for key, each in plain.variables.items()},
        **how,
    )


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


def prepared(cube: xr.Dataset, heights: Mapping[str, int] | None = None) -> xr.Dataset:
    """Plain attributes, no inherited encoding, dask chunks that fit the stored ones."""
    cube = names_as_codes(cube.drop_encoding())
    # Dates of another unit than the stored one would all be written as missing.
    dates = {key: each for key, each in cube.variables.items() if each.dtype.kind == "M"}
    cube = cube.assign({key: each.astype("datetime64[ns]") for key, each in dates.items()})
    cube.attrs = plain_attrs(cube.attrs)
    cube.attrs.pop(ORIGIN, None)  # of a store that it was read from
    if (origin := carried()) is not None:
        cube.attrs[ORIGIN] = origin
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
            chunks = dict(zip(variable.dims, _stored_chunks(variable, heights or {}), strict=True))
            uneven = {
                dim: chunks[dim]
                for dim, sizes in zip(variable.dims, variable.chunks, strict=True)
                if any(size % chunks[dim] for size in sizes[:-1])
            }
            if uneven:
                cube[name] = cube[name].chunk(uneven)
    return cube


def _stored_chunks(variable: xr.Variable, heights: Mapping[str, int]) -> tuple[int, ...]:
    sizes = {"y": CHUNK, "x": CHUNK}
    others = {dim: rows for dim, rows in heights.items() if dim != "y"}
    others |= {"patch": PATCHES} if variable.ndim > 1 else {}
    return tuple(
        max(
            1,
            min(size, sizes.get(str(dim), 1) if is_image(variable) else others.get(str(dim), LONG)),
        )
        for dim, size in zip(variable.dims, variable.shape, strict=True)
    )


def _encoding(variable: xr.Variable, heights: Mapping[str, int]) -> dict[str, Any]:
    from zarr.codecs import BloscCodec

    encoding: dict[str, Any] = {}
    if variable.dims:
        encoding["chunks"] = _stored_chunks(variable, heights)
        encoding["compressors"] = [BloscCodec(cname="lz4", clevel=5, shuffle="bitshuffle")]
    if variable.dtype.kind == "M":
        encoding |= TIMES
    return encoding
