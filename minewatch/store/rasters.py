"""Maps as cloud-optimised GeoTIFF, for QGIS and for everyone."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._files import whole
from minewatch._origins import ORIGIN, carried
from minewatch.conventions import NO_CLASS, require
from minewatch.conventions.colours import class_colours
from minewatch.grids import geobox_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

__all__ = ["to_cog"]

ROWS = 1024
"""Fewest rows computed at once."""


def to_cog(
    layer: xr.DataArray, path: str | os.PathLike[str], *, nodata: float | None = None
) -> Path:
    """Write a map as a cloud-optimised GeoTIFF.

    Overviews of class maps take the nearest pixel, those of measured values the mean. Classes get
    their colours, bands their names (dates, pairs, classes), the file the attributes of the layer
    as tags. It appears whole or not at all. A lazy layer is computed a few rows of chunks at a
    time, so that it need not fit in memory; the folder must hold it once uncompressed besides.

    Parameters
    ----------
    layer : xarray.DataArray
        Dims (y, x), or (band, y, x) with any leading dim, on a grid with a CRS.
    path : path-like
        File to write, ``*.tif``; one that is there is replaced.
    nodata : float, optional
        Missing value of the file; NaN for floats and 255 for uint8 and masks if not said.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If the layer has no CRS, no even grid or other dims.
    TypeError
        If GeoTIFF cannot hold its dtype.
    OSError
        If the disk is full or cannot be written to; nothing of the map stays.

    Examples
    --------
    >>> import tempfile
    >>> from minewatch.grids import coordinates, geobox
    >>> box = geobox((0, 0, 40, 30), crs="EPSG:32721", resolution=10)
    >>> tai = xr.DataArray(np.zeros((3, 4), "float32"), coords=coordinates(box), dims=("y", "x"))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_cog(tai, Path(folder) / "tai.tif").name
    'tai.tif'
    """
    import rasterio
    from rasterio.shutil import copy

    if isinstance(layer, xr.DataArray) and layer.ndim == 3:
        require(layer, str(layer.dims[0]), "y", "x", by="to_cog")
    else:
        require(layer, "y", "x", by="to_cog")
    box = geobox_of(layer, by="to_cog")
    if layer.dtype == bool:
        layer = layer.astype("uint8").assign_attrs(layer.attrs)
    if layer.dtype.name not in rasterio.dtypes.dtype_fwd.values():
        message = f"GeoTIFF cannot hold {layer.dtype}; cast it: .astype('float32')"
        raise TypeError(message)
    classes = layer.dtype == np.dtype("uint8")
    if nodata is None:
        nodata = {"f": np.nan, "u": NO_CLASS if classes else None}.get(layer.dtype.kind)
    bands = layer if layer.ndim == 3 else layer.expand_dims("band")
    profile = {
        "driver": "GTiff",
        "dtype": layer.dtype.name,
        "count": bands.shape[0],
        "height": bands.shape[1],
        "width": bands.shape[2],
        "crs": box.crs.wkt,
        "transform": box.transform,
        "nodata": nodata,
        "bigtiff": "IF_SAFER",
    }
    with (
        whole(path) as partial,
        tempfile.TemporaryDirectory(dir=partial.parent, prefix=f".{partial.stem}.") as folder,
    ):
        rows = Path(folder) / "rows.tif"
        with rasterio.open(rows, "w", **profile) as plain:
            for start, stop in _slabs(bands):
                values = np.asarray(bands[:, start:stop].data)
                with _writing(path):
                    plain.write(values, window=((start, stop), (0, bands.shape[2])))
            plain.update_tags(**_tags(layer))
            for band, text in enumerate(_band_names(layer), start=1):
                plain.set_band_description(band, text)
                plain.set_band_unit(band, str(layer.attrs.get("units", "")))
            if classes and bands.shape[0] == 1 and (colours := class_colours(layer.attrs)):
                plain.write_colormap(1, {code: _rgb(hue) for code, (_, hue) in colours.items()})
        with _writing(path):
            copy(
                rows,
                partial,
                driver="COG",
                compress="DEFLATE",
                predictor="YES",
                blocksize=512,
                overview_resampling="NEAREST" if classes else "AVERAGE",
                bigtiff="IF_SAFER",
            )
            _read_back(partial)
    return Path(path)


@contextlib.contextmanager
def _writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Say of which map what GDAL says; its errors are of many kinds, not all of them public."""
    try:
        yield
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        message = (
            f"{path} could not be written ({' '.join(str(cause).split())}): is the disk full? make "
            "room and write it again"
        )
        raise OSError(message) from error


def _read_back(path: Path) -> None:
    """Read all of a map once: GDAL does not tell when the disk is full as it writes the last."""
    import rasterio

    with rasterio.open(path) as file:
        factors = file.overviews(1)
    for level in (None, *range(len(factors))):
        how = {} if level is None else {"overview_level": level}
        with rasterio.open(path, **how) as file:
            for _, window in file.block_windows(1):
                file.read(window=window)


def _slabs(bands: xr.DataArray) -> Iterator[tuple[int, int]]:
    """First and last row of what is computed at once: whole rows of chunks, `ROWS` or more."""
    sizes = dict(bands.chunksizes).get("y", (ROWS,) * -(-bands.shape[1] // ROWS))
    start = stop = 0
    for size in sizes:
        stop = min(stop + size, bands.shape[1])
        if stop - start >= ROWS:
            yield start, stop
            start = stop
    if stop > start:
        yield start, stop


def _tags(layer: xr.DataArray) -> dict[str, str]:
    texts = {
        key: value if isinstance(value, str) else json.dumps(value, default=str)
        for key, value in layer.attrs.items()
    }
    texts.pop(ORIGIN, None)
    origin = carried()
    return {"name": str(layer.name or ""), **texts, **({ORIGIN: origin} if origin else {})}


def _band_names(layer: xr.DataArray) -> list[str]:
    if layer.ndim == 2:
        return [str(layer.name or layer.attrs.get("long_name", ""))]
    dim = layer.dims[0]
    if {"reference_time", "secondary_time"} <= set(layer.coords):
        ends = (np.atleast_1d(layer[end].values) for end in ("reference_time", "secondary_time"))
        return [f"{_text(first)}_{_text(second)}" for first, second in zip(*ends, strict=True)]
    if dim not in layer.coords:
        return [f"{dim} {i}" for i in range(layer.shape[0])]
    meanings = {code: meaning for code, (meaning, _) in class_colours(layer[dim].attrs).items()}
    return (
        [str(meanings.get(value, _text(value))) for value in layer[dim].values.tolist()]
        if meanings
        else [_text(value) for value in layer[dim].values]
    )


def _text(value: Any) -> str:
    if isinstance(value, np.datetime64):
        return str(value.astype("datetime64[D]"))
    return str(value)


def _rgb(colour: str) -> tuple[int, int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue, 255
