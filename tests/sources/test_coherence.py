from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import pytest
import rasterio
import xarray as xr
from laziness import nothing_computes
from pyproj import Transformer
from rasterfiles import write_tif

import minewatch as mw
from minewatch.conventions import crs_of
from minewatch.sources.coherence import open_stack

if TYPE_CHECKING:
    from pathlib import Path

MEXICO = "s1-coherence-stack-mexico"


@pytest.mark.data
def test_the_mexico_stack_has_the_statistics_its_makers_published(real_data: Path) -> None:
    folder = real_data / MEXICO
    with nothing_computes():
        cube = open_stack(folder)
    assert cube.shape == (30, 60, 100)
    assert "4326" in str(crs_of(cube))
    values = cube.values
    for name, statistic in (("mean", np.nanmean), ("median", np.nanmedian), ("std", np.nanstd)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # pixels without any value
            ours = statistic(values, axis=0)  # PyRate's std has ddof 0
        with rasterio.open(folder / "coherence_stats" / f"coh_{name}.tif") as file:
            npt.assert_array_equal(ours, file.read(1))  # NaN where NaN, else the same bits


@pytest.mark.data
def test_the_mexico_pairs_and_baselines(real_data: Path) -> None:
    cube = open_stack(real_data / MEXICO)
    names = sorted(path.name[6:23] for path in (real_data / MEXICO / "geotiffs").iterdir())
    pairs = [
        f"{str(reference)[:10]}-{str(secondary)[:10]}".replace("-", "")
        for reference, secondary in zip(
            cube.reference_time.values, cube.secondary_time.values, strict=True
        )
    ]
    assert pairs == [name.replace("-", "") for name in names]
    days = cube.temporal_baseline.values
    assert (days.min(), days.max(), int((days == 12).sum())) == (12, 132, 4)
    metres = cube.perpendicular_baseline.values
    # GAMMA's table for 2018-01-06/30 runs from 32.9 m (near) to 40.9 m (far) on its first line;
    # its middle line and sample read 36.5 … the value at the centre lies between.
    assert 25 < metres[0] < 41
    # Baselines of pairs are differences of baselines of dates: they close over triangles.
    dates = np.unique([cube.reference_time.values, cube.secondary_time.values])
    design = np.zeros((30, len(dates)))
    rows = np.arange(30)
    design[rows, np.searchsorted(dates, cube.secondary_time.values)] = 1
    design[rows, np.searchsorted(dates, cube.reference_time.values)] -= 1
    heights = np.linalg.lstsq(design, metres, rcond=None)[0]
    npt.assert_allclose(design @ heights, metres, atol=1)  # m; GAMMA re-estimates each orbit pair
    assert np.isnan(open_stack(real_data / MEXICO / "geotiffs").perpendicular_baseline).all()
    beside = open_stack(real_data / MEXICO / "geotiffs", baselines=real_data / MEXICO / "geometry")
    npt.assert_array_equal(beside.perpendicular_baseline, metres)


@pytest.mark.data
@pytest.mark.parametrize("method", ["bilinear", "average"])
def test_the_mexico_stack_on_a_metric_grid(real_data: Path, method: str) -> None:
    raw = open_stack(real_data / MEXICO)
    to_utm = Transformer.from_crs(4326, 32614, always_xy=True)
    west, south, east, north = mw.grids.geobox_of(raw).boundingbox
    bounds = to_utm.transform_bounds(west, south, east, north)
    grid = mw.grids.geobox(bounds, crs="EPSG:32614", resolution=200)
    cube = open_stack(real_data / MEXICO, like=grid, resampling=method)  # type: ignore[arg-type]
    assert "32614" in str(crs_of(cube))
    assert 0 <= float(cube.min()) < float(cube.max()) <= 1
    npt.assert_array_equal(cube.perpendicular_baseline, raw.perpendicular_baseline)
    # moving values about does not change their mean: 6,000 pixels a pair of spread 0.25
    drift = abs(cube.mean(("y", "x")) - raw.mean(("y", "x"))).values
    assert drift.max() < 0.01


@pytest.fixture
def pairs(rng: np.random.Generator, tmp_path: Path) -> tuple[Path, np.ndarray]:
    values = rng.uniform(0.1, 0.9, (3, 12, 15)).astype("float32")
    values[:, 0, :4] = 0
    for name, layer in zip(
        ("20220113_20220125", "20220101_20220113", "20220101_20220125"), values, strict=True
    ):
        write_tif(tmp_path / f"pit_{name}_coh.tif", layer)
    return tmp_path, values[[1, 2, 0]]  # in the order of dates


def test_a_folder_becomes_a_cube(pairs: tuple[Path, np.ndarray]) -> None:
    folder, values = pairs
    cube = open_stack(folder, window=(3, 10), looks=18)
    assert (cube.name, cube.dims, cube.dtype) == ("coherence", ("pair", "y", "x"), np.float32)
    npt.assert_array_equal(cube, np.where(values == 0, np.nan, values))
    npt.assert_array_equal(cube.pair, [0, 1, 2])
    npt.assert_array_equal(cube.temporal_baseline, [12, 24, 12])
    npt.assert_array_equal(cube.perpendicular_baseline, [np.nan] * 3)
    assert (cube.attrs["window"], cube.attrs["looks"], cube.attrs["units"]) == ([3, 10], 18, "1")
    assert cube.attrs["files"][0] == "pit_20220101_20220113_coh.tif"
    npt.assert_array_equal(cube.x, 300005 + 10 * np.arange(15))
    npt.assert_array_equal(open_stack(folder, nodata=None), values)


def test_chunks_do_not_matter_and_nothing_is_read_early(pairs: tuple[Path, np.ndarray]) -> None:
    folder, _ = pairs
    with nothing_computes():
        cube = open_stack(folder, chunk=5)
    assert cube.chunks == ((1, 1, 1), (5, 5, 2), (5, 5, 5))
    npt.assert_array_equal(cube, open_stack(folder))
    assert open_stack(folder).data.name == open_stack(folder).data.name
    assert open_stack(folder).data.name != open_stack(folder, clip=True).data.name


def test_the_cube_is_stored_and_used(pairs: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = pairs
    cube = open_stack(folder, baselines={("2022-01-01", "2022-01-13"): 55})
    stored = mw.store.to_zarr(cube, tmp_path / "cube.zarr", name="coherence")
    xr.testing.assert_equal(stored.compute(), cube.compute())
    stable = mw.activity.stable_pixels(cube, minimum=0.3, maximum_std=0.5, min_count=3)
    assert int(stable.sum()) > 0


def test_baselines_in_every_form(pairs: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, _ = pairs
    expected = [10, np.nan, -25]
    given = {("2022-01-01", "2022-01-13"): 10, ("2022-01-25", "2022-01-13"): 25}  # one reversed
    npt.assert_array_equal(open_stack(folder, baselines=given).perpendicular_baseline, expected)
    table = tmp_path / "pairs.csv"
    table.write_text(
        "reference_time,secondary_time,perpendicular_baseline\n"
        "2022-01-01,2022-01-13,10\n2022-01-13,2022-01-25,-25\n"
    )
    npt.assert_array_equal(open_stack(folder, baselines=table).perpendicular_baseline, expected)
    dates = tmp_path / "dates.csv"
    dates.write_text("time,perpendicular_baseline\n2022-01-01,5\n2022-01-13,15\n2022-01-25,-10\n")
    found = open_stack(folder, baselines=dates).perpendicular_baseline
    npt.assert_array_equal(found, [10, -15, -25])
    with pytest.raises(FileNotFoundError, match=r"give a CSV or a folder of \*bperp.par"):
        open_stack(folder, baselines=tmp_path / "none.csv")
    table.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="its header must be reference_time,secondary_time"):
        open_stack(folder, baselines=table)


def test_hyp3_products_tell_baseline_and_looks(rng: np.random.Generator, tmp_path: Path) -> None:
    # Names and keys as HyP3's InSAR product guide lists them.
    text = (
        "Reference Granule: S1A_IW_SLC__1SDV_20220113\nBaseline: {}\nUTC time: 45000.1\n"
        "Azimuth looks: 2\nRange looks: 10\nInSAR phase filter: yes\n"
    )
    for name, metres in (("20220101T001000_20220113T001001", 58.3), ("20220125_20220113", -12.0)):
        product = tmp_path / f"S1AA_{name}_VVP012_INT40_G_ueF_1234"
        product.mkdir()
        write_tif(product / f"{product.name}_corr.tif", rng.uniform(0.2, 1, (4, 5)).astype("f4"))
        write_tif(product / f"{product.name}_unw_phase.tif", np.full((4, 5), 9.0, "f4"))
        (product / f"{product.name}.txt").write_text(text.format(metres))
    cube = open_stack(tmp_path)
    assert cube.sizes["pair"] == 2
    assert str(cube.reference_time.values[0]) == "2022-01-01T00:10:00.000000000"
    # a product of the later date first is turned round, and so is its baseline
    npt.assert_array_equal(cube.perpendicular_baseline, [58.3, 12.0])
    assert bool((cube.reference_time < cube.secondary_time).all())
    assert cube.attrs["window"] == [2, 10]


def test_values_outside_of_0_to_1_are_an_error_or_clipped(tmp_path: Path) -> None:
    layer = np.array([[-0.2, 0.5, 1 + 5e-7, 1.3]], "float32")
    write_tif(tmp_path / "a_20220101_20220113_cc.tif", layer)
    cube = open_stack(tmp_path)
    with pytest.raises(ValueError, match=r"a_20220101_20220113_cc.tif holds 2 values.*clip=True"):
        cube.compute()
    clipped = open_stack(tmp_path, clip=True)
    npt.assert_array_equal(clipped[0, 0], np.array([0, 0.5, 1, 1], "f4"))
    assert clipped.attrs["clip"] == 1


def test_bytes_are_scaled(tmp_path: Path) -> None:
    write_tif(tmp_path / "a_20220101_20220113.tif", np.array([[0, 51, 255]], "uint8"))
    cube = open_stack(tmp_path, scale=1 / 255)
    npt.assert_allclose(cube[0, 0], [np.nan, 0.2, 1], rtol=1e-6)


def test_the_nodata_of_a_file_counts_too(tmp_path: Path) -> None:
    layer = np.array([[-9999, 0, 0.5]], "float32")
    write_tif(tmp_path / "a_20220101_20220113.tif", layer, nodata=-9999)
    npt.assert_array_equal(open_stack(tmp_path)[0, 0], np.array([np.nan, np.nan, 0.5], "f4"))
    npt.assert_array_equal(
        open_stack(tmp_path, nodata=None)[0, 0], np.array([np.nan, 0, 0.5], "f4")
    )


def test_other_grids_are_refused_or_brought_onto_one(tmp_path: Path) -> None:
    # Two crops of the plane 0.1 + 0.001·column, which bilinear interpolation keeps.
    for name, left in (("20220101_20220113", 0), ("20220113_20220125", 7)):
        plane = 0.1 + 0.001 * (left + np.tile(np.arange(40.0), (30, 1)))
        corner = (300000 + 10 * left, 2470100)
        write_tif(tmp_path / f"a_{name}.tif", plane.astype("float32"), corner=corner)
    with pytest.raises(ValueError, match=r"a_20220101_20220113.tif \(30×40.*pass like="):
        open_stack(tmp_path)
    box = mw.grids.geobox((300000, 2469900, 300500, 2470100), crs="EPSG:32645", resolution=8)
    for nodata in (0, None):  # without nodata, what lies outside must not become coherence 0
        cube = open_stack(tmp_path, like=box, nodata=nodata)
        expected = 0.1 + 0.001 * ((cube.x - 300005) / 10).values
        for layer, inside in zip(
            cube, (abs(cube.x - 300200) < 190, abs(cube.x - 300270) < 190), strict=True
        ):
            row = layer[10, inside.values]
            npt.assert_allclose(row, expected[inside.values], atol=1e-6)
        assert np.isnan(cube[0, :, -5:]).all()
        assert np.isnan(cube[1, :, :5]).all()
    parts = open_stack(tmp_path, like=box, chunk=7)
    npt.assert_allclose(parts, open_stack(tmp_path, like=box), atol=1e-6)


def test_what_is_no_stack_is_refused(pairs: tuple[Path, np.ndarray], tmp_path: Path) -> None:
    folder, values = pairs
    write_tif(folder / "again_20220101-20220113_coh.tif", values[0])
    with pytest.raises(ValueError, match=r"2022-01-01, 2022-01-13 comes twice.*pattern="):
        open_stack(folder)
    assert open_stack(folder, pattern="pit_*_coh.tif").sizes["pair"] == 3
    write_tif(folder / "mean_coh.tif", values[0])
    assert open_stack([p for p in sorted(folder.glob("pit*"))]).sizes["pair"] == 3
    with pytest.raises(ValueError, match=r"two dates in each name.*'mean_coh.tif'"):
        open_stack(folder, pattern="*_coh.tif")
    alone = tmp_path / "alone"
    write_tif(alone / "coh_mean.tif", values[0])
    with pytest.raises(ValueError, match=r"needs two dates in each name"):
        open_stack(alone)
    with pytest.raises(FileNotFoundError, match="give a glob or the paths"):
        open_stack(alone, pattern="*.img")


def test_radar_geometry_cannot_be_brought_onto_a_grid(tmp_path: Path) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_tif(tmp_path / "a_20220101_20220113.tif", np.full((3, 4), 0.5, "f4"), crs=None)
    box = mw.grids.geobox((0, 0, 30, 30), crs="EPSG:32645", resolution=10)
    with pytest.raises(ValueError, match=r"has no CRS.*leave out like"):
        open_stack(tmp_path, like=box)


def test_radar_geometry_has_no_coordinates(tmp_path: Path) -> None:
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_tif(tmp_path / "a_20220101_20220113.tif", np.full((3, 4), 0.5, "f4"), crs=None)
    cube = open_stack(tmp_path)
    assert float(cube.mean()) == 0.5
    assert "x" not in cube.coords
