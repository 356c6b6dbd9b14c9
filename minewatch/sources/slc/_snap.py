"""SNAP exports of co-registered stacks: Zarr (``.znap``) and BEAM-DIMAP (``.dim``, ``.data``).

An image is a pair of bands, ``i_VV_31Mar2023`` and ``q_VV_31Mar2023``, in radar geometry; one
product may hold several. Bands ``latitude…`` and ``longitude…`` of full size locate its pixels.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources import _rasters as rasters
from minewatch.sources._windows import Reading
from minewatch.sources.slc._acquisitions import POLARIZATIONS, Acquisition, Place, one_polarization

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["read_dimap", "read_znap"]

BAND = re.compile(r"i_(?:(IW\d|EW\d|S\d)_)?(VV|VH|HH|HV)_(?:[a-z]+\d*_)?(\d{2}[A-Z][a-z]{2}\d{4})")
LOCATION = re.compile(r"(latitude|longitude)(?:_(?:VV|VH|HH|HV))?|orthorectified(Lat|Lon)")


def read_znap(path: Path, *, polarization: str | None, chunk: int) -> list[Acquisition]:
    """The images of a ``.znap`` store (Zarr v2).

    Parameters
    ----------
    path : pathlib.Path
        The store.
    polarization : str, optional
        Needed where it holds several.
    chunk : int
        About the size of a chunk.

    Returns
    -------
    list of Acquisition
        One per date.

    Raises
    ------
    ValueError
        If it holds no complex band, or is no store that can be read.
    """
    import zarr

    try:
        group = zarr.open_group(path, mode="r", zarr_format=2)
        arrays = {name: array for name, array in group.arrays() if array.ndim == 2}
    except (ValueError, KeyError, TypeError) as error:  # what garbled JSON is to zarr
        message = f"{path.name} is no Zarr store that can be read ({error}); copy or write it again"
        raise ValueError(message) from error
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":  # whatever a stranger packed otherwise is not unpacked
            message = f"{path.name} has {array.dtype} in {name!r}, and only numbers are read"
            raise ValueError(message)
    native = {name: tuple(array.chunks) for name, array in arrays.items()}

    def pixels(names: tuple[str, ...], dtype: str) -> Any:
        reading = Reading(_from_zarr, (str(path), names), arrays[names[0]].shape, dtype)
        stamp = [(path / name / ".zarray").stat().st_mtime_ns for name in names]
        return reading.lazy(stamp, chunk=chunk, native=native[names[0]])

    shapes = {name: array.shape for name, array in arrays.items()}
    return _images(path, shapes, pixels, polarization)


def read_dimap(path: Path, *, polarization: str | None, chunk: int) -> list[Acquisition]:
    """The images of a BEAM-DIMAP product.

    Parameters
    ----------
    path : pathlib.Path
        The ``.dim`` file, beside its ``.data`` folder.
    polarization : str, optional
        Needed where it holds several.
    chunk : int
        About the size of a chunk.

    Returns
    -------
    list of Acquisition
        One per date.

    Raises
    ------
    ValueError
        If it holds no complex band, or its folder is not there.
    """
    folder = path.with_suffix(".data")
    if not folder.is_dir():
        message = f"{path.name} has no folder {folder.name} beside it; copy both"
        raise ValueError(message)
    headers = {
        file.stem: rasters.raster(file)
        for file in sorted(folder.glob("*.img"))
        if BAND.match(file.stem.replace("q_", "i_", 1)) or LOCATION.fullmatch(file.stem)
    }

    def pixels(names: tuple[str, ...], dtype: str) -> Any:
        arguments = tuple(headers[name].address for name in names)
        reading = Reading(_from_files, (arguments,), headers[names[0]].shape, dtype)
        return reading.lazy([headers[name].stamp for name in names], chunk=chunk)

    shapes = {name: header.shape for name, header in headers.items()}
    return _images(path, shapes, pixels, polarization)


def _images(
    path: Path, shapes: dict[str, tuple[int, int]], pixels: Any, polarization: str | None
) -> list[Acquisition]:
    """The images among the bands of a product."""
    bands = [match for match in map(BAND.fullmatch, shapes) if match]
    if not bands:
        message = (
            f"{path.name} holds no complex band such as i_VV_31Mar2023; it has {sorted(shapes)}"
        )
        raise ValueError(message)
    found = {match[2] for match in bands}
    have = [name for name in POLARIZATIONS if name in found]
    wanted = one_polarization(have, polarization, name=path.name)
    images = []
    for match in bands:
        if match[2] != wanted:
            continue
        real, imaginary = match[0], "q" + match[0][1:]
        if imaginary not in shapes:
            message = f"{path.name} has {real} but no {imaginary}; export both"
            raise ValueError(message)
        shape = shapes[real]
        images.append(
            Acquisition(
                name=path.name,
                time=np.datetime64(datetime.strptime(match[3], "%d%b%Y"), "ns"),
                polarization=wanted,
                place=Place(shape),
                pixels=pixels((real, imaginary), "complex64"),
                burst=match[1] or "",
                located=_located(shapes, shape, pixels),
            )
        )
    return images


def _located(shapes: dict[str, Any], shape: tuple[int, int], pixels: Any) -> dict[str, Any]:
    """Bands of full size that tell latitude and longitude; tie points do not."""
    located = {}
    for name, size in shapes.items():
        match = LOCATION.fullmatch(name)
        if match and tuple(size) == tuple(shape):
            kind = match[1] or {"Lat": "latitude", "Lon": "longitude"}[match[2]]
            located[kind] = pixels((name,), "float32")
    return located if len(located) == 2 else {}


def _together(parts: Iterable[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    first, *rest = (np.asarray(part, "float32") for part in parts)
    return first + 1j * rest[0] if rest else first


def _from_zarr(path: str, names: tuple[str, ...], key: tuple[slice, slice]) -> npt.NDArray[Any]:
    import zarr

    group = zarr.open_group(path, mode="r", zarr_format=2)
    return _together(group[name][key] for name in names)


def _from_files(paths: tuple[str, ...], key: tuple[slice, slice]) -> npt.NDArray[Any]:
    return _together(rasters.read_window(path, key) for path in paths)
