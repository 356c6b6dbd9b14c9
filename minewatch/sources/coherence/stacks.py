"""The door: files of whatever maker in, one cube out."""

from __future__ import annotations

import itertools
import string
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

from minewatch.conventions import conform, require
from minewatch.grids import geobox_of
from minewatch.insar.statistics import COHERENCE
from minewatch.sources._files import found, is_searched
from minewatch.sources.coherence import _assembly as assembly
from minewatch.sources.coherence import _hdf5 as hdf5
from minewatch.sources.coherence import _openeo as openeo
from minewatch.sources.coherence import _snap as snap
from minewatch.sources.coherence import _tiffs as tiffs
from minewatch.sources.coherence._layers import Options, PairLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["empty_pairs", "open_stack"]

BY = "coherence.open_stack"

PRODUCTS: dict[str, tuple[tuple[str, ...], Callable[[Path, Options], list[PairLayer]]]] = {
    "hyp3": (("*_corr.tif", "*.zip"), tiffs.read),
    "gamma": (("*_cc.tif",), tiffs.read),
    "openeo": (("openEO*.tif", "S1_coh_2images_*.tif"), tiffs.read),
    "openeo-netcdf": (("*.nc",), openeo.read),
    "snap": (("*.dim",), snap.read),
    "nisar": (("*GUNW*.h5", "*.h5"), hdf5.read),
    "nisar-wrapped": (("*GUNW*.h5", "*.h5"), hdf5.read_wrapped),
    "rasters": (("*coh*.tif", "*.tif", "*.tiff"), tiffs.read),
}
"""Product → what its files are called, how one is read."""

PATTERNS = (
    "*_corr.tif", "*_cc.tif", "openEO*.tif", "S1_coh_2images_*.tif", "*coh*.tif", "*.dim",
    "*GUNW*.h5", "*.nc", "*.tif", "*.tiff", "*.h5", "*.zip",
)  # fmt: skip
"""What is looked for in a folder, the most telling first."""

READERS = {".dim": snap.read, ".nc": openeo.read, ".h5": hdf5.read, ".hdf5": hdf5.read}
"""File ending → how one is read; all others by GDAL."""


def open_stack(
    source: str | Path | Iterable[str | Path],
    *,
    product: str | None = None,
    pattern: str | None = None,
    names: str | None = None,
    polarization: str | None = None,
    temporal_baseline: float | None = None,
    baselines: Any = None,
    duplicates: Literal["error", "first", "mosaic"] = "error",
    nodata: float | None = 0,
    scale: float = 1.0,
    clip: bool = False,
    like: Any = None,
    resampling: Literal["bilinear", "average"] = "bilinear",
    window: tuple[int, int] | None = None,
    looks: float | None = None,
    chunk: int = 1024,
) -> xr.DataArray:
    r"""Open ready-made coherence as one lazy cube.

    What made the files is recognised by their names and layout:

    ==================  ==========================================================  ===============
    `product`           files                                                       met for real
    ==================  ==========================================================  ===============
    ``hyp3``            ``*_corr.tif`` (scene, burst, multi-burst; zips too)        layout only
    ``gamma``           ``*_cc.tif`` of GAMMA, PyRate                               yes, Mexico
    ``openeo``          ``openEO_DATEZ.tif``, ``S1_coh_2images_*.tif`` of CDSE      job record only
    ``openeo-netcdf``   ``*.nc`` with (t, y, x)                                     layout only
    ``snap``            ``*.dim``; a GeoTIFF of SNAP's is known by its header       layout only
    ``nisar``           GUNW ``*.h5``: coherence of the unwrapped phase, 80 m       layout only
    ``nisar-wrapped``   the same file's coherence of the wrapped phase, 20 m        layout only
    ``rasters``         two dates in the name, or in the descriptions of bands      yes
    ==================  ==========================================================  ===============

    Parameters
    ----------
    source : str, pathlib.Path or iterable of them
        Folders (searched with their subfolders), glob, or paths.
    product : str, optional
        One of the table; by default recognised.
    pattern : str, optional
        Which files of a folder; by default the first of ``*_corr.tif`` (HyP3), ``*_cc.tif``
        (GAMMA), ``openEO*.tif``, … that matches.
    names : str, optional
        Template of file names that do not follow custom, e.g. ``"*_{secondary}-{reference}.tif"``
        or ``"{reference:%y%m%d}_{secondary:%y%m%d}.coh"``; ``*`` is anything. By default the
        first two dates, ``YYYYMMDD``, ``YYYY-MM-DD`` or ``12Mar2023``, in either order.
    polarization : str, optional
        ``"VV"`` …; needed where files hold several.
    temporal_baseline : float, optional
        Days from the one date of a name to the secondary acquisition, for files that are dated by
        the reference alone and have no ``job-results.json`` of openEO beside them.
    baselines : mapping, pandas.DataFrame, str or pathlib.Path, optional
        Perpendicular baselines in metres: ``{(reference, secondary): metres}``, the table of
        :func:`minewatch.sources.asf.read_scenes` or ``pair_list``, a CSV with columns
        ``reference_time,secondary_time,perpendicular_baseline`` or
        ``time,perpendicular_baseline``, or a folder of GAMMA ``*bperp.par``. By default HyP3's
        ``.txt`` beside each raster, SNAP's and NISAR's headers, and GAMMA files in the folder are
        read, in their makers' sign; unknown is NaN.
    duplicates : {"error", "first", "mosaic"}
        What to do where a pair comes twice: refuse; keep the first file (of two versions); or fill
        its gaps from the others in order (of bursts that adjoin). Which ones is kept in attrs.
    nodata : float, optional
        The stored number that means unknown, besides the one that a file itself names. 0 in
        GAMMA, HyP3 and SNAP; None if 0 is a value.
    scale : float
        Stored numbers are multiplied by it, e.g. ``1 / 255`` for bytes.
    clip : bool
        Cut values outside of [0, 1], which cubic or sinc resampling leaves behind, to the range.
        By default they are an error: they say that the maker resampled so.
    like : GeoBox, xarray.DataArray or xarray.Dataset, optional
        Bring the rasters onto this grid. Needed where they differ, as HyP3's extents do.
    resampling : {"bilinear", "average"}
        How: by interpolation, or, onto coarser pixels, by the mean over the area. Nothing of
        cubic or sinc, whose negative lobes leave [0, 1], the only way NDAI could exceed 1.
    window : (int, int), optional
        Rows and columns of the estimation window, where known: kept in attrs. By default as HyP3,
        SNAP, NISAR and openEO tell, if all alike.
    looks : float, optional
        Independent looks of an estimate, where known: kept in attrs.
    chunk : int
        Rows and columns of a chunk; along ``pair`` each file is a chunk.

    Returns
    -------
    xarray.DataArray
        ``coherence``, dims (pair, y, x), float32 in [0, 1], NaN where unknown, ordered by
        reference and secondary time, with the coordinates of a pair table; attrs window, looks,
        source and files.

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If names lack dates, a pair comes twice, polarizations or grids differ; when computing, if
        values leave [0, 1].

    Notes
    -----
    Coherence is not one thing. HyP3's burst products hold what ISCE2 reckons from the spread of
    the filtered phase (``phsig.cor``), smoother and higher than the estimate from complex images;
    debiasing and looks as in :mod:`minewatch.insar` do not apply to it. NDAI compares pairs of one
    maker with each other, which stays sound; thresholds do not carry over from one to another.

    See Also
    --------
    empty_pairs : which pairs hold no value at all.
    minewatch.insar.coherence : coherence from single-look complex images.
    minewatch.sources.asf : which pairs to order from HyP3.

    References
    ----------
    Hogenson et al. (2020), Hybrid Pluggable Processing Pipeline (HyP3),
    https://doi.org/10.5281/zenodo.4646138

    Examples
    --------
    >>> import tempfile, rasterio, numpy as np
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

    _check(product, duplicates, resampling, names)
    sources = [source] if isinstance(source, str | Path) else list(source)
    folders = [Path(path) for path in sources if is_searched(Path(path), ("*.dim",))]
    options = Options(nodata, scale, clip, chunk, names, temporal_baseline, polarization)
    paths = found(
        source if isinstance(source, str | Path) else sources, _patterns(product, pattern), by=BY
    )
    layers = _read(paths, product, options, strict=pattern is not None or not folders)
    layers = assembly.of_one_polarization(layers, polarization)
    grid = None if like is None else geobox_of(like, by=BY)
    pairs, repeated = assembly.by_pair(layers, duplicates)
    if grid is None:
        assembly.one_grid(list(itertools.chain(*pairs)), by=BY)
    first = [several[0] for several in pairs]
    cube = xr.DataArray(
        da.stack(
            [
                assembly.mosaic([assembly.onto(layer, grid, resampling) for layer in several])
                for several in pairs
            ]
        ),
        dims=("pair", "y", "x"),
        coords=assembly.pair_coords(first, assembly.metres(pairs, baselines, folders), grid),
    )
    windows = {layer.window for layer in layers}
    return conform(
        cube,
        COHERENCE,
        window=windows.pop() if window is None and len(windows) == 1 else window,
        looks=looks,
        clip=clip or None,
        resampling=None if grid is None else resampling,
        polarization=first[0].polarization or None,
        source=", ".join(sorted({layer.maker for layer in layers})),
        duplicates=repeated or None,
        files=[layer.name for layer in itertools.chain(*pairs)],
    )


def empty_pairs(coherence: xr.DataArray) -> xr.DataArray:
    """Which pairs of a cube hold no value at all; computes.

    Files may be all unknown, e.g. where a burst misses the grid. A lazy cube cannot know without
    reading, so it is asked for; :func:`minewatch.activity.screen_pairs` drops such pairs by
    itself, with a valid share of 0.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x), lazy or not.

    Returns
    -------
    xarray.DataArray
        Dims (pair), bool, with the coordinates of the pairs: true where there is nothing. Drop
        them with ``coherence.isel(pair=~empty_pairs(coherence).values)``.

    Raises
    ------
    ValueError
        If dimensions are missing.

    Examples
    --------
    >>> nan = float("nan")
    >>> cube = xr.DataArray([[[0.5, nan]], [[nan, nan]]], dims=("pair", "y", "x"))
    >>> empty_pairs(cube).values
    array([False,  True])
    """
    require(coherence, "pair", "y", "x", by="empty_pairs")
    empty = coherence.isnull().all(("y", "x")).compute().rename("empty")
    empty.attrs = {"long_name": "pair without any coherence", "units": "1"}
    return empty


def _check(product: str | None, duplicates: str, resampling: str, names: str | None) -> None:
    try:
        list(string.Formatter().parse(names or ""))
    except ValueError as error:
        message = (
            f"names {names!r} is no template ({error}); write '*_{{reference}}_{{secondary}}.tif'"
        )
        raise ValueError(message) from None
    if product is not None and product not in PRODUCTS:
        message = f"{BY} knows the products {', '.join(PRODUCTS)}; got {product!r}"
        raise ValueError(message)
    if duplicates not in ("error", "first", "mosaic"):
        message = f"duplicates is 'error', 'first' or 'mosaic', got {duplicates!r}"
        raise ValueError(message)
    if resampling not in ("bilinear", "average"):
        message = (
            f"{BY} does not bring coherence onto a grid by {resampling!r}: cubic and sinc leave "
            "[0, 1], so that NDAI exceeds 1, nearest shifts; use 'bilinear', or 'average' onto "
            "coarser pixels"
        )
        raise ValueError(message)


def _patterns(product: str | None, pattern: str | None) -> tuple[str, ...]:
    if pattern is not None:
        return (pattern,)
    if product is not None:
        return PRODUCTS[product][0]
    return PATTERNS


def _read(
    paths: Sequence[Path], product: str | None, options: Options, *, strict: bool
) -> list[PairLayer]:
    """All images of all files; files without dates are an error where they were asked for."""
    layers, undated = [], []
    for path in paths:
        reader = PRODUCTS[product][1] if product else READERS.get(path.suffix.lower(), tiffs.read)
        images = reader(path, options)
        layers += images
        if not images:
            undated.append(path.name)
    if undated and (strict or not layers):
        message = (
            f"{BY} needs two dates in each name, as in 20180106_20180130_cc.tif; {undated[:3]} "
            "have not; choose the files with pattern='...', say where the dates are with "
            "names='*_{reference}_{secondary}.tif', or, where names have the reference alone, "
            "temporal_baseline=12"
        )
        raise ValueError(message)
    return layers
