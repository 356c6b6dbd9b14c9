from __future__ import annotations

from typing import TYPE_CHECKING

import cloudpickle
import numpy as np
import numpy.testing as npt
import pytest
import rasterio
import xarray as xr
from laziness import nothing_computes
from rasterfiles import write_tif

import minewatch as mw
from minewatch.conventions import crs_of
from minewatch.sources.slc import open_stack

if TYPE_CHECKING:
    from pathlib import Path

DATES = ("20220101", "20220113", "20220125")


def circular(rng: np.random.Generator, shape: tuple[int, int] = (30, 40)) -> np.ndarray:
    parts = rng.standard_normal((2, *shape))
    return (parts[0] + 1j * parts[1]).astype("complex64")


@pytest.fixture
def folder(rng: np.random.Generator, tmp_path: Path) -> tuple[Path, np.ndarray]:
    images = np.stack([circular(rng) for _ in DATES])
    for date, image in zip(DATES, images, strict=True):
        write_tif(tmp_path / f"pit_VV_{date}.tif", image)
    return tmp_path, images


def test_complex_geotiffs_become_a_stack(folder: tuple[Path, np.ndarray]) -> None:
    path, images = folder
    slc = open_stack(path)
    assert (slc.name, slc.dims, slc.dtype) == ("slc", ("time", "y", "x"), np.complex64)
    npt.assert_array_equal(slc, images)
    npt.assert_array_equal(slc.time, np.array(["2022-01-01", "2022-01-13", "2022-01-25"], "M8[ns]"))
    npt.assert_array_equal(slc.perpendicular_baseline, [np.nan] * 3)
    npt.assert_array_equal(slc.x, 300005 + 10 * np.arange(40))
    npt.assert_array_equal(slc.y, 2470095 - 10 * np.arange(30))
    assert "32645" in str(crs_of(slc))
    assert slc.attrs["units"] == "1"
    assert slc.attrs["polarization"] == "VV"
    assert slc.attrs["files"] == [f"pit_VV_{date}.tif" for date in DATES]


def test_a_glob_and_a_list_do_as_well(folder: tuple[Path, np.ndarray]) -> None:
    path, images = folder
    npt.assert_array_equal(open_stack(str(path / "*_202201?3.tif")), images[1:2])
    names = [path / f"pit_VV_{date}.tif" for date in reversed(DATES)]
    npt.assert_array_equal(open_stack(names), images)  # ordered by time all the same
    npt.assert_array_equal(open_stack(names[0]), images[2:])


def test_opening_reads_no_pixels_and_chunks_do_not_matter(
    folder: tuple[Path, np.ndarray],
) -> None:
    path, images = folder
    with nothing_computes():
        slc = open_stack(path, chunk=7)
    assert slc.chunks == ((1, 1, 1), (7, 7, 7, 7, 2), (7, 7, 7, 7, 7, 5))
    npt.assert_array_equal(slc, images)
    npt.assert_array_equal(slc.isel(time=1, y=slice(3, 20), x=5), images[1, 3:20, 5])
    there = cloudpickle.loads(cloudpickle.dumps(slc))
    xr.testing.assert_identical(there.compute(), slc.compute())
    assert open_stack(path, chunk=7).data.name == slc.data.name


def test_baselines_from_the_table_beside_or_given(folder: tuple[Path, np.ndarray]) -> None:
    path, _ = folder
    table = "time,perpendicular_baseline\n2022-01-01,0\n2022-01-25,-41.5\n"
    (path / "perpendicular_baselines.csv").write_text(table)
    npt.assert_array_equal(open_stack(path).perpendicular_baseline, [0, np.nan, -41.5])
    given = {"2022-01-13": 12.0, np.datetime64("2022-01-25"): 7}
    slc = open_stack(path, baselines=given)
    npt.assert_array_equal(slc.perpendicular_baseline, [np.nan, 12, 7])
    with pytest.raises(ValueError, match="none of the images is; check the dates"):
        open_stack(path, baselines={"1999-01-01": 1.0})
    other = path / "other.csv"
    other.write_text("date,bperp\n2022-01-01,0\n")
    with pytest.raises(ValueError, match="its header must be time,perpendicular_baseline"):
        open_stack(path, baselines=other)


def test_the_stack_goes_through_coherence(folder: tuple[Path, np.ndarray]) -> None:
    slc = open_stack(folder[0], baselines=dict.fromkeys(("2022-01-01", "2022-01-13"), 0.0))
    pairs = mw.insar.select_pairs(slc.isel(time=[0, 1]))
    coherence = mw.insar.coherence(slc, pairs, window=(5, 5)).compute()
    assert coherence.sizes["pair"] == 1
    assert float(coherence.max()) <= 1


def test_other_grids_are_refused_by_name(
    folder: tuple[Path, np.ndarray], rng: np.random.Generator
) -> None:
    path, _ = folder
    write_tif(path / "pit_VV_20220206.tif", circular(rng, (30, 41)))
    with pytest.raises(ValueError, match=r"pit_VV_20220101.tif \(30×40.*0206.tif \(30×41.*co-reg"):
        open_stack(path)
    write_tif(path / "pit_VV_20220206.tif", circular(rng), corner=(300010, 2470100))
    with pytest.raises(ValueError, match=r"pit_VV_20220206.tif \(30×40, corner 300010, 2470100"):
        open_stack(path)


def test_what_is_no_stack_is_refused(
    folder: tuple[Path, np.ndarray], rng: np.random.Generator, tmp_path: Path
) -> None:
    path, images = folder
    write_tif(path / "again_VV_20220101.tif", images[0])
    with pytest.raises(ValueError, match="both of 2022-01-01T00:00:00; keep one"):
        open_stack(path)
    (path / "again_VV_20220101.tif").unlink()
    with pytest.raises(ValueError, match="is named VV, not 'HH'; choose files by a glob"):
        open_stack(path, polarization="HH")
    write_tif(path / "pit_VH_20220206.tif", images[0])
    with pytest.raises(ValueError, match="open each polarization by itself"):
        open_stack(path)
    single = tmp_path / "single"
    write_tif(single / "amplitude_20220101.tif", np.ones((3, 3), "float32"))
    with pytest.raises(ValueError, match="not complex; coherence needs phase"):
        open_stack(single)
    write_tif(single / "undated.tif", images[0])
    with pytest.raises(ValueError, match="needs one date YYYYMMDD in the name"):
        open_stack(single / "undated.tif")
    (single / "page_20220101.tif").write_text("<html>")
    with pytest.raises(ValueError, match="is no raster that GDAL can open"):
        open_stack(single / "page_20220101.tif")
    with pytest.raises(FileNotFoundError, match="give a folder, a glob or paths"):
        open_stack(tmp_path / "nothing" / "*.h5")
    with pytest.raises(FileNotFoundError, match="check the paths"):
        open_stack([tmp_path / "gone.tif"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"finds no \*\.h5 or"):
        open_stack(tmp_path / "empty")
    (single / "x_20220101.h5").write_bytes(b"")
    with pytest.raises(ValueError, match="reads one kind"):
        open_stack([single / "x_20220101.h5", single / "amplitude_20220101.tif"])


def test_radar_geometry_has_no_coordinates_and_does_not_warn(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    image = circular(rng)
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write_tif(tmp_path / "slant_20220101.tif", image, crs=None)
    slc = open_stack(tmp_path, polarization="vv")
    npt.assert_array_equal(slc[0], image)
    assert set(slc.coords) == {"time", "perpendicular_baseline"}
    assert slc.attrs["polarization"] == "VV"


def test_a_file_that_breaks_later_is_named(folder: tuple[Path, np.ndarray]) -> None:
    path, _ = folder
    slc = open_stack(path)
    (path / "pit_VV_20220113.tif").unlink()
    with pytest.raises(RuntimeError, match=r"cannot read .*pit_VV_20220113.tif.*get the file anew"):
        slc.compute()
