"""From a patch set to a detector, and what it makes of patches it has not seen."""

from __future__ import annotations

import dataclasses
import importlib.util
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from minewatch import learn, metrics
from minewatch.learn.networks import require_onnxruntime, require_torch
from minewatch.workflows.detecting_epochs import epoch_told
from minewatch.workflows.outputs import SO_FAR

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.detecting_settings import DetectTrainSettings
    from minewatch.workflows.outputs import Notify

__all__ = ["THRESHOLDS", "Taught", "check_teaching", "patch_scores", "taught_by"]

THRESHOLDS = (0.5, 0.8, 0.9)
"""Probabilities at which a detector is scored; the last two are those of the paper."""

OF_NETWORKS = (
    "padding", "loss", "gamma", "alpha", "epochs", "batch", "rate", "augment", "early_stopping",
    "best_epoch",
)  # fmt: skip
"""Settings that nothing but a network heeds."""

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class Taught:
    """A detector and what it says of all patches.

    Parameters
    ----------
    detector : object
        It has ``predict_proba`` and tells its ``size``, ``channels``, ``history_``.
    table : pandas.DataFrame
        A row for each patch: ``point``, ``date``, ``label``, ``part`` (train, validation or test),
        ``x``, ``y``, ``probability``.
    overlapping : int
        Patches to test on that share ground with one that was learnt from.
    warned : list of str
        What the split warned of.
    """

    detector: Any
    table: pd.DataFrame
    overlapping: int
    warned: list[str]

    @property
    def held_out(self) -> pd.DataFrame:
        """Rows of the patches that nothing was learnt or chosen by."""
        return self.table[self.table["part"] == "test"]


def check_teaching(settings: DetectTrainSettings) -> None:
    """Refuse settings that mean nothing, and kinds that cannot be taught here.

    Parameters
    ----------
    settings : DetectTrainSettings
        The run.

    Raises
    ------
    ValueError
        If one means nothing; says what would.
    ImportError
        If what the kind needs is not installed.

    Warns
    -----
    UserWarning
        If one is given that the kind does not heed.

    Examples
    --------
    >>> from minewatch.workflows import DetectTrainSettings
    >>> check_teaching(DetectTrainSettings("catalog.json", "points.geojson", test_size=1.0))
    Traceback (most recent call last):
    ...
    ValueError: test_size=1.0 is out of range; use a share between 0 and 1, e.g. 0.2
    """
    window, floor = settings.lee_window, settings.floor
    for name, holds, wanted in (
        ("size", settings.size >= 2 and settings.size % 2 == 0, "an even number, e.g. 104"),
        ("looks", 0 < settings.looks < math.inf, "more than 0, e.g. 4.4"),
        ("lee_window", window >= 1 and window % 2 == 1, "an odd number, 3, or 1 for no filter"),
        ("floor", floor is None or math.isfinite(floor), "decibels, e.g. -40"),
        ("resolution", 0 < settings.resolution < math.inf, "a pixel size above 0, e.g. 10"),
        ("gamma", 0 <= settings.gamma < math.inf, "0 or more, e.g. 2"),
        ("alpha", 0 < settings.alpha <= 1, "a weight above 0, up to 1, e.g. 0.25"),
        ("epochs", settings.epochs >= 1, "1 or more"),
        ("batch", settings.batch >= 1, "1 or more"),
        ("rate", 0 < settings.rate < math.inf, "a number above 0, e.g. 0.001"),
        (
            "early_stopping",
            settings.early_stopping is None or settings.early_stopping >= 1,
            "1 epoch or more",
        ),
        ("block_size", 0 < settings.block_size < math.inf, "metres above 0, e.g. 5200"),
        ("test_size", 0 < settings.test_size < 1, "a share between 0 and 1, e.g. 0.2"),
        ("seed", settings.seed >= 0, "0 or more"),
    ):
        if not holds:
            message = f"{name}={getattr(settings, name)} is out of range; use {wanted}"
            raise ValueError(message)
    if settings.kind == "texture":
        _warn_of_idle(settings)
        if importlib.util.find_spec("skops") is None:
            message = (
                "a detector of texture is kept by skops, which is not installed; "
                "pip install 'minewatch[models]'"
            )
            raise ImportError(message)
        return
    try:
        require_torch("a detector of kind network")
        require_onnxruntime("a detector of kind network")
    except ImportError as error:
        message = f"{error}; or say --kind texture, which works without"
        raise ImportError(message) from error


def _warn_of_idle(settings: DetectTrainSettings) -> None:
    """Tell which settings were given for nothing: trees have no epochs."""
    usual = {field.name: field.default for field in dataclasses.fields(settings)}
    idle = [name for name in OF_NETWORKS if getattr(settings, name) != usual[name]]
    if idle:
        warnings.warn(
            f"a detector of kind texture is no network, so {', '.join(idle)} change nothing; leave "
            "them out, or say --kind network",
            UserWarning,
            stacklevel=3,
        )


def taught_by(patches: xr.Dataset, settings: DetectTrainSettings, *, notify: Notify) -> Taught:
    """Split the patches, fit the detector, ask it about all of them.

    Where patches choose the epoch (``early_stopping``, ``best_epoch``), these are held back from
    the ones to learn from; those to test on choose nothing.

    Parameters
    ----------
    patches : xarray.Dataset
        From :func:`minewatch.learn.patches.extract`.
    settings : DetectTrainSettings
        The run.
    notify : callable
        Is told of each epoch, with its loss and scores: :func:`epoch_told`.

    Returns
    -------
    Taught
        The detector, and what it says.

    Raises
    ------
    ValueError
        If the patches cannot be split so.
    """
    how: dict[str, Any] = {
        "by": settings.split,
        "block_size": settings.block_size,
        "test_size": settings.test_size,
        "seed": settings.seed,
    }
    numbered = patches.assign_coords(number=("patch", np.arange(patches.sizes["patch"])))
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", UserWarning)
        learnt, test = learn.patches.split(numbered, **how)
        watched = test
        if settings.kind == "network" and (settings.early_stopping or settings.best_epoch):
            learnt, watched = learn.patches.split(learnt, **how)
    warned = list(dict.fromkeys(str(one.message) for one in heard))
    for text in warned:
        warnings.warn(text, UserWarning, stacklevel=2)
    detector = _fit(learnt, watched, settings, notify)
    part = np.full(patches.sizes["patch"], "train", dtype=object)
    part[watched["number"].values] = "validation"
    part[test["number"].values] = "test"
    columns = {
        "point": patches["point"].values,
        "date": _dates(patches),
        "label": patches["label"].values,
        "part": part,
        "x": patches["x"].values,
        "y": patches["y"].values,
        "probability": detector.predict_proba(patches["patches"].values),
    }
    return Taught(detector, pd.DataFrame(columns), int(test.attrs.get("overlapping", 0)), warned)


def _dates(patches: xr.Dataset) -> Any:
    if "time" not in patches.coords:
        return ""
    return np.datetime_as_string(patches["time"].values, unit="D")


def _fit(
    learnt: xr.Dataset, watched: xr.Dataset, settings: DetectTrainSettings, notify: Notify
) -> Any:
    if settings.kind == "texture":
        return learn.patches.fit_textures(learnt, seed=settings.seed)

    seen = 0

    def told(row: dict[str, float]) -> None:
        nonlocal seen
        seen = int(row["epoch"])
        notify(f"epochs{SO_FAR}{epoch_told(row)}", seen, settings.epochs)

    network = learn.patches.fit_network(
        learnt,
        validation=watched,
        padding=settings.padding,
        loss=settings.loss,
        gamma=settings.gamma,
        alpha=settings.alpha,
        epochs=settings.epochs,
        batch=settings.batch,
        rate=settings.rate,
        augment=settings.augment,
        early_stopping=settings.early_stopping,
        best_epoch=settings.best_epoch,
        seed=settings.seed,
        notify=told,
    )
    if seen < settings.epochs:
        notify("epochs", seen, seen)
    return network


def patch_scores(table: pd.DataFrame, *, seed: int = 0) -> list[dict[str, Any]]:
    """How well mines are told from the rest, at several thresholds.

    Parameters
    ----------
    table : pandas.DataFrame
        ``label``, ``probability`` and ``point`` of patches; those of no probability are left out.
    seed : int
        Of the draws of points that the interval comes from.

    Returns
    -------
    list of dict
        A row for each threshold: ``threshold, tp, fp, fn, tn, precision, recall, f1`` and
        ``f1_lower, f1_upper``, an interval of 95 % over whole points (NaN if a label has fewer
        than two). A patch counts as a mine if its probability is strictly greater. F1 is 0 where no
        mine is found, with or without false alarms.

    Examples
    --------
    >>> table = pd.DataFrame({"label": [1, 0], "probability": [0.9, 0.6], "point": [0, 1]})
    >>> [row["precision"] for row in patch_scores(table)[:2]]
    [0.5, 1.0]
    """
    known = table[table["probability"].notna()]
    truth = known["label"].to_numpy().astype(np.int64)
    enough = min(known[truth == label]["point"].nunique() for label in (0, 1)) >= 2
    rows = []
    for threshold in THRESHOLDS:
        called = (known["probability"].to_numpy() > threshold).astype(np.int64)
        counts = {
            "tp": int(((called == 1) & (truth == 1)).sum()),
            "fp": int(((called == 1) & (truth == 0)).sum()),
            "fn": int(((called == 0) & (truth == 1)).sum()),
            "tn": int(((called == 0) & (truth == 0)).sum()),
        }
        found = metrics.scores(**counts)
        wrong = counts["fp"] + counts["fn"]
        lower = upper = math.nan
        if enough:
            drawn = metrics.grouped_bootstrap(truth, called, known["point"].to_numpy(), seed=seed)
            lower, upper = float(drawn["lower"]), float(drawn["upper"])
        rows.append(
            {
                "threshold": threshold,
                **counts,
                **{name: found[name] for name in ("precision", "recall")},
                "f1": 2 * counts["tp"] / (wrong + 2 * counts["tp"] or math.nan),
                "f1_lower": lower,
                "f1_upper": upper,
            }
        )
    return rows
