"""Which files a user means, and the dates in their names."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["dates_in", "found"]

DATE = re.compile(r"(?<!\d)((?:19|20)\d{2})-?(\d{2})-?(\d{2})(?:T(\d{2}):?(\d{2}):?(\d{2}))?(?!\d)")
"""YYYYMMDD or YYYY-MM-DD, perhaps with a time of day behind a T."""


def found(
    source: str | Path | Iterable[str | Path], patterns: Sequence[str], *, by: str
) -> list[Path]:
    """The files that a folder, a glob, a path or a list of paths names.

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
        if path.is_dir() and not any(path.match(pattern) for pattern in patterns):
            for pattern in patterns:
                paths = sorted(path.rglob(pattern))
                if paths:
                    return paths
            message = f"{by} finds no {' or '.join(patterns)} in {path}; give a glob or the paths"
            raise FileNotFoundError(message)
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
    return sorted(paths)


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
    """
    dates: list[np.datetime64] = []
    for match in DATE.finditer(name):
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
        with contextlib.suppress(ValueError):  # eight digits that are no date
            moment = dt.datetime(year, month, day, hour, minute, second)
            dates.append(np.datetime64(moment, "ns"))
    return dates
