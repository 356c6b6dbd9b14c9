"""Kernels and c-factors against printed vectors, closed forms, plain geometry and sen2nbar."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import brdf
from minewatch.conventions import crs_of

VECTORS = {  # sun, view, relative azimuth → K_vol, K_geo
    (0, 0, 0): (0, 0),
    (30, 0, 0): (-0.031443, -0.698222),
    (45, 0, 0): (-0.045862, -1.106819),
    (30, 7.5, 0): (0.006595, -0.512314),
    (30, 7.5, 180): (-0.066297, -0.870441),
    (45, 10, 180): (-0.094152, -1.291603),
}
SEN2NBAR = {  # sen2nbar 2024.6.0, its c_factor of B02 B03 B04 B05 B06 B07 B08 B11 B12
    (45, 10, 0): (
        0.94020374, 0.93169218, 0.93974632, 0.93884813, 0.93848058, 0.93809029, 0.93766789,
        0.94070247, 0.94317031,
    ),
    (33.3, 7.7, 112.5): (
        1.01772864, 1.02098526, 1.01881454, 1.01869788, 1.01864682, 1.01860753, 1.01852883,
        1.01849743, 1.01827972,
    ),
    (62, 11.9, -20): (
        0.93684236, 0.92876616, 0.93858158, 0.93662785, 0.93583263, 0.93503017, 0.93408782,
        0.93959663, 0.94374934,
    ),
}  # fmt: skip
BANDS = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "swir16", "swir22")
SHAPE = (5, 7)


def directions(sun, view, azimuth):
    """Unit vectors to the sun and to the sensor."""
    made = []
    for zenith, around in ((sun, 0.0), (view, azimuth)):
        sine = math.sin(math.radians(zenith))
        turned = cmath.rect(sine, math.radians(around))
        made.append(np.array([turned.real, turned.imag, math.cos(math.radians(zenith))]))
    return made


def obvious(sun, view, azimuth):
    """K_vol and K_geo from the vectors to sun and sensor, not from their angles."""
    to_sun, to_view = directions(sun, view, azimuth)
    phase = math.atan2(np.linalg.norm(np.cross(to_sun, to_view)), to_sun @ to_view)
    volume = ((math.pi / 2 - phase) * math.cos(phase) + math.sin(phase)) / (to_sun + to_view)[2]
    # Shadows of a crown fall along these vectors on the ground; D is how far apart they end.
    down, seen = to_sun[:2] / to_sun[2], to_view[:2] / to_view[2]
    apart, area = np.linalg.norm(down - seen), abs(down[0] * seen[1] - down[1] * seen[0])
    secants = 1 / to_sun[2] + 1 / to_view[2]
    t = math.acos(min(1.0, 2 * math.hypot(apart, area) / secants))
    overlap = (t - math.sin(t) * math.cos(t)) * secants / math.pi
    geometry = overlap - secants + (1 + math.cos(phase)) / (2 * to_sun[2] * to_view[2])
    return volume - math.pi / 4, geometry


def model(band, *angles):
    iso, geo, vol = brdf.COEFFICIENTS[band]
    volume, geometry = obvious(*angles)
    return iso + geo * geometry + vol * volume


def on_map(values, *dims):
    values = np.asarray(values)
    rows, columns = values.shape[-2:]
    coords = {"y": 9e6 - 10.0 * np.arange(rows), "x": 5e5 + 10.0 * np.arange(columns)}
    return xr.DataArray(values, coords, (*dims, "y", "x")).rio.write_crs("EPSG:32721")


@pytest.fixture
def angles(rng):
    """Sun zenith, view zenith and relative azimuth, all that Landsat and Sentinel-2 meet."""
    ranges = ((0, 75), (0, 15), (-360, 360))
    return [on_map(rng.uniform(*ends, (3, *SHAPE)), "time") for ends in ranges]


@pytest.mark.parametrize(("geometry", "kernels"), VECTORS.items(), ids=str)
def test_kernels_are_the_printed_vectors(geometry, kernels):
    npt.assert_allclose(brdf.ross_thick(*geometry), kernels[0], atol=1e-6)
    npt.assert_allclose(brdf.li_sparse(*geometry), kernels[1], atol=1e-6)


def test_kernels_are_the_geometry_they_describe(angles):
    volume, geometry = brdf.ross_thick(*angles), brdf.li_sparse(*angles)
    both = np.vectorize(obvious)(*angles)
    # arccos near 1 keeps half of the digits.
    npt.assert_allclose(volume, both[0], atol=1e-7)
    npt.assert_allclose(geometry, both[1], atol=1e-7)


def test_sun_and_sensor_may_change_places(angles):
    """Helmholtz: both kernels are reciprocal."""
    sun, view, azimuth = angles
    for kernel in (brdf.ross_thick, brdf.li_sparse):
        npt.assert_allclose(kernel(view, sun, -azimuth), kernel(sun, view, azimuth), atol=1e-12)


def test_whole_turns_and_the_side_of_the_plane_change_nothing(angles):
    sun, view, azimuth = angles
    for kernel in (brdf.ross_thick, brdf.li_sparse):
        expected = kernel(sun, view, azimuth)
        npt.assert_allclose(kernel(sun, view, azimuth + 720), expected, atol=1e-9)
        npt.assert_allclose(kernel(sun, view, -azimuth), expected, atol=1e-12)


def test_the_sun_behind_the_sensor_is_the_hot_spot():
    around = xr.DataArray(np.arange(0.0, 361, 5), dims="azimuth")
    for kernel in (brdf.ross_thick, brdf.li_sparse):
        values = kernel(30, 30, around)
        assert values.argmax("azimuth") in (0, len(around) - 1)
        assert (values.diff("azimuth")[:36] < 0).all()


def test_the_hot_spot_and_straight_up_are_closed_forms():
    """At the hot spot ξ = 0 and t = π/2: the two shadows are one, O = sec θ."""
    zenith = np.arange(0.0, 80, 7)
    cosine = np.cos(np.radians(zenith))
    same = xr.DataArray(zenith, dims="n")
    npt.assert_allclose(brdf.ross_thick(same, same, 0), math.pi / 4 * (1 / cosine - 1), atol=1e-12)
    npt.assert_allclose(brdf.li_sparse(same, same, 0), 1 / cosine**2 - 1 / cosine, atol=1e-6)


@pytest.mark.parametrize(
    ("azimuth", "nir", "red"), [(0, 0.93767, 0.93975), (180, 1.05356, 1.05188)]
)
def test_c_factors_are_the_printed_ones(azimuth, nir, red):
    npt.assert_allclose(brdf.c_factor("nir", 45, 10, azimuth), nir, atol=1e-5)
    npt.assert_allclose(brdf.c_factor("nir08", 45, 10, azimuth), nir, atol=1e-5)
    npt.assert_allclose(brdf.c_factor("red", 45, 10, azimuth), red, atol=1e-5)


@pytest.mark.parametrize(("geometry", "factors"), SEN2NBAR.items(), ids=str)
def test_c_factors_are_those_of_sen2nbar(geometry, factors):
    ours = [float(brdf.c_factor(band, *geometry)) for band in BANDS]
    npt.assert_allclose(ours, factors, atol=1e-8)


def test_any_angles_give_what_sen2nbar_gives(rng):
    from sen2nbar.c_factor import c_factor

    sun, view, azimuth = (
        xr.DataArray(rng.uniform(*ends, 500), dims="n") for ends in ((15, 75), (0, 14), (-180, 180))
    )
    theirs = c_factor(sun, view, azimuth)
    assert list(theirs.band) == ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B11", "B12"]
    for band, expected in zip(BANDS, theirs, strict=True):
        npt.assert_allclose(brdf.c_factor(band, sun, view, azimuth), expected, rtol=1e-9)


def test_from_straight_above_nothing_changes(angles):
    npt.assert_allclose(brdf.c_factor("swir16", angles[0], 0, angles[2]), 1, atol=1e-12)


@pytest.mark.parametrize("normal", ["observed", "lat", 40.0])
def test_the_factor_takes_out_what_the_model_put_in(angles, normal):
    """Ground that is ρ0 from above with the sun at θn, observed as the model says, is ρ0 again."""
    latitude = -6.1 if normal == "lat" else None
    upright = {"observed": angles[0], "lat": brdf.normal_sun_zenith(-6.1)}.get(normal, normal)
    for band in BANDS:
        bare = [brdf.COEFFICIENTS[band]] * 2
        kernels = [
            (brdf.li_sparse(*each), brdf.ross_thick(*each)) for each in ((upright, 0, 0), angles)
        ]
        above, seen = (
            iso + geo * geometry + vol * volume
            for (iso, geo, vol), (geometry, volume) in zip(bare, kernels, strict=True)
        )
        true = 0.27
        observed = true * seen / above
        factor = brdf.c_factor(band, *angles, normal_zenith=normal, latitude=latitude)
        npt.assert_allclose(factor * observed, true, rtol=0, atol=1e-12)


def test_nbar_gives_back_the_ground_of_a_scene(rng, angles):
    """The same from end to end, in the float32 of images: half a unit in and out."""
    true = rng.uniform(0.01, 0.6, (3, *SHAPE))
    upright = (angles[0], 0, 0)
    seen = {}
    for band in BANDS:
        iso, geo, vol = brdf.COEFFICIENTS[band]
        there, above = (
            iso + geo * brdf.li_sparse(*each) + vol * brdf.ross_thick(*each)
            for each in (angles, upright)
        )
        seen[band] = (true * there / above).astype("f4")
    names = ("sun_zenith", "view_zenith", "relative_azimuth")
    found = brdf.nbar(xr.Dataset(seen), **dict(zip(names, angles, strict=True)))
    for band in BANDS:
        npt.assert_allclose(found[band], true, rtol=2.0**-23)


def test_the_factor_is_the_obvious_ratio(angles):
    sun, view, azimuth = (layer.values.ravel() for layer in angles)
    expected = [
        model("green", s, 0, 0) / model("green", s, v, a)
        for s, v, a in zip(sun, view, azimuth, strict=True)
    ]
    npt.assert_allclose(brdf.c_factor("green", *angles).values.ravel(), expected, atol=1e-7)


@pytest.mark.parametrize(("latitude", "zenith"), [(0, 31.008), (-2, 31.309), (45, 47.771)])
def test_the_normal_zenith_of_a_latitude(latitude, zenith):
    npt.assert_allclose(brdf.normal_sun_zenith(latitude), zenith, atol=5e-4)


def test_the_normal_zenith_is_the_polynomial_as_printed(rng):
    x = rng.uniform(-70, 70, 50)
    expected = 31.0076 - 0.1272 * x + 0.01187 * x**2 + 2.40e-5 * x**3
    expected += -9.48e-7 * x**4 - 1.95e-9 * x**5 + 6.15e-11 * x**6
    npt.assert_allclose(brdf.normal_sun_zenith(xr.DataArray(x, dims="n")), expected, atol=1e-9)
    assert np.isnan(brdf.normal_sun_zenith(xr.DataArray([91.0, np.nan], dims="n"))).all()


def test_latitude_and_its_zenith_normalise_alike(angles):
    by_latitude = brdf.c_factor("nir", *angles, normal_zenith="lat", latitude=45)
    by_zenith = brdf.c_factor("nir", *angles, normal_zenith=47.771)
    npt.assert_allclose(by_latitude, by_zenith, atol=1e-4)
    assert by_latitude.attrs["normal_zenith"] == "lat"
    assert by_zenith.attrs["normal_zenith"] == 47.771


@pytest.mark.parametrize(
    "bad", [(np.nan, 5, 0), (30, np.nan, 0), (30, 5, np.nan), (85, 5, 0), (30, 89, 0), (-1, 5, 0)]
)
def test_what_is_missing_or_grazing_is_unknown(bad):
    assert np.isnan(brdf.ross_thick(*bad))
    assert np.isnan(brdf.li_sparse(*bad))
    for normal in ("observed", 30.0):
        assert np.isnan(brdf.c_factor("nir", *bad, normal_zenith=normal))
    assert np.isnan(brdf.c_factor("nir", 30, 5, 0, normal_zenith=85.0))


def scene(rng, **bands):
    image = {name: on_map(rng.uniform(0, 0.5, (3, *SHAPE)), "time") for name in ("nir", "green")}
    quality = on_map(np.ones((3, *SHAPE), "u1"), "time")
    return xr.Dataset({**image, "quality": quality, **bands})


def test_nbar_is_the_factor_on_every_band(rng, angles):
    image = scene(rng)
    image.nir[0, 1, 1] = np.nan
    sun, view, azimuth = angles
    result = brdf.nbar(image, sun_zenith=sun, view_zenith=view, relative_azimuth=azimuth)
    for name in ("nir", "green"):
        expected = image[name] * brdf.c_factor(name, *angles)
        npt.assert_allclose(result[name], expected.transpose("time", "y", "x"), rtol=1e-6)
        assert result[name].dtype == np.float32
        assert crs_of(result[name])
        assert result[name].attrs["normal_zenith"] == "observed"
    assert np.isnan(result.nir[0, 1, 1])
    xr.testing.assert_identical(result.quality, image.quality)


def test_angles_may_be_numbers_dates_or_one_layer_a_band(rng):
    image = scene(rng)
    dates = xr.DataArray([20.0, 40, np.nan], dims="time")
    views = xr.Dataset({"nir": on_map(np.full(SHAPE, 4.0)), "green": on_map(np.full(SHAPE, 9.0))})
    result = brdf.nbar(image, sun_zenith=dates, view_zenith=views, relative_azimuth=30)
    for name, view in (("nir", 4), ("green", 9)):
        for day, sun in ((0, 20), (1, 40)):
            factor = float(brdf.c_factor(name, sun, view, 30))
            npt.assert_allclose(result[name][day], image[name][day] * factor, rtol=1e-6)
        assert np.isnan(result[name][2]).all()
        assert result[name].dims == ("time", "y", "x")


def test_two_sensors_at_two_hours_meet_at_one_normal_zenith():
    """The same ground under two suns differs as observed, and not once normalised."""
    seen = [model("red", sun, view, azimuth) for sun, view, azimuth in HOURS]
    assert abs(seen[0] / seen[1] - 1) > 0.05
    for settings in ({"normal_zenith": "lat", "latitude": -6}, {"normal_zenith": 35}):
        normalised = [
            float(value * brdf.c_factor("red", *hour, **settings))
            for value, hour in zip(seen, HOURS, strict=True)
        ]
        npt.assert_allclose(*normalised, rtol=1e-7)


HOURS = ((28, 3, 20), (41, 9, 170))


def chunked(angles, chunks):
    return [layer.astype("f4").chunk(chunks) for layer in angles]


def test_lazy_layers_stay_lazy_and_give_the_same_numbers(rng, angles):
    image = scene(rng)
    whole = [layer.astype("f4") for layer in angles]
    names = ("sun_zenith", "view_zenith", "relative_azimuth")
    expected = brdf.nbar(image, **dict(zip(names, whole, strict=True)))
    for chunks in ({"time": 1}, {"time": 2, "y": 3, "x": 4}):
        with nothing_computes():
            parts = chunked(angles, chunks)
            results = [
                brdf.nbar(image.chunk(chunks), **dict(zip(names, parts, strict=True))),
                brdf.c_factor("nir", *parts, normal_zenith="lat", latitude=parts[1]),
                brdf.ross_thick(*parts),
                brdf.li_sparse(*parts),
            ]
        npt.assert_allclose(results[0].nir, expected.nir, rtol=1e-6)
        factor = brdf.c_factor("nir", *whole, normal_zenith="lat", latitude=whole[1])
        npt.assert_allclose(results[1], factor, rtol=1e-6)
        npt.assert_array_equal(results[2], brdf.ross_thick(*whole))
        npt.assert_array_equal(results[3], brdf.li_sparse(*whole))
        assert all(result.dtype == np.float32 for result in results[1:])


def test_coordinates_of_loaded_scenes_are_angles(rng):
    """Scenes from a catalogue bring sun angles and more along, which chunking makes lazy."""
    days = ("time", [20.0, 40.0, 60.0])
    image = scene(rng).assign_coords(sun_zenith=days, cloud_cover=days)
    expected = brdf.nbar(
        image, sun_zenith=image.sun_zenith, view_zenith=5, relative_azimuth=image.cloud_cover
    )
    lazy = image.chunk({"time": 1})
    with nothing_computes():
        result = brdf.nbar(
            lazy,
            sun_zenith=lazy.sun_zenith,
            view_zenith=5,
            relative_azimuth=image.cloud_cover.chunk() * 1,
        )
        brdf.ross_thick(lazy.sun_zenith * 1, lazy.sun_zenith / 9, lazy.cloud_cover * 2)
    npt.assert_allclose(result.nir, expected.nir, rtol=1e-6)
    assert set(result.coords) == set(image.coords)


def test_angles_are_not_changed(angles):
    before = [layer.copy(deep=True) for layer in angles]
    brdf.c_factor("nir", *angles)
    for layer, old in zip(angles, before, strict=True):
        xr.testing.assert_identical(layer, old)


def test_errors_say_what_to_type(rng, angles):
    sun, view, azimuth = angles
    image = scene(rng)
    given = {"sun_zenith": sun, "view_zenith": view, "relative_azimuth": azimuth}
    with pytest.raises(KeyError, match=r"image.drop_vars\('thermal'\)"):
        brdf.nbar(scene(rng, thermal=image.nir), **given)
    with pytest.raises(KeyError, match="it has blue, green"):
        brdf.c_factor("B02", *angles)
    with pytest.raises(KeyError, match="one variable a band"):
        brdf.nbar(image, **{**given, "view_zenith": xr.Dataset({"nir": view})})
    with pytest.raises(TypeError, match="to_dataset"):
        brdf.nbar(image.nir, **given)
    with pytest.raises(TypeError, match=r"xr.DataArray\(angle"):
        brdf.ross_thick(np.zeros(3), 0, 0)
    with pytest.raises(ValueError, match=r"np\.degrees"):
        brdf.li_sparse(sun.assign_attrs(units="radians"), 0, 0)
    with pytest.raises(ValueError, match=r"minewatch.grids.resample"):
        brdf.nbar(image, **{**given, "sun_zenith": sun.assign_coords(x=sun.x + 5)})
    with pytest.raises(ValueError, match="the scene's own angles"):
        brdf.c_factor("nir", sun, view[:2], azimuth)
    with pytest.raises(ValueError, match=r"pick one with .isel"):
        brdf.nbar(image, **{**given, "sun_zenith": sun.rename(time="detector")})
    with pytest.raises(ValueError, match="use 'observed', 'lat' or degrees"):
        brdf.c_factor("nir", *angles, normal_zenith="fixed")
    with pytest.raises(ValueError, match=r"e.g. latitude=-6.1"):
        brdf.c_factor("nir", *angles, normal_zenith="lat")
    with pytest.raises(ValueError, match="normal_zenith='lat'"):
        brdf.c_factor("nir", *angles, latitude=3)
