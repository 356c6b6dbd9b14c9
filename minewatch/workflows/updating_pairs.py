"""Which pairs an update brings, which are known, and which a late date splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from minewatch import store
from minewatch.activity.records import COUNTED, DROPPED, ENDS, SUPERSEDED, pair_index, read_record
from minewatch.conventions import require_same_grid

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    import xarray as xr

__all__ = ["grown", "met", "split_pairs"]


def grown(path: Path, incoming: xr.DataArray) -> tuple[xr.DataArray, int]:
    """Add the pairs that a stored series lacks. Computes those alone.

    Parameters
    ----------
    path : pathlib.Path
        Store of coherence; it keeps all that it had.
    incoming : xarray.DataArray
        Coherence, dims (pair, y, x), lazy: with or without pairs that are stored.

    Returns
    -------
    (xarray.DataArray, int)
        The series in the order of its dates, and how many pairs it gained.

    Raises
    ------
    ValueError
        If the grids differ.
    """
    stored = store.open_cube(path, name="coherence")
    require_same_grid(stored, incoming, by="update")
    lacking = ~pair_index(incoming, by="update").isin(pair_index(stored, by="update"))
    files = sorted({*stored.attrs.get("files", ()), *incoming.attrs.get("files", ())})
    if lacking.any():
        new = incoming.isel(pair=np.flatnonzero(lacking)).rename("coherence")
        same = {str(name) for name in stored.coords if "pair" in stored[name].dims}
        extra = {str(name) for name in new.coords if "pair" in new[name].dims} - same
        stored = store.append(new.drop_vars(extra), path, dim="pair").coherence
    ordered = stored.isel(pair=pair_index(stored, by="update").argsort())
    ordered = ordered.assign_coords(pair=np.arange(ordered.sizes["pair"]))
    return ordered.assign_attrs(files=files), int(lacking.sum())


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
        ``"auto"``: those that the input does not give any more. ``"drop"``: all that a new pair
        lies within. ``"keep"``: none but those that were taken out before.

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
    outer = ~index.isin(given) if how == "auto" else ~uses["new"]
    (first, last), (begin, end) = (
        [each.get_level_values(name).to_numpy() for name in ENDS] for each in (inner, index)
    )
    within = (begin[:, None] <= first) & (last <= end[:, None])
    return uses[SUPERSEDED] | (outer & within.any(1))
