"""Sites one by one, and the map against what was measured otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from minewatch import activity, grids, plots, store, vectors
from minewatch.conventions.colours import class_colours
from minewatch.report import Section
from minewatch.workflows.activity_layers import layer_on, read_zones
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.outputs import listed, write_table

if TYPE_CHECKING:
    import xarray as xr

    from minewatch.workflows.activity_parts import Findings
    from minewatch.workflows.activity_settings import ActivitySettings

__all__ = ["comparison_part", "zones_part"]


def zones_part(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """Each zone: how much of it is active, since when, and how its NDAI ran.

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
        Table, series and box plots; empty if no zones were given.
    """
    if settings.zones is None:
        return Part()
    zones = read_zones(settings.zones)
    concessions = None
    if settings.concessions is not None:
        concessions = vectors.read_polygons(settings.concessions)
    table = activity.zone_table(
        found.tai,
        zones,
        coherence=found.coherence,
        ledger=found.ledger,
        concessions=concessions,
    )
    series = activity.zone_series(found.unmasked(found.coherence), found.ledger, zones).compute()
    boxes = activity.box_statistics(series["max"])
    rows, columns = listed(table)
    dated = series.assign_coords(
        reference=series.reference_time.dt.strftime("%Y-%m-%d"),
        secondary=series.secondary_time.dt.strftime("%Y-%m-%d"),
    )
    dates = dated.to_dataframe().reset_index()
    dates = dates[["zone", "reference", "secondary", *map(str, series.data_vars)]]
    files = {
        "zones: areas, intervals, dates": write_table(folder / "zones.csv", rows, columns),
        "NDAI of each zone by pair": write_table(folder / "zone_series.csv", *listed(dates)),
        "box plots of the zones' greatest NDAI": write_table(
            folder / "zone_boxes.csv", *listed(boxes.to_dataframe().reset_index())
        ),
    }
    sections = [
        Section(
            "Zone by zone",
            "Active area by TAI of at least one half; lower and upper count the pixels whose "
            "interval's lower, or upper, end reaches one half. Stable and undecided are by the "
            "rule of the map; unknown is what was left out, seen too seldom or lies off the map. "
            "Active pairs are those in which a tenth of the zone's known pixels changed, of those "
            "judged, which saw half of them; first and last are dates of their later images.",
            table=rows,
        ),
        Section(
            "How NDAI ran in each zone",
            "The greatest NDAI of a zone grows with its size under noise alone: compare zones of "
            "different size by the 95 % quantile. What was left out of the map is left out here; a "
            "zone of which that leaves less than half has no series.",
            figures=[
                plots.zone_series_figure(series, threshold=float(found.threshold)),
                plots.box_figure(boxes),
            ],
        ),
    ]
    return Part(sections, files, {}, {"zones": rows})


def comparison_part(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    """The index against elevation change, displacement and the view from the other side.

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
        Empty if nothing to compare with was given.
    """
    parts = [one(settings, folder, found) for one in (_elevation, _displacement, _other_track)]
    return Part(
        [section for part in parts for section in part.sections],
        {key: path for part in parts for key, path in part.files.items()},
        {key: text for part in parts for key, text in part.summary.items()},
        {key: number for part in parts for key, number in part.numbers.items()},
    )


def _elevation(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    if settings.dsm_before is None or settings.dsm_after is None:
        return Part()
    before = layer_on(settings.dsm_before, None)
    after = layer_on(settings.dsm_after, before)
    index, pairs = _between(settings, found)
    compared = activity.compare_elevation(index, before, after, stable=found.tai.stable)
    numbers = {key: value for key, value in compared.attrs.items() if key != "long_name"}
    section = Section(
        "Against elevation change",
        f"Elevation after minus before, with the median over stable ground taken out, beside the "
        f"index of the {pairs} kept pairs between the two dates. What is smaller than the level of "
        "detection is noise of the elevation models.",
        figures=[plots.elevation_figure(compared, tai=index)],
        table=_told(numbers),
    )
    files = {
        "elevation change on the grid of the map": store.to_cog(
            compared.difference, folder / "elevation_change.tif"
        )
    }
    return Part([section], files, {}, {"elevation": {**numbers, "pairs": pairs}})


def _between(settings: ActivitySettings, found: Findings) -> tuple[xr.Dataset, int]:
    """The index over pairs that lie between the dates of the elevation models."""
    kept = int(found.ledger.keep.sum())
    if settings.dsm_dates is None:
        return found.tai, kept
    ledger = activity.pairs_between(found.ledger, *settings.dsm_dates)
    coherence = activity.pairs_between(found.coherence, *settings.dsm_dates)
    index = activity.tai(
        coherence,
        ledger,
        threshold=found.threshold,
        confidence=settings.confidence,
        interval=settings.interval,
        rule=settings.rule,
        mask=found.mask,
    )
    return index.compute(), int(ledger.keep.sum())


def _displacement(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    del folder
    if settings.displacement is None:
        return Part()
    moved = layer_on(settings.displacement, found.tai.tai, method="average")
    compared = activity.compare_displacement(found.tai, moved)
    numbers = {key: value for key, value in compared.attrs.items() if key != "long_name"}
    section = Section(
        "Against displacement",
        "Slow movement keeps coherence and digging destroys it: ground that moves and is stable "
        "by the index is what a slope engineer looks for.",
        table=_told(numbers),
    )
    return Part([section], {}, {}, {"displacement": numbers})


METRES = ("level_of_detection", "level", "bias", "nmad", "sigma", "mean", "std")
"""What a comparison tells in metres; counts and shares have no unit."""


def _told(numbers: dict[str, object]) -> list[dict[str, object]]:
    """Numbers of a comparison as rows, with their units."""
    return [
        {"quantity": key.replace("_", " "), "value": value, "unit": "m" if key in METRES else ""}
        for key, value in numbers.items()
    ]


def _other_track(settings: ActivitySettings, folder: Path, found: Findings) -> Part:
    if settings.other_track is None:
        return Part()
    other = store.open_cube(Path(settings.other_track) / "tai.zarr", name="activity")
    other = grids.resample(other, found.tai.activity, method="nearest")
    both = activity.agree(found.tai.activity, other)
    codes, counts = np.unique(both.values, return_counts=True)
    names = {code: meaning for code, (meaning, _) in class_colours(both.attrs).items()}
    rows = [
        {"both tracks": names.get(int(code), "unknown"), "pixels": int(count)}
        for code, count in zip(codes, counts, strict=True)
    ]
    section = Section(
        "Seen from both sides",
        "What only one track calls active may be shadow or layover of the other; what both call "
        "active is neither.",
        figures=[plots.map_figure(both, title="Agreement of the two tracks")],
        table=rows,
    )
    files = {"agreement of both tracks": store.to_cog(both, folder / "agreement.tif")}
    return Part([section], files, {}, {"agreement": rows})
