"""What a map of activity has to carry: what is read, how much is written, how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch import grids
from minewatch.workflows.identities import bytes_of
from minewatch.workflows.planning_memory import activity_memory
from minewatch.workflows.planning_plans import KEPT, Plan, workers_of
from minewatch.workflows.planning_reading import Reading

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.activity_settings import ActivitySettings
    from minewatch.workflows.planning_probes import ActivityRates

__all__ = [
    "ActivityLoad",
    "plan_of",
    "grid_of",
    "images_of",
    "is_slc",
    "load_of",
    "reading_of_folder",
    "seconds_of",
    "size_of",
]

INDEX = 18
"""Bytes of a pixel of the index: three floats, two counts, class and stable ground."""

PACKED = 0.4
"""What packing leaves of them: counts are small, classes are few."""

PAGE = 2e6
"""Bytes of page, pictures and tables."""


@dataclass(frozen=True)
class ActivityLoad:
    """What a map of activity has to carry.

    Parameters
    ----------
    height, width : int
        Of the map.
    images, pairs : int
        Images, 0 where coherence comes ready; pairs of them.
    periods : int
        Years or seasons that are mapped as well.
    threads, processes : int
        Of one process that computes; how many there are.
    tasks : int
        Of all graphs that are counted.
    stages : dict of str to int
        Stage → tasks. The tables and figures of the page are not counted.
    """

    height: int
    width: int
    images: int
    pairs: int
    periods: int
    threads: int
    processes: int
    tasks: int
    stages: dict[str, int]

    @property
    def pixels(self) -> int:
        """Of the map."""
        return self.height * self.width


def grid_of(coherence: xr.DataArray) -> str:
    """Rows, columns, pixel and pairs, as a person reads them.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).

    Returns
    -------
    str
        The text.
    """
    pairs, height, width = coherence.shape
    box = grids.geobox_of(coherence)
    size = " × ".join(f"{abs(step):g}" for step in (box.resolution.x, box.resolution.y))
    crs = f"EPSG:{box.crs.epsg}" if box.crs.epsg else box.crs
    return f"{height:,} × {width:,} pixels of {size}, {crs}, {pairs} pairs"


def is_slc(coherence: xr.DataArray, settings: ActivitySettings) -> bool:
    """Whether coherence is made of images here; one that was stored remembers how it was made.

    Parameters
    ----------
    coherence : xarray.DataArray
        As a run opens it.
    settings : ActivitySettings
        The run.

    Returns
    -------
    bool
        False where it comes ready.
    """
    return "mode" in coherence.attrs and not settings.input.rstrip("/").endswith(".zarr")


def load_of(
    coherence: xr.DataArray, settings: ActivitySettings, stages: dict[str, int], *, images: int
) -> ActivityLoad:
    """What a series has to carry.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).
    settings : ActivitySettings
        The run.
    stages : dict of str to int
        From :func:`counted_of`.
    images : int
        Images that coherence is made of.

    Returns
    -------
    ActivityLoad
        The load.
    """
    processes, threads = workers_of(settings.cluster)
    pairs, height, width = coherence.shape
    return ActivityLoad(
        height=height,
        width=width,
        images=images,
        pairs=pairs,
        periods=_periods(coherence, settings),
        threads=threads,
        processes=processes,
        tasks=sum(stages.values()),
        stages=stages,
    )


def _periods(coherence: xr.DataArray, settings: ActivitySettings) -> int:
    """Years or seasons of the later images."""
    if settings.by is None:
        return 0
    later = coherence["secondary_time"].values
    unit = "datetime64[Y]" if settings.by == "year" else "datetime64[M]"
    codes = later.astype(unit).astype("int64")
    return len(np.unique(codes if settings.by == "year" else (codes + 1) // 3))


def reading_of_folder(coherence: xr.DataArray, settings: ActivitySettings) -> Reading:
    """What is read, from names and sizes of files.

    Parameters
    ----------
    coherence : xarray.DataArray
        As a run opens it.
    settings : ActivitySettings
        The run.

    Returns
    -------
    Reading
        Images or coherence rasters. Files that hold more than the map count whole.
    """
    pairs, height, width = coherence.shape
    source = Path(settings.input)
    names = {str(name) for name in coherence.attrs.get("files", [])}
    there = [*source.rglob("*")] if source.is_dir() else [source]
    files = [path for path in there if path.name in names]
    if not files:  # a store, or rasters in archives
        files = [path for path in there if path.is_file()]
    stored = float(sum(bytes_of(path) for path in files))
    samples = float(pairs) * height * width
    if not is_slc(coherence, settings):
        return Reading("coherence", pairs, len(files), 4 * samples, stored, samples)
    images = images_of(coherence)
    return Reading("SLC", images, len(files), 8.0 * images * height * width, stored, samples)


def images_of(pairs: xr.DataArray) -> int:
    """Dates of some pairs.

    Parameters
    ----------
    pairs : xarray.DataArray
        With ``reference_time`` and ``secondary_time``.

    Returns
    -------
    int
        Each date once.
    """
    ends = [pairs[name].values for name in ("reference_time", "secondary_time")]
    return len(np.unique(np.concatenate(ends)))


def size_of(load: ActivityLoad) -> float:
    """Bytes of the results.

    Parameters
    ----------
    load : ActivityLoad
        What there is to carry.

    Returns
    -------
    float
        Of stores, maps and the page.
    """
    floats = 4 * KEPT * (load.pairs + 1)
    return load.pixels * (floats + PACKED * INDEX * (1 + load.periods)) + PAGE


def seconds_of(
    load: ActivityLoad, rate: ActivityRates, *, fresh: int | None = None
) -> dict[str, float]:
    """Expected seconds of each stage.

    Parameters
    ----------
    load : ActivityLoad
        What there is to carry.
    rate : ActivityRates
        How fast this machine is.
    fresh : int, optional
        Pairs whose coherence is made; all if not given.

    Returns
    -------
    dict of str to float
        Stage → seconds.
    """
    faster = rate.threads / (load.threads * load.processes)
    made = load.pairs if fresh is None else fresh
    samples = load.pixels * load.pairs
    later = {
        stage: rate.fixed[stage] + slope * samples * (1.0 if "report" in stage else faster)
        for stage, slope in rate.stages.items()
    }
    return {"coherence": rate.coherence * load.pixels * made * faster, **later}


def plan_of(
    coherence: xr.DataArray,
    reading: Reading,
    load: ActivityLoad,
    cluster: str,
    *,
    rate: ActivityRates | None,
    told: str,
    fresh: int | None = None,
) -> Plan:
    """What a series will take, by what it has to carry.

    Parameters
    ----------
    coherence : xarray.DataArray
        Dims (pair, y, x).
    reading : Reading
        What is read.
    load : ActivityLoad
        From :func:`load_of`.
    cluster : str
        As a setting of a run.
    rate : ActivityRates, optional
        How fast this machine is; None where nothing will be done.
    told : str
        Where the rate is from.
    fresh : int, optional
        Pairs whose coherence is made; all if not given.

    Returns
    -------
    Plan
        Without blocks.
    """
    return Plan(
        grid=grid_of(coherence),
        readings=(reading,),
        load=load,
        processes=load.processes,
        output=0.0 if rate is None else size_of(load),
        memory=activity_memory(load, cluster),
        seconds={"new pairs": 0.0} if rate is None else seconds_of(load, rate, fresh=fresh),
        rate=told,
    )
