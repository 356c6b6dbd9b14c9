"""Stores that grow: new images join those of earlier runs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._files import alone, whole
from minewatch.conventions import SPATIAL_REF, crs_of, require_same_grid
from minewatch.store.cubes import prepared
from minewatch.store.filling import disown
from minewatch.store.opening import local, open_cube
from minewatch.store.strips import is_image

if TYPE_CHECKING:
    import os

__all__ = ["append"]


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
        If an image is there already or comes twice (same time; same reference and secondary time),
        or the grid, the variables, their dtypes or the coordinates along `dim` differ.
    BlockingIOError
        If another process is filling the store or adding to it.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.store import to_zarr
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
    target = local(path, by="append")
    open_cube(target)  # what is no store is told before a lock is laid beside it
    with alone(target, "adding to"):
        return _appended(data, target, dim)


def _appended(data: xr.DataArray | xr.Dataset, target: Path, dim: str) -> xr.Dataset:
    old = open_cube(target)
    new = data if isinstance(data, xr.Dataset) else data.to_dataset(name=data.name or "data")
    _check_append(old, new, dim)
    if dim == "pair":
        following = int(old.indexes["pair"].max()) + 1 if old.sizes["pair"] else 0
        new = new.assign_coords(pair=following + np.arange(new.sizes["pair"]))
    single = all(
        dict(zip(variable.dims, variable.encoding["chunks"], strict=True)).get(dim, 1) == 1
        for variable in old.variables.values()
        if is_image(variable)
    )
    lasting = [key for key, variable in new.variables.items() if dim not in variable.dims]
    with whole(target) as partial:
        shutil.copytree(target, partial, copy_function=_link if single else shutil.copy2)
        prepared(new).drop_vars(lasting).to_zarr(partial, append_dim=dim, consolidated=False)
        open_cube(partial)  # what cannot be read does not take the place of what can
        disown(target)
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
    along = [
        {str(key) for key, each in cube.coords.items() if dim in each.dims} - {"pair"}
        for cube in (old, new)
    ]
    if along[0] != along[1]:
        message = (
            f"append needs the coordinates along {dim!r} that the store has, {sorted(along[0])}; "
            f"got {sorted(along[1])}: add or drop them"
        )
        raise ValueError(message)
    require_same_grid(old, new, by="append")
    if (crs_of(old) is None) != (crs_of(new) is None):
        message = f"append needs the CRS on both sides; one has no {SPATIAL_REF!r} coordinate"
        raise ValueError(message)
    keys = ("reference_time", "secondary_time") if dim == "pair" else (dim,)
    known, added = (
        list(zip(*(_plain(cube[key].values) for key in keys), strict=True)) for cube in (old, new)
    )
    again = len(added) - len(set(added) - set(known))
    if again:
        message = (
            f"{again} of the {len(added)} images are in the store already or come twice (same "
            f"{' and '.join(keys)}); append only new ones: data.isel({dim}=...)"
        )
        raise ValueError(message)


def _plain(values: Any) -> list[Any]:
    """Comparable values; dates in one unit."""
    values = np.asarray(values)
    plain: list[Any] = (values.astype("M8[ns]") if values.dtype.kind == "M" else values).tolist()
    return plain


def _link(source: str, target: str) -> None:
    """Link what is never changed (images), copy what may be (metadata, coordinates)."""
    image = Path(source).parent.name.isdigit() and Path(source).parent.parent.name.isdigit()
    try:
        if image:
            Path(target).hardlink_to(source)
            return
    except OSError:
        pass
    shutil.copy2(source, target)
