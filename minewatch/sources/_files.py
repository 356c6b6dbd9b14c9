"""Which files a user means, and the dates in their names."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import numpy as np

from minewatch.sources._pins import kept_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["dates_by_template", "dates_in", "found"]

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

DATE = re.compile(
    r"(?<!\d)((?:19|20)\d{2})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2}))?(?!\d)"
    rf"|(?<![\dA-Za-z])(\d{{2}})({'|'.join(MONTHS)})((?:19|20)\d{{2}})(?!\d)"
)
"""YYYYMMDD or YYYY-MM-DD, perhaps with a time of day behind a T; or 12Mar2023, as SNAP writes."""


def found(
    source: str | Path | Iterable[str | Path], patterns: Sequence[str], *, by: str
) -> list[Path]:
    """The files that a folder, a glob, a path or a list of paths and folders names.

    Parameters
    ----------
    source : str, pathlib.Path or iterable of them
        In a folder the first of `patterns` that matches anything counts.
    patterns : sequence of str
        Globs, looked for in all subfolders.
    by : str
        The function that asks.

    Returns
    -------
    list of pathlib.Path
        Sorted by name.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if isinstance(source, str | Path):
        path = Path(source)
        if is_searched(path, patterns):
            return _inside([path], patterns, by=by)
        if path.exists():
            return [path]
        fixed = Path(path.anchor) if path.anchor else Path()
        glob = str(path.relative_to(path.anchor) if path.anchor else path)
        paths = sorted(fixed.glob(glob))
    else:
        paths = [Path(name) for name in source]
        gone = [str(path) for path in paths if not path.exists()]
        if gone:
            message = f"{by} does not find {gone[:3]}; check the paths"
            raise FileNotFoundError(message)
    if not paths:
        message = f"{by} finds nothing at {source}; give a folder, a glob or paths"
        raise FileNotFoundError(message)
    folders = [path for path in paths if is_searched(path, patterns)]
    files = [path for path in paths if path not in folders]
    return sorted(files + (_inside(folders, patterns, by=by) if folders else []))


def is_searched(path: Path, patterns: Sequence[str]) -> bool:
    """Whether a path is a folder to look into; some products are folders themselves.

    Parameters
    ----------
    path : pathlib.Path
        Any path.
    patterns : sequence of str
        What products are called.

    Returns
    -------
    bool
        True for folders that are no product.
    """
    return path.is_dir() and not any(path.match(pattern) for pattern in patterns)


def _inside(folders: Sequence[Path], patterns: Sequence[str], *, by: str) -> list[Path]:
    for pattern in patterns:
        paths = sorted(kept_files({path for folder in folders for path in folder.rglob(pattern)}))
        if paths:
            return paths
    where = ", ".join(str(folder) for folder in folders[:3])
    message = f"{by} finds no {' or '.join(patterns)} in {where}; give a glob or the paths"
    raise FileNotFoundError(message)


def dates_in(name: str) -> list[np.datetime64]:
    """The dates a file name holds, in order.

    Parameters
    ----------
    name : str
        E.g. ``"S1AA_20190101T120000_20190113T120000_corr.tif"``.

    Returns
    -------
    list of numpy.datetime64
        Nanoseconds, UTC.

    Examples
    --------
    >>> [str(date)[:10] for date in dates_in("cropA_20180106-20180130_VV_8rlks_cc.tif")]
    ['2018-01-06', '2018-01-30']
    >>> [str(date)[:10] for date in dates_in("coh_IW1_VV_12Mar2023_24Mar2023")]
    ['2023-03-12', '2023-03-24']
    """
    dates: list[np.datetime64] = []
    for match in DATE.finditer(name):
        numbers = match.groups()
        if numbers[7]:
            numbers = (numbers[8], MONTHS.index(numbers[7]) + 1, numbers[6])
        with contextlib.suppress(ValueError):  # eight digits that are no date
            moment = dt.datetime(*(int(part or 0) for part in numbers[:6]))  # type: ignore[arg-type]
            dates.append(np.datetime64(moment, "ns"))
    return dates


def dates_by_template(name: str, template: str) -> dict[str, np.datetime64]:
    """The dates of a file name that follows a template.

    Parameters
    ----------
    name : str
        File name.
    template : str
        The whole name, with ``{reference}`` and ``{secondary}`` where the dates are, and ``*`` for
        whatever differs. Dates in other forms: ``{reference:%y%m%d}``, ``{secondary:%Y%j}``.

    Returns
    -------
    dict of str to numpy.datetime64
        Field → date; empty where the name does not follow the template.

    Raises
    ------
    ValueError
        If the template has no field ``reference``, or another field.

    Examples
    --------
    >>> dates_by_template("site7_2023071_2023083.tif", "*_{reference:%Y%j}_{secondary:%Y%j}.tif")
    {'reference': np.datetime64('2023-03-12T00:00:00.000000000'), ...}
    """
    expression, formats = "", {}
    for literal, field, form, _ in Formatter().parse(template):
        expression += re.escape(literal).replace(r"\*", ".*?")
        if field is None:
            continue
        if field not in ("reference", "secondary") or field in formats:
            message = f"a template of names has {{reference}} and {{secondary}}, got {template!r}"
            raise ValueError(message)
        formats[field] = form
        plain = r"\d{4}-?\d{2}-?\d{2}(?:T\d{2}:?\d{2}:?\d{2})?|\d{2}[A-Z][a-z]{2}\d{4}"
        expression += f"(?P<{field}>{'.+?' if form else plain})"
    if "reference" not in formats:
        message = f"a template of names needs {{reference}}, got {template!r}"
        raise ValueError(message)
    match = re.fullmatch(expression, name)
    dates: dict[str, np.datetime64] = {}
    for field, form in formats.items() if match else ():
        text = match[field] if match else ""
        if form:
            with contextlib.suppress(ValueError):
                dates[field] = np.datetime64(dt.datetime.strptime(text, form), "ns")
        elif found_dates := dates_in(text):
            dates[field] = found_dates[0]
    return dates if len(dates) == len(formats) else {}
