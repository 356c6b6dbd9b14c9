"""Counted hectares: every pixel once, as large as it is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt

from minewatch.activity import activity_areas
from minewatch.estimates import class_area
from minewatch.grids import cell_areas, geobox


def on(crs: str, codes: np.ndarray, resolution: float, top: float = 0.0) -> xr.DataArray:
    rows, columns = codes.shape
    box = geobox(
        (0, top - rows * resolution, columns * resolution, top), crs=crs, resolution=resolution
    )
    from odc.geo.xr import xr_coords

    found = xr_coords(box, dims=("y", "x"))
    return xr.DataArray(codes, found, ("y", "x"))


def test_areas_are_those_of_the_pixels(rng: np.random.Generator) -> None:
    codes = rng.choice([0, 1, 7, 255], (30, 40)).astype("u1")
    for crs, resolution, top in (("EPSG:32721", 20.0, 9e6), ("EPSG:4326", 0.5, 70.0)):
        layer = on(crs, codes, resolution, top)
        table = class_area(layer)
        cell = np.broadcast_to(cell_areas(layer).values.reshape(-1, 1), codes.shape) / 1e4
        npt.assert_allclose(table.area_ha, [cell[codes == code].sum() for code in (0, 1, 7)])
        npt.assert_array_equal(table.pixels, [(codes == code).sum() for code in (0, 1, 7)])
        assert table.share.sum() == pytest.approx(1)
        assert table.attrs["unclassified_ha"] == pytest.approx(cell[codes == 255].sum())
        assert table.attrs["biased"] is True
        assert table.index.tolist() == [0, 1, 7]


def test_it_agrees_with_the_areas_of_activity(rng: np.random.Generator) -> None:
    layer = on("EPSG:4326", rng.choice([0, 1, 2, 255], (20, 30)).astype("u1"), 0.1, 60.0)
    expected = activity_areas(layer).area.sel(activity=[0, 1, 2])
    npt.assert_allclose(class_area(layer).area_ha, expected)


def test_chunks_do_not_change_it(rng: np.random.Generator) -> None:
    codes = rng.choice([0, 3, 255], (30, 40), p=[0.9, 0.02, 0.08]).astype("u1")
    layer = on("EPSG:4326", codes, 0.5, 20.0)
    expected = class_area(layer)
    for chunks in ({"y": 7, "x": 9}, {"y": 30, "x": 1}):
        lazy = layer.chunk(chunks)
        pd.testing.assert_frame_equal(class_area(lazy), expected)
        with pytest.raises(AssertionError), nothing_computes():
            class_area(lazy)


def test_whole_numbers_of_any_kind_and_booleans(rng: np.random.Generator) -> None:
    codes = rng.integers(0, 3, (5, 6))
    layer = on("EPSG:32721", codes, 10.0, 9e6)
    for kind in ("i2", "u4", "i8"):
        npt.assert_array_equal(class_area(layer.astype(kind)).pixels, np.bincount(codes.ravel()))
    table = class_area(layer == 2)
    assert table.pixels.to_dict() == {0: (codes != 2).sum(), 1: (codes == 2).sum()}


def test_other_layers_are_refused() -> None:
    layer = on("EPSG:32721", np.zeros((3, 4), "u1"), 10.0, 9e6)
    with pytest.raises(TypeError, match=r"fillna\(255\)"):
        class_area(layer.astype("f4"))
    with pytest.raises(ValueError, match=r"use \.transpose\('y', 'x'\)"):
        class_area(layer.transpose("x", "y"))
    with pytest.raises(ValueError, match="check that features and grid overlap"):
        class_area(xr.full_like(layer, 255))
    with pytest.raises(ValueError, match="CRS"):
        class_area(layer.drop_vars("spatial_ref"))
