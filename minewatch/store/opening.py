"""Stored cubes opened: images lazy, what is small in memory, the CRS in its place."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, overload

import xarray as xr

from minewatch._files import heal
from minewatch._origins import ORIGIN
from minewatch.store.names import codes_as_names
from minewatch.store.strips import is_image

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LONG", "is_store", "local", "open_cube"]

LONG = 1_000_000
"""Elements above which anything that is no image is stored in parts, and opened lazy."""

NEWEST = 3
"""The format of Zarr that is written here."""

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
        If it is no Zarr store, is damaged, of a newer version of Zarr, or holds Python objects.
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
    try:
        cube = _opened(source)
    except (ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        raise _unreadable(source, error) from error
    unknown = set(chunks or ()) - set(cube.dims)
    if unknown:
        message = f"{source.name} has dims {tuple(cube.dims)}, not {sorted(unknown)}"
        raise ValueError(message)
    cube = cube.chunk(chunks) if chunks else cube
    cube.attrs.pop(ORIGIN, None)  # it tells of the store, not of what is made of it
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
        heal(source.parent)
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
        kind = "it has no zarr.json" if source.is_dir() else "it is a file, and a store is a folder"
        message = (
            f"{source} is no Zarr store ({kind}); give the folder that "
            "minewatch.store.to_zarr wrote"
        )
        raise ValueError(message)
    for described in (*source.glob("*/.zarray"), *source.glob("*/zarr.json")):
        if '"pickle"' in _plain(described.read_text(encoding="utf-8", errors="replace")):
            message = (
                f"{source} holds Python objects in {described.parent.name!r}, which would run as a "
                "program when they are read; get it with numbers alone"
            )
            raise ValueError(message)


def _plain(text: str) -> str:
    """JSON in one spelling: a letter may hide as an escape."""
    with contextlib.suppress(ValueError, RecursionError):
        return json.dumps(json.loads(text))
    return text


def _unreadable(source: Path, error: Exception) -> ValueError:
    """Why a store cannot be opened: of a version to come, or damaged."""
    from importlib.metadata import version

    zarr = f"Zarr {version('zarr')}, which is installed"
    described = [source / "zarr.json", *source.glob("*/zarr.json")]
    newest = max((_format_of(path) for path in described if path.is_file()), default=0)
    if newest > NEWEST:
        message = (
            f"{source} is of Zarr format {newest}, and {zarr}, reads {NEWEST} and older; install a "
            "newer one, or store the cube again here"
        )
        return ValueError(message)
    reason = " ".join(str(error).split())[:300]
    return ValueError(
        f"{source} cannot be opened ({reason}): it is damaged, or of a newer version than {zarr}; "
        "store it again, or install a newer one"
    )


def _format_of(described: Path) -> int:
    try:
        found = json.loads(described.read_text(encoding="utf-8", errors="replace"))["zarr_format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return found if isinstance(found, int) else 0
