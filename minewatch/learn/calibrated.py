"""A model whose probabilities have been calibrated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

__all__ = ["CalibratedModel", "Curves", "likeliest"]

KINDS = ("isotonic", "platt")


@dataclass(frozen=True)
class Curves:
    """The curves from a model's probabilities to calibrated ones, as numbers.

    Parameters
    ----------
    method : {"isotonic", "platt"}
        Kind of curve.
    classes : array
        The classes, in the order of the columns.
    knots : tuple of (array, array)
        Of the second of two classes, or of each of more: rising knots and the values there
        (isotonic, linear between them), or slope and intercept of the logit (platt).

    Raises
    ------
    ValueError
        If the numbers are no such curves.

    Examples
    --------
    >>> halved = Curves("isotonic", np.array([0, 1]), (([0.0, 1.0], [0.0, 0.5]),))
    >>> halved(np.array([[0.2, 0.8]]))
    array([[0.6, 0.4]])
    """

    method: str
    classes: npt.NDArray[Any]
    knots: tuple[tuple[Any, Any], ...]

    def __post_init__(self) -> None:
        knots = tuple(tuple(np.asarray(part, np.float64) for part in pair) for pair in self.knots)
        object.__setattr__(self, "knots", knots)
        wanted = 1 if len(self.classes) == 2 else len(self.classes)
        sound = self.method in KINDS and len(knots) == wanted >= 1
        for x, y in knots:
            sound = sound and x.shape == y.shape and x.ndim == 1 and len(x) > 0
            sound = sound and bool(np.isfinite(x).all() and np.isfinite(y).all())
            if self.method == "isotonic":
                sound = sound and bool((np.diff(x) > 0).all() and (np.diff(y) >= 0).all())
                sound = sound and bool(((y >= 0) & (y <= 1)).all())
            else:
                sound = sound and len(x) == 1
        if not sound:
            message = "its calibration is no set of rising curves; calibrate anew"
            raise ValueError(message)

    def __call__(self, proba: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, (sample, class) → (sample, class); NaN stays NaN."""
        given = np.asarray(proba, np.float64)
        if len(self.classes) == 2:
            chance = self._curve(given[:, 1], *self.knots[0])
            return np.stack([1 - chance, chance], axis=1)
        each = [self._curve(given[:, at], *pair) for at, pair in enumerate(self.knots)]
        raw = np.stack(each, axis=1)
        total = raw.sum(axis=1, keepdims=True)
        # Where every curve says no, nothing is known of the class.
        shares = np.full_like(raw, 1 / len(self.classes))
        np.divide(raw, total, out=shares, where=total != 0)
        return shares

    def _curve(self, score: Any, x: Any, y: Any) -> npt.NDArray[np.float64]:
        from scipy.special import expit

        straight = self.method == "isotonic"
        found = np.interp(score, x, y) if straight else expit(x[0] * score + y[0])
        return np.asarray(found, np.float64)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What a file holds of them: where each curve begins, knots and values."""
        return {
            "calibration_starts": np.cumsum([0, *(len(x) for x, _ in self.knots)]).astype(np.int64),
            "calibration_x": np.concatenate([x for x, _ in self.knots]),
            "calibration_y": np.concatenate([y for _, y in self.knots]),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], method: str, classes: Any) -> Curves:
        """Build them from what a file holds.

        Raises
        ------
        ValueError
            If the numbers are no such curves.
        """
        starts, x, y = (arrays[f"calibration_{name}"] for name in ("starts", "x", "y"))
        bounds = (int(starts[0]), int(starts[-1]), len(y))
        if len(starts) < 2 or bounds != (0, len(x), len(x)) or (np.diff(starts) < 1).any():
            message = "its calibration is no set of curves; calibrate anew"
            raise ValueError(message)
        parts = (np.split(part, starts[1:-1]) for part in (x, y))
        return cls(method, np.asarray(classes), tuple(zip(*parts, strict=True)))


class CalibratedModel:
    """A fitted model and the curves behind it; predicts as any estimator does.

    Parameters
    ----------
    model : object
        Fitted, with ``predict_proba`` and ``classes_``.
    curves : Curves
        From its probabilities to calibrated ones.

    Attributes
    ----------
    classes_ : array
        The classes.

    Raises
    ------
    ValueError
        If model and curves differ in classes.

    See Also
    --------
    Calibration.of : makes one.

    Examples
    --------
    >>> class Model:
    ...     classes_ = np.array([0, 1])
    ...
    ...     def predict_proba(self, table):
    ...         return np.stack([1 - table, table], axis=1)
    >>> curves = Curves("isotonic", np.array([0, 1]), (([0.0, 1.0], [0.0, 0.5]),))
    >>> CalibratedModel(Model(), curves).predict(np.array([0.9]))
    array([0])
    """

    def __init__(self, model: Any, curves: Curves) -> None:
        if list(model.classes_) != list(curves.classes):
            message = (
                f"the model knows classes {list(model.classes_)}, the calibration "
                f"{list(curves.classes)}; calibrate predictions of the same kind of model"
            )
            raise ValueError(message)
        self.model, self.curves = model, curves
        self.classes_ = np.asarray(model.classes_)

    def __repr__(self) -> str:
        return f"CalibratedModel({self.model!r}, {self.curves.method})"

    def __getattr__(self, name: str) -> Any:
        """Features, importances, training domain and the like are the model's own."""
        if name.startswith("__") or name in ("model", "curves"):
            raise AttributeError(name)
        return getattr(self.model, name)

    def set_params(self, **settings: Any) -> CalibratedModel:
        """Set parameters of the model, as scikit-learn's estimators do.

        Parameters
        ----------
        **settings : object
            Of the model.

        Returns
        -------
        CalibratedModel
            With a model of its own that has them.
        """
        import copy

        self.model = copy.copy(self.model).set_params(**settings)
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float64]:
        """Calibrated probability of each class.

        Parameters
        ----------
        X : pandas.DataFrame or array
            As the model takes it.

        Returns
        -------
        array of float64
            (sample, class).
        """
        return self.curves(self.model.predict_proba(X))

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of each sample, the first of several.

        Parameters
        ----------
        X : pandas.DataFrame or array
            As the model takes it.

        Returns
        -------
        array
            Classes.

        Raises
        ------
        ValueError
            If a sample lacks a feature: it has no class.
        """
        return likeliest(self.predict_proba(X), self.classes_)


def likeliest(proba: npt.NDArray[np.float64], classes: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The likeliest class of each sample.

    Parameters
    ----------
    proba : array of float64, shape (samples, classes)
        Probabilities.
    classes : array, shape (classes,)
        The classes.

    Returns
    -------
    array, shape (samples,)
        One class a sample.

    Raises
    ------
    ValueError
        If a sample lacks a feature: it has no class.
    """
    if np.isnan(proba).any():
        message = "a sample that lacks a feature has no class; drop it, or map with "
        message += "minewatch.learn.predict, which leaves it out"
        raise ValueError(message)
    chosen: npt.NDArray[Any] = classes[proba.argmax(axis=1)]
    return chosen
