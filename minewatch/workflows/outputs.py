"""What a run leaves beside its maps: settings, versions, numbers; how it tells of itself."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import functools
import importlib.metadata
import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minewatch._files import whole
from minewatch.cluster import watch

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd
    from distributed import Client

__all__ = [
    "SO_FAR",
    "Notify",
    "Result",
    "in_short",
    "listed",
    "quiet",
    "remove_stale",
    "stage",
    "versions",
    "write_json",
    "write_table",
]

Notify = Callable[[str, int, int], None]
"""``notify(stage, done, total)``: total 0 is "not known yet". After :data:`SO_FAR` a stage may tell
how it goes: ``"epochs | loss 0.031"`` is the stage ``"epochs"``."""

SO_FAR = " | "
"""Between a stage and how it goes."""


@dataclass(frozen=True)
class Result:
    """What a run gives back.

    Parameters
    ----------
    folder : pathlib.Path
        Where everything lies.
    summary : dict of str to str
        The numbers that a person asks for first, ready to print.
    files : dict of str to pathlib.Path
        What each file is → the file.
    """

    folder: Path
    summary: dict[str, str]
    files: dict[str, Path]


def quiet(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
    del stage, done, total


@contextlib.contextmanager
def stage(
    name: str, client: Client | None, notify: Notify, spent: dict[str, float] | None = None
) -> Iterator[None]:
    """Tell how one stage of a run is getting on.

    Parameters
    ----------
    name : str
        What the progress bar says.
    client : distributed.Client or None
        Where the stage computes.
    notify : callable
        Who is told.
    spent : dict of str to float, optional
        Where the seconds of the stage are written, by its name.

    Yields
    ------
    None
    """
    latest = 1

    def count(done: int, total: int) -> None:
        nonlocal latest
        latest = max(total, 1)
        if done < latest:
            notify(name, done, latest)

    notify(name, 0, 0)
    began = time.perf_counter()
    with watch(client, count):
        yield
    _give_back_memory()
    if spent is not None:
        spent[name] = spent.get(name, 0.0) + time.perf_counter() - began
    notify(name, latest, latest)


def _give_back_memory() -> None:
    """What the threads of a stage freed goes back to the system, where the C library can do so.

    The GNU library keeps it for each thread, gigabytes after a stage of images, and the next stage
    would come on top.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def remove_stale(folder: Path, names: Iterable[str], made: Iterable[Path]) -> None:
    """Remove what an earlier run left and this one did not make, lest the two be mixed up.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the run.
    names : iterable of str
        Files and folders that a run may leave; no other is touched.
    made : iterable of pathlib.Path
        What this run made.
    """
    for path in {folder / name for name in names} - set(made):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


@functools.cache
def _distributions() -> tuple[str, ...]:
    return (
        "minewatch", "xarray", "dask", "distributed", "numba", "numpy", "scikit-learn", "zarr",
        "rasterio", "rioxarray", "odc-geo", "stackstac", "pystac-client",
    )  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that move numbers.

    Returns
    -------
    dict of str to str
        Name → version.

    Examples
    --------
    >>> "numba" in versions()
    True
    """
    found = {name: importlib.metadata.version(name) for name in _distributions()}
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"finished": now, "python": platform.python_version(), **found}


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write a JSON file, whole or not at all; what is not a number becomes null.

    Parameters
    ----------
    path : pathlib.Path
        Where to.
    content : dict
        What; numpy numbers and paths are understood.

    Returns
    -------
    pathlib.Path
        The file.
    """
    with whole(path) as partial:
        partial.write_text(
            json.dumps(_strict(dict(content)), indent=2, allow_nan=False, ensure_ascii=False)
            + "\n",
            encoding="utf-8",
        )
    return path


def _strict(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if hasattr(value, "item"):
        return _strict(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    return str(value)


def write_table(path: Path, rows: list[dict[str, object]], columns: list[str]) -> Path:
    """Write a CSV file, whole or not at all; an empty table still has its header.

    Parameters
    ----------
    path : pathlib.Path
        Where to.
    rows : list of dict
        The rows.
    columns : list of str
        The columns, in order.

    Returns
    -------
    pathlib.Path
        The file.
    """
    import pandas as pd

    with whole(path) as partial:
        pd.DataFrame(rows, columns=columns).to_csv(partial, index=False)
    return path


def in_short(names: Sequence[str], most: int = 5) -> str:
    """The first of some names, and how many more there are.

    Parameters
    ----------
    names : sequence of str
        The names.
    most : int
        How many are told.

    Returns
    -------
    str
        For a message.

    Examples
    --------
    >>> in_short(["a.tif", "b.tif", "c.tif"], 2)
    'a.tif, b.tif and 1 more'
    """
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def listed(table: pd.DataFrame) -> tuple[list[dict[str, object]], list[str]]:
    """Rows and columns of a table, as :func:`write_table` and a report take them.

    Parameters
    ----------
    table : pandas.DataFrame
        The table; its index is left out.

    Returns
    -------
    (list of dict, list of str)
        Rows, columns.
    """
    rows = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    return rows, [str(name) for name in table.columns]
