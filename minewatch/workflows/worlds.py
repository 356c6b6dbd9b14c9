"""Simulated worlds as the files that an archive, an operator and a surveyor would hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from minewatch import simulate
from minewatch.workflows.folders import open_folder
from minewatch.workflows.outputs import Notify, Result, quiet, stage

if TYPE_CHECKING:
    from pathlib import Path

    from minewatch.simulate import World

__all__ = ["in_words", "simulate_run", "write_world"]


def simulate_run(
    folder: Path,
    *,
    kind: Literal["district", "open-pit"] = "district",
    seed: int = 42,
    size: int | None = None,
    overwrite: bool = False,
    notify: Notify = quiet,
) -> Result:
    """Write a simulated world to files.

    Parameters
    ----------
    folder : pathlib.Path
        Where to.
    kind : {"district", "open-pit"}
        A district seen by five sensors (``slc/``, ``stac/catalog.json``, polygons), or one pit
        through five seasons of radar images with elevation models, zones and tables.
    seed : int
        Another seed, another world.
    size : int, optional
        Rows of 10 m; 384 for a district, 240 for a pit.
    overwrite : bool
        Whether files of these names that are in the folder already may be replaced.
    notify : callable
        Is told how it gets on.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    ValueError
        If `size` is too small for a world.
    FileExistsError
        If the folder holds something and `overwrite` is False.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as there:
    ...     simulate_run(Path(there), seed=1, size=16)
    Traceback (most recent call last):
    ...
    ValueError: mine_world needs size ≥ 128, got 16; use e.g. size=160 for tests
    """
    with open_folder(str(folder), overwrite=overwrite) as target:
        return _written(target, kind, seed, size, notify)


def _written(
    target: Path, kind: Literal["district", "open-pit"], seed: int, size: int | None, notify: Notify
) -> Result:
    if kind == "open-pit":
        with stage("pit", None, notify):
            pit = simulate.open_pit(seed=seed, size=240 if size is None else size)
        with stage("files", None, notify):
            written = simulate.write_open_pit(pit, target)
        files = {PIT_FILES[name]: path for name, path in written.items()}
        text = f"seed {seed}, {pit.slc.sizes['time']} images, {len(pit.zones)} zones"
        return Result(target, {"pit": text}, files)
    with stage("world", None, notify):
        world = simulate.mine_world(seed=seed, size=384 if size is None else size)
    with stage("files", None, notify):
        files = write_world(world, target)
    return Result(target, {"world": in_words(world)}, files)


PIT_FILES = {
    "slc": "SLC stack of five seasons, with baselines",
    "zones": "zones: worked and stable ground",
    "concession": "where mining is allowed",
    "elevation": "elevation model",
    "dsm_before": "surface model of 6 June of the last year",
    "dsm_after": "surface model of 6 September of the last year",
    "ndvi": "seasonal NDVI",
    "mndwi": "seasonal MNDWI",
    "sigma0": "mean VV backscatter, linear",
    "displacement": "displacement towards the radar",
    "production": "reported ore, one year missing",
    "inventory": "other mines: area and ore",
    "factors": "emission factors",
}


def in_words(world: World) -> str:
    """Say what a district holds.

    Parameters
    ----------
    world : minewatch.simulate.World
        The district.

    Returns
    -------
    str
        One line.
    """
    mines = world.polygons[world.polygons.label == 1]
    return (
        f"seed {world.seed}, {world.size} × {2 * world.size} pixels of 10 m, "
        f"{len(mines)} mines with {mines.area_ha.sum():.0f} ha"
    )


def write_world(world: World, folder: Path) -> dict[str, Path]:
    """Write a district as an archive would hand it out.

    Parameters
    ----------
    world : minewatch.simulate.World
        The district.
    folder : pathlib.Path
        Where to; ``slc/``, ``stac/catalog.json`` and polygon files appear there.

    Returns
    -------
    dict of str to pathlib.Path
        What each file is → the file.
    """
    simulate.write_vectors(world, folder)
    return {
        "SLC stack": simulate.write_slc(world, folder / "slc"),
        "STAC catalogue of the images": simulate.write_stac(world, folder / "stac"),
        "polygons to learn from": folder / "reference.geojson",
        "polygons to score on": folder / "held_out.geojson",
        "concessions": folder / "concessions.geojson",
    }
