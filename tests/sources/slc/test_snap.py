from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.testing as npt
import pytest
import rasterio
import zarr
from laziness import nothing_computes
from rasterfiles import write_tif

from minewatch.sources.slc import open_stack

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.data
def test_the_amsterdam_pair_is_read_to_the_bit(real_data: Path) -> None:
    folder = real_data / "s1-slc-pair-amsterdam"
    with nothing_computes():
        slc = open_stack(folder)
    truth = np.load(folder / "slc_pair.npz")
    npt.assert_array_equal(slc[0], truth["sec_20230319"])
    npt.assert_array_equal(slc[1], truth["ref_20230331"])
    # latitude and longitude of every pixel are in the second store only
    npt.assert_array_equal(slc.latitude, truth["lat"])
    npt.assert_array_equal(slc.longitude, truth["lon"])
    assert slc.latitude.dims == ("y", "x")
    assert slc.latitude.attrs["units"] == "degrees_north"
    assert slc.attrs["polarization"] == "VV"
    assert "x" not in slc.coords
    assert np.isnan(slc.perpendicular_baseline).all()


def znap(path: Path, bands: dict[str, np.ndarray]) -> Path:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    for name, values in bands.items():
        array = group.create_array(
            name, shape=values.shape, dtype=">f4", chunks=(5, 5), compressors=None, filters=None
        )
        array[...] = values
    return path


def parts(rng: np.random.Generator, *names: str) -> dict[str, np.ndarray]:
    return {f"{p}_{n}": rng.standard_normal((12, 13)) for n in names for p in "iq"}


def test_a_store_may_hold_several_dates(rng: np.random.Generator, tmp_path: Path) -> None:
    bands = parts(rng, "IW1_VV_mst_22Mar2023", "IW1_VV_slv1_10Mar2023", "IW1_VH_mst_22Mar2023")
    bands["latitude"] = np.zeros((3, 3))  # tie points do not locate every pixel
    bands["longitude"] = np.zeros((3, 3))
    znap(tmp_path / "stack.znap", bands)
    with pytest.raises(ValueError, match="say which: polarization='VV'"):
        open_stack(tmp_path)
    slc = open_stack(tmp_path, polarization="VV", chunk=10)
    assert list(slc.time.values.astype("M8[D]").astype(str)) == ["2023-03-10", "2023-03-22"]
    name = "IW1_VV_slv1_10Mar2023"
    expected = (bands[f"i_{name}"] + 1j * bands[f"q_{name}"]).astype("complex64")
    npt.assert_array_equal(slc[0], expected)
    assert slc.chunks == ((1, 1), (10, 2), (10, 3))
    assert "latitude" not in slc.coords
    assert slc.attrs["burst"] == "IW1"


def test_dimap_is_read_as_well(rng: np.random.Generator, tmp_path: Path) -> None:
    bands = parts(rng, "VV_mst_22Mar2023")
    bands |= {"latitude_VV": np.full((12, 13), 52.0), "longitude_VV": np.full((12, 13), 4.9)}
    for name, values in bands.items():
        with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
            write_tif(
                tmp_path / "pit.data" / f"{name}.img",
                values.astype("float32"),
                crs=None,
                driver="ENVI",
            )
    (tmp_path / "pit.dim").write_text("<Dimap_Document/>")
    slc = open_stack(tmp_path)
    expected = bands["i_VV_mst_22Mar2023"] + 1j * bands["q_VV_mst_22Mar2023"]
    npt.assert_allclose(slc[0], expected, rtol=1e-6)  # float32
    npt.assert_allclose(slc.latitude, 52)
    (tmp_path / "alone.dim").write_text("<Dimap_Document/>")
    with pytest.raises(ValueError, match=r"has no folder alone.data beside it; copy both"):
        open_stack(tmp_path / "alone.dim")


def test_what_is_missing_is_named(rng: np.random.Generator, tmp_path: Path) -> None:
    bands = parts(rng, "VV_22Mar2023")
    one = znap(tmp_path / "one.znap", {"i_VV_22Mar2023": bands["i_VV_22Mar2023"]})
    with pytest.raises(ValueError, match="has i_VV_22Mar2023 but no q_VV_22Mar2023; export both"):
        open_stack(one)
    other = znap(tmp_path / "other.znap", {"Intensity_VV": bands["i_VV_22Mar2023"]})
    with pytest.raises(ValueError, match=r"no complex band such as .*it has \['Intensity_VV'\]"):
        open_stack(other)
    znap(tmp_path / "two" / "a.znap", bands)
    znap(tmp_path / "two" / "b.znap", {k.replace("22", "10"): v[:9] for k, v in bands.items()})
    with pytest.raises(ValueError, match=r"b.znap \(9×13, radar.*a.znap \(12×13, radar geometry\)"):
        open_stack(tmp_path / "two")


@pytest.mark.parametrize("garbage", ['{"zarr_format', "[]"])
def test_a_garbled_store_is_named(tmp_path: Path, garbage: str) -> None:
    path = znap(tmp_path / "one.znap", {"i_VV_22Mar2023": np.ones((3, 4), "f4")})
    (path / "i_VV_22Mar2023" / ".zarray").write_text(garbage)
    with pytest.raises(ValueError, match=r"one.znap is no Zarr store .* write it again"):
        open_stack(tmp_path)
