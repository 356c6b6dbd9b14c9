r"""Tonnes of ore a square metre of active ground, and what they say of years without a report.

.. math:: k = \frac{1}{n} \sum_y \frac{P_y}{A_y}, \qquad \hat P_y = k A_y, \qquad
          \sigma(\hat P_y) = A_y s_k

Jolleys and Duddy (2023), Climate TRACE methodology for mining and quarrying.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from minewatch.estimates.tables import (
    LADDER,
    numbers,
    spread,
    unique_rows,
    whole_years,
    with_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

__all__ = ["outside", "production"]

METHODS = ("mean_of_ratios", "ratio_of_sums")
KEYS = ["mine", "year"]
MADE = [
    "area_m2", "production_t", "production_std_t", "production_lower_t", "production_upper_t",
    "t_per_m2", "t_per_m2_std", "source", "confidence",
]  # fmt: skip


class Rate(NamedTuple):
    """Tonnes a square metre: its value, its spread, the areas behind it, and how well known."""

    value: float
    std: float
    n: int
    least: float
    most: float
    source: str
    confidence: str


def production(
    areas: pd.DataFrame,
    reported: pd.DataFrame | None = None,
    *,
    method: Literal["mean_of_ratios", "ratio_of_sums"] = "mean_of_ratios",
    extrapolate: bool = False,
    reach: float = 1.5,
    reported_error: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Ore of each mine and year: as reported, else from its active area.

    A year without a report takes the rate k of the mine's own reported years, the mean of P/A or
    ΣP/ΣA. A mine without any report takes the mean of the rates of the other mines. The spread
    :math:`s_k` is the standard deviation (n − 1) of the ratios P/A, or of the rates of the mines;
    of a single one it is unknown. Of two or three years it is a poor guess, often much too small;
    the interval allows for that,

    .. math:: \hat P_y \pm t_{n-1} \, s_k \sqrt{1 + 1/n} \, A_y

    That production is proportional to active area is known where it was seen. Areas more than
    `reach` times beyond those behind the rate get no estimate unless `extrapolate` says so.

    Parameters
    ----------
    areas : pandas.DataFrame
        ``mine``, ``year``, ``area_m2``: active ground, e.g. ``year_area`` of
        :func:`minewatch.activity.colour_counts`. Further columns (``country``, ``region``) are
        passed on.
    reported : pandas.DataFrame, optional
        ``mine``, ``year``, ``production_t``: tonnes of ore (:func:`to_ore` for other products).
        ``production_std_t``, ``source`` and ``confidence`` are taken from here if there.
    method : {"mean_of_ratios", "ratio_of_sums"}
        How the ratios of a mine make its rate: the first is that of the source.
    extrapolate : bool
        Whether to use a rate whatever the area.
    reach : float
        How far beyond the areas behind a rate it is used, as a factor; 1 keeps within them. The
        choice of 1.5 is minewatch's own.
    reported_error : float, optional
        Relative standard deviation of reported figures that come without ``production_std_t``;
        0 takes them as exact. Without it their error is unknown, and that of their emissions too.
    level : float
        Level of the interval.

    Returns
    -------
    pandas.DataFrame
        One row for each mine and year of either table: ``mine``, ``year``, ``area_m2``,
        ``production_t``, ``production_std_t`` (:math:`A s_k`, as the source has it),
        ``production_lower_t`` and ``production_upper_t`` (the interval of an estimate; NaN of a
        report), ``t_per_m2``, ``t_per_m2_std`` (of a reported year its own ratio, without
        spread), ``source`` and ``confidence`` (reported: high; estimated:
        medium, or low if the rate rests on production that was itself converted). NaN where there
        is no figure: ``source`` then says why, and ``confidence`` is empty.

    Raises
    ------
    ValueError
        If a column is missing, a value negative, a mine and year given twice, a setting unknown.

    Warns
    -----
    UserWarning
        If a reported year has no active area, so that it gives no ratio; if estimates are refused.

    References
    ----------
    Jolleys and Duddy (2023), Climate TRACE methodology, mining and quarrying.

    Examples
    --------
    >>> areas = pd.DataFrame(
    ...     {"mine": "pit", "year": [2020, 2021, 2022], "area_m2": [10.0, 12.0, 11.0]}
    ... )
    >>> reported = pd.DataFrame({"mine": "pit", "year": [2020, 2021], "production_t": [30.0, 48.0]})
    >>> table = production(areas, reported)
    >>> table[["year", "production_t", "production_std_t", "source"]]
       year  production_t  production_std_t                          source
    0  2020          30.0               NaN                        reported
    1  2021          48.0               NaN                        reported
    2  2022          38.5               7.8  own ratio of 2 reported years
    """
    _check(method, reach, reported_error, level)
    table = _joined(areas, reported)
    if reported_error is not None:
        assumed = reported_error * table["production_t"]
        table["production_std_t"] = table["production_std_t"].fillna(assumed)
    rates = _rates(table, method)
    rows = [_row(row, rates, extrapolate, reach) for row in table.to_dict("records")]
    made = pd.DataFrame(rows, columns=[name for name in MADE if "er_t" not in name])
    made["production_lower_t"], made["production_upper_t"] = _interval(table, made, rates, level)
    result = pd.concat([table[KEYS], made[MADE]], axis=1)
    extra = [name for name in areas.columns if name not in {*KEYS, *MADE}]
    result = pd.concat([result, table[extra]], axis=1)
    refused = int(result["source"].str.startswith("refused").sum())
    if refused:
        warnings.warn(
            f"production refuses {refused} estimates for areas more than {reach:g} times beyond "
            "those that were seen with a report; extrapolate=True makes them all the same",
            UserWarning,
            stacklevel=2,
        )
    result.attrs = {"method": method, "extrapolate": extrapolate, "reach": reach}
    return result


def _check(method: str, reach: float, reported_error: float | None, level: float) -> None:
    if method not in METHODS:
        choices = " and ".join(map(repr, METHODS))
        message = f"production knows the methods {choices}, got method={method!r}"
        raise ValueError(message)
    if not reach >= 1:
        message = f"production needs reach of 1 or more, a factor on areas, got reach={reach}"
        raise ValueError(message)
    if not 0 < level < 1:
        message = f"production needs a level between 0 and 1, got {level}; 0.95 is usual"
        raise ValueError(message)
    if reported_error is not None and not 0 <= reported_error < np.inf:
        message = (
            "production needs reported_error of 0 or more, a share of the figure, got "
            f"{reported_error}; e.g. 0.05"
        )
        raise ValueError(message)


def _joined(areas: pd.DataFrame, reported: pd.DataFrame | None) -> pd.DataFrame:
    """All mines and years of both tables; what is said of a mine in all its rows is filled in."""
    table = with_columns(areas, [*KEYS, "area_m2"], by="production")
    table["year"] = whole_years(table, by="production")
    unique_rows(table, KEYS, by="production")
    table["area_m2"] = numbers(table, "area_m2", by="production")
    table = table.drop(columns=list(set(MADE[1:]) & set(table)))
    given = pd.DataFrame(columns=[*KEYS, "production_t"]) if reported is None else reported
    given = with_columns(given, [*KEYS, "production_t"], by="production (reported)")
    given["year"] = whole_years(given, by="production (reported)")
    unique_rows(given, KEYS, by="production (reported)")
    report = given[KEYS].copy()
    for name in ("production_t", "production_std_t"):
        report[name] = numbers(given, name, by="production (reported)")
    for name, default in (("source", "reported"), ("confidence", "high")):
        report[name] = given[name].fillna(default) if name in given else default
    report = report[report["production_t"].notna()]  # what to_ore could not convert has no level
    if wrong := set(report["confidence"]) - set(LADDER):
        message = f"production knows the confidence {', '.join(LADDER)}, got {sorted(wrong)}"
        raise ValueError(message)
    order = pd.Index(pd.unique(pd.concat([table["mine"], report["mine"]])))
    table = table.merge(report, on=KEYS, how="outer")
    table["place"] = order.get_indexer(table["mine"])
    table = table.sort_values(["place", "year"], ignore_index=True)
    for name in set(areas.columns) - {*KEYS, *MADE}:
        known = table.groupby("mine")[name].transform("first")
        alone = table.groupby("mine")[name].transform("nunique") == 1
        table[name] = table[name].where(table[name].notna() | ~alone, known)
    return table.drop(columns="place")


def _rates(table: pd.DataFrame, method: str) -> dict[str, Rate]:
    """Rate of each mine with reports; under the empty name that of all mines together."""
    both = table[table["production_t"].notna() & table["area_m2"].notna()]
    empty = both[both["area_m2"] == 0]
    if len(empty):
        warnings.warn(
            f"production saw no active ground in {len(empty)} reported years, e.g. "
            f"{empty.iloc[0]['mine']} {empty.iloc[0]['year']}; they give no ratio",
            UserWarning,
            stacklevel=4,
        )
    rates: dict[str, Rate] = {}
    for mine, years in both[both["area_m2"] > 0].groupby("mine", sort=False):
        ratios = years["production_t"] / years["area_m2"]
        value = ratios.mean()
        if method == "ratio_of_sums":
            value = years["production_t"].sum() / years["area_m2"].sum()
        source = f"own ratio of {len(years)} reported year{'s' * (len(years) > 1)}"
        rates[str(mine)] = _rate(value, spread(ratios), len(ratios), years, source)
    if rates:
        values = np.array([rate.value for rate in rates.values()])
        source = f"mean ratio of {len(rates)} mine{'s' * (len(rates) > 1)}"
        seen = both[both["area_m2"] > 0]
        rates[""] = _rate(values.mean(), spread(values), len(values), seen, source)
    return rates


def _rate(value: float, std: float, n: int, years: pd.DataFrame, source: str) -> Rate:
    converted = any(LADDER.index(level) < LADDER.index("high") for level in years["confidence"])
    area = years["area_m2"]
    confidence = "low" if converted else "medium"
    return Rate(float(value), std, n, float(area.min()), float(area.max()), source, confidence)


def _row(
    row: dict[Any, Any], rates: dict[str, Rate], extrapolate: bool, reach: float
) -> Iterable[float | str]:
    area, known = row["area_m2"], row["production_t"]
    if np.isfinite(known):
        ratio = known / area if area > 0 else np.nan
        return area, known, row["production_std_t"], ratio, np.nan, row["source"], row["confidence"]
    rate = rates.get(row["mine"], rates.get(""))
    if rate is None:
        return area, np.nan, np.nan, np.nan, np.nan, "no ratio: no report with an area", ""
    if not np.isfinite(area):
        return area, np.nan, np.nan, rate.value, rate.std, "no area", ""
    if not extrapolate and outside(area, rate.least, rate.most, reach):
        why = f"refused: {area:.6g} m2 is far from {rate.least:.6g} to {rate.most:.6g} m2"
        return area, np.nan, np.nan, rate.value, rate.std, why, ""
    made = rate.value * area
    return area, made, area * rate.std, rate.value, rate.std, rate.source, rate.confidence


def _interval(
    table: pd.DataFrame, made: pd.DataFrame, rates: dict[str, Rate], level: float
) -> npt.NDArray[np.float64]:
    """Lower and upper end for estimates: that of a new draw, whose spread is itself estimated."""
    from scipy import stats

    ends = np.full((2, len(table)), np.nan)
    estimated = table["production_t"].isna() & made["production_t"].notna()
    for i in np.flatnonzero(estimated):
        rate = rates.get(table["mine"][i], rates[""])
        if rate.n > 1:
            t = float(stats.t.ppf((1 + level) / 2, rate.n - 1))
            half = t * rate.std * (1 + 1 / rate.n) ** 0.5
            rated = np.array([max(rate.value - half, 0.0), rate.value + half])
            ends[:, i] = rated * table["area_m2"][i]
    return ends


def outside(area: float, least: float, most: float, reach: float) -> bool:
    """Whether an area lies beyond those that were seen by more than a factor.

    Parameters
    ----------
    area : float
        The area.
    least, most : float
        Those that were seen.
    reach : float
        The factor.

    Returns
    -------
    bool
        True if the area is below least/reach or above most·reach.

    Examples
    --------
    >>> outside(16.0, 8.0, 10.0, 1.5), outside(14.0, 8.0, 10.0, 1.5)
    (True, False)
    """
    return bool(area < least / reach or area > most * reach)
