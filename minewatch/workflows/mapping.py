"""From a STAC catalogue and a few polygons to a map of mine footprints and how good it is."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from minewatch import learn, metrics, store, vectors
from minewatch.cluster import connect
from minewatch.workflows.mapping_inputs import covariates, find_items, map_grid, signer
from minewatch.workflows.mapping_results import Findings, write_results
from minewatch.workflows.outputs import Notify, Result, open_folder, quiet, stage
from minewatch.workflows.settings import option

if TYPE_CHECKING:
    from collections.abc import Callable

    import xarray as xr

__all__ = ["MappingSettings", "mapping_run"]


@dataclass(frozen=True)
class MappingSettings:
    """How a footprint map is made; each field is a key of the TOML file and an option."""

    catalog: str = option(
        dataclasses.MISSING, "STAC API address, catalog.json or item collection", path=True
    )
    reference: str = option(
        dataclasses.MISSING, "polygon file to learn from, with a column of labels", path=True
    )
    output: str = option("mines", "folder for the results", path=True)
    label: str = option("label", "column of the reference: 1 mine, 0 anything else")
    held_out: str | None = option(
        None, "polygons to score the map on, never learnt from", path=True
    )
    bbox: tuple[float, float, float, float] | None = option(
        None, "west south east north in degrees; by default around all polygons"
    )
    datetime: str | None = option(None, "e.g. 2022-04-01/2022-10-31")
    collections: tuple[str, ...] = option((), "collections to use; by default all that fit")
    max_cloud_cover: float | None = option(None, "percent, for optical items")
    max_items: int = option(1000, "more matches than this are an error")
    sign: Literal["auto", "none", "planetary-computer"] = option(
        "auto", "who signs addresses when they are opened; auto knows the Planetary Computer"
    )
    crs: str | None = option(None, "CRS of the map, e.g. EPSG:32721; by default the UTM zone")
    resolution: float = option(10.0, "pixel size in units of the CRS")
    looks: float = option(4.4, "equivalent number of looks of the Sentinel-1 images")
    lee_window: int = option(7, "rows and columns of the Lee filter; 1 leaves the speckle")
    trees: int = option(100, "trees of the forest")
    bag: float = option(0.6, "share of the samples each tree sees")
    folds: int = option(5, "folds of the cross-validation, split by polygon")
    block: float | None = option(
        None, "metres: polygons of one square block of this side stay in one fold"
    )
    max_per_polygon: int = option(200, "most samples of one polygon")
    threshold: str = option(
        "best", "probability of a mine: best (by cross-validated F1) or a number"
    )
    min_area: float = option(0.01, "hectares below which an area is no mine")
    seed: int = option(0, "seed of samples, folds and forest")
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")


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
