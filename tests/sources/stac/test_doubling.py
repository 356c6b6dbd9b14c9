"""What has twice the grid's pixel is read, and gives what warping gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import pytest
import rasterio
import rasterio.vrt
from rasterfiles import write_tif
from rasterio.windows import Window
from stackstac.raster_spec import RasterSpec

from minewatch.sources.collections import Conversion
from minewatch.sources.stac import _readers
from minewatch.sources.stac._stacking import Source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEIGHT, WIDTH = 60, 80  # of the file, 20 m
ROWS, COLUMNS = 90, 110  # of the grid, 10 m
LEFT, TOP = 300000.0, 2470100.0
REFLECTANCE = Conversion(scale=1e-4, offset=-0.1, nodata=0)


@pytest.fixture
def numbers(rng: np.random.Generator) -> np.ndarray:
    """Any number of 16 bits; single holes, and a large one."""
    values = rng.integers(1, 2**16, (HEIGHT, WIDTH)).astype("uint16")
    values[rng.random(values.shape) < 0.2] = 0
    values[20:30, 30:50] = 0
    return values


def reader_of(
    href: str, shift: tuple[float, float], conversion: Conversion | None, method: str
) -> _readers.StrictReader:
    left, top = LEFT + 10 * shift[1], TOP - 10 * shift[0]
    spec = RasterSpec(32645, (left, top - 10 * ROWS, left + 10 * COLUMNS, top), (10, 10))
    dtype, fill = ("uint8", 0) if conversion is None else ("float32", np.nan)
    source = Source(href, "one", "vv", conversion, method)
    return _readers.StrictReader(url=source, spec=spec, dtype=np.dtype(dtype), fill_value=fill)


def warping(reader: _readers.StrictReader) -> _readers.StrictReader:
    """The same reader, made to warp."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_readers, "whole_shift", lambda *_, **__: None)
        assert isinstance(reader.dataset, rasterio.vrt.WarpedVRT)
    return reader


def is_doubled(reader: _readers.StrictReader) -> bool:
    return isinstance(reader.dataset, _readers.Doubled)


def windows(rng: np.random.Generator) -> Iterator[Window]:
    """The whole grid, and parts of it."""
    yield Window(0, 0, COLUMNS, ROWS)
    for _ in range(12):
        top, left = int(rng.integers(0, ROWS)), int(rng.integers(0, COLUMNS))
        size = int(rng.integers(1, COLUMNS - left + 1)), int(rng.integers(1, ROWS - top + 1))
        yield Window(left, top, *size)


SHIFTS = {
    "on the file": (6, 8),
    "on it, odd": (7, 11),
    "over its top": (-7, 4),
    "over its foot": (43, 4),
    "over its left": (3, -9),
    "over its right": (3, 133),
    "over a corner": (-1, -1),
    "over the other": (119, 159),
    "beside it": (120, 0),
    "just short of it": (-90, -110),
}


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("holes", [True, False])
@pytest.mark.parametrize("stated", [0, None])
def test_bilinear_is_what_warping_gives(
    shift: tuple[int, int],
    holes: bool,
    stated: float | None,
    numbers: np.ndarray,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    values = numbers if holes else np.maximum(numbers, 1)
    href = write_tif(tmp_path / "b.tif", values, corner=(LEFT, TOP), pixel=20, nodata=stated)
    read = reader_of(href, shift, REFLECTANCE, "bilinear")
    warped = warping(reader_of(href, shift, REFLECTANCE, "bilinear"))
    assert is_doubled(read)
    for window in windows(rng):
        found, expected = read.read(window), warped.read(window)
        npt.assert_array_equal(np.isnan(found), np.isnan(expected))
        npt.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)  # float32, near 0 too
        assert found.dtype == np.float32


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("nodata", [0, None])
def test_codes_are_those_of_the_nearest_pixel(
    shift: tuple[int, int],
    nodata: float | None,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    codes = rng.integers(0, 12, (HEIGHT, WIDTH)).astype("uint8")
    href = write_tif(tmp_path / "scl.tif", codes, corner=(LEFT, TOP), pixel=20, nodata=nodata)
    read = reader_of(href, shift, None, "nearest")
    warped = warping(reader_of(href, shift, None, "nearest"))
    assert is_doubled(read)
    for window in windows(rng):
        npt.assert_array_equal(read.read(window), warped.read(window))


def test_the_weights_are_quarters(tmp_path: Path) -> None:
    stored = np.array([[16, 32], [48, 0]], "uint16")
    href = write_tif(tmp_path / "b.tif", stored, corner=(LEFT, TOP), pixel=20, nodata=0)
    reader = reader_of(href, (0, 0), Conversion(nodata=0), "bilinear")
    values = reader.read(Window(0, 0, 4, 4))
    last = (9 * 16 + 3 * 32 + 3 * 48) / 15  # the fourth neighbour is unknown
    expected = [
        [16, 20, 28, 32],
        [24, last, (9 * 32 + 3 * 16 + 48) / 13, 32],
        [40, (9 * 48 + 3 * 16 + 32) / 13, np.nan, np.nan],
        [48, 48, np.nan, np.nan],
    ]
    npt.assert_allclose(values, expected, rtol=1e-6)  # float32


@pytest.mark.parametrize(
    ("kind", "nodata", "method", "doubled"),
    [
        ("uint16", 0, "bilinear", True),
        ("uint16", 0, "nearest", True),
        ("uint16", 0, "cubic", False),
        ("uint16", 7, "bilinear", False),
        ("float32", 0, "bilinear", False),
        ("int16", 0, "bilinear", False),
    ],
)
def test_what_has_no_simple_rule_is_warped(
    kind: str, nodata: float, method: str, doubled: bool, numbers: np.ndarray, tmp_path: Path
) -> None:
    values = (numbers // 4).astype(kind)
    href = write_tif(tmp_path / "b.tif", values, corner=(LEFT, TOP), pixel=20, nodata=nodata)
    assert is_doubled(reader_of(href, (3, 4), REFLECTANCE, method)) is doubled


def test_a_quarter_of_a_pixel_aside_is_warped(numbers: np.ndarray, tmp_path: Path) -> None:
    href = write_tif(tmp_path / "b.tif", numbers, corner=(LEFT, TOP), pixel=20)
    assert not is_doubled(reader_of(href, (3.5, 4), REFLECTANCE, "bilinear"))


@pytest.mark.parametrize("stated", [None, 0])
def test_a_mask_in_the_file_is_heeded_as_warping_heeds_it(
    stated: float | None, rng: np.random.Generator, tmp_path: Path
) -> None:
    codes = rng.integers(1, 12, (HEIGHT, WIDTH)).astype("uint8")
    href = write_tif(tmp_path / "scl.tif", codes, corner=(LEFT, TOP), pixel=20, nodata=stated)
    mask = np.where(rng.random((HEIGHT, WIDTH)) < 0.3, 0, 255).astype("uint8")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(href, "r+") as file:
        file.write_mask(mask)
    read = reader_of(href, (-3, 5), None, "nearest")
    warped = warping(reader_of(href, (-3, 5), None, "nearest"))
    assert is_doubled(read) == (stated is None)
    for window in windows(rng):
        npt.assert_array_equal(read.read(window), warped.read(window))


def test_any_window_gives_the_same_numbers(
    numbers: np.ndarray, rng: np.random.Generator, tmp_path: Path
) -> None:
    href = write_tif(tmp_path / "b.tif", numbers, corner=(LEFT, TOP), pixel=20, nodata=0)
    reader = reader_of(href, (-5, 62), REFLECTANCE, "bilinear")
    whole = reader.read(Window(0, 0, COLUMNS, ROWS))
    for window in windows(rng):
        npt.assert_array_equal(reader.read(window), whole[window.toslices()])
