"""Whether a run is so large that somebody should be asked first: a guess that costs no second.

Pixels, dates and usual rates: no search, no graph, at most one header. :func:`minewatch.workflows.
plan` tells more, and takes longer.
"""

from __future__ import annotations

import os
import shutil
import zipfile
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from minewatch import store, vectors
from minewatch.sources.coherence.stacks import PATTERNS
from minewatch.workflows.activity_layers import site_of
from minewatch.workflows.activity_settings import ActivitySettings
from minewatch.workflows.detecting_points import read_points
from minewatch.workflows.detecting_settings import DetectSettings, DetectTrainSettings
from minewatch.workflows.mapping_settings import MappingSettings
from minewatch.workflows.planning_extents import METRES, days_of, square_of, unit_of
from minewatch.workflows.updating import UpdateSettings

__all__ = ["Guess", "guess_of", "why_ask"]

GIB = 2**30

LONG = 3600.0
"""Seconds from which on a run is large."""

CORE_SECONDS = {
    "activity": 1.2e-6,
    "map": 0.6e-6,
    "detect": 1.2e-6,
    "learn": 0.0135,
}
"""Seconds of one core for a pixel of a pair, of an image or of a date that is scanned, and for a
patch of an epoch. Of the machine of docs/performance.md, rounded up."""

OUTPUT = {"pair": 3.4, "index": 14.0, "map": 160.0}
"""Bytes of a pixel: of each pair, of a map of activity, of a footprint map with its covariates."""

HELD = {"activity": 10.0, "map": 28.0, "detect": 4.0}
"""Bytes of a pixel that the main process holds at the end."""

LEAST = 1.0
"""GiB that any run needs besides."""

GUESSING = (
    ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile,
)  # fmt: skip
"""What inputs that are wrong bring about. The run itself tells of them, and better."""

PER_DAY = {"optical": 1 / 5 + 1 / 8, "radar": 1 / 6}
"""Images of a day over some ground: of two Sentinel-2 and one Landsat, and of Sentinel-1."""

RASTERS = (".tif", ".tiff", ".h5", ".zip", ".nc")


@dataclass(frozen=True)
class Guess:
    """What a run may take.

    Parameters
    ----------
    seconds : float
        On all cores.
    memory : float
        Bytes of the main process.
    output : float
        Bytes of its results.
    """

    seconds: float
    memory: float
    output: float


def why_ask(settings: Any, guess: Guess | None = None) -> list[str]:
    """Why somebody should be asked before a run.

    Parameters
    ----------
    settings : dataclass instance
        The run.
    guess : Guess, optional
        What it may take; guessed if not given.

    Returns
    -------
    list of str
        Reasons: longer than an hour, more memory than the machine has, more results than the disk
        has room for. Empty where there is none, where nothing can be guessed, and where a run that
        was stopped goes on.

    Examples
    --------
    >>> from minewatch.workflows import ActivitySettings
    >>> why_ask(ActivitySettings("slc"), Guess(seconds=7200.0, memory=1e9, output=1e6))
    ['it may take some 2.0 hours']
    """
    if getattr(settings, "resume", False):
        return []
    guess = guess_of(settings) if guess is None else guess
    if guess is None:
        return []
    reasons = []
    if guess.seconds > LONG:
        reasons.append(f"it may take some {guess.seconds / 3600:.1f} hours")
    there = _memory_there()
    if there is not None and guess.memory > there:
        reasons.append(
            f"it may need {guess.memory / GIB:.0f} GiB of memory, this machine has "
            f"{there / GIB:.0f}"
        )
    free = _room_at(Path(getattr(settings, "output", None) or settings.folder))
    if guess.output > free:
        reasons.append(
            f"its results may be {guess.output / 1e9:.1f} GB, the disk has room for "
            f"{free / 1e9:.1f}"
        )
    return reasons


def guess_of(settings: Any) -> Guess | None:
    """What a run may take, from a count of its pixels and dates.

    Parameters
    ----------
    settings : dataclass instance
        Of activity, update, map, detect run or detect train.

    Returns
    -------
    Guess or None
        None where it cannot be told: of settings of another kind, of ground that is not given, and
        of inputs that are wrong, which the run itself will say better.
    """
    try:
        for kind, guessed in KINDS.items():
            if isinstance(settings, kind):
                found: Guess | None = guessed(settings)
                return found
    except GUESSING:
        return None
    return None


def _cores(cluster: str) -> int:
    from minewatch.workflows.planning_plans import workers_of

    processes, threads = workers_of(cluster)
    return processes * threads


def _activity(settings: ActivitySettings) -> Guess | None:
    source = Path(settings.input)
    if settings.input.rstrip("/").endswith(".zarr"):
        cube = store.open_cube(source, name="coherence")
        return _of_pairs(cube.shape[1] * cube.shape[2], cube.shape[0], settings)
    files = _files_of(source)
    if not files:
        return None
    pixels, slc = _pixels_of(files, settings)
    pairs = max(len(files) - 1, 1) * settings.next_images if slc else len(files)
    return _of_pairs(pixels, pairs, settings)


def _files_of(source: Path) -> list[Path]:
    """Images, or rasters of coherence without the phases and amplitudes beside them."""
    there = sorted(path for path in source.rglob("*") if path.suffix.lower() in RASTERS)
    for pattern in PATTERNS:
        if files := [path for path in there if fnmatch(path.name, pattern)]:
            return files
    return there


def _pixels_of(files: list[Path], settings: ActivitySettings) -> tuple[float, bool]:
    """Pixels of the largest file, or of the site, and whether they are SLCs."""
    largest = max(files, key=lambda path: path.stat().st_size)
    address = str(largest)
    if largest.suffix.lower() == ".zip":
        with zipfile.ZipFile(largest) as archive:
            inside, *_ = (name for name in archive.namelist() if name.endswith("_corr.tif"))
        address = f"/vsizip/{largest}/{inside}"
    elif largest.suffix.lower() not in (".tif", ".tiff"):
        slc = largest.suffix.lower() == ".h5" and "GUNW" not in largest.name
        return largest.stat().st_size / (8 if slc else 4), slc
    import rasterio

    with rasterio.open(address) as file:
        pixels, slc = file.width * file.height, str(file.dtypes[0]).startswith("complex")
        area = abs(file.transform.a * file.transform.e)
        degrees = file.crs is not None and file.crs.is_geographic
    site = site_of(settings)
    if site is None or area == 0:
        return pixels, slc
    around = site.to_crs(site.estimate_utm_crs()).buffer(settings.margin).total_bounds
    square = (around[2] - around[0]) * (around[3] - around[1])
    return min(pixels, square / (area * METRES**2 if degrees else area)), slc


def _of_pairs(pixels: float, pairs: int, settings: Any, *, stored: bool = False) -> Guess:
    return Guess(
        CORE_SECONDS["activity"] * pixels * pairs / _cores(settings.cluster),
        LEAST * GIB + HELD["activity"] * pixels,
        pixels * (OUTPUT["index"] + (0 if stored else OUTPUT["pair"] * pairs)),
    )


def _update(settings: UpdateSettings) -> Guess:
    cube = store.open_cube(Path(settings.folder) / "coherence.zarr", name="coherence")
    pairs, height, width = cube.shape
    return _of_pairs(height * width, pairs, settings, stored=True)


def _map(settings: MappingSettings) -> Guess:
    bounds = settings.bbox or _around(settings.reference, settings.held_out)
    pixel = settings.resolution * unit_of(settings.crs)
    pixels = square_of(bounds) / pixel**2
    images = min(days_of(settings.datetime) * sum(PER_DAY.values()), settings.max_items)
    return Guess(
        CORE_SECONDS["map"] * pixels * max(images, 3) / _cores(settings.cluster),
        LEAST * GIB + HELD["map"] * pixels,
        OUTPUT["map"] * pixels,
    )


def _detect(settings: DetectSettings) -> Guess | None:
    if settings.bbox is None:
        return None
    pixels = square_of(settings.bbox) / 100.0
    dates = max(days_of(settings.datetime) * PER_DAY["radar"], 1)
    seconds = CORE_SECONDS["detect"] * pixels * dates / _cores(settings.cluster)
    return Guess(seconds, LEAST * GIB + HELD["detect"] * pixels, 0.0)


def _teach(settings: DetectTrainSettings) -> Guess:
    points = len(read_points(settings.points, settings.label))
    patches = points * max(days_of(settings.datetime) * PER_DAY["radar"], 1)
    epochs = settings.epochs if settings.kind == "network" else 1
    bytes_each = 12.0 * settings.size**2
    return Guess(
        CORE_SECONDS["learn"] * patches * epochs / _cores("threads"),
        LEAST * GIB + 2 * bytes_each * patches,
        bytes_each * patches,
    )


def _around(*paths: str | None) -> tuple[float, float, float, float]:
    boxes = [vectors.read_polygons(path).to_crs("EPSG:4326").total_bounds for path in paths if path]
    west, south = (min(float(box[at]) for box in boxes) for at in (0, 1))
    east, north = (max(float(box[at]) for box in boxes) for at in (2, 3))
    return west, south, east, north


KINDS: dict[type, Any] = {
    ActivitySettings: _activity,
    UpdateSettings: _update,
    MappingSettings: _map,
    DetectSettings: _detect,
    DetectTrainSettings: _teach,
}


def _memory_there() -> float | None:
    """Bytes of memory of this machine, where the system tells."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):
        return None


def _room_at(path: Path) -> float:
    """Bytes that are free where a folder is or will be."""
    place = path.resolve()
    while not place.exists():
        place = place.parent
    return float(shutil.disk_usage(place).free)
