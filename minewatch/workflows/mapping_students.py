"""A map by radar alone: an optical teacher labels pixels of the map, a student learns from them."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch import learn, store
from minewatch.learn import noisy
from minewatch.learn.calibrated import CalibratedModel
from minewatch.workflows.mapping_learning import (
    Learnt,
    learn_from,
    mapped_unseen,
    threshold_of,
)
from minewatch.workflows.mapping_students_checks import block_side
from minewatch.workflows.mapping_students_pixels import draw_pixels, fold_of_pixels

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings
    from minewatch.workflows.outputs import Notify

__all__ = ["Taught", "learn_by_radar", "with_blocks"]

TREES, LEAF = 200, 5
"""Of a student that is a forest: leaves of one sample would learn every wrong label by heart."""

EYES = "teacher "
"""Before the names of the teacher's covariates: it may have seen a radar too, on other days."""


@dataclass(frozen=True, eq=False)
class Taught:
    """A teacher, what it taught, and how well.

    Parameters
    ----------
    teacher : Learnt
        The teacher: what it learnt from the polygons, and says of those that it has not seen.
    probability : xarray.DataArray
        Its map: probability of each class, dims (class, y, x), lazy.
    folder : pathlib.Path or None
        Of the run that made it, if that was an earlier one.
    pixels : int
        Pixels that it labelled.
    kept : dict of int to int
        Class → labels that were sure enough to learn from.
    noise : dict
        ``method``, ``rate``, ``left_out`` and, of true classes in rows, the ``transition`` to
        labels, as far as the student could find out.
    """

    teacher: Learnt
    probability: xr.DataArray
    folder: Path | None
    pixels: int
    kept: dict[int, int]
    noise: dict[str, Any]


def learn_by_radar(
    stack: xr.Dataset,
    reference: gpd.GeoDataFrame,
    settings: MappingSettings,
    folder: Path,
    *,
    step: Any,
    notify: Notify,
) -> tuple[Learnt, Taught]:
    """Find or make a teacher, let it label pixels, fit a student that sees radar alone. Computes.

    Folds keep blocks of ground together. Teacher and student are judged on the same polygons of
    the reference, in each fold by a teacher and a student neither of which has seen a polygon of
    the blocks held back, nor a label of a pixel there.

    Parameters
    ----------
    stack : xarray.Dataset
        Covariates, dims (y, x), stored.
    reference : geopandas.GeoDataFrame
        Polygons that are trusted, with the column ``label``.
    settings : MappingSettings
        The run, with its ``block`` set.
    folder : pathlib.Path
        Its folder; the teacher's map is stored there.
    step : callable
        ``with step(name):`` tells of a stage.
    notify : callable
        Is told how stages get on.

    Returns
    -------
    (Learnt, Taught)
        The student, as what any map is made with, and where it has it from.

    Raises
    ------
    ValueError
        If the teacher finds one class only, or there are too few polygons or blocks.
    """
    side = settings.block
    if side is None:
        message = "learn_by_radar needs the side of its blocks; set block"
        raise ValueError(message)
    radar = [str(name) for name in stack.data_vars if str(name).startswith(("s1_", "palsar_"))]
    seen = _eyes(stack, settings, radar)
    both = stack[radar].assign({EYES + str(name): layer for name, layer in seen.items()})
    with step("samples"):
        samples = learn.draw(
            both,
            reference,
            label=settings.label,
            max_per_polygon=settings.max_per_polygon,
            seed=settings.seed,
        )
    alone = dataclasses.replace(settings, permutation=0)  # those of the student would be asked for
    teacher = learn_from(_as_teacher(samples), alone, step=step, notify=notify)
    with step("teacher's map"):
        probability = _taught_map(teacher, seen, settings, folder)
    with step("pixels to learn from"):
        pixels = draw_pixels(
            both,
            probability.sel({"class": 1}),
            size=settings.student_samples,
            side=side,
            seed=settings.seed,
        )
        fold = teacher.votes["fold"].values
        held = fold_of_pixels(pixels, samples, fold, reference, both, side)
        told, own = _told(teacher, samples, pixels, fold, held[0], settings)
    lesson = functools.partial(_lesson, pixels[radar], settings)
    bare = samples[radar]
    votes = xr.zeros_like(teacher.votes)
    with step("student, block by block"):
        for number in np.unique(fold):
            away = (held[0] != number) & (held[1] != number)
            labels = np.where(held[0] >= 0, own, told[number])
            model, _ = lesson(labels, away)
            at = np.flatnonzero(fold == number)
            votes[at] = model.predict_proba(learn.frame(bare.isel(sample=at)))
    with step("student"):
        elsewhere = np.where(held[0] >= 0, own, pixels["chance"].values)
        student, kept = lesson(elsewhere, np.ones(len(elsewhere), bool))
    learnt = _judged(student, bare, votes, settings)
    noise = {"method": settings.noise, **student.noise_}
    given = None if settings.teacher is None else Path(settings.teacher)
    return learnt, Taught(teacher, probability, given, pixels.sizes["sample"], kept, noise)


def _eyes(stack: xr.Dataset, settings: MappingSettings, radar: list[str]) -> xr.Dataset:
    """What the teacher sees: all but the radar, or what an earlier map was made of."""
    if settings.teacher is None:
        return stack.drop_vars(radar)
    folder = Path(settings.teacher)
    model = learn.load_model(folder / "model.npz")
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        names = model.model.feature_names_in_
    return store.open_cube(folder / "features.zarr")[[str(name) for name in names]]


def _as_teacher(samples: xr.Dataset) -> xr.Dataset:
    names = [str(name) for name in samples.data_vars if str(name).startswith(EYES)]
    return samples[names].rename({name: name.removeprefix(EYES) for name in names})


def _taught_map(
    teacher: Learnt, seen: xr.Dataset, settings: MappingSettings, folder: Path
) -> xr.DataArray:
    if settings.teacher is not None:
        path = Path(settings.teacher) / "probability.zarr"
        return store.open_cube(path, name="probability")
    learn.save_model(teacher.model, folder / "teacher.npz", provenance={"taught": "a student"})
    return store.to_zarr(
        learn.predict_proba(teacher.model, seen),
        folder / "teacher.zarr",
        name="probability",
        overwrite=True,
    )


def _told(
    teacher: Learnt,
    samples: xr.Dataset,
    pixels: xr.Dataset,
    fold: Any,
    held: Any,
    settings: MappingSettings,
) -> tuple[Any, Any]:
    """Chance of a mine at each pixel by a teacher without each fold, and without its own."""
    fit = functools.partial(
        learn.fit_forest,
        trees=teacher.trees,
        bag=teacher.bag,
        mode=settings.mode,
        seed=settings.seed,
        n_jobs=-1,
    )
    lessons = _as_teacher(samples)[list(teacher.samples.data_vars)]
    table = learn.frame(_as_teacher(pixels).assign_coords(label=pixels["polygon"]))
    table = table[list(map(str, teacher.samples.data_vars))]
    calibrated = isinstance(teacher.model, CalibratedModel)
    told = []
    for number in np.unique(fold):
        model = fit(lessons.isel(sample=np.flatnonzero(fold != number)))
        chance = model.predict_proba(table)
        told.append((teacher.model.curves(chance) if calibrated else chance)[:, 1])
    without = np.array(told)
    return without, without[np.maximum(held, 0), np.arange(len(held))]


def _lesson(
    pixels: xr.Dataset, settings: MappingSettings, chance: Any, at: Any
) -> tuple[Any, dict[int, int]]:
    """A student of some pixels and what the teacher says of them."""
    here = np.flatnonzero(at)
    some = pixels.isel(sample=here)
    said = xr.DataArray(
        np.stack([1 - chance[here], chance[here]], axis=1),
        {"class": [0, 1]},
        ("sample", "class"),
    )
    labelled = noisy.pseudo_label(some, said, keep=settings.keep)
    codes, many = np.unique(labelled["label"], return_counts=True)
    kept = {int(code): int(number) for code, number in zip(codes, many, strict=True)}
    if len(kept) < 2:
        message = (
            f"the teacher finds {'mines' if 1 in kept else 'no mine'} wherever it is asked, which "
            "teaches nothing; look at its map, or give one of a larger area (bbox)"
        )
        raise ValueError(message)
    model = noisy.fit_student(
        labelled,
        noise=settings.noise,
        fit=_student(settings),
        split=learn.PolygonSplit(settings.folds, seed=settings.seed),
        seed=settings.seed,
    )
    return model, kept


def _student(settings: MappingSettings) -> Callable[[xr.Dataset], Any]:
    if settings.student == "boosting":
        return functools.partial(learn.fit_boosting, seed=settings.seed)
    return functools.partial(
        learn.fit_forest, trees=TREES, min_leaf=LEAF, seed=settings.seed, n_jobs=-1
    )


def _judged(
    student: Any, samples: xr.Dataset, votes: xr.DataArray, settings: MappingSettings
) -> Learnt:
    """Calibrate and cut a student on trusted polygons of blocks that it has not seen."""
    probability, told, model = votes, votes, student
    figures = {"before": _figures(votes)}
    if settings.calibration != "none":
        calibration = learn.calibrate(votes, method=settings.calibration)
        probability = calibration.held_out
        figures["after"] = _figures(probability)
        told = votes.copy(data=calibration.curves(votes.transpose("sample", "class").values))
        model = calibration.of(student)
    forest = settings.student == "forest"
    return Learnt(
        samples=samples,
        left_out=[],
        trees=TREES if forest else 0,
        bag=0.6,
        model=model,
        votes=votes,
        probability=probability,
        told=told,
        threshold=threshold_of(told, settings),
        mapped=mapped_unseen(votes, probability, settings),
        importances=learn.importances(student) if forest else pd.Series(dtype=np.float64),
        figures=figures,
    )


def _figures(probability: xr.DataArray) -> dict[str, float]:
    table = learn.reliability(probability)
    return {name: table.attrs[name] for name in ("calibration_error", "brier")}


def with_blocks(settings: MappingSettings, box: GeoBox) -> MappingSettings:
    """The same run with the side of its blocks told.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    box : odc.geo.geobox.GeoBox
        Its grid.

    Returns
    -------
    MappingSettings
        With ``block``.
    """
    return dataclasses.replace(settings, block=block_side(settings, box))
