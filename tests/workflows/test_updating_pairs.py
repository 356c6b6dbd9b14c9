"""Which pairs an update adds, and which a late date splits."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from minewatch import store
from minewatch.activity.records import record_attrs
from minewatch.store import filling
from minewatch.workflows.updating_pairs import grown, split_pairs

DATES = pd.date_range("2022-06-01", periods=6, freq="12D")


def series(*pairs: tuple[int, int], images: tuple[int, ...] = ()) -> xr.DataArray:
    first, last = (DATES[list(ends)] for ends in zip(*pairs, strict=True))
    coords = {"reference_time": ("pair", first), "secondary_time": ("pair", last)}
    attrs = {"dates": [f"{date.isoformat()}" for date in DATES[list(images)]]} if images else {}
    return xr.DataArray(np.zeros((len(pairs), 1, 1), "f4"), coords, ("pair", "y", "x"), attrs=attrs)


def index_of(*pairs: tuple[int, int]) -> xr.Dataset:
    first, last = (DATES[list(ends)] for ends in zip(*pairs, strict=True))
    index = pd.MultiIndex.from_arrays([first, last], names=["reference_time", "secondary_time"])
    return xr.Dataset(
        attrs=record_attrs(pd.DataFrame({"stable_mean": 0.9, "use": "counted"}, index=index))
    )


def taken_out(old, given, *, how="auto", images=()):
    pairs = sorted({*old, *given})
    gone = split_pairs(index_of(*old), series(*pairs), series(*given, images=images), how)
    return [pair for pair, out in zip(pairs, gone, strict=True) if out]


def test_a_folder_of_new_images_tells_nothing_of_pairs_that_it_has_not_both_images_of():
    """Each with its next two; the folder begins at the third date, so 1-3 is not its to give."""
    known = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    assert taken_out(known, [(2, 3), (2, 4), (3, 4)]) == []


def test_a_pair_that_the_input_gives_no_more_is_split():
    assert taken_out([(0, 1), (1, 3)], [(1, 2), (2, 3)]) == [(1, 3)]
    assert taken_out([(0, 1), (1, 3)], [(1, 2), (2, 3)], how="keep") == []
    # All that a new pair lies within, wherever the images are.
    assert taken_out([(0, 3)], [(1, 2)], how="drop") == [(0, 3)]


@pytest.mark.parametrize(("images", "gone"), [((), []), ((1, 2, 3), [(1, 3)])])
def test_an_image_without_a_pair_is_there_all_the_same(images, gone):
    """1-2 is too far apart in space and not given: only the list of images tells of the first."""
    assert taken_out([(0, 1), (1, 3)], [(2, 3)], images=images) == gone


def cube(pairs: int) -> xr.DataArray:
    given = series(*((at, at + 1) for at in range(pairs)))
    values = da.from_array(np.random.default_rng(5).random((5, 6, 4), "f4")[:pairs])
    coords = {**given.coords, "pair": np.arange(pairs), "y": np.arange(6.0), "x": np.arange(4.0)}
    return xr.DataArray(values, coords, ("pair", "y", "x"), name="coherence")


@pytest.fixture
def failing(monkeypatch):
    """Blocks that cannot be written, as often as is said."""
    left = [0]
    write = filling.write_strip

    def tried(*given):
        left[0] -= 1
        if left[0] >= 0:
            message = "the image cannot be read"
            raise OSError(message)
        write(*given)

    monkeypatch.setattr(filling, "PAUSE", 0)
    monkeypatch.setattr(filling, "write_strip", tried)
    return left


@pytest.mark.parametrize("times", [2, 99])
def test_new_pairs_that_cannot_be_read_are_tried_again(tmp_path, failing, times):
    path = tmp_path / "coherence.zarr"
    store.to_zarr(cube(3), path)
    failing[0] = times
    if times > 2:
        with pytest.raises(RuntimeError, match=r"cannot be read.*run it again"):
            grown(path, cube(5), key="one")
        assert store.open_cube(path).sizes["pair"] == 3
        failing[0] = 0
    longer, added = grown(path, cube(5), key="one")
    assert added == 2
    np.testing.assert_array_equal(longer.values, cube(5).values)
    assert {each.name for each in tmp_path.iterdir() if each.suffix != ".lock"} == {path.name}


def test_new_pairs_that_were_made_before_a_kill_are_not_made_again(tmp_path, monkeypatch, failing):
    path = tmp_path / "coherence.zarr"
    store.to_zarr(cube(3), path)

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "append", stopped)
        with pytest.raises(KeyboardInterrupt):
            grown(path, cube(5), key="one")
    failing[0] = 9  # so nothing may be made any more
    longer, added = grown(path, cube(5), key="one")
    assert added == 2
    np.testing.assert_array_equal(longer.values, cube(5).values)
