"""Patches as images: a GeoTIFF each, and a table of what they show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch._files import whole
from minewatch.conventions import crs_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["patches_to_geotiff"]

INDEX = "patches.csv"
"""The table beside the images."""

AT_ONCE = 64
"""Patches computed at a time."""


def patches_to_geotiff(
    patches: xr.Dataset, folder: str | os.PathLike[str], *, overwrite: bool = False
) -> list[Path]:
    """Write each patch of a set as a GeoTIFF, where it lies on the ground.

    Beside the images stands ``patches.csv``: a row each with file, point, label, time, x, y, left
    and top. The folder appears whole or not at all. Lazy patches are computed a few at a time.

    Parameters
    ----------
    patches : xarray.Dataset
        A patch set, as :func:`minewatch.learn.patches.extract` makes it.
    folder : path-like
        Folder to write; the one above it must exist.
    overwrite : bool
        Whether a folder of patches that is there already is replaced.

    Returns
    -------
    list of pathlib.Path
        The images, in the order of the patches. Their transform is that of the window that the
        patch was cut from, their bands are the channels, what is unknown is NaN.

    Raises
    ------
    ValueError
        If it is no patch set, or has no CRS.
    FileExistsError
        If the folder exists and `overwrite` is False, or holds anything but patches.

    See Also
    --------
    to_zarr : all of them in one store, which is smaller and read faster.

    Examples
    --------
    >>> import tempfile
    >>> import rioxarray
    >>> patches = xr.Dataset(
    ...     {"patches": (("patch", "channel", "row", "column"), np.ones((1, 1, 2, 2), "f4"))},
    ...     {
    ...         "channel": ["vv"],
    ...         "point": ("patch", [7]),
    ...         "label": ("patch", [1]),
    ...         "left": ("patch", [5e5]),
    ...         "top": ("patch", [9e6]),
    ...     },
    ...     {"resolution": 10.0},
    ... )
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     files = patches_to_geotiff(patches.rio.write_crs("EPSG:32721"), Path(parent) / "cut")
    ...     [file.name for file in files]
    ['00000-point-7-mine.tif']
    """
    crs = _required_crs(patches)
    target = Path(folder)
    _require_free(target, overwrite=overwrite)
    table = _table(patches)
    with whole(target) as partial:
        partial.mkdir()
        for number, image in enumerate(_images(patches)):
            _write(partial / table["file"][number], image, patches, table.iloc[number], crs)
        table.to_csv(partial / INDEX, index=False)
    return [target / name for name in table["file"]]


def _required_crs(patches: xr.Dataset) -> str:
    needed = ("channel", "point", "label", "left", "top")
    dims = ("patch", "channel", "row", "column")
    if (
        not isinstance(patches, xr.Dataset)
        or "patches" not in patches
        or patches["patches"].dims != dims
        or not set(needed) <= set(patches.coords)
        or "resolution" not in patches.attrs
    ):
        message = f"patches_to_geotiff needs a patch set, with patches of dims {dims}, coordinates "
        message += f"{needed} and the attribute resolution; see minewatch.learn.patches.extract"
        raise ValueError(message)
    crs = crs_of(patches)
    if crs is None:
        message = "patches_to_geotiff needs to know where the patches lie, and they have no CRS; "
        message += 'use patches.rio.write_crs("EPSG:32721") with the right code'
        raise ValueError(message)
    return crs


def _require_free(target: Path, *, overwrite: bool) -> None:
    if not target.exists():
        return
    if not overwrite:
        message = f"{target} exists; choose another folder or say overwrite=True"
        raise FileExistsError(message)
    strange = [target.name]
    if (target / INDEX).is_file():
        others = (path for path in target.iterdir() if path.suffix != ".tif")
        strange = [path.name for path in others if path.name != INDEX]
    if strange:
        message = f"{target} holds more than patches ({strange[0]}) and is not overwritten; "
        message += "choose another folder"
        raise FileExistsError(message)


def _table(patches: xr.Dataset) -> pd.DataFrame:
    import pandas as pd

    names = ("point", "label", "time", "x", "y", "left", "top")
    columns = {name: patches[name].values for name in names if name in patches.coords}
    table = pd.DataFrame(columns)
    files = []
    for number, (point, label) in enumerate(zip(table["point"], table["label"], strict=True)):
        day = f"-{_day(table['time'][number])}" if "time" in table else ""
        kind = "mine" if label == 1 else "none"
        files.append(f"{number:05d}-point-{point}{day}-{kind}.tif")
    table.insert(0, "file", files)
    return table


def _day(time: Any) -> str:
    return str(np.datetime64(time, "D"))


def _images(patches: xr.Dataset) -> Iterator[Any]:
    for start in range(0, patches.sizes["patch"], AT_ONCE):
        yield from patches["patches"].isel(patch=slice(start, start + AT_ONCE)).to_numpy()


def _write(path: Path, image: Any, patches: xr.Dataset, row: pd.Series, crs: str) -> None:
    import rasterio
    from affine import Affine

    step = float(patches.attrs["resolution"])
    image = np.asarray(image, np.float32)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="float32",
        count=image.shape[0],
        height=image.shape[1],
        width=image.shape[2],
        crs=crs,
        transform=Affine(step, 0, float(row["left"]), 0, -step, float(row["top"])),
        nodata=np.nan,
        compress="deflate",
        predictor=3,
    ) as file:
        file.write(image)
        units = str(patches["patches"].attrs.get("units", ""))
        for band, name in enumerate(patches["channel"].values.tolist(), start=1):
            file.set_band_description(band, str(name))
            file.set_band_unit(band, units)
        file.update_tags(**{str(key): str(value) for key, value in row.items() if key != "file"})
