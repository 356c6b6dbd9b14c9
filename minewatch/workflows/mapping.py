"""From a STAC catalogue and a few polygons to a map of mine footprints and how good it is."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

from minewatch import learn, metrics, store, vectors
from minewatch.cluster import connect
from minewatch.workflows.mapping_inputs import covariates, find_items, map_grid, signer
from minewatch.workflows.mapping_results import Findings, write_results
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.outputs import Notify, Result, open_folder, quiet, stage

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

__all__ = ["mapping_run"]


def mapping_run(settings: MappingSettings, *, notify: Notify = quiet) -> Result:
    """Map mine footprints and write everything that explains the map.

    Images of each sensor are masked, filtered and composited on one grid; covariates are stored;
    a random forest learns from polygons, is scored by folds that keep each polygon whole, and is
    applied to every pixel. Written beside each other: ``features.zarr``, ``probability.zarr``,
    ``probability.tif``, ``mines.tif``, ``mines.geojson``, ``metrics.json``, ``model.npz``,
    ``quicklook.png``, ``report.html`` and ``run.toml``.

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
        If nothing is found or the reference cannot teach; says why and what would do.
    FileExistsError
        If the output folder holds something and `overwrite` is False.

    References
    ----------
    Nursamsi et al. (2024), Int. J. Appl. Earth Obs. Geoinf., doi:10.1016/j.jag.2024.104015

    Examples
    --------
    >>> mapping_run(MappingSettings(catalog="catalog.json", reference="nowhere.geojson"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: ...nowhere.geojson...
    """
    reference = vectors.read_polygons(settings.reference, label_column=settings.label)
    fixed = _fixed_threshold(settings.threshold)
    folder = open_folder(settings.output, overwrite=settings.overwrite)
    with connect(settings.cluster) as client:
        step = functools.partial(stage, client=client, notify=notify)
        with step("search"):
            items = find_items(settings, reference)
            box = map_grid(settings, reference)
        with step("covariates"):
            stack = store.to_zarr(
                covariates(
                    items,
                    box,
                    looks=settings.looks,
                    lee_window=settings.lee_window,
                    sign=signer(settings),
                ),
                folder / "features.zarr",
                overwrite=settings.overwrite,
            )
        with step("samples"):
            samples = learn.draw(
                stack,
                reference,
                label=settings.label,
                max_per_polygon=settings.max_per_polygon,
                seed=settings.seed,
            )
        fit = functools.partial(
            learn.fit_forest,
            trees=settings.trees,
            bag=settings.bag,
            seed=settings.seed,
            n_jobs=-1,
        )
        with step("cross-validation"):
            split = learn.PolygonSplit(settings.folds, seed=settings.seed, blocks=settings.block)
            counted = _counted(fit, settings.folds, notify)
            folds = learn.cross_validate(samples, fit=counted, split=split, beta=1.0)
            threshold = fixed
            if threshold is None:
                threshold = metrics.best_threshold(
                    folds.probability.sel({"class": 1}), folds.label, weight=folds.weight
                )
        with step("forest"):
            model = fit(samples)
            learn.save_model(model, folder / "model.npz")
        with step("map"):
            probability = store.to_zarr(
                learn.predict_proba(model, stack),
                folder / "probability.zarr",
                name="probability",
                overwrite=settings.overwrite,
            )
        with step("files and report"):
            return write_results(
                settings,
                folder,
                Findings(items, stack, samples, folds, model, threshold, probability),
            )


def _counted(
    fit: Callable[[xr.Dataset], Any], folds: int, notify: Notify
) -> Callable[[xr.Dataset], Any]:
    """Tell after each fold."""
    done = itertools.count(1)

    def fit_and_tell(samples: xr.Dataset) -> Any:
        model = fit(samples)
        at = next(done)
        if at < folds:  # the last one is told when the stage ends
            notify("cross-validation", at, folds)
        return model

    return fit_and_tell


def _fixed_threshold(text: str) -> float | None:
    if text == "best":
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 <= value <= 1:
        message = f"threshold {text!r} is not known; use 'best' or a probability like 0.5"
        raise ValueError(message)
    return value
