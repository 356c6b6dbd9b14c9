"""Images of a run: masks by name, blocks of any size, corrections, counts, what is refused."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import dask
import numpy as np
import pystac
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from granules import granule
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import brdf, simulate, sources, speckle, vectors
from minewatch.sources.angles import granule_angles
from minewatch.workflows import MappingSettings, mapping_images
from minewatch.workflows.mapping_clouds import clear_views, with_sun
from minewatch.workflows.mapping_images import (
    block_of,
    check_images,
    clear_counts,
    composites_of,
)
from minewatch.workflows.mapping_inputs import covariates, find_items, map_grid

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

Found = tuple[MappingSettings, dict[str, list[pystac.Item]], "GeoBox"]

MEASURES = ("mean", "std", "entropy")

PLAIN = MappingSettings(catalog="", reference="")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=42, size=128)
    simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    settings = MappingSettings(
        catalog=str(folder / "stac" / "catalog.json"),
        reference=str(folder / "reference.geojson"),
        elevation=True,
    )
    polygons = vectors.read_polygons(settings.reference)
    return settings, find_items(settings, polygons), map_grid(settings, polygons)


def in_blocks(found: Found, size: int, monkeypatch: pytest.MonkeyPatch, **how: object):
    settings, items, box = found
    monkeypatch.setattr(mapping_images, "block_of", lambda *_: size)
    return covariates(items, box, dataclasses.replace(settings, **how))


@pytest.mark.parametrize(
    "how",
    [
        {"clouds": ("quality", "score", "shadow", "outliers"), "cloud_buffer": 40.0},
        {"speckle": "lee_sigma", "covariates": "fusion"},
    ],
)
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:palsar_ndi repeat")
def test_blocks_of_any_size_make_the_same_covariates(found, how, monkeypatch):
    """Filters and masks look beyond their blocks; only sums may round differently."""
    one = in_blocks(found, 256, monkeypatch, **how).compute()
    other = in_blocks(found, 77, monkeypatch, **how).compute()
    xr.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert all(bool(layer.notnull().any()) for layer in one.values())


def test_nothing_is_read_before_it_must_be(found):
    settings, items, box = found
    with nothing_computes():
        stack = covariates(items, box, settings)
    assert {"dem_elevation", "s2_nir", "l8_bsi", "s1_vv", "palsar_hv"} <= set(stack)
    assert len(stack.attrs["items"]) == sum(map(len, items.values()))


def test_textures_are_of_radar_and_near_infrared(found):
    settings, items, box = found
    with nothing_computes():
        stack = covariates(items, box, dataclasses.replace(settings, texture=5))
    added = set(stack) - set(covariates(items, box, settings))
    assert added == {f"{layer}_{of}" for layer in ("s1_vv", "s2_nir") for of in MEASURES}
    nir = stack.s2_nir.compute()
    # Reflectance of the simulated ground lies within the range, so that nothing is clipped.
    expected = nir[10:15, 20:25].mean()
    npt.assert_allclose(stack.s2_nir_mean[12, 22], expected, rtol=1e-5)


def test_an_asset_that_an_item_lacks_is_told_and_unknown_on_its_date(found):
    settings, items, box = found
    radar = [item.full_copy() for item in items["sentinel1"]]
    del radar[0].assets["vh"]
    with pytest.warns(UserWarning, match=f"1 layers of sentinel1 .* {radar[0].id} vh"):
        stack = covariates({"sentinel1": radar}, box, settings)
    assert stack.attrs["lacking"] == [f"{radar[0].id} vh"]
    others = covariates({"sentinel1": radar[1:]}, box, settings)
    npt.assert_array_equal(stack.s1_vh, others.s1_vh)


def test_the_median_is_of_clear_dates_alone_and_they_are_counted(found):
    settings, items, box = found
    image = composites_of(items, box, settings)["sentinel2"].compute()
    cube = sources.load(items["sentinel2"], like=box, mosaic="solar_day").compute()
    clear = cube.quality.isin([4, 5, 6, 7])
    npt.assert_array_equal(image.clear_count, clear.sum("time"))
    npt.assert_array_equal(
        clear_counts(items, box, settings)["sentinel2"].compute(), image.clear_count
    )
    # float32 medians of the same numbers: equal but for the mean of two middle ones.
    npt.assert_allclose(image.red, cube.red.where(clear).median("time"), rtol=1e-6)


@pytest.mark.slow
def test_speckle_is_filtered_before_the_mean(found):
    settings, items, box = found
    cube = sources.load(items["sentinel1"], like=box).compute()
    for name, filtered in {
        "lee": speckle.lee(cube, looks=4.4),
        "refined_lee": speckle.refined_lee(cube, looks=4.4),
        "none": cube,
    }.items():
        how = dataclasses.replace(settings, speckle=name)
        image = composites_of({"sentinel1": items["sentinel1"]}, box, how)["sentinel1"]
        # Means of float32 in another order.
        npt.assert_allclose(image.vv, filtered.vv.mean("time"), rtol=1e-5)


def test_ndi_compares_the_earlier_with_the_later_dates(found):
    settings, items, box = found
    how = dataclasses.replace(settings, covariates="fusion", speckle="none", elevation=False)
    with pytest.warns(UserWarning, match="palsar_ndi"):
        stack = covariates({k: v for k, v in items.items() if k != "elevation"}, box, how)
    assert len(stack) == 45
    vv = sources.load(items["sentinel1"], like=box).vv.compute()
    half = vv.sizes["time"] // 2
    before, after = vv[:half].mean("time"), vv[half:].mean("time")
    # Float32 differences of nearly equal means.
    npt.assert_allclose(stack.s1_ndi, (before - after) / (before + after), atol=1e-5)
    assert stack.s1_ndi.attrs["before"] < stack.s1_ndi.attrs["after"]


def test_radar_is_kept_where_there_is_a_place(found, tmp_path):
    settings, items, box = found
    how = dataclasses.replace(settings, covariates="fusion")
    with pytest.warns(UserWarning, match="palsar_ndi"):
        kept = covariates(items, box, how, folder=tmp_path)
    assert (tmp_path / "radar.zarr").is_dir()
    with pytest.warns(UserWarning, match="palsar_ndi"):
        xr.testing.assert_equal(kept.compute(), covariates(items, box, how).compute())


def scene(dates: int = 3, **angles: object) -> xr.Dataset:
    time = np.array([dt.datetime(2022, 5, 1 + at) for at in range(dates)], "datetime64[ns]")
    coords = {
        "time": time,
        "y": 9e6 - 10.0 * np.arange(4),
        "x": 5e5 + 10.0 * np.arange(5),
        **{name: ("time", np.asarray(values, float)) for name, values in angles.items()},
    }
    ground = xr.DataArray(np.full((dates, 4, 5), 0.3, "f4"), coords, ("time", "y", "x"))
    cube = xr.Dataset({"nir": ground, "quality": xr.full_like(ground, 4, "uint8")})
    return cube.rio.write_crs("EPSG:32721").assign_attrs(items=["a", "b", "c"][:dates])


def test_clouds_grow_and_what_is_unknown_does_not():
    cube = scene(1)
    cube["quality"][0, 1, 1] = 9
    cube["quality"][0, 3, 4] = 0
    near = dataclasses.replace(PLAIN, cloud_buffer=10.0)
    lost = {tuple(at) for at in np.argwhere(~clear_views(cube, "sentinel2", near).values[0])}
    assert lost == {(1, 1), (0, 1), (2, 1), (1, 0), (1, 2), (3, 4)}
    assert clear_views(cube, "sentinel2", PLAIN).sum() == 18


def test_landsat_has_bits_for_it():
    cube = scene(1)
    cube["quality"] = xr.full_like(cube.nir, 21824, "uint16")
    cube["quality"][0, 0, 0] = 22280
    cube["quality"][0, 3, 4] = 1
    near = dataclasses.replace(PLAIN, cloud_buffer=10.0)
    assert (~clear_views(cube, "landsat8", near)).sum() == 4


def test_the_rim_of_a_cloud_casts_no_shadow():
    """Landsat's clouds come grown by a rim; clouds as they are cast the truer shadow."""
    cube = scene(1, sun_zenith=[1], sun_azimuth=[180])  # from 500 m 9 m to the north, and on
    cube = cube.assign({name: cube.nir * 0 + 0.05 for name in ("nir", "swir16", "swir22")})
    cube["quality"] = xr.full_like(cube.nir, 21824, "uint16")
    how = dataclasses.replace(PLAIN, clouds=("quality", "shadow"))
    cube["quality"][0, 3, 2] = 21826  # dilated
    assert (~clear_views(cube, "landsat8", how)).sum() == 1
    cube["quality"][0, 3, 2] = 22280  # cloud
    lost = {tuple(at) for at in np.argwhere(~clear_views(cube, "landsat8", how).values[0])}
    assert lost == {(row, 2) for row in range(4)}


def test_shadows_need_clouds_even_beside_outliers():
    cube = scene(1, sun_zenith=[30], sun_azimuth=[50]).drop_vars("quality")
    how = dataclasses.replace(PLAIN, clouds=("quality", "shadow", "outliers"))
    with pytest.raises(ValueError, match="add 'score' to clouds"):
        clear_views(cube, "sentinel2", how)


def test_dates_without_the_sun_are_left_out_by_name():
    cube = scene(3, sun_zenith=[30, np.nan, 86], sun_azimuth=[50, 50, 50])
    with pytest.warns(UserWarning, match="2 dates of sentinel2 are left out.* b, c"):
        left = with_sun(cube, "sentinel2")
    assert left.sizes["time"] == 1
    assert left.attrs["dates_left_out"] == ["b", "c"]  # which the record of the run tells
    with pytest.raises(ValueError, match="leave 'shadow' out"):
        with_sun(scene(2), "sentinel2")


def test_light_is_brought_to_nadir_by_the_angles_of_each_date():
    from minewatch.workflows.mapping_light import seen_from_above

    angles = {"sun_zenith": [45, 30], "sun_azimuth": [50, 60]}
    cube = scene(2, **angles, view_zenith=[10, 0], view_azimuth=[230, np.nan])[["nir"]]
    seen = seen_from_above(cube, "sentinel2", "observed").nir
    expected = 0.3 * float(brdf.c_factor("nir", 45, 10, 180))
    npt.assert_allclose(seen[0], expected, rtol=1e-6)
    npt.assert_allclose(seen[1], 0.3, rtol=1e-6)  # straight down, where no azimuth is needed
    lazy = seen_from_above(cube.chunk({"y": 2}), "sentinel2", "lat").nir
    latitude = -9.047  # 1,000 km south of the equator
    to = float(brdf.normal_sun_zenith(latitude))
    expected = 0.3 * float(brdf.c_factor("nir", 45, 10, 180, normal_zenith=to))
    npt.assert_allclose(lazy[0], expected, rtol=1e-4)
    with pytest.raises(ValueError, match="brdf='none'"):
        seen_from_above(scene(2, **angles)[["nir"]], "sentinel2", "observed")


@pytest.mark.slow
def test_angles_of_granules_are_used_where_items_have_their_metadata(found, tmp_path):
    """Masked first, then each date by the factor of its own granule, then the median."""
    settings, items, box = found
    settings = dataclasses.replace(settings, brdf="observed")
    given = sorted((each.full_copy() for each in items["sentinel2"]), key=lambda each: each.id)
    with pytest.raises(ValueError, match=r"do not say them: S2A_MSIL2A.*brdf='none'"):
        composites_of({"sentinel2": given}, box, settings)
    corner = (round(box.boundingbox.left) - 20_000, round(box.boundingbox.top) + 30_000)
    factors = []
    for at, each in enumerate(given):

        def aside(east, south, at=at):
            return (40_000 * at - east) / 786_000, 0.01 * at + 0 * south

        text = granule(corner=corner, crs=str(box.crs), view=aside)
        (tmp_path / each.id).write_text(text)
        each.add_asset("granule-metadata", pystac.Asset(str(tmp_path / each.id)))
        angles = granule_angles(text, box, bands=["nir"])
        sun, _, view, relative = dask.compute(*angles)
        factors.append(brdf.c_factor("nir", sun, view.nir, relative.nir).values)
    with nothing_computes():
        image = composites_of({"sentinel2": given}, box, settings)["sentinel2"]
    image = image[["nir", "clear_count"]].compute()
    cube = sources.load(given, like=box, variables=["nir", "quality"], mosaic="solar_day").compute()
    clear = cube.quality.isin([4, 5, 6, 7])
    npt.assert_array_equal(image.clear_count, clear.sum("time"))
    known = cube.nir.where(clear)
    # Factors are interpolated between nodes, which errs by less than 1e-5.
    npt.assert_allclose(image.nir, (known * np.stack(factors)).median("time"), rtol=2e-5)
    assert float(abs(image.nir - known.median("time")).max()) > 0.005


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"clouds": ("fmask",)}, "use quality, score"),
        ({"clouds": ("shadow",)}, "add 'quality' or 'score'"),
        ({"cloud_buffer": -1.0}, "no distance"),
        ({"brdf": "yes"}, "use none, observed"),
        ({"speckle": "boxcar"}, "use lee"),
        ({"reducer": "1.5"}, "a quantile like"),
        ({"texture": 4}, "needs a middle"),
        ({"texture": 1}, "needs a middle and neighbours"),
        ({"texture": -3}, "use 7, or 0 for none"),
        ({"texture": 183}, "up to 181 across"),
        ({"memory": 0.0}, "memory is 0"),
        ({"min_count": 0}, "min_count is 0"),
    ],
)
def test_what_means_nothing_is_refused(wrong, says):
    check_images(PLAIN)
    with pytest.raises(ValueError, match=says):
        check_images(dataclasses.replace(PLAIN, **wrong))


def test_more_dates_make_smaller_blocks_and_more_memory_larger_ones(found):
    from odc.geo.geobox import GeoBox

    tile = GeoBox.from_bbox((0, 0, 109_800, 109_800), "EPSG:32721", resolution=10)
    local = dataclasses.replace(PLAIN, cluster="local")
    sizes = [block_of(local, tile, dates) for dates in (1, 12, 200, 1000)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == 1024
    assert all(1024 % size == 0 for size in sizes)
    rich = dataclasses.replace(local, memory=32.0)
    assert block_of(rich, tile, 200) > block_of(local, tile, 1000)
    # 256 rows and columns make some 50 tasks for each of 43 x 43 blocks: 100,000.
    assert block_of(local, tile, 200) >= 256
    assert block_of(local, found[2], 1) < 2 * max(found[2].shape)
