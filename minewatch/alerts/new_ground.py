"""Ground that was not active and now is, patch by patch, with the pairs that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import vectors
from minewatch.activity import coherence_threshold
from minewatch.activity.series import judged_means
from minewatch.alerts.brackets import bracket
from minewatch.alerts.tallies import runs, tally
from minewatch.conventions import require, require_same_grid

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import xarray as xr

    from minewatch.alerts.tallies import Tally

__all__ = ["COLUMNS", "new_activity"]

ACTIVE = 2
HALF = 0.5
TOUCHING = np.ones((3, 3), bool)
"""Pixels belong together that touch, at corners too."""
COLUMNS = (
    "kind", "area_ha", "change_after", "change_before", "first_seen", "seen_by", "confirmed",
    "confirmed_by", "confirmed_ha", "independent", "pairs", "pairs_changed", "share_changed",
    "share_before", "coherence", "stable_coherence",
)  # fmt: skip


def new_activity(
    tai: xr.Dataset,
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    since: np.datetime64 | str | None = None,
    minimum: float = 0.5,
    min_area_ha: float = 0.5,
    mask: xr.DataArray | None = None,
) -> gpd.GeoDataFrame:
    """Patches that new pairs show active where the index so far did not. Computes.

    A pixel counts where the index did not call it active and, since some new pair, at least
    `minimum` of its observations exceed the threshold: the cumulative sum of Page (1954) of what
    exceeds. The index of a long quiet series hardly moves when digging begins, its new pairs tell
    at once; one that begins late in a long watch is told as soon as one that begins early, and what
    falls quiet again is told no more. A pair sees a patch changed if pixels of it that exceed
    since then would be an alert by themselves: at least `min_area_ha`, or half of what it sees
    of the patch if that is less. So a patch that grows keeps the date of its beginning.

    The result rests on the index and on the pairs, not on when they came: to look after each new
    pair, at all since the index, ends where one look at the end does.

    Reads each block of coherence once to find patches, and those with patches once more; holds
    some 10 bytes a pixel.

    Parameters
    ----------
    tai : xarray.Dataset
        The index before the new pairs, from :func:`~minewatch.activity.tai` without groups, dims
        (y, x), with a CRS. Its threshold is used.
    coherence : xarray.DataArray
        The new pairs, dims (pair, y, x).
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs`, by the stable pixels of `tai`; pairs that it
        drops count for nothing.
    since : numpy.datetime64 or str, optional
        Pairs are new whose later image came after; earlier ones are but asked whether ground was
        quiet, to tell more narrowly when it changed. By default all are new.
    minimum : float
        Share of its last observations that a pixel must exceed in, above 0, up to 1.
    min_area_ha : float
        Smaller patches are left out, hectares.
    mask : xarray.DataArray, optional
        What to leave out: bool, dims (y, x).

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each patch, largest first, in the CRS of the map: ``kind`` (``expanded`` if it
        touches ground that was active, else ``new``), ``area_ha``, ``change_after`` and
        ``change_before`` (the narrowest time that pairs prove it to have changed in),
        ``first_seen`` (the image that first showed it), ``seen_by`` (the two dates of the first
        pair that saw it changed), ``confirmed`` (whether a pair with a later image saw it
        changed too), ``confirmed_by`` (the dates of that pair, or empty), ``confirmed_ha`` (how
        much of it exceeds in pairs with different later images), ``independent`` (whether a pair
        saw it changed that shares no image with the first), ``pairs`` and ``pairs_changed`` (how
        many new ones saw it since it was first seen, and changed), ``share_changed`` and
        ``share_before`` (mean index of its pixels, since they changed and before), ``coherence``
        and ``stable_coherence`` (of the patch and of stable ground, in the first pair). Dates are
        ISO 8601 text. No rows where nothing is found, or no new pair is kept.

    Raises
    ------
    ValueError
        If `tai` has groups or no threshold, dims or grids differ, or a setting is out of range.
    KeyError
        If the ledger lacks a pair of `coherence`.

    See Also
    --------
    minewatch.activity.update_tai : adds the pairs to the index.

    References
    ----------
    The index is that of Kavats et al. (2025), doi:10.1144/gslspecpub2023-216; cumulative sums are
    those of Page (1954), Biometrika 41, 100-115, doi:10.1093/biomet/41.1-2.100. The rule for
    alerts is the project's own.

    Examples
    --------
    >>> import pandas as pd, rioxarray, xarray as xr
    >>> from minewatch.activity import tai
    >>> dates = pd.date_range("2022-06-01", periods=7, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> coords |= {"y": [100.0, 0.0], "x": [0.0, 100.0]}
    >>> quiet = np.full((6, 2, 2), 0.9, "f4")
    >>> quiet[4:, 0, 0] = 0.2  # digging begins between the fifth and the sixth date
    >>> coherence = xr.DataArray(quiet, coords, ("pair", "y", "x")).rio.write_crs("EPSG:32721")
    >>> ledger = xr.Dataset({"stable_mean": ("pair", [0.9] * 6), "keep": ("pair", [True] * 6)})
    >>> ledger = ledger.assign_coords(coherence.coords).drop_vars(["y", "x"])
    >>> before = tai(coherence[:4], ledger.isel(pair=slice(4)), threshold=0.2)
    >>> found = new_activity(before, coherence[4:], ledger.isel(pair=slice(4, 6)))
    >>> found[["kind", "area_ha", "change_after", "change_before", "confirmed"]].values.tolist()
    [['new', 1.0, '2022-07-19', '2022-07-31', True]]
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="new_activity")
    _check(tai, minimum)
    require_same_grid(tai, coherence, by="new_activity")
    ordered, means = _kept(coherence, ledger)
    limits = means * coherence_threshold(1.0, float(tai.attrs["threshold"]))
    old = 0
    if since is not None:
        old = int((ordered.secondary_time.values <= np.datetime64(since)).sum())
    was_active = np.asarray(tai.activity.values == ACTIVE)
    open_, onset = runs(ordered.isel(pair=slice(old, None)), limits[old:], minimum=minimum)
    np.greater(open_, was_active, out=open_)
    near = _grown(was_active)
    del was_active  # maps are what takes memory here
    if mask is not None:
        require_same_grid(tai, mask, by="new_activity (mask)")
        np.greater(open_, np.asarray(mask.values, bool), out=open_)
    layer = tai.activity.copy(data=open_.view("u1")).assign_attrs({})
    found = vectors.polygonize(layer, min_area_ha=min_area_ha)
    said = tally(
        ordered,
        limits,
        _numbered(open_, found, layer),
        onset,
        count=len(found),
        skipped=old,
        index=tai.tai,
        near=near,
    )
    hectares = found.area_ha.to_numpy("f8") / said.pixels
    enough = min_area_ha / hectares
    rows = [
        {
            "kind": "expanded" if said.touches[patch] else "new",
            **_evidence(ordered, means, said, patch, enough=enough[patch], old=old),
            "confirmed_ha": float(said.confirmed[patch] * hectares[patch]),
            "share_changed": float(said.share[patch]),
            "share_before": float(said.share_before[patch]),
        }
        for patch in range(len(found))
    ]
    columns = {name: [row[name] for row in rows] for name in COLUMNS if name != "area_ha"}
    return found.assign(**columns)[[*COLUMNS, "geometry"]]


def _check(tai: xr.Dataset, minimum: float) -> None:
    if not 0 < minimum <= 1:
        message = f"minimum is a share above 0, up to 1, got {minimum}; use 0.5"
        raise ValueError(message)
    if tai.activity.dims != ("y", "x") or "threshold" not in tai.attrs:
        message = (
            f"new_activity needs an index of all dates with its threshold, got dims "
            f"{tai.activity.dims}; pass what activity.tai returned without by=..."
        )
        raise ValueError(message)


def _kept(
    coherence: xr.DataArray, ledger: xr.Dataset
) -> tuple[xr.DataArray, npt.NDArray[np.float64]]:
    """Pairs that count, in the order of their later images, and their stable means."""
    means = judged_means(coherence, ledger, by="new_activity")
    order = np.lexsort((coherence.reference_time.values, coherence.secondary_time.values))
    order = order[np.isfinite(means[order])]
    return coherence.isel(pair=order), means[order]


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A mask and the pixels that touch it."""
    from scipy import ndimage

    grown: npt.NDArray[np.bool_] = ndimage.binary_dilation(mask, TOUCHING)
    return grown


def _numbered(
    open_: npt.NDArray[np.bool_], found: gpd.GeoDataFrame, layer: xr.DataArray
) -> npt.NDArray[np.int32]:
    """Which patch each pixel belongs to; one more than the last where it belongs to none."""
    from scipy import ndimage

    labels = np.empty(open_.shape, "i4")
    count = ndimage.label(open_, TOUCHING, output=labels)
    number = np.full(count + 1, len(found), "i4")
    inside = found.representative_point()
    rows, columns = (
        layer.indexes[name].get_indexer(values, method="nearest")
        for name, values in (("y", inside.y), ("x", inside.x))
    )
    number[labels[rows, columns]] = np.arange(len(found))
    for row in labels:  # in place: another map of numbers would be the largest thing held
        row[:] = number[row]
    return labels


def _evidence(
    coherence: xr.DataArray,
    means: npt.NDArray[np.float64],
    said: Tally,
    patch: int,
    *,
    enough: float,
    old: int,
) -> dict[str, Any]:
    """What the pairs say of a patch; the first `old` of them are asked for quiet ground alone."""
    seen, exceeded, in_run = (each[:, patch] for each in (said.seen, said.exceeded, said.in_run))
    agree = (in_run > 0) & ((in_run >= HALF * seen) | (in_run >= enough))
    if not agree.any():  # each pixel has pairs that exceed; then the one with most of them
        agree[in_run.argmax()] = True
    quiet = (seen >= HALF * said.pixels[patch]) & (exceeded < np.minimum(HALF * seen, enough))
    begin, end = (coherence[name].values for name in ("reference_time", "secondary_time"))
    found = bracket(begin, end, agree, quiet & ~agree)
    later = end >= end[found.first]
    later[:old] = False
    dates = [f"{_day(one)}/{_day(other)}" for one, other in zip(begin, end, strict=True)]
    return {
        "change_after": _day(found.after),
        "change_before": _day(found.before),
        "first_seen": _day(end[found.first]),
        "seen_by": dates[found.first],
        "confirmed": found.confirming is not None,
        "confirmed_by": "" if found.confirming is None else dates[found.confirming],
        "independent": found.independent,
        "pairs": int((later & (seen > 0)).sum()),
        "pairs_changed": int(agree.sum()),
        "coherence": float(said.coherence[found.first, patch]),
        "stable_coherence": float(means[found.first]),
    }


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))
