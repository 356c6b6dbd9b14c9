r"""Ore of a mine that never reported, from the active area of mines that did.

``"power"``, the default, is a straight line between logarithms,

.. math:: \ln P = a + b \ln A + \varepsilon, \qquad \varepsilon \sim N(0, \sigma^2)

since mines differ by orders of magnitude and err by a share of their size, not by a number of
tonnes: on the bare values the largest mine alone would set the slope. Predictions are positive, and
b = 1 is production proportional to area, which can so be checked. ``"proportional"`` takes that for
granted: P = k A with the mean k of the mines, a straight line through the origin whose error grows
with area, as :func:`minewatch.estimates.production` does.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd

from minewatch.estimates.output_rates import outside
from minewatch.estimates.tables import numbers, with_columns

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["inventory_regression"]

FEWEST = {"power": 4, "proportional": 3}
"""Mines that a model needs: one more than leaves a spread when one is left out."""


class Line(NamedTuple):
    """A fitted model: enough to predict and to say how well."""

    model: str
    intercept: float
    slope: float
    residual_std: float
    n: int
    centre: float
    squares: float

    def predict(self, area: npt.ArrayLike, confidence: float) -> npt.NDArray[np.float64]:
        """Prediction, lower and upper end of its interval for a new mine; (3, n)."""
        from scipy import stats

        areas = np.asarray(area, "float64")
        if self.model == "proportional":
            t = stats.t.ppf((1 + confidence) / 2, self.n - 1)
            half = t * self.residual_std * np.sqrt(1 + 1 / self.n)
            rates = np.array([self.slope, max(self.slope - half, 0.0), self.slope + half])
            return np.asarray(rates[:, None] * areas)
        logarithm = np.log(areas)
        middle = self.intercept + self.slope * logarithm
        leverage = 1 + 1 / self.n + (logarithm - self.centre) ** 2 / self.squares
        half = stats.t.ppf((1 + confidence) / 2, self.n - 2) * self.residual_std * np.sqrt(leverage)
        return np.asarray(np.exp(np.stack([middle, middle - half, middle + half])))


def inventory_regression(
    inventory: pd.DataFrame,
    *,
    model: Literal["power", "proportional"] = "power",
    confidence: float = 0.95,
    extrapolate: bool = False,
    reach: float = 1.5,
) -> pd.DataFrame:
    r"""Regression of production on active area over mines, with the error of leaving one out.

    Mines with a production fit the line; those without get a prediction. Several rows of a mine
    (its years) are one point of the fit, their (geometric) mean, and are left out together.

    Parameters
    ----------
    inventory : pandas.DataFrame
        ``mine``, ``area_m2`` and ``production_t`` (t ore; empty where unknown). Further columns are
        passed on.
    model : {"power", "proportional"}
        ln P = a + b ln A, or P = k A (see above).
    confidence : float
        Level of the prediction intervals.
    extrapolate : bool
        Whether to predict whatever the area.
    reach : float
        How far beyond the areas of the fit it is used, as a factor.

    Returns
    -------
    pandas.DataFrame
        `inventory` with ``predicted_t``, ``lower_t`` and ``upper_t`` (of a single new mine of that
        area; the power model predicts the median), ``left_out_t`` and ``left_out_error`` (predicted
        without the mine itself, and (predicted − reported)/reported) and ``source`` (``"fitted"``,
        ``"predicted"`` or why there is none). attrs: ``model``, ``mines``, ``slope``,
        ``slope_low``, ``slope_high`` (b or k with its interval), ``intercept`` (a),
        ``residual_std`` (of ln P, or of P/A), ``r_squared``, ``smearing`` (mean of exp ε:
        multiply sums of predictions by it, since medians add up to too little), and of what was
        left out, also where that reaches beyond the other mines: ``left_out_rmse_t``,
        ``left_out_median_error`` (median of the absolute shares) and ``left_out_coverage`` (share
        of rows within their interval). Tonnes are ruled by the large mines, shares by the many:
        both are told.

    Raises
    ------
    ValueError
        If a column is missing, mines are too few or of one area, or a setting is unknown.

    Warns
    -----
    UserWarning
        If predictions are refused.

    References
    ----------
    Draper and Smith (1998), Applied Regression Analysis, ch. 1 and 3; Duan (1983), Smearing
    estimate, J. Am. Stat. Assoc. 78(383), doi:10.1080/01621459.1983.10478017.

    Examples
    --------
    >>> mines = pd.DataFrame(
    ...     {
    ...         "mine": list("abcde"),
    ...         "area_m2": [1e5, 2e5, 4e5, 8e5, 3e5],
    ...         "production_t": [3.3e5, 6.2e5, 1.4e6, 2.5e6, None],
    ...     }
    ... )
    >>> table = inventory_regression(mines)
    >>> round(table.attrs["slope"], 2), round(float(table.predicted_t[4]) / 1e6, 2), table.source[4]
    (0.99, 0.98, 'predicted')
    """
    table = _checked(inventory, model, confidence, reach)
    known = (table["production_t"] > 0) & (table["area_m2"] > 0)
    points = table[known]
    if (mines := points["mine"].nunique()) < FEWEST[model]:
        message = (
            f"inventory_regression needs {FEWEST[model]} mines with area and production for "
            f"model={model!r}, got {mines}; add mines, or estimates.production takes fewer"
        )
        raise ValueError(message)
    line = _fit(points, model)
    usable = table["area_m2"] > 0
    found = np.full((3, len(table)), np.nan)
    found[:, usable] = line.predict(table.loc[usable, "area_m2"], confidence)
    source = np.where(known, "fitted", np.where(usable, "predicted", "no area"))
    least, most = float(points["area_m2"].min()), float(points["area_m2"].max())
    far = [not extrapolate and outside(area, least, most, reach) for area in table["area_m2"]]
    refused = (source == "predicted") & far
    found[:, refused] = np.nan
    why = f"refused: far from {least:.6g} to {most:.6g} m2"
    table["predicted_t"], table["lower_t"], table["upper_t"] = found
    left_out = np.full((3, len(table)), np.nan)
    for _, rows in points.groupby("mine"):
        others = _fit(points.drop(index=rows.index), model)
        left_out[:, rows.index] = others.predict(rows["area_m2"], confidence)
    table["left_out_t"] = left_out[0]
    table["left_out_error"] = left_out[0] / table["production_t"] - 1
    table["source"] = np.where(refused, why, source)
    if refused.any():
        warnings.warn(
            f"inventory_regression refuses {int(refused.sum())} predictions for areas more than "
            f"{reach:g} times beyond {least:.6g} to {most:.6g} m2; extrapolate=True makes them "
            "all the same",
            UserWarning,
            stacklevel=2,
        )
    table.attrs = {"model": model, "confidence": confidence, "mines": int(mines)}
    table.attrs.update(_quality(line, points, confidence))
    table.attrs.update(_left_out(table[known], left_out[:, known]))
    return table


def _checked(inventory: pd.DataFrame, model: str, confidence: float, reach: float) -> pd.DataFrame:
    if model not in FEWEST:
        message = (
            f"inventory_regression knows the models 'power' and 'proportional', got model={model!r}"
        )
        raise ValueError(message)
    if not 0 < confidence < 1 or not reach >= 1:
        message = (
            "inventory_regression needs a confidence between 0 and 1 and reach of 1 or more, got "
            f"{confidence} and {reach}; 0.95 and 1.5 are usual"
        )
        raise ValueError(message)
    columns = ["mine", "area_m2", "production_t"]
    table = with_columns(inventory, columns, by="inventory_regression")
    for name in columns[1:]:
        table[name] = numbers(table, name, by="inventory_regression")
    return table


def _fit(points: pd.DataFrame, model: str) -> Line:
    """One point a mine: the mean of its years, of logarithms or of ratios."""
    if model == "proportional":
        ratio = (points["production_t"] / points["area_m2"]).groupby(points["mine"]).mean()
        return Line(model, 0.0, float(ratio.mean()), float(ratio.std()), len(ratio), 0.0, 0.0)
    logs = _logarithms(points)
    x, y = logs["area_m2"].to_numpy(), logs["production_t"].to_numpy()
    squares = float(((x - x.mean()) ** 2).sum())
    if not squares > 0:
        message = (
            "inventory_regression cannot fit a slope to mines of one area; use "
            "model='proportional' or add mines"
        )
        raise ValueError(message)
    slope = float((x - x.mean()) @ (y - y.mean())) / squares
    intercept = float(y.mean() - slope * x.mean())
    rest = float(((y - intercept - slope * x) ** 2).sum())
    return Line(
        model, intercept, slope, (rest / (len(x) - 2)) ** 0.5, len(x), float(x.mean()), squares
    )


def _logarithms(points: pd.DataFrame) -> pd.DataFrame:
    return points[["area_m2", "production_t"]].transform("log").groupby(points["mine"]).mean()


def _quality(line: Line, points: pd.DataFrame, confidence: float) -> dict[str, float]:
    from scipy import stats

    per_mine = points[["area_m2", "production_t"]].groupby(points["mine"]).mean()
    if line.model == "proportional":
        error, freedom = line.residual_std / line.n**0.5, line.n - 1
        shares = per_mine["production_t"] / (line.slope * per_mine["area_m2"])
        deviation = per_mine["production_t"] - line.slope * per_mine["area_m2"]
        total = per_mine["production_t"] - per_mine["production_t"].mean()
    else:
        error, freedom = line.residual_std / line.squares**0.5, line.n - 2
        logs = _logarithms(points)
        deviation = logs["production_t"] - line.intercept - line.slope * logs["area_m2"]
        total = logs["production_t"] - logs["production_t"].mean()
        shares = deviation.transform("exp")
    half = float(stats.t.ppf((1 + confidence) / 2, freedom)) * error
    sum_of_squares = float((total**2).sum())
    return {
        "slope": line.slope,
        "slope_low": line.slope - half,
        "slope_high": line.slope + half,
        "intercept": line.intercept,
        "residual_std": line.residual_std,
        "r_squared": 1 - float((deviation**2).sum()) / sum_of_squares
        if sum_of_squares > 0
        else float("nan"),
        "smearing": 1.0 if line.model == "proportional" else float(shares.mean()),
    }


def _left_out(known: pd.DataFrame, found: npt.NDArray[np.float64]) -> dict[str, float]:
    reported = known["production_t"].to_numpy()
    inside = (found[1] <= reported) & (reported <= found[2])
    return {
        "left_out_rmse_t": float(np.sqrt(np.mean((found[0] - reported) ** 2))),
        "left_out_median_error": float(known["left_out_error"].abs().median()),
        "left_out_coverage": float(inside.mean()),
    }
