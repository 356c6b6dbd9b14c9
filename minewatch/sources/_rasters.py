"""Folders of single-band rasters as lazy arrays, read window by window.

Opening reads headers only. A chunk is read by the task that needs it; the file is named in the
error where that fails.
"""

from __future__ import annotations

import contextlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._warping import WARP_TOLERANCE, warp_scale
from minewatch.sources._windows import Reading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt
    from affine import Affine
    from odc.geo.geobox import GeoBox

__all__ = ["READING", "one_grid", "Raster", "raster", "read_window"]

READING = {"CPL_VSIL_GZIP_WRITE_PROPERTIES": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "FALSE"}
"""Reading leaves no file behind: GDAL else notes sizes beside compressed archives. Headers that lie
beside a file are looked for, even after remote files, beside which nothing is, were read."""


@dataclass(frozen=True)
class Raster:
    """Header of a raster: where, how large, in which numbers.

    Parameters
    ----------
    path : str
        As GDAL opens it.
    shape : (int, int)
        Rows, columns.
    transform : affine.Affine
        Pixel to map.
    crs : str or None
        Well-known text.
    dtype : str
        Stored dtype.
    nodata : float or None
        As the file says.
    stamp : tuple
        Size and time of change of the file: part of the identity of what is read from it.
    """

    path: str
    shape: tuple[int, int]
    transform: Affine
    crs: str | None
    dtype: str
    nodata: float | None
    stamp: tuple[int, int]

    @property
    def name(self) -> str:
        """File name."""
        return Path(self.path).name

    @property
    def address(self) -> str:
        """What to open for reading.

        GDAL warns whenever it opens an image without a georeference, and radar geometry has none;
        silencing a warning is not safe in threads, so GDAL is told one that is never used.
        """
        if self.crs is not None or set(self.path) & set("?&"):
            return self.path
        return f"vrt://{self.path}?a_ullr=0,0,{self.shape[1]},-{self.shape[0]}"

    def geobox(self) -> GeoBox:
        """The grid."""
        from odc.geo.geobox import GeoBox

        return GeoBox(self.shape, self.transform, self.crs)

    def lazy(
        self,
        convert: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
        *,
        dtype: str,
        chunk: int = 1024,
        like: GeoBox | None = None,
        nodata: float | None = None,
    ) -> Any:
        """The pixels as a dask array.

        Parameters
        ----------
        convert : callable
            Applied to each block of stored numbers; picklable.
        dtype : str
            What it returns.
        chunk : int
            Rows and columns of a chunk.
        like : GeoBox, optional
            Another grid, reached by bilinear interpolation.
        nodata : float, optional
            What means unknown, so that it is not interpolated with.

        Returns
        -------
        dask.array.Array
            Dims (y, x).
        """
        if like is not None and self.crs is None:
            message = f"{self.name} has no CRS, so it cannot be brought onto a grid; leave out like"
            raise ValueError(message)
        arguments = (self.address, convert, None if like is None else str(like), like, nodata)
        shape = self.shape if like is None else (int(like.shape[0]), int(like.shape[1]))
        return Reading(_converted, arguments, shape, dtype).lazy(self.stamp, chunk=chunk)


def _converted(
    path: str,
    convert: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
    _: str | None,
    like: GeoBox | None,
    nodata: float | None,
    key: tuple[slice, slice],
) -> npt.NDArray[Any]:
    """One window, on the raster's grid or on another, as values."""
    if like is None:
        return convert(read_window(path, key))
    import rasterio
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT
    from rasterio.windows import Window

    crs, shape = str(like.crs), (int(like.shape[0]), int(like.shape[1]))
    try:
        with (
            rasterio.Env(**READING),
            rasterio.open(path) as dataset,
            WarpedVRT(
                dataset,
                crs=crs,
                transform=like.transform,
                height=shape[0],
                width=shape[1],
                resampling=Resampling.bilinear,
                tolerance=WARP_TOLERANCE,
                src_nodata=nodata,
                nodata=nodata,
                # Without a nodata value, an alpha band tells what lies outside.
                add_alpha=nodata is None,
                **warp_scale(dataset, crs, like.transform, shape),
            ) as warped,
        ):
            window = Window.from_slices(*key, *shape)
            values = convert(warped.read(1, window=window))
            if nodata is None:
                values[warped.read(2, window=window) == 0] = np.nan
    except rasterio.errors.RasterioError as error:
        raise RuntimeError(_unreadable(path, error)) from error
    return values


def _unreadable(path: str, error: Exception) -> str:
    return f"cannot read {path}: {error}; get the file anew"


def read_window(path: str, key: tuple[slice, slice]) -> npt.NDArray[Any]:
    """The stored numbers of a window of a single-band raster.

    Parameters
    ----------
    path : str
        The file.
    key : (slice, slice)
        Rows and columns.

    Returns
    -------
    numpy.ndarray
        Dims (y, x).

    Raises
    ------
    RuntimeError
        If the file cannot be read.
    """
    import rasterio

    try:
        with rasterio.Env(**READING), rasterio.open(path) as dataset:
            window = rasterio.windows.Window.from_slices(*key, *dataset.shape)
            stored: npt.NDArray[Any] = dataset.read(1, window=window)
    except rasterio.errors.RasterioError as error:
        raise RuntimeError(_unreadable(path, error)) from error
    return stored


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Radar geometry has no georeference, and that is no news."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def raster(path: str | Path, *, container: str | Path | None = None) -> Raster:
    """Read the header of a single-band raster.

    Parameters
    ----------
    path : str or pathlib.Path
        The file, or its address inside an archive.
    container : str or pathlib.Path, optional
        The archive.

    Returns
    -------
    Raster
        The header.

    Raises
    ------
    ValueError
        If the file is no raster, or has several bands.
    """
    import rasterio

    try:
        with _quiet(), rasterio.Env(**READING), rasterio.open(path) as dataset:
            if dataset.count != 1:
                message = f"{path} has {dataset.count} bands, expected one; split it first"
                raise ValueError(message)
            grounded = dataset.crs is not None
            own = Path(path) if Path(path).exists() else Path(container or path)
            stat = own.stat() if own.exists() else None
            return Raster(
                path=str(path),
                shape=(dataset.height, dataset.width),
                transform=dataset.transform,
                crs=dataset.crs.to_wkt() if grounded else None,
                dtype=dataset.dtypes[0],
                nodata=dataset.nodata,
                stamp=(stat.st_size, stat.st_mtime_ns) if stat else (0, 0),
            )
    except rasterio.errors.RasterioIOError as error:
        message = f"{path} is no raster that GDAL can open ({error}); fetch or write it again"
        raise ValueError(message) from error


def one_grid(rasters: Sequence[Raster], *, by: str, fix: str) -> None:
    """Refuse rasters on different grids; names the first two that differ.

    Parameters
    ----------
    rasters : sequence of Raster
        At least one.
    by : str
        The function that asks.
    fix : str
        What to type instead.

    Raises
    ------
    ValueError
        If shape, transform or CRS differ.
    """
    first = rasters[0]
    for other in rasters[1:]:
        same = other.shape == first.shape and other.crs == first.crs
        if not same or not other.transform.almost_equals(first.transform, 1e-9):
            message = (
                f"{by} needs all files on one grid, got {_describe(first)} and "
                f"{_describe(other)}; {fix}"
            )
            raise ValueError(message)


def _describe(raster: Raster) -> str:
    t = raster.transform
    where = f"corner {t.c:.10g}, {t.f:.10g}, pixel {t.a:g} × {t.e:g}"
    return f"{raster.name} ({raster.shape[0]}×{raster.shape[1]}, {where})"
