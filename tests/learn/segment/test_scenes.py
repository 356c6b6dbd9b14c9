"""A scene as the network sees it: without seams, whatever its chunks."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from laziness import nothing_computes
from numpy import testing as npt
from segmenters import by_hand

from minewatch import _apply
from minewatch.learn.segment import Segmenter, predict_segments
from minewatch.learn.segment.blending import fade, require_tiling, tile_count
from minewatch.learn.segment.scenes import stacked


def layers(values: np.ndarray, names: tuple[str, ...] = ("vv", "vh")) -> xr.DataArray:
    rows, columns = values.shape[-2:]
    coords = {
        "channel": list(names),
        "y": 9e6 - 10.0 * np.arange(rows),
        "x": 5e5 + 10.0 * np.arange(columns),
    }
    return xr.DataArray(values, coords, ("channel", "y", "x"))


# Tiles


@pytest.mark.parametrize(("size", "tile", "overlap"), [(500, 64, 16), (65, 64, 32), (9, 64, 0)])
def test_what_tiles_count_adds_up_to_one(size: int, tile: int, overlap: int) -> None:
    count = tile_count(size, tile=tile, overlap=overlap)
    total = np.zeros(count * tile)
    for place in range(count):
        at = place * (tile - overlap)
        shares = fade(tile, overlap, first=place == 0, last=place == count - 1)
        assert (shares >= 0).all()
        total[at : at + tile] += shares
    npt.assert_allclose(total[:size], 1, rtol=0, atol=1e-15)
    # One tile less would leave pixels out.
    assert count == 1 or (count - 2) * (tile - overlap) + tile < size


def test_a_fade_mirrors_itself() -> None:
    npt.assert_allclose(fade(32, 12), fade(32, 12)[::-1])
    npt.assert_allclose(fade(32, 12)[:12] + fade(32, 12)[-12:], 1)


@pytest.mark.parametrize(("tile", "overlap"), [(250, 64), (256, 60), (256, 192), (256, -8), (0, 0)])
def test_tiles_must_fit(tile: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="use tile=256, overlap=64"):
        require_tiling(tile, overlap, 8)


class Remembering:
    """Tells where each tile lay, so that sums can be foretold."""

    def __call__(self, shared: float, tile: np.ndarray, i: int, j: int) -> np.ndarray:
        return np.stack([np.nan_to_num(tile[0]) * shared, np.full(tile.shape[1:], 10.0 * i + j)])


@pytest.mark.parametrize("chunks", [None, {"y": 7, "x": 5}, {"y": 40, "x": 13}, {"channel": 1}])
def test_tiles_are_added_up_alike_for_all_chunks(chunks: dict[str, int] | None) -> None:
    rng = np.random.default_rng(3)
    scene = layers(rng.normal(size=(2, 37, 50)))
    expected = np.zeros((2, 37, 50), np.float32)
    for i in range(3):
        for j in range(4):
            here = np.s_[i * 12 : i * 12 + 16, j * 12 : j * 12 + 16]
            expected[0][here] += 2 * scene.values[0][here].astype(np.float32)
            expected[1][here] += 10 * i + j
    given = scene.astype("f4") if chunks is None else scene.astype("f4").chunk(chunks)
    with nothing_computes():
        found = _apply.over_tiles(
            Remembering(), 2.0, given, tile=16, stride=12, counts=(3, 4), out_dim="k", out_size=2
        )
    assert found.dims == ("k", "y", "x")
    if chunks is not None:
        assert found.chunks is not None
        assert found.chunks[1:] == given.chunks[1:]
    npt.assert_array_equal(found.values, expected)


# Channels


def test_a_dataset_is_a_scene_too() -> None:
    scene = layers(np.arange(24.0).reshape(2, 3, 4))
    one = stacked(scene.chunk(), by="test")
    other = stacked(scene.to_dataset("channel").chunk(), by="test")
    assert one.chunks is not None
    assert other.chunks is not None
    npt.assert_array_equal(one.values, other.values)
    assert one.dims == other.dims
    npt.assert_array_equal(one.channel, other.channel)
    with pytest.raises(ValueError, match="needs dims"):
        stacked(scene.rename(channel="band"), by="test")


# A network whose answer is known: two channels, each pixel by itself


@pytest.mark.cnn
def test_a_network_without_neighbours_gives_its_closed_form() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(-12, 3, (2, 75, 90))
    values[0, 20:30, 15:40], values[1, 5, 5] = np.nan, np.inf
    found = predict_segments(layers(values), by_hand(mean=-12, std=3), tile=32, overlap=8)
    expected = 1 / (1 + np.exp(-(values[0] - values[1]) / 3))
    expected[~np.isfinite(values).all(axis=0)] = np.nan
    npt.assert_allclose(found.sel({"class": 7}), expected, atol=1e-6)
    npt.assert_allclose(found.sel({"class": 0}), 1 - expected, atol=1e-6)
    assert found.attrs["class_names"] == ["other", "mine"]


@pytest.mark.cnn
@pytest.mark.parametrize("chunks", [None, {"y": 100, "x": 90}])
def test_what_is_sure_in_every_tile_is_no_surer_in_their_sum(chunks: dict[str, int] | None) -> None:
    scene = layers(np.broadcast_to(np.float32([[[100.0]], [[0.0]]]), (2, 250, 260)).copy())
    given = scene if chunks is None else scene.chunk(chunks)
    found = predict_segments(given, by_hand(), tile=128, overlap=64, flips=False)
    assert float(found.max()) == 1
    # The sum of four shares in float32: to a few times its last bit.
    npt.assert_allclose(found[1], 1, atol=3e-7)


@pytest.mark.cnn
def test_channels_are_found_by_name() -> None:
    scene = layers(np.random.default_rng(6).normal(size=(2, 16, 16)))
    expected = predict_segments(scene, by_hand(), tile=16, overlap=0)
    for other in (scene[::-1], scene[::-1].to_dataset("channel").assign(more=scene[0] * 2)):
        npt.assert_array_equal(predict_segments(other, by_hand(), tile=16, overlap=0), expected)
    with pytest.raises(KeyError, match="lacks \\['vh'\\]"):
        predict_segments(scene[:1], by_hand())
    bare = scene.drop_vars("channel")
    npt.assert_array_equal(predict_segments(bare, by_hand(), tile=16, overlap=0), expected)
    with pytest.raises(ValueError, match="select them"):
        predict_segments(bare[:1], by_hand())


@pytest.mark.cnn
def test_images_must_fit_the_network() -> None:
    with pytest.raises(ValueError, match="pad them with NaN"):
        by_hand().predict_proba(np.zeros((1, 2, 12, 16)))
    with pytest.raises(ValueError, match="pad them with NaN"):
        by_hand().predict_proba(np.zeros((1, 3, 16, 16)))


# A network with neighbours


def unschooled(levels: int = 3, channels: int = 2) -> Segmenter:
    """A U-Net whose weights are drawn large enough to tell pixels apart."""
    torch = pytest.importorskip("torch")
    from minewatch.learn.segment.architecture import reach, step, unet
    from minewatch.learn.segment.epochs import numbers_of
    from minewatch.learn.segment.graphs import unet_graph

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = unet(channels, 3, width=4, levels=levels).train()
        for _ in range(3):  # normalisation learns what is usual
            network(torch.randn(4, channels, 32, 32))
        with torch.no_grad():
            network.scores.weight.mul_(5)
    names = ("vv", "vh", "pa")[:channels]
    return Segmenter(
        unet_graph(numbers_of(network), levels=levels), names, np.array([1, 2, 3]), (),
        np.zeros(channels), np.ones(channels), step(levels), reach(levels), 0,
    )  # fmt: skip


@pytest.mark.cnn
@pytest.mark.parametrize("flips", [False, True])
def test_chunks_do_not_matter(flips: bool) -> None:
    scene = layers(np.random.default_rng(7).normal(size=(2, 100, 130)))
    scene[:, 60:70, 90:95] = np.nan
    segmenter = unschooled()
    settings = {"tile": 32, "overlap": 12, "flips": flips}
    whole = predict_segments(scene, segmenter, **settings)
    for chunks in ({"y": 33, "x": 29}, {"y": 7, "x": 130}, {"y": 64, "x": 64, "channel": 1}):
        with nothing_computes():
            found = predict_segments(scene.chunk(chunks), segmenter, **settings)
        assert found.chunks is not None
        npt.assert_allclose(found.values, whole.values, atol=1e-5)
    npt.assert_allclose(whole.sum("class").where(whole[0].notnull()).max(), 1, atol=1e-5)
    assert int(whole[0].isnull().sum()) == 50


@pytest.mark.cnn
def test_four_views_turn_with_the_scene() -> None:
    """Where tiles fill the scene, the mean over flips of a flipped scene is the flipped mean."""
    scene = layers(np.random.default_rng(8).normal(size=(2, 32 + 20, 32 + 2 * 20)))
    segmenter, settings = unschooled(), {"tile": 32, "overlap": 12}
    upright = predict_segments(scene, segmenter, **settings)
    for view in (np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[:, ::-1, ::-1]):
        turned = predict_segments(scene.copy(data=scene.values[view]), segmenter, **settings)
        npt.assert_allclose(turned.values, upright.values[view], atol=1e-6)
    once = predict_segments(
        scene.copy(data=scene.values[:, ::-1]), segmenter, flips=False, **settings
    )
    straight = predict_segments(scene, segmenter, flips=False, **settings)
    assert abs(once.values - straight.values[:, ::-1]).max() > 0.01


@pytest.mark.cnn
def test_the_mean_of_four_views_is_that() -> None:
    image, segmenter = np.random.default_rng(9).normal(size=(1, 2, 16, 24)), unschooled()
    views = [np.s_[..., ::1], np.s_[..., ::-1], np.s_[..., ::-1, :], np.s_[..., ::-1, ::-1]]
    expected = np.mean([segmenter.predict_proba(image[view])[view] for view in views], axis=0)
    npt.assert_allclose(segmenter.predict_proba(image, flips=True), expected, atol=1e-6)


@pytest.mark.cnn
def test_the_unknown_does_no_harm_beyond_the_reach_of_the_network() -> None:
    values = np.random.default_rng(10).normal(size=(2, 128, 128))
    segmenter = unschooled()
    whole = segmenter.predict_proba(values[None])[0]
    values[1, 60:64, 60:64] = np.nan
    holed = segmenter.predict_proba(values[None])[0]
    npt.assert_array_equal(np.isnan(holed[0]), np.isnan(values[1]))
    assert segmenter.reach == 23
    away = np.ones((128, 128), bool)
    away[60 - 23 : 64 + 23, 60 - 23 : 64 + 23] = False
    npt.assert_array_equal(holed[:, away], whole[:, away])
    assert np.nanmax(abs(holed - whole)) > 0.01
    # It sees the mean of the channel there: as if that were the value.
    values[:, 60:64, 60:64] = 0
    filled = segmenter.predict_proba(values[None])[0]
    npt.assert_array_equal(filled[~np.isnan(holed)], holed[~np.isnan(holed)])


@pytest.mark.cnn
def test_far_from_the_rim_of_tiles_the_lattice_does_not_show() -> None:
    """Tiles of 96 agree with one large image where both see the whole neighbourhood."""
    values = np.random.default_rng(11).normal(size=(2, 160, 160))
    segmenter = unschooled()
    whole = segmenter.predict_proba(values[None])[0]
    found = predict_segments(layers(values), segmenter, tile=96, overlap=48, flips=False).values
    # Rows 23 to 47 are seen by the first tile alone, and that 23 rows away from its rim.
    npt.assert_allclose(found[:, 23:48, 23:48], whole[:, 23:48, 23:48], atol=1e-6)
    # Elsewhere a tile's rim shows a little, and never as a step: less than the scene itself has.
    steps = abs(np.diff(found - whole, axis=2))
    assert steps.max() < 0.5 * abs(np.diff(whole, axis=2)).max()


def test_a_segmenter_says_what_it_does() -> None:
    assert repr(by_hand()) == "Segmenter(vv, vh → other, mine)"
    from dask.base import tokenize

    assert tokenize(by_hand()) == tokenize(by_hand()) != tokenize(by_hand(mean=1))
