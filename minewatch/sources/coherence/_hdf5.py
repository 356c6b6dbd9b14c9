"""NISAR GUNW files: geocoded coherence in HDF5, with the baselines of the pair.

Written against the product specification and what MintPy reads; no real product was at hand.

References
----------
NASA/JPL (2023), NISAR L2 GUNW product specification, JPL D-102272.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._windows import Reading
from minewatch.sources.coherence._layers import Options, PairLayer
from minewatch.sources.slc._acquisitions import POLARIZATIONS, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

__all__ = ["grid_of", "lazy_image", "opened", "read", "read_wrapped", "text"]

ROOT = "science/LSAR"
TIMES = tuple(
    f"{ROOT}/identification/{role}ZeroDopplerStartTime" for role in ("reference", "secondary")
)
BASELINE = f"{ROOT}/GUNW/metadata/radarGrid/perpendicularBaseline"
"""A cube over heights, y, x; it hardly changes with height."""


@contextlib.contextmanager
def opened(path: str | Path) -> Iterator[Any]:
    """An HDF5 file to read.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Yields
    ------
    h5py.File
        Open.

    Raises
    ------
    ImportError
        Without h5py.
    ValueError
        If it is none.
    """
    try:
        import h5py
    except ImportError as error:
        message = "reading HDF5 needs h5py: pip install 'minewatch[sar]'"
        raise ImportError(message) from error
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        message = f"{path} is no HDF5 file that can be opened: {error}"
        raise ValueError(message) from error
    with file:
        yield file


def text(value: Any) -> str:
    """What a text of HDF5 says.

    Parameters
    ----------
    value : bytes, str or array of one
        As h5py gives it.

    Returns
    -------
    str
        Decoded.
    """
    value = np.asarray(value).reshape(-1)[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def grid_of(x: Any, y: Any, crs: str, name: str) -> GeoBox:
    """The grid of pixel centres.

    Parameters
    ----------
    x, y : array-like
        Centres, at least two each.
    crs : str
        Of the coordinates.
    name : str
        File, for messages.

    Returns
    -------
    GeoBox
        The grid.

    Raises
    ------
    ValueError
        If y ascends.
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    x, y = np.asarray(x, "float64"), np.asarray(y, "float64")
    step_x, step_y = (float(axis[-1] - axis[0]) / (len(axis) - 1) for axis in (x, y))
    if step_y > 0:
        message = f"{name} has y ascending; turn it north up"
        raise ValueError(message)
    transform = Affine(step_x, 0, x[0] - step_x / 2, 0, step_y, y[0] - step_y / 2)
    return GeoBox((len(y), len(x)), transform, crs)


def lazy_image(
    path: Path, dataset: Any, convert: Callable[..., Any], *, chunk: int, index: int | None = None
) -> Any:
    """An image of an HDF5 file as a dask array.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    dataset : h5py.Dataset
        Dims (y, x), or (time, y, x) with `index`.
    convert : callable
        Stored numbers to coherence.
    chunk : int
        About the rows and columns of a chunk.
    index : int, optional
        Which time.

    Returns
    -------
    dask.array.Array
        Dims (y, x), float32.
    """
    stat = path.stat()
    native = None if dataset.chunks is None else dataset.chunks[-2:]
    reading = Reading(
        _window, (str(path), dataset.name, index, convert), dataset.shape[-2:], "float32"
    )
    return reading.lazy((stat.st_size, stat.st_mtime_ns), chunk=chunk, native=native)


def _window(
    path: str,
    dataset: str,
    index: int | None,
    convert: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]],
    key: tuple[slice, slice],
) -> npt.NDArray[np.float32]:
    with opened(path) as file:
        return convert(np.asarray(file[dataset][key if index is None else (index, *key)]))


def read(path: Path, options: Options) -> list[PairLayer]:
    """The coherence of one GUNW, on the grid of its unwrapped phase (80 m).

    Parameters
    ----------
    path : pathlib.Path
        ``.h5``.
    options : Options
        What the caller knows.

    Returns
    -------
    list of PairLayer
        One for each polarization.

    Raises
    ------
    ValueError
        If the file has another layout.
    """
    return _read(path, options, "unwrappedInterferogram")


def read_wrapped(path: Path, options: Options) -> list[PairLayer]:
    """The coherence of one GUNW, on the finer grid of its wrapped interferogram (20 m).

    Parameters
    ----------
    path : pathlib.Path
        ``.h5``.
    options : Options
        What the caller knows.

    Returns
    -------
    list of PairLayer
        One for each polarization.

    Raises
    ------
    ValueError
        If the file has another layout.
    """
    return _read(path, options, "wrappedInterferogram")


def _read(path: Path, options: Options, interferogram: str) -> list[PairLayer]:
    grids = f"{ROOT}/GUNW/grids"
    with opened(path) as file:
        bands = [band for band in ("frequencyA", "frequencyB") if f"{grids}/{band}" in file]
        layers: list[PairLayer] = []
        for band in bands:
            where = f"{grids}/{band}/{interferogram}"
            for polarization in POLARIZATIONS:
                if f"{where}/{polarization}/coherenceMagnitude" in file:
                    layers.append(_layer(file, path, options, where, polarization))
            if layers:
                return layers  # the main band; the other is of the same pair
    message = (
        f"{path.name} holds no coherenceMagnitude in {grids}/frequencyA/{interferogram}: not a "
        "NISAR GUNW; open images of HDF5 with sources.slc.open_stack"
    )
    raise ValueError(message)


def _layer(file: Any, path: Path, options: Options, where: str, polarization: str) -> PairLayer:
    group, outer = file[f"{where}/{polarization}"], file[where]
    # Early versions keep the axes once for all polarizations.
    axes = group if "xCoordinates" in group else outer
    projection = axes["projection"]
    code = int(projection.attrs.get("epsg_code", projection[()]))
    grid = grid_of(axes["xCoordinates"][()], axes["yCoordinates"][()], f"EPSG:{code}", path.name)
    image = group["coherenceMagnitude"]
    first, second = (
        np.datetime64(text(file[key][()]).strip().rstrip("Z").replace(" ", "T"), "ns")
        for key in TIMES
    )
    stored = options.stored(path.name, image.attrs.get("_FillValue"))
    return PairLayer(
        name=path.name,
        dates=(first, second),
        place=Place(image.shape, grid),
        pixels=lazy_image(path, image, stored, chunk=options.chunk),
        metres=_metres(file),
        window=_looks(file, where),
        polarization=polarization,
        maker="NISAR GUNW",
    )


def _metres(file: Any) -> float:
    """Median of the layer in the middle of the cube of baselines."""
    if BASELINE not in file:
        return float("nan")
    cube = file[BASELINE]
    layer = np.asarray(cube[cube.shape[0] // 2], "float64")
    layer = layer[np.isfinite(layer) & (layer != cube.attrs.get("_FillValue", np.nan))]
    return float(np.median(layer)) if layer.size else float("nan")


def _looks(file: Any, where: str) -> tuple[int, int] | None:
    band, interferogram = where.split("/")[-2:]
    parameters = f"{ROOT}/GUNW/metadata/processingInformation/parameters/{interferogram}/{band}"
    names = [f"{parameters}/numberOf{side}Looks" for side in ("Azimuth", "Range")]
    if not all(name in file for name in names):
        return None
    azimuth, range_ = (int(np.asarray(file[name][()]).reshape(-1)[0]) for name in names)
    return azimuth, range_
