"""From single images to one cube: which pairs, on which grid, with which baselines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from minewatch.grids import coordinates, resample
from minewatch.insar.pairs import PAIR_COORDS
from minewatch.sources import _baselines as tables
from minewatch.sources.slc._acquisitions import POLARIZATIONS, one_polarization

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

    from minewatch.sources.coherence._layers import PairLayer

__all__ = ["by_pair", "metres", "mosaic", "of_one_polarization", "one_grid", "onto", "pair_coords"]


def of_one_polarization(layers: Sequence[PairLayer], wanted: str | None) -> list[PairLayer]:
    """Layers of the polarization wanted; those that name none stay.

    Parameters
    ----------
    layers : sequence of PairLayer
        All.
    wanted : str or None
        Needed where there are several.

    Returns
    -------
    list of PairLayer
        Some of them.

    Raises
    ------
    ValueError
        If there are several and none is said, or another than there is.
    """
    named = {layer.polarization for layer in layers if layer.polarization}
    have = [name for name in POLARIZATIONS if name in named]
    if not have:
        return list(layers)
    chosen = one_polarization(have, wanted, name="the source")
    return [layer for layer in layers if layer.polarization in ("", chosen)]


def by_pair(
    layers: Sequence[PairLayer], duplicates: str
) -> tuple[list[list[PairLayer]], list[str]]:
    """Layers of each pair, ordered by dates, and the pairs that came more than once.

    Parameters
    ----------
    layers : sequence of PairLayer
        All.
    duplicates : {"error", "first", "mosaic"}
        What to do where a pair comes twice.

    Returns
    -------
    list of lists of PairLayer, list of str
        One list a pair; its days and files where there were several.

    Raises
    ------
    ValueError
        If a pair comes twice and that is an error.
    """
    same: dict[tuple[Any, Any], list[PairLayer]] = {}
    for layer in layers:
        same.setdefault((tables.day(layer.pair[0]), tables.day(layer.pair[1])), []).append(layer)
    repeated = []
    for (reference, secondary), several in same.items():
        if len(several) == 1:
            continue
        names = [layer.name for layer in several]
        if duplicates == "error":
            message = (
                f"the pair {reference}, {secondary} comes twice: {names[:3]}; keep one, e.g. by "
                "pattern='...', or say duplicates='first' for two versions, duplicates='mosaic' "
                "for adjoining bursts"
            )
            raise ValueError(message)
        repeated.append(f"{reference}/{secondary}: {', '.join(names)}")
        if duplicates == "first":
            del several[1:]
    return sorted(same.values(), key=lambda several: several[0].pair), sorted(repeated)


def one_grid(layers: Sequence[PairLayer], *, by: str) -> None:
    """Refuse images on different grids; names the first two that differ.

    Parameters
    ----------
    layers : sequence of PairLayer
        All that will be used.
    by : str
        The function that asks.

    Raises
    ------
    ValueError
        If shape, place or CRS differ.
    """
    first = layers[0]
    for other in layers[1:]:
        if not other.place.same(first.place):
            message = (
                f"{by} needs all files on one grid, got {first.name} ({first.place}) and "
                f"{other.name} ({other.place}); pass like=minewatch.grids.geobox(...), "
                "or align='bilinear' to an activity run, to bring them onto one"
            )
            raise ValueError(message)


def onto(layer: PairLayer, grid: GeoBox | None, resampling: Any) -> Any:
    """The pixels of a layer, on another grid where one is wanted.

    Parameters
    ----------
    layer : PairLayer
        The layer.
    grid : GeoBox or None
        The grid wanted.
    resampling : {"bilinear", "average"}
        How.

    Returns
    -------
    dask.array.Array
        Dims (y, x).

    Raises
    ------
    ValueError
        If the layer lies in radar geometry.
    """
    if grid is None:
        return layer.pixels
    if layer.place.grid is None:
        message = f"{layer.name} has no CRS, so it cannot be brought onto a grid; leave out like"
        raise ValueError(message)
    place = coordinates(layer.place.grid)
    image = xr.DataArray(layer.pixels, place, ("y", "x"), "coherence")
    return resample(image, grid, method=resampling).data


def mosaic(images: Sequence[Any]) -> Any:
    """Images of one pair as one: each fills what those before it leave unknown.

    Parameters
    ----------
    images : sequence of dask arrays
        On one grid, at least one.

    Returns
    -------
    dask.array.Array
        Dims (y, x).
    """
    import dask.array as da

    whole = images[0]
    for other in images[1:]:
        whole = da.where(da.isnan(whole), other, whole)
    return whole


def metres(
    pairs: Sequence[Sequence[PairLayer]], baselines: Any, folders: Sequence[Path]
) -> npt.NDArray[np.float64]:
    """Perpendicular baseline of each pair: as given, else from GAMMA's tables, else the file's own.

    Parameters
    ----------
    pairs : sequence of sequences of PairLayer
        Layers of each pair.
    baselines : mapping, str, pathlib.Path or None
        As given to ``open_stack``.
    folders : sequence of pathlib.Path
        Where to look for GAMMA's tables.

    Returns
    -------
    numpy.ndarray
        Metres, secondary minus reference; NaN where nobody says.
    """
    files = sorted(file for folder in folders for file in folder.rglob("*bperp.par"))
    known = tables.by_pair(baselines, files)
    found = []
    for layers in pairs:
        reference, secondary = (tables.day(moment) for moment in layers[0].pair)
        if (reference, secondary) in known:
            found.append(known[reference, secondary])
        elif (secondary, reference) in known:
            found.append(-known[secondary, reference])
        else:
            own = np.array([layer.baseline for layer in layers])
            told = own[np.isfinite(own)]
            found.append(float(told.mean()) if told.size else np.nan)
    return np.array(found, "float64")


def pair_coords(
    layers: Sequence[PairLayer], baselines: npt.NDArray[np.float64], grid: GeoBox | None
) -> dict[str, Any]:
    """The coordinates of the cube.

    Parameters
    ----------
    layers : sequence of PairLayer
        The first of each pair.
    baselines : numpy.ndarray
        Metres of each pair.
    grid : GeoBox or None
        Where it lies, if not as its layers do.

    Returns
    -------
    dict
        ``pair``, its dates and baselines, and ``y``, ``x``, ``spatial_ref`` of geocoded images.
    """
    times = np.array([layer.pair for layer in layers], "datetime64[ns]")
    values = {
        "reference_time": times[:, 0],
        "secondary_time": times[:, 1],
        "temporal_baseline": (times[:, 1] - times[:, 0]) / np.timedelta64(1, "D"),
        "perpendicular_baseline": baselines,
    }
    coords: dict[str, Any] = {
        name: ("pair", values[name], attrs) for name, attrs in PAIR_COORDS.items()
    }
    place = layers[0].place.grid if grid is None else grid
    return {
        "pair": np.arange(len(layers)),
        **coords,
        **({} if place is None else coordinates(place)),
    }
