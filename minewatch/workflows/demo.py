"""The whole toolkit on a simulated world: both maps, scored against what is really there."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch import metrics, simulate, store, vectors
from minewatch.cluster import connect
from minewatch.workflows.activity import ActivitySettings, activity_run
from minewatch.workflows.demo_page import write_page
from minewatch.workflows.folders import open_folder
from minewatch.workflows.mapping import mapping_run
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.outputs import Notify, Result, quiet, stage, write_json
from minewatch.workflows.settings import option
from minewatch.workflows.worlds import in_words, write_world

if TYPE_CHECKING:
    import numpy.typing as npt
    import xarray as xr

    from minewatch.simulate import World

__all__ = ["DemoSettings", "demo_run", "judge_activity", "judge_mapping"]

PIT = "TAI of the pit, worked in every pair"
DUMP = "TAI of the dump"
WORKED = "share of kept pairs in which the dump was worked"
ROCK = "share of stable rock with TAI 0"
F1 = "F1 of the footprint map, held-out region"
BAYES = "F1 of the simulator's Bayes classifier there"

WINDOW = (3, 10)
"""Rows and columns of the coherence window: patch interiors begin one window from the edge."""


@dataclass(frozen=True)
class DemoSettings:
    """How the demonstration is run."""

    output: str = option("minewatch-demo", "folder for the world and both maps", path=True)
    seed: int = option(42, "another seed, another world")
    size: int = option(384, "rows of the world at 10 m; columns are twice that")
    cluster: str = option("local", "threads, local, local:8 or tcp://host:8786")
    overwrite: bool = option(True, "replace an earlier demonstration in this folder")


def _write_mines(world: World, path: Path) -> Path:
    vectors.to_geojson(world.polygons[world.polygons.label == 1], path)
    return path


def demo_run(settings: DemoSettings, *, notify: Notify = quiet) -> Result:
    """Simulate a world, map it twice, and score both maps against its truth.

    Parameters
    ----------
    settings : DemoSettings
        The run.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Folder, summary with the scores, files.

    Raises
    ------
    FileExistsError
        If the folder holds something and `overwrite` is False.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as there:
    ...     _ = (Path(there) / "thesis.txt").write_text("mine")
    ...     demo_run(DemoSettings(output=there, overwrite=False))
    Traceback (most recent call last):
    ...
    FileExistsError: ... is not empty; choose another output folder or say overwrite
    """
    with open_folder(settings.output, overwrite=settings.overwrite) as folder:
        return _made(settings, folder, notify)


def _made(settings: DemoSettings, folder: Path, notify: Notify) -> Result:
    with stage("world", None, notify):
        world = simulate.mine_world(seed=settings.seed, size=settings.size)
    with stage("files", None, notify):
        write_world(world, folder / "world")
    with connect(settings.cluster) as client:
        cluster = "threads" if client is None else str(client.scheduler.address)
        active = activity_run(
            ActivitySettings(
                input=str(folder / "world" / "slc"),
                output=str(folder / "activity"),
                outlines=str(_write_mines(world, folder / "world" / "mines.geojson")),
                cluster=cluster,
                overwrite=settings.overwrite,
            ),
            notify=functools.partial(_within, "activity", notify),
        )
        mapped = mapping_run(
            MappingSettings(
                catalog=str(folder / "world" / "stac" / "catalog.json"),
                reference=str(folder / "world" / "reference.geojson"),
                held_out=str(folder / "world" / "held_out.geojson"),
                bbox=_bounds(world),
                output=str(folder / "mines"),
                max_per_polygon=60,
                cluster=cluster,
                overwrite=settings.overwrite,
            ),
            notify=functools.partial(_within, "map", notify),
        )
    scores = {
        **judge_activity(
            world,
            store.open_cube(folder / "activity" / "tai.zarr"),
            store.open_cube(folder / "activity" / "ledger.zarr"),
        ),
        **judge_mapping(world, folder / "mines"),
    }
    write_json(folder / "scores.json", scores)
    page = write_page(folder, world, scores, {"activity": active, "map": mapped})
    summary = {"world": in_words(world), **{key: f"{value:.3f}" for key, value in scores.items()}}
    files = {"open this first": page, "scores against the truth": folder / "scores.json"}
    files["activity map"] = active.folder / "report.html"
    files["footprint map"] = mapped.folder / "report.html"
    return Result(folder, summary, files)


def _within(part: str, notify: Notify, name: str, done: int, total: int) -> None:
    notify(f"{part}: {name}", done, total)


def _bounds(world: World) -> tuple[float, float, float, float]:
    west, south, east, north = world.regions.to_crs("EPSG:4326").total_bounds
    return float(west), float(south), float(east), float(north)


def judge_activity(world: World, tai: xr.Dataset, ledger: xr.Dataset) -> dict[str, float]:
    """Score an activity map against the simulated truth, one window inside each patch.

    Parameters
    ----------
    world : minewatch.simulate.World
        The truth.
    tai : xarray.Dataset
        The map, on the grid of the world's SLC stack.
    ledger : xarray.Dataset
        Its pairs.

    Returns
    -------
    dict of str to float
        Mean TAI of the pit and of the dump, how often the dump was really worked in the kept
        pairs, share of the rock without a single active pair.
    """
    from scipy import ndimage

    window = np.ones((2 * WINDOW[0] + 1, 2 * WINDOW[1] + 1), dtype=bool)
    values = tai.tai.to_numpy()

    def inside(name: str) -> npt.NDArray[np.float32]:
        patch = world.slc_ground.to_numpy() == simulate.SLC_GROUND[name]
        seen: npt.NDArray[np.float32] = values[ndimage.binary_erosion(patch, window)]
        return seen[np.isfinite(seen)]

    kept = ledger.secondary_time.values[ledger.keep.values]
    worked = world.dump_active.values[np.isin(world.dump_active.secondary_time.values, kept)]
    return {
        PIT: float(inside("pit").mean()),
        DUMP: float(inside("dump").mean()),
        WORKED: float(worked.mean()),
        ROCK: float((inside("rock") == 0).mean()),
    }


def judge_mapping(world: World, folder: Path) -> dict[str, float]:
    """Score a footprint map on every pixel of the held-out region, beside the Bayes classifier.

    Parameters
    ----------
    world : minewatch.simulate.World
        The truth, and its own classifier: the best that its observations allow.
    folder : pathlib.Path
        A mapping run's folder.

    Returns
    -------
    dict of str to float
        F1 of the map at its own threshold, F1 of the Bayes classifier at its best one.
    """
    probability = store.open_cube(folder / "probability.zarr", name="probability")
    with (folder / "metrics.json").open() as stream:
        threshold = json.load(stream)["threshold"]
    (held_out,) = world.regions[world.regions["name"] == "held_out"].geometry
    west, south, east, north = held_out.bounds
    region = {"x": slice(west, east), "y": slice(north, south)}
    truth = (world.land_cover.sel(region) == simulate.LAND_COVER["mine"]).compute()
    ours = probability.sel({"class": 1}).reindex_like(truth, method="nearest", tolerance=1.0)
    table = metrics.confusion(truth.astype("int64"), (ours >= threshold).astype("int64"))
    best, _ = simulate.best_f1(world.bayes_probability.sel(region), truth)
    return {
        F1: metrics.scores(table, beta=1.0)["f_beta"],
        BAYES: best,
    }
