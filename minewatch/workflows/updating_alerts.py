"""Alerts of a watched run: ground that became active since the watch began, and what says so."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import activity, alerts, vectors
from minewatch._files import whole
from minewatch.activity.records import COUNTED, read_record
from minewatch.sources._files import dates_in
from minewatch.workflows.updating_pairs import met

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import geopandas as gpd
    import numpy.typing as npt
    import xarray as xr

__all__ = ["ALERTS", "counted", "made_of", "write_alerts"]

ALERTS = "alerts.geojson"
SINCE = "watched_since"
"""Member of the file beside its features: the last date of the run when it was first updated."""


def write_alerts(
    path: Path,
    tai: xr.Dataset,
    series: xr.DataArray,
    ledger: xr.Dataset,
    *,
    gone: npt.NDArray[np.bool_],
    min_area_ha: float,
    mask: xr.DataArray | None = None,
    inputs: Iterable[Mapping[str, Any]] = (),
    to: Path | None = None,
) -> gpd.GeoDataFrame:
    """Write what became active since the run was first updated, and still is. Computes.

    Pairs since then are judged together, whichever update brought them, against the index without
    them: so a later update confirms what an earlier one told, and updates of one date each end
    where a single one of all dates does.

    Parameters
    ----------
    path : pathlib.Path
        ``alerts.geojson`` of the run. If it tells since when it is watched, that holds; if there is
        none, the watch begins after the last date that `tai` has met.
    tai : xarray.Dataset
        Its index, with or without the pairs that are new.
    series : xarray.DataArray
        Coherence of known and new pairs, dims (pair, y, x).
    ledger : xarray.Dataset
        From :func:`~minewatch.activity.screen_pairs`, of them all.
    gone : numpy.ndarray
        Pairs that a late date splits and that count no more, bool.
    min_area_ha : float
        Smaller patches are left out, hectares.
    mask : xarray.DataArray, optional
        What to leave out: bool, dims (y, x).
    inputs : iterable of mapping
        What the run is made of: ``name`` and ``digest``.
    to : pathlib.Path, optional
        Where to write; by default `path`.

    Returns
    -------
    geopandas.GeoDataFrame
        From :func:`~minewatch.alerts.new_activity`, and ``inputs``: the files of its first and of
        its confirming pair.

    Raises
    ------
    ValueError
        If ``alerts.geojson`` is something else.
    """
    since = _watched_since(path, tai)
    uses, late = met(tai, series), series.secondary_time.values > since
    out, joins = uses[COUNTED] & (late | gone), uses["new"] & ~late & ~gone
    if (out | joins).any():
        tai = activity.update_tai(
            tai,
            series.isel(pair=out | joins),
            ledger,
            superseded=series.isel(pair=out).coords.to_dataset(),
            mask=mask,
        )
    new = late & ~gone
    begin = series.reference_time.values[new]
    # Earlier pairs that a new one overlaps may tell that ground was quiet.
    overlapped = ~gone & (series.secondary_time.values > (begin.min() if begin.size else since))
    told = alerts.new_activity(
        tai,
        series.isel(pair=new | overlapped),
        ledger,
        since=since,
        min_area_ha=min_area_ha,
        mask=mask,
    )
    rows = list(inputs)
    made = [made_of(rows, pairs) for pairs in zip(told.seen_by, told.confirmed_by, strict=True)]
    told.insert(told.columns.get_loc("geometry"), "inputs", np.array(made, object))
    _write(told, path.name, to or path, since)
    return told


def _write(told: gpd.GeoDataFrame, name: str, path: Path, since: np.datetime64) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / name  # which the file tells of itself
        vectors.to_geojson(told, plain)
        text = plain.read_text(encoding="utf-8")
    member = f'{{\n"{SINCE}": "{np.datetime_as_string(since)}",'
    with whole(path) as partial:
        partial.write_text(text.replace("{", member, 1), encoding="utf-8")


def _watched_since(path: Path, tai: xr.Dataset) -> np.datetime64:
    """The last date before the watch."""
    latest = read_record(tai, by="update").index.get_level_values("secondary_time").max()
    if not path.is_file():
        return np.datetime64(latest, "ns")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return np.datetime64(told.get(SINCE, latest), "ns")
    except (ValueError, AttributeError) as error:
        message = (
            f"{path} is no file of alerts; delete it, and ground is watched from this update on"
        )
        raise ValueError(message) from error


def made_of(rows: Iterable[Mapping[str, Any]], pairs: Iterable[str]) -> str:
    """Which files pairs were made of, by the dates in their names.

    Parameters
    ----------
    rows : iterable of mapping
        ``name`` and ``digest``.
    pairs : iterable of str
        Two dates each, as ``2022-06-01/2022-06-13``; empty ones are passed over.

    Returns
    -------
    str
        Names and digests, as ``a.tif sha256:…; b.tif sha256:…``: of files that name both dates of
        a pair, else of those whose first date is one of them. Empty where no name tells.

    Examples
    --------
    >>> rows = [
    ...     {"name": f"slc_{day}.tif", "digest": f"sha256:{day[-2:]}"}
    ...     for day in ("20220601", "20220613", "20220625")
    ... ]
    >>> made_of(rows, ["2022-06-01/2022-06-13", ""])
    'slc_20220601.tif sha256:01; slc_20220613.tif sha256:13'
    """
    dated = [(row, [str(day)[:10] for day in dates_in(str(row["name"]))]) for row in rows]
    found: dict[str, None] = {}
    for pair in filter(None, pairs):
        ends = pair.split("/")
        whole_pair = [row for row, days in dated if set(ends) <= set(days)]
        single = [row for row, days in dated if days and days[0] in ends]
        for row in whole_pair or single:
            found[f"{row['name']} {row.get('digest', '')}".strip()] = None
    return "; ".join(found)


def counted(path: Path) -> str:
    """How many alerts a file holds, in words.

    Parameters
    ----------
    path : pathlib.Path
        From :func:`write_alerts`.

    Returns
    -------
    str
        For the summary.
    """
    if not path.exists():  # removed since by someone, who need not be told what it held
        return "0"
    held = [each["properties"] for each in json.loads(path.read_text("utf-8"))["features"]]
    kinds = [each["kind"] for each in held]
    return (
        f"{len(held)}: {kinds.count('new')} new, {kinds.count('expanded')} expanded, "
        f"{sum(each['confirmed'] for each in held)} confirmed by a second pair"
    )
