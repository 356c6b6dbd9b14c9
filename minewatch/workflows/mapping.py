"""From a STAC catalogue and a few polygons to a map of mine footprints and how good it is."""

from __future__ import annotations

import functools
from typing import Any

from minewatch import learn, store
from minewatch._origins import carrying
from minewatch.cluster import connect
from minewatch.workflows.identities import items_told
from minewatch.workflows.mapping_checks import check_settings
from minewatch.workflows.mapping_forests import save_model
from minewatch.workflows.mapping_images import LARGEST
from minewatch.workflows.mapping_inputs import covariates, find_items, map_grid
from minewatch.workflows.mapping_learning import learn_from
from minewatch.workflows.mapping_omissions import left_out
from minewatch.workflows.mapping_parts import (
    OPTIONAL,
    Findings,
    majority,
    mine_map,
    without_small,
)
from minewatch.workflows.mapping_points import require_unlabelled
from minewatch.workflows.mapping_results import write_results
from minewatch.workflows.mapping_scores import held_out_pixels
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.mapping_students import Taught, learn_by_radar, with_blocks
from minewatch.workflows.mapping_students_results import save_student
from minewatch.workflows.mapping_views import write_views
from minewatch.workflows.origins import origin_of
from minewatch.workflows.outputs import Notify, Result, quiet, remove_stale, stage
from minewatch.workflows.provenance import inputs_of
from minewatch.workflows.resuming import begin, contents_of, key_of, mark, require_begin

__all__ = ["mapping_run"]

STORES = ("features.zarr", "probability.zarr", "radar.zarr", "clear_count.zarr")
"""What is filled block by block, so that a run that was stopped goes on."""


def mapping_run(settings: MappingSettings, *, notify: Notify = quiet) -> Result:
    """Map mine footprints and write everything that explains the map.

    Images of each sensor are masked, filtered and composited on one grid; covariates are stored;
    a random forest learns from polygons, its votes become probabilities by curves that are learnt
    on folds that keep each polygon whole, and it is applied to every pixel. Patches below the
    minimum mapping unit are on no map. Written beside each other: ``features.zarr``,
    ``probability.zarr``, ``probability.tif``, ``mines.tif``, ``mines.geojson``, ``sizes.csv``,
    ``domain.tif``, ``importances.csv``, ``items.csv``, ``metrics.json``, ``model.npz``,
    ``quicklook.png``, ``report.html`` and ``run.toml``. What else is asked for adds to them:
    ``clear_count.tif``, ``search.csv``, ``permutation.csv`` and ``points.geojson``.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    notify : callable
        Is told how it gets on: ``notify(stage, done, total)``.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    ValueError
        If a setting makes no sense, nothing is found or the reference cannot teach; says why and
        what would do.
    FileNotFoundError
        If a file is not there.
    FileExistsError
        If the output folder holds something and neither `overwrite` nor `resume` is True, or
        labelled points.

    References
    ----------
    Nursamsi et al. (2024), Int. J. Appl. Earth Obs. Geoinf., doi:10.1016/j.jag.2024.104015

    Examples
    --------
    >>> mapping_run(MappingSettings(catalog="https://example.org", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere.geojson...
    """
    reference = check_settings(settings)
    require_unlabelled(require_begin(settings))
    with (
        begin(settings) as folder,
        connect(settings.cluster, report=settings.dask_report) as client,
        carrying() as carry,
    ):
        spent: dict[str, float] = {}
        step = functools.partial(stage, client=client, notify=notify, spent=spent)
        with step("search"):
            items = find_items(settings, reference)
            box = map_grid(settings, reference)
        with step("covariates"):
            mark(settings, folder, stores=STORES)
            images = [row for what, each in items.items() for row in items_told(each, what)]
            inputs = inputs_of(settings, folder, items=images)
            # As a run that is made again from what this one leaves has it from the start.
            told = with_blocks(settings, box) if settings.sar_only else settings
            carry(origin_of(told, inputs))
            keep: dict[str, Any] = {
                "overwrite": True,
                "resume": key_of(
                    settings,
                    [
                        *(row["digest"] for row in images),
                        reference.to_json(),
                        *contents_of(settings.teacher),
                    ],
                ),
            }
            stack = store.to_zarr(
                covariates(items, box, settings, folder=folder, resume=keep["resume"]),
                folder / "features.zarr",
                rows=LARGEST,
                **keep,
            )
        if settings.counts:
            with step("clear views"):
                write_views(items, box, settings, folder, resume=keep["resume"])
        taught: Taught | None = None
        if settings.sar_only:
            settings = told
            learnt, taught = learn_by_radar(
                stack, reference, settings, folder, step=step, notify=notify
            )
            save_student(settings, folder, learnt, taught, items)
        else:
            with step("samples"):
                samples = learn.draw(
                    stack,
                    reference,
                    label=settings.label,
                    max_per_polygon=settings.max_per_polygon,
                    seed=settings.seed,
                )
            learnt = learn_from(samples, settings, step=step, notify=notify)
            save_model(settings, folder, learnt, items)
        with step("map"):
            carry(origin_of(settings, inputs, dropped=left_out(settings, stack, learnt)))
            probability = store.to_zarr(
                learn.predict_proba(learnt.model, stack),
                folder / "probability.zarr",
                name="probability",
                **keep,
            )
        with step("files and report"):
            chance = probability.sel({"class": 1}, drop=True)
            chance = chance.assign_attrs(long_name="probability of a mine")
            mines = mine_map(chance, learnt.threshold)
            if taught is not None and settings.cleanup:
                mines = majority(mines)
            mines, outlines = without_small(mines, settings.min_area)
            outside = learn.outside_domain(learnt.model, stack)
            held_out = held_out_pixels(settings, reference, mines, chance)
            found = Findings(
                items, stack, learnt, chance, mines, outlines, outside, held_out, spent, taught
            )
            result = write_results(settings, folder, found, inputs)
        remove_stale(folder, OPTIONAL, result.files.values())
    return result
