"""Areas from labelled points: closed forms, files as they come back, and refusals."""

from __future__ import annotations

import json
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr

from minewatch import estimates
from minewatch.workflows import AreaSettings, area_run
from minewatch.workflows.mapping_points import write_points


def labelled() -> pd.DataFrame:
    """Ten points in each stratum: eight of 100 ha right, nine of 900 ha."""
    return pd.DataFrame(
        {
            "stratum": [1] * 10 + [0] * 10,
            "stratum_ha": [100.0] * 10 + [900.0] * 10,
            "total_ha": 1000.0,
            "label": [1] * 8 + [0] * 2 + [0] * 9 + [1],
        }
    )


def run(table: pd.DataFrame, folder: Path, **given: object) -> pd.DataFrame:
    table.to_csv(folder / "points.csv", index=False)
    result = area_run(
        AreaSettings(points=str(folder / "points.csv"), output=str(folder / "out"), **given)
    )
    assert all(path.exists() for path in result.files.values())
    return pd.read_csv(result.folder / "area.csv").set_index("name")


def test_areas_and_errors_are_those_of_olofsson(tmp_path: Path) -> None:
    found = run(labelled(), tmp_path)
    # p = 0.1·0.8 + 0.9·0.1; V = Σ W²·p(1−p)/(n−1)
    share, error = 0.17, np.sqrt(0.01 * 0.16 / 9 + 0.81 * 0.09 / 9)
    mine = found.loc["mine"]
    assert mine.area_ha == pytest.approx(1000 * share)
    assert mine.area_se_ha == pytest.approx(1000 * error)
    assert mine.area_high_ha == pytest.approx(1000 * (share + 1.959964 * error))
    assert mine.area_low_ha == 0  # no area is negative
    assert mine.mapped_ha == 100
    assert mine.users_accuracy == pytest.approx(0.8)
    assert mine.users_se == pytest.approx(np.sqrt(0.16 / 9))
    assert mine.producers_accuracy == pytest.approx(0.08 / 0.17)
    facts = json.loads((tmp_path / "out" / "area.json").read_text())
    assert facts["overall_accuracy"] == pytest.approx(0.1 * 0.8 + 0.9 * 0.9)
    assert facts["overall_se"] == pytest.approx(error)
    assert facts["confidence"] == 0.95


@pytest.mark.parametrize("ending", ["geojson", "gpkg"])
def test_points_come_back_as_they_are_labelled(tmp_path: Path, ending: str) -> None:
    """Drawn, written, labelled with text and gaps, read: the same as without the files."""
    rng = np.random.default_rng(5)
    grid = {"y": 10.0 * np.arange(60)[::-1], "x": 10.0 * np.arange(80)}
    truth = xr.DataArray((rng.uniform(size=(60, 80)) < 0.2).astype("u1"), grid, ("y", "x"))
    mapped = truth.copy(data=np.where(rng.uniform(size=truth.shape) < 0.1, 1 - truth, truth))
    points = estimates.sample_design(
        mapped.rio.write_crs("EPSG:32721"), size=200, minimum=60, seed=1
    )
    path = tmp_path / f"points.{ending}"
    write_points(points, path)
    file = gpd.read_file(path)
    assert file["label"].isna().all()
    assert {"stratum", "weight", "stratum_ha", "total_ha", "stratum_pixels"} <= set(file)
    at = {"y": xr.DataArray(file["y"].values), "x": xr.DataArray(file["x"].values)}
    label = truth.sel(at, method="nearest").values
    file["label"] = [str(code) for code in label]
    file.loc[[3, 50], "label"] = ["", None]
    driver = {"geojson": "GeoJSON", "gpkg": "GPKG"}[ending]
    file.to_file(path, driver=driver)
    with pytest.warns(UserWarning, match="2 of 200 points have no reference"):
        result = area_run(AreaSettings(points=str(path), output=str(tmp_path / "out")))
    found = pd.read_csv(result.folder / "area.csv").set_index("name")
    by_number = pd.Series(label, index=file["point"]).drop(file["point"][[3, 50]])
    points["reference"] = points["point"].map(by_number).astype("Int64")
    with pytest.warns(UserWarning, match="2 of 200"):
        expected = estimates.stratified_area(points)
    for name in ("area_ha", "area_se_ha", "users_accuracy", "producers_accuracy"):
        assert found.loc["mine", name] == pytest.approx(expected.loc[1, name], rel=1e-6)
    assert "ha (95 %:" in result.summary["area of mine"]
    assert found.loc["mine", "area_low_ha"] < float(truth.sum()) / 100
    assert found.loc["mine", "area_high_ha"] > float(truth.sum()) / 100


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (labelled().drop(columns="stratum_ha"), "without the design by which they were drawn"),
        (
            pd.DataFrame({"reference": [0, 1], "predicted": [0, 1], "count": [90, 10]}),
            "without the design by which they were drawn",
        ),
        (labelled().assign(label=None), "no point of .* has a label; write 1"),
        (labelled().assign(label=" "), "no point of .* has a label"),
        (labelled().assign(label="mine"), r"holds \['mine'\]; write 1 for a mine"),
        (labelled().assign(label=7), r"holds \['7.*'\]; write 1 for a mine"),
        (labelled().iloc[:10], "a stratum is missing"),
    ],
)
def test_what_is_no_labelled_sample_is_refused(
    tmp_path: Path, table: pd.DataFrame, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        run(table, tmp_path)
    assert not (tmp_path / "out").exists()


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="has no column 'truth'; it has stratum"):
        run(labelled(), tmp_path, label="truth")
    with pytest.raises(ValueError, match="confidence=2 is no share"):
        run(labelled(), tmp_path, confidence=2)
    (tmp_path / "text.gpkg").write_text("mine")
    with pytest.raises(ValueError, match="is no file of points that can be read"):
        area_run(AreaSettings(points=str(tmp_path / "text.gpkg"), output=str(tmp_path / "o")))
