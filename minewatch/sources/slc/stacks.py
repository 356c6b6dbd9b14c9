"""Many acquisitions, one stack."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.grids import coordinates
from minewatch.sources import _baselines as tables
from minewatch.sources import _rasters as rasters
from minewatch.sources._files import dates_in, found
from minewatch.sources.slc import _hdf5 as hdf5
from minewatch.sources.slc import _snap as snap
from minewatch.sources.slc._acquisitions import POLARIZATIONS, Acquisition, Place
from minewatch.sources.slc._orbits import perpendicular_baselines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy.typing as npt

__all__ = ["open_stack"]

SLC = Layer("slc", "single-look complex image", dtype="complex64")

BASELINES = "perpendicular_baselines.csv"
"""The table beside plain rasters: columns ``time,perpendicular_baseline``."""


def open_stack(
    source: str | Path | Iterable[str | Path],
    *,
    polarization: str | None = None,
    baselines: str | Path | Mapping[Any, float] | None = None,
    chunk: int = 1024,
) -> xr.DataArray:
    """Open co-registered single-look complex images as one lazy stack.

    Parameters
    ----------
    source : str, pathlib.Path or iterable of them
        Folder (searched with its subfolders), glob, or paths, of one kind:

        * ``*.h5``: OPERA CSLC-S1 or NISAR GSLC;
        * ``*.znap``: SNAP's Zarr export, ``*.dim``: its BEAM-DIMAP export;
        * ``*.tif``: one complex GeoTIFF per date, ``YYYYMMDD`` in its name.
    polarization : str, optional
        ``"VV"``, ``"VH"``, ``"HH"`` or ``"HV"``; needed where files hold several.
    baselines : str, pathlib.Path or mapping, optional
        Perpendicular baselines in metres relative to one common acquisition: CSV with columns
        ``time,perpendicular_baseline``, or date → metres. By default
        ``perpendicular_baselines.csv`` beside the files, else the orbits that OPERA and NISAR
        files carry; NaN where nobody says.
    chunk : int
        Rows and columns of a chunk, rounded to whole native chunks; along time each image is one.

    Returns
    -------
    xarray.DataArray
        ``slc``, dims (time, y, x), complex64, ordered by time, with coordinate
        ``perpendicular_baseline`` (time), m. Geocoded images have x, y and ``spatial_ref``; images
        in radar geometry have ``latitude`` and ``longitude`` (y, x) where the files do: see
        :func:`minewatch.grids.geocode`. Sentinel-1 stores exact zero where it saw nothing; it is
        kept, and :func:`minewatch.insar.coherence` takes it as unknown.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If kinds, grids, bursts or polarizations are mixed, a date comes twice, or a file has no
        complex image.

    See Also
    --------
    minewatch.insar.select_pairs : which acquisitions to compare.
    minewatch.sources.coherence.open_stack : coherence that is ready-made.

    Examples
    --------
    >>> import tempfile, rasterio
    >>> grid = {"crs": "EPSG:32645", "transform": rasterio.Affine(20, 0, 0, 0, -20, 40)}
    >>> size = {"width": 3, "height": 2, "count": 1, "dtype": "complex64"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for date in ("20220101", "20220113"):
    ...         name = f"{folder}/pit_{date}.tif"
    ...         with rasterio.open(name, "w", driver="GTiff", **size, **grid) as file:
    ...             file.write(np.full((2, 3), 1 + 1j, "complex64"), 1)
    ...     slc = open_stack(folder, polarization="VV", baselines={"2022-01-13": 45.0})
    >>> slc.dims, slc.shape, slc.perpendicular_baseline.values
    (('time', 'y', 'x'), (2, 2, 3), array([nan, 45.]))
    """
    import dask.array as da

    paths = found(source, tuple(f"*{end}" for end in KINDS), by="slc.open_stack")
    kinds = sorted({path.suffix.lower() for path in paths})
    if len(kinds) > 1 or kinds[0] not in KINDS:
        message = f"slc.open_stack reads one kind of {list(KINDS)}, got {kinds}; pick one by a glob"
        raise ValueError(message)
    maker, read = KINDS[kinds[0]]
    images = [
        image for path in paths for image in read(path, polarization=polarization, chunk=chunk)
    ]
    images.sort(key=lambda image: (image.time, image.name))
    _agree(images)
    located: dict[str, Any] = next((image.located for image in images if image.located), {})
    grid = images[0].place.grid
    metres = _baselines(images, baselines, paths[0].parent)
    stack = xr.DataArray(
        da.stack([image.pixels for image in images]),
        dims=("time", "y", "x"),
        coords={
            "time": ("time", np.array([image.time for image in images]), {"long_name": "time"}),
            "perpendicular_baseline": (
                "time",
                metres,
                {"long_name": "perpendicular baseline to one acquisition", "units": "m"},
            ),
            **({} if grid is None else coordinates(grid)),
            **{
                name: (("y", "x"), values, {"standard_name": name, "units": UNITS[name]})
                for name, values in located.items()
            },
        },
    )
    return conform(
        stack,
        SLC,
        polarization=images[0].polarization or None,
        source=maker,
        burst=images[0].burst or None,
        files=[image.name for image in images],
    )


UNITS = {"latitude": "degrees_north", "longitude": "degrees_east"}


def _read_geotiff(path: Path, *, polarization: str | None, chunk: int) -> list[Acquisition]:
    """A plain complex raster with its date in the name."""
    header = rasters.raster(path)
    if not header.dtype.startswith("complex"):
        message = (
            f"{path.name} is {header.dtype}, not complex; coherence needs phase: give single-look "
            "complex images, or open ready coherence with sources.coherence.open_stack"
        )
        raise ValueError(message)
    dates = dates_in(path.name)
    if len(dates) != 1:
        message = f"slc.open_stack needs one date YYYYMMDD in the name {path.name!r}; rename it"
        raise ValueError(message)
    named = [pol for pol in POLARIZATIONS if pol in path.stem.upper().replace("-", "_").split("_")]
    if polarization is not None and named and polarization.upper() not in named:
        message = f"{path.name} is named {named[0]}, not {polarization!r}; choose files by a glob"
        raise ValueError(message)
    return [
        Acquisition(
            name=path.name,
            time=dates[0],
            polarization=(polarization or next(iter(named), "")).upper(),
            place=Place(header.shape, None if header.crs is None else header.geobox()),
            pixels=header.lazy(np.asarray, dtype="complex64", chunk=chunk),
        )
    ]


KINDS: dict[str, tuple[str, Callable[..., list[Acquisition]]]] = {
    ".h5": ("HDF5 (OPERA CSLC or NISAR GSLC)", hdf5.read),
    ".znap": ("SNAP Zarr export", snap.read_znap),
    ".dim": ("SNAP BEAM-DIMAP export", snap.read_dimap),
    ".tif": ("complex GeoTIFF", _read_geotiff),
    ".tiff": ("complex GeoTIFF", _read_geotiff),
}
"""File ending → what made it, how one file is read."""


def _agree(images: Sequence[Acquisition]) -> None:
    """Refuse images that cannot be one stack; names two that differ."""
    first = images[0]
    for other in images[1:]:
        if other.polarization != first.polarization:
            message = (
                f"{first.name} is {first.polarization}, {other.name} is {other.polarization}; "
                "open each polarization by itself"
            )
            raise ValueError(message)
        if other.burst != first.burst:
            message = (
                f"{first.name} is of burst {first.burst}, {other.name} of {other.burst}; open each "
                f"burst by itself, e.g. with a glob '*{first.burst}*'"
            )
            raise ValueError(message)
        if not other.place.same(first.place):
            message = (
                f"slc.open_stack needs all images on one grid, got {first.name} ({first.place}) "
                f"and {other.name} ({other.place}); co-register them, or cut them alike"
            )
            raise ValueError(message)
    for earlier, later in itertools.pairwise(images):
        if earlier.time == later.time:
            message = (
                f"{earlier.name} and {later.name} are both of {str(earlier.time)[:19]}; keep one"
            )
            raise ValueError(message)


def _baselines(
    images: Sequence[Acquisition],
    baselines: str | Path | Mapping[Any, float] | None,
    folder: Path,
) -> npt.NDArray[np.float64]:
    """Metres relative to one acquisition, from a table or from orbits."""
    if baselines is None and (folder / BASELINES).is_file():
        baselines = folder / BASELINES
    if baselines is None:
        grid = images[0].place.grid
        if grid is None or not any(image.orbit for image in images):
            return np.full(len(images), np.nan)
        return perpendicular_baselines([image.orbit for image in images], _ground(grid))
    if isinstance(baselines, str | Path):
        known = tables.by_date(baselines)
    else:
        known = {tables.day(date): float(metres) for date, metres in baselines.items()}
    days = [tables.day(image.time) for image in images]
    strangers = sorted(set(known) - set(days))
    if strangers and not set(known) & set(days):
        message = f"baselines are of {strangers[:3]}, none of the images is; check the dates"
        raise ValueError(message)
    return np.array([known.get(date, np.nan) for date in days], "float64")


def _ground(grid: Any) -> npt.NDArray[np.float64]:
    """The middle of a grid on the ellipsoid, Earth-fixed metres."""
    from pyproj import Transformer

    box = grid.boundingbox
    to_space = Transformer.from_crs(grid.crs.to_epsg(), 4978, always_xy=True)
    return np.array(to_space.transform((box.left + box.right) / 2, (box.bottom + box.top) / 2, 0.0))
