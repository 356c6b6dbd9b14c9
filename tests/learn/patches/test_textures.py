"""Statistics of patches against numpy's and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from numpy import testing as npt

from minewatch.kernels import cooccurrence
from minewatch.learn.patches import augment
from minewatch.learn.patches.textures import (
    level_range,
    statistic_names,
    texture_statistics,
)

RANGE = {"low": [-15.0, -22.0, -8.0], "high": [-5.0, -12.0, 1.0]}


@pytest.fixture
def patches(rng: np.random.Generator) -> np.ndarray:
    means = np.array([-10, -17, -3.5])[:, None, None]
    return rng.normal(means, 2, (40, 3, 20, 20)).astype("f4")


def test_each_column_is_what_its_name_says(patches: np.ndarray) -> None:
    names = statistic_names(["vv", "vh", "pa"])
    assert len(names) == len(set(names)) == 51
    found = texture_statistics(patches, **RANGE)
    assert (found.shape, found.dtype) == ((40, 51), np.float32)
    table = dict(zip(names, found.T, strict=True))
    for c, channel in enumerate(("vv", "vh", "pa")):
        part = patches[:, c].astype(float)
        flat = part.reshape(40, -1)
        # float32 results.
        close = {"rtol": 1e-6, "atol": 1e-6}
        npt.assert_allclose(table[f"{channel}_mean"], flat.mean(axis=1), **close)
        npt.assert_allclose(table[f"{channel}_sd"], flat.std(axis=1), **close)
        for percent in (5, 25, 50, 75, 95):
            expected = np.percentile(flat, percent, axis=1)
            npt.assert_allclose(table[f"{channel}_p{percent}"], expected, **close)
        energy = (np.diff(part, axis=1) ** 2).mean(axis=(1, 2))
        energy += (np.diff(part, axis=2) ** 2).mean(axis=(1, 2))
        # Differences are formed in float32.
        npt.assert_allclose(table[f"{channel}_gradient"], energy, rtol=1e-5)
        ends = RANGE["low"][c], RANGE["high"][c]
        pairs = cooccurrence(patches[:, c], np.array([1, 2, 4]), 16, *ends)
        for name, values in zip(("contrast", "homogeneity", "entropy"), pairs, strict=True):
            for column, distance in enumerate((1, 2, 4)):
                npt.assert_array_equal(table[f"{channel}_{name}_{distance}"], values[:, column])


def test_a_patch_that_is_turned_or_mirrored_has_the_same(patches: np.ndarray) -> None:
    found = texture_statistics(augment(patches[:4]), **RANGE).reshape(8, 4, 51)
    # Gradients are added up in another order, in float64, and rounded to float32.
    npt.assert_allclose(found, np.broadcast_to(found[0], found.shape), rtol=2e-7)


def test_what_is_not_known_throughout_has_none(patches: np.ndarray) -> None:
    whole = texture_statistics(patches, **RANGE)
    patches[3, 1, 7, 7], patches[35, 0, 0, 0] = np.nan, np.inf
    found = texture_statistics(patches, **RANGE)
    assert np.isnan(found[[3, 35]]).all()
    others = np.delete(np.arange(40), [3, 35])
    npt.assert_array_equal(found[others], whole[others])
    assert np.isnan(texture_statistics(np.full((2, 3, 5, 5), np.nan), **RANGE)).all()


def test_how_many_patches_come_at_once_is_no_matter(patches: np.ndarray) -> None:
    one_by_one = [texture_statistics(patches[i : i + 1], **RANGE)[0] for i in range(40)]
    npt.assert_array_equal(texture_statistics(patches, **RANGE), one_by_one)
    assert texture_statistics(patches[:0], **RANGE).shape == (0, 51)


def test_oblong_and_tiny_patches_do(rng: np.random.Generator) -> None:
    oblong = rng.normal(-10, 2, (2, 3, 5, 9))
    assert np.isfinite(texture_statistics(oblong, **RANGE)).all()
    tiny = texture_statistics(oblong[..., :1, :1], **RANGE)[:, :17]
    # One pixel: no pairs, and no neighbours to differ from.
    npt.assert_array_equal(
        np.isnan(tiny), np.repeat([False, True, False], [7, 9, 1])[None] & [[1]] * 2
    )
    npt.assert_array_equal(tiny[:, -1], 0)


def test_the_range_holds_98_percent(patches: np.ndarray) -> None:
    low, high = level_range(patches)
    for c in range(3):
        inside = (patches[:, c] >= low[c]) & (patches[:, c] <= high[c])
        # 16,000 values: whole ones make up the rest.
        assert abs(inside.mean() - 0.98) < 2e-4
    patches[:, 1] = -40
    low, high = level_range(patches)
    assert (low[1], high[1]) == (-40.5, -39.5)
    assert np.isfinite(texture_statistics(patches, low=low, high=high)).all()
