"""Ground that was not active and now is, patch by patch, with the pairs that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import vectors
from minewatch.activity import coherence_threshold
from minewatch.activity.series import judged_means
from minewatch.conventions import require, require_same_grid

if TYPE_CHECKING:
    import geopandas as gpd
    import numpy.typing as npt
    import xarray as xr

__all__ = ["COLUMNS", "new_activity"]

ACTIVE = 2
HALF = 0.5
ENDS = ("reference_time", "secondary_time")
COLUMNS = (
    "kind", "area_ha", "change_after", "change_before", "first_seen", "confirmed", "confirmed_by",
    "pairs", "pairs_changed", "share_changed", "share_before", "coherence", "stable_coherence",
)  # fmt: skip


def new_activity(
    tai: xr.Dataset,
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    minimum: float = 0.5,
    min_area_ha: float = 0.5,
    mask: xr.DataArray | None = None,
) -> gpd.GeoDataFrame:
    """Patches that new pairs show active where the index so far did not. Computes.

    A pixel counts where the index did not call it active and at least `minimum` of the new pairs
    that see it exceed its threshold: the index of a long quiet series hardly moves when digging
    begins, its new pairs tell at once. A patch is seen changed by a pair if that exceeds the
    threshold in at least half of the pixels of the patch that it sees.

    Parameters
    ----------
    tai : xarray.Dataset
        The index before the new pairs, from :func:`~minewatch.activity.tai` without groups, dims
        (y, x), with a CRS. Its threshold is used.
    coherence : xarray.DataArray
        The new pairs alone, dims (pair, y, x).
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs`, by the stable pixels of `tai`; pairs that it
        drops count for nothing.
    minimum : float
        Share of the new pairs that a pixel must exceed, above 0, up to 1.
    min_area_ha : float
        Smaller patches are left out, hectares.
    mask : xarray.DataArray, optional
        What to leave out: bool, dims (y, x).

    Returns
    -------
    geopandas.GeoDataFrame
        A row for each patch, largest first, in the CRS of the map: ``kind`` (``expanded`` if it
        touches ground that was active, else ``new``), ``area_ha``, ``change_after`` and
        ``change_before`` (the two dates of the first pair that saw it changed: it changed between
        them), ``first_seen`` (the later of the two), ``confirmed`` (whether another pair saw it
        changed too) and ``confirmed_by`` (the dates of that pair, or empty), ``pairs`` and
        ``pairs_changed`` (how many saw it, how many saw it changed), ``share_changed`` and
        ``share_before`` (mean index of its pixels, over the new pairs and before), ``coherence``
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
    The index is that of Kavats et al. (2025), doi:10.1144/gslspecpub2023-216; the rule for alerts
    is the project's own.

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
    ordered = coherence.sortby("secondary_time")
    means = judged_means(ordered, ledger, by="new_activity")
    kept = np.flatnonzero(np.isfinite(means))
    ordered, means = ordered.isel(pair=kept), means[kept]
    seen, changed = _judged(ordered, means, float(tai.attrs["threshold"]))
    was_active = np.asarray(tai.activity.values == ACTIVE)
    share = _share(changed.sum(0), seen.sum(0))
    found = (share >= minimum) & ~was_active
    if mask is not None:
        require_same_grid(tai, mask, by="new_activity (mask)")
        found &= ~np.asarray(mask.values, bool)
    # A share of unknown ground compares as False, so found is False there.
    layer = tai.activity.copy(data=found.astype("uint8")).assign_attrs({})
    patches = vectors.polygonize(layer, min_area_ha=min_area_ha)
    near_active = _grown(was_active)
    before = np.asarray(tai.tai.values, "f8")
    rows = []
    for pixels in _pixels(patches, layer):
        part = (slice(None), *pixels)
        rows.append(
            {
                "kind": "expanded" if near_active[pixels].any() else "new",
                **_evidence(ordered, means, seen[part], changed[part], pixels),
                "share_changed": float(share[pixels].mean()),
                "share_before": _mean(before[pixels]),
            }
        )
    columns = {name: [row[name] for row in rows] for name in COLUMNS if name != "area_ha"}
    return patches.assign(**columns)[[*COLUMNS, "geometry"]]


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


def _judged(
    coherence: xr.DataArray, means: npt.NDArray[np.float64], threshold: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Of each pair: where it sees, and where it exceeds. A byte a pixel and pair each."""
    shape = (len(means), coherence.sizes["y"], coherence.sizes["x"])
    seen, changed = np.zeros(shape, bool), np.zeros(shape, bool)
    for index, mean in enumerate(means):
        values = coherence.isel(pair=index).values.astype("f4", copy=False)
        seen[index] = np.isfinite(values)
        # The comparison that the counts of the index are made by.
        changed[index] = values.astype("f8") < coherence_threshold(float(mean), threshold)
    return seen, changed


def _share(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    share = np.full(part.shape, np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share


def _grown(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A mask and the pixels that touch it, at corners too."""
    from scipy import ndimage

    grown: npt.NDArray[np.bool_] = ndimage.binary_dilation(mask, np.ones((3, 3), bool))
    return grown


def _pixels(patches: gpd.GeoDataFrame, layer: xr.DataArray) -> list[tuple[Any, ...]]:
    """Rows and columns of the pixels of each patch, whose outline follows their edges."""
    numbered = patches.assign(number=np.arange(1.0, len(patches) + 1))
    drawn = np.nan_to_num(vectors.rasterize(numbered, like=layer, column="number").values)
    where = np.flatnonzero(drawn)
    number = drawn.ravel()[where].astype("int64")
    order = np.argsort(number, kind="stable")
    cuts = np.searchsorted(number[order], np.arange(2, len(patches) + 1))
    parts = np.split(where[order], cuts)[: len(patches)]
    return [np.unravel_index(part, drawn.shape) for part in parts]


def _evidence(
    coherence: xr.DataArray,
    means: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    changed: npt.NDArray[np.bool_],
    pixels: tuple[Any, ...],
) -> dict[str, Any]:
    """What the pairs say of a patch; `seen` and `changed` are those of its pixels."""
    saw = seen.any(1)
    agree = saw & (_share(changed.sum(1), seen.sum(1)) >= HALF)
    # Each pixel has a pair that exceeds; where no pair has half of them, the one with most counts.
    first, *others = np.flatnonzero(agree) if agree.any() else [int(changed.sum(1).argmax())]
    after, until = (_day(coherence[name].values[first]) for name in ENDS)
    again = "/".join(_day(coherence[name].values[others[0]]) for name in ENDS) if others else ""
    return {
        "change_after": after,
        "change_before": until,
        "first_seen": until,
        "confirmed": bool(others),
        "confirmed_by": again,
        "pairs": int(saw.sum()),
        "pairs_changed": int(agree.sum()),
        "coherence": _mean(coherence.isel(pair=first).values[pixels]),
        "stable_coherence": float(means[first]),
    }


def _day(moment: np.datetime64) -> str:
    return str(moment.astype("datetime64[D]"))


def _mean(values: npt.NDArray[Any]) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")
