"""Coherence against direct sums, invariants, chunks, and a peer on a real pair."""

from __future__ import annotations

import numpy as np
import oracles_insar as oracles
import pytest
import rioxarray  # noqa: F401
import xarray as xr
from laziness import nothing_computes

from minewatch import insar

WINDOWS = [(3, 10), (2, 7), (5, 5), (1, 2)]


@pytest.fixture
def slc(rng) -> xr.DataArray:
    base = oracles.circular_gaussian((3, 17, 34), rng)
    base[1] = 0.7 * base[0] + 0.5 * base[1]
    base[0, 4:9, 5:20] = np.nan
    base[1, :, 30:] = 0  # outside of the burst
    base[2, 2, 2] = np.inf
    return oracles.stack(base).rio.write_crs("EPSG:32721")


@pytest.fixture
def pairs(slc) -> xr.Dataset:
    return insar.select_pairs(slc)


@pytest.mark.parametrize("window", WINDOWS)
def test_sliding_is_the_direct_sum(slc, pairs, window):
    gamma = insar.complex_coherence(slc, pairs, window=window, min_valid=0.6)
    modulus = insar.coherence(slc, pairs, window=window, min_valid=0.6)
    for k in range(2):
        direct = oracles.direct_coherence(slc.values[k], slc.values[k + 1], window, 0.6)
        # float32 sums of at most 30 products
        np.testing.assert_allclose(gamma[k], direct, atol=2e-6)
        np.testing.assert_allclose(modulus[k], abs(direct), atol=2e-6)
    assert float(modulus.max()) <= 1
    assert float(modulus.min()) >= 0


@pytest.mark.parametrize("window", WINDOWS)
def test_multilook_is_the_sliding_estimate_at_block_centres(slc, pairs, window):
    rows, columns = window
    blocks = insar.coherence(slc, pairs, window=window, mode="multilook")
    assert blocks.shape == (2, 17 // rows, 34 // columns)
    sliding = insar.coherence(slc, pairs, window=window)[
        :, rows // 2 :: rows, columns // 2 :: columns
    ]
    whole = sliding.values[:, : blocks.shape[1], : blocks.shape[2]]
    np.testing.assert_array_equal(blocks.values, whole)


def test_multilook_keeps_no_more_than_its_blocks(slc, pairs):
    blocks = insar.coherence(slc, pairs, mode="multilook")
    owner = blocks.data if blocks.data.base is None else blocks.data.base
    assert owner.nbytes == blocks.nbytes


def test_multilook_is_the_block_sum(rng):
    full = oracles.stack(oracles.circular_gaussian((2, 17, 34), rng))
    blocks = insar.coherence(full, insar.select_pairs(full), window=(3, 10), mode="multilook")
    direct = oracles.block_coherence(full.values[0], full.values[1], (3, 10))
    np.testing.assert_allclose(blocks[0], direct, atol=1e-6)


def test_multilook_knows_where_its_blocks_lie(slc, pairs):
    latitude = xr.DataArray(np.add.outer(np.arange(17.0), np.arange(34.0)), dims=("y", "x"))
    placed = slc.assign_coords(latitude=latitude)
    blocks = insar.coherence(placed, pairs, window=(3, 10), mode="multilook")
    np.testing.assert_allclose(blocks.x, 2e5 + 5 * np.array([4.5, 14.5, 24.5]))
    np.testing.assert_allclose(blocks.y, 4e5 - 10 * (1 + 3 * np.arange(5)))
    np.testing.assert_allclose(blocks.latitude[0], [5.5, 15.5, 25.5])
    assert blocks.rio.crs.to_epsg() == 32721
    assert blocks.rio.resolution() == (50.0, -30.0)
    with nothing_computes():
        lazy = insar.coherence(placed.chunk(x=7, y=5), pairs, window=(3, 10), mode="multilook")
    np.testing.assert_allclose(lazy.latitude, blocks.latitude)


@pytest.mark.parametrize("mode", ["sliding", "multilook"])
@pytest.mark.parametrize("chunks", [{"time": 3}, {"time": 1, "y": 5, "x": 7}, {"y": 1, "x": 3}])
def test_it_is_lazy_and_blind_to_chunks(slc, pairs, mode, chunks):
    with nothing_computes():
        lazy = insar.coherence(slc.chunk(chunks), pairs, mode=mode)
        labels = insar.select_pairs(slc.chunk(chunks))
    xr.testing.assert_allclose(lazy.compute(), insar.coherence(slc, pairs, mode=mode), atol=1e-6)
    xr.testing.assert_identical(labels, pairs)


def test_chunks_change_no_bit_and_cost_three_tasks_each(slc, pairs):
    whole = insar.complex_coherence(slc, pairs)
    lazy = insar.complex_coherence(slc.chunk(time=1, y=5, x=7), pairs)
    np.testing.assert_array_equal(lazy, whole)
    blocks = 3 * 4 * 5  # loaded, cut into rims, and two of three joined to a pair
    assert len(dict(lazy.data.dask)) <= 3 * blocks + 3


def test_what_comes_out(slc, pairs):
    before = slc.copy(deep=True)
    gamma = insar.coherence(slc, pairs)
    xr.testing.assert_identical(slc, before)
    assert gamma.dims == ("pair", "y", "x")
    assert gamma.dtype == "float32"
    assert gamma.name == "coherence"
    assert gamma.attrs == {
        "long_name": "interferometric coherence",
        "units": "1",
        "window": [3, 10],
        "looks": 18.14,
        "looks_source": "assumed: Sentinel-1 IW2 pixels",
        "mode": "sliding",
        "min_valid": 0.5,
        "phase_removed": 0,
    }
    assert insar.coherence(slc, pairs, looks=12).attrs["looks"] == 12
    assert gamma.rio.crs.to_epsg() == 32721
    for name in ("reference_time", "temporal_baseline", "perpendicular_baseline"):
        xr.testing.assert_equal(gamma[name].drop_vars(["spatial_ref"]), pairs[name])
    assert "time" not in gamma.coords


def test_gain_and_phase_of_an_image_do_not_matter(rng):
    slc = oracles.stack(oracles.circular_gaussian((2, 12, 30), rng))
    gains = xr.DataArray(np.array([3e9, 2e-9 * np.exp(0.7j)], "complex64"), dims="time")
    pairs = insar.select_pairs(slc)
    plain, scaled = (insar.coherence(each, pairs) for each in (slc, slc * gains))
    np.testing.assert_allclose(scaled, plain, atol=2e-6)


def test_an_image_is_coherent_with_itself(rng):
    one = oracles.circular_gaussian((1, 12, 30), rng)
    slc = oracles.stack(np.concatenate([one, one * 2j]))
    gamma = insar.coherence(slc, insar.select_pairs(slc), min_valid=0.1)
    np.testing.assert_allclose(gamma, 1, atol=1e-6)


def test_mean_over_decorrelated_ground_is_the_known_floor(rng):
    slc = oracles.stack(oracles.circular_gaussian((2, 240, 400), rng))
    gamma = insar.coherence(slc, insar.select_pairs(slc), mode="multilook")
    # 3200 blocks of 30 independent looks: standard error 0.0015
    assert float(gamma.mean()) == pytest.approx(insar.expected_coherence(0, 30), abs=0.006)


def test_a_phase_ramp_costs_the_dirichlet_factor_until_it_is_removed(rng):
    frequency = 0.05
    ramp = 2 * np.pi * frequency * np.arange(200) + np.zeros((120, 1))
    one = oracles.circular_gaussian((1, 120, 200), rng)
    slc = oracles.stack(np.concatenate([one, one * np.exp(-1j * ramp)]))
    pairs = insar.select_pairs(slc)
    phase = xr.DataArray(ramp[None], dims=("pair", "y", "x"))
    lost = insar.coherence(slc, pairs, mode="multilook")
    dirichlet = np.sin(np.pi * 10 * frequency) / (10 * np.sin(np.pi * frequency))
    # 800 blocks whose powers differ: the factor holds for the expectation.
    assert float(lost.mean()) == pytest.approx(dirichlet, abs=0.03)
    for each in (phase, phase.astype("float32").chunk(y=50), phase.assign_coords(pairs.coords)):
        back = insar.coherence(slc, pairs, mode="multilook", phase=each)
        np.testing.assert_allclose(back, 1, atol=1e-5)
        assert back.attrs["phase_removed"] == 1


def test_phase_images_are_matched_by_date(slc, pairs):
    phase = xr.DataArray(np.zeros((2, 17, 34)), dims=("pair", "y", "x"))
    phase[1] = np.linspace(0, 20, 34)
    named = phase.assign_coords(pairs.coords)
    turned = named.isel(pair=[1, 0])
    for each in (named, turned):
        got = insar.complex_coherence(slc, pairs, phase=each)
        direct = oracles.direct_coherence(
            slc.values[1], slc.values[2], (3, 10), phase=phase.values[1]
        )
        np.testing.assert_allclose(got[1], direct, atol=3e-6)
    lazy = insar.complex_coherence(slc.chunk(y=4, x=9), pairs, phase=turned)
    np.testing.assert_allclose(lazy, got, atol=1e-6)
    with pytest.raises(ValueError, match=r"1 phase images for 2 pairs.*assign_coords"):
        insar.coherence(slc, pairs, phase=phase[:1])


def test_interferogram_is_the_product(slc, pairs):
    got = insar.interferogram(slc, pairs)
    a, b = slc.values[:-1].astype(complex), slc.values[1:].astype(complex)
    with np.errstate(invalid="ignore"):
        product = a * b.conj()
    valid = np.isfinite(product) & (a != 0) & (b != 0)
    np.testing.assert_allclose(got.values[valid], product[valid], rtol=1e-5)
    assert np.isnan(got.values[~valid]).all()
    assert got.dtype == "complex64"
    assert got.rio.crs.to_epsg() == 32721
    phase = xr.DataArray(np.full((2, 17, 34), 0.3), dims=("pair", "y", "x"))
    turned = insar.interferogram(slc, pairs, phase=phase)
    np.testing.assert_allclose(turned.values[valid], product[valid] * np.exp(-0.3j), rtol=1e-5)
    with nothing_computes():
        lazy = insar.interferogram(slc.chunk(time=1, y=6), pairs, phase=phase)
    np.testing.assert_allclose(lazy.values[valid], turned.values[valid], rtol=1e-6)


def test_a_scene_without_data_is_unknown(slc, pairs):
    for value in (0, np.nan):
        empty = xr.full_like(slc, value)
        assert np.isnan(insar.coherence(empty, pairs)).all()


def test_errors(slc, pairs):
    with pytest.raises(
        ValueError, match=r"at least two samples.*got window=\(1, 1\).*use \(3, 10\)"
    ):
        insar.coherence(slc, pairs, window=(1, 1))
    with pytest.raises(ValueError, match=r"modes 'sliding' and 'multilook', got mode='boxcar'"):
        insar.coherence(slc, pairs, mode="boxcar")
    with pytest.raises(ValueError, match=r"no whole block of 3×40.*mode='sliding'"):
        insar.coherence(slc, pairs, window=(3, 40), mode="multilook")
    with pytest.raises(TypeError, match=r"astype\('complex64'\)"):
        insar.coherence(slc.real, pairs)
    for share in (50, -0.1, np.nan):
        with pytest.raises(ValueError, match=rf"0 to 1, got min_valid={share}; 0.5 asks for half"):
            insar.coherence(slc, pairs, min_valid=share)
    phase = xr.DataArray(np.zeros((2, 17, 33)), dims=("pair", "y", "x"))
    with pytest.raises(ValueError, match="one grid"):
        insar.coherence(slc, pairs, phase=phase)


@pytest.fixture(scope="module")
def amsterdam(real_data) -> tuple[xr.DataArray, dict[str, np.ndarray]]:
    """A real Sentinel-1 pair in radar geometry, and what sarxarray makes of it."""
    folder = real_data / "s1-slc-pair-amsterdam"
    with np.load(folder / "slc_pair.npz") as pair:
        images = np.stack([pair["sec_20230319"], pair["ref_20230331"]])
        latitude, longitude = pair["lat"], pair["lon"]
    slc = xr.DataArray(
        images,
        dims=("time", "y", "x"),
        coords={
            "time": np.array(["2023-03-19", "2023-03-31"], "datetime64[ns]"),
            "latitude": (("y", "x"), latitude),
            "longitude": (("y", "x"), longitude),
        },
    )
    with np.load(folder / "peer_coherence_sarxarray.npz") as peer:
        return slc, dict(peer)


@pytest.mark.data
@pytest.mark.parametrize("window", [(2, 8), (3, 12), (4, 16)])
def test_a_real_pair_agrees_with_sarxarray(amsterdam, window):
    slc, peer = amsterdam
    pairs = insar.select_pairs(slc, max_perpendicular_baseline=None)
    gamma = insar.coherence(slc.chunk(y=30, x=100), pairs, window=window, mode="multilook")
    expected = peer[f"w{window[0]}x{window[1]}"]
    assert gamma.shape[1:] == expected.shape
    # Three samples are exactly 0, as whole numbers of a weak echo will be now and then. Zero is
    # missing here and a number there, which shows in the three blocks around them.
    size = dict(zip(("y", "x"), window, strict=True))
    zeros = (slc == 0).any("time").coarsen(size, boundary="trim").any()
    assert zeros.sum() == 3
    np.testing.assert_allclose(gamma[0].where(~zeros, expected), expected, atol=1e-5)
    np.testing.assert_allclose(gamma[0], expected, atol=0.02)
    assert 0.6 < float(gamma.mean()) < 0.9  # a city
    assert gamma.latitude.shape == expected.shape
    assert 52.36 < float(gamma.latitude.min()) < float(gamma.latitude.max()) < 52.38


@pytest.mark.data
def test_a_real_pair_agrees_with_the_direct_sum(amsterdam):
    slc, _ = amsterdam
    pairs = insar.select_pairs(slc, max_perpendicular_baseline=None)
    for window in ((3, 10), (2, 7)):
        gamma = insar.coherence(slc, pairs, window=window)
        direct = abs(oracles.direct_coherence(slc.values[0], slc.values[1], window))
        np.testing.assert_allclose(gamma[0], direct, atol=1e-5)
