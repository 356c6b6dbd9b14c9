"""How fast this machine is, found by doing a little of what a run does."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from dask.system import CPU_COUNT

import minewatch
from minewatch import features, grids, learn, simulate, store, vectors
from minewatch._files import whole
from minewatch.workflows.mapping_images import composites_of
from minewatch.workflows.mapping_inputs import find_items, map_grid
from minewatch.workflows.mapping_parts import mine_map, without_small
from minewatch.workflows.outputs import versions
from minewatch.workflows.planning_reading import reading_of
from minewatch.workflows.planning_scraps import TILES, repeated, tiled

if TYPE_CHECKING:
    import pystac
    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["Rates", "machine_rates"]

SIZE = 128
"""Rows of the simulated world."""

BLOCK = 1024
"""Rows and columns that storing, mapping and writing are measured on."""

CORNER = 64
"""Rows and columns of a corner whose time is taken off: what opening files takes."""

ELSEWHERE = "EPSG:32722"
"""A CRS that the simulated images are not in."""

DECIDE = (
    "resampling", "clouds", "cloud_buffer", "brdf", "speckle", "lee_window", "reducer", "texture",
    "mode", "trees", "bag", "resolution",
)  # fmt: skip
"""Settings that a rate depends on."""


@dataclass(frozen=True)
class Rates:
    """What this machine needs for a little of each kind of work, all its threads together.

    Parameters
    ----------
    images : dict of str to float
        Sensor → seconds for a value of a band, a date and a pixel of the map: opened, brought to
        the grid, masked, filtered and composited.
    decode : float
        Seconds for a byte of pixels, taken out of a compressed file.
    store : float
        Seconds for a covariate of a pixel, computed and stored.
    fit : float
        Seconds to fit a forest, divided by n · log2 n of its samples.
    predict : float
        Seconds for a pixel.
    files : float
        Seconds for a pixel, to outline the mines and write the maps.
    threads : int
        That worked on it.
    opening : float
        Seconds for a file that is opened: once for each block that is read of it.
    """

    images: dict[str, float]
    decode: float
    store: float
    fit: float
    predict: float
    files: float
    threads: int
    opening: float = 0.0


def machine_rates(
    settings: MappingSettings, warped: frozenset[str] = frozenset()
) -> tuple[Rates, str]:
    """Rates of this machine for a run, measured in some ten seconds or known from the last time.

    A simulated world is read, composited, learnt from and mapped with the settings of the run. What
    comes out is kept in the user's cache folder (``minewatch/rates.json``), for this machine, these
    versions and these settings.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    warped : frozenset of str
        Sensors whose images must be warped onto the map: those of another CRS, or off its grid.

    Returns
    -------
    (Rates, str)
        The rates, and where they are from.
    """
    path = _cache_folder() / "rates.json"
    known = _read(path)
    key = _key(settings, warped)
    if key in known:
        fields = dict(known[key])
        day = str(fields.pop("measured"))
        return Rates(**fields), f"measured on this machine on {day[:10]} ({path})"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a scrap of a world may be strange
        rates = _measured(settings, warped)
    entry = {**dataclasses.asdict(rates), "measured": versions()["finished"]}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as partial:
            partial.write_text(json.dumps({**known, key: entry}, indent=1), encoding="utf-8")
    except OSError:
        return rates, f"measured on this machine just now, not kept: {path} cannot be written"
    return rates, f"measured on this machine just now (kept in {path})"


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    if home is None:
        home = str(Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache"))
    return Path(home) / "minewatch"


def _read(path: Path) -> dict[str, Any]:
    """What was measured before; a file that is no such table is as good as none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _key(settings: MappingSettings, warped: frozenset[str]) -> str:
    """The machine, its libraries, this code and the settings that decide, in short."""
    parts = {name: getattr(settings, name) for name in DECIDE}
    made_with = {name: text for name, text in versions().items() if name != "finished"}
    facts = [platform.node(), os.cpu_count(), made_with, _code(), parts, sorted(warped)]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:16]


@functools.cache
def _code() -> str:
    """Of this package's modules: between two versions the code changes too."""
    digest = hashlib.sha256()
    for path in sorted(Path(minewatch.__file__).parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _measured(settings: MappingSettings, warped: frozenset[str]) -> Rates:
    world = simulate.mine_world(seed=1, size=SIZE)
    with tempfile.TemporaryDirectory(prefix="minewatch-plan-") as name:
        folder = Path(name)
        simulate.write_stac(tiled(world), folder / "stac")
        simulate.write_vectors(world, folder)
        scrap = dataclasses.replace(
            settings,
            catalog=str(folder / "stac" / "catalog.json"),
            reference=str(folder / "reference.geojson"),
            held_out=None,
            label="label",
            output=str(folder),
            bbox=None,
            datetime=None,
            collections=(),
            max_cloud_cover=None,
            sign="none",
            crs=None,
            resolution=10.0,
            covariates="available",
            elevation=False,
            cluster="threads",
            min_count=1,
        )
        decode = _decoding(folder)
        images, opening, stack = _images(scrap, settings.resolution, warped, decode)
        # Once small, which compiles what is not compiled yet.
        store.to_zarr(stack.isel(y=slice(0, 8)), folder / "scrap.zarr")
        began = _clock()
        stack = store.to_zarr(stack, folder / "features.zarr")
        stored = _since(began) / (_pixels(stack) * len(stack.data_vars))
        fit, predict, files = _learning(scrap, stack, folder)
    return Rates(images, decode, stored, fit, predict, files, int(CPU_COUNT), opening)


def _clock() -> tuple[float, float]:
    """Seconds of the wall and of all cores."""
    return time.perf_counter(), time.process_time()


def _since(began: tuple[float, float]) -> float:
    """Seconds since then. Where other work kept the cores busy, no more than was computed."""
    return min(now - then for now, then in zip(_clock(), began, strict=True))


def _images(
    settings: MappingSettings, resolution: float, warped: frozenset[str], decode: float
) -> tuple[dict[str, float], float, xr.Dataset]:
    """Seconds for a value of each sensor on such a grid, and to open a file; a scrap's stack."""
    reference = vectors.read_polygons(settings.reference)
    items = find_items(settings, reference)
    box = map_grid(settings, reference)
    left, _, _, top = box.boundingbox
    # The world is in its CRS; what lies around the polygons is its first tile.
    ground = (left, top - TILES * SIZE * 10.0, left + TILES * 2 * SIZE * 10.0, top)
    rates, kept = {}, {}
    opened, files = 0.0, 0
    for sensor, found in items.items():
        # Once at 10 m, which also compiles what is not compiled yet.
        kept[sensor] = composites_of({sensor: found}, box, settings)[sensor].compute()
        crs = ELSEWHERE if sensor in warped else box.crs
        whole = grids.geobox(ground, crs=crs, resolution=resolution, bounds_crs=box.crs)
        (few, opening), (many, all_of_it) = (
            _composited(sensor, found, part, settings, decode)
            for part in (whole[:CORNER, :CORNER], whole)
        )
        opened += opening
        files += reading_of(sensor, found, whole[:CORNER, :CORNER]).files
        rate = (all_of_it - opening) / max(many - few, 1.0)
        # What is left where reading is nearly all of the work.
        rates[sensor] = max(rate, 0.1 * all_of_it / many)
    lazy = {sensor: repeated(image, BLOCK, BLOCK).chunk() for sensor, image in kept.items()}
    return (
        rates,
        opened / max(files, 1),
        features.feature_stack(
            sentinel2=lazy["sentinel2"],
            landsat8=lazy["landsat8"],
            sentinel1=lazy["sentinel1"],
            palsar=lazy["palsar"],
        ),
    )


def _composited(
    sensor: str, items: list[pystac.Item], box: GeoBox, settings: MappingSettings, decode: float
) -> tuple[float, float]:
    """Values that are composited, and the seconds of it, without those of decoding."""
    told = reading_of(sensor, items, box)
    began = _clock()
    composites_of({sensor: items}, box, settings)[sensor].compute()
    seconds = _since(began)
    return told.samples, max(seconds - decode * told.decoded / CPU_COUNT, 0.0)


def _learning(
    settings: MappingSettings, stack: xr.Dataset, folder: Path
) -> tuple[float, float, float]:
    """Seconds to fit, to predict and to write, each for one of its units."""
    reference = vectors.read_polygons(settings.reference)
    samples = learn.draw(stack, reference, max_per_polygon=200)
    n = samples.sizes["sample"]
    fitted = functools.partial(
        learn.fit_forest, trees=settings.trees, bag=settings.bag, mode=settings.mode, n_jobs=-1
    )
    fitted(samples.isel(sample=slice(None, None, 50)))  # which loads what is not loaded yet
    began = _clock()
    forest = fitted(samples)
    fit = _since(began) / (n * np.log2(n))
    learn.predict_proba(forest, stack.isel(y=slice(0, 8))).compute()
    began = _clock()
    chance = learn.predict_proba(forest, stack).sel({"class": 1}, drop=True).compute()
    predict = _since(began) / (_pixels(stack) * np.log2(n))
    began = _clock()
    mines, _ = without_small(mine_map(chance, 0.5), settings.min_area)
    store.to_cog(mines, folder / "mines.tif")
    store.to_cog(chance, folder / "probability.tif")
    files = _since(began) / _pixels(stack)
    return fit, predict, files


def _decoding(folder: Path) -> float:
    """Seconds for a byte out of a deflated file of noise, which is what images are to a packer."""
    import rasterio

    noise = np.random.default_rng(0).normal(3000, 150, (1024, 1024)).astype("uint16")
    path = folder / "noise.tif"
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint16", "height": 1024, "width": 1024}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it lies nowhere on Earth
        with rasterio.open(path, "w", **profile, tiled=True, compress="DEFLATE") as file:
            file.write(noise, 1)
        began = _clock()
        with rasterio.open(path) as file:
            file.read(1)
    return _since(began) / noise.nbytes


def _pixels(stack: xr.Dataset) -> int:
    return int(stack.sizes["y"] * stack.sizes["x"])
