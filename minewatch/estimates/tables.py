"""Tables as users bring them: columns, keys, numbers, or an error that says what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LADDER", "lesser", "numbers", "spread", "unique_rows", "whole_years", "with_columns"]

LADDER = ("very_low", "low", "medium", "high", "very_high")
"""Confidence from the least to the most."""


def with_columns(table: object, columns: Sequence[str], *, by: str) -> pd.DataFrame:
    """Copy a table that has these columns.

    Parameters
    ----------
    table : pandas.DataFrame
        What the user passed.
    columns : sequence of str
        What it must have.
    by : str
        The function that asks, for the message.

    Returns
    -------
    pandas.DataFrame
        A copy with a fresh index; ``mine`` and ``key`` as text.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    ValueError
        If a column is missing, or a row has no ``mine`` or ``key``.

    Examples
    --------
    >>> with_columns(pd.DataFrame({"mine": [1]}), ["mine", "year"], by="production")
    Traceback (most recent call last):
    ...
    ValueError: production needs the columns ['mine', 'year'], got ['mine']; ['year'] is missing
    """
    if not isinstance(table, pd.DataFrame):
        message = (
            f"{by} needs a pandas.DataFrame with the columns {list(columns)}, got "
            f"{type(table).__name__}; read one with pandas.read_csv"
        )
        raise TypeError(message)
    if missing := [name for name in columns if name not in table]:
        message = f"{by} needs the columns {list(columns)}, got {list(table)}; {missing} is missing"
        raise ValueError(message)
    copy = pd.DataFrame(table).reset_index(drop=True)
    copy.attrs = {}
    for name in {"mine", "key"} & set(copy):
        nameless = copy[name].isna() | (copy[name] == "")
        if nameless.any():
            message = (
                f"{by} needs a {name} in each row, got none in row {nameless.idxmax()}; name it"
            )
            raise ValueError(message)
        copy[name] = copy[name].astype(str)
    return copy


def numbers(table: pd.DataFrame, column: str, *, by: str) -> pd.Series[float]:
    """A column of numbers that are not negative, NaN where unknown or where there is none.

    Parameters
    ----------
    table : pandas.DataFrame
        Any table.
    column : str
        Name of the column.
    by : str
        The function that asks, for the message.

    Returns
    -------
    pandas.Series
        float64.

    Raises
    ------
    ValueError
        If a value is negative or infinite, or no number.

    Examples
    --------
    >>> numbers(pd.DataFrame({"area_m2": ["2", None]}), "area_m2", by="production").tolist()
    [2.0, nan]
    """
    if column not in table:
        return pd.Series(np.nan, index=table.index, dtype="float64")
    try:
        values = pd.to_numeric(table[column]).astype("float64")
    except (TypeError, ValueError) as error:
        message = f"{by} needs numbers in {column}: {error}; leave cells that are unknown empty"
        raise ValueError(message) from None
    wrong = (values < 0) | np.isinf(values)
    if wrong.any():
        message = (
            f"{by} needs {column} of 0 or more, got {values[wrong].iloc[0]:g} in row "
            f"{values[wrong].index[0]}; leave cells that are unknown empty"
        )
        raise ValueError(message)
    return values


def whole_years(table: pd.DataFrame, *, by: str) -> pd.Series[int]:
    """The column ``year`` as integers.

    Parameters
    ----------
    table : pandas.DataFrame
        Any table with a year in each row.
    by : str
        The function that asks, for the message.

    Returns
    -------
    pandas.Series
        int64.

    Raises
    ------
    ValueError
        If a year is missing or no whole number.

    Examples
    --------
    >>> whole_years(pd.DataFrame({"year": [2020.0, 2021.0]}), by="production").tolist()
    [2020, 2021]
    """
    years = numbers(table, "year", by=by)
    wrong = ~(years % 1 == 0)
    if wrong.any():
        message = (
            f"{by} needs a whole year in each row, got {table['year'][wrong].iloc[0]} in row "
            f"{years[wrong].index[0]}; sum or average shorter periods first"
        )
        raise ValueError(message)
    return years.astype("int64")


def unique_rows(table: pd.DataFrame, keys: Sequence[str], *, by: str) -> None:
    """Refuse a table that says two things of one mine and year.

    Parameters
    ----------
    table : pandas.DataFrame
        Any table.
    keys : sequence of str
        Columns that tell its rows apart.
    by : str
        The function that asks, for the message.

    Raises
    ------
    ValueError
        If two rows have the same keys.

    Examples
    --------
    >>> unique_rows(pd.DataFrame({"mine": ["a", "b"]}), ["mine"], by="production")
    """
    twice = table.duplicated(list(keys))
    if twice.any():
        found = table.loc[twice, list(keys)].iloc[0].tolist()
        message = f"{by} needs one row for each {list(keys)}, got {found} twice; add or choose"
        raise ValueError(message)


def spread(values: pd.Series[float] | np.ndarray) -> float:
    """Sample standard deviation (n − 1), NaN of fewer than two values.

    Parameters
    ----------
    values : pandas.Series or numpy.ndarray
        Known values.

    Returns
    -------
    float
        Their spread.

    Examples
    --------
    >>> spread(np.array([1.0, 3.0])), spread(np.array([1.0]))
    (1.41, nan)
    """
    array = np.asarray(values, "float64")
    return float(array.std(ddof=1)) if len(array) > 1 else float("nan")


def lesser(first: str, second: str) -> str:
    """The lower of two levels of confidence; unknown (empty) if one is.

    Parameters
    ----------
    first, second : str
        Of :data:`LADDER`, or empty.

    Returns
    -------
    str
        The lower one.

    Raises
    ------
    ValueError
        If a level is unknown.

    Examples
    --------
    >>> lesser("high", "very_low")
    'very_low'
    """
    for level in (first, second):
        if level and level not in LADDER:
            message = f"confidence is one of {', '.join(LADDER)}, got {level!r}"
            raise ValueError(message)
    return min(first, second, key=LADDER.index) if first and second else ""
