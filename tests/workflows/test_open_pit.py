"""The two published methods, each as one run, on the simulated open pit."""

from __future__ import annotations

import dataclasses
import json
import typing
import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
from numpy import testing as npt
from scipy import ndimage
from shapely.geometry import box

from minewatch import simulate, store, vectors
from minewatch.workflows import (
    PRESETS,
    ActivitySettings,
    Result,
    activity_run,
    read_settings,
    write_settings,
)
from minewatch.workflows.activity_inputs import open_coherence
from minewatch.workflows.activity_layers import exclusion_of
from minewatch.workflows.activity_settings import whole_numbers

MASKS = {
    "ndvi": "ndvi.tif",
    "mndwi": "mndwi.tif",
    "backscatter": "sigma0.tif",
    "elevation": "elevation.tif",
}


@pytest.fixture(scope="module")
def pit() -> simulate.OpenPit:
    return simulate.open_pit(seed=42, size=144)


@pytest.fixture(scope="module")
def files(pit: simulate.OpenPit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pit")
    simulate.write_open_pit(pit, folder)
    return folder


def run_of(files: Path, output: Path, preset: str, **given: object) -> Result:
    layers = {key: str(files / name) for key, name in MASKS.items()}
    settings = read_settings(
        ActivitySettings,
        preset=PRESETS[preset],
        input=str(files / "slc"),
        output=str(output),
        look_azimuth=78.0,
        zones=str(files / "zones.geojson"),
        concessions=str(files / "concession.geojson"),
        **layers,
        **given,
    )
    return activity_run(settings)


@pytest.fixture(scope="module")
def kavats(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    return run_of(
        files,
        tmp_path_factory.mktemp("kavats") / "run",
        "kavats",
        dsm_before=str(files / "dsm_before.tif"),
        dsm_after=str(files / "dsm_after.tif"),
        dsm_dates=("2022-06-06", "2022-09-06"),
        displacement=str(files / "displacement.tif"),
    )


@pytest.fixture(scope="module")
def emitted(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    with pytest.warns(UserWarning, match="refuses 1 prediction"):  # of the largest mine
        return run_of(
            files,
            tmp_path_factory.mktemp("emitted") / "run",
            "climate_trace",
            stable_within="scene",
            confidence=0.9,
            years="2020-2022",
            production=str(files / "production.csv"),
            inventory=str(files / "inventory.csv"),
            factors=str(files / "factors.csv"),
            country="FIN",
        )


def summary_of(run: Result) -> dict[str, object]:
    found: dict[str, object] = json.loads((run.folder / "summary.json").read_text())
    return found


# Kavats et al.: activity and stability


def test_the_pairs_lost_to_weather_are_found_exactly(pit: simulate.OpenPit, kavats: Result) -> None:
    pairs = pd.read_csv(kavats.folder / "pairs.csv")
    assert len(pairs) == 43
    lost = pit.weather_dropped
    expected = {str(day)[:10] for day in lost.secondary_time.values[lost.values]}
    assert set(pairs.secondary[~pairs.keep]) == expected


def test_the_baseline_explains_coherence_and_not_ndai(kavats: Result) -> None:
    """Kavats et al., Fig. 6: coherence falls with the baseline, NDAI of stable ground does not."""
    found = summary_of(kavats)
    coherence, ndai = found["baseline_regression"], found["baseline_regression_ndai"]
    assert isinstance(coherence, dict)
    assert isinstance(ndai, dict)
    assert coherence["n"] == ndai["n"] == 39
    assert coherence["r_upper"] < 0
    # Coherence falls by some 0.03 in 100 m; of NDAI, Jensen's bias of the noisier pairs is left.
    assert abs(ndai["slope"]) < 0.05 * abs(coherence["slope"])


def test_the_index_is_that_of_the_simulation(pit: simulate.OpenPit, kavats: Result) -> None:
    tai = store.open_cube(kavats.folder / "tai.zarr").tai.values
    share = pit.activity_share.values
    inner = ndimage.binary_erosion(pit.ground.values == simulate_code(pit, "pit"), np.ones((7, 21)))
    # One window inside the pit, which is worked in every pair, a sample in 1000 may look quiet.
    assert np.nanmean(tai[inner]) >= 0.99
    rock = ndimage.binary_erosion(pit.ground.values == simulate_code(pit, "rock"), np.ones((7, 21)))
    assert (tai[rock & (share == 0)] == 0).mean() >= 0.98


def simulate_code(pit: simulate.OpenPit, name: str) -> int:
    flags = pit.ground.attrs
    return dict(zip(flags["flag_meanings"].split(), flags["flag_values"], strict=True))[name]


def test_every_product_of_the_paper_is_there(kavats: Result) -> None:
    for name in (
        "pairs.csv", "mean_ndai.zarr", "tai.tif", "tai_by_year.tif", "activity.geojson",
        "stability.geojson", "zones.csv", "zone_series.csv", "zone_boxes.csv",
        "elevation_change.tif", "excluded.tif", "choices.csv",
    ):  # fmt: skip
        assert (kavats.folder / name).exists(), name
    page = (kavats.folder / "report.html").read_text()
    for heading in (
        "Stable ground", "Which pairs were used", "The threshold", "What hangs on the choices",
        "What was left out", "Each year by itself", "Zone by zone", "Against elevation change",
        "Against displacement",
    ):  # fmt: skip
        assert f"<h2>{heading}</h2>" in page
    assert page.count("data:image/png;base64,") >= 12


def test_each_season_has_its_map_and_all_pool_the_dates(kavats: Result) -> None:
    years = store.open_cube(kavats.folder / "tai_by_year.zarr").load()
    pooled = store.open_cube(kavats.folder / "tai.zarr").load()
    assert years.year.values.tolist() == [2018, 2019, 2020, 2021, 2022]
    npt.assert_array_equal(years.exceeded.sum("year"), pooled.exceeded)
    npt.assert_array_equal(years.observed.sum("year"), pooled.observed)
    with rasterio.open(kavats.folder / "tai_by_year.tif") as file:
        assert file.descriptions == ("2018", "2019", "2020", "2021", "2022")


def test_what_is_masked_is_nowhere_active_and_told_by_reason(
    pit: simulate.OpenPit, kavats: Result
) -> None:
    tai = store.open_cube(kavats.folder / "tai.zarr").load()
    green = pit.ndvi.values > 0.4
    assert (tai.activity.values[green] == 255).all()
    assert np.isnan(tai.tai.values[green]).all()
    hectares = summary_of(kavats)["excluded_ha"]
    assert isinstance(hectares, dict)
    cell = 50 / 1e4  # 5 m × 10 m in ha
    assert sum(hectares.values()) == pytest.approx(tai.tai.size * cell)
    assert sum(hectares.values()) - hectares["kept"] == pytest.approx(
        (tai.activity.values == 255).sum() * cell
    )


def test_zones_are_told_one_by_one(pit: simulate.OpenPit, kavats: Result) -> None:
    zones = pd.read_csv(kavats.folder / "zones.csv").set_index("name")
    assert list(zones.index) == list(pit.zones.name)
    assert (zones.active_ha_lower <= zones.active_ha).all()
    assert (zones.active_ha <= zones.active_ha_upper).all()
    assert zones.active_ha["A1"] >= 0.9 * zones.area_ha["A1"]
    assert zones.active_ha["S1"] == 0
    series = pd.read_csv(kavats.folder / "zone_series.csv")
    assert set(series.zone) == set(zones.index)
    assert len(series) == 39 * len(zones)  # kept pairs
    one = series[series.zone == "A1"]
    boxes = pd.read_csv(kavats.folder / "zone_boxes.csv").set_index("zone")
    assert boxes["median"]["A1"] == pytest.approx(one["max"].median(), abs=1e-6)


def test_zones_run_without_what_is_masked(kavats: Result, pit: simulate.OpenPit) -> None:
    coherence = store.open_cube(kavats.folder / "coherence.zarr", name="coherence")
    ledger = store.open_cube(kavats.folder / "ledger.zarr").load()
    activity_map = store.open_cube(kavats.folder / "tai.zarr").activity
    with rasterio.open(kavats.folder / "excluded.tif") as file:
        kept = file.read(1) == 0
    series = pd.read_csv(kavats.folder / "zone_series.csv").set_index(["zone", "secondary"])
    for name in ("A1", "S2"):
        zone = pit.zones[pit.zones.name == name]
        inside = vectors.rasterize(zone, like=activity_map).values & kept
        pair = int(np.flatnonzero(ledger.keep.values)[3])
        level = float(ledger.stable_mean[pair])
        values = coherence.isel(pair=pair).values[inside]
        date = str(ledger.secondary_time.values[pair])[:10]
        expected = ((level - values) / (level + values)).max()
        assert series["max"][name, date] == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_the_page_says_by_what_the_map_was_made(kavats: Result, emitted: Result) -> None:
    page = (kavats.folder / "report.html").read_text()
    assert "As published: a pixel is active if it changed in at least half" in page
    assert "Left out by masks: vegetation, water, radar shadow and layover, ground" in page
    assert "No mask was given" not in page
    assert "EPSG:32635" in page
    other = (emitted.folder / "report.html").read_text()
    assert "lower end of the 90 % interval (Clopper-Pearson)" in other
    assert "fewer than 20 kept pairs" in other
    assert "as that of Korpivaara" in other


def test_elevation_change_agrees_with_activity(kavats: Result) -> None:
    numbers = summary_of(kavats)["elevation"]
    assert isinstance(numbers, dict)
    assert numbers["pairs"] <= 7
    assert numbers["auc"] >= 0.9
    assert numbers["bias"] == pytest.approx(0.3, abs=0.1)  # what the simulator put between them


def test_a_run_can_be_run_again_without_its_preset(kavats: Result, tmp_path: Path) -> None:
    again = read_settings(ActivitySettings, kavats.folder / "run.toml", output=str(tmp_path))
    assert again.rule == "paper"
    assert again.by == "year"
    assert again.dsm_dates == ("2022-06-06", "2022-09-06")


# Jolleys and Duddy: area, production, emissions


def test_areas_of_the_years_are_those_of_the_simulation(
    pit: simulate.OpenPit, emitted: Result
) -> None:
    found = pd.read_csv(emitted.folder / "yearly_areas.csv").set_index("year").area_ha
    truth = pit.production.set_index("year").area_m2 / 1e4
    for year in (2020, 2021, 2022):
        # Windows that straddle the edge of worked ground widen it by up to half a window.
        assert truth[year] * 0.95 <= found[year] <= truth[year] * 1.2


@pytest.mark.slow
def test_colours_add_up_to_the_map(emitted: Result) -> None:
    counts = pd.read_csv(emitted.folder / "colour_counts.csv").set_index("colour")
    with rasterio.open(emitted.folder / "colours.tif") as file:
        codes = file.read(1)
        assert file.colormap(1)[1][:3] != (0, 0, 0)  # red is drawn
    assert counts.pixels.sum() == (codes != 255).sum()
    years = pd.read_csv(emitted.folder / "yearly_areas.csv").set_index("year")
    first = counts.pixels[["red", "magenta", "yellow", "white"]].sum()
    assert years.pixels[2020] == first


def test_the_year_without_a_report_is_estimated_and_told_as_such(
    pit: simulate.OpenPit, emitted: Result
) -> None:
    made = pd.read_csv(emitted.folder / "production.csv").set_index("year")
    assert made.source[2020] == "reported"
    assert made.confidence[2020] == "high"
    assert made.source[2021].startswith("own ratio of 2")
    truth = pit.production.set_index("year").production_t[2021]
    assert made.production_t[2021] == pytest.approx(truth, rel=0.15)
    assert made.production_std_t[2021] > 0


def test_emissions_are_ore_times_factor_with_both_spreads(emitted: Result) -> None:
    table = pd.read_csv(emitted.folder / "emissions.csv").set_index("year")
    row = table.loc[2021]
    assert row.emissions_tco2e == pytest.approx(row.production_t * row.emission_factor)
    goodman = (
        (row.production_t * row.emission_factor_std) ** 2
        + (row.emission_factor * row.production_std_t) ** 2
        + (row.production_std_t * row.emission_factor_std) ** 2
    )
    assert row.emissions_std == pytest.approx(np.sqrt(goodman))
    traced = pd.read_csv(emitted.folder / "climate_trace.csv")
    assert traced.emissions_quantity.notna().all()
    assert traced.capacity.isna().all()  # unknown, and unknown is not 0


@pytest.mark.slow
def test_choices_are_ranked(emitted: Result) -> None:
    table = pd.read_csv(emitted.folder / "choices.csv")
    assert {"default", "otsu", "fixed 0.2", "stable 0.9/0.1"} <= set(table.choice)
    assert summary_of(emitted)["choice_that_matters_most"] in set(table.varies.dropna())


# The site


@pytest.mark.slow
def test_a_site_cuts_the_map_and_what_is_read(files: Path, tmp_path: Path) -> None:
    settings = ActivitySettings(
        input=str(files / "slc"),
        output=str(tmp_path / "run"),
        site=str(files / "concession.geojson"),
        margin=100.0,
        stable_within="site",
        max_temporal_baseline=36.0,
        choices=False,
    )
    run = activity_run(settings)
    tai = store.open_cube(run.folder / "tai.zarr").load()
    excluded = store.open_cube(run.folder / "tai.zarr").activity.values == 255
    with rasterio.open(run.folder / "excluded.tif") as file:
        codes = file.read(1)
    npt.assert_array_equal(excluded, codes > 0)
    assert set(np.unique(codes)) == {0, 6}
    assert not tai.stable.values[codes == 6].any()
    assert not (run.folder / "choices.csv").exists()


def test_a_box_elsewhere_is_refused_before_anything_is_mapped(files: Path, tmp_path: Path) -> None:
    settings = ActivitySettings(
        input=str(files / "slc"), output=str(tmp_path / "run"), bbox=(10.0, 50.0, 10.1, 50.1)
    )
    with pytest.raises(ValueError, match="does not meet the coherence"):
        activity_run(settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"years": "2020,2021"}, "a colour map has three"),
        ({"months": "may"}, "write e.g. 5-9"),
        ({"stable_within": "site"}, "needs to know the site"),
        ({"dsm_before": "here.tif"}, "dsm_before needs dsm_after as well"),
        ({"bbox": (3.0, 0.0, 1.0, 2.0)}, "is no box"),
        ({"threshold": "high"}, "use 'kde_valley', 'otsu' or a number"),
        ({"zones": "nowhere.geojson"}, "zones 'nowhere.geojson' does not exist"),
        ({"months": "13"}, "are 1 to 12"),
        ({"confidence": 95.0}, "above 0 and below 1"),
        ({"threshold": "nan"}, "above -1 and below 1"),
        ({"margin": -1.0}, "0 or more"),
        ({"elevation": "elevation.tif"}, "about 78 on ascending"),
        ({"production": "production.csv"}, "production needs years as well"),
        ({"factors": "factors.csv"}, "factors needs production as well"),
        ({"concessions": "concession.geojson"}, "concessions needs zones as well"),
        ({"other_track": "slc"}, "holds no tai.zarr"),
        ({"ndvi": "zones.geojson"}, "is no raster that GDAL can open"),
        ({"displacement": "placeless.tif"}, "has no CRS; set it"),
        (
            {
                "dsm_before": "dsm_before.tif",
                "dsm_after": "dsm_after.tif",
                "dsm_dates": ("June", "July 7"),
            },
            "'June', which is no date",
        ),
        ({"years": "2020-2022", "production": "factors.csv"}, "lacks the columns"),
        ({"years": "2020-2022", "production": "empty.csv"}, "is no table"),
        (
            {"years": "2020-2022", "production": "production.csv", "factors": "inventory.csv"},
            "lacks the columns ..level",
        ),
    ],
)
def test_a_wrong_setting_is_found_before_anything_is_read(
    files: Path, tmp_path: Path, given: dict[str, object], said: str
) -> None:
    settings = ActivitySettings(input=str(files / "slc"), output=str(tmp_path / "run"))
    (files / "empty.csv").touch()
    bare = xr.DataArray(np.ones((1, 4, 4), "float32"), dims=("band", "y", "x"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it lies nowhere
        bare.rio.to_raster(files / "placeless.tif")
    given = {  # names of files that are there stand for the files
        key: str(files / str(value)) if (files / str(value)).exists() else value
        for key, value in given.items()
    }
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        activity_run(dataclasses.replace(settings, **given))
    assert not (tmp_path / "run").exists()


def test_what_lies_elsewhere_or_was_another_time_is_refused_before_coherence_is_made(
    files: Path, tmp_path: Path
) -> None:
    settings = ActivitySettings(input=str(files / "slc"), output=str(tmp_path / "run"))
    with rasterio.open(files / "ndvi.tif") as file:
        profile, values = file.profile, file.read()
    away = {**profile, "transform": rasterio.Affine.translation(1e5, 0) @ profile["transform"]}
    with rasterio.open(files / "away.tif", "w", **away) as file:
        file.write(values)
    with rasterio.open(files / "nothing.tif", "w", **profile) as file:
        file.write(np.full_like(values, np.nan))
    far = gpd.GeoDataFrame({"name": ["far"]}, geometry=[box(20, 50, 20.1, 50.1)], crs=4326)
    far.to_file(files / "far.geojson")
    for given, said in (
        ({"ndvi": "away.tif"}, "ndvi says nothing of the ground"),
        ({"ndvi": "nothing.tif"}, "ndvi says nothing of the ground"),
        ({"elevation": "away.tif", "look_azimuth": 78.0}, "elevation says nothing of the ground"),
        ({"displacement": "away.tif"}, "displacement '.*' does not meet the map"),
        ({"zones": "far.geojson"}, "none of the zones .* meets the map"),
        ({"years": "2010-2012"}, "have no pair; there are"),
    ):
        named = {
            key: str(files / str(value)) if (files / str(value)).exists() else value
            for key, value in given.items()
        }
        with pytest.raises(ValueError, match=said):
            activity_run(dataclasses.replace(settings, **named))
        assert not any((tmp_path / "run").iterdir())


def test_a_mask_that_knows_a_part_says_how_much(files: Path, tmp_path: Path) -> None:
    with rasterio.open(files / "ndvi.tif") as file:
        profile, values = file.profile, file.read()
    values[:, : values.shape[1] // 2] = np.nan
    with rasterio.open(files / "half.tif", "w", **profile) as file:
        file.write(values)
    settings = ActivitySettings(
        input=str(files / "slc"), output=str(tmp_path / "run"), ndvi=str(files / "half.tif")
    )
    with pytest.warns(UserWarning, match="ndvi is known on 50 %"):
        exclusion_of(settings, open_coherence(settings))


def test_months_and_years_are_read_as_people_write_them() -> None:
    assert whole_numbers("5-9", setting="months") == (5, 6, 7, 8, 9)
    assert whole_numbers("11,12,1", setting="months") == (11, 12, 1)
    assert whole_numbers(None, setting="months") is None
    with pytest.raises(ValueError, match="months '9-5' is not understood"):
        whole_numbers("9-5", setting="months")


@pytest.mark.slow
def test_the_other_track_is_laid_beside(kavats: Result, files: Path, tmp_path: Path) -> None:
    run = activity_run(
        ActivitySettings(
            input=str(kavats.folder / "coherence.zarr"),
            output=str(tmp_path / "run"),
            other_track=str(kavats.folder),
            choices=False,
        )
    )
    with rasterio.open(run.folder / "agreement.tif") as file:
        both = file.read(1)
    own = store.open_cube(run.folder / "tai.zarr").activity.values
    other = store.open_cube(kavats.folder / "tai.zarr").activity.values
    npt.assert_array_equal(both == 255, (own == 255) & (other == 255))  # seen by neither
    assert isinstance(summary_of(run)["agreement"], list)
    assert xr.open_zarr(run.folder / "tai.zarr", consolidated=False).sizes["x"] == both.shape[1]


@pytest.mark.slow
def test_what_an_earlier_run_left_is_not_mixed_with_a_new_one(
    kavats: Result, files: Path, tmp_path: Path
) -> None:
    settings = ActivitySettings(
        input=str(kavats.folder / "coherence.zarr"),
        output=str(tmp_path / "run"),
        zones=str(files / "zones.geojson"),
        by="year",
        choices=False,
    )
    first = activity_run(settings)
    (first.folder / "notes.txt").write_text("mine")
    assert (first.folder / "zones.csv").exists()
    area = store.open_cube(first.folder / "tai.zarr").tai.load()
    again = activity_run(  # of its own coherence, which it writes anew
        dataclasses.replace(
            settings,
            input=str(first.folder / "coherence.zarr"),
            zones=None,
            by="season",
            overwrite=True,
        )
    )
    left = {path.name for path in again.folder.iterdir()}
    assert not left & {"zones.csv", "zone_series.csv", "tai_by_year.zarr", "areas_by_year.csv"}
    assert {"notes.txt", "tai_by_season.zarr", "tai_by_season.tif"} <= left
    npt.assert_array_equal(store.open_cube(again.folder / "tai.zarr").tai, area)


@pytest.mark.parametrize(
    ("setting", "name", "change", "said"),
    [
        ("ndvi", "ndvi.tif", lambda v: v * 10_000, "divide it by its scale"),
        ("backscatter", "sigma0.tif", lambda v: 10 * np.log10(v), "turn dB into power"),
    ],
)
def test_rasters_in_other_units_are_refused(
    files: Path, tmp_path: Path, setting: str, name: str, change: Any, said: str
) -> None:
    with rasterio.open(files / name) as file:
        profile, values = file.profile, file.read()
    with rasterio.open(tmp_path / name, "w", **profile) as file:
        file.write(change(values))
    settings = ActivitySettings(input=str(files / "slc"), **{setting: str(tmp_path / name)})
    with pytest.raises(ValueError, match=said):
        exclusion_of(settings, open_coherence(settings))


def test_every_setting_survives_the_file_that_a_run_leaves(tmp_path: Path) -> None:
    given: dict[str, Any] = {}
    for field, hint in typing.get_type_hints(ActivitySettings).items():
        kinds = [one for one in typing.get_args(hint) if one is not type(None)] or [hint]
        kind = kinds[0] if len(kinds) == 1 else hint
        if typing.get_origin(hint) is typing.Literal:
            given[field] = typing.get_args(hint)[-1]
        elif typing.get_origin(kind) is typing.Literal:
            given[field] = typing.get_args(kind)[-1]
        elif "tuple" in str(kind):
            numbers = {"bbox": (1.5, 2.0, 3.0, 4.0), "dsm_dates": ("2022-06-06", "2022-09-06")}
            given[field] = numbers.get(field, (2, 7))
        else:
            given[field] = {str: "/ä 'b\" c", float: 0.25, int: 7, bool: True}[kind]
    settings = ActivitySettings(**given)
    path = write_settings(settings, tmp_path / "run.toml")
    assert read_settings(ActivitySettings, path) == settings
    assert read_settings(ActivitySettings, path, preset=PRESETS["kavats"]) == settings
