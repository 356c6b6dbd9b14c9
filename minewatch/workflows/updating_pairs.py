"""Which pairs an update brings, which are known, and which a late date splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from minewatch import store
from minewatch._files import discard
from minewatch.activity.records import COUNTED, DROPPED, ENDS, SUPERSEDED, pair_index, read_record
from minewatch.conventions import require_same_grid
from minewatch.store.filling import ledger_of
from minewatch.workflows.updating_progress import staged

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import xarray as xr

__all__ = ["files_of", "grown", "lacking", "met", "split_pairs"]


def grown(path: Path, incoming: xr.DataArray, *, key: str) -> tuple[xr.DataArray, int]:
    """Add the pairs that a stored series lacks. Computes those alone.

    They are made block by block in a store of their own beside it, which one that was stopped goes
    on with; what cannot be read is tried again.

    Parameters
    ----------
    path : pathlib.Path
        Store of coherence; it keeps all that it had.
    incoming : xarray.DataArray
        Coherence, dims (pair, y, x), lazy: with or without pairs that are stored.
    key : str
        All that the new pairs depend on: :func:`minewatch.workflows.resuming.key_of`.

    Returns
    -------
    (xarray.DataArray, int)
        The series in the order of its dates, and how many pairs it gained.

    Raises
    ------
    ValueError
        If the grids differ.
    RuntimeError
        If blocks could not be made; the others are kept for the next time.
    """
    stored = store.open_cube(path, name="coherence")
    files = files_of(stored, incoming)
    require_same_grid(stored, incoming, by="update")
    fresh = lacking(stored, incoming)
    if fresh.size:
        new = incoming.isel(pair=fresh).rename("coherence")
        same = {str(name) for name in stored.coords if "pair" in stored[name].dims}
        extra = {str(name) for name in new.coords if "pair" in new[name].dims} - same
        new = store.to_zarr(new.drop_vars(extra), staged(path), overwrite=True, resume=key)
        stored = store.append(new, path, dim="pair").coherence
    ledger_of(staged(path)).unlink(missing_ok=True)
    discard(staged(path))
    ordered = stored.isel(pair=pair_index(stored, by="update").argsort())
    ordered = ordered.assign_coords(pair=np.arange(ordered.sizes["pair"]))
    return ordered.assign_attrs(files=files), fresh.size


def lacking(stored: xr.DataArray, incoming: xr.DataArray) -> npt.NDArray[np.intp]:
    """Which pairs a stored series lacks.

    Parameters
    ----------
    stored : xarray.DataArray
        Its coherence, dims (pair, y, x).
    incoming : xarray.DataArray
        Coherence, dims (pair, y, x), lazy.

    Returns
    -------
    numpy.ndarray
        Their positions in `incoming`.
    """
    known = pair_index(incoming, by="update").isin(pair_index(stored, by="update"))
    return np.flatnonzero(~known)


def files_of(stored: xr.DataArray, incoming: xr.DataArray) -> list[str]:
    """Names of the images that a stored series and what joins it are made of.

    Parameters
    ----------
    stored : xarray.DataArray
        Its coherence, dims (pair, y, x).
    incoming : xarray.DataArray
        Coherence, dims (pair, y, x), lazy.

    Returns
    -------
    list of str
        Names, sorted.
    """
    return sorted({*stored.attrs.get("files", ()), *incoming.attrs.get("files", ())})


def met(tai: xr.Dataset, series: xr.DataArray) -> dict[str, npt.NDArray[np.bool_]]:
    """What an index has made of each pair of a series.

    Parameters
    ----------
    tai : xarray.Dataset
        The index.
    series : xarray.DataArray
        Coherence, dims (pair, y, x).

    Returns
    -------
    dict of str to numpy.ndarray
        ``counted``, ``dropped``, ``superseded`` and ``new``: which pairs are, bool.
    """
    record = read_record(tai, by="update")
    index = pair_index(series, by="update")
    uses = {
        use: index.isin(record.index[record["use"] == use])
        for use in (COUNTED, DROPPED, SUPERSEDED)
    }
    return {**uses, "new": ~index.isin(record.index)}


def split_pairs(
    tai: xr.Dataset,
    series: xr.DataArray,
    incoming: xr.DataArray,
    how: Literal["auto", "drop", "keep"],
) -> npt.NDArray[np.bool_]:
    """Pairs that no longer count, because an image came later that lies between their two.

    Parameters
    ----------
    tai : xarray.Dataset
        The index.
    series : xarray.DataArray
        Coherence of known and new pairs.
    incoming : xarray.DataArray
        The pairs that the input gives today.
    how : {"auto", "drop", "keep"}
        ``"auto"``: those of two images of the input that it does not give any more. ``"drop"``: all
        that a new pair lies within. ``"keep"``: none but those that were taken out before.

    Returns
    -------
    numpy.ndarray
        Which pairs of `series`, bool.
    """
    uses, index = met(tai, series), pair_index(series, by="update")
    given = pair_index(incoming, by="update")
    if how == "keep":
        return uses[SUPERSEDED]
    inner = given if how == "auto" else index[uses["new"]]
    outer = ~index.isin(given) & _within_reach(index, incoming) if how == "auto" else ~uses["new"]
    (first, last), (begin, end) = (
        [each.get_level_values(name).to_numpy() for name in ENDS] for each in (inner, index)
    )
    within = (begin[:, None] <= first) & (last <= end[:, None])
    return uses[SUPERSEDED] | (outer & within.any(1))


def _within_reach(index: pd.MultiIndex, incoming: xr.DataArray) -> npt.NDArray[np.bool_]:
    """Whether the input has both images of a pair: of others it does not tell."""
    given = pair_index(incoming, by="update")
    listed = pd.DatetimeIndex(incoming.attrs.get("dates", ())).as_unit("ns")
    there = {*listed, *(date for name in ENDS for date in given.get_level_values(name))}
    first, last = (index.get_level_values(name).isin(there) for name in ENDS)
    return np.asarray(first & last)
