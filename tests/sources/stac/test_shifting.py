"""What lies on the grid but for whole pixels is read, and gives what warping gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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


HEIGHT, WIDTH = 60, 80
LEFT, TOP = 300000.0, 2470100.0

RAW = {
    "uint16": (Conversion(scale=1e-4, offset=-0.1, nodata=0), "bilinear", "float32"),
    "float32": (Conversion(nodata=-32768), "bilinear", "float32"),
    "uint8": (None, "nearest", "uint8"),
}
"""Kind of file → what its numbers mean, resampling, dtype of the cube."""


def raw(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Numbers with holes: zeros; nodata and NaN; codes."""
    if kind == "uint16":
        values = rng.integers(1, 2**16, (HEIGHT, WIDTH)).astype("uint16")
        values[rng.random(values.shape) < 0.2] = 0
    elif kind == "float32":
        values = rng.normal(size=(HEIGHT, WIDTH)).astype("float32")
        values[rng.random(values.shape) < 0.1] = -32768
        values[rng.random(values.shape) < 0.1] = np.nan
    else:
        values = rng.integers(0, 12, (HEIGHT, WIDTH)).astype("uint8")
    return values


def spec_at(down: float, right: float, *, height: int = 50, width: int = 70) -> RasterSpec:
    """A grid whose first pixel is so many pixels off the first of the file."""
    left, top = LEFT + 10 * right, TOP - 10 * down
    return RasterSpec(32645, (left, top - 10 * height, left + 10 * width, top), (10, 10))


def reader_of(
    href: str, kind: str, spec: RasterSpec, *, resampling: str | None = None
) -> _readers.StrictReader:
    conversion, method, dtype = RAW[kind]
    fill = np.nan if dtype == "float32" else 0
    source = Source(href, "one", "vv", conversion, resampling or method)
    return _readers.StrictReader(url=source, spec=spec, dtype=np.dtype(dtype), fill_value=fill)


def is_shifted(reader: _readers.StrictReader) -> bool:
    return isinstance(reader.dataset, _readers.Shifted)


def warping(reader: _readers.StrictReader) -> _readers.StrictReader:
    """The same reader, made to warp."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_readers, "whole_shift", lambda *_, **__: None)
        assert isinstance(reader.dataset, rasterio.vrt.WarpedVRT)
    return reader


def windows(rng: np.random.Generator, height: int, width: int) -> Iterator[Window]:
    """The whole grid, and parts of it."""
    yield Window(0, 0, width, height)
    for _ in range(8):
        top, left = int(rng.integers(0, height)), int(rng.integers(0, width))
        size = int(rng.integers(1, width - left + 1)), int(rng.integers(1, height - top + 1))
        yield Window(left, top, *size)


SHIFTS = {
    "the file's own": (0, 0),
    "on the file": (5, 5),
    "over its top": (-7, 4),
    "over its foot": (23, 4),
    "over its left": (3, -9),
    "over its right": (3, 33),
    "over a corner": (-1, -1),
    "over the other": (59, 79),
    "beside it": (60, 0),
}


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("nodata", ["nodata", "none"])
@pytest.mark.parametrize("kind", RAW)
def test_a_shift_by_whole_pixels_reads_what_warping_gives(
    kind: str, nodata: str, shift: tuple[int, int], rng: np.random.Generator, tmp_path: Path
) -> None:
    stated = {"uint16": 0, "float32": -32768, "uint8": 0}[kind] if nodata == "nodata" else None
    stored = raw(kind, rng)
    href = write_tif(tmp_path / "vv.tif", stored, corner=(LEFT, TOP), nodata=stated)
    spec = spec_at(*shift)
    read, warped = reader_of(href, kind, spec), warping(reader_of(href, kind, spec))
    for window in windows(rng, *spec.shape):
        assert is_shifted(read)
        values = read.read(window)
        npt.assert_array_equal(values, warped.read(window))
        assert values.dtype == RAW[kind][2]
    # And by hand: the file's own numbers, unknown around them.
    conversion, _, dtype = RAW[kind]
    own = stored if conversion is None else conversion.apply(stored, dtype)
    around = np.full((HEIGHT + 200, WIDTH + 200), read.fill_value, dtype)
    around[100 : 100 + HEIGHT, 100 : 100 + WIDTH] = own
    expected = around[100 + shift[0] :, 100 + shift[1] :][: spec.shape[0], : spec.shape[1]]
    npt.assert_array_equal(read.read(Window(0, 0, *spec.shape[::-1])), expected)


@pytest.mark.parametrize("kind", ["uint16", "uint8"])
@pytest.mark.parametrize("nodata", [None, 0])
@pytest.mark.parametrize("shift", [(-4, 6), (0, 0)])
def test_a_mask_in_the_file_is_heeded_as_warping_heeds_it(
    kind: str,
    shift: tuple[int, int],
    nodata: float | None,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    href = write_tif(tmp_path / "vv.tif", raw(kind, rng), corner=(LEFT, TOP), nodata=nodata)
    mask = np.where(rng.random((HEIGHT, WIDTH)) < 0.3, 0, 255).astype("uint8")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(href, "r+") as file:
        file.write_mask(mask)
    spec = spec_at(*shift, height=HEIGHT, width=WIDTH)
    read, warped = reader_of(href, kind, spec), warping(reader_of(href, kind, spec))
    # Beside a nodata value a mask does not count for the warper: there it goes on warping.
    assert is_shifted(read) == (kind == "uint8" and nodata is None)
    for window in windows(rng, *spec.shape):
        npt.assert_array_equal(read.read(window), warped.read(window))


@pytest.mark.parametrize("method", ["cubic", "lanczos", "average", "mode", "rms"])
def test_every_resampling_leaves_a_pixel_on_the_grid_alone(
    method: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    href = write_tif(tmp_path / "vv.tif", raw("uint16", rng), corner=(LEFT, TOP))
    read, warped = (reader_of(href, "uint16", spec_at(-3, 5), resampling=method) for _ in range(2))
    for window in windows(rng, 50, 70):
        npt.assert_array_equal(read.read(window), warping(warped).read(window))
    assert is_shifted(read)


@pytest.mark.parametrize(
    ("down", "right", "pixel", "shifted"),
    [
        (3, 4, 10.0, True),
        (3 + 5e-7, 4, 10.0, True),  # rounding
        (3, 4, 10.0 * (1 + 5e-10), True),
        (3, 4.5, 10.0, False),
        (3.5, 4, 10.0, False),
        (3 + 1e-5, 4, 10.0, False),
        (3, 4, 10.0 * (1 + 1e-6), False),
        (3, 4, 20.0, False),
        (3, 4, (10.0, -10.0), False),  # south up
    ],
)
def test_anything_but_a_shift_by_whole_pixels_is_warped(
    down: float,
    right: float,
    pixel: float | tuple[float, float],
    shifted: bool,
    rng: np.random.Generator,
    tmp_path: Path,
) -> None:
    href = write_tif(tmp_path / "vv.tif", raw("uint16", rng), corner=(LEFT, TOP), pixel=pixel)
    reader = reader_of(href, "uint16", spec_at(down, right))
    assert is_shifted(reader) is shifted
    assert reader.read(Window(0, 0, 70, 50)).shape == (50, 70)


def test_another_crs_is_warped(rng: np.random.Generator, tmp_path: Path) -> None:
    place = {"corner": (LEFT, TOP), "crs": "EPSG:32644"}
    href = write_tif(tmp_path / "vv.tif", raw("uint16", rng), **place)  # type: ignore[arg-type]
    assert not is_shifted(reader_of(href, "uint16", spec_at(3, 4)))


def test_half_a_pixel_aside_is_the_mean_of_two(rng: np.random.Generator, tmp_path: Path) -> None:
    stored = rng.normal(size=(HEIGHT, WIDTH)).astype("float32")
    href = write_tif(tmp_path / "vv.tif", stored, corner=(LEFT, TOP))
    values = reader_of(href, "float32", spec_at(5, 5.5)).read(Window(0, 0, 70, 50))
    expected = (stored[5:55, 5:75] + stored[5:55, 6:76]) / 2
    npt.assert_allclose(values[:, :-1], expected[:, :69], atol=1e-6)  # float32


def test_a_shifted_file_is_opened_by_each_thread(rng: np.random.Generator, tmp_path: Path) -> None:
    href = write_tif(tmp_path / "vv.tif", raw("uint16", rng), corner=(LEFT, TOP))
    reader = reader_of(href, "uint16", spec_at(-3, 5))
    parts = list(windows(rng, 50, 70))
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(reader.read, parts))
        opened = list(pool.map(lambda _: reader.dataset.dataset, range(8)))
    assert all(reader.dataset.dataset is not dataset for dataset in opened)
    for window, values in zip(parts, found, strict=True):
        npt.assert_array_equal(values, warping(reader_of(href, "uint16", reader.spec)).read(window))
