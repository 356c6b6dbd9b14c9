"""Ready-made coherence: a folder of rasters, one per pair, as one cube.

GAMMA and PyRate folders, HyP3 products (``*_corr.tif`` with their ``.txt``), openEO results and
any other single-band rasters with two dates in their names.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import conform
from minewatch.grids import coordinates, geobox_of
from minewatch.insar.pairs import PAIR_COORDS
from minewatch.insar.statistics import COHERENCE
from minewatch.sources import _baselines as tables
from minewatch.sources import _rasters as rasters
from minewatch.sources._files import dates_in, found

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from minewatch.sources._baselines import Pair

__all__ = ["open_stack"]

PATTERNS = ("*_corr.tif", "*_cc.tif", "*coh*.tif", "*.tif")
"""What ready coherence is called: HyP3, GAMMA, most others."""

TOLERANCE = 1e-6
"""By how much rounding may leave [0, 1] (science: the estimate itself cannot)."""


def open_stack(
    source: str | Path | Iterable[str | Path],
    *,
    pattern: str | None = None,
    baselines: Any = None,
    nodata: float | None = 0,
    scale: float = 1.0,
    clip: bool = False,
    like: Any = None,
    window: tuple[int, int] | None = None,
    looks: float | None = None,
    chunk: int = 1024,
) -> xr.DataArray:
    r"""Open a folder of coherence rasters as one lazy cube.

    Parameters
    ----------
    source : str, pathlib.Path or iterable of them
        Folder (searched with its subfolders), glob, or paths. Each file is one pair and has two
        dates in its name, ``YYYYMMDD`` or ``YYYY-MM-DD``.
    pattern : str, optional
        Which files of a folder; by default the first of ``*_corr.tif`` (HyP3), ``*_cc.tif``
        (GAMMA), ``*coh*.tif``, ``*.tif`` that matches.
    baselines : mapping, str or pathlib.Path, optional
        Perpendicular baselines in metres: ``{(reference, secondary): metres}``, a CSV with columns
        ``reference_time,secondary_time,perpendicular_baseline`` or
        ``time,perpendicular_baseline``, or a folder of GAMMA ``*bperp.par``. By default HyP3's
        ``.txt`` beside each raster and GAMMA files in the folder are read; unknown is NaN.
    nodata : float, optional
        The stored number that means unknown, besides the one that a file itself names. 0 in
        GAMMA and HyP3; None if 0 is a value.
    scale : float
        Stored numbers are multiplied by it, e.g. ``1 / 255`` for bytes.
    clip : bool
        Cut values outside of [0, 1], which cubic or sinc resampling leaves behind, to the range.
        By default they are an error: they say that the maker resampled so.
    like : GeoBox, xarray.DataArray or xarray.Dataset, optional
        Bring the rasters onto this grid by bilinear interpolation. Needed where they differ.
    window : (int, int), optional
        Rows and columns of the estimation window, where known: kept in attrs.
    looks : float, optional
        Independent looks of an estimate, where known: kept in attrs.
    chunk : int
        Rows and columns of a chunk; along ``pair`` each file is a chunk.

    Returns
    -------
    xarray.DataArray
        ``coherence``, dims (pair, y, x), float32 in [0, 1], NaN where unknown, ordered by
        reference and secondary time, with the coordinates of a pair table.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If names lack dates, a pair comes twice, or grids differ; when computing, if values leave
        [0, 1].

    See Also
    --------
    minewatch.insar.coherence : coherence from single-look complex images.

    References
    ----------
    Hogenson et al. (2020), Hybrid Pluggable Processing Pipeline (HyP3),
    https://doi.org/10.5281/zenodo.4646138

    Examples
    --------
    >>> import tempfile, rasterio
    >>> grid = {"crs": "EPSG:32645", "transform": rasterio.Affine(20, 0, 0, 0, -20, 40)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     name = f"{folder}/20180106-20180130_cc.tif"
    ...     size = {"width": 3, "height": 1, "count": 1, "dtype": "float32"}
    ...     with rasterio.open(name, "w", driver="GTiff", **size, **grid) as file:
    ...         file.write(np.array([[0, 0.5, 1]], "float32"), 1)
    ...     cube = open_stack(folder, baselines={("2018-01-06", "2018-01-30"): 37.5}).compute()
    >>> cube.values[0, 0], float(cube.temporal_baseline[0]), float(cube.perpendicular_baseline[0])
    (array([nan, 0.5, 1. ], dtype=float32), 24.0, 37.5)
    """
    import dask.array as da

    patterns = PATTERNS if pattern is None else (pattern,)
    paths = found(source, patterns, by="coherence.open_stack")
    by_pair = _pairs(paths, strict=pattern is not None or not _is_folder(source))
    headers = [rasters.raster(path) for _, path, _ in by_pair]
    grid = None if like is None else geobox_of(like, by="coherence.open_stack")
    if grid is None:
        rasters.one_grid(
            headers,
            by="coherence.open_stack",
            fix="pass like=minewatch.grids.geobox(...) to bring them onto one",
        )
    layers = []
    for header in headers:
        unknown = tuple(value for value in (nodata, header.nodata) if value is not None)
        convert = _Coherence(header.name, unknown, float(scale), clip)
        layers.append(
            header.lazy(
                convert,
                dtype="float32",
                chunk=chunk,
                like=grid,
                nodata=header.nodata if header.nodata is not None else nodata,
            )
        )
    sidecars = [_sidecar(path) for _, path, _ in by_pair]
    metres = _baselines(by_pair, sidecars, baselines, source)
    if window is None:
        window = _window(sidecars)
    cube = xr.DataArray(
        da.stack(layers),
        dims=("pair", "y", "x"),
        coords={
            **_pair_coords([dates for dates, _, _ in by_pair], metres),
            **_place(headers[0], grid),
        },
    )
    files = [header.name for header in headers]
    return conform(cube, COHERENCE, window=window, looks=looks, clip=clip or None, files=files)


def _is_folder(source: Any) -> bool:
    return isinstance(source, str | Path) and Path(source).is_dir()


def _pairs(paths: Sequence[Path], *, strict: bool) -> list[tuple[Pair, Path, bool]]:
    """Dates, file, and whether its name has the later date first; ordered by dates."""
    named: dict[Pair, list[tuple[Path, bool]]] = defaultdict(list)
    undated = []
    for path in paths:
        dates = dates_in(path.name)
        if len(dates) < 2 or dates[0] == dates[1]:
            undated.append(path.name)
            continue
        reference, secondary = sorted(dates[:2])
        named[reference, secondary].append((path, bool(dates[0] > dates[1])))
    if undated and (strict or not named):
        message = (
            f"coherence.open_stack needs two dates in each name, as in 20180106_20180130_cc.tif; "
            f"{undated[:3]} have not; choose the files with pattern='...'"
        )
        raise ValueError(message)
    days: dict[Pair, list[Path]] = defaultdict(list)
    for (reference, secondary), files in named.items():
        days[tables.day(reference), tables.day(secondary)] += [path for path, _ in files]
    for pair, files_of_pair in days.items():
        if len(files_of_pair) > 1:
            message = (
                f"the pair {pair[0]}, {pair[1]} comes twice: "
                f"{[path.name for path in files_of_pair[:3]]}; keep one, e.g. by pattern='...'"
            )
            raise ValueError(message)
    return [(pair, *named[pair][0]) for pair in sorted(named)]


def _sidecar(path: Path) -> dict[str, float]:
    """What HyP3 wrote beside ``NAME_corr.tif`` into ``NAME.txt``."""
    if not path.stem.endswith("_corr"):
        return {}
    text = path.with_name(path.stem.removesuffix("_corr") + ".txt")
    return tables.hyp3_sidecar(text) if text.is_file() else {}


def _baselines(
    by_pair: Sequence[tuple[Pair, Path, bool]],
    sidecars: Sequence[dict[str, float]],
    baselines: Any,
    source: Any,
) -> npt.NDArray[np.float64]:
    """Metres per pair, secondary minus reference; NaN where nobody says."""
    files = sorted(Path(source).rglob("*bperp.par")) if _is_folder(source) else []
    known = tables.by_pair(baselines, files)
    metres = []
    for ((reference, secondary), _, swapped), sidecar in zip(by_pair, sidecars, strict=True):
        key = tables.day(reference), tables.day(secondary)
        if key in known:
            metres.append(known[key])
        elif key[::-1] in known:
            metres.append(-known[key[::-1]])
        else:
            metres.append(sidecar.get("baseline", np.nan) * (-1 if swapped else 1))
    return np.array(metres, "float64")


def _window(sidecars: Sequence[dict[str, float]]) -> tuple[int, int] | None:
    """Looks that all HyP3 products share, azimuth and range."""
    looks = {(side.get("azimuth looks"), side.get("range looks")) for side in sidecars}
    if len(looks) != 1:
        return None
    azimuth, range_ = looks.pop()
    return None if azimuth is None or range_ is None else (int(azimuth), int(range_))


def _pair_coords(pairs: Sequence[Pair], metres: npt.NDArray[np.float64]) -> dict[str, Any]:
    reference, secondary = (np.array([pair[i] for pair in pairs], "datetime64[ns]") for i in (0, 1))
    values = {
        "reference_time": reference,
        "secondary_time": secondary,
        "temporal_baseline": (secondary - reference) / np.timedelta64(1, "D"),
        "perpendicular_baseline": metres,
    }
    coords: dict[str, Any] = {
        name: ("pair", values[name], attrs) for name, attrs in PAIR_COORDS.items()
    }
    return {"pair": np.arange(len(pairs)), **coords}


def _place(header: rasters.Raster, grid: Any) -> dict[str, xr.DataArray]:
    """Map coordinates; none in radar geometry."""
    if grid is None and header.crs is None:
        return {}
    return coordinates(header.geobox() if grid is None else grid)


class _Coherence:
    """Stored numbers to coherence: NaN where unknown, nothing outside of [0, 1]."""

    def __init__(self, name: str, unknown: tuple[float, ...], scale: float, clip: bool) -> None:
        self.name, self.unknown, self.scale, self.clip = name, unknown, scale, clip

    def __call__(self, stored: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        values = stored.astype("float32") * np.float32(self.scale)
        for number in self.unknown:
            values[stored == number] = np.nan
        outside = (values < -TOLERANCE) | (values > 1 + TOLERANCE)
        if outside.any() and not self.clip:
            message = (
                f"{self.name} holds {int(outside.sum())} values outside of [0, 1], from "
                f"{np.nanmin(values):g} to {np.nanmax(values):g}: not coherence, or resampled by "
                "cubic or sinc; pass clip=True, scale=..., or another nodata"
            )
            raise ValueError(message)
        clipped: npt.NDArray[np.float32] = np.clip(values, 0, 1)
        return clipped

    def __dask_tokenize__(self) -> tuple[Any, ...]:
        return (type(self).__name__, self.name, self.unknown, self.scale, self.clip)
