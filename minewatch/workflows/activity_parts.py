"""What an activity run found, and the parts that its results are told in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr

    from minewatch.report import Section

__all__ = ["OPTIONAL", "Findings", "Part"]

OPTIONAL = (
    "excluded.tif", "choices.csv", "zones.csv", "zone_series.csv", "zone_boxes.csv",
    "elevation_change.tif", "agreement.tif", "annual_ndai.zarr", "rgb.tif", "colours.tif",
    "colour_counts.csv", "yearly_areas.csv", "production.csv", "emissions.csv",
    "climate_trace.csv", "inventory.csv", "alerts.geojson", ".update.unfinished",
    ".alerts.update.geojson", ".tai.update.zarr", ".tai_by_year.update.zarr",
    ".tai_by_season.update.zarr", ".coherence.update.zarr", ".coherence.update.blocks.jsonl",
    *(f"{name}_by_{by}.{ending}" for by in ("year", "season") for name, ending in (
        ("tai", "zarr"), ("tai", "tif"), ("activity", "tif"), ("areas", "csv"),
    )),
)  # fmt: skip
"""What only some runs leave: of an earlier one it is removed, it would speak of other settings."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What an activity run found.

    Parameters
    ----------
    coherence : xarray.DataArray
        Coherence of every pair, lazy.
    exclusion : xarray.DataArray or None
        Why pixels are left out, if any are.
    ledger : xarray.Dataset
        Every pair with its judgement.
    mean_ndai, threshold : xarray.DataArray
        What the threshold was taken from, and the threshold.
    tai : xarray.Dataset
        The result over all kept pairs, with the stable pixels.
    periods : xarray.Dataset or None
        The result of each year or season.
    """

    coherence: xr.DataArray
    exclusion: xr.DataArray | None
    ledger: xr.Dataset
    mean_ndai: xr.DataArray
    threshold: xr.DataArray
    tai: xr.Dataset
    periods: xr.Dataset | None

    @property
    def mask(self) -> xr.DataArray | None:
        """Where pixels are left out, whatever the reason; None if none are."""
        return None if self.exclusion is None else self.exclusion > 0

    def unmasked(self, layer: xr.DataArray) -> xr.DataArray:
        """A layer without what is left out, dims (..., y, x), lazy if it is."""
        if self.mask is None:
            return layer
        kept = ~self.mask.drop_vars(list(self.mask.coords))
        return layer.where(kept).assign_attrs(layer.attrs)


@dataclass(frozen=True)
class Part:
    """One thing told about a run.

    Parameters
    ----------
    sections : list of Section
        For the page.
    files : dict of str to pathlib.Path
        What each file is → the file.
    summary : dict of str to str
        What a person asks for first.
    numbers : dict
        The same and more for ``summary.json``.
    """

    sections: list[Section] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    summary: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)
