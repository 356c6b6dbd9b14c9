"""A whole Sentinel-2 tile on one small machine: how long it takes and how much memory.

Writes a simulated archive of one tile, a few worlds at a time: 12 Sentinel-2 scenes (ten bands at
their own 10 and 20 m, and SCL), 5 Landsat 8 scenes, 6 Sentinel-1 RTC scenes and a PALSAR mosaic, as
tiled GeoTIFFs under a static STAC catalogue, with polygons to learn from and the whole truth. Then
``minewatch map`` runs on it in a process of its own; every stage is timed and the memory of each
process is watched, and the map is scored against the truth. By hand, it takes hours:

    python -m benchmarks.tile scratch/                       # 10,980 × 10,980 pixels, 22 GB
    python -m benchmarks.tile scratch/ --size 2745           # a sixteenth of it
    python -m benchmarks.tile scratch/ -- --speckle lee_sigma --clouds shadow

What follows ``--`` is passed on to ``minewatch map``. A tile that lies in the folder already is
used again; ``--keep`` keeps it and the results, which otherwise are removed at the end.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import rasterio
import rasterio.warp
import xarray as xr
from rasterio import Affine
from rasterio.features import rasterize
from rasterio.windows import Window

from minewatch.simulate import scenes, stac, tessellation
from minewatch.simulate.classes import LAND_COVER
from minewatch.simulate.fields import block_mean
from minewatch.simulate.geographic import WORLD_EPSG, WORLD_ORIGIN, geographic_grid, nearest
from minewatch.simulate.items import Asset, catalog_document, collection_document, item_document
from minewatch.simulate.terrain import lay_ground

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS, COLUMNS = 384, 768
"""Pixels of a world; the tile is paved with worlds, each of its own seed."""

SQUARE = 1536
"""Pixels of a square of 4 × 2 worlds: whole tiles of every file, so that each is written once."""

SENTINEL2 = tuple(
    f"2022-{month:02d}-{day:02d}T14:01" for month in range(5, 9) for day in (4, 14, 24)
)
SENTINEL2_CLOUD = (0.25, 0.1, 0.4, 0.15, 0.05, 0.3, 0.1, 0.2, 0.05, 0.35, 0.15, 0.25)
SENTINEL1 = scenes.SENTINEL1_TIMES[:6]
FIELD = ("hh", "hv")
COARSE = 3
"""Fine pixels of a coarse one: PALSAR is sampled from what lies below it at 30 m."""

POLYGONS = 600
"""Polygons to learn from in a whole tile, half of them mines."""

GIB = 2**30

Stack = dict[tuple[str, int, str], Any]
"""Collection, number of the scene and asset → what the file holds."""


def paved(size: int) -> list[tuple[int, int]]:
    """First row and column of each world of a tile, square by square."""
    places = [(row, column) for row in range(0, size, ROWS) for column in range(0, size, COLUMNS)]
    return sorted(places, key=lambda place: (square_of(place), place))


def square_of(place: tuple[int, int]) -> tuple[int, int]:
    """First row and column of the square that a world lies in."""
    return place[0] // SQUARE * SQUARE, place[1] // SQUARE * SQUARE


def simulated(seed: int) -> SimpleNamespace:
    """One world, with as many dates as the tile has."""
    ground = lay_ground(ROWS, seed)
    look = scenes.look_of(ground, seed)
    sentinel2 = scenes.sentinel2(ground, look, seed, times=SENTINEL2, cover=SENTINEL2_CLOUD)
    landsat8 = scenes.landsat8(ground, look, seed)
    return SimpleNamespace(
        ground=ground,
        sentinel2=sentinel2,
        landsat8=landsat8,
        sentinel1=scenes.sentinel1(look, seed, times=SENTINEL1),
        cloud=xr.concat([sentinel2.cloud, landsat8.cloud], dim="time").sortby("time"),
        power={name: block_mean(look.power[name], COARSE).astype("float32") for name in FIELD},
    )


def archived(world: SimpleNamespace) -> Iterator[tuple[str, int, stac.Scene]]:
    """Its scenes as the archive holds them, all but the mosaic."""
    for collection in ("sentinel-2-l2a", "landsat-c2-l2", "sentinel-1-rtc"):
        for number, scene in enumerate(stac.ARCHIVE[collection](world)):  # type: ignore[arg-type]
            yield collection, number, scene


def block(seed: int) -> tuple[Stack, Any, dict[str, Any], gpd.GeoDataFrame]:
    """What is written of one world: its files, its land cover, the ground of PALSAR, polygons."""
    world = simulated(seed)
    files = {
        (collection, number, key): values
        for collection, number, (_, _, images) in archived(world)
        for key, (_, values) in images.items()
    }
    table = tessellation.polygon_table(world.ground)
    return files, world.ground.cover, world.power, table[["label", "land_cover", "geometry"]]


class _Tile:
    """The open files of a tile."""

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self.folder, self.size, self.seed = folder, size, seed
        self.documents: dict[str, list[dict[str, Any]]] = {}
        self.files: dict[tuple[str, int, str], Any] = {}
        for collection, number, (identity, properties, images) in archived(simulated(seed)):
            assets = {key: self._spread(asset) for key, (asset, _) in images.items()}
            for key, asset in assets.items():
                path = folder / collection / identity / asset.href
                self.files[collection, number, key] = created(path, asset)
            self.describe(collection, identity, assets, properties)
        cover = Asset("", WORLD_EPSG, spaced(10.0), (size, size), "uint8", 10.0, "truth")
        self.truth = created(folder / "truth.tif", cover)
        across = -(-size // COARSE)
        self.power = {name: np.empty((across, across), "float32") for name in FIELD}
        self.water = np.zeros((across, across), bool)
        self.square: tuple[int, int] = (0, 0)
        self.gathered: dict[Any, Any] = {}

    def _spread(self, asset: Asset) -> Asset:
        across = -(-self.size * 10 // round(asset.gsd))
        return dataclasses.replace(asset, shape=(across, across))

    def describe(
        self, collection: str, identity: str, assets: dict[str, Asset], properties: Any
    ) -> None:
        document = item_document(identity, collection, assets, properties)
        path = self.folder / collection / identity / f"{identity}.json"
        path.write_text(json.dumps(document, indent=1), encoding="utf-8")
        self.documents.setdefault(collection, []).append(document)

    def write(self, row: int, column: int, files: Stack, cover: Any, power: Any) -> None:
        """Put one world where it belongs."""
        if square_of((row, column)) != self.square:
            self.flush()
            self.square = square_of((row, column))
        for place, values in [*files.items(), ("truth", cover)]:
            ratio = ROWS // values.shape[0]
            if place not in self.gathered:
                self.gathered[place] = np.zeros((SQUARE // ratio,) * 2, values.dtype)
            down, right = (
                (at - start) // ratio for at, start in zip((row, column), self.square, strict=True)
            )
            rows, columns = values.shape
            self.gathered[place][down : down + rows, right : right + columns] = values
        water = np.isin(cover[::COARSE, ::COARSE], scenes.WATER)
        for name, target in [*self.power.items(), ("water", self.water)]:
            source = water if name == "water" else power[name]
            at = target[row // COARSE :, column // COARSE :][: source.shape[0], : source.shape[1]]
            at[...] = source[: at.shape[0], : at.shape[1]]

    def flush(self) -> None:
        """Write the square that was gathered; what sticks out over the edge is cut."""
        for place, values in self.gathered.items():
            file = self.truth if place == "truth" else self.files[place]
            top, left = (start * len(values) // SQUARE for start in self.square)
            inside = values[: file.height - top, : file.width - left]
            file.write(inside, 1, window=Window(left, top, inside.shape[1], inside.shape[0]))
        self.gathered.clear()

    def close(self) -> None:
        """Write the mosaic and the catalogue; the root comes last."""
        self.flush()
        for file in [*self.files.values(), self.truth]:
            file.close()
        self._mosaic()
        for name, documents in self.documents.items():
            path = self.folder / name / "collection.json"
            path.write_text(json.dumps(collection_document(name, documents)), encoding="utf-8")
        root = catalog_document(list(self.documents), self.seed)
        (self.folder / "catalog.json").write_text(json.dumps(root), encoding="utf-8")

    def _mosaic(self) -> None:
        name, identity = "alos-palsar-mosaic", "S06W057_22_MOS_F02DAR"
        arcsec = scenes.PALSAR_ARCSEC
        transform, row, column = geographic_grid(self.size, self.size, arcsec=arcsec)
        at = tuple((place - (COARSE - 1) / 2) / COARSE for place in (row, column))
        del row, column
        shape = (at[0].shape[0], at[0].shape[1])
        rng = np.random.default_rng(self.seed)
        assets = {}
        for key in ("HH", "HV", "mask"):
            dtype = "uint8" if key == "mask" else "uint16"
            asset = Asset(f"{key}.tif", 4326, transform, shape, dtype, 25.0, key, {"nodata": 0})
            with created(self.folder / name / identity / asset.href, asset) as file:
                for start in range(0, shape[0], 512):
                    strip = tuple(place[start : start + 512] for place in at)
                    if key == "mask":
                        values = np.where(nearest(self.water, *strip), 50, 255)
                    else:
                        seen = nearest(self.power[key.lower()], *strip)
                        seen = seen * rng.gamma(
                            scenes.PALSAR_LOOKS, 1 / scenes.PALSAR_LOOKS, seen.shape
                        )
                        values = np.rint(10 ** ((10 * np.log10(seen) - stac.PALSAR_FACTOR) / 20))
                    window = Window(0, start, shape[1], values.shape[0])
                    file.write(np.clip(values, 1, 65535).astype(dtype), 1, window=window)
            assets[key] = asset
        year = {"start_datetime": "2022-01-01T00:00:00Z", "end_datetime": "2022-12-31T23:59:59Z"}
        self.describe(name, identity, assets, {"datetime": None, "platform": "ALOS-2"} | year)


def spaced(gsd: float) -> tuple[float, float, float, float, float, float]:
    """Geotransform of the tile at some pixel size."""
    west, north = WORLD_ORIGIN
    return gsd, 0.0, west, 0.0, -gsd, north


def created(path: Path, asset: Asset) -> Any:
    """A tiled file that is filled window by window."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=asset.shape[0],
        width=asset.shape[1],
        count=1,
        dtype=asset.dtype,
        crs=f"EPSG:{asset.epsg}",
        transform=Affine(*asset.transform),
        nodata=asset.raster.get("nodata"),
        tiled=True,
        blockxsize=256 if asset.gsd == 20 else 512,
        blockysize=256 if asset.gsd == 20 else 512,
        compress="DEFLATE",
        zlevel=1,
        bigtiff="IF_SAFER",
    )


def chosen(
    table: gpd.GeoDataFrame, row: int, column: int, size: int, share: int
) -> gpd.GeoDataFrame:
    """Some polygons of one world, as many mines as others, moved to its place in the tile."""
    west, north = WORLD_ORIGIN
    table = table.assign(geometry=table.geometry.translate(10.0 * column, -10.0 * row))
    edges = table.geometry.bounds
    inside = (edges.maxx <= west + 10.0 * size) & (edges.miny >= north - 10.0 * size)
    whole = table[inside & (table.area > 1000)]
    rng = np.random.default_rng((row, column))
    kept = []
    for _, group in whole.groupby("label"):
        most = min(share, max(1, len(group) // 3))  # enough is left to judge the map by
        kept.append(group.iloc[rng.permutation(len(group))[:most]])
    return pd.concat(kept) if kept else whole


def write_tile(folder: Path, size: int, seed: int, workers: int) -> None:
    """Write the archive, the truth and the polygons."""
    folder.mkdir(parents=True, exist_ok=True)
    places = paved(size)
    share = max(1, round(POLYGONS / 2 / len(places)))
    polygons = []
    began = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with (
        rasterio.Env(GDAL_NUM_THREADS=2),
        concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool,
    ):
        tile = _Tile(folder, size, seed)
        waiting: list[Any] = []
        ahead = iter(range(len(places)))
        for number, (row, column) in enumerate(places):
            while len(waiting) <= 2 * workers and (new := next(ahead, None)) is not None:
                waiting.append(pool.submit(block, seed + new))
            files, cover, power, table = waiting.pop(0).result()
            tile.write(row, column, files, cover, power)
            polygons.append(chosen(table, row, column, size, share))
            if number % 20 == 0 or number + 1 == len(places):
                told(f"world {number + 1} of {len(places)}: {time.perf_counter() - began:.0f} s")
        tile.close()
    reference = pd.concat(polygons, ignore_index=True)
    reference.to_file(folder / "reference.geojson", driver="GeoJSON")
    used = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    told(f"{used / 1e9:.1f} GB, {len(reference)} polygons")


def bounds(size: int) -> list[str]:
    """The tile in degrees, west south east north."""
    west, north = WORLD_ORIGIN
    edges = rasterio.warp.transform_bounds(
        WORLD_EPSG, 4326, west, north - 10.0 * size, west + 10.0 * size, north
    )
    return [f"{edge:.8f}" for edge in edges]


def watched(
    process: Any, peaks: dict[int, float], used: dict[int, float], stop: threading.Event
) -> None:
    """What each process holds at most since `peaks` was emptied, GiB, and its CPU seconds."""
    import psutil

    root = psutil.Process(process.pid)
    while not stop.wait(0.2):
        try:
            family = [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for each in family:
            try:
                held = each.memory_info().rss / GIB
                used[each.pid] = sum(each.cpu_times()[:2])
            except psutil.NoSuchProcess:
                continue
            peaks[each.pid] = max(peaks.get(each.pid, 0.0), held)


def mapped(folder: Path, output: Path, size: int, options: list[str]) -> list[dict[str, Any]]:
    """Run ``minewatch map`` in a process of its own; a row for each stage."""
    call = [
        *(sys.executable, "-c", "from minewatch.cli import main; main()", "map"),
        *(str(folder / "catalog.json"), "--reference", str(folder / "reference.geojson")),
        *("--output", str(output), "--overwrite", "--bbox", *bounds(size)),
        *("--datetime", "2022-01-01/2022-12-31", "--resolution", "10", *options),
    ]
    rows = []
    peaks: dict[int, float] = {}
    used: dict[int, float] = {}
    before = 0.0
    stop = threading.Event()
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True, env=environment) as process:
        watcher = threading.Thread(target=watched, args=(process, peaks, used, stop), daemon=True)
        watcher.start()
        assert process.stdout is not None
        for line in process.stdout:
            name, _, rest = line.rstrip().rpartition(": ")
            if name and rest.endswith(" s") and rest[:-2].replace(".", "", 1).isdigit():
                found, worked = dict(peaks), sum(used.values())
                peaks.clear()
                rows.append(
                    {
                        "stage": name,
                        "s": float(rest[:-2]),
                        "ns a pixel": float(rest[:-2]) * 1e9 / size**2,
                        "CPU s": worked - before,
                        "peak GiB a process": max(found.values(), default=0.0),
                    }
                )
                before = worked
                told(f"  {name}: {rows[-1]['s']:.0f} s, {rows[-1]['peak GiB a process']:.2f} GiB")
            elif line.strip():
                told(f"  | {line.rstrip()}")
        stop.set()
        watcher.join()
    if process.returncode:
        message = f"minewatch map ended with status {process.returncode}"
        raise RuntimeError(message)
    return rows


def scored(folder: Path, output: Path) -> dict[str, float]:
    """The map against the truth of every pixel that no reference polygon covers."""
    taught = gpd.read_file(folder / "reference.geojson").to_crs(WORLD_EPSG)
    counts = np.zeros(4, "int64")
    with rasterio.open(folder / "truth.tif") as truth, rasterio.open(output / "mines.tif") as file:
        right = round((truth.transform.c - file.transform.c) / 10)
        down = round((file.transform.f - truth.transform.f) / 10)
        for start in range(0, truth.height, 512):
            window = Window(0, start, truth.width, min(512, truth.height - start))
            there = Window(right, down + start, truth.width, window.height)
            mine = truth.read(1, window=window) == LAND_COVER["mine"]
            found = file.read(1, window=there, boundless=True, fill_value=255)
            top = truth.transform.f - 10.0 * start
            near = taught.cx[:, top - 10.0 * window.height : top]
            judged = found != 255
            if len(near):
                here = truth.window_transform(window)
                judged &= rasterize(near.geometry, mine.shape, transform=here) == 0
            counts += np.bincount(2 * mine[judged] + found[judged], minlength=4)
    _, fp, fn, tp = (int(count) for count in counts)
    return {
        "pixels judged": int(counts.sum()),
        "precision": tp / max(1, tp + fp),
        "recall": tp / max(1, tp + fn),
        "F1": 2 * tp / max(1, 2 * tp + fp + fn),
    }


def told(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Write the tile, map it, judge it."""
    arguments = sys.argv[1:]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="scratch folder, 45 GB for a whole tile")
    parser.add_argument("--size", type=int, default=10980, help="rows and columns of 10 m")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes that simulate")
    parser.add_argument("--keep", action="store_true", help="remove neither the tile nor the map")
    given = parser.parse_args(arguments[:cut])
    folder = (given.folder / f"tile-{given.size}-{given.seed}").resolve()
    output = folder.with_name(f"{folder.name}-map")
    if not (folder / "reference.geojson").exists():
        write_tile(folder, given.size, given.seed, given.workers)
    rows = mapped(folder, output, given.size, arguments[cut + 1 :])
    total = sum(row["s"] for row in rows)
    peak = max(row["peak GiB a process"] for row in rows)
    rows.append(
        {
            "stage": "all",
            "s": total,
            "ns a pixel": total * 1e9 / given.size**2,
            "CPU s": sum(row["CPU s"] for row in rows),
            "peak GiB a process": peak,
        }
    )
    table = pd.DataFrame(rows).round({"s": 1, "ns a pixel": 0, "CPU s": 1, "peak GiB a process": 2})
    told(table.to_string(index=False))
    told(f"{total / 60:.1f} minutes, at most {peak:.2f} GiB a process")
    scores = scored(folder, output)
    told(", ".join(f"{name} {value:.3f}" for name, value in scores.items()))
    report = {"size": given.size, "options": arguments[cut + 1 :], "stages": rows, **scores}
    (given.folder / f"{folder.name}.json").write_text(json.dumps(report, indent=1))
    if not given.keep:
        shutil.rmtree(folder)
        shutil.rmtree(output)


if __name__ == "__main__":
    main()
