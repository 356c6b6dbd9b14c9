"""Many images of one size in files of their own, as one lazy array."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._rasters import READING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = ["Images"]


class Images:
    """What dask slices: an image is read when a slice holds it.

    Parameters
    ----------
    paths : sequence of pathlib.Path
        One image each, at least one. The header of the first tells bands, size and dtype.

    Raises
    ------
    ValueError
        If the first is no raster.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = [str(path) for path in paths]
        bands, rows, columns, dtype = _header(self.paths[0])
        self.shape, self.dtype, self.ndim = (len(paths), bands, rows, columns), np.dtype(dtype), 4

    def __getitem__(self, key: tuple[slice | int, ...]) -> npt.NDArray[Any]:
        first, *rest = key
        inside = (slice(None), *rest)
        if isinstance(first, slice):
            paths = self.paths[first]
            stacked = np.empty((len(paths), *self.shape[1:]), self.dtype)
            for place, path in enumerate(paths):
                stacked[place] = _read(path, self.shape[1:], self.dtype)
            return stacked[inside]
        image: npt.NDArray[Any] = _read(self.paths[first], self.shape[1:], self.dtype)
        return np.asarray(image[None][inside][0])

    def lazy(self) -> Any:
        """As a dask array (image, band, row, column), an image a chunk."""
        import dask.array as da
        from dask.base import tokenize

        stamps = [(stat.st_size, stat.st_mtime_ns) for stat in map(_stat, self.paths)]
        name = f"images-{tokenize(self.paths, stamps)}"
        return da.from_array(
            self, chunks=(1, *self.shape[1:]), name=name, asarray=False, fancy=False
        )


def _stat(path: str) -> Any:
    return Path(path).stat()


def _header(path: str) -> tuple[int, int, int, str]:
    import rasterio

    try:
        with warnings.catch_warnings(), rasterio.Env(**READING):
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path) as file:
                return file.count, file.height, file.width, file.dtypes[0]
    except rasterio.errors.RasterioIOError as error:
        message = f"{path} is no image that GDAL can open: {error}; unpack the archive anew"
        raise ValueError(message) from error


def _read(path: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    import rasterio

    # An address of GDAL's that has a georeference, so that nothing need be silenced in threads.
    address = path if set(path) & set("?&") else f"vrt://{path}?a_ullr=0,0,1,-1"
    try:
        with rasterio.Env(**READING), rasterio.open(address) as file:
            stored: npt.NDArray[Any] = file.read()
    except rasterio.errors.RasterioError as error:
        message = f"cannot read {path}: {error}; unpack the archive anew"
        raise RuntimeError(message) from error
    if stored.shape != shape or stored.dtype != dtype:
        message = (
            f"{path} holds {stored.shape} {stored.dtype}, the first image {shape} {dtype}; leave "
            "it out, with names="
        )
        raise RuntimeError(message)
    return stored
