"""From SLCs or coherence rasters to a map of where a mine was active and where it stood still."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from minewatch import activity, grids, insar, store
from minewatch.cluster import connect
from minewatch.conventions import crs_of
from minewatch.sources import coherence as coherence_source
from minewatch.sources import slc as slc_source
from minewatch.workflows.activity_results import Findings, write_results
from minewatch.workflows.outputs import Notify, Result, open_folder, quiet, stage
from minewatch.workflows.settings import option

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

__all__ = ["ActivitySettings", "activity_run"]

METHODS: dict[str, Literal["kde_valley", "otsu"]] = {"kde_valley": "kde_valley", "otsu": "otsu"}


@dataclass(frozen=True)
class ActivitySettings:
    """How a mine activity map is made; each field is a key of the TOML file and an option."""

    input: str = option(
        dataclasses.MISSING, "folder of co-registered SLCs or of coherence rasters", path=True
    )
    output: str = option("activity", "folder for the results", path=True)
    kind: Literal["auto", "slc", "coherence"] = option("auto", "what the input folder holds")
    polarization: str | None = option(None, "polarisation to read where a file holds several")
    window: tuple[int, int] = option((3, 10), "coherence window: rows (azimuth), columns (range)")
    max_temporal_baseline: float | None = option(None, "longest pair in days")
    max_perpendicular_baseline: float = option(250.0, "longest perpendicular baseline in metres")
    next_images: int = option(1, "pairs of each SLC with so many following ones")
    stable_minimum: float = option(0.8, "mean coherence above which a pixel may be stable")
    stable_maximum_std: float = option(0.2, "standard deviation below which it may be stable")
    min_pixels: int = option(30, "fewest stable pixels to judge pairs by")
    threshold: str = option("kde_valley", "NDAI threshold: kde_valley, otsu or a number")
    confidence: float = option(0.95, "level of the interval of TAI")
    rule: Literal["interval", "paper"] = option(
        "interval", "active and stable by the interval of TAI, or by TAI itself as published"
    )
    min_count: int | None = option(None, "fewest observations a pixel needs")
    outlines: str | None = option(None, "polygons to draw over the maps", path=True)
    resolution: float = option(20.0, "metres, for slant-range input that must be geocoded")
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")


def activity_run(settings: ActivitySettings, *, notify: Notify = quiet) -> Result:
    """Make a mine activity map and write everything that explains it.

    SLCs become coherence, coherence is judged against stable ground, what is left of it is
    compared pair by pair, and the share of pairs with activity (TAI) is classed with its interval.
    Written beside each other: ``coherence.zarr``, ``tai.zarr``, ``tai.tif``, ``activity.tif``,
    ``activity.geojson``, ``stability.geojson``, ``pairs.csv``, ``dropped_pairs.csv``,
    ``quicklook.png``, ``report.html``, ``summary.json`` and ``run.toml``.

    Parameters
    ----------
    settings : ActivitySettings
        The run.
    notify : callable
        Is told how it gets on: ``notify(stage, done, total)``.

    Returns
    -------
    Result
        Folder, summary, files.

    Raises
    ------
    ValueError
        If the input cannot be used; says why and what would do.
    FileExistsError
        If the output folder holds something and `overwrite` is False.

    References
    ----------
    Kavats, Khramov, Sergieieva (2025), Geol. Soc. Spec. Publ. 559, doi:10.1144/gslspecpub2023-216

    Examples
    --------
    >>> activity_run(ActivitySettings(input="nowhere"))
    Traceback (most recent call last):
    ...
    FileNotFoundError: input 'nowhere' does not exist; ...
    """
    source = Path(settings.input)
    if not source.exists():
        message = f"input {settings.input!r} does not exist; give a folder of SLCs or coherence"
        raise FileNotFoundError(message)
    fixed = _fixed_threshold(settings.threshold)
    folder = open_folder(settings.output, overwrite=settings.overwrite)
    with connect(settings.cluster) as client:
        step = functools.partial(stage, client=client, notify=notify)
        with step("coherence"):
            coherence = _stored_coherence(settings, folder)
        with step("stable ground"):
            stable = activity.stable_pixels(
                coherence, minimum=settings.stable_minimum, maximum_std=settings.stable_maximum_std
            ).compute()  # a byte a pixel
        with step("pairs"):
            ledger = activity.screen_pairs(
                coherence,
                stable,
                minimum=settings.stable_minimum,
                max_perpendicular_baseline=settings.max_perpendicular_baseline,
                min_pixels=settings.min_pixels,
            )
        with step("mean NDAI"):
            mean_ndai = store.to_zarr(
                activity.mean_ndai(coherence, ledger),
                folder / "mean_ndai.zarr",
                overwrite=settings.overwrite,
            )
        with step("threshold"):
            if fixed is None:
                method = METHODS[settings.threshold]
                threshold = activity.ndai_threshold(mean_ndai, method=method)
            else:
                threshold = activity.ndai_threshold(mean_ndai, method="fixed", fixed=fixed)
        with step("activity"):
            tai = store.to_zarr(
                activity.tai(
                    coherence,
                    ledger,
                    threshold=threshold,
                    confidence=settings.confidence,
                    rule=settings.rule,
                    min_count=settings.min_count,
                ).assign(stable=stable),
                folder / "tai.zarr",
                overwrite=settings.overwrite,
            )
        with step("maps and report"):
            return write_results(
                settings,
                folder,
                Findings(coherence.attrs.get("files", []), ledger, mean_ndai, threshold, tai),
            )


def _fixed_threshold(text: str) -> float | None:
    """Read the threshold setting: a number, or None for a method."""
    if text in METHODS:
        return None
    try:
        return float(text)
    except ValueError:
        message = f"threshold {text!r} is not known; use 'kde_valley', 'otsu' or a number like 0.2"
        raise ValueError(message) from None


def _kind(settings: ActivitySettings) -> str:
    """Tell SLCs from coherence by what lies in the folder."""
    if settings.kind != "auto":
        return settings.kind
    source = Path(settings.input)
    names = [path.name for path in source.iterdir()] if source.is_dir() else [source.name]
    if any(name.endswith((".h5", ".znap", ".dim")) for name in names):
        return "slc"
    rasters = sorted(source.rglob("*.tif*")) if source.is_dir() else [source]
    if not rasters:
        message = (
            f"{source} holds neither SLCs (.h5, .znap, .dim, complex .tif) nor coherence rasters "
            f"(.tif); it holds {', '.join(sorted(names)[:5]) or 'nothing'}"
        )
        raise ValueError(message)
    return "slc" if _is_complex(rasters[0]) else "coherence"


def _is_complex(raster: Path) -> bool:
    import rasterio

    with rasterio.open(raster) as file:
        return str(file.dtypes[0]).startswith("complex")


def _stored_coherence(settings: ActivitySettings, folder: Path) -> xr.DataArray:
    """Coherence on a map grid, stored: what comes after reads it more than once."""
    if settings.input.rstrip("/").endswith(".zarr"):
        return store.open_cube(settings.input, name="coherence")
    if _kind(settings) == "slc":
        slc = slc_source.open_stack(settings.input, polarization=settings.polarization)
        pairs = insar.select_pairs(
            slc,
            max_temporal_baseline=settings.max_temporal_baseline,
            max_perpendicular_baseline=settings.max_perpendicular_baseline,
            n_next=settings.next_images,
        )
        coherence = insar.coherence(slc, pairs, window=settings.window)
        coherence = coherence.assign_attrs(files=slc.attrs["files"])
    else:
        coherence = _short_pairs(
            coherence_source.open_stack(settings.input), settings.max_temporal_baseline
        )
    if "latitude" in coherence.coords and crs_of(coherence) is None:
        coherence = grids.geocode(coherence, _map_grid(coherence, settings.resolution))
    return store.to_zarr(
        coherence, folder / "coherence.zarr", name="coherence", overwrite=settings.overwrite
    )


def _short_pairs(coherence: xr.DataArray, longest: float | None) -> xr.DataArray:
    """Leave out pairs of ready coherence that are too long."""
    if longest is None:
        return coherence
    days = coherence.temporal_baseline.values
    if not (days <= longest).any():
        message = (
            f"no pair of {coherence.sizes['pair']} is as short as "
            f"max_temporal_baseline={longest:g} days; the shortest has {days.min():g}"
        )
        raise ValueError(message)
    return coherence.isel(pair=days <= longest)


def _map_grid(coherence: xr.DataArray, resolution: float) -> GeoBox:
    """A UTM grid around slant-range data that know their latitude and longitude."""
    latitude, longitude = coherence.latitude, coherence.longitude
    bounds = (
        float(longitude.min()),
        float(latitude.min()),
        float(longitude.max()),
        float(latitude.max()),
    )
    return grids.geobox(
        bounds, crs=grids.utm_crs(bounds), resolution=resolution, bounds_crs="EPSG:4326"
    )
