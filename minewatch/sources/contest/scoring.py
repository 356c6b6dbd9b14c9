"""Mean intersection over union as the baselines of the contest print it."""

from __future__ import annotations

import math
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch.conventions import Layer, conform
from minewatch.metrics import confusion, iou, mean_iou
from minewatch.sources.contest.class_tables import TRACK1_CLASSES, TRACK2_CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["evaluate"]

TABLES = {"track1": TRACK1_CLASSES, "track2": TRACK2_CLASSES}
MEAN = Layer("mean_iou", "mean intersection over union", dtype="float64")
TABLE = Layer("confusion", "how often each reference class was mapped as each class", dtype="int64")


def evaluate(
    reference: Iterable[Any],
    predicted: Iterable[Any],
    *,
    convention: Literal["default", "track1", "track2"] = "default",
    classes: Mapping[str, int] | Sequence[int] | None = None,
    batch: int = 1,
    ignore_classes: Sequence[int] = (),
) -> xr.Dataset:
    """Score maps of many images against their labels, the way of either baseline. Computes.

    ``"track1"`` scores batch by batch: a class that the labels of a batch lack is skipped in it, so
    that false alarms of it go unpunished, and class 0 always is; the figures of the batches are
    averaged by their numbers of images. So the figure depends on how images are batched.
    ``"track2"`` adds all images up; a class that occurs nowhere counts as 0. ``"default"`` adds
    them up too and leaves such a class out.

    Parameters
    ----------
    reference, predicted : iterable of array, or array
        Codes of one image after the other, (row, column) each, or (chip, row, column); as many on
        both sides. 255 in uint8 is unknown, as is NaN, and left out. One batch is in memory at a
        time.
    convention : {"default", "track1", "track2"}
        As :func:`minewatch.metrics.mean_iou` has them.
    classes : mapping of str to int, or sequence of int, optional
        Codes, background first; by default those of the track.
    batch : int
        Images of a batch; only track 1 takes notice. Its baseline scores with the batches that it
        trains with.
    ignore_classes : sequence of int
        Codes that do not enter the mean.

    Returns
    -------
    xarray.Dataset
        ``mean_iou``, float64; ``iou`` (class) and ``confusion`` (reference, predicted) of all
        images together; attributes ``convention``, ``images``, ``batches``, ``left_out`` (unknown
        pixels) and ``empty_batches``, which have no class to score and are left out: with one such
        batch the baseline prints NaN.

    Raises
    ------
    ValueError
        If images do not match in number or size, or hold codes that are no classes.

    See Also
    --------
    minewatch.metrics.mean_iou : of a table.

    References
    ----------
    Metrics of the baselines DFC2025-OEM-SAR-Baseline (``source/metrics.py``, ``source/runner.py``)
    and BRIGHT (``util_func/metrics.py``).

    Examples
    --------
    >>> labels = np.array([[[1, 1, 2, 2]], [[1, 1, 1, 1]]], "uint8")
    >>> mapped = np.array([[[1, 1, 2, 1]], [[1, 1, 2, 2]]], "uint8")
    >>> scored = evaluate(labels, mapped, convention="track1", classes=[0, 1, 2])
    >>> float(scored.mean_iou)  # (2/3 + 1/2) / 2 of the first; of the second class 1 alone
    0.541667
    >>> scored = evaluate(labels, mapped, convention="track1", classes=[0, 1, 2], batch=2)
    >>> float(scored.mean_iou), scored.iou.values
    (0.410714, array([  nan, 0.571429, 0.25 ]))
    """
    codes = _codes(classes, convention)
    if batch < 1:
        message = f"evaluate needs batches of 1 image or more, got {batch}; use batch=1"
        raise ValueError(message)
    total = np.zeros((len(codes), len(codes)), np.int64)
    figures, loads, left_out = [], [], 0
    for one, other in _batches(reference, predicted, batch):
        tables = [
            confusion(first, second, classes=codes)
            for first, second in zip(one, other, strict=True)
        ]
        left_out += sum(table.attrs["left_out"] for table in tables)
        table = np.sum([table.values for table in tables], axis=0)
        total += table
        loads.append(len(tables))
        if convention == "track1":
            figures.append(
                mean_iou(_named(table, codes), convention="track1", ignore_classes=ignore_classes)
            )
    if not loads:
        message = "evaluate was given no images; give labels and maps of at least one"
        raise ValueError(message)
    whole = _named(total, codes)
    if convention == "track1":
        figure = _weighted(figures, loads)
    else:
        figure = mean_iou(whole, convention=convention, ignore_classes=ignore_classes)
    found = {
        "mean_iou": conform(xr.DataArray(figure), MEAN),
        "iou": iou(whole),
        "confusion": conform(whole, TABLE),
    }
    told = {
        "convention": convention,
        "images": sum(loads),
        "batches": len(loads),
        "left_out": left_out,
        "empty_batches": sum(math.isnan(each) for each in figures),
    }
    return xr.Dataset(found, attrs=told)


def _codes(classes: Mapping[str, int] | Sequence[int] | None, convention: str) -> list[int]:
    if convention not in ("default", *TABLES):
        message = f"evaluate knows 'default', 'track1' and 'track2', got {convention!r}"
        raise ValueError(message)
    if classes is None:
        if convention not in TABLES:
            message = (
                "evaluate needs classes where no track tells them; give classes=TRACK1_CLASSES"
            )
            raise ValueError(message)
        classes = TABLES[convention]
    values = classes.values() if hasattr(classes, "values") else classes
    return [int(code) for code in values]


def _named(table: Any, codes: list[int]) -> xr.DataArray:
    return xr.DataArray(table, {"reference": codes, "predicted": codes}, ("reference", "predicted"))


def _batches(
    reference: Iterable[Any], predicted: Iterable[Any], batch: int
) -> Iterator[tuple[list[Any], list[Any]]]:
    """Some images of either side at a time."""
    nothing = object()
    pairs = zip_longest(reference, predicted, fillvalue=nothing)
    while some := list(islice(pairs, batch)):
        if any(nothing is image for pair in some for image in pair):
            message = "evaluate needs as many maps as labels, one side ended before the other; "
            message += "give them in the same order"
            raise ValueError(message)
        yield [one for one, _ in some], [other for _, other in some]


def _weighted(figures: list[float], loads: list[int]) -> float:
    """Mean over batches by their numbers of images, without those that have nothing to score."""
    kept = [(figure, load) for figure, load in zip(figures, loads, strict=True) if figure == figure]
    images = sum(load for _, load in kept)
    return sum(figure * load for figure, load in kept) / images if images else math.nan
