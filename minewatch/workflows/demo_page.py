"""The first page a newcomer opens: both maps of the simulated world beside their truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch import plots, store
from minewatch.report import Section, write_report
from minewatch.workflows.outputs import versions

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from minewatch.simulate import World
    from minewatch.workflows.outputs import Result

__all__ = ["write_page"]

COLOURS = {
    "forest": "#2f6b4f",
    "mine": "#d1495b",
    "bare_soil": "#d8b26e",
    "sediment_river": "#8a6f4d",
    "clear_water": "#3f88c5",
    "young_palm": "#8fc093",
    "rock": "#b9b4ac",
    "water": "#3f88c5",
    "pit": "#d1495b",
    "dump": "#e8a13a",
}


def write_page(
    folder: Path, world: World, scores: dict[str, float], runs: dict[str, Result]
) -> Path:
    """Write the page of a demonstration.

    Parameters
    ----------
    folder : pathlib.Path
        Its folder.
    world : minewatch.simulate.World
        The truth.
    scores : dict of str to float
        From :func:`minewatch.workflows.demo.judge_activity` and its neighbour.
    runs : dict of str to Result
        The two runs, "activity" and "map".

    Returns
    -------
    pathlib.Path
        The page.
    """
    tai = store.open_cube(runs["activity"].folder / "tai.zarr")
    probability = store.open_cube(runs["map"].folder / "probability.zarr", name="probability")
    probability = probability.sel({"class": 1}).assign_attrs(long_name="probability of a mine")
    mines = world.polygons[world.polygons.label == 1]
    table = [{"figure": name, "value": f"{value:.3f}"} for name, value in scores.items()]
    return write_report(
        folder / "report.html",
        title="A simulated mining district, mapped twice",
        summary={name: f"{value:.3f}" for name, value in scores.items()},
        sections=[
            Section(
                "What is really there",
                f"A district of {world.size / 100:.1f} × {world.size / 50:.1f} km that exists only "
                "in numbers, so that every map can be held against the truth. The west teaches, "
                "the east is held out. Bare soil and the river laden with sediment look much like "
                "a mine to an optical sensor.",
                figures=[plots.map_figure(_coloured(world.land_cover), outlines=mines)],
            ),
            Section(
                "Where the mine was active",
                "A radar stack of 14 dates over part of the west: rock that stands still, a pit "
                "worked in every pair, a dump worked in some, forest and water. Two pairs are "
                "spoilt by weather and must be found out. Forest and water lose coherence too and "
                "therefore look active. The outlines are the true mines.",
                figures=[
                    plots.map_figure(_coloured(world.slc_ground), title="Truth"),
                    plots.activity_figure(tai, outlines=mines),
                ],
            ),
            Section(
                "Where the mines are",
                "A random forest on Sentinel-2, Landsat, Sentinel-1 and PALSAR covariates, taught "
                "by polygons of the west. The outlines are the true mines.",
                figures=[plots.probability_figure(probability, outlines=mines)],
            ),
            Section(
                "Scored against the truth",
                "The Bayes classifier knows the simulator's own densities: no method can do "
                "better with the same observations, up to what neighbouring pixels add.",
                table=table,
            ),
        ],
        provenance={
            "reports": {name: f"{run.folder.name}/report.html" for name, run in runs.items()},
            "world": {"seed": world.seed, "size": world.size},
            "versions": versions(),
        },
    )


def _coloured(classes: xr.DataArray) -> xr.DataArray:
    """Colours that look like what they mean."""
    names = classes.attrs["flag_meanings"].split()
    return classes.assign_attrs(flag_colors=" ".join(COLOURS[name] for name in names))
