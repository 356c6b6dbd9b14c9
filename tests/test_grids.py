"""Grids: boxes, areas, resampling, geocoding."""

from __future__ import annotations

import warnings

import dask.array as da
import numpy as np
import numpy.testing as npt
import pytest
import shapely
import xarray as xr
from laziness import nothing_computes
from pyproj import Transformer

from minewatch import grids
from minewatch.grids import _sampling, _tiles

UTM = "EPSG:32721"


@pytest.fixture
def small_tiles(monkeypatch):
    """Blocks so small that every test image has several, and seams between them."""
    monkeypatch.setattr(_tiles, "TILE", 19)
    monkeypatch.setattr(_sampling, "STRIP", 4)


def square(pixels=40, resolution=10.0, crs=UTM, left=500_000.0, bottom=9_280_000.0):
    side = pixels * resolution
    return grids.geobox((left, bottom, left + side, bottom + side), crs=crs, resolution=resolution)


def square_in(crs, resolution, **where):
    """The same ground on the grid of another CRS."""
    bounds = square(**where).boundingbox.bbox
    return grids.geobox(bounds, crs=crs, resolution=resolution, bounds_crs=UTM)


def layer_on(box, values, **lead):
    dims = (*lead, "y", "x")
    coords = {**lead, **grids.coordinates(box)}
    return xr.DataArray(values, dims=dims, coords=coords, name="layer", attrs={"units": "1"})


def centres(box):
    found = grids.coordinates(box)
    return np.meshgrid(found["x"].values, found["y"].values)


# --- boxes


def test_a_geobox_covers_its_bounds_on_whole_multiples_of_the_resolution():
    box = grids.geobox((500_003, 9_280_001, 500_097, 9_280_055), crs=UTM, resolution=(10, 20))
    left, bottom, right, top = box.boundingbox.bbox
    assert (left, bottom, right, top) == (500_000, 9_280_000, 500_100, 9_280_060)
    assert box.shape.yx == (6, 5)


def test_a_geobox_covers_geographic_bounds_that_are_not_straight_on_the_map():
    bounds = (-56.42, -6.52, -56.38, -6.48)
    box = grids.geobox(bounds, crs=UTM, resolution=30, bounds_crs="EPSG:4326")
    edge = shapely.segmentize(shapely.box(*bounds), 1e-3)
    x, y = Transformer.from_crs(4326, UTM, always_xy=True).transform(
        *shapely.get_coordinates(edge).T
    )
    left, bottom, right, top = box.boundingbox.bbox
    assert left <= x.min() < left + 30
    assert right - 30 < x.max() <= right
    assert bottom <= y.min() < bottom + 30
    assert top - 30 < y.max() <= top


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        ({"bounds": (0, 0, 0, 10), "resolution": 10}, "left < right"),
        ({"bounds": (0, 0, np.nan, 10), "resolution": 10}, "four finite numbers"),
        ({"bounds": (0, 0, 10, 10), "resolution": 0}, "resolution=10"),
        ({"bounds": (-56.42, -6.52, -56.38, -6.48), "resolution": 20}, 'bounds_crs="EPSG:4326"'),
    ],
)
def test_bounds_that_make_no_grid_are_refused(arguments, fix):
    with pytest.raises(ValueError, match=fix):
        grids.geobox(crs=UTM, **arguments)


@pytest.mark.parametrize(
    ("bounds", "zone"),
    [
        ((-56.42, -6.52, -56.38, -6.48), "EPSG:32721"),
        ((4.88, 52.36, 4.91, 52.38), "EPSG:32631"),
        ((-180, 10, -179, 11), "EPSG:32601"),
        ((179, 10, 180, 11), "EPSG:32660"),
    ],
)
def test_utm_zones(bounds, zone):
    assert grids.utm_crs(bounds) == zone


def test_utm_zone_of_bounds_in_another_projection_and_where_there_is_none():
    assert grids.utm_crs(square().boundingbox.bbox, bounds_crs=UTM) == UTM
    with pytest.raises(ValueError, match="EPSG:3413"):
        grids.utm_crs((0, 85, 1, 86))


@pytest.mark.parametrize("resolution", [10.0, 0.1, 1 / 3])
def test_a_layer_remembers_its_grid(resolution):
    box = square(resolution=resolution)
    layer = layer_on(box, np.zeros(box.shape))
    assert grids.geobox_of(layer) == box
    assert grids.geobox_of(layer.to_dataset(name="a")) == box
    assert grids.geobox_of(box) is box
    part = grids.geobox_of(layer.isel(y=slice(3, 9), x=slice(5, None)))
    npt.assert_allclose(part.boundingbox.bbox, box[3:9, 5:].boundingbox.bbox, rtol=1e-15)
    assert grids.geobox_of(layer.isel(y=[4])).shape.yx == (1, 40)


def test_a_grid_is_known_from_coordinates_alone_and_in_float32():
    box = square()
    layer = layer_on(box, np.zeros(box.shape))
    layer.coords["spatial_ref"].attrs.pop("GeoTransform")
    assert grids.geobox_of(layer) == box
    single = layer.assign_coords(x=layer.x.astype("float32"), y=layer.y.astype("float32"))
    assert grids.geobox_of(single) == box  # whole metres fit into float32
    upside = grids.geobox_of(layer.isel(y=slice(None, None, -1)))
    assert upside.transform.e == 10


def test_layers_without_a_grid_are_refused():
    box = square()
    layer = layer_on(box, np.zeros(box.shape))
    with pytest.raises(ValueError, match="write_crs"):
        grids.geobox_of(layer.drop_vars("spatial_ref"))
    with pytest.raises(ValueError, match="geocode"):
        grids.geobox_of(layer.drop_vars("x"))
    with pytest.raises(ValueError, match="sortby"):
        grids.geobox_of(layer.isel(x=[0, 1, 5]))
    with pytest.raises(TypeError, match=r"minewatch\.grids\.geobox"):
        grids.geobox_of(layer.values)
    layer.coords["spatial_ref"].attrs.pop("GeoTransform")
    with pytest.raises(ValueError, match="pixel size"):
        grids.geobox_of(layer.isel(x=[0]))


def test_coordinates_are_pixel_centres_with_cf_names():
    utm, degrees = (
        grids.coordinates(square(crs=crs, resolution=r, left=0, bottom=0))
        for crs, r in ((UTM, 10), (4326, 0.1))
    )
    assert utm["y"].values[0] == 395
    assert utm["x"].attrs == {
        "standard_name": "projection_x_coordinate",
        "long_name": "x coordinate of projection",
        "units": "m",
    }
    assert degrees["y"].attrs["units"] == "degrees_north"
    assert degrees["x"].dims == ("x",)
    rotated = square()
    rotated = type(rotated)(rotated.shape, rotated.transform @ rotated.transform.rotation(10), UTM)
    with pytest.raises(ValueError, match="north-up"):
        grids.coordinates(rotated)


# --- areas


def test_cells_of_the_globe_add_up_to_the_ellipsoid():
    globe = grids.geobox((-180, -90, 180, 90), crs="EPSG:4326", resolution=0.5)
    total = float((grids.cell_areas(globe) * 720).sum())
    # WGS 84: 510 065 621.724 km² (Moritz 2000, Geodetic Reference System 1980, for its sphere of
    # equal area)
    assert total / 1e6 == pytest.approx(510_065_621.724, abs=0.01)


@pytest.mark.parametrize("latitude", [0, 45, 60])
def test_cells_of_a_mercator_map_are_measured_on_the_ground(latitude):
    """The scale of EPSG:3857 is a/(ν cos φ) east and a/(ρ cos φ) north: areas shrink by both."""
    north = np.degrees(np.log(np.tan(np.pi / 4 + np.radians(latitude) / 2))) * 111_319.490793
    cells = grids.cell_areas(square(4, 100.0, "EPSG:3857", 0, 100 * round(north / 100)))
    assert cells.dims == ("y",)
    e2, sine = 0.00669437999014, np.sin(np.radians(latitude))
    ground = (1 - e2) / (1 - e2 * sine**2) ** 2 * (1 - sine**2)
    # 400 m of it, the latitude known to 50 m: cos²φ changes by 2·tanφ·450 m/6378 km = 2.5e-4.
    npt.assert_allclose(cells, 1e4 * ground, rtol=3e-4)


def test_projected_cells_are_their_pixels_in_metres():
    assert float(grids.cell_areas(square(resolution=20))) == 400
    feet = grids.cell_areas(square(resolution=100, crs="EPSG:2263", left=990_000, bottom=190_000))
    assert float(feet) == pytest.approx((100 * 1200 / 3937) ** 2)
    rows = grids.cell_areas(layer_on(square(4, 0.1, 4326, 0, 50), np.zeros((4, 4))))
    assert rows.dims == ("y",)
    assert rows[0] < rows[-1]  # north is narrower
    assert rows.attrs["units"] == "m2"


# --- resample


def test_resampling_onto_the_same_grid_changes_nothing(rng):
    layer = layer_on(square(), rng.normal(size=(40, 40)))
    assert grids.resample(layer, layer).identical(layer)
    assert grids.resample(layer, square(), method="average").identical(layer)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "average", "cubic"])
@pytest.mark.parametrize("crs", [UTM, "EPSG:32720", "EPSG:4326"])
def test_a_constant_stays_constant(method, crs):
    layer = layer_on(square(), np.full((40, 40), 0.37, "float32"))
    resolution = 1e-4 if crs == "EPSG:4326" else 7
    target = square_in(crs, resolution)
    found = grids.resample(layer, target, method=method)
    inside = found.notnull()
    assert inside.mean() > 0.8
    # single precision weights
    npt.assert_allclose(found.values[inside.values], 0.37, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("crs", [UTM, "EPSG:32720", "EPSG:4326"])
def test_bilinear_reproduces_a_plane(crs):
    source = square()
    x, y = centres(source)
    layer = layer_on(source, 3 + 0.02 * (x - 500_000) - 0.05 * (y - 9_280_000))
    resolution = 5e-5 if crs == "EPSG:4326" else 6.0
    target = square_in(crs, resolution, pixels=20, left=500_100, bottom=9_280_100)
    found = grids.resample(layer, target)
    x, y = Transformer.from_crs(crs, UTM, always_xy=True).transform(*centres(target))
    expected = 3 + 0.02 * (x - 500_000) - 0.05 * (y - 9_280_000)
    npt.assert_allclose(found.values, expected, atol=1e-6)


def test_average_is_the_mean_over_the_area_of_the_pixel(rng):
    fine = square(48, 10)
    values = rng.normal(size=(48, 48))
    found = grids.resample(layer_on(fine, values), square(30, 16), method="average")
    share = np.array(
        [
            [max(0, min(16 * i + 16, 10 * j + 10) - max(16 * i, 10 * j)) / 16 for j in range(48)]
            for i in range(30)
        ]
    )
    npt.assert_allclose(found, share @ values @ share.T, atol=1e-6)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize("resolution", [3, 7, 16])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_gdal_says_the_same(rng, method, resolution):
    from rasterio.warp import Resampling, reproject

    values = rng.normal(size=(40, 40))
    values[5:8, 30:33] = np.nan
    bounds = (500_050, 9_280_060, 500_330, 9_280_340)
    target = grids.geobox(bounds, crs=UTM, resolution=resolution)
    theirs = np.full(target.shape, np.nan)
    reproject(
        values,
        theirs,
        src_transform=square().transform,
        src_crs=UTM,
        src_nodata=np.nan,
        dst_transform=target.transform,
        dst_crs=UTM,
        dst_nodata=np.nan,
        resampling=Resampling[method],
        XSCALE=1,
        YSCALE=1,
    )
    ours = grids.resample(layer_on(square(), values), target, method=method).values
    if method == "cubic":  # beside a gap GDAL falls back to fewer pixels
        from scipy.ndimage import binary_dilation

        gap = grids.resample(
            layer_on(square(), binary_dilation(np.isnan(values), np.ones((5, 5)))),
            target,
            method="nearest",
        )
        ours[gap == 1] = theirs[gap == 1] = 0
    # GDAL's weights are single precision
    npt.assert_allclose(ours, theirs, atol=2e-6)


def test_average_between_projections_is_near_the_mean_over_the_area(rng):
    """Against the exact shares on a grid that only pretends to be another CRS."""
    values = rng.normal(size=(48, 48))
    layer = layer_on(square(48, 10), values)
    exact = grids.resample(layer, square(30, 16), method="average")
    same = "+proj=utm +zone=21 +south +ellps=GRS80 +units=m"  # the same map by another name
    other = grids.resample(layer, square(30, 16, crs=same), method="average")
    # White noise is the worst case: a point that falls on the other side of a border is all wrong.
    assert float(np.sqrt(np.mean((other.values - exact.values) ** 2))) < 0.1
    smooth = layer.copy(data=np.linspace(0, 1, 48)[None] * np.ones((48, 1)))
    exact = grids.resample(smooth, square(30, 16), method="average")
    other = grids.resample(smooth, square(30, 16, crs=same), method="average")
    npt.assert_allclose(other.values, exact.values, atol=0.005)


def test_missing_pixels_spread_no_further_than_under_the_centre(rng):
    values = rng.normal(size=(40, 40))
    values[10:14, 20:24] = np.nan
    layer = layer_on(square(), values)
    nearest = grids.resample(layer, square(80, 5), method="nearest")
    bilinear = grids.resample(layer, square(80, 5))
    npt.assert_array_equal(bilinear.isnull(), nearest.isnull())
    assert int(bilinear.isnull().sum()) == 64
    # A pixel with missing neighbours is the weighted mean of the others: here two of four.
    npt.assert_allclose(bilinear[19, 42], [0.25, 0.75] @ values[9, 20:22], atol=1e-6)


def test_outside_is_missing_and_codes_stay_codes(rng):
    codes = rng.integers(0, 3, (40, 40)).astype("uint8")
    layer = layer_on(square(), codes)
    wide = grids.geobox((499_900, 9_279_900, 500_400, 9_280_400), crs=UTM, resolution=10)
    found = grids.resample(layer, wide, method="nearest")
    assert found.dtype == np.uint8
    npt.assert_array_equal(found[:40, 10:], codes)
    assert (found[40:] == 255).all()
    assert (found[:, :10] == 255).all()
    mask = grids.resample(layer == 1, wide, method="nearest")
    npt.assert_array_equal(mask[:40, 10:], codes == 1)
    assert int(mask[-1, 0]) == 255
    far = grids.geobox((0, 0, 100, 100), crs=UTM, resolution=10)
    assert grids.resample(layer.astype("float32"), far).isnull().all()
    assert grids.resample(layer.chunk().astype("float32"), far).isnull().all()
    counts = grids.resample(layer.astype("uint16"), wide, method="nearest")
    assert counts.dtype == np.float32
    assert np.isnan(counts[-1, 0])


@pytest.mark.parametrize("method", ["nearest", "bilinear", "average", "cubic"])
@pytest.mark.parametrize("target", ["finer", "coarser", "zone"])
@pytest.mark.usefixtures("small_tiles")
def test_resampling_is_lazy_and_blind_to_chunks(rng, method, target):
    values = rng.normal(size=(3, 40, 40)).astype("float32")
    values[rng.uniform(size=values.shape) < 0.05] = np.nan
    layer = layer_on(square(), values, pair=[4, 5, 6])
    like = {
        "finer": square(80, 5),
        "coarser": square(20, 20),
        "zone": square_in("EPSG:32720", 9),
    }[target]
    whole = grids.resample(layer, like, method=method)
    for chunks in ({}, {"pair": 1, "y": 20, "x": 20}, {"pair": 2, "y": 7, "x": 11}):
        with nothing_computes():
            lazy = grids.resample(layer.chunk(chunks), like, method=method)
        assert isinstance(lazy.data, da.Array)
        npt.assert_allclose(lazy.values, whole.values, atol=1e-6)
        assert lazy.drop_attrs().coords.identical(whole.drop_attrs().coords)


@pytest.mark.usefixtures("small_tiles")
@pytest.mark.parametrize("method", ["bilinear", "average"])
def test_a_block_is_one_task(rng, method):
    layer = layer_on(square(), rng.normal(size=(6, 40, 40)), pair=np.arange(6)).chunk(
        pair=2, y=20, x=20
    )
    found = grids.resample(layer, square(80, 5), method=method)
    places = found.data.numblocks[1] * found.data.numblocks[2]
    blocks = 3 * places
    # Beside them the places, found once for all pairs, and the source.
    graph = dict(found.data.__dask_graph__())
    assert len(graph) <= blocks + places + len(dict(layer.data.__dask_graph__()))
    assert found.chunksizes["pair"] == (2, 2, 2)


def test_resampling_keeps_names_attributes_coordinates_and_inputs(rng):
    values = rng.normal(size=(2, 40, 40))
    layer = layer_on(square(), values, time=np.array(["2024-01-01", "2024-01-13"], "M8[ns]"))
    layer = layer.assign_coords(baseline=("time", [1.0, 2.0]), latitude=(("y", "x"), values[0]))
    before = layer.copy(deep=True)
    found = grids.resample(layer, square(20, 20), method="average")
    assert layer.identical(before)
    assert found.name == "layer"
    assert found.attrs == layer.attrs
    assert set(found.coords) == {"time", "baseline", "y", "x", "spatial_ref"}
    assert grids.geobox_of(found) == square(20, 20)
    both = xr.Dataset({"tai": layer[0], "class": (layer[0] > 0).astype("uint8")})
    found = grids.resample(both, square(20, 20), method="average")
    assert found["class"].dtype == np.uint8
    npt.assert_allclose(found["tai"], both["tai"].coarsen(y=2, x=2).mean(), atol=1e-6)


def test_what_must_not_be_interpolated_is_refused(rng):
    layer = layer_on(square(), rng.uniform(size=(40, 40)))
    like = square(20, 20)
    with pytest.raises(ValueError, match='method="bilinear" or "average"'):
        grids.resample(layer.rename("coherence"), like, method="cubic")
    with pytest.raises(ValueError, match='method="nearest"'):
        grids.resample((layer > 0.5).astype("uint8"), like)
    with pytest.raises(ValueError, match="third class"):
        grids.resample(layer.assign_attrs(flag_values=[0, 1]), like)
    with pytest.raises(TypeError, match="uint8"):
        grids.resample(layer.astype("int16").assign_attrs(flag_masks=[1]), like, method="nearest")
    with pytest.raises(TypeError, match="cast it"):
        grids.resample(layer.astype("complex64"), like)
    with pytest.raises(ValueError, match="nearest, bilinear"):
        grids.resample(layer, like, method="lanczos")
    with pytest.raises(ValueError, match="transpose"):
        grids.resample(layer.T, like)


# --- geocode


def slant(shape=(30, 50), noise=0.0, rng=None):
    """A skewed, gently bent image whose samples know their place; returns x and y as well."""
    row, column = np.mgrid[: shape[0], : shape[1]].astype(float)
    x = 500_000 + 12 * column + 3 * row + 5 * np.sin(column / 9)
    y = 9_280_500 - 11 * row + 2 * column + 4 * np.cos(row / 7)
    if rng is not None:
        x, y = (field + rng.uniform(-noise, noise, shape) for field in (x, y))
    longitude, latitude = Transformer.from_crs(UTM, 4326, always_xy=True).transform(x, y)
    coords = {"latitude": (("y", "x"), latitude), "longitude": (("y", "x"), longitude)}
    return x, y, coords


def on_slant(values, coords, dims=("y", "x"), **kwargs):
    return xr.DataArray(values, dims=dims, coords=coords, name="coherence", **kwargs)


def test_geocoding_samples_of_a_map_grid_gives_back_the_map(rng):
    box = square(20)
    x, y = centres(box)
    longitude, latitude = Transformer.from_crs(UTM, 4326, always_xy=True).transform(x, y)
    coords = {"latitude": (("y", "x"), latitude), "longitude": (("y", "x"), longitude)}
    values = rng.normal(size=(20, 20))
    for method in ("bilinear", "nearest"):
        # 1e-6 of a sample is how exactly a place is found
        npt.assert_allclose(
            grids.geocode(on_slant(values, coords), box, method=method), values, atol=1e-5
        )


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_a_plane_on_the_map_comes_through_exactly(rng, noise):
    x, y, coords = slant(noise=noise, rng=rng)
    layer = on_slant(0.01 * (x - 500_000) - 0.02 * (y - 9_280_000), coords)
    box = grids.geobox((500_000, 9_280_100, 500_700, 9_280_600), crs=UTM, resolution=8)
    found = grids.geocode(layer, box)
    wanted_x, wanted_y = centres(box)
    hull = shapely.polygons(
        [*zip(x[0], y[0], strict=True), *zip(x[:, -1], y[:, -1], strict=True),
         *zip(x[-1, ::-1], y[-1, ::-1], strict=True), *zip(x[::-1, 0], y[::-1, 0], strict=True)]
    )  # fmt: skip
    inside = shapely.contains_xy(hull, wanted_x, wanted_y)
    assert inside.mean() > 0.3
    expected = 0.01 * (wanted_x - 500_000) - 0.02 * (wanted_y - 9_280_000)
    npt.assert_allclose(found.values[inside], expected[inside], atol=1e-6)
    # No further than half a sample (about 7 m) outside.
    near = shapely.contains_xy(shapely.buffer(hull, 10), wanted_x, wanted_y)
    assert found.isnull().values[~near].all()
    assert grids.geobox_of(found) == box
    assert set(found.coords) == {"y", "x", "spatial_ref"}


def test_nearest_geocoding_takes_the_closest_sample(rng):
    x, y, coords = slant()
    codes = rng.integers(0, 4, x.shape).astype("uint8")
    box = grids.geobox((500_100, 9_280_250, 500_500, 9_280_450), crs=UTM, resolution=8)
    found = grids.geocode(on_slant(codes, coords), box, method="nearest")
    wanted_x, wanted_y = centres(box)
    distance = np.hypot(
        x.ravel()[None] - wanted_x.ravel()[:, None], y.ravel()[None] - wanted_y.ravel()[:, None]
    )
    closest = codes.ravel()[distance.argmin(axis=1)].reshape(box.shape)
    # Nearest in samples and nearest on the ground differ on skewed ground near the borders.
    assert (found.values == closest).mean() > 0.9
    assert found.dtype == np.uint8
    mask = grids.geocode(on_slant(codes > 1, coords), box, method="nearest")
    npt.assert_array_equal(mask.values == 1, found.values > 1)


def test_missing_samples_are_left_out_and_missing_places_stay_missing(rng):
    x, _, coords = slant()
    values = rng.uniform(size=x.shape)
    values[10:14, 20:26] = np.nan
    box = grids.geobox((500_100, 9_280_250, 500_500, 9_280_450), crs=UTM, resolution=4)
    found = grids.geocode(on_slant(values, coords), box)
    nearest = grids.geocode(on_slant(values, coords), box, method="nearest")
    npt.assert_array_equal(found.isnull(), nearest.isnull())
    assert found.isnull().any()
    assert float(found.max()) <= np.nanmax(values)
    latitude, longitude = (coords[name][1].copy() for name in ("latitude", "longitude"))
    latitude[:, :25] = longitude[:, :25] = np.nan  # e.g. sea without a height model
    coords = {"latitude": (("y", "x"), latitude), "longitude": (("y", "x"), longitude)}
    half = grids.geocode(on_slant(np.ones(x.shape), coords), box)
    assert 0.2 < float(half.notnull().mean()) < 0.8
    nowhere = {name: (("y", "x"), np.full(x.shape, np.nan)) for name in coords}
    assert grids.geocode(on_slant(values, nowhere), box).isnull().all()


@pytest.mark.usefixtures("small_tiles")
def test_geocoding_is_lazy_and_blind_to_chunks(rng):
    x, _, coords = slant()
    values = rng.uniform(size=(5, *x.shape)).astype("float32")
    values[rng.uniform(size=values.shape) < 0.05] = np.nan
    layer = on_slant(values, {**coords, "pair": [3, 4, 5, 6, 7]}, dims=("pair", "y", "x"))
    box = grids.geobox((499_900, 9_280_000, 500_800, 9_280_600), crs=UTM, resolution=14)
    whole = grids.geocode(layer, box)
    for chunks in ({}, {"pair": 1, "y": 10, "x": 10}, {"pair": 2, "y": 7, "x": 13}):
        with nothing_computes():
            lazy = grids.geocode(layer.chunk(chunks).assign_coords(coords), box)
        assert lazy.chunks is not None
        assert lazy.compute().identical(whole)
    from_dask = layer.assign_coords(
        {name: (dims, da.from_array(field, chunks=7)) for name, (dims, field) in coords.items()}
    )
    assert grids.geocode(from_dask, box).identical(whole)


def test_a_dataset_is_geocoded_with_one_table_of_places(rng):
    x, _, coords = slant()
    layer = on_slant(rng.uniform(size=x.shape).astype("float32"), coords)
    both = xr.Dataset({"tai": layer, "class": (layer > 0.5).astype("uint8")})
    box = grids.geobox((500_100, 9_280_250, 500_500, 9_280_450), crs=UTM, resolution=8)
    found = grids.geocode(both, box)
    npt.assert_array_equal(found["tai"], grids.geocode(layer, box))
    npt.assert_array_equal(found["class"], grids.geocode(both["class"], box, method="nearest"))


def test_layover_is_given_one_of_its_samples(rng):
    """Where places fold over, something of what lies there is found, and nothing fails."""
    x, y, _ = slant()
    x = x - 60 * np.exp(-(((np.arange(50) - 25) / 2.0) ** 2))  # a steep slope facing the radar
    longitude, latitude = Transformer.from_crs(UTM, 4326, always_xy=True).transform(x, y)
    coords = {"latitude": (("y", "x"), latitude), "longitude": (("y", "x"), longitude)}
    box = grids.geobox((500_100, 9_280_250, 500_500, 9_280_450), crs=UTM, resolution=8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = grids.geocode(on_slant(x, coords), box)
    wanted_x, _ = centres(box)
    seen = found.notnull().values
    assert seen.mean() > 0.9
    npt.assert_allclose(found.values[seen], wanted_x[seen], atol=1e-3)


def test_geocoding_says_what_it_needs(rng):
    x, _, coords = slant()
    layer = on_slant(np.ones(x.shape), coords)
    box = square()
    with pytest.raises(ValueError, match=r"latitude=\.\.\."):
        grids.geocode(layer.drop_vars("latitude"), box)
    with pytest.raises(ValueError, match=r"\.isel"):
        grids.geocode(layer, box, latitude=layer.latitude[:4], longitude=layer.longitude)
    with pytest.raises(ValueError, match="two samples or more"):
        grids.geocode(layer[:1], box)
    with pytest.raises(ValueError, match='method="nearest"'):
        grids.geocode(layer > 0, box)
    with pytest.raises(ValueError, match="bilinear, nearest"):
        grids.geocode(layer, box, method="cubic")
    given = grids.geocode(
        layer.drop_vars(["latitude", "longitude"]),
        box,
        latitude=layer.latitude,
        longitude=layer.longitude,
    )
    npt.assert_array_equal(given, grids.geocode(layer, box))


@pytest.mark.data
def test_amsterdam_lies_where_its_latitudes_and_longitudes_say(real_data):
    with np.load(real_data / "s1-slc-pair-amsterdam" / "slc_pair.npz") as pair:
        latitude, longitude = pair["lat"].astype(float), pair["lon"].astype(float)
        power = np.abs(pair["ref_20230331"]) ** 2
    coords = {"latitude": (("y", "x"), latitude), "longitude": (("y", "x"), longitude)}
    bounds = (longitude.min(), latitude.min(), longitude.max(), latitude.max())
    crs = grids.utm_crs(bounds)
    assert crs == "EPSG:32631"
    box = grids.geobox(bounds, crs=crs, resolution=10, bounds_crs="EPSG:4326")
    fields = xr.Dataset(
        {
            "latitude_there": (("y", "x"), latitude),
            "longitude_there": (("y", "x"), longitude),
            "power": (("y", "x"), power),
        },
        coords=coords,
    )
    found = grids.geocode(fields, box)
    seen = found["power"].notnull().values
    x, y = centres(box)
    lon, lat = Transformer.from_crs(crs, 4326, always_xy=True).transform(x, y)
    # Half a sample outside is seen: 7 m in azimuth, 6e-5 degrees of latitude, 1e-4 of longitude.
    assert lat[seen].min() >= 52.36563 - 7e-5
    assert lat[seen].max() <= 52.377483 + 7e-5
    assert lon[seen].min() >= 4.886617 - 1e-4
    assert lon[seen].max() <= 4.9061217 + 1e-4
    # Every pixel reads its own place, but for the half samples at the edge (hence the mean).
    assert np.abs(found["latitude_there"].values - lat)[seen].mean() < 1e-6
    assert np.abs(found["longitude_there"].values - lon)[seen].mean() < 1e-6
    # The image covers what its outline encloses: 132.7 ha, and half a sample around it.
    assert 132.7 <= seen.sum() * float(grids.cell_areas(box)) / 1e4 <= 132.7 * 1.03
    assert np.nanmax(found["power"]) <= power.max() * (1 + 1e-6)


def test_a_layer_takes_the_pixel_centres_of_its_pattern_to_the_last_digit() -> None:
    # A part of a geographic grid: centres counted from its own corner differ in the last digit.
    bounds = (25.99, 63.667, 26.0395, 63.69)
    whole = grids.geobox(bounds, crs="EPSG:4326", resolution=9.539e-05)
    values = xr.DataArray(
        np.ones(whole.shape, "float32"), grids.coordinates(whole), ("y", "x"), name="ndvi"
    )
    part = values.isel(y=slice(13, 200), x=slice(29, 450))
    for data in (values, values.to_dataset(name="a")):
        result = grids.resample(data, part)
        npt.assert_array_equal(result.y, part.y)
        npt.assert_array_equal(result.x, part.x)
        assert result.y.attrs == values.y.attrs
