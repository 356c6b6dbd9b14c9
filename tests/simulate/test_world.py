"""Worlds are what they promise: classes, regions, mines, clouds, determinism."""

from __future__ import annotations

import dataclasses

import geopandas.testing
import numpy as np
import numpy.testing as npt
import pytest
import xarray as xr
from scipy import ndimage, special

from minewatch import simulate
from minewatch.conventions import crs_of, require_same_grid
from minewatch.simulate import LAND_COVER, scenes
from minewatch.simulate.classes import BACKSCATTER_DB, BANDS, NOISE, REFLECTANCE, size_class

WATER = [LAND_COVER["sediment_river"], LAND_COVER["clear_water"]]


def shares(world, half):
    west = slice(0, world.size) if half == "train" else slice(world.size, None)
    cover = world.land_cover.values[:, west]
    return {name: (cover == code).mean() for name, code in LAND_COVER.items()}


@pytest.mark.parametrize("size", [128, 161, 384])
@pytest.mark.parametrize("seed", [1, 42])
def test_regions_hold_what_they_promise(size, seed, districts):
    world = districts[seed] if size == 384 else simulate.mine_world(seed=seed, size=size)
    held_out, train = shares(world, "held_out"), shares(world, "train")
    assert 0.03 < held_out["mine"] <= 0.05
    assert 0.08 < train["mine"] < 0.12
    assert held_out["bare_soil"] > 0.05
    assert held_out["sediment_river"] > 0.03
    assert all(share > 0.005 for share in (*held_out.values(), *train.values()))


def test_mines_of_every_size_class_occur(district):
    mines = district.polygons[district.polygons.label == 1]
    assert set(mines.size_class) == {"micro", "small", "medium", "extensive"}
    assert (mines.size_class == [size_class(area) for area in mines.area_ha]).all()
    assert {"micro", "small", "medium"} <= set(mines[mines.region == "held_out"].size_class)
    assert (mines.land_cover == "mine").all()
    assert mines.area_ha.min() < 0.2


def test_size_classes_break_where_the_paper_breaks_them():
    areas = [0.01, 2.49, 2.5, 9.99, 10, 55, 55.01]
    names = ["micro", "micro", "small", "small", "medium", "medium", "extensive"]
    assert [size_class(area) for area in areas] == names


def test_held_out_ground_looks_as_its_class_should(district):
    """Mine, bare soil and the laden river of the held-out region have the means of the table."""
    east = slice(district.size, None)
    cover = district.land_cover.values[:, east]
    clear = ~(district.cloud | district.shadow).sel(time=district.sentinel2.time).values[:, :, east]
    radar = {"vv": "sentinel1", "vh": "sentinel1", "hh": "palsar", "hv": "palsar"}
    looks = {"sentinel1": 4.4 * district.sentinel1.sizes["time"], "palsar": 16}
    for name in ("mine", "bare_soil", "sediment_river"):
        # Away from borders, where coarse pixels mix.
        inside = ndimage.binary_erosion(cover == LAND_COVER[name], iterations=3)
        # Patches of about 120 pixels share their look: four standard errors of their mean.
        error = 4 / np.sqrt(inside.sum() / 120)
        for band, truth in zip(BANDS, REFLECTANCE[name], strict=True):
            seen = district.sentinel2[band].values[:, :, east][clear & inside]
            assert np.log(seen).mean() == pytest.approx(np.log(truth), abs=error * NOISE["patch"])
        for (pol, sensor), truth in zip(radar.items(), BACKSCATTER_DB[name], strict=True):
            power = getattr(district, sensor)[pol].values.mean(axis=0)[:, east][inside]
            # The logarithm of speckled power lies ψ(L) − ln L from that of the power.
            bias = special.digamma(looks[sensor]) - np.log(looks[sensor])
            decibel = 10 / np.log(10) * (np.log(power).mean() - bias)
            spread = NOISE["c_band" if sensor == "sentinel1" else "l_band"]
            assert decibel == pytest.approx(truth, abs=error * spread), (name, pol)


def test_mines_and_bare_soil_differ_more_to_radar_than_to_the_eye(district):
    cover = district.land_cover.values
    mine, soil = (cover == LAND_COVER[name] for name in ("mine", "bare_soil"))
    clear = ~(district.cloud | district.shadow).sel(time=district.sentinel2.time[4]).values
    red = np.log(district.sentinel2.red.values[4])
    vh = np.log(district.sentinel1.vh.values.mean(axis=0))
    # The classes share their red; the spread is .07 over more than 50 patches in each.
    assert red[mine & clear].mean() == pytest.approx(red[soil & clear].mean(), abs=0.05)
    assert 10 / np.log(10) * (vh[mine].mean() - vh[soil].mean()) == pytest.approx(2, abs=0.5)


def test_polygons_are_pure_and_agree_with_the_map(world):
    polygons = world.polygons
    assert list(polygons.id) == list(range(1, len(polygons) + 1))
    assert polygons.is_valid.all()
    assert set(polygons.geom_type) == {"Polygon"}
    npt.assert_allclose(polygons.area / 1e4, polygons.area_ha)
    cover = world.land_cover
    for name, code in LAND_COVER.items():
        mapped = float((cover == code).sum()) / 100
        drawn = polygons[polygons.land_cover == name].area_ha.sum()
        # Only slivers under five pixels are left out.
        assert 0.9 * mapped < drawn <= mapped + 1e-9
    assert (polygons.label == (polygons.land_cover == "mine")).all()
    inside = polygons.representative_point()
    at = cover.sel(
        x=xr.DataArray(inside.x, dims="p"), y=xr.DataArray(inside.y, dims="p"), method="nearest"
    ).values
    names = polygons.land_cover.map(LAND_COVER).to_numpy()
    # A representative point may lie on a pixel edge of a sliver one pixel wide.
    assert (at == names).mean() > 0.97
    boxes = world.regions.set_index("name").geometry
    for name in ("train", "held_out"):
        assert polygons[polygons.region == name].within(boxes[name].buffer(1e-6)).all()
    for name in ("train", "held_out"):
        assert set(polygons[polygons.region == name].land_cover) == set(LAND_COVER)


def test_some_mines_lie_partly_outside_their_concession(district):
    granted = district.concessions.union_all()
    mines = district.polygons[district.polygons.label == 1]
    covered = mines.intersection(granted).area / mines.area
    assert (covered > 0.999).any()
    assert (covered == 0).any()
    assert ((covered > 0.2) & (covered < 0.95)).sum() >= 2
    assert set(district.concessions.columns) == {"id", "name", "status", "geometry"}


def test_quality_bands_tell_the_truth(world):
    cloud, shadow = world.cloud, world.shadow
    assert cloud.sizes["time"] == world.sentinel2.sizes["time"] + world.landsat8.sizes["time"]
    assert cloud.dtype == shadow.dtype == bool
    times = world.sentinel2.time
    scl = world.sentinel2.quality
    npt.assert_array_equal(scl.isin([8, 9]), cloud.sel(time=times))
    npt.assert_array_equal(scl == 3, shadow.sel(time=times))
    bits = world.landsat8.quality.values
    times = world.landsat8.time
    npt.assert_array_equal((bits >> 3) & 1, cloud.sel(time=times))
    npt.assert_array_equal((bits >> 4) & 1, shadow.sel(time=times))
    assert set(np.unique(bits)) <= {21824, 21952, 22280, 23888, 21762, 21890}
    water = world.land_cover.isin(WATER).values
    wet = (bits == 21952).any(axis=0)
    assert water[wet].mean() > 0.9  # pixels of 30 m straddle banks
    assert (cloud.mean(("y", "x")) > 0.03).all()


def test_coarse_bands_hold_one_value_in_each_of_their_pixels(world):
    swir = world.sentinel2.swir16.values
    npt.assert_array_equal(swir[:, ::2, ::2], swir[:, 1::2, 1::2])
    nir = world.landsat8.nir.values
    npt.assert_array_equal(nir[:, :159:3, :318:3], nir[:, 2:159:3, 2:318:3])
    assert world.sentinel2.red.values[0, 0, 0] != world.sentinel2.red.values[0, 0, 1]


def test_layers_share_one_grid_crs_and_storable_attributes(world, tmp_path):
    for name in ("sentinel2", "landsat8", "sentinel1", "palsar", "dem", "cloud", "shadow"):
        layer = getattr(world, name)
        require_same_grid(world.land_cover, layer, by="test")
        assert "32721" in str(crs_of(layer))
        layer.to_zarr(tmp_path / f"{name}.zarr", consolidated=False)
    for name in ("slc", "slc_ground", "true_coherence", "weather_dropped", "dump_active"):
        getattr(world, name).to_zarr(tmp_path / f"{name}.zarr", consolidated=False)
        assert {"long_name", "units"} <= set(getattr(world, name).attrs)
    assert (np.diff(world.land_cover.y) == -10).all()
    assert world.sentinel1.vv.dtype == world.palsar.hv.dtype == "float32"
    assert world.land_cover.attrs["flag_meanings"].split()[1] == "mine"
    assert world.dem.attrs["units"] == "m"
    assert float(world.dem.min()) > 0


def test_palsar_has_sixteen_looks_on_its_own_pixels(district):
    forest = district.land_cover.values == LAND_COVER["forest"]
    hv = district.palsar.hv.values[0]
    # Neighbours 50 m apart are different pixels of the mosaic in the same or the next patch; the
    # spread of speckle and two patches is then (1/16 + …): compare pixels within the mosaic.
    same = hv[:, 1:] == hv[:, :-1]
    # A mosaic pixel is about 2.4 columns wide: 1 − 1/2.4 of neighbours are in the same one.
    assert same[forest[:, 1:]].mean() == pytest.approx(1 - 10 / 24.6, abs=0.03)


def test_twice_the_same_world(world):
    again = simulate.mine_world(seed=42, size=160)
    for field in dataclasses.fields(world):
        one, other = getattr(world, field.name), getattr(again, field.name)
        if isinstance(one, xr.DataArray | xr.Dataset):
            xr.testing.assert_identical(one, other)
        elif isinstance(one, int):
            assert one == other
        else:
            geopandas.testing.assert_geodataframe_equal(one, other)
    xr.testing.assert_identical(world.bayes_probability, again.bayes_probability)
    other = simulate.mine_world(seed=43, size=160)
    assert not world.land_cover.equals(other.land_cover)


def test_changing_one_part_leaves_the_others(world, monkeypatch):
    fewer = {"times": scenes.SENTINEL1_TIMES[:3]}
    monkeypatch.setattr(scenes.sentinel1, "__kwdefaults__", fewer)
    changed = simulate.mine_world(seed=42, size=160)
    assert changed.sentinel1.sizes["time"] == 3
    for name in ("sentinel2", "landsat8", "palsar", "dem", "slc", "land_cover"):
        xr.testing.assert_identical(getattr(world, name), getattr(changed, name))


def test_a_world_too_small_for_its_pit_is_refused():
    with pytest.raises(ValueError, match=r"use e\.g\. size=160"):
        simulate.mine_world(size=64)
