"""What each sensor is worth by itself, and whether all together are worth more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from minewatch.learn.fold_thresholds import best_on_other_folds
from minewatch.learn.forest import fit_forest
from minewatch.learn.samples import weights_of
from minewatch.learn.splits import PolygonSplit
from minewatch.learn.validation import folds_of, out_of_fold
from minewatch.metrics import grouped_bootstrap, mcnemar
from minewatch.metrics.counts import RATES, counted, rates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt
    import xarray as xr

    from minewatch.learn.validation import Splitter

__all__ = ["ablation", "sensor_sets", "sentence"]

SENSORS = {"S2 only": "s2_", "L8 only": "l8_", "S1 only": "s1_", "PALSAR only": "palsar_"}
SCORES = ("f_beta", "accuracy", "mcc")


def sensor_sets(names: Iterable[str]) -> dict[str, list[str]]:
    """Covariates by sensor, and all of them.

    Parameters
    ----------
    names : iterable of str
        Covariates, e.g. the variables of :func:`minewatch.features.fusion_stack`; the prefix says
        whose they are (``s2_``, ``l8_``, ``s1_``, ``palsar_``). What is no sensor's, such as
        elevation, is in ``"all"`` only.

    Returns
    -------
    dict of str to list of str
        ``"S2 only"``, ``"L8 only"``, ``"S1 only"``, ``"PALSAR only"``, as far as there are any,
        and ``"all"``.

    See Also
    --------
    ablation : compare them.

    Examples
    --------
    >>> sensor_sets(["s2_ndvi", "s1_vv", "s1_vh"])
    {'S2 only': ['s2_ndvi'], 'S1 only': ['s1_vv', 's1_vh'], 'all': ['s2_ndvi', 's1_vv', 's1_vh']}
    """
    every = [str(name) for name in names]
    sets = {
        title: [name for name in every if name.startswith(prefix)]
        for title, prefix in SENSORS.items()
    }
    return {title: members for title, members in sets.items() if members} | {"all": every}


def ablation(
    samples: xr.Dataset,
    sets: Mapping[str, Sequence[str]],
    *,
    fit: Callable[[xr.Dataset], Any] = fit_forest,
    split: Splitter | None = None,
    score: str = "f_beta",
    beta: float = 1.0,
    positive: int = 1,
    threshold: float | None = None,
    repeats: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    notify: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Compare models of several sets of covariates on the same unseen polygons. Computes.

    Every set is fitted and judged on the same folds. A sample is mapped as mine where its
    probability, from a model that has not seen its polygon, reaches a threshold; that of a fold is
    the best one for `score` on the other folds: no sample is among those that the threshold it is
    judged by was chosen on. Figures are of all folds together, weighted by the samples' weights,
    their intervals over whole polygons, or over the blocks that `split` keeps together.

    The set of most covariates is compared with the best of the others, and every other set with
    it. Which is the best of the others is judged on the same polygons, which flatters it a little:
    the gain of all sensors is, if anything, larger than it is said to be.

    Parameters
    ----------
    samples : xarray.Dataset
        From :func:`draw`, with all covariates.
    sets : mapping of str to list of str
        Name → covariates, two sets at least; see :func:`sensor_sets`.
    fit, split
        As in :func:`out_of_fold`.
    score : {"f_beta", "accuracy", "mcc"}
        What is compared.
    beta : float
        Of F: above 1 recall weighs more, below 1 precision does.
    positive : int
        The class that is looked for; all others are the rest.
    threshold : float, optional
        Probability from which on a sample is mapped, instead of the best on the other folds.
    repeats, confidence, seed
        As in :func:`minewatch.metrics.grouped_bootstrap`.
    notify : callable, optional
        Called with the sets done and their number, after each.

    Returns
    -------
    pandas.DataFrame
        A row a set, in the order given: ``covariates`` (their number), ``threshold`` (mean over
        the folds), ``precision, recall, f_beta, accuracy, mcc``; ``lower``, ``upper``: interval of
        `score`; ``against``: the set it is compared with; ``difference``, ``difference_lower``,
        ``difference_upper``: `score` less that of the other set; ``p``: McNemar's test of their
        accuracy with each polygon a witness; ``resolved``: whether the interval of the difference
        leaves out 0. ``attrs`` hold the settings, ``all`` and ``best_single``, the sets compared.

    Raises
    ------
    ValueError
        If there are fewer than two sets, all samples are of one class, or a setting makes no sense.
    KeyError
        If the samples lack a covariate, or no sample is of the class.

    See Also
    --------
    sentence : the outcome in words.
    permutation_importances : what a covariate is worth to a model that has the others.

    Examples
    --------
    >>> import xarray as xr
    >>> rng = np.random.default_rng(0)
    >>> label, polygon = np.repeat([0, 1] * 20, 5), np.repeat(np.arange(40), 5)
    >>> samples = xr.Dataset(
    ...     {name: ("sample", label + rng.normal(size=200)) for name in ("s1_vv", "s2_bsi")},
    ...     {"label": ("sample", label), "polygon": ("sample", polygon)},
    ... )
    >>> table = ablation(samples, sensor_sets(samples), repeats=200, score="accuracy")
    >>> table.covariates.to_dict(), table.against["all"]
    ({'S2 only': 1, 'S1 only': 1, 'all': 2}, 'S2 only')
    """
    members = _require(samples, sets, score, positive, threshold)
    splitter = _Fixed(samples, PolygonSplit() if split is None else split)
    truth = samples["label"].values == positive
    weight = weights_of(samples)
    polygon = splitter.together
    mapped: dict[str, npt.NDArray[np.bool_]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for done, (name, covariates) in enumerate(members.items(), start=1):
        proba = out_of_fold(samples[covariates], fit=fit, split=splitter)
        chance = proba.sel({"class": positive}).values
        fold = proba["fold"].values
        cut = np.full(fold.max() + 1, threshold)
        if threshold is None:
            cut = best_on_other_folds(chance, truth, weight, fold, score=score, beta=beta)
        mapped[name] = chance >= cut[fold]
        counts = counted(mapped[name], truth, weight)
        rows[name] = {"covariates": len(covariates), "threshold": float(cut.mean())}
        rows[name] |= {rate: float(rates(counts, rate, beta=beta)) for rate in RATES}
        if notify is not None:
            notify(done, len(members))
    table = pd.DataFrame.from_dict(rows, orient="index")
    every = max(members, key=lambda name: len(members[name]))
    single = str(table[score].drop(every).astype(float).fillna(-np.inf).idxmax())
    found = grouped_bootstrap(
        truth.astype(np.int64),
        {name: values.astype(np.int64) for name, values in mapped.items()},
        polygon,
        statistic=score,
        beta=beta,
        weight=weight,
        repeats=repeats,
        confidence=confidence,
        seed=seed,
    )
    table["lower"], table["upper"] = found["lower"].values, found["upper"].values
    table["against"] = [single if name == every else every for name in members]
    pairs = {"classifier": list(members), "other": table["against"].tolist()}
    for column in ("difference", "difference_lower", "difference_upper"):
        table[column] = [
            float(found[column].sel(classifier=one, other=other))
            for one, other in zip(pairs["classifier"], pairs["other"], strict=True)
        ]
    table["p"] = [
        mcnemar(truth, mapped[one], mapped[other], groups=polygon)["p"]
        for one, other in zip(pairs["classifier"], pairs["other"], strict=True)
    ]
    table["resolved"] = (table["difference_lower"] > 0) | (table["difference_upper"] < 0)
    table.index.name = "set"
    table.attrs = {
        "score": score,
        "beta": float(beta),
        "confidence": float(confidence),
        "repeats": repeats,
        "folds": len(splitter.folds),
        "polygons": int(found.attrs["groups"]),
        "all": every,
        "best_single": single,
    }
    return table


def _require(
    samples: xr.Dataset,
    sets: Mapping[str, Sequence[str]],
    score: str,
    positive: int,
    threshold: float | None,
) -> dict[str, list[str]]:
    members = {
        str(name): [covariates] if isinstance(covariates, str) else [str(one) for one in covariates]
        for name, covariates in sets.items()
    }
    if len(members) < 2 or not all(members.values()):
        sizes = {name: len(covariates) for name, covariates in members.items()}
        message = f"ablation compares two sets of covariates or more, none empty, got {sizes}"
        raise ValueError(message)
    if score not in SCORES or (threshold is not None and not 0 <= threshold <= 1):
        message = (
            f"ablation knows the scores {list(SCORES)} and thresholds from 0 to 1, got "
            f"score={score!r}, threshold={threshold}; use 'f_beta' and leave out threshold="
        )
        raise ValueError(message)
    have = [str(name) for name in samples.data_vars]
    if lacking := sorted({one for each in members.values() for one in each} - set(have)):
        message = f"the samples have the covariates {have}; the sets name {lacking} besides"
        raise KeyError(message)
    if "polygon" not in samples.coords:
        message = "ablation needs the polygon of each sample; draw them with minewatch.learn.draw"
        raise ValueError(message)
    if positive not in samples["label"].values:
        found = np.unique(samples["label"].values).tolist()
        message = f"ablation was asked for class {positive}, the samples are of {found}"
        raise KeyError(message + "; set positive= to one of them")
    if (samples["label"].values == positive).all():
        message = f"ablation needs samples of two classes, all are of {positive}; draw others too"
        raise ValueError(message)
    return members


class _Fixed:
    """A splitter that gives the same folds to every set of covariates."""

    def __init__(self, samples: xr.Dataset, splitter: Splitter) -> None:
        self.folds = folds_of(samples, splitter)
        self.together = samples["polygon"].values
        if isinstance(splitter, PolygonSplit):
            self.together = splitter.together(samples)
        self.name = repr(splitter)

    def __repr__(self) -> str:
        return self.name

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterator[tuple[Any, Any]]:
        del X, y, groups
        yield from self.folds


def sentence(table: pd.DataFrame) -> str:
    """Whether all sensors together beat the best one, in a sentence.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`ablation`.

    Returns
    -------
    str
        With figures, interval and McNemar's p.

    Raises
    ------
    ValueError
        If the table is not that of :func:`ablation`.

    Examples
    --------
    >>> row = {"f_beta": 0.9, "lower": 0.85, "upper": 0.94, "difference": 0.1, "p": 0.002}
    >>> row |= {"difference_lower": 0.04, "difference_upper": 0.16, "resolved": True}
    >>> table = pd.DataFrame([row | {"covariates": 45}, row | {"f_beta": 0.8, "covariates": 19}])
    >>> table.index = ["all", "S2 only"]
    >>> table.attrs = {"score": "f_beta", "beta": 1.0, "confidence": 0.95, "polygons": 60}
    >>> table.attrs |= {"all": "all", "best_single": "S2 only"}
    >>> print(sentence(table))
    On 60 unseen polygons all (45 covariates) reaches F1 0.900 and S2 only, the best of the others,
    0.800: the gain of 0.100 (95 % interval 0.040 to 0.160) is resolved; McNemar's p of the accuracy
    0.002.
    """
    attrs = table.attrs
    if not {"all", "best_single", "score", "polygons"} <= set(attrs):
        message = "sentence needs the table of minewatch.learn.ablation, with its attrs"
        raise ValueError(message)
    every, other = table.loc[attrs["all"]], table.loc[attrs["best_single"]]
    name = {"f_beta": f"F{attrs['beta']:g}", "mcc": "MCC"}.get(attrs["score"], attrs["score"])
    verdict = "is resolved" if every["resolved"] else "is not resolved"
    kind = "gain" if every["difference"] >= 0 else "loss"
    ends = sorted(
        every[end] if kind == "gain" else -every[end]
        for end in ("difference_lower", "difference_upper")
    )
    chance = "below 0.001" if every["p"] < 0.001 else f"{every['p']:.3f}"
    return (
        f"On {attrs['polygons']} unseen polygons {attrs['all']} "
        f"({int(every['covariates'])} covariates) reaches {name} {every[attrs['score']]:.3f} and "
        f"{attrs['best_single']}, the best of the others, {other[attrs['score']]:.3f}: the {kind} "
        f"of {abs(every['difference']):.3f} ({100 * attrs['confidence']:g} % interval "
        f"{ends[0]:.3f} to {ends[1]:.3f}) {verdict}; McNemar's p of the accuracy {chance}."
    )
