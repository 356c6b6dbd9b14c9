"""Change against the obvious loop, its parts against its whole, and what stays unknown."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from shapely.geometry import box

from minewatch import changes
from minewatch.conventions import crs_of

CLASSES = [0, 1, 4]
SHAPE = (24, 31)


def on_map(values: np.ndarray, dims: tuple[str, ...] = ("class", "y", "x")) -> xr.DataArray:
    rows, columns = values.shape[-2:]
    coords = {"y": 9e6 - 10.0 * np.arange(rows), "x": 5e5 + 10.0 * np.arange(columns)}
    if "class" in dims:
        coords["class"] = CLASSES
    return xr.DataArray(values, coords, dims, "probability").rio.write_crs("EPSG:32721")


@pytest.fixture
def dates(rng: np.random.Generator) -> tuple[xr.DataArray, xr.DataArray]:
    drawn = rng.dirichlet([1.0, 0.5, 2.0], (2, *SHAPE)).transpose(0, 3, 1, 2).astype("f4")
    before, after = (on_map(each) for each in drawn)
    before[:, 2, 3] = np.nan
    after[1, 5, 7] = np.nan  # one class alone
    return before, after


def obvious(before: np.ndarray, after: np.ndarray, mine: int) -> dict[str, np.ndarray]:
    found = {name: np.full(SHAPE, np.nan) for name in ("change", "new_mine", "lost_mine")}
    for at in np.ndindex(SHAPE):
        p, q = (each[(slice(None), *at)].astype("f8") for each in (before, after))
        if np.isfinite(p).all() and np.isfinite(q).all():
            pairs = [(k, m) for k in range(3) for m in range(3) if k != m]
            found["change"][at] = sum(p[k] * q[m] for k, m in pairs)
            found["new_mine"][at] = sum(p[k] * q[mine] for k in range(3) if k != mine)
            found["lost_mine"][at] = sum(p[mine] * q[m] for m in range(3) if m != mine)
    return found


@pytest.mark.parametrize("mine", CLASSES)
def test_change_is_the_sum_over_all_other_classes(
    dates: tuple[xr.DataArray, xr.DataArray], mine: int
) -> None:
    found = changes.class_change(*dates, mine=mine)
    expected = obvious(*(each.values for each in dates), CLASSES.index(mine))
    for name, values in expected.items():
        # Probabilities in float32 add up to 1 within 1e-7 a class.
        npt.assert_allclose(found[name], values, atol=1e-6)
        assert found[name].dtype == np.float32
        assert found[name].attrs["mine"] == mine
        json.dumps(found[name].attrs)
    assert set(found) == set(expected)
    assert np.isnan(found.to_array().values[:, [2, 5], [3, 7]]).all()


def test_transitions_are_the_parts_of_change(dates: tuple[xr.DataArray, xr.DataArray]) -> None:
    table = changes.transition(*dates)
    assert table.dims == ("from", "to", "y", "x")
    found = changes.class_change(*dates)
    known = found.change.notnull()
    npt.assert_allclose(table.sum(["from", "to"]).where(known, 1), 1, atol=1e-6)
    npt.assert_array_equal(table.isnull().any(["from", "to"]), ~known)
    other = table["from"] != table["to"]
    npt.assert_allclose(
        table.where(other, 0).sum(["from", "to"]).where(known), found.change, atol=1e-6
    )
    to_mine = table.sel({"to": 1}).where(table["from"] != 1, 0).sum("from").where(known)
    npt.assert_allclose(to_mine, found.new_mine, atol=1e-6)
    for first in CLASSES:
        row = changes.transition(*dates, from_=first)
        npt.assert_array_equal(row, table.sel({"from": first}))
        for second in CLASSES:
            one = changes.transition(*dates, from_=first, to=second)
            assert (int(one["from"]), int(one["to"])) == (first, second)
            npt.assert_array_equal(one, table.sel({"from": first, "to": second}))
    assert crs_of(table) == crs_of(dates[0])


def test_time_turned_round_makes_new_mines_lost_ones(
    dates: tuple[xr.DataArray, xr.DataArray],
) -> None:
    there, back = changes.class_change(*dates), changes.class_change(*reversed(dates))
    npt.assert_array_equal(there.change, back.change)
    npt.assert_array_equal(there.new_mine, back.lost_mine)


def test_what_was_sure_and_stayed_did_not_change() -> None:
    sure = on_map(np.broadcast_to(np.float32([0, 1, 0])[:, None, None], (3, *SHAPE)).copy())
    found = changes.class_change(sure, sure)
    assert not found.to_array().any()
    unsure = on_map(np.broadcast_to(np.float32([0.5, 0.5, 0])[:, None, None], (3, *SHAPE)).copy())
    found = changes.class_change(unsure, unsure)
    npt.assert_array_equal(found.change, 0.5)
    npt.assert_array_equal(found.new_mine, 0.25)


def test_the_order_of_classes_and_other_coordinates_do_not_matter(
    dates: tuple[xr.DataArray, xr.DataArray],
) -> None:
    before, after = dates
    turned = after.isel({"class": [2, 0, 1]}).assign_coords(time=np.datetime64("2022-01-01"))
    dated = before.assign_coords(time=np.datetime64("2021-01-01"))
    found = changes.class_change(dated, turned)
    xr.testing.assert_identical(found, changes.class_change(before, after))
    assert set(found.coords) == {"y", "x", "spatial_ref"}


@pytest.mark.parametrize("chunks", [{"y": 24, "x": 31}, {"y": 7, "x": 5}, {"class": 1, "y": 11}])
@pytest.mark.parametrize("gate", ["none", "mask", "polygons"])
def test_lazy_and_in_memory_agree_whatever_the_chunks(
    dates: tuple[xr.DataArray, xr.DataArray], chunks: dict[str, int], gate: str
) -> None:
    before, after = dates
    mask = on_map(np.zeros(SHAPE, bool), ("y", "x"))
    mask[3:6, 4:9] = True
    pits = gpd.GeoDataFrame(geometry=[box(5e5 + 33, 9e6 - 70, 5e5 + 90, 9e6 - 21)], crs=32721)
    footprint = {"none": None, "mask": mask, "polygons": pits}[gate]
    settings = {"footprint": footprint, "buffer": 45.0, "outside": 0.3}
    expected = changes.class_change(before, after, **settings)
    lazy = before.chunk(chunks)
    with nothing_computes():
        found = changes.class_change(lazy, after.chunk({"y": 9}), **settings)
        table = changes.transition(lazy, after.chunk({"y": 9}))
    for name in expected:
        assert found[name].chunks is not None
        npt.assert_allclose(found[name], expected[name], atol=1e-6)
    npt.assert_allclose(table, changes.transition(before, after), atol=1e-6)
    assert crs_of(found) == crs_of(before)


def test_two_grids_are_named(dates: tuple[xr.DataArray, xr.DataArray]) -> None:
    before, after = dates
    with pytest.raises(ValueError, match=r"class_change needs both inputs on one grid.*x by up to"):
        changes.class_change(before, after.assign_coords(x=after.x + 10))
    with pytest.raises(ValueError, match=r"24×31.*24×30"):
        changes.transition(before, after.isel(x=slice(1, None)))


def test_what_are_no_two_maps_of_the_same_classes_is_refused(
    dates: tuple[xr.DataArray, xr.DataArray],
) -> None:
    before, after = dates
    with pytest.raises(ValueError, match=r"same classes.*\[0, 1, 4\].*\[0, 1, 5\]"):
        changes.class_change(before, after.assign_coords({"class": [0, 1, 5]}))
    with pytest.raises(ValueError, match="same classes"):
        changes.class_change(*(each.assign_coords({"class": [0, 1, 1]}) for each in dates))
    with pytest.raises(ValueError, match="classes of after as its coordinate"):
        changes.class_change(before, after.drop_vars("class"))
    with pytest.raises(KeyError, match=r"mine=7.*\[0, 1, 4\]"):
        changes.class_change(before, after, mine=7)
    with pytest.raises(KeyError, match="to class 2"):
        changes.transition(before, after, to=2)
    with pytest.raises(TypeError, match="floating"):
        changes.class_change(before, after.fillna(0).astype("u1"))
    with pytest.raises(ValueError, match="needs dims"):
        changes.class_change(before, after.transpose("y", "x", "class"))


def test_what_does_not_add_up_to_one_is_refused_where_that_is_seen(
    dates: tuple[xr.DataArray, xr.DataArray],
) -> None:
    before, after = dates
    double = after.copy()
    double[:, 1, 1] *= 2
    with pytest.raises(ValueError, match="after with a pixel whose sum is 2"):
        changes.class_change(before, double)
    odd = after.copy()
    odd[:, 1, 1] = [-0.5, 0.5, 1.0]
    with pytest.raises(ValueError, match="from 0 to 1"):
        changes.transition(before, odd)
    with nothing_computes():
        changes.class_change(before, double.chunk({"y": 5}))
    # Probabilities told to three digits are near enough.
    near = xr.full_like(after, 0.333)
    assert float(changes.class_change(near, near).change.max()) == pytest.approx(1 - 3 * 0.333**2)
