"""openEO results: which pair a date stands for, and the netCDF form of a cube.

The service that runs ``sentinel1_sar_coherence`` on CDSE dates each image by its reference
acquisition. ``job-results.json``, downloaded with the images, names the files they come from, with
both dates. That file was met as a real job wrote it; netCDF was written as the documented layout
says: dims (t, y, x), a variable per band, pixel centres, the CRS as text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._baselines import day
from minewatch.sources._files import dates_in
from minewatch.sources.coherence._hdf5 import grid_of, lazy_image, opened, text
from minewatch.sources.coherence._layers import Options, PairLayer
from minewatch.sources.slc._acquisitions import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["job_window", "later_time", "read"]

RESULTS = "job-results.json"

SECONDS = {"days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


def _job(folder: Path) -> dict[str, Any]:
    path = folder / RESULTS
    if not path.is_file():
        return {}
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        message = f"{path} is no JSON ({error}); download it anew, or move it away"
        raise ValueError(message) from None
    return loaded if isinstance(loaded, dict) else {}


def _entries(tree: Any, key: str) -> Iterator[Any]:
    """Every value of a key, however deep."""
    if isinstance(tree, dict):
        for name, value in tree.items():
            if name == key:
                yield value
            yield from _entries(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from _entries(value, key)


def later_time(folder: Path, reference: np.datetime64) -> np.datetime64 | None:
    """The secondary acquisition of the image that an openEO job dated by its reference.

    Parameters
    ----------
    folder : pathlib.Path
        Where the results lie, with ``job-results.json``.
    reference : numpy.datetime64
        The date the image carries.

    Returns
    -------
    numpy.datetime64 or None
        None where the job does not tell.

    Raises
    ------
    ValueError
        If the job made several pairs of that reference: they came under one date.
    """
    job = _job(folder)
    listed = job.get("links")
    links = [link for link in listed if isinstance(link, dict)] if isinstance(listed, list) else []
    links = [link for link in links if link.get("rel") == "derived_from"]
    pairs = [dates_in(str(link.get("title") or link.get("href"))) for link in links]
    pairs += [
        [moment for date in pair for moment in dates_in(str(date))]
        for asked in _entries(job.get("providers"), "InSAR_pairs")
        if isinstance(asked, list)
        for pair in asked
        if isinstance(pair, list)
    ]
    later = {
        day(pair[1]): pair[1]
        for pair in reversed(pairs)
        if len(pair) > 1 and day(pair[0]) == day(reference)
    }
    if len(later) > 1:
        message = (
            f"the openEO job in {folder} made {len(later)} pairs of {day(reference)} and saved "
            "them under that one date; run it once for each temporal baseline"
        )
        raise ValueError(message)
    return next(iter(later.values()), None)


def job_window(folder: Path) -> tuple[int, int] | None:
    """Rows and columns of the coherence window that a job was told.

    Parameters
    ----------
    folder : pathlib.Path
        Where the results lie.

    Returns
    -------
    (int, int) or None
        Azimuth and range; None where the job does not tell.
    """
    told = _job(folder).get("providers")
    sides = [next(_entries(told, f"coherence_window_{side}"), None) for side in ("az", "rg")]
    if not all(isinstance(side, int) for side in sides):
        return None
    return int(sides[0]), int(sides[1])  # type: ignore[arg-type]


def read(path: Path, options: Options) -> list[PairLayer]:
    """The images of an openEO netCDF.

    Parameters
    ----------
    path : pathlib.Path
        ``.nc`` (netCDF-4).
    options : Options
        What the caller knows.

    Returns
    -------
    list of PairLayer
        One for each date of each band whose name has ``coh`` in it.

    Raises
    ------
    ValueError
        If it holds no such band, or nothing says what the dates are compared with.
    """
    with opened(path) as file:
        bands = [
            name for name, item in file.items() if "coh" in name.lower() and len(item.shape) == 3
        ]
        if not bands or not {"t", "x", "y"} <= set(file):
            message = (
                f"{path.name} holds no band named coh… with dims (t, y, x); it has {sorted(file)}"
            )
            raise ValueError(message)
        grid = grid_of(file["x"][()], file["y"][()], _crs(file, path.name), path.name)
        return [
            PairLayer(
                name=f"{path.name} {band} {day(moment)}",
                dates=(moment, _partner(path, moment, options)),
                place=Place(file[band].shape[-2:], grid),
                pixels=lazy_image(
                    path,
                    file[band],
                    options.stored(path.name, _fill(file[band])),
                    chunk=options.chunk,
                    index=index,
                ),
                window=job_window(path.parent),
                polarization=(re.findall(r"VV|VH|HH|HV", band.upper()) or [""])[0],
                maker="openEO",
            )
            for band in bands
            for index, moment in enumerate(_times(file["t"], path.name))
        ]


def _partner(path: Path, moment: np.datetime64, options: Options) -> np.datetime64:
    if options.temporal_baseline is not None:
        return moment + np.timedelta64(round(options.temporal_baseline * 86400), "s")
    later = later_time(path.parent, moment)
    if later is None:
        message = (
            f"{path.name} dates its images by the reference acquisition alone; keep "
            f"{RESULTS} of the job beside it, or pass temporal_baseline=12 (days)"
        )
        raise ValueError(message)
    return later


def _fill(dataset: Any) -> Any:
    value = dataset.attrs.get("_FillValue")
    return None if value is None else np.asarray(value).reshape(-1)[0]


def _times(axis: Any, name: str) -> list[np.datetime64]:
    units = text(axis.attrs.get("units", ""))
    unit, _, since = units.partition(" since ")
    if unit not in SECONDS or not dates_in(since):
        message = f"{name} counts time in {units!r}; expected e.g. 'days since 1990-01-01'"
        raise ValueError(message)
    return [
        dates_in(since)[0] + np.timedelta64(round(float(value) * SECONDS[unit]), "s")
        for value in axis[()]
    ]


def _crs(file: Any, name: str) -> str:
    for variable in ("crs", "spatial_ref"):
        for key in ("crs_wkt", "spatial_ref"):
            if variable in file and key in file[variable].attrs:
                return text(file[variable].attrs[key])
    message = f"{name} names no CRS (variable crs, attribute crs_wkt); save it as GeoTIFF"
    raise ValueError(message)
