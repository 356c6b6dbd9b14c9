"""Patch detectors over a piece of a scene: window by window, in one go, and by textures.

``scene.py`` beside this does the same at full size, by hand.
"""

from __future__ import annotations

import importlib.util

import dask
import numpy as np
import xarray as xr

from minewatch.learn.patches import fit_network, fit_textures, scan

SIZE = 572
"""Rows and columns: 100 windows of 104 pixels, half a window apart."""
PATCHES = 32


class Detectors:
    """On one thread; divide by 100 for the price of a window."""

    params = ("textures", "same, windows", "valid, windows", "valid, convolution")
    param_names = ("detector",)
    timeout = 300
    number = 1
    repeat = (1, 5, 20.0)
    warmup_time = 0

    def setup(self, detector: str) -> None:
        padding, _, mode = detector.partition(", ")
        if mode and not all(map(importlib.util.find_spec, ("torch", "onnxruntime"))):
            raise NotImplementedError(detector)  # what asv takes as leave to go on
        rng = np.random.default_rng(0)
        names, label = ["vv", "vh", "pa"], np.arange(PATCHES) % 2
        patches = rng.normal(-10, 2, (PATCHES, 3, 104, 104)).astype("f4")
        taught = xr.Dataset(
            {"patches": (("patch", "channel", "row", "column"), patches + label[:, *[None] * 3])},
            {"channel": names, "label": ("patch", label), "point": ("patch", np.arange(PATCHES))},
        )
        if mode:
            self.detector = fit_network(taught, padding=padding, epochs=1, threads=1)
        else:
            self.detector = fit_textures(taught)
        axis = 10.0 * np.arange(SIZE)
        scene = rng.normal(-10, 2, (3, SIZE, SIZE)).astype("f4")
        grid = {"channel": names, "y": -axis, "x": axis}
        self.scene = xr.DataArray(scene, grid, ("channel", "y", "x")).chunk(y=300, x=300)
        self.mode = mode or "windows"
        self.time_scan(detector)

    def time_scan(self, detector: str) -> None:
        with dask.config.set(scheduler="synchronous"):
            scan(self.scene, self.detector, mode=self.mode).compute()

    def peakmem_scan(self, detector: str) -> None:
        self.time_scan(detector)
