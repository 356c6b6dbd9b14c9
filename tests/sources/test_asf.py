from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import yaml
from pyproj import Transformer

import minewatch as mw
from minewatch.sources import asf

if TYPE_CHECKING:
    from pathlib import Path

RECORDED = "asf-cmr-recorded"


def recorded(folder: Path, name: str) -> Any:
    """Records as asf_search keeps them for its own tests."""
    with (folder / RECORDED / name).open() as stream:
        return yaml.load(stream, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@pytest.fixture(scope="module")
def stack() -> dict[str, Any]:
    return {}


def burst_stack(folder: Path, kept: dict[str, Any]) -> list[dict[str, Any]]:
    if "records" not in kept:
        kept["records"] = recorded(folder, "SLC_BURST_stack.yml")
    return kept["records"]


# --- records of the archive -----------------------------------------------------------------------


@pytest.mark.data
def test_baselines_from_state_vectors_are_those_of_the_archive(
    real_data: Path, stack: dict[str, Any]
) -> None:
    records = burst_stack(real_data, stack)
    scenes = asf.read_scenes(records)
    assert len(scenes) == 166
    assert set(scenes["stack"]) == {"174_372326_IW3 VV"}
    assert scenes["start_time"].is_monotonic_increasing
    ours = scenes.set_index("name")["perpendicular_baseline"]
    theirs = pd.Series(
        {r["properties"]["sceneName"]: r["properties"]["perpendicularBaseline"] for r in records}
    ).astype(float)
    zero = next(r for r in records if r["properties"]["temporalBaseline"] == 0)
    ours -= ours[zero["properties"]["sceneName"]]
    assert ours.notna().all()
    # ASF takes the passes at one time since the ascending node instead of abeam of the scene, up
    # to 10 s or 75 km of track off, and rounds to metres; the orbits are 300 m apart.
    difference = ours - theirs[ours.index]
    assert difference.abs().max() < 11
    assert difference.std() < 4
    assert np.corrcoef(ours, theirs[ours.index])[0, 1] > 0.995


@pytest.mark.data
def test_umm_alone_says_the_same(real_data: Path, stack: dict[str, Any]) -> None:
    """CMR's own answer has no ASF properties."""
    records = burst_stack(real_data, stack)[:12]
    both = asf.read_scenes(records)
    alone = asf.read_scenes({"items": [{"meta": r["meta"], "umm": r["umm"]} for r in records]})
    same = [
        "name", "product", "path", "orbit", "direction", "polarization", "start_time", "stack",
        "longitude", "url", "perpendicular_baseline",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(alone[same], both[same])
    without = asf.read_scenes([{"properties": r["properties"]} for r in records])
    # no state vectors: as ASF computed, in whole metres
    theirs = [r["properties"]["perpendicularBaseline"] for r in records]
    npt.assert_array_equal(np.sort(without["perpendicular_baseline"]), np.sort(theirs))


@pytest.mark.data
def test_scenes_and_opera_products(real_data: Path) -> None:
    scene = asf.read_scenes(recorded(real_data, "Fairbanks_SLC.yml")).iloc[0]
    assert (scene["product"], scene["stack"]) == ("SLC", "94/210 SLC VV+VH")
    assert (scene["path"], scene["frame"], scene["orbit"]) == (94, 210, 24970)
    assert (scene["direction"], scene["platform"]) == ("ascending", "SENTINEL-1B")
    assert scene["perpendicular_baseline"] == 0
    burst = asf.read_scenes([recorded(real_data, "SLC_BURST.yml")]).iloc[0]
    assert burst["url"].endswith("IW3/VV/5.tiff")
    opera = asf.read_scenes(recorded(real_data, "OPERA_Products.yml"))
    cslc = opera[opera["product"] == "CSLC"].iloc[0]
    assert cslc["stack"] == "T160_342208_IW3 CSLC VV"
    assert opera["perpendicular_baseline"].isna().all()  # these records have no state vectors
    with pytest.raises(ValueError, match="at least two scenes of one burst or frame"):
        asf.pair_list(opera)


@pytest.mark.data
def test_a_year_of_a_burst_is_ordered(
    real_data: Path, stack: dict[str, Any], tmp_path: Path
) -> None:
    scenes = asf.read_scenes(burst_stack(real_data, stack))
    year = scenes[scenes["start_time"].dt.year == 2018]
    pairs = asf.pair_list(year, max_temporal_baseline=12, max_perpendicular_baseline=150)
    assert (pairs["temporal_baseline"].round(3) <= 12).all()
    assert (pairs["perpendicular_baseline"].abs() <= 150).all()
    assert (pairs["reference_time"] < pairs["secondary_time"]).all()
    # times of passes differ by up to a second: those a hair beyond 12 days must stay
    assert (pairs["temporal_baseline"] > 12).any()
    position = year.set_index("name")["perpendicular_baseline"]
    npt.assert_allclose(
        pairs["perpendicular_baseline"],
        position[pairs["secondary"]].to_numpy() - position[pairs["reference"]].to_numpy(),
    )
    summer = asf.pair_list(year, n_next=None, max_temporal_baseline=24, months=(6, 7, 8))
    assert set(summer["secondary_time"].dt.month) <= {6, 7, 8}
    jobs = asf.hyp3_jobs(pairs, looks="5x1", name="pit")
    (path,) = asf.write_hyp3_jobs(jobs, tmp_path / "jobs.json")
    body = json.loads(path.read_text())
    assert len(body["jobs"]) == len(pairs)
    assert body["jobs"][0] == {
        "name": "pit",
        "job_type": "INSAR_ISCE_BURST",
        "job_parameters": {
            "granules": [pairs["reference"][0], pairs["secondary"][0]],
            "looks": "5x1",
            "apply_water_mask": False,
        },
    }
    assert all(len(name) == 43 for name in body["jobs"][0]["job_parameters"]["granules"])
    assert asf.credits(jobs).attrs == {"credits": len(pairs), "months": 1}


# --- records made here ----------------------------------------------------------------------------


def circling(name: str, start: str, offset: float, late: float = 0.0) -> dict[str, Any]:
    """A pass on a circle in the plane of the prime meridian, `offset` m further from the Earth.

    It shows ground at 0° N, 5° E; `late` seconds after the first vector it is abeam.
    """
    radius, turn = 7_070_000.0 + offset, 1.06e-3  # m, rad/s
    begin = np.datetime64(start, "ns")
    attributes = []
    for role, seconds in (("PRE", 0.0), ("POST", 10.0)):
        angle = turn * (seconds - late)
        where = radius * np.array([np.cos(angle), 0, np.sin(angle)])
        speed = radius * turn * np.array([-np.sin(angle), 0, np.cos(angle)])
        moment = str(begin + np.timedelta64(int(seconds * 1e9), "ns"))
        for kind, vector in (("POSITION", where), ("VELOCITY", speed)):
            text = ",".join(f"{part:.6f}" for part in vector) + f",{moment[:26]}"
            attributes.append({"Name": f"SV_{kind}_{role}", "Values": [text]})
    return {
        "properties": {
            "sceneName": name,
            "startTime": f"{start}Z",
            "processingLevel": "BURST",
            "pathNumber": 7,
            "polarization": "VV",
            "centerLat": 0.0,
            "centerLon": 5.0,
            "burst": {"fullBurstID": "007_012345_IW2"},
        },
        "umm": {"AdditionalAttributes": attributes},
    }


def test_baselines_of_circles_are_their_offset_across_the_sight() -> None:
    names = [f"S1_012345_IW2_2022010{i}T000000_VV_0000-BURST" for i in (1, 2, 3, 4)]
    passes = [
        circling(names[0], "2022-01-01T00:00:00", 0, late=4),
        circling(names[1], "2022-01-13T00:00:00", 100, late=6),
        circling(names[2], "2022-01-25T00:00:00", -60, late=14),  # abeam after both vectors
        circling(names[3], "2022-02-06T00:00:00", -60, late=40),  # too far off
    ]
    table = asf.read_scenes(passes)
    ground = np.array(Transformer.from_crs(4979, 4978, always_xy=True).transform(5.0, 0.0, 0.0))
    sight = ground - [7_070_000, 0, 0]
    # an offset along x, seen across a sight in the plane of the equator
    share = abs(sight[1]) / np.hypot(sight[0], sight[1])
    ours = table["perpendicular_baseline"].to_numpy()
    npt.assert_allclose(np.abs(ours[:3]), [0, 100 * share, 60 * share], atol=0.02)  # rounded text
    assert ours[1] * ours[2] < 0
    assert np.isnan(ours[3])
    with pytest.warns(UserWarning, match="kept 1 of 3 pairs whose perpendicular"):
        pairs = asf.pair_list(table)
    npt.assert_allclose(pairs["perpendicular_baseline"][:2], np.diff(ours[:3]))


def scenes_of(days: list[str], bursts: tuple[str, ...] = ("007_012345_IW2",)) -> pd.DataFrame:
    rows = [
        {
            "name": f"S1_{burst.split('_')[1]}_{burst.split('_')[2]}_{day.replace('-', '')}"
            "T000000_VV_ABCD-BURST",
            "product": "BURST",
            "stack": f"{burst} VV",
            "path": 7,
            "polarization": "VV",
            "start_time": pd.Timestamp(day),
            "perpendicular_baseline": 10.0 * number,
        }
        for burst in bursts
        for number, day in enumerate(days)
    ]
    return pd.DataFrame(rows)


def test_pairs_stay_within_their_stack_and_the_limits() -> None:
    scenes = scenes_of(
        ["2022-01-01", "2022-01-13T00:00:02", "2022-02-06", "2022-02-18"],
        ("007_012345_IW2", "007_012346_IW2"),
    )
    pairs = asf.pair_list(scenes, max_temporal_baseline=12)
    assert len(pairs) == 4
    assert list(pairs["stack"].unique()) == ["007_012345_IW2 VV", "007_012346_IW2 VV"]
    assert set(pairs["reference_time"].dt.day) == {1, 6}
    assert len(asf.pair_list(scenes, n_next=None)) == 12
    alone = scenes.iloc[[0, 1, 2, 3, 4]]
    assert len(asf.pair_list(alone)) == 3  # a stack of one has no pair
    with pytest.raises(ValueError, match=r"no pair among 2 stacks.*max_temporal_baseline=12"):
        asf.pair_list(scenes, max_temporal_baseline=6)


def test_merged_bursts_are_lined_up() -> None:
    bursts = ("007_012346_IW2", "007_012345_IW2", "007_012345_IW1")
    pairs = asf.pair_list(scenes_of(["2022-01-01", "2022-01-13", "2022-01-25"], bursts))
    jobs = asf.hyp3_jobs(pairs, looks="10x2", merge_bursts=True, apply_water_mask=True)
    assert [job["job_type"] for job in jobs] == ["INSAR_ISCE_MULTI_BURST"] * 2
    given = jobs[0]["job_parameters"]
    assert [name[:17] for name in given["reference"]] == [
        "S1_012345_IW1_202", "S1_012345_IW2_202", "S1_012346_IW2_202",
    ]  # fmt: skip
    assert [name[:13] for name in given["secondary"]] == [n[:13] for n in given["reference"]]
    assert "20220113" in given["secondary"][0]
    assert (given["looks"], given["apply_water_mask"]) == ("10x2", True)
    table = asf.credits(jobs)
    assert table.iloc[0].to_dict() == {
        "job_type": "INSAR_ISCE_MULTI_BURST", "looks": "10x2", "pairs": 3, "jobs": 2,
        "credits_each": 1, "credits": 2,
    }  # fmt: skip
    apart = asf.pair_list(
        scenes_of(["2022-01-01", "2022-01-13"], ("007_012345_IW2", "007_012347_IW2"))
    )
    with pytest.raises(ValueError, match=r"got IW2 \[12345, 12347\].*leave out merge_bursts"):
        asf.hyp3_jobs(apart, merge_bursts=True)
    many = tuple(f"007_{12300 + i:06d}_IW2" for i in range(16))
    with pytest.raises(ValueError, match="up to 15 bursts, got 16"):
        asf.hyp3_jobs(
            asf.pair_list(scenes_of(["2022-01-01", "2022-01-13"], many)), merge_bursts=True
        )


def test_whole_scenes_go_to_gamma() -> None:
    pairs = pd.DataFrame({"product": ["SLC"], "reference": ["S1A_a"], "secondary": ["S1A_b"]})
    (job,) = asf.hyp3_jobs(pairs, looks="10x2")
    assert (job["job_type"], job["job_parameters"]["granules"]) == (
        "INSAR_GAMMA",
        ["S1A_a", "S1A_b"],
    )
    assert asf.credits([job]).attrs["credits"] == 15
    with pytest.raises(ValueError, match=r"SLC pairs with looks \['20x4', '10x2'\], got '5x1'"):
        asf.hyp3_jobs(pairs, looks="5x1")
    with pytest.raises(ValueError, match=r"open them with sources.slc.open_stack"):
        asf.hyp3_jobs(pairs.assign(product="CSLC"))
    with pytest.raises(ValueError, match="up to 100 characters, got 101"):
        asf.hyp3_jobs(pairs, name="x" * 101)


@pytest.mark.parametrize(
    ("looks", "prices"),
    [
        ("20x4", {1: 1, 4: 1, 5: 5, 15: 5}),
        ("10x2", {1: 1, 3: 1, 4: 5, 9: 5, 10: 10, 15: 10}),
        ("5x1", {1: 1, 2: 5, 3: 10, 10: 45, 11: 90, 15: 110}),
    ],
)
def test_prices_are_those_of_the_table(looks: str, prices: dict[int, int]) -> None:
    for size, price in prices.items():
        names = [f"b{i}" for i in range(size)]
        job = {
            "job_type": "INSAR_ISCE_MULTI_BURST",
            "job_parameters": {"reference": names, "secondary": names, "looks": looks},
        }
        assert asf.credits([job] * 3, monthly=price).attrs == {"credits": 3 * price, "months": 3}
    job["job_parameters"]["looks"] = "1x1"
    with pytest.raises(KeyError, match="no price of INSAR_ISCE_MULTI_BURST with looks '1x1'"):
        asf.credits([job])


def test_files_and_what_is_none(tmp_path: Path) -> None:
    item = circling("S1_012345_IW2_20220101T000000_VV_0000-BURST", "2022-01-01T00:00:00", 0)
    path = tmp_path / "search.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [item, item]}))
    assert len(asf.read_scenes(path)) == 1  # listed twice
    assert len(mw.sources.asf.read_scenes(str(path))) == 1
    with pytest.raises(FileNotFoundError, match="save the search result as GeoJSON"):
        asf.read_scenes(tmp_path / "none.geojson")
    with pytest.raises(ValueError, match="give GeoJSON features or UMM-JSON items"):
        asf.read_scenes([])
    with pytest.raises(ValueError, match=r"no name \(sceneName, or GranuleUR in umm\)"):
        asf.read_scenes([{"properties": {"startTime": "2022-01-01"}}])
    assert asf.read_scenes([{"properties": {"sceneName": "a"}}])["start_time"].isna().all()
    with pytest.raises(ValueError, match=r"make them with hyp3_jobs\(pairs\)"):
        asf.write_hyp3_jobs([], path)


@pytest.mark.parametrize(
    "record",
    [
        None,
        "text",
        {"properties": [1]},
        {"properties": {"sceneName": "a", "startTime": "yesterday"}},
        {"properties": {"sceneName": "a", "pathNumber": "x"}},
        {
            "umm": {
                "GranuleUR": "a",
                "AdditionalAttributes": [{"Name": "PATH_NUMBER", "Values": []}],
            }
        },
        {"umm": {"GranuleUR": "a", "TemporalExtent": None}},
    ],
)
def test_a_record_that_is_none_is_named_by_its_number(record: object) -> None:
    good = {"properties": {"sceneName": "b"}}
    with pytest.raises(ValueError, match="cannot read record 1: "):
        asf.read_scenes([good, record])  # type: ignore[list-item]


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "search.geojson").write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        asf.read_scenes(tmp_path / "search.geojson")
    with pytest.raises(ValueError, match="needs a list of records"):
        asf.read_scenes({"items": 5})


def test_times_of_other_zones_become_utc() -> None:
    record = {"properties": {"sceneName": "a", "startTime": "2018-08-15T17:15:59+02:00"}}
    table = asf.read_scenes([record])
    assert str(table.start_time[0]) == "2018-08-15 15:15:59"
