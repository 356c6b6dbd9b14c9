"""A whole Sentinel-1 scene and a patch detector: how long it takes and how much memory.

Writes a simulated scene, VV and VH of speckled forest, bare ground and rivers, into a Zarr store in
chunks of 1024 × 1024 pixels, and teaches a patch network of either kind from a few of its patches:
enough to run, not to be right, which changes nothing about its speed. Then each detector goes over
the scene in a process of its own: Lee filter, decibels, windows, cells. By hand, it takes minutes:

    python -m benchmarks.scene scratch/                      # 10,980 × 10,980 pixels, 1 GB
    python -m benchmarks.scene scratch/ --size 2745          # a sixteenth of it
    python -m benchmarks.scene scratch/ --detectors valid --modes windows convolution

Aimed at: less than 3 minutes and 3 GiB on two cores. Seconds of the clock count where nothing else
runs; CPU seconds tell more where something does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from minewatch import store

GIB = 2**30
CHUNK = 1024
LOOKS = 4.4
LIMITS = {"s": 180.0, "peak GiB": 3.0}
EPSG = 32721

POWER = {"forest": (0.16, 0.038), "bare ground": (0.06, 0.009), "river": (0.01, 0.002)}
"""Linear power of VV and VH."""

SHARES = (0.04, 0.02)
"""Of bare ground and of rivers."""


def drawn(numbers: np.ndarray, *, side: int) -> np.ndarray:
    """VV and VH of a block, by its number alone: smooth patches of ground under speckle."""
    from scipy.ndimage import zoom

    rng = np.random.default_rng(int(numbers.flat[0]))
    coarse = zoom(rng.normal(size=(side // 32 + 2,) * 2), 32, order=1)[:side, :side]
    low, high = np.quantile(coarse, (SHARES[1], 1 - SHARES[0]))
    ground = np.where(coarse > high, 1, np.where(coarse < low, 2, 0))
    mean = np.array(list(POWER.values()), np.float32).T[:, ground]
    return mean * rng.standard_gamma(LOOKS, mean.shape).astype(np.float32) / np.float32(LOOKS)


def scene(size: int) -> xr.Dataset:
    """Lazy backscatter as large as wanted."""
    import dask.array as da
    import rioxarray  # noqa: F401 the .rio accessor

    across = -(-size // CHUNK)
    numbers = da.from_array(np.arange(across**2).reshape(1, across, across), chunks=1)
    power = da.map_blocks(
        drawn,
        numbers,
        side=CHUNK,
        chunks=((2,), *((CHUNK,) * across,) * 2),
        dtype="float32",
        meta=np.empty((0, 0, 0), "float32"),
    )[:, :size, :size]
    axis = 5.0 + 10.0 * np.arange(size)
    coords = {"y": 9e6 - axis, "x": 5e5 + axis}
    layers = {
        name: xr.DataArray(power[at], coords, ("y", "x"), attrs={"units": "1"})
        for at, name in enumerate(("vv", "vh"))
    }
    return xr.Dataset(layers).rio.write_crs(EPSG)


def taught(path: Path, scene: xr.Dataset, kind: str) -> None:
    """A detector from a few patches: a network, padded or not, or textures."""
    import geopandas as gpd

    from minewatch.learn.patches import (
        channels,
        extract,
        fit_network,
        fit_textures,
        save_detector,
    )

    corner = scene.isel(y=slice(CHUNK), x=slice(CHUNK)).compute()
    rng = np.random.default_rng(0)
    x, y = 5e5 + rng.uniform(1000, 9000, 64), 9e6 - rng.uniform(1000, 9000, 64)
    points = gpd.GeoDataFrame(
        {"label": np.arange(64) % 2}, geometry=gpd.points_from_xy(x, y), crs=EPSG
    )
    patches = extract(channels(corner), points)
    detector: Any
    if kind == "textures":
        detector = fit_textures(patches, seed=0)
    else:
        detector = fit_network(patches, padding=kind, epochs=1, seed=0)
    save_detector(detector, path)


def scanned(folder: Path, detector: Path, mode: str, threads: int) -> dict[str, Any]:
    """Scan the scene in this process; what it took."""
    import dask

    from minewatch import detections
    from minewatch.learn.patches import channels, load_detector, scan

    began = time.perf_counter()
    windows = scan(channels(store.open_cube(folder)), load_detector(detector), mode=mode)
    tasks = len(windows.__dask_graph__())
    drawn = time.perf_counter()
    with dask.config.set(scheduler="threads", num_workers=threads):
        windows = windows.compute()
    scanned = time.perf_counter()
    found = detections.cells(windows, threshold=0.5)
    ended = time.perf_counter()
    status = Path("/proc/self/status").read_text()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return {
        "detector": detector.stem,
        "mode": windows.attrs["mode"],
        "windows": windows.size,
        "cells": len(found),
        "tasks": tasks,
        "graph s": drawn - began,
        "scan s": scanned - drawn,
        "cells s": ended - scanned,
        "s": ended - began,
        "CPU s": sum(os.times()[:2]),
        "peak GiB": int(peak.split()[1]) * 1024 / GIB,
    }


def told(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Write the scene, teach detectors, scan with each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="scratch folder, 1 GB for a whole scene")
    parser.add_argument("--size", type=int, default=10980, help="rows and columns of 10 m")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--detectors", nargs="+", default=["same", "valid"], help="or textures")
    parser.add_argument("--modes", nargs="+", default=["auto"], help="windows, convolution")
    parser.add_argument("--one", action="store_true", help="scan in this process, for itself")
    given = parser.parse_args()
    folder = given.folder / f"scene-{given.size}.zarr"
    paths = {kind: given.folder / f"{kind}.detector" for kind in given.detectors}
    if given.one:
        (path,), (mode,) = paths.values(), given.modes
        told(json.dumps(scanned(folder, path, mode, given.threads)))
        return
    given.folder.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        store.to_zarr(scene(given.size), folder)
        told("scene written")
    for kind, path in paths.items():
        if not path.exists():
            taught(path, scene(max(given.size, CHUNK)), kind)
            told(f"{kind}: detector taught")
    rows = []
    for kind in paths:
        for mode in given.modes:
            call = [sys.executable, "-m", "benchmarks.scene", str(given.folder), "--one"]
            call += ["--size", str(given.size), "--threads", str(given.threads)]
            call += ["--detectors", kind, "--modes", mode]
            told(f"{kind}, {mode} ...")
            out = subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout
            rows.append(json.loads(out.splitlines()[-1]))
    told(pd.DataFrame(rows).round(2).to_string(index=False))
    for row in rows:
        over = [f"{name} {row[name]:.1f}" for name, most in LIMITS.items() if row[name] >= most]
        told(f"{row['detector']}, {row['mode']}: {', '.join(over) or 'within its limits'}")


if __name__ == "__main__":
    main()
