"""Stacks of covariates: what goes in, under which name, and what is said about the rest."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import rasterio.features
import xarray as xr
from numpy import testing as npt
from oracles_optical import ODD, layer, lazy_and_blind
from scipy import stats

from minewatch import indices, radar
from minewatch.features import (
    feature_stack,
    fusion_stack,
    moments,
    standardise,
    temporal_spread,
    to_grid,
)
from minewatch.grids import coordinates, geobox, resample

OPTICAL = (
    "blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08", "swir16", "swir22",
)  # fmt: skip
LANDSAT = ("blue", "green", "red", "nir", "swir16", "swir22")


@pytest.fixture
def scenes(rng: np.random.Generator) -> dict[str, xr.Dataset]:
    def images(*names: str, high: float = 0.6) -> xr.Dataset:
        return xr.Dataset(
            {n: layer(rng.uniform(0.01, high, (23, 19)).astype("f4"), n) for n in names}
        )

    return {
        "sentinel2": images(*OPTICAL).assign(quality=layer(np.full((23, 19), 4, "u1"))),
        "landsat8": images(*LANDSAT),
        "sentinel1": images("vv", "vh", high=0.3),
        "palsar": images("hh", "hv", high=0.3),
    }


def fused(scenes: dict[str, xr.Dataset], **more: Any) -> xr.Dataset:
    before = {"sentinel1_before": scenes["sentinel1"] * 2, "palsar_before": scenes["palsar"] * 2}
    return fusion_stack(**{**scenes, **before, "vv_max": 0.3, "hh_max": 0.3, **more})


def test_fusion_stack_has_the_45_covariates(scenes: dict[str, xr.Dataset]) -> None:
    stack = fused(scenes)
    bands = [
        *(f"s2_{name}" for name in OPTICAL[:8]),
        *(f"l8_{name}" for name in LANDSAT[:5]),
        "s1_vv", "s1_vh", "palsar_hh", "palsar_hv",
    ]  # fmt: skip
    optical = [
        f"{sensor}_{name}"
        for sensor in ("s2", "l8")
        for name in (
            "ndsv_scalar", "bsi", "ndsi", "msavi", "mbsi", "ndwi", "ci", "bi", "ri",
            "mswi_surrogate", "mmfi_surrogate",
        )
    ]  # fmt: skip
    microwave = [f"{s}_{name}" for s in ("s1", "palsar") for name in ("rfdi", "ndi", "dpsvi")]
    assert (len(bands), len(optical), len(microwave)) == (17, 22, 6)
    assert list(stack) == bands + optical + microwave
    assert len(stack) == 45
    assert all(one.dtype == "float32" and one.dims == ("y", "x") for one in stack.values())
    assert stack.attrs["surrogates"] == [name for name in stack if name.endswith("_surrogate")]
    assert "duplicates" not in stack.attrs


def test_fusion_stack_holds_what_its_names_say(scenes: dict[str, xr.Dataset]) -> None:
    stack = fused(scenes)
    s2, s1, hh = scenes["sentinel2"], scenes["sentinel1"], scenes["palsar"]
    npt.assert_array_equal(stack.s2_red, s2.red)
    npt.assert_array_equal(stack.s2_bsi, indices.bsi(s2.blue, s2.red, s2.nir, s2.swir16))
    npt.assert_array_equal(
        stack.s2_ndsv_scalar, indices.ndsv_scalar(*(s2[name] for name in OPTICAL[:8]))
    )
    assert len(stack.l8_ndsv_scalar.attrs["bands"]) == 5
    npt.assert_array_equal(stack.s1_vv, radar.to_db(s1.vv))
    assert stack.s1_vv.attrs["units"] == "dB"
    npt.assert_array_equal(stack.palsar_dpsvi, radar.dpsvi(hh.hh, hh.hv, vv_max=0.3))
    npt.assert_allclose(stack.s1_ndi, 1 / 3, rtol=1e-6)  # half of what it was before


def test_fusion_without_earlier_images_repeats_rfdi_and_says_so(
    scenes: dict[str, xr.Dataset],
) -> None:
    with pytest.warns(UserWarning, match="pass sentinel1_before="):
        stack = fused(scenes, sentinel1_before=None)
    npt.assert_array_equal(stack.s1_ndi, stack.s1_rfdi)
    assert stack.attrs["duplicates"] == ["s1_ndi"]
    assert (stack.palsar_ndi != stack.palsar_rfdi).all()


def test_fusion_takes_a_formula_of_the_user(scenes: dict[str, xr.Dataset]) -> None:
    mine = indices.register("mswi", lambda red, blue: red / blue, ["red", "blue"], source="own")
    stack = fused(scenes, registry=mine)
    assert len(stack) == 45
    npt.assert_allclose(
        stack.s2_mswi, scenes["sentinel2"].red / scenes["sentinel2"].blue, rtol=1e-6
    )
    assert stack.attrs["surrogates"] == ["s2_mmfi_surrogate", "l8_mmfi_surrogate"]


@pytest.mark.parametrize(
    "sensors", [["sentinel2"], ["sentinel1"], ["palsar"], ["landsat8"], ["sentinel2", "palsar"]]
)
def test_fusion_takes_any_subset_of_the_sensors(
    scenes: dict[str, xr.Dataset], sensors: list[str]
) -> None:
    whole = fused(scenes)
    prefixes = {"sentinel2": "s2", "landsat8": "l8", "sentinel1": "s1", "palsar": "palsar"}
    absent: dict[str, Any] = {name: None for name in scenes if name not in sensors}
    brightest = {"sentinel1": "vv_max", "palsar": "hh_max"}
    absent |= {brightest[name]: None for name in absent if name in brightest}
    stack = fused(scenes, **absent)
    kept = [name for name in whole if name.split("_")[0] in {prefixes[each] for each in sensors}]
    assert list(stack) == kept
    assert {*stack, *stack.attrs["left_out"]} == set(whole)
    assert len(stack) + len(stack.attrs["left_out"]) == 45
    for name in stack:
        xr.testing.assert_identical(stack[name], whole[name])


def test_fusion_needs_a_sensor_and_the_brightest_power_of_a_radar(
    scenes: dict[str, xr.Dataset],
) -> None:
    with pytest.raises(ValueError, match=r"pass e\.g\. sentinel2=composite"):
        fusion_stack()
    with pytest.raises(ValueError, match=r"pass hh_max=minewatch\.radar\.vv_maximum\(scene\.hh\)"):
        fusion_stack(palsar=scenes["palsar"], sentinel1=None)


def on_grid(scene: xr.Dataset, resolution: float) -> xr.Dataset:
    """Layers on pixels of this size, with a CRS that a projection library knows."""
    rows, columns = scene.sizes["y"], scene.sizes["x"]
    box = (0, 0, columns * resolution, rows * resolution)
    grid = geobox(box, crs="EPSG:32721", resolution=resolution)
    bare = {name: (("y", "x"), layer.values, layer.attrs) for name, layer in scene.items()}
    return xr.Dataset(bare, coords=coordinates(grid))


def test_sensors_on_two_grids_meet_where_asked(scenes: dict[str, xr.Dataset]) -> None:
    optical = on_grid(scenes["sentinel2"].drop_vars("quality"), 10)
    coarse = {name: on_grid(scenes[name], 25) for name in ("sentinel1", "palsar")}
    more = {"vv_max": 0.3, "hh_max": 0.3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NDI of one date
        with pytest.raises(ValueError, match=r"grids\.resample"):
            fusion_stack(sentinel2=optical, **coarse, **more)
        stack = fusion_stack(sentinel2=optical, **coarse, like=optical, **more)
        apart = fusion_stack(**coarse, **more)
    xr.testing.assert_identical(
        stack.s2_red.drop_attrs(), optical.red.rename("s2_red").drop_attrs()
    )
    for name in apart:
        wanted = resample(apart[name], optical, method="cubic")
        npt.assert_array_equal(stack[name], wanted)
        assert stack[name].dims == ("y", "x")
        assert stack[name].attrs["units"] == apart[name].attrs["units"]
    npt.assert_array_equal(stack.x, optical.x)


def test_cubic_convolution_is_keys_and_leaves_the_missing_out() -> None:
    """A target centre a fifth of a pixel off: the weights of 1981, with a = −0.5."""
    values = np.random.default_rng(3).random((9, 9)).astype("f4")
    values[4, 5] = np.nan
    source = xr.DataArray(
        values, coordinates(geobox((0, 0, 90, 90), crs="EPSG:32721", resolution=10)), ("y", "x")
    )
    target = source.assign_coords(x=source.x + 2)
    got = to_grid(xr.Dataset({"s1_vv": source}), target).s1_vv

    def weight(distance: float) -> float:
        d = abs(distance)
        if d <= 1:
            return 1.5 * d**3 - 2.5 * d**2 + 1
        return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0

    row = values[4].astype("f8")
    for at in (2, 3, 4, 6):
        place = at + 0.2
        weights = np.array([weight(place - k) for k in range(9)]) * np.isfinite(row)
        wanted = np.nansum(weights * row) / weights.sum()
        npt.assert_allclose(got[4, at], wanted, rtol=1e-6)
    assert np.isnan(got[4, 5])


def test_classes_are_never_interpolated(scenes: dict[str, xr.Dataset]) -> None:
    scene = on_grid(scenes["sentinel1"], 25)
    fine = geobox((0, 0, 100, 100), crs="EPSG:32721", resolution=10)
    for codes in (scene.vv > 0.1, (scene.vv > 0.1).astype("u1")):
        with pytest.raises(ValueError, match='method="nearest"'):
            to_grid(scene.assign(mine=codes), fine)
    flagged = scene.vv.assign_attrs(flag_values=[0, 1])
    with pytest.raises(ValueError, match="third class"):
        to_grid(scene.assign(mine=flagged), fine)
    with pytest.raises(ValueError, match="takes the nearest pixel"):
        to_grid(scene, fine, method="nearest")  # type: ignore[arg-type]


def test_a_forest_does_not_see_standard_scores(rng: np.random.Generator) -> None:
    """Trees split by order alone: predictions before and after are the same."""
    from sklearn.ensemble import RandomForestClassifier

    scale = np.array([0.1, 20.0, 300.0, 5.0])
    kind = rng.integers(0, 2, 4000)
    values = (rng.standard_normal((4000, 4)) + 0.6 * kind[:, None]) * scale + 7 * scale
    names = ["s2_red", "s1_vv", "dem_elevation", "s2_ri"]
    features = xr.Dataset(
        {n: ("sample", v.astype("f4")) for n, v in zip(names, values.T, strict=True)}
    )
    train, rest = features.isel(sample=slice(1000)), features.isel(sample=slice(1000, None))
    mean, std = moments(train)
    npt.assert_allclose(mean["s1_vv"], train.s1_vv.values.astype("f8").mean(), rtol=1e-12)
    found = []
    for known, unknown in (
        (train, rest), [standardise(part, mean=mean, std=std) for part in (train, rest)],
    ):  # fmt: skip
        forest = RandomForestClassifier(60, random_state=0).fit(
            known.to_dataarray("feature").T.values, kind[:1000]
        )
        found.append(forest.predict(unknown.to_dataarray("feature").T.values))
    # Scores are rounded to float32: a midpoint between two values may fall to the other side.
    assert (found[0] == found[1]).mean() >= 0.999
    assert 0.7 < (found[0] == kind[1000:]).mean() < 0.9


def test_fusion_names_the_missing_band(scenes: dict[str, xr.Dataset]) -> None:
    with pytest.raises(KeyError, match=r"\['swir16'\] are missing.*use feature_stack"):
        fused(scenes | {"sentinel2": scenes["sentinel2"].drop_vars("swir16")})
    part = scenes["palsar"].isel(x=slice(9))
    with pytest.raises(ValueError, match=r"grids\.resample"):
        fused(scenes | {"palsar": part}, palsar_before=part)


def test_feature_stack_takes_all_sensors(scenes: dict[str, xr.Dataset]) -> None:
    height = layer(np.arange(23 * 19).reshape(23, 19), "dem", units="m")
    stack = feature_stack(**scenes, elevation=height)
    assert {name.split("_")[0] for name in map(str, stack)} == {"s2", "l8", "s1", "palsar", "dem"}
    assert len(stack) == (10 + 11) + (6 + 11) + 4 + 4 + 1
    assert "left_out" not in stack.attrs
    npt.assert_array_equal(
        stack.s1_rfdi, radar.rfdi(scenes["sentinel1"].vv, scenes["sentinel1"].vh)
    )
    npt.assert_array_equal(stack.dem_elevation, height)
    assert stack.dem_elevation.attrs["units"] == "m"
    assert set(stack.coords) == {"x", "y", "spatial_ref"}
    whole = feature_stack(elevation=xr.Dataset({"elevation": height}))
    assert list(whole) == ["dem_elevation"]


def test_feature_stack_is_lazy(scenes: dict[str, xr.Dataset]) -> None:
    def stack(*layers: xr.DataArray) -> xr.Dataset:
        sensors = iter(layers)
        again = {
            sensor: xr.Dataset({name: next(sensors) for name in scene})
            for sensor, scene in scenes.items()
        }
        return feature_stack(**again, indices=["ndvi", "mmfi_surrogate"])

    scenes["sentinel2"].red[3, 4] = np.nan
    got = lazy_and_blind(stack, *(scene[name] for scene in scenes.values() for name in scene))
    assert np.isnan(got.s2_ndvi[3, 4])
    assert np.isfinite(got.l8_ndvi).all()


def test_feature_stack_forgets_dates_and_keeps_the_crs(scenes: dict[str, xr.Dataset]) -> None:
    dated = scenes["sentinel1"].assign_coords(time=np.datetime64("2022-06-01", "ns"))
    other = scenes["palsar"].assign_coords(time=np.datetime64("2020-01-01", "ns"))
    stack = feature_stack(sentinel1=dated.drop_vars("spatial_ref"), palsar=other)
    assert set(stack.coords) == {"x", "y", "spatial_ref"}


def test_feature_stack_records_what_it_left_out(scenes: dict[str, xr.Dataset]) -> None:
    few = scenes["sentinel2"][["blue", "green", "red", "nir"]]
    stack = feature_stack(sentinel2=few, sentinel1=scenes["sentinel1"][["vv"]])
    assert stack.attrs["left_out"] == [
        "s2_bsi", "s2_ndsi", "s2_mndwi", "s1_rfdi", "s1_dpsvim", "s1_vh",
    ]  # fmt: skip
    assert not set(stack.attrs["left_out"]) & set(stack)


def test_feature_stack_refuses(scenes: dict[str, xr.Dataset]) -> None:
    few = scenes["sentinel2"][["red", "nir"]]
    with pytest.raises(KeyError, match=r"leave them out of indices="):
        feature_stack(sentinel2=few, indices=["ndvi", "bsi"])
    with pytest.raises(KeyError, match="no index is called 'soil'"):
        feature_stack(sentinel2=few, indices=["soil"])
    with pytest.raises(indices.FormulaUnresolved, match="register"):
        feature_stack(sentinel2=few, indices=["mswi"])
    with pytest.raises(ValueError, match="pass e.g. sentinel2=composite".replace(".", r"\.")):
        feature_stack()
    with pytest.raises(ValueError, match=r"make one with minewatch\.composites\.composite"):
        feature_stack(sentinel2=few.expand_dims("time"))
    with pytest.raises(ValueError, match="rename the bands"):
        feature_stack(sentinel1=few)
    with pytest.raises(ValueError, match=r"grids\.resample"):
        feature_stack(sentinel2=few, sentinel1=scenes["sentinel1"].isel(y=slice(5)))
    with pytest.raises(ValueError, match=r"radar\.from_db first"):
        feature_stack(sentinel1=radar.to_db(scenes["sentinel1"]))


@pytest.mark.parametrize("dims", [("y", "x"), ("sample",)])
def test_standard_scores_have_mean_0_and_deviation_1(
    rng: np.random.Generator, dims: tuple[str, ...]
) -> None:
    shape = (40, 30)[: len(dims)]
    values = rng.normal(1200, 3, shape).astype("f4")
    values.flat[3] = np.nan
    features = xr.Dataset(
        {"dem_elevation": (dims, values), "s1_vv": (dims, rng.normal(-8, 2, shape))}
    )
    mean, std = moments(features)
    npt.assert_allclose(mean["dem_elevation"], np.nanmean(values.astype("f8")), rtol=1e-12)
    npt.assert_allclose(std["dem_elevation"], np.nanstd(values.astype("f8")), rtol=1e-9)
    lazy = features.chunk(dict.fromkeys(dims, 7))
    for eager, chunked in zip((mean, std), moments(lazy), strict=True):
        assert list(eager) == list(chunked)
        npt.assert_allclose(list(eager.values()), list(chunked.values()), rtol=1e-12)
    again = moments(standardise(features, mean=mean, std=std))
    npt.assert_allclose(list(again[0].values()), 0, atol=1e-7)  # of n float32 scores
    npt.assert_allclose(list(again[1].values()), 1, rtol=1e-5)


def test_standardise_is_lazy_and_keeps_the_unknown(rng: np.random.Generator) -> None:
    values = rng.normal(-8, 2, (23, 19)).astype("f4")
    values[0, 0] = np.nan
    one = layer(values, "s1_vv", units="dB")

    def score(vv: xr.DataArray) -> xr.Dataset:
        return standardise(xr.Dataset({"s1_vv": vv}), mean={"s1_vv": -8.0}, std={"s1_vv": 2.0})

    got = lazy_and_blind(score, one)
    npt.assert_allclose(got.s1_vv, (values + 8) / 2, rtol=1e-6)
    assert got.s1_vv.attrs["units"] == "1"


def test_features_that_say_nothing_are_dropped_with_a_warning() -> None:
    values = np.full((200, 300), 0.1, "f4")
    features = xr.Dataset(
        {
            "constant": layer(values),
            "missing": layer(values * np.nan),
            "varied": layer(np.arange(60000.0).reshape(200, 300)),
        }
    )
    mean, std = moments(features.chunk(**ODD | {"y": 70, "x": 50}))
    assert std["constant"] == 0
    assert np.isnan(std["missing"])
    assert np.isnan(mean["missing"])
    assert moments(xr.Dataset({"double": ("sample", np.full(37, 0.1))}))[1] == {"double": 0}
    with pytest.warns(UserWarning, match=r"drops \['constant', 'missing'\].*out of the stack"):
        got = standardise(features, mean=mean, std=std)
    assert list(got) == ["varied"]
    with pytest.raises(KeyError, match=r"compute them with minewatch\.features\.moments"):
        standardise(features, mean={"varied": 0.0}, std={"varied": 1.0})


@pytest.mark.data
def test_korba_gives_what_its_bands_allow(real_data: Path) -> None:
    """Gevra and Dipka coal mines, 10 January 2023: five bands of Sentinel-2, no radar on its grid.

    Vegetated dumps lie inside of the outlines and the town outside: NDVI alone hardly tells them
    apart (AUC 0.57 to 0.59 by the provenance of the data, whatever one does).
    """
    folder = real_data / "s1-s2-osm-korba-openpit"
    bands = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16"}
    images = {}
    for code, name in bands.items():
        with rasterio.open(folder / f"s2_2023-01-10_{code}_L2A_refl_u16.tiff") as image:
            number, transform, crs = image.read(1), image.transform, image.crs
        images[name] = layer(np.where(number == 0, np.nan, number / 65535).astype("f4"), name)
    stack = feature_stack(sentinel2=xr.Dataset(images))
    assert len(stack) == 5 + 11
    assert "left_out" not in stack.attrs
    mines = gpd.read_file(folder / "osm_quarry_chhattisgarh.geojson").to_crs(crs)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inside = rasterio.features.rasterize(
            mines.geometry, out_shape=number.shape, transform=transform
        ).astype(bool)
    known = np.isfinite(stack.s2_ndvi.values)
    bare, green = (-stack.s2_ndvi.values[known & where] for where in (inside, ~inside))
    auc = stats.mannwhitneyu(bare, green).statistic / (bare.size * green.size)
    assert 0.56 < auc < 0.60


# Spread over time


def test_the_spread_is_that_of_decibels_over_the_dates_that_are_there(
    rng: np.random.Generator,
) -> None:
    power = rng.gamma(4, 0.05, (5, 6, 7))
    power[1:, 0, 0] = np.nan  # one date
    power[2:, 0, 1] = 0.0  # two dates with power
    power[:, 0, 2] = np.nan
    series = xr.Dataset({"vv": (("time", "y", "x"), power), "vh": (("time", "y", "x"), power / 4)})
    expected = np.full((6, 7), np.nan)
    for i, j in np.ndindex(6, 7):
        seen = power[:, i, j][power[:, i, j] > 0]
        if len(seen) > 1:
            expected[i, j] = np.std(10 * np.log10(seen))
    found = temporal_spread(series)
    # Decibels are float32: 1e-6 of 20.
    npt.assert_allclose(found.vv, expected, atol=5e-6)
    npt.assert_allclose(found.vh, expected, atol=5e-6)  # a gain is no spread
    assert found.vv.attrs["units"] == "dB"
    three = temporal_spread(series, min_count=3)
    assert np.isnan(three.vv[0, 1])
    chunked = temporal_spread(series.chunk(time=2, y=4, x=3))
    npt.assert_allclose(chunked.vv, found.vv, atol=1e-6)
    with pytest.raises(ValueError, match="2 dates or more, got 1"):
        temporal_spread(series, min_count=1)
