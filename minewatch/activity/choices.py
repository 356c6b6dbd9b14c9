"""How much of an active area is found and how much is chosen: the same series, other choices.

A threshold, an idea of stable ground and a rule of colours are settled before any area is told.
Here each is varied alone, all others kept, so that the area comes with its range and with the
choice that moves it most.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

from minewatch.activity.activity_index import tai
from minewatch.activity.colours import activity_colours
from minewatch.activity.differences import mean_ndai
from minewatch.activity.grounds import stable_grounds
from minewatch.activity.thresholds import ndai_threshold
from minewatch.conventions import NO_CLASS, require
from minewatch.grids import cell_areas
from minewatch.insar.identity import label_values

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from minewatch.activity.grounds import Ground

__all__ = ["threshold_choices"]

THRESHOLDS = ("kde_valley", "otsu", "fixed")
GROUNDS = ((0.8, 0.2), (0.9, 0.1))
"""Stable ground after Moon and Lee, and after Wang et al.: mean above, spread below."""

COLOUR_RULES: tuple[Literal["binary", "hsv"], ...] = ("binary", "hsv")
LAST_YEAR = (4, 5, 6, 7)
"""Colours of ground that was active in the third year."""

COLUMNS = (
    "choice", "varies", "period", "stable_ground", "method", "threshold", "active_ha",
    "active_ha_lower", "active_ha_upper", "change_ha", "change", "reason",
)  # fmt: skip


def threshold_choices(
    coherence: xr.DataArray,
    *,
    ledger: xr.Dataset | None = None,
    years: Sequence[int] | None = None,
    method: Literal["kde_valley", "otsu", "fixed"] = "kde_valley",
    fixed: float = 0.2,
    minimum: float = 0.8,
    maximum_std: float = 0.2,
    max_perpendicular_baseline: float | None = 250.0,
    min_pixels: int = 30,
    within: xr.DataArray | None = None,
    mask: xr.DataArray | None = None,
    active_minimum: float = 0.5,
    confidence: float = 0.95,
    interval: Literal["clopper-pearson", "wilson"] = "clopper-pearson",
    min_count: int | None = None,
) -> pd.DataFrame:
    """Active area under other thresholds, stable ground and colour rules; computes.

    The first row is the default that the settings make. Each row below varies one thing: the
    threshold (valley of the density, Otsu, fixed), or stable ground (mean above 0.8 and spread
    below 0.2, or 0.9 and 0.1), which changes the level of every pair, the pairs kept and the
    threshold found. Ground is active where TAI is at least `active_minimum`.

    Where the series has three years, the last of them is told thrice: by TAI of its own pairs, and
    by the two rules of :func:`activity_colours`, as the area of all colours with that year (blue,
    magenta, cyan, white), that is, by its mean NDAI and the threshold of the three annual maps.
    These rows are measured against the TAI of the same year.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence, dims (pair, y, x), on a grid with a CRS. A lazy one is read eight times, block
        by block, and never held.
    ledger : xarray.Dataset, optional
        That of the default, where the pairs are judged already (:func:`screen_pairs`,
        :func:`settle_pairs`). The limits in its attributes then hold for the other stable ground
        too, and `minimum` and `maximum_std` only tell by which it was made.
    years : sequence of int, optional
        Three years for the colours; by default the last three that have kept pairs.
    method, fixed
        Default threshold, as in :func:`ndai_threshold`.
    minimum, maximum_std, within
        Default stable ground, as in :func:`stable_pixels`.
    max_perpendicular_baseline, min_pixels
        As in :func:`screen_pairs`.
    mask : xarray.DataArray, optional
        What to leave out: bool, dims (y, x).
    active_minimum, confidence, interval, min_count
        As in :func:`tai`.

    Returns
    -------
    pandas.DataFrame
        A row a choice: ``choice`` (its name), ``varies`` (empty, ``"threshold"``,
        ``"stable ground"`` or ``"colour rule"``), ``period``, ``stable_ground`` and ``method``,
        ``threshold`` (the NDAI used), ``active_ha``, with ``active_ha_lower`` and
        ``active_ha_upper`` where the lower and the upper end of TAI's interval are at least
        `active_minimum` (NaN for colours, which have none), ``change_ha`` and ``change`` (share)
        against the row it is measured by, and ``reason``: empty, or why there is no area, or what
        was used instead. attrs: ``range_ha``, least and greatest area of the whole series,
        ``range`` of it relative to the default, ``matters_most``, what varied in the row with the
        largest ``change_ha`` of either sign (``"nothing"`` if none changes it, ``"unknown"``
        if no other row has an area), and ``matters_most_choice``, that row.

    Raises
    ------
    ValueError
        If the grid has no CRS, there are fewer than three pairs, or a setting is unknown.

    See Also
    --------
    minewatch.activity.activity_areas : hectares of the map that is kept.

    References
    ----------
    Kavats et al. (2025), doi:10.1144/gslspecpub2023-216, who print three thresholds for one site;
    Jolleys and Duddy (2023), Climate TRACE methodology (colours).

    Examples
    --------
    >>> import pandas as pd, rioxarray
    >>> dates = pd.date_range("2022-05-01", periods=13, freq="12D")
    >>> values = np.full((12, 20, 20), 0.9, "float32")
    >>> values[:, :5] = 0.3
    >>> coherence = xr.DataArray(
    ...     values + np.linspace(0, 0.05, 20, dtype="float32"),
    ...     dims=("pair", "y", "x"),
    ...     coords={
    ...         "reference_time": ("pair", dates[:-1]),
    ...         "secondary_time": ("pair", dates[1:]),
    ...         "y": np.arange(20, 0, -1) * 100.0,
    ...         "x": np.arange(20) * 100.0,
    ...     },
    ... ).rio.write_crs("EPSG:32735")
    >>> table = threshold_choices(coherence, max_perpendicular_baseline=None)
    >>> table.loc[:3, ["choice", "active_ha", "active_ha_lower", "active_ha_upper"]]
               choice  active_ha  active_ha_lower  active_ha_upper
    0         default      100.0            100.0            100.0
    1            otsu      100.0            100.0            100.0
    2       fixed 0.2      100.0            100.0            100.0
    3  stable 0.9/0.1      100.0            100.0            100.0
    """
    import pandas as pd

    require(coherence, "pair", "y", "x", dtype="floating", by="threshold_choices")
    hectares = cell_areas(coherence) / 1e4
    wanted = [(minimum, maximum_std), *(each for each in GROUNDS if each != (minimum, maximum_std))]
    grounds = stable_grounds(
        coherence,
        wanted,
        ledger=ledger,
        within=within,
        max_perpendicular_baseline=max_perpendicular_baseline,
        min_pixels=min_pixels,
    )
    share: dict[str, Any] = {"active_minimum": active_minimum, "confidence": confidence}
    share |= {"stable_maximum": min(0.3, active_minimum / 2), "interval": interval}
    share |= {"min_count": min_count, "mask": mask}
    rows: list[dict[str, Any]] = []
    maps: dict[int, list[xr.DataArray]] = {}
    for ground in grounds:
        default = ground is grounds[0]
        mean = None if ground.ledger is None else mean_ndai(coherence, ground.ledger)
        others = [each for each in THRESHOLDS if default and each != method]
        for how in [method, *others]:
            row = _row(ground, how)
            if not default:
                row |= {"choice": f"stable {ground.name}", "varies": "stable ground"}
            elif how != method:
                label = f"fixed {fixed:g}" if how == "fixed" else how.replace("_", " ")
                row |= {"choice": label, "varies": "threshold"}
            if ground.ledger is not None and mean is not None:
                row |= _found(mean, how, fixed)
                index = tai(coherence, ground.ledger, threshold=row["threshold"], **share)
                row["period"] = f"{index.attrs['first_date']} to {index.attrs['last_date']}"
                maps[len(rows)] = _thrice(index, active_minimum)
            rows.append(row)
    rows += _colour_rows(coherence, grounds[0], rows[0], years, share, maps, len(rows), fixed)
    areas = _areas(maps, hectares)
    for i, row in enumerate(rows):
        names = ("active_ha", "active_ha_lower", "active_ha_upper")
        found = areas.get(i, [np.nan] * 3)
        row |= dict(zip(names, found, strict=True))
        if i in areas and np.isnan(found[0]):
            row["reason"] = row["reason"] or "no pixel is known in enough pairs"
    return _compared(pd.DataFrame(rows).reindex(columns=list(COLUMNS)))


def _row(ground: Ground, method: str) -> dict[str, Any]:
    return {
        "choice": "default",
        "varies": "",
        "stable_ground": ground.name,
        "method": method,
        "threshold": np.nan,
        "reason": ground.reason,
    }


def _found(mean: xr.DataArray, method: Any, fixed: float) -> dict[str, Any]:
    """The threshold, and what was used where the method finds none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the row says it
        found = ndai_threshold(mean, method=method, fixed=fixed)
    used = found.attrs["method_used"]
    reason = "" if used == method else f"no threshold by {method}: {used} {float(found):g} used"
    return {"threshold": float(found), "reason": reason}


def _thrice(index: xr.Dataset, level: float) -> list[xr.DataArray]:
    """Where TAI is known, and where it, and either end of its interval, reach the level."""
    reached = [index[name] >= np.float32(level) for name in ("tai", "lower", "upper")]
    return [index["tai"] >= 0, *reached]


def _colour_rows(
    coherence: xr.DataArray,
    ground: Ground,
    default: dict[str, Any],
    years: Sequence[int] | None,
    share: dict[str, Any],
    maps: dict[int, list[xr.DataArray]],
    start: int,
    fixed: float,
) -> list[dict[str, Any]]:
    """The last of three years by its TAI and by the two rules of colours."""
    rows = [
        {**default, "choice": f"{rule} colours", "varies": "colour rule"} for rule in COLOUR_RULES
    ]
    if ground.ledger is None:
        return rows
    seen = np.asarray(label_values(coherence.coords["secondary_time"]), "datetime64[Y]")
    seen = seen.astype("int64") + 1970
    annual = mean_ndai(coherence, ground.ledger, by="year")
    there = annual.indexes["year"].tolist()
    chosen = tuple(there[-3:] if years is None else years)
    if len(set(chosen)) < 3 or not set(chosen) <= set(there):
        why = f"colours need three years with kept pairs; there are {there}"
        return [{**row, "threshold": np.nan, "period": "", "reason": why} for row in rows]
    last = chosen[2]
    found = _found(annual.sel(year=list(chosen)), default["method"], fixed)
    level = found["threshold"]
    rows = [{**row, **found} for row in rows]
    if level <= 0:
        why = f"colours need a threshold above 0, not {level:g}"
        return [{**row, "period": "", "reason": why} for row in rows]
    few = {**share, "min_count": None}  # that of the whole series is too many for a year
    series = coherence.isel(pair=seen == last)
    own = tai(series, ground.ledger, threshold=default["threshold"], **few)
    maps[start] = _thrice(own, share["active_minimum"])
    first = {**default, "choice": f"TAI of {last}", "period": str(last)}
    for i, rule in enumerate(COLOUR_RULES, start=1):
        colours = activity_colours(annual, years=chosen, threshold=level, method=rule)
        layers = [colours != NO_CLASS, colours.isin(LAST_YEAR)]
        mask = share["mask"]
        if mask is not None:
            layers = [each & ~mask.drop_vars(mask.coords) for each in layers]
        maps[start + i] = layers
        rows[i - 1] |= {"choice": f"{rule} colours of {last}", "period": str(last)}
    return [first, *rows]


def _areas(maps: dict[int, list[xr.DataArray]], hectares: xr.DataArray) -> dict[int, list[float]]:
    """Hectares of all maps, in one pass; unknown and not 0 where the first layer is nowhere."""
    names = {(i, k): each for i, layers in maps.items() for k, each in enumerate(layers)}
    rows = xr.Dataset(
        {f"{i} {k}": each.drop_vars(each.coords).sum("x") for (i, k), each in names.items()}
    ).compute()
    sums = (rows * hectares.drop_vars(hectares.coords)).sum()
    return {
        i: [
            float(sums[f"{i} {k}"]) if k < len(layers) and sums[f"{i} 0"] > 0 else np.nan
            for k in (1, 2, 3)
        ]
        for i, layers in maps.items()
    }


def _compared(table: pd.DataFrame) -> pd.DataFrame:
    """Changes against the row that a row is measured by, their range, and what matters most."""
    single = table.index[table["choice"].str.startswith("TAI of ")]
    base = np.zeros(len(table), "int64")
    base[single[0] if len(single) else len(table) :] = single[0] if len(single) else 0
    reference = table["active_ha"].to_numpy()[base]
    table["change_ha"] = table["active_ha"] - reference
    table["change"] = table["change_ha"] / np.where(reference > 0, reference, np.nan)
    whole = table.loc[base == 0, "active_ha"]
    low, high = float(whole.min()), float(whole.max())
    default = float(whole.iloc[0])
    effect = np.where(table["varies"] != "", table["change_ha"].abs(), np.nan)
    most, choice = "unknown", ""
    if np.isfinite(effect).any():
        row = table.iloc[int(np.nanargmax(effect))]
        moved = np.nanmax(effect) > 0
        most, choice = (row["varies"], row["choice"]) if moved else ("nothing", "")
    table.attrs["range_ha"] = [low, high]
    table.attrs["range"] = (high - low) / default if default > 0 else float("nan")
    table.attrs["matters_most"], table.attrs["matters_most_choice"] = most, choice
    return table
