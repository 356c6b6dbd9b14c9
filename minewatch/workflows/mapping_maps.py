"""The maps of a mapping run: classes, probability, sizes, and where the forest had to guess."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from minewatch import learn, plots, store, vectors
from minewatch.conventions import NO_CLASS
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.outputs import write_table

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["domain_part", "maps_part", "size_rows"]

LARGEST = 60
"""Areas outlined in the picture; the file holds them all."""

MUCH = 0.05
"""Share of the map unlike the samples from which it is told."""

LARGEST_BLOCK = 1024
"""Rows and columns of a block of a layer that is in memory."""

REASONS = 10
"""Covariates that are told to be outside most often."""

BOUNDS = {
    "micro": "below 2.5 ha",
    "small": "2.5 to below 10 ha",
    "medium": "10 to 55 ha",
    "extensive": "above 55 ha",
}


def maps_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """The class map, the probability, outlines and sizes.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        Files, a section, the areas.
    """
    outlines = found.outlines
    drawn = folder / f"mines.{settings.outlines}"
    if settings.outlines == "gpkg":
        vectors.to_geopackage(outlines, drawn)
    else:
        vectors.to_geojson(outlines, drawn)
    sizes = size_rows(outlines)
    figure = plots.probability_figure(
        found.probability, outlines=outlines.nlargest(LARGEST, "area_ha")
    )
    files = {
        "mines, with hectares and size class": drawn,
        "class map": store.to_cog(found.mines, folder / "mines.tif"),
        "probability of a mine": store.to_cog(found.probability, folder / "probability.tif"),
        "mines of each size": write_table(
            folder / "sizes.csv", sizes, ["size class", "bounds", "areas", "hectares"]
        ),
        "quicklook": plots.save(figure, folder / "quicklook.png"),
    }
    calibrated = settings.calibration != "none"
    meaning = (
        "The probability that a pixel is a mine: of ground like the samples that is called 70 % "
        "likely, 70 % is."
        if calibrated
        else "The share of the forest's votes for a mine, which is no probability: it was not "
        "calibrated."
    )
    total = float(outlines["area_ha"].sum())
    unknown = float((found.mines.values == NO_CLASS).mean())
    return Part(
        sections=[
            Section(
                "Where the mines are",
                f"{meaning} Outlined are the largest areas where it passes the threshold of "
                f"{found.learnt.threshold:.3g} (at most {LARGEST}). Patches below "
                f"{settings.min_area:g} ha are on neither map nor outlines nor in the areas; "
                f"pixels that touch at a corner are one patch.{_unknown(unknown)} The areas "
                "are counted pixels, with the map's errors in them; labelled points (points=200) "
                "give areas with an interval. The map says nothing about who mines or with what "
                "permit.",
                figures=[figure],
                table=sizes,
            )
        ],
        files=files,
        summary={"mine areas": f"{len(outlines)} with {total:,.1f} ha"},
        numbers={
            "areas_ha": {str(row["size class"]): row["hectares"] for row in sizes},
            "mines": len(outlines),
            "mine_ha": total,
            "unknown_share": unknown,
        },
    )


def _unknown(share: float) -> str:
    if not share:
        return ""
    return (
        f" Grey is unknown, {100 * share:.1f} % of the map: no clear view, or a sensor is missing."
    )


def size_rows(outlines: gpd.GeoDataFrame) -> list[dict[str, object]]:
    """Count and hectares of each size class, the empty ones too.

    Parameters
    ----------
    outlines : geopandas.GeoDataFrame
        With ``area_ha`` and ``size_class``.

    Returns
    -------
    list of dict
        A row for each class.
    """
    by_size = outlines.groupby("size_class", observed=False)["area_ha"].agg(["count", "sum"])
    return [
        {
            "size class": str(size),
            "bounds": BOUNDS[str(size)],
            "areas": int(row["count"]),
            "hectares": round(float(row["sum"]), 4),
        }
        for size, row in by_size.iterrows()
    ]


def domain_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """Where the map shows ground unlike any that the forest learnt from.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        The layer and a section; a line of the summary if there is much of it.

    Warns
    -----
    UserWarning
        If more than 5 % of the map is so.
    """
    del settings
    # Computed once, and in blocks from there: what draws and stores it needs no whole copies.
    outside = found.outside.compute().chunk(y=LARGEST_BLOCK, x=LARGEST_BLOCK)
    known = int(outside.notnull().sum())
    share = int((outside > 0).sum()) / known if known else 0.0
    much = share > MUCH
    told = (
        f"{100 * share:.1f} % of the map has a covariate below or above all that the forest learnt "
        "from"
    )
    table = None
    if much:
        table = _reasons(found)
        worst = ", ".join(str(row["covariate"]) for row in table[:3])
        fix = "add polygons of such ground"
        if found.taught is not None:
            fix = "let the teacher label more of it (student_samples, keep)"
        message = (
            f"{told}, most often {worst}: probabilities there are guesses; {fix} (domain.tif shows "
            "it)"
        )
        warnings.warn(message, UserWarning, stacklevel=2)
    text = (
        f"{told}. A forest goes on there as if the ground were like the nearest it knows, and "
        "neither the scores nor the calibration hold. Ground may also be strange in the way that "
        "its covariates go together, which this does not see."
    )
    return Part(
        sections=[
            Section(
                "Ground that the forest has not seen",
                text,
                figures=[plots.map_figure(outside, limits=(0.0, float(outside.max())))]
                if share
                else [],
                table=table,
            )
        ],
        files={
            "share of covariates unlike any in training": store.to_cog(
                outside, folder / "domain.tif"
            )
        },
        summary={"unlike the samples": f"{100 * share:.0f} % of the map"} if much else {},
        numbers={"outside_domain": share},
    )


def _reasons(found: Findings) -> list[dict[str, object]]:
    """The covariates that are outside most often."""
    table = learn.domain_summary(found.learnt.model, found.stack)
    return [
        {
            "covariate": name,
            "below (%)": round(100 * row["below"], 2),
            "above (%)": round(100 * row["above"], 2),
        }
        for name, row in table.head(REASONS).iterrows()
    ]
