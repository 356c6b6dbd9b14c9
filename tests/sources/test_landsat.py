from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import pytest
import rasterio
import xarray as xr
from laziness import nothing_computes
from rasterfiles import write_tif

import minewatch as mw
from minewatch.conventions import crs_of
from minewatch.sources.landsat import open_scene

if TYPE_CHECKING:
    from pathlib import Path

BRUMADINHO = "landsat-c2-brumadinho-mine/LC08_L2SP_218074_201901{}_20200829_02_T1-cropped.tar.gz"
MTL = """
GROUP = LANDSAT_METADATA_FILE
    LANDSAT_PRODUCT_ID = "LC08_TEST"
    SPACECRAFT_ID = "{craft}"
    DATE_ACQUIRED = 2019-01-14
    SCENE_CENTER_TIME = "12:57:13.1804960Z"
    SUN_ELEVATION = 59.5
    MAP_PROJECTION = "{projection}"
    UTM_ZONE = 23
    GRID_CELL_SIZE_REFLECTIVE = 30.00
    REFLECTIVE_LINES = {lines}
    REFLECTIVE_SAMPLES = 3
    CORNER_UL_PROJECTION_X_PRODUCT = 583500.000
    CORNER_UL_PROJECTION_Y_PRODUCT = -2222700.000
    REFLECTANCE_MULT_BAND_4 = 2.75e-05
    REFLECTANCE_ADD_BAND_4 = -0.2
    REFLECTANCE_MULT_BAND_5 = 2.75e-05
    REFLECTANCE_ADD_BAND_5 = -0.2
  GROUP = LEVEL1_PROCESSING_RECORD
    REFLECTANCE_MULT_BAND_4 = 9.9
"""
DN = np.array([[0, 7273, 10000], [20000, 43636, 65535]], "uint16")


def scene(
    folder: Path, *, craft: str = "LANDSAT_8", projection: str = "UTM", lines: int = 2
) -> Path:
    """A scene of two bands; the TIFFs have no georeference, as in a crop."""
    folder.mkdir(parents=True, exist_ok=True)
    text = MTL.format(craft=craft, projection=projection, lines=lines)
    (folder / "LC08_TEST_MTL.txt").write_text(text)
    for name in ("SR_B4", "SR_B5", "QA_PIXEL"):
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
            write_tif(folder / f"LC08_TEST_{name}.TIF", DN, crs=None)
    return folder


def archived(folder: Path, path: Path, prefix: str = "") -> Path:
    with tarfile.open(path, "w:gz" if path.suffix in {".gz", ".tgz"} else "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.add(file, arcname=prefix + file.name)
    return path


def test_a_scene_is_reflectance_on_its_grid(tmp_path: Path) -> None:
    folder = scene(tmp_path / "scene")
    with nothing_computes():
        cube = open_scene(folder)
    assert list(cube) == ["red", "nir", "quality"]
    expected = np.where(DN == 0, np.nan, DN * 2.75e-5 - 0.2)
    npt.assert_allclose(cube.nir[0], expected, atol=1e-6)  # float32 of up to 1.6
    npt.assert_allclose(cube.red, cube.nir)
    npt.assert_array_equal(cube.quality[0], DN)
    assert cube.quality.dtype == np.uint16
    # the corner in the MTL is the centre of the first pixel
    npt.assert_array_equal(cube.x, [583500, 583530, 583560])
    npt.assert_array_equal(cube.y, [-2222700, -2222730])
    assert "32623" in str(crs_of(cube))
    assert str(cube.time.values[0]) == "2019-01-14T12:57:13.180496000"
    assert float(cube.sun_zenith[0]) == 30.5
    assert cube.attrs == {"collection": "landsat-c2-l2", "items": ["LC08_TEST"]}
    assert cube.nir.attrs["quantity"] == "reflectance"
    xr.testing.assert_identical(open_scene(folder, chunk=1).compute(), cube.compute())


def test_an_archive_is_read_without_unpacking(tmp_path: Path) -> None:
    folder = scene(tmp_path / "scene")
    plain = open_scene(folder).compute()
    before = sorted(tmp_path.rglob("*"))
    for name, prefix in (("a.tar.gz", ""), ("b.tar", "LC08_TEST/"), ("c.tgz", "")):
        path = archived(folder, tmp_path / name, prefix)
        xr.testing.assert_identical(open_scene(path).compute(), plain)
        path.unlink()
    assert sorted(tmp_path.rglob("*")) == before
    for prefix in ("../../", "a/../../"):
        path = archived(folder, tmp_path / "bad.tar", prefix)
        with pytest.raises(ValueError, match="a name that leads out of it"):
            open_scene(path)


def test_members_that_are_no_files_are_left_alone(tmp_path: Path) -> None:
    folder = scene(tmp_path / "scene")
    path = tmp_path / "links.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("LC08_TEST_SR_B2.TIF")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        huge = tarfile.TarInfo("A_MTL.txt")
        huge.size = 2_000_000
        archive.addfile(huge, io.BytesIO(b"\n" * huge.size))
        for file in sorted(folder.iterdir()):
            archive.add(file, arcname=file.name)
    assert list(open_scene(path)) == ["red", "nir", "quality"]


def test_older_sensors_number_their_bands_otherwise(tmp_path: Path) -> None:
    folder = scene(tmp_path / "scene", craft="LANDSAT_5")
    assert list(open_scene(folder)) == ["nir", "swir16", "quality"]  # bands 4 and 5 of TM


def test_a_georeferenced_file_places_itself(tmp_path: Path) -> None:
    folder = scene(tmp_path / "scene", lines=7000)
    with pytest.raises(ValueError, match="REFLECTIVE_LINES=7000: the corner in the MTL is not"):
        open_scene(folder)
    for name in ("SR_B4", "SR_B5", "QA_PIXEL"):
        write_tif(folder / f"LC08_TEST_{name}.TIF", DN, corner=(0, 60), pixel=30, crs="EPSG:32622")
    npt.assert_array_equal(open_scene(folder).y, [45, 15])


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    folder = scene(tmp_path / "scene", projection="AEA")
    with pytest.raises(ValueError, match="MAP_PROJECTION=AEA; only UTM and PS"):
        open_scene(folder)
    assert "3031" in str(crs_of(open_scene(scene(tmp_path / "pole", projection="PS"))))
    folder = scene(tmp_path / "other")
    with pytest.raises(KeyError, match=r"has no \['blue'\]; it has \['red', 'nir', 'quality'\]"):
        open_scene(folder, variables=["nir", "blue"])
    assert list(open_scene(folder, variables=["nir"])) == ["nir"]
    mtl = folder / "LC08_TEST_MTL.txt"
    mtl.write_text(mtl.read_text().replace("REFLECTANCE_MULT_BAND_5", "X"))
    with pytest.raises(ValueError, match="does not say REFLECTANCE_MULT_BAND_5; get the scene's"):
        open_scene(folder)
    mtl.unlink()
    with pytest.raises(ValueError, match="add the scene's MTL"):
        open_scene(folder)
    with pytest.raises(FileNotFoundError, match="give its folder or its tar"):
        open_scene(tmp_path / "none")


@pytest.mark.data
def test_the_dam_collapse_of_brumadinho(real_data: Path) -> None:
    before, after = (open_scene(real_data / BRUMADINHO.format(day)) for day in ("14", "30"))
    assert list(before) == ["blue", "green", "red", "nir", "swir16", "swir22"]  # no QA_PIXEL
    # The second crop starts 30 pixels further east.
    assert float(after.x[0] - before.x[0]) == 900
    one, other = xr.align(
        *(mw.indices.ndvi(s.red, s.nir).isel(time=0, drop=True) for s in (before, after)),
        join="inner",
    )
    assert one.shape == (300, 370)
    lost = (other - one) < -0.3
    # The mud flow and, as there is no mask, new cloud: 402 ha (provenance of the data).
    assert float(lost.sum()) * 0.09 == pytest.approx(402, abs=0.5)
    # The strongest loss lies in one connected tongue of mud below the dam.
    from scipy.ndimage import label

    parts, _ = label(lost.values)
    largest = np.bincount(parts.ravel())[1:].max() * 0.09
    assert largest > 100
    for cube in (before, after):
        assert -0.2 < float(cube.red.min()) < float(cube.red.max()) < 1.7
