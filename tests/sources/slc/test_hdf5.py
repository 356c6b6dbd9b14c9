"""OPERA and NISAR files, written here as their specifications lay them out."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.testing as npt
import pytest
from laziness import nothing_computes

from minewatch.conventions import crs_of
from minewatch.sources.slc import open_stack

if TYPE_CHECKING:
    from pathlib import Path

NAME = "OPERA_L2_CSLC-S1_T042-088905-IW1_{}T000000Z_20240101T000000Z_S1A_VV_v1.0.h5"


def opera(
    path: Path,
    images: dict[str, np.ndarray],
    *,
    start: str | None = "2022-11-19 00:27:55.123456",
    burst: str = "t042_088905_iw1",
    left: float = 500000.0,
    orbit: dict[str, Any] | None = None,
) -> Path:
    """A file as OPERA CSLC-S1 v1 lays it out: 5 m columns, 10 m rows."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        for name, image in images.items():
            data.create_dataset(name, data=image, chunks=(8, 8))
        height, width = next(iter(images.values())).shape
        data["x_coordinates"] = left + 2.5 + 5 * np.arange(width)
        data["y_coordinates"] = 4000000.0 - 5 - 10 * np.arange(height)
        data["projection"] = np.int32(32611)
        file["identification/burst_id"] = np.bytes_(burst)
        if start is not None:
            file["identification/zero_doppler_start_time"] = np.bytes_(start)
        for key, value in (orbit or {}).items():
            file[f"metadata/orbit/{key}"] = value
    return path


def image(rng: np.random.Generator) -> np.ndarray:
    parts = rng.standard_normal((2, 20, 30))
    values = (parts[0] + 1j * parts[1]).astype("complex64")
    values[:3] = np.nan + 1j * np.nan  # outside of the burst
    return values


def test_opera_bursts_become_a_stack(rng: np.random.Generator, tmp_path: Path) -> None:
    first, second = image(rng), image(rng)
    opera(tmp_path / NAME.format("20221201"), {"VV": second}, start="2022-12-01T00:27:54.5")
    opera(tmp_path / NAME.format("20221119"), {"VV": first})
    with nothing_computes():
        slc = open_stack(tmp_path, chunk=20)
    npt.assert_array_equal(slc, np.stack([first, second]))
    assert list(slc.time.values.astype(str)) == [
        "2022-11-19T00:27:55.123456000",
        "2022-12-01T00:27:54.500000000",
    ]
    # native chunks are 8: 20 is rounded down to whole ones
    assert slc.chunks == ((1, 1), (16, 4), (16, 14))
    npt.assert_allclose(slc.x, 500002.5 + 5 * np.arange(30))
    npt.assert_allclose(slc.y, 3999995 - 10 * np.arange(20))
    assert "32611" in str(crs_of(slc))
    assert slc.attrs["burst"] == "t042_088905_iw1"
    assert slc.attrs["polarization"] == "VV"
    assert np.isnan(slc.perpendicular_baseline).all()


def test_the_date_stands_in_the_name_where_the_file_is_silent(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    # The first date is the acquisition, the second the processing.
    opera(tmp_path / NAME.format("20221119"), {"VV": image(rng)}, start=None)
    assert str(open_stack(tmp_path).time.values[0]).startswith("2022-11-19T00:00:00")
    opera(tmp_path / "undated.h5", {"VV": image(rng)}, start=None)
    with pytest.raises(ValueError, match="put YYYYMMDD into its name"):
        open_stack(tmp_path / "undated.h5")


def test_polarizations_and_bursts_are_not_mixed(rng: np.random.Generator, tmp_path: Path) -> None:
    both = {"VV": image(rng), "VH": image(rng)}
    path = opera(tmp_path / NAME.format("20221119"), both)
    with pytest.raises(ValueError, match="say which: polarization='VV'"):
        open_stack(path)
    npt.assert_array_equal(open_stack(path, polarization="vh")[0], both["VH"])
    with pytest.raises(ValueError, match=r"has no polarization 'HH'; it holds \['VV', 'VH'\]"):
        open_stack(path, polarization="HH")
    opera(
        tmp_path / "other_20221201.h5",
        {"VV": image(rng)},
        start="2022-12-01",
        burst="t042_088905_iw2",
    )
    with pytest.raises(ValueError, match=r"of burst t042_088905_iw1.*open each burst by itself"):
        open_stack(tmp_path, polarization="VV")


def test_grids_must_agree(rng: np.random.Generator, tmp_path: Path) -> None:
    opera(tmp_path / "a_20221119.h5", {"VV": image(rng)})
    opera(tmp_path / "b_20221201.h5", {"VV": image(rng)}, start="2022-12-01", left=500005)
    with pytest.raises(ValueError, match=r"a_20221119.h5 .*b_20221201.h5"):
        open_stack(tmp_path)


def test_baselines_come_from_the_orbits(rng: np.random.Generator, tmp_path: Path) -> None:
    from pyproj import Transformer

    # The middle of the burst, and a straight pass 700 km above it, 500 km to its side.
    middle = np.array(
        Transformer.from_crs(32611, 4978, always_xy=True).transform(500075, 3999900, 0.0)
    )
    up = middle / np.linalg.norm(middle)
    along = np.cross([0, 0, 1], up)
    along /= np.linalg.norm(along)
    side = np.cross(along, up)
    seconds = np.linspace(-20.0, 20, 21)

    def pass_at(across: float, above: float) -> dict[str, Any]:
        start = middle + (500e3 + across) * side + (700e3 + above) * up
        position = start + 7500 * seconds[:, None] * along
        velocity = np.tile(7500 * along, (21, 1))
        vectors = {f"position_{axis}": position[:, i] for i, axis in enumerate("xyz")}
        return {
            "time": seconds,
            **vectors,
            **{f"velocity_{axis}": velocity[:, i] for i, axis in enumerate("xyz")},
        }

    offsets = [(0.0, 0.0), (60.0, 0.0), (0.0, -35.0)]
    for k, offset in enumerate(offsets):
        day = f"2022-11-{19 + k:02}"
        opera(tmp_path / f"{day}.h5", {"VV": image(rng)}, start=day, orbit=pass_at(*offset))
    slc = open_stack(tmp_path)
    # Across a sight of 500 km sideways and 700 km down: the offset on its normal.
    normal = np.array([-700.0, 500]) / np.hypot(700, 500)
    expected = np.array(offsets) @ normal
    found = slc.perpendicular_baseline.values
    npt.assert_allclose(found * np.sign(found[1]) * np.sign(expected[1]), expected, atol=0.01)
    given = open_stack(tmp_path, baselines={"2022-11-19": 1.0})
    npt.assert_array_equal(given.perpendicular_baseline, [1, np.nan, np.nan])


def test_nisar_frames_are_read(rng: np.random.Generator, tmp_path: Path) -> None:
    values = image(rng)
    half = np.zeros(values.shape, np.dtype([("r", "<f2"), ("i", "<f2")]))
    half["r"], half["i"] = values.real, values.imag
    root = "science/LSAR"
    with h5py.File(tmp_path / "NISAR_20260105.h5", "w") as file:
        group = file.create_group(f"{root}/GSLC/grids/frequencyA")
        group["HH"] = half
        group["xCoordinates"] = 300002.5 + 5.0 * np.arange(30)
        group["yCoordinates"] = 4000000.0 - 5.0 * np.arange(20)
        group["projection"] = 0
        group["projection"].attrs["epsg_code"] = 32611
        file[f"{root}/identification/zeroDopplerStartTime"] = np.bytes_("2026-01-05T10:00:00.25")
        file[f"{root}/identification/trackNumber"] = 12
        file[f"{root}/GSLC/metadata/orbit/position"] = np.zeros((3, 3))
    slc = open_stack(tmp_path)
    npt.assert_allclose(slc[0], values, rtol=1e-3, atol=1e-3)  # half precision
    assert slc.attrs["polarization"] == "HH"
    assert slc.attrs["burst"] == "12"
    assert str(slc.time.values[0]) == "2026-01-05T10:00:00.250000000"


def test_other_files_are_refused(
    rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["something"] = 1
    with pytest.raises(ValueError, match=r"neither OPERA CSLC.*it holds \['something'\]"):
        open_stack(tmp_path)
    (tmp_path / "other.h5").write_text("<html>")
    with pytest.raises(ValueError, match="no HDF5 file that can be opened"):
        open_stack(tmp_path)
    path = opera(tmp_path / "a_20221119.h5", {"VV": image(rng)})
    with h5py.File(path, "a") as file:
        y = file["data/y_coordinates"][...][::-1]
        file["data/y_coordinates"][...] = y
    with pytest.raises(ValueError, match="turn it north up"):
        open_stack(path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'minewatch\[sar\]'"):
        open_stack(path)
