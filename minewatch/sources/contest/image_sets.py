"""Folders of both tracks, as their archives unpack, opened lazily."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.sources.contest._images import Images
from minewatch.sources.contest.class_tables import TRACK1_CLASSES, TRACK2_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["open_track1", "open_track2"]

SHOWN = 3
"""Names that an error lists."""


def open_track1(
    folder: str | Path,
    *,
    split: str = "train",
    names: Iterable[str] | str | Path | None = None,
    optical: bool = False,
) -> xr.Dataset:
    """Open OpenEarthMap-SAR as track 1 laid it out: radar, labels and aerial images.

    ::

        train/sar_images/*.tif   train/labels/*.tif   train/rgb_images/*.tif
        val/sar_images/*.tif     test/sar_images/*.tif

    The three images of a place bear one name. Pixels are as stored, 8 bits; the georeference stays
    in the files.

    Parameters
    ----------
    folder : str or pathlib.Path
        What holds ``train``, ``val`` or ``test``.
    split : str
        Which of them.
    names : iterable of str, or path of a text file with one a line, optional
        Some images, in this order; by default all, by name.
    optical : bool
        Give the aerial images too.

    Returns
    -------
    xarray.Dataset
        ``sar`` (chip, channel, row, column), ``labels`` (chip, row, column) uint8 where the split
        has a folder of them, and ``optical`` (chip, band, row, column); lazy, an image a chunk.
        ``image`` (chip) is the position in the attribute ``names``.

    Raises
    ------
    FileNotFoundError
        If a folder is not there, or images lack their counterparts.
    ValueError
        If names come twice.

    See Also
    --------
    minewatch.learn.segment.fit_unet : learns from ``sar`` and ``labels``, with ``ignore=0``.

    Examples
    --------
    >>> import tempfile, rasterio
    >>> size = {"width": 4, "height": 4, "count": 1, "dtype": "uint8", "crs": "EPSG:32654"}
    >>> at = rasterio.Affine(0.5, 0, 0, 0, -0.5, 0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for kind in ("sar_images", "labels"):
    ...         path = Path(folder, "train", kind, "TrainArea_0001.tif")
    ...         path.parent.mkdir(parents=True)
    ...         with rasterio.open(path, "w", driver="GTiff", transform=at, **size) as file:
    ...             file.write(np.full((1, 4, 4), 5, "uint8"))
    ...     images = open_track1(folder).compute()
    >>> images.sar.shape, images.attrs["names"], int(images.labels[0, 0, 0])
    ((1, 1, 4, 4), ['TrainArea_0001'], 5)
    """
    place = _existing(Path(folder) / split, by="open_track1")
    kinds = {"sar": ("sar_images", "{}.tif")}
    if (place / "labels").is_dir():
        kinds["labels"] = ("labels", "{}.tif")
    if optical:
        kinds["optical"] = ("rgb_images", "{}.tif")
    found = _opened(place, kinds, names, TRACK1_CLASSES, by="open_track1")
    found.attrs |= {"data_set": "OpenEarthMap-SAR (DFC 2025, track 1)", "split": split}
    return found


def open_track2(
    folder: str | Path,
    *,
    split: str | None = None,
    names: Iterable[str] | str | Path | None = None,
    optical: bool = True,
) -> xr.Dataset:
    """Open BRIGHT as track 2 laid it out: optical before an event, radar after it, and damage.

    ::

        pre-event/{name}_pre_disaster.tif      (optical)
        post-event/{name}_post_disaster.tif    (radar)
        target/{name}_building_damage.tif      (labels)

    either in the folder itself, as BRIGHT came later, or in ``train``, ``val`` and ``test``, as the
    contest had it. Optical images of some events may not be handed on: leave them out with
    ``optical=False``. Pixels are as stored, 8 bits; the georeference stays in the files.

    Parameters
    ----------
    folder : str or pathlib.Path
        What holds ``post-event``, or the split that holds it.
    split : str, optional
        ``"train"``, ``"val"`` or ``"test"`` where the folder is so divided.
    names : iterable of str, or path of a text file with one a line, optional
        Some images, in this order, e.g. ``train_set.txt`` of the baseline; by default all, by name.
    optical : bool
        Give the optical images too.

    Returns
    -------
    xarray.Dataset
        ``sar`` (chip, channel, row, column), ``labels`` (chip, row, column) uint8 where there is a
        folder of them, and ``optical`` (chip, band, row, column); lazy, an image a chunk. ``image``
        (chip) is the position in the attribute ``names``.

    Raises
    ------
    FileNotFoundError
        If a folder is not there, or images lack their counterparts.
    ValueError
        If names come twice.

    Examples
    --------
    >>> import tempfile, rasterio
    >>> size = {"width": 4, "height": 4, "count": 1, "dtype": "uint8", "crs": "EPSG:32654"}
    >>> at = rasterio.Affine(0.5, 0, 0, 0, -0.5, 0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for kind, end in (("post-event", "post_disaster"), ("target", "building_damage")):
    ...         path = Path(folder, kind, f"noto-earthquake_00000001_{end}.tif")
    ...         path.parent.mkdir(parents=True)
    ...         with rasterio.open(path, "w", driver="GTiff", transform=at, **size) as file:
    ...             file.write(np.full((1, 4, 4), 3, "uint8"))
    ...     images = open_track2(folder, optical=False).compute()
    >>> images.attrs["names"], images.labels.attrs["flag_meanings"]
    (['noto-earthquake_00000001'], 'background intact damaged destroyed')
    """
    place = _existing(Path(folder) if split is None else Path(folder) / split, by="open_track2")
    kinds = {"sar": ("post-event", "{}_post_disaster.tif")}
    if (place / "target").is_dir():
        kinds["labels"] = ("target", "{}_building_damage.tif")
    if optical:
        kinds["optical"] = ("pre-event", "{}_pre_disaster.tif")
    found = _opened(place, kinds, names, TRACK2_CLASSES, by="open_track2")
    found.attrs |= {"data_set": "BRIGHT (DFC 2025, track 2)", "split": split or ""}
    return found


def _existing(place: Path, *, by: str) -> Path:
    if not place.is_dir():
        beside = sorted(path.name for path in place.parent.glob("*") if path.is_dir())
        message = f"{by} finds no folder {place}; beside it are {beside[:8]}: check the path"
        raise FileNotFoundError(message)
    return place


def _opened(
    place: Path,
    kinds: Mapping[str, tuple[str, str]],
    names: Iterable[str] | str | Path | None,
    classes: Mapping[str, int],
    *,
    by: str,
) -> xr.Dataset:
    """The images of each kind, of the same names in the same order."""
    wanted = _listed(names, by=by) if names is not None else _all_names(place, *kinds["sar"], by=by)
    layers = {}
    for kind, (folder, pattern) in kinds.items():
        paths = [place / folder / pattern.format(name) for name in wanted]
        _require_all(paths, place / folder, optical=kind == "optical", by=by)
        images = Images(paths).lazy()
        if kind == "labels":
            layer = Layer("labels", "class of each pixel", dtype="uint8", flags=classes)
            array = xr.DataArray(images[:, 0], dims=("chip", "row", "column"))
        else:
            told = {"sar": "radar amplitude", "optical": "aerial or satellite image"}[kind]
            layer = Layer(kind, f"{told}, as stored", dtype=str(images.dtype))
            band = "channel" if kind == "sar" else "band"
            array = xr.DataArray(images, dims=("chip", band, "row", "column"))
        layers[kind] = conform(array, layer)
    sizes = {kind: layer.shape[-2:] for kind, layer in layers.items()}
    if len(set(sizes.values())) > 1:
        message = f"{by} needs images of one size, got {sizes}; unpack the archive anew"
        raise ValueError(message)
    position = ("chip", np.arange(len(wanted)), {"long_name": "position in attrs names"})
    return xr.Dataset(layers, {"image": position}, {"names": wanted})


def _listed(names: Iterable[str] | str | Path, *, by: str) -> list[str]:
    """Names as they are given, or as a file lists them."""
    if isinstance(names, str | Path):
        file = Path(names)
        if not file.is_file():
            message = f"{by} finds no list of names {file}; give a text file, or names in a list"
            raise FileNotFoundError(message)
        names = file.read_text(encoding="utf-8").split()
    wanted = [str(name).removesuffix(".tif") for name in names]
    twice = sorted({name for name in wanted if wanted.count(name) > 1}) if wanted else []
    if twice or not wanted:
        what = f"names that come twice, {twice[:SHOWN]}" if twice else "no name"
        message = f"{by} was given {what}; give each image once"
        raise ValueError(message)
    return wanted


def _all_names(place: Path, folder: str, pattern: str, *, by: str) -> list[str]:
    end = pattern.removeprefix("{}")
    found = sorted(path.name.removesuffix(end) for path in (place / folder).glob(f"*{end}"))
    if not found:
        message = (
            f"{by} finds no *{end} in {place / folder}; give the folder that holds {folder}, or "
            "its split"
        )
        raise FileNotFoundError(message)
    return found


def _require_all(paths: Sequence[Path], folder: Path, *, optical: bool, by: str) -> None:
    have = {path.name for path in folder.glob("*.tif")} if folder.is_dir() else set()
    gone = [path.name for path in paths if path.name not in have]
    if gone:
        fix = "leave them out with optical=False, or" if optical else "get them, or"
        message = (
            f"{by} does not find {len(gone)} of {len(paths)} images in {folder}, e.g. "
            f"{gone[:SHOWN]}; {fix} name the others with names="
        )
        raise FileNotFoundError(message)
