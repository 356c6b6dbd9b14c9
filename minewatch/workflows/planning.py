"""What a mapping run will read, hold, write and take, before any pixel is read."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch.workflows.mapping_checks import check_settings
from minewatch.workflows.mapping_images import block_of
from minewatch.workflows.mapping_inputs import find_items, map_grid
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.outputs import Notify, Result, quiet, stage, write_json
from minewatch.workflows.planning_graph import graph_of
from minewatch.workflows.planning_memory import Load, memory_of
from minewatch.workflows.planning_rates import Rates, machine_rates
from minewatch.workflows.planning_reading import Reading, reading_of
from minewatch.workflows.planning_times import as_before, cost_of, expected_seconds
from minewatch.workflows.settings import option

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    from odc.geo.geobox import GeoBox

__all__ = ["Plan", "PlanSettings", "plan", "plan_run"]

GB, GIB = 1e9, 2**30

KEPT = 0.85
"""What packing leaves of float32 covariates: their noise does not shrink."""


@dataclass(frozen=True)
class PlanSettings(MappingSettings):
    """The settings of a map, and what is told of it before."""

    json: str | None = option(None, "file for all numbers of the plan", path=True)
    rate: str | None = option(
        None, "folder of an earlier map made here, whose rate is taken", path=True
    )


@dataclass(frozen=True)
class Plan:
    """What a run will read, hold, write and take.

    Parameters
    ----------
    grid : str
        The map.
    readings : tuple of Reading
        What is read, by sensor.
    load : Load
        What it has to carry.
    processes : int
        Workers; 1 with ``cluster="threads"``, where the main process does it all.
    output : float
        Bytes of the results.
    memory : dict
        Kind of process → stage → GiB.
    seconds : dict of str to float
        Stage → expected seconds.
    rate : str
        Where the rate is from.
    """

    grid: str
    readings: tuple[Reading, ...]
    load: Load
    processes: int
    output: float
    memory: dict[str, dict[str, float]]
    seconds: dict[str, float]
    rate: str

    @property
    def peak(self) -> dict[str, float]:
        """The most memory of each kind of process, GiB."""
        return {kind: max(stages.values()) for kind, stages in self.memory.items()}

    @property
    def summary(self) -> dict[str, str]:
        """The plan as a person reads it."""
        decoded, stored = (sum(getattr(one, key) for one in self.readings) for key in SIZES)
        minutes = sum(self.seconds.values()) / 60
        slowest = max(self.seconds, key=lambda name: self.seconds[name])
        return {
            "scenes": ", ".join(f"{one.sensor} {one.scenes}" for one in self.readings),
            "to read": f"{stored / GB:.2f} GB in {sum(one.files for one in self.readings)} files, "
            f"{decoded / GB:.2f} GB unpacked",
            "map": f"{self.grid}, {self.load.covariates} covariates",
            "results": f"{self.output / GB:.2f} GB",
            "tasks": f"{self.load.tasks:,}",
            "peak memory": ", ".join(
                f"{NAMES[kind]} {peak:.2f} GiB" for kind, peak in self.peak.items()
            )
            + (f" ({self.processes} workers)" if "worker" in self.memory else ""),
            "expected time": f"{minutes:.1f} minutes, most of it for {slowest}; files from afar "
            "come at the speed of the network",
            "rate": self.rate,
        }

    def write(self, path: str | Path) -> Path:
        """Write all numbers as JSON.

        Parameters
        ----------
        path : path-like
            The file; one that is there is replaced.

        Returns
        -------
        pathlib.Path
            The file.
        """
        content = dataclasses.asdict(self) | {"peak_gib": self.peak}
        return write_json(Path(path), content)


SIZES = ("decoded", "stored")
NAMES = {"worker": "a worker", "main": "the main process"}


def plan(
    settings: MappingSettings,
    *,
    rate: Rates | str | Path | None = None,
    notify: Notify = quiet,
) -> Plan:
    """Say what a mapping run will take. Reads catalogue and polygons, and no image.

    The same search and the same grid as :func:`mapping_run`; its graph is drawn and its tasks are
    counted (of a large map those of a part, and scaled). Bytes come from what items say of their
    files. Memory is a model of what is alive at once, meant to be enough and at most 1.6 times
    what is needed. Time is from a rate that is measured on this machine: a little of the work,
    done on a simulated scrap of land.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    rate : Rates or path-like, optional
        How fast it goes, or the folder of an earlier run on such a machine; measured, or known
        from an earlier measurement, if not given.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Plan
        Its ``summary`` is for people, ``write`` for programs.

    Raises
    ------
    ValueError
        If a setting makes no sense or nothing is found.
    FileNotFoundError
        If the reference or the catalogue is not there.

    See Also
    --------
    mapping_run : do it.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> plan(MappingSettings(catalog="https://example.org", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere.geojson...
    """
    reference = check_settings(settings)
    if rate is not None and not isinstance(rate, Rates):
        cost_of(Path(rate))
    with stage("search", None, notify):
        items = find_items(settings, reference)
        box = map_grid(settings, reference)
    with stage("graph", None, notify):
        graph = graph_of(items, box, settings)
    told = "given"
    if rate is None:
        with stage("rate", None, notify):
            rate, told = machine_rates(settings)
    elif not isinstance(rate, Rates):
        told = f"that of {rate}"
    readings = tuple(
        reading_of(sensor, found, box, passes=_passes(sensor, settings))
        for sensor, found in items.items()
    )
    processes, threads = _workers(settings)
    height, width = box.shape
    inside = _inside(reference, box)
    load = Load(
        height=height,
        width=width,
        covariates=graph.covariates,
        dates={sensor: len(found) for sensor, found in items.items()},
        blocks={sensor: block_of(settings, box, len(found)) for sensor, found in items.items()},
        threads=threads,
        processes=processes,
        tasks=graph.tasks,
        decoded=sum(one.decoded for one in readings),
        inside=int(inside.sum()),
        samples=int(np.minimum(inside, settings.max_per_polygon).sum()),
    )
    return Plan(
        grid=f"{height:,} × {width:,} pixels of {settings.resolution:g}, {box.crs}",
        readings=readings,
        load=load,
        processes=processes,
        output=_output(load, graph.stored),
        memory=memory_of(load, settings),
        seconds=expected_seconds(load, readings, settings, rate, processes * threads)
        if isinstance(rate, Rates)
        else as_before(load, Path(rate)),
        rate=told,
    )


def _workers(settings: MappingSettings) -> tuple[int, int]:
    """Processes that compute images, and threads of each."""
    import dask
    from dask.system import CPU_COUNT

    if settings.cluster == "threads":
        return 1, int(dask.config.get("num_workers", None) or CPU_COUNT)
    name, _, count = settings.cluster.partition(":")
    if name == "local":
        return int(count) if count else int(CPU_COUNT), 1
    return 1, 1  # how many answer at an address is not asked


def _inside(reference: gpd.GeoDataFrame, box: GeoBox) -> npt.NDArray[np.float64]:
    """Pixels in each polygon."""
    area = reference.to_crs(box.crs.wkt).area.to_numpy() / abs(box.resolution.x * box.resolution.y)
    pixels: npt.NDArray[np.float64] = np.ceil(area)
    return pixels


def _passes(sensor: str, settings: MappingSettings) -> int:
    """How often files are read: once more for the level of strong targets."""
    level = settings.speckle == "lee_sigma" and settings.lee_window > 1
    return 2 if level and sensor == "sentinel1" else 1


def _output(load: Load, stored: int) -> float:
    """Bytes of stores and maps."""
    stores = (load.covariates + stored + 2) * KEPT * 4
    return load.pixels * (stores + 3.0) + 2e6


def plan_run(settings: PlanSettings, *, notify: Notify = quiet) -> Result:
    """Plan a map as the command line shows it.

    Parameters
    ----------
    settings : PlanSettings
        The map, with ``json`` and ``rate``.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Summary and, if asked for, the file.

    See Also
    --------
    plan : the same as an object.

    Examples
    --------
    >>> plan_run(PlanSettings(catalog="https://example.org", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere.geojson...
    """
    if settings.json is not None and not Path(settings.json).resolve().parent.is_dir():
        message = f"{settings.json} is in no folder that there is; make it first"
        raise FileNotFoundError(message)
    found = plan(settings, rate=settings.rate, notify=notify)
    if settings.json is None:
        return Result(Path.cwd(), found.summary, {})
    path = found.write(settings.json).resolve()
    return Result(path.parent, found.summary, {"all numbers of the plan": path})
