"""Amplitudes in radar geometry, read as sigma nought on a map.

A ground-range product has no transform: it says of some two hundred of its pixels where they lie.
A thin-plate spline through these ground control points leads from the map to lines and pixels; it
meets each of them, as a polynomial, which is what GDAL's warper takes, would not where the ground
rises. Each digital number becomes power before anything is interpolated or averaged, so that the
result is a mean of power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
from pyproj import Transformer
from rasterio.transform import GCPTransformer
from rasterio.windows import Window

from minewatch.grids._sampling import inside, sample

if TYPE_CHECKING:
    import numpy.typing as npt

    from minewatch.sources.collections import Conversion
    from minewatch.sources.stac._calibration import Calibration

    Floats = npt.NDArray[np.float64]

__all__ = ["METHODS", "GroundRange"]

METHODS = ("rms", "average", "bilinear", "nearest")
"""Resamplings; the first two are the mean over a pixel's area, of power in either case."""

STEP = 8
"""Pixels of the grid between two places that are computed; between them they are interpolated."""

MAX_PIXELS = 2**22
"""Pixels of the product that are held at a time, with some 40 bytes each while they are calibrated;
a larger window is read in halves."""

MARGIN = 2

STRIP = 32
"""Rows that are averaged at a time: their work arrays stay in the cache."""


class GroundRange:
    """A product on a grid.

    Parameters
    ----------
    dataset : rasterio.DatasetReader
        With ground control points, without a transform.
    calibration : Calibration
        Of its polarisation.
    conversion : Conversion
        From digital numbers to uncalibrated power.
    spec : stackstac.raster_spec.RasterSpec
        The grid.
    method : str
        One of :data:`METHODS`.

    Raises
    ------
    ValueError
        If the file has no ground control points.
    """

    def __init__(
        self,
        dataset: Any,
        calibration: Calibration,
        conversion: Conversion,
        spec: Any,
        method: str,
    ) -> None:
        points, crs = dataset.gcps
        if len(points) < 3 or crs is None:
            message = (
                "it has no ground control points, so it is no ground-range product as delivered; "
                "an image that has been terrain corrected is of the collection sentinel-1-rtc"
            )
            raise ValueError(message)
        self.dataset, self.calibration, self.conversion = dataset, calibration, conversion
        self.spec, self.method = spec, method
        self.to_points = Transformer.from_crs(spec.epsg, crs.to_wkt(), always_xy=True)
        self.spline = GCPTransformer(points, tps=True)
        self.points = self._points_across()

    def read(self, window: Any) -> npt.NDArray[np.float32]:
        """Sigma nought of one window of the grid, NaN where unknown.

        Parameters
        ----------
        window : rasterio.windows.Window
            On the grid.

        Returns
        -------
        numpy.ndarray
            Dims (y, x), float32.
        """
        (top, bottom), (left, right) = (
            (int(start), int(stop)) for start, stop in window.toranges()
        )
        result: npt.NDArray[np.float32] = self._read(top, bottom, left, right)
        return result

    def _read(self, top: int, bottom: int, left: int, right: int) -> Any:
        centres = self.method in {"bilinear", "nearest"}
        row, column = self._places(top, bottom, left, right, centres=centres)
        part = self._part(row, column)
        if part is None:
            return np.full((bottom - top, right - left), np.nan, "float32")
        (first, last), (start, stop) = part
        if (last - first) * (stop - start) > MAX_PIXELS and (bottom - top, right - left) != (1, 1):
            if bottom - top > right - left:
                half = (top + bottom) // 2
                pieces = self._read(top, half, left, right), self._read(half, bottom, left, right)
                return np.concatenate(pieces, axis=0)
            half = (left + right) // 2
            pieces = self._read(top, bottom, left, half), self._read(top, bottom, half, right)
            return np.concatenate(pieces, axis=1)
        power = self._power(first, last, start, stop)
        if not centres:
            return _mean_within(power, row - first, column - start, self.points)
        row = inside(row, self.dataset.height) - first
        column = inside(column, self.dataset.width) - start
        return sample(power, row, column, self.method, np.nan)

    def _power(self, first: int, last: int, start: int, stop: int) -> Any:
        """Sigma nought of a window of the product itself."""
        stored = self.dataset.read(1, window=Window(start, first, stop - start, last - first))
        power = self.conversion.apply(stored, "float32")
        amplitude = self.calibration.at(
            np.arange(first, last, dtype="float64"), np.arange(start, stop, dtype="float64")
        )
        power /= np.square(amplitude).astype("float32")
        return power

    def _part(self, row: Floats, column: Floats) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """The window of the product that places lie in; None where they lie off it."""
        known = np.isfinite(row) & np.isfinite(column)
        if not known.any():
            return None
        bounds = []
        for place, size in ((row[known], self.dataset.height), (column[known], self.dataset.width)):
            low = max(int(np.floor(np.clip(place.min(), -MARGIN, size))) - MARGIN, 0)
            high = min(int(np.ceil(np.clip(place.max(), -MARGIN, size))) + MARGIN + 1, size)
            if low >= high:
                return None
            bounds.append((low, high))
        return bounds[0], bounds[1]

    def _places(
        self, top: int, bottom: int, left: int, right: int, *, centres: bool
    ) -> tuple[Floats, Floats]:
        """Lines and pixels of the centres, or the corners, of a window of the grid.

        They are computed at nodes that every window shares, so that no place depends on it.
        """
        shift, more = (0.5, 0) if centres else (0.0, 1)
        rows, columns = np.arange(top, bottom + more), np.arange(left, right + more)
        nodes = [
            STEP * np.arange(each[0] // STEP, (each[-1] + shift) // STEP + 2)
            for each in (rows, columns)
        ]
        known = self._exact(*np.meshgrid(*nodes, indexing="ij"))
        at = np.meshgrid(
            (rows + shift - nodes[0][0]) / STEP,
            (columns + shift - nodes[1][0]) / STEP,
            indexing="ij",
        )
        row, column = (scipy.ndimage.map_coordinates(each, at, order=1) for each in known)
        return row, column

    def _exact(self, rows: Any, columns: Any) -> tuple[Floats, Floats]:
        """Lines and pixels, 0 at the centre of the first, of places on the grid."""
        t = self.spec.transform
        x = t.a * columns + t.b * rows + t.c
        y = t.d * columns + t.e * rows + t.f
        x, y = (np.asarray(each, "float64") for each in self.to_points.transform(x, y))
        off = ~(np.isfinite(x) & np.isfinite(y))
        x, y = np.where(off, 0, x), np.where(off, 0, y)
        found = self.spline.rowcol(x.ravel(), y.ravel(), op=np.asarray)
        row, column = (np.reshape(each, x.shape).astype("float64") - 0.5 for each in found)
        return np.where(off, np.nan, row), np.where(off, np.nan, column)

    def _points_across(self) -> int:
        """Points along the side of a pixel, half a product's pixel apart or closer.

        One number for the whole grid: it must not depend on the window.
        """
        height, width = self.spec.shape
        rows, columns = np.meshgrid(
            np.linspace(0, height - 1, 9), np.linspace(0, width - 1, 9), indexing="ij"
        )
        row, column = self._exact(rows, columns)
        on = inside(row, self.dataset.height) + inside(column, self.dataset.width)
        longest = 0.0
        for down, right in ((1, 0), (0, 1)):
            next_row, next_column = self._exact(rows + down, columns + right)
            sides = np.hypot(next_row - row, next_column - column)
            longest = max(longest, float(np.max(sides[np.isfinite(sides + on)], initial=0.0)))
        return max(3, int(np.ceil(2 * (longest or 1.0))))


def _mean_within(power: Any, row: Floats, column: Floats, points: int) -> Any:
    """Mean over pixels given by their corners, by evenly spread points; NaN where none is known."""
    height, width = power.shape
    result = np.empty((row.shape[0] - 1, row.shape[1] - 1), "float32")
    offsets = (np.arange(points) + 0.5) / points
    for top in range(0, len(result), STRIP):
        corners = slice(top, min(top + STRIP, len(result)) + 1)
        total = np.zeros((corners.stop - top - 1, result.shape[1]))
        count = np.zeros(total.shape, "int32")
        for down in offsets:
            # Half a pixel up, so that the nearest pixel is the whole part.
            lines, pixels = (
                (1 - down) * each[corners][:-1] + down * each[corners][1:] + 0.5
                for each in (row, column)
            )
            for right in offsets:
                i = (1 - right) * lines[:, :-1] + right * lines[:, 1:]
                j = (1 - right) * pixels[:, :-1] + right * pixels[:, 1:]
                on = (i >= 0) & (i < height) & (j >= 0) & (j < width)
                place = np.where(on, i, 0).astype("int64") * width
                place += np.where(on, j, 0).astype("int64")
                value = power.ravel()[place]
                on &= ~np.isnan(value)
                total += np.where(on, value, 0)
                count += on
        result[top : top + STRIP] = total / np.where(count > 0, count, np.nan)
    return result
