"""The class table is the one of the science page."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt

from minewatch.simulate.classes import (
    BACKSCATTER_DB,
    BANDS,
    LAND_COVER,
    MIXED_BANDS,
    REFLECTANCE,
    log_means,
)


def test_means_are_the_logarithms_of_the_table_in_the_order_of_the_codes():
    means = log_means()
    assert list(LAND_COVER.values()) == list(range(1, 7))
    npt.assert_allclose(np.exp(means[1, :6]), (0.09, 0.13, 0.17, 0.24, 0.33, 0.28))
    npt.assert_allclose(10 * means[1, 6:] / np.log(10), (-10, -18, -12, -21))
    npt.assert_allclose(np.exp(means[3, :6]), (0.07, 0.11, 0.13, 0.09, 0.03, 0.02))
    assert means.shape == (len(LAND_COVER), len(BANDS) + 4)
    assert set(REFLECTANCE) == set(BACKSCATTER_DB) == set(LAND_COVER)


def test_mine_and_bare_soil_are_alike_to_the_eye_and_apart_to_radar():
    mine, soil = REFLECTANCE["mine"], REFLECTANCE["bare_soil"]
    assert max(abs(a / b - 1) for a, b in zip(mine, soil, strict=True)) < 0.13
    apart = np.subtract(BACKSCATTER_DB["mine"], BACKSCATTER_DB["bare_soil"])
    npt.assert_array_equal(apart, (1, 2, 2, 4))


def test_the_red_edge_of_forest_rises_from_red_to_infrared():
    red, nir = REFLECTANCE["forest"][2], REFLECTANCE["forest"][3]
    edge = [red**w * nir ** (1 - w) for w in MIXED_BANDS.values()]
    assert red < edge[0] < edge[1] < edge[2] < edge[3] == nir
