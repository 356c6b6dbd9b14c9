"""Folders of single-band rasters as lazy arrays, read window by window.

Opening reads headers only. A chunk is read by the task that needs it; the file is named in the
error where that fails.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt
    from affine import Affine
    from odc.geo.geobox import GeoBox

__all__ = ["dates_in", "found", "one_grid", "Raster", "raster"]

DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2}))?(?!\d)")
"""YYYYMMDD or YYYY-MM-DD, perhaps with a time of day behind a T."""


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
        import dask.array as da
        from dask.base import tokenize

        window = _Windowed(self, convert, np.dtype(dtype), like, nodata)
        name = f"raster-{tokenize(self, convert, dtype, str(like), nodata, chunk)}"
        return da.from_array(window, chunks=(chunk, chunk), name=name, asarray=False, lock=False)


class _Windowed:
    """What dask slices: each slice is one read."""

    def __init__(
        self,
        raster: Raster,
        convert: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
        dtype: np.dtype[Any],
        like: GeoBox | None,
        nodata: float | None,
    ) -> None:
        self.raster, self.convert, self.dtype = raster, convert, dtype
        self.like, self.nodata = like, nodata
        self.shape = raster.shape if like is None else tuple(like.shape)
        self.ndim = 2

    def __getitem__(self, key: tuple[slice, slice]) -> npt.NDArray[Any]:
        import rasterio
        from rasterio.enums import Resampling
        from rasterio.vrt import WarpedVRT
        from rasterio.windows import Window

        rows, columns = (part.indices(size) for part, size in zip(key, self.shape, strict=True))
        window = Window(columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0])
        try:
            with _quiet(), rasterio.open(self.raster.path) as dataset:
                outside = None
                if self.like is None:
                    stored = dataset.read(1, window=window)
                else:
                    with WarpedVRT(
                        dataset,
                        crs=str(self.like.crs),
                        transform=self.like.transform,
                        height=self.shape[0],
                        width=self.shape[1],
                        resampling=Resampling.bilinear,
                        src_nodata=self.nodata,
                        nodata=self.nodata,
                        # Without a nodata value, an alpha band tells what lies outside.
                        add_alpha=self.nodata is None,
                    ) as warped:
                        stored = warped.read(1, window=window)
                        if self.nodata is None:
                            outside = warped.read(2, window=window) == 0
        except rasterio.errors.RasterioError as error:
            message = f"cannot read {self.raster.path}: {error}; get the file anew"
            raise RuntimeError(message) from error
        values = self.convert(stored).astype(self.dtype, copy=False)
        if outside is not None:
            values[outside] = np.nan
        return values


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Radar geometry has no georeference, and that is no news."""
    from rasterio.errors import NotGeoreferencedWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def raster(path: str | Path) -> Raster:
    """Read the header of a single-band raster.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

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
        with _quiet(), rasterio.open(path) as dataset:
            if dataset.count != 1:
                message = f"{path} has {dataset.count} bands, expected one; split it first"
                raise ValueError(message)
            grounded = dataset.crs is not None
            stat = Path(path).stat() if Path(path).exists() else None
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
        message = f"{path} is no raster that GDAL can open: {error}"
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


def found(
    source: str | Path | Iterable[str | Path], patterns: Sequence[str], *, by: str
) -> list[Path]:
    """The files that a folder, a glob, a path or a list of paths names.

    Parameters
    ----------
    source : str, pathlib.Path or iterable of them
        In a folder the first of `patterns` that matches anything counts.
    patterns : sequence of str
        Globs, looked for in all subfolders.
    by : str
        The function that asks.

    Returns
    -------
    list of pathlib.Path
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        if path.is_dir():
            for pattern in patterns:
                paths = sorted(path.rglob(pattern))
                if paths:
                    return paths
            message = f"{by} finds no {' or '.join(patterns)} in {path}; pass pattern='*.tif'"
            raise FileNotFoundError(message)
        if path.exists():
            return [path]
        fixed = Path(path.anchor) if path.anchor else Path()
        glob = str(path.relative_to(path.anchor) if path.anchor else path)
        paths = sorted(fixed.glob(glob))
    else:
        paths = [Path(name) for name in source]
        gone = [str(path) for path in paths if not path.exists()]
        if gone:
            message = f"{by} does not find {gone[:3]}; check the paths"
            raise FileNotFoundError(message)
    if not paths:
        message = f"{by} finds nothing at {source}; give a folder, a glob or paths"
        raise FileNotFoundError(message)
    return sorted(paths)


def dates_in(name: str) -> list[np.datetime64]:
    """The dates a file name holds, in order.

    Parameters
    ----------
    name : str
        E.g. ``"S1AA_20190101T120000_20190113T120000_corr.tif"``.

    Returns
    -------
    list of numpy.datetime64
        Nanoseconds, UTC.

    Examples
    --------
    >>> [str(date)[:10] for date in dates_in("cropA_20180106-20180130_VV_8rlks_cc.tif")]
    ['2018-01-06', '2018-01-30']
    """
    dates = []
    for match in DATE.finditer(name):
        year, month, day, *clock = (int(part or 0) for part in match.groups())
        with contextlib.suppress(ValueError):  # eight digits that are no date
            moment = dt.datetime(year, month, day, *clock)
            dates.append(np.datetime64(moment, "ns"))
    return dates
