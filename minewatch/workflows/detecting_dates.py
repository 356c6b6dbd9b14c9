"""The dates of a search one after the other; one that cannot be read does not keep the others."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from minewatch._files import whole
from minewatch.store.filling import BlocksMissing, ledger_of
from minewatch.workflows.outputs import in_short

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray as xr

__all__ = ["DATES", "each_date", "keep_ledgers"]

DATES = ".dates"
"""Folder in which what was seen on each date is kept until all dates are."""

IN_A_ROW = 3
"""Dates of which no block could be made, one after the other, before a run gives up."""

Stored = TypeVar("Stored")


def each_date(
    make: Callable[[int, Path], Stored], time: xr.DataArray, folder: Path
) -> list[Stored]:
    """What is stored of each date; those that cannot be read are left until all others are.

    After three dates in a row of which no block could be made, no further one is tried: it is not
    the dates then. Dates that were there already do not count.

    Parameters
    ----------
    make : callable
        Is given the number of a date and where its store lies, and fills that with
        :func:`minewatch.store.to_zarr`.
    time : xarray.DataArray
        The dates.
    folder : pathlib.Path
        Where their stores and ledgers lie.

    Returns
    -------
    list
        What `make` returned, of each date.

    Raises
    ------
    RuntimeError
        If blocks could not be made: how many, of which dates and why. Any other error than
        :class:`minewatch.store.filling.BlocksMissing` is raised at once.

    Examples
    --------
    >>> import xarray as xr
    >>> from pathlib import Path
    >>> time = xr.DataArray(np.array(["2024-05-01", "2024-05-13"], "M8[ns]"), dims="time")
    >>> each_date(lambda number, place: f"{number} in {place.name}", time, Path("dates"))
    ['0 in 0000.zarr', '1 in 0001.zarr']
    """
    stored: list[Stored] = []
    failed: dict[int, BlocksMissing] = {}
    tried = in_a_row = 0
    for number in range(time.size):
        if in_a_row >= IN_A_ROW:
            break
        tried += 1
        place = _place(folder, number)
        before = _noted(place)
        try:
            stored.append(make(number, place))
        except BlocksMissing as error:
            failed[number] = error
            in_a_row = 0 if error.made else in_a_row + 1
        else:
            # Of a date that was there already, nothing was read.
            in_a_row = in_a_row if _noted(place) == before else 0
    if failed:
        raise RuntimeError(_told(failed, time, tried)) from next(iter(failed.values()))
    return stored


def _told(failed: dict[int, BlocksMissing], time: xr.DataArray, tried: int) -> str:
    """What is missing of which dates, why, and what to do."""
    errors = list(failed.values())
    missing = sum(each.missing for each in errors)
    days = np.datetime_as_string(time.to_numpy(), unit="D")
    if np.unique(days).size < days.size:  # two orbits of a day are two dates
        days = np.datetime_as_string(time.to_numpy(), unit="s")
    named = in_short([str(days[number]) for number in failed])
    text = (
        f"{missing} block{'s are' if missing > 1 else ' is'} missing, of {len(failed)} "
        f"of {time.size} dates: {named} ({errors[0].reason}); "
    )
    if tried < time.size:
        text += f"of the last {IN_A_ROW} nothing could be read, so no later date was tried; "
    return text + (
        f"all others are kept, {DATES}/*.blocks.jsonl tell each: say resume to make what is missing"
    )


def _place(folder: Path, number: int) -> Path:
    return folder / f"{number:04d}.zarr"


def _noted(place: Path) -> bytes:
    """The ledger of a date, empty where there is none."""
    ledger = ledger_of(place)
    return ledger.read_bytes() if ledger.is_file() else b""


def keep_ledgers(windows: xr.DataArray, folder: Path) -> None:
    """Leave what is noted of the strips of all dates beside the windows, in one ledger.

    Parameters
    ----------
    windows : xarray.DataArray
        From :func:`minewatch.workflows.detecting_scanning.windows_and_picture`.
    folder : pathlib.Path
        Of the run: ``windows.blocks.jsonl`` is written, a line a strip with the ``date``, after
        the header of each.
    """
    with (
        whole(ledger_of(folder / "windows.zarr")) as partial,
        partial.open("w", encoding="utf-8") as file,
    ):
        for number, date in enumerate(windows["time"].dt.strftime("%Y-%m-%dT%H:%M:%S").values):
            for line in _noted(_place(folder / DATES, number)).splitlines():
                with contextlib.suppress(ValueError):  # cut short when a run was killed
                    file.write(json.dumps({"date": date, **json.loads(line)}) + "\n")
