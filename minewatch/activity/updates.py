"""Adding pairs to an index: frozen, which costs the new pairs alone, or refreshed, which costs all.

Counts add up, so that a new pair costs one pass over itself as long as it is held against the same
stable ground and the same threshold. Both age as the series grows; to find them anew is to count
anew, and the difference is worth knowing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch.activity.additions import with_new_pairs
from minewatch.activity.drift import refreshed
from minewatch.conventions import require

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["update_tai"]


def update_tai(
    tai: xr.Dataset,
    coherence: xr.DataArray,
    ledger: xr.Dataset,
    *,
    superseded: xr.Dataset | bool | None = None,
    mask: xr.DataArray | None = None,
    refresh: bool = False,
    stable: xr.DataArray | None = None,
    within: xr.DataArray | None = None,
    domain: xr.DataArray | None = None,
) -> xr.Dataset:
    """Add the pairs that an index has not met yet; the others are not read.

    The result is that of :func:`~minewatch.activity.tai` over all pairs with the same stable
    pixels, threshold and settings: counts to the integer, whatever the order in which pairs
    arrive. Pairs are known by their two dates, also those that were dropped: to add the same ones
    again changes nothing.

    With `refresh` stable pixels, ledger and threshold are found anew in all pairs, and the result
    says how far they have drifted; that computes, and reads everything.

    An acquisition that arrives late splits a pair that was counted: d1–d3 gives way to d1–d2 and
    d2–d3. It is known by a new pair that lies within the time of a counted one.

    Parameters
    ----------
    tai : xarray.Dataset
        From :func:`~minewatch.activity.tai` or this function, in memory, lazy or reopened from a
        store. Threshold, grouping and all settings are taken from it.
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x): the new pairs, with or without the old ones.
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs` with the same stable pixels as before; holds
        at least the new pairs.
    superseded : bool or xarray.Dataset, optional
        What becomes of counted pairs that a new one splits: True takes them out, which needs
        their coherence; False counts all of them, as in a list of all pairs within some time. A
        Dataset with ``reference_time`` and ``secondary_time`` names the pairs to take out, also
        dropped ones, which no refresh then takes in. By default they are an error.
    mask : xarray.DataArray, optional
        The mask that `tai` was made with; needed if there was one.
    refresh : bool
        Whether to find stable pixels and threshold anew. `coherence` then holds all pairs. Stable
        pixels and pairs are found with the settings in the attributes of `stable` and `ledger`; a
        threshold that was given as a number stays as it is, any other is found by the same method.
    stable : xarray.DataArray, optional
        Only to refresh: the stable pixels so far, with their attributes; by default a variable
        ``stable`` of `tai`.
    within, domain : xarray.DataArray, optional
        Only to refresh: what :func:`stable_pixels` and :func:`ndai_threshold` were given as such.

    Returns
    -------
    xarray.Dataset
        As from :func:`~minewatch.activity.tai`; lazy if either input is. Further variables of
        `tai` are handed on. Refreshed, it has the variable ``stable``, to screen the next pairs
        by, and attributes ``drift_*``: refreshed less frozen ``threshold``, stable pixels
        ``stable_gained`` and ``stable_lost``, mean coherence of stable ground ``stable_mean``,
        ``pairs_gained`` and ``pairs_lost``, ``active_pixels``, ``changed_pixels`` whose class is
        another, and, where there are no groups and a CRS is known, ``active_ha``.

    Raises
    ------
    ValueError
        If the ledger judges known pairs by other stable pixels or otherwise, a counted pair is
        split and `superseded` does not say what to do, its coherence is lacking, the grids
        differ, or there was a mask and none is given. To refresh: if a known pair is not in
        `coherence`, or the settings are not known.
    KeyError
        If the ledger lacks a new pair, or `superseded` names a pair that `tai` never met.

    See Also
    --------
    tai : counts a first time.
    settle_pairs : stable pixels and pairs that agree with each other.

    References
    ----------
    The index is that of Kavats et al. (2025), doi:10.1144/gslspecpub2023-216.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> import xarray as xr
    >>> from minewatch.activity import tai
    >>> dates = pd.date_range("2022-06-01", periods=6, freq="12D")
    >>> coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
    >>> values = np.float32([0.9, 0.3, 0.9, 0.3, 0.3]).reshape(5, 1, 1)
    >>> coherence = xr.DataArray(values, coords, ("pair", "y", "x"))
    >>> ledger = xr.Dataset(
    ...     {"stable_mean": ("pair", np.full(5, 0.9)), "keep": ("pair", np.full(5, True))}, coords
    ... )
    >>> first = tai(coherence[:4], ledger.isel(pair=slice(4)), threshold=0.2)
    >>> both = update_tai(first, coherence[4:], ledger.isel(pair=slice(4, 5)))
    >>> both.exceeded.values, both.observed.values
    (array([[3]], dtype=uint16), array([[5]], dtype=uint16))
    >>> both.identical(tai(coherence, ledger, threshold=0.2))
    True
    """
    require(coherence, "pair", "y", "x", dtype="floating", by="update_tai")
    frozen = with_new_pairs(tai, coherence, ledger, superseded=superseded, mask=mask)
    if not refresh:
        return frozen
    before = tai.get("stable") if stable is None else stable
    if before is None:
        message = (
            "update_tai needs the stable pixels so far to say how they drift; pass stable=..., as "
            "stable_pixels returned it"
        )
        raise ValueError(message)
    return refreshed(frozen, coherence, ledger, before, mask=mask, within=within, domain=domain)
