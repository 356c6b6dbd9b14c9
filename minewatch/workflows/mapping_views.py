"""On how many dates each optical sensor sees the ground, pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from minewatch import plots, store
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part
from minewatch.workflows.mapping_images import LARGEST, clear_counts

if TYPE_CHECKING:
    from pathlib import Path

    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["views_part", "write_views"]

FILE = "clear_count.tif"


def write_views(
    items: dict[str, list[pystac.Item]],
    box: GeoBox,
    settings: MappingSettings,
    folder: Path,
    *,
    resume: str | None = None,
) -> None:
    """Count the clear views of each optical sensor into ``clear_count.tif``. Computes.

    They are counted into ``clear_count.zarr``, strip by strip, which is of no use afterwards.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items.
    box : odc.geo.geobox.GeoBox
        The grid.
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder; without optical items nothing is left there.
    resume : str, optional
        As for :func:`minewatch.store.to_zarr`.

    Raises
    ------
    RuntimeError
        If strips cannot be counted, with `resume`. All others are kept.
    """
    path = folder / FILE
    counts = clear_counts(items, box, settings)
    if not counts:
        path.unlink(missing_ok=True)
        return
    place = folder / "clear_count.zarr"
    stored = store.to_zarr(counts, place, overwrite=True, rows=LARGEST, resume=resume)
    layer = (
        stored[list(counts)]
        .to_dataarray("sensor")
        .assign_attrs(long_name="dates with a clear view of the ground", units="1")
    )
    store.to_cog(layer, path)


def views_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """What was counted by :func:`write_views`, if that was asked for.

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
        The file, a section, a line of the summary; empty where nothing was counted.
    """
    path = folder / FILE
    if not settings.counts or not path.is_file():
        return Part()
    counts = _counted(path, found.mines)
    rows = [_row(name, layer, found) for name, layer in counts.items()]
    told = "; ".join(f"{row['sensor']} {row['fewest']} to {row['most']}" for row in rows)
    figures = [
        plots.map_figure(layer, title=str(name), limits=(0.0, max(1.0, float(layer.max()))))
        for name, layer in counts.items()
    ]
    text = (
        "Dates on which no cloud, no shadow and no gap hides the ground. A composite of one or two "
        "keeps whatever the masks miss, one of many does not; where there are fewer than "
        f"{settings.min_count} (min_count), the sensor's covariates are unknown."
    )
    return Part(
        sections=[Section("Clear views", text, figures=figures, table=rows)],
        files={"clear views of each optical sensor": path},
        summary={"clear views": told},
        numbers={"clear_views": {str(row.pop("sensor")): row for row in map(dict, rows)}},
    )


def _counted(path: Path, like: xr.DataArray) -> dict[str, xr.DataArray]:
    """The layers of the file by their sensor: 2 bytes a pixel each."""
    import rasterio

    with rasterio.open(path) as file:
        return {
            str(name): xr.DataArray(
                file.read(band),
                like.coords,
                ("y", "x"),
                attrs={"long_name": "clear views", "units": "dates"},
            )
            for band, name in enumerate(file.descriptions, start=1)
        }


def _row(name: str, layer: xr.DataArray, found: Findings) -> dict[str, object]:
    values = layer.values
    return {
        "sensor": name,
        "images": len(found.items[name]),
        "fewest": int(values.min()),
        "median": float(np.median(values)),
        "most": int(values.max()),
        "never seen (%)": round(100 * float((values == 0).mean()), 2),
    }
