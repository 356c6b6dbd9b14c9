"""The files of an activity run: maps, polygons, tables and the page that explains them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minewatch import activity, plots, store, vectors
from minewatch.conventions import NO_CLASS
from minewatch.report import Section, write_report
from minewatch.workflows.outputs import Result, versions, write_json, write_table
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from minewatch.workflows.activity import ActivitySettings

__all__ = ["Findings", "ledger_rows", "write_results"]

ACTIVE, STABLE = 2, 1

SHORT = {"perpendicular_baseline_m": "B⊥ (m)", "valid_share": "seen"}
"""Headings of the table of pairs on the page, where a column has little room."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What an activity run found.

    Parameters
    ----------
    inputs : list of str
        The files that were read.
    ledger : xarray.Dataset
        Every pair with its judgement.
    mean_ndai, threshold : xarray.DataArray
        What the threshold was taken from, and the threshold.
    tai : xarray.Dataset
        The result, with the stable pixels.
    """

    inputs: list[str]
    ledger: xr.Dataset
    mean_ndai: xr.DataArray
    threshold: xr.DataArray
    tai: xr.Dataset


def ledger_rows(ledger: xr.Dataset) -> list[dict[str, object]]:
    """The ledger as rows a person can read, one a pair, with the reason in words.

    Parameters
    ----------
    ledger : xarray.Dataset
        From :func:`minewatch.activity.screen_pairs`.

    Returns
    -------
    list of dict
        Dates as ISO text, numbers, ``keep`` and ``reason``.
    """
    reason = ledger["reason"]
    meanings = dict(
        zip(reason.attrs["flag_values"], reason.attrs["flag_meanings"].split(), strict=True)
    )
    table: pd.DataFrame = ledger.to_dataframe().reset_index()
    rows = []
    for row in table.to_dict("records"):
        code = int(row["reason"])
        rows.append(
            {
                "reference": row["reference_time"].date().isoformat(),
                "secondary": row["secondary_time"].date().isoformat(),
                "days": round(float(row["temporal_baseline"]), 1),
                "perpendicular_baseline_m": round(float(row["perpendicular_baseline"]), 1),
                "stable_mean": round(float(row["stable_mean"]), 4),
                "stable_std": round(float(row["stable_std"]), 4),
                "valid_share": round(float(row["valid_share"]), 4),
                "keep": bool(row["keep"]),
                "reason": meanings[code].replace("_", " "),
            }
        )
    return rows


def write_results(settings: ActivitySettings, folder: Path, found: Findings) -> Result:
    """Write everything beside the stores and say what there is.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    ledger, mean_ndai, threshold, tai = found.ledger, found.mean_ndai, found.threshold, found.tai
    files = {
        "class map: undecided, stable, active": store.to_cog(tai.activity, folder / "activity.tif"),
        "share of pairs with activity": store.to_cog(tai.tai, folder / "tai.tif"),
    }
    for name, code in (("activity", ACTIVE), ("stability", STABLE)):
        polygons = vectors.polygonize(tai.activity, value=code)
        files[f"{name} areas"] = folder / f"{name}.geojson"
        vectors.to_geojson(polygons, files[f"{name} areas"])
    rows = ledger_rows(ledger)
    files["TAI, counts, interval, classes"] = folder / "tai.zarr"
    files["coherence of every pair"] = folder / "coherence.zarr"
    files["ledger of pairs"] = folder / "ledger.zarr"
    store.to_zarr(ledger, folder / "ledger.zarr", overwrite=settings.overwrite)
    dropped = [row for row in rows if not row["keep"]]
    files["all pairs, with reasons"] = write_table(folder / "pairs.csv", rows, list(rows[0]))
    files["dropped pairs, with reasons"] = write_table(
        folder / "dropped_pairs.csv", dropped, list(rows[0])
    )
    areas = _areas_by_name(tai)
    summary = _summary(rows, threshold, tai, areas)
    write_json(
        folder / "summary.json",
        {
            "threshold": float(threshold),
            "threshold_method": threshold.attrs.get("method_used"),
            "pairs": len(rows),
            "pairs_kept": len(rows) - len(dropped),
            "stable_pixels": int(tai.stable.sum()),
            "areas_ha": areas,
        },
    )
    outlines = None if settings.outlines is None else vectors.read_polygons(settings.outlines)
    figures = {
        "maps": plots.activity_figure(tai, outlines=outlines),
        "pairs": plots.ledger_figure(ledger),
        "threshold": plots.threshold_figure(threshold, mean_ndai),
    }
    files["quicklook"] = plots.save(figures["maps"], folder / "quicklook.png")
    made_with = versions()
    files["settings, to run it again"] = write_settings(
        settings,
        folder / "run.toml",
        provenance={**made_with, "inputs": found.inputs, "pairs_dropped": len(dropped)},
    )
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Mine activity from coherence",
        sections=_sections(figures, rows, tai),
        provenance={
            "settings": dataclasses.asdict(settings),
            "threshold": {k: v for k, v in threshold.attrs.items() if k != "density"},
            "inputs": found.inputs,
            "versions": made_with,
        },
        summary=summary,
    )
    return Result(folder, summary, files)


def _areas_by_name(tai: xr.Dataset) -> dict[str, float]:
    """Hectares of each class by its name, what a person looks for first in front."""
    areas = activity.activity_areas(tai).area
    flags = tai.activity.attrs
    codes = dict(zip(flags["flag_meanings"].split(), flags["flag_values"], strict=True))
    named = {name: float(areas.sel(activity=codes[name])) for name in reversed(codes)}
    return {**named, "unknown": float(areas.sel(activity=NO_CLASS))}


def _summary(
    rows: list[dict[str, object]],
    threshold: xr.DataArray,
    tai: xr.Dataset,
    areas: dict[str, float],
) -> dict[str, str]:
    kept = sum(bool(row["keep"]) for row in rows)
    return {
        **{f"{name} area": f"{area:,.1f} ha" for name, area in areas.items()},
        "pairs kept": f"{kept} of {len(rows)}",
        "stable pixels": f"{int(tai.stable.sum()):,}",
        "NDAI threshold": f"{float(threshold):.3f} ({threshold.attrs['method_used']})",
    }


def _sections(
    figures: dict[str, Figure], rows: list[dict[str, object]], tai: xr.Dataset
) -> list[Section]:
    confidence = 100 * float(tai.tai.attrs.get("confidence", 0.95))
    return [
        Section(
            "Where the mine was active",
            "Left: the share of image pairs in which the ground changed more than stable ground "
            "does (TAI). Right: what that share allows to say. A pixel is active if even the lower "
            f"end of its {confidence:.0f} % interval is at least one half, stable if even the "
            "upper end is small, and undecided otherwise: more pairs decide more of the ground.\n\n"
            "Vegetation and water lose coherence as well and look active; mask them before the map "
            "is read as mining. Consecutive pairs share an image, so they are not independent and "
            "the interval is the least that is uncertain.",
            figures=[figures["maps"]],
        ),
        Section(
            "Which pairs were used",
            "A pair whose stable ground lost coherence as a whole tells of weather, snow or a long "
            "baseline, not of mining, and is left out.",
            figures=[figures["pairs"]],
            table=[{SHORT.get(key, key): value for key, value in row.items()} for row in rows],
        ),
        Section(
            "The threshold",
            "NDAI compares each pixel with stable ground: 0 is as coherent, 1 is no coherence at "
            "all. The threshold lies in the valley between quiet and changing ground.",
            figures=[figures["threshold"]],
        ),
    ]
