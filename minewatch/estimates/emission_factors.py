r"""Tonnes of CO2 equivalent of a mine's ore, how sure of them one may be, and their error.

.. math:: E = P \cdot EF, \qquad
          \sigma_E^2 = P^2 \sigma_{EF}^2 + EF^2 \sigma_P^2 + \sigma_P^2 \sigma_{EF}^2

the exact variance of a product of independent quantities (Goodman 1960). Factors, their levels and
the ladder of confidence follow Jolleys and Duddy (2023), Climate TRACE methodology.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from minewatch.estimates.tables import lesser, numbers, spread, with_columns

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LEVELS", "emissions"]

LEVELS = {"asset": "medium", "national": "low", "regional": "very_low"}
"""Level of an emission factor, the nearest first, and the confidence it deserves."""

PLACES = {"asset": "mine", "national": "country", "regional": "region"}
METHODS = ("goodman", "first_order", "climatetrace_literal")
FACTOR, STD = "factor_tco2e_per_t", "std"


class Factor(NamedTuple):
    """An emission factor and where it comes from."""

    value: float
    std: float
    level: str


def emissions(
    production: pd.DataFrame,
    factors: pd.DataFrame,
    *,
    method: Literal["goodman", "first_order", "climatetrace_literal"] = "goodman",
    country: str | None = None,
    region: str | None = None,
) -> pd.DataFrame:
    r"""Greenhouse gas emissions of ore: production times the nearest emission factor known.

    The mine's own factor; without one the mean of its country, without that of its region. Of
    several factors of a level the mean is taken, with their standard deviation (n − 1); a single
    one has the error that the table gives it, else an unknown one. A country or region without
    factors of its own takes the mean over the mines of the table that lie in it, each once. Factors
    of a year count for that year; if there is none for it, those without a year; if there is none
    of these either, those of other years.

    Parameters
    ----------
    production : pandas.DataFrame
        From :func:`minewatch.estimates.production`: ``mine``, ``year``, ``production_t`` (t ore),
        and if known ``production_std_t``, ``confidence``, ``country`` (ISO 3166-1 alpha-3),
        ``region``.
    factors : pandas.DataFrame
        ``level`` (``"asset"``, ``"national"`` or ``"regional"``), ``key`` (name of the mine,
        country or region), ``factor_tco2e_per_t`` (t CO2e per t ore), and if known
        ``std``, ``year``, and for assets the ``country`` and ``region`` they lie in.
    method : {"goodman", "first_order", "climatetrace_literal"}
        Standard deviation of the product: exact for independent quantities; without its last
        term; or σ_P σ_EF, which is what the source's words say, and vanishes where either is known
        exactly.
    country, region : str, optional
        Of mines whose row in `production` does not tell.

    Returns
    -------
    pandas.DataFrame
        `production` with ``emission_factor``, ``emission_factor_std`` (t CO2e per t ore),
        ``factor_level`` (empty where there is none), ``emissions_tco2e``, ``emissions_std``,
        ``activity_confidence`` (that of the production), ``factor_confidence`` (asset: medium,
        national: low, regional: very_low) and ``confidence``, the lesser of the two. NaN where the
        production or the factor is unknown.

    Raises
    ------
    ValueError
        If a column is missing, a value negative, a level or the method unknown.

    References
    ----------
    Goodman (1960), On the exact variance of products, J. Am. Stat. Assoc. 55(292),
    doi:10.1080/01621459.1960.10483369; Jolleys and Duddy (2023), Climate TRACE methodology.

    Examples
    --------
    >>> ore = pd.DataFrame(
    ...     {
    ...         "mine": ["pit"],
    ...         "year": [2021],
    ...         "production_t": [10.0],
    ...         "production_std_t": [2.0],
    ...         "confidence": ["medium"],
    ...     }
    ... )
    >>> factors = pd.DataFrame(
    ...     {
    ...         "level": ["asset"],
    ...         "key": ["pit"],
    ...         "factor_tco2e_per_t": [3.0],
    ...         "std": [0.5],
    ...     }
    ... )
    >>> emissions(ore, factors)[["emissions_tco2e", "emissions_std", "confidence"]]
       emissions_tco2e  emissions_std confidence
    0             30.0          7.874     medium
    """
    if method not in METHODS:
        choices = ", ".join(map(repr, METHODS))
        message = f"emissions knows the methods {choices}, got method={method!r}"
        raise ValueError(message)
    table = with_columns(production, ["mine", "year", "production_t"], by="emissions")
    known = _factors(factors)
    for name, default in (("country", country), ("region", region)):
        given = table[name] if name in table else pd.Series(None, table.index, dtype="object")
        table[name] = given.astype("object").where(given.notna(), default)
    found = [_nearest(known, row) for row in table.to_dict("records")]
    ore = numbers(table, "production_t", by="emissions").to_numpy()
    error = numbers(table, "production_std_t", by="emissions").to_numpy()
    factor, factor_error = (
        np.array([getattr(each, name) for each in found], "float64") for name in ("value", "std")
    )
    table["emission_factor"], table["emission_factor_std"] = factor, factor_error
    table["factor_level"] = [each.level for each in found]
    table["emissions_tco2e"] = ore * factor
    table["emissions_std"] = _error(ore, error, factor, factor_error, method)
    given = table["confidence"] if "confidence" in table else pd.Series("", table.index)
    table["activity_confidence"] = given.fillna("")
    table["factor_confidence"] = [LEVELS.get(each.level, "") for each in found]
    pairs = zip(table["activity_confidence"], table["factor_confidence"], strict=True)
    table["confidence"] = [lesser(*pair) for pair in pairs]
    places = [name for name in ("country", "region") if table[name].isna().all()]
    last = ["activity_confidence", "factor_confidence", "confidence"]
    order = [name for name in table if name not in {*last, *places}]
    table = table[[*order, *last]]
    table.attrs = {"method": method}
    return table


def _factors(factors: pd.DataFrame) -> pd.DataFrame:
    table = with_columns(factors, ["level", "key", FACTOR], by="emissions (factors)")
    if wrong := sorted(set(table["level"].astype(str)) - set(LEVELS)):
        message = (
            f"emissions (factors) knows the levels {', '.join(map(repr, LEVELS))}, got {wrong}"
        )
        raise ValueError(message)
    for name in (FACTOR, STD, "year"):
        table[name] = numbers(table, name, by="emissions (factors)")
    for name in ("country", "region"):
        table[name] = table.get(name, None)
    return table[table[FACTOR].notna()]


def _nearest(factors: pd.DataFrame, row: Mapping[Any, Any]) -> Factor:
    """The factor of the mine, else of its country, else of its region."""
    assets = factors[factors["level"] == "asset"]
    for level, place in PLACES.items():
        name = row[place]
        if pd.isna(name):
            continue
        own = _of_year(factors[(factors["level"] == level) & (factors["key"] == str(name))], row)
        if len(own):
            std = spread(own[FACTOR]) if len(own) > 1 else float(own[STD].iloc[0])
            return Factor(float(own[FACTOR].mean()), std, level)
        if level == "asset":
            continue
        inside = assets[assets[place].astype("object") == name]
        mines = [_of_year(each, row)[FACTOR].mean() for _, each in inside.groupby("key")]
        if mines:
            return Factor(float(np.mean(mines)), spread(np.array(mines)), level)
    return Factor(float("nan"), float("nan"), "")


def _of_year(factors: pd.DataFrame, row: Mapping[Any, Any]) -> pd.DataFrame:
    """Factors of the year, else those without a year, else all."""
    for chosen in (factors[factors["year"] == row["year"]], factors[factors["year"].isna()]):
        if len(chosen):
            return chosen
    return factors


def _error(ore: Any, error: Any, factor: Any, factor_error: Any, method: str) -> Any:
    both = error * factor_error
    if method == "climatetrace_literal":
        return both
    square = (ore * factor_error) ** 2 + (factor * error) ** 2
    return np.sqrt(square + both**2 if method == "goodman" else square)
