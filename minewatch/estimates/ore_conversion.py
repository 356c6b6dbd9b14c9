r"""Ore behind other products: concentrate, metal, coal washed.

.. math:: P_{ore} = c \cdot P_{product}, \qquad
          c = \frac{1}{m} \sum_{mines} \frac{P_{ore}}{P_{product}}

over the mines of the country that report both, else over those of the region. Jolleys and Duddy
(2023), Climate TRACE methodology for mining and quarrying.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from minewatch.estimates.tables import numbers, spread, unique_rows, with_columns

__all__ = ["to_ore"]

PLACES = {"national": "country", "regional": "region"}


def to_ore(products: pd.DataFrame, both: pd.DataFrame) -> pd.DataFrame:
    """Ore of mines that report another product.

    Parameters
    ----------
    products : pandas.DataFrame
        ``mine``, ``year``, ``product``, ``product_t``, and ``country`` or ``region`` or both. One
        product a mine and year.
    both : pandas.DataFrame
        Mines that report ore and product: ``mine``, ``product``, ``ore_t``, ``product_t``, and
        ``country`` or ``region`` or both. Several rows of a mine (its years) are averaged first,
        so that each mine counts once.

    Returns
    -------
    pandas.DataFrame
        `products` with ``ore_factor`` and ``ore_factor_std`` (t ore per t product; standard
        deviation over mines, n − 1, NaN of a single one), ``factor_level`` (``"national"``,
        ``"regional"`` or empty), ``production_t`` and ``production_std_t`` (t ore), ``source`` and
        ``confidence`` (medium): what :func:`production` takes as `reported`. NaN without a factor.

    Raises
    ------
    ValueError
        If a column is missing, a value negative, a mine and year given twice.

    See Also
    --------
    production : fills the years without a report.

    References
    ----------
    Jolleys and Duddy (2023), Climate TRACE methodology, mining and quarrying.

    Examples
    --------
    >>> both = pd.DataFrame(
    ...     {
    ...         "mine": ["a", "b"],
    ...         "product": "concentrate",
    ...         "ore_t": [60.0, 40.0],
    ...         "product_t": [2.0, 1.0],
    ...         "country": "FIN",
    ...     }
    ... )
    >>> sold = pd.DataFrame(
    ...     {
    ...         "mine": ["pit"],
    ...         "year": [2021],
    ...         "product": "concentrate",
    ...         "product_t": [3.0],
    ...         "country": "FIN",
    ...     }
    ... )
    >>> to_ore(sold, both)[["ore_factor", "production_t", "production_std_t", "factor_level"]]
       ore_factor  production_t  production_std_t factor_level
    0        35.0         105.0              21.2     national
    """
    table = with_columns(products, ["mine", "year", "product", "product_t"], by="to_ore")
    unique_rows(table, ["mine", "year"], by="to_ore")
    known = with_columns(both, ["mine", "product", "ore_t", "product_t"], by="to_ore (both)")
    for each in (table, known):
        for place in PLACES.values():
            each[place] = each.get(place, pd.Series(None, each.index, dtype="object"))
    ratio = numbers(known, "ore_t", by="to_ore (both)") / numbers(
        known, "product_t", by="to_ore (both)"
    )
    known["ratio"] = ratio.where(np.isfinite(ratio))
    known = known[known["ratio"].notna()]
    tonnes = numbers(table, "product_t", by="to_ore")
    found = [_factor(row, known) for row in table.to_dict("records")]
    columns = ("ore_factor", "ore_factor_std", "factor_level", "source")
    made = pd.DataFrame(found, columns=columns, index=table.index)
    result = table.drop(columns=[*made, "confidence"], errors="ignore")
    result = result[[name for name in result if name in products]]
    result = pd.concat([result, made[["ore_factor", "ore_factor_std", "factor_level"]]], axis=1)
    result["production_t"] = tonnes * made["ore_factor"]
    result["production_std_t"] = tonnes * made["ore_factor_std"]
    result["source"] = made["source"]
    result["confidence"] = np.where(result["production_t"].notna(), "medium", "")
    return result


def _factor(row: dict[Any, Any], known: pd.DataFrame) -> tuple[float, float, str, str]:
    same = known[known["product"] == row["product"]]
    for level, place in PLACES.items():
        if pd.isna(row[place]):
            continue
        mines = same[same[place] == row[place]].groupby("mine")["ratio"].mean()
        if len(mines):
            source = f"converted from {row['product']} ({level} mean of {len(mines)})"
            return float(mines.mean()), spread(mines), level, source
    return float("nan"), float("nan"), "", f"no mine reports both ore and {row['product']}"
