"""Store: Zarr cubes and cloud-optimised GeoTIFFs, whole or not at all."""

from __future__ import annotations

import dask.array as da
import numpy as np
import numpy.testing as npt
import pandas as pd
import pytest
import rasterio
import xarray as xr
import zarr
from laziness import nothing_computes

from minewatch import grids, store
from minewatch.conventions import crs_of


def coherence_cube(rng, pairs=5, shape=(30, 40)):
    box = grids.geobox(
        (500_000, 9_280_000, 500_000 + 10 * shape[1], 9_280_000 + 10 * shape[0]),
        crs="EPSG:32721",
        resolution=10,
    )
    start = pd.date_range("2022-01-04T09:12:33.123456789", periods=pairs, freq="12D").to_numpy()
    values = rng.uniform(size=(pairs, *shape)).astype("float32")
    values[:, :3] = np.nan
    return xr.DataArray(
        values,
        dims=("pair", "y", "x"),
        name="coherence",
        coords={
            "pair": np.arange(pairs),
            "reference_time": ("pair", start),
            "secondary_time": ("pair", start + np.timedelta64(12, "D")),
            "temporal_baseline": ("pair", np.full(pairs, 12.0), {"units": "days"}),
            "perpendicular_baseline": ("pair", rng.normal(size=pairs), {"units": "m"}),
            **grids.coordinates(box),
        },
        attrs={"long_name": "interferometric coherence", "units": "1", "window": [3, 10]},
    )


def failing(cube, message):
    """The cube, but its last image cannot be computed."""

    def fail(block, block_info):
        if block_info[0]["chunk-location"][0] == len(cube) - 1:
            raise RuntimeError(message)
        return block

    data = da.from_array(cube.values, chunks=(1, -1, -1))
    return cube.copy(data=data.map_blocks(fail, dtype=cube.dtype, meta=data._meta))


def leftovers(folder):
    return sorted(path.name for path in folder.iterdir())


# --- Zarr


@pytest.mark.parametrize("chunks", [None, {}, {"pair": 1, "y": 7, "x": 13}, {"pair": (2, 3)}])
def test_a_cube_comes_back_as_it_was(rng, tmp_path, chunks):
    cube = coherence_cube(rng)
    given = cube if chunks is None else cube.chunk(chunks)
    stored = store.to_zarr(given, tmp_path / "pit.zarr")
    assert stored.chunks is not None
    assert stored.identical(cube)
    assert crs_of(stored) == crs_of(cube)
    assert grids.geobox_of(stored) == grids.geobox_of(cube)
    assert stored.reference_time.dtype == "datetime64[ns]"
    assert store.open_cube(tmp_path / "pit.zarr", name="coherence").identical(cube)
    assert leftovers(tmp_path) == ["pit.zarr"]


def test_every_dtype_of_the_data_model_survives(rng, tmp_path):
    cube = coherence_cube(rng)
    layers = cube.to_dataset().assign(
        activity=(("y", "x"), rng.integers(0, 256, (30, 40)).astype("uint8"), {"flag_values": [0]}),
        stable=(("y", "x"), rng.uniform(size=(30, 40)) > 0.5),
        observed=(("y", "x"), rng.integers(0, 9, (30, 40)).astype("uint16")),
        slc=(("y", "x"), (cube[0].values + 1j).astype("complex64")),
        keep=("pair", np.array([True, False, True, True, False])),
        threshold=((), 0.19, {"method": "kde_valley"}),
    )
    layers = layers.assign_coords(
        latitude=(("y", "x"), rng.normal(size=(30, 40))),
        seen=("pair", np.array(["2022-01-01", "NaT", "2022-01-03", "NaT", "NaT"], "M8[ns]")),
    )
    layers.attrs = {"title": "pit"}
    stored = store.to_zarr(layers, tmp_path / "all.zarr")
    assert stored.identical(layers)
    assert {name: v.dtype for name, v in stored.variables.items()} == {
        name: v.dtype for name, v in layers.variables.items()
    }


def test_images_are_stored_one_by_one_in_compressed_squares(tmp_path):
    cube = xr.DataArray(
        da.zeros((3, 2500, 1100), chunks=(2, 700, 1100), dtype="float32"),
        dims=("pair", "y", "x"),
        name="coherence",
    )
    stored = store.to_zarr(cube, tmp_path / "big.zarr")
    array = zarr.open_group(tmp_path / "big.zarr", mode="r")["coherence"]
    assert array.chunks == (1, 1024, 1024)
    assert array.metadata.zarr_format == 3
    assert array.compressors[0].to_dict()["configuration"]["shuffle"] == "bitshuffle"
    assert stored.chunks == ((3,), (1024, 1024, 452), (1024, 76))
    assert (stored == 0).all()


def test_chunks_that_fit_are_not_cut_again(tmp_path, monkeypatch):
    """What goes to the store is the very array that was given."""
    fits = xr.DataArray(
        da.zeros((4, 2100, 40), chunks=(1, 2048, 40), dtype="float32"), dims=("pair", "y", "x")
    )
    seen = []
    monkeypatch.setattr(
        xr.Dataset, "to_zarr", lambda self, path, **_: (seen.append(self), path.mkdir())
    )
    with pytest.raises(ValueError, match="no Zarr store"):
        store.to_zarr(fits, tmp_path / "a.zarr", name="coherence")
    assert seen[0]["coherence"].data.name == fits.data.name


def test_what_zarr_cannot_hold_is_made_plain_or_refused(rng, tmp_path):
    cube = coherence_cube(rng).assign_attrs(
        window=(3, 10), looks=np.float32(18), spec=object(), when=np.datetime64("2022-01-01")
    )
    cube.encoding = {"scale_factor": 0.1, "dtype": "int16", "chunks": (1, 2, 3)}
    stored = store.to_zarr(cube, tmp_path / "a.zarr")
    npt.assert_array_equal(stored, cube)
    assert stored.attrs["window"] == [3, 10]
    assert stored.attrs["when"] == "2022-01-01"
    assert cube.attrs["window"] == (3, 10)  # the given one is untouched
    assert cube.encoding["dtype"] == "int16"
    with pytest.raises(TypeError, match=r"'item'.*drop_vars"):
        store.to_zarr(cube.assign_coords(item=("pair", list("abcde"))), tmp_path / "b.zarr")
    with pytest.raises(ValueError, match=r'name="\.\.\."'):
        store.to_zarr(cube.rename(None), tmp_path / "b.zarr")
    with pytest.raises(ValueError, match="rename its variables"):
        store.to_zarr(cube.to_dataset(), tmp_path / "b.zarr", name="coherence")
    with pytest.raises(ValueError, match="local folders"):
        store.to_zarr(cube, "s3://bucket/a.zarr")
    with pytest.raises(FileNotFoundError, match="make it first"):
        store.to_zarr(cube, tmp_path / "missing" / "a.zarr")
    assert leftovers(tmp_path) == ["a.zarr"]


def test_the_name_in_the_store_is_the_one_asked_for(rng, tmp_path):
    stored = store.to_zarr(coherence_cube(rng).rename(None), tmp_path / "a.zarr", name="coherence")
    assert stored.name == "coherence"


def test_an_old_store_is_replaced_only_when_asked_and_only_by_a_whole_one(rng, tmp_path):
    path = tmp_path / "a.zarr"
    cube = coherence_cube(rng)
    store.to_zarr(cube, path)
    with pytest.raises(FileExistsError, match="overwrite=True"):
        store.to_zarr(cube, path)

    broken = failing(cube, "disk full")
    with pytest.raises(RuntimeError, match="disk full"):
        store.to_zarr(broken, path, overwrite=True)
    assert store.open_cube(path, name="coherence").identical(cube)
    with pytest.raises(RuntimeError, match="disk full"):
        store.to_zarr(broken, tmp_path / "b.zarr")
    assert leftovers(tmp_path) == ["a.zarr"]


def test_only_stores_are_overwritten(rng, tmp_path):
    folder, file = tmp_path / "results", tmp_path / "notes"
    folder.mkdir()
    for path in (folder / "thesis.txt", file):
        path.write_text("years of work")
    for path in (folder, file):
        with pytest.raises(FileExistsError, match="choose another path"):
            store.to_zarr(coherence_cube(rng), path, overwrite=True)
    assert (folder / "thesis.txt").read_text() == file.read_text() == "years of work"


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
def test_dates_of_any_unit_are_stored(rng, tmp_path, unit):
    cube = coherence_cube(rng, pairs=4)
    coarse = cube.assign_coords(
        {end: cube[end].astype(f"M8[{unit}]") for end in ("reference_time", "secondary_time")}
    )
    stored = store.to_zarr(coarse.isel(pair=slice(2)), tmp_path / "a.zarr")
    npt.assert_array_equal(stored.reference_time, coarse.reference_time[:2])
    with pytest.raises(ValueError, match="in the store already"):
        store.append(coarse.isel(pair=slice(1, 3)), tmp_path / "a.zarr", dim="pair")
    longer = store.append(coarse.isel(pair=slice(2, None)), tmp_path / "a.zarr", dim="pair")
    assert longer["secondary_time"].dtype == "M8[ns]"
    npt.assert_array_equal(longer["secondary_time"], coarse.secondary_time)
    npt.assert_array_equal(longer["coherence"], cube)


def test_a_store_may_be_replaced_by_what_is_read_from_it(rng, tmp_path):
    path = tmp_path / "a.zarr"
    cube = coherence_cube(rng)
    stored = store.to_zarr(cube, path)
    halved = store.to_zarr(stored / 2, path, name="coherence", overwrite=True)
    npt.assert_array_equal(halved, cube.values / 2)


def test_opening_reads_no_images_and_says_what_is_wrong(rng, tmp_path):
    path = tmp_path / "a.zarr"
    store.to_zarr(coherence_cube(rng, pairs=11), path)
    with nothing_computes():
        cube = store.open_cube(path, name="coherence")
    assert cube.chunks == ((8, 3), (30,), (40,))
    assert store.open_cube(path, chunks={"pair": 1, "y": 10}).chunks["y"] == (10, 10, 10)
    with pytest.raises(KeyError, match="holds 'coherence'"):
        store.open_cube(path, name="tai")
    with pytest.raises(ValueError, match="not \\['time'\\]"):
        store.open_cube(path, chunks={"time": 1})
    with pytest.raises(ValueError, match=r"minewatch\.store\.to_zarr"):
        store.open_cube(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"minewatch\.store\.to_zarr"):
        store.open_cube(tmp_path / "b.zarr")
    (tmp_path / ".b.1234abcd.zarr").mkdir()
    with pytest.raises(FileNotFoundError, match="delete that"):
        store.open_cube(tmp_path / "b.zarr")


def test_workers_write(rng, tmp_path):
    from distributed import Client

    cube = coherence_cube(rng)
    with Client(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
    ):
        stored = store.to_zarr(cube.chunk({"pair": 1, "y": 7}), tmp_path / "a.zarr")
        assert stored.identical(cube)


@pytest.mark.data
def test_stores_of_others_open_as_well(real_data):
    cube = store.open_cube(real_data / "s1-slc-pair-amsterdam" / "20230331-coreg.znap")
    assert cube["i_VV_31Mar2023"].shape == (84, 338)
    assert cube["i_VV_31Mar2023"].chunks is not None
    assert cube["latitude"].chunks is None  # tie points: small


# --- append


@pytest.mark.parametrize("chunks", [None, {"pair": 2, "y": 7}])
def test_appending_is_storing_all_at_once(rng, tmp_path, chunks):
    cube = coherence_cube(rng, pairs=7)
    first, rest = cube.isel(pair=slice(3)), cube.isel(pair=slice(3, None))
    store.to_zarr(first, tmp_path / "a.zarr")
    rest = rest.assign_coords(pair=np.arange(4))  # numbered afresh, as a new table is
    longer = store.append(
        rest if chunks is None else rest.chunk(chunks), tmp_path / "a.zarr", dim="pair"
    )
    assert longer["coherence"].identical(cube)
    assert leftovers(tmp_path) == ["a.zarr"]


def test_appending_times(rng, tmp_path):
    cube = coherence_cube(rng).swap_dims(pair="reference_time").drop_vars("pair")
    cube = cube.drop_vars("secondary_time").rename(reference_time="time").to_dataset()
    store.to_zarr(cube.isel(time=slice(2)), tmp_path / "a.zarr")
    longer = store.append(cube.isel(time=slice(2, None)), tmp_path / "a.zarr", dim="time")
    assert longer.identical(cube)


def test_a_failed_append_leaves_the_store_as_it_was(rng, tmp_path):
    cube = coherence_cube(rng)
    stored = store.to_zarr(cube.isel(pair=slice(2)), tmp_path / "a.zarr")
    kept = stored.load()
    rest = cube.isel(pair=slice(2, None))
    lost = failing(rest, "link lost")
    with pytest.raises(RuntimeError, match="link lost"):
        store.append(lost, tmp_path / "a.zarr", dim="pair")
    assert store.open_cube(tmp_path / "a.zarr", name="coherence").identical(kept)
    assert leftovers(tmp_path) == ["a.zarr"]


def test_an_append_that_would_spoil_the_store_is_refused(rng, tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    cube = coherence_cube(rng)
    kept = store.to_zarr(cube.isel(pair=slice(2)), path).load()
    rest = cube.isel(pair=slice(2, None))
    for other in (
        rest.drop_vars("perpendicular_baseline"),
        rest.assign_coords(orbit=("pair", np.arange(3))),
    ):
        with pytest.raises(ValueError, match="add or drop them"):
            store.append(other, path, dim="pair")
    with pytest.raises(ValueError, match=r"1 of the 4 images .* come twice"):
        store.append(rest.isel(pair=[0, 1, 2, 0]), path, dim="pair")
    # Whatever else makes it unreadable is found before it takes the old one's place.
    monkeypatch.setattr("minewatch.store.growing._check_append", lambda *_: None)
    with pytest.raises(ValueError, match="conflicting sizes"):
        store.append(rest.drop_vars("perpendicular_baseline"), path, dim="pair")
    assert store.open_cube(path, name="coherence").identical(kept)
    assert leftovers(tmp_path) == ["a.zarr"]
    longer = store.append(rest.drop_vars("pair"), path, dim="pair")
    assert longer["coherence"].identical(cube)


def test_appending_works_where_files_cannot_be_linked(rng, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    cube = coherence_cube(rng)
    store.to_zarr(cube.isel(pair=slice(2)), tmp_path / "a.zarr")
    longer = store.append(cube.isel(pair=slice(2, None)), tmp_path / "a.zarr", dim="pair")
    assert longer["coherence"].identical(cube)


def test_only_new_images_of_the_same_kind_are_appended(rng, tmp_path):
    path = tmp_path / "a.zarr"
    cube = coherence_cube(rng)
    store.to_zarr(cube.isel(pair=slice(3)), path)
    rest = cube.isel(pair=slice(3, None))
    with pytest.raises(ValueError, match="1 of the 3 images"):
        store.append(cube.isel(pair=slice(2, None)), path, dim="pair")
    with pytest.raises(ValueError, match=r"minewatch\.grids\.resample"):
        store.append(rest.isel(x=slice(5)), path, dim="pair")
    with pytest.raises(ValueError, match="variables of the store"):
        store.append(rest.astype("float64"), path, dim="pair")
    with pytest.raises(ValueError, match="variables of the store"):
        store.append(rest.rename("ndai"), path, dim="pair")
    with pytest.raises(ValueError, match="spatial_ref"):
        store.append(rest.drop_vars("spatial_ref"), path, dim="pair")
    with pytest.raises(ValueError, match="'time'"):
        store.append(rest, path, dim="time")
    with pytest.raises(FileNotFoundError):
        store.append(rest, tmp_path / "b.zarr", dim="pair")


# --- GeoTIFF


def test_strips_hold_what_the_whole_would(rng, tmp_path):
    """Strips of whole stored chunks, each block once; the same store, and one strip at a time."""
    seen = []

    def noted(block, block_info=None):
        seen.append(block_info[0]["array-location"][1][0])
        return block

    box = grids.geobox((0, 0, 3000, 25000), crs="EPSG:32721", resolution=10)
    shape = (2, 2500, 300)
    layers = {}
    for name, values in {"a": rng.normal(size=shape).astype("f4"), "b": np.ones(shape)}.items():
        layer = xr.DataArray(values, {**grids.coordinates(box), "time": [3, 5]}, ("time", "y", "x"))
        lazy = layer.chunk({"time": 1, "y": 512, "x": 200})
        data = lazy.data.map_blocks(noted, dtype=values.dtype, meta=np.empty((0, 0, 0)))
        layers[name] = lazy.copy(data=data)
    cube = xr.Dataset({**layers, "flat": ("y", np.arange(2500.0))}, attrs={"items": ["one"]})
    stored = store.to_zarr(cube, tmp_path / "strips.zarr", rows=1100)
    order = np.array(seen) // 1024
    assert (np.diff(order) >= 0).all()  # one strip after the other
    assert len(seen) == 2 * 2 * 5 * 2
    whole = store.to_zarr(cube, tmp_path / "whole.zarr")
    xr.testing.assert_identical(stored.load(), whole.load())
    assert crs_of(stored) == crs_of(whole) is not None
    assert leftovers(tmp_path) == ["strips.zarr", "whole.zarr"]
    with pytest.raises(ValueError, match="rows=0"):
        store.to_zarr(cube, tmp_path / "none.zarr", rows=0)


def test_a_map_becomes_a_valid_cog(rng, tmp_path):
    cube = coherence_cube(rng, pairs=1, shape=(700, 1300))
    layer = cube[0].drop_vars(["pair", "reference_time", "secondary_time"])
    path = store.to_cog(layer.chunk({"y": 100}), tmp_path / "coherence.tif")
    assert leftovers(tmp_path) == ["coherence.tif"]
    with rasterio.open(path) as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.block_shapes == [(512, 512)]
        assert file.overviews(1) == [2, 4]
        assert file.crs.to_epsg() == 32721
        assert file.transform == grids.geobox_of(layer).transform
        assert np.isnan(file.nodata)
        npt.assert_array_equal(file.read(1), layer.values)
        assert file.descriptions == ("coherence",)
        assert file.units == ("1",)
        assert file.tags()["long_name"] == "interferometric coherence"
        assert file.tags()["window"] == "[3, 10]"
    with rasterio.open(path, overview_level=0) as coarse:
        mean = layer.coarsen(y=2, x=2).mean().values
        npt.assert_allclose(coarse.read(1), mean, atol=1e-6)


def test_a_map_is_computed_a_few_rows_at_a_time(rng, tmp_path):
    """Whole rows of chunks, 1024 rows or more; each chunk once."""
    seen = []

    def noted(block, block_info=None):
        seen.append(block_info[0]["array-location"][0])
        return block

    values = rng.normal(size=(2600, 300)).astype("f4")
    layer = xr.DataArray(
        values, grids.coordinates(grids.geobox((0, 0, 3000, 26000), crs=32721, resolution=10)),
        ("y", "x"), name="layer",
    )  # fmt: skip
    lazy = layer.chunk({"y": 400, "x": 200})
    lazy = lazy.copy(data=lazy.data.map_blocks(noted, dtype="f4", meta=np.empty((0, 0), "f4")))
    with rasterio.open(store.to_cog(lazy, tmp_path / "a.tif")) as file:
        npt.assert_array_equal(file.read(1), values)
    assert leftovers(tmp_path) == ["a.tif"]
    # Two chunks across. Threads finish a slab in any order, slabs one after the other.
    slabs = [{start for start, _ in seen[6 * at : 6 * at + 6]} for at in range(3)]
    assert slabs == [{0, 400, 800}, {1200, 1600, 2000}, {2400}]
    assert len(seen) == 14


def test_classes_have_colours_and_overviews_that_invent_none(rng, tmp_path):
    cube = coherence_cube(rng, pairs=1, shape=(600, 600))[0]
    codes = cube.copy(data=rng.choice([0, 2, 255], (600, 600)).astype("uint8")).assign_attrs(
        flag_values=[0, 1, 2], flag_meanings="undecided stable active"
    )
    with rasterio.open(store.to_cog(codes, tmp_path / "activity.tif")) as file:
        assert file.nodata == 255
        assert file.colormap(1)[2][:3] == (0xD1, 0x49, 0x5B)
        npt.assert_array_equal(file.read(1), codes)
        assert file.tags()["flag_meanings"] == "undecided stable active"
    with rasterio.open(tmp_path / "activity.tif", overview_level=0) as coarse:
        assert set(np.unique(coarse.read(1))) <= {0, 2, 255}
    with rasterio.open(store.to_cog(codes == 2, tmp_path / "mask.tif")) as file:
        npt.assert_array_equal(file.read(1) == 1, codes == 2)


def test_bands_are_named_by_what_they_are(rng, tmp_path):
    cube = coherence_cube(rng, pairs=2)
    with rasterio.open(store.to_cog(cube, tmp_path / "a.tif")) as file:
        assert file.descriptions == ("2022-01-04_2022-01-16", "2022-01-16_2022-01-28")
        npt.assert_array_equal(file.read(), cube)
    bare = cube.drop_vars(["reference_time", "secondary_time"])
    probability = bare.rename(pair="class")
    with rasterio.open(store.to_cog(probability, tmp_path / "a.tif")) as file:
        assert file.descriptions == ("0", "1")
    probability["class"].attrs = {"flag_values": [0, 1], "flag_meanings": "other mine"}
    with rasterio.open(store.to_cog(probability, tmp_path / "a.tif")) as file:
        assert file.descriptions == ("other", "mine")
    seasons = bare.rename(pair="time").assign_coords(time=cube.reference_time.values)
    with rasterio.open(store.to_cog(seasons, tmp_path / "a.tif")) as file:
        assert file.descriptions == ("2022-01-04", "2022-01-16")
    with rasterio.open(store.to_cog(bare.drop_vars("pair"), tmp_path / "a.tif")) as file:
        assert file.descriptions == ("pair 0", "pair 1")


def test_nodata_and_dtypes(rng, tmp_path):
    counts = coherence_cube(rng, pairs=1)[0].fillna(0).astype("uint16")
    with rasterio.open(store.to_cog(counts, tmp_path / "a.tif")) as file:
        assert file.nodata is None
        assert file.dtypes == ("uint16",)
    with rasterio.open(store.to_cog(counts, tmp_path / "a.tif", nodata=65535)) as file:
        assert file.nodata == 65535


def test_layers_that_make_no_map_are_refused(rng, tmp_path):
    cube = coherence_cube(rng)
    with pytest.raises(ValueError, match="write_crs"):
        store.to_cog(cube.drop_vars("spatial_ref"), tmp_path / "a.tif")
    with pytest.raises(ValueError, match="geocode"):
        store.to_cog(cube.drop_vars(["x", "y"]), tmp_path / "a.tif")
    with pytest.raises(ValueError, match="transpose"):
        store.to_cog(cube[0].T, tmp_path / "a.tif")
    with pytest.raises(TypeError, match="pick one of its variables"):
        store.to_cog(cube.to_dataset(), tmp_path / "a.tif")
    with pytest.raises(TypeError, match="cast it"):
        store.to_cog(cube.astype("float16"), tmp_path / "a.tif")
    assert leftovers(tmp_path) == []


def test_variables_come_back_in_one_order(tmp_path):
    """A folder has no order of its own: what is learnt from a store must not depend on it."""
    names = ["s2_red", "l8_bsi", "s1_vv", "palsar_hh", "dem_elevation"]
    cube = xr.Dataset({name: (("y", "x"), np.zeros((2, 2), "f4")) for name in names})
    store.to_zarr(cube, tmp_path / "features.zarr")
    assert list(store.open_cube(tmp_path / "features.zarr")) == sorted(names)
