"""Small ground-range products, written for a test: amplitudes, control points, calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.control import GroundControlPoint

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["calibration_xml", "from_map", "to_map", "write_ground_range"]

CRS = "EPSG:32645"
CORNER = 300000.0, 2480000.0
HEADING = np.radians(12.0)
STRETCH = 2e-4  # metres per pixel squared: ground range is no plane map
SPACING = 10.0


def to_map(row: Any, column: Any) -> tuple[Any, Any]:
    """Easting and northing of a place in the image; whole numbers are the corners of pixels."""
    across = SPACING * np.asarray(column) + STRETCH * np.square(column)
    along = -SPACING * np.asarray(row)
    x = CORNER[0] + across * np.cos(HEADING) - along * np.sin(HEADING)
    y = CORNER[1] + across * np.sin(HEADING) + along * np.cos(HEADING)
    return x, y


def from_map(x: Any, y: Any) -> tuple[Any, Any]:
    """The inverse of :func:`to_map`, in closed form."""
    east, north = np.asarray(x) - CORNER[0], np.asarray(y) - CORNER[1]
    across = east * np.cos(HEADING) + north * np.sin(HEADING)
    along = -east * np.sin(HEADING) + north * np.cos(HEADING)
    column = (np.sqrt(SPACING**2 + 4 * STRETCH * across) - SPACING) / (2 * STRETCH)
    return -along / SPACING, column


def write_ground_range(path: Path, amplitude: np.ndarray, *, points: bool = True) -> str:
    """A product as ESA delivers it: uint16, no transform, control points in degrees."""
    height, width = amplitude.shape
    to_degrees = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    place: dict[str, Any] = {}
    if points:
        rows, columns = np.meshgrid(
            np.linspace(0, height, 10), np.linspace(0, width, 21), indexing="ij"
        )
        longitude, latitude = to_degrees.transform(*to_map(rows, columns))
        table = np.stack([each.ravel() for each in (rows, columns, longitude, latitude)], axis=1)
        place = {"gcps": [GroundControlPoint(*row, 0.0) for row in table.tolist()]}
        place["crs"] = "EPSG:4326"
    path.parent.mkdir(parents=True, exist_ok=True)
    size = {"height": height, "width": width, "count": 1, "dtype": "uint16"}
    with rasterio.open(path, "w", driver="GTiff", **size, **place) as file:
        file.write(amplitude.astype("uint16"), 1)
    return str(path)


def calibration_xml(
    lines: Sequence[float] | np.ndarray, pixels: Sequence[float] | np.ndarray, values: Any
) -> bytes:
    """An annotation with a table of sigma nought, and others that must not be taken for it."""
    vectors = []
    for line, row in zip(lines, np.asarray(values, "float64"), strict=True):
        numbers = " ".join(f"{value:.10g}" for value in row)
        wrong = " ".join("1" for _ in row)
        count = f'count="{len(row)}"'
        vectors.append(
            "<calibrationVector><azimuthTime>2023-06-28T21:07:05.989</azimuthTime>"
            f"<line>{line:.0f}</line>"
            f"<pixel {count}>{' '.join(f'{pixel:.0f}' for pixel in pixels)}</pixel>"
            f"<sigmaNought {count}>{numbers}</sigmaNought><betaNought {count}>{wrong}</betaNought>"
            f"<gamma {count}>{wrong}</gamma><dn {count}>{wrong}</dn></calibrationVector>"
        )
    text = (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?><calibration><adsHeader>'
        "<polarisation>VV</polarisation></adsHeader><calibrationInformation>"
        "<absoluteCalibrationConstant>1.000000e+00</absoluteCalibrationConstant>"
        f'</calibrationInformation><calibrationVectorList count="{len(vectors)}">'
        f"{''.join(vectors)}</calibrationVectorList></calibration>"
    )
    return text.encode()
