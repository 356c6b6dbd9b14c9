"""Products in radar geometry whose place and calibration are known in closed form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import numpy.testing as npt
import pytest
import rasterio
import servers
from laziness import nothing_computes
from radarfiles import calibration_xml, from_map, to_map, write_ground_range
from rasterfiles import stac_item, write_tif
from rasterio.warp import Resampling, reproject

import minewatch as mw
from minewatch.sources import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pystac
    import xarray as xr
    from odc.geo.geobox import GeoBox

SHAPE = (160, 420)
OUTLINE = (299000, 2477000, 305500, 2482000)
pytestmark = pytest.mark.filterwarnings(
    "ignore::rasterio.errors.NotGeoreferencedWarning"
)  # rasterio's own, of every image without a transform


def amplitude(lines: Any, pixels: Any) -> Any:
    """The calibration, linear in line and pixel, so that bilinear interpolation is exact."""
    return 400 + 0.25 * np.asarray(lines) + 0.5 * np.asarray(pixels)


def product(folder: Path, numbers: np.ndarray, *, flat: bool = False) -> dict[str, str]:
    """The assets of an item."""
    lines, pixels = np.array([-60.0, 0, 100, 300]), np.arange(0.0, 480, 40)
    values = np.ones((4, 12)) if flat else amplitude(lines[:, None], pixels)
    href = write_ground_range(folder / "iw-vv.tiff", numbers)
    (folder / "calibration-iw-vv.xml").write_bytes(calibration_xml(lines, pixels, values))
    return {"vv": href, "schema-calibration-vv": str(folder / "calibration-iw-vv.xml")}


def grd(assets: dict[str, str], name: str = "one", **more: Any) -> pystac.Item:
    return stac_item(name, assets, collection="sentinel-1-grd", bounds=OUTLINE, **more)


def box(resolution: float = 10) -> GeoBox:
    corner = to_map(100, 100)
    edges = (corner[0], corner[1] - 600, corner[0] + 2000, corner[1] + 900)
    return mw.grids.geobox(edges, crs="EPSG:32645", resolution=resolution)


def places(layer: xr.DataArray) -> tuple[Any, Any]:
    """Lines and pixels of a cube's pixel centres, 0 at the centre of the first."""
    row, column = from_map(*np.meshgrid(layer.x, layer.y))
    return row - 0.5, column - 0.5


def clear_of_the_edge(row: Any, column: Any, margin: float = 1) -> Any:
    inside_rows = (row > margin) & (row < SHAPE[0] - 1 - margin)
    return inside_rows & (column > margin) & (column < SHAPE[1] - 1 - margin)


def test_every_pixel_lies_where_the_ground_is(tmp_path: Path) -> None:
    # With a table of ones, sigma nought is DN²: its root tells line and pixel it was read at.
    rows, columns = np.indices(SHAPE)
    for index, numbers in enumerate((1000 + 10 * rows, 1000 + 10 * columns)):
        assets = product(tmp_path / str(index), numbers, flat=True)
        layer = load([grd(assets)], like=box(), resampling="bilinear").vv[0].compute()
        known = places(layer)
        inside = clear_of_the_edge(*known)
        assert inside.mean() > 0.5
        found = (np.sqrt(layer.values) - 1000) / 10
        # The spline is off by 0.02 pixels between its points; the power of a slope of 1 % a
        # pixel, interpolated, by 0.02 more. 0.5 would be the corner taken for the centre.
        npt.assert_allclose(found[inside], known[index][inside], atol=0.1)
        assert np.isnan(layer.values[~clear_of_the_edge(*known, margin=-1.6)]).all()


def test_sigma_nought_is_the_square_over_the_calibration(tmp_path: Path) -> None:
    assets = product(tmp_path, np.full(SHAPE, 250))
    cube = load([grd(assets)], like=box())
    row, column = places(cube.vv)
    inside = clear_of_the_edge(row, column)
    expected = 250**2 / amplitude(row, column) ** 2
    # Over a pixel 1/A² changes by 0.25 %, of which the mean keeps the middle.
    npt.assert_allclose(cube.vv[0].values[inside], expected[inside], rtol=1e-3)
    assert cube.vv.dtype == np.float32
    assert cube.vv.attrs["resampling"] == "rms"
    assert cube.vv.attrs["quantity"] == "power"
    assert "sigma nought" in cube.vv.attrs["long_name"]
    assert "not terrain corrected" in cube.vv.attrs["long_name"]


def test_power_is_averaged_and_not_amplitude(tmp_path: Path, rng: np.random.Generator) -> None:
    numbers = rng.integers(20, 900, SHAPE)
    numbers[:, :40] = 0
    assets = product(tmp_path, numbers, flat=True)
    layer = load([grd(assets)], like=box(40)).vv[0].compute()
    # The obvious way: very many points in each pixel of the map, each with its pixel's power.
    steps = (np.arange(24) + 0.5) / 24 - 0.5
    x, y = np.meshgrid(layer.x, layer.y)
    total, count = np.zeros(layer.shape), np.zeros(layer.shape)
    for down in steps * 40:
        for right in steps * 40:
            row, column = (np.floor(each).astype(int) for each in from_map(x + right, y + down))
            on = (row >= 0) & (row < SHAPE[0]) & (column >= 40) & (column < SHAPE[1])
            power = numbers[np.clip(row, 0, SHAPE[0] - 1), np.clip(column, 0, SHAPE[1] - 1)] ** 2.0
            total += np.where(on, power, 0)
            count += on
    full = count == 24**2
    assert full.mean() > 0.4
    expected = total[full] / count[full]
    # 8 x 8 points against 24 x 24, over sixteen pixels of white noise: a few percent of one pixel,
    # little beside the noise that averaging leaves, and nothing in the mean.
    error = layer.values[full] - expected
    npt.assert_allclose(error, 0, atol=0.05 * 900**2)
    assert error.std() < 0.2 * expected.std()
    npt.assert_allclose(layer.values[full].mean(), expected.mean(), rtol=2e-3)
    mean_amplitude = numbers[:, 40:].mean() ** 2
    assert layer.values[full].mean() > 1.2 * mean_amplitude
    assert np.isnan(layer.values[count == 0]).all()


def test_gdal_puts_it_at_the_same_place(tmp_path: Path) -> None:
    rows, columns = np.indices(SHAPE)
    numbers = (500 + 200 * np.sin(rows / 9) * np.cos(columns / 11)).astype("uint16")
    assets = product(tmp_path, numbers, flat=True)
    grid = box()
    ours = load([grd(assets)], like=grid, resampling="bilinear").vv[0].compute()
    theirs = np.full(grid.shape, np.nan, "float32")
    with rasterio.open(assets["vv"]) as file:
        reproject(
            numbers.astype("float32") ** 2,
            theirs,
            gcps=file.gcps[0],
            src_crs=file.gcps[1],
            dst_crs="EPSG:32645",
            dst_transform=grid.transform,
            dst_nodata=np.nan,
            resampling=Resampling.bilinear,
            tolerance=1e-6,
        )
    inside = clear_of_the_edge(*places(ours))
    # GDAL fits a polynomial of second order: 0.02 pixels, of a slope of 10 % of the mean a pixel.
    npt.assert_allclose(ours.values[inside], theirs[inside], rtol=0.01)


def test_any_chunking_gives_the_same(tmp_path: Path, rng: np.random.Generator) -> None:
    assets = product(tmp_path, rng.integers(1, 900, SHAPE))
    for method in ("rms", "bilinear", "nearest"):
        whole = load([grd(assets)], like=box(), resampling=method).vv.compute()
        parts = load([grd(assets)], like=box(), resampling=method, chunks={"y": 23, "x": 41}).vv
        npt.assert_allclose(parts, whole, rtol=1e-6)


def test_a_window_too_large_is_read_in_halves(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minewatch.sources.stac import _ground_range

    assets = product(tmp_path, rng.integers(1, 900, SHAPE))
    whole = load([grd(assets)], like=box(30)).vv.compute()
    monkeypatch.setattr(_ground_range, "MAX_PIXELS", 4000)
    sizes: list[int] = []
    read: Callable[..., Any] = _ground_range.GroundRange._power

    def counted(self: Any, *bounds: int) -> Any:
        sizes.append((bounds[1] - bounds[0]) * (bounds[3] - bounds[2]))
        return read(self, *bounds)

    monkeypatch.setattr(_ground_range.GroundRange, "_power", counted)
    halves = load([grd(assets)], like=box(30)).vv.compute()
    npt.assert_allclose(halves, whole, rtol=1e-6)
    assert len(sizes) > 10
    assert max(sizes) <= 4000


def test_over_http_signed_when_it_is_read(tmp_path: Path) -> None:
    product(tmp_path, np.full(SHAPE, 250))
    local = load([grd(product(tmp_path / "local", np.full(SHAPE, 250)))], like=box()).vv
    asked: list[str] = []

    def only_signed(path: str) -> int | None:
        asked.append(path)
        return None if "token=good" in path else 403

    with servers.range_server(tmp_path, before=only_signed) as url:
        names = {"vv": "iw-vv.tiff", "schema-calibration-vv": "calibration-iw-vv.xml"}
        item = grd({asset: f"{url}/{name}" for asset, name in names.items()})
        with nothing_computes():
            cube = load([item], like=box(), sign=lambda href: f"{href}?token=good")
        assert asked == []
        npt.assert_array_equal(cube.vv, local)
        assert {path.split("?")[0] for path in asked} == {f"/{name}" for name in names.values()}
        with pytest.raises(RuntimeError, match=r"cannot read asset 'vv' of item 'one'.*403"):
            load([item], like=box(), max_retries=0).vv.compute()


def test_a_calibration_that_is_missing_or_garbled_is_an_error(tmp_path: Path) -> None:
    assets = product(tmp_path, np.full(SHAPE, 250))
    named = r"cannot read asset 'vv' of item 'one' .*{}"
    annotation = tmp_path / "calibration-iw-vv.xml"
    for content, reason in ((b"<html>", "is no XML"), (b"<a/>", "no calibrationVector")):
        annotation.write_bytes(content)
        with pytest.raises(RuntimeError, match=named.format(reason)):
            load([grd(assets)], like=box()).vv.compute()
    with pytest.warns(UserWarning, match="is NaN in 1 window"):
        lost = load([grd(assets)], like=box(), missing="nan").vv.compute(scheduler="synchronous")
    assert bool(lost.isnull().all())
    annotation.unlink()
    with pytest.raises(RuntimeError, match=named.format("No such file")):
        load([grd(assets)], like=box()).vv.compute()
    del assets["schema-calibration-vv"]
    with pytest.raises(KeyError, match="has no asset 'schema-calibration-vv'"):
        load([grd(assets)], like=box())


def test_a_file_that_is_no_product_is_an_error(tmp_path: Path) -> None:
    assets = product(tmp_path, np.full(SHAPE, 250))
    for href in (
        write_ground_range(tmp_path / "bare.tif", np.ones(SHAPE), points=False),
        write_tif(tmp_path / "map.tif", np.ones(SHAPE, "uint16"), corner=(301000, 2479500)),
    ):
        with pytest.raises(RuntimeError, match=r"no ground control points.*sentinel-1-rtc"):
            load([grd({**assets, "vv": href})], like=box()).vv.compute()


def test_resamplings_that_radar_geometry_cannot_have(tmp_path: Path) -> None:
    assets = product(tmp_path, np.full(SHAPE, 250))
    with pytest.raises(ValueError, match="use one of rms, average, bilinear, nearest"):
        load([grd(assets)], like=box(), resampling="cubic")
    with pytest.raises(ValueError, match="got items of"):
        load([grd(assets), stac_item("two", {"vv": "b.tif"})], like=box())


def test_off_the_product_is_nan(tmp_path: Path) -> None:
    assets = product(tmp_path, np.full(SHAPE, 250))
    edges = (299100, 2477100, 299400, 2477300)
    beside = mw.grids.geobox(edges, crs="EPSG:32645", resolution=10)
    assert bool(load([grd(assets)], like=beside).vv.isnull().all())


def test_it_travels_to_other_processes_and_into_a_stack_of_days(tmp_path: Path) -> None:
    items = [
        grd(product(tmp_path / str(k), np.full(SHAPE, 250 * (k + 1))), str(k), day=day)
        for k, day in enumerate(("2023-01-10T00:20:00Z", "2023-01-22T00:20:00Z"))
    ]
    cube = load(items, like=box(20), chunks={"time": -1})
    there = cloudpickle.loads(cloudpickle.dumps(cube)).compute()
    known = there.vv.notnull().all("time")
    assert bool(known.any())
    npt.assert_allclose((there.vv[1] / there.vv[0]).values[known], 4, rtol=1e-6)
