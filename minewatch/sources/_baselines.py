"""Perpendicular baselines from what lies beside the images: GAMMA, HyP3, or a table.

The perpendicular baseline of a pair is that of the secondary minus the reference, in metres.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources._files import dates_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    Pair = tuple[np.datetime64, np.datetime64]

__all__ = ["by_date", "by_pair", "day", "gamma_baseline", "hyp3_facts", "hyp3_sidecar"]

NAME = "perpendicular_baseline"
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def day(moment: Any) -> np.datetime64:
    """The calendar day: baselines are listed by it, files may add a time of day.

    Parameters
    ----------
    moment : str, date or numpy.datetime64
        A time.

    Returns
    -------
    numpy.datetime64
        Its day.
    """
    return np.datetime64(moment, "D")


def gamma_baseline(path: Path) -> float:
    """The perpendicular baseline at the centre of a GAMMA ``bperp.par`` table.

    The table lists it over lines and range samples of the full scene (by some 20 % from near to
    far range). Its centre is one number for the pair, good enough to select pairs.

    Parameters
    ----------
    path : pathlib.Path
        Output of GAMMA's ``base_perp``.

    Returns
    -------
    float
        Metres.

    Raises
    ------
    ValueError
        If the file holds no such table.
    """
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split()
        if len(fields) == 9 and all(re.fullmatch(NUMBER, field) for field in fields):
            rows.append([float(field) for field in fields])
    if not rows:
        message = f"{path} holds no table of baselines; pass the output of GAMMA's base_perp"
        raise ValueError(message)
    table = np.array(rows)
    centre = (table[:, :2].min(axis=0) + table[:, :2].max(axis=0)) / 2
    extent = np.maximum(np.ptp(table[:, :2], axis=0), 1)
    nearest = np.argmin(np.abs((table[:, :2] - centre) / extent).sum(axis=1))
    return float(table[nearest, 7])


def hyp3_sidecar(path: Path) -> dict[str, float]:
    """The numbers of a HyP3 InSAR text file: ``Baseline``, ``Range looks``, ``Azimuth looks``.

    Parameters
    ----------
    path : pathlib.Path
        The ``.txt`` of the product.

    Returns
    -------
    dict of str to float
        Key in lower case → number, for the lines that are numbers.
    """
    return hyp3_facts(path.read_text(encoding="utf-8", errors="replace"))


def hyp3_facts(text: str) -> dict[str, float]:
    """The numbers in the text of a HyP3 sidecar.

    Parameters
    ----------
    text : str
        Lines ``Key: value``.

    Returns
    -------
    dict of str to float
        Key in lower case → number, for the lines that are numbers.
    """
    numbers = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        match = re.match(rf"\s*({NUMBER})", value)
        if match:
            numbers[key.strip().lower()] = float(match[1])
    return numbers


def by_date(path: str | Path) -> dict[np.datetime64, float]:
    """Baselines of acquisitions from a table with columns ``time`` and ``perpendicular_baseline``.

    Parameters
    ----------
    path : str or pathlib.Path
        CSV; metres, relative to one common acquisition.

    Returns
    -------
    dict
        Day → metres.

    Raises
    ------
    ValueError
        If a column is missing or an entry is no date or number.
    """
    return {day(row["time"]): float(row[NAME]) for row in _rows(Path(path), ("time", NAME))}


def by_pair(source: Any, files: Iterable[Path] = ()) -> dict[Pair, float]:
    """Baselines of pairs from a table, a mapping, or GAMMA files.

    Parameters
    ----------
    source : mapping, pandas.DataFrame, str, pathlib.Path or None
        ``{(reference, secondary): metres}``; a table of pairs or of scenes as
        :mod:`minewatch.sources.asf` makes them; a CSV with columns ``reference_time``,
        ``secondary_time`` (or ``time`` for acquisitions) and ``perpendicular_baseline``; or a
        folder of ``*bperp.par``.
    files : iterable of pathlib.Path
        GAMMA files to read where `source` is None.

    Returns
    -------
    dict
        (reference day, secondary day) → metres; for a table by acquisition all pairs of it.

    Raises
    ------
    ValueError
        If a table cannot be read.
    FileNotFoundError
        If `source` does not exist.
    """
    if isinstance(source, dict):
        return {(day(one), day(other)): float(metres) for (one, other), metres in source.items()}
    if hasattr(source, "columns"):
        return _frame(source)
    if source is not None:
        path = Path(source)
        if not path.exists():
            message = f"no baselines at {path}; give a CSV or a folder of *bperp.par"
            raise FileNotFoundError(message)
        if not path.is_dir():
            return _table(path)
        files = sorted(path.rglob("*bperp.par"))
    pairs: dict[Pair, float] = {}
    for file in files:
        dates = dates_in(file.name)
        if len(dates) >= 2:
            pairs[day(dates[0]), day(dates[1])] = gamma_baseline(file)
    return pairs


def _frame(table: pd.DataFrame) -> dict[Pair, float]:
    """Of pairs, or of acquisitions of one stack: those of several have no common zero."""
    if {"reference_time", "secondary_time", NAME} <= set(table.columns):
        ends = zip(table["reference_time"], table["secondary_time"], table[NAME], strict=True)
        return {(day(one), day(other)): float(metres) for one, other, metres in ends}
    time = next((name for name in ("start_time", "time") if name in table.columns), None)
    if time is None or NAME not in table.columns:
        message = (
            f"a table of baselines needs reference_time, secondary_time and {NAME}, or start_time "
            f"and {NAME}; it has {list(table.columns)}"
        )
        raise ValueError(message)
    stacks = sorted(set(table.get("stack", ())))
    if len(stacks) > 1:
        message = (
            f"baselines of scenes are relative within one stack, got {stacks[:3]}; "
            "choose one: scenes[scenes['stack'] == ...]"
        )
        raise ValueError(message)
    return _between({day(t): float(m) for t, m in zip(table[time], table[NAME], strict=True)})


def _between(metres: Mapping[np.datetime64, float]) -> dict[Pair, float]:
    """All pairs of acquisitions."""
    return {
        (one, other): metres[other] - metres[one]
        for one in metres
        for other in metres
        if one < other
    }


def _table(path: Path) -> dict[Pair, float]:
    with path.open(newline="", encoding="utf-8") as stream:
        header = next(csv.reader(stream), [])
    if "time" in header:
        return _between(by_date(path))
    columns = ("reference_time", "secondary_time", NAME)
    return {
        (day(row["reference_time"]), day(row["secondary_time"])): float(row[NAME])
        for row in _rows(path, columns)
    }


def _rows(path: Path, columns: tuple[str, ...]) -> list[Mapping[str, str]]:
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        lacking = [name for name in columns if name not in (reader.fieldnames or ())]
        if lacking:
            message = f"{path} lacks the columns {lacking}; its header must be {','.join(columns)}"
            raise ValueError(message)
        return list(reader)
