"""The class map and its minimum mapping unit, on maps whose patches are counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt
from scipy import ndimage

from minewatch import vectors
from minewatch.workflows.mapping_maps import size_rows
from minewatch.workflows.mapping_parts import mine_map, without_small


def probability(values: np.ndarray) -> xr.DataArray:
    rows, columns = values.shape
    grid = {"y": 10.0 * np.arange(rows)[::-1] + 5, "x": 10.0 * np.arange(columns) + 5}
    return xr.DataArray(values.astype("f4"), grid, ("y", "x")).rio.write_crs("EPSG:32721")


def test_a_map_is_cut_at_its_threshold_and_unknown_where_it_is() -> None:
    chance = probability(np.array([[0.2, 0.5, np.nan], [0.51, 0.499, 1.0]]))
    classes = mine_map(chance, 0.5)
    npt.assert_array_equal(classes, [[0, 1, 255], [1, 0, 1]])
    assert classes.dtype == np.uint8
    assert classes.attrs["threshold"] == 0.5
    # A threshold that was found in double precision is that of its own pixel in single precision.
    third = probability(np.array([[1 / 3, 0.3]]))
    npt.assert_array_equal(mine_map(third, 1 / 3), [[1, 0]])


def test_small_patches_leave_the_map_the_outlines_and_the_areas() -> None:
    mines = np.zeros((12, 12))
    mines[0, 0] = mines[1, 1] = mines[2, 2] = 1  # touch at corners: one patch of 0.03 ha
    mines[5, 5:7] = 1  # 0.02 ha
    mines[9:12, 9:12] = 1
    mines[10, 10] = 0  # a ring of 0.08 ha around another pixel
    mines[0, 11] = np.nan
    cleaned, outlines = without_small(mine_map(probability(mines), 0.5), 0.03)
    expected = np.where(np.isnan(mines), 255, mines)
    expected[5, 5:7] = 0
    npt.assert_array_equal(cleaned, expected)
    npt.assert_allclose(outlines.area_ha, [0.08, 0.03])
    assert cleaned.attrs["min_area_ha"] == 0.03
    rows = size_rows(outlines)
    assert [row["areas"] for row in rows] == [2, 0, 0, 0]
    assert sum(float(str(row["hectares"])) for row in rows) == pytest.approx(0.11)


@pytest.mark.parametrize("min_area", [0.0, 0.01, 0.04, 0.1, 99.0])
def test_every_unit_leaves_what_labelling_says(min_area: float) -> None:
    noise = np.random.default_rng(3).uniform(size=(40, 50))
    mines = mine_map(probability(noise), 0.6)
    cleaned, outlines = without_small(mines, min_area)
    patches, number = ndimage.label(mines.values == 1, np.ones((3, 3)))
    area = ndimage.sum_labels(np.ones(noise.shape), patches, np.arange(number + 1)) / 100
    kept = (area >= min_area - 1e-9) & (np.arange(number + 1) > 0)
    npt.assert_array_equal(cleaned, kept[patches].astype("u1"))
    assert len(outlines) == kept.sum()
    if len(outlines):
        drawn = vectors.rasterize(outlines, like=cleaned)
        npt.assert_array_equal(drawn, cleaned == 1)
