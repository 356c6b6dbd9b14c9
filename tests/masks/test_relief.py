"""Shadow and layover against the simulator's geometry, and what must not change them."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch import masks
from minewatch.conventions import crs_of
from minewatch.simulate import heap, relief_scene

UTM = "EPSG:32721"
SURFACES = {
    "wall": {"height": 60, "slope": 70, "top": (100, 300), "facing": 78},
    "pyramid": {"height": 120, "slope": 55, "facing": 30},
    "dump": {"height": 100, "slope": 60, "top": (60, 60), "facing": 78},
    "pit": {"height": -100, "slope": 60, "top": (60, 60), "facing": 78},
    "narrow pit": {"height": -100, "slope": 70, "top": (30, 100), "facing": 12},
}


def hills(x, y):
    return 150 * np.exp(-(x * x + y * y) / 9800) + 20 * np.sin(x / 50) * np.cos(y / 60)


def surface(name):
    return hills if name == "hills" else functools.partial(heap, **SURFACES[name])


def ground(values, *, step=10.0, crs=UTM):
    values = np.asarray(values, "f4")
    rows, columns = values.shape
    coords = {"y": 9e6 - step * np.arange(rows), "x": 5e5 + step * np.arange(columns)}
    layer = xr.DataArray(values, coords, ("y", "x"), "elevation", {"units": "m"})
    return layer.rio.write_crs(crs)


@pytest.fixture
def rough(rng):
    elevation = ground(60 * rng.random((40, 50)))
    elevation[5, 6:9] = np.nan
    return elevation


def compared(name, azimuth, **settings):
    """What the mask says, the truth, and the pixels where they differ by more than a pixel."""
    made = surface(name) if isinstance(name, str) else name
    scene = relief_scene(made, incidence=39, look_azimuth=azimuth, **settings)
    view = masks.radar_geometry(scene.elevation, incidence=39, look_azimuth=azimuth)
    for layer in ("shadow", "layover"):
        said = view[layer] == 1
        yield layer, said, scene[layer], (said != scene[layer]) & ~scene.edge


@pytest.mark.parametrize("azimuth", [78, 282, 165])
@pytest.mark.parametrize("name", [*SURFACES, "hills"])
def test_masks_are_the_truth_to_a_pixel(name, azimuth):
    """A DEM places a crest to a pixel. Farther from a border not one of 10,000 pixels is wrong."""
    for _, said, truth, far_off in compared(name, azimuth):
        assert not far_off.any()
        # The longest outlines, those of the wall, have about 130 pixels, half of them right.
        assert float((said != truth).mean()) < 0.008


@pytest.mark.slow
def test_masks_are_the_truth_whatever_the_look():
    wrong, both, either = {}, {}, {}
    for azimuth in range(0, 360, 30):
        for name in (*SURFACES, "hills"):
            for layer, said, truth, far_off in compared(name, azimuth):
                assert not far_off.any()
                wrong.setdefault(layer, []).append(float((said != truth).mean()))
                both[layer] = both.get(layer, 0) + int((said & truth).sum())
                either[layer] = either.get(layer, 0) + int((said | truth).sum())
    # 99.8 % of all pixels agree; masks a few pixels wide share seven or nine tenths of what
    # either has, the rest lies on the borders.
    assert all(np.mean(shares) < 0.002 for shares in wrong.values())
    assert both["shadow"] / either["shadow"] > 0.85
    assert both["layover"] / either["layover"] > 0.95


def test_a_wall_thinner_than_a_pixel_has_a_fringe_of_a_pixel():
    """The side of a wall is 5 m wide, and on a DEM of 10 m it is a stair: looked along, it
    casts shadows of its own. They stay on the pixels that the side touches."""
    wall = functools.partial(heap, height=60, slope=85, top=(100, 300), facing=78)
    for _, said, truth, far_off in compared(wall, 165):
        z = wall(*np.meshgrid(10 * np.arange(-50.5, 51), 10 * np.arange(50.5, -51, -1)))
        side = np.ptp(np.lib.stride_tricks.sliding_window_view(z, (3, 3)), axis=(2, 3)) > 0
        assert not (far_off & ~side).any()
        assert float((said != truth).mean()) < 0.03


def test_finer_grids_come_nearer_to_the_truth():
    overlaps = {"shadow": [], "layover": []}
    for resolution in (20.0, 10.0, 5.0):
        shape = (int(600 / resolution),) * 2
        scene = relief_scene(
            surface("pyramid"), incidence=39, look_azimuth=282, shape=shape, resolution=resolution
        )
        view = masks.radar_geometry(scene.elevation, incidence=39, look_azimuth=282)
        for name, found in overlaps.items():
            mask = view[name] == 1
            found.append(float((mask & scene[name]).sum() / (mask | scene[name]).sum()))
    for found in overlaps.values():
        assert found == sorted(found)
        assert found[-1] > 0.9


@pytest.mark.parametrize(("azimuth", "dim", "step"), [(90, "x", 1), (270, "x", -1), (0, "y", -1)])
def test_a_wall_in_closed_form(azimuth, dim, step):
    """65 m at 45°: shadow of 6 pixels behind the crest, layover of 6 before it and on it."""
    wall = np.zeros((1, 30), "f4")
    wall[0, 15] = 65
    line = np.repeat(wall, 2, axis=0)
    elevation = ground(line if dim == "x" else line.T)
    view = masks.radar_geometry(elevation, incidence=45, look_azimuth=azimuth)
    other = "y" if dim == "x" else "x"
    along = view.isel({other: 0}).isel({dim: slice(None, None, step)})
    crest = 15 if step > 0 else 14
    npt.assert_array_equal(np.nonzero(along.shadow.values)[0], crest + np.arange(1, 7))
    npt.assert_array_equal(np.nonzero(along.layover.values)[0], crest - np.arange(7)[::-1])


@pytest.mark.parametrize("azimuth", [78, 282, 0, 90])
def test_a_plane_that_faces_the_sensor_takes_its_tilt_off_the_angle(azimuth):
    turn = np.radians(azimuth)
    i, j = np.indices((8, 9))
    away = 10.0 * (j * np.sin(turn) - i * np.cos(turn))
    for tilt in (-60.0, -20.0, 15.0, 50.0):
        plane = ground(np.tan(np.radians(tilt)) * away)
        view = masks.radar_geometry(plane, incidence=39, look_azimuth=azimuth)
        npt.assert_allclose(view.local_incidence, abs(39 - tilt), atol=1e-3)
        assert (view.shadow == (tilt < -51)).all()
        assert (view.layover == (tilt > 39)).all()


def test_local_incidence_of_hills_is_that_of_their_surface():
    scene = relief_scene(hills, incidence=39, look_azimuth=78, shape=(150, 150), resolution=5)
    view = masks.radar_geometry(scene.elevation, incidence=39, look_azimuth=78)
    inner = {"y": slice(1, -1), "x": slice(1, -1)}
    off = abs(view.local_incidence - scene.local_incidence)[inner]
    # Central differences err by step² / 6 of the third derivative: 150 m / (70 m)³ at most about
    # three times, hence 0.006 of slope or 0.3 degrees.
    assert float(off.max()) < 0.3


def test_lazy_and_the_same_for_every_chunking(rough):
    for azimuth in (78, 200):
        make = functools.partial(masks.radar_geometry, incidence=39, look_azimuth=azimuth)
        wanted = make(rough, reach=120)
        assert {0, 1, 255} <= set(np.unique(wanted.shadow))
        # Chunks of 7 and 3 pixels are thinner than the reach of 12.
        for chunks in ({}, {"y": 7, "x": 9}, {"y": 40, "x": 3}, {"y": (1, 38, 1), "x": 50}):
            with nothing_computes():
                lazy = make(rough.chunk(chunks), reach=120)
            assert all(layer.chunks is not None for layer in lazy.values())
            if "x" in chunks:
                assert lazy.shadow.chunks == rough.chunk(chunks).chunks
            xr.testing.assert_identical(lazy.compute(), wanted)


def test_incidence_may_vary_and_may_be_unknown(rough):
    across = xr.zeros_like(rough) + np.linspace(30, 45, 50, dtype="f4")
    across[20, 20:23] = [np.nan, 0, 90]
    make = functools.partial(masks.radar_geometry, look_azimuth=78)
    got = make(rough, incidence=across)
    for i, j in ((3, 4), (30, 10), (25, 45)):
        one = make(rough, incidence=float(across[i, j]))
        for name in got:
            npt.assert_allclose(got[name][i, j], one[name][i, j], rtol=1e-5)
    for name in ("shadow", "layover"):
        npt.assert_array_equal(got[name][20, 20:23], 255)
    assert np.isnan(got.local_incidence[20, 20:23]).all()
    lazy = make(rough.chunk(y=11), incidence=across)
    xr.testing.assert_identical(lazy.compute(), got)
    assert "incidence" not in got.shadow.attrs


def test_what_is_missing_is_unknown_and_hides_nothing(rough):
    view = masks.radar_geometry(rough, incidence=39, look_azimuth=78)
    missing = rough.isnull()
    for name in ("shadow", "layover"):
        npt.assert_array_equal(view[name] == 255, missing)
    assert (view.local_incidence.isnull() >= missing).all()
    tower = np.zeros((3, 20))
    tower[:, 5], tower[:, 8] = 100, np.nan
    shadow = masks.radar_geometry(ground(tower), incidence=45, look_azimuth=90).shadow
    npt.assert_array_equal(shadow[1], [0] * 6 + [1, 1, 255, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0])


def test_layers_say_what_made_them_and_where_they_lie(rough):
    before = rough.copy(deep=True)
    view = masks.radar_geometry(rough.astype("f8"), incidence=39, look_azimuth=78, reach=500)
    assert list(view) == ["local_incidence", "shadow", "layover"]
    for layer in view.values():
        assert crs_of(layer) == crs_of(rough)
        assert layer.attrs["look_azimuth"] == 78
        assert layer.attrs["incidence"] == 39
        assert layer.attrs["reach"] == 500
    assert view.shadow.dtype == view.layover.dtype == "uint8"
    assert view.local_incidence.attrs["units"] == "degrees"
    assert view.shadow.attrs["flag_meanings"] == "seen shadow"
    xr.testing.assert_identical(rough, before)


def test_feet_are_feet(rough):
    """Coordinates in US feet, elevation in metres."""
    metre = 1200 / 3937
    wanted = masks.radar_geometry(rough, incidence=39, look_azimuth=78)
    feet = ground(rough.values, step=10 / metre, crs="EPSG:2225")
    got = masks.radar_geometry(feet, incidence=39, look_azimuth=78)
    npt.assert_array_equal(got.shadow, wanted.shadow)
    npt.assert_allclose(got.local_incidence, wanted.local_incidence, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "settings", "fix"),
    [
        (lambda z: z.rio.write_crs("EPSG:4326"), {}, r"minewatch\.grids\.resample"),
        (lambda z: z.rio.write_crs("EPSG:3857"), {}, r"minewatch\.grids\.resample"),
        (lambda z: z.drop_vars("spatial_ref"), {}, r"rio\.write_crs"),
        (lambda z: z.isel(y=slice(None, None, -1)), {}, "sortby"),
        (lambda z: z.isel(x=[0, 1, 3]), {}, "evenly spaced x"),
        (lambda z: z.drop_vars("x"), {}, "evenly spaced x"),
        (lambda z: z.isel(x=slice(1)), {}, "two or more"),
        (lambda z: z.T, {}, "transpose"),
        (lambda z: z, {"incidence": 0}, "29 to 46"),
        (lambda z: z, {"incidence": 90.0}, "29 to 46"),
        (lambda z: z, {"look_azimuth": np.nan}, r"e\.g\. 78"),
        (lambda z: z, {"reach": 0}, "3000 is usual"),
        (lambda z: z, {"reach": np.inf}, "3000 is usual"),
    ],
)
def test_what_cannot_be_measured_is_refused(rough, change, settings, fix):
    with pytest.raises(ValueError, match=fix):
        masks.radar_geometry(change(rough), **{"incidence": 39, "look_azimuth": 78} | settings)


def test_incidence_lies_on_the_grid_of_the_elevation(rough):
    with pytest.raises(ValueError, match=r"grids\.resample"):
        masks.radar_geometry(rough, incidence=xr.zeros_like(rough)[1:] + 39, look_azimuth=78)
    with pytest.raises(TypeError, match="floating"):
        masks.radar_geometry(rough.fillna(0).astype("i2"), incidence=39, look_azimuth=78)
