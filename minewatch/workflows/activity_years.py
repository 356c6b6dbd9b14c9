"""Three years as one colour map, and what they say of area, production and emissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from minewatch import activity, estimates, plots, store, vectors
from minewatch.report import Section
from minewatch.workflows.activity_checks import read_table
from minewatch.workflows.activity_layers import read_zones
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.activity_settings import whole_numbers
from minewatch.workflows.activity_thresholds import threshold_of
from minewatch.workflows.outputs import listed, write_table

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from minewatch.workflows.activity_parts import Findings
    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["years_part"]

WHITE = {
    "all": "Ground that changed in all three years counts in each.",
    "exclude": "Ground that changed in all three years is not counted.",
}


def years_part(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """The colour map of three years, its areas, and tonnes of ore and CO2e if tables were given.

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
    Part
        Empty if no years were given.

    Raises
    ------
    ValueError
        If a year has no kept pair, or a table of the user cannot be used.
    """
    years = whole_numbers(settings.years, setting="years")
    if years is None:
        return Part()
    annual = store.to_zarr(  # read three times
        _annual(found, years), folder / "annual_ndai.zarr", overwrite=True
    )
    # The mean of several years has heaps of its own, of ground that was worked in one of them.
    threshold = threshold_of(settings, annual)
    annual = found.unmasked(annual)
    look: dict[str, Any] = {"years": years, "threshold": threshold}
    rgb = activity.activity_rgb(annual, **look).compute()
    colours = activity.activity_colours(annual, method=settings.colours, **look).compute()
    counts = _count(settings, colours)
    tables = _counted(counts)
    files = {
        "mean NDAI of each of the years": folder / "annual_ndai.zarr",
        "mean NDAI of three years as colour": store.to_cog(rgb, folder / "rgb.tif"),
        "eight classes: years with activity": store.to_cog(colours, folder / "colours.tif"),
        "pixels of each colour": write_table(
            folder / "colour_counts.csv", tables[0], list(tables[0][0])
        ),
        "active area of each year": write_table(
            folder / "yearly_areas.csv", tables[1], list(tables[1][0])
        ),
    }
    sections = [
        Section(
            "Three years in one picture",
            f"Mean NDAI of {years[0]} in red, {years[1]} in green and {years[2]} in blue, all "
            "three stretched alike. White changed in every year, black in none. Vegetation is "
            f"white too: mask it. A year is active above {float(threshold):.3f}, the threshold of "
            "the annual maps; the mean over all years has its own.",
            figures=[plots.rgb_figure(rgb, years), plots.colours_figure(colours)],
            table=tables[0],
        ),
        Section(
            "Area of each year",
            "Ground whose mean NDAI of the year lies above the threshold. It differs a little from "
            "the area by TAI, which asks in how many pairs it does. " + WHITE[settings.white],
            table=tables[1],
        ),
    ]
    numbers: dict[str, object] = {
        "annual_threshold": float(threshold),
        "colours": tables[0],
        "yearly_areas": tables[1],
    }
    summary: dict[str, str] = {}
    if settings.production is not None:
        tonnes = _tonnes(settings, folder, _areas(settings, colours))
        sections += tonnes.sections
        files |= tonnes.files
        numbers |= tonnes.numbers
        summary = tonnes.summary
    summary |= {
        f"active by mean NDAI {row['year']}": f"{row['area_ha']:,.1f} ha" for row in tables[1]
    }
    return Part(sections, files, summary, numbers)


def _annual(found: Findings, years: tuple[int, ...]) -> xr.DataArray:
    """Mean NDAI of the years; NaN where a year saw too little."""
    annual = activity.mean_ndai(found.coherence, found.ledger, by="year")
    there = annual.year.values.tolist()
    missing = [year for year in years if year not in there]
    if missing:
        message = (
            f"years {missing} have no kept pair; there are {there}, choose three of them: "
            "years=2020-2022"
        )
        raise ValueError(message)
    chosen: xr.DataArray = annual.sel(year=list(years))
    return chosen


def _count(settings: ActivitySettings, colours: xr.DataArray) -> xr.Dataset:
    return activity.colour_counts(colours, pixel_area_m2=settings.pixel_area, white=settings.white)


def _counted(counts: xr.Dataset) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the colours and of the years."""
    colours = [
        {"colour": str(name), "pixels": int(count), "area_ha": float(area) / 1e4}
        for name, count, area in zip(
            counts.colour.values, counts["count"].values, counts["area"].values, strict=True
        )
    ]
    years = [
        {"year": int(year), "pixels": int(count), "area_ha": float(area) / 1e4}
        for year, count, area in zip(
            counts.year.values, counts.year_count.values, counts.year_area.values, strict=True
        )
    ]
    return colours, years


def _areas(settings: ActivitySettings, colours: xr.DataArray) -> pd.DataFrame:
    """Active square metres of each mine and year: of zones named in the table, or of the whole."""
    reported = read_table(settings.production or "", ["mine", "year", "production_t"])
    mines = sorted({str(mine) for mine in reported["mine"]})
    zones = None if settings.zones is None else read_zones(settings.zones)
    named = set() if zones is None else set(zones["name"]) & set(mines)
    masks: dict[str, xr.DataArray] = {}
    if settings.mine is None and zones is not None and named:
        for name in sorted(named):
            inside = vectors.rasterize(zones[zones["name"] == name], like=colours)
            masks[name] = colours.where(inside, 255).astype("uint8").assign_attrs(colours.attrs)
    else:
        masks[settings.mine or mines[0]] = colours
    tables = []
    for name, shown in masks.items():
        counts = _count(settings, shown)
        tables.append(
            pd.DataFrame(
                {"mine": name, "year": counts.year.values, "area_m2": counts.year_area.values}
            )
        )
    return pd.concat(tables, ignore_index=True)


def _tonnes(settings: ActivitySettings, folder: Path, areas: pd.DataFrame) -> Part:
    """Production and, with factors, emissions of each mine and year."""
    reported = read_table(settings.production or "", ["mine", "year", "production_t"])
    mines = set(areas["mine"])
    known, more = areas, Part()
    if settings.inventory is not None:
        others = read_table(settings.inventory, ["mine", "area_m2", "production_t"])
        others = others[~others["mine"].isin(mines)]
        more = _inventory(settings, folder, others)
        others = others[others["production_t"].notna()]
        if "year" in others:
            known = pd.concat([areas, others[["mine", "year", "area_m2"]]], ignore_index=True)
            told = others[["mine", "year", "production_t"]]
            reported = pd.concat([reported, told], ignore_index=True)
    made = estimates.production(
        known, reported, method=settings.ratio, extrapolate=settings.extrapolate
    )
    table = made[made["mine"].isin(mines)].reset_index(drop=True)
    files = {"ore of each year": write_table(folder / "production.csv", *listed(table))}
    if settings.factors is not None:
        table = estimates.emissions(
            table,
            read_table(settings.factors, ["level", "key", "factor_tco2e_per_t"]),
            method=settings.uncertainty,
            country=settings.country,
            region=settings.region,
        )
        files["emissions of each year"] = write_table(folder / "emissions.csv", *listed(table))
        rows = estimates.climate_trace_table(table, subsector=settings.subsector, ore=settings.ore)
        files["emissions as Climate TRACE has them"] = write_table(
            folder / "climate_trace.csv", *listed(rows)
        )
    section = Section(
        "Area, production, emissions",
        "Tonnes of ore per square metre of active ground, from the years with a report, give the "
        "years without one. The spread of that ratio and of the emission factor make the "
        "uncertainty; one reported year says nothing of it. What a reported figure is off by is "
        "not known, unless the table has a column production_std_t. Lower and upper are the 95 % "
        "interval of an estimate (Student's t), wide where two or three years are all there is.\n\n"
        f"Active ground counts {_ground(settings, mines)}.",
        figures=[plots.yearly_areas_figure(table)],
        table=listed(table)[0],
    )
    summary = {}
    for row in table[table["year"] == table["year"].max()].to_dict("records"):
        of = f"{row['mine']} {row['year']}"
        tonnes = _with_spread(row["production_t"], row["production_std_t"])
        summary[f"ore of {of}"] = f"{tonnes} ({row['source']})"
        if "emissions_tco2e" in row:
            summary[f"CO2e of {of}"] = _with_spread(row["emissions_tco2e"], row["emissions_std"])
    return Part(
        [section, *more.sections],
        {**files, **more.files},
        summary,
        {"production": listed(table)[0], **more.numbers},
    )


def _ground(settings: ActivitySettings, mines: set[str]) -> str:
    """Which ground stands for a mine."""
    named = set() if settings.zones is None else set(read_zones(settings.zones)["name"])
    if settings.mine is None and mines <= named:
        return "inside the zone with the name of the mine"
    return f"on the whole map, as that of {', '.join(sorted(mines))}"


def _with_spread(tonnes: float, spread: float) -> str:
    """Tonnes with their standard deviation, where it is known."""
    text = f"{tonnes:,.0f} t" if pd.notna(tonnes) else "unknown"
    return f"{text} ± {spread:,.0f}" if pd.notna(spread) else text


def _inventory(settings: ActivitySettings, folder: Path, others: pd.DataFrame) -> Part:
    """What other mines say of production and area, and how well they say it."""
    if others["production_t"].notna().sum() < LEAST_MINES:
        return Part()
    fitted = estimates.inventory_regression(others, extrapolate=settings.extrapolate)
    rows, columns = listed(fitted)
    numbers = {key: value for key, value in fitted.attrs.items() if not isinstance(value, dict)}
    section = Section(
        "Other mines",
        f"Production over active area of {numbers['mines']} other mines. Left out and predicted "
        f"from the others, a mine is off by {100 * numbers['left_out_median_error']:.0f} % "
        "(median).",
        table=rows,
    )
    files = {"other mines, predicted": write_table(folder / "inventory.csv", rows, columns)}
    return Part([section], files, {}, {"inventory": numbers})


LEAST_MINES = 4
"""Fewest mines that a line between logarithms can be drawn through and judged by."""
