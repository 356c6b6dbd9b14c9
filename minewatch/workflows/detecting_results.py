"""The files of a detection run: windows, cells, picture, and the page that explains them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch import plots, store, vectors
from minewatch.report import Section, write_report
from minewatch.workflows.detecting_cells import SCANNED
from minewatch.workflows.detecting_squares import combined
from minewatch.workflows.mapping_years import days_of
from minewatch.workflows.outputs import Result, versions, write_json, write_table
from minewatch.workflows.provenance import write_record
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pystac
    import xarray as xr

    from minewatch.workflows.detecting_scanning import Way
    from minewatch.workflows.detecting_settings import DetectSettings

__all__ = ["Detected", "blind_dates", "write_detections"]


@dataclass(frozen=True, eq=False)
class Detected:
    """What a detection run found.

    Parameters
    ----------
    items : list of pystac.Item
        Images used.
    way : Way
        The detector, and how it saw.
    windows : xarray.DataArray
        Probability of a mine, dims (time, y, x), in memory.
    picture : xarray.DataArray
        The scene in small, dB, dims (y, x).
    cells : geopandas.GeoDataFrame
        Where it saw mines.
    ground : geopandas.GeoDataFrame
        Ground that windows saw.
    spent : dict of str to float
        Stage → seconds.
    """

    items: list[pystac.Item]
    way: Way
    windows: xr.DataArray
    picture: xr.DataArray
    cells: gpd.GeoDataFrame
    ground: gpd.GeoDataFrame
    spent: dict[str, float] = field(default_factory=dict)


def write_detections(
    settings: DetectSettings, folder: Path, found: Detected, inputs: Sequence[Mapping[str, Any]]
) -> Result:
    """Write everything beside the windows and say what there is.

    Parameters
    ----------
    settings : DetectSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Detected
        What it found.
    inputs : sequence of mapping
        From :func:`minewatch.workflows.provenance.inputs_of`.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    cells, made_with = found.cells, versions()
    vectors.to_geopackage(cells, folder / "cells.gpkg")
    vectors.to_geojson(cells, folder / "cells.geojson")
    vectors.to_geojson(found.ground, folder / SCANNED)
    figure = plots.detections_figure(found.picture, cells, threshold=settings.threshold)
    dates = _dates(found, settings.threshold)
    used = [{"item": item.id, "date": days_of(item)} for item in found.items]
    searched = float(vectors.areas_ha(found.ground).sum()) if len(found.ground) else 0.0
    numbers = {
        "cells": len(cells),
        "cell_metres": float(found.windows.attrs["cell_size"]),
        "cells_ha": covered_ha(cells),
        "searched_ha": searched,
        "threshold": settings.threshold,
        "dates": dates,
    }
    files = {
        "cells in which it saw a mine": folder / "cells.gpkg",
        "the same, for the web": folder / "cells.geojson",
        "probability of each window and date": folder / "windows.zarr",
        "the same, for QGIS": store.to_cog(
            combined(found.windows, settings.combine), folder / "windows.tif"
        ),
        "ground that was searched": folder / SCANNED,
        "quicklook": plots.save(figure, folder / "quicklook.png"),
        "images used": write_table(folder / "items.csv", used, ["item", "date"]),
        "numbers": write_json(folder / "metrics.json", numbers),
        "settings, to run it again": write_settings(
            settings, folder / "run.toml", provenance={**made_with, "images": len(found.items)}
        ),
    }
    summary = {
        "cells": f"{len(cells):,} with {numbers['cells_ha']:,.0f} ha",
        "searched": f"{searched:,.0f} ha on {len(dates)} date{'s' * (len(dates) > 1)}",
    }
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Mines seen in radar images",
        sections=[
            Section(
                "Where it saw mines", _text(settings, found), [figure], table=_likeliest(cells)
            ),
            Section("Dates", _dates_text(settings), table=dates),
            Section("Images used", table=used),
        ],
        provenance={
            "settings": dataclasses.asdict(settings),
            "channels": found.way.radar,
            "detector": found.way.detector.provenance_,
            "seconds": {name: round(seconds, 1) for name, seconds in found.spent.items()},
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
        dropped=blind_dates(found.windows),
    )
    return Result(folder, summary, files)


def blind_dates(windows: xr.DataArray) -> list[dict[str, str]]:
    """Dates on which nothing was seen, as the record of a run tells them.

    Parameters
    ----------
    windows : xarray.DataArray
        Probability of each window, dims (time, …).

    Returns
    -------
    list of dict
        ``what``, ``name``, ``reason``.
    """
    seen = windows.notnull().any([dim for dim in windows.dims if dim != "time"]).to_numpy()
    return [
        {
            "what": "date",
            "name": str(np.datetime_as_string(time, unit="D")),
            "reason": "no window without nodata",
        }
        for time, any_seen in zip(windows["time"].values, seen, strict=True)
        if not any_seen
    ]


def covered_ha(cells: gpd.GeoDataFrame) -> float:
    """Ground under some cells, once, whether or not they lie on one another.

    Parameters
    ----------
    cells : geopandas.GeoDataFrame
        Cells; those of several dates, or of a step that is not half a window, overlap.

    Returns
    -------
    float
        Hectares.
    """
    if not len(cells):
        return 0.0
    ground = cells[["geometry"]].dissolve()
    return float(vectors.areas_ha(ground).sum())


def _dates(found: Detected, threshold: float) -> list[dict[str, Any]]:
    rows = []
    for at, time in enumerate(found.windows["time"].values):
        values = found.windows.isel(time=at).to_numpy()
        known = values[np.isfinite(values)]
        rows.append(
            {
                "date": str(np.datetime_as_string(time, unit="D")),
                "windows": int(known.size),
                "above the threshold": int((known > threshold).sum()),
                "highest probability": float(known.max()) if known.size else None,
            }
        )
    return rows


SHOWN = 20
"""Cells that the page lists."""


def _likeliest(cells: gpd.GeoDataFrame) -> list[dict[str, Any]]:
    top = cells.head(SHOWN)
    centres = top.geometry.centroid.to_crs("EPSG:4326")
    rows = top.drop(columns="geometry").to_dict("records")
    return [
        {
            # As text: a column of numbers shows four figures, which is a kilometre.
            "longitude": f"{place.x:.5f}",
            "latitude": f"{place.y:.5f}",
            **{str(name): value for name, value in row.items()},
        }
        for place, row in zip(centres, rows, strict=True)
    ]


def _text(settings: DetectSettings, found: Detected) -> str:
    size = float(found.windows.attrs["cell_size"])
    of = {
        "each": "each date by itself",
        "max": "the highest probability of a window on any date",
        "mean": "the mean probability of a window over the dates",
    }[settings.combine]
    text = (
        f"A window of {2 * size:g} m slides over the images by "
        f"{found.way.step * found.way.resolution:g} m. {_rule(settings, size)}: {of}. A cell says "
        "that there is a mine somewhere in a window around it, and nothing of its outline, nor who "
        "mines or with what permit."
    )
    if settings.isolated is not None:
        text += (
            f"\n\nA cell whose {settings.neighbours}th nearest is farther than "
            f"{settings.distance:g} m away is isolated and was kept above {settings.isolated:g} "
            "alone."
        )
    if len(found.cells) > SHOWN:
        text += f"\n\nThe {SHOWN} likeliest are listed; the files hold all {len(found.cells):,}."
    return text


def _rule(settings: DetectSettings, size: float) -> str:
    """How windows become cells."""
    if settings.rule == "mean":
        return (
            f"A square of {size:g} m becomes a cell where the mean of the windows that hold it, up "
            f"to four, is greater than {settings.threshold:g}"
        )
    return (
        f"Where its probability of a mine is greater than {settings.threshold:g} the four squares "
        f"of {size:g} m in it become cells, each with the highest probability of the windows that "
        "hold it"
    )


def _dates_text(settings: DetectSettings) -> str:
    return (
        f"Windows that were whole, and how many of them had more than {settings.threshold:g}. "
        "Windows with nodata in them are unknown."
    )
