"""A small scene with labelled polygons whose pixels resemble each other, and samples of it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import rioxarray  # noqa: F401
import xarray as xr
from shapely.geometry import box

UTM = "EPSG:32721"
WEST, NORTH, STEP = 500_000.0, 9_280_000.0, 10.0
NAMES = ("s2_ndvi", "s2_bsi", "s1_vv", "dem_slope")


def scene(rng: np.random.Generator, rows: int = 60, columns: int = 80) -> xr.Dataset:
    """Four features: two tell mines (west) from the rest (east), two are noise."""
    coords = {
        "y": NORTH - STEP / 2 - STEP * np.arange(rows),
        "x": WEST + STEP / 2 + STEP * np.arange(columns),
    }
    west = np.broadcast_to(np.arange(columns) < columns // 2, (rows, columns))
    noise = rng.normal(size=(len(NAMES), rows, columns))
    noise[0] -= 2 * west
    noise[1] += 3 * west
    layers = {
        name: (("y", "x"), values.astype("f4")) for name, values in zip(NAMES, noise, strict=True)
    }
    return xr.Dataset(layers, coords).rio.write_crs(UTM)


def square(row: int, column: int, side: int = 5) -> box:
    """The polygon around side × side pixels."""
    west, north = WEST + STEP * column, NORTH - STEP * row
    return box(west, north - STEP * side, west + STEP * side, north)


def sites(*, side: int = 5) -> gpd.GeoDataFrame:
    """Twelve squares: six mines in the west, six others in the east."""
    places = [(row, column) for column in (4, 24, 44, 64) for row in (5, 25, 45)]
    return gpd.GeoDataFrame(
        {"label": [1] * 6 + [0] * 6, "site": [f"site {n // 2}" for n in range(12)]},
        geometry=[square(*place, side=side) for place in places],
        crs=UTM,
    )


def clustered(
    rng: np.random.Generator,
    *,
    polygons: int = 80,
    pixels: int = 20,
    icc: float = 0.7,
    shift: float = 0.8,
    features: int = 5,
) -> xr.Dataset:
    """Samples whose features keep a share `icc` of their variance between polygons.

    The two labels lie `shift` standard deviations apart, so that no rule for single pixels can be
    right more often than Φ(shift / 2).
    """
    label = np.arange(polygons) % 2
    between = rng.normal(size=(polygons, features)) * np.sqrt(icc)
    within = rng.normal(size=(polygons, pixels, features)) * np.sqrt(1 - icc)
    values = between[:, None] + within + label[:, None, None] * shift / np.sqrt(features)
    values = values.reshape(-1, features).astype("f4")
    polygon = np.repeat(np.arange(polygons), pixels)
    return xr.Dataset(
        {f"f{n}": ("sample", values[:, n]) for n in range(features)},
        {"label": ("sample", label[polygon]), "polygon": ("sample", polygon)},
    )
