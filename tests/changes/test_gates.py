"""Near a footprint: distances against every pixel's own, and what is unknown of it."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import rioxarray  # noqa: F401
import shapely
import xarray as xr
from numpy import testing as npt

from minewatch import changes

SHAPE = (60, 70)
HALF = np.full((2, *SHAPE), 0.5, "f4")


def grid(values: np.ndarray, *, crs: object = "EPSG:32721", step: float = 10.0) -> xr.DataArray:
    y, x = (9e6, 5e5) if step > 1 else (-9.0, -57.0)
    rows, columns = values.shape[-2:]
    coords: dict[str, object] = {
        "y": y - step * np.arange(rows),
        "x": x + step * np.arange(columns),
    }
    dims = ("class", "y", "x")[-values.ndim :]
    if values.ndim == 3:
        coords["class"] = [0, 1]
    return xr.DataArray(values, coords, dims).rio.write_crs(crs)


def factor(
    footprint: object, *, like: xr.DataArray | None = None, **settings: float
) -> xr.DataArray:
    """What change was multiplied by."""
    like = grid(HALF) if like is None else like
    plain = changes.class_change(like, like)
    found = changes.class_change(like, like, footprint=footprint, **settings)
    ratio = found.to_array() / plain.to_array()
    npt.assert_allclose(ratio[0], ratio[1])
    npt.assert_allclose(ratio[0], ratio[2])
    return ratio[0]


def pit() -> gpd.GeoDataFrame:
    ring = [(5e5 + 303, 9e6 - 411), (5e5 + 367, 9e6 - 398), (5e5 + 341, 9e6 - 333)]
    return gpd.GeoDataFrame(geometry=[shapely.Polygon(ring)], crs="EPSG:32721")


def test_beyond_the_buffer_of_polygons_the_factor_applies() -> None:
    found = factor(pit(), outside=0.25)
    y, x = np.meshgrid(found.y, found.x, indexing="ij")
    away = shapely.distance(shapely.points(x, y), pit().geometry.iloc[0])
    sure = np.abs(away - 200) > 0.03  # a circle of 256 edges runs up to 0.015 m inside its own
    npt.assert_allclose(found.values[sure], np.where(away < 200, 1, 0.25)[sure])
    assert 0 < (away > 200).sum() < away.size


def test_polygons_in_degrees_give_the_same() -> None:
    in_degrees = pit().to_crs(4326)
    npt.assert_array_equal(factor(in_degrees, outside=0.0), factor(pit(), outside=0.0))


def test_a_grid_in_degrees_is_measured_in_metres() -> None:
    like = grid(HALF, crs="EPSG:4326", step=1e-4)
    where = (float(like.x[35]), float(like.y[30]))
    dot = shapely.Point(where).buffer(1e-5)
    found = factor(gpd.GeoDataFrame(geometry=[dot], crs=4326), like=like, buffer=150, outside=0.0)
    from pyproj import Geod

    y, x = np.meshgrid(like.y, like.x, indexing="ij")
    from_x, from_y = np.full(x.size, where[0]), np.full(x.size, where[1])
    away = Geod(ellps="WGS84").inv(from_x, from_y, x.ravel(), y.ravel())[2].reshape(x.shape)
    sure = np.abs(away - 151) > 2  # the dot is 1.1 m wide; UTM's scale errs by 0.06 m
    npt.assert_array_equal(found.values[sure], (away < 151)[sure])


@pytest.mark.parametrize("dtype", [bool, "uint8"])
def test_beyond_the_buffer_of_a_mask_the_factor_applies(dtype: object) -> None:
    mask = grid(np.zeros(SHAPE, dtype))
    mask[20:24, 30:33] = 1
    found = factor(mask, buffer=105.0, outside=0.5)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    away = 10 * np.hypot(
        np.maximum(np.maximum(20 - rows, rows - 23), 0),
        np.maximum(np.maximum(30 - columns, columns - 32), 0),
    )
    npt.assert_allclose(found, np.where(away <= 105, 1, 0.5))
    npt.assert_allclose(factor(mask, buffer=0, outside=0.5), np.where(mask, 1, 0.5))


def test_where_the_footprint_is_unknown_so_is_the_change() -> None:
    mask = grid(np.zeros(SHAPE, "u1"))
    mask[30, 30] = 1
    mask[30, 33] = 255  # within 50 m of a mine, whatever it is
    mask[30, 50] = 255
    found = factor(mask, buffer=50, outside=0.5)
    assert found[30, 33] == 1
    assert np.isnan(found[30, 50])
    assert int(found.isnull().sum()) == 1


def test_a_factor_of_one_and_an_empty_footprint() -> None:
    npt.assert_array_equal(factor(pit()), 1)
    npt.assert_array_equal(factor(pit().iloc[:0], outside=0.5), 0.5)
    found = changes.class_change(grid(HALF), grid(HALF), footprint=pit(), outside=0.5)
    assert found.change.attrs["buffer_metres"] == 200
    assert found.new_mine.attrs["outside"] == 0.5


def test_gates_that_mean_nothing_are_refused() -> None:
    like = grid(HALF)
    with pytest.raises(ValueError, match=r"share from 0 to 1, got 1\.5"):
        changes.class_change(like, like, outside=1.5)
    with pytest.raises(ValueError, match="buffer of 0 m or more"):
        changes.class_change(like, like, buffer=-1)
    with pytest.raises(TypeError, match=r"footprint as a mask.*float32"):
        changes.class_change(like, like, footprint=like[0], outside=0.5)
    mask = grid(np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match=r"footprint.*one grid"):
        changes.class_change(like, like, footprint=mask[1:], outside=0.5)
    with pytest.raises(TypeError, match="read_polygons"):
        changes.class_change(like, like, footprint="pit.geojson", outside=0.5)
    with pytest.raises(ValueError, match="without a CRS"):
        changes.class_change(like, like, footprint=pit().set_crs(None, allow_override=True))
    bare = like.drop_vars("spatial_ref")
    with pytest.raises(ValueError, match="CRS"):
        changes.class_change(bare, bare, footprint=pit())
