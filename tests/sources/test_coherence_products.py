"""Each product's reader on a small file in the product's layout."""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from typing import TYPE_CHECKING

import h5py
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import rasterio
import xarray as xr
from laziness import nothing_computes
from productfiles import (
    dimap,
    with_tag,
    write_bands,
    write_dimap,
    write_gunw,
    write_hyp3,
    write_netcdf,
)
from rasterfiles import write_tif

import minewatch as mw
from minewatch.conventions import crs_of
from minewatch.sources.coherence import _snap as snap
from minewatch.sources.coherence import empty_pairs, open_stack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ONE_DAY = np.timedelta64(1, "D")


def dates(cube: xr.DataArray) -> list[str]:
    ends = zip(cube.reference_time.values, cube.secondary_time.values, strict=True)
    return [f"{str(one)[:10]}/{str(other)[:10]}" for one, other in ends]


@pytest.fixture
def layers(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(0.1, 0.9, (3, 12, 15)).astype("float32")


# --- HyP3 -----------------------------------------------------------------------------------------


def test_hyp3_bursts(layers: np.ndarray, tmp_path: Path) -> None:
    names = ("S1_136231_IW2_20200604_20200616_VV_INT80_529D",
             "S1_136231_IW2_20200616_20200628_VV_INT80_1A2B")  # fmt: skip
    for name, layer, metres in zip(names, layers, (58.3, -12.0), strict=False):
        write_hyp3(tmp_path, name, layer, baseline=metres)
    with nothing_computes():
        cube = open_stack(tmp_path)
    assert dates(cube) == ["2020-06-04/2020-06-16", "2020-06-16/2020-06-28"]
    npt.assert_array_equal(cube.perpendicular_baseline, [58.3, -12.0])
    npt.assert_array_equal(cube, layers[:2])
    assert cube.attrs["window"] == [4, 20]
    assert (cube.attrs["source"], cube.attrs["polarization"]) == ("HyP3", "VV")


def test_hyp3_scenes_and_merged_bursts_and_zips_are_one_stack(
    layers: np.ndarray, tmp_path: Path
) -> None:
    names = ("S1AA_20200604T022252_20200616T022253_VVP012_INT80_G_ueF_5A3B",
             "S1_123_111111s1n02-111111s2n01-000000s3n00_IW_20200616_20200628_VV_INT80_AEB4",
             "S1_136231_IW2_20200628_20200710_VV_INT80_77F1")  # fmt: skip
    folders = []
    for name, layer in zip(names, layers, strict=True):
        product = write_hyp3(tmp_path / "made", name, layer, baseline=10, looks=(10, 2))
        folders.append(product)
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for file in product.iterdir():
                archive.write(file, f"{name}/{file.name}")
    cube = open_stack(folders)  # several folders
    assert dates(cube)[1] == "2020-06-16/2020-06-28"
    assert str(cube.reference_time.values[0]) == "2020-06-04T02:22:52.000000000"
    zips = open_stack(sorted(tmp_path.glob("*.zip")))
    npt.assert_array_equal(zips, layers)
    npt.assert_array_equal(zips.perpendicular_baseline, [10, 10, 10])
    assert zips.attrs["window"] == [2, 10]
    assert dates(open_stack(tmp_path, product="hyp3")) == dates(cube)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(ValueError, match=r"holds no \*_corr.tif; unpack it"):
        open_stack(tmp_path / "other.zip")


def test_hyp3_extents_differ_and_are_aligned(tmp_path: Path) -> None:
    # The plane 0.1 + column / 1000 on two extents; means over 2×2 pixels keep it too.
    for name, left in (("20200604_20200616", 0), ("20200616_20200628", 6)):
        plane = 0.1 + 0.001 * (left + np.tile(np.arange(40.0), (30, 1)))
        corner = (300000 + 80 * left, 2470160)
        write_hyp3(tmp_path, f"S1_136231_IW2_{name}_VV_INT80_529D", plane.astype("f4"),
                   baseline=1, corner=corner, pixel=80)  # fmt: skip
    with pytest.raises(ValueError, match=r"30×40, corner 300000.*pass like="):
        open_stack(tmp_path)
    box = mw.grids.geobox((300480, 2467840, 303200, 2470080), crs="EPSG:32645", resolution=160)
    with nothing_computes():
        means = open_stack(tmp_path, like=box, resampling="average")
    expected = np.broadcast_to(0.1 + 0.001 * ((means.x.values - 300040) / 80), means.shape)
    npt.assert_allclose(means, expected, atol=1e-6)  # float32
    assert means.attrs["resampling"] == "average"
    npt.assert_allclose(means, open_stack(tmp_path, like=box, resampling="average", chunk=7),
                        atol=1e-6)  # fmt: skip
    bilinear = open_stack(tmp_path, like=box)
    npt.assert_allclose(bilinear, expected, atol=1e-6)
    for method in ("cubic", "lanczos", "nearest"):
        with pytest.raises(ValueError, match=r"NDAI exceeds 1.*use 'bilinear', or 'average'"):
            open_stack(tmp_path, like=box, resampling=method)  # type: ignore[arg-type]


def test_two_versions_and_two_bursts_of_a_pair(layers: np.ndarray, tmp_path: Path) -> None:
    upper, lower = layers[0].copy(), layers[1].copy()
    upper[6:], lower[:4] = 0, 0  # rows 4 and 5 are in both
    write_hyp3(tmp_path, "S1_136231_IW2_20200604_20200616_VV_INT80_529D", upper, baseline=50)
    write_hyp3(tmp_path, "S1_136232_IW2_20200604_20200616_VV_INT80_663F", lower, baseline=54)
    with pytest.raises(ValueError, match=r"2020-06-16 comes twice.*duplicates='first'"):
        open_stack(tmp_path)
    first = open_stack(tmp_path, duplicates="first")
    npt.assert_array_equal(first[0], np.where(upper == 0, np.nan, upper))
    assert float(first.perpendicular_baseline[0]) == 50
    with nothing_computes():
        both = open_stack(tmp_path, duplicates="mosaic")
    npt.assert_array_equal(both[0], np.where(upper == 0, lower, upper))
    assert float(both.perpendicular_baseline[0]) == 52
    assert "S1_136232_IW2" in both.attrs["duplicates"][0]
    mw.store.to_zarr(both, tmp_path / "cube.zarr", name="coherence")
    with pytest.raises(ValueError, match="'error', 'first' or 'mosaic', got 'last'"):
        open_stack(tmp_path, duplicates="last")  # type: ignore[arg-type]


# --- openEO ---------------------------------------------------------------------------------------

JOB = {
    "assets": {"openEO_2024-08-09Z.tif": {"bands": [{"name": "coh_VV"}]}},
    "links": [
        {"rel": "derived_from", "href": "S1_coh_2images_20240809T170739_20240821T170739.tif"},
        {"rel": "derived_from", "title": "S1_coh_2images_20240821T170739_20240902T170739.tif"},
        {"rel": "self", "href": "https://openeo/jobs/j-20240101/results"},
    ],
    "providers": [
        {
            "processing:expression": {
                "expression": {
                    "insarcoherence1": {
                        "arguments": {
                            "InSAR_pairs": [["2024-08-09", "2024-08-21"]],
                            "coherence_window_az": 4,
                            "coherence_window_rg": 20,
                            "polarization": "vv",
                        }
                    }
                }
            }
        }
    ],
}
"""What a real job of CDSE wrote, shortened."""


def test_openeo_images_are_dated_by_their_reference(layers: np.ndarray, tmp_path: Path) -> None:
    for day, layer in zip(("2024-08-09", "2024-08-21"), layers, strict=False):
        write_bands(tmp_path / f"openEO_{day}Z.tif", {"coh_VV": layer})
    with pytest.raises(ValueError, match=r"two dates.*temporal_baseline=12"):
        open_stack(tmp_path)
    guessed = open_stack(tmp_path, temporal_baseline=12)
    assert dates(guessed) == ["2024-08-09/2024-08-21", "2024-08-21/2024-09-02"]
    (tmp_path / "job-results.json").write_text(json.dumps(JOB))
    with nothing_computes():
        cube = open_stack(tmp_path)
    assert dates(cube) == dates(guessed)
    npt.assert_array_equal(cube, layers[:2])
    assert cube.attrs["window"] == [4, 20]
    assert (cube.attrs["source"], cube.attrs["polarization"]) == ("openEO", "VV")
    twice = {"links": [*JOB["links"], {"rel": "derived_from",
             "href": "S1_coh_2images_20240809T170739_20240902T170739.tif"}]}  # fmt: skip
    (tmp_path / "job-results.json").write_text(json.dumps(twice))
    with pytest.raises(ValueError, match=r"2 pairs of 2024-08-09.*for each temporal baseline"):
        open_stack(tmp_path)


def test_openeo_results_take_the_baselines_of_scene_records(
    layers: np.ndarray, tmp_path: Path
) -> None:
    for day, layer in zip(("20240809", "20240821"), layers, strict=False):
        write_tif(tmp_path / f"S1_coh_2images_{day}T170739_20240902T170739.tif", layer)
    scenes = pd.DataFrame(
        {
            "stack": "117_249435_IW2 VV",
            "start_time": pd.to_datetime(["2024-08-09T17:07", "2024-09-02T17:07"]),
            "perpendicular_baseline": [-20.0, 45.0],
        }
    )
    cube = open_stack(tmp_path, baselines=scenes)
    npt.assert_array_equal(cube.perpendicular_baseline, [65, np.nan])
    pairs = pd.DataFrame(
        {
            "reference_time": pd.to_datetime(["2024-08-21T17:07"]),
            "secondary_time": pd.to_datetime(["2024-09-02T17:07"]),
            "perpendicular_baseline": [12.5],
        }
    )
    npt.assert_array_equal(
        open_stack(tmp_path, baselines=pairs).perpendicular_baseline, [np.nan, 12.5]
    )
    with pytest.raises(ValueError, match=r"within one stack.*scenes\['stack'\] == "):
        open_stack(tmp_path, baselines=scenes.assign(stack=["a", "b"]))
    with pytest.raises(ValueError, match=r"needs reference_time, secondary_time and"):
        open_stack(tmp_path, baselines=scenes[["stack"]])


def test_openeo_process_results_have_both_dates(layers: np.ndarray, tmp_path: Path) -> None:
    bands = {"phase_VV": layers[1] * 3, "coh_VV": layers[0]}
    write_bands(tmp_path / "S1_coh_2images_20240809T170739_20240821T170739.tif", bands)
    cube = open_stack(tmp_path)
    npt.assert_array_equal(cube[0], layers[0])
    assert float(cube.temporal_baseline[0]) == 12


def test_openeo_netcdf(layers: np.ndarray, tmp_path: Path) -> None:
    since = np.datetime64("1990-01-01")
    days = [int((np.datetime64(d) - since) / ONE_DAY) for d in ("2024-08-09", "2024-08-21")]
    stored = layers[:2].copy()
    stored[0, 0, 0] = -9999
    write_netcdf(tmp_path / "openEO.nc", days, {"coh_VV": stored, "coh_VH": layers[1:]})
    with pytest.raises(ValueError, match=r"keep job-results.json of the job beside it"):
        open_stack(tmp_path)
    with pytest.raises(ValueError, match="say which: polarization='VV'"):
        open_stack(tmp_path, temporal_baseline=12)
    with nothing_computes():
        cube = open_stack(tmp_path, temporal_baseline=12, polarization="VV", chunk=6)
    npt.assert_array_equal(cube, np.where(stored == -9999, np.nan, stored))
    assert cube.chunks == ((1, 1), (4, 4, 4), (4, 4, 4, 3))  # whole chunks of the file
    assert dates(cube)[1] == "2024-08-21/2024-09-02"
    assert "32645" in str(crs_of(cube))
    npt.assert_array_equal(cube.y[:2], [2470095, 2470085])
    (tmp_path / "job-results.json").write_text(json.dumps(JOB))
    assert dates(open_stack(tmp_path, polarization="VH")) == dates(cube)


def test_other_netcdf_is_refused(layers: np.ndarray, tmp_path: Path) -> None:
    path = write_netcdf(tmp_path / "ndvi.nc", [1, 2, 3], {"ndvi": layers})
    with pytest.raises(ValueError, match=r"no band named coh… with dims \(t, y, x\)"):
        open_stack(path)
    (tmp_path / "broken.nc").write_text("no")
    with pytest.raises(ValueError, match="is no HDF5 file"):
        open_stack(tmp_path / "broken.nc")


# --- SNAP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("crs", ["EPSG:32645", None])
def test_snap_dimap(layers: np.ndarray, tmp_path: Path, crs: str | None) -> None:
    bands = {
        "coh_VV_12Mar2023_24Mar2023": layers[0],
        "coh_IW1_VV_05Apr2023_24Mar2023": layers[1],  # the reference is the later one
        "coh_VH_12Mar2023_24Mar2023": layers[2],
        "Phase_ifg_VV_12Mar2023_24Mar2023": layers[2] * 9,
    }
    told = {("12Mar2023", "24Mar2023"): 35.5, ("24Mar2023", "05Apr2023"): -7.0}
    write_dimap(tmp_path / "stack.dim", bands, told, crs=crs)
    with pytest.raises(ValueError, match="say which: polarization='VV'"):
        open_stack(tmp_path)
    with nothing_computes():
        cube = open_stack(tmp_path, polarization="VV")
    assert dates(cube) == ["2023-03-12/2023-03-24", "2023-03-24/2023-04-05"]
    npt.assert_array_equal(cube, layers[:2])
    npt.assert_array_equal(cube.perpendicular_baseline, [35.5, -7.0])
    assert (cube.attrs["window"], cube.attrs["source"]) == ([3, 10], "SNAP")
    assert ("x" in cube.coords) == (crs is not None)


def test_headers_beside_a_file_are_found_after_remote_reading(
    layers: np.ndarray, tmp_path: Path
) -> None:
    """Beside remote files GDAL is told not to look; SNAP's images have their header there."""
    write_dimap(tmp_path / "stack.dim", {"coh_VV_12Mar2023_24Mar2023": layers[0]}, {})
    with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"):
        npt.assert_array_equal(open_stack(tmp_path).compute(), layers[:1])


def test_snap_dimap_without_coherence(layers: np.ndarray, tmp_path: Path) -> None:
    path = write_dimap(tmp_path / "a.dim", {"i_VV_12Mar2023": layers[0]}, {})
    with pytest.raises(ValueError, match="no band such as coh_VV_12Mar2023_24Mar2023"):
        open_stack(path)
    (tmp_path / "b.dim").write_text("<x/>")
    with pytest.raises(ValueError, match=r"no folder b.data beside it; copy both"):
        open_stack(tmp_path / "b.dim")
    path.write_text("<Dimap_Document>")
    with pytest.raises(ValueError, match=r"no XML as SNAP writes it.*export the product anew"):
        open_stack(path)


@pytest.mark.parametrize("crs", ["EPSG:32645", None])
def test_snap_geotiff_names_its_bands_in_a_tag(
    layers: np.ndarray, tmp_path: Path, crs: str | None
) -> None:
    bands = ["coh_VV_12Mar2023_24Mar2023", "coh_VV_24Mar2023_05Apr2023"]
    path = tmp_path / "S1A_IW_SLC_stack_coh_TC.tif"
    write_bands(path, {"": layers[0], " ": layers[1]}, crs=crs)
    # GDAL keeps descriptions in a tag of its own; SNAP writes none of those
    blank = path.read_bytes().replace(b"DESCRIPTION", b"description")
    path.write_bytes(blank)
    with_tag(path, dimap(bands, {("24Mar2023", "05Apr2023"): 12.25}))
    with nothing_computes():
        cube = open_stack(path)
    assert dates(cube) == ["2023-03-12/2023-03-24", "2023-03-24/2023-04-05"]
    npt.assert_array_equal(cube, layers[:2])
    npt.assert_array_equal(cube.perpendicular_baseline, [np.nan, 12.25])
    assert cube.attrs["source"] == "SNAP"


def test_bands_may_be_described_by_their_pair(layers: np.ndarray, tmp_path: Path) -> None:
    labels = ("coh_VV_20230312_20230324", "coh_VV_20230324_20230405", "dem")
    write_bands(tmp_path / "stack.tif", dict(zip(labels, layers, strict=True)))
    cube = open_stack(tmp_path)
    npt.assert_array_equal(cube, layers[:2])
    assert cube.attrs["files"][0] == "stack.tif coh_VV_20230312_20230324"
    write_bands(tmp_path / "bands.tif", {"a": layers[0], "b": layers[1]})
    with pytest.raises(ValueError, match=r"2 bands, none called coherence.*split it"):
        open_stack(tmp_path / "bands.tif")


# --- NISAR ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [False, True])
def test_nisar_gunw(layers: np.ndarray, tmp_path: Path, early: bool) -> None:
    stored = layers.copy()
    stored[0, 0, 0] = np.nan
    moments = ("2026-01-03T13:04:05.123456789", "2026-01-15T13:04:05.2", "2026-01-27T13:04:06")
    for number, metres in ((0, 120.5), (1, -33.0)):
        write_gunw(
            tmp_path / f"NISAR_L2_PR_GUNW_{number}.h5",
            {"HH": stored[number], "HV": layers[2]},
            moments[number : number + 2],
            baseline=metres,
            early=early,
        )
    with nothing_computes():
        cube = open_stack(tmp_path, polarization="HH", nodata=None)
    npt.assert_array_equal(cube, stored[:2])
    assert str(cube.reference_time.values[0]) == "2026-01-03T13:04:05.123456789"
    npt.assert_allclose(cube.perpendicular_baseline, [120.5, -33.0], atol=0.1)
    npt.assert_array_equal(cube.x[:2], [600040, 600120])
    npt.assert_array_equal(cube.y[:2], [3699960, 3699880])
    assert "32611" in str(crs_of(cube))
    assert (cube.attrs["window"], cube.attrs["source"]) == ([16, 11], "NISAR GUNW")
    npt.assert_array_equal(open_stack(tmp_path, polarization="HH", chunk=5), cube)
    fine = open_stack(tmp_path, product="nisar-wrapped", polarization="HH")
    assert fine.shape == (2, 48, 60)
    npt.assert_array_equal(fine.x[:2], [600010, 600030])
    npt.assert_array_equal(fine[0, 3::4, ::4], stored[0])


def test_other_hdf5_is_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    since = write_netcdf(tmp_path / "x.nc", [1], {"coh": rng.random((1, 4, 4), "f4")})
    path = since.rename(tmp_path / "cslc.h5")
    with pytest.raises(ValueError, match=r"not a NISAR GUNW; open images.*slc.open_stack"):
        open_stack(path)


# --- anything -------------------------------------------------------------------------------------


def test_names_that_follow_no_custom(layers: np.ndarray, tmp_path: Path) -> None:
    for name, layer in zip(("c7_230324-230312", "c7_230405-230324"), layers, strict=False):
        write_tif(tmp_path / f"{name}_20190101.tif", layer)
    template = "*_{secondary:%y%m%d}-{reference:%y%m%d}_*.tif"
    cube = open_stack(tmp_path, names=template, baselines={("2023-03-12", "2023-03-24"): 5})
    assert dates(cube) == ["2023-03-12/2023-03-24", "2023-03-24/2023-04-05"]
    npt.assert_array_equal(cube, layers[:2])
    npt.assert_array_equal(cube.perpendicular_baseline, [5, np.nan])
    with pytest.raises(ValueError, match=r"needs \{reference\}"):
        open_stack(tmp_path, names="*.tif")
    with pytest.raises(ValueError, match=r"has \{reference\} and \{secondary\}"):
        open_stack(tmp_path, names="{first}_{second}.tif")
    with pytest.raises(ValueError, match=r"names='\*_\{reference\}_\{secondary\}.tif'"):
        open_stack(tmp_path, names="{reference}_{secondary}.tif")


def test_polarizations_do_not_mix(layers: np.ndarray, tmp_path: Path) -> None:
    for polarization, layer in zip(("VV", "VH"), layers, strict=False):
        write_tif(tmp_path / f"20230312_20230324_{polarization}_coh.tif", layer)
    with pytest.raises(ValueError, match="say which: polarization='VV'"):
        open_stack(tmp_path)
    npt.assert_array_equal(open_stack(tmp_path, polarization="vh")[0], layers[1])
    with pytest.raises(ValueError, match=r"no polarization 'HH'"):
        open_stack(tmp_path, polarization="HH")


def test_products_are_named(tmp_path: Path, layers: np.ndarray) -> None:
    write_tif(tmp_path / "a_20230312_20230324_cc.tif", layers[0])
    write_tif(tmp_path / "a_20230312_20230324_corr.tif", layers[1])
    npt.assert_array_equal(open_stack(tmp_path)[0], layers[1])
    npt.assert_array_equal(open_stack(tmp_path, product="gamma")[0], layers[0])
    write_tif(tmp_path / "quicklook.tif", layers[2])
    (tmp_path / "archive.zip").write_bytes(b"")
    npt.assert_array_equal(open_stack(tmp_path)[0], layers[1])
    dimaps = tmp_path / "snap"
    write_dimap(dimaps / "a.dim", {"coh_VV_12Mar2023_24Mar2023": layers[2]}, {})
    write_tif(dimaps / "quicklook.tif", layers[0])
    npt.assert_array_equal(open_stack(dimaps)[0], layers[2])
    with pytest.raises(ValueError, match="knows the products hyp3, gamma, openeo"):
        open_stack(tmp_path, product="isce")
    (tmp_path / "no.tif").write_text("text")
    with pytest.raises(ValueError, match="no raster that GDAL can open"):
        open_stack(tmp_path / "no.tif")


def test_empty_pairs_are_found_when_asked_for(layers: np.ndarray, tmp_path: Path) -> None:
    layers[1] = 0
    for name, layer in zip(
        ("0101_20220113", "0113_20220125", "0125_20220206"), layers, strict=True
    ):
        write_tif(tmp_path / f"a_2022{name}_cc.tif", layer)
    cube = open_stack(tmp_path)
    empty = empty_pairs(cube)
    npt.assert_array_equal(empty, [False, True, False])
    assert str(empty.reference_time.values[1])[:10] == "2022-01-13"
    npt.assert_array_equal(empty_pairs(open_stack(tmp_path, chunk=5)), empty)
    left = cube.isel(pair=~empty.values)
    assert left.sizes["pair"] == 2
    stable = mw.activity.stable_pixels(cube, minimum=0, maximum_std=1, min_count=2)
    ledger = mw.activity.screen_pairs(cube, stable, minimum=0, max_perpendicular_baseline=None)
    npt.assert_array_equal(ledger.valid_share == 0, empty)  # screen_pairs says so by itself
    npt.assert_array_equal(ledger.keep, ~empty)
    with pytest.raises(ValueError, match="pair"):
        empty_pairs(cube[0])


# --- OPERA CSLC: coherence is made here -----------------------------------------------------------


def test_opera_stacks_become_coherence(rng: np.random.Generator, tmp_path: Path) -> None:
    starts = ("2022-11-19 00:27:55.1", "2022-12-01 00:27:54.5", "2022-12-13 00:27:54.9")
    images = []
    for start in starts:
        parts = rng.standard_normal((2, 12, 15))
        images.append((parts[0] + 1j * parts[1]).astype("complex64"))
        day = start[:10].replace("-", "")
        with h5py.File(tmp_path / f"OPERA_L2_CSLC-S1_T042-088905-IW1_{day}.h5", "w") as file:
            file.create_dataset("data/VV", data=images[-1], chunks=(8, 8))
            file["data/x_coordinates"] = 500002.5 + 5 * np.arange(15)
            file["data/y_coordinates"] = 3999995.0 - 10 * np.arange(12)
            file["data/projection"] = np.int32(32611)
            file["identification/burst_id"] = np.bytes_(b"t042_088905_iw1")
            file["identification/zero_doppler_start_time"] = np.bytes_(start.encode())
    with nothing_computes():
        slc = mw.sources.slc.open_stack(tmp_path)
        pairs = mw.insar.select_pairs(slc, max_perpendicular_baseline=None)
        cube = mw.insar.coherence(slc, pairs, window=(3, 5))
    assert dates(cube) == ["2022-11-19/2022-12-01", "2022-12-01/2022-12-13"]
    assert "32611" in str(crs_of(cube))
    one, other = (image[4:7, 5:10].astype("complex128") for image in images[:2])
    expected = abs((one * other.conj()).sum()) / np.sqrt(
        (abs(one) ** 2).sum() * (abs(other) ** 2).sum()
    )
    npt.assert_allclose(cube[0, 5, 7], expected, atol=1e-5)  # float32 sums of 15 products
    assert not empty_pairs(cube).any()


# --- broken files ---------------------------------------------------------------------------------


def tiff(order: str, big: bool, text: bytes) -> bytes:
    """The bare directory of a TIFF with one entry, SNAP's."""
    mark = {"<": b"II", ">": b"MM"}[order]
    if big:
        head = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16)
        entry = struct.pack(order + "QHHQQQ", 1, 65000, 2, len(text), 16 + 8 + 20 + 8, 0)
    else:
        head = mark + struct.pack(order + "HI", 42, 8)
        entry = struct.pack(order + "HHHIII", 1, 65000, 2, len(text), 8 + 2 + 12 + 4, 0)
    return head + entry + text


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_headers_are_found_in_every_kind_of_tiff(tmp_path: Path, order: str, big: bool) -> None:
    path = tmp_path / "a.tif"
    text = dimap(["coh_VV_12Mar2023_24Mar2023"], {}).encode()
    path.write_bytes(tiff(order, big, text))
    found = snap.embedded(path)
    assert found is not None
    assert (found.bands, found.window) == (("coh_VV_12Mar2023_24Mar2023",), (3, 10))
    path.write_bytes(tiff(order, big, text)[:20])  # cut off
    assert snap.embedded(path) is None
    path.write_bytes(tiff(order, big, b"the tag of another program"))
    assert snap.embedded(path) is None
    path.write_bytes(b"II\x07\0" + b"\0" * 20)
    assert snap.embedded(path) is None


def test_incomplete_netcdf_says_what_it_lacks(layers: np.ndarray, tmp_path: Path) -> None:
    def spoilt(change: Callable[[h5py.File], object]) -> Path:
        path = write_netcdf(tmp_path / "a.nc", [1, 2, 3], {"coh": layers})
        with h5py.File(path, "a") as file:
            change(file)
        return path

    def upside_down(file: h5py.File) -> None:
        file["y"][...] = file["y"][()][::-1]

    with pytest.raises(ValueError, match="names no CRS"):
        open_stack(spoilt(lambda file: file["crs"].attrs.pop("crs_wkt")), temporal_baseline=12)
    with pytest.raises(ValueError, match=r"expected e\.g\. 'days since 1990-01-01'"):
        open_stack(spoilt(lambda file: file["t"].attrs.update(units="weeks")), temporal_baseline=12)
    with pytest.raises(ValueError, match="y ascending; turn it north up"):
        open_stack(spoilt(upside_down), temporal_baseline=12)
    without_fill = spoilt(lambda file: file["coh"].attrs.pop("_FillValue"))
    (tmp_path / "job-results.json").write_text("[]")  # no job of openEO's
    assert open_stack(without_fill, temporal_baseline=12).sizes["pair"] == 3


def test_gunw_may_lack_looks_and_baselines(layers: np.ndarray, tmp_path: Path) -> None:
    path = write_gunw(tmp_path / "GUNW.h5", {"VV": layers[0]},
                      ("2026-01-03T13:04:05", "2026-01-15T13:04:05"), baseline=1)  # fmt: skip
    with h5py.File(path, "a") as file:
        del file["science/LSAR/GUNW/metadata"]
    cube = open_stack(path)
    assert np.isnan(cube.perpendicular_baseline).all()
    assert "window" not in cube.attrs


def test_without_h5py_the_extra_is_named(
    layers: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_netcdf(tmp_path / "a.nc", [1, 2, 3], {"coh": layers})
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"pip install 'minewatch\[sar\]'"):
        open_stack(path)


def test_hyp3_without_its_text(layers: np.ndarray, tmp_path: Path) -> None:
    name = "S1_136231_IW2_20200604_20200616_VV_INT80_529D"
    write_tif(tmp_path / f"{name}_corr.tif", layers[0])
    with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as archive:
        archive.write(tmp_path / f"{name}_corr.tif", f"{name}/{name}_corr.tif")
    for path in (tmp_path, tmp_path / f"{name}.zip"):
        cube = open_stack(path)
        assert np.isnan(cube.perpendicular_baseline).all()
        assert "window" not in cube.attrs
