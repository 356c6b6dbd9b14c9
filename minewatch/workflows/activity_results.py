"""The files of an activity run: maps, polygons, tables and the page that explains them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from minewatch import activity, grids, plots, store, vectors
from minewatch.conventions import NO_CLASS
from minewatch.report import Section, write_report
from minewatch.workflows.activity_pairs import dropped_pairs, ledger_rows, pairs_part
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.activity_periods import choices_part, exclusion_part, periods_part
from minewatch.workflows.activity_years import years_part
from minewatch.workflows.activity_zones import comparison_part, zones_part
from minewatch.workflows.outputs import Result, versions, write_json
from minewatch.workflows.provenance import write_record
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import xarray as xr

    from minewatch.workflows.activity_parts import Findings
    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["write_results"]

ACTIVE, STABLE = 2, 1


def write_results(
    settings: ActivitySettings,
    folder: Path,
    found: Findings,
    inputs: Sequence[Mapping[str, Any]],
) -> Result:
    """Write everything beside the stores and say what there is.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.
    inputs : sequence of mapping
        From :func:`minewatch.workflows.provenance.inputs_of`.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    rows = ledger_rows(found.ledger)
    parts = [
        _maps(settings, folder, found),
        pairs_part(folder, found, rows),
        _threshold(found),
        *(
            part(settings, folder, found)
            for part in (
                choices_part,
                exclusion_part,
                periods_part,
                zones_part,
                comparison_part,
                years_part,
            )
        ),
    ]
    summary = {key: text for part in parts for key, text in part.summary.items()}
    files = {key: path for part in parts for key, path in part.files.items()}
    files["all numbers"] = write_json(
        folder / "summary.json", {key: n for part in parts for key, n in part.numbers.items()}
    )
    names, dropped = found.coherence.attrs.get("files", []), dropped_pairs(rows)
    made_with = versions()
    files["settings, to run it again"] = write_settings(
        settings,
        folder / "run.toml",
        provenance={**made_with, "inputs": names, "pairs_dropped": len(dropped)},
    )
    threshold = {k: v for k, v in found.threshold.attrs.items() if not k.startswith("density")}
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Mine activity from coherence",
        sections=[section for part in parts for section in part.sections],
        provenance={
            "settings": dataclasses.asdict(settings),
            "map": _grid(found),
            "threshold": threshold,
            "inputs": names,
            "versions": made_with,
        },
        summary=summary,
    )
    files["record of where it came from"] = write_record(
        settings,
        folder,
        files=files.values(),
        versions=made_with,
        inputs=inputs,
        dropped=dropped,
    )
    return Result(folder, summary, files)


def _grid(found: Findings) -> dict[str, object]:
    """Where the map lies and what its coherence is."""
    box = grids.geobox_of(found.tai)
    facts = found.coherence.attrs
    told = {
        key: facts[key] for key in ("source", "polarization", "window", "looks") if key in facts
    }
    return {
        "CRS": f"EPSG:{box.crs.epsg}" if box.crs.epsg else box.crs,
        "rows, columns": box.shape,
        "pixel": f"{abs(box.resolution.x):g} by {abs(box.resolution.y):g} {box.crs.units[0]}",
        **{f"coherence: {key}": value for key, value in told.items()},
    }


def _maps(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """The two maps, their polygons and how large they are."""
    tai = found.tai
    files = {
        "class map: undecided, stable, active": store.to_cog(tai.activity, folder / "activity.tif"),
        "share of pairs with activity": store.to_cog(tai.tai, folder / "tai.tif"),
    }
    for name, code in (("activity", ACTIVE), ("stability", STABLE)):
        polygons = vectors.polygonize(tai.activity, value=code)
        files[f"{name} areas"] = folder / f"{name}.geojson"
        vectors.to_geojson(polygons, files[f"{name} areas"])
    files["TAI, counts, interval, classes"] = folder / "tai.zarr"
    files["coherence of every pair"] = folder / "coherence.zarr"
    outlines = _outlines(settings)
    maps = plots.activity_figure(tai, outlines=outlines)
    files["quicklook"] = plots.save(maps, folder / "quicklook.png")
    areas = _areas_by_name(tai)
    steady = plots.stable_figure(tai.stable, found.coherence.mean("pair"))
    contours = plots.contours_figure(tai, backdrop=found.mean_ndai, outlines=outlines)
    text = (
        "Left: the share of image pairs in which the ground changed more than stable ground "
        f"does (TAI). Right: what that share allows to say. {_rule(settings, tai)} Consecutive "
        "pairs share an image, so they are not independent and the interval is the least that is "
        f"uncertain.\n\n{_masked(settings)}"
    )
    below = (
        "Activity (TAI of at least one half) and stability (no pair with activity) over the mean "
        "NDAI of all kept pairs."
    )
    return Part(
        sections=[
            Section("Where the mine was active", text, figures=[maps, (contours, below)]),
            Section(
                "Stable ground",
                "Pixels of high and steady coherence, against which every pair is measured.",
                figures=[steady],
            ),
        ],
        files=files,
        summary={
            **{f"{name} area": f"{area:,.1f} ha" for name, area in areas.items()},
            "stable pixels": f"{int(tai.stable.sum()):,}",
        },
        numbers={"areas_ha": areas, "stable_pixels": int(tai.stable.sum())},
    )


def _rule(settings: ActivitySettings, tai: xr.Dataset) -> str:
    """How classes were made, with the numbers that made them."""
    facts = tai.activity.attrs
    least = tai.tai.attrs["min_count"]
    level = f"{100 * settings.confidence:g} % interval ({settings.interval.title()})"
    unknown = f" What was seen in fewer than {least} kept pairs, or left out, is unknown."
    if settings.rule == "paper":
        return (
            "As published: a pixel is active if it changed in at least half of its pairs, stable "
            f"if in none, undecided otherwise; the {level} of the share is in tai.zarr." + unknown
        )
    return (
        f"A pixel is active if even the lower end of the {level} of its share is at least "
        f"{facts['active_minimum']:g}, stable if even the upper end is at most "
        f"{facts['stable_maximum']:g}, and undecided otherwise: more pairs decide more of the "
        "ground." + unknown
    )


MASKS = {
    "vegetation": ("ndvi",),
    "water": ("mndwi", "water"),
    "radar shadow and layover": ("elevation",),
    "ground without signal": ("backscatter",),
}
"""What loses coherence without being mined → the settings that mask it."""


def _masked(settings: ActivitySettings) -> str:
    """Which masks were given, and which were not."""
    given = {what: any(getattr(settings, key) for key in keys) for what, keys in MASKS.items()}
    done, open_ = ([what for what, said in given.items() if said is way] for way in (True, False))
    text = f"Left out by masks: {', '.join(done) or 'nothing'}."
    if open_:
        text += (
            f" No mask was given of {', '.join(open_)}: where there is any, it may count as active "
            "here without being mined."
        )
    return text


def _outlines(settings: ActivitySettings) -> gpd.GeoDataFrame | None:
    path = settings.outlines or settings.zones or settings.site
    return None if path is None else vectors.read_polygons(path)


THRESHOLDS = {
    "kde_valley": "The threshold lies in the valley between quiet and changing ground.",
    "otsu": "The threshold parts quiet from changing ground so that both are as even as can be.",
    "fixed": "The threshold was given, or is that of the run that new dates were added to.",
}
"""How the threshold was come by, by the method that was used."""

NO_VALLEY = "No valley was found between quiet and changing ground, so another threshold was taken."


def _threshold(found: Findings) -> Part:
    threshold = found.threshold
    method = threshold.attrs["method_used"]
    asked = threshold.attrs.get("method", method)
    section = Section(
        "The threshold",
        "NDAI compares each pixel with stable ground: 0 is as coherent, 1 is no coherence at "
        f"all. {THRESHOLDS[method] if asked == method else NO_VALLEY}",
        figures=[
            plots.threshold_figure(threshold, found.mean_ndai),
            plots.mean_ndai_figure(found.mean_ndai, float(threshold)),
        ],
    )
    return Part(
        [section],
        summary={"NDAI threshold": f"{float(threshold):.3f} ({method})"},
        numbers={"threshold": float(threshold), "threshold_method": method},
    )


def _areas_by_name(tai: xr.Dataset) -> dict[str, float]:
    """Hectares of each class by its name, what a person looks for first in front."""
    areas = activity.activity_areas(tai).area
    flags = tai.activity.attrs
    codes = dict(zip(flags["flag_meanings"].split(), flags["flag_values"], strict=True))
    named = {name: float(areas.sel(activity=codes[name])) for name in reversed(codes)}
    return {**named, "unknown": float(areas.sel(activity=NO_CLASS))}
