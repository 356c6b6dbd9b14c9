"""Cubes from small rasters whose every value is known."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import cloudpickle
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from laziness import nothing_computes
from rasterfiles import stac_item, write_tif

import minewatch as mw
from minewatch.conventions import crs_of
from minewatch.sources import load
from minewatch.sources.collections import ALOS_PALSAR_MOSAIC, Collection, Conversion

if TYPE_CHECKING:
    from pathlib import Path

    from odc.geo.geobox import GeoBox

S2 = {"collection": "sentinel-2-l2a", "s2__processing_baseline": "05.09"}
WORLDCOVER = {"collection": "esa-worldcover", "day": "2021-01-01T00:00:00Z"}
BOX = (300000, 2470000, 300200, 2470100)


@pytest.fixture
def grid() -> GeoBox:
    return mw.grids.geobox(BOX, crs="EPSG:32645", resolution=10)


@pytest.fixture
def numbers(rng: np.random.Generator) -> np.ndarray:
    dn = rng.integers(1, 5000, (10, 20)).astype("uint16")
    dn[0, :3] = 0
    return dn


def test_values_are_physical_and_nodata_is_nan(
    grid: GeoBox, numbers: np.ndarray, tmp_path: Path
) -> None:
    quality = np.where(numbers > 0, 4, 0).astype("uint8")
    assets = {
        "B08": write_tif(tmp_path / "nir.tif", numbers),
        "SCL": write_tif(tmp_path / "scl.tif", quality),
    }
    cube = load([stac_item("one", assets, **S2)], like=grid)
    assert list(cube) == ["nir", "quality"]
    assert dict(cube.sizes) == {"time": 1, "y": 10, "x": 20}
    expected = np.where(numbers == 0, np.nan, numbers * 1e-4 - 0.1)
    npt.assert_allclose(cube.nir[0], expected, atol=1e-7)  # float32
    assert float(cube.nir.min()) < 0  # dark pixels stay negative
    npt.assert_array_equal(cube.quality[0], quality)
    assert (cube.nir.dtype, cube.quality.dtype) == (np.float32, np.uint8)


def test_coordinates_and_attrs(grid: GeoBox, numbers: np.ndarray, tmp_path: Path) -> None:
    href = write_tif(tmp_path / "nir.tif", numbers)
    about = {"eo__cloud_cover": 12.5, "s2__mean_solar_zenith": 40, "sat__relative_orbit": 19}
    items = [
        stac_item("b", {"B08": href}, day="2023-02-01T05:00:00Z", **S2),
        stac_item("a", {"B08": href}, day="2023-01-01T05:00:00.5Z", **about, **S2),
    ]
    cube = load(items, like=grid)
    npt.assert_array_equal(cube.x, 300005 + 10 * np.arange(20))  # pixel centres
    npt.assert_array_equal(cube.y, 2470095 - 10 * np.arange(10))  # y descends
    assert "32645" in str(crs_of(cube))
    assert "32645" in str(crs_of(cube.nir))
    assert list(cube.time.values.astype(str)) == [
        "2023-01-01T05:00:00.500000000",
        "2023-02-01T05:00:00.000000000",
    ]
    assert cube.attrs == {"collection": "sentinel-2-l2a", "items": ["a", "b"]}
    npt.assert_array_equal(cube.item, [0, 1])
    npt.assert_array_equal(cube.cloud_cover, [12.5, np.nan])
    npt.assert_array_equal(cube.sun_zenith, [40, np.nan])
    npt.assert_array_equal(cube.relative_orbit, [19, np.nan])
    assert "sun_azimuth" not in cube.coords
    assert cube.nir.attrs == {
        "long_name": "near-infrared surface reflectance",
        "units": "1",
        "quantity": "reflectance",
        "source": "sentinel-2-l2a",
        "resampling": "bilinear",
    }


def test_the_cube_goes_to_zarr_and_back(grid: GeoBox, numbers: np.ndarray, tmp_path: Path) -> None:
    assets = {
        "B08": write_tif(tmp_path / "nir.tif", numbers),
        "SCL": write_tif(tmp_path / "scl.tif", np.ones((10, 20), "uint8")),
    }
    cube = load([stac_item("one", assets, **S2)], like=grid)
    cube.to_zarr(tmp_path / "cube.zarr", consolidated=False)
    back = xr.open_zarr(tmp_path / "cube.zarr", consolidated=False, decode_coords="all")
    xr.testing.assert_identical(back.compute(), cube.compute())


def test_drawing_the_graph_reads_nothing(grid: GeoBox) -> None:
    assets = {"B08": "https://example.com/none.tif", "SCL": "/no/such/scl.tif"}
    items = [
        stac_item(f"i{k}", assets, day=f"2023-01-{k + 1:02}T05:00:00Z", **S2) for k in range(3)
    ]
    with nothing_computes():
        cube = load(items, like=grid, mosaic="solar_day", sign=_no_signature)
    assert cube.nir.chunks is not None


def _no_signature(href: str) -> str:
    message = f"{href} was signed before it was read"
    raise AssertionError(message)


@pytest.mark.parametrize(
    ("crs", "resolution"), [("EPSG:32645", 10), ("EPSG:32645", 23), ("EPSG:32644", 10)]
)
def test_any_chunking_gives_the_same(
    crs: str, resolution: float, rng: np.random.Generator, tmp_path: Path
) -> None:
    # White noise, off the grid by a third of a pixel: any shift or other kernel would show.
    noise = rng.random((80, 90)).astype("float32")
    href = write_tif(tmp_path / "vv.tif", noise, corner=(300003, 2470697))
    item = stac_item("one", {"vv": href}, bounds=(300000, 2470000, 300900, 2470700))
    inside = (300100, 2470100, 300700, 2470600)
    box = mw.grids.geobox(inside, crs=crs, bounds_crs="EPSG:32645", resolution=resolution)
    whole = load([item], like=box).vv.compute()
    parts = load([item], like=box, chunks={"y": 7, "x": 13}).vv
    assert parts.chunks[1][0] == 7
    assert np.isfinite(whole).mean() > 0.7
    npt.assert_allclose(parts, whole, atol=1e-6)


def test_bilinear_interpolation_knows_where_pixel_centres_are(tmp_path: Path) -> None:
    # A plane is reproduced exactly by bilinear interpolation, wherever it is sampled.
    rows, columns = np.mgrid[:60, :60]
    x, y = 300003 + 10 * (columns + 0.5), 2470697 - 10 * (rows + 0.5)
    plane = (1e-3 * (x - 300000) + 2e-3 * (y - 2470000)).astype("float32")
    href = write_tif(tmp_path / "vv.tif", plane, corner=(300003, 2470697))
    item = stac_item("one", {"vv": href}, bounds=(300000, 2470000, 300600, 2470700))
    box = mw.grids.geobox((300100, 2470200, 300500, 2470600), crs="EPSG:32645", resolution=10)
    cube = load([item], like=box)
    expected = 1e-3 * (cube.x - 300000) + 2e-3 * (cube.y - 2470000)
    npt.assert_allclose(cube.vv[0], expected.transpose("y", "x"), atol=2e-5)  # float32 of 1.5


def test_items_of_several_utm_zones_meet_on_one_grid(tmp_path: Path) -> None:
    # The stored value is the easting in zone 45, for a tile in zone 44 and one in zone 45.
    from pyproj import Transformer

    box = mw.grids.geobox((215000, 2470000, 216000, 2471000), crs="EPSG:32645", resolution=20)
    items = []
    for crs in ("EPSG:32644", "EPSG:32645"):
        left, bottom, right, top = Transformer.from_crs("EPSG:32645", crs).transform_bounds(
            214000, 2469000, 217000, 2472000
        )
        width, height = int((right - left) // 20), int((top - bottom) // 20)
        rows, columns = np.mgrid[:height, :width]
        east = left + 20 * (columns + 0.5)
        north = top - 20 * (rows + 0.5)
        there, _ = Transformer.from_crs(crs, "EPSG:32645").transform(east, north)
        values = (there - 215000).astype("float32")
        href = write_tif(tmp_path / f"{crs[5:]}.tif", values, corner=(left, top), pixel=20, crs=crs)
        items.append(stac_item(crs[5:], {"vv": href}, crs=crs, bounds=(left, bottom, right, top)))
        items[-1].properties["proj:code"] = crs  # as pystac 1.15 has it; stackstac reads proj:epsg
        items[-1].properties["proj:shape"] = [height, width]
        items[-1].properties["proj:transform"] = [20, 0, left, 0, -20, top]
    cube = load(items, like=box)
    for step in cube.vv:
        expected = (step.x - 215000).broadcast_like(step)
        npt.assert_allclose(step, expected, atol=0.02)  # 1 mm of projection, 20 m pixels


def test_palsar_amplitudes_are_averaged_as_power(tmp_path: Path) -> None:
    numbers = np.array([[1000, 7000], [2000, 0]], "uint16")
    href = write_tif(tmp_path / "HH.tif", numbers, pixel=10)
    item = stac_item("one", {"HH": href}, collection="alos-palsar-mosaic")
    box = mw.grids.geobox((300000, 2470080, 300020, 2470100), crs="EPSG:32645", resolution=20)
    power = ALOS_PALSAR_MOSAIC.conversion.apply(np.array([1000.0, 7000, 2000]), "float64")
    cube = load([item], like=box)
    assert cube.hh.attrs["resampling"] == "rms"
    npt.assert_allclose(cube.hh.squeeze(), power.mean(), rtol=1e-6)  # float32
    same = mw.grids.geobox((300000, 2470080, 300020, 2470100), crs="EPSG:32645", resolution=10)
    fine = load([item], like=same).hh[0]
    npt.assert_allclose(fine.values.ravel()[:3], power, rtol=1e-6)
    assert np.isnan(fine[1, 1])


def test_an_asset_that_some_items_lack_is_nan_there(
    grid: GeoBox, numbers: np.ndarray, tmp_path: Path
) -> None:
    href = write_tif(tmp_path / "a.tif", numbers, nodata=0)
    items = [
        stac_item("a", {"B04": href, "B08": href}, day="2023-01-01T05:00:00Z", **S2),
        stac_item("b", {"B08": href}, day="2023-01-02T05:00:00Z", **S2),
    ]
    cube = load(items, like=grid).compute()
    assert bool(cube.red[1].isnull().all())
    npt.assert_array_equal(cube.red[0], cube.nir[0])
    assert cube.attrs["lacking"] == ["b red"]
    assert "lacking" not in load(items, like=grid, variables="nir").attrs
    with pytest.raises(KeyError, match=r"has \['swir16'\]; the items have the variables"):
        load(items, like=grid, variables=["nir", "swir16"])
    assert list(load(items, like=grid, variables="nir")) == ["nir"]


def test_an_item_off_the_grid_is_nan_and_is_never_opened(
    grid: GeoBox, numbers: np.ndarray, tmp_path: Path
) -> None:
    near = stac_item("near", {"B08": write_tif(tmp_path / "a.tif", numbers)}, **S2)
    far = stac_item("far", {"B08": "/no/such.tif"}, bounds=(4e5, 247e4, 401e3, 2471e3), **S2)
    far.datetime = near.datetime.replace(year=2022)
    cube = load([near, far], like=grid).compute()
    assert cube.attrs["items"] == ["far", "near"]
    assert bool(cube.nir[0].isnull().all())
    assert bool(cube.nir[1].notnull().any())


def test_a_solar_day_is_one_step_and_the_first_that_knows_wins(
    grid: GeoBox, tmp_path: Path
) -> None:
    left, right = np.full((10, 20), 2000, "uint16"), np.full((10, 20), 3000, "uint16")
    left[:, 12:] = 0
    right[:, :8] = 0
    items = []
    # 23:50 and 00:10 UTC are one morning in India
    for name, dn, day in (
        ("left", left, "2023-01-09T23:50:00Z"),
        ("right", right, "2023-01-10T00:10:00Z"),
        ("next", left, "2023-01-10T23:50:00Z"),
    ):
        assets = {
            "B08": write_tif(tmp_path / f"{name}.tif", dn),
            "SCL": write_tif(tmp_path / f"{name}_scl.tif", (dn > 0).astype("uint8")),
        }
        items.append(stac_item(name, assets, day=day, **S2))
    cube = load(items, like=grid, mosaic="solar_day").compute()
    assert cube.attrs["items"] == ["left right", "next"]
    assert str(cube.time.values[0]).startswith("2023-01-09T23:50")
    npt.assert_allclose(cube.nir[0, 0, [0, 10, 19]], [0.1, 0.1, 0.2], atol=1e-7)
    assert bool((cube.quality[0] == 1).all())
    assert bool(cube.nir[1, 0, 15:].isnull().all())
    other_pass = items[1].clone()
    other_pass.properties["sat:relative_orbit"] = 77
    assert load([items[0], other_pass], like=grid, mosaic="solar_day").sizes["time"] == 2
    with pytest.raises(ValueError, match="mosaic to be one of"):
        load(items, like=grid, mosaic="week")


def test_resampling_can_be_said(grid: GeoBox, tmp_path: Path) -> None:
    coarse = np.array([[1, 3], [1, 3]], "float32")
    href = write_tif(tmp_path / "vv.tif", coarse, pixel=100)
    items = [stac_item("one", {"vv": href, "vh": href})]
    cube = load(items, like=grid, resampling={"vv": "nearest"}).compute()
    assert set(np.unique(cube.vv)) == {1, 3}
    assert len(np.unique(cube.vh)) > 2
    assert load(items, like=grid, resampling="nearest").vh.attrs["resampling"] == "nearest"
    with pytest.raises(ValueError, match="use one of nearest, bilinear"):
        load(items, like=grid, resampling="bicubic")


def test_each_variable_has_its_own_resampling(grid: GeoBox, tmp_path: Path) -> None:
    # GDAL's cubic kernel is that of bilinear where fewer than 4 x 4 pixels are around.
    rows, columns = np.indices((8, 14))
    href = write_tif(
        tmp_path / "a.tif", (3000 + 900 * (-1) ** (rows + columns)).astype("uint16"), pixel=15
    )
    scl = write_tif(tmp_path / "scl.tif", np.array([[4, 5], [6, 3]], "uint8"), pixel=60)
    items = [stac_item("one", {"B04": href, "B08": href, "B11": href, "SCL": scl}, **S2)]
    wanted = {"red": "nearest", "nir": "cubic"}
    cube = load(items, like=grid, resampling=wanted)
    alone = {
        name: load(items, like=grid, variables=name, resampling=method)[name]
        for name, method in {**wanted, "swir16": "bilinear"}.items()
    }
    for name, layer in alone.items():
        assert cube[name].attrs["resampling"] == layer.attrs["resampling"]
        npt.assert_array_equal(cube[name], layer)
    assert cube.quality.attrs["resampling"] == "nearest"
    assert float(abs(cube.nir - cube.swir16).max()) > 0.01
    with pytest.raises(KeyError, match=r"resampling names \['band8'\]; .* has the variables"):
        load(items, like=grid, resampling={"band8": "nearest"})
    with pytest.raises(ValueError, match="'quality' would mix codes"):
        load(items, like=grid, resampling={"quality": "mode"})


def test_defaults_of_resampling_fit_what_is_stored(grid: GeoBox) -> None:
    for collection, asset, method in (
        ("cop-dem-glo-30", "data", "bilinear"),
        ("sentinel-1-rtc", "vv", "bilinear"),
        ("alos-palsar-mosaic", "HH", "rms"),
        ("alos-palsar-mosaic", "mask", "nearest"),
        ("esa-worldcover", "map", "nearest"),
    ):
        cube = load([stac_item("one", {asset: "a.tif"}, collection=collection)], like=grid)
        assert {layer.attrs["resampling"] for layer in cube.values()} == {method}


def test_land_cover_is_classes_and_unknown_is_255(grid: GeoBox, tmp_path: Path) -> None:
    codes = np.array([[10, 60], [0, 100]], "uint8")
    items = []
    for name, version, nodata in (("v200", "2.0.0", 0), ("v100", "1.0.0", None)):
        href = write_tif(tmp_path / f"{name}.tif", codes, pixel=40, nodata=nodata)
        day = "2021-01-01T00:00:00Z" if nodata is not None else "2020-01-01T00:00:00Z"
        about: dict[str, Any] = {"esa_worldcover__product_version": version, "day": day}
        items.append(stac_item(name, {"map": href}, collection="esa-worldcover", **about))
    cube = load(items, like=grid)
    assert (cube.cover.dtype, cube.cover.dims) == (np.uint8, ("time", "y", "x"))
    expected = np.full((10, 20), 255)  # beyond the file
    expected[:8, :8] = np.kron([[10, 60], [255, 100]], np.ones((4, 4), int))
    for step in cube.cover:
        npt.assert_array_equal(step, expected)
    npt.assert_array_equal(cube.cover_year, [2020, 2021])
    assert list(cube.cover.attrs["flag_values"]) == [10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100]
    meanings = cube.cover.attrs["flag_meanings"].split()
    assert meanings[5] == "bare_or_sparse_vegetation"
    assert (len(meanings), "quantity" in cube.cover.attrs) == (11, False)
    for resampling in ("cubic", "bilinear", {"cover": "average"}):
        with pytest.raises(ValueError, match=r"'cover' would mix codes.*use 'nearest'"):
            load(items, like=grid, resampling=resampling)
    cube.to_zarr(tmp_path / "cover.zarr", consolidated=False)
    back = xr.open_zarr(tmp_path / "cover.zarr", consolidated=False, decode_coords="all")
    npt.assert_array_equal(back.cover, cube.cover)


def test_land_cover_of_several_tiles_is_one_mosaic(grid: GeoBox, tmp_path: Path) -> None:
    left, right = np.full((10, 20), 40, "uint8"), np.full((10, 20), 60, "uint8")
    left[:, 12:], right[:, :8] = 0, 0
    items = [
        stac_item(name, {"map": write_tif(tmp_path / f"{name}.tif", codes)}, **WORLDCOVER)
        for name, codes in (("a", left), ("b", right))
    ]
    for chunks in ({}, {"time": -1}):
        cover = load(items, like=grid, mosaic="solar_day", chunks=chunks).cover
        npt.assert_array_equal(cover[0, 3], [40] * 12 + [60] * 8)


def test_the_mask_of_palsar_explains_itself(grid: GeoBox, tmp_path: Path) -> None:
    codes = np.resize(np.array([0, 50, 100, 150, 255], "uint8"), (10, 20))
    assets = {
        "HH": write_tif(tmp_path / "HH.tif", np.full((10, 20), 7000, "uint16")),
        "mask": write_tif(tmp_path / "mask.tif", codes, nodata=0),
    }
    cube = load([stac_item("one", assets, collection="alos-palsar-mosaic")], like=grid)
    npt.assert_array_equal(cube.quality[0], codes)
    named = dict(
        zip(
            cube.quality.attrs["flag_meanings"].split(),
            cube.quality.attrs["flag_values"],
            strict=True,
        )
    )
    assert named == {"no_data": 0, "water": 50, "layover": 100, "shadow": 150, "land": 255}
    clear = cube.hh.where(mw.masks.palsar_clear(cube.quality))
    npt.assert_array_equal(clear[0].notnull(), (codes == 50) | (codes == 255))
    npt.assert_allclose(10 * np.log10(clear.max()), -6.098, atol=5e-4)  # science 5.3


def test_unknown_is_what_the_item_says(grid: GeoBox, tmp_path: Path) -> None:
    # RTC is filled with 0 at AWS and with -32768 at the Planetary Computer.
    values = np.array([[0, 1], [2, 4]], "float32")
    item = stac_item("one", {"vv": write_tif(tmp_path / "vv.tif", values, pixel=50)})
    nearest: Any = {"like": grid, "resampling": "nearest"}
    assert float(load([item], **nearest).vv.min()) == 0
    item.assets["vv"].extra_fields["raster:bands"] = [{"nodata": 0, "data_type": "float32"}]
    layer = load([item], **nearest).vv[0]
    npt.assert_array_equal(layer[0, :10], [np.nan] * 5 + [1] * 5)


def test_quality_is_never_interpolated(grid: GeoBox, tmp_path: Path) -> None:
    codes = np.array([[3, 9]], "uint8")
    href = write_tif(tmp_path / "scl.tif", codes, pixel=100, nodata=0)
    cube = load([stac_item("one", {"SCL": href}, **S2)], like=grid, resampling="cubic")
    assert set(np.unique(cube.quality)) == {3, 9}


def test_landsat_quality_outside_is_0(grid: GeoBox, tmp_path: Path) -> None:
    codes = np.full((10, 10), 21824, "uint16")
    href = write_tif(tmp_path / "qa.tif", codes)
    cube = load([stac_item("one", {"qa_pixel": href}, collection="landsat-c2-l2")], like=grid)
    npt.assert_array_equal(cube.quality[0, 0], [21824] * 10 + [0] * 10)
    npt.assert_array_equal(mw.masks.landsat_clear(cube.quality)[0, 0], [True] * 10 + [False] * 10)


def test_outside_of_a_file_without_nodata_is_nan(grid: GeoBox, tmp_path: Path) -> None:
    href = write_tif(tmp_path / "dem.tif", np.zeros((5, 5), "float32"), pixel=13)
    cube = load([stac_item("one", {"data": href}, collection="cop-dem-glo-30")], like=grid)
    assert cube.elevation.attrs["units"] == "m"
    assert float(cube.elevation[0, 0, 0]) == 0  # sea level is a height
    assert bool(cube.elevation[0, -1, -1].isnull())


def test_one_collection_at_a_time(grid: GeoBox) -> None:
    items = [
        stac_item("a", {"vv": "a.tif"}),
        stac_item("b", {"B08": "b.tif"}, **S2),
    ]
    with pytest.raises(ValueError, match=r"got items of \['sentinel-1-rtc', 'sentinel-2-l2a'\]"):
        load(items, like=grid)
    items[1].collection_id = "modis"
    with pytest.raises(KeyError, match="no row for the collection 'modis'"):
        load(items[1:], like=grid)
    items[1].collection_id = None
    with pytest.raises(ValueError, match=r"load\(..., collection='...'\)"):
        load(items[1:], like=grid)
    assert list(load(items[1:], like=grid, collection="sentinel-2-l2a")) == ["nir"]


def test_a_collection_of_ones_own(grid: GeoBox, numbers: np.ndarray, tmp_path: Path) -> None:
    row = Collection(
        id="drone",
        quantity="reflectance",
        variables={"red": ("r",)},
        long_names={"red": "red"},
        conversion=Conversion(scale=0.5, offset=1, nodata=0),
    )
    item = stac_item("one", {"r": write_tif(tmp_path / "r.tif", numbers)}, collection="x")
    cube = load([item], like=grid, collection=row)
    expected = np.where(numbers == 0, np.nan, numbers * 0.5 + 1)
    npt.assert_allclose(cube.red[0], expected)


def test_arguments_that_will_not_do(grid: GeoBox) -> None:
    item = stac_item("one", {"vv": "a.tif"})
    with pytest.raises(ValueError, match=r"see minewatch\.sources\.search"):
        load([], like=grid)
    with pytest.raises(ValueError, match=r"items twice: \['one'\]"):
        load([item, item], like=grid)
    with pytest.raises(ValueError, match="missing to be one of"):
        load([item], like=grid, missing="zero")
    with pytest.raises(ValueError, match="use 'planetary-computer', a callable or None"):
        load([item], like=grid, sign="aws")
    with pytest.raises(TypeError, match="load needs a grid"):
        load([item], like="EPSG:32645")
    from odc.geo.geobox import GeoBox

    mollweide = GeoBox.from_bbox((0, 0, 100, 100), "ESRI:54009", resolution=10)
    with pytest.raises(ValueError, match=r"use minewatch\.grids\.geobox"):
        load([item], like=mollweide)


def test_a_layer_is_a_grid_too(grid: GeoBox, numbers: np.ndarray, tmp_path: Path) -> None:
    item = stac_item("one", {"B08": write_tif(tmp_path / "a.tif", numbers)}, **S2)
    first = load([item], like=grid)
    again = load([item], like=first.nir)
    xr.testing.assert_identical(again.compute(), first.compute())


def test_items_are_not_changed(grid: GeoBox) -> None:
    item = stac_item("one", {"vv": "a.tif"}, proj__code="EPSG:32645")
    before = item.to_dict()
    load([item], like=grid, mosaic="solar_day")
    assert item.to_dict() == before


def test_the_graph_travels_to_other_processes(
    grid: GeoBox, numbers: np.ndarray, tmp_path: Path
) -> None:
    item = stac_item("one", {"B08": write_tif(tmp_path / "a.tif", numbers)}, **S2)
    cube = load([item], like=grid)
    there = cloudpickle.loads(cloudpickle.dumps(cube))
    xr.testing.assert_identical(there.compute(), cube.compute())


@pytest.mark.data
@pytest.mark.parametrize(
    ("pattern", "epsg", "steps", "passes"),
    [
        ("pc/items/sentinel-2-l2a/*.json", 32658, 8, 1),  # one pass over two UTM zones
        ("earthsearch/items/sentinel-2-c1-l2a/*.json", 32720, 6, 1),
        ("pc/items/landsat-c2-l2/*.json", 32658, 10, 1),
        ("earthsearch/items/cop-dem-glo-30/*.json", 3031, 3, 1),
    ],
)
def test_recorded_items_of_real_catalogues_are_stacked(
    real_data: Path, pattern: str, epsg: int, steps: int, passes: int
) -> None:
    paths = sorted((real_data / "stac-recorded").glob(pattern))
    items = [json.loads(path.read_text()) for path in paths]
    assert len(items) == steps
    bounds = {
        32658: (600000, 5900000, 602000, 5901000),
        32720: (560000, 3300000, 562000, 3301000),
        3031: (-100, -100, 100, 100),
    }[epsg]
    box = mw.grids.geobox(bounds, crs=f"EPSG:{epsg}", resolution=20)
    with nothing_computes():
        cube = load(items, like=box)
        daily = load(items, like=box, mosaic="solar_day")
    assert (cube.sizes["time"], daily.sizes["time"]) == (steps, passes)
    assert len(set(cube.attrs["items"])) == steps
    assert set(cube) == set(mw.sources.collections.collection_of(cube.attrs["collection"]).names)


def test_two_loads_of_the_same_share_their_names(grid: GeoBox) -> None:
    def keys(**more: Any) -> str:
        item = stac_item("one", {"vv": "https://example.com/a.tif"})
        return str(load([item], like=grid, **more).vv.data.name)

    assert keys() == keys()
    assert keys() != keys(resampling="nearest")


def test_nothing_warns(grid: GeoBox, numbers: np.ndarray, tmp_path: Path) -> None:
    item = stac_item("one", {"B08": write_tif(tmp_path / "a.tif", numbers)}, **S2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
        load([item], like=grid).compute()
