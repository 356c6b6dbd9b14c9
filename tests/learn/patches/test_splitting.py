"""Places stay together, labels are shared out, leakage is told."""

from __future__ import annotations

import numpy as np
import pytest
import rioxarray  # noqa: F401 the .rio accessor
import xarray as xr
from numpy import testing as npt

from minewatch.learn.patches import split


def patch_set(
    label: np.ndarray, dates: int = 7, x: np.ndarray | None = None, y: np.ndarray | None = None
) -> xr.Dataset:
    """Points of some label with patches of 1 pixel of 1,040 m, each at several dates."""
    count = len(label)
    x = 20_000.0 * np.arange(count) if x is None else x
    y = np.zeros(count) if y is None else y
    point = np.repeat(np.arange(count), dates)
    coords = {
        "point": ("patch", point),
        "label": ("patch", np.asarray(label, "int8")[point]),
        "x": ("patch", x[point]),
        "y": ("patch", y[point]),
        "left": ("patch", x[point] - 520),
        "top": ("patch", y[point] + 520),
    }
    values = np.arange(len(point), dtype="f4")[:, None, None, None]
    patches = xr.Dataset({"patches": (("patch", "channel", "row", "column"), values)}, coords)
    return patches.assign_attrs(resolution=1040.0).rio.write_crs("EPSG:32721")


def together(train: xr.Dataset, test: xr.Dataset, whole: xr.Dataset) -> None:
    """The two sides are all patches, each once and in order."""
    for side in (train, test):
        assert (np.diff(side.patches.values.ravel()) > 0).all()
    both = np.concatenate([train.patches.values.ravel(), test.patches.values.ravel()])
    npt.assert_array_equal(np.sort(both), whole.patches.values.ravel())


@pytest.mark.parametrize("seed", range(5))
def test_the_dates_of_a_point_stay_together_and_labels_are_shared_out(seed: int) -> None:
    whole = patch_set(np.repeat([1, 0], 171))
    train, test = split(whole, seed=seed)
    together(train, test, whole)
    assert not set(train.point.values) & set(test.point.values)
    # A fifth of 171 points is 34.2, of whole points 34, of each label.
    npt.assert_array_equal(np.bincount(test.label), [34 * 7, 34 * 7])
    assert test.attrs["overlapping"] == train.attrs["overlapping"] == 0
    assert test.attrs["split"] == "by point"


def test_a_split_is_repeatable_and_seeds_matter() -> None:
    whole = patch_set(np.arange(30) % 2)
    first, again, other = (split(whole, seed=seed)[1].point.values for seed in (3, 3, 4))
    npt.assert_array_equal(first, again)
    assert set(first) != set(other)


@pytest.mark.parametrize("share", [0.1, 0.35, 0.5, 0.9])
def test_points_that_lost_dates_still_make_the_share(share: float) -> None:
    rng = np.random.default_rng(2)
    whole = patch_set(rng.random(60) < 0.3)
    whole = whole.isel(patch=np.flatnonzero(rng.random(whole.sizes["patch"]) < 0.6))
    train, test = split(whole, test_size=share)
    together(train, test, whole)
    for value in (0, 1):
        number = int((whole.label == value).sum())
        # Whole points of up to 7 patches: half of one is the most that may be missed.
        assert abs(int((test.label == value).sum()) - share * number) <= 3.5


def test_what_lies_in_a_block_stays_together() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.uniform(5e5, 5.5e5, (2, 200))
    whole = patch_set(rng.random(200) < 0.4, dates=2, x=x, y=y)
    train, test = split(whole, by="block")
    together(train, test, whole)
    blocks = [
        set(zip(side.x.values // 5200, side.y.values // 5200, strict=True))
        for side in (train, test)
    ]
    assert not blocks[0] & blocks[1]
    assert set(test.label.values) == set(train.label.values) == {0, 1}
    assert abs(test.sizes["patch"] / 400 - 0.2) < 0.05
    assert test.attrs["split"] == "by block of 5200 m"


def test_shared_ground_is_counted() -> None:
    """Windows of 1,040 m: those of points 1,000 m apart overlap, those 1,040 m apart only touch."""
    label = np.array([0, 0, 1, 1])
    apart = patch_set(label, dates=3, x=np.array([0.0, 1040, 5e4, 9e4]))
    near = patch_set(label, dates=3, x=np.array([0.0, 1000, 5e4, 9e4]))
    assert [side.attrs["overlapping"] for side in split(apart, test_size=0.5)] == [0, 0]
    assert [side.attrs["overlapping"] for side in split(near, test_size=0.5)] == [3, 3]
    more = patch_set(np.array([0, 0, 0, 1, 1, 1]), x=np.array([0, 1000, 5e4, 9e4, 13e4, 17e4]))
    for seed in range(5):
        sides = split(more, by="block", block_size=20_000, test_size=0.4, seed=seed)
        assert [side.attrs["overlapping"] for side in sides] == [0, 0]


def test_ground_is_not_counted_where_the_size_of_a_pixel_is_unknown() -> None:
    near = patch_set(np.array([0, 0, 1, 1]), x=np.array([0.0, 1000, 5e4, 9e4])).drop_attrs()
    for side in split(near, test_size=0.5):
        assert "overlapping" not in side.attrs


def test_a_split_patch_by_patch_warns_and_leaks() -> None:
    whole = patch_set(np.arange(20) % 2)
    with pytest.warns(UserWarning, match="by='point'"):
        train, test = split(whole, by="patch")
    together(train, test, whole)
    npt.assert_array_equal(np.bincount(test.label), [14, 14])
    assert len(set(train.point.values) & set(test.point.values)) > 10
    assert test.attrs["overlapping"] > 20


def test_patches_of_one_label_can_be_split() -> None:
    train, test = split(patch_set(np.zeros(10)))
    assert (train.sizes["patch"], test.sizes["patch"]) == (56, 14)


def test_both_sides_have_a_rare_label_even_where_blocks_mix() -> None:
    """Two of 40 places are mines, each with others in its block."""
    label = np.zeros(40)
    label[[0, 21]] = 1
    whole = patch_set(label, dates=1, x=np.repeat(1e4 * np.arange(20), 2))
    for seed in range(10):
        train, test = split(whole, by="block", seed=seed, test_size=0.1)
        assert set(train.label.values) == set(test.label.values) == {0, 1}


def test_lazy_patches_stay_lazy() -> None:
    train, _ = split(patch_set(np.arange(10) % 2).chunk(patch=16))
    assert train.patches.chunks is not None


@pytest.mark.parametrize(
    ("change", "settings", "told"),
    [
        (lambda p: p.patches, {}, "extract"),
        (lambda p: p.drop_vars("point"), {}, "extract"),
        (lambda p: p.isel(patch=slice(0)), {}, "without patches"),
        (lambda p: p, {"by": "date"}, "'point', 'block' or 'patch'"),
        (lambda p: p, {"test_size": 1.0}, "use 0.2"),
        (lambda p: p, {"by": "block", "block_size": 0}, "5200"),
        (lambda p: p, {"by": "block", "block_size": 1e6}, "blocks smaller"),
        (lambda p: p.isel(patch=slice(14)), {}, "got 1; add points"),
        (lambda p: p.drop_vars("spatial_ref"), {"by": "block"}, "CRS"),
        (
            lambda p: p.drop_vars("spatial_ref").rio.write_crs("EPSG:4326"),
            {"by": "block"},
            "degrees",
        ),
    ],
)
def test_what_cannot_be_split_is_refused(change, settings, told) -> None:
    with pytest.raises(ValueError, match=told):
        split(change(patch_set(np.arange(10) % 2)), **settings)
